package confirm

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// stream reads and writes a terminal until its context is done: then, and after any other error,
// each Read and Write returns the cause. It waits in poll, never in read or write, so nothing is
// left behind that would take the next key.
type stream struct {
	*tty
	ctx   context.Context
	alarm int // readable once ctx is done
	close func()
	err   error
}

func (t *tty) stream(ctx context.Context) (*stream, error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	ring := func() { _ = unix.Close(pipe[1]) }
	stop := context.AfterFunc(ctx, ring)
	s := &stream{tty: t, ctx: ctx, alarm: pipe[0]}
	s.close = func() {
		if stop() {
			ring()
		}
		_ = unix.Close(pipe[0])
	}
	return s, nil
}

// Read returns what is typed, io.EOF after Ctrl-D or a hang-up.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.transfer(s.in, unix.POLLIN, func() (int, error) { return unix.Read(s.in, p) })
	if err == nil && n == 0 {
		s.err = io.EOF
	}
	return n, s.err
}

// Write writes all of p. A terminal stopped with Ctrl-S does not hold it up for ever.
func (s *stream) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n, err := s.transfer(s.out, unix.POLLOUT, func() (int, error) { return unix.Write(s.out, p[done:]) })
		if err != nil {
			return done, err
		}
		done += n
	}
	return len(p), nil
}

// Fd returns the terminal itself, for survey to set its mode.
func (s *stream) Fd() uintptr { return uintptr(s.in) }

// transfer moves bytes once the terminal is ready for it.
func (s *stream) transfer(fd int, ready int16, move func() (int, error)) (int, error) {
	for s.err == nil {
		if s.err = s.wait(fd, ready); s.err != nil {
			break
		}
		n, err := move()
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			s.err = fmt.Errorf("terminal: %w", err)
		}
	}
	return 0, s.err
}

func (s *stream) wait(fd int, ready int16) error {
	for {
		fds := []unix.PollFd{{Fd: int32(s.alarm), Events: unix.POLLIN}, {Fd: int32(fd), Events: ready}}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && fds[0].Revents != 0:
			return context.Cause(s.ctx)
		}
		return err
	}
}

// newline ends the line of the question. It does not wait, for the time is up.
func (s *stream) newline() {
	fds := []unix.PollFd{{Fd: int32(s.out), Events: unix.POLLOUT}}
	if n, _ := unix.Poll(fds, 0); n > 0 && fds[0].Revents == unix.POLLOUT {
		_, _ = unix.Write(s.out, []byte("\n"))
	}
}
