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
	// them so many the days after: see own. With alone those go too on which one of all before it has a
	// slot at the same time.
	index           uint16
	earlier, nights uint8
	alone           bool
	put             int32 // where spread puts off the slot to, in seconds of the day or beyond: days on which that is excluded are left out
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
	s := Schedule{sets: sets}
	return s.kinds(d)
}

// kinds returns the kinds of years in which there are any of the dates.
func (s *Schedule) kinds(d *dates) (kinds uint16) {
	for k, y := range kindYears() {
		if s.inYear(d, y) {
			kinds |= 1 << k
		}
	}
	return kinds
}

// kindYears returns a year of each kind.
func kindYears() [15]int {
	return [15]int{2001, 2002, 2003, 2009, 2010, 2011, 2006, 2024, 2008, 2020, 2004, 2016, 2000, 2012, 2005}
}

func (s *Schedule) inYear(d *dates, y int) bool {
	for m := 1; m <= 12; m++ {
		if d.months>>(m-1)&1 != 0 {
			mo := monthOf(y, m)
			if s.in(d, &mo) != 0 {
				return true
			}
		}
	}
	return false
}

// in returns the days of a month.
func (s *Schedule) in(d *dates, m *month) uint32 {
	mask := d.in(s.sets, m)
	if d.earlier|d.nights > 0 || d.put > 0 || d.alone {
		return s.without(d, m, mask)
	}
	return mask
}

// without leaves out the days that the dates have for other reasons than their sets.
func (s *Schedule) without(d *dates, m *month, mask uint32) uint32 {
	if d.earlier|d.nights > 0 {
		mask &^= s.inPieces(d, m)
	}
	if d.put > 0 {
		mask = s.withoutPut(d, m, mask)
	}
	if d.alone {
		mask = s.withoutTwins(int(d.index), m, mask)
	}
	return mask
}

// inPieces returns the days of a month on which a piece before that of the dates has the slot.
func (s *Schedule) inPieces(d *dates, m *month) (mask uint32) {
	i := int(d.index)
	for n := int(d.earlier); n > 0; n-- {
		if i--; s.clauses[i].slots() {
			mask |= s.clauses[i].in(s.sets, m)
		}
	}
	if d.nights == 0 {
		return mask
	}
	y, mo, _ := date(m.first - 1)
	before := monthOf(y, mo)
	for n := int(d.nights); n > 0; n-- {
		if i--; s.clauses[i].slots() {
			night := &s.clauses[i]
			mask |= night.in(s.sets, m)<<1 | night.in(s.sets, &before)>>(before.days-1)
		}
	}
	return mask
}

// withoutPut leaves out the days whose slot is put off into an exclusion.
func (s *Schedule) withoutPut(d *dates, m *month, mask uint32) uint32 {
	all := s.closed()
	for i := range all {
		if x := &all[i]; x.covers(d.put % day) {
			mask &^= s.shifted(&x.dates, m, int64(d.put/day), mask)
		}
	}
	return mask
}

// withoutTwins leaves out the days on which a clause before the one with an index has a slot at the same time.
func (s *Schedule) withoutTwins(index int, m *month, mask uint32) uint32 {
	c := &s.clauses[index]
	for i := range index {
		if o := &s.clauses[i]; s.twins(o, c) {
			var room clause
			mask &^= s.shifted(&s.own(i, &room).dates, m, int64(s.usual(c)-s.usual(o))/day, mask)
		}
	}
	return mask
}

// shifted returns those days of a month in mask for which the one so many days later is among the dates.
func (s *Schedule) shifted(d *dates, m *month, days int64, mask uint32) (found uint32) {
	switch {
	case days == 0 && d.weekly != 0:
		return m.weekdayMask(d.weekly)
	case days == 0:
		return s.in(d, m)
	}
	for rest := mask; rest != 0; rest &= rest - 1 {
		if s.has(d, m.first+int64(bits.TrailingZeros32(rest))+days) {
			found |= rest & -rest
		}
	}
	return found
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
