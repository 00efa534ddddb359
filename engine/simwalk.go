package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"om/schedule"
	"om/task"
)

// walker is a steady task that is walked ahead of the simulation, slot by slot for a window of time: one task after the
// other, which is many times cheaper than to go from one to another with each slot.
type walker struct {
	memo   *memo
	cal    *schedule.Schedule
	took   int64 // in microseconds
	ends   int64 // the end of its last run
	at     time.Time
	next   time.Time // the slot after it
	walked bool      // some slots were
	landed bool      // it is walked no more
}

// step is a slot of a walker.
type step struct {
	at     int64 // in seconds
	walker int
}

// walk is a window of time with the slots of all walkers. They are told when their time comes.
type walk struct {
	fresh  []*memo // have become steady
	all    []walker
	steps  []step  // in the order of time
	told   int     // how many of them are told
	ends   []int64 // of their runs, in microseconds, in the order of time
	over   int     // how many of them are over
	until  time.Time
	window time.Duration
	said   Simulated

	steps2 []step // to sort
	ends2  []int64
}

// Windows have about as many slots as fit into the cache of a processor.
const (
	firstWindow = time.Minute
	longWindow  = 7 * 24 * time.Hour
	manySteps   = 1 << 17
)

// walkTo tells the slots of walkers up to the next thing that happens, and returns when that is.
func (m *simulator) walkTo(ctx context.Context, next time.Time) (time.Time, error) {
	w := &m.walk
	for next.After(w.until) {
		m.tellSteps(w.until.UnixMicro() - 1)
		if len(w.all)+len(w.fresh) == 0 {
			w.until = next
			break
		}
		if ctx.Err() != nil {
			return next, context.Cause(ctx)
		}
		m.roll()
		var err error
		if next, err = m.next(ctx); err != nil {
			return next, err
		}
	}
	m.tellSteps(next.UnixMicro() - 1)
	return next, m.failed
}

// landFor tells the slots up to a time in which the loop is down, and has all walkers land.
func (m *simulator) landFor(ctx context.Context, down Span) error {
	for m.walk.until.Before(down.To) {
		m.tellSteps(m.walk.until.UnixMicro() - 1)
		if m.failed != nil || ctx.Err() != nil {
			return cmp.Or(m.failed, context.Cause(ctx))
		}
		m.roll()
	}
	return nil
}

// roll begins the window after the last one. It ends where the loop is down; there, all land.
func (m *simulator) roll() {
	w := &m.walk
	from := w.until
	m.countEnds(from.UnixMicro() - 1)
	w.steps, w.told = w.steps[:0], 0
	w.ends, w.over = append(w.ends[:0], w.ends[w.over:]...), 0
	if d, down := m.off(from); down {
		for i := range w.all {
			m.land(&w.all[i], from)
		}
		w.all, w.until = w.all[:0], d.To
		return
	}
	w.until = earlier(from.Add(w.window), m.req.To)
	for _, d := range m.req.Down {
		if d.From.After(from) {
			w.until = earlier(w.until, d.From)
		}
	}
	m.join(from)
	until := ceiled(w.until)
	for i := range w.all {
		if x := &w.all[i]; !w.walk(x, i, until) {
			m.land(x, from)
		}
	}
	w.sort(from.Unix())
	if n := len(w.steps); n < manySteps/8 {
		w.window = min(4*w.window, longWindow)
	} else if n > manySteps {
		w.window = max(w.window/2, time.Second)
	}
}

func ceiled(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// join takes up the tasks that have become steady and of which nothing runs, in the place of those that have landed.
func (m *simulator) join(from time.Time) {
	w := &m.walk
	kept := w.all[:0]
	for i := range w.all {
		if !w.all[i].landed {
			kept = append(kept, w.all[i])
		}
	}
	clear(w.all[len(kept):])
	w.all = kept
	later := w.fresh[:0]
	for _, k := range w.fresh {
		switch s := k.steady; {
		case s == nil || !k.queued || k.walks || k.cursor.Next.Before(from):
			k.fresh = false
		case s.ends > from.UnixMicro():
			later = append(later, k)
		default:
			k.fresh, k.walks, k.queued, k.steady = false, true, false, nil
			w.all = append(w.all, walker{memo: k, cal: s.cal, took: s.took, ends: s.ends, at: k.cursor.At, next: k.cursor.Next})
		}
	}
	w.fresh = later
}

// walk walks a walker to the end of the window. It returns false where a slot comes that has to be decided: the run before
// it goes on, or it is the last.
func (w *walk) walk(x *walker, index int, until int64) bool {
	for {
		at := x.next.Unix()
		if at >= until {
			return true
		}
		after, more := x.cal.Next(x.next, x.next)
		if x.ends > at*1e6 || !more || !after.After(x.next) {
			return false
		}
		w.steps = append(w.steps, step{at, index})
		x.ends, x.at, x.next, x.walked = at*1e6+x.took, x.next, after, true
		w.ends = append(w.ends, x.ends)
	}
}

// land gives a task back to the scheduler, with its last run where that goes on.
func (m *simulator) land(x *walker, from time.Time) {
	k := x.memo
	if x.landed {
		return
	}
	x.landed, k.walks = true, false
	k.cursor.At, k.cursor.Next = x.at, x.next
	m.db.queue(k)
	if !x.walked || x.ends <= from.UnixMicro() {
		return
	}
	run := task.Run{
		ID: m.newID(k.id), Task: k.id, Slot: x.at.UTC(), Origin: task.Scheduled, Attempt: 1, BootID: m.holder.BootID, PID: m.holder.PID, PIDStart: m.holder.PIDStart,
		StartedAt: x.at.UTC(), QueuedAt: x.at.UTC(),
	}
	m.db.claim(k, run)
	m.willEnd(simEnd{at: x.ends, id: k.id, run: run.ID, state: task.Complete, start: run.StartedAt, counted: true})
}

// tellSteps tells the slots up to a moment.
func (m *simulator) tellSteps(until int64) {
	w := &m.walk
	x := &w.said
	for ; w.told < len(w.steps) && m.failed == nil; w.told++ {
		s := &w.steps[w.told]
		at := s.at * 1e6
		if at > until {
			break
		}
		by := &w.all[s.walker]
		m.countEnds(at)
		m.open++
		slot := time.Unix(s.at, 0).UTC()
		x.Service, x.Task = by.memo.id.Service, by.memo.id.RID
		x.At, x.Slot, x.Last, x.Start, x.End = slot, slot, slot, slot, time.UnixMicro(at+by.took).UTC()
		m.failed = m.started(x)
	}
}

// countEnds counts the ends up to a moment of runs that the record does not have, and says whether there were any.
func (m *simulator) countEnds(until int64) (some bool) {
	w := &m.walk
	for ; w.over < len(w.ends) && w.ends[w.over] <= until; w.over++ {
		m.open--
		some = true
	}
	for ; len(m.quiet) > 0 && int64(m.quiet[0]) <= until; m.quiet.pop() {
		m.open--
		some = true
	}
	return some
}

// sort puts the slots and the ends of a window in order. from is before all of them.
func (w *walk) sort(from int64) {
	w.steps, w.steps2 = sortBy(w.steps, w.steps2, func(s *step) uint64 { return uint64(s.at - from) })    //nolint:gosec // not negative
	w.ends, w.ends2 = sortBy(w.ends, w.ends2, func(e *int64) uint64 { return uint64(*e/1e6 - from + 1) }) //nolint:gosec // not negative
	for i, n := 0, 0; i < len(w.ends); i = n {                                                            // and those of one second
		sorted := true
		for n = i + 1; n < len(w.ends) && w.ends[n]/1e6 == w.ends[i]/1e6; n++ {
			sorted = sorted && w.ends[n-1] <= w.ends[n]
		}
		if !sorted {
			slices.Sort(w.ends[i:n])
		}
	}
}

// sortBy sorts by a key of whole numbers, those with the same key as they were. It returns the sorted and the other slice.
func sortBy[T any](all, room []T, key func(*T) uint64) (sorted, other []T) {
	var most uint64
	for i := range all {
		most = max(most, key(&all[i]))
	}
	if cap(room) < len(all) {
		room = make([]T, len(all), cap(all))
	}
	const bits = 11
	for shift := 0; most>>shift > 0; shift += bits {
		var places [1 << bits]int
		for i := range all {
			places[key(&all[i])>>shift&(1<<bits-1)]++
		}
		n := 0
		for i, count := range &places {
			places[i] = n
			n += count
		}
		room = room[:len(all)]
		for i := range all {
			p := &places[key(&all[i])>>shift&(1<<bits-1)]
			room[*p] = all[i]
			*p++
		}
		all, room = room, all
	}
	return all, room
}
