package schedule

import "slices"

// Cadence says that the schedule, or a part of it, counts elapsed time: an interval, or a line of cron or a calendar expression
// with a star in its times. Its runs go on when the clock is set back, where those of a time of the day wait for the next one.
func (s *Schedule) Cadence() bool { return slices.ContainsFunc(s.clauses, clause.goesOn) }

// goesOn says that the clause counts elapsed time.
func (c clause) goesOn() bool {
	switch c.kind {
	case ticks:
		return !c.is(fixed)
	case window:
		return !c.is(once | point | apart | periodDays | periodMonths)
	case grid:
		return !c.is(once)
	}
	return false
}
