package state

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"om/task"
)

// Query chooses runs, declines or slots. A field that is zero chooses all.
type Query struct {
	Service string
	RID     []string
	State   []task.RunState // of runs only
	// Since and Before bound when the run was asked for: at or after Since, before Before.
	Since, Before time.Time
	// Open is of runs only: those that went on then, or began later.
	Open time.Time
	// ID is the beginning of an id.
	ID string
	// After is an id, or the beginning of one: of runs made after it.
	After string
	// Limit is how many to return at most, the newest; 0 is no limit.
	Limit int
}

const (
	runFrom = "SELECT " + runColumns + " FROM run"
	// The index is named: SQLite would rather read all runs than sort the few in progress.
	runningFrom = runFrom + " INDEXED BY run_open WHERE ended_at IS NULL AND state='running'"
	runningAll  = runningFrom + " ORDER BY id"
	runningTask = runningFrom + " AND service=? AND rid=? ORDER BY id"
	supervisors = "SELECT DISTINCT boot_id,pid,pid_start FROM run INDEXED BY run_open WHERE ended_at IS NULL AND state='running'"
)

// Runs returns the runs that q chooses, newest first.
func (d *DB) Runs(ctx context.Context, q Query) ([]task.Run, error) {
	var all []task.Run
	err := d.EachRun(ctx, q, func(r task.Run) { all = append(all, r) })
	return all, err
}

// EachRun calls each for what Runs would return, without keeping it.
func (d *DB) EachRun(ctx context.Context, q Query, each func(task.Run)) error {
	w := q.where("queued_at")
	if len(q.State) > 0 {
		w.in("state", len(q.State))
		for _, s := range q.State {
			w.args = append(w.args, string(s))
		}
	}
	if !q.Open.IsZero() {
		w.and("(ended_at IS NULL OR ended_at>=?)", instant(q.Open))
	}
	query := runFrom + w.String() + q.newest()
	if q.Limit > 0 {
		// Sorting ids is quick where sorting whole rows is not.
		query = runFrom + " WHERE id IN(SELECT id FROM run" + w.String() + q.newest() + ") ORDER BY id DESC"
	}
	return d.read(ctx, runWidth, func(v row) error { each(readRun(v)); return nil }, query, w.args...)
}

// wholeID is the length of an id.
const wholeID = 36

// Run returns the run with an id, or with the only id that begins so. There is none: task.ErrNotFound;
// several: task.ErrInvalid.
func (d *DB) Run(ctx context.Context, id string) (task.Run, error) {
	if id == "" {
		return task.Run{}, fmt.Errorf("run %q: wanted an id: %w", id, task.ErrInvalid)
	}
	var found []task.Run
	var err error
	if len(id) == wholeID {
		found, err = d.runs(ctx, runFrom+" WHERE id=?", strings.ToLower(id))
	} else {
		found, err = d.Runs(ctx, Query{ID: id, Limit: 2})
	}
	switch {
	case err != nil:
		return task.Run{}, err
	case len(found) == 0:
		return task.Run{}, fmt.Errorf("run %q: %w", id, task.ErrNotFound)
	case len(found) > 1:
		return task.Run{}, fmt.Errorf("run %q: wanted more letters, %s and %s begin so: %w", id, found[0].ID, found[1].ID, task.ErrInvalid)
	}
	return found[0], nil
}

// Running returns the runs in progress, oldest first: of all services, of one, or of one task.
func (d *DB) Running(ctx context.Context, service, rid string) ([]task.Run, error) {
	switch {
	case service == "":
		return d.runs(ctx, runningAll)
	case rid == "":
		return d.runs(ctx, runningFrom+" AND service=? ORDER BY id", service)
	}
	return d.runs(ctx, runningTask, service, rid)
}

// Supervisors returns the processes that hold the runs in progress, each once: runs with BootID, PID and PIDStart
// alone, as Alive takes them.
func (d *DB) Supervisors(ctx context.Context) ([]task.Run, error) {
	var all []task.Run
	err := d.read(ctx, 3, func(v row) error {
		all = append(all, task.Run{BootID: v.text(0), PID: int(v.num(1)), PIDStart: uint64(v.num(2))})
		return nil
	}, supervisors)
	return all, err
}

// LastEnded returns, by resource id, the newest run of each task of a service that has ended and was
// not cancelled: what the task's status follows. Newest is the one asked for last.
func (d *DB) LastEnded(ctx context.Context, service string) (map[string]task.Run, error) {
	runs, err := d.runs(ctx, "SELECT "+runColumns+" FROM run WHERE id IN("+
		"SELECT(SELECT id FROM run WHERE service=? AND rid=t.rid AND ended_at IS NOT NULL AND state<>'cancelled' ORDER BY id DESC LIMIT 1)"+
		"FROM(SELECT DISTINCT rid FROM run WHERE service=?)t)", service, service)
	last := make(map[string]task.Run, len(runs))
	for _, r := range runs {
		last[r.Task.RID] = r
	}
	return last, err
}

// Took returns how long the last runs of a task took that were complete, the newest first: at most limit.
func (d *DB) Took(ctx context.Context, id task.ID, limit int) ([]time.Duration, error) {
	var all []time.Duration
	err := d.read(ctx, 1, func(v row) error {
		all = append(all, time.Duration(v.num(0))*time.Microsecond)
		return nil
	}, "SELECT ended_at-started_at FROM run WHERE service=? AND rid=? AND state='complete' AND started_at<=ended_at ORDER BY id DESC LIMIT ?",
		id.Service, id.RID, int64(limit))
	return all, err
}

// Declines returns the runs that did not happen that q chooses, newest first. Its State is not looked at.
func (d *DB) Declines(ctx context.Context, q Query) ([]task.Decline, error) {
	var all []task.Decline
	w := q.where("at")
	err := d.read(ctx, 9, func(v row) error {
		all = append(all, task.Decline{
			ID: v.text(0), Task: task.ID{Service: v.text(1), RID: v.text(2)}, At: v.when(3),
			Origin: task.Origin(v.text(4)), Kind: v.text(5), Reason: v.text(6), By: v.text(7), Node: v.text(8),
		})
		return nil
	}, "SELECT id,service,rid,at,origin,kind,reason,asked_by,node FROM decline"+w.String()+q.newest(), w.args...)
	return all, err
}

func (d *DB) runs(ctx context.Context, query string, args ...driver.Value) ([]task.Run, error) {
	var all []task.Run
	err := d.read(ctx, runWidth, func(v row) error { all = append(all, readRun(v)); return nil }, query, args...)
	return all, err
}

// where is what a query demands, with its arguments.
type where struct {
	terms []string
	args  []driver.Value
}

func (w *where) and(term string, args ...driver.Value) {
	w.terms, w.args = append(w.terms, term), append(w.args, args...)
}

func (w *where) in(column string, n int) {
	w.and(column + " IN(?" + strings.Repeat(",?", n-1) + ")")
}

func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

func (q Query) where(when string) *where {
	w := q.tasks()
	q.bounds(w, "id", when, when)
	return w
}

// tasks is what q demands of the task.
func (q Query) tasks() *where {
	w := &where{}
	if q.Service != "" {
		w.and("service=?", q.Service)
	}
	if len(q.RID) > 0 {
		w.in("rid", len(q.RID))
		for _, rid := range q.RID {
			w.args = append(w.args, rid)
		}
	}
	return w
}

// bounds adds what q demands of an id, of a last and of a first time, whose columns are given.
func (q Query) bounds(w *where, column, last, first string) {
	if q.ID != "" {
		id := strings.ToLower(q.ID)
		w.and(column+">=? AND "+column+"<?", id, id+"g") // 'g' is after every letter of an id
	}
	if q.After != "" {
		w.and("id>?", q.After)
	}
	if !q.Since.IsZero() {
		w.and(last+">=?", instant(q.Since))
	}
	if !q.Before.IsZero() {
		w.and(first+"<?", instant(q.Before))
	}
}

func (q Query) newest() string {
	if q.Limit <= 0 {
		return " ORDER BY id DESC"
	}
	return fmt.Sprintf(" ORDER BY id DESC LIMIT %d", q.Limit)
}
