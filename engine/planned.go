package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// Planned is what the schedule of a task comes to, as it is now.
type Planned struct {
	Service  string    `json:"service"`
	Task     string    `json:"task"`
	Schedule string    `json:"schedule"`
	Zone     string    `json:"zone"`
	Meaning  string    `json:"meaning,omitempty"` // in a sentence
	Next     time.Time `json:"next,omitzero"`     // the next start; zero where there is none here as things are
	Last     *Brief    `json:"last_run,omitempty"`
	Running  int       `json:"running,omitempty"`
	Slot     time.Time `json:"last_slot,omitzero"` // the newest one that was decided
	// Why says why there is no next start, or what would keep the task from being started now; "" for nothing.
	Why string `json:"why,omitempty"`
	// Waiting are slots that wait for requirements or other runs, and another attempt of one that failed.
	Waiting []string `json:"waiting,omitempty"`
}

// Schedules tells for each task that sel picks of a service, and that has a schedule, when it is due next, and what is
// in its way.
func (e *Engine) Schedules(ctx context.Context, path string, sel Selection) ([]Planned, error) {
	svc, instead, err := e.Scheduled(ctx, path)
	if err != nil {
		return nil, err
	}
	db, err := e.Record(ctx, svc)
	if errors.Is(err, task.ErrNotFound) {
		return e.unrecorded(svc, sel, task.Text(err)), nil
	}
	if err != nil {
		return nil, err
	}
	if err = e.bury(ctx, db); err != nil {
		return nil, err
	}
	s, err := e.looker(ctx, e.Now())
	if err != nil {
		return nil, err
	}
	l := &looked{svc: svc, db: db}
	cursors, err := s.cursors(ctx, l)
	if err != nil {
		return nil, err
	}
	var all []Planned
	for _, picked := range sel.Pick(svc.Tasks) {
		if picked.Task.Schedule != "" {
			p, err := s.planned(ctx, l, &picked.Task, cursors)
			if err != nil {
				return nil, err
			}
			p.Why = strings.Join(slices.DeleteFunc([]string{instead, p.Why}, func(s string) bool { return s == "" }), "; ")
			all = append(all, p)
		}
	}
	return append(all, wrongSections(svc, sel)...), nil
}

// unrecorded are the tasks of a service that has no record yet: none of them is started.
func (e *Engine) unrecorded(svc *service.Service, sel Selection, why string) []Planned {
	var all []Planned
	for _, picked := range sel.Pick(svc.Tasks) {
		t := picked.Task
		if cal, err := e.calendar(&t); err == nil && t.Schedule != "" {
			all = append(all, Planned{Service: svc.Path, Task: t.ID.RID, Schedule: t.Schedule, Zone: cal.Zone().Name(), Meaning: cal.Describe(), Why: why})
		}
	}
	return append(all, wrongSections(svc, sel)...)
}

// wrongSections are the tasks that are left out, for their sections have errors. Whether tags or subsets mean one is not known.
func wrongSections(svc *service.Service, sel Selection) []Planned {
	var all []Planned
	for _, section := range svc.Quarantined() {
		if _, ok := sel.rid(section); ok && strings.HasPrefix(section, "task#") && sel.Tags+sel.Subsets == "" {
			all = append(all, Planned{Service: svc.Path, Task: section, Why: "its section has errors: om " + svc.Path + " validate"})
		}
	}
	return all
}

func (s *scheduler) planned(ctx context.Context, l *looked, t *task.Task, cursors []task.Cursor) (Planned, error) {
	p := Planned{Service: t.ID.Service, Task: t.ID.RID, Schedule: t.Schedule}
	cal, err := s.calendar(t)
	if err != nil {
		return p, err
	}
	p.Zone, p.Meaning = cal.Zone().Name(), cal.Describe()
	c := s.cursorOf(l.svc, t, cursors)
	if p.Slot, err = lastSlot(ctx, l.db, t.ID); err != nil {
		return p, err
	}
	running, err := l.db.Running(ctx, t.ID.Service, t.ID.RID)
	if err != nil {
		return p, err
	}
	former, err := s.former(ctx, l)
	if err != nil {
		return p, err
	}
	for _, run := range former {
		if run.Task == t.ID {
			running = append(running, run)
		}
	}
	p.Running = len(running)
	if p.Last, err = lastRun(ctx, l.db, t.ID); err != nil {
		return p, err
	}
	next, why, err := s.outlook(ctx, l, t, cal, c)
	if err != nil {
		return p, err
	}
	p.Next = next.In(cal.Zone().Location())
	for _, run := range running {
		if text := Orphaned(run); text != "" {
			why = append(why, text)
		}
	}
	p.Why = strings.Join(why, "; ")
	p.Waiting, err = s.waiting(ctx, l.db, c)
	return p, err
}

// outlook tells when the task is due next, zero where there is no such time, and what is in its way.
func (s *scheduler) outlook(ctx context.Context, l *looked, t *task.Task, cal *schedule.Schedule, c task.Cursor) (next time.Time, why []string, err error) {
	why, starts, err := s.obstacles(ctx, l, t, c)
	if err != nil || !starts {
		return time.Time{}, why, err
	}
	at, goesOn, err := s.sinceEnd(ctx, l, t, cal, c.At)
	if err != nil {
		return time.Time{}, why, err
	}
	c.At = at
	switch next = s.nextStart(cal, l.svc, t, c); {
	case goesOn:
		next, why = time.Time{}, append(why, afterRunText)
	case next.IsZero():
		why = append(why, noSlot(cal, s.now))
	}
	if text := s.failsFor(ctx, t); text != "" {
		why = append(why, text)
	}
	return next, why, nil
}

// noSlot says why a schedule has no next slot.
func noSlot(cal *schedule.Schedule, now time.Time) string {
	if cal.WaitsForBoot(now) {
		return "it is due after the next start of the host"
	}
	return "its schedule has no more slots"
}

// cursors are those of a service as the next tick takes them: see ownCursor.
func (s *scheduler) cursors(ctx context.Context, l *looked) ([]task.Cursor, error) {
	all, err := s.node.Cursors(ctx, l.svc.Path)
	if err != nil || !l.own() || l.db == s.node {
		return all, err
	}
	own, err := l.db.Cursors(ctx, l.svc.Path)
	for _, c := range own {
		i := slices.IndexFunc(all, func(cached task.Cursor) bool { return cached.Task == c.Task })
		switch {
		case i < 0:
			all = append(all, c)
		case all[i].Digest == c.Digest:
			all[i] = c
		default:
			all[i].At = later(all[i].At, c.At)
		}
	}
	return all, err
}

// cursorOf is the cursor on record, or for a schedule that no tick has seen one that would begin now.
func (s *scheduler) cursorOf(svc *service.Service, t *task.Task, cursors []task.Cursor) task.Cursor {
	return s.inRecord(svc, task.Cursor{Task: t.ID, Digest: planDigest(svc, t), At: s.seen(s.known(t))}, cursors)
}

// nextStart is when the task is due next by its schedule: now, where a slot is outstanding.
func (s *scheduler) nextStart(cal *schedule.Schedule, svc *service.Service, t *task.Task, c task.Cursor) time.Time {
	next := s.nextLook(svc, t, c)
	if next.IsZero() || next.After(s.now) {
		return next
	}
	if backlog := cal.Backlog(c.At, s.now, s.catchupOf(t)); len(backlog.Due) > 0 {
		return s.now
	}
	return nextSlot(cal, c, s.now)
}

// obstacles tells what keeps a task from being started by its schedule, and whether it will be started here at all as
// things are: one that is frozen, or of a service that is not active here, will not, whatever its schedule says.
func (s *scheduler) obstacles(ctx context.Context, l *looked, t *task.Task, c task.Cursor) (why []string, starts bool, err error) {
	never := neverScheduled(l.svc, t)
	if never == "" && ranOut(t, c.Runs) {
		never = ranOutText
	}
	if never != "" {
		f := task.Facts{Origin: task.Scheduled}
		if f.Frozen, f.NodeFrozen, err = s.frozen(ctx, t.ID.Service); f.Frozen+f.NodeFrozen != "" {
			return []string{never, frozenReason(*t, f)}, false, err
		}
		return []string{never}, false, err
	}
	d, err := s.decision(ctx, l, t)
	starts = true
	for _, no := range d.Blockers() {
		starts = starts && no.Name != "active" && no.Name != "thawed"
		why = append(why, no.Detail)
	}
	return why, starts, err
}

const ranOutText = "it ran as often as run_times says"

// ranOut says that a task which ran so often runs no more.
func ranOut(t *task.Task, runs int) bool { return t.Plan.RunTimes > 0 && runs >= t.Plan.RunTimes }

// decision says whether the schedule might start the task now, if it were due.
func (s *scheduler) decision(ctx context.Context, l *looked, t *task.Task) (task.Decision, error) {
	former, err := s.former(ctx, l)
	if err != nil {
		return task.Decision{Task: t.ID}, err
	}
	r := &runner{Engine: s.Engine, svc: l.svc, db: l.db, req: Request{Origin: task.Scheduled, DryRun: true}, former: former}
	d, _, err := r.decide(ctx, *t)
	if err != nil {
		return d, err
	}
	away, err := s.away(ctx, l, t)
	if err != nil {
		return d, err
	}
	d.Checks = slices.Insert(d.Checks, min(2, len(d.Checks)), activeCheck(away))
	return d, nil
}

// waiting tells what waits for a task.
func (s *scheduler) waiting(ctx context.Context, db record, c task.Cursor) (list []string, err error) {
	slots, err := db.Pending(ctx, c.Task, 0)
	for _, slot := range slots {
		list = append(list, slot.At.UTC().Format(time.RFC3339)+" "+slot.Reason)
	}
	if r := c.Retry; !r.At.IsZero() {
		list = append(list, r.Slot.UTC().Format(time.RFC3339)+" attempt at "+r.At.UTC().Format(time.RFC3339)+", after one that ended as "+string(r.Previous))
	}
	return list, err
}
