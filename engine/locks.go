package engine

import (
	"context"
	"fmt"
	"math"

	"om/state"
	"om/task"
)

// heldLocks lists those of the locks that have no place left, and who has them: runs of this node, whoever started them.
func (e *Engine) heldLocks(ctx context.Context, locks []task.Lock) (list []task.Held, err error) {
	if len(locks) == 0 {
		return nil, nil
	}
	node, err := e.nodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range locks {
		holds, err := node.Holders(ctx, l.Name)
		if err != nil {
			return nil, err
		}
		h := task.Held{Lock: l}
		for _, hold := range holds {
			if e.alive(hold.Run) {
				h.By = append(h.By, hold.Run)
			}
		}
		if len(h.By) >= max(l.Places, 1) {
			list = append(list, h)
		}
	}
	return list, nil
}

// lock takes the places that a run by hand needs. A person who insists gets one more than there are: others wait for
// it all the same. blocked is the lock that somebody else has taken meanwhile.
func (r *runner) lock(ctx context.Context, t *task.Task, run task.Run) (blocked *task.Held, err error) {
	locks := t.Plan.LockList()
	if len(locks) == 0 {
		return nil, nil
	}
	node, err := r.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	for i := range locks {
		if r.req.Force {
			locks[i].Places = math.MaxInt
		}
	}
	holds, err := node.Hold(ctx, run, locks, r.alive)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return heldBy(holds), nil
}

// heldBy is the lock whose places these are; nil for none.
func heldBy(holds []state.Hold) *task.Held {
	if len(holds) == 0 {
		return nil
	}
	h := &task.Held{Lock: task.Lock{Name: holds[0].Name}}
	for _, hold := range holds {
		h.By = append(h.By, hold.Run)
	}
	return h
}

// unlock gives back what runs hold that have ended or do not begin. What can't be given back now is by the next call:
// the supervisor of a run may live on for long.
func (e *Engine) unlock(ctx context.Context, runIDs ...string) {
	e.mu.Lock()
	ids := append(e.unlocked, runIDs...)
	e.unlocked = nil
	e.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	node, err := e.nodeRecord(ctx)
	if err == nil {
		err = node.Release(context.WithoutCancel(ctx), ids...)
	}
	if err != nil {
		e.mu.Lock()
		e.unlocked = append(e.unlocked, ids...)
		e.mu.Unlock()
	}
}
