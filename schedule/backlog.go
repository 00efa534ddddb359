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
	var due []time.Time
	if c.Policy == CatchupAll {
		due = s.allDue(last, now, &c)
	}
	if len(due) == 0 && s.startable(last, newest, now, &c) {
		due = append(due, newest)
	}
	return Backlog{Due: due, Missed: missed + 1 - len(due)}
}

// startable says that the newest slot is to be run now. One that waits is the slot of an interval, or of anacron's
// period: it is outstanding until there is a run, and is not missed while one may start.
func (s *Schedule) startable(last, newest, now time.Time, c *Catchup) bool {
	open, found := s.newestOpen(last, newest, now)
	switch {
	case !found || !open.Equal(newest):
		return false
	case s.waits(last, newest, now):
		return true
	}
	return c.Policy != CatchupAll && !(c.Policy == CatchupNone && now.Sub(newest) > c.onTime()) && !c.late(newest, now)
}

// waits says that the slot is outstanding for a clause whose slots depend on the last run.
func (s *Schedule) waits(last, slot, now time.Time) bool {
	from, to := instant(last), now.Unix()
	for i := range s.clauses {
		c := &s.clauses[i]
		late := s.late(c)
		if u, ok := s.newest(i, from-late, to-late); ok && !c.counts() && u+late == slot.Unix() && s.open(i, from, u+late, to) {
			return true
		}
	}
	return false
}

func (c *Catchup) onTime() time.Duration {
	if c.OnTime == 0 {
		return time.Minute
	}
	return c.OnTime
}

// late says that it is too late for a slot.
func (c *Catchup) late(slot, now time.Time) bool {
	return now.Sub(slot) > c.onTime() && c.Window > 0 && now.Sub(slot) > c.Window
}

// allDue returns the slots for which a run may start now, the newest of them, as far as the limits of the
// catch-up allow.
func (s *Schedule) allDue(last, now time.Time, c *Catchup) (due []time.Time) {
	limit := c.Limit
	if limit == 0 {
		limit = 10
	}
	for to := now; len(due) < limit; {
		slot, ok := s.newestOpen(last, to, now)
		if !ok || c.late(slot, now) {
			break
		}
		due = append(due, slot)
		if to = slot.Add(-time.Second); last.IsZero() {
			break
		}
	}
	slices.Reverse(due)
	return due
}

// newestOpen returns the newest slot after last and not after to for which a run may start now: any time
// after an instant, and inside its own window where it has one.
func (s *Schedule) newestOpen(last, to, now time.Time) (time.Time, bool) {
	best, from, u := int64(never), instant(last), min(now.Unix(), endOfTime)
	if s.limits != nil {
		u = min(u, s.limits.until)
	}
	for i := range s.clauses {
		c := &s.clauses[i]
		high := u
		if !c.windowed() { // of a window only the newest can be open
			high = min(u, to.Unix())
		}
		late := s.late(c)
		slot, ok := s.newest(i, from-late, high-late)
		if slot += late; ok && slot <= to.Unix() && slot > best && s.open(i, from, slot, now.Unix()) {
			best = slot
		}
	}
	return s.zone.time(best), best > never
}

// windowed says that a run for a slot of the clause may start in a window of time alone.
func (c *clause) windowed() bool { return c.kind == window && !c.is(point) }

// open says that a run for a slot of clause i may start at the instant u.
func (s *Schedule) open(i int, last, slot, u int64) bool {
	c := &s.clauses[i]
	switch {
	case !c.windowed():
		return true
	case !s.rested(c, last, u):
		return false
	case !c.counts():
		return s.inside(c, u)
	}
	local, start := s.zone.local(u), s.zone.local(slot)
	d := floorDay(start)
	k := s.zone.at(slot)
	var room clause
	own := s.own(i, &room)
	if was, is := s.zone.change(k); was < is && !(s.has(&own.dates, d) && d*day+int64(s.start(c, d)) == start) {
		lost, _ := s.prevSlot(own, is-1)
		if d = floorDay(lost); slot == s.zone.starts[k] || s.gap == GapShift {
			if _, reached := s.reached(c, d, is); !reached { // it is put off as a whole
				return u < slot+int64(c.end-c.begin) && !s.excluded(u)
			}
		}
	}
	return s.insideOn(i, d, local)
}

// insideOn says that a local time is in the window of clause i on day d, or in a later piece of its range.
func (s *Schedule) insideOn(i int, d, local int64) bool {
	for k := i; k < len(s.clauses); k++ {
		days, ok := s.follows(i, k)
		if !ok {
			break
		}
		c, n := &s.clauses[k], d+days
		if n*day+int64(c.begin) <= local && local < n*day+int64(c.end) && s.has(&c.dates, n) {
			return true
		}
	}
	return false
}

// insideFrom says that the window of clause i on day d, or a later piece of its range, ends after a local time.
func (s *Schedule) insideFrom(i int, d, local int64) bool {
	for k := i; k < len(s.clauses); k++ {
		days, ok := s.follows(i, k)
		if !ok {
			break
		}
		c, n := &s.clauses[k], d+days
		if local < n*day+int64(c.end) && s.has(&c.dates, n) {
			return true
		}
	}
	return false
}

// Decided returns what the last run is, for the next question, when the newest slot is decided at now: the
// slot itself where slots stand by themselves; now, if that is later, where an interval counts from the run.
func (s *Schedule) Decided(slot, now time.Time) time.Time {
	if now.After(slot) && slices.ContainsFunc(s.clauses, func(c clause) bool { return !c.counts() }) {
		return s.zone.time(now.Unix())
	}
	return slot
}

// Seen returns what the last run is, for the next question, of a task that is seen for the first time at now: all
// slots up to then are passed over. It is the newest of them, not now itself, because a range without an
// interval would count its own length from there, and begin late.
func (s *Schedule) Seen(now time.Time) time.Time {
	newest, _, ok := s.Latest(time.Time{}, now)
	if !ok {
		return now
	}
	return s.Decided(newest, now)
}
