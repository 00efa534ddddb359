package engine

import (
	"context"
	"runtime"
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

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
