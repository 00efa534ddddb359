package schedule

import "strings"

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

// lastOrdinal is the number of last: first is 0, fifth is 4.
const lastOrdinal = 5

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
