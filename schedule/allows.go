package schedule

import "time"

// Allows says whether a run may start at t, after the last run: zero for none. It is what "om schedule
// check" asks. It differs from Next in windows with ~, where a run may start before its slot.
func (s *Schedule) Allows(last, t time.Time) bool {
	u, l := t.Unix(), instant(last)
	if s.outside(u) {
		return false
	}
	if next, ok := s.next(l, u); ok && next == u {
		return true
	}
	for i := range s.clauses {
		if c := &s.clauses[i]; c.kind == window && c.pauses() && !c.is(fixed) && s.inside(c, u) && s.rested(c, l, u) {
			return true
		}
	}
	return false
}

// outside says that the instant u is before the first or after the last one there may be.
func (s *Schedule) outside(u int64) bool {
	return u < 0 || s.limits != nil && (u < s.limits.from || u > s.limits.until)
}

// inside says that the instant u is in a window.
func (s *Schedule) inside(c *clause, u int64) bool {
	return s.windowEnd(c, u) > never
}

// rested says that the pause after the last run is over at the instant u.
func (s *Schedule) rested(c *clause, last, u int64) bool {
	switch {
	case last <= never:
		return true
	case c.is(periodDays | periodMonths):
		return s.zone.local(u) >= c.due(s.zone, last)
	case c.is(apart):
		return s.windowEnd(c, last) != s.windowEnd(c, u)
	case c.is(civilPause):
		return s.zone.local(u)-s.zone.local(last) >= int64(c.pause)
	}
	return u-last >= int64(c.pause)
}
