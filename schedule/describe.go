package schedule

import (
	"cmp"
	"strings"
)

// Describe says in one sentence what the schedule means, without a capital or a full stop: "every 10
// minutes between 02:00 and 04:00, Monday to Saturday, Europe/Paris".
func (s *Schedule) Describe() string {
	var phrases, excluded []string
	for _, m := range s.members() {
		switch text := m.describe(); {
		case text == "":
		case m.exclude:
			excluded = append(excluded, "not "+text)
		default:
			phrases = append(phrases, text)
		}
	}
	if len(phrases) == 0 {
		return "never"
	}
	text := strings.Join(phrases, "; and ")
	if s.shift > 0 {
		text += ", put off by a part of the spread"
	}
	text = strings.Join(append([]string{text + s.describeLimits() + ", " + s.zone.Name()}, excluded...), "; ")
	return text
}

func (s *Schedule) describeLimits() (text string) {
	if s.limits == nil {
		return ""
	}
	if from := s.limits.from; from > never && s.notation != Every {
		text = ", not before " + s.moment(from)
	}
	if s.limits.until < s.zone.end(len(s.zone.starts)) {
		text += ", not after " + s.moment(s.limits.until)
	}
	return text
}

// describe says what a member means without its zone; "" for a member that has no instant.
func (m *member) describe() string {
	switch m.notation {
	case Anacron:
		return m.describeAnacron()
	case NetWorker:
		return m.describeNetWorker()
	case Every:
		return m.describeEvery()
	case At:
		return m.describeAt()
	case OpenSVC:
		return m.describeExpression()
	}
	if len(m.clauses) == 0 {
		return ""
	}
	c := &m.clauses[0]
	switch c.kind {
	case boot:
		return "once after each start of the host"
	case grid:
		return "every " + each(int(c.pause))
	}
	times, often := c.describeTimes()
	return onDays(times, m.describeDays(c), often)
}

// onDays joins what is said of the times with what is said of the days. What happens often needs no word of
// every day.
func onDays(times, days string, often bool) string {
	switch {
	case days != "":
		return times + ", " + days
	case often:
		return times
	case strings.Contains(times, " after the last run"):
		return times + ", every day"
	}
	return times + " every day"
}

// describeExpression is that of OpenSVC's notation: the ranges, and the days that all of them have.
func (m *member) describeExpression() string {
	var points, phrases []string
	often := true
	for i := range m.ranges {
		r := &m.ranges[i]
		switch {
		case r.every && r.pause == 0:
		case m.exclude:
			phrases = append(phrases, r.covered())
		case r.kind == pointOfTime && !r.every:
			points, often = append(points, clock(int(r.begin))), false
		default:
			text, dense := r.describe(allDays(m.days), m.random)
			phrases, often = append(phrases, text), often && dense
		}
	}
	if len(points) > 0 {
		phrases = append([]string{"at " + join(points, "and")}, phrases...)
	}
	if len(phrases) == 0 {
		return ""
	}
	days := describeSets(m.days)
	if times := join(phrases, "and"); !m.exclude {
		return onDays(times, days, often)
	} else if times != "" {
		return strings.TrimSuffix(times+", "+days, ", ")
	}
	return cmp.Or(days, "at any time")
}

// covered says what an exclusion covers of a day; "" for all of it.
func (r *timeRange) covered() string {
	switch {
	case r.begin > r.end:
		return "before " + clock(int(r.end)) + " and after " + clock(int(r.begin))
	case r.kind == wholeDay:
		return ""
	case r.kind == pointOfTime:
		return "at " + clock(int(r.begin))
	}
	return r.between()
}

func (r *timeRange) between() string {
	return "between " + clock(int(r.begin)) + " and " + clock(int(r.end))
}

// describe says what a range means, and whether that is more often than once a day.
func (r *timeRange) describe(allDays, random bool) (text string, often bool) {
	switch {
	case r.kind == wholeDay && (!r.every || r.pause == day):
		return strings.TrimSuffix("once a day "+r.chosen(random), " "), true
	case r.kind == wholeDay:
		return strings.TrimSuffix("every "+each(int(r.pause))+" "+r.chosen(random), " "), true
	case r.kind == pointOfTime:
		return "at " + clock(int(r.begin)) + r.apart(), false
	case r.begin > r.end && !allDays:
		return r.describeCut(), false
	}
	return r.describeRange(random), r.begin > r.end
}

// once says that there is one run in a range.
func (r *timeRange) once() bool { return !r.every || r.kind == rangeOfTime && r.pause > length(r) }

// describeCut is for a range that is cut at midnight.
func (r *timeRange) describeCut() string {
	if r.once() {
		return "once before " + clock(int(r.end)) + " and once after " + clock(int(r.begin)) + r.apart()
	}
	return "every " + each(int(r.pause)) + " before " + clock(int(r.end)) + " and after " + clock(int(r.begin))
}

func (r *timeRange) describeRange(random bool) string {
	text := "every " + each(int(r.pause)) + " "
	if r.once() {
		text = "once "
	}
	if text += r.chosen(random) + r.between(); r.begin > r.end {
		text += " of the next day"
	}
	if r.once() {
		text += r.apart()
	}
	return text
}

// chosen is what ~ says.
func (r *timeRange) chosen(random bool) string {
	switch {
	case !r.spread || r.every && r.pause < length(r):
		return ""
	case random:
		return "at a moment chosen anew each day "
	}
	return "at a moment chosen for the task "
}

// apart says that an interval is longer than its range.
func (r *timeRange) apart() string {
	if !r.every {
		return ""
	}
	return ", at least " + spoken(int(r.pause)) + " after the last run"
}

func (m *member) describeEvery() string {
	c := &m.clauses[0]
	_, from, counted := strings.Cut(strings.TrimSuffix(m.text, " after end"), " from ")
	switch {
	case c.kind == ticks:
		times, _ := c.describeTimes()
		if len(m.days) > 0 && m.days[0].step > 1 {
			times += " every " + each(int(m.days[0].step)*day) + ", counted from " + string(appendDate(nil, int64(m.days[0].phase)))
			if date, _, dated := strings.Cut(from, " "); dated {
				times = strings.TrimSuffix(times, string(appendDate(nil, int64(m.days[0].phase)))) + date
			}
			return times
		}
		return times + " every day"
	case c.is(once):
		return spoken(int(c.pause)) + " after the end of each run"
	case counted:
		return "every " + each(int(c.pause)) + ", counted from " + from
	}
	return "every " + each(int(c.pause)) + ", on a grid that does not move"
}

func (m *member) describeAt() string {
	text := strings.TrimPrefix(m.text, "at ")
	if i := strings.LastIndexByte(text, ' '); i >= 0 && isLetter(text[i+1]) {
		text = text[:i]
	}
	return "once at " + join(strings.Split(text, ", "), "and")
}

func (m *member) describeAnacron() string {
	c := &m.clauses[0]
	fields := strings.Fields(m.text)
	text := "once a "
	switch days := int(c.pause); {
	case c.is(periodMonths) && days == 12:
		text += "year"
	case c.is(periodMonths):
		text += "month"
	case days == 7:
		text += "week"
	case days == 1:
		text += "day"
	default:
		text = "once in " + counted(days, "day")
	}
	minutes, _ := number(fields[1])
	text += ", " + counted(minutes, "minute") + " after "
	text += cmp.Or(clockAfterMidnight(c.begin), "midnight") + " or after the start of the host"
	if c.end < day {
		text += ", until " + clock(int(c.end))
	}
	for _, f := range fields[2:] {
		if delay, ok := strings.CutPrefix(f, "RANDOM_DELAY="); ok {
			text += ", and up to " + delay + " minutes more, chosen for the task"
		}
	}
	return text
}

func clockAfterMidnight(t int32) string {
	if t == 0 {
		return ""
	}
	return clock(int(t))
}

// describeNetWorker tells the action of each day, and the clauses that are left as they are written.
func (m *member) describeNetWorker() string {
	l := m.limits.levels
	if len(m.clauses) == 0 {
		return ""
	}
	first := &m.clauses[0]
	text := "at " + clock(int(first.begin))
	if len(m.clauses) > 1 {
		text += " and every " + each(int(first.pause)) + " after it until midnight"
	}
	return text + ": " + strings.Join(append(l.describeDays(), m.describeOverrides()...), ", ") +
		", a run may begin within " + spoken(int(m.restart()))
}

// restart is how long after its slot a run may begin.
func (m *member) restart() int32 {
	longest := int32(0)
	for i := range m.clauses {
		longest = max(longest, m.clauses[i].end-m.clauses[i].begin)
	}
	return longest
}

// describeDays says which days of the period have an action, in the order in which these come first.
func (l *levels) describeDays() (phrases []string) {
	size, name := 7, func(i int) string { return title(fullName((i+6)%7, weekdayNames)) }
	if l.month {
		size, name = 31, func(i int) string { return string(appendInt(nil, i+1)) }
	}
	seen := map[string]bool{}
	for i := range size {
		action := l.days[i%len(l.days)]
		if seen[action] {
			continue
		}
		seen[action] = true
		set := uint64(0)
		for k := range size {
			if l.days[k%len(l.days)] == action {
				set |= 1 << k
			}
		}
		phrases = append(phrases, actionName(action)+" "+l.onDays(set, size, name))
	}
	return phrases
}

func (l *levels) onDays(set uint64, size int, name func(i int) string) string {
	names := join(runsOf(set, size, name), "and")
	switch {
	case set == 1<<size-1:
		return "every day"
	case l.month && set&(set-1) == 0:
		return "on day " + names
	case l.month:
		return "on the days " + names
	}
	return "on " + names
}

func actionName(action string) string {
	if action == skip {
		return "nothing"
	}
	return action
}

// describeOverrides is made of their canonical text.
func (m *member) describeOverrides() (phrases []string) {
	for _, clause := range strings.Split(m.text, "; ")[1:] {
		words := strings.Fields(clause)
		switch {
		case words[0] == "start" || words[0] == "interval" || words[0] == "restart":
		case len(words) == 2:
			phrases = append(phrases, actionName(words[0])+" on "+words[1])
		case words[4] == "week":
			phrases = append(phrases, actionName(words[0])+" each "+title(words[2]))
		default:
			unit := words[2]
			if unit != "day" {
				unit = title(unit)
			}
			phrases = append(phrases, actionName(words[0])+" on the "+words[1]+" "+unit+" of each "+words[4])
		}
	}
	return phrases
}
