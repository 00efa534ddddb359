package schedule

import "strings"

// readOverride reads the action of single days.
func (r *netReader) readOverride(p part) error {
	word, rest := p.word()
	action, err := word.action()
	if err != nil {
		return err
	}
	lo := len(r.s.sets)
	r.text = append(append(append(r.text, "; "...), action...), ' ')
	if rest.text != "" && isDigit(rest.text[0]) {
		err = r.readDate(rest)
	} else {
		err = r.readOrdinal(rest)
	}
	for i := lo; i < len(r.s.sets); i++ {
		r.s.sets[i].minus = action == skip
		r.l.overrides = append(r.l.overrides, action)
	}
	return err
}

// readDate reads 12/31/2026 or 2026-12-31.
func (r *netReader) readDate(p part) error {
	word, rest := p.word()
	if rest.text != "" {
		return rest.wanted("a semicolon")
	}
	months, after, slashes := word.next('/')
	days, years, _ := after.next('/')
	switch {
	case !slashes && len(word.text) != len("2026-12-31"):
		return word.wanted(overrideWant)
	case !slashes:
		years, after, _ = word.next('-')
		months, days, _ = after.next('-')
	}
	n, err := word.dayOf(years.text, months.text, days.text, overrideWant)
	if err != nil {
		return europeanDate(err, months.text, days.text, years.text, slashes)
	}
	r.s.sets = append(r.s.sets, oneDay(n))
	r.text = appendDate(r.text, n)
	return nil
}

// europeanDate adds a hint to the error of 30/12/2026.
func europeanDate(err error, months, days, years string, slashes bool) error {
	m, _ := number(months)
	d, _ := number(days)
	if e, ok := err.(*SyntaxError); ok && slashes && m > 12 && m < 32 && d > 0 && d <= 12 { //nolint:errorlint // see dayOf
		e.Hint = "the month is first: " + days + "/" + months + "/" + years
	}
	return err
}

// readOrdinal reads as in: first friday every month.
func (r *netReader) readOrdinal(p part) error {
	ordinal, rest := p.word()
	unit, rest := rest.word()
	every, rest := rest.word()
	period, rest := rest.word()
	nth, per := exactIndex(ordinal.text, ordinalNames), exactIndex(period.text, netPeriods)
	weekday, isDay := nameIndex(unit.text, weekdayNames), strings.EqualFold(unit.text, "day")
	switch {
	case ordinal.text == "":
		return ordinal.wanted(overrideWant)
	case nth < 0:
		return ordinal.wanted("first, second, third, fourth, fifth or last, or a date")
	case weekday < 0 && !isDay:
		return unit.wanted(netUnitWant)
	case !strings.EqualFold(every.text, "every"):
		return every.wanted(`"every", and ` + netPeriodWant)
	case per < 0:
		return period.wanted(netPeriodWant)
	case rest.text != "":
		return rest.wanted("a semicolon")
	case per == 0:
		if err := ofWeek(ordinal, period, nth, weekday); err != nil {
			return err
		}
	}
	r.addOrdinal(nth, weekday, per)
	name := "day"
	if !isDay {
		name = fullName(weekday, weekdayNames)
	}
	for _, word := range [4]string{fullName(nth, ordinalNames), name, "every", fullName(per, netPeriods)} {
		r.text = append(append(r.text, word...), ' ')
	}
	r.text = r.text[:len(r.text)-1]
	return nil
}

// ofWeek refuses what a week has not: a day without a name, and the second of a weekday.
func ofWeek(ordinal, period part, nth, weekday int) error {
	switch {
	case weekday < 0:
		return period.wantedHint("month, quarter or year", "a day of the week is written with its name")
	case nth != 0 && nth != lastOrdinal:
		return ordinal.wantedHint("first", "a week has one "+fullName(weekday, weekdayNames))
	}
	return nil
}

// exactIndex finds a word in any case among others, -1 if it is none of them.
func exactIndex(text, names string) int {
	for i := 0; names != ""; i++ {
		name, rest, _ := strings.Cut(names, " ")
		if strings.EqualFold(text, name) {
			return i
		}
		names = rest
	}
	return -1
}

// addOrdinal adds the sets of a weekday, or with -1 of a day, of a month, quarter or year; or each such weekday.
func (r *netReader) addOrdinal(nth, weekday, period int) {
	set := everyDay()
	switch {
	case period == 0:
		set.weekdays = 1 << weekday
	case weekday < 0 && nth == lastOrdinal:
		set.fromEnd = 1
	case weekday < 0:
		set.monthdays = 1 << nth
	case nth == lastOrdinal:
		set.weekdays, set.nth = 0, 1<<(35+weekday)
	case nth == 4 && period > 1:
		r.addFifth(weekday, period)
		return
	default:
		set.weekdays, set.nth = 0, 1<<(7*nth+weekday)
	}
	if period > 1 {
		set.months = firstMonths(period)
		if nth == lastOrdinal {
			set.months = lastMonths(period)
		}
	}
	r.s.sets = append(r.s.sets, set)
}

// firstMonths returns the first month of each quarter, or of the year.
func firstMonths(period int) uint16 {
	if period == 2 {
		return 1 | 1<<3 | 1<<6 | 1<<9
	}
	return 1
}

func lastMonths(period int) uint16 {
	if period == 2 {
		return firstMonths(2) << 2
	}
	return 1 << 11
}

// addFifth adds the fifth of a weekday in a quarter or year, which is on one of the days 29 to 35 of it:
// in the first month or on the first days of the second.
func (r *netReader) addFifth(weekday, period int) {
	set := everyDay()
	set.weekdays = 1 << weekday
	const april = 1 << 3
	months := firstMonths(period)
	for _, days := range [3]struct {
		months    uint16
		monthdays uint32
	}{
		{months, 1<<31 - 1<<28},
		{months &^ april << 1, 1<<4 - 1}, // after a month of 31 days
		{months & april << 1, 1<<5 - 1},
	} {
		set.months, set.monthdays = days.months, days.monthdays
		if set.months != 0 {
			r.s.sets = append(r.s.sets, set)
		}
	}
}
