package schedule

import (
	"strings"
	"time"
)

// The notation of NetWorker's schedules and groups, on one line:
//
//	period week full incr*5 skip; full first friday every month; skip 12/25/2026; start 21:00; restart 12h
//
// It gives each day an action. A day whose action is skip has no slot; the others have the start, and each
// interval after it on the same day one more. A run may begin until the restart window is over, or the
// next slot is due.

const (
	skip          = "skip"
	netStart      = 3*3600 + 33*60 // NetWorker's own
	netRestart    = 12 * 3600
	periodWant    = `"period week" or "period month", and actions such as full, incr*5, skip`
	actionWant    = "an action: full, incr, 1 to 9, skip, or another word of letters, digits, and . _ -"
	overrideWant  = "when: 12/31/2026, 2026-12-31, or as in first friday every month"
	ordinalNames  = "first second third fourth fifth last"
	netUnitWant   = "day, or a weekday: monday to sunday"
	netPeriodWant = "week, month, quarter or year"
	netPeriods    = "week month quarter year"
	netKeywords   = "period override start interval restart"
)

// levels are the actions of the days.
type levels struct {
	days      []string // of the period, from its first day on, again and again
	month     bool     // the period is a month, and not a week that begins on Sunday
	first     int      // the sets from this one on are those of overrides
	overrides []string // the action of each of these sets
}

// A netReader reads one clause after the other.
type netReader struct {
	s        *Schedule
	l        *levels
	text     []byte
	seen     uint8 // of start, interval and restart
	start    int32
	interval int32
	restart  int32
	often    part // the interval as written
}

func (s *Schedule) parseNetWorker(p part) error {
	r := netReader{s: s, l: &levels{}, text: make([]byte, 0, len(p.text)+32), start: netStart, interval: day, restart: netRestart}
	first, rest, more := p.next(';')
	if err := r.readPeriod(first.trim()); err != nil {
		return err
	}
	for more {
		var c part
		c, rest, more = rest.next(';')
		if c = c.trim(); c.text == "" && !more {
			break
		}
		if err := r.readClause(c); err != nil {
			return err
		}
	}
	r.appendTimes()
	switch s.text = string(r.text); {
	case len(s.text) > MaxText:
		return p.from(len(p.text)).wanted("a schedule of at most 4096 bytes, with a blank behind each semicolon")
	case r.starts() > maxClauses:
		return r.often.wanted("at most 255 starts a day")
	}
	s.rare().levels = r.l
	r.build()
	return nil
}

// readPeriod reads the first clause, and makes the set of the days that have a run without the overrides.
func (r *netReader) readPeriod(p part) error {
	word, rest := p.word()
	period, actions := rest.word()
	limit := 7
	if r.l.month = period.text == "month"; r.l.month {
		limit = 31
	}
	switch {
	case word.text != "period":
		return word.wanted(periodWant)
	case !r.l.month && period.text != "week":
		return period.wanted("week or month")
	case actions.text == "":
		return actions.wanted(actionWant)
	}
	if err := r.readActions(actions, limit); err != nil {
		return err
	}
	r.appendActions(period.text)
	if set := r.l.base(limit); set.months != 0 {
		r.s.sets = append(r.s.sets, set)
	}
	r.l.first = len(r.s.sets)
	return nil
}

// readActions reads the actions of a period, of which incr*5 is five.
func (r *netReader) readActions(p part, limit int) error {
	r.l.days = make([]string, 0, limit)
	for p.text != "" {
		var word part
		word, p = p.word()
		name, times, repeated := word.next('*')
		action, err := name.action()
		if err != nil {
			return err
		}
		n, ok := 1, true
		if repeated {
			n, ok = number(times.text)
		}
		switch {
		case !ok || n == 0:
			return times.wanted("how many days have this action")
		case len(r.l.days)+n > limit:
			return word.wanted("at most " + string(appendInt(nil, limit)) + " days")
		}
		for range n {
			r.l.days = append(r.l.days, action)
		}
	}
	return nil
}

// action reads a word.
func (p part) action() (string, error) {
	switch {
	case strings.EqualFold(p.text, skip):
		return skip, nil
	case exactIndex(p.text, netKeywords) >= 0:
		return "", p.wantedHint(actionWant, "a clause begins behind a semicolon")
	}
	for i := range len(p.text) {
		if c := p.text[i]; !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte("_.-", c) < 0 {
			return "", p.wanted(actionWant)
		}
	}
	if p.text == "" {
		return "", p.wanted(actionWant)
	}
	return p.text, nil
}

func (r *netReader) appendActions(period string) {
	r.text = append(append(r.text, "period "...), period...)
	for i := 0; i < len(r.l.days); {
		n := 1
		for i+n < len(r.l.days) && r.l.days[i+n] == r.l.days[i] {
			n++
		}
		r.text = append(append(r.text, ' '), r.l.days[i]...)
		if n > 1 {
			r.text = appendInt(append(r.text, '*'), n)
		}
		i += n
	}
}

// base is the set of the days of a period whose action is not skip; without months if there are none.
func (l *levels) base(limit int) daySet {
	set, mask := everyDay(), uint32(0)
	for i := range limit {
		if l.days[i%len(l.days)] != skip {
			mask |= 1 << i
		}
	}
	switch {
	case mask == 0:
		set.months, set.weekdays = 0, 0
	case l.month && mask != 1<<31-1:
		set.monthdays = mask
	case !l.month:
		set.weekdays = uint8(mask>>1 | mask&1<<6) //nolint:gosec // seven bits
	}
	return set
}

func (r *netReader) readClause(p part) error {
	word, rest := p.word()
	switch strings.ToLower(word.text) {
	case "period":
		return word.wantedHint("another clause", "there is one period")
	case "start":
		return r.readOnce(word, rest, 1)
	case "interval":
		return r.readOnce(word, rest, 2)
	case "restart":
		if window, after := rest.word(); strings.EqualFold(window.text, "window") {
			rest = after
		}
		return r.readOnce(word, rest, 4)
	case "override":
		return r.readOverride(rest)
	default:
		return r.readOverride(p)
	}
}

// readOnce reads the value of a clause that is there once.
func (r *netReader) readOnce(word, rest part, bit uint8) (err error) {
	value, rest := rest.word()
	switch {
	case r.seen&bit != 0:
		return word.wantedHint("another clause", "there is one "+word.text)
	case rest.text != "":
		return rest.wanted("a semicolon")
	}
	r.seen |= bit
	switch bit {
	case 1:
		if strings.IndexByte(value.text, ':') < 0 {
			return value.wanted(timeWant)
		}
		r.start, err = value.clock()
	case 2:
		r.often = value
		r.interval, err = value.netDuration()
	default:
		r.restart, err = value.netDuration()
	}
	return err
}

func (p part) netDuration() (int32, error) {
	n, err := p.duration(0)
	if err == nil && (n < 60 || n > day) {
		return 0, p.wanted("a time from 1m to 24h")
	}
	return int32(n), err //nolint:gosec // at most a day
}

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

// lastOrdinal is the number of last: first is 0, fifth is 4.
const lastOrdinal = 5

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

func (r *netReader) appendTimes() {
	if r.start != netStart {
		r.text = appendClock(append(r.text, "; start "...), int(r.start))
	}
	if r.interval != day {
		r.text = appendDuration(append(r.text, "; interval "...), int(r.interval))
	}
	if r.restart != netRestart {
		r.text = appendDuration(append(r.text, "; restart "...), int(r.restart))
	}
}

// starts is how many there are on a day.
func (r *netReader) starts() int32 { return (day-1-r.start)/r.interval + 1 }

// build makes a clause of each start of the day.
func (r *netReader) build() {
	dates := newDates(r.s.sets, 0, len(r.s.sets))
	if dates.never() {
		return
	}
	r.s.clauses = make([]clause, r.starts())
	pause := r.interval
	if r.seen&2 == 0 {
		pause = 0
	}
	night := day - (r.starts()-1)*r.interval // from the last start of a day to the first of the next
	for i := range r.s.clauses {
		begin, length := r.start+int32(i)*r.interval, min(r.restart, r.interval) //nolint:gosec // at most 255
		if i == 0 || begin+r.interval >= day {
			length = min(length, night)
		}
		r.s.clauses[i] = clause{
			kind: window, flags: apart | once, dates: dates,
			begin: begin, end: begin + length, pause: pause,
		}
	}
}

// Level is the action that NetWorker's notation gives the day of a slot, such as full or incr. After
// midnight, in a window that began the evening before, it is that evening's. For other notations it is "".
func (s *Schedule) Level(t time.Time) string {
	if s.limits == nil || s.limits.levels == nil {
		return ""
	}
	return s.limits.levels.on(s.sets, s.slotDay(t.Unix()))
}

// on returns the action of a day: that of the last override for it, else that of the period.
func (l *levels) on(sets []daySet, n int64) string {
	y, m, d := date(n)
	mo := monthOf(y, m)
	for i := len(l.overrides) - 1; i >= 0; i-- {
		if sets[l.first+i].in(&mo)>>(d-1)&1 != 0 {
			return l.overrides[i]
		}
	}
	i := d - 1
	if !l.month {
		i = (weekday(n) + 1) % 7
	}
	return l.days[i%len(l.days)]
}

// slotDay returns the day that has a window around the instant u, or a slot that a clock change has put
// off to it; else that of u.
func (s *Schedule) slotDay(u int64) int64 {
	local := s.zone.local(u)
	d := floorDay(local)
	t := int32(local - d*day) //nolint:gosec // below a day
	for i := range s.clauses {
		switch c := &s.clauses[i]; {
		case t+day < c.end && s.has(&c.dates, d-1):
			return d - 1
		case t >= c.begin && t < c.end && s.has(&c.dates, d):
			return d
		}
	}
	if n, ok := s.lostDay(u); ok {
		return n
	}
	return d
}

// lostDay returns the day of a slot that was left out by a clock change and runs at the instant u.
func (s *Schedule) lostDay(u int64) (int64, bool) {
	i := s.zone.at(u)
	was, is := s.zone.change(i)
	if was >= is {
		return 0, false
	}
	late := u - s.zone.starts[i]
	to := is - 1
	switch {
	case s.gap == GapShift && was+late < is:
		to = was + late
	case s.gap != GapAfter || late > 0:
		return 0, false
	}
	for i := range s.clauses {
		if local, ok := s.prevSlot(&s.clauses[i], to); ok && local >= was {
			return floorDay(local), true
		}
	}
	return 0, false
}
