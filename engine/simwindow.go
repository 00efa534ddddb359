package engine

import (
	"math"
	"slices"
	"time"
)

// window is a time with the slots of all walkers. It is divided into parts, minutes where all slots are on whole minutes and
// else seconds, so that each slot is the begin of a part. Starts and ends are counted by parts: that is all there is to do for a
// window in which nothing else happens. In others, slots and ends are put in order, and told one by one.
type window struct {
	until  time.Time
	base   int64 // the begin of the first part, in seconds
	unit   int64 // the length of a part
	steps  []step
	told   int     // how many of them are told
	starts []int32 // by parts
	gone   []int32 // the ends up to the begin of a part, and after that of the one before
	beyond []int64 // the ends after the begin of the last part, in microseconds
	late   []int64 // the ends of runs of windows before

	counted bool    // starts and ends were counted by parts
	sorted  bool    // steps and ends are in order
	ends    []int64 // all of them, then
	over    int     // how many of them are

	places []int32 // to sort
	steps2 []step
	ends2  []int64
}

// The lengths of a part.
const (
	inMinutes = 60
	inSeconds = 1
)

// step is a slot of a walker: its part, and the walker.
type step uint64

func newStep(part int64, walker int) step {
	return step(part)<<32 | step(walker) //nolint:gosec // neither is negative
}

func (s step) part() int64 { return int64(s >> 32) } //nolint:gosec // of 32 bits

func (s step) walker() int { return int(s & math.MaxUint32) } //nolint:gosec // of 32 bits

// at is the instant of a step, in seconds.
func (w *window) at(s step) int64 { return w.base + s.part()*w.unit }

// begin begins a window, after another. What is late then are the runs that go on.
func (w *window) begin(from, until time.Time) {
	switch {
	case w.sorted:
		w.late = append(w.late[:0], w.ends[w.over:]...)
	case w.counted:
		w.late = append(w.late, w.beyond...)
	}
	w.until = until
	w.base = from.Unix() - from.Unix()%inMinutes
	w.steps, w.told, w.counted, w.sorted = w.steps[:0], 0, false, false
	w.divide()
}

// divide makes the parts of a window.
func (w *window) divide() {
	n := int((ceiled(w.until) - w.base + w.unit - 1) / w.unit)
	w.starts, w.gone = zeros(w.starts, n), zeros(w.gone, n)
	w.beyond = w.beyond[:0]
}

func zeros(all []int32, n int) []int32 {
	all = slices.Grow(all[:0], n)[:n]
	clear(all)
	return all
}

// partOf is the first part whose begin is not before the end of a run.
func (w *window) partOf(end int64) int {
	if end -= w.base * 1e6; end <= 0 {
		return 0
	}
	return int((end + w.unit*1e6 - 1) / (w.unit * 1e6))
}

// add adds slots of a walker, and the ends of its runs.
func (w *walk) add(slots []int64, walker int, took int64) {
	lasts := (took + w.unit*1e6 - 1) / (w.unit * 1e6) // parts
	for i, at := range slots {
		part := at - w.base
		if w.unit == inMinutes {
			if part /= inMinutes; w.base+part*inMinutes != at {
				w.refine()
				w.add(slots[i:], walker, took)
				return
			}
		}
		w.steps = append(w.steps, newStep(part, walker))
		w.starts[part]++
		if part += lasts; part < int64(len(w.gone)) {
			w.gone[part]++
		} else {
			w.beyond = append(w.beyond, at*1e6+took)
		}
	}
}

// refine divides by seconds, from now on.
func (w *walk) refine() {
	steps := w.steps
	w.steps, w.unit = nil, inSeconds
	w.divide()
	for _, s := range steps {
		w.add([]int64{w.base + s.part()*inMinutes}, s.walker(), w.all[s.walker()].took)
	}
}

// count counts the runs of a window by parts.
func (m *simulator) count() {
	w := &m.walk
	w.counted = true
	parts := len(w.gone)
	late := w.late[:0]
	for _, end := range w.late {
		if part := w.partOf(end); part < parts {
			w.gone[part]++
		} else {
			late = append(late, end)
		}
	}
	w.late = late
	for len(m.quiet) > 0 && w.partOf(int64(m.quiet[0])) < parts {
		w.gone[w.partOf(int64(m.quiet.pop()))]++
	}
	for part, n := range w.starts {
		m.open -= int(w.gone[part])
		if n > 0 {
			m.open += int(n)
			m.countStarts(time.Unix(w.base+int64(part)*w.unit, 0).UTC(), int(n))
		}
	}
}

// sort puts the steps and the ends of a window in order, once.
func (w *walk) sort() {
	if w.sorted {
		return
	}
	w.sorted, w.over = true, 0
	w.order()
	w.ends = append(w.ends[:0], w.late...)
	for _, s := range w.steps {
		w.ends = append(w.ends, w.at(s)*1e6+w.all[s.walker()].took)
	}
	w.ends, w.ends2 = sortEnds(w.ends, w.ends2, w.base)
}

// order puts the steps in order, those of one instant in that of the walkers.
func (w *window) order() {
	w.places = zeros(w.places, len(w.starts))
	n := int32(0)
	for i, count := range w.starts {
		w.places[i] = n
		n += count
	}
	w.steps2 = slices.Grow(w.steps2[:0], len(w.steps))[:len(w.steps)]
	for _, s := range w.steps {
		p := &w.places[s.part()]
		w.steps2[*p] = s
		*p++
	}
	w.steps, w.steps2 = w.steps2, w.steps
}

// sortEnds sorts moments in microseconds, none before a second, and returns them and the other slice.
func sortEnds(all, room []int64, from int64) (sorted, other []int64) {
	all, room = sortBySecond(all, room, from)
	for i, n := 0, 0; i < len(all); i = n {
		inOrder := true
		for n = i + 1; n < len(all) && all[n]/1e6 == all[i]/1e6; n++ {
			inOrder = inOrder && all[n-1] <= all[n]
		}
		if !inOrder {
			slices.Sort(all[i:n])
		}
	}
	return all, room
}

// sortBySecond sorts by whole seconds, those of the same one as they were.
func sortBySecond(all, room []int64, from int64) (sorted, other []int64) {
	key := func(x int64) uint64 { return uint64(x/1e6 - from) } //nolint:gosec // not negative
	var most uint64
	for _, x := range all {
		most = max(most, key(x))
	}
	room = slices.Grow(room[:0], len(all))[:len(all)]
	const bits = 11
	for shift := 0; most>>shift > 0; shift += bits {
		var places [1 << bits]int
		for _, x := range all {
			places[key(x)>>shift&(1<<bits-1)]++
		}
		n := 0
		for i, count := range &places {
			places[i] = n
			n += count
		}
		for _, x := range all {
			p := &places[key(x)>>shift&(1<<bits-1)]
			room[*p] = x
			*p++
		}
		all, room = room, all
	}
	return all, room
}
