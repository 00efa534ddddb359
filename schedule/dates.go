package schedule

import "math/bits"

// dates is a set of days made of the daySets lo to hi of a schedule: each adds days or takes them away,
// the last that has a day decides. Where it repeats each week, weekly says it all.
type dates struct {
	lo, hi uint16
	months uint16 // in which there may be any
	kinds  uint16 // of years in which there may be any; see kind
	weekly uint8  // bit 0: Monday; 0 where the sets have to be asked
	// Of the clauses before the one with this index the days of so many are left out, and of those before
	// them so many the days after: see own.
	index           uint16
	earlier, nights uint8
}

// never says that the dates have no day at all.
func (d *dates) never() bool { return d.weekly == 0 && (d.months == 0 || d.kinds == 0) }

// newDates puts together the sets lo to hi.
func newDates(sets []daySet, lo, hi int) dates {
	d := dates{lo: uint16(lo), hi: uint16(hi)} //nolint:gosec // see maxClauses
	weekly, plain := true, true
	for i := lo; i < hi; i++ {
		s := &sets[i]
		weekly = weekly && s.weekly()
		plain = plain && !s.minus && s.periodic()
		switch {
		case !s.minus:
			d.weekly |= s.weekdays
			d.months |= s.months & monthsOf(s.weeks)
		case s.weekly():
			d.weekly &^= s.weekdays
		case s.wholeMonths():
			d.months &^= s.months
		}
	}
	switch {
	case weekly && d.weekly == 0:
		d.months = 0
	case weekly:
		d.kinds = allKinds
	case plain:
		d.weekly, d.kinds = 0, allKinds
	default:
		d.weekly, d.kinds = 0, d.findKinds(sets)
	}
	return d
}

// wholeMonths says that all days of its months are in the set.
func (s *daySet) wholeMonths() bool {
	months := s.months
	all := *s
	all.months = allMonths
	return months != 0 && s.weekdays == allWeekdays && all.weekly()
}

// monthsOf returns the months that may have days of these weeks.
func monthsOf(weeks uint64) uint16 {
	if weeks == allWeeks {
		return allMonths
	}
	months := uint16(0)
	for w := weeks; w != 0; w &= w - 1 {
		monday := 7*bits.TrailingZeros64(w) - 3 // at the earliest, as a day of a year
		months |= 1<<(max(monday, 0)/31) | 1<<min((monday+12)/30, 11)
		if monday < 0 || monday+12 > 365 {
			months |= 1<<11 | 1
		}
	}
	return months
}

// periodic says that the set has days in each year whatever its kind, so that none need be looked at.
func (s *daySet) periodic() bool {
	return s.years == nil && s.weeks == allWeeks && s.step <= 1 &&
		(s.anyMonthday() || s.anyWeekday() || s.or) && (s.anyMonthday() || s.monthdays&(1<<28-1) != 0 || s.fromEnd&(1<<28-1) != 0)
}

// findKinds tries a year of each kind. For sets that know single years it says all.
func (d *dates) findKinds(sets []daySet) (kinds uint16) {
	for i := d.lo; i < d.hi; i++ {
		if sets[i].years != nil || sets[i].step > 1 {
			return allKinds
		}
	}
	for k, y := range kindYears() {
		if d.inYear(sets, y) {
			kinds |= 1 << k
		}
	}
	return kinds
}

// kindYears returns a year of each kind.
func kindYears() [15]int {
	return [15]int{2001, 2002, 2003, 2009, 2010, 2011, 2006, 2024, 2008, 2020, 2004, 2016, 2000, 2012, 2005}
}

func (d *dates) inYear(sets []daySet, y int) bool {
	for m := 1; m <= 12; m++ {
		if d.months>>(m-1)&1 != 0 {
			mo := monthOf(y, m)
			if d.in(sets, &mo) != 0 {
				return true
			}
		}
	}
	return false
}

// in returns the days of a month.
func (s *Schedule) in(d *dates, m *month) uint32 {
	mask := d.in(s.sets, m)
	i := d.index
	for ; d.earlier > 0 && i > d.index-uint16(d.earlier); i-- {
		mask &^= s.clauses[i-1].in(s.sets, m)
	}
	if d.nights == 0 {
		return mask
	}
	y, mo, _ := date(m.first - 1)
	before := monthOf(y, mo)
	for j := i; j > i-uint16(d.nights); j-- {
		night := &s.clauses[j-1]
		mask &^= night.in(s.sets, m)<<1 | night.in(s.sets, &before)>>(before.days-1)
	}
	return mask
}

// in returns the days of a month that the sets make.
func (d *dates) in(sets []daySet, m *month) (mask uint32) {
	for i := d.lo; i < d.hi; i++ {
		if s := &sets[i]; s.minus {
			mask &^= s.in(m)
		} else {
			mask |= s.in(m)
		}
	}
	return mask
}

// has says whether a day is among the dates.
func (s *Schedule) has(d *dates, n int64) bool {
	if d.weekly != 0 {
		return d.weekly>>weekday(n)&1 != 0
	}
	y, m, dom := date(n)
	if d.months>>(m-1)&1 == 0 {
		return false
	}
	mo := monthOf(y, m)
	return s.in(d, &mo)>>(dom-1)&1 != 0
}

// nextDay returns the first of the dates that is not before n.
func (s *Schedule) nextDay(d *dates, n int64) (int64, bool) {
	if d.weekly == allWeekdays {
		return n, n < endOfDays
	}
	if d.weekly != 0 {
		w := weekday(n)
		n += int64(bits.TrailingZeros16((uint16(d.weekly) | uint16(d.weekly)<<7) >> w))
		return n, n < endOfDays
	}
	y, m, dom := date(max(n, 0))
	if d.months>>(m-1)&1 != 0 {
		mo := monthOf(y, m)
		if mask := s.in(d, &mo) >> (dom - 1); mask != 0 {
			return max(n, 0) + int64(bits.TrailingZeros32(mask)), true
		}
	}
	for y, m = s.monthAfter(d, y, m); y <= lastYear; y, m = s.monthAfter(d, y, m) {
		mo := monthOf(y, m)
		if mask := s.in(d, &mo); mask != 0 {
			return mo.first + int64(bits.TrailingZeros32(mask)), true
		}
	}
	return 0, false
}

// endOfDays is the first day that has no slots any more.
const endOfDays = 84006 // 2200-01-01, see TestEndOfDays

// endOfTime is the first local time that has no slots any more.
const endOfTime = endOfDays * day

// monthAfter returns the next month in which there may be dates, counted from 1.
func (s *Schedule) monthAfter(d *dates, y, m int) (int, int) {
	if rest := d.months >> m; rest != 0 {
		return y, m + 1 + bits.TrailingZeros16(rest)
	}
	if d.never() {
		return lastYear + 1, 1
	}
	for y++; y <= lastYear && !s.mayHave(d, y); {
		y++
	}
	return y, 1 + bits.TrailingZeros16(d.months)
}

// mayHave says whether there may be dates in a year.
func (s *Schedule) mayHave(d *dates, y int) bool {
	if d.kinds != allKinds {
		return d.kinds>>kind(y)&1 != 0
	}
	years := s.sets[d.lo].years
	return years == nil || d.hi != d.lo+1 || years.has(y)
}

// prevDay returns the last of the dates that is not after n.
func (s *Schedule) prevDay(d *dates, n int64) (int64, bool) {
	if d.weekly == allWeekdays {
		return n, n >= 0
	}
	if d.weekly != 0 {
		w := weekday(n)
		n -= int64(bits.LeadingZeros16((uint16(d.weekly)<<7 | uint16(d.weekly)) << (8 - w)))
		return n, n >= 0
	}
	if n < 0 {
		return 0, false
	}
	y, m, dom := date(n)
	if d.months>>(m-1)&1 != 0 {
		mo := monthOf(y, m)
		if mask := s.in(d, &mo) & (1<<dom - 1); mask != 0 {
			return mo.first + int64(31-bits.LeadingZeros32(mask)), true
		}
	}
	for y, m = s.monthBefore(d, y, m); y >= firstYear; y, m = s.monthBefore(d, y, m) {
		mo := monthOf(y, m)
		if mask := s.in(d, &mo); mask != 0 {
			return mo.first + int64(31-bits.LeadingZeros32(mask)), true
		}
	}
	return 0, false
}

func (s *Schedule) monthBefore(d *dates, y, m int) (int, int) {
	if rest := d.months & (1<<(m-1) - 1); rest != 0 {
		return y, 16 - bits.LeadingZeros16(rest)
	}
	if d.never() {
		return firstYear - 1, 1
	}
	for y--; y >= firstYear && !s.mayHave(d, y); {
		y--
	}
	return y, 16 - bits.LeadingZeros16(d.months)
}

// countDays returns how many of the dates are in the days from a up to b.
func (s *Schedule) countDays(d *dates, a, b int64) int64 {
	if b <= a {
		return 0
	}
	if d.weekly != 0 {
		whole := (b - a) / 7
		n := whole * int64(bits.OnesCount8(d.weekly))
		for a += whole * 7; a < b; a++ {
			n += int64(d.weekly >> weekday(a) & 1)
		}
		return n
	}
	n := int64(0)
	y, m, _ := date(max(a, 0))
	for y <= lastYear {
		mo := monthOf(y, m)
		if mo.first >= b {
			break
		}
		mask := uint32(0)
		if d.months>>(m-1)&1 != 0 {
			mask = s.in(d, &mo)
		}
		if mo.first < a {
			mask &^= 1<<(a-mo.first) - 1
		}
		if mo.first+int64(mo.days) > b {
			mask &= 1<<(b-mo.first) - 1
		}
		n += int64(bits.OnesCount32(mask))
		y, m = s.monthAfter(d, y, m)
	}
	return n
}
