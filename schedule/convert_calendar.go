package schedule

import (
	"errors"
	"math/bits"
)

// writeCalendar writes an expression of systemd's OnCalendar.
func writeCalendar(all []line) (string, error) {
	l, err := oneLine(all)
	if err != nil {
		return "", err
	}
	weekdays, days, err := l.set.calendarDays()
	if err != nil {
		return "", err
	}
	hours, minutes := calendarTime(uint64(l.hours), 24, l.fixed), calendarTime(l.minutes, 60, l.fixed)
	if !l.fixed && !wildTime(hours) && !wildTime(minutes) {
		return "", errors.New("its cadence goes on in elapsed time when clocks change, and a calendar expression without a star does not")
	}
	text := l.set.calendarYears() + "-" + l.set.calendarMonths() + days + " " + hours + ":" + minutes + ":" + calendarTime(l.seconds, 60, false)
	if weekdays != allWeekdays {
		text = listOf(uint64(weekdays), 0, "..", calendarName) + " " + text
	}
	if l.zone != "" {
		text += " " + l.zone
	}
	return text, nil
}

func wildTime(text string) bool { return text == "*" || len(text) > 2 && text[:3] == "00/" }

// calendarTime writes the hours, minutes or seconds.
func calendarTime(set uint64, size int, fixed bool) string {
	step, ok := stepped(set, size)
	switch {
	case !ok || fixed:
		return listOf(set, 0, "..", padded)
	case step == 1:
		return "*"
	}
	return "00/" + decimal(step)
}

func padded(n int) string { return string(appendPadded(nil, n)) }

// calendarDays returns the weekdays, and the days of the month with the sign before them.
func (s *daySet) calendarDays() (weekdays uint8, days string, err error) {
	switch {
	case s.or:
		return 0, "", errors.New("its days may match either, the day of the month or the weekday: those of a calendar expression match both, and OpenSVC's notation has a list for it")
	case s.nearest != 0:
		return 0, "", errors.New("it moves a day to the nearest one from Monday to Friday, and a calendar expression does not")
	case s.monthdays != 0 && s.fromEnd != 0:
		return 0, "", errors.New("its days count from the begin and from the end of the month: those of a calendar expression do one of both")
	case s.nth != 0:
		return s.calendarNth()
	case s.fromEnd>>28 != 0:
		return 0, "", errors.New("a calendar expression counts 28 days from the end of the month at most")
	case s.fromEnd != 0:
		return s.weekdays, "~" + listOf(uint64(s.fromEnd), 1, "..", padded), nil
	case s.monthdays != 0:
		return s.weekdays, "-" + listOf(uint64(s.monthdays), 1, "..", padded), nil
	}
	return s.weekdays, "-*", nil
}

// calendarNth writes the second Tuesday as a Tuesday on one of the days 8 to 14.
func (s *daySet) calendarNth() (weekdays uint8, days string, err error) {
	row := bits.TrailingZeros64(s.nth) / 7
	if s.nth>>(7*row)>>7 != 0 || s.weekdays != 0 || !s.anyMonthday() {
		return 0, "", errors.New("it has weekdays of different numbers of the month: a calendar expression has one number")
	}
	weekdays = uint8(s.nth >> (7 * row) & allWeekdays) //nolint:gosec // seven bits
	if row == lastOrdinal {
		return weekdays, "~07/1", nil
	}
	return weekdays, "-" + padded(7*row+1) + ".." + padded(min(7*row+7, 31)), nil
}

func (s *daySet) calendarMonths() string {
	if s.months == allMonths {
		return "*"
	}
	return listOf(uint64(s.months), 1, "..", padded)
}

func (s *daySet) calendarYears() string {
	if s.years == nil {
		return "*"
	}
	text := ""
	for y := firstYear; y <= lastYear; y++ {
		if s.years.has(y) {
			text += "," + decimal(y)
		}
	}
	return text[1:]
}
