package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"om/service"
	"om/state"
	"om/task"
)

// alive reports whether a run goes on: its supervisor lives, or a process that carries its id does. A
// run whose supervisor was killed holds its place until the last of its processes is gone.
func alive(run task.Run) bool {
	return state.Alive(run) || len(task.Processes(run.ID)) > 0
}

// living keeps the runs that go on: see alive.
func (e *Engine) living(runs []task.Run) []task.Run {
	var out []task.Run
	for _, run := range runs {
		if e.alive(run) {
			out = append(out, run)
		}
	}
	return out
}

// Kill ends the runs in progress of the selected tasks of s, or the one run whose id (or a unique
// beginning of it) is given, the way a timeout does: stop_signal, then after stop_timeout the whole
// tree. Each run is recorded as cancelled by who asked. It returns the runs as they ended.
func (e *Engine) Kill(ctx context.Context, s *service.Service, sel Selection, runID string) ([]task.Run, error) {
	db, err := e.Record(ctx, s)
	if err != nil {
		return nil, err
	}
	runs, err := e.inProgress(ctx, db, s, sel, runID)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, run := range runs {
		runs[i], err = e.kill(ctx, db, s, run)
		errs = append(errs, err)
	}
	return runs, errors.Join(errs...)
}

// inProgress lists the runs to end. A run that is named and over is an error; none at all is too.
func (e *Engine) inProgress(ctx context.Context, db *state.DB, s *service.Service, sel Selection, runID string) ([]task.Run, error) {
	if runID != "" {
		run, err := db.Run(ctx, strings.TrimSuffix(runID, "…"))
		if err != nil {
			return nil, err
		}
		if run.State.Final() || run.Task.Service != s.Path {
			return nil, task.Errorf(task.ErrNotFound, "run %s of %s is not in progress: %s", run.ID, run.Task, run.State)
		}
		return []task.Run{run}, nil
	}
	all, err := db.Running(ctx, s.Path, "")
	if err != nil {
		return nil, err
	}
	var runs []task.Run
	for _, run := range all {
		t, known := s.Task(run.Task.RID)
		if !known {
			t.ID = run.Task
		}
		if len(sel.Pick([]task.Task{t})) > 0 {
			runs = append(runs, run)
		}
	}
	if len(runs) == 0 {
		return nil, task.Errorf(task.ErrNotFound, "service %s: no run of %s is in progress", s.Path, cmp.Or(sel.String(), "its tasks"))
	}
	return runs, nil
}

// kill tells the supervisor why (the cancel file), ends the processes, and waits until the end is on
// record. Where the supervisor is dead it settles the run itself.
func (e *Engine) kill(ctx context.Context, db *state.DB, s *service.Service, run task.Run) (task.Run, error) {
	t, _ := s.Task(run.Task.RID)
	return e.endRun(ctx, db, s, t, run, "by "+e.By)
}

// endRun is kill, for the reason that is given, by the signals of t.
func (e *Engine) endRun(ctx context.Context, db record, s *service.Service, t task.Task, run task.Run, reason string) (task.Run, error) {
	again, err := e.endProcesses(ctx, s, t, run, reason)
	if err != nil {
		return run, err
	}
	end, err := e.awaitEnd(ctx, db, run, reason, again)
	if end.State.Final() {
		_ = os.Remove(e.cancelFile(s, run)) // else it is still to be read
	}
	return end, err
}

// endProcesses leaves word for the supervisor of a run, and ends its processes; again does so once more.
func (e *Engine) endProcesses(ctx context.Context, s *service.Service, t task.Task, run task.Run, reason string) (again func() error, err error) {
	marker := e.cancelFile(s, run)
	if err := os.MkdirAll(filepath.Dir(marker), 0o700); err != nil {
		return nil, err
	}
	if err := writeNew(marker, []byte(reason)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("run %s: %w", run.ID, err)
	}
	sig, wait := task.SignalNumber(cmp.Or(t.StopSignal, "SIGTERM")), t.StopTimeout
	if wait == 0 {
		wait = 10 * time.Second
	}
	again = func() error { return task.EndTree(ctx, run.ID, sig, wait) }
	if err := again(); err != nil {
		if ctx.Err() != nil {
			err = unrecorded(run)
		}
		return nil, err
	}
	return again, nil
}

// awaitEnd waits until the run's supervisor has settled it, or settles it where there is none.
//
// A supervisor that was between its claim and the start of the command finds the word that was left for
// it; again ends what it may have started all the same.
func (e *Engine) awaitEnd(ctx context.Context, db record, run task.Run, reason string, again func() error) (task.Run, error) {
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		now, err := e.runNow(ctx, db, run.ID)
		if ctx.Err() != nil && !now.State.Final() {
			return run, unrecorded(run)
		}
		if err != nil || now.State.Final() {
			return now, err
		}
		if !e.alive(now) {
			return e.settleDead(ctx, db, run, reason)
		}
		select {
		case <-ctx.Done(): // said above
		case <-poll.C:
			if err := again(); err != nil && ctx.Err() == nil {
				return now, err
			}
		}
	}
}

// unrecorded is for who does not wait until the end of a run is on record.
func unrecorded(run task.Run) error {
	return task.Errorf(task.ErrTaken, "run %s: it was told to end, and its supervisor (pid %d) has not recorded that yet: is its terminal stopped?", run.ID, run.PID)
}

// runNow is the run as it is on record, with what its supervisor has left.
func (e *Engine) runNow(ctx context.Context, db record, id string) (task.Run, error) {
	_ = e.fold(ctx, func(task.Run) {}, func(error) {}) // what can't be folded counts as in progress
	return db.Run(ctx, id)
}

// settleDead records the end of a run whose supervisor is dead.
func (e *Engine) settleDead(ctx context.Context, db record, run task.Run, reason string) (task.Run, error) {
	end := task.Outcome{RunID: run.ID, State: task.Cancelled, Reason: reason + "; its supervisor was dead", StartedAt: run.StartedAt, EndedAt: e.Now()}
	if err := db.Settle(ctx, []task.Outcome{end}); err != nil {
		return run, err
	}
	return db.Run(ctx, run.ID)
}

// cancelFile is the file that tells the supervisor of a run that it is ended, and why. It is on the node, also where the
// service has its own record: that may have left with its filesystem.
func (e *Engine) cancelFile(s *service.Service, run task.Run) string {
	return filepath.Join(e.StateDir, "output", s.Path, run.Task.RID, run.ID+".cancel")
}
