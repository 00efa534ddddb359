package schedule

import (
	"math"
	"slices"
)

// Warnings about schedules in OpenSVC's notation: see the table of misreadings in om-schedule(7).

// adviseList warns of what the ranges of expressions do not mean.
func (s *Schedule) adviseList(all []expression) {
	for _, e := range all {
		for i := range e.ranges {
			if !e.exclude {
				s.adviseRange(&e, &e.ranges[i])
			}
		}
	}
}

// adviseNever warns of a schedule without a single instant: it is empty, its exclusions or its limits leave out
// all, or its only day has a clock change that does. What begins with the host is left to who knows when that was
// started. Without limits, a clause that repeats each week needs no search.
func (s *Schedule) adviseNever(p part) {
	limited := s.limits != nil && (s.limits.from > never || s.limits.until < math.MaxInt64)
	if slices.ContainsFunc(s.clauses, func(c clause) bool { return c.kind == boot || c.weekly != 0 && !limited }) {
		return
	}
	if _, ok := s.next(never, 0); !ok {
		s.warn(p, "it never runs")
	}
}

func (s *Schedule) adviseRange(e *expression, r *timeRange) {
	switch {
	case r.kind == wholeDay && !r.every && r.text.text == "*":
		s.warn(r.text, "* means once a day, 24 hours after the last run: an interval is written @10m")
	case r.begin > r.end && !allDays(s.sets[e.lo:e.hi]):
		s.warn(r.text, r.text.text+" is cut at midnight: on its days it means the hours after 00:00 and those before 24:00, not one night")
	case r.spread && (r.kind == pointOfTime || r.every && r.pause < length(r)):
		s.warn(r.text, "~ has no effect here: it spreads the begin of a range without an interval, or with a longer one")
	}
}

// allDays says that the sets of an expression are all weekdays of all months.
func allDays(sets []daySet) bool {
	return len(sets) == 1 && sets[0].weekly() && sets[0].weekdays == allWeekdays
}

// adviseMonths warns of feb-apr, which reads like february and april to some.
func (s *Schedule) adviseMonths(p part, a, b int) {
	if b == (a+2)%12 {
		s.warn(p, p.text+" has the month between too: without it, it is "+shortName(a, monthNames)+","+shortName(b, monthNames))
	}
}
