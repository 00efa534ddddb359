package confirm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Terminal returns the device name of f, "/dev/pts/3", and whether f is a terminal at all. The
// name is for people and for the record; it is "" where the system does not tell.
func Terminal(f *os.File) (name string, ok bool) {
	fd := number(f)
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return "", false
	}
	name, _ = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if name == "/dev/tty" {
		name = controlling(fd)
	}
	return name, true
}

// controlling returns the terminal behind /dev/tty where that is a pseudo terminal.
func controlling(fd int) string {
	const pts = 136 // the major device number
	device, err := unix.IoctlGetUint32(fd, unix.TIOCGDEV)
	if err != nil || unix.Major(uint64(device)) != pts {
		return "/dev/tty"
	}
	return fmt.Sprintf("/dev/pts/%d", unix.Minor(uint64(device)))
}

// number returns the descriptor of f, -1 where f is nil or closed.
func number(f *os.File) int {
	fd := -1
	if f == nil {
		return fd
	}
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(n uintptr) { fd = int(n) })
	}
	return fd
}
