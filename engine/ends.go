package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"om/state"
	"om/task"
)

// Fold records how runs ended that a supervisor carried on by itself, and plans what becomes of their slots.
// It may be called by each process that looks at the record: what is folded already stays as it is. Runs whose end
// can't be recorded now count as in progress; why is told to Trouble, and stands in nobody's way.
func (e *Engine) Fold(ctx context.Context) {
	if err := e.fold(ctx, func(task.Run) {}, e.trouble); err != nil {
		e.trouble(err)
	}
}

func (e *Engine) trouble(err error) {
	if e.Trouble != nil && !errors.Is(err, task.ErrPermission) && !errors.Is(err, fs.ErrPermission) {
		e.Trouble(fmt.Errorf("the ends of runs: %w", err))
	}
}

// fold is Fold, and tells of each run how it ended. It may tell so twice, after a fold that was cut short. strange is
// told of what is no end of a run, and of ends that wait for their record.
func (e *Engine) fold(ctx context.Context, told func(task.Run), strange func(error)) error {
	return errors.Join(e.foldAside(ctx, told, strange), task.Fold(e.journals(), func(batch []task.Ended) error {
		left, err := e.settleAll(ctx, batch, told, strange)
		if err != nil {
			return err
		}
		return e.setAside().Put(left...)
	}, strange))
}

// settle enters the ends of runs of one record. They are left while that can't be reached.
func (e *Engine) settle(ctx context.Context, ends []task.Ended, told func(task.Run), strange func(error)) error {
	db, err := e.recordThatHas(ctx, ends[0])
	if errors.Is(err, errGone) {
		drop(ends, err, told, strange)
		return nil
	}
	if err != nil {
		return err
	}
	outcomes, err := outcomesOf(ctx, db, ends, strange)
	if err != nil || len(outcomes) == 0 {
		return err
	}
	if err := db.Settle(ctx, outcomes); err != nil && !errors.Is(err, task.ErrNotFound) {
		return err
	}
	if err := e.release(ctx, outcomes); err != nil {
		return err
	}
	found := services{Engine: e}
	for _, o := range outcomes {
		if err := e.conclude(ctx, db, &found, o, told); err != nil {
			return err
		}
	}
	return nil
}

// conclude follows up the end of a run that was entered. Where it had another before, as where another node found it lost,
// who entered that has done so.
func (e *Engine) conclude(ctx context.Context, db record, found *services, o task.Outcome, told func(task.Run)) error {
	run, err := db.Run(ctx, o.RunID)
	if errors.Is(err, task.ErrNotFound) {
		return nil // past retention
	}
	if err != nil || run.State != o.State || run.EndedAt.UnixMicro() != o.EndedAt.UnixMicro() {
		return err
	}
	if err := e.followUp(ctx, db, found, run); err != nil {
		return err
	}
	told(run)
	return nil
}

// release frees what runs that have ended held.
func (e *Engine) release(ctx context.Context, outcomes []task.Outcome) error {
	node, err := e.nodeRecord(ctx)
	if err != nil {
		return err
	}
	ids := make([]string, len(outcomes))
	for i, o := range outcomes {
		ids[i] = o.RunID
	}
	return node.Release(ctx, ids...)
}

// outcomesOf is what can be believed: the ends of runs that are on record, from the supervisor that holds each.
func outcomesOf(ctx context.Context, db record, ends []task.Ended, strange func(error)) (list []task.Outcome, err error) {
	for _, end := range ends {
		run, err := db.Run(ctx, end.Outcome.RunID)
		switch {
		case errors.Is(err, task.ErrNotFound), errors.Is(err, task.ErrInvalid), err == nil && run.ID != end.Outcome.RunID:
			// past retention, or no id of a run
		case err != nil:
			return nil, err
		case !end.Holder.Of(run): // another supervisor knows how it ends
			strange(fmt.Errorf("run %s of %s: process %d, which does not hold it, says that it has ended", run.ID, run.Task, end.Holder.PID))
		default:
			list = append(list, end.Outcome)
		}
	}
	return list, nil
}

// ownerOf is the service whose record has the run, "" for the node's.
func ownerOf(end task.Ended) string {
	if end.Record == "" {
		return ""
	}
	return end.ID.Service
}

// afterRun frees what the run held, and follows up. It may be called more than once for a run.
func (e *Engine) afterRun(ctx context.Context, db record, found *services, run task.Run) error {
	if err := e.release(ctx, []task.Outcome{{RunID: run.ID}}); err != nil {
		return err
	}
	return e.followUp(ctx, db, found, run)
}

// followUp plans another attempt where the task of a run asks for one, and else leaves word of how it ended.
func (e *Engine) followUp(ctx context.Context, db record, found *services, run task.Run) error {
	svc, t, err := found.task(ctx, run.Task)
	if err != nil || t == nil {
		return err // a task that is gone has no more attempts, and nobody is told
	}
	again := false
	if !run.Slot.IsZero() && t.Plan.Retriable(run) {
		if again, err = e.planRetry(ctx, db, *t, run); err != nil {
			return err
		}
	}
	if !again {
		e.tellEnd(ctx, db, svc, t, run)
	}
	if t.Plan.Catchup != "all" || run.Origin != task.Catchup {
		return nil
	}
	node, err := e.nodeRecord(ctx) // the next slot of the past may wait for this end
	if err != nil {
		return err
	}
	return node.Hasten(ctx, []task.ID{run.Task}, e.Now())
}

// planRetry puts down when the next attempt is due, unless it would come too late, and says whether there is one.
func (e *Engine) planRetry(ctx context.Context, db record, t task.Task, run task.Run) (planned bool, err error) {
	all, err := db.Cursors(ctx, run.Task.Service)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(c task.Cursor) bool { return c.Task == run.Task })
	if i < 0 {
		return false, nil
	}
	if r := all[i].Retry; !r.At.IsZero() {
		return r.Slot.Equal(run.Slot) && r.Attempt > run.Attempt, e.lookBy(ctx, db, all[i])
	}
	c := all[i]
	since, again, over, err := e.attempts(ctx, db, run)
	if err != nil || again || over {
		return again, err
	}
	c.Retry = task.Retrying{At: e.Now().Add(jitter(run.ID, t.Plan.RetryAfter(run.Attempt))), Slot: run.Slot, Attempt: run.Attempt + 1, Since: since, Previous: run.State}
	if e.tooLate(&t, c) {
		return false, nil
	}
	if c.Next.IsZero() || c.Retry.At.Before(c.Next) {
		c.Next = c.Retry.At
	}
	if _, err = db.Decide(ctx, []state.Turn{{Before: all[i], After: c}}, e.alive); err != nil {
		return false, err
	}
	return true, e.lookBy(ctx, db, c)
}

// lookBy tells the node's record when a task is due whose cursor is in its service's own.
func (e *Engine) lookBy(ctx context.Context, db record, c task.Cursor) error {
	node, err := e.nodeRecord(ctx)
	if err != nil || node == db {
		return err
	}
	return node.Hasten(ctx, []task.ID{c.Task}, c.Next)
}

// attempts tells when the first attempt of a run's slot was started, whether there is a later one than it, and whether
// they are over: a later slot has a run.
func (e *Engine) attempts(ctx context.Context, db record, run task.Run) (since time.Time, later, over bool, err error) {
	since = run.StartedAt
	runs, err := db.Runs(ctx, state.Query{Service: run.Task.Service, RID: []string{run.Task.RID}, Limit: run.Attempt + 20})
	for _, r := range runs {
		over = over || r.Slot.After(run.Slot)
		if !r.Slot.Equal(run.Slot) {
			continue
		}
		if r.Attempt == 1 && !r.StartedAt.IsZero() {
			since = r.StartedAt
		}
		later = later || r.Attempt > run.Attempt
	}
	return since, later, over, err
}

// tooLate says that an attempt would come after the next slot, out of the window of retries, or after the
// deadline.
func (e *Engine) tooLate(t *task.Task, c task.Cursor) bool {
	at := c.Retry.At
	cal, err := e.calendar(t)
	if err != nil {
		return true
	}
	last, from := c.Retry.Slot, later(c.Retry.Slot, c.Retry.Since)
	if cal.AfterEnd() { // the run has ended just now
		last, from = e.Now(), e.Now()
	}
	if next, ok := cal.Next(last, from); ok && !at.Before(next) {
		return true
	}
	p := &t.Plan
	return p.RetryWindow > 0 && at.After(c.Retry.Slot.Add(p.RetryWindow)) || p.Deadline > 0 && at.After(c.Retry.Since.Add(p.Deadline))
}

// jitter is a part of the longest wait, chosen by the run: attempts of many tasks that failed together do not
// come together.
func jitter(runID string, most time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(runID))
	return time.Duration(float64(most) * float64(h.Sum64()>>11) / (1 << 53))
}

// alive reports whether a run goes on, or has an end that is not recorded yet: see alive and Fold.
func (e *Engine) alive(run task.Run) bool {
	if e.sim != nil {
		return true
	}
	if e.supervises(run) || e.setAside().Has(run) {
		return true
	}
	return alive(run) // asked last: to look for the processes of a run takes long
}

// supervises reports whether the holder of a run is a supervisor whose journal is there.
func (e *Engine) supervises(run task.Run) bool {
	name := fmt.Sprintf("%s-%d-%s.jsonl", run.BootID, run.PID, strconv.FormatUint(run.PIDStart, 10))
	_, err := os.Lstat(filepath.Join(e.journals(), name))
	return err == nil
}
