package service

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"om/schedule"
	"om/task"
)

// Calendar makes the schedule of a task: its text, and the keywords around it. seed is that of the task,
// see Seed. Equal schedules are shared. The error is for a text that is none (*schedule.SyntaxError), and for
// a zone or a moment that is none; a task of a Service has neither.
func (n *Node) Calendar(t *task.Task, seed schedule.Seed) (*schedule.Schedule, error) {
	zone, err := n.Zone(t)
	if err != nil {
		return nil, err
	}
	o := schedule.Options{
		Zone: zone, Gap: gapOf(t.DSTGap), Overlap: overlapOf(t.DSTOverlap), Boot: n.Boot,
		Seed: seed, Spread: t.Spread, Random: t.Random,
	}
	var early, late error
	o.NotBefore, early = momentIn(t.NotBefore, zone)
	o.NotAfter, late = momentIn(t.NotAfter, zone)
	if err := errors.Join(early, late); err != nil {
		return nil, err
	}
	return n.parser().Parse(t.Schedule, o)
}

// Zone is the time zone of the schedule of a task, "Local" for the host's.
func (n *Node) Zone(t *task.Task) (*schedule.Zone, error) {
	name := t.Timezone
	if name == "" {
		name = "Local"
	}
	zone, err := n.parser().Zone(name)
	if err != nil {
		return nil, fault{name, "wanted a time zone that this host knows, as in Europe/Paris or UTC", zoneHint(name)}
	}
	return zone, nil
}

// parser is the one that is shared, or one that is made now.
func (n *Node) parser() *schedule.Parser {
	if n.Schedules == nil {
		n.Schedules = schedule.NewParser(LoadZone)
	}
	return n.Schedules
}

// Seed tells the task from others, for what a schedule spreads: on each node differently, or by
// spread_by = service the same on all.
func (n *Node) Seed(t *task.Task) schedule.Seed {
	node := n.Name
	if t.SpreadBy == "service" {
		node = ""
	}
	return schedule.NewSeed(node, t.ID.Service, t.ID.RID)
}

func gapOf(word string) schedule.Gap {
	switch word {
	case "skip":
		return schedule.GapSkip
	case "shift":
		return schedule.GapShift
	}
	return schedule.GapAfter
}

func overlapOf(word string) schedule.Overlap {
	switch word {
	case "second":
		return schedule.OverlapSecond
	case "both":
		return schedule.OverlapBoth
	}
	return schedule.OverlapFirst
}

func momentIn(text string, zone *schedule.Zone) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return ParseMoment(text, zone.Location())
}

// ParseMoment reads a moment as keywords have it: RFC 3339, or a date with or without a time on the clocks
// of a zone; a date alone is its 00:00. Of a time that clocks show twice it is the first, and of one that
// they leave out the first instant after it. The error wraps task.ErrInvalid.
func ParseMoment(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.In(zone), nil
	}
	for _, layout := range localLayouts() {
		if t, err := time.Parse(layout, text); err == nil {
			return localTime(t, zone), nil
		}
	}
	return time.Time{}, wanted(text, "a moment as in 2027-12-31, 2027-12-31 18:00 or 2027-12-31T18:00:00+01:00")
}

func localLayouts() [5]string {
	return [...]string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", "2006-01-02T15:04:05"}
}

// localTime finds when the clocks of a zone show what those of UTC show at t.
func localTime(t time.Time, zone *time.Location) time.Time {
	_, before := t.Add(-24 * time.Hour).In(zone).Zone()
	_, after := t.Add(24 * time.Hour).In(zone).Zone()
	first := t.Add(-time.Duration(before) * time.Second).In(zone)
	second := t.Add(-time.Duration(after) * time.Second).In(zone)
	switch {
	case shows(first, t):
		return first
	case shows(second, t):
		return second
	}
	start, _ := first.ZoneBounds()
	return start
}

// shows says that the clocks at a show the date and the time of b.
func shows(a, b time.Time) bool {
	return a.Format(time.DateTime) == b.Format(time.DateTime)
}

// parseSchedule checks a schedule, whatever its zone: what that and the keywords around it say changes
// no text that is right into a wrong one.
func (b *builder) parseSchedule(text string) (string, error) {
	if _, err := b.meaning(text); err != nil {
		return "", scheduleFault(text, err)
	}
	return text, nil
}

// meaning reads the text of a schedule. The last one is remembered: in most files they are alike.
func (b *builder) meaning(text string) (*schedule.Schedule, error) {
	if b.calendar != nil && b.calendarText == text {
		return b.calendar, nil
	}
	s, err := b.node.parser().Parse(text, schedule.Options{})
	if err == nil {
		b.calendar, b.calendarText = s, text
	}
	return s, err
}

// scheduleFault is the fault of a text that is no schedule: what is wrong, and where in it that is.
func scheduleFault(text string, err error) fault {
	var bad *schedule.SyntaxError
	if !errors.As(err, &bad) {
		return faultOf(err, text)
	}
	f := fault{bad.Found, "wanted " + bad.Want, bad.Hint}
	if bad.Found != text {
		line, offset := lineAt(text, bad.Offset)
		f.wanted += fmt.Sprintf(", at offset %d of %q", offset, brief(line))
	}
	return f
}

// lineAt is the line of a value that has the byte at offset, without the blanks in front of it.
func lineAt(text string, offset int) (line string, at int) {
	start := 1 + strings.LastIndexByte(text[:offset], '\n')
	line, _, _ = strings.Cut(text[start:], "\n")
	bare := strings.TrimLeft(line, " \t")
	return bare, max(offset-start-(len(line)-len(bare)), 0)
}

// adviseSchedule warns of schedules that do nothing, and of what users misread.
func (b *builder) adviseSchedule(sec *section, t *task.Task) {
	if t.Schedule == "" {
		return
	}
	b.misread(sec, t)
	b.tooFine(sec, t)
	b.attended(sec, t)
	b.limited(sec, t)
}

// attended warns of a task that has a schedule, and waits for a person.
func (b *builder) attended(sec *section, t *task.Task) {
	key := "confirmation"
	switch {
	case t.Interactive:
		key = "interactive"
	case !t.Confirmation:
		return
	}
	e := b.effective(sec, key)
	if e == nil || e.wrong || b.best(sec, "schedule") == nil { // a schedule for all tasks is not meant for this one
		return
	}
	b.report(e.home, Problem{
		Line: int(e.line), Keyword: e.key, Text: e.value, Severity: Warning,
		Wanted: "a task that asks or shows something to a person is never scheduled: its schedule has no effect",
	})
}

// limited warns of limits that leave no time between them.
func (b *builder) limited(sec *section, t *task.Task) {
	begin, e := b.effective(sec, "not_before"), b.effective(sec, "not_after")
	if begin == nil || e == nil || begin.wrong || e.wrong || t.NotBefore == "" || t.NotAfter == "" {
		return
	}
	zone, err := b.node.Zone(t)
	if err != nil {
		return
	}
	from, early := momentIn(t.NotBefore, zone)
	until, late := momentIn(t.NotAfter, zone)
	if early == nil && late == nil && from.After(until) {
		b.report(e.home, Problem{
			Line: int(e.line), Keyword: e.key, Text: t.NotAfter, Severity: Warning,
			Wanted: "it never runs: not_before is " + t.NotBefore + ", and later",
		})
	}
}

// misread warns of what users are known to read into a schedule that it does not say. What tasks inherit
// is warned of once.
func (b *builder) misread(sec *section, t *task.Task) {
	s, err := b.meaning(t.Schedule)
	if err != nil || len(s.Warnings()) == 0 {
		return
	}
	e := b.effective(sec, "schedule")
	if e == nil || e.wrong || e == b.warned {
		return
	}
	b.warned = e
	for _, w := range s.Warnings() {
		b.report(e.home, Problem{Line: int(e.line), Keyword: e.key, Text: t.Schedule, Wanted: w.Text, Severity: Warning})
	}
}

// tickPeriod is how often ticks are to come.
const tickPeriod = time.Minute

// finer is how far apart the slots of a schedule are, where that is less than ticks are; else 0.
func (n *Node) finer(s *schedule.Schedule) time.Duration {
	if gap := n.parser().Gap(s); gap < tickPeriod {
		return gap
	}
	return 0
}

// Finer is how far apart the slots of a schedule are, where that is less than ticks are, so that only a daemon serves it in
// time; else 0.
func (n *Node) Finer(text string) time.Duration {
	s, err := n.parser().Parse(text, schedule.Options{})
	if err != nil {
		return 0
	}
	return n.finer(s)
}

// tooFine warns of slots that are closer together than ticks. What tasks inherit is warned of once.
func (b *builder) tooFine(sec *section, t *task.Task) {
	e := b.effective(sec, "schedule")
	if e == nil || e.wrong || e == b.fine {
		return
	}
	b.fine = e
	s, err := b.meaning(t.Schedule)
	if err != nil {
		return
	}
	if gap := b.node.finer(s); gap > 0 {
		b.report(e.home, Problem{
			Line: int(e.line), Keyword: e.key, Text: t.Schedule, Severity: Warning, Fine: true,
			Wanted: "its slots are " + gap.String() + " apart, and ticks a minute: only omd serves it in time; of the slots between two ticks the newest is run",
		})
	}
}

// repeats warns of a command that may be run twice, where nothing says that this does no harm.
func (b *builder) repeats(sec *section, t *task.Task) {
	if t.Plan.Delivery != task.AtLeastOnce || t.Plan.Idempotent {
		return
	}
	e := b.effective(sec, "delivery")
	if e == nil || e.wrong || e == b.warnedTwice {
		return
	}
	b.warnedTwice = e
	b.report(e.home, Problem{
		Line: int(e.line), Keyword: e.key, Text: t.Plan.Delivery, Severity: Warning,
		Wanted: "a run that was lost is started again, and may have done its work before",
		Hint:   "idempotent = true says that twice does no harm",
	})
}
