package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"om/service"
	"om/task"
)

// LoopOptions are what a loop depends on besides a tick.
type LoopOptions struct {
	TickOptions

	// Reload asks, each time it yields, for the files to be read again, node.conf too.
	Reload <-chan os.Signal
	// Drain asks the loop to start nothing more, and to return once no run goes on.
	Drain <-chan os.Signal
	// Died yields when a child of this process may have ended: supervisors are.
	Died <-chan os.Signal
	// Renew reads node.conf, before a full turn. While it fails, the settings of before stay.
	Renew func() (service.Node, error)
	// Reloading is told when a turn begins that Reload asked for.
	Reloading func()
	// Told is told of each turn of the loop: the first once all files have been read. It must not block.
	Told func(Turn, error)
	// Waits is told who is waited for, where a tick is at work when the loop begins.
	Waits func(holder string)
	// Pulse is how often Alive is called at least; zero for never.
	Pulse time.Duration
}

// Turn is what a turn of the loop did, and what there is.
type Turn struct {
	TickReport

	First    bool  // all files have been read now
	Reloaded bool  // Reload asked for it
	Draining bool  // nothing more is started
	Node     error // why node.conf can't be used: the settings of before stay
	Mended   bool  // node.conf had errors and has none any more: its settings are taken

	Services, Tasks, Running int // as far as the loop knows without looking again
}

// ErrHeld says that another process decides about the state folder.
var ErrHeld = errors.New("another process is at work")

// fullTurn is how often everything is looked at again, though nothing asked for it.
const fullTurn = time.Minute

// generation is how many runs supervisors are given by a loop: then others are started, and a journal is done with
// when its last run is.
const generation = 1000

// loop is the daemon's: a tick that waits for what comes next.
type loop struct {
	*Engine

	o     LoopOptions
	watch *watcher
	crew  []*Hands
	given int
	// endings are of runs that are replaced, or have lost what they need.
	endings endings
	guard   guard
	rhythm  time.Duration // from one full turn to the next

	record   string               // the identity of the file that is open as the node's record
	folder   string               // and that of its folder
	open     map[string]bool      // runs that go on, as far as is known
	told     map[string]time.Time // when ends of runs were told, of late
	children []int                // supervisors that have not ended
	turns    int
	rescan   time.Time // when to look again at files of which something was taken just now
	reload   bool      // it was asked for
	older    bool      // node.conf may be another one by now
	wrong    string    // what is wrong with it, and was told
	draining bool
	counts   Turn // of its last lines
	pulse    <-chan time.Time
	stuck    string // why the turn before failed
	metrics  *meter
	metered  time.Time
	// meterTook is how long it took to write the metrics last.
	meterTook time.Duration
}

// Loop does what ticks do, without waiting for one: it wakes when a slot is due, when a run has ended, when a
// file was changed, and once a minute. It returns when ctx is done; the runs go on.
func (e *Engine) Loop(ctx context.Context, o LoopOptions) error {
	lock, err := e.lockLoop(ctx, o.Waits)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	e.asksOf(loopAsks)
	if err = task.MakeJournals(e.journals()); err != nil {
		return err
	}
	watch, err := watchFolders(e.ConfigDir, e.journals())
	if err != nil {
		return err
	}
	defer watch.close()
	l := &loop{Engine: e, o: o, watch: watch, open: map[string]bool{}, rhythm: fullTurn}
	defer l.letGo()
	l.endings.wake = func() { watch.wake(wakeEnds) }
	defer l.endings.wait(l.aliveNow)
	l.guard.wake = func() { watch.wake(wakeDue) }
	defer l.guard.wait(l.aliveNow)
	if o.Pulse > 0 {
		pulse := time.NewTicker(o.Pulse)
		defer pulse.Stop()
		l.pulse = pulse.C
	}
	return l.run(ctx)
}

// lockLoop keeps other loops and ticks away from the state folder. A tick that is at work is waited for. Who has just
// taken the lock may not have said so yet: what is found at first may be of the one before.
func (e *Engine) lockLoop(ctx context.Context, waits func(holder string)) (*os.File, error) {
	const patience = 100 // times a tenth of a second
	for i := 0; ; i++ {
		lock, holder, err := e.lockTicks(loopRole)
		switch {
		case err != nil || lock != nil:
			return lock, err
		case i == patience, i > 0 && strings.Contains(holder, loopRole):
			return nil, fmt.Errorf("%s: %w: %s", e.StateDir, ErrHeld, holder)
		case i == 1 && waits != nil:
			waits(holder)
		}
		if !pause(ctx, 100*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

// pause waits, and says whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (l *loop) letGo() {
	for _, h := range l.crew {
		if h != nil {
			_ = h.Close()
		}
	}
	l.crew = nil
}

func (l *loop) run(ctx context.Context) error {
	wake := wakeAll
	for full := time.Now(); ctx.Err() == nil; { //nolint:forbidigo // the pace of the loop is no time of a slot
		turn := Turn{TickReport: TickReport{At: l.Now()}, Draining: l.draining, Reloaded: l.reload}
		l.Users.Renew()
		l.renew(&turn, wake)
		if exchanged := l.followRecord(); exchanged != "" {
			turn.problem("%s", exchanged)
			wake = wakeAll
		}
		err := l.turn(ctx, &turn.TickReport, wake)
		if l.stuck = ""; err != nil {
			l.stuck = "put off: " + task.Text(err)
		}
		l.noteRecord()
		if wake == wakeAll {
			full = time.Now() //nolint:forbidigo // see above
			if l.rescan = (time.Time{}); turn.again {
				l.rescan = full.Add(aMoment)
			}
		}
		l.tell(ctx, &turn, err, wake)
		if l.endings.idle() {
			l.letOwn()
		}
		if l.draining && err == nil && turn.Running == 0 {
			return nil
		}
		wake = l.wait(ctx, &turn.TickReport, err, full)
	}
	return nil
}

// few is how many runs may go on for the loop to look at them after each end.
const few = 64

// What woke the loop, from the least to the most.
const (
	wakeDue  = iota // a slot is due
	wakeEnds        // a run has ended
	wakeAll         // files were changed, or a minute is over
)

// turn is one turn of the loop.
func (l *loop) turn(ctx context.Context, report *TickReport, wake int) error {
	l.buryChildren()
	s, err := l.scheduler(ctx, l.o.TickOptions, report)
	if err != nil {
		return err
	}
	s.crew, s.endings, s.guarding, s.loops, s.stuck = l.crew, &l.endings, &l.guard, true, l.stuck
	defer func() { l.keep(s) }()
	report.Problems = append(report.Problems, l.endings.problems()...)
	if err := s.readClock(ctx); err != nil {
		return err
	}
	if wake >= wakeEnds {
		if err := s.recover(ctx, s.node); err != nil {
			return err
		}
	}
	if l.draining {
		s.stalled("put off: the daemon was about to end")
		s.guard(ctx, wake == wakeAll)
		return s.noteClock(ctx)
	}
	if wake == wakeAll {
		if err := l.watch.follow(); err != nil {
			report.problem("%v", err)
		}
		if err := errors.Join(s.scan(ctx), s.endGrace(ctx)); err != nil {
			return err
		}
	}
	failed := s.decideAndClean(ctx, wake == wakeAll)
	s.guard(ctx, wake == wakeAll)
	return failed
}

// keep keeps the supervisors for the next turn, or lets them go when they have had their share.
func (l *loop) keep(s *scheduler) {
	for _, h := range s.crew {
		if h != nil && !slices.Contains(l.children, h.PID) {
			l.children = append(l.children, h.PID)
		}
	}
	if l.given += len(s.report.Started); l.given >= generation {
		s.letGo()
		l.given = 0
	}
	l.crew = s.crew
}

// buryChildren takes leave of supervisors that have ended: before, they would count as alive.
func (l *loop) buryChildren() {
	l.children = slices.DeleteFunc(l.children, func(pid int) bool {
		got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
		if got != pid && err == nil || errors.Is(err, unix.EINTR) {
			return false
		}
		if i := slices.IndexFunc(l.crew, func(h *Hands) bool { return h != nil && h.PID == pid }); i >= 0 {
			_ = l.crew[i].Close() // it was killed: the next run gets another
			l.crew[i] = nil
		}
		return true
	})
}

// afterFailure is when a turn that failed is tried again: slots may be due.
const afterFailure = 5 * time.Second

// pause is how long to wait at most, and what is to be done then.
func (l *loop) pause(report *TickReport, failed error, full time.Time) (pause time.Duration, wake int) {
	if failed != nil {
		return afterFailure, wakeAll
	}
	pause, wake = time.Until(full.Add(l.rhythm)), wakeAll //nolint:forbidigo // see run
	if report.Deferred != "" {
		return min(max(pause, 0), time.Second), wakeAll // what is in the way may be gone soon
	}
	if soon := time.Until(l.rescan); !l.rescan.IsZero() && soon < pause { //nolint:forbidigo // see run
		pause = soon
	}
	if next := report.Next; !next.IsZero() && next.Sub(l.Now()) < pause {
		pause, wake = next.Sub(l.Now()), wakeDue
	}
	if next := l.guard.next(); !next.IsZero() && next.Sub(l.Now()) < pause {
		pause, wake = next.Sub(l.Now()), wakeDue
	}
	if len(report.Problems) > 0 {
		pause = max(pause, time.Second) // what is due still may fail again
	}
	return max(pause, 0), wake
}

// wait returns what to do next, when there is something.
func (l *loop) wait(ctx context.Context, report *TickReport, failed error, full time.Time) int {
	pause, wake := l.pause(report, failed, full)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	l.aliveNow()
	for {
		select {
		case <-ctx.Done():
			return wakeDue
		case <-timer.C:
			return wake
		case <-l.o.Reload:
			l.reload = true
			return wakeAll
		case <-l.o.Drain:
			l.draining = true
			l.letGo()
			return wakeEnds
		case <-l.o.Died:
			return wakeEnds
		case changed := <-l.watch.events:
			return changed
		case <-l.pulse:
			l.aliveNow()
		}
	}
}

func (l *loop) aliveNow() {
	if l.o.Alive != nil {
		l.o.Alive()
	}
}
