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

const (
	dayWant      = "a day, as in mon, mon-fri, *:1, *:last, mon:1 or fri#last"
	weekdayWant  = "a weekday: mon to sun, or 1 to 7"
	monthdayWant = "a day of the month: 1 to 31, -1 to -31 from the end, first to fifth, or last"
)

const monthWant = "a month: jan to dec, or 1 to 12"
