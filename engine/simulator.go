package engine

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"om/resource"
	"om/schedule"
	"om/service"
	"om/state"
	"om/task"
)

// simulator is a loop in a time that jumps from one thing that happens to the next. It takes the place of the host
// and of the record of its engine.
type simulator struct {
	engine *Engine
	s      *scheduler
	db     *memory
	hands  Hands
	holder task.Holder
	req    SimulateRequest
	each   func(*Simulated) error
	report SimulateReport

	now      time.Time
	begun    time.Time // when the loop began last: it turns each minute from then on
	upFrom   time.Duration
	services map[string]*service.Service
	tasks    map[task.ID]*simTask
	kinds    map[likeness]*simKind
	ids      uint64

	ends              heap4[simEnd]
	urgent            int // how many of them are not the end of a complete run
	quiet             heap4[quietEnd]
	walk              walk
	failed            error    // of who is told of decisions
	given             []simEnd // to the supervisor in this turn
	waited            map[simSlot]string
	open              int   // runs in progress
	measured, unknown int   // tasks with a history, and without
	hour              int64 // in hours
	starts            int   // in this hour
}

// simTask is what is known of a task beforehand.
type simTask struct {
	cal   *schedule.Schedule
	err   error
	takes time.Duration
	fails bool
	limit time.Duration // of its runs, 0 for none
	calm  bool
	kind  *simKind // of calm ones
}

// simEnd is the end of a run.
type simEnd struct {
	at    int64 // in microseconds
	nth   uint64
	id    task.ID
	run   string
	state task.RunState
	start time.Time

	counted bool // elsewhere
}

func (a simEnd) before(b simEnd) bool { return a.at < b.at || a.at == b.at && a.nth < b.nth } //nolint:unused // heap4 uses it

type simSlot struct {
	task task.ID
	at   int64
}

// uptime is how long the host is up at the moment of the simulation: it does not start again.
func (m *simulator) uptime() time.Duration { return m.upFrom + m.now.Sub(m.req.From) }

func (m *simulator) service(path string) (*service.Service, error) {
	if svc := m.services[path]; svc != nil {
		return svc, nil
	}
	return nil, task.Errorf(task.ErrNotFound, "service %s: it is not simulated", path)
}

func (m *simulator) calendar(t *task.Task) (*schedule.Schedule, error) {
	known := m.tasks[t.ID]
	if known == nil {
		return nil, task.Errorf(task.ErrNotFound, "%s: it is not simulated", t.ID)
	}
	return known.cal, known.err
}

// newID is an id that sorts as the runs of a task are made, and is as random as one, for jitter goes by it: the same each
// time.
func (m *simulator) newID(of task.ID) string {
	x := uint64(schedule.NewSeed(of.Service, of.RID)) ^ uint64(m.now.UnixMicro())*0x9e3779b97f4a7c15 //nolint:gosec // a hash
	for {
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9 // https://prng.di.unimi.it/splitmix64.c
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
		id := simulatedID(m.now.UnixMilli(), x)
		if m.db.runs[id] == nil {
			return id
		}
	}
}

func simulatedID(ms int64, random uint64) string {
	const digits = "0123456789abcdef"
	id := [36]byte([]byte("00000000-0000" + simID + "000000000000"))
	for i := 12; i >= 0; i-- {
		if id[i] != '-' {
			id[i], ms = digits[ms&15], ms>>4
		}
	}
	for i := 35; i > 23; i-- {
		id[i], random = digits[random&15], random>>4
	}
	return string(id[:])
}

// job is what a run is given to the supervisor as: nothing that is started.
func (m *simulator) job(t *task.Task, run task.Run) task.Job {
	return task.Job{ID: t.ID, RunID: run.ID, Origin: run.Origin, Slot: run.Slot, User: t.User, Timeout: t.Timeout}
}

// give takes the place of a supervisor.
func (m *simulator) give(jobs ...task.Job) error {
	for i := range jobs {
		j := &jobs[i]
		end := m.tasks[j.ID].end(j.ID, j.RunID, m.now, j.Timeout)
		m.willEnd(end)
		m.given = append(m.given, end)
	}
	return nil
}

// end is how a run ends that begins at a moment and may take so long, 0 for any time.
func (k *simTask) end(id task.ID, run string, start time.Time, limit time.Duration) simEnd {
	end, takes := simEnd{id: id, run: run, state: task.Complete, start: start}, k.takes
	if k.fails {
		end.state = task.Failed
	}
	if limit > 0 && takes > limit {
		takes, end.state = limit, task.TimedOut
	}
	end.at = start.Add(takes).UnixMicro()
	return end
}

func (m *simulator) willEnd(end simEnd) {
	m.ids++
	end.nth = m.ids
	m.ends.push(end)
	if end.state != task.Complete {
		m.urgent++
	}
	if !end.counted {
		m.open++
	}
}

// replace has runs end now.
func (m *simulator) replace(running []task.Run) {
	for _, run := range running {
		m.willEnd(simEnd{at: m.now.UnixMicro(), id: run.Task, run: run.ID, state: task.Cancelled, start: run.StartedAt})
		m.open--
	}
}

// stillTurns bounds how often a simulation may turn at one moment: each end of a run that is replaced has its own.
const stillTurns = 1 << 20

// run goes from one thing that happens to the next.
func (m *simulator) run(ctx context.Context) error {
	at, restart, still := m.req.From, true, 0
	for turns := 0; ; turns++ {
		if span, off := m.off(at); off {
			if err := m.landFor(ctx, span); err != nil {
				return err
			}
			at, restart = span.To, true
			continue
		}
		if !at.Before(m.req.To) {
			return m.finish()
		}
		if turns&63 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := m.turn(ctx, at, restart); err != nil {
			return fmt.Errorf("at %s: %w", at.Format(time.RFC3339), err)
		}
		next, err := m.next(ctx)
		if err == nil {
			next, err = m.walkTo(ctx, next)
		}
		switch {
		case err != nil:
			return err
		case next.After(at):
			still = 0
		case still > stillTurns:
			return fmt.Errorf("at %s: it does not get on", at.Format(time.RFC3339))
		}
		at, restart, still = next, false, still+1
	}
}

// off says whether nobody decides at a moment.
func (m *simulator) off(at time.Time) (Span, bool) {
	for _, d := range m.req.Down {
		if !at.Before(d.From) && at.Before(d.To) {
			return d, true
		}
	}
	return Span{}, false
}

// next is when there is something to do again. The end of a complete run that nothing waits for is not: it is recorded
// before the next decision.
func (m *simulator) next(ctx context.Context) (time.Time, error) {
	next, err := m.db.NextDue(ctx)
	if next.IsZero() {
		next = m.req.To
	}
	if len(m.ends) > 0 && (m.urgent > 0 || len(m.db.waits) > 0 || len(m.walk.all) > 0) {
		next = earlier(next, time.UnixMicro(m.ends[0].at).UTC())
	}
	return later(earlier(next, m.req.To), m.now), err
}

// turn is one turn of the loop at a moment. restart says that it is the first of a loop.
func (m *simulator) turn(ctx context.Context, at time.Time, restart bool) error {
	s := m.s
	m.beat(at)
	if restart {
		m.begun = at
	}
	m.now = at
	s.now, s.began, s.up = at, at, m.uptime()
	s.catchups, s.replaced = 0, nil
	clear(s.done)
	*s.report = TickReport{At: at, Started: s.report.Started[:0], Slots: s.report.Slots[:0], Ended: s.report.Ended[:0]}
	m.given = m.given[:0]
	s.sinceLast()
	m.countEnds(at.UnixMicro())
	if err := m.settle(ctx); err != nil {
		return err
	}
	m.tellSteps(at.UnixMicro())
	if err := s.due(ctx); err != nil || m.failed != nil {
		return cmp.Or(m.failed, err)
	}
	s.last = s.reading()
	for _, p := range s.report.Problems {
		m.problem(at, p)
	}
	return m.tell()
}

// beat moves the reading of the clock on to the last turn that the loop made since without anything to do: there is
// one each minute.
func (m *simulator) beat(at time.Time) {
	last := at
	for _, d := range m.req.Down {
		if d.From.Before(last) && !d.To.After(at) && d.To.After(m.now) {
			last = d.From
		}
	}
	last = last.Add(-1)
	if m.begun.IsZero() || !last.After(m.begun) {
		return
	}
	if beat := m.begun.Add(last.Sub(m.begun).Truncate(fullTurn)); beat.After(m.s.last.At) {
		m.s.last.Up += beat.Sub(m.s.last.At)
		m.s.last.At = beat
	}
}

// settle records the runs that have ended by now.
func (m *simulator) settle(ctx context.Context) error {
	var ends []task.Ended
	for now := m.now.UnixMicro(); len(m.ends) > 0 && m.ends[0].at <= now; {
		end := m.ends.pop()
		if end.state != task.Complete {
			m.urgent--
		}
		if run, err := m.db.Run(ctx, end.run); err != nil || run.State.Final() {
			continue // it was replaced
		}
		if !end.counted {
			m.open--
		}
		o := task.Outcome{RunID: end.run, State: end.state, StartedAt: end.start, EndedAt: time.UnixMicro(end.at).UTC()}
		if end.state == task.Failed {
			o.ExitCode = 1
		}
		ends = append(ends, task.Ended{ID: end.id, Outcome: o, Holder: m.holder})
	}
	s := m.s
	if len(ends) == 0 {
		return s.hasten(ctx)
	}
	if err := s.settle(ctx, ends, func(run task.Run) { s.report.Ended = append(s.report.Ended, run) }, s.strange); err != nil {
		return err
	}
	return s.hasten(ctx)
}

// mostProblems bounds what is kept of what went wrong.
const mostProblems = 100

// simID is what all ids of a simulation have, at simIDAt of their idLength characters.
const (
	simID    = "-7000-8000-"
	simIDAt  = 13
	idLength = 36
)

// finish tells what waits still.
func (m *simulator) finish() error {
	for _, k := range m.db.waits {
		for _, slot := range k.pending {
			m.report.Pending++
			x := decisionOn(slot.Task, slot.At.UTC(), SimPending, m.named(slot.Reason))
			x.At = m.req.To
			if err := m.told(&x); err != nil {
				return err
			}
		}
	}
	return nil
}

// seen is what requirements see: what is assumed of resources, and of tasks what their last run left.
func (m *simulator) seen(ctx context.Context, svc *service.Service, reqs []task.Requirement) ([]task.Seen, error) {
	all := make([]task.Seen, len(reqs))
	for i, r := range reqs {
		id := task.ID{Service: svc.Path, RID: r.Subject}
		if status, said := saidOf(m.req.States, id); said {
			all[i] = task.Seen{Known: true, Status: status, Detail: "as is assumed"}
			continue
		}
		if _, isTask := svc.Task(r.Subject); isTask {
			p, err := m.engine.prober(ctx, svc, m.db)
			if err != nil {
				return nil, err
			}
			all[i] = resource.Requirements([]task.Requirement{r}, p.Probe(ctx, resource.Needed([]task.Requirement{r}, svc.Resources)))[0]
			continue
		}
		all[i] = assumed(svc, r)
	}
	return all, nil
}

// assumed is the state that a requirement asks for, where there is such a resource.
func assumed(svc *service.Service, r task.Requirement) task.Seen {
	known := r.Subject == "avail" || r.Subject == "overall"
	for i := range svc.Resources {
		known = known || svc.Resources[i].RID == r.Subject
	}
	if !known || r.Impossible || len(r.States) == 0 {
		return task.Seen{}
	}
	return task.Seen{Known: true, Status: r.States[0], Detail: "as is assumed"}
}

var _ record = (*state.DB)(nil)

// percentile is the value of sorted ones below which p of a hundred are.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*cmp.Or(p, 50)/100)]
}
