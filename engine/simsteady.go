package engine

import (
	"slices"
	"time"

	"om/schedule"
	"om/state"
	"om/task"
)

// steady is a task whose next slot the scheduler would decide as it decided the last one, since all that the decision
// depends on is the same: it is looked at in the instant of its slot, nothing of it runs or waits, and it needs nothing that
// changes. Such a decision is repeated, and not made again, for as long as that holds. It is repeated too for the tasks of the
// service that are like this one in all that it depends on.
type steady struct {
	cal  *schedule.Schedule
	ends int64 // when its last run ends, in microseconds
	took int64
	slot time.Time // the last one that was repeated: the record does not have its run; zero for none
}

// calm says that nothing but its own runs can change what is decided about the slots of a task. Of other notations the
// instant of a start need not be its slot.
func (m *simulator) calm(t *task.Task, known *simTask) bool {
	n := schedule.NotationOf(t.Schedule)
	return !m.req.exact && (n == schedule.Cron || n == schedule.Calendar) && known.cal != nil && !known.fails && known.takes >= time.Microsecond && (known.limit == 0 || known.takes <= known.limit) &&
		t.Plan.Locks == "" && len(t.Requires) == 0 && t.Plan.RunTimes == 0 && t.Check == task.CheckNone
}

// steadied notes what was decided in a turn, where the next decision is the same.
func (m *simulator) steadied(k *memo, t *state.Turn) {
	known := k.known
	k.steady = nil
	if !known.calm || t.Run == nil || t.Run.Origin != task.Scheduled || len(t.Slots) != 1 || !t.Run.Slot.Equal(m.now) ||
		!t.After.Retry.At.IsZero() || len(k.pending) > 0 || len(k.open) != 1 {
		return
	}
	if next, ok := known.cal.Next(t.After.At, t.After.At); !ok || !next.Equal(t.After.Next) {
		return
	}
	m.makeSteady(k, m.now.Add(known.takes).UnixMicro())
	m.alsoSteady(k)
}

// makeSteady has the next decisions about a task repeated, after its run that ends at a moment.
func (m *simulator) makeSteady(k *memo, ends int64) {
	if !k.fresh {
		k.fresh = true
		m.walk.fresh = append(m.walk.fresh, k)
	}
	k.steady = &steady{cal: k.known.cal, took: k.known.takes.Microseconds(), ends: ends}
}

// repeat decides about a slot that is due now as about the last one, and returns when the next is due. It returns false
// where that has to be decided.
func (m *simulator) repeat(k *memo, at int64) (next int64, ok bool) {
	s := k.steady
	if s == nil || at != m.now.UnixMicro() || s.ends > at {
		m.unsteady(k)
		return 0, false
	}
	slot := m.now
	after, more := s.cal.Next(slot, slot)
	if !more || !after.After(slot) {
		m.unsteady(k)
		return 0, false
	}
	s.ends, s.slot = at+s.took, slot
	k.cursor.At, k.cursor.Next = slot, after
	k.cursor.Runs++
	x := decisionOn(k.id, slot, SimRun, string(task.Scheduled))
	x.At, x.Start, x.End, x.Attempt, x.State = slot, slot, time.UnixMicro(s.ends).UTC(), 1, task.Complete
	m.open++
	m.quiet.push(quietEnd(s.ends))
	if err := m.started(&x); err != nil && m.failed == nil {
		m.failed = err
	}
	return after.UnixMicro(), true
}

// unsteady enters into the record the run that was repeated last, where it goes on.
func (m *simulator) unsteady(k *memo) {
	s := k.steady
	k.steady = nil
	if s == nil || s.slot.IsZero() || s.ends <= m.now.UnixMicro() {
		return
	}
	i := slices.Index(m.quiet, quietEnd(s.ends))
	m.quiet = slices.Delete(m.quiet, i, i+1)
	all := m.quiet
	for m.quiet = nil; len(all) > 0; all = all[1:] {
		m.quiet.push(all[0])
	}
	m.open--
	run := task.Run{
		ID: m.newID(k.id), Task: k.id, Slot: s.slot, Origin: task.Scheduled, Attempt: 1, BootID: m.holder.BootID, PID: m.holder.PID, PIDStart: m.holder.PIDStart,
		StartedAt: s.slot, QueuedAt: s.slot,
	}
	m.db.claim(k, run)
	m.willEnd(simEnd{at: s.ends, id: k.id, run: run.ID, state: task.Complete, start: s.slot})
}

// quietEnd is when a run ends that the record does not have.
type quietEnd int64

func (a quietEnd) before(b quietEnd) bool { return a < b } //nolint:unused // heap4 uses it
