package schedule

import (
	"strings"

	"github.com/robfig/cron/v3"
)

// The notation of cron: "minute hour day-of-month month weekday", with seconds in front or without, or a
// word with @, and CRON_TZ= before either. robfig/cron reads the plain fields (plainFields); what it takes
// and should not, and the offsets of errors, are seen to before (cron_field.go), as are the items that it
// does not know (cron_days.go).
//
// Its meaning is that of vixie cron and cronie where robfig/cron differs: a day field is not restricted,
// and is joined to the other with "and", when it begins with a star, */2 too; with robfig/cron, when it has
// a star without a step anywhere in its list.

// The fields, in the order of a line that has all.
const (
	cronSecond = iota
	cronMinute
	cronHour
	cronMonthday
	cronMonth
	cronWeekday
	cronFields
)

const cronWant = "five fields: minute, hour, day of the month, month and weekday, or six with seconds first"

func (s *Schedule) parseCron(p part, o *Options) error {
	n := len(p.text) + len("CRON_")
	room := make([]byte, 2*n) // for both texts, but for shorthands that they write out
	r := cronReader{s: s, text: room[:0:n], plain: room[n:n]}
	p, err := r.readZone(p, o)
	if err != nil {
		return err
	}
	if strings.HasPrefix(p.text, "@") {
		err = r.readWord(p)
	} else {
		err = r.readFields(p)
	}
	if err == nil && len(s.text) > MaxText {
		return p.from(len(p.text)).wanted("a schedule of at most 4096 bytes, with 0/2 written as 0-59/2")
	}
	return err
}

// A cronReader reads a line field by field.
type cronReader struct {
	s     *Schedule
	text  []byte // the canonical form
	plain []byte // the fields as robfig/cron shall read them
	head  int    // where in text the fields begin

	cronField        // the one that is read
	index     int    // its number
	stars     uint8  // the fields that begin with a star
	bare      uint8  // the fields in which nothing is left for robfig/cron
	set       daySet // what it is not asked for: the days of cron_days.go
}

// readZone reads the time zone in front of the fields.
func (r *cronReader) readZone(p part, o *Options) (rest part, err error) {
	prefix := len("CRON_TZ=")
	switch {
	case strings.HasPrefix(p.text, "CRON_TZ="):
	case strings.HasPrefix(p.text, "TZ="):
		prefix = len("TZ=")
	default:
		return p, nil
	}
	head, rest := p.word()
	name := head.from(prefix)
	if r.s.zone, err = name.cronZone(o); err != nil {
		return p, err
	}
	r.text = append(append(append(r.text, "CRON_TZ="...), name.text...), ' ')
	r.head = len(r.text)
	return rest, nil
}

// cronZone finds a time zone by its name.
func (p part) cronZone(o *Options) (*Zone, error) {
	const want = "a time zone, as in Europe/Paris"
	switch {
	case p.text == "" || p.text == "Local": // the host's would be another on each machine
		return nil, p.wanted(want)
	case o.Zones == nil && p.text == "UTC":
		return UTC(), nil
	case o.Zones == nil:
		return nil, p.wantedHint("the time zone UTC", "no other is known here")
	}
	z, err := o.Zones(p.text)
	if err != nil {
		return nil, p.wantedHint(want, zoneHint(err))
	}
	return z, nil
}

// zoneHint is what the one who looked for a zone says of it, but not in the words of package time.
func zoneHint(err error) string {
	text := err.Error()
	if strings.HasPrefix(text, "time: ") {
		return "zones are named REGION/CITY, or UTC"
	}
	return text
}

func (r *cronReader) readFields(p part) error {
	fields, n := p.cronFields()
	if n < cronFields-1 {
		return p.from(len(p.text)).wanted(cronWant)
	}
	if n > cronFields {
		return fields[cronFields].wantedHint("six fields at most", "years and commands are no part of a schedule")
	}
	first := cronFields - n
	for i := first; i < cronFields; i++ {
		if err := r.readField(i, &fields[i-first]); err != nil {
			return err
		}
	}
	days := &fields[cronMonthday-first]
	r.s.text = string(r.text)
	if err := r.build(days); err != nil {
		return err
	}
	r.adviseDays(days)
	return nil
}

// cronFields splits a line at its white space. One more than it may have is the last that is looked for.
func (p part) cronFields() (fields [cronFields + 1]part, n int) {
	start := -1
	for i := 0; i <= len(p.text) && n < len(fields); i++ {
		switch space := i == len(p.text) || isSpace(p.text[i]); {
		case !space && start < 0:
			start = i
		case space && start >= 0:
			fields[n] = p.cut(start, i)
			start = -1
			n++
		}
	}
	return fields, n
}

// readField appends a field to both texts.
func (r *cronReader) readField(i int, p *part) error {
	r.cronField, r.index = cronFieldAt(i), i
	if len(r.plain) > 0 {
		r.text, r.plain = append(r.text, ' '), append(r.plain, ' ')
	}
	text, plain := len(r.text), len(r.plain)
	if p.text[0] == '*' || p.text[0] == '?' {
		r.stars |= 1 << i
	}
	rest := *p
	for more := true; more; {
		var item part
		item, rest, more = rest.next(',')
		if err := r.readItem(item); err != nil {
			return err
		}
		if more {
			r.text = append(r.text, ',')
		}
	}
	switch {
	case len(r.plain) > plain:
		r.plain = r.plain[:len(r.plain)-1] // the last comma
	default:
		r.bare |= 1 << i
		r.plain = append(r.plain, '*')
	}
	if i == cronSecond && string(r.text[text:]) == "0" { // as without seconds
		r.text, r.plain = r.text[:text], r.plain[:plain]
	}
	return nil
}

// plainFields has robfig/cron read five fields, or six. None of its faults can be met here: the fields
// have been read once, and are made of numbers, ranges, steps, lists and stars alone. Its parser takes
// two fifths of the time of Parse, and makes 21 of its 25 allocations.
func plainFields(text string) (*cron.SpecSchedule, error) {
	options := cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow
	if strings.Count(text, " ") == cronFields-1 {
		options |= cron.Second
	}
	schedule, err := cron.NewParser(options).Parse(text)
	if err != nil {
		return nil, err
	}
	spec, _ := schedule.(*cron.SpecSchedule)
	return spec, nil
}

// build makes the clause.
func (r *cronReader) build(days *part) error {
	text := r.s.text[r.head:]
	if text != string(r.plain) {
		text = string(r.plain)
	}
	spec, err := plainFields(text)
	if err != nil {
		return days.wantedHint("fields that robfig/cron can read", err.Error())
	}
	c := clause{
		kind:    ticks,
		hours:   uint32(spec.Hour) & (1<<24 - 1), //nolint:gosec // the hours are 24 bits
		minutes: spec.Minute & (1<<60 - 1),
		seconds: spec.Second & (1<<60 - 1),
	}
	if r.stars&(1<<cronMinute|1<<cronHour) == 0 {
		c.flags = fixed
	}
	r.addDays(spec)
	sets := [1]daySet{r.set}
	c.dates = newDates(sets[:], 0, 1)
	if c.never() {
		return days.wantedHint("a day that one of its months has", "the last day of each month is written L")
	}
	if c.weekly == 0 {
		r.s.sets = []daySet{r.set}
	}
	r.s.clauses = []clause{c}
	return nil
}

// addDays joins the days that robfig/cron has read to the others.
func (r *cronReader) addDays(spec *cron.SpecSchedule) {
	const allMonthdays = 1<<31 - 1
	set := &r.set
	set.weeks = allWeeks
	set.months = uint16(spec.Month>>1) & allMonths //nolint:gosec // twelve bits
	set.or = r.stars&(1<<cronMonthday|1<<cronWeekday) == 0
	if r.bare>>cronMonthday&1 == 0 {
		set.monthdays = uint32(spec.Dom>>1) & allMonthdays //nolint:gosec // 31 bits
	}
	if r.bare>>cronWeekday&1 == 0 {
		set.weekdays = uint8(spec.Dow>>1&(1<<6-1) | spec.Dow&1<<6) //nolint:gosec // seven bits
	}
	if set.monthdays == allMonthdays && !set.or {
		set.monthdays, set.fromEnd, set.nearest = 0, 0, 0
	}
	if set.weekdays == allWeekdays {
		set.nth = 0
	}
}

// adviseDays warns that the two day fields do not mean what most take them for.
func (r *cronReader) adviseDays(days *part) {
	switch set := &r.set; {
	case set.or:
		r.s.warn(*days, "a day of the month and a weekday are given: it runs on the days that match either, as cron does")
	case !set.anyMonthday() && !set.anyWeekday():
		r.s.warn(*days, "one of the day fields begins with a star: it runs only on the days that match both, as cron does")
	}
}
