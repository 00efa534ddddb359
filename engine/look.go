package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"om/resource"
	"om/schedule"
	"om/service"
	"om/task"
)

// looked is a service as one tick sees it.
type looked struct {
	svc    *service.Service
	db     record // the record that has its runs and cursors
	err    error  // why nothing can be decided about it now
	digest string // the beginning of that of its file
	avail  task.Status
	probed bool

	probedAt time.Time // when that was over

	former      []task.Run // that go on in records that it had before
	formerKnown bool
}

// look finds a service once a tick. What is scheduled is its file or, while that has errors, the last
// version that had none.
func (s *scheduler) look(ctx context.Context, path string) *looked {
	if l := s.looked[path]; l != nil {
		return l
	}
	l := &looked{}
	s.looked[path] = l
	if l.svc, l.err = s.scheduled(ctx, path); l.err == nil {
		if db, err := s.Record(ctx, l.svc); err != nil {
			l.err = err
		} else {
			l.db = db
		}
	}
	return l
}

// LastGood says that what is scheduled of a service is not its file as it is, for that has errors.
const LastGood = "the schedule goes by the last version of the file that had no errors"

// own says that the service has a record of its own, which moves with it.
func (l *looked) own() bool { return l.svc != nil && l.svc.StateFile != "" }

// several says that the service may run on other nodes too. Where it does not run then is no skip: another
// node decides.
func (l *looked) several() bool { return l.svc.Several() }

// away says why scheduled runs of a task are not for this node now; "" if they are.
func (s *scheduler) away(ctx context.Context, l *looked, t *task.Task) (string, error) {
	on := strings.Join(t.Plan.RunOn, " ")
	switch one := l.svc.One(); {
	case on == "" || on == service.OnActive:
		return s.inactive(ctx, l)
	case on == service.OnAll, on == service.OnAny && !l.several():
		return "", nil
	case on == service.OnAny && !l.svc.On([]string{one}):
		return "run_on = any: of several nodes, " + cmp.Or(one, "of which none is named,") + " is the one that runs it", nil
	case on == service.OnAny, l.svc.On(t.Plan.RunOn):
		return "", nil
	}
	return "run_on = " + on + " does not have this node", nil
}

// inactive says why this node's instance of a service is not the active one: see semantics of avail.
func (s *scheduler) inactive(ctx context.Context, l *looked) (string, error) {
	if !slices.ContainsFunc(l.svc.Resources, followed) {
		if l.several() && !l.svc.Alone() {
			return "the service has several nodes and no resource to follow: run_on says where its tasks run", nil
		}
		return "", nil
	}
	if !l.probed {
		p, err := s.prober(ctx, l.svc, l.db)
		if err != nil {
			return "", err
		}
		l.avail, _ = resource.Aggregate(p.Probe(ctx, l.svc.Resources))
		l.probed, l.probedAt = true, s.Now()
	}
	if l.avail == task.Up || l.avail == task.Warn {
		return "", nil
	}
	return "the service is not active here: its avail is " + l.avail.String(), nil
}

// followed says that a resource tells where a service is active: it counts for avail.
func followed(r task.Resource) bool {
	return r.Group != "task" && r.Group != "sync" && !r.Disable && !r.Optional
}

// plan is what is to be recorded and started.
type plan struct {
	items []*view
	since time.Time // when the first look began that starts something
}

// patience is how old a start that is decided may get while others are looked at: what it requires may change.
const patience = 2 * time.Second

// old says that what is to be started is not to wait for others any more.
func (p *plan) old(now time.Time) bool { return !p.since.IsZero() && now.Sub(p.since) > patience }

// view is one look at a task: what was before, and what is decided.
type view struct {
	*scheduler

	l             *looked
	t             task.Task
	cal           *schedule.Schedule
	cached        task.Cursor // the node's row, where the service has its own record
	before, after task.Cursor
	away          string

	slots   []task.Slot
	run     *task.Run
	limit   int
	job     *task.Job
	holds   string    // the run that holds the locks of the task; "" for none
	holder  int       // the supervisor that it was to have then
	waiting int       // slots that wait
	stays   bool      // one of them was looked at, and goes on waiting: those after it are not first
	again   time.Time // when to look again before the next slot; zero for not before it
	broken  error
	because *task.Evidence // what the decision that is being made goes by; nil where that is not kept
	decided time.Time      // when this was
}

// lookAt decides about the slots of one task, and adds that to p. Who is asked to end meanwhile may have seen half, a
// resource that had no time to answer: then nothing is decided.
func (s *scheduler) lookAt(ctx context.Context, c task.Cursor, p *plan) {
	began := s.Now()
	v := &view{scheduler: s, l: s.look(ctx, c.Task.Service), cached: c, before: c, after: c}
	v.decideTask(ctx)
	if ctx.Err() != nil {
		v.letLocks(ctx)
		return
	}
	v.decided = s.Now()
	if v.run != nil && p.since.IsZero() {
		p.since = began
	}
	p.items = append(p.items, v)
}

// recheck looks again at what a start requires that had to wait for a look at another task, which took its time. Where it
// holds no more the slot stays undecided, and is looked at in a moment.
func (v *view) recheck(ctx context.Context) {
	if v.job == nil || len(v.t.Requires) == 0 || v.Now().Sub(v.decided) <= patience {
		return
	}
	seen, err := v.Engine.seen(ctx, v.l.svc, v.l.db, v.t.Requires)
	if err == nil && v.t.Met(seen) {
		return
	}
	v.letLocks(ctx)
	v.slots, v.run, v.job = nil, nil, nil
	v.after = v.before
	v.after.Next = v.now.Add(time.Second)
}

// decideTask decides about the slots of the task of a view.
func (v *view) decideTask(ctx context.Context) {
	if v.l.err != nil {
		v.putOff(ctx, v.l.err)
		return
	}
	if v.l.own() {
		if err := v.recoverOnce(ctx); err != nil {
			v.putOff(ctx, err)
			return
		}
	}
	var known bool
	if v.t, known = v.l.svc.Task(v.cached.Task.RID); !known || neverScheduled(v.l.svc, &v.t) != "" {
		v.after.Next = time.Time{}
		return
	}
	if err := v.open(ctx); err != nil {
		v.putOff(ctx, err)
		return
	}
	v.noteAway(v.away != "")
	if v.t.Plan.Locks != "" {
		v.clearLocks(ctx)
	}
	if err := v.decideAll(ctx); err != nil {
		v.putOff(ctx, err)
	}
	v.measure(v.t.ID, v.cal, v.after.At)
}

// standbyPoll is how often a node looks whether a service with a record of its own has come to it.
const standbyPoll = 3 * time.Second

// putOff leaves everything undecided, and looks again soon.
func (v *view) putOff(ctx context.Context, err error) {
	v.letLocks(ctx)
	v.slots, v.run, v.job = nil, nil, nil
	v.after = v.before
	v.after.Next = soon(v.now)
	if errors.Is(err, errSupervisor) || errors.Is(err, errUnread) {
		v.after.Next = v.now.Add(time.Second) // the next may live: who waits for longer misses slots
	}
	if errors.Is(err, errAbsent) {
		v.after.Next = v.now.Add(standbyPoll)
		v.delayedUntil(v.before.Task, v.after.Next, "put off: the file of the service was not there")
		return
	}
	if v.l.own() && v.l.db == nil && (errors.Is(err, errElsewhere) || errors.Is(err, task.ErrNotFound)) {
		v.after.Next = v.now.Add(standbyPoll) // its filesystem is on another node
		unrecorded := v.unrecorded(ctx, err)
		if unrecorded {
			v.report.problemOnce(task.Text(err))
		}
		v.noteAway(!unrecorded)
		v.delayedUntil(v.before.Task, v.after.Next, notHere)
		return
	}
	if ctx.Err() != nil { // that is no word about the task: see lookAt
		return
	}
	v.broken = err
	v.delayedUntil(v.before.Task, v.after.Next, "put off: "+task.Text(err))
	v.report.problem("%s: %v", v.before.Task, err)
}

// unrecorded says that the task would run here, and that nobody has made the record of its service: see InitState.
func (v *view) unrecorded(ctx context.Context, err error) bool {
	t, known := v.l.svc.Task(v.before.Task.RID)
	if !known || !errors.Is(err, task.ErrNotFound) || neverScheduled(v.l.svc, &t) != "" {
		return false
	}
	away, err := v.scheduler.away(ctx, v.l, &t)
	if err == nil && away == "" && v.l.several() { // it may be another's: its resources say where the record is
		away, err = v.inactive(ctx, v.l)
	}
	return err == nil && away == ""
}

// open completes what a look needs: the schedule, the cursor of the service's own record, whether the node is
// the right one.
func (v *view) open(ctx context.Context) (err error) {
	if v.cal, err = v.calendar(&v.t); err != nil {
		return err
	}
	if v.l.own() {
		if err = v.ownCursor(ctx); err != nil {
			return err
		}
	}
	if v.away, err = v.scheduler.away(ctx, v.l, &v.t); err == nil && v.single(v.l.svc, &v.t) {
		v.present(v.l.svc.Path, v.away == "", v.l.probedAt)
	}
	return err
}

// ownCursor takes the cursor from the service's own record: it is the one that counts, and may have come from
// another node. Where it has none of this schedule, the node's is entered.
func (v *view) ownCursor(ctx context.Context) error {
	if v.l.db == v.node {
		return nil
	}
	all, err := v.l.db.Cursors(ctx, v.before.Task.Service)
	if err == nil && !v.options.DryRun {
		all, err = v.rewindOwn(ctx, all)
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(c task.Cursor) bool { return c.Task == v.before.Task })
	switch {
	case i < 0:
		v.before.At = time.Time{} // it is entered with the first decision
	case all[i].Digest != v.cached.Digest:
		v.before = all[i]
		v.after = v.takenOver(v.l.svc, all[i], v.cached)
	default:
		v.before = all[i]
		v.after = all[i]
	}
	return nil
}

// recoverOnce marks the lost runs of a service's own record, once a tick.
func (v *view) recoverOnce(ctx context.Context) error {
	id := task.ID{Service: v.before.Task.Service}
	if v.done[id] || v.l.db == v.node {
		return nil
	}
	v.done[id] = true
	return v.recover(ctx, v.l.db)
}

// decideAll decides about the slots that wait, another attempt, and those that came since.
func (v *view) decideAll(ctx context.Context) error {
	if v.away != "" && v.l.several() {
		v.standBy()
		return nil
	}
	if err := v.decidePending(ctx); err != nil {
		return err
	}
	if err := v.countEnd(ctx); err != nil {
		return err
	}
	v.leaveElsewhere()
	if err := v.decideFresh(ctx); err != nil {
		return err
	}
	if err := v.decideRetry(ctx); err != nil {
		return err
	}
	v.after.Next = v.next()
	return nil
}

// standBy is for a node that is not the active one: it records nothing. Its cursor goes along, so that
// nothing of the past is made up for when the service comes; the service's own record stays as it is.
func (v *view) standBy() {
	if v.l.own() {
		v.after.Next = v.now.Add(standbyPoll)
		return
	}
	if slot, _, ok := v.cal.Latest(v.before.At, v.now); ok {
		v.after.At = v.cal.Decided(slot, v.now)
	}
	v.after.Retry = task.Retrying{}
	v.after.Next = v.next()
}

// next is when to look at the task again.
func (v *view) next() time.Time {
	next := time.Time{}
	if !ranOut(&v.t, v.after.Runs) {
		if at, ok := v.cal.Next(v.after.At, v.after.At); ok {
			next = v.lookBefore(at)
		}
	}
	for _, at := range [2]time.Time{v.again, v.after.Retry.At} {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if !next.IsZero() && !next.After(v.now) {
		next = v.now.Add(time.Second)
	}
	return next
}

// lookAgain makes sure that the task is looked at by then.
func (v *view) lookAgain(at time.Time) {
	if v.again.IsZero() || at.Before(v.again) {
		v.again = at
	}
}

// add notes what was decided about a slot.
func (v *view) add(at time.Time, d task.SlotDecision, reason, runID string) {
	if d == task.SlotPending {
		v.waiting++
		v.stays = true
	}
	v.slots = append(v.slots, task.Slot{Task: v.before.Task, At: at, Last: at, Count: 1, Decision: d, Reason: reason, RunID: runID, Evidence: v.reasons()})
}
