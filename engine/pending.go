package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"om/state"
	"om/task"
)

// mostPending is how many of the slots that wait for a task one look has in memory, the oldest. A queue may be of any
// length; what is behind the first that waits has only to be known to be there.
const mostPending = 500

// decidePending looks at the slots that wait, the oldest first.
func (v *view) decidePending(ctx context.Context) error {
	slots, err := v.l.db.Pending(ctx, v.before.Task, mostPending)
	if err != nil {
		return err
	}
	rest, err := v.behind(ctx, slots)
	if err != nil {
		return err
	}
	v.waiting = len(slots) + rest
	waits := false // then so does each one after it: they need no look, and no row
	for _, slot := range slots {
		v.waiting--
		if reason := v.overdue(slot); reason != "" {
			v.expiring(slot)
			v.add(slot.At, task.SlotExpired, reason, "")
			continue
		}
		if waits {
			v.waiting++
			continue
		}
		if err := v.try(ctx, attempt{slot: slot.At, origin: v.originOf(slot.At), number: 1, waited: slot.Reason}); err != nil {
			return err
		}
		waits = v.waits()
	}
	if rest > 0 && len(v.slots) == len(slots) && !waits { // all of them are over, and who knows what the next does
		v.stays = true
		v.lookAgain(v.now.Add(time.Second))
		v.long = append(v.long, v.before.Task)
	}
	return nil
}

// behind is how many slots wait behind those that are in memory: as many as overlap may ask for, and one more where there
// are more.
func (v *view) behind(ctx context.Context, slots []task.Slot) (int, error) {
	if len(slots) < mostPending {
		return 0, nil
	}
	_, most := v.t.Overlap.Overlapping()
	return v.l.db.CountPending(ctx, v.before.Task, slots[len(slots)-1].At, max(most, 1)+1)
}

// waits says that the slot that was looked at last goes on waiting.
func (v *view) waits() bool {
	return len(v.slots) > 0 && v.slots[len(v.slots)-1].Decision == task.SlotPending
}

// firstWaiting is the first slot of a task that waits still; its Count is 0 where there is none.
func (v *view) firstWaiting(ctx context.Context) (task.Slot, error) {
	pending, err := v.l.db.Pending(ctx, v.before.Task, mostPending)
	for _, slot := range pending {
		if v.overdue(slot) == "" {
			return slot, err
		}
	}
	return task.Slot{}, err
}

// shorten looks again at tasks that have more slots to give up than a look does, until they have no more: there may be
// no other tick for a while. What else is due has been looked at.
func (s *scheduler) shorten(ctx context.Context) error {
	for len(s.long) > 0 && ctx.Err() == nil {
		long := s.long
		s.long = nil
		if err := s.lookAtEach(ctx, long); err != nil {
			return err
		}
	}
	return nil
}

// hasten has the tasks looked at now whose slots wait for the end of a run, where one has ended: one of the task itself, or
// for a lock one that had some. Of each task only the first slot is asked, and of each lock only one task: one end frees
// one place.
func (s *scheduler) hasten(ctx context.Context) error {
	ended := map[task.ID]bool{}
	for _, run := range slices.Concat(s.report.Ended, s.report.Lost) {
		ended[run.Task] = true
	}
	some, freed := s.endings.some(), s.takeFreed()
	if !some && !freed && len(ended) == 0 {
		return nil
	}
	freed = freed || some || len(s.report.Lost) > 0
	var waiting []task.ID
	for _, db := range s.reachable(ctx) {
		heads, err := db.Heads(ctx)
		if err != nil {
			return err
		}
		waiting = append(waiting, waitsFor(heads, freed, func(id task.ID) bool { return some || ended[id] })...)
	}
	return s.node.Hasten(ctx, waiting, s.now)
}

// waitsFor are the tasks whose first slots wait for a lock, where some was freed, one for each, and for the end of a run.
func waitsFor(heads []task.Slot, freed bool, ended func(task.ID) bool) (waiting []task.ID) {
	locks := map[string]bool{}
	for _, slot := range heads {
		name, locked := strings.CutPrefix(slot.Reason, "queued: lock ")
		name, _, _ = strings.Cut(name, " ")
		switch {
		case locked && freed && !locks[name]:
			locks[name] = true
			waiting = append(waiting, slot.Task)
		case !locked && ended(slot.Task) && !strings.HasPrefix(slot.Reason, "requirement"):
			waiting = append(waiting, slot.Task)
		}
	}
	return waiting
}

// abandon ends the wait of slots whose task is gone or has no slots any more. cursors are the new ones of the
// services that were changed.
func (s *scheduler) abandon(ctx context.Context, cursors map[string][]task.Cursor) error {
	if len(cursors) == 0 {
		return nil
	}
	heads, err := s.node.Heads(ctx)
	if err != nil {
		return err
	}
	for _, slot := range heads {
		placed, changed := cursors[slot.Task.Service]
		if !changed || slices.ContainsFunc(placed, func(c task.Cursor) bool { return c.Task == slot.Task && !c.Next.IsZero() }) {
			continue
		}
		if l, kept := s.leftOf(slot.Task); kept && l.Out {
			continue // it may come back
		}
		if err := s.abandonAll(ctx, s.node, slot.Task); err != nil {
			return err
		}
	}
	return nil
}

// abandonAll ends the wait of all slots of a task, some at a time.
func (s *scheduler) abandonAll(ctx context.Context, db record, id task.ID) error {
	before, err := cursorIn(ctx, db, id)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		some, err := db.Pending(ctx, id, mostPending)
		if err != nil || len(some) == 0 {
			return err
		}
		for i := range some {
			some[i].Evidence = s.abandoned(some[i])
			some[i].Decision, some[i].Reason, some[i].RunID = task.SlotExpired, some[i].Reason+", until "+goneText, ""
		}
		taken, err := db.Decide(ctx, []state.Turn{{Before: before, After: before, Slots: some}}, s.alive)
		if err != nil || taken[0].Stale {
			return err
		}
		s.report.Slots = append(s.report.Slots, neighbors(some)...)
		s.aliveNow()
	}
	return ctx.Err()
}

const goneText = "its task had no schedule any more"

// cursorIn is the cursor of a task as it is on record; without a time where there is none.
func cursorIn(ctx context.Context, db record, id task.ID) (task.Cursor, error) {
	all, err := db.CursorsOf(ctx, []task.ID{id})
	if len(all) == 1 {
		return all[0], err
	}
	return task.Cursor{Task: id}, err
}

// neighbors tells slots as the record does whose wait was over for the same reason, and that are neighbors: as one.
func neighbors(slots []task.Slot) []task.Slot {
	var all []task.Slot
	for _, s := range slots {
		if n := len(all); n > 0 && s.Decision == task.SlotExpired && all[n-1].Decision == s.Decision && all[n-1].Reason == s.Reason {
			all[n-1].Last, all[n-1].Count = s.Last, all[n-1].Count+s.Count
			continue
		}
		all = append(all, s)
	}
	return all
}
