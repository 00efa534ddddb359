package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"om/task"
)

// lock takes the places that the task needs in locks shared by the node. blocked is the lock that somebody else has
// taken since it was decided.
func (v *view) lock(ctx context.Context, run task.Run) (blocked *task.Held, err error) {
	locks := v.t.Plan.LockList()
	if len(locks) == 0 || v.options.DryRun {
		return nil, nil
	}
	hands, err := v.supervisor()
	if err != nil {
		return nil, err
	}
	run.PID, run.PIDStart, run.BootID = hands.PID, hands.PIDStart, v.bootID
	holds, err := v.node.Hold(ctx, run, locks, v.alive)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if blocked = heldBy(holds); blocked == nil {
		v.holds, v.holder = run.ID, run.PID
	}
	return blocked, nil
}

// keepLocks has the locks held by the supervisor that the run gets, where that is another one than the one that they
// were taken for. That one died, and others may have taken them since.
func (v *view) keepLocks(ctx context.Context) error {
	if v.holds == "" || v.holder == v.run.PID {
		return nil
	}
	holds, err := v.node.Hold(ctx, *v.run, v.t.Plan.LockList(), v.alive)
	if blocked := heldBy(holds); err == nil && blocked != nil {
		err = fmt.Errorf("its supervisor died: %s", blocked)
	}
	if err != nil {
		v.letLocks(ctx)
		return err
	}
	v.holder = v.run.PID
	return nil
}

// clearLocks gives back, before this tick takes any lock, what nobody holds any more. A tick that was killed, or could not
// write, may have taken some before its runs were claimed: they are on no record, and never will be. Their supervisor may
// be gone, or live for long, for other runs. A power cut may have undone that a run gave them back. Who wants a lock would
// drop most of that too, but nobody may for long, and what is told of locks is to be true.
func (s *scheduler) clearLocks(ctx context.Context) {
	if s.cleared || s.options.DryRun || s.sim != nil {
		return
	}
	s.cleared = true
	holds, err := s.node.Holds(ctx)
	if err != nil {
		return // the next tick does it
	}
	for _, h := range holds {
		if s.isOver(ctx, h.Run) {
			s.unlock(ctx, h.Run.ID)
		}
	}
}

// isOver says that a run which has locks has ended, or will never begin. Runs by hand, which have no supervisor, take
// their locks a moment before they are claimed.
func (s *scheduler) isOver(ctx context.Context, held task.Run) bool {
	if run, err := s.node.Run(ctx, held.ID); err == nil {
		return run.State.Final()
	}
	if !s.alive(held) {
		return true
	}
	l := s.look(ctx, held.Task.Service)
	if l.db == nil || !s.supervises(held) {
		return false // it is not known
	}
	run, err := l.db.Run(ctx, held.ID)
	return err == nil && run.State.Final() || errors.Is(err, task.ErrNotFound) && s.neverCame(ctx, l, held)
}

// neverCame says that a run that is not in the record of its service is in none: the file may have named another when it
// was claimed.
func (s *scheduler) neverCame(ctx context.Context, l *looked, run task.Run) bool {
	former, err := s.former(ctx, l)
	is := func(r task.Run) bool { return r.ID == run.ID }
	return err == nil && !slices.ContainsFunc(former, is) && len(task.Processes(run.ID)) == 0
}

// letLocks gives back what the run of this look holds, where it does not begin.
func (v *view) letLocks(ctx context.Context) {
	if v.holds != "" {
		v.unlock(ctx, v.holds)
		v.holds = ""
	}
}

// holders are the runs that have the places of the first lock that has none left.
func (v *view) holders(ctx context.Context) []task.Run {
	held, err := v.heldLocks(ctx, v.t.Plan.LockList())
	if err != nil || len(held) == 0 {
		return nil
	}
	return held[0].By
}
