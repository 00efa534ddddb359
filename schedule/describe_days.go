package schedule

import "strings"

// Sets of days in words.

// describeDays says which days a clause has; "" for all.
func (m *member) describeDays(c *clause) string {
	if len(m.days) > 0 {
		return describeSets(m.days)
	}
	return weekdaysIn(c.weekly)
}

// describeSets says which days are in one of the sets; "" for all. Those of an expression have the same weeks,
// months and years.
func describeSets(sets []daySet) string {
	if len(sets) == 0 {
		return ""
	}
	var phrases []string
	for i := range sets {
		text := sets[i].describe()
		if text == "" {
			phrases = nil
			break
		}
		phrases = append(phrases, text)
	}
	text := join(phrases, "or")
	for _, more := range [3]string{weeksIn(sets[0].weeks), monthsIn(sets[0].months), yearsIn(sets[0].years)} {
		switch {
		case more == "":
		case text == "":
			text = more
		default:
			text += ", " + more
		}
	}
	return text
}

// describe says which days of a month are in the set; "" for all.
func (s *daySet) describe() string {
	switch {
	case s.or:
		return s.monthdaysIn() + " or " + onWeekdays(s)
	case s.anyMonthday() && s.nth == 0:
		return weekdaysIn(s.weekdays)
	case s.anyMonthday():
		return "on " + s.weekdayNames()
	case s.anyWeekday():
		return s.monthdaysIn()
	}
	return s.monthdaysIn() + " if it is " + s.oneWeekday()
}

func onWeekdays(s *daySet) string {
	if s.nth == 0 {
		return "on " + weekdaysOf(s.weekdays)
	}
	return "on " + s.weekdayNames()
}

// weekdaysIn names weekdays: Monday to Friday, on Sunday; "" for all.
func weekdaysIn(set uint8) string {
	text := weekdaysOf(set)
	if set == allWeekdays || strings.Contains(text, " to ") && !strings.Contains(text, " and ") {
		return text
	}
	return "on " + text
}

func weekdaysOf(set uint8) string {
	if set == allWeekdays {
		return ""
	}
	return join(runsOf(uint64(set), 7, weekdayName), "and")
}

func weekdayName(i int) string { return title(fullName(i, weekdayNames)) }

// oneWeekday is weekdaysIn behind "if it is".
func (s *daySet) oneWeekday() string {
	names := runsOf(uint64(s.weekdays), 7, weekdayName)
	switch {
	case s.nth != 0:
		return s.weekdayNames()
	case s.weekdays&(s.weekdays-1) != 0:
		return "one of " + join(names, "and")
	}
	return "a " + names[0]
}

// weekdayNames names weekdays of which some are numbered: the first Monday and the last Friday of the month.
func (s *daySet) weekdayNames() string {
	var names []string
	if s.weekdays != 0 && s.weekdays != allWeekdays {
		names = append(names, "each "+weekdaysOf(s.weekdays))
	}
	for row := range 6 {
		for i := range 7 {
			if s.nth>>(7*row+i)&1 != 0 {
				names = append(names, "the "+fullName(row, ordinalNames)+" "+weekdayName(i))
			}
		}
	}
	return join(names, "and") + " of the month"
}

// monthdaysIn names days of the month.
func (s *daySet) monthdaysIn() string {
	names := runsOf(uint64(s.monthdays), 31, func(i int) string { return "the " + ordinal(i+1) })
	for i := range 31 {
		if s.fromEnd>>i&1 != 0 {
			names = append(names, fromEndName(i))
		}
	}
	for n := range 32 {
		switch {
		case s.nearest>>n&1 == 0:
		case n == 0:
			names = append(names, "the last day from Monday to Friday")
		default:
			names = append(names, "the day from Monday to Friday nearest to the "+ordinal(n))
		}
	}
	return "on " + join(names, "and") + " of the month"
}

func fromEndName(i int) string {
	switch i {
	case 0:
		return "the last day"
	case 1:
		return "the day before the last"
	}
	return "the day " + counted(i, "day") + " before the last"
}

func weeksIn(set uint64) string {
	if set == allWeeks {
		return ""
	}
	names := runsOf(set, 53, func(i int) string { return string(appendInt(nil, i+1)) })
	if set&(set-1) == 0 {
		return "in ISO week " + names[0]
	}
	return "in the ISO weeks " + join(names, "and")
}

func monthsIn(set uint16) string {
	if set == allMonths {
		return ""
	}
	return "in " + join(runsOf(uint64(set), 12, func(i int) string { return title(fullName(i, monthNames)) }), "and")
}

func yearsIn(set *yearSet) string {
	if set == nil {
		return ""
	}
	var names []string
	for y := firstYear; y <= lastYear; y++ {
		if !set.has(y) {
			continue
		}
		to := y
		for to < lastYear && set.has(to+1) {
			to++
		}
		text := string(appendInt(nil, y))
		if to > y {
			text += " to " + string(appendInt(nil, to))
		}
		names = append(names, text)
		y = to
	}
	return "in " + join(names, "and")
}
