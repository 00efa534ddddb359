package soak_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"om/task"
)

// slack is how long before it was recorded a decision may have been taken.
func (h *history) slack() time.Duration { return time.Second + 2*h.longest }

// looked is the time in which who decided at a moment has looked at the facts. Who was stopped, or waited for a disk, looked before.
func (h *history) looked(at time.Time) (from, to time.Time) {
	from = at.Add(-h.slack())
	for again := true; again; {
		again = false
		for _, s := range h.spans {
			if (s.what == "stopped" || s.what == "slow") && s.from.Before(at) && s.end.Add(h.slack()).After(from) && s.from.Add(-h.slack()).Before(from) {
				from, again = s.from.Add(-h.slack()), true
			}
		}
	}
	return from, at
}

// concerns says that a span is about a task.
func (s span) concerns(id task.ID) bool {
	return s.whom == "" || s.whom == id.Service || s.whom == id.String()
}

// so says that something was perhaps so for a task at some moment of a time.
func (h *history) so(what string, id task.ID, from, to time.Time) bool {
	for _, s := range h.spans {
		if s.what == what && s.concerns(id) && s.from.Before(to) && s.end.After(from) {
			return true
		}
	}
	return false
}

// always says that something was surely so for a task at all moments of a time.
func (h *history) always(what string, id task.ID, from, to time.Time) bool {
	for _, s := range h.spans {
		if s.what == what && s.concerns(id) && !s.since.After(from) && !s.until.Before(to) {
			return true
		}
	}
	return false
}

// standbyPoll is how often a node looks whether a service has come to it: so long it may be there unseen.
const standbyPoll = 3 * time.Second

// hindered says that something was in the way of a task at some moment between two of the world's clock.
func (h *history) hindered(id task.ID, from, to time.Time) bool {
	for _, s := range h.spans {
		if s.concerns(id) && h.shown(s.from).Before(to) && h.shown(s.end).After(from) {
			return true
		}
	}
	return false
}

// The reasons that a decision may have, with what makes each of them true.
var (
	frozenReason  = regexp.MustCompile(`^the (service|node) is frozen since (\S+) by \S+: om( \S+)? thaw$`)
	runningReason = regexp.MustCompile(`^(\S+) is already running: ([0-9a-f -]+) \(\d+ of \d+ runs in progress\)$`)
	lockReason    = regexp.MustCompile(`^lock (\S+) is held by (\S+) \(run (\S+)\)`)
	needReason    = regexp.MustCompile(`^requires app#gate (up or stdby up|down), it is (up|down)`)
	fullReason    = regexp.MustCompile(`^its queue is full \((?:more than )?(\d+) slots? waits?\): `)
	absentReason  = regexp.MustCompile(`^no tick since (\S+)$`)
)

// judge says what is not true about a decision, as far as that can be known from outside. waited is what the slot
// waited for before.
func (r *replayed) judge(e entry, waited string) string {
	from, to := r.looked(e.at)
	// What waits has come already, also where the clock was set back a little since.
	if _, most := r.shownIn(from, to); waited == "" && e.Decision != task.SlotMissed && most.Before(e.At) {
		return "it is early"
	}
	switch e.Decision {
	case task.SlotRun:
		return r.judgeRun(e, from, to)
	case task.SlotMissed:
		return r.judgeMissed(e, from, to)
	case task.SlotExpired:
		return r.judgeExpired(e, waited, from, to)
	}
	return r.judgeReason(e, e.Reason, from, to)
}

// judgeRun: nothing that was surely in the way of a run was there all the time.
func (r *replayed) judgeRun(e entry, from, to time.Time) string {
	for _, what := range r.gates(e.Task) {
		if r.always(what, e.Task, from, to) {
			return "it was " + what
		}
	}
	least, most := r.shownIn(from, to)
	switch {
	case e.Reason == string(task.Scheduled) && least.Sub(e.At) > 2*time.Minute:
		return "it is late"
	case e.Reason == string(task.Catchup) && most.Sub(e.At) < time.Minute:
		return "it is on time"
	}
	return ""
}

// gates are the kinds of spans in which a task must not be started.
func (h *history) gates(id task.ID) []string {
	gates := []string{"frozen", "disabled", "away"}
	for _, q := range h.tasks[id].Requires {
		if q.Met(task.Up) {
			gates = append(gates, "closed")
		}
	}
	return gates
}

// judgeReason: what kept a slot from running was so.
func (r *replayed) judgeReason(e entry, reason string, from, to time.Time) string {
	kind, detail, cut := strings.Cut(reason, ": ")
	switch {
	case cut && (kind == "overlap" || kind == "queued" || kind == "replaces"):
		return r.judgeOverlap(e, detail, from, to)
	case cut && kind == "requirement":
		return r.judgeNeed(e, detail, from, to)
	case frozenReason.MatchString(reason):
		return r.judgeFrozen(e, reason, from, to)
	case strings.HasPrefix(reason, "the service is not active here: its avail is "):
		return unless(r.so("away", e.Task, from, to), "the service was active")
	case reason == "thawed":
		return unless(r.so("frozen", e.Task, from, to), "nobody thawed it")
	case reason == "overlap":
		return unless(r.alive(e.RunID, from, to), "run "+e.RunID+" was not at work")
	case reason == "the slot has a run already":
		return unless(r.wasSetBack(to), "nobody else started it")
	}
	return "no such reason is known"
}

func unless(ok bool, wrong string) string {
	if ok {
		return ""
	}
	return wrong
}

// alive says that a run was on record as going on at some moment of a time.
func (r *replayed) alive(id string, from, to time.Time) bool {
	l, known := r.lives[id]
	return known && !l.claimed.After(to) && (l.ended.IsZero() || !l.ended.Before(from))
}

// dead says that a run was so before a moment: its supervisor was killed, and what it ran had ended by then.
func (r *replayed) dead(run task.Run, at time.Time) bool {
	killed, known := r.diedAt[run.PID]
	if !known {
		return false
	}
	words := strings.Fields(r.tasks[run.Task].Command)
	seconds, err := time.ParseDuration(words[len(words)-2] + "s")
	over := r.lives[run.ID].claimed.Add(seconds)
	if over.Before(killed) {
		over = killed
	}
	return err == nil && at.After(over.Add(5*time.Second+r.slack()))
}

func (r *replayed) judgeOverlap(e entry, detail string, from, to time.Time) string {
	if full := fullReason.FindStringSubmatch(detail); full != nil {
		if wrong := r.judgeQueue(e, full[1]); wrong != "" {
			return wrong
		}
		detail = strings.TrimPrefix(detail, full[0])
	}
	if m := runningReason.FindStringSubmatch(detail); m != nil {
		for _, id := range strings.Fields(m[2]) {
			if run := r.runs[id]; run.Task != e.Task || !r.alive(id, from, to) || r.dead(run, from) {
				return fmt.Sprintf("run %s of %s was not at work", id, run.Task)
			}
		}
		return ""
	}
	if lockReason.MatchString(detail) {
		return r.judgeLock(e, from, to)
	}
	switch detail {
	case "another slot starts now":
		return unless(r.alive(e.RunID, from, to), "run "+e.RunID+" did not start")
	case "an earlier slot waits":
		for _, s := range r.rows[e.Task] {
			if s.Decision == task.SlotPending && s.At.Before(e.At) {
				return ""
			}
		}
		return "none waited"
	}
	return "no such reason is known"
}

// judgeQueue: so many other slots of the task waited.
func (r *replayed) judgeQueue(e entry, most string) string {
	n := 0
	for _, s := range r.rows[e.Task] {
		if s.Decision == task.SlotPending && !s.At.Equal(e.At) {
			n++
		}
	}
	want, err := strconv.Atoi(most)
	return unless(err == nil && n >= want, fmt.Sprintf("%d waited", n))
}

// judgeLock: who is in the way has a lock that the task needs. It may be claimed a moment later, by the same tick, in
// another record; or never, and then it is on none.
func (r *replayed) judgeLock(e entry, from, to time.Time) string {
	run, known := r.runs[e.RunID]
	if !known {
		return ""
	}
	for _, a := range r.tasks[e.Task].Plan.LockList() {
		for _, b := range r.tasks[run.Task].Plan.LockList() {
			if a.Name == b.Name {
				return unless(r.alive(e.RunID, from, to.Add(r.slack())), "run "+e.RunID+" was not at work")
			}
		}
	}
	return fmt.Sprintf("run %s of %s has no lock of it", e.RunID, run.Task)
}

func (r *replayed) judgeNeed(e entry, detail string, from, to time.Time) string {
	m := needReason.FindStringSubmatch(detail)
	switch {
	case m == nil:
		return "no such reason is known"
	case m[2] == "down":
		return unless(r.so("closed", e.Task, from, to), "it was up")
	}
	return unless(!r.always("closed", e.Task, from, to), "it was down")
}

func (r *replayed) judgeFrozen(e entry, reason string, from, to time.Time) string {
	m := frozenReason.FindStringSubmatch(reason)
	since, err := time.Parse(time.RFC3339, m[2])
	if err != nil {
		return err.Error()
	}
	for _, s := range r.spans {
		ofNode := s.whom == ""
		least, most := r.shownIn(s.from, s.since)
		if s.what == "frozen" && ofNode == (m[1] == "node") && s.concerns(e.Task) && s.from.Before(to) && s.end.After(from) &&
			!since.Before(least.Add(-time.Second)) && !since.After(most) {
			return ""
		}
	}
	return "it was not frozen then"
}

// judgeMissed: nobody looked between the last tick and the first of these slots; or what one that looked says of why it
// could not decide is so.
func (r *replayed) judgeMissed(e entry, from, to time.Time) string {
	ticks := r.ticks[r.ownerAt(e.at)]
	if len(ticks) == 0 {
		return "no tick was there"
	}
	last := ticks[len(ticks)-1]
	serial := r.tasks[e.Task].Plan.Catchup == "all" // one after the other, and the rest waits
	switch {
	case (serial || !e.At.Before(last.tick().Truncate(time.Second))) && r.judgeAbsence(e, last, from, to) == "":
		return ""
	case strings.HasPrefix(e.Reason, "put off: "):
		return ""
	case e.Reason == "the service was not here":
		_, most := r.shownIn(from, to)
		return unless(r.own[e.Task.Service] != "" && r.hindered(e.Task, e.At.Add(-standbyPoll), most), "it was")
	}
	for i, t := range ticks[1:] { // of an absence before
		if !t.tick().Before(e.At) && e.At.After(ticks[i].tick()) && r.judgeAbsence(e, ticks[i], t.at.Add(-r.slack()), t.at) == "" {
			return ""
		}
	}
	return "it was due when a tick looked at " + short(last.tick())
}

// judgeAbsence: since the last tick nobody looked.
func (r *replayed) judgeAbsence(e, last entry, from, to time.Time) string {
	least, most := r.shownIn(from, to)
	at := last.tick()
	switch m := absentReason.FindStringSubmatch(e.Reason); {
	case m != nil:
		since, err := time.Parse(time.RFC3339, m[1])
		return unless(err == nil && since.Equal(at.Truncate(time.Second)), "the last was at "+short(at))
	case e.Reason == "the host was down":
		return unless(r.wasDown(last.node, last.at.Add(-r.slack()), to), "it was up since "+short(at))
	case e.Reason == "tick too coarse":
		return unless(least.Sub(at) <= 2*time.Minute, "nobody looked since "+short(at))
	case e.Reason == "the clock was set forward":
		gap := most.Sub(at) // most of which was no time
		return unless(gap-to.Sub(last.at)+r.slack() > gap/2, "it was not, since "+short(at))
	}
	return "no such reason is known"
}

// shownIn is the least and the most that the clock of the world showed in a time.
func (h *history) shownIn(from, to time.Time) (least, most time.Time) {
	least, most = h.shown(from), h.shown(from)
	see := func(at time.Time) {
		if at.Before(least) {
			least = at
		}
		if at.After(most) {
			most = at
		}
	}
	for i, s := range h.set {
		if i > 0 && s.from.After(from) && s.from.Before(to) {
			see(s.from.Add(h.set[i-1].ahead))
			see(h.shown(s.from))
		}
	}
	see(h.shown(to))
	return least, most
}

// judgeExpired: it waited for what it says, and its time was over.
func (r *replayed) judgeExpired(e entry, waited string, from, to time.Time) string {
	i := strings.LastIndex(e.Reason, ", ")
	if i < 0 || e.Reason[:i] != waited {
		return fmt.Sprintf("it waited for %q", waited)
	}
	t := r.tasks[e.Task]
	_, now := r.shownIn(from, to)
	next, _ := r.calendar[e.Task](e.At)
	switch e.Reason[i+2:] {
	case "until its deadline":
		return unless(t.Plan.Deadline > 0 && now.After(e.At.Add(t.Plan.Deadline)), "it had time")
	case "until the next slot":
		return unless(!next.After(now), "there was none")
	case "as long as it could wait":
		return unless(now.After(e.At.Add(t.Plan.RequiresWait)), "it could wait")
	case "until its task had no schedule any more":
		return unless(r.so("disabled", e.Task, from, to), "it had")
	}
	return "no such reason is known"
}
