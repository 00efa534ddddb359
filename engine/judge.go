package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// judged is what follows from the evidence of a decision: from it, and from nothing that is on the node now.
type judged struct {
	*task.Evidence

	cal      *schedule.Schedule // nil for a run by hand, and where the schedule can't be read any more
	checks   []task.Check
	decision task.SlotDecision // "" where no slot would have been decided
	reason   string
}

// judge decides again.
func (e *Engine) judge(ev *task.Evidence) judged {
	j := judged{Evidence: ev}
	d := task.Decide(*ev.Task, ev.Facts)
	if ev.Slot.IsZero() {
		j.checks = d.Checks
		j.conclude(d)
		return j
	}
	var err error
	if j.cal, err = e.calendarThen(ev); err != nil {
		j.cal = nil
	}
	never := ""
	if ev.Kind == task.EvidenceGone {
		never = goneText
	}
	j.checks = slices.Concat([]task.Check{scheduledCheck(never), j.due(err)}, j.terms())
	if ev.Kind == "" || ev.Kind == task.EvidencePassed {
		d.Checks = slices.Insert(d.Checks, 2, activeCheck(ev.Away))
		if ev.Away != "" && !slices.ContainsFunc(ev.Facts.Seen, func(s task.Seen) bool { return s.Known }) { // what it requires was not looked at, for it changed nothing
			d.Checks = slices.DeleteFunc(d.Checks, func(c task.Check) bool { return c.Name == "requirement" })
		}
		j.checks = append(j.checks, d.Checks...)
	}
	j.checks = append(j.checks, j.place()...)
	j.conclude(d)
	return j
}

// calendarThen is the schedule as it was.
func (e *Engine) calendarThen(ev *task.Evidence) (*schedule.Schedule, error) {
	node := service.Node{Name: e.Node.Name, Timezone: e.Node.Timezone, Schedules: e.Node.Schedules, Boot: ev.Boot}
	return node.Calendar(ev.Task, schedule.Seed(ev.Seed))
}

func activeCheck(away string) task.Check {
	if away != "" {
		return task.Check{Name: "active", Detail: away}
	}
	return task.Check{Name: "active", Pass: true, Detail: "this node runs the service's tasks"}
}

// shown is a moment in the zone of the schedule.
func (j *judged) shown(t time.Time) string {
	if j.cal == nil {
		return t.UTC().Format(time.RFC3339)
	}
	return local(j.cal, t)
}

// late is how long after its slot it was decided.
func (j *judged) late() time.Duration { return j.At.Sub(j.Slot) }

// lateText tells people that.
func (j *judged) lateText() string {
	d := j.late()
	if d < time.Minute {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// due tells whether the slot was there to be decided.
func (j *judged) due(unread error) task.Check {
	c := task.Check{Name: "due", Pass: true}
	slot := "its slot " + j.shown(j.Slot)
	switch {
	case j.Kind == task.EvidenceExpired || j.Waited != "":
		c.Detail = slot + " waited: " + j.Waited
	case j.Attempt > 1:
		c.Detail = fmt.Sprintf("attempt %d of %s was due, after one that ended as %s", j.Attempt, slot, j.Previous)
	case unread != nil:
		c.Detail = slot + " was outstanding; its schedule can't be read any more: " + task.Text(unread)
	case j.Kind == task.EvidenceMissed:
		c.Pass, c.Detail = false, slot+" was missed, "+j.policy()
		if !j.Looked.IsZero() {
			c.Detail += "; the last look before was at " + j.shown(j.Looked)
		}
		if !slices.ContainsFunc(j.passed(), j.Slot.Equal) {
			c.Detail = "no slot " + j.shown(j.Slot) + " was missed"
		}
	case !slices.ContainsFunc(j.outstanding(), j.Slot.Equal):
		c.Pass, c.Detail = false, slot+" was not outstanding at "+j.shown(j.At)
	default:
		c.Detail = slot + " was outstanding: slots were decided up to " + j.shown(j.Since)
	}
	if j.Missed > 1 && j.Kind == "" {
		c.Detail += fmt.Sprintf(", and %d before it were missed", j.Missed)
	}
	return c
}

// outstanding are the slots that could be started.
func (j *judged) outstanding() []time.Time {
	if j.Kind == task.EvidencePassed {
		return j.newest()
	}
	if j.Task.Plan.RunTimes > 0 && j.Runs >= j.Task.Plan.RunTimes {
		return nil
	}
	return j.cal.Backlog(j.Since, j.At, j.catchup()).Due
}

// newest is the newest slot that came.
func (j *judged) newest() []time.Time {
	if slot, _, ok := j.cal.Latest(j.Since, j.At); ok {
		return []time.Time{slot}
	}
	return nil
}

// passed are the newest of the slots that could not be started any more.
func (j *judged) passed() []time.Time {
	b := j.cal.Backlog(j.Since, j.At, j.catchup())
	if b.Missed == 0 {
		return nil
	}
	if len(b.Due) == 0 {
		return j.newest()
	}
	slot, _, ok := j.cal.Latest(j.Since, b.Due[0].Add(-time.Second))
	if !ok {
		return nil
	}
	return []time.Time{slot}
}

func (j *judged) catchup() schedule.Catchup {
	c := j.Catchup
	return schedule.Catchup{
		Policy: schedule.CatchupPolicy(c.Policy), Window: c.Window, Limit: c.Limit, OnTime: c.OnTime, //nolint:gosec // one of four
	}
}

// policy is how slots of the past were made up for.
func (j *judged) policy() string {
	text := map[schedule.CatchupPolicy]string{
		schedule.CatchupLast: "catchup = last", schedule.CatchupNone: "catchup = none", schedule.CatchupAll: "catchup = all",
	}[j.catchup().Policy]
	text = cmp.Or(text, "catchup by its period")
	if w := j.Catchup.Window; w > 0 {
		text += " within " + w.String()
	}
	return text
}

// terms are the times that a start of the slot was bound to, and the clock that they were taken from.
func (j *judged) terms() []task.Check {
	late := task.Check{Name: "late", Pass: true, Detail: j.lateText() + " after its slot"}
	switch {
	case j.Attempt > 1 || j.Waited != "" || j.Kind != "":
	case j.late() > j.Catchup.OnTime:
		late.Detail += ", made up for: " + j.policy()
	default:
		late.Detail += ", on time"
	}
	all := []task.Check{late}
	if d := j.Task.Plan.Deadline; d > 0 {
		end := j.Slot.Add(d)
		over := j.Kind == task.EvidenceExpired && j.At.After(end)
		all = append(all, task.Check{Name: "deadline", Pass: !over, Detail: "its deadline was at " + j.shown(end)})
	}
	if n := j.Task.Plan.RunTimes; n > 0 {
		all = append(all, task.Check{Name: "run_times", Pass: j.Runs < n, Detail: fmt.Sprintf("%d of %d runs were made", j.Runs, n)})
	}
	if !j.Next.IsZero() {
		all = append(all, task.Check{Name: "next", Pass: j.Next.After(j.At), Detail: "it was to give way to the slot " + j.shown(j.Next)})
	}
	if j.Until.After(j.Slot) {
		all = append(all, task.Check{Name: "wait", Pass: j.Until.After(j.At), Detail: "it could wait for requirements until " + j.shown(j.Until)})
	}
	clock := task.Check{Name: "clock", Pass: true, Detail: "the clock was to be trusted"}
	if j.Unsynced {
		clock.Detail = "nothing kept the clock, and that was waited for (wait_time_sync)"
	}
	return append(all, clock)
}

// place are the checks that a slot meets last: others of its own task, and runs that began since.
func (j *judged) place() (all []task.Check) {
	if j.Beside != "" {
		all = append(all, task.Check{Name: "order", Detail: "another slot starts now"})
	}
	if j.Behind {
		all = append(all, task.Check{Name: "order", Detail: "an earlier slot waits"})
	}
	switch {
	case j.HasRun:
		all = append(all, task.Check{Name: "claim", Detail: "the slot has a run already"})
	case j.Taken != "":
		all = append(all, task.Check{Name: "claim", Detail: "other runs began in between: " + j.Taken})
	}
	return all
}

// conclude says what the checks come to, in the order of a tick.
func (j *judged) conclude(d task.Decision) {
	i := slices.IndexFunc(j.checks, func(c task.Check) bool { return c.Name == "due" && !c.Pass })
	switch {
	case j.Kind == task.EvidenceMissed:
		if slices.ContainsFunc(j.passed(), j.Slot.Equal) {
			j.decision = task.SlotMissed
		}
	case j.Kind == task.EvidenceExpired:
		j.expire()
	case j.Kind == task.EvidenceGone:
		j.decision, j.reason = task.SlotExpired, j.Waited+", until "+goneText
	case i >= 0:
		j.reason = j.checks[i].Detail
	default:
		j.start(d)
	}
}

// start says what became of a slot that was to be started.
func (j *judged) start(d task.Decision) {
	no := d.Blockers()
	switch {
	case j.Away != "":
		j.unmet(j.Away, j.Away)
	case len(no) > 0:
		j.blocked(no[0])
	case j.Beside != "":
		j.overlap("another slot starts now", false)
	case j.Behind:
		j.overlap("an earlier slot waits", false)
	case j.HasRun:
		j.decision, j.reason = task.SlotSkip, "the slot has a run already"
	case j.Taken != "":
		j.decision, j.reason = task.SlotSkip, "overlap"
	default:
		j.decision, j.reason = task.SlotRun, string(j.Origin)
	}
}

func (j *judged) blocked(no task.Check) {
	switch no.Name {
	case "requirement":
		j.unmet(no.Detail, "requirement: "+no.Detail)
	case "free":
		j.overlap(no.Detail, true)
	case "lock":
		j.overlap(no.Detail, false)
	default:
		j.decision, j.reason = task.SlotSkip, no.Detail
	}
}

func (j *judged) unmet(detail, skipped string) {
	j.decision, j.reason = task.SlotSkip, skipped
	if j.Until.After(j.At) {
		j.decision, j.reason = task.SlotPending, "requirement: "+detail
	}
}

func (j *judged) overlap(detail string, own bool) {
	how, why := overlapping(j.Task.Overlap, own, j.Waited != "", j.Waiting)
	j.decision, j.reason = task.SlotPending, why+detail
	if how == "overlap" {
		j.decision = task.SlotSkip
	}
}

// expire says why a slot that waited did so no longer.
func (j *judged) expire() {
	p, why := &j.Task.Plan, ""
	switch {
	case p.Deadline > 0 && j.At.After(j.Slot.Add(p.Deadline)):
		why = "its deadline"
	case ranOut(j.Task, j.Runs):
		why = ranOutText
	case !j.Next.IsZero() && !j.Next.After(j.At):
		why = "the next slot"
	case strings.HasPrefix(j.Waited, "requirement") && j.At.After(j.Until):
		j.decision, j.reason = task.SlotExpired, j.Waited+", as long as it could wait"
		return
	default:
		j.decision, j.reason = task.SlotPending, j.Waited
		return
	}
	j.decision, j.reason = task.SlotExpired, j.Waited+", until "+why
}
