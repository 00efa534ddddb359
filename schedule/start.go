package schedule

import "time"

// A Start is an instant at which a run may start, and why it is that one.
type Start struct {
	At       time.Time     // in whole seconds, in the zone of the schedule
	Interval time.Duration // the one that its part of the schedule has, 0 for none
	Reason   string        // a phrase for people, without a capital or a full stop
}

// Start is Next, with its reason.
func (s *Schedule) Start(last, now time.Time) (start Start, ok bool) {
	from, to := instant(last), ceil(now)
	best, ok := s.next(from, to)
	if !ok {
		return Start{}, false
	}
	to = max(to, 0)
	if s.limits != nil {
		to = max(to, s.limits.from)
	}
	start.At = s.zone.time(best)
	for i := range s.clauses {
		c := &s.clauses[i]
		late := s.late(c)
		if u, found := s.first(c, from-late, to-late); found && u+late == best {
			start.Interval = c.interval()
			start.Reason = s.startReason(c, from-late, u) + s.lateness(late)
			return start, true
		}
	}
	return start, true
}

// interval is the one that is written, or that stars and empty fields stand for; 0 for none.
func (c *clause) interval() time.Duration {
	seconds := int64(c.pause)
	switch {
	case c.kind != window && c.kind != grid, c.is(periodMonths):
		return 0
	case c.kind == window && !c.is(apart) && c.is(once), c.is(point) && seconds == pointPause:
		return 0
	case c.is(periodDays):
		seconds *= day
	}
	return time.Duration(seconds) * time.Second
}

func (s *Schedule) lateness(late int64) string {
	if late == 0 {
		return ""
	}
	return ", put off by " + spoken(int(late)) + " as spread says"
}

// startReason says why a clause has its first start at the instant u.
func (s *Schedule) startReason(c *clause, last, u int64) string {
	switch c.kind {
	case boot:
		return "the start of the host"
	case single:
		return "its moment"
	case grid:
		if !c.is(once) {
			return "on its grid of " + spoken(int(c.pause))
		}
		return s.pauseReason(c, last, u)
	case ticks:
		if !s.isSlot(c, u) {
			return s.gapReason(c, u)
		}
		return s.clockOf(u) + " is one of its times"
	}
	return s.windowReason(c, last, u)
}

func (s *Schedule) windowReason(c *clause, last, u int64) string {
	slot := s.isSlot(c, u)
	switch {
	case c.is(periodDays | periodMonths):
		return periodReason(last)
	case slot && c.is(point):
		return s.clockOf(u) + " is one of its times"
	case !c.is(once|point) && s.ends(c, last, u) && !(slot && c.shift > 0):
		return s.pauseReason(c, last, u)
	case slot:
		return c.beginReason()
	case !s.inside(c, u), s.left(c, u) > never:
		return s.gapReason(c, u)
	case last <= never:
		return "no run before, and " + s.clockOf(u) + " is in its range"
	}
	return "its range has begun, and no run was in it"
}

func periodReason(last int64) string {
	if last <= never {
		return "it never ran"
	}
	return "its period is over"
}

// beginReason is for the slot of a window.
func (c *clause) beginReason() string {
	switch {
	case c.shift > 0:
		return "the moment that was chosen in its range"
	case c.begin == 0 && c.end == day:
		return "the begin of the day"
	}
	return "the begin of its range"
}

// ends says that the pause after the last run ends at the instant u.
func (s *Schedule) ends(c *clause, last, u int64) bool {
	return last > never && (u-last == int64(c.pause) || s.zone.local(u)-s.zone.local(last) == int64(c.pause))
}

func (s *Schedule) pauseReason(c *clause, last, u int64) string {
	switch {
	case last <= never:
		return "no run before"
	case s.ends(c, last, u):
		return spoken(int(c.pause)) + " after the last run"
	}
	return "more than " + spoken(int(c.pause)) + " after the last run"
}

// isSlot says that the clocks show a slot of the clause at the instant u.
func (s *Schedule) isSlot(c *clause, u int64) bool {
	local := s.zone.local(u)
	if c.kind == window {
		d := floorDay(local)
		return s.has(&c.dates, d) && int64(s.start(c, d)) == local-d*day
	}
	slot, ok := s.nextSlot(c, local)
	return ok && slot == local
}

// left returns the slot that a clock change at, or not long before, the instant u left out; never for none.
func (s *Schedule) left(c *clause, u int64) int64 {
	i := s.zone.at(u)
	was, is := s.zone.change(i)
	slot, ok := s.prevSlot(c, is-1)
	if !ok || slot < was || s.gap != GapShift && u != s.zone.starts[i] {
		return never
	}
	return slot
}

// gapReason is for a run of which the clocks leave out the time.
func (s *Schedule) gapReason(c *clause, u int64) string {
	switch slot := s.left(c, u); {
	case slot <= never:
		return "its time was left out by a clock change"
	case s.gap == GapShift && u != s.zone.starts[s.zone.at(u)]:
		return s.clockText(slot) + " was left out by a clock change, and is that much later"
	default:
		return s.clockText(slot) + " was left out by a clock change: the first instant after it"
	}
}

func (s *Schedule) clockOf(u int64) string { return s.clockText(s.zone.local(u)) }

// clockText is the time of the day of a local time.
func (s *Schedule) clockText(local int64) string { return clock(int(mod(local, day))) }
