package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	smallBuffer = 64 << 10  // what a pipe holds
	largeBuffer = 256 << 10 // for output that comes faster than that
	largePipe   = 1 << 20
	reapEvery   = 5 * time.Second
	resizeEvery = 200 * time.Millisecond
)

// Supervisor runs any number of jobs on one thread: it waits for all their pipes and processes at
// once, and keeps one deadline and less than a kilobyte for each. It is not for several goroutines.
//
// The orphans of its runs become children of this process, so that none escapes. A process should
// have one Supervisor: where there are several, as when tasks run in parallel in the foreground,
// dead orphans that lead a session stay zombies until the process ends, since each could be the
// command of another one's run.
type Supervisor struct {
	epoll, null int
	low         [2]int // descriptors with low numbers, 0 for none: see lowDescriptors
	shared      bool   // there may be others in this process
	base        string
	runs        []*run
	live        int
	interactive []*run
	ended       []Ended
	next        instant // the earliest deadline, never if there is none
	reaped      instant
	buf, text   []byte
	events      [64]unix.EpollEvent
	bell        bell
	emptied     emptied
	ear         context.Context // whose end somebody else tells of
}

// instant is a moment of the monotonic clock, in nanoseconds; 0 is never.
type instant int64

func monotonic() instant {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // can't fail with this clock
	return instant(t.Nano())
}

func (i instant) after(d time.Duration) instant { return i + instant(d) }

// due reports whether i has come at now.
func (i instant) due(now instant) bool { return i != 0 && now >= i }

// bell wakes the supervisor from another goroutine.
type bell struct {
	mu sync.Mutex
	fd int
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd > 0 {
		_, _ = unix.Write(b.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

func (b *bell) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd > 0 {
		_ = unix.Close(b.fd)
	}
	b.fd = 0
}

// The sources of events, in the Pad of an epoll event; Fd is the slot of the run.
const (
	fromBell = iota
	fromCommand
	fromStdout
	fromStderr
	toStdout
	toStderr
	fromPerson
	toCommand
)

// NewSupervisor makes a supervisor without runs.
func NewSupervisor() (*Supervisor, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("child subreaper: %w", err)
	}
	s := &Supervisor{base: cgroupBase()}
	var err error
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if s.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		_ = unix.Close(s.epoll)
		return nil, fmt.Errorf("/dev/null: %w", err)
	}
	s.reaped = monotonic()
	return s, nil
}

// lowDescriptors keeps two descriptors for the starts of runs, for a supervisor that may have many: a start then costs
// the same however many others are open.
func (s *Supervisor) lowDescriptors() error {
	for i := range s.low {
		fd, err := unix.FcntlInt(uintptr(s.null), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return fmt.Errorf("descriptors: %w", err)
		}
		s.low[i] = fd
	}
	return nil
}

// Close frees what the supervisor holds. Runs that have not ended go on without one.
func (s *Supervisor) Close() {
	for _, r := range s.runs {
		if r != nil {
			r.release()
		}
	}
	for s.emptied.again != 0 {
		_, _ = unix.Poll(nil, int(s.emptied.pause/time.Millisecond))
		s.emptied.sweep(monotonic())
	}
	s.bell.close()
	for _, fd := range s.low {
		if fd > 0 {
			_ = unix.Close(fd)
		}
	}
	_ = unix.Close(s.null)
	_ = unix.Close(s.epoll)
}

// Start begins a run; Wait returns how it ended. The error says that nothing was started.
func (s *Supervisor) Start(ctx context.Context, j Job, live Live) error {
	if j.Now == nil || len(j.Steps) == 0 {
		return fmt.Errorf("job %s: Now and Steps are required: %w", j.ID, ErrInvalid)
	}
	r := &run{s: s, job: &j, ctx: ctx}
	r.outcome = Outcome{RunID: j.RunID, State: Running, StartedAt: j.Now(), Notes: slices.Clone(j.Notes)}
	if ctx.Err() != nil {
		r.fail(Cancelled, context.Cause(ctx).Error())
		r.outcome.EndedAt = j.Now()
		s.ended = append(s.ended, j.ended(r.outcome))
		return nil
	}
	s.place(r)
	if err := r.open(live); err != nil {
		r.release()
		return err
	}
	r.begin(0)
	r.maybeOver()
	return nil
}

// place gives r a slot.
func (s *Supervisor) place(r *run) {
	s.live++
	if i := slices.Index(s.runs, nil); i >= 0 {
		r.slot, s.runs[i] = i, r
		return
	}
	r.slot, s.runs = len(s.runs), append(s.runs, r)
}

// Wait goes on until a run has ended and returns how; false if there is no run.
func (s *Supervisor) Wait() (Outcome, bool) {
	for len(s.ended) == 0 && s.live > 0 {
		s.turn()
	}
	if len(s.ended) == 0 {
		return Outcome{}, false
	}
	o := s.ended[0].Outcome
	s.ended = s.ended[1:]
	return o, true
}

// turn waits for something to happen and deals with it.
func (s *Supervisor) turn() {
	n, err := unix.EpollWait(s.epoll, s.events[:], s.patience())
	if err != nil && !errors.Is(err, unix.EINTR) {
		s.next = monotonic() // nothing but a closed descriptor: let the deadlines decide
	}
	for _, e := range s.events[:max(n, 0)] {
		s.dispatch(int(e.Fd), int(e.Pad))
	}
	now := monotonic()
	if s.next.due(now) {
		s.deadlines(now)
	}
	for _, r := range s.interactive {
		r.terminal.resize()
	}
	if s.reaped.after(reapEvery).due(now) {
		s.reaped = now
		s.reap()
	}
}

// patience is how long to wait at most, in milliseconds.
func (s *Supervisor) patience() int {
	now := monotonic()
	most := s.reaped.after(reapEvery) - now
	if s.next != 0 {
		most = min(most, s.next-now)
	}
	if len(s.interactive) > 0 {
		most = min(most, instant(resizeEvery))
	}
	return int(max(0, (most+instant(time.Millisecond)-1)/instant(time.Millisecond)))
}

func (s *Supervisor) dispatch(slot, source int) {
	if source == fromBell {
		s.rung()
		return
	}
	r := s.runs[slot]
	if r == nil {
		return
	}
	switch source {
	case fromCommand:
		r.exited()
	case fromStdout, fromStderr:
		r.readable(source - fromStdout)
	case toStdout, toStderr:
		r.writable(source - toStdout)
	case fromPerson:
		r.terminal.typed(r)
	case toCommand:
		r.terminal.deliver(r)
	}
	r.maybeOver()
}

// deadlines deals with those that have passed and finds the next one.
func (s *Supervisor) deadlines(now instant) {
	s.next = 0
	for _, r := range s.runs {
		if r == nil {
			continue
		}
		if r.deadline.due(now) {
			r.deadline = 0
			r.overdue(now)
			r.maybeOver()
		}
		s.mind(r.deadline)
	}
	if s.emptied.again.due(now) {
		s.emptied.sweep(now)
	}
	s.mind(s.emptied.again)
}

// mind makes sure that a deadline is not slept through.
func (s *Supervisor) mind(at instant) {
	if at != 0 && (s.next == 0 || at < s.next) {
		s.next = at
	}
}

// rung empties the bell.
func (s *Supervisor) rung() {
	var count [8]byte
	_, _ = unix.Read(s.bell.fd, count[:])
	s.hear()
}

// hear looks for runs whose context is done.
func (s *Supervisor) hear() {
	for _, r := range s.runs {
		if r != nil && r.ctx.Err() != nil {
			r.cancelled()
			r.maybeOver()
		}
	}
}

// hurry kills what is asked to end, and on_error.
func (s *Supervisor) hurry(because string) {
	for _, r := range s.runs {
		if r != nil {
			r.hurried(because)
			r.maybeOver()
		}
	}
}

// listen has the bell rung when ctx is done.
func (s *Supervisor) listen(ctx context.Context) (stop func() bool, err error) {
	if ctx.Done() == nil || ctx == s.ear {
		return func() bool { return true }, nil
	}
	if err := s.openBell(); err != nil {
		return nil, err
	}
	return context.AfterFunc(ctx, s.bell.ring), nil
}

func (s *Supervisor) openBell() (err error) {
	if s.bell.fd != 0 {
		return nil
	}
	if s.bell.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		s.bell.fd = 0
		return fmt.Errorf("eventfd: %w", err)
	}
	return s.watch(s.bell.fd, 0, fromBell, unix.EPOLLIN)
}

func (s *Supervisor) watch(fd, slot, source int, events uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(slot), Pad: int32(source)}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

func (s *Supervisor) ignore(fd int) { _ = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, fd, nil) }

// end takes a run that is over out of the supervisor.
func (s *Supervisor) end(r *run) {
	s.ended = append(s.ended, r.job.ended(r.outcome))
	r.release()
}

// childless reports whether this process has no child at all, living or dead. Orphans of our runs
// are children of ours, so nothing of them is left then.
func childless() bool {
	return errors.Is(unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil), unix.ECHILD)
}

// reap buries the orphans of our runs that have died. Children that share our session were there
// before us, or are somebody else's in this process.
func (s *Supervisor) reap() {
	if childless() {
		return
	}
	pids, _ := children()
	session, _ := unix.Getsid(0)
	commands := s.commands()
	for _, pid := range pids {
		if commands[pid] {
			continue
		}
		p, ok := readProcess(pid)
		if !ok || !p.dead() || p.session == session || s.shared && p.session == pid {
			continue
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// orphaned reports whether this process has a child that is no run's command, and no detached supervisor.
func (s *Supervisor) orphaned() bool {
	if childless() {
		return false
	}
	commands := s.commands()
	pids, exact := children()
	return !exact || slices.ContainsFunc(pids, func(pid int) bool { return !commands[pid] && !detached(pid) })
}

// commands are the processes that this supervisor waits for.
func (s *Supervisor) commands() map[int]bool {
	pids := make(map[int]bool, s.live)
	for _, r := range s.runs {
		if r != nil && r.pidfd >= 0 {
			pids[r.pid] = true
		}
	}
	return pids
}
