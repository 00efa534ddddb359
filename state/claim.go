package state

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"om/task"
)

// runColumns are the columns of a run, in the order of runValues and readRun.
const runColumns = "id,service,rid,slot,origin,state,attempt,node,boot_id,pid,pid_start,child_pid," +
	"queued_at,started_at,ended_at,exit_code,signal,reason,user,asked_by,terminal,confirmed_by,forced," +
	"argv_digest,output,output_bytes,output_lost,max_rss,cpu,leftover,evidence,clock_unsynced"

// runWidth is how many there are.
const runWidth = 32

func runValues(r task.Run) []driver.Value {
	return []driver.Value{
		r.ID, r.Task.Service, r.Task.RID, instant(r.Slot), string(r.Origin), string(r.State), int64(r.Attempt),
		r.Node, r.BootID, int64(r.PID), int64(r.PIDStart), int64(r.ChildPID),
		instant(r.QueuedAt), instant(r.StartedAt), instant(r.EndedAt),
		int64(r.ExitCode), r.Signal, r.Reason, r.User, r.By, r.Terminal, r.ConfirmedBy, r.Forced,
		r.ArgvDigest, r.Output, r.OutputBytes, r.OutputLost, r.MaxRSS, r.CPU.Microseconds(), int64(r.Leftover),
		r.Evidence, r.ClockUnsynced,
	}
}

func readRun(v row) task.Run {
	return task.Run{
		ID: v.text(0), Task: task.ID{Service: v.text(1), RID: v.text(2)}, Slot: v.when(3),
		Origin: task.Origin(v.text(4)), State: task.RunState(v.text(5)), Attempt: int(v.num(6)),
		Node: v.text(7), BootID: v.text(8), PID: int(v.num(9)), PIDStart: uint64(v.num(10)), ChildPID: int(v.num(11)),
		QueuedAt: v.when(12), StartedAt: v.when(13), EndedAt: v.when(14),
		ExitCode: int(v.num(15)), Signal: v.text(16), Reason: v.text(17),
		User: v.text(18), By: v.text(19), Terminal: v.text(20), ConfirmedBy: v.text(21), Forced: v.text(22),
		ArgvDigest: v.text(23), Output: v.text(24), OutputBytes: v.num(25), OutputLost: v.num(26),
		MaxRSS: v.num(27), CPU: time.Duration(v.num(28)) * time.Microsecond, Leftover: int(v.num(29)),
		Evidence: v.text(30), ClockUnsynced: v.num(31) != 0,
	}
}

// Claim enters r as running, on the disk before it returns, and gives it back as it is kept: with an
// id, a node, a boot id, an attempt and the times of now where r has none, times cut to microseconds.
// r must say which process holds it (PID and PIDStart).
//
// If limit runs of the task or more are in progress, or the slot has a run for this attempt already,
// nothing is entered and the error is a *TakenError. A limit of 0 is no limit. Runs for which alive
// says false do not count: they are settled as lost, together with the claim. A nil alive believes
// all of them.
func (d *DB) Claim(ctx context.Context, r task.Run, limit int, alive func(task.Run) bool) (task.Run, error) {
	r, err := d.claimed(r)
	if err != nil {
		return r, d.fault(err)
	}
	return r, d.enter(ctx, "claim", func(ctx context.Context) (*TakenError, error) {
		return d.begin(ctx, r, limit, alive)
	})
}

// begin enters a run, or says which ones are in its way.
func (d *DB) begin(ctx context.Context, r task.Run, limit int, alive func(task.Run) bool) (*TakenError, error) {
	if r.State.Final() {
		return d.insert(ctx, r)
	}
	live, err := d.live(ctx, r.Task, alive)
	if err != nil {
		return nil, err
	}
	if limit > 0 && len(live) >= limit {
		return &TakenError{Task: r.Task, By: live}, nil
	}
	return d.insert(ctx, r)
}

// enter commits what f does also where f says that the run is taken: what it learned of others stays.
func (d *DB) enter(ctx context.Context, name string, f func(context.Context) (*TakenError, error)) error {
	var taken *TakenError
	err := d.write(ctx, name, durable, func(ctx context.Context) (err error) {
		taken, err = f(ctx)
		return err
	})
	if err == nil && taken != nil {
		return taken
	}
	return err
}

// claimed completes a run that is about to begin.
func (d *DB) claimed(r task.Run) (task.Run, error) {
	now := d.o.Now()
	r.State = task.Running
	if r.ID == "" {
		r.ID = NewID(now)
	}
	if r.Node == "" {
		r.Node = d.o.Node
	}
	if r.BootID == "" {
		r.BootID = d.o.BootID
	}
	if r.PID == 0 || r.PIDStart == 0 || r.BootID == "" {
		return r, fmt.Errorf("run of %s: wanted the process id, start time and boot id of who holds it: %w", r.Task, task.ErrInvalid)
	}
	r.Attempt = max(r.Attempt, 1)
	if r.QueuedAt.IsZero() {
		r.QueuedAt = now
	}
	if r.StartedAt.IsZero() {
		r.StartedAt = now
	}
	r.Slot, r.QueuedAt, r.StartedAt, r.EndedAt = kept(r.Slot), kept(r.QueuedAt), kept(r.StartedAt), time.Time{}
	return r, nil
}

// live lists the runs of a task in progress, after it has settled the dead among them.
func (d *DB) live(ctx context.Context, id task.ID, alive func(task.Run) bool) ([]task.Run, error) {
	// Most often there are none, and that costs less to find out than to list them.
	n, err := d.c.number("SELECT count(*) FROM run INDEXED BY run_open WHERE service=? AND rid=? AND ended_at IS NULL", id.Service, id.RID)
	if err != nil || n == 0 {
		return nil, err
	}
	var live, dead []task.Run
	err = d.c.query(ctx, runWidth, func(v row) error {
		if r := readRun(v); alive == nil || alive(r) {
			live = append(live, r)
		} else {
			dead = append(dead, r)
		}
		return nil
	}, runningTask, id.Service, id.RID)
	if err != nil {
		return nil, err
	}
	_, err = d.bury(dead)
	return live, err
}

// LeftBehind returns the id of the run of a task that began last, where processes outlived its command; "" else. It is asked
// before each run, of two columns: a whole run would be ten pages more.
func (d *DB) LeftBehind(ctx context.Context, id task.ID) (runID string, err error) {
	err = d.read(ctx, 2, func(v row) error {
		if v.num(1) > 0 {
			runID = v.text(0)
		}
		return nil
	}, "SELECT id,leftover FROM run WHERE service=? AND rid=? ORDER BY id DESC LIMIT 1", id.Service, id.RID)
	return runID, err
}

// bury settles runs as lost, and returns them as they are now.
func (d *DB) bury(dead []task.Run) ([]task.Run, error) {
	for i := range dead {
		r := &dead[i]
		r.State, r.EndedAt = task.Lost, kept(d.o.Now())
		r.Reason = fmt.Sprintf("process %d on %s, which held it, is gone", r.PID, r.Node)
		_, err := d.c.exec("UPDATE run SET state=?,ended_at=?,reason=? WHERE id=? AND ended_at IS NULL",
			string(r.State), instant(r.EndedAt), r.Reason, r.ID)
		if err != nil {
			return nil, err
		}
	}
	return dead, nil
}

// insert enters a run, or says which one has its slot.
func (d *DB) insert(ctx context.Context, r task.Run) (*TakenError, error) {
	_, err := d.c.exec("INSERT INTO run("+runColumns+")VALUES(?"+strings.Repeat(",?", runWidth-1)+")", runValues(r)...)
	if !isDuplicate(err) {
		return nil, err
	}
	taken := &TakenError{Task: r.Task, Slot: true}
	err = d.c.query(ctx, runWidth, func(v row) error { taken.By = append(taken.By, readRun(v)); return nil },
		runFrom+" WHERE service=? AND rid=? AND slot=? AND attempt=?",
		r.Task.Service, r.Task.RID, instant(r.Slot), int64(r.Attempt))
	return taken, err
}

// Insert enters a run that ended before it began (its user is unknown, its command missing), in its
// final state. A run whose slot has one already is a *TakenError.
func (d *DB) Insert(ctx context.Context, r task.Run) error {
	r, err := stillborn(r)
	if err != nil {
		return d.fault(err)
	}
	return d.enter(ctx, "insert", func(ctx context.Context) (*TakenError, error) { return d.insert(ctx, r) })
}

// stillborn completes a run that ended before it began.
func stillborn(r task.Run) (task.Run, error) {
	if r.ID == "" || !r.State.Final() || r.EndedAt.IsZero() {
		return r, fmt.Errorf("run %q of %s, state %q: wanted an id, a final state and its end: %w", r.ID, r.Task, r.State, task.ErrInvalid)
	}
	r.Attempt = max(r.Attempt, 1)
	if r.QueuedAt.IsZero() {
		r.QueuedAt = r.EndedAt
	}
	r.Slot, r.QueuedAt, r.StartedAt, r.EndedAt = kept(r.Slot), kept(r.QueuedAt), kept(r.StartedAt), kept(r.EndedAt)
	return r, nil
}

// Settle writes how runs ended, all in one transaction, on the disk before it returns. The first
// outcome of a run stands: a later one for it changes nothing and is no error. Outcomes of runs that
// the record does not have are left out; the others are kept, and the error is a task.ErrNotFound.
func (d *DB) Settle(ctx context.Context, outcomes []task.Outcome) error {
	for _, o := range outcomes {
		if o.RunID == "" || !o.State.Final() || o.EndedAt.IsZero() {
			return d.fault(fmt.Errorf("outcome of run %q, state %q: wanted an id, a final state and its end: %w", o.RunID, o.State, task.ErrInvalid))
		}
	}
	var unknown []string
	err := d.write(ctx, "settle", durable, func(context.Context) error {
		for _, o := range outcomes {
			known, err := d.settle(o)
			if err != nil {
				return err
			}
			if !known {
				unknown = append(unknown, o.RunID)
			}
		}
		return nil
	})
	if err == nil && unknown != nil {
		err = d.fault(fmt.Errorf("no run %s: %w", strings.Join(unknown, ", "), task.ErrNotFound))
	}
	return err
}

func (d *DB) settle(o task.Outcome) (known bool, err error) {
	n, err := d.c.exec("UPDATE run SET state=?,started_at=coalesce(?,started_at),ended_at=?,exit_code=?,signal=?,reason=?,"+
		"output_bytes=?,output_lost=?,max_rss=?,cpu=?,leftover=? WHERE id=? AND ended_at IS NULL",
		string(o.State), instant(o.StartedAt), instant(o.EndedAt), int64(o.ExitCode), o.Signal, o.Reason,
		o.OutputBytes, o.OutputLost, o.MaxRSS, o.CPU.Microseconds(), int64(o.Leftover), o.RunID)
	if err != nil || n > 0 {
		return true, err
	}
	n, err = d.c.number("SELECT count(*) FROM run WHERE id=?", o.RunID)
	return n > 0, err
}

// NoteChild adds the process id of the command itself to a run in progress. It takes no barrier: the
// claim stands without it.
func (d *DB) NoteChild(ctx context.Context, runID string, pid int) error {
	return d.write(ctx, "note", relaxed, func(context.Context) error {
		_, err := d.c.exec("UPDATE run SET child_pid=? WHERE id=? AND ended_at IS NULL", int64(pid), runID)
		return err
	})
}

// Recover settles as lost every run in progress for which alive says false, and returns them.
func (d *DB) Recover(ctx context.Context, alive func(task.Run) bool) ([]task.Run, error) {
	running, err := d.Running(ctx, "", "")
	if err != nil || len(dead(running, alive)) == 0 {
		return nil, err
	}
	var lost []task.Run
	err = d.write(ctx, "recover", durable, func(ctx context.Context) error {
		// Again, now that nobody else writes: one of them may have been settled just now.
		var still []task.Run
		err = d.c.query(ctx, runWidth, func(v row) error { still = append(still, readRun(v)); return nil }, runningAll)
		if err == nil {
			lost, err = d.bury(dead(still, alive))
		}
		return err
	})
	return lost, err
}

func dead(runs []task.Run, alive func(task.Run) bool) []task.Run {
	var dead []task.Run
	for _, r := range runs {
		if !alive(r) {
			dead = append(dead, r)
		}
	}
	return dead
}

// Decline enters a manual run that did not happen. It takes no barrier.
func (d *DB) Decline(ctx context.Context, x task.Decline) error {
	if x.ID == "" {
		return d.fault(errors.New("decline without an id"))
	}
	return d.write(ctx, "decline", relaxed, func(context.Context) error {
		_, err := d.c.exec("INSERT INTO decline(id,service,rid,at,origin,kind,reason,asked_by,node)VALUES(?,?,?,?,?,?,?,?,?)",
			x.ID, x.Task.Service, x.Task.RID, instant(x.At), string(x.Origin), x.Kind, x.Reason, x.By, x.Node)
		return err
	})
}
