package engine

import (
	"context"
	"slices"

	"om/task"
)

// failsFor says why a run that is started now ends as error, whatever its command does: a user, a group, a program or a
// folder is missing. It is "" where nothing is.
func (e *Engine) failsFor(ctx context.Context, t *task.Task) string {
	found := e.doctorIdentity(ctx, t)
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Severity == findError })
	if i < 0 {
		return ""
	}
	return found[i].Detail
}

// explainIdentity adds the check whether a run could begin. What is missing keeps no slot from being started: the run is
// made, and is on record as one that failed.
func (e *Engine) explainIdentity(ctx context.Context, x *Explanation, t *task.Task) {
	why := e.failsFor(ctx, t)
	if why == "" {
		x.Checks = append(x.Checks, task.Check{Name: "identity", Pass: true, Detail: "its user, group, working directory and program are there"})
		return
	}
	x.Checks = append(x.Checks, task.Check{Name: "identity", Detail: why})
	if x.Run {
		x.Verdict += ", and the run ends as error: " + why
	}
}
