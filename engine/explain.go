package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"om/schedule"
	"om/state"
	"om/task"
)

// Explanation answers "would its schedule start this task at that moment, and why not?", and of a slot or a run that is
// on record "why was that decided?".
type Explanation struct {
	Service string       `json:"service"`
	Task    string       `json:"task"`
	At      time.Time    `json:"at,omitzero"`
	Verdict string       `json:"verdict"` // one line
	Run     bool         `json:"run"`
	Checks  []task.Check `json:"checks"`
	Clauses []ClauseSaid `json:"clauses,omitempty"` // what each part of the schedule says of the moment
	Slot    time.Time    `json:"slot,omitzero"`     // the one that is outstanding, or was decided
	Next    time.Time    `json:"next,omitzero"`     // the first one after At, whatever is decided about it then
	Waiting []string     `json:"waiting,omitempty"`

	Schedule string `json:"schedule,omitempty"` // as it is, or was
	Zone     string `json:"zone,omitempty"`

	// Of what is on record.
	Decided *SlotSaid `json:"decided,omitempty"`
	Late    float64   `json:"late_s,omitempty"`         // how long after its slot it was decided
	File    string    `json:"file,omitempty"`           // which version of the service's file that was
	NoClock bool      `json:"clock_unsynced,omitempty"` // nothing kept the clock then
	Unkept  string    `json:"unkept,omitempty"`         // why there are no checks
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
	Slot     time.Time `json:"slot,omitzero"`
	Last     time.Time `json:"slot_last,omitzero"`
	Count    int       `json:"count,omitempty"`
	Decision string    `json:"decision"`
	Reason   string    `json:"reason"`
	Run      string    `json:"run,omitempty"`
	State    string    `json:"state,omitempty"` // of the run
}

// Explain says for a task whether its schedule would start it at a moment: every check with its answer.
func (e *Engine) Explain(ctx context.Context, path, rid string, at time.Time) (Explanation, error) {
	x := Explanation{Service: path, Task: rid, At: at}
	svc, instead, err := e.Scheduled(ctx, path)
	if err != nil {
		return x, err
	}
	if instead != "" {
		x.Checks = append(x.Checks, task.Check{Name: "file", Pass: true, Detail: instead})
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
	s, err := e.looker(ctx, at)
	if err != nil {
		return x, err
	}
	return x, s.explain(ctx, &x, &looked{svc: svc, db: db}, &t)
}

// looker is a tick that only looks. What is on time depends on when the last tick was, as it does for the next.
func (e *Engine) looker(ctx context.Context, at time.Time) (*scheduler, error) {
	s, err := e.scheduler(ctx, TickOptions{DryRun: true, Period: time.Minute}, &TickReport{At: at})
	if err != nil {
		return nil, err
	}
	return s, s.readClockOnly(ctx)
}

func (s *scheduler) explain(ctx context.Context, x *Explanation, l *looked, t *task.Task) error {
	cursors, err := s.cursors(ctx, l)
	if err != nil {
		return err
	}
	c := s.cursorOf(l.svc, t, cursors)
	never := neverScheduled(l.svc, t)
	x.Checks = append(x.Checks, scheduledCheck(never))
	if never == "" {
		if err = s.explainDue(ctx, x, l, t, c); err != nil {
			return err
		}
	}
	d, err := s.decision(ctx, l, t)
	if err != nil {
		return err
	}
	x.Checks = append(x.Checks, d.Checks...)
	d.Checks = x.Checks
	x.Run = d.Run()
	x.Verdict = verdictOf(d)
	if !x.Never() {
		s.explainIdentity(ctx, x, t)
	}
	x.Waiting, err = s.waiting(ctx, l.db, c)
	return err
}

func scheduledCheck(never string) task.Check {
	if never != "" {
		return task.Check{Name: "scheduled", Detail: never}
	}
	return task.Check{Name: "scheduled", Pass: true, Detail: "the task has a schedule"}
}

// explainDue tells whether a slot is outstanding, what the schedule says of the moment, and which slot comes after it.
func (s *scheduler) explainDue(ctx context.Context, x *Explanation, l *looked, t *task.Task, c task.Cursor) error {
	cal, err := s.calendar(t)
	if err != nil {
		return err
	}
	last, err := lastSlot(ctx, l.db, t.ID)
	if err != nil {
		return err
	}
	x.Schedule, x.Zone = t.Schedule, cal.Zone().Name()
	var goesOn bool
	if c.At, goesOn, err = s.sinceEnd(ctx, l, t, cal, c.At); err != nil || goesOn {
		x.Checks = append(x.Checks, task.Check{Name: "due", Detail: afterRunText})
		return err
	}
	for _, clause := range clauses(cal, c.At, s.now, last.IsZero()) {
		x.Clauses = append(x.Clauses, ClauseSaid(clause))
	}
	elsewhere, some := s.maybeElsewhere(l.svc, t, cal, c.At)
	if some {
		c.At = cal.Decided(elsewhere.Last, s.since(l.svc, t))
	}
	backlog := cal.Backlog(c.At, s.now, s.catchupOf(t))
	backlog.Missed += elsewhere.Count
	x.Next = nextSlot(cal, c, s.now).In(cal.Zone().Location())
	if ranOut(t, c.Runs+len(backlog.Due)) {
		x.Next = time.Time{}
	}
	v := &view{scheduler: s, l: l, t: *t, cal: cal, before: c, after: c}
	check, err := v.outstanding(ctx, x, backlog)
	x.Checks = append(x.Checks, check)
	return err
}

// outstanding says what a tick would decide about, in its order: a slot that waits, those that came since, another
// attempt.
func (v *view) outstanding(ctx context.Context, x *Explanation, backlog schedule.Backlog) (task.Check, error) {
	check := task.Check{Name: "due"}
	waiting, err := v.firstWaiting(ctx)
	if err != nil {
		return check, err
	}
	spent, r := ranOut(&v.t, v.before.Runs), v.before.Retry
	switch {
	case waiting.Count > 0:
		x.Slot = waiting.At
		check.Pass, check.Detail = true, "its slot "+local(v.cal, x.Slot)+" waits: "+waiting.Reason
	case !spent && len(backlog.Due) > 0:
		x.Slot = backlog.Due[0]
		check.Pass, check.Detail = true, "its slot "+local(v.cal, x.Slot)+" is outstanding"
	case !spent && backlog.Missed > 0, r.At.IsZero() && !spent:
		check.Detail = whyNotDue(v.cal, v.before.At, x, backlog.Missed)
	case r.At.IsZero():
		check.Detail = ranOutText
	case r.At.After(v.now):
		check.Detail = fmt.Sprintf("attempt %d of its slot %s is due at %s", r.Attempt, local(v.cal, r.Slot), local(v.cal, r.At))
	default:
		x.Slot = r.Slot
		check.Pass, check.Detail = true, fmt.Sprintf("attempt %d of its slot %s is due", r.Attempt, local(v.cal, r.Slot))
	}
	return check, nil
}

// whyNotDue says why no slot is outstanding.
func whyNotDue(cal *schedule.Schedule, cursor time.Time, x *Explanation, missed int) string {
	since := local(cal, cursor)
	switch {
	case missed == 1:
		return "1 slot since " + since + " is missed, and not made up for"
	case missed > 0:
		return fmt.Sprintf("%d slots since %s are missed, and not made up for", missed, since)
	case x.At.Before(cursor):
		return "its slots up to " + since + " are over"
	case x.Next.IsZero() && cal.WaitsForBoot(x.At):
		return "no slot since " + since + "; " + noSlot(cal, x.At)
	case x.Next.IsZero():
		return "there is no slot after " + since
	}
	return "no slot since " + since + "; the next is " + local(cal, x.Next)
}

// clauses are what the parts of a schedule say of a moment: as counted from the cursor, or for a moment of before that,
// of which the record does not have what was the last one then, by the calendar alone.
func clauses(cal *schedule.Schedule, cursor, at time.Time, fresh bool) []schedule.Clause {
	since := "the last slot"
	switch {
	case fresh:
		since = "the start of the schedule"
	case cal.AfterEnd():
		since = "the last run or slot"
	}
	if !at.After(cursor) {
		cursor = time.Time{}
	}
	return cal.ExplainSince(since, cursor, at)
}

// nextSlot is the first slot after a moment and after those that are decided by then; zero for none.
func nextSlot(cal *schedule.Schedule, c task.Cursor, at time.Time) time.Time {
	from := c.At
	if newest, _, due := cal.Latest(from, at); due {
		from = cal.Decided(newest, at)
	}
	now := at.Truncate(time.Second).Add(time.Second)
	if now.Before(from) {
		now = from
	}
	next, _ := cal.Next(from, now)
	return next
}

// lastSlot is the newest slot of a task that was decided; zero where none is on record.
func lastSlot(ctx context.Context, db record, id task.ID) (time.Time, error) {
	slots, err := db.Slots(ctx, state.Query{Service: id.Service, RID: []string{id.RID}, Limit: 1},
		task.SlotRun, task.SlotSkip, task.SlotMissed, task.SlotExpired)
	if err != nil || len(slots) == 0 {
		return time.Time{}, err
	}
	return slots[0].Last, nil
}

func local(cal *schedule.Schedule, t time.Time) string {
	return t.In(cal.Zone().Location()).Format(time.RFC3339)
}

func verdictOf(d task.Decision) string {
	if d.Run() {
		return "its schedule starts it"
	}
	all := d.Blockers()
	return "not started: " + all[max(0, slices.IndexFunc(all, stays))].Detail
}

// stays says that a check which does not pass keeps each slot from being started, not only one that is due now.
func stays(c task.Check) bool {
	return !c.Pass && slices.Contains([]string{"scheduled", "enabled", "here", "active", "thawed", "attended"}, c.Name)
}

// Never says that no slot is started, whenever it comes, as things are.
func (x *Explanation) Never() bool { return slices.ContainsFunc(x.Checks, stays) }

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
