package engine

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"om/resource"
	"om/schedule"
	"om/service"
	"om/state"
	"om/task"
)

const (
	// unknownTake is how long runs of a task without a history are assumed to take.
	unknownTake = 10 * time.Second
	// lastRuns is how many of its last runs say how long a task takes.
	lastRuns = 50
	// loopPeriod is how exact a daemon is: the period of its ticks.
	loopPeriod = time.Second
	// simPresent is how near to now a simulation begins where the record is.
	simPresent = time.Minute
)

// newSimulation prepares a simulation: it reads the services, and what is on record of them.
func (e *Engine) newSimulation(ctx context.Context, req SimulateRequest, each func(*Simulated) error) (*simulator, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	req.From, req.To = req.From.Truncate(time.Microsecond).UTC(), req.To.Truncate(time.Microsecond).UTC()
	req.Down = joined(req.Down)
	m := &simulator{
		req: req, each: each, now: req.From, holder: task.Holder{BootID: "simulated", PID: 1, PIDStart: 1},
		services: map[string]*service.Service{}, tasks: map[task.ID]*simTask{}, kinds: map[likeness]*simKind{}, waited: map[simSlot]string{},
		report: SimulateReport{From: req.From, To: req.To}, upFrom: sinceBoot(),
	}
	m.db = newMemory(m)
	m.walk = walk{window: window{until: req.From, base: req.From.Unix(), unit: inMinutes}, size: firstWindow, saidAt: -1, said: Simulated{Count: 1, Decision: SimRun, Reason: string(task.Scheduled), Attempt: 1, State: task.Complete}}
	m.hands = Hands{PID: m.holder.PID, PIDStart: m.holder.PIDStart, Give: m.give, Close: func() error { return nil }}
	m.engine = &Engine{
		ConfigDir: e.ConfigDir, StateDir: e.StateDir, Node: e.Node, Now: func() time.Time { return m.now }, Program: e.Program, EUID: e.EUID,
		By: e.By, Users: e.Users, Reading: true, sinceBoot: m.uptime, sim: m,
	}
	m.engine.Node.Metrics, m.engine.Node.WaitTimeSync = "", 0
	if req.Node != "" {
		m.engine.Node.Name = strings.ToLower(req.Node)
	}
	m.s = &scheduler{
		Engine: m.engine, options: TickOptions{Period: loopPeriod}, node: m.db, bootID: m.holder.BootID, now: req.From, began: req.From,
		up: m.upFrom, report: &TickReport{At: req.From}, looked: map[string]*looked{}, done: map[task.ID]bool{}, endings: &endings{},
		crew: slices.Repeat([]*Hands{&m.hands}, mostAtOnce), loops: true, cleared: true, peak: time.Unix(math.MaxInt32<<2, 0),
		last: clockReading{At: req.From, Up: m.upFrom, Boot: m.holder.BootID},
	}
	return m, m.begin(ctx, e)
}

// joined are spans in order, those that overlap as one.
func joined(spans []Span) []Span {
	all := slices.Clone(spans)
	slices.SortFunc(all, func(a, b Span) int { return a.From.Compare(b.From) })
	var out []Span
	for _, s := range all {
		s = Span{s.From.UTC(), s.To.UTC()}
		if n := len(out); n > 0 && !s.From.After(out[n-1].To) {
			out[n-1].To = later(out[n-1].To, s.To)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// begin reads all that there is to know.
func (m *simulator) begin(ctx context.Context, host *Engine) error {
	p, err := m.readPast(ctx, host)
	if err != nil {
		return err
	}
	if p.db != nil {
		defer func() { _ = p.db.Close() }()
	}
	if boot, err := m.booted(ctx, host, p); err == nil && !boot.After(m.req.From) {
		m.engine.Node.Boot = boot
	}
	paths := slices.Sorted(slices.Values(m.req.Paths))
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := m.enter(ctx, host, p, path); err != nil {
			return err
		}
	}
	if err := m.known(); err != nil {
		return err
	}
	m.assumptions()
	if !p.present {
		return nil
	}
	return m.resumeNode(ctx, host, p.db)
}

// booted is when the host was started, as ticks know it.
func (m *simulator) booted(ctx context.Context, host *Engine, p past) (time.Time, error) {
	id, err := state.BootID()
	if err != nil || p.db == nil {
		return BootTime()
	}
	return host.startOf(ctx, p.db, id, false)
}

// enter enters a service and its tasks.
func (m *simulator) enter(ctx context.Context, host *Engine, p past, path string) error {
	svc, err := m.load(ctx, p, path)
	if err != nil {
		if len(m.req.Paths) == 1 {
			return err
		}
		m.report.Unusable++
		m.report.Problems = append(m.report.Problems, "service "+path+": "+task.Text(err))
		return nil
	}
	own := m.ownPast(ctx, svc)
	if own != nil {
		defer func() { _ = own.Close() }()
	}
	had, history := p.cursors[path], cmp.Or(own, p.db)
	if own != nil && (p.present || p.ahead) {
		if had, err = own.Cursors(ctx, path); err != nil {
			return err
		}
	}
	cursors := m.enterService(svc, had, m.req.From.Sub(host.Now()).Abs() <= simPresent)
	l := &looked{svc: svc, db: m.db, avail: m.avail(svc), probed: true}
	m.s.looked[path] = l
	m.report.Services++
	if err := m.enterTasks(ctx, p, l, cursors, history); err != nil {
		return err
	}
	if err := m.remember(ctx, svc, history); err != nil || own == nil || !p.present {
		return err
	}
	return m.resume(ctx, host, own)
}

// enterService enters what is known of the tasks of a service beforehand, and returns their cursors. Tasks that have none are
// seen for the first time where the simulation begins at the present; at another begin its own instant is to come.
func (m *simulator) enterService(svc *service.Service, had []task.Cursor, present bool) []task.Cursor {
	if now := m.s.now; !present {
		m.s.now = now.Add(-1)
		defer func() { m.s.now = now }()
	}
	for i := range svc.Tasks {
		t := &svc.Tasks[i]
		known := &simTask{}
		if t.Schedule != "" {
			known.cal, known.err = m.engine.Node.Calendar(t, m.engine.Node.Seed(t))
		}
		m.tasks[t.ID] = known
	}
	cursors := m.s.place(svc, had)
	slices.SortFunc(cursors, func(a, b task.Cursor) int { return cmp.Compare(a.Task.RID, b.Task.RID) }) // as a record has them
	svc.StateFile = ""                                                                                  // one record has all
	for i := range svc.Tasks {
		svc.Tasks[i].Notify = task.Notify{}
	}
	m.services[svc.Path] = svc
	return cursors
}

// known refuses names of tasks and resources that are nobody's.
func (m *simulator) known() error {
	names := map[string]bool{"": true}
	for path, svc := range m.services {
		all := []string{"avail", "overall"}
		for i := range svc.Resources {
			all = append(all, svc.Resources[i].RID)
		}
		for i := range svc.Tasks {
			all = append(all, svc.Tasks[i].ID.RID)
		}
		for _, rid := range all {
			names[rid], names[path+"/"+rid] = true, true
		}
	}
	asked := slices.Concat(m.req.Fail, slices.Collect(maps.Keys(m.req.Take)), slices.Collect(maps.Keys(m.req.States)))
	for _, name := range asked {
		if !names[name] && len(m.services) > 0 {
			return task.Errorf(task.ErrNotFound, "%q: no task or resource of the services that are simulated", name)
		}
	}
	return nil
}

// load reads a service as it is scheduled: the last version without errors.
func (m *simulator) load(ctx context.Context, p past, path string) (*service.Service, error) {
	if p.db != nil {
		stamp, known, err := p.db.StampOf(ctx, path)
		if file, bad := service.File(m.engine.ConfigDir, path); err == nil && bad == nil && known && stamp.Error != "" && stamp.Good != nil {
			m.report.assume("service %s: its file has errors, and the last version without goes on", path)
			return service.Parse(file, path, stamp.Good, m.engine.Node), nil
		}
	}
	svc, err := m.engine.Load(path)
	if err == nil && len(svc.Quarantined()) > 0 {
		m.report.Problems = append(m.report.Problems, "service "+path+": "+firstProblem(svc)+" (what is right in it is simulated)")
	}
	return svc, err
}

// avail is the state that a service is assumed to have.
func (m *simulator) avail(svc *service.Service) task.Status {
	if status, said := saidOf(m.req.States, task.ID{Service: svc.Path, RID: "avail"}); said {
		return status
	}
	var all []task.Observation
	for i := range svc.Resources {
		r := &svc.Resources[i]
		o := task.Observation{RID: r.RID, Status: task.Up, Optional: r.Optional, Disable: r.Disable, Standby: r.Standby}
		if status, said := saidOf(m.req.States, task.ID{Service: svc.Path, RID: r.RID}); said {
			o.Status = status
		}
		all = append(all, o)
	}
	avail, _ := resource.Aggregate(all)
	return avail
}

func (m *simulator) enterTasks(ctx context.Context, p past, l *looked, cursors []task.Cursor, history *state.DB) error {
	picked := map[task.ID]bool{}
	for _, x := range m.req.Select.Pick(l.svc.Tasks) {
		picked[x.Task.ID] = true
	}
	for _, c := range cursors {
		t, _ := l.svc.Task(c.Task.RID)
		if !picked[c.Task] || t.Schedule == "" {
			continue
		}
		if err := m.enterTask(ctx, l, &t, history); err != nil {
			return err
		}
		if p.ahead {
			c = m.moveOn(l.svc, &t, c, m.tasks[c.Task].cal)
		}
		m.db.add(c)
	}
	return nil
}

// enterTask notes what is assumed of a task.
func (m *simulator) enterTask(ctx context.Context, l *looked, t *task.Task, history *state.DB) error {
	m.report.Tasks++
	why, err := m.never(ctx, l, t)
	if why != "" {
		m.report.Left = append(m.report.Left, SimulatedNot{t.ID.Service, t.ID.RID, why})
	}
	if err != nil {
		return err
	}
	known := m.tasks[t.ID]
	known.fails = named(m.req.Fail, t.ID)
	if known.takes, err = m.takes(ctx, history, t); err != nil {
		return err
	}
	if known.limit = t.Timeout; t.Plan.Deadline > 0 && (known.limit == 0 || t.Plan.Deadline < known.limit) {
		known.limit = t.Plan.Deadline
	}
	if known.calm = m.calm(t, known); known.calm {
		known.kind = m.kindOf(l.svc, t)
	}
	return nil
}

// named says that a list has a task, by its rid or its whole name.
func named(list []string, id task.ID) bool {
	return slices.ContainsFunc(list, func(name string) bool { return name == id.RID || name == id.String() })
}

// never says why a task has no slots here.
func (m *simulator) never(ctx context.Context, l *looked, t *task.Task) (string, error) {
	if why := neverScheduled(l.svc, t); why != "" {
		return why, nil
	}
	away, err := m.s.away(ctx, l, t)
	if !l.several() {
		away = ""
	}
	return away, err
}

// moveOn passes over the slots up to the begin of the simulation.
func (m *simulator) moveOn(svc *service.Service, t *task.Task, c task.Cursor, cal *schedule.Schedule) task.Cursor {
	c.Retry = task.Retrying{}
	if cal != nil {
		if slot, _, ok := cal.Latest(c.At, m.req.From.Add(-1)); ok {
			c.At = cal.Decided(slot, m.req.From)
		}
	}
	c.Next = m.engine.nextLook(svc, t, c)
	return c
}

// assumptions tells what is assumed of runs and resources.
func (m *simulator) assumptions() {
	if m.measured > 0 {
		m.report.assume("runs take as long as the last ones of their task: percentile %d of up to %d (tasks: %d)", cmp.Or(m.req.Percentile, 50), lastRuns, m.measured)
	}
	if d, said := m.req.Take[""]; m.unknown > 0 && !said {
		m.report.assume("runs of tasks without a history take %s (tasks: %d)", unknownTake, m.unknown)
	} else if said {
		m.report.assume("runs of which nothing else is known take %s", d)
	}
	m.report.assume("runs succeed, unless they take longer than their timeout or are said to fail")
	depends := func(svc *service.Service) bool {
		return slices.ContainsFunc(svc.Resources, followed) || slices.ContainsFunc(svc.Tasks, func(t task.Task) bool { return len(t.Requires) > 0 })
	}
	for _, svc := range m.services {
		if depends(svc) {
			m.report.assume("resources are up, or as requirements ask for them, where nothing else is said")
			break
		}
	}
	if m.req.Select != (Selection{}) {
		m.report.assume("only tasks that match %s run", m.req.Select)
	}
}
