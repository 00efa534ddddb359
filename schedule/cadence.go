package schedule

import (
	"slices"
	"time"
)

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

// AfterEnd says that the schedule counts from the end of the last run: "every 30m after end". The last run of such a schedule,
// for the functions that ask for one, is when that ended.
func (s *Schedule) AfterEnd() bool {
	return slices.ContainsFunc(s.clauses, func(c clause) bool { return c.kind == grid && c.is(once) })
}

// WaitsForBoot says that the schedule may be due again after another start of the host, and that nobody knows when that is.
func (s *Schedule) WaitsForBoot(now time.Time) bool {
	over := s.limits != nil && now.Unix() > s.limits.until
	return !over && slices.ContainsFunc(s.clauses, func(c clause) bool { return c.kind == boot })
}
