package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"slices"

	"om/service"
	"om/state"
	"om/task"
)

// setAside are the ends whose record could not be reached.
func (e *Engine) setAside() task.Aside { return task.Aside(filepath.Join(e.StateDir, "ends")) }

// foldAside tries those that were put aside again.
func (e *Engine) foldAside(ctx context.Context, told func(task.Run), strange func(error)) error {
	ends, err := e.setAside().Ends()
	if err != nil {
		strange(err)
	}
	if len(ends) == 0 {
		return nil
	}
	left, err := e.settleAll(ctx, ends, told, strange)
	if err != nil {
		return err
	}
	return e.setAside().Drop(slices.DeleteFunc(ends, func(end task.Ended) bool { return slices.ContainsFunc(left, sameEnd(end)) })...)
}

func sameEnd(a task.Ended) func(task.Ended) bool {
	return func(b task.Ended) bool { return a.Outcome.RunID == b.Outcome.RunID && a.Holder == b.Holder }
}

// settleAll frees what runs held, whatever becomes of their records, and settles them, record by record. left are those
// whose record can't be reached: they stand in nobody's way. The error is of the node's record.
func (e *Engine) settleAll(ctx context.Context, batch []task.Ended, told func(task.Run), strange func(error)) (left []task.Ended, err error) {
	batch = e.unsettled(batch)
	if err := e.free(ctx, batch); err != nil {
		return nil, err
	}
	records := map[[2]string][]task.Ended{}
	for _, end := range batch {
		place := [2]string{end.Record, ownerOf(end)}
		records[place] = append(records[place], end)
	}
	for place, ends := range records {
		err := e.settle(ctx, ends, func(run task.Run) { e.noteSettled(run); told(run) }, strange)
		switch {
		case err != nil && place[0] == "":
			return nil, err
		case err != nil:
			left = append(left, e.unsettled(ends)...)
			e.waits(place[1], err, strange)
		}
	}
	return left, nil
}

// errWaits says that ends wait for their record.
var errWaits = errors.New("wait for their record")

// waits tells of ends that wait, unless their record is on another node: so it may be for long.
func (e *Engine) waits(owner string, why error, strange func(error)) {
	if !errors.Is(why, errElsewhere) {
		strange(fmt.Errorf("those of service %s %w: %w", owner, errWaits, why))
	}
}

// tellsWaits says that this was not told before by this process.
func (e *Engine) tellsWaits(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting[text] {
		return false
	}
	if e.waiting == nil {
		e.waiting = map[string]bool{}
	}
	e.waiting[text] = true
	return true
}

// mostSettled bounds how many runs are remembered: from so many up to twice as many.
const mostSettled = 1 << 12

// noteSettled remembers that nothing is left to do for the end of a run: a journal may be read again, where its file
// system can't mark how far it was read, or where a part of it failed.
func (e *Engine) noteSettled(run task.Run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.settled[0] == nil || len(e.settled[0]) >= mostSettled {
		e.settled = [2]map[uint64]bool{{}, e.settled[0]}
	}
	e.settled[0][hashed(run.ID)] = true
}

// unsettled are those of ends that this process has not settled.
func (e *Engine) unsettled(ends []task.Ended) []task.Ended {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(ends), func(end task.Ended) bool {
		id := hashed(end.Outcome.RunID)
		return e.settled[0][id] || e.settled[1][id]
	})
}

func hashed(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return h.Sum64()
}

// free gives back what runs hold by the word of the supervisor that held it for them.
func (e *Engine) free(ctx context.Context, ends []task.Ended) error {
	if len(ends) == 0 {
		return nil
	}
	node, err := e.NodeRecord(ctx)
	if err != nil {
		return err
	}
	holds, err := node.Holds(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, h := range holds {
		if slices.ContainsFunc(ends, func(end task.Ended) bool { return end.Outcome.RunID == h.Run.ID && end.Holder.Of(h.Run) }) {
			ids = append(ids, h.Run.ID)
		}
	}
	if err := node.Release(ctx, ids...); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.freed = e.freed || len(ids) > 0
	return nil
}

// takeFreed says that locks were given back since it was asked last.
func (e *Engine) takeFreed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	freed := e.freed
	e.freed = false
	return freed
}

// errGone says that a service is gone, and its record with it.
var errGone = errors.New("the service is gone, and its record with it")

// recordThatHas is recordOfEnd for a decision: see nodeRecord.
func (e *Engine) recordThatHas(ctx context.Context, end task.Ended) (record, error) {
	if e.sim != nil {
		return e.sim.db, nil
	}
	db, err := e.recordOfEnd(ctx, end)
	if err != nil {
		return nil, err
	}
	return db, nil
}

// recordOfEnd opens the record that a run was claimed in. Its service may have another by now, which the rows were
// moved to, or none, or may itself be gone.
func (e *Engine) recordOfEnd(ctx context.Context, end task.Ended) (*state.DB, error) {
	if end.Record == "" {
		return e.NodeRecord(ctx)
	}
	found := services{Engine: e}
	svc, err := found.service(ctx, end.ID.Service)
	if svc == nil && errors.Is(err, task.ErrNotFound) {
		return e.orphanOf(ctx, end, err)
	}
	if svc == nil {
		return nil, err
	}
	then := *svc
	then.StateFile = end.Record
	db, err := e.Record(ctx, &then)
	if err == nil || !errors.Is(err, task.ErrNotFound) || svc.StateFile == end.Record {
		return db, err
	}
	if now, failed := e.Record(ctx, svc); failed == nil {
		if _, failed = now.Run(ctx, end.Outcome.RunID); failed == nil {
			return now, nil
		}
	}
	return nil, err
}

// orphanOf opens the record of a service whose file is gone, where it is still there. What no tick has found to be gone
// may only be away.
func (e *Engine) orphanOf(ctx context.Context, end task.Ended, why error) (*state.DB, error) {
	node, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	if _, known, failed := node.StampOf(ctx, end.ID.Service); failed != nil || known {
		return nil, errors.Join(failed, why)
	}
	db, err := e.open(ctx, state.Options{Path: end.Record})
	switch {
	case err == nil:
		e.noteOwner(&service.Service{Path: end.ID.Service, StateFile: end.Record})
	case lasting(err):
		err = fmt.Errorf("%w: %s", errGone, task.Text(err))
	}
	return db, err
}

// drop tells of ends that nobody can record.
func drop(ends []task.Ended, why error, told func(task.Run), strange func(error)) {
	for _, end := range ends {
		strange(fmt.Errorf("run %s of %s has ended as %s, which is not recorded: %w", end.Outcome.RunID, end.ID, end.Outcome.State, why))
		told(ended(task.Run{ID: end.Outcome.RunID, Task: end.ID}, end.Outcome))
	}
}
