package schedule

import "strings"

// The notation of systemd's timers, OnCalendar: "[weekdays] [year-]month-day hour:minute[:second] [zone]",
// where each field is *, or a list of numbers, ranges and steps (calendar_field.go), or a word such as
// daily. The canonical form is what systemd calls the normalized one.

// The fields, in the order of a text that has all.
const (
	calendarYear = iota
	calendarMonth
	calendarDay
	calendarHour
	calendarMinute
	calendarSecond
	calendarFields
)

const calendarWant = "weekdays, a date or a time, as in Mon..Fri *-*-* 02:00, or daily"

// calendarWord returns what a word stands for; "" for none.
func calendarWord(word string) string {
	switch word {
	case "minutely":
		return "*-*-* *:*:00"
	case "hourly":
		return "*-*-* *:00:00"
	case "daily":
		return "*-*-* 00:00:00"
	case "weekly":
		return "Mon *-*-* 00:00:00"
	case "monthly":
		return "*-*-01 00:00:00"
	case "quarterly":
		return "*-01,04,07,10-01 00:00:00"
	case "semiannually", "semi-annually", "biannually", "bi-annually":
		return "*-01,07-01 00:00:00"
	case "yearly", "annually", "anually": // systemd knows the last as well
		return "*-01-01 00:00:00"
	}
	return ""
}

func (s *Schedule) parseCalendar(p part, o *Options) error {
	var room [16]calendarItem
	r := calendarReader{s: s, items: room[:0], weekdays: allWeekdays}
	p, err := r.readZone(p, o)
	if err != nil {
		return err
	}
	first, rest := p.word()
	if text := calendarWord(strings.ToLower(first.text)); text != "" {
		if err := rest.nothing(); err != nil {
			return err
		}
		p = whole(text)
	}
	if err := r.read(p); err != nil {
		return err
	}
	r.write()
	if len(s.text) > MaxText {
		return p.from(len(p.text)).wanted("a schedule of at most 4096 bytes, with 1 written as 01")
	}
	return r.build()
}

// A calendarReader reads an expression word by word.
type calendarReader struct {
	s        *Schedule
	items    []calendarItem
	fields   [calendarFields]calendarField
	names    part // the weekdays, as written
	zone     string
	weekdays uint8
	fromEnd  bool // the days count from the end of the month
}

// readZone reads the time zone, which is the last word if that begins with a letter and is not the only one.
func (r *calendarReader) readZone(p part, o *Options) (rest part, err error) {
	i := len(p.text)
	for i > 0 && !isSpace(p.text[i-1]) {
		i--
	}
	if i == 0 || i == len(p.text) || !isLetter(p.text[i]) {
		return p, nil
	}
	name := p.from(i)
	if strings.EqualFold(name.text, "UTC") {
		name.text = "UTC"
	}
	if name.text == "localtime" {
		return p, name.wantedHint("a time zone, as in Europe/Paris", "it would be another one on each host")
	}
	if r.s.zone, err = name.cronZone(o); err != nil {
		return p, err
	}
	r.zone = name.text
	return p.to(i).trim(), nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// read reads the words, but for the zone.
func (r *calendarReader) read(p part) error {
	word, rest := p.word()
	if word.text == "" {
		return word.wanted(calendarWant)
	}
	if isLetter(word.text[0]) {
		if err := r.readWeekdays(word); err != nil {
			return err
		}
		word, rest = rest.word()
	}
	switch {
	case word.text == "":
		return r.readClock(whole("00:00"))
	case word.text[0] == '@':
		if err := r.readEpoch(word); err != nil {
			return err
		}
		return rest.nothing()
	case strings.IndexByte(word.text, ':') < 0:
		if err := r.readDate(word); err != nil {
			return err
		}
		word, rest = rest.word()
	}
	if word.text == "" {
		return r.readClock(whole("00:00"))
	}
	if err := r.readClock(word); err != nil {
		return err
	}
	return rest.nothing()
}

// readWeekdays reads Mon,Wed..Fri. Like systemd it takes a comma at the end, and - for the two dots.
func (r *calendarReader) readWeekdays(p part) error {
	r.names, r.weekdays = p, 0
	rest := p
	for more := true; more && (rest.text != "" || r.weekdays == 0); {
		var item part
		item, rest, more = rest.next(',')
		first, last, isRange := item.calendarRange('-')
		a, err := first.calendarWeekday()
		if err != nil {
			return err
		}
		b := a
		if isRange {
			if b, err = last.calendarWeekday(); err != nil {
				return err
			}
		}
		if a > b {
			return item.wantedHint("a range with its lower end first, from Mon to Sun", "it can be written in two, as in Sat,Sun,Mon..Wed")
		}
		r.weekdays |= 1<<(b+1) - 1<<a
	}
	return nil
}

// calendarRange splits a range at its two dots, or at a byte that may stand for them.
func (p part) calendarRange(dash byte) (first, last part, isRange bool) {
	if i := strings.Index(p.text, ".."); i >= 0 {
		return p.to(i), p.from(i + 2), true
	}
	if dash == 0 {
		return p, p, false
	}
	return p.next(dash)
}

func (p part) calendarWeekday() (int, error) {
	day := nameIndex(p.text, weekdayNames)
	switch {
	case day >= 0:
		return day, nil
	case nameIndex(p.text, monthNames) >= 0:
		return 0, p.wantedHint("a weekday: Mon to Sun", "months are numbers, as in *-12-24")
	}
	return 0, p.wantedHint("a weekday: Mon to Sun", "or a word: minutely, hourly, daily, weekly, monthly, quarterly, semiannually, yearly")
}
