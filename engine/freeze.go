package engine

import (
	"context"
	"time"

	"om/service"
	"om/state"
	"om/task"
)

// Freeze stops scheduled runs of the service at path and makes manual ones ask for --force, until
// Thaw. An empty path is the whole node.
func (e *Engine) Freeze(ctx context.Context, path string) error {
	db, err := e.freezable(ctx, path)
	if err != nil {
		return err
	}
	return db.Freeze(ctx, path, e.By)
}

// Thaw undoes Freeze. Schedules begin again now: nothing of the time before is made up for, and what was due since
// somebody looked is skipped, on record. What is not frozen stays as it is.
func (e *Engine) Thaw(ctx context.Context, path string) error {
	db, err := e.freezable(ctx, path)
	if err != nil {
		return err
	}
	svc, node, err := e.frozen(ctx, path)
	if path == "" {
		svc = node
	}
	if err != nil || svc == "" {
		return err
	}
	// Frozen up to the end of this: who is killed before has thawed nothing, and does it again.
	if err := e.moveOn(ctx, db, path); err != nil {
		return err
	}
	if err := e.moveOwn(ctx, path); err != nil {
		return err
	}
	return db.Thaw(ctx, path)
}

// moveOn moves the cursors of one record to now. The slots they pass are skips, as a tick would skip them.
func (e *Engine) moveOn(ctx context.Context, db *state.DB, path string) error {
	now := e.Now()
	cursors, err := db.Cursors(ctx, path)
	if err != nil {
		return err
	}
	var turns []state.Turn
	for _, c := range cursors {
		if turn, due := e.passOver(ctx, c, now); due {
			turns = append(turns, turn)
		}
	}
	// A turn is stale where a tick came first: then that has decided, and the slots are frozen ones.
	if _, err := db.Decide(ctx, turns, e.alive); err != nil {
		return err
	}
	return db.MoveCursors(ctx, path, now, "thawed")
}

// passOver skips the slots of a task that are due and not decided.
func (e *Engine) passOver(ctx context.Context, c task.Cursor, now time.Time) (state.Turn, bool) {
	turn := state.Turn{Before: c, After: c}
	svc, err := e.scheduled(ctx, c.Task.Service)
	if err != nil {
		return turn, false // it has no slots now
	}
	t, known := svc.Task(c.Task.RID)
	if !known || e.nextLook(svc, &t, c).IsZero() {
		return turn, false
	}
	cal, err := e.calendar(&t)
	if err != nil {
		return turn, false
	}
	newest, older, due := cal.Latest(c.At, now)
	if !due {
		return turn, false
	}
	f := task.Facts{Now: now, Origin: task.Scheduled}
	if f.Frozen, f.NodeFrozen, err = e.frozen(ctx, c.Task.Service); err != nil {
		return turn, false
	}
	first, ok := cal.Next(c.At, c.At)
	if !ok || older == 0 {
		first = newest
	}
	turn.After.At = cal.Decided(newest, now)
	turn.Slots = []task.Slot{{Task: c.Task, At: first.UTC(), Last: newest.UTC(), Count: older + 1, Decision: task.SlotSkip, Reason: frozenReason(t, f)}}
	return turn, true
}

// frozenReason is what a decision about a task says of a freeze.
func frozenReason(t task.Task, f task.Facts) string {
	for _, c := range task.Decide(t, f).Checks {
		if c.Name == "thawed" {
			return c.Detail
		}
	}
	return "frozen"
}

// moveOwn moves the cursors of services that have a record of their own here, of one or of all.
func (e *Engine) moveOwn(ctx context.Context, path string) error {
	paths := []string{path}
	if path == "" {
		var err error
		if paths, err = e.Services(); err != nil {
			return err
		}
	}
	for _, path := range paths {
		svc, err := e.Load(path)
		if err != nil || svc.StateFile == "" {
			continue
		}
		db, err := e.Record(ctx, svc)
		if err != nil {
			continue // it is on another node
		}
		if err := e.moveOn(ctx, db, path); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) freezable(ctx context.Context, path string) (*state.DB, error) {
	if path != "" {
		if _, err := e.Load(path); err != nil {
			return nil, err
		}
	}
	return e.NodeRecord(ctx)
}

// Disable sets the keyword disable of the sections that sel picks to the given value; with no
// selection, that of the whole service.
func (e *Engine) Disable(ctx context.Context, path string, sections []string, value string) error {
	return e.Change(ctx, path, func(d *service.Document) error {
		for _, section := range sections {
			if err := setDisable(d, section, value); err != nil {
				return err
			}
		}
		return nil
	})
}

func setDisable(d *service.Document, section, value string) error {
	if value == "false" {
		return d.Unset(section, "disable")
	}
	return d.Set(section, "disable", value)
}
