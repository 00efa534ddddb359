package state

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"om/task"
)

// cursorColumns are the columns of a cursor, in the order of cursorValues and readCursor.
const cursorColumns = "service,rid,digest,cursor_slot,next_at,runs,retry_at,retry_slot,retry_attempt,retry_since,retry_previous"

// cursorWidth is how many there are.
const cursorWidth = 11

const (
	cursorFrom = "SELECT " + cursorColumns + " FROM task_state"
	cursorInto = "REPLACE INTO task_state(" + cursorColumns + ")VALUES"
	cursorRow  = "(?,?,?,?,?,?,?,?,?,?,?)"
	cursorOf   = cursorFrom + " WHERE service=? AND rid=?"
	cursorsOf  = cursorFrom + " WHERE service=?1 UNION ALL " + placedFrom + " WHERE service=?1"
	allCursors = cursorFrom + " UNION ALL " + placedFrom
	dueCursors = "SELECT * FROM(" + cursorFrom + " WHERE due_at<=?1 ORDER BY due_at LIMIT ?2)UNION ALL " + placedFrom + " WHERE due_at<=?1"
	dueTasks   = "SELECT service,rid,due_at,'' FROM task_state WHERE due_at<=?1 UNION ALL SELECT service,'',due_at,cursors FROM placed WHERE due_at<=?1"
	nextDue    = "SELECT * FROM(SELECT due_at FROM task_state WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1)UNION ALL " +
		"SELECT * FROM(SELECT due_at FROM placed WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1)"
)

func cursorValues(c task.Cursor) []driver.Value {
	return []driver.Value{
		c.Task.Service, c.Task.RID, c.Digest, instant(c.At), instant(c.Next), int64(c.Runs),
		instant(c.Retry.At), instant(c.Retry.Slot), int64(c.Retry.Attempt), instant(c.Retry.Since), string(c.Retry.Previous),
	}
}

func readCursor(v row) task.Cursor {
	return task.Cursor{
		Task: task.ID{Service: v.text(0), RID: v.text(1)}, Digest: v.text(2), At: v.when(3), Next: v.when(4), Runs: int(v.num(5)),
		Retry: task.Retrying{
			At: v.when(6), Slot: v.when(7), Attempt: int(v.num(8)), Since: v.when(9), Previous: task.RunState(v.text(10)),
		},
	}
}

// cursorsInto collects the cursors of rows, also of those of placed, see placedFrom.
func cursorsInto(all *[]task.Cursor) func(row) error {
	return func(v row) (err error) {
		if v.text(1) != "" {
			*all = append(*all, readCursor(v))
			return nil
		}
		*all, err = unpack(*all, v.text(0), v.text(2))
		return err
	}
}

// Cursors returns where the schedules of a service's tasks are, in the order of their rids; of all
// services, one after the other, where service is "".
func (d *DB) Cursors(ctx context.Context, service string) ([]task.Cursor, error) {
	var all []task.Cursor
	var err error
	if service == "" {
		err = d.read(ctx, cursorWidth, cursorsInto(&all), allCursors)
	} else {
		err = d.read(ctx, cursorWidth, cursorsInto(&all), cursorsOf, service)
	}
	slices.SortFunc(all, func(a, b task.Cursor) int {
		if order := strings.Compare(a.Task.Service, b.Task.Service); order != 0 {
			return order
		}
		return task.CompareRID(a.Task.RID, b.Task.RID)
	})
	return all, err
}

// Due returns the cursors whose Next or Retry.At is not after now, the earliest first: at most limit,
// or all where that is 0.
func (d *DB) Due(ctx context.Context, now time.Time, limit int) ([]task.Cursor, error) {
	if limit <= 0 {
		limit = math.MaxInt32
	}
	var all []task.Cursor
	err := d.read(ctx, cursorWidth, cursorsInto(&all), dueCursors, instant(now), int64(limit))
	all = slices.DeleteFunc(all, func(c task.Cursor) bool { return dueAt(c).IsZero() || dueAt(c).After(now) })
	slices.SortStableFunc(all, func(a, b task.Cursor) int { return dueAt(a).Compare(dueAt(b)) })
	return all[:min(limit, len(all))], err
}

// dueAt is what the record computes as due_at.
func dueAt(c task.Cursor) time.Time {
	if at := c.Retry.At; c.Next.IsZero() || !at.IsZero() && at.Before(c.Next) {
		return at
	}
	return c.Next
}

// DueTasks returns the tasks of all cursors that Due returns, in its order, in a quarter of the time.
func (d *DB) DueTasks(ctx context.Context, now time.Time) ([]task.ID, error) {
	type due struct {
		id task.ID
		at int64
	}
	var all []due
	var some []task.Cursor
	err := d.read(ctx, 4, func(v row) (err error) {
		if v.text(1) != "" {
			all = append(all, due{task.ID{Service: v.text(0), RID: v.text(1)}, v.num(2)})
			return nil
		}
		some, err = unpack(some[:0], v.text(0), v.text(3))
		for _, c := range some {
			if !c.Next.IsZero() && !c.Next.After(now) {
				all = append(all, due{c.Task, c.Next.UnixMicro()})
			}
		}
		return err
	}, dueTasks, instant(now))
	slices.SortStableFunc(all, func(a, b due) int { return cmp.Compare(a.at, b.at) })
	ids := make([]task.ID, len(all))
	for i, t := range all {
		ids[i] = t.id
	}
	return ids, err
}

// CursorsOf returns the cursors of tasks, in their order; a task that has none is left out.
func (d *DB) CursorsOf(ctx context.Context, tasks []task.ID) ([]task.Cursor, error) {
	all := make([]task.Cursor, 0, len(tasks))
	packed := map[string][]task.Cursor{} // of services that are in placed
	for _, id := range tasks {
		some := packed[id.Service]
		if some == nil {
			err := d.read(ctx, cursorWidth, cursorsInto(&some), cursorOf+" UNION ALL "+placedFrom+" WHERE service=?", id.Service, id.RID, id.Service)
			if err != nil {
				return nil, err
			}
			if len(some) > 1 {
				packed[id.Service] = some
			}
		}
		if i := slices.IndexFunc(some, func(c task.Cursor) bool { return c.Task == id }); i >= 0 {
			all = append(all, some[i])
		}
	}
	return all, nil
}

// NextDue returns the earliest moment at which Due has something, zero for never.
func (d *DB) NextDue(ctx context.Context) (next time.Time, err error) {
	err = d.read(ctx, 1, func(v row) error {
		if at := v.when(0); next.IsZero() || at.Before(next) {
			next = at
		}
		return nil
	}, nextDue)
	return next, err
}

// Place enters the cursors of services: it adds them, and replaces those of another digest. Of one that has
// the same digest on record only Next is taken, as another process may have decided a slot meanwhile. The
// cursors of these services that are not given are removed; their slots and runs stay. It takes no barrier.
func (d *DB) Place(ctx context.Context, services map[string][]task.Cursor) error {
	if len(services) > 100 {
		d.makeRoom()
	}
	return d.write(ctx, "place", relaxed, func(ctx context.Context) error {
		rows, err := d.c.number("SELECT EXISTS(SELECT 1 FROM task_state)")
		for _, name := range slices.Sorted(maps.Keys(services)) {
			if err != nil {
				return err
			}
			if fresh, failed := d.placeFresh(name, services[name], rows == 0); !fresh {
				err = errors.Join(failed, d.placeService(ctx, name, services[name]))
			}
		}
		return err
	})
}

// makeRoom is for rows of many services: they go all over the index of what is due, which the cache of 2 MB does not hold.
func (d *DB) makeRoom() {
	d.c.exec("PRAGMA cache_size=-8192") //nolint:errcheck // else it takes longer
}

func (d *DB) placeService(ctx context.Context, name string, cursors []task.Cursor) error {
	had, err := d.had(ctx, name)
	if err != nil {
		return err
	}
	if done, failed := d.placeAgain(name, had, cursors); done || failed != nil {
		return failed
	}
	for _, c := range cursors {
		c.Task.Service = name
		was, known := had[c.Task.RID]
		delete(had, c.Task.RID)
		switch {
		case err != nil:
			return err
		case !known:
			err = d.addCursor(c)
		case was.Digest != c.Digest:
			err = d.putCursors(c)
		case !was.Next.Equal(kept(c.Next)):
			err = d.moveNext(c)
		}
	}
	return errors.Join(err, d.removeCursors(had))
}

// had returns the cursors of a service, by rid.
func (d *DB) had(ctx context.Context, service string) (map[string]task.Cursor, error) {
	var all []task.Cursor
	err := d.c.query(ctx, cursorWidth, cursorsInto(&all), cursorsOf, service)
	had := make(map[string]task.Cursor, len(all))
	for _, c := range all {
		had[c.Task.RID] = c
	}
	return had, err
}

// moveNext changes nothing but when the task of a cursor is due.
func (d *DB) moveNext(c task.Cursor) error {
	_, err := d.c.exec("UPDATE task_state SET next_at=? WHERE service=? AND rid=?", instant(c.Next), c.Task.Service, c.Task.RID)
	return err
}

// removeCursors removes cursors, but not the slots and runs of their tasks.
func (d *DB) removeCursors(gone map[string]task.Cursor) error {
	for rid, c := range gone {
		if _, err := d.c.exec("DELETE FROM task_state WHERE service=? AND rid=?", c.Task.Service, rid); err != nil {
			return err
		}
	}
	return nil
}

// Forget removes the cursor of a task, but not its slots and runs.
func (d *DB) Forget(ctx context.Context, id task.ID) error {
	return d.write(ctx, "forget", relaxed, func(context.Context) error {
		return d.removeCursors(map[string]task.Cursor{id.RID: {Task: id}})
	})
}

// addCursor enters the cursor of a task that has none. One row a statement: for several, SQLite keeps what
// would undo them in a file of its own, which costs more than the rows.
func (d *DB) addCursor(c task.Cursor) error {
	if c.Runs != 0 || c.Retry != (task.Retrying{}) {
		return d.putCursors(c)
	}
	_, err := d.c.exec("INSERT INTO task_state(service,rid,digest,cursor_slot,next_at)VALUES(?,?,?,?,?)",
		c.Task.Service, c.Task.RID, c.Digest, instant(c.At), instant(c.Next))
	return err
}

// putCursors enters cursors in place of what the record has of their tasks.
func (d *DB) putCursors(all ...task.Cursor) error {
	values := make([]driver.Value, 0, len(all)*cursorWidth)
	for _, c := range all {
		values = append(values, cursorValues(c)...)
	}
	_, err := d.c.exec(cursorInto+cursorRow+strings.Repeat(","+cursorRow, len(all)-1), values...)
	return err
}

// Hasten has tasks due at a moment, or before where they are, also those that never are. It takes no barrier: they are
// due later else.
func (d *DB) Hasten(ctx context.Context, tasks []task.ID, at time.Time) error {
	if len(tasks) == 0 {
		return nil
	}
	return d.write(ctx, "hasten", relaxed, func(context.Context) error {
		if err := d.spreadThose(tasks); err != nil {
			return err
		}
		for _, id := range tasks {
			if _, err := d.c.exec("UPDATE task_state SET next_at=min(ifnull(next_at,?1),?1) WHERE service=?2 AND rid=?3", instant(at), id.Service, id.RID); err != nil {
				return err
			}
		}
		return nil
	})
}

// noRetry gives up the attempt that is waited for.
const noRetry = "retry_at=NULL,retry_slot=NULL,retry_attempt=0,retry_since=NULL,retry_previous=''"

// RanAfter returns the tasks that have runs of slots after a moment.
func (d *DB) RanAfter(ctx context.Context, at time.Time) ([]task.ID, error) {
	var all []task.ID
	err := d.read(ctx, 2, func(v row) error {
		all = append(all, task.ID{Service: v.text(0), RID: v.text(1)})
		return nil
	}, "SELECT DISTINCT service,rid FROM run WHERE slot>? ORDER BY service,rid", instant(at))
	return all, err
}

// Rewind is for a clock that was wrong and was set back: the cursors after at are set to at, and the slots after at that have
// no run are removed: they are decided when they come. Those that have one keep it, and do not run again, but for the tasks
// in again: their runs keep all but their slot. It returns the tasks of what it changes. Whatever was to be looked at after at
// is due at once: who knows by which clock that was meant. It is on the disk before it returns.
func (d *DB) Rewind(ctx context.Context, at time.Time, again []task.ID) ([]task.ID, error) {
	var all []task.ID
	err := d.write(ctx, "rewind", durable, func(ctx context.Context) error {
		err := errors.Join(d.spreadAll(), d.freeSlots(at, again))
		if err == nil {
			err = d.c.query(ctx, 2, func(v row) error {
				all = append(all, task.ID{Service: v.text(0), RID: v.text(1)})
				return nil
			}, "SELECT service,rid FROM task_state WHERE cursor_slot>?1 OR retry_slot>?1 UNION "+
				"SELECT service,rid FROM slot WHERE slot_last>?1 AND decision<>'run' ORDER BY service,rid", instant(at))
		}
		if err == nil {
			err = d.cutSlots(ctx, at)
		}
		if err != nil {
			return err
		}
		return d.eachExec([]driver.Value{instant(at)},
			"DELETE FROM slot WHERE slot>?1 AND decision<>'run'",
			"UPDATE task_state SET next_at=?1,"+noRetry+" WHERE retry_slot>?1",
			"UPDATE task_state SET cursor_slot=?1,next_at=?1 WHERE cursor_slot>?1",
			"UPDATE task_state SET retry_at=?1 WHERE retry_at>?1",
			"UPDATE task_state SET next_at=?1 WHERE next_at>?1")
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// freeSlots takes the slots of tasks after a moment from their runs.
func (d *DB) freeSlots(at time.Time, tasks []task.ID) error {
	for _, id := range tasks {
		err := d.eachExec([]driver.Value{instant(at), id.Service, id.RID},
			keepEvidence+" AND slot>?1 AND service=?2 AND rid=?3",
			"DELETE FROM slot WHERE slot>?1 AND service=?2 AND rid=?3",
			"UPDATE run SET slot=NULL WHERE slot>?1 AND service=?2 AND rid=?3")
		if err != nil {
			return err
		}
	}
	return nil
}

// eachExec runs statements, each with the same arguments.
func (d *DB) eachExec(args []driver.Value, statements ...string) error {
	for _, s := range statements {
		if _, err := d.c.exec(s, args...); err != nil {
			return err
		}
	}
	return nil
}

// cutSlots ends at a moment the rows that stand for slots on both sides of it.
func (d *DB) cutSlots(ctx context.Context, at time.Time) error {
	across, err := d.slotRows(ctx, slotFrom+" WHERE slot<=?1 AND slot_last>?1", instant(at))
	for _, s := range across {
		if err == nil {
			err = d.putSlot(cut(s, at))
		}
	}
	return err
}

// cut leaves what a row stood for up to a moment inside it. The instants of its slots were not kept:
// they count as evenly spread.
func cut(s task.Slot, at time.Time) task.Slot {
	whole, gaps := uint64(s.Last.Sub(s.At)), uint64(max(s.Count-1, 1))
	left := scale(uint64(at.Sub(s.At)), gaps, whole)
	s.Count = 1 + int(left)
	s.Last = s.At.Add(time.Duration(scale(left, whole, gaps)))
	return s
}

// scale returns a*b/c, where a is not more than c.
func scale(a, b, c uint64) uint64 {
	if a >= c {
		return b
	}
	high, low := bits.Mul64(a, b)
	quotient, _ := bits.Div64(high, low, c)
	return quotient
}
