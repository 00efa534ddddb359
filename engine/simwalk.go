package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"om/schedule"
	"om/task"
)

// walker is a steady task that is walked ahead of the simulation, for a window of time: one task after the other, which is many
// times cheaper than to go from one to another with each slot.
type walker struct {
	memo   *memo
	cal    *schedule.Schedule
	took   int64 // in microseconds
	ends   int64 // the end of its last run
	at     int64 // its last slot, in seconds
	next   int64 // the one after it
	walked bool  // some slots were
	landed bool  // it is walked no more
}

// walk is what goes on with the tasks that are walked ahead. Their slots are told when their time comes.
type walk struct {
	window

	fresh []*memo // have become steady
	all   []walker
	size  time.Duration // of the next window
	list  []int64

	landed int          // walkers that are walked no more
	names  []walkerName // of all of them: what is told needs no more
	said   Simulated    // of the last step that was told
	saidAt int64        // its slot
	took   int64        // its run
}

// walkerName is what is told of a walker with each of its slots.
type walkerName struct {
	service, rid string
	took         int64
}

// Windows have about as many slots as fit into the cache of a processor.
const (
	firstWindow = time.Minute
	longWindow  = 7 * day
	day         = 24 * time.Hour
	manySteps   = 1 << 17
)

// walkTo tells the slots of walkers up to the next thing that happens, and returns when that is.
func (m *simulator) walkTo(ctx context.Context, next time.Time) (time.Time, error) {
	w := &m.walk
	for next.After(w.until) {
		m.tellWindow()
		if len(w.all)+len(w.fresh) == 0 {
			w.until = next
			break
		}
		if m.failed != nil || ctx.Err() != nil {
			m.now = w.until
			return next, cmp.Or(m.failed, context.Cause(ctx))
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
		m.tellWindow()
		if m.failed != nil || ctx.Err() != nil {
			m.now = m.walk.until
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
	if d, down := m.off(from); down {
		for i := range w.all {
			m.land(&w.all[i], from)
		}
		w.all, w.names, w.landed = w.all[:0], w.names[:0], 0
		for _, kind := range m.kinds {
			kind.steady = false
		}
		w.begin(from, d.To)
		return
	}
	w.begin(from, m.windowEnd(from))
	m.join(from)
	for i := range w.all {
		if x := &w.all[i]; !w.walk(x, i) {
			m.land(x, from)
		}
	}
	if n := len(w.steps); n < manySteps/8 {
		w.size = min(4*w.size, longWindow)
	} else if n > manySteps {
		w.size = max(w.size/2, time.Minute)
	}
}

func (m *simulator) windowEnd(from time.Time) time.Time {
	size := m.walk.size
	if m.walk.unit == inSeconds {
		size = min(size, day)
	}
	until := earlier(from.Add(size), m.req.To)
	for _, d := range m.req.Down {
		if d.From.After(from) {
			until = earlier(until, d.From)
		}
	}
	return until
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
	if w.landed > 0 {
		w.all = slices.DeleteFunc(w.all, func(x walker) bool { return x.landed })
		w.landed, w.names = 0, w.names[:0]
	}
	later := w.fresh[:0]
	for _, k := range w.fresh {
		switch s := k.steady; {
		case s == nil || !k.queued || k.walks || k.cursor.Next.Before(from):
			k.fresh = false
		case s.ends > from.UnixMicro():
			later = append(later, k)
		default:
			k.fresh, k.walks, k.queued, k.steady = false, true, false, nil
			w.all = append(w.all, walker{memo: k, cal: s.cal, took: s.took, ends: s.ends, at: k.cursor.At.Unix(), next: k.cursor.Next.Unix()})
		}
	}
	w.fresh = later
	for i := len(w.names); i < len(w.all); i++ {
		id := &w.all[i].memo.id
		w.names = append(w.names, walkerName{id.Service, id.RID, w.all[i].took})
	}
}

// walk walks a walker to the end of the window. It returns false where a slot comes that has to be decided: the run before
// it goes on, or it is the last.
func (w *walk) walk(x *walker, index int) bool {
	until := ceiled(w.until)
	switch {
	case x.next >= until:
		return true
	case x.ends > x.next*1e6:
		return false
	}
	w.list = x.cal.Slots(append(w.list[:0], x.next), x.next, until)
	n := len(w.list) - 1
	for i := 1; i < n; i++ {
		if w.list[i]*1e6-w.list[i-1]*1e6 < x.took {
			n = i
		}
	}
	w.add(w.list[:n], index, x.took)
	if x.next = w.list[n]; n > 0 {
		x.at, x.walked = w.list[n-1], true
		x.ends = x.at*1e6 + x.took
	}
	return x.next >= until
}

// land gives a task back to the scheduler, with its last run where that goes on.
func (m *simulator) land(x *walker, from time.Time) {
	k := x.memo
	if x.landed {
		return
	}
	x.landed, k.walks = true, false
	m.walk.landed++
	zone := x.cal.Zone().Location()
	at := time.Unix(x.at, 0).In(zone)
	if x.walked {
		k.cursor.At = at
	}
	k.cursor.Next = time.Unix(x.next, 0).In(zone)
	m.db.queue(k)
	if !x.walked || x.ends <= from.UnixMicro() {
		return
	}
	run := task.Run{
		ID: m.newID(k.id), Task: k.id, Slot: at.UTC(), Origin: task.Scheduled, Attempt: 1, BootID: m.holder.BootID, PID: m.holder.PID, PIDStart: m.holder.PIDStart,
		StartedAt: at.UTC(), QueuedAt: at.UTC(),
	}
	m.db.claim(k, run)
	m.willEnd(simEnd{at: x.ends, id: k.id, run: run.ID, state: task.Complete, start: run.StartedAt, counted: true})
}

// tellWindow tells the rest of a window. Where nothing was decided in it, its runs are counted all at once.
func (m *simulator) tellWindow() {
	w := &m.walk
	if w.sorted || w.told > 0 || m.failed != nil {
		m.tellSteps(w.until.UnixMicro() - 1)
		return
	}
	m.count()
	w.told = len(w.steps)
	if m.each == nil {
		return
	}
	w.order()
	for _, s := range w.steps {
		if m.failed = m.each(m.stepOf(s)); m.failed != nil {
			return
		}
	}
}

// tellSteps tells the slots up to a moment.
func (m *simulator) tellSteps(until int64) {
	w := &m.walk
	if w.told == len(w.steps) {
		return
	}
	for w.sort(); w.told < len(w.steps) && m.failed == nil; w.told++ {
		s := w.steps[w.told]
		at := w.at(s) * 1e6
		if at > until {
			break
		}
		m.countEnds(at)
		m.open++
		m.failed = m.started(m.stepOf(s))
	}
}

// stepOf is what is told of a step. It lasts until the next.
func (m *simulator) stepOf(s step) *Simulated {
	w := &m.walk
	by, x := &w.names[s.walker()], &w.said
	if at := w.at(s); at != w.saidAt || by.took != w.took {
		slot := time.Unix(at, 0).UTC()
		x.At, x.Slot, x.Last, x.Start, x.End = slot, slot, slot, slot, time.UnixMicro(at*1e6+by.took).UTC()
		w.saidAt, w.took = at, by.took
	}
	x.Service, x.Task = by.service, by.rid
	return x
}

// countEnds counts the ends up to a moment of runs that the record does not have. Nothing waits for them.
func (m *simulator) countEnds(until int64) {
	w := &m.walk
	if w.counted {
		return
	}
	w.sort()
	for ; w.over < len(w.ends) && w.ends[w.over] <= until; w.over++ {
		m.open--
	}
	for ; len(m.quiet) > 0 && int64(m.quiet[0]) <= until; m.quiet.pop() {
		m.open--
	}
}
