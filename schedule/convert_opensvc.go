package schedule

import (
	"errors"
	"strings"
)

// maxPoints is how many times of a day are written out.
const maxPoints = 96

// writeOpenSVC writes points, as a list where there is more than one expression.
func writeOpenSVC(all []line) (string, error) {
	var members []string
	for i := range all {
		l := &all[i]
		times, err := l.points()
		if err != nil {
			return "", err
		}
		for _, days := range l.set.opensvcDays() {
			members = append(members, strings.TrimRight(times+" "+days+" * "+opensvcMonths(l.set.months), "* "))
		}
	}
	return listText(strings.Join(members, `", "`), len(members)), nil
}

func (l *line) points() (string, error) {
	switch {
	case l.zone != "":
		return "", errors.New("it names the time zone " + l.zone + ": for OpenSVC's notation the keyword timezone does")
	case l.set.years != nil:
		return "", errors.New("it names years, and OpenSVC's notation has none: the keywords not_before and not_after bound it")
	case l.set.nearest != 0:
		return "", errors.New("it moves a day to the nearest one from Monday to Friday, and OpenSVC's notation does not")
	case l.set.step > 1:
		return "", errors.New("it counts days from a date, and OpenSVC's notation has no such period")
	case !l.fixed:
		return "", nearer("its cadence goes on in elapsed time when clocks change, and points of the day do not", l.nearInterval(), "an interval that is counted from the last run")
	}
	c := clause{kind: ticks, hours: l.hours, minutes: l.minutes, seconds: l.seconds}
	var times []string
	for t := c.firstTime(); t >= 0 && t < day; t = c.nextTime(t + 1) {
		if times = append(times, clock(int(t))); len(times) > maxPoints {
			return "", errors.New("it has more than 96 times a day, and OpenSVC's notation would list each")
		}
		if t == day-1 {
			break
		}
	}
	return strings.Join(times, ","), nil
}

// opensvcDays writes the days field; two of them for days that match either.
func (s *daySet) opensvcDays() []string {
	weekdays, monthdays := s.opensvcWeekdays(), s.opensvcMonthdays()
	switch {
	case s.or:
		return []string{"*:" + strings.Join(monthdays, ",*:"), strings.Join(weekdays, ",")}
	case s.anyMonthday() && s.anyWeekday():
		return []string{"*"}
	case s.anyMonthday():
		return []string{strings.Join(weekdays, ",")}
	}
	var items []string
	for _, w := range weekdays {
		for _, d := range monthdays {
			items = append(items, w+":"+d)
		}
	}
	return []string{strings.Join(items, ",")}
}

func (s *daySet) opensvcWeekdays() (items []string) {
	if s.anyWeekday() {
		return []string{"*"}
	}
	if s.weekdays != 0 && s.weekdays != allWeekdays {
		items = strings.Split(listOf(uint64(s.weekdays), 0, "-", func(i int) string { return shortName(i, weekdayNames) }), ",")
	}
	for i := range 42 {
		name := shortName(i%7, weekdayNames)
		switch {
		case s.nth>>i&1 == 0:
		case i >= 35:
			items = append(items, name+"#last")
		default:
			items = append(items, name+"#"+decimal(i/7+1))
		}
	}
	return items
}

func (s *daySet) opensvcMonthdays() (items []string) {
	for i := range 31 {
		if s.monthdays>>i&1 != 0 {
			items = append(items, decimal(i+1))
		}
	}
	for i := range 31 {
		if s.fromEnd>>i&1 != 0 {
			items = append(items, "-"+decimal(i+1))
		}
	}
	return items
}

func opensvcMonths(set uint16) string {
	if set == allMonths {
		return "*"
	}
	return listOf(uint64(set), 0, "-", func(i int) string { return shortName(i, monthNames) })
}
