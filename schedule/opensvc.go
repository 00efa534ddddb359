package schedule

import (
	"encoding/json"
	"strings"
)

// The notation of OpenSVC: "[!] timeranges [days [weeks [months]]]", or a JSON list of such.

// maxClauses and maxSets bound what a search looks at: the windows of all expressions, cut where exclusions
// begin and end, and the sets of days of each.
const (
	maxClauses = 255
	maxSets    = 1 << 14
)

// A timeRange is one of the ranges of an expression, as written.
type timeRange struct {
	begin, end int32 // end is included; of a range over midnight it is before begin
	pause      int32
	kind       uint8 // whole day, point, range
	spread     bool
	every      bool // an interval is written
	text       part
}

const (
	wholeDay = uint8(iota)
	pointOfTime
	rangeOfTime
)

// An expression is one member of a list.
type expression struct {
	exclude bool
	ranges  []timeRange
	lo, hi  int // its sets, in Schedule.sets

	days, weeks part // as written
}

func (s *Schedule) parseOpenSVC(p part) error {
	members, err := list(p)
	if err != nil {
		return err
	}
	var first [4]expression
	all := first[:0]
	text := make([]byte, 0, len(p.text)+8)
	for i, m := range members {
		if i > 0 {
			text = append(text, `", "`...)
		}
		var e expression
		if e, text, err = s.parseExpression(m, text); err != nil {
			return err
		}
		all = append(all, e)
	}
	s.text = listText(string(text), len(members))
	s.adviseList(all)
	return s.build(p, all)
}

func listText(text string, members int) string {
	if members < 2 {
		return text
	}
	return `["` + text + `"]`
}

// list returns the expressions of a value.
func list(p part) ([]part, error) {
	switch {
	case p.text == "":
		return nil, nil
	case p.text[0] == '"':
		return nil, p.to(1).wantedHint("an expression without quotes", `a list is written ["02:00", "14:00"]`)
	case p.text[0] != '[':
		return []part{p}, nil
	}
	var members []part
	rest := p.from(1).trim()
	if strings.HasPrefix(rest.text, "]") {
		return nil, rest.from(1).trim().nothing()
	}
	for {
		member, after, err := quoted(rest)
		if err != nil {
			return nil, err
		}
		members = append(members, member)
		rest = after.trim()
		switch {
		case strings.HasPrefix(rest.text, ","):
			rest = rest.from(1).trim()
		case strings.HasPrefix(rest.text, "]"):
			return members, rest.from(1).trim().nothing()
		default:
			return nil, rest.wanted(`a comma or "]"`)
		}
	}
}

// nothing is an error where something is left.
func (p part) nothing() error {
	if p.text != "" {
		return p.wanted("nothing more")
	}
	return nil
}

// quoted splits off a JSON string.
func quoted(p part) (text, rest part, err error) {
	if !strings.HasPrefix(p.text, `"`) {
		return p, p, p.wantedHint("an expression in double quotes", "the list is JSON")
	}
	for i := 1; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case '"':
			text = p.cut(1, i)
			if strings.IndexByte(text.text, '\\') < 0 {
				return text, p.from(i + 1), nil
			}
			if err = json.Unmarshal([]byte(p.text[:i+1]), &text.text); err != nil {
				return p, p, p.to(i + 1).wanted("a JSON string")
			}
			return part{text.whole, text.at, text.text}, p.from(i + 1), nil
		}
	}
	return p, p, p.from(len(p.text)).wanted("a double quote")
}

// parseExpression reads one member, puts its days into the sets, and appends its canonical text.
func (s *Schedule) parseExpression(p part, text []byte) (e expression, _ []byte, err error) {
	p = p.trim()
	if e.exclude = strings.HasPrefix(p.text, "!"); e.exclude {
		p = p.from(1).trim()
		text = append(text, '!', ' ')
	}
	times, rest := p.word()
	days, rest := rest.word()
	weeks, rest := rest.word()
	months, rest := rest.word()
	if rest.text != "" {
		return e, text, rest.wantedHint("at most four fields: times, days, weeks, months", "a cron line has its minutes and hours first, without a colon")
	}
	if e.ranges, text, err = s.parseRanges(times, text); err != nil {
		return e, text, err
	}
	e.lo, e.days, e.weeks = len(s.sets), days, weeks
	fields := [3][]byte{}
	if fields[0], err = s.parseDays(days); err != nil {
		return e, text, err
	}
	base := everyDay()
	if base.weeks, fields[1], err = s.parseWeeks(weeks); err != nil {
		return e, text, err
	}
	if base.months, fields[2], err = s.parseMonths(months); err != nil {
		return e, text, err
	}
	for i := e.lo; i < len(s.sets); i++ {
		s.sets[i].weeks, s.sets[i].months, s.sets[i].minus = base.weeks, base.months, e.exclude
	}
	e.hi = len(s.sets)
	return e, appendFields(text, fields), s.possible(&e)
}

// possible refuses an inclusion whose days no calendar has: 30 February, or week 20 in December. Months that
// their own modulo leaves out are no mistake of this kind.
func (s *Schedule) possible(e *expression) error {
	sets := s.sets[e.lo:e.hi]
	if e.exclude || len(sets) == 0 || sets[0].months == 0 || sets[0].months == allMonths && sets[0].weeks == allWeeks {
		return nil
	}
	if d := newDates(s.sets, e.lo, e.hi); !d.never() {
		return nil
	}
	var room [4]daySet
	all := append(room[:0], sets...)
	for i := range all {
		all[i].weeks = allWeeks
	}
	if d := newDates(all, 0, len(all)); d.never() {
		return e.days.wantedHint("a day that one of its months has", "the last day of each month is written *:last")
	}
	set := everyDay()
	set.weeks, set.months = sets[0].weeks, sets[0].months
	if d := newDates([]daySet{set}, 0, 1); d.never() {
		return e.weeks.wantedHint("a week that one of its months has a part of", "weeks are ISO weeks of the year, 1 to 53")
	}
	return e.days.wantedHint("a day that is in one of its weeks", "a day must be in all: the days, the weeks and the months")
}

// appendFields leaves out the fields at the end that say all.
func appendFields(text []byte, fields [3][]byte) []byte {
	n := 3
	for n > 0 && (len(fields[n-1]) == 0 || string(fields[n-1]) == "*") {
		n--
	}
	for _, f := range fields[:n] {
		if len(f) == 0 {
			f = []byte{'*'}
		}
		text = append(append(text, ' '), f...)
	}
	return text
}

const rangeWant = "a time range, as in 02:00, 02:00-04:00, ~02:00-04:00, 08:00-18:00@1h, @10m or *"

func (s *Schedule) parseRanges(p part, text []byte) (ranges []timeRange, _ []byte, err error) {
	for i, more := 0, true; more; i++ {
		var item part
		item, p, more = p.next(',')
		var r timeRange
		if r, err = s.parseRange(item); err != nil {
			return nil, text, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		ranges, text = append(ranges, r), r.append(text)
	}
	return ranges, text, nil
}

func (s *Schedule) parseRange(p part) (r timeRange, err error) {
	r.text = p
	if p.text == "" {
		s.warn(p, "an empty time range means the whole day")
	}
	if r.spread = strings.HasPrefix(p.text, "~"); r.spread {
		p = p.from(1)
	}
	times, interval, every := p.next('@')
	if r.every = every; every {
		n, bad := interval.duration(60)
		if bad != nil {
			return r, bad
		}
		r.pause = int32(n) //nolint:gosec // below maxPause
	}
	if times.text == "" || times.text == "*" {
		r.end = day - 1
		return r, nil
	}
	begin, end, isRange := times.next('-')
	if r.begin, err = begin.clock(); err != nil {
		return r, err
	}
	r.kind, r.end = pointOfTime, r.begin
	if isRange {
		r.end, err = end.clock()
	}
	if r.begin != r.end {
		r.kind = rangeOfTime
	}
	return r, err
}

// clock reads HH:MM or HH:MM:SS.
func (p part) clock() (int32, error) {
	hours, rest, ok := p.next(':')
	minutes, seconds, hasSeconds := rest.next(':')
	if !ok {
		return 0, p.wanted(rangeWant)
	}
	h, okH := two(hours.text)
	m, okM := two(minutes.text)
	switch {
	case !okH || h > 23:
		return 0, hours.wantedHint("an hour from 00 to 23", midnight(h))
	case !okM || m > 59:
		return 0, minutes.wanted("minutes from 00 to 59")
	case !hasSeconds:
		return int32(h*3600 + m*60), nil //nolint:gosec // below a day
	}
	sec, ok := two(seconds.text)
	if !ok || sec > 59 {
		return 0, seconds.wanted("seconds from 00 to 59")
	}
	return int32(h*3600 + m*60 + sec), nil //nolint:gosec // below a day
}

func midnight(h int) string {
	if h == 24 {
		return "the end of the day is 23:59:59, its begin 00:00"
	}
	return ""
}

// two reads one or two digits.
func two(text string) (int, bool) {
	n, ok := number(text)
	return n, ok && len(text) <= 2
}

func (r *timeRange) append(text []byte) []byte {
	if r.spread {
		text = append(text, '~')
	}
	switch {
	case r.kind == wholeDay && !r.every:
		text = append(text, '*')
	case r.kind == pointOfTime:
		text = appendClock(text, int(r.begin))
	case r.kind == rangeOfTime:
		text = appendClock(append(appendClock(text, int(r.begin)), '-'), int(r.end))
	}
	if r.every {
		text = append(text, '@')
		if r.pause == 0 {
			return append(text, '0')
		}
		text = appendDuration(text, int(r.pause))
	}
	return text
}

const (
	dayWant      = "a day, as in mon, mon-fri, *:1, *:last, mon:1 or fri#last"
	weekdayWant  = "a weekday: mon to sun, or 1 to 7"
	monthdayWant = "a day of the month: 1 to 31, -1 to -31 from the end, first to fifth, or last"
)

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

// parseWeeks reads ISO weeks.
func (s *Schedule) parseWeeks(p part) (weeks uint64, text []byte, err error) {
	if p.text == "" || p.text == "*" {
		return allWeeks, nil, nil
	}
	for i, more := 0, true; more; i++ {
		var item part
		item, p, more = p.next(',')
		if i > 0 {
			text = append(text, ',')
		}
		if item.text == "" || item.text == "*" {
			s.warn(item, "an empty week, or *, in a list means all weeks")
			weeks, text = allWeeks, append(text, '*')
			continue
		}
		first, last, isRange := item.next('-')
		a, err := first.week()
		if err != nil {
			return 0, nil, err
		}
		b := a
		text = appendInt(text, a+1)
		if isRange {
			if b, err = last.week(); err != nil {
				return 0, nil, err
			}
			text = appendInt(append(text, '-'), b+1)
		}
		weeks |= span(a, b, 53)
	}
	return weeks, text, nil
}

func (p part) week() (int, error) {
	n, ok := number(p.text)
	if !ok || n < 1 || n > 53 {
		hint := ""
		switch {
		case strings.Contains(p.text, "%"):
			hint = "only months take a modulo"
		case nameIndex(p.text, weekdayNames) >= 0:
			hint = "days are the second field"
		case nameIndex(p.text, monthNames) >= 0:
			hint = "months are the fourth field"
		}
		return 0, p.wantedHint("an ISO week: 1 to 53", hint)
	}
	return n - 1, nil
}

func (s *Schedule) parseMonths(p part) (months uint16, text []byte, err error) {
	if p.text == "" || p.text == "*" {
		return allMonths, nil, nil
	}
	for i, more := 0, true; more; i++ {
		var item part
		item, p, more = p.next(',')
		if i > 0 {
			text = append(text, ',')
		}
		set := uint16(0)
		if set, text, err = s.parseMonthItem(item, text); err != nil {
			return 0, nil, err
		}
		months |= set
	}
	return months, text, nil
}

const monthWant = "a month: jan to dec, or 1 to 12"

// parseMonthItem reads a month or a range, and the modulo after it.
func (s *Schedule) parseMonthItem(p part, text []byte) (months uint16, _ []byte, err error) {
	names, modulo, has := p.next('%')
	switch {
	case names.text == "" && !has:
		s.warn(p, "an empty month means all months")
		return allMonths, append(text, '*'), nil
	case names.text == "" || names.text == "*":
		months = allMonths
		if !has {
			text = append(text, '*')
		}
	default:
		if months, text, err = s.parseMonthRange(names, text); err != nil {
			return 0, text, err
		}
	}
	if !has {
		return months, text, nil
	}
	return parseModulo(modulo, months, text)
}

func (s *Schedule) parseMonthRange(p part, text []byte) (months uint16, _ []byte, err error) {
	first, last, isRange := p.next('-')
	a, err := first.month()
	if err != nil {
		return 0, text, err
	}
	b := a
	text = append(text, shortName(a, monthNames)...)
	if isRange {
		if b, err = last.month(); err != nil {
			return 0, text, err
		}
		text = append(append(text, '-'), shortName(b, monthNames)...)
		s.adviseMonths(p, a, b)
	}
	return uint16(span(a, b, 12)), text, nil //nolint:gosec // twelve bits
}

// month reads one, 0 for January.
func (p part) month() (int, error) {
	if i := nameIndex(p.text, monthNames); i >= 0 {
		return i, nil
	}
	if n, ok := number(p.text); ok && n >= 1 && n <= 12 {
		return n - 1, nil
	}
	return 0, p.wanted(monthWant)
}

// parseModulo keeps the months n for which (n + shift) mod m is 0.
func parseModulo(p part, months uint16, text []byte) (uint16, []byte, error) {
	divisor, shift, has := p.next('+')
	m, ok := number(divisor.text)
	if !ok || m < 1 || m > 12 {
		return 0, text, divisor.wantedHint("a divisor from 1 to 12", "%2 keeps every second month")
	}
	text = appendInt(append(text, '%'), m)
	n := 0
	if has {
		if n, ok = number(shift.text); !ok || n > 12 {
			return 0, text, shift.wanted("a shift from 0 to 12")
		}
		text = appendInt(append(text, '+'), n)
	}
	for i := range 12 {
		if (i+1+n)%m != 0 {
			months &^= 1 << i
		}
	}
	return months, text, nil
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
