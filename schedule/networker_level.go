package schedule

import "time"

// levels are the actions of the days.
type levels struct {
	days      []string // of the period, from its first day on, again and again
	month     bool     // the period is a month, and not a week that begins on Sunday
	first     int      // the sets from this one on are those of overrides
	overrides []string // the action of each of these sets
}

// base is the set of the days of a period whose action is not skip; without months if there are none.
func (l *levels) base(limit int) daySet {
	set, mask := everyDay(), uint32(0)
	for i := range limit {
		if l.days[i%len(l.days)] != skip {
			mask |= 1 << i
		}
	}
	switch {
	case mask == 0:
		set.months, set.weekdays = 0, 0
	case l.month && mask != 1<<31-1:
		set.monthdays = mask
	case !l.month:
		set.weekdays = uint8(mask>>1 | mask&1<<6) //nolint:gosec // seven bits
	}
	return set
}

// Level is the action that NetWorker's notation gives the day of a slot, such as full or incr. After
// midnight, in a window that began the evening before, it is that evening's. For other notations it is "".
func (s *Schedule) Level(t time.Time) string {
	if s.limits == nil || s.limits.levels == nil {
		return ""
	}
	return s.limits.levels.on(s.sets, s.slotDay(t.Unix()))
}

// on returns the action of a day: that of the last override for it, else that of the period.
func (l *levels) on(sets []daySet, n int64) string {
	y, m, d := date(n)
	mo := monthOf(y, m)
	for i := len(l.overrides) - 1; i >= 0; i-- {
		if sets[l.first+i].in(&mo)>>(d-1)&1 != 0 {
			return l.overrides[i]
		}
	}
	i := d - 1
	if !l.month {
		i = (weekday(n) + 1) % 7
	}
	return l.days[i%len(l.days)]
}

// slotDay returns the day that has a window around the instant u, or a slot that a clock change has put
// off to it; else that of u.
func (s *Schedule) slotDay(u int64) int64 {
	local := s.zone.local(u)
	d := floorDay(local)
	t := int32(local - d*day) //nolint:gosec // below a day
	for i := range s.clauses {
		switch c := &s.clauses[i]; {
		case t+day < c.end && s.has(&c.dates, d-1):
			return d - 1
		case t >= c.begin && t < c.end && s.has(&c.dates, d):
			return d
		}
	}
	if n, ok := s.lostDay(u); ok {
		return n
	}
	return d
}

// lostDay returns the day of a slot that was left out by a clock change and runs at the instant u.
func (s *Schedule) lostDay(u int64) (int64, bool) {
	i := s.zone.at(u)
	was, is := s.zone.change(i)
	if was >= is {
		return 0, false
	}
	late := u - s.zone.starts[i]
	to := is - 1
	switch {
	case s.gap == GapShift && was+late < is:
		to = was + late
	case s.gap != GapAfter || late > 0:
		return 0, false
	}
	for i := range s.clauses {
		if local, ok := s.prevSlot(&s.clauses[i], to); ok && local >= was {
			return floorDay(local), true
		}
	}
	return 0, false
}
