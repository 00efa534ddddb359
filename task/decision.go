package task

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Facts is all that a decision may depend on. What is not in here cannot influence it.
type Facts struct {
	// Now is the moment of the decision.
	Now time.Time
	// Origin is who asks.
	Origin Origin
	// Force is set where a person insists: it overrides requirements, nodes, frozen, overlap and locks,
	// never disable, identity or confirmation.
	Force bool
	// Running lists the ids of the runs of the task in progress.
	Running []string
	// Held has those of the task's locks that have no place left.
	Held []Held
	// Frozen and NodeFrozen say since when and by whom the service or the node is frozen; "" if not.
	Frozen, NodeFrozen string
	// Elsewhere is why the service is not for this node ("nodes = n2 n3"); "" if it is.
	Elsewhere string
	// Seen has the state of each subject of the task's requirements, in the same order.
	Seen []Seen
}

// Held is a lock without a place left, and the runs that have them.
type Held struct {
	Lock Lock
	By   []Run
}

// Seen is the state in which a requirement's subject was seen.
type Seen struct {
	Status Status
	// Known is false where the subject does not exist: the requirement fails closed.
	Known bool
	// Detail is what the probe had to say, if anything.
	Detail string
	// Blind is set where a look failed that the state depends on: nobody knows what it really is.
	Blind bool
}

// Check is one question of a decision, with its answer and one sentence that says why.
type Check struct {
	Name   string `json:"name"`
	Pass   bool   `json:"pass"`
	Forced bool   `json:"forced,omitempty"` // it does not pass, and a person overrode it
	Detail string `json:"detail"`
}

// Decision answers "may it run now?" as a value: every check is evaluated, also after one failed.
type Decision struct {
	Task   ID        `json:"-"`
	At     time.Time `json:"at"`
	Checks []Check   `json:"checks"`
}

// Run reports whether the task may run: each check passes or is forced.
func (d Decision) Run() bool { return len(d.Blockers()) == 0 }

// Blockers lists the checks that forbid the run, the first in the order of evaluation first.
func (d Decision) Blockers() []Check {
	var no []Check
	for _, c := range d.Checks {
		if !c.Pass && !c.Forced {
			no = append(no, c)
		}
	}
	return no
}

// Forced lists the checks that a person overrode.
func (d Decision) Forced() []Check {
	var forced []Check
	for _, c := range d.Checks {
		if c.Forced {
			forced = append(forced, c)
		}
	}
	return forced
}

// String returns the verdict and each check on a line of its own.
func (d Decision) String() string {
	var b strings.Builder
	verdict := "may run"
	if !d.Run() {
		verdict = "not now"
	}
	fmt.Fprintf(&b, "%s: %s\n", d.Task, verdict)
	for _, c := range d.Checks {
		fmt.Fprintf(&b, "  %-6s %-12s %s\n", c.mark(), c.Name, c.Detail)
	}
	return b.String()
}

func (c Check) mark() string {
	switch {
	case c.Pass:
		return "ok"
	case c.Forced:
		return "forced"
	}
	return "NO"
}

// Decide says whether t may run, given f. It has no side effect and no clock: the same arguments
// give the same value. The order of the checks is the order in which blockers are told:
// semantics of OpenSVC's requirements first fail in their written order.
func Decide(t Task, f Facts) Decision {
	d := Decision{Task: t.ID, At: f.Now}
	d.Checks = append(d.Checks, enabled(t), here(f), thawed(t, f), attended(t, f))
	for i, r := range t.Requires {
		d.Checks = append(d.Checks, required(r, f.seen(i)))
	}
	d.Checks = append(d.Checks, free(t, f))
	for _, l := range t.Plan.LockList() {
		d.Checks = append(d.Checks, unheld(l, f))
	}
	if f.Force {
		d.force()
	}
	return d
}

func (f Facts) seen(i int) Seen {
	if i < len(f.Seen) {
		return f.Seen[i]
	}
	return Seen{}
}

// force overrides what a person may override.
func (d *Decision) force() {
	for i := range d.Checks {
		c := &d.Checks[i]
		switch c.Name {
		case "requirement", "thawed", "free", "lock", "here":
			c.Forced = !c.Pass
		}
	}
}

func enabled(t Task) Check {
	if t.Disable {
		return Check{"enabled", false, false, fmt.Sprintf("%s is disabled: om %s enable --rid %s", t.ID.RID, t.ID.Service, t.ID.RID)}
	}
	return Check{"enabled", true, false, "the task is enabled"}
}

// here keeps a service on its nodes.
func here(f Facts) Check {
	if f.Elsewhere != "" {
		return Check{"here", false, false, "the service is not for this node: " + f.Elsewhere}
	}
	return Check{"here", true, false, "the service is for this node"}
}

func thawed(t Task, f Facts) Check {
	switch {
	case f.NodeFrozen != "":
		return Check{"thawed", false, false, "the node is frozen " + f.NodeFrozen + ": om thaw"}
	case f.Frozen != "":
		return Check{"thawed", false, false, "the service is frozen " + f.Frozen + ": om " + t.ID.Service + " thaw"}
	}
	return Check{"thawed", true, false, "neither the service nor the node is frozen"}
}

// attended keeps tasks that need a person away from schedules.
func attended(t Task, f Facts) Check {
	switch {
	case f.Origin == Manual:
		return Check{"attended", true, false, "a person asks"}
	case t.Confirmation:
		return Check{"attended", false, false, "the task asks for a confirmation and is never scheduled"}
	case t.Interactive:
		return Check{"attended", false, false, "the task is interactive and is never scheduled"}
	}
	return Check{"attended", true, false, "the task needs no person"}
}

func required(r Requirement, s Seen) Check {
	c := Check{Name: "requirement"}
	switch {
	case r.Impossible:
		c.Detail = "requires the impossible, which never holds"
	case !s.Known:
		c.Detail = fmt.Sprintf("requires %s %s, and there is no %s", r.Subject, r.StatesText(" or "), r.Subject)
	default:
		c.Pass = r.Met(s.Status)
		c.Detail = fmt.Sprintf("requires %s %s, it is %s", r.Subject, r.StatesText(" or "), s.Status)
		if s.Detail != "" {
			c.Detail += " (" + s.Detail + ")"
		}
	}
	return c
}

func free(t Task, f Facts) Check {
	limit, n := max(t.MaxParallel, 1), len(f.Running)
	if t.Overlap == OverlapAllow {
		return Check{"free", true, false, fmt.Sprintf("%d in progress, overlap is allowed", n)}
	}
	c := Check{"free", n < limit, false, fmt.Sprintf("%d of %d runs in progress", n, limit)}
	if !c.Pass {
		c.Detail = fmt.Sprintf("%s is already running: %s (%s)", t.ID.RID, strings.Join(f.Running, " "), c.Detail)
	}
	return c
}

// unheld keeps tasks apart that share a lock.
func unheld(l Lock, f Facts) Check {
	i := slices.IndexFunc(f.Held, func(h Held) bool { return h.Lock.Name == l.Name })
	if i < 0 {
		return Check{"lock", true, false, "lock " + l.Name + " has a place"}
	}
	return Check{"lock", false, false, f.Held[i].String()}
}

// String says who holds the lock.
func (h Held) String() string {
	words := make([]string, len(h.By))
	for i, run := range h.By {
		words[i] = fmt.Sprintf("%s (run %s)", run.Task, run.ID)
	}
	return "lock " + h.Lock.Name + " is held by " + strings.Join(words, ", ")
}
