package state

import (
	"context"
	"fmt"

	"om/task"
)

// Hold is a place that a run has of a named lock.
type Hold struct {
	Name string
	Run  task.Run // ID, Task, Node, BootID, PID and PIDStart
}

const holdFrom = "SELECT name,run_id,service,rid,node,boot_id,pid,pid_start FROM hold"

func readHold(v row) Hold {
	return Hold{v.text(0), task.Run{
		ID: v.text(1), Task: task.ID{Service: v.text(2), RID: v.text(3)},
		Node: v.text(4), BootID: v.text(5), PID: int(v.num(6)), PIDStart: uint64(v.num(7)),
	}}
}

// Holds returns the places of all locks that are held, by name.
func (d *DB) Holds(ctx context.Context) ([]Hold, error) {
	var all []Hold
	err := d.read(ctx, 8, func(v row) error { all = append(all, readHold(v)); return nil }, holdFrom+" ORDER BY name,run_id")
	return all, err
}

// Holders returns the places of one lock, by run, but those of runs that this record knows to have ended.
func (d *DB) Holders(ctx context.Context, name string) ([]Hold, error) {
	var all []Hold
	err := d.read(ctx, 8, func(v row) error { all = append(all, readHold(v)); return nil },
		holdFrom+" WHERE name=? AND NOT EXISTS(SELECT 1 FROM run WHERE id=run_id AND ended_at IS NOT NULL) ORDER BY run_id", name)
	return all, err
}

// Hold takes a place of each lock for a run that is about to be claimed. It must have an id, and say
// which process holds it. Where a lock is full nothing is entered, and blockers has the places of the
// first such lock. Holds of runs that have ended, or for which alive says false, are
// dropped; a nil alive believes all of them.
//
// It takes no barrier: after a power cut no process holds anything.
func (d *DB) Hold(ctx context.Context, run task.Run, locks []task.Lock, alive func(task.Run) bool) (blockers []Hold, err error) {
	if run.Node == "" {
		run.Node = d.o.Node
	}
	if run.BootID == "" {
		run.BootID = d.o.BootID
	}
	if run.ID == "" || run.PID == 0 || run.PIDStart == 0 || run.BootID == "" {
		return nil, d.fault(fmt.Errorf("locks of run %q of %s: wanted its id, and the process id, start time and boot id of who holds it: %w",
			run.ID, run.Task, task.ErrInvalid))
	}
	if len(locks) == 0 {
		return nil, nil
	}
	err = d.write(ctx, "hold", relaxed, func(ctx context.Context) (err error) {
		blockers, err = d.hold(ctx, run, locks, alive)
		return err
	})
	if err != nil {
		return nil, err
	}
	return blockers, nil
}

func (d *DB) hold(ctx context.Context, run task.Run, locks []task.Lock, alive func(task.Run) bool) ([]Hold, error) {
	for _, l := range locks {
		others, err := d.holders(ctx, l.Name, run.ID, alive)
		if err != nil || len(others) >= max(l.Places, 1) {
			return others, err
		}
	}
	for _, l := range locks {
		_, err := d.c.exec("REPLACE INTO hold(name,run_id,service,rid,node,boot_id,pid,pid_start)VALUES(?,?,?,?,?,?,?,?)",
			l.Name, run.ID, run.Task.Service, run.Task.RID, run.Node, run.BootID, int64(run.PID), int64(run.PIDStart))
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// holders lists the places of a lock that other runs than one have, after it has dropped what is over.
func (d *DB) holders(ctx context.Context, name, but string, alive func(task.Run) bool) (live []Hold, err error) {
	_, err = d.c.exec("DELETE FROM hold WHERE name=? AND EXISTS(SELECT 1 FROM run WHERE id=run_id AND ended_at IS NOT NULL)", name)
	if err != nil {
		return nil, err
	}
	var gone []string
	err = d.c.query(ctx, 8, func(v row) error {
		h := readHold(v)
		switch {
		case h.Run.ID == but:
		case alive == nil || alive(h.Run):
			live = append(live, h)
		default:
			gone = append(gone, h.Run.ID)
		}
		return nil
	}, holdFrom+" WHERE name=? ORDER BY run_id", name)
	if err != nil {
		return nil, err
	}
	return live, d.release(gone)
}

// Release gives back all places that runs have. It takes no barrier.
func (d *DB) Release(ctx context.Context, runIDs ...string) error {
	if len(runIDs) == 0 {
		return nil
	}
	held := false // most often nothing is, and that costs less to find out than to remove nothing
	err := d.read(ctx, 1, func(row) error { held = true; return nil }, "SELECT 1 FROM hold LIMIT 1")
	if err != nil || !held {
		return err
	}
	return d.write(ctx, "release", relaxed, func(context.Context) error { return d.release(runIDs) })
}

func (d *DB) release(runIDs []string) error {
	for _, id := range runIDs {
		if _, err := d.c.exec("DELETE FROM hold WHERE run_id=?", id); err != nil {
			return err
		}
	}
	return nil
}
