package schedule

import "strings"

// parseDays appends a set for each combination of weekdays with days of the month, and returns its canonical text.
func (s *Schedule) parseDays(p part) (text []byte, err error) {
	lo := len(s.sets)
	if p.text == "" || p.text == "*" {
		s.sets = append(s.sets, everyDay())
		return nil, nil
	}
	for i, more := 0, true; more; i++ {
		var item part
		item, p, more = p.next(',')
		if i > 0 {
			text = append(text, ',')
		}
		set := everyDay()
		if text, err = s.parseDay(item, &set, text); err != nil {
			return nil, err
		}
		s.addDays(lo, &set)
	}
	return text, nil
}

// addDays joins a set with one that differs in the weekdays, or in the days of the month, alone.
func (s *Schedule) addDays(lo int, set *daySet) {
	for i := lo; i < len(s.sets); i++ {
		switch o := &s.sets[i]; {
		case o.anyMonthday() && set.anyMonthday() && o.nth == 0 && set.nth == 0:
			o.weekdays |= set.weekdays
			return
		case !o.anyMonthday() && !set.anyMonthday() && o.weekdays == set.weekdays && o.nth == set.nth:
			o.monthdays |= set.monthdays
			o.fromEnd |= set.fromEnd
			return
		}
	}
	s.sets = append(s.sets, *set)
}

func (s *Schedule) parseDay(p part, set *daySet, text []byte) ([]byte, error) {
	if p.text == "" {
		s.warn(p, "an empty day means all days")
		return append(text, '*'), nil
	}
	weekdays, monthday, has := p.next(':')
	text, err := s.parseWeekdays(weekdays, set, text)
	if err != nil || !has {
		return text, err
	}
	if strings.EqualFold(monthday.text, "last") && set.weekdays != allWeekdays {
		s.warn(p, strings.ToLower(p.text)+" is a day that is both, the last of its month and a "+describeWeekdays(set.weekdays)+": the last one of the month is written "+strings.ToLower(weekdays.text)+"#last")
	}
	return parseMonthday(monthday, set, append(text, ':'))
}

func (s *Schedule) parseWeekdays(p part, set *daySet, text []byte) ([]byte, error) {
	if p.text == "" || p.text == "*" {
		return append(text, '*'), nil
	}
	if name, nth, has := p.next('#'); has {
		return parseNth(name, nth, set, text)
	}
	if strings.HasPrefix(p.text, "-") {
		return text, p.wantedHint(dayWant, "a day of the month stands after a colon: *:"+p.text)
	}
	first, last, isRange := p.next('-')
	a, err := first.weekday()
	if err != nil {
		return text, err
	}
	b := a
	if isRange {
		if b, err = last.weekday(); err != nil {
			return text, err
		}
	}
	set.weekdays = uint8(span(a, b, 7)) //nolint:gosec // seven bits
	text = append(text, shortName(a, weekdayNames)...)
	if isRange {
		text = append(append(text, '-'), shortName(b, weekdayNames)...)
	}
	return text, nil
}

// span has the bits from a to b, around the end of n where b is before a.
func span(a, b, n int) (set uint64) {
	for i := a; ; i = (i + 1) % n {
		set |= 1 << i
		if i == b {
			return set
		}
	}
}

// weekday reads one, 0 for Monday.
func (p part) weekday() (int, error) {
	if i := nameIndex(p.text, weekdayNames); i >= 0 {
		return i, nil
	}
	if n, ok := number(p.text); ok && len(p.text) == 1 && n >= 1 && n <= 7 {
		return n - 1, nil
	}
	return 0, p.wanted(weekdayWant)
}

// parseNth reads the number of mon#1 and fri#last.
func parseNth(name, nth part, set *daySet, text []byte) ([]byte, error) {
	w, err := name.weekday()
	if err != nil {
		return text, err
	}
	n, ok := number(nth.text)
	if strings.EqualFold(nth.text, "last") {
		n, ok = 6, true
	} else if n > 5 {
		ok = false
	}
	if !ok || n == 0 {
		return text, nth.wanted("which one of the month: 1 to 5, or last")
	}
	set.weekdays, set.nth = 0, 1<<(7*(n-1)+w)
	text = append(append(text, shortName(w, weekdayNames)...), '#')
	return append(text, strings.ToLower(nth.text)...), nil
}

func parseMonthday(p part, set *daySet, text []byte) ([]byte, error) {
	t := strings.ToLower(p.text)
	switch t {
	case "last":
		t = "-1"
	case "first", "second", "third", "fourth", "fifth":
		t = string('1' + byte(strings.Index("first second third fourth fifth", t)/6))
	case "1st", "2nd", "3rd", "4th", "5th":
		t = t[:1]
	}
	n, ok := number(strings.TrimPrefix(strings.TrimPrefix(t, "+"), "-"))
	if !ok || n < 1 || n > 31 || strings.HasPrefix(t, "+-") {
		return text, p.wanted(monthdayWant)
	}
	switch {
	case t[0] == '-' && n == 1:
		set.fromEnd = 1
		return append(text, "last"...), nil
	case t[0] == '-':
		set.fromEnd = 1 << (n - 1)
		return appendInt(append(text, '-'), n), nil
	}
	set.monthdays = 1 << (n - 1)
	return appendInt(text, n), nil
}

// describeWeekdays is for the warnings.
func describeWeekdays(set uint8) string {
	var names []string
	for i := range 7 {
		if set>>i&1 != 0 {
			n := fullName(i, weekdayNames)
			names = append(names, strings.ToUpper(n[:1])+n[1:])
		}
	}
	return strings.Join(names, " or ")
}
