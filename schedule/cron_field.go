package schedule

import "strings"

// The fields of a cron line: lists of numbers and names, ranges, steps, stars and H.

// A cronField says what may stand in a field.
type cronField struct {
	want      string
	low, high int
	names     string // of 1 and those after it
	unit      byte   // of @every, 0 for none
	round     string // when it begins anew
}

func cronFieldAt(i int) cronField {
	switch i {
	case cronSecond:
		return cronField{"a second: 0 to 59", 0, 59, "", 's', "minute"}
	case cronMinute:
		return cronField{"a minute: 0 to 59", 0, 59, "", 'm', "hour"}
	case cronHour:
		return cronField{"an hour: 0 to 23", 0, 23, "", 'h', "day"}
	case cronMonthday:
		return cronField{"a day of the month: 1 to 31, or L, L-3, LW, 15W", 1, 31, "", 0, "month"}
	case cronMonth:
		return cronField{"a month: 1 to 12, or jan to dec", 1, 12, monthNames, 0, "year"}
	default:
		return cronField{"a weekday: 0 to 7, or sun to sat, or 5L, 5#2", 0, 6, weekdayNames, 0, "week"}
	}
}

// A cronItem is one member of a list, but for those of cron_days.go.
type cronItem struct {
	star, hash bool
	bounds     bool // of an H: they are written
	a, b       int  // the first and the last; the weekday 7 is only a last one
	step       int  // 0 for none
}

// readItem appends a member of a list to both texts, with a comma in the plain one.
func (r *cronReader) readItem(p part) error {
	if p.text == "" {
		return p.wanted(r.want)
	}
	if known, err := r.readDay(p); known || err != nil {
		return err
	}
	it, err := r.split(p)
	if err != nil {
		return err
	}
	r.adviseStep(p, &it)
	r.text = it.append(r.text)
	if it.hash {
		r.resolve(&it)
	}
	r.appendPlain(&it)
	return nil
}

// split reads an item: a star, an H, a value or a range, and a step.
func (r *cronReader) split(p part) (it cronItem, err error) {
	head, step, stepped := p.next('/')
	if head.text == "" {
		return it, p.wantedHint(r.want, r.hint(p.text))
	}
	if stepped {
		n, ok := number(step.text)
		if !ok || n == 0 {
			return it, step.wanted("a step: a number above 0")
		}
		it.step = n
	}
	switch {
	case head.text == "*" || head.text == "?":
		it.star, it.a, it.b = true, r.low, r.high
	case head.text[0]|0x20 == 'h':
		it.hash = true
		err = r.readHash(head.from(1), &it)
	default:
		err = r.readRange(head, &it)
	}
	if it.step == 1 && !it.hash {
		it.step = 0
	}
	return it, err
}

// readRange reads a value or a range. With a step alone a value is a range up to the end of the field.
func (r *cronReader) readRange(p part, it *cronItem) (err error) {
	first, last, isRange := p.next('-')
	if it.a, err = r.value(first); err != nil {
		return err
	}
	it.b = it.a
	if isRange {
		if it.b, err = r.value(last); err != nil {
			return err
		}
	}
	if r.index == cronWeekday {
		it.beginAtSunday()
	}
	switch {
	case it.a > it.b:
		return p.wantedHint("a range with its lower end first", "it is written "+r.around(it.a, it.b))
	case !isRange && it.step > 0:
		it.b = r.high
	case it.a == it.b:
		it.step = 0
	}
	return nil
}

// beginAtSunday makes the weekday 7 the 0 that it is, but at the end of a range.
func (it *cronItem) beginAtSunday() {
	if it.a != 7 {
		return
	}
	it.a = 0
	if it.b == 7 {
		it.b = 0
	}
}

// value reads a number or the three letters of a name.
func (r *cronReader) value(p part) (int, error) {
	high := r.high
	if r.index == cronWeekday {
		high = 7
	}
	if n, ok := number(p.text); ok && n >= r.low && n <= high {
		return n, nil
	}
	i := -1
	if r.names != "" {
		i = nameIndex(p.text, r.names)
	}
	switch {
	case i >= 0 && len(p.text) == 3:
		return i + 1, nil
	case i >= 0:
		return 0, p.wantedHint(r.want, "names have three letters")
	}
	return 0, p.wantedHint(r.want, r.hint(p.text))
}

// hint guesses what was meant by what is no value.
func (r *cronReader) hint(text string) string {
	weekday := r.index == cronWeekday
	switch {
	case strings.Contains(text, "~"):
		return "a number that is chosen is written H(0-29)"
	case text == "24" && r.index == cronHour:
		return "midnight is 0"
	case text == "60":
		return "the one after 59 is 0"
	case weekday && strings.EqualFold(text, "L"):
		return "the last Friday of the month is written 5L"
	case weekday && strings.HasPrefix(text, "/"):
		return "commands are no part of a schedule"
	case strings.ContainsAny(text, "#LlWw"):
		return "L, W and # stand in a day field, and not in a range"
	}
	return ""
}

// around is how a range over the end of the field is written.
func (r *cronReader) around(a, b int) string {
	low, high := r.low, r.high
	if r.index == cronWeekday {
		low, high = 1, 7
	}
	text := appendRange(nil, a, high)
	if b >= low {
		text = appendRange(append(text, ','), low, b)
	}
	return string(text)
}

func appendRange(text []byte, a, b int) []byte {
	text = appendInt(text, a)
	if a == b {
		return text
	}
	return appendInt(append(text, '-'), b)
}

// append writes an item in its canonical form: names as numbers, ? as a star, 5/15 as 5-59/15, which
// every cron reads alike.
func (it *cronItem) append(text []byte) []byte {
	switch {
	case it.star:
		text = append(text, '*')
	case it.hash && it.bounds:
		text = append(appendInt(append(text, 'H', '('), it.a), '-')
		text = append(appendInt(text, it.b), ')')
	case it.hash:
		text = append(text, 'H')
	default:
		text = appendRange(text, it.a, it.b)
	}
	if it.step == 0 || it.a == it.b && !it.hash {
		return text
	}
	return appendInt(append(text, '/'), it.step)
}

// appendPlain writes an item as robfig/cron reads it, to which Sunday is 0 alone.
func (r *cronReader) appendPlain(it *cronItem) {
	if r.index != cronWeekday || it.b != 7 {
		r.plain = append(it.append(r.plain), ',')
		return
	}
	for n := it.a; n <= 7; n += max(it.step, 1) {
		r.plain = append(appendInt(r.plain, n%7), ',')
	}
}

// adviseStep warns of a step that does not divide its field: users of */45 mean each 45 minutes.
func (r *cronReader) adviseStep(p part, it *cronItem) {
	if !it.star || it.step == 0 || (it.b-it.a+1)%it.step == 0 {
		return
	}
	text := p.text + " begins anew each " + r.round
	if r.unit != 0 {
		text += ": an interval that does not is written @every " + string(appendInt(nil, it.step)) + string(r.unit)
	}
	r.s.warn(p, text)
}
