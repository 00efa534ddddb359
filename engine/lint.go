package engine

import (
	"context"

	"om/service"
	"om/state"
	"om/task"
)

// Rehearse resolves every task of the service and returns a warning for each that could not run on this
// node now: a user or a command that is not there, a policy that forbids it. Nothing runs.
func (e *Engine) Rehearse(ctx context.Context, s *service.Service) []service.Problem {
	var out []service.Problem
	for _, t := range s.Tasks {
		if _, err := e.rehearse(ctx, t); err != nil {
			out = append(out, service.Problem{
				File: s.File, Line: t.Line, Section: t.ID.RID, Wanted: "it can't run on this node: " + err.Error(), Severity: service.Warning,
			})
		}
	}
	return out
}

// rehearse resolves a task as a run by hand would.
func (e *Engine) rehearse(ctx context.Context, t task.Task) (task.Job, error) {
	t.Interactive = false // it needs a terminal only when it runs
	return t.Resolve(ctx, e.resolver(task.Run{ID: state.NewID(e.Now()), Task: t.ID, Origin: task.Manual}))
}
