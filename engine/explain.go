package engine

import (
	"context"
	"fmt"
	"time"

	"om/schedule"
	"om/state"
	"om/task"
)

// Explanation answers "would its schedule start this task at that moment, and why not?".
type Explanation struct {
	Service string       `json:"service"`
	Task    string       `json:"task"`
	At      time.Time    `json:"at"`
	Verdict string       `json:"verdict"` // one line
	Run     bool         `json:"run"`
	Checks  []task.Check `json:"checks"`
	Clauses []ClauseSaid `json:"clauses,omitempty"` // what each part of the schedule says of the moment
	Slot    time.Time    `json:"slot,omitzero"`     // the one that is outstanding
	Next    time.Time    `json:"next,omitzero"`     // the next one
	Decided *SlotSaid    `json:"decided,omitempty"` // what is on record of the slot, or the run, that was asked about
	Waiting []string     `json:"waiting,omitempty"`
}

// ClauseSaid is a schedule.Clause for people and programs.
type ClauseSaid struct {
	Text    string    `json:"clause"`
	Exclude bool      `json:"exclude"`
	Allows  bool      `json:"allows"`
	Reason  string    `json:"reason"`
	Until   time.Time `json:"until,omitzero"`
}

// SlotSaid is a slot on record.
type SlotSaid struct {
	Slot     time.Time `json:"slot"`
	Last     time.Time `json:"slot_last,omitzero"`
	Count    int       `json:"count"`
	Decision string    `json:"decision"`
	Reason   string    `json:"reason"`
	Run      string    `json:"run,omitempty"`
	State    string    `json:"state,omitempty"` // of the run
}

// Explain says for a task whether its schedule would start it at a moment: every check with its answer.
func (e *Engine) Explain(ctx context.Context, path, rid string, at time.Time) (Explanation, error) {
	x := Explanation{Service: path, Task: rid, At: at}
	svc, err := e.Load(path)
	if err != nil {
		return x, err
	}
	t, known := svc.Task(rid)
	if !known {
		return x, task.Errorf(task.ErrNotFound, "service %s: no task %s", path, rid)
	}
	db, err := e.Record(ctx, svc)
	if err != nil {
		return x, err
	}
	if err = e.bury(ctx, db); err != nil {
		return x, err
	}
	s, err := e.scheduler(ctx, TickOptions{DryRun: true, Period: time.Minute}, &TickReport{At: at})
	if err != nil {
		return x, err
	}
	return x, s.explain(ctx, &x, &looked{svc: svc, db: db}, &t)
}

func (s *scheduler) explain(ctx context.Context, x *Explanation, l *looked, t *task.Task) error {
	cursors, err := l.db.Cursors(ctx, t.ID.Service)
	if err != nil {
		return err
	}
	c := s.cursorOf(l.svc, t, cursors)
	x.Checks = append(x.Checks, scheduledCheck(neverScheduled(l.svc, t)))
	if t.Schedule != "" {
		s.explainDue(x, t, c)
	}
	d, err := s.decision(ctx, l, t)
	if err != nil {
		return err
	}
	x.Checks = append(x.Checks, d.Checks...)
	d.Checks = x.Checks
	x.Run = d.Run()
	x.Verdict = verdictOf(d)
	x.Next = s.nextLook(l.svc, t, c)
	x.Waiting, err = s.waiting(ctx, l.db, c)
	return err
}

func scheduledCheck(never string) task.Check {
	if never != "" {
		return task.Check{Name: "scheduled", Detail: never}
	}
	return task.Check{Name: "scheduled", Pass: true, Detail: "the task has a schedule"}
}

// explainDue tells whether a slot is outstanding, and what the schedule says of the moment.
func (s *scheduler) explainDue(x *Explanation, t *task.Task, c task.Cursor) {
	cal, err := s.calendar(t)
	if err != nil {
		return // a task whose schedule is wrong is in quarantine
	}
	for _, clause := range cal.Explain(c.At, s.now) {
		x.Clauses = append(x.Clauses, ClauseSaid(clause))
	}
	backlog := cal.Backlog(c.At, s.now, s.catchupOf(t))
	check := task.Check{Name: "due"}
	switch next, ok := cal.Next(c.At, c.At); {
	case len(backlog.Due) > 0:
		x.Slot = backlog.Due[len(backlog.Due)-1]
		check.Pass, check.Detail = true, "its slot "+local(cal, x.Slot)+" is outstanding"
	case backlog.Missed > 0:
		check.Detail = fmt.Sprintf("%d slots since %s are missed, and not made up for", backlog.Missed, local(cal, c.At))
	case !ok:
		check.Detail = "there is no slot after " + local(cal, c.At)
	default:
		check.Detail = "no slot since " + local(cal, c.At) + "; the next is " + local(cal, next)
	}
	x.Checks = append(x.Checks, check)
}

func local(cal *schedule.Schedule, t time.Time) string {
	return t.In(cal.Zone().Location()).Format(time.RFC3339)
}

func verdictOf(d task.Decision) string {
	if d.Run() {
		return "its schedule starts it"
	}
	no := d.Blockers()[0]
	return "not started: " + no.Detail
}

// ExplainSlot tells what is on record of a slot of a task: the decision, why, and the run.
func (e *Engine) ExplainSlot(ctx context.Context, path, rid string, slot time.Time) (SlotSaid, error) {
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return SlotSaid{}, err
	}
	slots, err := db.Slots(ctx, state.Query{Service: path, RID: []string{rid}})
	if err != nil {
		return SlotSaid{}, err
	}
	for _, s := range slots {
		if !slot.Before(s.At) && !slot.After(s.Last) {
			return e.said(ctx, db, s), nil
		}
	}
	return SlotSaid{}, task.Errorf(task.ErrNotFound, "service %s: %s has no decision about the slot %s on record", path, rid, slot.Format(time.RFC3339))
}

func (e *Engine) said(ctx context.Context, db *state.DB, s task.Slot) SlotSaid {
	said := SlotSaid{Slot: s.At, Count: s.Count, Decision: string(s.Decision), Reason: s.Reason, Run: s.RunID}
	if !s.Last.Equal(s.At) {
		said.Last = s.Last
	}
	if run, err := db.Run(ctx, s.RunID); s.RunID != "" && err == nil {
		said.State = string(run.State)
	}
	return said
}

// Slots lists the slots on record that q chooses, the newest first: of one service, or of all that the node's
// record has.
func (e *Engine) Slots(ctx context.Context, path string, q state.Query, decisions ...task.SlotDecision) ([]task.Slot, error) {
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return nil, err
	}
	q.Service = path
	return db.Slots(ctx, q, decisions...)
}
