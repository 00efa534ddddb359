package engine

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"om/task"
)

// loopRole is what a loop calls itself in the lock.
const loopRole = "the daemon"

// lockTicks makes sure that one process decides about this state folder. holder is the one that does, where
// it is not this one: its role, and its pid.
func (e *Engine) lockTicks(role string) (lock *os.File, holder string, err error) {
	if err = os.MkdirAll(e.StateDir, 0o700); err != nil {
		return nil, "", err
	}
	path := filepath.Join(e.StateDir, "tick.lock")
	if e.EUID == 0 {
		if err = task.Trusted(path); err != nil {
			return nil, "", fmt.Errorf("state: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, "", err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		text := make([]byte, 64)
		n, _ := f.ReadAt(text, 0)
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, cmp.Or(string(text[:n]), "another om"), nil // it has not said yet who it is
		}
		return nil, "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(role+" (process "+strconv.Itoa(os.Getpid())+")"), 0)
	return f, "", nil
}
