package engine

import (
	"context"
	"errors"
	"runtime"

	"om/task"
)

// handover is what is claimed, and is to be started.
type handover struct {
	hands   *Hands // who holds it, by the record
	db      record
	jobs    []task.Job
	started []*view
}

// rush is how many tasks have to be due at once for all of them to be decided about before the first is started: runs that
// start take the processors from the decisions, and what is due last would be decided about as late as it can be started.
const rush = 4096

// crewSize is how many supervisors are given runs at once.
func crewSize() int { return min(runtime.NumCPU(), mostAtOnce) }

// hand gives jobs that are claimed to their supervisor: at once, or where it is the last one, when all is decided, so that the
// others start runs meanwhile on all processors but the one that decides. In a rush all of them wait. They wait no longer than
// what is decided may wait to be claimed.
func (s *scheduler) hand(ctx context.Context, db record, jobs []task.Job, started []*view) error {
	if len(jobs) == 0 {
		return nil
	}
	h := handover{s.crew[s.at], db, jobs, started}
	if !s.more || s.sim != nil || !s.rush && s.at < crewSize()-1 {
		return s.give(ctx, h)
	}
	if len(s.held) == 0 {
		s.heldSince = s.Now()
	}
	s.held = append(s.held, h)
	if s.Now().Sub(s.heldSince) < patience {
		return nil
	}
	return s.giveHeld(ctx)
}

// giveHeld gives what was held back.
func (s *scheduler) giveHeld(ctx context.Context) error {
	held := s.held
	s.held = nil
	var errs []error
	for _, h := range held {
		errs = append(errs, s.give(ctx, h))
	}
	return errors.Join(errs...)
}
