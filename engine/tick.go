package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"om/state"
	"om/task"
)

// TickOptions are what a tick depends on besides the engine.
type TickOptions struct {
	// DryRun tells what a tick would do at the engine's present, and does nothing.
	DryRun bool
	// Detach starts a supervisor process that leaves its journal in a folder.
	Detach func(journals string) (*Hands, error)
	// Begin, where there is one, makes the context that a tick works under once it has the lock: one that has nothing
	// to do beside a daemon costs no signals and timers.
	Begin func() (context.Context, context.CancelFunc)
	// Period is the time from one tick to the next: a slot that is seen within two of them is on time.
	Period time.Duration
	// Alive, where there is one, is called at least every few seconds while a turn takes its time.
	Alive func()
	// Notify is the command line that tells what is in the spool: a tick starts it where there is something,
	// and does not wait for it. nil is for none, as where a daemon does that itself.
	Notify []string
}

// Hands is our end of a supervisor process that goes on without us: task.Hands, but in tests.
type Hands struct {
	PID      int
	PIDStart uint64
	Give     func(jobs ...task.Job) error
	Close    func() error
}

// Detached starts the program, with the words that make it a supervisor, as TickOptions.Detach does.
func Detached(argv ...string) func(journals string) (*Hands, error) {
	return func(journals string) (*Hands, error) {
		h, err := task.Detached(append(slices.Clip(argv), journals))
		if err != nil {
			return nil, err
		}
		return &Hands{h.PID, h.PIDStart, h.Give, h.Close}, nil
	}
}

// TickReport says what a tick did.
type TickReport struct {
	At time.Time
	// Deferred is why nothing was decided: another tick is at work, the clock is not to be trusted yet.
	Deferred string
	Ended    []task.Run  // runs of which the end was recorded
	Rejected []Rejection // files that were changed, and have errors
	Clock    string      // how the clock was set since the last tick, where that is more than a correction
	Lost     []task.Run  // those of which nobody can know it
	Changed  []string    // services whose files were read again
	Removed  []string    // services whose files are gone
	Started  []task.Run  // handed to the supervisor
	Slots    []task.Slot // decided otherwise, and those that wait
	Problems []string    // what went wrong, a line each; the rest was done all the same
	Next     time.Time   // when there is something to do; zero for never

	again     bool                // files are looked at again soon: something was taken from them just now
	tasks     map[string][]string // of the services that were read, for metrics
	intervals map[task.ID]time.Duration
	away      map[task.ID]bool // of the tasks that were looked at: their runs are not for this node
}

// Rejection is a file that has errors, or can't be used at all. What is scheduled is the last version that had none.
type Rejection struct {
	Service  string
	Reason   string // its first error, as validation tells it; nothing of its text, which may be secret
	Unusable bool   // none of it is scheduled
	LastGood bool   // there is such a version
}

// String tells people what they want to know of it.
func (r Rejection) String() string {
	return fmt.Sprintf("%s: %s (%s; om %s validate)", r.Service, r.Reason, r.goesOn(), r.Service)
}

func (r Rejection) goesOn() string {
	switch {
	case r.LastGood:
		return "the last version without errors goes on"
	case r.Unusable:
		return "none of it is scheduled"
	}
	return "what is right in it is scheduled"
}

// problem notes what went wrong; errors tell it as people read it.
func (r *TickReport) problem(format string, args ...any) {
	for i, x := range args {
		if err, ok := x.(error); ok {
			args[i] = task.Text(err)
		}
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// problemOnce is problem for what concerns many tasks.
func (r *TickReport) problemOnce(text string) {
	if !slices.Contains(r.Problems, text) {
		r.Problems = append(r.Problems, text)
	}
}

// scheduler is one tick.
type scheduler struct {
	*Engine

	options TickOptions
	node    record // the node's
	bootID  string
	now     time.Time     // of the looks
	began   time.Time     // the first of them
	up      time.Duration // since the start of the host, then
	period  time.Duration // since the tick before, or the one that is meant
	last    clockReading  // of the tick before
	gap     delay         // the last one, as of now
	jump    time.Duration // by how much the clock was set forward since the last tick
	peak    time.Time     // the furthest that the clock was
	report  *TickReport
	crew    []*Hands // the supervisors that are given runs
	at      int      // the place in it of the one whose turn it is
	looked  map[string]*looked
	done    map[task.ID]bool
	cleared bool                  // clearLocks was called
	left    map[string][]leftTask // see leftOver; nil for not read yet
	bare    []task.ID             // in what is entered, tasks without a schedule that had one
	leftMu  sync.RWMutex
	// unsynced says that nothing keeps the clock, and that this was waited for.
	unsynced bool
	trusted  sync.Map // of the folders of files, nil or why not
	firsts   beginnings
	ahead    map[task.ID]time.Time // the newest of the slots that are decided and to come
	// records are those that services have and had; nil for not read yet.
	records map[string][]string

	catchups int       // slots of the past that were started
	guarding *guard    // of runs in progress
	endings  *endings  // of runs that are replaced, or have lost what they need
	replaced []task.ID // their tasks
	long     []task.ID // tasks with more slots to give up than a look does
	loops    bool      // there are turns to come: no end is waited for

	rush      bool       // very many are due
	more      bool       // there is more to decide
	held      []handover // until it is
	heldSince time.Time
	locale    string // of the host, once it was asked for
}

// Tick does once what has to be done now: it records the ends of runs, marks those that are lost, reads the
// files that were changed, and decides each slot that is due; the runs go on when it has ended. Ticks may be
// late, doubled or killed: no slot is decided twice, and none is lost.
func (e *Engine) Tick(ctx context.Context, o TickOptions) (TickReport, error) {
	report := TickReport{At: e.Now()}
	if o.DryRun {
		return report, e.rehearseTick(ctx, o, &report)
	}
	lock, holder, err := e.lockTicks("a tick")
	switch {
	case err != nil:
		return report, err
	case lock == nil:
		report.Deferred = holder + " is at work"
		return report, nil
	}
	defer func() { _ = lock.Close() }()
	if o.Begin != nil {
		var end context.CancelFunc
		ctx, end = o.Begin()
		defer end()
	}
	s, err := e.scheduler(ctx, o, &report)
	if err != nil {
		return report, err
	}
	err = s.tick(ctx)
	if failed := e.drain(o.Notify); failed != nil {
		report.problem("%v", failed)
	}
	return report, err
}

// scheduler prepares a tick.
func (e *Engine) scheduler(ctx context.Context, o TickOptions, report *TickReport) (*scheduler, error) {
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	boot, err := state.BootID()
	if err != nil {
		return nil, err
	}
	start, err := e.startOf(ctx, db, boot, !o.DryRun)
	if err != nil {
		return nil, err
	}
	if !start.Equal(e.Node.Boot) { // who ends a run that is replaced reads it, in later turns of a loop
		e.Node.Boot = start
	}
	return &scheduler{
		Engine: e, options: o, node: db, bootID: boot, now: report.At, began: report.At, report: report,
		up:     e.uptime() + report.At.Sub(e.Now()), // who asks of another moment sets no clock
		looked: map[string]*looked{}, done: map[task.ID]bool{}, endings: &endings{}, guarding: &guard{},
	}, nil
}

// tick does all that a tick does, and lets the supervisor go.
func (s *scheduler) tick(ctx context.Context) error {
	defer s.letGo()
	defer s.meterTick(ctx)
	if err := s.recover(ctx, s.node); err != nil {
		return err
	}
	if err := s.readClock(ctx); err != nil {
		return err
	}
	if err := errors.Join(s.scan(ctx), s.endGrace(ctx)); err != nil {
		return err
	}
	err := s.decideAndClean(ctx, true)
	s.guardOnce(ctx)
	_ = s.node.Tidy(ctx) // else the next tick does it
	return err
}

// decideAndClean decides what is due, and has some time for what is past retention then.
func (s *scheduler) decideAndClean(ctx context.Context, all bool) error {
	err := errors.Join(s.decide(ctx), s.noteClock(ctx))
	if all {
		s.tellLong(ctx)
	}
	if err == nil {
		s.cleanSome(ctx, all)
	}
	return err
}

// decide decides what is due, and says when there is more.
func (s *scheduler) decide(ctx context.Context) error {
	away, err := s.adrift(ctx)
	if err != nil {
		return err
	}
	s.report.Deferred = cmp.Or(away, s.untrusted())
	switch {
	case away != "":
		s.stalled("the folder of the files was away")
	case s.report.Deferred != "":
		s.stalled("the clock was not synchronized")
	default:
		if err = s.due(ctx); err != nil {
			s.stalled("put off: " + task.Text(err))
			return err
		}
	}
	next, err := s.node.NextDue(ctx)
	s.report.Next = next
	return err
}

// recover records how runs ended, marks those whose supervisor is gone, and plans what becomes of their slots.
func (s *scheduler) recover(ctx context.Context, db record) error {
	s.unlock(ctx)
	if err := s.foldAll(ctx); err != nil {
		s.strange(err)
	}
	lost, err := s.markLost(ctx, db)
	s.report.Lost = append(s.report.Lost, lost...)
	s.clearLocks(ctx)
	return errors.Join(err, s.hasten(ctx))
}

// reachable are the records that have slots to decide.
func (s *scheduler) reachable(ctx context.Context) (all []record) {
	if s.sim != nil {
		return []record{s.node}
	}
	for _, db := range s.recordsByPath(ctx) {
		all = append(all, db)
	}
	return all
}

func (s *scheduler) foldAll(ctx context.Context) error {
	return s.fold(ctx, func(run task.Run) { s.report.Ended = append(s.report.Ended, run) }, s.strange)
}

// strange tells of a problem. That ends wait is told once: the turns that find them waiting still have none.
func (s *scheduler) strange(err error) {
	if errors.Is(err, errWaits) && !s.tellsWaits(err.Error()) {
		return
	}
	s.report.problem("the ends of runs: %v", err)
}

// rehearseTick tells what a tick would start, and records nothing. Files that no tick has read yet have no
// cursors: nothing of them would be due, and that is told.
func (e *Engine) rehearseTick(ctx context.Context, o TickOptions, report *TickReport) error {
	s, err := e.scheduler(ctx, o, report)
	if err != nil {
		return err
	}
	if err = s.readClockOnly(ctx); err != nil {
		return err
	}
	if err = s.unread(ctx); err != nil {
		return err
	}
	cursors, err := s.node.Due(ctx, s.now, math.MaxInt32)
	if err != nil {
		return err
	}
	for _, c := range cursors {
		var p plan
		s.lookAt(ctx, c, &p)
		for _, v := range p.items {
			s.report.Slots = append(s.report.Slots, v.slots...)
			if v.run != nil {
				s.report.Started = append(s.report.Started, *v.run)
			}
		}
	}
	s.report.Next, err = s.node.NextDue(ctx)
	return err
}

// firstBatch and dueBatch are how many tasks are looked at before what was decided about them is recorded: few at
// first, so that their runs begin while the others are looked at, and then twice as many each time.
const (
	firstBatch = 32
	dueBatch   = 512
)

// due looks at each task that is due once. A slot that replaces a run waits for the end of that: a tick waits
// with it, and looks at the task again; a loop goes on, and is told of the end. Nor does a loop wait for what is left of a long
// queue.
func (s *scheduler) due(ctx context.Context) error {
	if err := s.dueOnce(ctx); err != nil || s.loops {
		return err
	}
	if err := s.shorten(ctx); err != nil || s.replaced == nil {
		return err
	}
	s.endings.wait(s.aliveNow)
	s.report.Problems = append(s.report.Problems, s.endings.problems()...)
	if err := s.recover(ctx, s.node); err != nil {
		return err
	}
	for _, id := range s.replaced {
		delete(s.done, id)
	}
	s.now = s.Now()
	return s.dueOnce(ctx)
}

func (s *scheduler) aliveNow() {
	if s.options.Alive != nil {
		s.options.Alive()
	}
}

func (s *scheduler) dueOnce(ctx context.Context) error {
	due, err := s.node.DueTasks(ctx, s.now)
	if err != nil {
		return err
	}
	due = slices.DeleteFunc(due, func(id task.ID) bool { return s.done[id] })
	if len(due) > manyFiles { // what a decision makes lives for moments, and is little
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	s.at, s.rush = 0, len(due) > rush
	for batch := firstBatch; len(due) > 0 && err == nil; batch = min(2*batch, dueBatch) {
		some := due[:min(batch, len(due))]
		due = due[len(some):]
		s.more = len(due) > 0
		if err = s.lookAtEach(ctx, some); err != nil {
			break
		}
		s.nextSupervisor()
		if ctx.Err() != nil {
			err = fmt.Errorf("the tick was ended: %w", context.Cause(ctx))
		}
	}
	return errors.Join(err, s.giveHeld(ctx))
}

// lookAtEach looks at tasks, and carries out what was decided about them.
func (s *scheduler) lookAtEach(ctx context.Context, tasks []task.ID) error {
	cursors, err := s.node.CursorsOf(ctx, tasks) // as they are now
	if err != nil {
		return err
	}
	var p plan
	for _, c := range cursors {
		if ctx.Err() != nil {
			break
		}
		s.done[c.Task] = true
		s.lookAt(ctx, c, &p)
		s.aliveNow() // probes may take their time
		if !p.old(s.Now()) {
			continue
		}
		if err := s.carryOut(ctx, &p); err != nil {
			return err
		}
		p = plan{}
	}
	return s.carryOut(ctx, &p)
}

// letGo lets the supervisors go on by themselves.
func (s *scheduler) letGo() {
	for i := range s.crew {
		s.dismiss(i)
	}
	s.crew = nil
}

func (s *scheduler) dismiss(i int) {
	if h := s.crew[i]; h != nil {
		if err := h.Close(); err != nil {
			s.report.problem("supervisor %d: %v", h.PID, err)
		}
	}
	s.crew[i] = nil
}

// errSupervisor says that there is no process to hold runs.
var errSupervisor = errors.New("no supervisor")

// mostAtOnce is how many supervisors are given runs at once, at most.
const mostAtOnce = 8

// nextSupervisor gives the turn to another supervisor, where there are processors for several: a supervisor has one
// thread to start processes, and that waits for each.
func (s *scheduler) nextSupervisor() { s.at = (s.at + 1) % crewSize() }

// supervisor is the process that runs are handed to, started on first use.
func (s *scheduler) supervisor() (*Hands, error) {
	if s.sim != nil {
		return &s.sim.hands, nil
	}
	for len(s.crew) <= s.at {
		s.crew = append(s.crew, nil)
	}
	if h := s.crew[s.at]; h != nil && state.Alive(task.Run{BootID: s.bootID, PID: h.PID, PIDStart: h.PIDStart}) && !task.Stopped(h.PID) {
		return h, nil
	}
	s.dismiss(s.at) // the daemon's was killed or stopped: what it is given is lost, or waits
	if err := task.MakeJournals(s.journals()); err != nil {
		return nil, err
	}
	hands, err := s.options.Detach(s.journals())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSupervisor, err)
	}
	s.crew[s.at] = hands
	return hands, nil
}

// journals is the folder of what supervisors leave.
func (e *Engine) journals() string { return filepath.Join(e.StateDir, "journal") }

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
