package engine

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"om/state"
	"om/task"
)

// History lists runs, the newest first, and where skipped is asked for what was declined or aborted.
// path is a service, "" for all of this node's record. A service that is gone keeps its runs.
func (e *Engine) History(ctx context.Context, path string, q state.Query, skipped bool) ([]task.Run, []task.Decline, error) {
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if err = e.bury(ctx, db); err != nil {
		return nil, nil, err
	}
	q.Service = path
	runs, err := db.Runs(ctx, q)
	if err != nil || !skipped {
		return runs, nil, err
	}
	declines, err := db.Declines(ctx, q)
	return runs, declines, err
}

// bury records how runs ended, and marks those that nobody will end as lost. Who may only read
// the record sees them as they are.
func (e *Engine) bury(ctx context.Context, db *state.DB) error {
	e.Fold(ctx)
	_, err := e.markLost(ctx, db)
	if errors.Is(err, task.ErrPermission) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// markLost records the runs of which nobody can know the end, and plans what becomes of their slots. The plan comes
// first: who is killed in between leaves runs that are marked the next time, and no slot that nobody repeats.
func (e *Engine) markLost(ctx context.Context, db record) ([]task.Run, error) {
	holders, err := db.Supervisors(ctx)
	if err != nil || !slices.ContainsFunc(holders, func(h task.Run) bool { return !state.Alive(h) }) {
		return nil, err
	}
	running, err := db.Running(ctx, "", "")
	if err != nil {
		return nil, err
	}
	var errs []error
	found, planned := services{Engine: e}, map[string]bool{}
	for _, run := range running {
		if !e.alive(run) {
			errs = append(errs, e.planLost(ctx, db, &found, run))
			planned[run.ID] = true
		}
	}
	if err = errors.Join(errs...); err != nil || errs == nil {
		return nil, err
	}
	// Those that died meanwhile are not planned yet: they are for the next.
	lost, err := db.Recover(ctx, func(run task.Run) bool { return !planned[run.ID] || e.alive(run) })
	errs = append(errs, err)
	for _, run := range lost {
		task.Sweep(run.ID)
		errs = append(errs, e.afterRun(ctx, db, &found, run))
		delete(planned, run.ID)
	}
	for _, run := range running {
		if planned[run.ID] {
			errs = append(errs, e.withdraw(ctx, db, &found, run))
		}
	}
	return lost, errors.Join(errs...)
}

// withdraw takes back what planLost planned for a run that has another end now: a person has ended it meanwhile.
func (e *Engine) withdraw(ctx context.Context, db record, found *services, run task.Run) error {
	now, err := db.Run(ctx, run.ID)
	if err != nil || !now.State.Final() || now.State == task.Lost {
		return err
	}
	_, t, err := found.task(ctx, run.Task)
	if err != nil || t == nil || t.Plan.Retriable(now) {
		return err
	}
	all, err := db.Cursors(ctx, run.Task.Service)
	i := slices.IndexFunc(all, func(c task.Cursor) bool { return c.Task == run.Task })
	if err != nil || i < 0 || !all[i].Retry.Slot.Equal(run.Slot) || all[i].Retry.Attempt != run.Attempt+1 {
		return err
	}
	c := all[i]
	c.Retry = task.Retrying{}
	_, err = db.Decide(ctx, []state.Turn{{Before: all[i], After: c}}, e.alive)
	return err
}

// planLost plans for a run that is about to be marked. It is read again: an end that was recorded just now stands.
func (e *Engine) planLost(ctx context.Context, db record, found *services, run task.Run) error {
	now, err := db.Run(ctx, run.ID)
	if err != nil || now.State.Final() {
		return err
	}
	task.Sweep(run.ID)
	now.State = task.Lost
	return e.afterRun(ctx, db, found, now)
}

// dead gathers the runs that a claim finds dead, and so marks as lost.
type dead struct {
	*Engine
	runs []task.Run
}

// alive is Engine.alive, and remembers.
func (d *dead) alive(run task.Run) bool {
	alive := d.Engine.alive(run)
	if !alive {
		d.runs = append(d.runs, run)
	}
	return alive
}

// bury does for them what markLost does for those that it finds.
func (d *dead) bury(ctx context.Context, db record) error {
	var errs []error
	found := services{Engine: d.Engine}
	for _, run := range d.runs {
		task.Sweep(run.ID)
		now, err := db.Run(ctx, run.ID)
		if err == nil && now.State == task.Lost {
			err = d.afterRun(ctx, db, &found, now)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// recordOf opens the record that has the runs of path: the service's own, or the node's.
func (e *Engine) recordOf(ctx context.Context, path string) (*state.DB, error) {
	if path == "" {
		return e.NodeRecord(ctx)
	}
	s, err := e.Load(path)
	if err != nil {
		return e.orphans(ctx, path, err)
	}
	return e.Record(ctx, s)
}

// OnRecord refuses a selection with an rid of which the services ("" for all of the node) have neither a task nor
// anything on record.
func (e *Engine) OnRecord(ctx context.Context, s Selection, paths ...string) error {
	for _, word := range s.rids() {
		known := false
		for _, path := range paths {
			var err error
			if known, err = e.knows(ctx, path, word); err != nil && len(paths) == 1 {
				return err // of several the others may know
			}
			if known {
				break
			}
		}
		if !known {
			return task.Errorf(task.ErrNotFound, "%s: no task %s, and nothing of one is on record", placesOf(paths), word)
		}
	}
	return nil
}

// placesOf names the records of services, as OnRecord has them.
func placesOf(paths []string) string {
	if slices.Contains(paths, "") {
		return "this node"
	}
	return strings.Join(paths, ", ")
}

// knows says that there is a task of this name or in this group, or was one.
func (e *Engine) knows(ctx context.Context, path, word string) (bool, error) {
	paths := []string{path}
	if path == "" {
		paths, _ = e.Services() // else the record tells
	}
	for _, path := range paths {
		if e.Known(ctx, Selection{RID: word}, path) == nil {
			return true, nil
		}
	}
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return false, err
	}
	q := state.Query{Service: path, RID: []string{word}}
	if word == "task" {
		q.RID = nil
	}
	return anything(ctx, db, q)
}

// anything says that a record has a run, a decline or a slot that q chooses.
func anything(ctx context.Context, db *state.DB, q state.Query) (bool, error) {
	q.Limit = 1
	runs, err := db.Runs(ctx, q)
	declines, failed := db.Declines(ctx, q)
	slots, broken := db.Slots(ctx, q)
	return len(runs)+len(declines)+len(slots) > 0, errors.Join(err, failed, broken)
}

// orphans opens the node's record for a service whose file is gone, if it has anything of it.
func (e *Engine) orphans(ctx context.Context, path string, missing error) (*state.DB, error) {
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, missing
	}
	if known, err := anything(ctx, db, state.Query{Service: path}); err != nil || !known {
		return nil, missing
	}
	return db, nil
}

// FindRun finds a run by its id or a unique beginning of it, as a table shows it where the terminal is
// narrow; in the record of path, or for "" in all of them.
func (e *Engine) FindRun(ctx context.Context, path, id string) (task.Run, error) {
	id = strings.TrimSuffix(id, "…")
	if path == "" {
		return e.findAnywhere(ctx, id)
	}
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return task.Run{}, err
	}
	run, err := e.findIn(ctx, db, id)
	if err == nil && run.Task.Service != path {
		return run, task.Errorf(task.ErrNotFound, "run %s is one of %s, not of %s", id, run.Task, path)
	}
	return run, err
}

// LogRun finds the run whose output is meant: the one that id names, else the newest of the selected
// tasks.
func (e *Engine) LogRun(ctx context.Context, path string, sel Selection, id string) (task.Run, error) {
	if id != "" {
		return e.FindRun(ctx, path, id)
	}
	runs, _, err := e.History(ctx, path, sel.Query(state.Query{Limit: 1}), false)
	if err != nil {
		return task.Run{}, err
	}
	for _, run := range runs {
		if len(sel.Pick([]task.Task{{ID: run.Task}})) > 0 {
			return run, nil
		}
	}
	return task.Run{}, task.Errorf(task.ErrNotFound, "service %s: no run of %s is on record", path, cmp.Or(sel.String(), "its tasks"))
}

// Output reads what a run wrote. With follow it goes on until the run has ended.
func (e *Engine) Output(ctx context.Context, run task.Run, follow bool) iter.Seq2[task.Record, error] {
	s, _ := e.Load(run.Task.Service) // gone: its output is beside the node's record
	path, err := e.outputPath(s, run)
	if err != nil {
		return func(yield func(task.Record, error) bool) { yield(task.Record{}, err) }
	}
	if !follow || run.State.Final() {
		return task.ReadOutput(path)
	}
	return task.FollowOutput(ctx, path, func() bool {
		now, err := e.FindRun(ctx, run.Task.Service, run.ID)
		return err != nil || now.State.Final()
	})
}

// Sections lists the sections that a selection picks, for enable and disable: tasks by their tags and
// subset, any section by its rid. No selection is [DEFAULT], the whole service.
func (e *Engine) Sections(path string, sel Selection) ([]string, error) {
	s, err := e.Load(path)
	if err != nil {
		return nil, err
	}
	if sel == (Selection{}) {
		return []string{"DEFAULT"}, nil
	}
	var out []string
	for _, r := range s.Resources {
		if len(sel.Pick([]task.Task{{ID: task.ID{RID: r.RID}, Tags: r.Tags, Subset: r.Subset}})) > 0 {
			out = append(out, r.RID)
		}
	}
	if len(out) == 0 {
		return nil, task.Errorf(task.ErrNotFound, "service %s: no section matches %s", path, sel)
	}
	return out, nil
}
