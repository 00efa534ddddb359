package schedule

import "math/bits"

const (
	allWeekdays = 1<<7 - 1
	allMonths   = 1<<12 - 1
	allKinds    = 1<<15 - 1
	allWeeks    = 1<<53 - 1
)

// A daySet is a set of civil days. Its fields are conditions that hold together; the month day ones
// (monthdays, fromEnd, nearest) are alternatives of one condition, as are the weekday ones (weekdays, nth).
type daySet struct {
	weekdays  uint8  // bit 0: Monday
	minus     bool   // takes days away from those of the sets before it
	or        bool   // the month day condition or the weekday one, as in cron
	months    uint16 // bit 0: January
	monthdays uint32 // bit 0: the 1st
	fromEnd   uint32 // bit 0: the last day, bit 1: the one before
	nearest   uint32 // bit n, 1 to 31: the working day nearest to the nth; bit 0: the last working day
	nth       uint64 // bit 7*(n-1)+weekday: the nth such weekday of the month; with n = 6 the last one
	weeks     uint64 // bit 0: ISO week 1
	years     *yearSet
	step      int32 // only each step-th day since 1970-01-01, counted from phase; 0 and 1 for each
	phase     int32
}

// A yearSet has a bit for each year from firstYear to lastYear.
type yearSet [(lastYear-firstYear)/64 + 1]uint64

func (s *yearSet) add(y int) { s[(y-firstYear)/64] |= 1 << ((y - firstYear) % 64) }
func (s *yearSet) has(y int) bool {
	return y >= firstYear && y <= lastYear && s[(y-firstYear)/64]>>((y-firstYear)%64)&1 != 0
}

// everyDay is the set of all days.
func everyDay() daySet {
	return daySet{weekdays: allWeekdays, months: allMonths, weeks: allWeeks}
}

// anyMonthday says that the set has no month day condition.
func (s *daySet) anyMonthday() bool { return s.monthdays|s.fromEnd|s.nearest == 0 }

// anyWeekday says that the set has no weekday condition.
func (s *daySet) anyWeekday() bool { return s.weekdays == allWeekdays && s.nth == 0 }

// weekly says that weekdays is all that the set asks for.
func (s *daySet) weekly() bool {
	return s.anyMonthday() && s.nth == 0 && s.months == allMonths && s.weeks == allWeeks && s.years == nil && s.step <= 1
}

// A month is a month of a year, and what a daySet has to know of it.
type month struct {
	year  int
	month int   // 0: January
	first int64 // the number of its first day, 0 for 1970-01-01
	days  int
	start int // the weekday of its first day, 0: Monday
}

// mask has a bit for each day of the month, bit 0 for the 1st.
func (m *month) all() uint32 { return 1<<m.days - 1 }

// weekdayMask returns the days of the month with these weekdays.
func (m *month) weekdayMask(weekdays uint8) uint32 {
	w := uint64(weekdays)
	return uint32((w>>m.start|w<<(7-m.start))&allWeekdays*0x10204081) & m.all() //nolint:gosec // cut to the month
}

// in returns the days of the month that are in the set.
func (s *daySet) in(m *month) uint32 {
	if s.months>>m.month&1 == 0 || s.years != nil && !s.years.has(m.year) {
		return 0
	}
	mask := m.all()
	switch {
	case s.or:
		mask = s.monthdayMask(m) | s.weekdayMask(m)
	case s.anyMonthday():
		mask = s.weekdayMask(m)
	default:
		mask &= s.monthdayMask(m) & s.weekdayMask(m)
	}
	if s.weeks != allWeeks {
		mask &= weekMask(m, s.weeks)
	}
	if s.step > 1 {
		mask &= s.stepMask(m)
	}
	return mask
}

func (s *daySet) weekdayMask(m *month) uint32 {
	if s.nth == 0 {
		return m.weekdayMask(s.weekdays)
	}
	mask := uint32(0)
	for row := range 5 {
		mask |= m.weekdayMask(uint8(s.nth>>(7*row)&allWeekdays)) & (allWeekdays << (7 * row)) //nolint:gosec // seven bits
	}
	last := m.all() &^ (1<<(m.days-7) - 1)
	mask |= m.weekdayMask(uint8(s.nth>>35&allWeekdays)) & last //nolint:gosec // seven bits
	if s.weekdays != allWeekdays {
		mask |= m.weekdayMask(s.weekdays)
	}
	return mask
}

func (s *daySet) monthdayMask(m *month) uint32 {
	mask := s.monthdays&m.all() | bits.Reverse32(s.fromEnd)>>(32-m.days)
	for rest := s.nearest; rest != 0; rest &= rest - 1 {
		mask |= m.nearest(bits.TrailingZeros32(rest))
	}
	return mask
}

// nearest returns the day from Monday to Friday nearest to the nth, in the same month; with 0 the last such day.
func (m *month) nearest(n int) uint32 {
	if n > m.days {
		return 0
	}
	last := n == 0
	if last {
		n = m.days
	}
	switch weekday := (m.start + n - 1) % 7; {
	case weekday == 5 && n > 1:
		n--
	case weekday == 5:
		n += 2
	case weekday == 6 && n == m.days:
		n -= 2
	case weekday == 6:
		n++
	}
	return 1 << (n - 1)
}

func (s *daySet) stepMask(m *month) uint32 {
	mask := uint32(0)
	step := int64(s.step)
	for d := mod(int64(s.phase)-m.first, step); d < int64(m.days); d += step {
		mask |= 1 << d
	}
	return mask
}

// weekMask returns the days of the month that are in one of these ISO 8601 weeks.
func weekMask(m *month, weeks uint64) uint32 {
	mask := uint32(0)
	for d := -m.start; d < m.days; d += 7 { // each Monday of a week that the month has a part of
		if weeks>>(isoWeek(m.first+int64(d))-1)&1 == 0 {
			continue
		}
		if d < 0 {
			mask |= allWeekdays >> -d
		} else {
			mask |= allWeekdays << d
		}
	}
	return mask & m.all()
}

// isoWeek returns the number of the week that begins with this Monday: that of its Thursday's year.
func isoWeek(monday int64) int {
	y, _, _ := date(monday + 3)
	return int(monday+3-dayNumber(y, 1, 1))/7 + 1
}

// date returns the civil date of a day, 0 being 1970-01-01, in the proleptic Gregorian calendar.
// https://howardhinnant.github.io/date_algorithms.html#civil_from_days
func date(n int64) (y, m, d int) {
	z := uint64(n + 719468) //nolint:gosec // days since 1 March of year 0, which is long ago
	era := z / 146097
	doe := z % 146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1) //nolint:gosec // 1 to 31
	y = int(yoe + era*400)          //nolint:gosec // a year
	m = int(mp + 3)                 //nolint:gosec // 3 to 14
	if m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}

// dayNumber is the inverse of date.
func dayNumber(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	doy := (153*(m-3)+2)/5 + d - 1
	return int64(365*y+y/4-y/100+y/400) + int64(doy) - 719468
}

func isLeap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func monthDays(y, m int) int {
	if m == 2 {
		if isLeap(y) {
			return 29
		}
		return 28
	}
	return 30 + (m+m/8)%2
}

// weekday returns that of a day, 0: Monday.
func weekday(n int64) int { return int(mod(n+3, 7)) }

// mod is the remainder that is never negative.
func mod(n, m int64) int64 {
	r := n % m
	if r < 0 {
		r += m
	}
	return r
}

func floorDay(local int64) int64 { return (local - mod(local, day)) / day }

// monthOf returns the month of a year, m from 1.
func monthOf(y, m int) month {
	first := dayNumber(y, m, 1)
	return month{y, m - 1, first, monthDays(y, m), weekday(first)}
}

// kind returns which of the 15 kinds of years y is: by the weekday of its first day, by whether it is a
// leap year, and, as its first days may be in week 52 or 53, by whether that follows one. Years of one
// kind have the same days in every daySet without years or step. The rarest kinds come after 40 years at most.
func kind(y int) int {
	k := weekday(dayNumber(y, 1, 1))
	switch {
	case isLeap(y):
		k += 7
	case k == 5 && isLeap(y-1):
		k = 14
	}
	return k
}
