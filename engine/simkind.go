package engine

import (
	"slices"
	"strings"
	"time"

	"om/service"
	"om/task"
)

// simKind are calm tasks that are alike: what is decided about the next slot of one that is idle is decided about that of each
// other that is.
type simKind struct {
	all    []*memo
	steady bool // the others have become steady with one
}

// likeness is all that decisions about a calm task depend on, besides its schedule and how long its runs take. What is not in
// here makes the command, or tells what becomes of a run that ends otherwise than those of calm tasks do.
type likeness struct {
	service string // "" for those that are plain

	disable, confirmation, interactive, optional, standby, monitor bool

	parallel int
	overlap  task.Overlap
	check    task.CheckMode
	requires int
	locks    string
	runOn    string
	runTimes int
	manual   bool
	catchup  string
	window   time.Duration
	limit    int
}

func likenessOf(t *task.Task) likeness {
	p := &t.Plan
	return likeness{
		disable: t.Disable, confirmation: t.Confirmation, interactive: t.Interactive, optional: t.Optional, standby: t.Standby, monitor: t.Monitor,
		parallel: t.MaxParallel, overlap: t.Overlap, check: t.Check, requires: len(t.Requires), locks: p.Locks, runOn: strings.Join(p.RunOn, " "),
		runTimes: p.RunTimes, manual: p.ManualCounts, catchup: p.Catchup, window: p.CatchupWindow, limit: p.CatchupLimit,
	}
}

// kindOf finds the kind of a calm task, among those of its service, or of all services that are plain.
func (m *simulator) kindOf(svc *service.Service, t *task.Task) *simKind {
	like := likenessOf(t)
	if !m.plain(svc) || like.runOn != "" {
		like.service = svc.Path
	}
	if m.kinds[like] == nil {
		m.kinds[like] = &simKind{}
	}
	return m.kinds[like]
}

// plain says that nothing of a service itself bears on what is decided about its tasks.
func (m *simulator) plain(svc *service.Service) bool {
	_, frozen := m.db.freezes[svc.Path]
	return !frozen && !svc.Disable && svc.Elsewhere() == "" && !svc.Several() && svc.StateFile == "" && !slices.ContainsFunc(svc.Resources, followed)
}

// alsoSteady has the others of a kind become steady with one of them, where they are idle: they are due at the next slot of their
// schedule, and nothing of them runs or waits.
func (m *simulator) alsoSteady(k *memo) {
	kind := k.known.kind
	if kind.steady {
		return
	}
	kind.steady = true
	for _, o := range kind.all {
		if o.steady == nil && o.idle() {
			m.makeSteady(o, 0)
		}
	}
}

// idle says that a task waits for the next slot of its schedule, and for nothing else.
func (k *memo) idle() bool {
	c := &k.cursor
	if !k.queued || k.walks || len(k.pending)+len(k.open) > 0 || !c.Retry.At.IsZero() {
		return false
	}
	next, ok := k.known.cal.Next(c.At, c.At)
	return ok && next.Equal(c.Next)
}
