package soak_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"om/task"
)

// pictureWidth is how many columns time has.
const pictureWidth = 120

// picture draws what happened: a row for each task, and one for the nemesis. Where more than one thing is in a
// column the worst is shown.
//
//	.  a slot that was decided against: s skip, m missed, x expired, ? pending
//	r  a run, complete; e error, c cancelled, L lost, R in progress
//	K  kills; other letters are the first of what the nemesis did
//	=  the services are on that node, where they move
func (w *world) picture() string {
	h := w.read()
	from, to := h.span()
	if !to.After(from) {
		return "nothing happened"
	}
	column := func(at time.Time) int {
		return int(max(0, min(pictureWidth-1, int64(pictureWidth)*int64(at.Sub(from))/int64(to.Sub(from)))))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "from %s to %s: s skip, m missed, x expired, ? pending, r complete, e error, c cancelled, L lost, R running; K kills\n", short(from), short(to))
	var ids []task.ID
	for id := range h.slots {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b task.ID) int { return strings.Compare(a.String(), b.String()) })
	for _, id := range ids {
		line := []byte(strings.Repeat(".", pictureWidth))
		for _, s := range h.slots[id] {
			for i := column(s.At); i <= column(s.Last); i++ {
				line[i] = worse(line[i], h.letter(s))
			}
		}
		fmt.Fprintf(&b, "%-20s %s\n", id, line)
	}
	for _, name := range h.owners() {
		line := []byte(strings.Repeat(".", pictureWidth))
		for _, p := range w.places {
			for i := column(w.shown(p.from.Time)); p.node == name && i <= column(w.shown(p.end.Time)); i++ {
				line[i] = '='
			}
		}
		fmt.Fprintf(&b, "%-20s %s\n", name, line)
	}
	line := []byte(strings.Repeat(".", pictureWidth))
	for _, e := range w.events {
		letter := strings.ToUpper(e.what[:1])[0]
		line[column(w.shown(e.at))] = worse(line[column(w.shown(e.at))], letter)
	}
	fmt.Fprintf(&b, "%-20s %s\n", "nemesis", line)
	return b.String()
}

// owners are the nodes that services were on.
func (h *history) owners() (names []string) {
	for _, p := range h.places {
		names = append(names, p.node)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// span is the time of all slots.
func (h *history) span() (from, to time.Time) {
	for _, slots := range h.slots {
		for _, s := range slots {
			if from.IsZero() || s.At.Before(from) {
				from = s.At
			}
			if s.Last.After(to) {
				to = s.Last
			}
		}
	}
	return from, to
}

func (h *history) letter(s task.Slot) byte {
	switch s.Decision {
	case task.SlotSkip:
		return 's'
	case task.SlotMissed:
		return 'm'
	case task.SlotExpired:
		return 'x'
	case task.SlotPending:
		return '?'
	}
	switch h.runs[s.RunID].State {
	case task.Complete:
		return 'r'
	case task.Lost:
		return 'L'
	case task.Cancelled:
		return 'c'
	case task.Running:
		return 'R'
	}
	return 'e'
}

// worse is the one of two letters that is to be seen.
func worse(a, b byte) byte {
	const order = ".rsmxceLR?TDSEBCAUFPK"
	if strings.IndexByte(order, b) > strings.IndexByte(order, a) {
		return b
	}
	return a
}
