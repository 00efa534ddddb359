package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"om/service"
	"om/state"
	"om/task"
)

const (
	// factClean is how far a record was cleaned, as JSON.
	factClean = "clean"
	// cleanEvery is how often ticks look for what is past retention.
	cleanEvery = time.Hour
)

// cleaning is how far a record was cleaned.
type cleaning struct {
	Done time.Time // when the last was through

	// Where one is that is not through: the last task of which the runs, then of which the slots were looked at.
	Runs, Slots task.ID
	RunsDone    bool

	// What it removed.
	runs  int
	bytes int64
}

// Clean removes what is past retention, and the output of runs that are. It returns how many runs, and how many bytes of
// output.
func (e *Engine) Clean(ctx context.Context, path string) (runs int, bytes int64, err error) {
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return 0, 0, err
	}
	var c cleaning
	if err = e.clean(ctx, path, db, &c); err != nil {
		err = fmt.Errorf("retention: %w", err)
	}
	return c.runs, c.bytes, err
}

// clean goes on with a cleaning.
func (e *Engine) clean(ctx context.Context, path string, db *state.DB, c *cleaning) error {
	rules := e.retention()
	if !c.RunsDone {
		if err := e.cleanRuns(ctx, path, db, rules, c); err != nil {
			return err
		}
	}
	if rules.Declines > 0 {
		before := e.Now().Add(-rules.Declines)
		for {
			id, more, err := db.PruneSlots(ctx, c.Slots, before)
			if err != nil {
				return err
			}
			if id == (task.ID{}) {
				break
			}
			if !more {
				c.Slots = id
			}
		}
	}
	for {
		n, err := db.Prune(ctx, rules)
		if err != nil {
			return err
		}
		if n == 0 {
			return db.Tidy(ctx)
		}
	}
}

func (e *Engine) cleanRuns(ctx context.Context, path string, db *state.DB, rules state.Retention, c *cleaning) error {
	var s *service.Service
	if path != "" {
		s, _ = e.Load(path)
	}
	keep := rules.Of
	rules.After, rules.Of = c.Runs, func(id task.ID) state.Keep {
		c.Runs = id
		return keep(id)
	}
	for gone, err := range db.Expired(ctx, rules) {
		if err != nil {
			return err
		}
		for _, r := range gone {
			c.bytes += e.unlink(s, r)
		}
		if err := db.Remove(ctx, gone); err != nil {
			return err
		}
		c.runs += len(gone)
	}
	c.RunsDone = true
	return ctx.Err()
}

// cleanSome removes for a moment what is past retention, once an hour: of the node's record where all is looked at, and
// of those of services that were looked at. What it does not get to is left to the next tick. Runs are started by then.
func (s *scheduler) cleanSome(ctx context.Context, all bool) {
	records := map[string]*state.DB{}
	if db, kept := s.node.(*state.DB); kept && all {
		records[""] = db
	}
	for path, l := range s.looked {
		if db, kept := l.db.(*state.DB); kept && l.own() && l.db != s.node {
			records[path] = db
		}
	}
	for path, db := range records {
		if err := s.cleanOne(ctx, path, db); err != nil {
			s.report.problem("retention: %v", err)
		}
	}
}

func (s *scheduler) cleanOne(ctx context.Context, path string, db *state.DB) error {
	text, err := db.Fact(ctx, factClean)
	if err != nil {
		return err
	}
	var c cleaning
	if text != "" {
		_ = json.Unmarshal([]byte(text), &c) // else it begins anew
	}
	if since := s.now.Sub(c.Done); since >= 0 && since < cleanEvery {
		return nil
	}
	short, stop := context.WithTimeout(ctx, tidyTime)
	defer stop()
	switch err = s.clean(short, path, db, &c); {
	case err == nil:
		c = cleaning{Done: s.now}
	case short.Err() == nil || ctx.Err() != nil:
		return err
	}
	now, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return db.SetFact(ctx, factClean, string(now))
}
