package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"om/state"
	"om/task"
)

// TickOptions are what a tick depends on besides the engine.
type TickOptions struct {
	// DryRun tells what a tick would do at the engine's present, or At, and does nothing.
	DryRun bool
	// At is the moment of a dry run, zero for the present. Until then nobody looks, and no clock is set.
	At time.Time
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
	stuck    string    // why the turn before, of this loop, could not decide or record

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
		if !o.At.IsZero() {
			report.At = o.At
		}
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
	err := s.decide(ctx)
	if failed := s.noteClock(ctx); err == nil || failed != nil && failed.Error() != err.Error() {
		err = errors.Join(err, failed)
	}
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
