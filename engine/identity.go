package engine

import (
	"fmt"
	"os"
	"strings"

	"om/task"
)

// resolver has what resolving a task needs from this node, for one run.
func (e *Engine) resolver(run task.Run) task.Resolver {
	return task.Resolver{
		Now: e.Now, Users: e.Users, EUID: e.EUID, EGID: os.Getegid(), Allow: e.allow(),
		RunID: run.ID, Slot: run.Slot, Attempt: max(run.Attempt, 1), Origin: run.Origin, Node: e.Node.Name,
	}
}

// resolver adds what the request overrides.
func (r *runner) resolver(run task.Run) task.Resolver {
	res := r.Engine.resolver(run)
	res.Extra, res.Timeout, res.Interactive = r.req.Env, r.req.Timeout, r.req.Interactive
	res.Live = r.req.Live
	return res
}

// allow is the node's policy on whom root's om may run a task as; nil where it has none.
func (e *Engine) allow() func(task.User) error {
	policy := e.Node.Impersonate
	if policy == nil || e.EUID != 0 {
		return nil
	}
	return func(u task.User) error {
		for _, word := range policy.Allow {
			if word == u.Name || word == fmt.Sprint(u.UID) || e.inGroup(u, word) {
				return nil
			}
		}
		return task.Errorf(task.ErrPermission, "user %s: [impersonate] allow = %s in node.conf does not have it",
			u.Name, strings.Join(policy.Allow, " "))
	}
}

func (e *Engine) inGroup(u task.User, word string) bool {
	name, ok := strings.CutPrefix(word, "@")
	return ok && e.Users.Member(u, name)
}
