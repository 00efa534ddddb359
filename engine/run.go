package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"om/service"
	"om/state"
	"om/task"
)

// Run runs the selected tasks of the service at path and returns a result for each, in rid order.
//
// The error is for what stops all of them: no such service or task (task.ErrNotFound), a person who
// did not confirm (task.ErrAborted), no record. What stops one task is in its result.
func (e *Engine) Run(ctx context.Context, path string, req Request) ([]Result, error) {
	e.asksOf(runAsks)
	s, err := e.Load(path)
	if err != nil {
		return nil, err
	}
	picked, err := e.pick(s, req)
	if err != nil {
		return nil, err
	}
	db, err := e.Record(ctx, s)
	if err != nil {
		return nil, err
	}
	e.Fold(ctx)
	r := &runner{Engine: e, svc: s, db: db, req: req}
	r.tellLeftOut()
	if req.DryRun {
		r.req.Done = nil
		if r.former, err = e.formerSeen(ctx, s); err != nil {
			return nil, err
		}
		return r.each(ctx, picked, r.rehearse), nil
	}
	if r.former, err = e.formerNow(ctx, s); err != nil {
		return nil, err
	}
	if err = r.confirm(ctx, picked); err != nil {
		return nil, err
	}
	if ctx, err = req.Catch(); err != nil {
		return nil, err
	}
	results := r.each(ctx, picked, r.one)
	r.tidy(results)
	return results, nil
}

// pick selects the tasks, and says what to do where there are none.
func (e *Engine) pick(s *service.Service, req Request) ([]Selected, error) {
	for _, section := range s.Quarantined() {
		if req.Select.Names(section) {
			return nil, &QuarantineError{Service: s, Section: section}
		}
	}
	if s.Disable {
		return nil, task.Errorf(task.ErrTaken, "service %s is disabled: om %s enable", s.Path, s.Path)
	}
	names := make([]string, len(s.Tasks))
	for i, t := range s.Tasks {
		names[i] = t.ID.RID
	}
	picked := req.Select.Pick(s.Tasks)
	if word := req.Select.Unknown(append(names, s.Quarantined()...)); word != "" && len(s.Tasks) > 0 {
		return nil, task.Errorf(task.ErrNotFound, "service %s: no task matches --rid %s; its tasks: %v", s.Path, word, names)
	}
	if len(picked) > 0 {
		return picked, nil
	}
	if bad := s.Quarantined(); len(s.Tasks) == 0 && len(bad) > 0 {
		return nil, &QuarantineError{Service: s, Section: bad[0]}
	}
	if len(s.Tasks) == 0 {
		return nil, task.Errorf(task.ErrNotFound, "service %s has no task", s.Path)
	}
	return nil, task.Errorf(task.ErrNotFound, "service %s: no task matches %s; its tasks: %v", s.Path, req.Select, names)
}

// tellLeftOut warns of the tasks that the request may mean as well, and that are in sections that are
// wrong: what tags they have is not known.
func (r *runner) tellLeftOut() {
	var out []string
	for _, section := range r.svc.Quarantined() {
		if _, ok := r.req.Select.rid(section); ok && strings.HasPrefix(section, "task#") {
			out = append(out, section)
		}
	}
	if len(out) > 0 {
		r.note("", Warning, fmt.Sprintf("left out, for they are wrong: %s; om %s validate says why", strings.Join(out, ", "), r.svc.Path))
	}
}

// QuarantineError says that what was asked for is in a section of the file that is wrong.
type QuarantineError struct {
	Service *service.Service
	Section string
}

// Error lists the problems of the section.
func (q *QuarantineError) Error() string {
	msg := fmt.Sprintf("[%s] of service %s is wrong and can't be used", q.Section, q.Service.Path)
	for _, p := range q.Service.Problems {
		if p.Section == q.Section && p.Severity == service.Error {
			msg += "\n" + p.String()
		}
	}
	return msg
}

// Unwrap makes it an invalid configuration.
func (q *QuarantineError) Unwrap() error { return task.ErrInvalid }

// runner is one call of Run.
type runner struct {
	*Engine
	svc       *service.Service
	db        record
	req       Request
	confirmed map[string]string // rid -> how
	missed    int               // slots that went by unrun before this one
	locale    string            // of the host, where it was asked for already
	former    []task.Run        // of the service, in progress in records that it had before
	mu        sync.Mutex        // notes are one stream
}

func (r *runner) note(rid string, level Level, text string) {
	if r.req.Note == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.req.Note(rid, level, text)
}

func (r *runner) done(res Result) {
	if r.req.Done == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.req.Done(res)
}

// each calls do for every task, in order or Parallel at a time, and keeps the order of the results.
// A context that is done starts nothing more.
func (r *runner) each(ctx context.Context, picked []Selected, do func(context.Context, Selected) Result) []Result {
	results := make([]Result, len(picked))
	first := do
	do = func(ctx context.Context, p Selected) Result {
		res := first(ctx, p)
		r.done(res)
		return res
	}
	if r.req.Parallel < 2 || len(picked) < 2 {
		for i, p := range picked {
			results[i] = do(ctx, p)
		}
		return results
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, r.req.Parallel)
	for i, p := range picked {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = do(ctx, p)
		})
	}
	wg.Wait()
	return results
}

// one runs one task: decide, resolve, claim, supervise, settle.
func (r *runner) one(ctx context.Context, p Selected) Result {
	res := Result{Task: p.Task}
	rid := p.Task.ID.RID
	if err := context.Cause(ctx); err != nil {
		res.Err = fmt.Errorf("not started: %w", err)
		return res
	}
	if p.Task.Disable && !p.Named {
		res.Skipped = rid + " is disabled"
		r.note(rid, Info, "skipped: "+res.Skipped)
		return res
	}
	var facts task.Facts
	res.Decision, facts, res.Err = r.decide(ctx, p.Task)
	if res.Err == nil && !res.Decision.Run() {
		res.Err = r.decline(ctx, p.Task, res.Decision)
	}
	if res.Err != nil {
		return res
	}
	for _, c := range res.Decision.Forced() {
		r.note(rid, Warning, "forced: "+c.Detail)
	}
	run := r.newRun(p.Task, res.Decision)
	run.Evidence = r.evidence(&p.Task, facts)
	job, err := r.resolve(ctx, p.Task, run)
	if err != nil {
		res.Run, res.Err = r.unresolved(ctx, p.Task, run, err)
		return res
	}
	res.Job = &job
	run.User, run.ArgvDigest, run.Output = job.User, digest(job), job.Output
	return r.execute(ctx, res, run, job)
}

// execute claims, supervises and settles. From the claim on the run is settled whatever happens,
// also where the context is done.
func (r *runner) execute(ctx context.Context, res Result, run task.Run, job task.Job) Result {
	if res.Task.Plan.Locks != "" {
		defer r.unlock(ctx, run.ID)
	}
	run, err := r.claim(ctx, res.Task, run)
	if err != nil {
		res.Err = err
		return res
	}
	if how := run.ConfirmedBy; how != "" {
		r.note(run.Task.RID, Info, confirmedText(how))
	}
	r.note(run.Task.RID, Info, res.Task.Command)
	r.tellStart(&res.Task, run)
	job.Started = func(pid int) { _ = r.db.NoteChild(ctx, run.ID, pid) } // the claim stands without it
	held, let := r.whileHeld(ctx, res.Task, run)
	outcome, err := task.Supervise(held, job, r.req.Live)
	let()
	if err != nil {
		outcome = couldNotStart(run, outcome, err, r.Now())
		res.Err = err
	}
	outcome.RunID = run.ID
	for _, n := range outcome.Notes {
		r.note(run.Task.RID, Warning, n)
	}
	if err := r.db.Settle(context.WithoutCancel(ctx), []task.Outcome{outcome}); err != nil {
		res.Err = errors.Join(res.Err, fmt.Errorf("the run %s ended (%s), and its end could not be recorded: %w", run.ID, outcome.Summary(), err))
	}
	res.Run = ended(run, outcome)
	r.tellEnd(ctx, r.db, r.svc, &res.Task, res.Run)
	if res.Task.Plan.ManualCounts && r.req.Origin == task.Manual {
		if err := r.count(context.WithoutCancel(ctx), &res.Task, run); err != nil {
			r.note(run.Task.RID, Warning, "the run does not count for its schedule: "+err.Error())
		}
	}
	return res
}

// whileHeld is ctx, but ends, for that reason, with the requirements of a run whose task asks for that. let is to be
// called when the run has ended.
func (r *runner) whileHeld(ctx context.Context, t task.Task, run task.Run) (held context.Context, let func()) {
	if !t.Watched() || run.Overrode("requirement") {
		return ctx, func() {}
	}
	held, end := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for pause(held, watchEvery(t)) {
			p, err := r.prober(held, r.svc, r.db)
			if err != nil {
				continue // nobody knows
			}
			if why := lost(held, p, r.svc, t); why != "" {
				end(errors.New(why))
			}
		}
	})
	return held, func() { end(nil); watch.Wait() }
}

func confirmedText(how string) string {
	if how == "--confirm" {
		return "confirmed by command line option"
	}
	return "run confirmed"
}

// Code is the exit code of an error of resolving or starting a command, 1 if it has none.
func Code(err error) int {
	var r *task.ResolveError
	if errors.As(err, &r) {
		return r.Code
	}
	return 1
}

// decline records that a task did not run, and returns why.
func (r *runner) decline(ctx context.Context, t task.Task, d task.Decision) error {
	err := &task.DeclinedError{Decision: d}
	return errors.Join(err, r.record(ctx, t.ID, "declined", d.Blockers()[0].Detail))
}

// record keeps a decline; the file system being full or read-only does not hide the answer.
func (r *runner) record(ctx context.Context, id task.ID, kind, reason string) error {
	now := r.Now()
	err := r.db.Decline(ctx, task.Decline{
		ID: state.NewID(now), Task: id, Origin: r.req.Origin, At: now.UTC(),
		Reason: reason, By: r.By, Node: r.Node.Name, Kind: kind,
	})
	if err != nil {
		return fmt.Errorf("the decline could not be recorded: %w", err)
	}
	return nil
}

// beaten declines a run that lost the race for the last place.
func (r *runner) beaten(ctx context.Context, t task.Task, f task.Facts) error {
	f.Now, f.Origin = r.Now(), r.req.Origin
	return r.decline(ctx, t, task.Decide(without(t), f))
}

// without drops the requirements of a task, which were met a moment ago.
func without(t task.Task) task.Task {
	t.Requires = nil
	return t
}

func ids(runs []task.Run) []string {
	out := make([]string, len(runs))
	for i, run := range runs {
		out[i] = run.ID
	}
	return out
}
