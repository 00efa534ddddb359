package task

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// channel is one of the two streams of a run: the pipe that the command writes to, and the live file
// it is copied to.
type channel struct {
	read, write int // the ends of the pipe, -1 when closed
	paused      bool
	tap         tap
}

func closedChannel() channel { return channel{read: -1, write: -1, tap: tap{fd: -1}} }

func (c *channel) closeRead(s *Supervisor) {
	if c.read < 0 {
		return
	}
	if !c.paused {
		s.ignore(c.read)
	}
	_ = unix.Close(c.read)
	c.read = -1
}

func (c *channel) closeWrite() {
	if c.write >= 0 {
		_ = unix.Close(c.write)
	}
	c.write = -1
}

func (c *channel) close(s *Supervisor) {
	c.closeRead(s)
	c.closeWrite()
	c.dropTap(s)
}

// dropTap gives up copying.
func (c *channel) dropTap(s *Supervisor) {
	if c.paused && c.tap.fd >= 0 {
		s.ignore(c.tap.fd)
	}
	c.tap.close()
}

// settled reports whether there is nothing more to come, and nothing to be copied.
func (c *channel) settled() bool { return c.read < 0 && len(c.tap.pending) == 0 }

// openOutput opens the pipes, the taps and the keepers of the output.
func (r *run) openOutput(live Live) error {
	j := r.job
	r.sink = sink{head: j.Head, tail: j.Tail}
	if j.Log != LogNone && j.Log != LogJournal {
		r.sink.path = j.Output
	}
	if j.Log == LogJournal || j.Log == LogBoth {
		r.openJournal()
	}
	if j.Interactive {
		return r.openTerminal(live.Stdin)
	}
	for i, f := range [...]int{fromStdout, fromStderr} {
		c := &r.out[i]
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			return fmt.Errorf("pipe: %w", err)
		}
		c.read, c.write = ends[0], ends[1]
		if err := unix.SetNonblock(c.read, true); err != nil {
			return fmt.Errorf("pipe: %w", err)
		}
		if err := r.s.watch(c.read, r.slot, f, unix.EPOLLIN); err != nil {
			return err
		}
	}
	r.out[0].tap, r.out[1].tap = openTap(live.Stdout), openTap(live.Stderr)
	return nil
}

func (r *run) openJournal() {
	var err error
	if r.journal, err = openJournal(journalSocket, r.job); err != nil {
		r.note("log = %s: %s: %v, so the journal has nothing of this run", r.job.Log, journalSocket, err)
	}
}

func (r *run) closeWriters() {
	for i := range r.out {
		r.out[i].closeWrite()
	}
}

// readable takes what a stream has to offer, a few megabytes at a time: others want their turn. When
// the linger is over, what is there now is all that is taken.
func (r *run) readable(i int) {
	c := &r.out[i]
	for range 16 {
		if c.read < 0 || c.paused {
			return
		}
		n, err := unix.Read(c.read, r.s.buffer())
		if n > 0 {
			r.take(i, r.s.buf[:n])
			r.grow(n)
			continue
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if !errors.Is(err, unix.EAGAIN) || r.lingered { // EIO: nobody has the terminal open
			c.closeRead(r.s)
		}
		return
	}
	if r.lingered && !c.paused {
		c.closeRead(r.s)
	}
}

// buffer is where every run reads into.
func (s *Supervisor) buffer() []byte {
	if s.buf == nil {
		s.buf = make([]byte, smallBuffer)
	}
	return s.buf
}

// grow makes room for a command that fills its pipe faster than it is emptied.
func (r *run) grow(n int) {
	if r.grown || n < smallBuffer {
		return
	}
	r.grown = true
	for _, c := range r.out {
		if c.read >= 0 {
			_, _ = unix.FcntlInt(uintptr(c.read), unix.F_SETPIPE_SZ, largePipe)
		}
	}
	if len(r.s.buf) < largeBuffer {
		r.s.buf = make([]byte, largeBuffer)
	}
}

// take keeps p and copies it.
func (r *run) take(i int, p []byte) {
	r.sink.write([...]string{Stdout, Stderr}[i], p, r.job.Now(), &r.s.text)
	if r.journal != nil {
		r.journal.write(i, p)
	}
	c := &r.out[i]
	if err := c.tap.write(p); err != nil {
		r.note("live output: %v", err)
	}
	if len(c.tap.pending) > 0 {
		r.pause(i)
	}
}

// pause leaves the command's output in its pipe until the live file takes more.
func (r *run) pause(i int) {
	c := &r.out[i]
	if err := r.s.watch(c.tap.fd, r.slot, toStdout+i, unix.EPOLLOUT); err != nil {
		r.note("live output: %v", err)
		c.tap.close()
		return
	}
	r.s.ignore(c.read)
	c.paused = true
}

// writable copies on what is pending, and reads again when all is copied.
func (r *run) writable(i int) {
	c := &r.out[i]
	if !c.paused {
		return
	}
	fd := c.tap.fd
	if err := c.tap.flush(); err != nil {
		r.note("live output: %v", err)
	}
	if len(c.tap.pending) > 0 {
		return
	}
	if c.tap.fd >= 0 {
		r.s.ignore(fd)
	}
	r.resume(i)
}

func (r *run) resume(i int) {
	c := &r.out[i]
	c.paused = false
	if c.read < 0 {
		return
	}
	if err := r.s.watch(c.read, r.slot, fromStdout+i, unix.EPOLLIN); err != nil {
		r.note("output: %v", err)
		c.paused = true // it is not watched
		c.closeRead(r.s)
		c.paused = false
		return
	}
	r.readable(i)
}

// abandon gives up copying to live files that do not take what they are given.
func (r *run) abandon() {
	for i := range r.out {
		c := &r.out[i]
		if !c.paused {
			continue
		}
		c.dropTap(r.s)
		r.note("live output: %s did not take all of it in time", [...]string{Stdout, Stderr}[i])
		r.resume(i)
	}
}

// drainOut begins the last phase: what has been written is on its way, and who still holds the
// output open gets a moment.
func (r *run) drainOut() {
	r.phase = draining
	r.wait(monotonic().after(linger))
}

// drain ends the wait for writers, and the second time also that for live files. A run that ended in
// good order waits for those as long as it may take, as a pager behind a pipe expects.
func (r *run) drain(now instant) {
	if r.lingered || r.outcome.State == TimedOut || r.outcome.State == Cancelled || r.heard {
		r.abandon()
	}
	r.lingered = true
	for i := range r.out {
		r.readable(i)
	}
	if r.job.Timeout > 0 {
		r.wait(now.after(r.job.Timeout))
	}
}

// maybeOver ends a run that has nothing more to come.
func (r *run) maybeOver() {
	if r.phase != draining || !r.out[0].settled() || !r.out[1].settled() {
		return
	}
	r.phase = over
	if r.outcome.EndedAt.IsZero() { // nothing was started
		r.outcome.EndedAt = r.job.Now()
	}
	r.outcome.OutputBytes = r.sink.total
	r.outcome.OutputLost = r.sink.finish(&r.s.text)
	if n := r.outcome.OutputLost - r.sink.beyond(); n > 0 {
		r.note("output: %d bytes could not be kept in %s: is its disk full?", n, r.sink.path)
	}
	if path := r.job.cancelFile(); path != "" && r.outcome.State == Cancelled {
		_ = os.Remove(path)
	}
	r.s.end(r)
}
