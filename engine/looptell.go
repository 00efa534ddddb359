package engine

import (
	"context"
	"slices"
	"time"

	"om/task"
)

// tell counts, and tells of a turn.
func (l *loop) tell(ctx context.Context, turn *Turn, err error, wake int) {
	turn.First = l.turns == 0 && err == nil
	if err == nil || l.turns > 0 {
		l.turns++
	}
	if ctx.Err() == nil {
		if counted := l.count(ctx, turn, wake); counted != nil {
			turn.problem("%v", counted)
		}
		turn.Services, turn.Tasks, turn.Running = l.counts.Services, l.counts.Tasks, l.counts.Running
		l.meter(ctx, turn)
	}
	l.o.Told(*turn, err)
}

// count keeps the counts: by what turns did, and now and then, or to know that no run goes on, by looking.
func (l *loop) count(ctx context.Context, turn *Turn, wake int) error {
	turn.Ended, turn.Lost = l.untold(turn.Ended), l.untold(turn.Lost)
	for _, run := range slices.Concat(turn.Started, turn.Ended, turn.Lost) {
		if l.open[run.ID] = true; run.State.Final() {
			delete(l.open, run.ID)
		}
	}
	if wake != wakeAll && !l.draining && (wake != wakeEnds || len(l.open) > few) {
		l.counts.Running = len(l.open)
		return nil
	}
	if err := l.look(ctx, turn); err != nil {
		return err
	}
	if !turn.First && len(turn.Changed)+len(turn.Removed) == 0 {
		return nil
	}
	db, err := l.NodeRecord(ctx)
	if err != nil {
		return err
	}
	l.counts.Services, l.counts.Tasks, err = db.Tally(ctx)
	return err
}

// untold leaves out the runs whose end was told already: what recorded it, as what ends a run that is replaced does, may be about
// to note that in the journal when this process reads it.
func (l *loop) untold(runs []task.Run) []task.Run {
	now := l.Now()
	for id, at := range l.told {
		if now.Sub(at) > fullTurn {
			delete(l.told, id)
		}
	}
	return slices.DeleteFunc(runs, func(run task.Run) bool {
		_, before := l.told[run.ID]
		if l.told == nil {
			l.told = map[string]time.Time{}
		}
		l.told[run.ID] = now
		return before
	})
}

// look looks at which runs go on. The end of a run may have been recorded by another process: then it is told now.
func (l *loop) look(ctx context.Context, turn *Turn) error {
	goesOn := map[string]bool{}
	records := l.recordsByPath(ctx)
	for _, db := range records {
		runs, err := db.Running(ctx, "", "")
		if err != nil {
			return err
		}
		for _, run := range runs {
			goesOn[run.ID] = true
		}
	}
	l.counts.Running = len(goesOn)
	for id := range l.open {
		if goesOn[id] {
			continue
		}
		for _, db := range records {
			if run, err := db.Run(ctx, id); err == nil && run.State.Final() {
				turn.Ended = append(turn.Ended, l.untold([]task.Run{run})...)
			}
		}
		delete(l.open, id)
	}
	for id := range goesOn { // those of before the loop, and of people
		l.open[id] = true
	}
	return nil
}
