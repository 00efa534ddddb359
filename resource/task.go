package resource

import (
	"context"

	"om/task"
)

func taskLabel(r task.Resource) string {
	if said := brief(r.Keywords["description"]); said != "" {
		return said
	}
	return typeOf(r)
}

// lookTask gives a task a state by its keyword check: none is n/a, last_run is the last exit code
// through retcodes, last_run_warn is n/a with a warning after a failure.
func lookTask(_ context.Context, l *look) finding {
	if l.Tasks == nil {
		return is(task.NA)
	}
	t, ok := l.Tasks(l.RID)
	if !ok {
		return unseen("there is no task %s", l.RID)
	}
	if t.Check == task.CheckNone {
		return is(task.NA)
	}
	run, ran := l.lastRun()
	switch {
	case !ran || run.State == task.Cancelled:
		return is(task.NA, info("never ran"))
	case run.State == task.Complete && t.Check == task.CheckLastRunWarn:
		return is(task.NA)
	case t.Check == task.CheckLastRunWarn:
		return is(task.NA, warn("last run: %s", summary(run)))
	}
	return ended(t.RetCodes, run)
}

func (l *look) lastRun() (task.Run, bool) {
	if l.LastRun == nil {
		return task.Run{}, false
	}
	return l.LastRun(l.RID)
}

// ended is the state that the end of a run gives to its task.
func ended(codes map[int]task.Status, run task.Run) finding {
	status := lastStatus(codes, run)
	if status == task.Up {
		return is(status)
	}
	return is(status, info("last run: %s", summary(run)))
}

func lastStatus(codes map[int]task.Status, run task.Run) task.Status {
	switch {
	case run.State == task.Lost:
		return task.Warn
	case run.State != task.Complete && run.State != task.Failed, run.Signal != "":
		return task.Down
	}
	status, listed := task.RetCode(codes, run.ExitCode)
	switch {
	case !listed && (run.ExitCode == 126 || run.ExitCode == 127):
		return task.Down // not executable, not found: it never did its work
	case status == task.Up && run.State == task.Failed:
		return task.Down // it could not be started and left no code of its own
	}
	return status
}

func summary(r task.Run) string {
	return task.Outcome{State: r.State, ExitCode: r.ExitCode, Signal: r.Signal, Reason: r.Reason}.Summary()
}
