package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"om/resource"
	"om/service"
	"om/task"
)

// guard looks after runs in progress whose task does not let them go on whatever happens: where a requirement is lost
// and on_requirement_lost = term, or where the service that keeps its record on its own filesystem has left the node.
// It looks in the background, since a resource may take its time, and ends runs at the turn that comes after.
type guard struct {
	wake func()              // is told that a run is to be ended; nil for nobody
	runs map[string]*guarded // all that go on, as far as is known; nil for those that go on whatever happens
	hung resource.Hung

	looks sync.WaitGroup
	mu    sync.Mutex
	lost  map[string]string // why runs are to be ended
	busy  map[string]bool   // runs that are being looked after
}

// guarded is a run that is looked after.
type guarded struct {
	run  task.Run
	svc  *service.Service
	t    task.Task
	next time.Time // when to look
}

// next is when to look after a run at the latest; zero for never.
func (g *guard) next() (at time.Time) {
	for _, w := range g.runs {
		if w != nil && (at.IsZero() || w.next.Before(at)) {
			at = w.next
		}
	}
	return at
}

// guard looks after the runs whose turn it is, and ends those that are not to go on. all looks for runs that other
// processes have started, too.
func (s *scheduler) guard(ctx context.Context, all bool) {
	g := s.guarding
	if g.runs == nil {
		g.runs = map[string]*guarded{}
	}
	for _, run := range s.report.Started {
		s.enlist(ctx, run, true)
	}
	if all {
		if err := s.enlistAll(ctx); err != nil {
			s.report.problem("%v", err)
		}
	}
	for _, run := range slices.Concat(s.report.Ended, s.report.Lost) {
		delete(g.runs, run.ID)
	}
	now := s.Now()
	for _, w := range g.runs {
		if w == nil {
			continue
		}
		if most := now.Add(w.interval()); w.next.After(most) {
			w.next = most // the clock was set back
		}
		if !w.next.After(now) {
			w.next = now.Add(w.interval())
			s.lookAfter(ctx, w)
		}
	}
	s.endLost(ctx)
}

// guardOnce is guard for a tick: it waits for what it sees, and for the ends of runs.
func (s *scheduler) guardOnce(ctx context.Context) {
	s.guard(ctx, true)
	if s.guarding.idle() {
		return
	}
	s.guarding.wait(s.aliveNow)
	s.endLost(ctx)
	s.endings.wait(s.aliveNow)
	s.report.Problems = append(s.report.Problems, s.endings.problems()...)
}

// idle says that nothing was seen, or is looked at.
func (g *guard) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.busy)+len(g.lost) == 0
}

func (g *guard) wait(alive func()) {
	done := make(chan struct{})
	go func() { g.looks.Wait(); close(done) }()
	receive(done, alive)
}

// enlistAll has the runs that go on, and only them, looked after as their tasks are now.
func (s *scheduler) enlistAll(ctx context.Context) error {
	goesOn, records := map[string]bool{}, s.recordsByPath(ctx)
	for _, db := range records {
		runs, err := db.Running(ctx, "", "")
		if err != nil {
			return err
		}
		for _, run := range runs {
			goesOn[run.ID] = true
			s.enlist(ctx, run, false)
		}
	}
	for id, w := range s.guarding.runs {
		if goesOn[id] || w != nil && w.svc.StateFile != "" && records[w.svc.StateFile] == nil { // which may be out of reach
			continue
		}
		delete(s.guarding.runs, id)
	}
	return nil
}

// enlist notes a run, and what is to be looked at for it: later, where it was decided just now. A service that can't be
// read now is asked about again.
func (s *scheduler) enlist(ctx context.Context, run task.Run, decided bool) {
	path := run.Task.Service
	had, known := s.guarding.runs[run.ID]
	if known && !slices.Contains(s.report.Changed, path) || run.BootID != s.bootID || run.State.Final() {
		return
	}
	l := s.look(ctx, path)
	if l.err != nil {
		return
	}
	w := &guarded{run: run, svc: l.svc}
	w.t, known = l.svc.Task(run.Task.RID)
	switch {
	case !known || !w.watches() && !w.claims():
		w = nil
	case had != nil:
		w.next = had.next
	case decided:
		w.next = s.Now().Add(w.interval())
	}
	s.guarding.runs[run.ID] = w
}

// watches says that the run is to end with its requirements. Who insisted on running without them goes on without.
func (w *guarded) watches() bool { return w.t.Watched() && !w.run.Overrode("requirement") }

// claims says that the run is to end where the service leaves the node: another one may have its record now.
func (w *guarded) claims() bool {
	_, held := holder(w.svc)
	return held && w.t.Plan.Delivery != task.AtLeastOnce
}

func (w *guarded) interval() time.Duration { return watchEvery(w.t) }

// watchEvery is how often the requirements of a run in progress are looked at.
func watchEvery(t task.Task) time.Duration { return min(max(t.RequiresMaxAge, time.Second), fullTurn) }

// lookAfter looks at what a run depends on, in the background.
func (s *scheduler) lookAfter(ctx context.Context, w *guarded) {
	g := s.guarding
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy[w.run.ID] {
		return
	}
	look, err := s.lookout(ctx, w)
	if err != nil {
		s.report.problem("%s: run %s: %v", w.run.Task, w.run.ID, err)
		return
	}
	if g.busy == nil {
		g.busy, g.lost = map[string]bool{}, map[string]string{}
	}
	g.busy[w.run.ID] = true
	g.looks.Go(func() { g.saw(w.run.ID, look()) })
}

// saw notes what was seen of a run.
func (g *guard) saw(id, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.busy, id)
	if why == "" {
		return
	}
	g.lost[id] = why
	if g.wake != nil {
		g.wake()
	}
}

// lookout returns a look at what a run depends on, which needs nothing of the scheduler any more. It says why the run
// is not to go on; "" where it is, and where nobody can tell.
func (s *scheduler) lookout(ctx context.Context, w *guarded) (look func() string, err error) {
	db := s.node
	if w.svc.StateFile != "" {
		if db, err = s.Record(ctx, w.svc); err != nil {
			db = nil
		}
	}
	p, err := s.aside().prober(ctx, w.svc, db)
	p.Hung = &s.guarding.hung
	svc, t, claims, watches := w.svc, w.t, w.claims(), w.watches() && db != nil
	return func() string {
		if claims {
			if why := gone(ctx, p, svc); why != "" {
				return why
			}
		}
		if !watches {
			return ""
		}
		return lost(ctx, p, svc, t)
	}, err
}

// aside is an engine for looks in the background. node.conf may be read again meanwhile, and records let go.
func (e *Engine) aside() *Engine {
	return &Engine{ConfigDir: e.ConfigDir, StateDir: e.StateDir, Node: e.Node, Now: e.Now, Program: e.Program, EUID: e.EUID, Users: e.Users}
}

// lost says which requirement of a run in progress holds no more. What a probe could not see is not lost.
func lost(ctx context.Context, p resource.Prober, svc *service.Service, t task.Task) string {
	seen := see(ctx, p, svc, t.Requires)
	if ctx.Err() != nil {
		return ""
	}
	return t.Lost(seen)
}

// gone says that the filesystem with the service's own record is not mounted here any more.
func gone(ctx context.Context, p resource.Prober, svc *service.Service) string {
	fs, held := holder(svc)
	if !held {
		return ""
	}
	obs := p.Probe(ctx, []task.Resource{fs})
	if st := obs[0].Status; ctx.Err() != nil || st != task.Down && st != task.StdbyDown {
		return ""
	}
	return fmt.Sprintf("the service has left this node: state %s is on %s, which is down here", svc.StateFile, fs.RID)
}

// endLost ends the runs that are not to go on, in the background.
func (s *scheduler) endLost(ctx context.Context) {
	g := s.guarding
	g.mu.Lock()
	lost := g.lost
	g.lost = map[string]string{}
	g.mu.Unlock()
	for id, why := range lost {
		w := g.runs[id]
		if w == nil {
			continue // it has ended meanwhile
		}
		db, err := s.node, error(nil)
		if w.svc.StateFile != "" {
			db, err = s.Record(ctx, w.svc)
		}
		if err != nil && len(task.Processes(id)) == 0 {
			delete(g.runs, id) // its end is in the journal
			continue
		}
		s.endings.begin(w.run, func() error { return s.endGuarded(ctx, db, err, w, why) })
	}
}

// endGuarded ends a run. Where its record is out of reach, the end stays in the journal of its supervisor.
func (s *scheduler) endGuarded(ctx context.Context, db record, unreached error, w *guarded, why string) error {
	if unreached == nil {
		now, err := db.Run(ctx, w.run.ID)
		if err != nil || now.State.Final() {
			return err
		}
		_, err = s.endRun(ctx, db, w.svc, w.t, w.run, why)
		return err
	}
	if _, err := s.endProcesses(ctx, w.svc, w.t, w.run, why); err != nil {
		return err
	}
	return errors.New("it was ended: " + why)
}
