package state

import (
	"context"
	"database/sql/driver"
	"iter"
	"slices"
	"time"

	"om/task"
)

// Keep says what to keep of the history of a task. Successes, failures and cancelled runs are
// counted apart; the newest of each is always kept.
type Keep struct {
	Runs      int           // at most so many of each; 0 is no limit
	Age       time.Duration // of successes and cancelled runs; 0 is no limit
	FailedAge time.Duration // of the others
}

// Retention says what to keep of the record.
type Retention struct {
	// Of says what to keep of a task.
	Of func(task.ID) Keep
	// Budget is how many bytes of output may be kept in all; 0 is no limit. Beyond it the oldest
	// successes go first, then the oldest of the others.
	Budget int64
	// Declines is how long to keep what did not happen, and the decisions about slots; 0 is for ever.
	Declines time.Duration
	// Configs is how many texts to keep of each service's file; 0 is all.
	Configs int
	// After is the task after which Expired begins; none for the first.
	After task.ID
}

// Expiry is a run that may go.
type Expiry struct {
	ID     string
	Task   task.ID
	Output string // the file to unlink, "" for none
	Bytes  int64  // of output kept
}

const (
	// batch is how many rows go at once: few enough that a claim need not wait for long.
	batch = 500
	// taskBacklog is how many runs of one task expire in one round; the rest do in the next.
	taskBacklog = 10 * batch
)

// Expired goes through the record and yields the runs that may go, 500 at a time at most. Unlink
// their outputs, then call Remove, then go on: whoever is stopped in between does it again, and no
// file is left that the record does not know. Nobody waits for it. It ends at the first error.
func (d *DB) Expired(ctx context.Context, r Retention) iter.Seq2[[]Expiry, error] {
	return func(yield func([]Expiry, error) bool) {
		if d.expiredByTask(ctx, r, yield) && r.Budget > 0 {
			d.overBudget(ctx, r.Budget, yield)
		}
	}
}

// expiredByTask yields what counts and ages let go. It returns false where there is to be no more.
func (d *DB) expiredByTask(ctx context.Context, r Retention, yield func([]Expiry, error) bool) bool {
	now := d.o.Now()
	for id := r.After; ; {
		next, ok, err := d.taskAfter(ctx, id)
		if err != nil {
			return yield(nil, err) && false
		}
		if !ok {
			return true
		}
		gone, err := d.expiredOf(ctx, next, now, r.Of(next))
		if err != nil {
			return yield(nil, err) && false
		}
		for some := range slices.Chunk(gone, batch) {
			if !yield(some, nil) {
				return false
			}
		}
		id = next
	}
}

// taskAfter returns the first task with runs after id. A blob is after every id: without a bound for all columns of the index
// SQLite would read each run of the task before.
func (d *DB) taskAfter(ctx context.Context, id task.ID) (next task.ID, ok bool, err error) {
	err = d.read(ctx, 2, func(v row) error {
		next, ok = task.ID{Service: v.text(0), RID: v.text(1)}, true
		return nil
	}, "SELECT service,rid FROM run WHERE (service,rid,id)>(?,?,x'') ORDER BY service,rid,id LIMIT 1", id.Service, id.RID)
	return next, ok, err
}

// ended is what retention looks at in a run.
type ended struct {
	Expiry
	state task.RunState
	at    time.Time
}

const endedColumns = "id,service,rid,output,output_bytes-output_lost,state,ended_at"

func readEnded(v row) ended {
	return ended{
		Expiry: Expiry{ID: v.text(0), Task: task.ID{Service: v.text(1), RID: v.text(2)}, Output: v.text(3), Bytes: v.num(4)},
		state:  task.RunState(v.text(5)), at: v.when(6),
	}
}

func (d *DB) expiredOf(ctx context.Context, id task.ID, now time.Time, keep Keep) ([]Expiry, error) {
	var gone []Expiry
	seen := map[task.RunState]int{}
	err := d.read(ctx, 7, func(v row) error {
		r := readEnded(v)
		k := kind(r.state)
		seen[k]++
		if len(gone) < taskBacklog && keep.expires(r, seen[k], now) {
			gone = append(gone, r.Expiry)
		}
		return nil
	}, "SELECT "+endedColumns+" FROM run WHERE service=? AND rid=? AND ended_at IS NOT NULL ORDER BY id DESC", id.Service, id.RID)
	return gone, err
}

// kind says which runs a run is counted with.
func kind(s task.RunState) task.RunState {
	if s == task.Complete || s == task.Cancelled {
		return s
	}
	return task.Failed
}

// expires decides about a run that is the nth newest of its kind, counted from 1.
func (k Keep) expires(r ended, nth int, now time.Time) bool {
	age := k.Age
	if kind(r.state) == task.Failed {
		age = k.FailedAge
	}
	tooMany := k.Runs > 0 && nth > k.Runs
	tooOld := age > 0 && now.Sub(r.at) > age
	return nth > 1 && (tooMany || tooOld)
}

// overBudget yields the runs that must go for the outputs to fit: successes, then the others.
func (d *DB) overBudget(ctx context.Context, budget int64, yield func([]Expiry, error) bool) {
	var excess int64
	err := d.read(ctx, 1, func(v row) error { excess = v.num(0) - budget; return nil },
		"SELECT sum(output_bytes-output_lost) FROM run WHERE ended_at IS NOT NULL AND output<>''")
	if err != nil {
		yield(nil, err)
		return
	}
	for _, which := range []string{"state='complete'", "state<>'complete'"} {
		for last := ""; excess > 0; {
			gone, err := d.oldest(ctx, which, last, excess)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(gone) == 0 {
				break
			}
			for _, x := range gone {
				excess -= x.Bytes
			}
			last = gone[len(gone)-1].ID
			if !yield(gone, nil) {
				return
			}
		}
	}
}

// oldest returns the oldest ended runs after one that have output, until excess bytes are found; never
// the newest of its kind of a task.
func (d *DB) oldest(ctx context.Context, which, after string, excess int64) ([]Expiry, error) {
	var gone []Expiry
	err := d.read(ctx, 7, func(v row) error {
		if r := readEnded(v); excess > 0 {
			gone, excess = append(gone, r.Expiry), excess-r.Bytes
		}
		return nil
	}, "SELECT "+endedColumns+" FROM run r WHERE id>? AND ended_at IS NOT NULL AND output<>'' AND "+which+
		" AND EXISTS(SELECT 1 FROM run n WHERE n.service=r.service AND n.rid=r.rid AND n.id>r.id AND n.ended_at IS NOT NULL"+
		" AND CASE WHEN r.state IN('complete','cancelled')THEN n.state=r.state ELSE n.state NOT IN('complete','cancelled')END)"+
		" ORDER BY id LIMIT ?", after, int64(batch))
	return gone, err
}

// Remove deletes runs that have ended, 500 at a time, and lets others go first in between. It takes
// no barrier: what a power cut brings back expires again.
func (d *DB) Remove(ctx context.Context, gone []Expiry) error {
	for some := range slices.Chunk(gone, batch) {
		err := d.write(ctx, "remove", relaxed, func(context.Context) error {
			for _, x := range some {
				if _, err := d.c.exec("DELETE FROM run WHERE id=? AND ended_at IS NOT NULL", x.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			err = d.Tidy(ctx)
		}
		if err != nil {
			return err
		}
		pause(ctx)
	}
	return ctx.Err()
}

// Prune deletes declines and texts of service files that need not be kept, 500 of each at most, and returns how
// many. Call it until it returns 0.
func (d *DB) Prune(ctx context.Context, r Retention) (removed int64, err error) {
	prune := func(query string, args ...driver.Value) error {
		n, pruneErr := d.c.exec(query, args...)
		removed += n
		return pruneErr
	}
	before := d.o.Now().Add(-r.Declines)
	err = d.write(ctx, "prune", relaxed, func(context.Context) (err error) {
		if r.Declines > 0 {
			err = prune("DELETE FROM decline WHERE id IN(SELECT id FROM decline WHERE at<? LIMIT ?)", instant(before), int64(batch))
		}
		if err == nil && r.Configs > 0 {
			err = prune("DELETE FROM config WHERE rowid IN(SELECT rowid FROM config c WHERE version<="+
				"(SELECT max(version) FROM config WHERE service=c.service)-? LIMIT ?)", int64(r.Configs), int64(batch))
		}
		return err
	})
	return removed, err
}

// oldSlots chooses decided slots of a task from before a moment; its key finds them.
const oldSlots = "FROM slot WHERE service=?1 AND rid=?2 AND slot<?3 AND slot_last<?3 AND decision<>'pending' ORDER BY slot LIMIT ?4"

// PruneSlots deletes the decided slots from before a moment of the first task after one, 500 at most, and returns
// which task that is, none after the last, and whether it has more.
func (d *DB) PruneSlots(ctx context.Context, after task.ID, before time.Time) (id task.ID, more bool, err error) {
	err = d.read(ctx, 2, func(v row) error { id = task.ID{Service: v.text(0), RID: v.text(1)}; return nil },
		"SELECT service,rid FROM slot WHERE (service,rid,slot)>(?,?,9223372036854775807) ORDER BY service,rid,slot LIMIT 1", after.Service, after.RID)
	if err != nil || id == (task.ID{}) {
		return id, false, err
	}
	n := 0
	err = d.read(ctx, 1, func(row) error { n++; return nil }, "SELECT slot "+oldSlots, id.Service, id.RID, instant(before), int64(batch))
	if err != nil || n == 0 {
		return id, false, err
	}
	err = d.write(ctx, "prune", relaxed, func(context.Context) (err error) {
		_, err = d.c.exec(keepEvidence+" AND service=?1 AND rid=?2 AND slot IN(SELECT slot "+oldSlots+")", id.Service, id.RID, instant(before), int64(batch))
		if err != nil {
			return err
		}
		_, err = d.c.exec("DELETE FROM slot WHERE service=?1 AND rid=?2 AND slot IN(SELECT slot "+oldSlots+")",
			id.Service, id.RID, instant(before), int64(batch))
		return err
	})
	return id, n == batch, err
}
