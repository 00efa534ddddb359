package schedule

import (
	"slices"
	"time"
)

// A CatchupPolicy says what becomes of slots that passed while nobody looked: keyword catchup.
type CatchupPolicy uint8

// The choices of catchup.
const (
	CatchupDefault CatchupPolicy = iota // CatchupLast for slots an hour or more apart, else CatchupNone
	CatchupLast                         // the newest
	CatchupNone                         // none that is not on time
	CatchupAll                          // all, the oldest first
)

// Catchup is how a task makes up for missed slots.
type Catchup struct {
	Policy CatchupPolicy
	Window time.Duration // the longest time after its slot that a run may start; 0 for as long as it is the newest slot, or no limit for CatchupAll
	Limit  int           // the most runs of CatchupAll, the newest slots of those missed; 0 for 10
	OnTime time.Duration // a run that starts this short after its slot is on time, with any policy; 0 for a minute
}

// A Backlog is what is to be done at a moment about the slots since the last one that was decided.
type Backlog struct {
	Due    []time.Time // the slots to run now, the oldest first
	Missed int         // how many other slots there were
}

// Backlog decides what becomes of the slots after last and not after now.
func (s *Schedule) Backlog(last, now time.Time, c Catchup) Backlog {
	newest, missed, ok := s.Latest(last, now)
	if !ok {
		return Backlog{}
	}
	next, more := s.Next(newest, newest.Add(time.Second))
	if c.Policy == CatchupDefault {
		c.Policy = CatchupLast
		if more && next.Sub(newest) < time.Hour {
			c.Policy = CatchupNone
		}
	}
	due := []time.Time{newest}
	switch startable, waits := s.startable(last, now, newest); {
	case !startable:
		due = nil
	case waits || now.Sub(newest) <= c.onTime():
	case c.Policy == CatchupNone, c.Window > 0 && now.Sub(newest) > c.Window:
		due = nil
	}
	if c.Policy == CatchupAll && due != nil {
		due = s.older(last, now, due, &c)
	}
	return Backlog{Due: due, Missed: missed + 1 - len(due)}
}

func (c *Catchup) onTime() time.Duration {
	if c.OnTime == 0 {
		return time.Minute
	}
	return c.OnTime
}

// startable says that a run for the newest slot may start now: any time after an instant, and inside
// its window where it has one. One that waits is the slot of an interval, or of anacron's period: it is
// outstanding until there is a run, and is not missed while one may start.
func (s *Schedule) startable(last, now, newest time.Time) (ok, waits bool) {
	from, to := instant(last), now.Unix()
	for i := range s.clauses {
		c := &s.clauses[i]
		if u, found := s.newest(i, from-s.late(c), to-s.late(c)); !found || u+s.late(c) != newest.Unix() {
			continue
		}
		if c.kind != window || c.is(point) || s.inside(c, to) && s.rested(c, from, to) {
			ok, waits = true, waits || !c.counts()
		}
	}
	return ok, waits
}

// older puts the slots before the newest in front of it, as far as the limits of the catch-up allow.
func (s *Schedule) older(last, now time.Time, due []time.Time, c *Catchup) []time.Time {
	limit := c.Limit
	if limit == 0 {
		limit = 10
	}
	for len(due) < limit {
		slot, _, ok := s.Latest(last, due[len(due)-1].Add(-time.Second))
		if !ok || c.Window > 0 && now.Sub(slot) > c.Window || last.IsZero() {
			break
		}
		due = append(due, slot)
	}
	slices.Reverse(due)
	return due
}

// Decided returns what the last run is, for the next question, when the newest slot is decided at now: the
// slot itself where slots stand by themselves; now, if that is later, where an interval counts from the run.
func (s *Schedule) Decided(slot, now time.Time) time.Time {
	if now.After(slot) && slices.ContainsFunc(s.clauses, func(c clause) bool { return !c.counts() }) {
		return s.zone.time(now.Unix())
	}
	return slot
}
