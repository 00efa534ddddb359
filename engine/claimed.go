package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"time"

	"om/state"
	"om/task"
)

// claim takes the places that the run needs, of its locks and of its task.
func (r *runner) claim(ctx context.Context, t task.Task, run task.Run) (task.Run, error) {
	if err := hold(&run); err != nil {
		return run, err
	}
	blocked, err := r.lock(ctx, &t, run)
	switch {
	case err != nil:
		return run, err
	case blocked != nil:
		return run, r.beaten(ctx, t, task.Facts{Held: []task.Held{*blocked}})
	}
	limit := t.MaxParallel
	if t.Overlap == task.OverlapAllow || r.req.Force {
		limit = 0
	}
	found := dead{Engine: r.Engine}
	run, err = r.db.Claim(ctx, run, limit, found.alive)
	if buried := found.bury(ctx, r.db); buried != nil {
		r.note(t.ID.RID, Warning, task.Text(buried))
	}
	var taken *state.TakenError
	if errors.As(err, &taken) {
		return run, r.beaten(ctx, t, task.Facts{Running: ids(taken.By)})
	}
	return run, err
}

// count makes a run by hand the last run of its schedule: keyword manual_counts.
func (r *runner) count(ctx context.Context, t *task.Task, run task.Run) error {
	cursors, err := r.db.Cursors(ctx, t.ID.Service)
	if err != nil {
		return err
	}
	for _, c := range cursors {
		if c.Task != t.ID || !run.StartedAt.After(c.At) {
			continue
		}
		after := c
		after.At = run.StartedAt
		after.Next = r.seeFirst(r.svc, t, r.nextLook(r.svc, t, after), r.Now())
		if err = r.movesTo(ctx, run.StartedAt); err != nil {
			return err
		}
		_, err = r.db.Decide(ctx, []state.Turn{{Before: c, After: after}}, r.alive)
		return err
	}
	return nil
}

// couldNotStart gives a run that failed before its command began an end.
func couldNotStart(run task.Run, o task.Outcome, err error, now time.Time) task.Outcome {
	o.State, o.Reason = task.Failed, err.Error()
	if o.ExitCode == 0 {
		o.ExitCode = Code(err)
	}
	if o.StartedAt.IsZero() {
		o.StartedAt = run.StartedAt
	}
	if o.EndedAt.IsZero() {
		o.EndedAt = now
	}
	return o
}

// unresolved records a run that could not begin: an unknown user, a missing command.
func (r *runner) unresolved(ctx context.Context, t task.Task, run task.Run, err error) (task.Run, error) {
	run = ended(run, couldNotStart(run, task.Outcome{}, err, r.Now()))
	run.StartedAt, run.Output = time.Time{}, ""
	if dbErr := r.db.Insert(ctx, run); dbErr != nil {
		return run, errors.Join(err, dbErr)
	}
	r.tellEnd(ctx, r.db, r.svc, &t, run)
	return run, err
}

func ended(run task.Run, o task.Outcome) task.Run {
	run.State, run.ExitCode, run.Signal, run.Reason = o.State, o.ExitCode, o.Signal, o.Reason
	run.StartedAt, run.EndedAt = o.StartedAt, o.EndedAt
	run.OutputBytes, run.OutputLost, run.MaxRSS, run.CPU = o.OutputBytes, o.OutputLost, o.MaxRSS, o.CPU
	return run
}

// hold says which process holds the run.
func hold(run *task.Run) (err error) {
	run.PID = os.Getpid()
	run.PIDStart, err = state.ProcessStart(run.PID)
	return err
}

// newID is the id of a new run: in a simulation the same each time.
func (e *Engine) newID(now time.Time, of task.ID) string {
	if e.sim != nil {
		return e.sim.newID(of)
	}
	return state.NewID(now)
}

// newRun makes the row of a run about to be claimed.
func (r *runner) newRun(t task.Task, d task.Decision) task.Run {
	now := r.Now()
	run := task.Run{
		ID: r.newID(now, t.ID), Task: t.ID, Origin: r.req.Origin, State: task.Running, Attempt: 1,
		Node: r.Node.Name, QueuedAt: now.UTC(), StartedAt: now.UTC(),
		By: r.By, Terminal: r.Terminal, ConfirmedBy: r.confirmed[t.ID.RID],
	}
	for _, c := range d.Forced() {
		run.Forced = join(run.Forced, c.Name)
	}
	run.Output = filepath.Join(r.outputDir(r.svc, t.ID.RID), run.ID+".log")
	return run
}

// digest tells two commands apart without keeping what they say: argv may hold secrets.
func digest(j task.Job) string {
	h := sha256.New()
	for _, s := range j.Steps {
		for _, arg := range s.Command.Argv {
			h.Write(append([]byte(arg), 0))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func join(list, word string) string {
	if list == "" {
		return word
	}
	return list + " " + word
}
