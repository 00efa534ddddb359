package schedule

import "strings"

// What is made of the fields of a calendar expression: its canonical text, and a clause.

// write makes the canonical text.
func (r *calendarReader) write() {
	var room [80]byte
	text := r.appendWeekdays(room[:0])
	for i, after := range [calendarFields]byte{'-', '-', ' ', ':', ':', ' '} {
		if i == calendarMonth && r.fromEnd {
			after = '~'
		}
		text = append(r.appendField(text, i), after)
	}
	text = append(text, r.zone...)
	if r.zone == "" {
		text = text[:len(text)-1] // the blank
	}
	r.s.text = string(text)
}

// appendWeekdays writes them as ranges of three and more, and a list of those.
func (r *calendarReader) appendWeekdays(text []byte) []byte {
	if r.weekdays == allWeekdays {
		return text
	}
	for a := 0; a < 7; a++ {
		if r.weekdays>>a&1 == 0 {
			continue
		}
		b := a
		for r.weekdays>>(b+1)&1 != 0 {
			b++
		}
		text = append(text, calendarName(a)...)
		switch {
		case b > a+1:
			text = append(append(text, '.', '.'), calendarName(b)...)
		case b > a:
			text = append(append(text, ','), calendarName(b)...)
		}
		text = append(text, ',')
		a = b
	}
	text[len(text)-1] = ' '
	return text
}

func calendarName(weekday int) string { return "MonTueWedThuFriSatSun"[3*weekday:][:3] }

func (r *calendarReader) appendField(text []byte, i int) []byte {
	f := &r.fields[i]
	items := r.items[f.lo:f.hi]
	if len(items) == 0 || i == calendarSecond && len(items) == 1 && items[0] == (calendarItem{0, -1, 1}) {
		return append(text, '*')
	}
	for k, it := range items {
		if k > 0 {
			text = append(text, ',')
		}
		text = appendPadded(text, it.first)
		if it.last >= 0 {
			text = appendPadded(append(text, '.', '.'), it.last)
		}
		if it.step > 1 || it.step == 1 && it.last < 0 {
			text = appendInt(append(text, '/'), it.step)
		}
	}
	return text
}

// appendPadded writes a number of two digits at least.
func appendPadded(text []byte, n int) []byte {
	if n < 100 {
		return append2(text, n)
	}
	return appendInt(text, n)
}

// build makes the clause.
func (r *calendarReader) build() error {
	c := clause{
		kind:    ticks,
		hours:   uint32(r.numbers(calendarHour)), //nolint:gosec // 24 bits
		minutes: r.numbers(calendarMinute),
		seconds: r.numbers(calendarSecond),
	}
	if !r.wild(calendarHour) && !r.wild(calendarMinute) {
		c.flags = fixed
	}
	sets := [1]daySet{r.days()}
	c.dates = newDates(sets[:], 0, 1)
	if err := r.possible(&c, sets[:]); err != nil {
		return err
	}
	if c.weekly == 0 {
		r.s.sets = []daySet{sets[0]}
	}
	r.s.clauses = []clause{c}
	r.advise(calendarHour, "h", "day")
	r.advise(calendarMinute, "m", "hour")
	r.advise(calendarSecond, "s", "minute")
	return nil
}

// days are those of the weekdays and the date.
func (r *calendarReader) days() daySet {
	set := everyDay()
	set.weekdays = r.weekdays
	set.months = uint16(r.numbers(calendarMonth))          //nolint:gosec // twelve bits
	if days := uint32(r.numbers(calendarDay)); r.fromEnd { //nolint:gosec // 31 bits
		set.fromEnd = days
	} else if days != 1<<31-1 {
		set.monthdays = days
	}
	if f := &r.fields[calendarYear]; f.lo < f.hi {
		set.years = new(yearSet)
		for _, it := range r.items[f.lo:f.hi] {
			for y := it.first; y <= it.end(lastYear); y += max(it.step, 1) {
				set.years.add(y)
			}
		}
	}
	return set
}

// possible makes sure that there is a day, in whatever year it is.
func (r *calendarReader) possible(c *clause, sets []daySet) error {
	if _, ok := r.firstDate(&c.dates, sets); ok {
		return nil
	}
	sets[0].weekdays = allWeekdays
	d := newDates(sets, 0, 1)
	first, ok := r.firstDate(&d, sets)
	if !ok {
		return r.fields[calendarDay].wantedHint("a day that one of its months has", "the last day of each month is written *-*~1")
	}
	y, m, dom := date(first)
	text := append2(append(append2(append(appendInt(nil, y), '-'), m), '-'), dom)
	return r.names.wantedHint("a weekday of one of its dates", string(text)+" is "+calendarName(weekday(first)))
}

// firstDate returns the first day of a set that the schedule does not own yet.
func (r *calendarReader) firstDate(d *dates, sets []daySet) (int64, bool) {
	f := &r.fields[calendarYear]
	switch {
	case d.never():
		return 0, false
	case f.lo == f.hi: // newDates has looked
		return 0, true
	}
	s := Schedule{sets: sets}
	return s.nextDay(d, dayNumber(r.items[f.lo].first, 1, 1))
}

// advise warns of a step that does not divide its field: users of 0/45 mean each 45 minutes.
func (r *calendarReader) advise(i int, unit, round string) {
	f := &r.fields[i]
	_, _, high := calendarLimits(i)
	if f.hi-f.lo != 1 || strings.IndexByte(f.text, ',') >= 0 {
		return
	}
	it := &r.items[f.lo]
	if it.first != 0 || it.last >= 0 || it.step == 0 || (high+1)%it.step == 0 {
		return
	}
	r.s.warn(f.part, f.text+" begins anew each "+round+": an interval that does not is written every "+string(appendInt(nil, it.step))+unit)
}
