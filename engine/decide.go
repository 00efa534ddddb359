package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"om/schedule"
	"om/task"
)

// Facts gathers what a decision about t depends on.
func (r *runner) facts(ctx context.Context, t task.Task) (task.Facts, error) {
	f := task.Facts{Now: r.Now(), Origin: r.req.Origin, Force: r.req.Force}
	running, err := r.db.Running(ctx, t.ID.Service, t.ID.RID)
	if err != nil {
		return f, err
	}
	stuck, err := r.stuck(ctx, t.ID)
	if err != nil {
		return f, err
	}
	f.Running = ids(slices.Concat(r.formerOf(t.ID), r.living(running), stuck))
	if f.Held, err = r.heldLocks(ctx, t.Plan.LockList()); err != nil {
		return f, err
	}
	f.Elsewhere = r.svc.Elsewhere()
	f.Frozen, f.NodeFrozen, err = r.frozen(ctx, r.svc.Path)
	if err != nil {
		return f, err
	}
	f.Seen, err = r.seen(ctx, r.svc, r.db, t.Requires)
	return f, err
}

// formerOf are the runs of a task that go on in records that its service had before.
func (r *runner) formerOf(id task.ID) []task.Run {
	return slices.DeleteFunc(slices.Clone(r.former), func(run task.Run) bool { return run.Task != id })
}

// stuck is the last run of a task where it has its end, and processes that SIGKILL did not end: another run is not to
// begin beside them.
func (r *runner) stuck(ctx context.Context, id task.ID) ([]task.Run, error) {
	left, err := r.db.LeftBehind(ctx, id)
	if err != nil || left == "" {
		return nil, err
	}
	last, err := r.db.Run(ctx, left)
	if err != nil || !last.Stuck() || len(task.Processes(last.ID)) == 0 {
		return nil, err
	}
	return []task.Run{last}, nil
}

// decide decides about a task, and says by which facts.
func (r *runner) decide(ctx context.Context, t task.Task) (task.Decision, task.Facts, error) {
	f, err := r.facts(ctx, t)
	if err != nil {
		return task.Decision{Task: t.ID}, f, err
	}
	return task.Decide(t, f), f, nil
}

// frozen says since when and by whom the service and the node are frozen.
func (e *Engine) frozen(ctx context.Context, path string) (svc, node string, err error) {
	db, err := e.nodeRecord(ctx)
	if err != nil {
		return "", "", err
	}
	if svc, err = frozenText(ctx, db, path); err != nil {
		return "", "", err
	}
	node, err = frozenText(ctx, db, "")
	return svc, node, err
}

func frozenText(ctx context.Context, db record, path string) (string, error) {
	f, frozen, err := db.Frozen(ctx, path)
	if err != nil || !frozen {
		return "", err
	}
	return fmt.Sprintf("since %s by %s", f.Since.Local().Format(time.RFC3339), f.By), nil
}

// resolve completes the task into a job: nothing is left to look up.
func (r *runner) resolve(ctx context.Context, t task.Task, run task.Run) (task.Job, error) {
	if r.sim != nil {
		return r.sim.job(&t, run), nil
	}
	res := r.resolver(run)
	res.Level = r.level(&t, run)
	job, err := t.Resolve(ctx, res)
	if err != nil {
		return job, err
	}
	job.Output, job.Cancel = run.Output, r.cancelFile(r.svc, run)
	if t.Log != task.LogFile && t.Log != task.LogBoth {
		job.Output = ""
	}
	return job, nil
}

// level is the action of a day in the NetWorker calendar of a task: of its slot's, or for a run by hand
// of today. Other schedules have none, and are not read.
func (e *Engine) level(t *task.Task, run task.Run) string {
	if t.Schedule == "" || schedule.NotationOf(t.Schedule) != schedule.NetWorker {
		return ""
	}
	calendar, err := e.Node.Calendar(t, e.Node.Seed(t))
	if err != nil {
		return ""
	}
	at := run.Slot
	if at.IsZero() {
		at = e.Now()
	}
	return calendar.Level(at)
}
