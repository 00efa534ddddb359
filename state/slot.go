package state

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"om/task"
)

// slotColumns are the columns of a slot, in the order of slotValues and readSlot.
const slotColumns = "service,rid,slot,slot_last,count,decision,reason,run_id,evidence"

// slotWidth is how many there are.
const slotWidth = 9

const (
	slotFrom = "SELECT " + slotColumns + " FROM slot"
	// The index is named: without figures about the table SQLite does not know that few wait.
	pendingFrom = slotFrom + " INDEXED BY slot_pending"
	pendingTask = pendingFrom + " WHERE decision='pending' AND service=? AND rid=? ORDER BY slot LIMIT ?"
	pendingAll  = pendingFrom + " WHERE decision='pending' ORDER BY service,rid,slot LIMIT ?"
	// The bound has all columns of the index: of two SQLite would read each slot of the task that they name.
	pendingHead = pendingFrom + " WHERE decision='pending' AND (service,rid,slot)>(?,?,9223372036854775807) ORDER BY service,rid,slot LIMIT 1"
	slotUpTo    = slotFrom + " WHERE service=? AND rid=? AND slot<=? ORDER BY slot DESC LIMIT 1"
)

// keepEvidence gives runs what the decisions about their slots went by, before those are deleted: a run may be kept for
// longer.
const keepEvidence = "UPDATE run SET evidence=(SELECT evidence FROM slot s WHERE s.service=run.service AND s.rid=run.rid AND s.slot=run.slot)" +
	" WHERE evidence='' AND id IN(SELECT run_id FROM slot s WHERE s.service=run.service AND s.rid=run.rid AND s.slot=run.slot)"

func slotValues(s task.Slot) []driver.Value {
	return []driver.Value{
		s.Task.Service, s.Task.RID, instant(s.At), instant(s.Last), int64(s.Count),
		string(s.Decision), s.Reason, textOrNone(s.RunID), s.Evidence,
	}
}

// textOrNone is how the record holds a text that may be absent.
func textOrNone(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

func readSlot(v row) task.Slot {
	return task.Slot{
		Task: task.ID{Service: v.text(0), RID: v.text(1)}, At: v.when(2), Last: v.when(3), Count: int(v.num(4)),
		Decision: task.SlotDecision(v.text(5)), Reason: v.text(6), RunID: v.text(7),
		Evidence: v.text(8),
	}
}

// Pending returns the slots of a task that wait for their decision, oldest first; of all tasks where id is none. They are at
// most limit, or all where that is 0.
func (d *DB) Pending(ctx context.Context, id task.ID, limit int) ([]task.Slot, error) {
	if limit <= 0 {
		limit = -1
	}
	if id == (task.ID{}) {
		return d.slots(ctx, pendingAll, int64(limit))
	}
	return d.slots(ctx, pendingTask, id.Service, id.RID, int64(limit))
}

// CountPending counts the slots of a task that wait and are after an instant, up to a limit.
func (d *DB) CountPending(ctx context.Context, id task.ID, after time.Time, limit int) (n int, err error) {
	err = d.read(ctx, 1, func(v row) error { n = int(v.num(0)); return nil },
		"SELECT count(*) FROM (SELECT 1 FROM slot INDEXED BY slot_pending WHERE decision='pending' AND service=? AND rid=? AND slot>? LIMIT ?)",
		id.Service, id.RID, instant(after), int64(limit))
	return n, err
}

// Heads returns the oldest slot that waits of each task that has one, in the time of as many questions: however many wait
// behind it.
func (d *DB) Heads(ctx context.Context) (heads []task.Slot, err error) {
	var last task.ID
	for {
		some, err := d.slots(ctx, pendingHead, last.Service, last.RID)
		if err != nil || len(some) == 0 {
			return heads, err
		}
		heads, last = append(heads, some[0]), some[0].Task
	}
}

// Slots returns the slots that q chooses, newest first; decisions limits them to some, none for all.
// q's Since and Before choose by the instants of the slots, and its ID by their runs.
func (d *DB) Slots(ctx context.Context, q Query, decisions ...task.SlotDecision) ([]task.Slot, error) {
	w := q.tasks()
	q.bounds(w, "run_id", "slot_last", "slot")
	if len(decisions) > 0 {
		w.in("decision", len(decisions))
		for _, x := range decisions {
			w.args = append(w.args, string(x))
		}
	}
	query := slotFrom + w.String() + " ORDER BY slot DESC,service,rid"
	if q.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	return d.slots(ctx, query, w.args...)
}

// Counts sums the slots of a task by decision. Together they are all slots that the record has of it.
func (d *DB) Counts(ctx context.Context, id task.ID) (map[task.SlotDecision]int, error) {
	sums := map[task.SlotDecision]int{}
	err := d.read(ctx, 2, func(v row) error {
		sums[task.SlotDecision(v.text(0))] = int(v.num(1))
		return nil
	}, "SELECT decision,sum(count) FROM slot WHERE service=? AND rid=? GROUP BY decision", id.Service, id.RID)
	return sums, err
}

func (d *DB) slots(ctx context.Context, query string, args ...driver.Value) ([]task.Slot, error) {
	var all []task.Slot
	err := d.read(ctx, slotWidth, func(v row) error { all = append(all, readSlot(v)); return nil }, query, args...)
	return all, err
}

// slotRows is slots inside a transaction.
func (d *DB) slotRows(ctx context.Context, query string, args ...driver.Value) ([]task.Slot, error) {
	var all []task.Slot
	err := d.c.query(ctx, slotWidth, func(v row) error { all = append(all, readSlot(v)); return nil }, query, args...)
	return all, err
}

// gap is where a slot goes among the rows of its task.
type gap struct {
	before  task.Slot // the row before it; without a decision where there is none
	waiting bool      // the slot has a row, which is pending
}

// gap looks where a slot goes. It is not free where some of it has been decided already.
func (d *DB) gap(ctx context.Context, s task.Slot) (g gap, free bool, err error) {
	if g.before, err = d.rowUpTo(ctx, s.Task, s.Last); err != nil {
		return g, false, err
	}
	if g.before.Decision == task.SlotPending && g.before.At.Equal(s.At) {
		g.waiting = true
		g.before, err = d.rowUpTo(ctx, s.Task, s.At.Add(-time.Microsecond))
	}
	return g, g.before.Decision == "" || g.before.Last.Before(s.At), err
}

// rowUpTo returns the newest row of a task that begins at an instant or before.
func (d *DB) rowUpTo(ctx context.Context, id task.ID, at time.Time) (s task.Slot, err error) {
	err = d.c.query(ctx, slotWidth, func(v row) error { s = readSlot(v); return nil }, slotUpTo, id.Service, id.RID, instant(at))
	return s, err
}

// enterSlot enters a slot into its gap, and returns the row that has it: its own, or the one before
// where both met the same end without a run of their own. So a task that is frozen for a day adds one
// row, however often it was due.
func (d *DB) enterSlot(s task.Slot, g gap) (task.Slot, error) {
	if joins(g.before, s) {
		if g.waiting {
			_, err := d.c.exec("DELETE FROM slot WHERE service=? AND rid=? AND slot=?", s.Task.Service, s.Task.RID, instant(s.At))
			if err != nil {
				return s, err
			}
		}
		s.At, s.Count = g.before.At, g.before.Count+s.Count
	}
	return s, d.putSlot(s)
}

// putSlot enters the row of a slot in place of the one that begins with it.
func (d *DB) putSlot(s task.Slot) error {
	_, err := d.c.exec("REPLACE INTO slot("+slotColumns+")VALUES(?,?,?,?,?,?,?,?,?)", slotValues(s)...)
	return err
}

// joins reports whether a slot can be told together with the row before it.
func joins(before, s task.Slot) bool {
	switch s.Decision {
	case task.SlotSkip, task.SlotMissed, task.SlotExpired:
		return before.Decision == s.Decision && before.Reason == s.Reason && before.RunID == s.RunID
	}
	return false
}
