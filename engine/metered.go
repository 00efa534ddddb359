package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"om/state"
	"om/task"
)

// metered is how far a record has been counted.
type metered struct {
	Seen    string   // all runs with ids up to here were looked at, and no other comes with such an id
	Counted []string `json:",omitempty"` // those after it that were
	Open    []string // of all these, the runs that had not ended
}

// record counts the runs of one record that were not looked at yet. fresh are those that this tick has started.
func (m *meter) record(ctx context.Context, path string, db *state.DB, now time.Time, fresh []task.Run) error {
	seen := m.Records[path]
	if seen == nil {
		seen = &metered{}
		m.Records[path] = seen
	}
	if seen.Seen > idAt(now) {
		if err := m.turnBack(ctx, db, seen, now, fresh); err != nil {
			return err
		}
	}
	running, err := db.Running(ctx, "", "")
	if err != nil {
		return err
	}
	goesOn := map[string]bool{}
	for _, run := range running {
		goesOn[run.ID] = true
		m.task(run.Task).running++
	}
	if err = m.ended(ctx, db, seen, goesOn); err != nil {
		return err
	}
	runs, err := db.Runs(ctx, state.Query{After: seen.Seen})
	if err != nil {
		return err
	}
	m.count(seen, runs)
	seen.settle(idAt(now.Add(-settling)))
	return nil
}

// turnBack is for a clock that was set back: runs come with ids that are before those of runs that were counted. What
// is on record there was, but for those of this tick; of what a person ran since the last look that is a guess.
func (m *meter) turnBack(ctx context.Context, db *state.DB, seen *metered, now time.Time, fresh []task.Run) error {
	limit := idAt(now.Add(-settling))
	runs, err := db.Runs(ctx, state.Query{After: limit})
	if err != nil {
		return err
	}
	for _, run := range runs {
		isFresh := slices.ContainsFunc(fresh, func(f task.Run) bool { return f.ID == run.ID })
		if run.ID <= seen.Seen && !isFresh {
			seen.Counted = append(seen.Counted, run.ID)
		}
	}
	seen.Seen = limit
	for _, g := range m.Tasks {
		g.Last = min(g.Last, limit) // the next is the newest, whatever its id
	}
	return nil
}

// count looks at runs, newest first, that may have been counted.
func (m *meter) count(seen *metered, runs []task.Run) {
	counted := map[string]bool{}
	for _, id := range seen.Counted {
		counted[id] = true
	}
	for _, run := range slices.Backward(runs) {
		switch {
		case counted[run.ID]:
			continue
		case run.State.Final():
			m.run(run)
		default:
			seen.Open = append(seen.Open, run.ID)
		}
		seen.Counted = append(seen.Counted, run.ID)
	}
}

// settle forgets the ids of runs that no other can come before any more. Those of a process that was there before its
// clock was set back are ahead of it.
func (s *metered) settle(limit string) {
	s.Seen = max(s.Seen, limit)
	s.Counted = slices.DeleteFunc(s.Counted, func(id string) bool { return id <= s.Seen })
}

// ended counts the runs that were open, and are not now.
func (m *meter) ended(ctx context.Context, db *state.DB, seen *metered, goesOn map[string]bool) error {
	var open []string
	for _, id := range seen.Open {
		if goesOn[id] {
			open = append(open, id)
			continue
		}
		run, err := db.Run(ctx, id)
		switch {
		case errors.Is(err, task.ErrNotFound): // past retention
		case err != nil:
			return err
		case !run.State.Final(): // queued
			open = append(open, id)
		default:
			m.run(run)
		}
	}
	seen.Open = open
	return nil
}

// run counts a run that has ended.
func (m *meter) run(run task.Run) {
	g := m.task(run.Task)
	if g.Runs == nil {
		g.Runs = map[task.RunState]int{}
	}
	g.Runs[run.State]++
	g.Leftover += run.Leftover
	if !run.StartedAt.IsZero() {
		g.Attempts++
		if run.Origin == task.Scheduled && !run.Slot.IsZero() {
			m.Delays.add(max(run.StartedAt.Sub(run.Slot).Seconds(), 0))
		}
	}
	if run.State == task.Complete && run.EndedAt.After(g.Success) {
		g.Success = run.EndedAt
	}
	if run.ID > g.Last {
		g.Last, g.Started, g.Ended, g.Code = run.ID, run.StartedAt, run.EndedAt, run.Code()
	}
}

// idAt is before the ids of all runs that were made at t or later.
func idAt(t time.Time) string {
	ms := max(t.UnixMilli(), 0)
	return fmt.Sprintf("%08x-%04x", ms>>16, ms&0xffff)
}
