package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"om/service"
	"om/state"
	"om/task"
)

// OwnRecords lists those of some services that name a record of their own: what happened to their tasks is there, and not in
// the node's. The errors are of files that can't be used, of which that is not known.
func (e *Engine) OwnRecords(paths []string) (own []string, errs []error) {
	for _, path := range paths {
		mentioned, err := service.Mentions(e.ConfigDir, path, "state")
		if err == nil && !mentioned {
			continue // to read all that there is in it takes longer
		}
		svc, err := e.Load(path)
		switch {
		case errors.Is(err, task.ErrNotFound): // it was removed just now, or is a link to nowhere
		case err != nil:
			errs = append(errs, err)
		case svc.StateFile != "":
			own = append(own, path)
		}
	}
	return own, errs
}

// RecordAway says of an error that the record of a service is not here: its filesystem may be on another node, or nothing was
// recorded yet.
func RecordAway(err error) bool {
	return errors.Is(err, errElsewhere) || errors.Is(err, task.ErrNotFound)
}

// findAnywhere finds a run in the node's record or in one that a service has of its own.
func (e *Engine) findAnywhere(ctx context.Context, id string) (task.Run, error) {
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return task.Run{}, err
	}
	run, missing := e.findIn(ctx, db, id)
	if missing != nil && !errors.Is(missing, task.ErrNotFound) || missing == nil && run.ID == id {
		return run, missing
	}
	paths, _ := e.Services() // what can't be read has no run that could be shown
	own, _ := e.OwnRecords(paths)
	for _, path := range own {
		other, err := e.FindRun(ctx, path, id)
		switch {
		case errors.Is(err, task.ErrInvalid):
			return other, err
		case err != nil || other.ID == run.ID:
		case run.ID != "":
			return run, task.Errorf(task.ErrInvalid, "run %q: wanted more letters, %s and %s begin so", id, run.ID, other.ID)
		default:
			run, missing = other, nil
		}
	}
	return run, missing
}

// findIn finds a run in one record, as it is now.
func (e *Engine) findIn(ctx context.Context, db *state.DB, id string) (task.Run, error) {
	if err := e.bury(ctx, db); err != nil {
		return task.Run{}, err
	}
	return db.Run(ctx, id)
}

// MergePast puts together what several records have of a period. What two of them have, since one was copied into the other,
// is there once.
func MergePast(all []Past) (merged Past) {
	if len(all) == 1 {
		return all[0]
	}
	for _, p := range all {
		merged.Events, merged.Cut = append(merged.Events, p.Events...), merged.Cut || p.Cut
	}
	slices.SortStableFunc(merged.Events, func(x, y Event) int { return cmp.Or(byTask(x, y), cmp.Compare(x.Run, y.Run)) })
	merged.Events = slices.CompactFunc(merged.Events, func(x, y Event) bool {
		return x.Task == y.Task && x.Run == y.Run && x.isRun() == y.isRun() && x.Start.Equal(y.Start) && x.End.Equal(y.End)
	})
	markOverlaps(merged.Events)
	return merged
}
