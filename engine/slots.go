package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"om/schedule"
	"om/task"
)

// overdue says why a slot waits no longer; "" while it does.
func (v *view) overdue(slot task.Slot) string {
	if d := v.t.Plan.Deadline; d > 0 && v.now.After(slot.At.Add(d)) {
		return slot.Reason + ", until its deadline"
	}
	if ranOut(&v.t, v.after.Runs) {
		return slot.Reason + ", until " + ranOutText
	}
	if v.givesWay(slot) {
		if next, ok := v.cal.Next(v.before.At, v.before.At); ok && !next.After(v.now) {
			return slot.Reason + ", until the next slot"
		}
	}
	if strings.HasPrefix(slot.Reason, "requirement") && v.now.After(v.waitsUntil(slot.At)) {
		return slot.Reason + ", as long as it could wait"
	}
	return ""
}

// givesWay says that a slot that waits is given up for the next one. What is queued keeps its place.
func (v *view) givesWay(slot task.Slot) bool {
	kind, _ := v.t.Overlap.Overlapping()
	return strings.HasPrefix(slot.Reason, "replaces: ") || kind != task.OverlapQueueAll && strings.HasPrefix(slot.Reason, "requirement")
}

// waitsUntil is the moment up to which a slot waits for its requirements.
func (v *view) waitsUntil(slot time.Time) time.Time {
	if wait := v.t.Plan.RequiresWait; wait >= 0 {
		return slot.Add(wait)
	}
	if end, ok := v.cal.Until(slot); ok {
		return end
	}
	return slot
}

func (v *view) originOf(slot time.Time) task.Origin {
	if v.now.Sub(slot) > v.onTime() {
		return task.Catchup
	}
	return task.Scheduled
}

// decideFresh decides about the slots after the cursor.
func (v *view) decideFresh(ctx context.Context) error {
	if ranOut(&v.t, v.before.Runs) {
		return nil
	}
	from := v.after.At
	newest, older, ok := v.cal.Latest(from, v.now)
	if !ok {
		return nil
	}
	if older > manySlots && v.t.Plan.Catchup == "all" && v.full() {
		v.lookAgain(soon(v.now))
		return nil
	}
	backlog := v.cal.Backlog(from, v.now, v.catchupOf(&v.t))
	if held, err := v.held(ctx, backlog.Due); held || err != nil {
		v.lookAgain(soon(v.now))
		return err
	}
	v.after.Retry = task.Retrying{} // attempts end with the next slot
	v.addMissed(from, newest, backlog)
	for i, slot := range backlog.Due {
		err := v.try(ctx, attempt{slot: slot, origin: v.originOf(slot), number: 1, missed: backlog.Missed})
		if err != nil {
			return err
		}
		if i+1 < len(backlog.Due) && v.pauses() {
			v.after.At = slot
			return nil
		}
	}
	v.after.At = v.cal.Decided(newest, v.now)
	return nil
}

// pauses says that the rest of a backlog is for another look: slots start one after the other, and wait some at a time.
func (v *view) pauses() bool {
	switch {
	case v.run != nil:
		v.lookAgain(soon(v.now))
	case len(v.slots) >= mostPending:
		v.lookAgain(v.now.Add(time.Second))
		v.long = append(v.long, v.before.Task)
	default:
		return false
	}
	return true
}

func (s *scheduler) catchupOf(t *task.Task) schedule.Catchup {
	c := schedule.Catchup{Window: t.Plan.CatchupWindow, Limit: t.Plan.CatchupLimit, OnTime: s.onTime()}
	switch t.Plan.Catchup {
	case "last":
		c.Policy = schedule.CatchupLast
	case "none":
		c.Policy = schedule.CatchupNone
	case "all":
		c.Policy = schedule.CatchupAll
	}
	if s.skippedOver() && t.DSTGap != "skip" {
		s.overSkipped(&c)
	}
	return c
}

// overSkipped lets a slot run once that the clock left out, as one that summer time leaves out does.
func (s *scheduler) overSkipped(c *schedule.Catchup) {
	if c.Policy != schedule.CatchupAll {
		c.Policy = schedule.CatchupLast
	}
	if c.Window > 0 {
		c.Window = max(c.Window, s.jump+s.onTime())
	}
}

// held says that a slot of the past has to wait until others of the past are made up for: the host
// has work enough, or the one before it of its own task goes on.
func (v *view) held(ctx context.Context, due []time.Time) (bool, error) {
	if len(due) == 0 || v.originOf(due[0]) != task.Catchup {
		return false, nil
	}
	if v.full() {
		return true, nil
	}
	if v.t.Plan.Catchup == "all" {
		running, err := v.l.db.Running(ctx, v.before.Task.Service, v.before.Task.RID)
		if len(running) > 0 && v.t.Overlap == task.OverlapSkip || err != nil {
			return true, err
		}
	}
	v.catchups++
	return false, nil
}

// manySlots is from where a backlog costs so much that it is not made up for a task that has to wait anyway.
const manySlots = 1000

// full says that enough slots of the past were started at once.
func (v *view) full() bool {
	most := v.Node.StartupParallel
	if most == 0 {
		most = runtime.NumCPU()
	}
	return v.catchups >= most
}

// addMissed notes the slots that nobody looked at in time, as one.
func (v *view) addMissed(from, newest time.Time, b schedule.Backlog) {
	if b.Missed == 0 {
		return
	}
	first, ok := v.cal.Next(from, from)
	last := newest
	if len(b.Due) > 0 {
		last, _, _ = v.cal.Latest(from, b.Due[0].Add(-time.Second))
	}
	if !ok || first.After(last) {
		first = last
	}
	v.slots = append(v.slots, task.Slot{
		Task: v.before.Task, At: first.UTC(), Last: last.UTC(), Count: b.Missed, Decision: task.SlotMissed,
		Reason:   v.whyMissed(v.before.Task, first, v.l.own() && v.l.several()),
		Evidence: v.missing(from, last, b.Missed),
	})
}

// decideRetry starts another attempt of the last slot, where one is due.
func (v *view) decideRetry(ctx context.Context) error {
	r := v.after.Retry
	if r.At.IsZero() || r.At.After(v.now) || v.run != nil {
		return nil
	}
	return v.try(ctx, attempt{slot: r.Slot, origin: task.Retry, number: r.Attempt, since: r.Since, previous: r.Previous})
}

// attempt is a start of a slot that is to be decided about.
type attempt struct {
	slot     time.Time
	origin   task.Origin
	number   int
	missed   int
	waited   string        // what it waited for; "" if it did not
	since    time.Time     // when the first attempt was started
	previous task.RunState // how the one before ended
}

// try decides about one slot: it is started, skipped, or waits.
func (v *view) try(ctx context.Context, a attempt) error {
	v.trying(a)
	if v.away != "" {
		v.unmet(a, v.away, v.away)
		return nil
	}
	r := v.runner(a)
	var err error
	if r.former, err = v.former(ctx, v.l); err != nil {
		return err
	}
	d, facts, err := r.decide(ctx, v.t)
	if err != nil {
		return err
	}
	v.goesBy(func(e *task.Evidence) { e.Facts = facts })
	if no := d.Blockers(); len(no) > 0 {
		return v.blocked(ctx, a, no[0])
	}
	if v.run != nil {
		v.goesBy(func(e *task.Evidence) { e.Beside = v.run.ID })
		v.overlap(ctx, a, "another slot starts now", v.run.ID, false)
		return nil
	}
	if v.stays && a.number == 1 {
		v.goesBy(func(e *task.Evidence) { e.Behind = true })
		v.overlap(ctx, a, "an earlier slot waits", "", false)
		return nil
	}
	return v.start(ctx, r, a, d)
}

func (v *view) runner(a attempt) *runner {
	r := &runner{Engine: v.Engine, svc: v.l.svc, db: v.l.db, req: Request{Origin: a.origin, DryRun: v.options.DryRun}, missed: a.missed}
	if v.locale == "" && v.sim == nil {
		v.locale = task.HostLocale()
	}
	r.locale = v.locale
	if a.previous != "" {
		r.req.Env = append(r.req.Env, "OM_PREVIOUS="+string(a.previous))
	}
	if v.unsynced {
		r.req.Env = append(r.req.Env, "OM_CLOCK_UNSYNCED=1")
	}
	return r
}

// refuse decides against a slot, or against another attempt of it.
func (v *view) refuse(a attempt, d task.SlotDecision, reason, runID string) {
	switch {
	case a.number > 1 && d == task.SlotPending:
		v.after.Retry.At = soon(v.now)
	case a.number > 1:
		v.after.Retry = task.Retrying{}
	default:
		v.add(a.slot, d, reason, runID)
	}
}

// blocked decides about a slot that may not run now.
func (v *view) blocked(ctx context.Context, a attempt, no task.Check) error {
	switch no.Name {
	case "requirement":
		v.unmet(a, no.Detail, "requirement: "+no.Detail)
	case "free":
		running, err := v.l.db.Running(ctx, v.before.Task.Service, v.before.Task.RID)
		if err = errors.Join(err, v.unread(running)); err != nil {
			return err
		}
		v.overlap(ctx, a, no.Detail, "", true)
	case "lock":
		holders := v.holders(ctx)
		if err := v.unread(holders); err != nil {
			return err
		}
		by := ""
		if len(holders) > 0 {
			by = holders[0].ID
		}
		v.overlap(ctx, a, no.Detail, by, false)
	default:
		v.refuse(a, task.SlotSkip, no.Detail, "")
	}
	return nil
}

// errUnread says that a run has ended and nobody knows how: its journal can't be read now.
var errUnread = errors.New("it has ended, and its end is not on record yet")

// unread is an errUnread where one of these runs is in the way only because its supervisor ended just now, or left
// a journal that can't be read: no slot is given up for that.
func (v *view) unread(runs []task.Run) error {
	if v.sim != nil {
		return nil
	}
	for _, run := range runs {
		if v.alive(run) && !alive(run) {
			return fmt.Errorf("run %s of %s: %w", run.ID, run.Task, errUnread)
		}
	}
	return nil
}

// unmet is for a slot whose requirements do not hold, or whose service is not active here: it waits as long as it may.
// skipped is why it is skipped where it may not.
func (v *view) unmet(a attempt, detail, skipped string) {
	until := v.waitsUntil(a.slot)
	v.goesBy(func(e *task.Evidence) { e.Until = until })
	if until.After(v.now) {
		v.refuse(a, task.SlotPending, "requirement: "+detail, "")
		v.lookAgain(earlier(soon(v.now), until.Add(time.Second)))
		return
	}
	v.refuse(a, task.SlotSkip, skipped, "")
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// overlap is for a slot that comes while other runs hold what it needs: the keyword overlap says what
// becomes of it. own says that they are runs of its own task: others are not replaced, but waited for, by one slot.
func (v *view) overlap(ctx context.Context, a attempt, detail, by string, own bool) {
	v.goesBy(func(e *task.Evidence) { e.Waiting = v.waiting })
	switch kind, _ := v.t.Overlap.Overlapping(); overlapping(v.t.Overlap, own, a.waited != "", v.waiting) {
	case "replaces":
		v.refuse(a, task.SlotPending, "replaces: "+detail, by)
		v.replace(ctx, kind)
		v.lookAgain(v.now.Add(time.Second))
	case "queued":
		v.refuse(a, task.SlotPending, "queued: "+detail, by)
		v.lookAgain(soon(v.now))
	default:
		v.refuse(a, task.SlotSkip, "overlap: "+detail, by)
	}
}

// overlapping is what the keyword overlap makes of a slot: "replaces", "queued", or "overlap" where it is skipped. waited
// says that it waits already, waiting how many do besides.
func overlapping(o task.Overlap, own, waited bool, waiting int) string {
	kind, most := o.Overlapping()
	if kind == task.OverlapReplaceTerm || kind == task.OverlapReplaceKill {
		if own {
			return "replaces"
		}
		kind = task.OverlapQueueOne
	}
	switch {
	case waited, // it has its place already
		kind == task.OverlapQueueOne && waiting == 0,
		kind == task.OverlapQueueAll && (most == 0 || waiting < most):
		return "queued"
	}
	return "overlap"
}

// replace ends the runs in progress, as a person would; the slot that replaces them waits for that.
func (v *view) replace(ctx context.Context, kind task.Overlap) {
	if v.options.DryRun {
		return
	}
	running, err := v.l.db.Running(ctx, v.before.Task.Service, v.before.Task.RID)
	if err != nil {
		v.report.problem("%s: %v", v.before.Task, err)
		return
	}
	v.replaced = append(v.replaced, v.before.Task)
	if v.sim != nil {
		v.sim.replace(running)
		return
	}
	t := v.t
	if kind == task.OverlapReplaceKill {
		t.StopSignal = "SIGKILL"
	}
	for _, run := range running {
		v.endings.begin(run, func() error {
			_, err := v.endRun(ctx, v.l.db, v.l.svc, t, run, "replaced by the slot that was due")
			return err
		})
	}
}

// start makes the run of a slot, ready to be claimed.
func (v *view) start(ctx context.Context, r *runner, a attempt, d task.Decision) error {
	run := r.newRun(v.t, d)
	run.Slot, run.Attempt, run.By, run.Terminal = a.slot.UTC(), a.number, "schedule", ""
	run.ClockUnsynced = v.unsynced
	if a.number > 1 { // else its slot has it
		run.Evidence = v.reasons()
	}
	job, err := r.resolve(ctx, v.t, run)
	if err != nil {
		v.unresolved(a, run, err)
		return nil
	}
	if blocked, err := v.lock(ctx, run); err != nil || blocked != nil {
		if err == nil {
			err = v.unread(blocked.By)
		}
		if err == nil {
			v.goesBy(func(e *task.Evidence) { e.Facts.Held = []task.Held{*blocked} })
			v.overlap(ctx, a, blocked.String(), blocked.By[0].ID, false)
		}
		return err
	}
	job.Record = v.l.svc.StateFile
	v.boundTime(&job, a)
	run.User, run.ArgvDigest, run.Output = job.User, digest(job), job.Output
	v.run, v.job = &run, &job
	if v.limit = v.t.MaxParallel; v.t.Overlap == task.OverlapAllow {
		v.limit = 0
	}
	v.started(a, run.ID)
	return nil
}

// started notes that the slot has its run.
func (v *view) started(a attempt, runID string) {
	if a.number > 1 {
		v.after.Retry = task.Retrying{}
		return
	}
	v.after.Runs++
	v.add(a.slot, task.SlotRun, string(a.origin), runID)
}

// unresolved records a run that could not begin: it has an end, and no process.
func (v *view) unresolved(a attempt, run task.Run, err error) {
	run = ended(run, couldNotStart(run, task.Outcome{}, err, v.now))
	run.StartedAt, run.Output = time.Time{}, ""
	v.run = &run
	v.started(a, run.ID)
}

// boundTime keeps all attempts together within the deadline.
func (v *view) boundTime(job *task.Job, a attempt) {
	d := v.t.Plan.Deadline
	if d == 0 {
		return
	}
	begin := a.since
	if begin.IsZero() {
		begin = v.now
	}
	left := max(d-v.now.Sub(begin), time.Second)
	if job.Timeout == 0 || left < job.Timeout {
		job.Timeout = left
	}
}

// lock takes the places that the task needs in locks shared by the node. blocked is the lock that somebody else has
// taken since it was decided.
func (v *view) lock(ctx context.Context, run task.Run) (blocked *task.Held, err error) {
	locks := v.t.Plan.LockList()
	if len(locks) == 0 || v.options.DryRun {
		return nil, nil
	}
	hands, err := v.supervisor()
	if err != nil {
		return nil, err
	}
	run.PID, run.PIDStart, run.BootID = hands.PID, hands.PIDStart, v.bootID
	holds, err := v.node.Hold(ctx, run, locks, v.alive)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if blocked = heldBy(holds); blocked == nil {
		v.holds, v.holder = run.ID, run.PID
	}
	return blocked, nil
}

// keepLocks has the locks held by the supervisor that the run gets, where that is another one than the one that they
// were taken for. That one died, and others may have taken them since.
func (v *view) keepLocks(ctx context.Context) error {
	if v.holds == "" || v.holder == v.run.PID {
		return nil
	}
	holds, err := v.node.Hold(ctx, *v.run, v.t.Plan.LockList(), v.alive)
	if blocked := heldBy(holds); err == nil && blocked != nil {
		err = fmt.Errorf("its supervisor died: %s", blocked)
	}
	if err != nil {
		v.letLocks(ctx)
		return err
	}
	v.holder = v.run.PID
	return nil
}

// clearLocks gives back, before this tick takes any lock, what nobody holds any more. A tick that was killed, or could not
// write, may have taken some before its runs were claimed: they are on no record, and never will be. Their supervisor may
// be gone, or live for long, for other runs. A power cut may have undone that a run gave them back. Who wants a lock would
// drop most of that too, but nobody may for long, and what is told of locks is to be true.
func (s *scheduler) clearLocks(ctx context.Context) {
	if s.cleared || s.options.DryRun || s.sim != nil {
		return
	}
	s.cleared = true
	holds, err := s.node.Holds(ctx)
	if err != nil {
		return // the next tick does it
	}
	for _, h := range holds {
		if s.isOver(ctx, h.Run) {
			s.unlock(ctx, h.Run.ID)
		}
	}
}

// isOver says that a run which has locks has ended, or will never begin. Runs by hand, which have no supervisor, take
// their locks a moment before they are claimed.
func (s *scheduler) isOver(ctx context.Context, held task.Run) bool {
	if run, err := s.node.Run(ctx, held.ID); err == nil {
		return run.State.Final()
	}
	if !s.alive(held) {
		return true
	}
	l := s.look(ctx, held.Task.Service)
	if l.db == nil || !s.supervises(held) {
		return false // it is not known
	}
	run, err := l.db.Run(ctx, held.ID)
	return err == nil && run.State.Final() || errors.Is(err, task.ErrNotFound) && s.neverCame(ctx, l, held)
}

// neverCame says that a run that is not in the record of its service is in none: the file may have named another when it
// was claimed.
func (s *scheduler) neverCame(ctx context.Context, l *looked, run task.Run) bool {
	former, err := s.former(ctx, l)
	is := func(r task.Run) bool { return r.ID == run.ID }
	return err == nil && !slices.ContainsFunc(former, is) && len(task.Processes(run.ID)) == 0
}

// letLocks gives back what the run of this look holds, where it does not begin.
func (v *view) letLocks(ctx context.Context) {
	if v.holds != "" {
		v.unlock(ctx, v.holds)
		v.holds = ""
	}
}

// holders are the runs that have the places of the first lock that has none left.
func (v *view) holders(ctx context.Context) []task.Run {
	held, err := v.heldLocks(ctx, v.t.Plan.LockList())
	if err != nil || len(held) == 0 {
		return nil
	}
	return held[0].By
}
