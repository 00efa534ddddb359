package task

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Live is where output also goes while a run goes on, byte for byte; each may be nil. Stdin is the
// person's terminal, for an interactive run alone: otherwise a command reads nothing.
type Live struct{ Stdin, Stdout, Stderr *os.File }

// pipeBuf is what can be written to a pipe that is ready without waiting (PIPE_BUF of pipe(7)).
const pipeBuf = 4096

// tap copies a stream to a live file without ever waiting for it: a terminal that is stopped, or a
// pipe that nobody reads, must not stop the clock of a run.
type tap struct {
	fd      int // -1 for none
	owned   bool
	kind    tapKind
	pending []byte // what the file does not take now
}

type tapKind uint8

const (
	tapFile     tapKind = iota // a regular file: a write does not wait for anybody
	tapOpened                  // opened again by us, so that it can be non-blocking
	tapBorrowed                // shared with others who want it to block
)

// openTap makes a tap to f, none if f is nil. A terminal or a pipe is opened again: its flag for
// non-blocking belongs to everybody who has it open, the user's shell too.
func openTap(f *os.File) (t tap) {
	t.fd = descriptor(f)
	if t.fd < 0 {
		return t
	}
	var st unix.Stat_t
	if err := unix.Fstat(t.fd, &st); err != nil || st.Mode&unix.S_IFMT == unix.S_IFREG {
		return t
	}
	const flags = unix.O_WRONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(t.fd), flags, 0); err == nil {
		return tap{fd: fd, owned: true, kind: tapOpened}
	}
	fd, err := unix.FcntlInt(uintptr(t.fd), unix.F_DUPFD_CLOEXEC, 3)
	return tap{fd: fd, owned: err == nil, kind: tapBorrowed}
}

// descriptor returns the number of f without making it blocking, as its method Fd does; -1 for nil.
func descriptor(f *os.File) int {
	if f == nil {
		return -1
	}
	number := -1
	raw, err := f.SyscallConn()
	if err != nil {
		return -1
	}
	if err := raw.Control(func(fd uintptr) { number = int(fd) }); err != nil {
		return -1
	}
	return number
}

// write copies p; what can't be written now is pending. The error says that the file is of no more
// use; the tap is closed then.
func (t *tap) write(p []byte) error {
	if t.fd < 0 {
		return nil
	}
	n, err := t.put(p)
	if err != nil {
		t.close()
		return err
	}
	if n < len(p) {
		t.pending = append(t.pending[:0], p[n:]...)
	}
	return nil
}

// flush writes what is pending.
func (t *tap) flush() error {
	n, err := t.put(t.pending)
	if err != nil {
		t.close()
		return err
	}
	t.pending = t.pending[:copy(t.pending, t.pending[n:])]
	return nil
}

// put writes as much of p as the file takes.
func (t *tap) put(p []byte) (int, error) {
	for done := 0; ; {
		part := p[done:]
		if len(part) == 0 {
			return done, nil
		}
		if t.kind == tapBorrowed {
			if !t.ready() {
				return done, nil
			}
			part = part[:min(len(part), pipeBuf)]
		}
		n, err := unix.Write(t.fd, part)
		done += max(n, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return done, nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return done, err
		}
	}
}

func (t *tap) ready() bool {
	fds := [1]unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n == 1
}

func (t *tap) close() {
	if t.owned {
		_ = unix.Close(t.fd)
	}
	*t = tap{fd: -1}
}

// isTerminal reports whether f is a terminal.
func isTerminal(f *os.File) bool {
	fd := descriptor(f)
	if fd < 0 {
		return false
	}
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}
