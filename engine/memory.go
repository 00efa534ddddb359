package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"om/state"
	"om/task"
)

// memory is the record of a simulation. It keeps what later decisions depend on, and no history.
type memory struct {
	*state.DB // closed: who asks for what a simulation has not is told so

	tasks    map[task.ID]*memo
	services map[string][]*memo
	due      heap4[dueItem]
	taken    []*memo // out of the heap: they were due, and are being looked at
	waits    []*memo // have slots that wait, in their order
	runs     map[string]*memo
	sim      *simulator
	holds    []state.Hold
	freezes  map[string]state.Freeze
}

// memo is what is kept of a task.
type memo struct {
	id      task.ID
	known   *simTask
	place   int // in the order of all
	cursor  task.Cursor
	pending []task.Slot
	open    []task.Run // in progress, the oldest first
	ended   []task.Run // of the slots that may have another attempt, and the last
	queued  bool       // it is in the heap
	steady  *steady    // what is repeated; nil for nothing
	fresh   bool       // it is among those that have become steady
	walks   bool       // it is walked ahead
}

func newMemory(m *simulator) *memory {
	return &memory{
		sim: m,
		DB:  &state.DB{}, tasks: map[task.ID]*memo{}, services: map[string][]*memo{}, runs: map[string]*memo{},
		freezes: map[string]state.Freeze{},
	}
}

// add enters a task, once, in the order of services and rids as the record has it.
func (m *memory) add(c task.Cursor) *memo {
	k := &memo{id: c.Task, known: cmp.Or(m.sim.tasks[c.Task], &simTask{}), place: len(m.tasks), cursor: c}
	m.tasks[c.Task] = k
	if kind := k.known.kind; kind != nil {
		kind.all = append(kind.all, k)
	}
	m.services[c.Task.Service] = append(m.services[c.Task.Service], k)
	m.queue(k)
	return k
}

// dueAt is when a task is to be looked at; zero for never.
func (k *memo) dueAt() time.Time {
	at, retry := k.cursor.Next, k.cursor.Retry.At
	if at.IsZero() || !retry.IsZero() && retry.Before(at) {
		return retry
	}
	return at
}

// queue puts a task where it is due.
func (m *memory) queue(k *memo) {
	if at := k.dueAt(); !at.IsZero() {
		k.queued = true
		m.due.push(dueItem{at.UnixMicro(), k.place, k})
	}
}

// settleDue gives back what was due and is not decided.
func (m *memory) settleDue() {
	for _, k := range m.taken {
		if !k.queued {
			m.queue(k)
		}
	}
	m.taken = m.taken[:0]
}

// DueTasks is as of state.DB.
func (m *memory) DueTasks(_ context.Context, now time.Time) ([]task.ID, error) {
	m.settleDue()
	var all []task.ID
	for until := now.UnixMicro(); len(m.due) > 0 && m.due[0].at <= until; {
		first := &m.due[0]
		k := first.memo
		if !k.queued || k.dueAt().UnixMicro() != first.at {
			m.due.pop() // it was moved
			continue
		}
		if next, ok := m.sim.repeat(k, first.at); ok {
			first.at = next
			m.due.sink(*first)
			continue
		}
		m.due.pop()
		k.queued = false
		m.taken = append(m.taken, k)
		all = append(all, k.id)
	}
	return all, nil
}

// CursorsOf is as of state.DB.
func (m *memory) CursorsOf(_ context.Context, tasks []task.ID) ([]task.Cursor, error) {
	all := make([]task.Cursor, 0, len(tasks))
	for _, id := range tasks {
		if k := m.tasks[id]; k != nil {
			all = append(all, k.cursor)
		}
	}
	return all, nil
}

// Cursors is as of state.DB, for one service.
func (m *memory) Cursors(_ context.Context, service string) ([]task.Cursor, error) {
	var all []task.Cursor
	for _, k := range m.services[service] {
		all = append(all, k.cursor)
	}
	return all, nil
}

// NextDue is as of state.DB.
func (m *memory) NextDue(context.Context) (time.Time, error) {
	m.settleDue()
	for len(m.due) > 0 {
		if first := m.due[0]; first.memo.queued && first.memo.dueAt().UnixMicro() == first.at {
			return time.UnixMicro(first.at).UTC(), nil
		}
		m.due.pop() // it was moved
	}
	return time.Time{}, nil
}

// Hasten is as of state.DB.
func (m *memory) Hasten(_ context.Context, tasks []task.ID, at time.Time) error {
	for _, id := range tasks {
		if k := m.tasks[id]; k != nil && (k.cursor.Next.IsZero() || at.Before(k.cursor.Next)) {
			k.cursor.Next = at
			m.queue(k)
		}
	}
	return nil
}

// Pending is as of state.DB, of one task.
func (m *memory) Pending(_ context.Context, id task.ID, limit int) ([]task.Slot, error) {
	k := m.tasks[id]
	if k == nil {
		return nil, nil
	}
	if limit <= 0 || limit > len(k.pending) {
		limit = len(k.pending)
	}
	return slices.Clone(k.pending[:limit]), nil
}

// CountPending is as of state.DB.
func (m *memory) CountPending(_ context.Context, id task.ID, after time.Time, limit int) (n int, err error) {
	if k := m.tasks[id]; k != nil {
		i, _ := slices.BinarySearchFunc(k.pending, after.Add(1), func(s task.Slot, at time.Time) int { return s.At.Compare(at) })
		n = min(len(k.pending)-i, limit)
	}
	return n, nil
}

// Heads is as of state.DB.
func (m *memory) Heads(context.Context) ([]task.Slot, error) {
	heads := make([]task.Slot, len(m.waits))
	for i, k := range m.waits {
		heads[i] = k.pending[0]
	}
	return heads, nil
}

// Decide is as of state.DB: nobody else decides, so that no turn is stale and no run is in the way that was not seen.
func (m *memory) Decide(_ context.Context, turns []state.Turn, _ func(task.Run) bool) ([]state.Taken, error) {
	all := make([]state.Taken, len(turns))
	for i := range turns {
		t := &turns[i]
		k := m.tasks[t.Before.Task]
		if k == nil {
			return nil, task.Errorf(task.ErrInvalid, "turn of %s: it is not simulated", t.Before.Task)
		}
		if t.Run != nil {
			all[i].Run = m.claim(k, *t.Run)
		}
		m.enter(k, t.Slots)
		k.cursor, k.queued = t.After, false
		k.cursor.Next, k.cursor.Retry.At = micro(t.After.Next), micro(t.After.Retry.At)
		m.queue(k)
		m.sim.steadied(k, t)
	}
	return all, nil
}

// micro is a time as a record keeps it: in microseconds.
func micro(t time.Time) time.Time {
	if t.Nanosecond()%1000 == 0 {
		return t
	}
	return t.Truncate(time.Microsecond)
}

// claim enters a run, which may have its end already.
func (m *memory) claim(k *memo, run task.Run) task.Run {
	run.Attempt = max(run.Attempt, 1)
	if run.State.Final() {
		m.ended(k, run)
	} else {
		run.State = task.Running
		k.open = append(k.open, run)
	}
	m.runs[run.ID] = k
	return run
}

// ended enters a run that has ended, and forgets those before it that nothing depends on any more.
func (m *memory) ended(k *memo, run task.Run) {
	if run.State != task.Cancelled { // else the state of the task is that of the run before
		k.ended = slices.DeleteFunc(k.ended, func(r task.Run) bool {
			over := !r.Slot.Equal(run.Slot) && !slices.ContainsFunc(k.open, func(o task.Run) bool { return o.Slot.Equal(r.Slot) })
			if over {
				delete(m.runs, r.ID)
			}
			return over
		})
	}
	k.ended = append(k.ended, run)
}

// enter enters the slots of a turn: what is kept is those that wait.
func (m *memory) enter(k *memo, slots []task.Slot) {
	waited := len(k.pending) > 0
	for _, s := range slots {
		at := slices.IndexFunc(k.pending, func(p task.Slot) bool { return p.At.Equal(s.At) })
		switch {
		case s.Decision == task.SlotPending && at >= 0:
			k.pending[at] = s
		case s.Decision == task.SlotPending:
			k.pending = append(k.pending, s)
		case at >= 0:
			k.pending = slices.Delete(k.pending, at, at+1)
		}
	}
	if waits := len(k.pending) > 0; waits != waited {
		m.wait(k, waits)
	}
}

func (m *memory) wait(k *memo, waits bool) {
	i, _ := slices.BinarySearchFunc(m.waits, k, func(a, b *memo) int { return cmp.Compare(a.place, b.place) })
	if waits {
		m.waits = slices.Insert(m.waits, i, k)
	} else {
		m.waits = slices.Delete(m.waits, i, i+1)
	}
}

// Settle is as of state.DB.
func (m *memory) Settle(_ context.Context, outcomes []task.Outcome) error {
	for _, o := range outcomes {
		k := m.runs[o.RunID]
		if k == nil {
			continue
		}
		if i := slices.IndexFunc(k.open, func(r task.Run) bool { return r.ID == o.RunID }); i >= 0 {
			run := ended(k.open[i], o)
			k.open = slices.Delete(k.open, i, i+1)
			m.ended(k, run)
		}
	}
	return nil
}

// Run is as of state.DB, for a run in progress or one that has just ended.
func (m *memory) Run(_ context.Context, id string) (task.Run, error) {
	if k := m.runs[id]; k != nil {
		for _, some := range [][]task.Run{k.open, k.ended} {
			for _, r := range some {
				if r.ID == id {
					return r, nil
				}
			}
		}
	}
	return task.Run{}, task.Errorf(task.ErrNotFound, "no run %s", id)
}

// Runs is as of state.DB, for the runs that attempts depend on.
func (m *memory) Runs(_ context.Context, q state.Query) ([]task.Run, error) {
	var all []task.Run
	for _, rid := range q.RID {
		if k := m.tasks[task.ID{Service: q.Service, RID: rid}]; k != nil {
			all = append(append(all, k.open...), k.ended...)
		}
	}
	if len(all) > 1 {
		slices.SortFunc(all, func(a, b task.Run) int { return cmp.Compare(b.ID, a.ID) })
	}
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	return all, nil
}

// Running is as of state.DB, for one task.
func (m *memory) Running(_ context.Context, service, rid string) ([]task.Run, error) {
	if k := m.tasks[task.ID{Service: service, RID: rid}]; k != nil && len(k.open) > 0 {
		return slices.Clone(k.open), nil
	}
	return nil, nil
}

// LeftBehind finds none: no run of a simulation leaves processes.
func (m *memory) LeftBehind(context.Context, task.ID) (string, error) { return "", nil }

// LastEnded is as of state.DB.
func (m *memory) LastEnded(_ context.Context, service string) (map[string]task.Run, error) {
	last := map[string]task.Run{}
	for _, k := range m.services[service] {
		for _, r := range k.ended {
			if was, known := last[k.id.RID]; r.State != task.Cancelled && (!known || r.ID > was.ID) {
				last[k.id.RID] = r
			}
		}
	}
	return last, nil
}

// Hold is as of state.DB.
func (m *memory) Hold(_ context.Context, run task.Run, locks []task.Lock, _ func(task.Run) bool) ([]state.Hold, error) {
	for _, l := range locks {
		var others []state.Hold
		for _, h := range m.holds {
			if h.Name == l.Name && h.Run.ID != run.ID {
				others = append(others, h)
			}
		}
		if len(others) >= max(l.Places, 1) {
			return others, nil
		}
	}
	for _, l := range locks {
		m.holds = append(m.holds, state.Hold{Name: l.Name, Run: run})
	}
	return nil, nil
}

// Holders is as of state.DB.
func (m *memory) Holders(_ context.Context, name string) (all []state.Hold, err error) {
	for _, h := range m.holds {
		if h.Name == name {
			all = append(all, h)
		}
	}
	return all, nil
}

// Release is as of state.DB.
func (m *memory) Release(_ context.Context, runIDs ...string) error {
	if n := len(m.holds); n > 0 {
		m.holds = slices.DeleteFunc(m.holds, func(h state.Hold) bool { return slices.Contains(runIDs, h.Run.ID) })
		m.sim.s.freed = m.sim.s.freed || len(m.holds) < n
	}
	return nil
}

// Frozen is as of state.DB.
func (m *memory) Frozen(_ context.Context, service string) (f state.Freeze, frozen bool, err error) {
	f, frozen = m.freezes[service]
	return f, frozen, nil
}
