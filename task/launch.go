package task

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Launch starts a program that goes on by itself, as Detached does, and hears nothing more of it: in a session of
// its own, in "/", with no input and no output. argv is the program by its absolute path and its arguments. The
// process is waited for by who inherits it when we end.
func Launch(argv []string) error {
	if len(argv) == 0 || !filepath.IsAbs(argv[0]) {
		return fmt.Errorf("program %q: wanted its absolute path: %w", argv, ErrInvalid)
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/null: %w", err)
	}
	defer unix.Close(null)
	_, err = spawnDetached(argv, null)
	return err
}
