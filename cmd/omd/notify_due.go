package main

import (
	"slices"
	"time"

	"om/notice"
	"om/task"
)

// lane is what is told in order: the events of a task to a target.
type lane struct {
	task   task.ID
	target string
}

func laneOf(e *notice.Entry, t *notice.Target) lane {
	return lane{task.ID{Service: e.Event.Service, RID: e.Event.Task}, t.Key()}
}

// mayTry is when a target may be tried again, for its own sake, its host's and its pace.
func (d *drainer) mayTry(t *notice.Target, now time.Time) time.Time {
	due := t.Next
	if due.Sub(now) > longestWait { // the clock was set back
		due = now
	}
	due = later(due, d.cool[hostOf(t)].until)
	if t.Kind == notice.Ping {
		due = later(due, d.pace.next(t.Key(), now))
	}
	return due
}

// tooOld gives up what could have been told for too long.
func (d *drainer) tooOld(m *message, now time.Time) bool {
	for _, p := range m.parts {
		if now.Sub(d.tellable(p)) <= maxAge {
			return false
		}
	}
	for _, p := range m.parts {
		d.over(p, notice.Dead, "not delivered within "+maxAge.String())
	}
	return true
}

// tellable is when an event could be told first or, where quiet hours came in between, again.
func (d *drainer) tellable(p part) time.Time {
	t := p.target()
	if t.Kind == notice.Ping {
		return p.e.Event.Timestamp
	}
	from := later(d.plans[p.e.Name].from, d.untilQuiet(p.e.Wait.Quiet))
	if end, quiet := d.quiet(p.e.Wait.Quiet, t.Next); quiet {
		from = later(from, end)
	}
	return from
}

// thin leaves out pings that have to wait, and that a later one makes superfluous: a start or a success, once a later run has
// ended. A failure is never left out.
func (d *drainer) thin(names []string) {
	waits, ended := d.waiting(names), map[lane]bool{}
	for _, name := range slices.Backward(names) {
		e := d.entries[name]
		for i := range e.Targets {
			p := part{e, i}
			l := p.lane()
			if t := p.target(); t.Over != "" || !waits[l] {
				continue
			}
			if ended[l] && passing(e.Event.Type) {
				d.over(p, notice.Delivered, "left out: a later one says more")
			}
			ended[l] = ended[l] || e.Event.Type != task.EventStarted
		}
	}
}

// waiting are the lanes of pings of which the next one may not be made yet.
func (d *drainer) waiting(names []string) map[lane]bool {
	first, now := map[lane]bool{}, d.now()
	for _, name := range names {
		e := d.entries[name]
		for i := range e.Targets {
			t, l := &e.Targets[i], laneOf(e, &e.Targets[i])
			if _, seen := first[l]; t.Kind == notice.Ping && t.Over == "" && !seen {
				first[l] = !d.flying[l] && d.mayTry(t, now).After(now)
			}
		}
	}
	return first
}

// passing says that nobody misses an event once there is a later end.
func passing(kind string) bool {
	return kind == task.EventStarted || kind == task.EventOK || kind == task.EventRecovered
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
