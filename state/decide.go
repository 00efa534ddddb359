package state

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"om/task"
)

// Turn is what one look at a task decided.
type Turn struct {
	Before task.Cursor // as it was read
	After  task.Cursor
	// Slots are decided now, in order. One with the instant of a slot that waits decides that.
	Slots []task.Slot
	// Run is to be claimed, for the last of Slots whose decision is to run; a retry has none there. One in a final
	// state ended before it began, see Insert.
	Run   *task.Run
	Limit int // as of Claim
}

// Taken is what became of a turn.
type Taken struct {
	Run   task.Run    // as kept, with ID "" where none was claimed
	Stale bool        // another process had moved the cursor, or decided a slot: nothing was entered
	By    *TakenError // why the run was not claimed: its slot is a skip with that reason and run id
}

// The reasons of slots whose run was not claimed.
const (
	reasonOverlap = "overlap"
	reasonHasRun  = "the slot has a run already"
)

// Decide enters turns, all in one transaction that is on the disk before it returns, and says what
// became of each. A turn is stale, and only that one, where the cursor of its task is not Before any more
// (At, Digest and Retry), or where there is none and Before has a time.
//
// A run that can't be claimed, see Claim, leaves a skip of its slot, which then does not count in the
// Runs of the cursor. The cursor becomes After all the same: a retry that can't be claimed is given up,
// unless a later turn plans it anew. Runs for which alive says false are settled as lost, as in Claim.
func (d *DB) Decide(ctx context.Context, turns []Turn, alive func(task.Run) bool) ([]Taken, error) {
	ready := make([]Turn, len(turns))
	for i, t := range turns {
		var err error
		if ready[i], err = d.ready(t); err != nil {
			return nil, d.fault(err)
		}
	}
	if len(ready) == 0 {
		return nil, nil
	}
	all := make([]Taken, len(ready))
	err := d.write(ctx, "decide", durable, func(ctx context.Context) (err error) {
		if err = d.spreadOf(ready); err != nil {
			return err
		}
		for i, t := range ready {
			if all[i], err = d.decide(ctx, t, alive); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// ready completes a turn, and leaves the one that it was given alone.
func (d *DB) ready(t Turn) (Turn, error) {
	id := cmp.Or(t.After.Task, t.Before.Task)
	t.After.Task, t.Slots = id, slices.Clone(t.Slots)
	if id.Service == "" || id.RID == "" {
		return t, fmt.Errorf("turn of task %q: wanted a service and a rid: %w", id, task.ErrInvalid)
	}
	var last time.Time
	for i := range t.Slots {
		s := &t.Slots[i]
		s.Task, s.Count = id, max(s.Count, 1)
		s.At, s.Last = kept(s.At), kept(s.Last)
		if s.Last.IsZero() {
			s.Last = s.At
		}
		if s.Decision == "" || s.At.IsZero() || s.Last.Before(s.At) || !s.At.After(last) {
			return t, fmt.Errorf("slot %s of %s, decision %q: wanted decided slots in order: %w", s.At, id, s.Decision, task.ErrInvalid)
		}
		last = s.Last
	}
	return d.readyRun(t)
}

// readyRun completes the run of a turn.
func (d *DB) readyRun(t Turn) (Turn, error) {
	if t.Run == nil {
		return t, nil
	}
	r := *t.Run
	r.Task = t.After.Task
	if i := t.running(); i >= 0 && r.Slot.IsZero() {
		r.Slot = t.Slots[i].At
	}
	var err error
	if r.State.Final() {
		r, err = stillborn(r)
	} else {
		r, err = d.claimed(r)
	}
	t.Run = &r
	return t, err
}

// running finds the slot that the run of a turn is for: -1 where it has none.
func (t Turn) running() int {
	for i, s := range slices.Backward(t.Slots) {
		if s.Decision == task.SlotRun {
			return i
		}
	}
	return -1
}

// decide enters a turn, or nothing where it is stale.
func (d *DB) decide(ctx context.Context, t Turn, alive func(task.Run) bool) (got Taken, err error) {
	gaps, fresh, err := d.fresh(ctx, t)
	if err == nil && !fresh {
		var had bool
		if t, had, err = d.withoutAhead(ctx, t); had {
			gaps, fresh, err = d.fresh(ctx, t)
		}
	}
	if err != nil || !fresh {
		return Taken{Stale: true}, err
	}
	if t.Run != nil {
		if got.By, err = d.begin(ctx, *t.Run, t.Limit, alive); err != nil {
			return got, err
		}
		if got.By == nil {
			got.Run = *t.Run
		}
		t = t.told(got)
	}
	var entered task.Slot
	for i, s := range t.Slots {
		if !entered.Last.Before(gaps[i].before.At) {
			gaps[i].before = entered
		}
		if entered, err = d.enterSlot(s, gaps[i]); err != nil {
			return got, err
		}
	}
	return got, d.putCursors(t.After)
}

// fresh reports whether a turn was decided on what the record has still, and where its slots go.
func (d *DB) fresh(ctx context.Context, t Turn) (gaps []gap, fresh bool, err error) {
	id, now, found := t.After.Task, task.Cursor{}, false
	err = d.c.query(ctx, cursorWidth, func(v row) error { now, found = readCursor(v), true; return nil },
		cursorOf, id.Service, id.RID)
	if err != nil || found && !sameCursor(now, t.Before) || !found && !t.Before.At.IsZero() {
		return nil, false, err
	}
	gaps = make([]gap, len(t.Slots))
	for i, s := range t.Slots {
		if gaps[i], fresh, err = d.gap(ctx, s); err != nil || !fresh {
			return nil, false, err
		}
	}
	return gaps, true, nil
}

// withoutAhead leaves out of a turn the slots that have a run though the cursor has not come to them: it was set back, see
// Rewind. had says that there are such.
func (d *DB) withoutAhead(ctx context.Context, t Turn) (_ Turn, had bool, err error) {
	if len(t.Slots) == 0 {
		return t, false, nil
	}
	id, last := t.After.Task, t.Slots[len(t.Slots)-1].Last
	ahead, err := d.slotRows(ctx, slotFrom+" WHERE service=? AND rid=? AND slot>? AND slot<=? AND decision='run' ORDER BY slot",
		id.Service, id.RID, instant(t.Before.At), instant(last))
	if err != nil || len(ahead) == 0 {
		return t, false, err
	}
	running := t.running()
	var rest []task.Slot
	for i, s := range t.Slots {
		left := without(s, ahead)
		if i == running && left == nil {
			t.Run = nil
			t.After.Runs = t.Before.Runs
		}
		rest = append(rest, left...)
	}
	t.Slots = rest
	return t, true, nil
}

// without returns what a row stands for besides other slots inside it. The instants of its slots are not known: they count
// as evenly spread.
func without(s task.Slot, others []task.Slot) (rest []task.Slot) {
	for _, o := range others {
		if o.At.Before(s.At) || o.At.After(s.Last) {
			continue
		}
		left := task.Slot{}
		if o.At.After(s.At) {
			left = cut(s, o.At.Add(-time.Microsecond))
			rest = append(rest, left)
		}
		step := s.Last.Sub(s.At) / time.Duration(max(s.Count-1, 1))
		s.At = kept(s.At.Add(step * time.Duration(left.Count+1)))
		if s.Count -= left.Count + 1; s.Count <= 0 {
			return rest
		}
		if s.At.After(s.Last) {
			s.At = s.Last
		}
	}
	return append(rest, s)
}

// sameCursor compares what a turn is decided on, as the record keeps it.
func sameCursor(a, b task.Cursor) bool {
	return a.Digest == b.Digest && instant(a.At) == instant(b.At) && keptRetry(a.Retry) == keptRetry(b.Retry)
}

func keptRetry(r task.Retrying) task.Retrying {
	r.At, r.Slot, r.Since = kept(r.At), kept(r.Slot), kept(r.Since)
	return r
}

// told writes into the slot of the turn's run which run it has, or why it has none.
func (t Turn) told(got Taken) Turn {
	i := t.running()
	switch {
	case i < 0:
		return t
	case got.By == nil:
		t.Slots[i].RunID = got.Run.ID
		return t
	}
	s := &t.Slots[i]
	s.Decision, s.Reason, s.RunID = task.SlotSkip, reasonOverlap, ""
	if got.By.Slot {
		s.Reason = reasonHasRun
	}
	if len(got.By.By) > 0 {
		s.RunID = got.By.By[0].ID
	}
	s.Evidence = task.TakenSince(s.Evidence, got.By.By, got.By.Slot)
	if t.After.Runs > t.Before.Runs {
		t.After.Runs--
	}
	return t
}
