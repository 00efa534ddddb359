package schedule

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// The fields of a calendar expression.

// maxCalendarItems is how many members systemd takes in a list.
const maxCalendarItems = 241

// A calendarField is one that was read: its items, those from lo up to hi of the reader; none for a star.
type calendarField struct {
	part

	lo, hi int
}

// A calendarItem is one member of a list.
type calendarItem struct {
	first int
	last  int // -1 for none: with a step, the end of the field
	step  int // 0 for none
}

// calendarLimits says what may stand in a field.
func calendarLimits(i int) (want string, low, high int) {
	switch i {
	case calendarYear:
		return "a year: 1970 to 2199", firstYear, lastYear
	case calendarMonth:
		return "a month: 1 to 12", 1, 12
	case calendarDay:
		return "a day of the month: 1 to 31", 1, 31
	case calendarHour:
		return "an hour: 0 to 23", 0, 23
	case calendarMinute:
		return "a minute: 0 to 59", 0, 59
	default:
		return "a second: 0 to 59", 0, 59
	}
}

// limits are those of a field, or those of days counted from the end: each month has 28 of them.
func (r *calendarReader) limits(i int) (want string, low, high int) {
	if i == calendarDay && r.fromEnd {
		return "a day counted from the end of the month: 1, the last, to 28", 1, 28
	}
	return calendarLimits(i)
}

// readDate reads year-month-day or month-day, with ~ before a day that counts from the end of the month.
func (r *calendarReader) readDate(p part) error {
	var parts [3]part
	n, start := 0, 0
	for {
		length := strings.IndexAny(p.text[start:], "-~")
		if n == len(parts) {
			return p.from(start).wanted("a time of the day after the date")
		}
		if length < 0 {
			parts[n] = p.from(start)
			n++
			break
		}
		i := start + length
		if r.fromEnd {
			return p.from(i).wanted("~ only before the day, as in *-02~03")
		}
		parts[n] = p.cut(start, i)
		n++
		if strings.HasPrefix(p.text[i:], "-~") { // written so by many, though not by systemd
			i++
		}
		r.fromEnd = p.text[i] == '~'
		start = i + 1
	}
	if n == 1 {
		return p.wantedHint("a date, as in 2026-12-24 or 12-24", "a time of the day has a colon, as in 02:00")
	}
	for i, field := range parts[:n] {
		if err := r.readField(len(parts)-n+i, field); err != nil {
			return err
		}
	}
	if r.fields[calendarDay].lo == r.fields[calendarDay].hi { // from whichever end, a star is all of them
		r.fromEnd = false
	}
	r.adviseDate(p)
	return nil
}

// adviseDate warns of 1-5, which is a date, and reads like weekdays.
func (r *calendarReader) adviseDate(p part) {
	month, day, ok := p.next('-')
	m, okM := number(month.text)
	d, okD := number(day.text)
	if ok && okM && okD && m < d && d <= 7 && len(p.text) == len("1-5") && r.names.text == "" {
		r.s.warn(p, p.text+" is a date, "+day.text+" "+title(fullName(m-1, monthNames))+": weekdays are written "+calendarName(m-1)+".."+calendarName(d-1))
	}
}

// readClock reads hour:minute or hour:minute:second.
func (r *calendarReader) readClock(p part) error {
	hour, rest, found := p.next(':')
	if !found {
		return p.from(len(p.text)).wanted(`a colon and a minute, as in "02:00"`)
	}
	minute, second, has := rest.next(':')
	if !has {
		second = whole("0")
	}
	if err := r.readField(calendarHour, hour); err != nil {
		return err
	}
	if err := r.readField(calendarMinute, minute); err != nil {
		return err
	}
	return r.readField(calendarSecond, second)
}

// readEpoch reads seconds since 1970 UTC, and makes a date and a time of them.
func (r *calendarReader) readEpoch(p part) error {
	digits := p.from(1)
	u, err := strconv.ParseUint(digits.text, 10, 63)
	if err != nil || u >= endOfDays*day {
		return digits.wanted("seconds since 1970, before the year 2200")
	}
	days, t := int64(u/day), int(u%day) //nolint:gosec // below endOfDays
	y, m, d := date(days)
	for i, n := range [calendarFields]int{y, m, d, t / 3600, t / 60 % 60, t % 60} {
		lo := len(r.items)
		r.items = append(r.items, calendarItem{n, -1, 0})
		r.fields[i] = calendarField{p, lo, lo + 1}
	}
	r.s.zone, r.zone = UTC(), "UTC"
	return nil
}

// readField reads a star or a list, and puts the list in order.
func (r *calendarReader) readField(i int, p part) error {
	lo := len(r.items)
	for rest, more := p, p.text != "*"; more; {
		var item part
		item, rest, more = rest.next(',')
		if err := r.readItem(i, item); err != nil {
			return err
		}
		if len(r.items)-lo > maxCalendarItems {
			return item.wanted("a list of at most 241 members")
		}
	}
	items := r.items[lo:]
	if len(items) > 1 {
		slices.SortFunc(items, func(a, b calendarItem) int {
			return cmp.Or(a.first-b.first, a.last-b.last, a.step-b.step)
		})
		r.items = r.items[:lo+len(slices.Compact(items))]
	}
	r.fields[i] = calendarField{p, lo, len(r.items)}
	return nil
}

// readItem reads a value, a range or either with a step.
func (r *calendarReader) readItem(i int, p part) (err error) {
	head, step, stepped := p.next('/')
	first, last, isRange := head.calendarRange(0)
	it := calendarItem{last: -1}
	want, low, high := r.limits(i)
	if it.first, err = first.calendarValue(i, want); err != nil {
		return err
	}
	if it.first < low || it.first > high {
		return first.wantedHint(want, calendarHint(i, first.text))
	}
	if stepped {
		if it.step, err = step.calendarNumber(i, calendarStep); err != nil {
			return err
		}
		if it.step == 0 {
			return step.wanted(calendarStep)
		}
	}
	if isRange {
		err = r.readLast(i, &it, last, head, want, high)
	} else if stepped {
		err = r.checkStep(i, &it, step)
	}
	r.items = append(r.items, it)
	return err
}

const calendarStep = "a step: a number above 0"

// readLast reads the end of a range, and makes it the last number that the step comes to.
func (r *calendarReader) readLast(i int, it *calendarItem, last, head part, want string, high int) (err error) {
	if it.last, err = last.calendarValue(i, want); err != nil {
		return err
	}
	if it.last < it.first {
		return head.wantedHint("a range with its lower end first", r.around(i, it))
	}
	it.step = max(it.step, 1)
	it.last -= (it.last - it.first) % it.step
	if it.last > high {
		return last.wantedHint(want, calendarHint(i, last.text))
	}
	if it.last == it.first {
		it.last, it.step = -1, 0
	}
	return nil
}

// around is how a range over the end of a field is written.
func (r *calendarReader) around(i int, it *calendarItem) string {
	if i == calendarDay && r.fromEnd {
		return "the last is 1: " + padded(it.last) + ".." + padded(it.first)
	}
	return "it can be written in two, as in 22..23,0..2"
}

// checkStep makes sure that a step without an end comes to a second number in its field. Days from the
// end are counted down.
func (r *calendarReader) checkStep(i int, it *calendarItem, step part) error {
	_, low, high := r.limits(i)
	room := high - it.first
	if i == calendarDay && r.fromEnd {
		room = it.first - low
	}
	if it.step > room {
		return step.wanted("a step that stays in the field: at most " + strconv.Itoa(room) + " after " + strconv.Itoa(it.first))
	}
	return nil
}

// calendarValue reads a number. Years below 70 are of this century, and those below 100 of the last.
func (p part) calendarValue(i int, want string) (int, error) {
	n, err := p.calendarNumber(i, want)
	if i == calendarYear && n < 100 {
		n += 1900
		if n < firstYear {
			n += 100
		}
	}
	return n, err
}

// calendarNumber reads decimal digits, and of a second a fraction that is zero.
func (p part) calendarNumber(i int, want string) (int, error) {
	digits, fraction, has := p, p, false
	if i == calendarSecond {
		digits, fraction, has = p.next('.')
	}
	n, ok := number(digits.text)
	if !ok {
		return 0, p.wantedHint(want, calendarHint(i, p.text))
	}
	if !has {
		return n, nil
	}
	if fraction.text == "" || strings.Trim(fraction.text, "0123456789") != "" {
		return 0, fraction.wanted("digits after the point")
	}
	if strings.Trim(fraction.text, "0") != "" {
		return 0, p.wantedHint("whole seconds", "no run starts at a fraction of one")
	}
	return n, nil
}

// calendarHint guesses what was meant by what is no value.
func calendarHint(i int, text string) string {
	clock := i >= calendarHour
	switch {
	case i == calendarHour && text == "24":
		return "midnight is 00:00"
	case i == calendarHour && strings.ContainsAny(text, "-~T"):
		return "a blank stands between the date and the time"
	case i >= calendarMinute && text == "60":
		return "the one after 59 is 0"
	case clock && strings.Trim(text, "*") == "":
		return "a step follows a number, as in 0/15"
	case strings.HasPrefix(text, "*"):
		return "a step follows a number, as in 1/2, and a star stands alone"
	case i == calendarMonth && nameIndex(text, monthNames) >= 0:
		return "months are numbers"
	}
	return ""
}

// numbers returns the members of a list as bits, the lowest number that may stand in it being bit 0. It
// is all of them for a star.
func (r *calendarReader) numbers(i int) (set uint64) {
	_, low, high := r.limits(i)
	f := &r.fields[i]
	if f.lo == f.hi {
		return 1<<(high-low+1) - 1
	}
	for _, it := range r.items[f.lo:f.hi] {
		if i == calendarDay && r.fromEnd && it.last < 0 && it.step > 0 {
			for n := it.first; n >= low; n -= it.step {
				set |= 1 << (n - low)
			}
			continue
		}
		for n := it.first; n <= it.end(high); n += max(it.step, 1) {
			set |= 1 << (n - low)
		}
	}
	return set
}

// end is the number after which an item has no more.
func (it *calendarItem) end(high int) int {
	switch {
	case it.last >= 0:
		return it.last
	case it.step > 0:
		return high
	}
	return it.first
}

// wild says that a field is a star, or has a step that begins with 0 and has no end.
func (r *calendarReader) wild(i int) bool {
	f := &r.fields[i]
	return f.lo == f.hi || slices.ContainsFunc(r.items[f.lo:f.hi], func(it calendarItem) bool {
		return it.first == 0 && it.last < 0 && it.step > 0
	})
}
