package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"om/task"
)

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
		return v.blocked(ctx, a, no[0], facts)
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

// blocked decides about a slot that may not run now. Where a run is in its way that is noted with it.
func (v *view) blocked(ctx context.Context, a attempt, no task.Check, f task.Facts) error {
	switch no.Name {
	case "requirement":
		v.unmet(a, no.Detail, "requirement: "+no.Detail)
	case "free":
		running, err := v.l.db.Running(ctx, v.before.Task.Service, v.before.Task.RID)
		if err = errors.Join(err, v.unread(running)); err != nil {
			return err
		}
		v.overlap(ctx, a, no.Detail, f.Running[0], true) // at least max_parallel of them
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

// overlap is for a slot that comes while other runs hold what it needs: the keyword overlap says what
// becomes of it. own says that they are runs of its own task: others are not replaced, but waited for, by one slot.
func (v *view) overlap(ctx context.Context, a attempt, detail, by string, own bool) {
	v.goesBy(func(e *task.Evidence) { e.Waiting = v.waiting })
	switch how, why := overlapping(v.t.Overlap, own, a.waited != "", v.waiting); how {
	case "replaces":
		v.refuse(a, task.SlotPending, why+detail, by)
		kind, _ := v.t.Overlap.Overlapping()
		v.replace(ctx, kind)
		v.lookAgain(v.now.Add(time.Second))
	case "queued":
		v.refuse(a, task.SlotPending, why+detail, by)
		v.lookAgain(soon(v.now))
	default:
		v.refuse(a, task.SlotSkip, why+detail, by)
	}
}

// overlapping is what the keyword overlap makes of a slot: "replaces", "queued", or "overlap" where it is skipped; and how
// the reason begins. waited says that it waits already, waiting how many do besides.
func overlapping(o task.Overlap, own, waited bool, waiting int) (how, why string) {
	kind, most := o.Overlapping()
	replaces := kind == task.OverlapReplaceTerm || kind == task.OverlapReplaceKill
	switch {
	case replaces && own:
		return "replaces", "replaces: "
	case waited, // it has its place already
		(kind == task.OverlapQueueOne || replaces) && waiting == 0,
		kind == task.OverlapQueueAll && (most == 0 || waiting < most):
		return "queued", "queued: "
	case kind == task.OverlapQueueOne, kind == task.OverlapQueueAll, replaces:
		return "overlap", "overlap: its queue is full (" + queueText(waiting, max(most, 1)) + "): "
	}
	return "overlap", "overlap: "
}

// queueText says how many slots wait in a queue that has a place for most, and is full. More than that wait where it had
// more places before; they are not counted, see behind.
func queueText(waiting, most int) string {
	switch {
	case waiting > most && most == 1:
		return "more than 1 slot waits"
	case waiting > most:
		return fmt.Sprintf("more than %d slots wait", most)
	case waiting == 1:
		return "1 slot waits"
	}
	return fmt.Sprintf("%d slots wait", waiting)
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
