package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"om/notice"
	"om/service"
	"om/state"
	"om/task"
)

// Spool is where events wait for omd notify.
func (e *Engine) Spool() string { return filepath.Join(e.StateDir, "spool") }

// leave puts an event in the spool. A run neither waits for that nor fails with it.
func (e *Engine) leave(entry notice.Entry) error {
	e.mu.Lock()
	if e.spool == nil {
		e.spool = &notice.Spool{Dir: e.Spool()}
	}
	spool := e.spool
	e.mu.Unlock()
	return spool.Put(entry)
}

// leaveOf is leave for an event of a task, which says when people may be told.
func (e *Engine) leaveOf(t *task.Task, entry notice.Entry) error {
	entry.Wait = notice.WaitOf(&t.Notify, entry.Event.Type, t.Timezone)
	return e.leave(entry)
}

// untold says that somebody is not told of something.
func (e *Engine) untold(id task.ID, err error) {
	if err != nil && e.Untold != nil {
		e.Untold(id, err)
	}
}

// tellStart leaves word of a run that was handed over.
func (e *Engine) tellStart(t *task.Task, run task.Run) {
	targets := notice.Pings(t)
	if run.Attempt <= 1 && t.Notify.Tells(task.EventStarted) {
		targets = append(targets, notice.People(t)...)
	}
	if len(targets) == 0 {
		return
	}
	at := run.QueuedAt
	if !run.StartedAt.IsZero() {
		at = run.StartedAt
	}
	e.untold(t.ID, e.leaveOf(t, notice.Entry{Event: notice.OfRun(e.Node.Name, task.EventStarted, run, at), Targets: targets}))
}

// tellLate leaves word of a run that was handed over when its slot was not on time any more.
func (s *scheduler) tellLate(t *task.Task, run task.Run) {
	late := s.now.Sub(run.Slot)
	if run.Attempt > 1 || run.Slot.IsZero() || late <= s.onTime() || !t.Notify.Tells(task.EventLate) {
		return
	}
	if people := notice.People(t); len(people) > 0 {
		event := notice.OfRun(s.Node.Name, task.EventLate, run, s.now)
		event.Summary = notice.Line(fmt.Sprintf("%s: %s after its slot of %s", task.EventLate, late.Round(time.Second), run.Slot.UTC().Format(time.RFC3339)))
		s.untold(t.ID, s.leaveOf(t, notice.Entry{Event: event, Targets: people}))
	}
}

// tellLong leaves word of runs that go on for longer than their tasks say, once for each.
func (s *scheduler) tellLong(ctx context.Context) {
	for _, db := range s.recordsByPath(ctx) {
		running, err := db.Running(ctx, "", "")
		if err != nil {
			s.report.problem("%v", err)
		}
		for _, run := range running {
			took := s.now.Sub(later(run.QueuedAt, run.StartedAt))
			if took < time.Minute { // nobody means less: the file need not be read
				continue
			}
			l := s.look(ctx, run.Task.Service)
			if l.svc == nil {
				continue
			}
			if t, known := l.svc.Task(run.Task.RID); known && t.Notify.Long > 0 && took > t.Notify.Long {
				s.untold(t.ID, s.tellLongRun(ctx, db, &t, run, took))
			}
		}
	}
}

// mostLong is how many runs of a task are remembered that were told to be long.
const mostLong = 32

func (s *scheduler) tellLongRun(ctx context.Context, db *state.DB, t *task.Task, run task.Run, took time.Duration) error {
	people := notice.People(t)
	key := "long " + t.ID.String()
	fact, err := db.Fact(ctx, key)
	told := strings.Fields(fact)
	if err != nil || len(people) == 0 || slices.Contains(told, run.ID) {
		return err
	}
	event := notice.OfRun(s.Node.Name, task.EventLong, run, s.now)
	event.Summary = fmt.Sprintf("%s: run %s goes on for %s", task.EventLong, run.ID, took.Round(time.Second))
	if err := s.leaveOf(t, notice.Entry{Event: event, Targets: people}); err != nil {
		return err
	}
	told = append(told[max(0, len(told)-mostLong+1):], run.ID)
	return db.SetFact(ctx, key, strings.Join(told, " "))
}

// idle is what must be known of the slots of a task that were not run. It is kept as a fact.
type idle struct {
	Since time.Time `json:"since,omitzero"` // the first of them since the last that was run
	Count int       `json:"count,omitempty"`
	Told  time.Time `json:"told,omitzero"`
}

// enter adds slots that were decided. The last one that was not run comes back with it.
func (i idle) enter(slots []task.Slot) (idle, task.Slot) {
	var last task.Slot
	for _, slot := range slots {
		switch slot.Decision {
		case task.SlotRun:
			i = idle{}
		case task.SlotSkip, task.SlotMissed, task.SlotExpired:
			if i.Since.IsZero() {
				i.Since = slot.At.UTC()
			}
			i.Count += slot.Count
			last = slot
		case task.SlotPending:
		}
	}
	return i, last
}

// tellIdle leaves word of a task whose slots were not run for longer than it says.
func (s *scheduler) tellIdle(ctx context.Context, v *view) {
	if v.t.Notify.Skipped > 0 && len(v.slots) > 0 {
		s.untold(v.t.ID, s.tellSkippedFor(ctx, v.l.db, &v.t, v.slots))
	}
}

func (s *scheduler) tellSkippedFor(ctx context.Context, db record, t *task.Task, slots []task.Slot) error {
	key := "skipped " + t.ID.String()
	fact, err := db.Fact(ctx, key)
	if err != nil {
		return err
	}
	var before idle
	if json.Unmarshal([]byte(fact), &before) != nil {
		before = idle{}
	}
	after, last := before.enter(slots)
	again := notice.Again(after.Told, t.Notify.Renotify, s.now)
	people := notice.People(t)
	if !after.Since.IsZero() && s.now.Sub(after.Since) > t.Notify.Skipped && again && len(people) > 0 {
		all := task.Slot{Task: t.ID, At: after.Since, Last: last.Last, Count: after.Count, Reason: last.Reason}
		if err = s.leaveOf(t, notice.Entry{Event: notice.OfSlots(s.Node.Name, task.EventIdle, all, s.now), Targets: people}); err != nil {
			return err
		}
		after.Told = s.now.UTC()
	}
	if after == before {
		return nil
	}
	text, err := json.Marshal(after)
	if err != nil {
		return err
	}
	return db.SetFact(ctx, key, string(text))
}

// tellNode leaves word of something that is about the node, or a service, and about no run: [notify] of node.conf says to
// whom.
func (e *Engine) tellNode(kind, service, reason string, tasks []task.ID, at time.Time) {
	n := e.Node.Notify
	if n == nil || !n.Tells(kind) {
		return
	}
	if people := notice.Of(n, ""); len(people) > 0 {
		event := notice.OfNode(e.Node.Name, kind, service, reason, tasks, at)
		entry := notice.Entry{Event: event, Targets: people, Wait: notice.WaitOf(n, kind, e.Node.Timezone)}
		e.untold(task.ID{Service: service}, e.leave(entry))
	}
}

// tellRejected leaves word of files that were read, and have errors.
func (s *scheduler) tellRejected(files []Rejection) {
	for _, f := range files {
		s.tellNode(task.EventRejected, f.Service, f.Reason+" ("+f.goesOn()+")", nil, s.now)
	}
}

// tellEnd leaves word of the end of a run, once: the record remembers what was told of its task. The event
// comes before that, so that a crash between the two tells the same event again and does not lose it.
func (e *Engine) tellEnd(ctx context.Context, db record, svc *service.Service, t *task.Task, run task.Run) {
	if !t.Notify.Any() {
		return
	}
	key := "notify " + t.ID.String()
	fact, err := db.Fact(ctx, key)
	if err != nil {
		e.untold(t.ID, err)
		return
	}
	before := notice.ReadStreak(fact)
	if before.Knows(run) {
		return
	}
	at := run.EndedAt
	if at.IsZero() {
		at = e.Now()
	}
	after, kind := before.End(run, t.Notify, at)
	entry := notice.Entry{Event: notice.OfRun(e.Node.Name, kind, run, at), Output: e.outputOf(svc, run), Targets: notice.Pings(t)}
	if kind != "" {
		entry.Targets = append(entry.Targets, notice.People(t)...)
	} else {
		entry.Event = notice.OfRun(e.Node.Name, notice.KindOf(run.State), run, at)
	}
	if entry.Event.Streak = after.Failing(); entry.Event.Type == task.EventRecovered {
		entry.Event.Streak = before.Failing()
	}
	if err := e.leaveOf(t, entry); err != nil {
		e.untold(t.ID, err)
		return
	}
	if len(entry.Targets) > 0 || after.Runs != before.Runs {
		e.untold(t.ID, db.SetFact(context.WithoutCancel(ctx), key, after.Fact()))
	}
}

// tellGivenUp leaves word of an attempt whose successor was planned and does not come: the next slot came first,
// or something was in its way.
func (s *scheduler) tellGivenUp(ctx context.Context, v *view, started task.Run) {
	if r := v.before.Retry; !v.after.Retry.Slot.Equal(r.Slot) && !started.Slot.Equal(r.Slot) {
		s.tellBefore(ctx, v.l.db, v.l.svc, &v.t, r)
	}
}

// tellBefore tells how the attempt before one that was planned ended.
func (e *Engine) tellBefore(ctx context.Context, db record, svc *service.Service, t *task.Task, r task.Retrying) {
	if r.At.IsZero() || !t.Notify.Any() {
		return
	}
	runs, err := db.Runs(ctx, state.Query{Service: t.ID.Service, RID: []string{t.ID.RID}, Limit: r.Attempt + 20})
	if err != nil {
		e.untold(t.ID, err)
		return
	}
	for _, run := range runs {
		if run.Slot.Equal(r.Slot) && run.Attempt == r.Attempt-1 {
			e.tellEnd(ctx, db, svc, t, run)
		}
	}
}

// outputOf is the file with what a run wrote; "" where none is kept.
func (e *Engine) outputOf(svc *service.Service, run task.Run) string {
	path, err := e.outputPath(svc, run)
	if run.Output == "" || err != nil {
		return ""
	}
	return path
}

// tellSlots leaves word of slots that were decided against.
func (e *Engine) tellSlots(t *task.Task, slots []task.Slot, now time.Time) {
	for _, s := range slots {
		kind := ""
		switch s.Decision {
		case task.SlotMissed:
			kind = task.EventMissed
		case task.SlotSkip, task.SlotExpired:
			kind = task.EventSkipped
		}
		if kind == "" || !t.Notify.Tells(kind) {
			continue
		}
		if people := notice.People(t); len(people) > 0 {
			e.untold(t.ID, e.leaveOf(t, notice.Entry{Event: notice.OfSlots(e.Node.Name, kind, s, now), Targets: people}))
		}
	}
}

// services finds services as they are scheduled, each once.
type services struct {
	*Engine
	known map[string]*service.Service
}

// task returns a task and its service, nil where they are gone, or can't be read as they are. The error is for those
// that can perhaps in a moment.
func (s *services) task(ctx context.Context, id task.ID) (*service.Service, *task.Task, error) {
	svc, err := s.service(ctx, id.Service)
	if svc == nil {
		if lasting(err) {
			err = nil
		}
		return nil, nil, err
	}
	if t, known := svc.Task(id.RID); known {
		return svc, &t, nil
	}
	return svc, nil, nil
}

// service returns a service or, where its file can't be read, the service as it was; nil and why where there is neither.
func (s *services) service(ctx context.Context, path string) (*service.Service, error) {
	if svc := s.known[path]; svc != nil {
		return svc, nil
	}
	svc, err := s.scheduled(ctx, path)
	if err != nil {
		svc = s.asItWas(ctx, path)
	}
	if svc == nil {
		return nil, err
	}
	if s.known == nil {
		s.known = map[string]*service.Service{}
	}
	s.known[path] = svc
	return svc, nil
}

// lasting says that an error is about the file itself: it stays until somebody does something.
func lasting(err error) bool {
	for _, kind := range [...]error{task.ErrNotFound, task.ErrInvalid, task.ErrPermission, fs.ErrPermission} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// asItWas is a service whose file can't be read now, and was not found to be gone by a tick; nil where there is none.
func (s *services) asItWas(ctx context.Context, path string) *service.Service {
	db, err := s.NodeRecord(ctx)
	if err != nil {
		return nil
	}
	stamp, _, err := db.StampOf(ctx, path)
	file, bad := service.File(s.ConfigDir, path)
	if err != nil || bad != nil || stamp.Good == nil {
		return nil
	}
	return service.Parse(file, path, stamp.Good, s.Node)
}

// drain starts the program that tells what is in the spool, where there is something in it. Nobody waits for
// it, and a second one ends at once.
func (e *Engine) drain(argv []string) error {
	if len(argv) == 0 || (&notice.Spool{Dir: e.Spool()}).Empty() {
		return nil
	}
	if err := task.Launch(argv); err != nil {
		return fmt.Errorf("omd notify: %w", err)
	}
	return nil
}
