package schedule

import (
	"errors"
	"strings"
)

// writeCron writes a line of cron.
func writeCron(all []line) (string, error) {
	l, err := oneLine(all)
	if err != nil {
		return "", err
	}
	set := &l.set
	switch {
	case set.years != nil:
		return "", errors.New("it names years, and a line of cron has none: the keywords not_before and not_after bound it")
	case !set.or && !set.anyMonthday() && !set.anyWeekday():
		return "", errors.New("its days must match both, the day of the month and the weekday: a line of cron runs on those that match either; OpenSVC's notation and a calendar expression say it")
	}
	minutes, hours := l.cronTimes()
	if !l.fixed && minutes[0] != '*' && hours[0] != '*' {
		return "", errors.New("its cadence goes on in elapsed time when clocks change, and a line of cron without a star does not")
	}
	fields := []string{minutes, hours, set.cronMonthdays(), "*", set.cronWeekdays()}
	if set.months != allMonths {
		fields[3] = listOf(uint64(set.months), 1, "-", decimal)
	}
	text := strings.Join(fields, " ")
	if l.seconds != 1 {
		text = cronTime(l.seconds, 60, false) + " " + text
	}
	if l.zone != "" {
		text = "CRON_TZ=" + l.zone + " " + text
	}
	return text, nil
}

// cronTimes writes the minutes and the hours. A star in one of them makes a cadence, so fixed times have none.
func (l *line) cronTimes() (minutes, hours string) {
	return cronTime(l.minutes, 60, l.fixed), cronTime(uint64(l.hours), 24, l.fixed)
}

func cronTime(set uint64, size int, fixed bool) string {
	if step, ok := stepped(set, size); ok && !fixed {
		if step == 1 {
			return "*"
		}
		return "*/" + decimal(step)
	}
	return listOf(set, 0, "-", decimal)
}

func (s *daySet) cronMonthdays() string {
	if s.anyMonthday() {
		return "*"
	}
	var items []string
	if s.monthdays != 0 {
		items = append(items, listOf(uint64(s.monthdays), 1, "-", decimal))
	}
	for i := range 31 {
		switch {
		case s.fromEnd>>i&1 == 0:
		case i == 0:
			items = append(items, "L")
		default:
			items = append(items, "L-"+decimal(i))
		}
	}
	for n := range 32 {
		switch {
		case s.nearest>>n&1 == 0:
		case n == 0:
			items = append(items, "LW")
		default:
			items = append(items, decimal(n)+"W")
		}
	}
	return strings.Join(items, ",")
}

func (s *daySet) cronWeekdays() string {
	if s.anyWeekday() {
		return "*"
	}
	var items []string
	if s.weekdays != 0 && s.weekdays != allWeekdays {
		items = append(items, listOf(uint64(s.weekdays), 1, "-", decimal)) // 7 is Sunday
	}
	for i := range 42 {
		day := decimal((i%7 + 1) % 7)
		switch {
		case s.nth>>i&1 == 0:
		case i >= 35:
			items = append(items, day+"L")
		default:
			items = append(items, day+"#"+decimal(i/7+1))
		}
	}
	return strings.Join(items, ",")
}
