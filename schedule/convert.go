package schedule

import (
	"errors"
	"math/bits"
	"strings"
)

// Convert writes the schedule in another notation: OpenSVC, Cron or Calendar. The text that it returns means
// the same, on days with clock changes too. The error says what the other notation can't say.
func (s *Schedule) Convert(to Notation) (string, error) {
	switch {
	case to == s.notation:
		return s.text, nil
	case s.hashed():
		return "", errors.New("its H is a number chosen for each task, and the notation has none")
	}
	write := map[Notation]func([]line) (string, error){OpenSVC: writeOpenSVC, Cron: writeCron, Calendar: writeCalendar}[to]
	if write == nil {
		return "", errors.New("wanted the notation om, cron or calendar to convert to")
	}
	text, ok := s.convertWord(to)
	if !ok {
		lines, err := s.lines(to)
		if err == nil {
			text, err = write(lines)
		}
		if err != nil {
			return "", err
		}
	}
	o := Options{Zone: s.zone, Zones: func(string) (*Zone, error) { return s.zone, nil }, Gap: s.gap, Overlap: s.overlap}
	converted, err := Parse(to.String()+": "+text, o)
	if err != nil {
		return "", errors.New("it has more times than the other notation takes in one text")
	}
	return converted.String(), nil
}

// hashed says that the fields of a line of cron have an H. Names are numbers in the canonical form, and words small.
func (s *Schedule) hashed() bool {
	body, _ := look(whole(s.text))
	if zone, rest := body.word(); strings.HasPrefix(zone.text, "CRON_TZ=") {
		body = rest
	}
	return s.notation == Cron && strings.IndexByte(body.text, 'H') >= 0
}

// convertWord writes what only cron has a word for.
func (s *Schedule) convertWord(to Notation) (string, bool) {
	if to != Cron || len(s.clauses) != 1 {
		return "", false
	}
	c := &s.clauses[0]
	switch {
	case c.kind == boot:
		return "@reboot", true
	case c.kind == grid && !c.is(once) && mod(c.anchor()+int64(s.zone.offsets[0]), int64(c.pause)) == 0 && c.anchor() <= 0:
		return string(appendHours([]byte("@every "), int(c.pause))), true
	}
	return "", false
}

// A line is what one line of cron, or one calendar expression, says: times that each of its days has.
type line struct {
	hours            uint32
	minutes, seconds uint64
	fixed            bool
	set              daySet
	zone             string // "" where the text names none
}

// lines returns the schedule as lines, or the reason for which it is more than that.
func (s *Schedule) lines(to Notation) ([]line, error) {
	if s.notation == Every && s.limits != nil && s.limits.from > never {
		return nil, errors.New("it begins at a moment: the keyword not_before says that, the notation can't")
	}
	var all []line
	for _, m := range s.members() {
		if m.exclude {
			return nil, errors.New("it has the exclusion " + m.text + ", and the notation has none")
		}
		lines, err := m.lines(to)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	if len(all) == 0 {
		return nil, errors.New("it never runs, and the notation has no way to say so")
	}
	return all, nil
}

func (m *member) lines(to Notation) (all []line, err error) {
	for i := range m.clauses {
		c := &m.clauses[i]
		if err := m.unsaid(c, to); err != nil {
			return nil, err
		}
		l := line{hours: c.hours, minutes: c.minutes, seconds: c.seconds, fixed: c.is(fixed), zone: m.namedZone(), set: everyDay()}
		if c.kind == window {
			l.hours, l.minutes, l.seconds = 1<<(c.begin/3600), 1<<(c.begin/60%60), 1<<(c.begin%60)
		}
		if c.kind == single {
			l = momentLine(c.anchor())
		}
		sets := m.sets[c.lo:min(int(c.hi), len(m.sets))]
		if c.weekly != 0 || len(sets) == 0 {
			l.set.weekdays = cmpWeekly(c.weekly, l.set.weekdays)
			all = append(all, l)
			continue
		}
		for k := range sets {
			l.set = sets[k]
			all = append(all, l)
		}
	}
	return joinLines(all), nil
}

func cmpWeekly(weekly, all uint8) uint8 {
	if weekly == 0 {
		return all
	}
	return weekly
}

// unsaid says what no line can say, and what is nearest to it.
func (m *member) unsaid(c *clause, to Notation) error {
	switch {
	case m.notation == NetWorker:
		return errors.New("its days have actions, and the notation has none")
	case c.kind == boot:
		return errors.New("it is at the start of the host, and the notation has no word for that")
	case c.is(periodDays|periodMonths) || c.kind == grid:
		return nearer(c.unsaidPeriod(to), m.near(c, to), c.differs(to))
	case c.kind == window:
		return m.unsaidWindow(c, to)
	}
	return nil
}

// unsaidPeriod is unsaid for grids and for anacron's periods.
func (c *clause) unsaidPeriod(to Notation) string {
	period := c.is(periodDays | periodMonths)
	switch {
	case period && to == OpenSVC:
		return "its period is counted in days of the calendar, and that of the notation is not"
	case period:
		return "its period is counted from the last run, and the notation has no last run"
	case c.is(once) && to == OpenSVC:
		return "it waits for the end of the last run, and the notation counts from its slot"
	case c.is(once):
		return "it waits for the end of the last run, and the notation has no last run"
	case to == OpenSVC:
		return "its grid of " + spoken(int(c.pause)) + " does not move with the runs"
	}
	return "its grid of " + spoken(int(c.pause)) + " is not made of times of the day"
}

// differs says how what is nearest differs.
func (c *clause) differs(to Notation) string {
	switch {
	case to == OpenSVC:
		return "counted from the slot of the last run"
	case c.kind == grid && !c.is(once):
		return "which begins anew each hour or day"
	}
	return "at times that do not depend on runs"
}

// unsaidWindow is unsaid for windows, of which a line has points alone.
func (m *member) unsaidWindow(c *clause, to Notation) error {
	switch {
	case !c.is(once | point):
		return nearer("its interval of "+spoken(int(c.pause))+" is counted from the last run, and the notation has no last run", m.near(c, to), c.differs(to))
	case !c.is(point):
		return nearer("it lets a run begin at any time of a range, and the notation has only instants", m.near(c, to), "its begin alone")
	case c.pause != pointPause:
		return errors.New("its interval is counted from the last run, and the notation has no last run")
	}
	return nil
}

// momentLine is a single instant, in UTC.
func momentLine(u int64) line {
	t := u - floorDay(u)*day
	return line{
		hours: 1 << (t / 3600), minutes: 1 << (t / 60 % 60), seconds: 1 << (t % 60),
		fixed: true, set: oneDay(floorDay(u)), zone: "UTC",
	}
}

// namedZone is the zone that the text itself names; "" for none.
func (s *Schedule) namedZone() string {
	body, _ := look(whole(s.text))
	switch last := body.text[strings.LastIndexByte(body.text, ' ')+1:]; {
	case s.notation == Cron && strings.HasPrefix(body.text, "CRON_TZ="),
		(s.notation == Calendar || s.notation == At) && last != "" && isLetter(last[0]):
		return s.zone.Name()
	}
	return ""
}

// joinLines puts lines together that differ in one field of the time alone.
func joinLines(all []line) (joined []line) {
	for _, l := range all {
		if !joinLine(joined, &l) {
			joined = append(joined, l)
		}
	}
	return joined
}

// joinLine adds a line to the first one that it can be joined with.
func joinLine(all []line, l *line) bool {
	for i := range all {
		o := &all[i]
		if o.set != l.set || o.fixed != l.fixed || o.zone != l.zone {
			continue
		}
		same := 0
		for _, equal := range [3]bool{o.hours == l.hours, o.minutes == l.minutes, o.seconds == l.seconds} {
			if equal {
				same++
			}
		}
		if same >= 2 {
			o.hours |= l.hours
			o.minutes |= l.minutes
			o.seconds |= l.seconds
			return true
		}
	}
	return false
}

// oneLine is for the notations whose text is one.
func oneLine(all []line) (*line, error) {
	if len(all) > 1 {
		return nil, errors.New("it needs " + decimal(len(all)) + " lines, and the notation has one: " + saidLines(all))
	}
	l := &all[0]
	switch {
	case l.set.weeks != allWeeks:
		return nil, errors.New("it names ISO weeks, and the notation has none")
	case l.set.step > 1:
		return nil, errors.New("it counts days from a date, and the notation has no such period")
	}
	return l, nil
}

// stepped tells a set that a star and a step write: all, or each step-th from 0 on.
func stepped(set uint64, size int) (step int, ok bool) {
	if set == 1<<size-1 {
		return 1, true
	}
	step = stepOf(set, size)
	return step, step > 1 && set&1 != 0
}

// listOf writes a set as numbers from low on, and runs of three and more as ranges.
func listOf(set uint64, low int, between string, number func(n int) string) string {
	var items []string
	for set != 0 {
		a := bits.TrailingZeros64(set)
		b := a
		for set>>(b+1)&1 != 0 {
			b++
		}
		set &^= 1<<(b+1) - 1<<a
		switch {
		case b > a+1:
			items = append(items, number(a+low)+between+number(b+low))
		case b > a:
			items = append(items, number(a+low), number(b+low))
		default:
			items = append(items, number(a+low))
		}
	}
	return strings.Join(items, ",")
}

func decimal(n int) string { return string(appendInt(nil, n)) }
