package engine

import (
	"context"
	"time"

	"om/schedule"
	"om/state"
	"om/task"
)

// countEnd moves the cursor of a view to the end of the last run, where its schedule counts from there: "every 30m after
// end". While a run goes on the cursor goes along: nothing is due then, nor for as long as the pause is. The record is asked
// at each look, for many processes record ends, and each of them may be killed then.
func (v *view) countEnd(ctx context.Context) error {
	at, goesOn, err := v.sinceEnd(ctx, v.l, &v.t, v.cal, v.after.At)
	if goesOn || v.run != nil && v.cal.AfterEnd() {
		at = later(at, v.now)
	}
	v.after.At = at
	return err
}

// sinceEnd is from when a schedule counts now whose cursor is at a moment, and whether a run goes on that it waits for.
// Of a schedule that does not count from the end of runs it is the cursor.
func (s *scheduler) sinceEnd(ctx context.Context, l *looked, t *task.Task, cal *schedule.Schedule, at time.Time) (since time.Time, goesOn bool, err error) {
	if !cal.AfterEnd() {
		return at, false, nil
	}
	running, err := l.db.Running(ctx, t.ID.Service, t.ID.RID)
	if err != nil || len(running) > 0 {
		return at, err == nil, err
	}
	runs, err := l.db.Runs(ctx, state.Query{Service: t.ID.Service, RID: []string{t.ID.RID}, Limit: looksBack})
	for _, run := range runs {
		counts := !run.Slot.IsZero() || t.Plan.ManualCounts && run.Origin == task.Manual
		if counts && !run.EndedAt.After(s.now) { // else the clock was wrong
			at = later(at, wholeSecond(run.EndedAt))
		}
	}
	return at, false, err
}

// wholeSecond is the first full second from t on: slots are at full seconds, and none comes before its pause is over.
func wholeSecond(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

const afterRunText = "its schedule counts from the end of the run that goes on"
