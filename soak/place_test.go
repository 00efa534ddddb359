package soak_test

import (
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"om/task"
)

// place is a time in which services were on a node, which had their disk: perhaps from the first instant to the last, and
// surely between the others. To leave takes its time, in which runs are ended.
type place struct {
	node                    string
	from, since, until, end instant
}

// instant is a moment by the host's clock, and in seconds since the host was started, which tasks know too.
type instant struct {
	time.Time
	up float64
}

func instantNow() instant {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // there is one
	return instant{time.Now(), float64(t.Nano()) / 1e9}
}

// ownerAt is the node that had the services at a moment, or may have had them; "" where there is one node alone.
func (h *history) ownerAt(at time.Time) string {
	for _, p := range h.places {
		if !p.from.After(at) && !p.end.Before(at) {
			return p.node
		}
	}
	return ""
}

// wasDown says that a node was down at some moment of a time.
func (h *history) wasDown(node string, from, to time.Time) bool {
	return slices.ContainsFunc(h.spans, func(s span) bool {
		return s.what == "down" && s.whom == node && s.from.Before(to) && s.end.After(from)
	})
}

// nodeOf is the node whose record a file is; "" where there is one node alone.
func (h *history) nodeOf(path string) string {
	if len(h.places) > 0 && path == filepath.Join(h.state, "om.db") {
		return h.node
	}
	return h.others[path]
}

// moves says that the record of a task moves from node to node.
func (h *history) moves(id task.ID) bool { return len(h.places) > 0 && h.own[id.Service] != "" }

// died says that the node of a run died, or its supervisor was killed there.
func (w *world) died(r task.Run) bool { return w.dead[r.BootID] || w.dead[holderName(r.BootID, r.PID)] }

// evicted says that a run was ended as its service left the node.
func (h *history) evicted(r task.Run) bool {
	return h.moves(r.Task) && slices.ContainsFunc(h.places, func(p place) bool {
		return p.node == r.Node && !r.EndedAt.Before(h.shown(p.until.Time)) && r.StartedAt.Before(h.shown(p.end.Time))
	})
}

// resolution is how exactly tasks know the time.
const resolution = 0.02

// checkPlaces: each start, each decision and each claim is of a time in which that node had the service.
func (h *history) checkPlaces() {
	for _, m := range h.marks {
		inside := func(p place) bool {
			return p.node == m.node && m.up >= p.from.up-resolution && m.up <= p.end.up+resolution
		}
		switch {
		case !h.moves(m.task):
		case m.begin && !slices.ContainsFunc(h.places, inside):
			h.fault("%s slot %s: run %s began on %s, which DID NOT HAVE the service then (up %v)", m.task, short(m.slot), m.run, m.node, m.up)
		case h.runs[m.run].Node != m.node:
			h.fault("%s slot %s: run %s began on %s, and is on record as one of %s", m.task, short(m.slot), m.run, m.node, h.runs[m.run].Node)
		}
	}
	for _, e := range h.log {
		if !h.moves(e.Task) || e.node != "" {
			continue
		}
		switch owner := h.ownerAt(e.at); {
		case owner == "":
			h.fault("%s: a %s was recorded at %s, when NO NODE had the service", e.Task, e.kind, short(e.at))
		case e.kind == "claim" && h.runs[e.RunID].Node != owner:
			h.fault("%s: run %s of %s was claimed at %s, when %s had the service", e.Task, e.RunID, h.runs[e.RunID].Node, short(e.at), owner)
		}
	}
}
