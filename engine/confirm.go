package engine

import (
	"context"
	"errors"

	"om/task"
)

// confirm asks for every selected task that wants it, before any of them runs or is claimed. A task
// that may not run now is not asked about: its turn will decline it. One that is not confirmed stops
// them all.
func (r *runner) confirm(ctx context.Context, picked []Selected) error {
	for _, p := range picked {
		if !p.Task.Confirmation || p.Task.Disable {
			continue
		}
		d, _, err := r.decide(ctx, p.Task)
		if err != nil {
			return err
		}
		if !d.Run() {
			continue
		}
		if err := r.ask(ctx, p.Task); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) ask(ctx context.Context, t task.Task) error {
	how, err := r.req.Ask(ctx, t)
	if err != nil {
		return errors.Join(err, r.record(context.WithoutCancel(ctx), t.ID, "aborted", err.Error()))
	}
	if r.confirmed == nil {
		r.confirmed = map[string]string{}
	}
	r.confirmed[t.ID.RID] = how
	return nil
}

// rehearse is one for a dry run: it decides and resolves, and runs, asks and records nothing.
func (r *runner) rehearse(ctx context.Context, p Selected) Result {
	res := Result{Task: p.Task}
	res.Decision, _, res.Err = r.decide(ctx, p.Task)
	if res.Err != nil {
		return res
	}
	job, err := r.resolve(ctx, p.Task, r.newRun(p.Task, res.Decision))
	if err != nil {
		res.Err = err
		return res
	}
	res.Job = &job
	return res
}
