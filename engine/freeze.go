package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"om/schedule"
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
	if err := e.movesTo(ctx, e.Now()); err != nil {
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

// moveOnTries bounds how often what a tick came first to is passed over anew.
const moveOnTries = 100

// moveOn passes over all that the tasks of one record have not decided yet. A turn is stale where a tick came
// first: what that has left is passed over then.
func (e *Engine) moveOn(ctx context.Context, db *state.DB, path string) error {
	for range moveOnTries {
		turns, err := e.passOver(ctx, db, path)
		if err != nil {
			return err
		}
		taken, err := db.Decide(ctx, turns, e.alive)
		if err != nil {
			return err
		}
		if again, err := e.moveStale(ctx, db, turns, taken); err != nil || !again {
			return err
		}
	}
	return task.Errorf(task.ErrTaken, "ticks came first %d times: try again", moveOnTries)
}

// moveStale moves cursors past what made turns stale, and says whether there were such.
func (e *Engine) moveStale(ctx context.Context, db *state.DB, turns []state.Turn, taken []state.Taken) (again bool, err error) {
	for i, t := range taken {
		if !t.Stale {
			continue
		}
		again = true
		past, err := e.movePast(ctx, db, turns[i], turns[i].Before)
		if err != nil {
			return again, err
		}
		if past != "" && e.Trouble != nil {
			e.Trouble(errors.New(past))
		}
	}
	return again, nil
}

// movePast moves the cursor of a task past slots that are decided already, where these made a turn stale: each other would be
// too, for ever. They may be of another schedule, or of a clock that was ahead. after is the cursor but for its time. It says
// what it did; "" where another process moved the cursor, or nothing is in the way.
func (e *Engine) movePast(ctx context.Context, db record, stale state.Turn, after task.Cursor) (string, error) {
	if len(stale.Slots) == 0 {
		return "", nil
	}
	id := stale.Before.Task
	q := state.Query{Service: id.Service, RID: []string{id.RID}, Before: stale.Slots[len(stale.Slots)-1].Last.Add(time.Microsecond), Limit: 1}
	newest, err := db.Slots(ctx, q)
	if err != nil || len(newest) == 0 || !newest[0].Last.After(stale.Before.At) {
		return "", err
	}
	after.At = newest[0].Last
	taken, err := db.Decide(ctx, []state.Turn{{Before: stale.Before, After: after}}, e.alive)
	if err != nil || taken[0].Stale {
		return "", err
	}
	return fmt.Sprintf("%s: slots up to %s were decided already, and nothing new could be: it goes on after them",
		id, after.At.UTC().Format(time.RFC3339)), nil
}

// passOver returns the turns that skip the slots of tasks that came meanwhile. What waited before goes on to wait: while it was
// frozen ticks skipped it. Attempts end with the next slot.
func (e *Engine) passOver(ctx context.Context, db *state.DB, path string) ([]state.Turn, error) {
	cursors, err := db.Cursors(ctx, path)
	if err != nil {
		return nil, err
	}
	var turns []state.Turn
	for _, c := range cursors {
		turn, err := e.passOverTask(ctx, db, c)
		if err != nil {
			return nil, err
		}
		if len(turn.Slots) > 0 || turn.After != turn.Before {
			turns = append(turns, turn)
		}
	}
	return turns, nil
}

// passOverTask is passOver for one task. That of a service which can't be read has no slots now.
func (e *Engine) passOverTask(ctx context.Context, db *state.DB, c task.Cursor) (state.Turn, error) {
	turn := state.Turn{Before: c, After: c}
	svc, err := e.scheduled(ctx, c.Task.Service)
	if err != nil {
		return turn, nil //nolint:nilerr // see above
	}
	t, known := svc.Task(c.Task.RID)
	if !known {
		return turn, nil
	}
	node, err := e.NodeRecord(ctx)
	if err != nil {
		return turn, err
	}
	if db == node && svc.StateFile != "" {
		turn.After.Next = e.Now() // the cursor that counts is in the service's own record
		return turn, nil
	}
	if cal, err := e.calendar(&t); err == nil && neverScheduled(svc, &t) == "" {
		if err := e.skipFrozen(ctx, svc, cal, t, &turn); err != nil {
			return turn, err
		}
	}
	if len(turn.Slots) > 0 {
		turn.After.Retry = task.Retrying{}
		e.tellBefore(ctx, db, svc, &t, c.Retry)
	}
	turn.After.Next = e.seeFirst(svc, &t, sooner(svc, &t, e.nextLook(svc, &t, turn.After), c.Next), e.Now())
	return turn, nil
}

// skipFrozen adds to a turn the slots that are due and not decided.
func (e *Engine) skipFrozen(ctx context.Context, svc *service.Service, cal *schedule.Schedule, t task.Task, turn *state.Turn) (err error) {
	from, now := turn.Before.At, e.Now()
	newest, older, due := cal.Latest(from, now)
	if !due || t.Plan.RunTimes > 0 && turn.Before.Runs >= t.Plan.RunTimes {
		return nil
	}
	first, ok := cal.Next(from, from)
	if !ok || older == 0 {
		first = newest
	}
	f := task.Facts{Now: now, Origin: task.Scheduled}
	if f.Frozen, f.NodeFrozen, err = e.frozen(ctx, t.ID.Service); err != nil {
		return err
	}
	turn.After.At = cal.Decided(newest, now)
	turn.Slots = append(turn.Slots, task.Slot{
		Task: t.ID, At: first.UTC(), Last: newest.UTC(), Count: older + 1, Decision: task.SlotSkip, Reason: frozenReason(t, f),
		Evidence: e.passing(svc, &t, f, from, newest),
	})
	return nil
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
		if paths, err = e.Services(); err != nil && !errors.As(err, new(*service.UnreadError)) {
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
		if err := e.enterOwn(ctx, db, path); err != nil {
			return err
		}
		if err := e.moveOn(ctx, db, path); err != nil {
			return err
		}
	}
	return nil
}

// enterOwn enters the node's cursors of a service into its own record, where that has none: nothing of these tasks was
// decided yet.
func (e *Engine) enterOwn(ctx context.Context, db *state.DB, path string) error {
	node, err := e.NodeRecord(ctx)
	if err != nil || node == db {
		return err
	}
	cached, err := node.Cursors(ctx, path)
	if err != nil {
		return err
	}
	has, err := db.Cursors(ctx, path)
	if err != nil {
		return err
	}
	var turns []state.Turn
	for _, c := range cached {
		if !hasCursor(has, c.Task) {
			turns = append(turns, state.Turn{Before: task.Cursor{Task: c.Task}, After: c})
		}
	}
	_, err = db.Decide(ctx, turns, e.alive)
	return err
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
