package schedule

import (
	"math"
	"time"
)

// A Clause is what one part of a schedule says of an instant: an expression of OpenSVC's list, the whole of
// a text in another notation, or a limit around it.
type Clause struct {
	Text    string // the part in its canonical form, or the keyword
	Exclude bool   // it can only forbid
	Allows  bool   // it lets a run start at the instant; an exclusion, that it does not forbid that
	Reason  string // a phrase for people, without a capital or a full stop
	// The first second at which its answer may be another; zero for none. Where more than 400 windows of
	// an answer follow each other, it is the end of the last of those.
	Until time.Time
}

// Explain tells what each part of the schedule says of a start at t, after the last run: zero for none. A run
// may start where one part that is no exclusion allows it, and all that are: see Allows.
func (s *Schedule) Explain(last, t time.Time) []Clause {
	return s.ExplainSince("the last run", last, t)
}

// ExplainSince is Explain where last is something else than a run: since names it, as in "the start of the schedule".
func (s *Schedule) ExplainSince(since string, last, t time.Time) []Clause {
	l, u := instant(last), t.Unix()
	var all []Clause
	for _, m := range s.members() {
		m.since = since
		m.early()
		if m.exclude {
			all = append(all, m.explain(never, u))
		} else {
			all = append(all, m.explain(l, u))
		}
	}
	if len(all) == 0 {
		all = append(all, Clause{Reason: "it is empty: it never runs"})
	}
	return s.explainLimits(all, u)
}

func (s *Schedule) explainLimits(all []Clause, u int64) []Clause {
	if s.limits == nil {
		return all
	}
	if from := s.limits.from; from > never {
		c := Clause{Text: "not_before", Exclude: true, Allows: u >= from, Reason: "no slot before " + s.moment(from)}
		if !c.Allows {
			c.Until = s.zone.time(from)
		}
		all = append(all, c)
	}
	if s.limits.until < s.zone.end(len(s.zone.starts)) {
		c := Clause{Text: "not_after", Exclude: true, Allows: u <= s.limits.until, Reason: "no slot after " + s.moment(s.limits.until)}
		if c.Allows {
			c.Until = s.zone.time(s.limits.until + 1)
		}
		all = append(all, c)
	}
	return all
}

// moment writes an instant as the clocks of the zone show it.
func (s *Schedule) moment(u int64) string {
	return string(moment{at: s.zone.local(u), dated: true}.append(nil))
}

// explain tells what a member says of the instant u. An exclusion has instants too: those that it covers.
func (m *member) explain(last, u int64) Clause {
	c := Clause{Text: m.text, Exclude: m.exclude}
	has := m.has(last, u)
	c.Allows = has != m.exclude
	switch {
	case m.exclude && has:
		c.Reason = "it covers " + m.moment(u)
	case m.exclude:
		c.Reason = "it does not cover " + m.moment(u)
	case has:
		c.Reason = m.whyAllowed(last, u)
	default:
		c.Reason = m.whyNot(last, u)
	}
	if until, ok := m.until(last, u, has); ok {
		c.Until = m.zone.time(until)
	}
	return c
}

// has says that the instant u is one of the member's.
func (m *member) has(last, u int64) bool {
	next, ok := m.next(last, u)
	return ok && next == u
}

// maxSpans bounds how many windows, one behind the other, are looked at for the end of an answer.
const maxSpans = 400

// until finds the first instant after u at which has gives another answer.
func (m *member) until(last, u int64, has bool) (int64, bool) {
	if !has {
		return m.next(last, u)
	}
	for range maxSpans {
		u = m.spanEnd(last, u)
		if u == math.MaxInt64 {
			return 0, false
		}
		if !m.has(last, u) {
			break
		}
	}
	return u, true
}

// spanEnd returns the end of the windows that allow a start at the instant u, or else the second after it;
// MaxInt64 where such a window has all days in full.
func (m *member) spanEnd(last, u int64) int64 {
	end := u + 1
	for i := range m.clauses {
		c := &m.clauses[i]
		late := m.late(c)
		if start, ok := m.first(c, last-late, u-late); !ok || start != u-late {
			continue
		}
		switch {
		case c.kind == grid && c.is(once), c.kind == window && c.pauses() && c.weekly == allWeekdays && c.end-c.begin >= day:
			return math.MaxInt64
		case c.kind == window && !c.is(point):
			if local := m.windowEnd(c, u); local > never {
				end = max(end, m.zone.reach(u, local))
			}
		}
	}
	return end
}

// whyAllowed says what makes the instant u one of the member's.
func (m *member) whyAllowed(last, u int64) string {
	for i := range m.clauses {
		c := &m.clauses[i]
		late := m.late(c)
		if v, ok := m.first(c, last-late, u-late); !ok || v+late != u {
			continue
		}
		if c.kind == window && !c.is(point|periodDays|periodMonths) && m.inside(c, u) {
			return m.clockOf(u) + " is " + c.span() + m.pauseOver(c, last, u)
		}
		return m.startReason(c, last-late, u-late) + m.lateness(late)
	}
	return "it allows " + m.moment(u)
}

// span names the times of a window.
func (c *clause) span() string {
	switch {
	case c.begin == 0 && c.end == day:
		return "a time of one of its days"
	case c.end > day:
		return "between " + clock(int(c.begin)) + " and " + clock(int(c.end-day)) + " of the next day"
	}
	return "between " + clock(int(c.begin)) + " and " + clock(int(min(c.end-1, day-1)))
}

func (m *member) pauseOver(c *clause, last, u int64) string {
	if last <= never || c.is(apart) {
		return ""
	}
	return ", " + spoken(int(u-last)) + " after " + m.since
}

// whyNot says what keeps the instant u from being one of the member's.
func (m *member) whyNot(last, u int64) string {
	switch {
	case len(m.clauses) == 0:
		return "it never runs"
	case u <= last:
		return m.since + " was not before it"
	case u < 0:
		return "the first slots are in 1970"
	}
	d := floorDay(m.zone.local(u))
	days := false
	for i := range m.clauses {
		c := &m.clauses[i]
		if reason := m.whyNotClause(c, last, u); reason != "" {
			return reason
		}
		days = days || m.Schedule.has(&c.dates, d)
	}
	if !days {
		return m.whyNotDay(d)
	}
	return m.whyNotTime(u)
}

// whyNotClause is for a clause that alone says why; "" for another.
func (m *member) whyNotClause(c *clause, last, u int64) string {
	switch {
	case c.kind == boot || c.kind == single || c.kind == grid:
		return m.whyNotInstant(c, last)
	case c.is(periodDays | periodMonths):
		return m.whyNotPeriod(c, last, u)
	case c.kind == window && m.inside(c, u) && last > never:
		return m.since + " was " + spoken(int(u-last)) + " before, and " + m.wait(c)
	}
	return ""
}

// whyNotTime is for a day that has slots.
func (m *member) whyNotTime(u int64) string {
	text := m.clockOf(u)
	for i := range m.clauses {
		switch c := &m.clauses[i]; {
		case c.kind == window && !c.is(point) || !m.isSlot(c, u):
		case c.is(fixed) && m.zone.twice(u):
			return "clocks show " + text + " twice on this day, and dst_overlap chooses the other"
		case m.late(c) > 0:
			return text + " is put off to " + m.fullClock(u+m.late(c), u) + " as spread says"
		}
	}
	return text + " is not one of its times"
}

// fullClock is what the clocks show at an instant, with seconds; with the date where that is not the one of since.
func (s *Schedule) fullClock(u, since int64) string {
	local := s.zone.local(u)
	text := s.clockText(local)
	if local%60 == 0 {
		text += ":00"
	}
	if d := floorDay(local); d != floorDay(s.zone.local(since)) {
		text = string(appendDate(nil, d)) + " " + text
	}
	return text
}

// twice says that clocks show the time of the instant u at another one too.
func (z *Zone) twice(u int64) bool {
	i, local := z.at(u), z.local(u)
	for _, k := range [2]int{i, i + 1} {
		if was, is := z.change(k); is <= local && local < was {
			return true
		}
	}
	return false
}

// wait says what must pass after the last run.
func (m *member) wait(c *clause) string {
	switch {
	case c.is(apart), c.is(once):
		return "one run in the range is enough"
	}
	return "its interval is " + spoken(int(c.pause))
}

func (m *member) whyNotInstant(c *clause, last int64) string {
	switch {
	case c.kind == boot && m.booted() <= never:
		return "it is not known when the host was started"
	case c.kind == boot:
		return "the host was started at " + m.moment(m.booted())
	case c.kind == single:
		return "its moment is " + m.moment(c.anchor())
	case c.is(once) && last > never:
		return "the pause of " + spoken(int(c.pause)) + " after " + m.since + " is not over"
	case c.is(once):
		return "it begins at " + m.moment(c.anchor())
	}
	return "it is not on its grid of " + spoken(int(c.pause))
}

func (m *member) whyNotPeriod(c *clause, last, u int64) string {
	if due := c.due(m.zone, last); m.zone.local(u) < due {
		return "the period since " + m.since + " is over on " + string(appendDate(nil, floorDay(due)))
	}
	return "the delay, or the range of hours, has not begun, or is over for this day"
}

// whyNotDay says which condition a day does not meet.
func (m *member) whyNotDay(d int64) string {
	y, mo, dom := date(d)
	name := fullName(weekday(d), weekdayNames)
	text := title(name) + ", " + string(appendInt(nil, dom)) + " " + title(fullName(mo-1, monthNames)) + " " + string(appendInt(nil, y)) + ", is not one of its days"
	months, weeks := uint16(0), uint64(0)
	for i := range m.days {
		months |= m.days[i].months
		weeks |= m.days[i].weeks
	}
	monday := d - int64(weekday(d))
	switch {
	case len(m.days) == 0:
	case months>>(mo-1)&1 == 0:
		return title(fullName(mo-1, monthNames)) + " is not one of its months"
	case weeks>>(isoWeek(monday)-1)&1 == 0:
		return "week " + string(appendInt(nil, isoWeek(monday))) + " is not one of its weeks"
	}
	return text
}
