package engine

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"om/task"
)

// resolver has what resolving a task needs from this node, for one run.
func (e *Engine) resolver(run task.Run) task.Resolver {
	return task.Resolver{
		Now: e.Now, Users: e.Users, EUID: e.EUID, EGID: os.Getegid(), Allow: e.allow(),
		RunID: run.ID, Slot: run.Slot, Host: e.hostZone(run), Attempt: max(run.Attempt, 1), Origin: run.Origin, Node: e.Node.Name,
	}
}

// hostZone is the zone of the host, for a run of a slot.
func (e *Engine) hostZone(run task.Run) *time.Location {
	if run.Slot.IsZero() {
		return nil
	}
	zone, err := e.Node.Zone(&task.Task{})
	if err != nil {
		return nil
	}
	return zone.Location()
}

// resolver adds what the request overrides.
func (r *runner) resolver(run task.Run) task.Resolver {
	res := r.Engine.resolver(run)
	res.Extra, res.Timeout, res.Interactive = r.req.Env, r.req.Timeout, r.req.Interactive
	res.Live, res.Missed, res.Locale = r.req.Live, r.missed, r.locale
	return res
}

// allow is the node's policy on whom root's om may run a task as, and in which groups; nil where it has
// none. Root's om may always be root, in root's own groups.
func (e *Engine) allow() func(task.User) error {
	policy := e.Node.Impersonate
	if policy == nil || e.EUID != 0 {
		return nil
	}
	return func(u task.User) error {
		if u.UID != 0 && !e.listed(policy.Allow, u) {
			return task.Errorf(task.ErrPermission, "user %s: [impersonate] allow = %s in node.conf does not have it",
				u.Name, strings.Join(policy.Allow, " "))
		}
		return e.allowGroups(policy.Allow, u)
	}
}

func (e *Engine) listed(allowed []string, u task.User) bool {
	for _, word := range allowed {
		name, group := strings.CutPrefix(word, "@")
		if word == u.Name || word == fmt.Sprint(u.UID) || group && e.Users.Member(u, name) {
			return true
		}
	}
	return false
}

// allowGroups refuses groups that are neither the user's own nor allowed as "@group": with the group
// shadow or disk anybody is as good as root.
func (e *Engine) allowGroups(allowed []string, u task.User) error {
	own, err := e.Users.Lookup(context.Background(), u.Name, e.Now())
	if err != nil {
		own = task.User{}
	}
	for _, gid := range append(slices.Clone(u.Groups), u.GID) {
		ok := slices.Contains(own.Groups, gid) || gid == own.GID && err == nil
		for _, word := range allowed {
			if name, group := strings.CutPrefix(word, "@"); group && !ok {
				id, err := e.Users.GroupID(context.Background(), name)
				ok = err == nil && id == gid
			}
		}
		if !ok {
			return task.Errorf(task.ErrPermission, "user %s: group %d is not its own, and [impersonate] allow = %s in node.conf does not have it",
				u.Name, gid, strings.Join(allowed, " "))
		}
	}
	return nil
}
