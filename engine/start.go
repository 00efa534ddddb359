package engine

import (
	"context"
	"time"

	"om/task"
)

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
