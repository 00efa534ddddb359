package migrate

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// agentTimes is when OpenSVC's agents start a task. It is read here, and not by package schedule, which is what --prove
// compares it with.
type agentTimes struct {
	rules []agentRule
	odd   string // what the agents make of the text, that it does not say
	fault string // why the agents refuse it, and never start the task

	notes []agentNote
	wrong []stretch // where om does not do what the rules say
}

// An agentRule is one expression: in these ranges of these days, or not in them.
type agentRule struct {
	exclude bool
	ranges  []agentRange // the shortest interval first
	days    []agentDay
	weeks   uint64 // a bit for each
	soft53  bool   // week 53 is meant, and agents leave it out where their year has 52
	months  uint64
}

// An agentRange is a part of the day, in seconds, with both ends; begin may be behind end.
type agentRange struct{ begin, end, interval int64 }

// An agentDay is a set of weekdays, from 1 for Monday, and a day of the month: 0 for any, -1 for the last.
type agentDay struct {
	weekdays uint64
	monthday int
}

const daySeconds = 24 * 60 * 60

// readAgentTimes reads the value of schedule.
func readAgentTimes(text string) *agentTimes {
	a := &agentTimes{}
	text = strings.TrimSpace(text)
	if text == "" || text == "@0" {
		return a
	}
	list := []string{text}
	if text[0] == '[' && json.Unmarshal([]byte(text), &list) != nil {
		return &agentTimes{fault: agentRefuses}
	}
	for _, one := range list {
		r, ok := a.readRule(strings.TrimSpace(one))
		if !ok {
			return &agentTimes{fault: agentRefuses}
		}
		a.rules = append(a.rules, r)
	}
	return a
}

const agentRefuses = "the agents refuse this schedule, and never start the task; om does"

func (a *agentTimes) readRule(text string) (r agentRule, ok bool) {
	text, r.exclude = strings.CutPrefix(text, "!")
	words := strings.Fields(text)
	if len(words) < 1 || len(words) > 4 {
		return r, false
	}
	words = append(words, "*", "*", "*")
	var daysOK, weeksOK, monthsOK bool
	r.ranges, ok = readAgentRanges(words[0])
	r.days, daysOK = readAgentDays(words[1])
	r.weeks, r.soft53, weeksOK = readAgentWeeks(words[2])
	r.months, monthsOK = a.readMonths(words[3])
	slices.SortStableFunc(r.ranges, func(x, y agentRange) int { return cmp.Compare(x.interval, y.interval) })
	return r, ok && daysOK && weeksOK && monthsOK
}

// readAgentRanges reads the first field. A range with the interval 0 is none.
func readAgentRanges(field string) (all []agentRange, ok bool) {
	for item := range strings.SplitSeq(field, ",") {
		body, interval, stepped := strings.Cut(strings.TrimPrefix(item, "~"), "@")
		r := agentRange{0, daySeconds - 1, daySeconds}
		if body != "" && body != "*" {
			if r, ok = readAgentRange(body); !ok {
				return nil, false
			}
		}
		if stepped {
			if r.interval, ok = readAgentInterval(interval); !ok {
				return nil, false
			}
		}
		if r.interval > 0 {
			all = append(all, r)
		}
	}
	return all, true
}

// readAgentRange reads a point or two with a dash between them. The interval is longer than the range: it is used once.
func readAgentRange(body string) (r agentRange, ok bool) {
	first, last, ranged := strings.Cut(body, "-")
	if !ranged {
		last = first
	}
	begin, ok1 := readAgentTime(first)
	end, ok2 := readAgentTime(last)
	if begin == end {
		end++
	}
	r = agentRange{begin, end, end - begin + 1}
	if begin > end {
		r.interval += daySeconds
	}
	return r, ok1 && ok2
}

// readAgentTime reads HH:MM or HH:MM:SS.
func readAgentTime(text string) (seconds int64, ok bool) {
	words := strings.Split(text, ":")
	if len(words) < 2 || len(words) > 3 {
		return 0, false
	}
	for i, unit := range []int64{3600, 60, 1}[:len(words)] {
		n, err := strconv.Atoi(words[i])
		if err != nil {
			return 0, false
		}
		seconds += int64(n) * unit
	}
	return seconds, true
}

// readAgentInterval reads minutes, or numbers with their units.
func readAgentInterval(text string) (seconds int64, ok bool) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return n * 60, n >= 0
	}
	sum := 0.0
	for text != "" {
		n := strings.IndexFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' })
		if n < 1 {
			return 0, false
		}
		value, err := strconv.ParseFloat(text[:n], 64)
		rest := strings.TrimLeft(text[n:], "abcdefghijklmnopqrstuvwxyz")
		unit, known := map[string]float64{
			"y": 365 * daySeconds, "w": 7 * daySeconds, "d": daySeconds, "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9,
		}[text[n:len(text)-len(rest)]]
		if err != nil || !known || value < 0 {
			return 0, false
		}
		sum, text = sum+value*unit, rest
	}
	return int64(math.Ceil(sum - 1e-9)), sum < 1e11
}

// agentNames are those of days and months: the agents have one table for both.
func agentNames() [2][]string {
	return [2][]string{
		{"mon", "tue", "wed", "thu", "fri", "sat", "sun"},
		{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"},
	}
}

// agentNumber reads a number, or the name of a day or a month, short or whole.
func agentNumber(text string) (n int, ok bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, n >= 0 && n < 64
	}
	text = strings.ToLower(text)
	for _, names := range agentNames() {
		i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(text, name) })
		whole := "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december"
		if i >= 0 && (len(text) == 3 || slices.Contains(strings.Fields(whole), text)) {
			return i + 1, true
		}
	}
	return 0, false
}

// readAgentSet reads a list of numbers, names and ranges, which may go past the last one and on with 1.
func readAgentSet(text string, most int) (set uint64, wraps, ok bool) {
	if text == "" || text == "*" {
		return span64(1, most), true, true
	}
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			continue
		}
		first, last, ranged := strings.Cut(item, "-")
		if !ranged {
			last = first
		}
		from, ok1 := agentNumber(first)
		to, ok2 := agentNumber(last)
		if !ok1 || !ok2 {
			return 0, false, false
		}
		if from > to {
			set |= span64(from, most) | span64(1, to)
			wraps = true
			continue
		}
		set |= span64(from, to)
	}
	return set, wraps, true
}

// span64 has the bits from one to another.
func span64(from, to int) (set uint64) {
	for n := from; n <= to; n++ {
		set |= 1 << n
	}
	return set
}

// readAgentDays reads the second field: weekdays, days of the month behind a colon, or both, which must then both fit.
func readAgentDays(field string) (all []agentDay, ok bool) {
	for item := range strings.SplitSeq(field, ",") {
		weekdays, monthday, both := strings.Cut(item, ":")
		set, _, ok := readAgentSet(weekdays, 7)
		d := agentDay{weekdays: set}
		if both {
			ordinal := map[string]int{
				"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5, "last": -1,
			}
			if d.monthday = ordinal[monthday]; d.monthday == 0 {
				n, err := strconv.Atoi(monthday)
				d.monthday, ok = n, ok && err == nil && n != 0
			}
		}
		if !ok {
			return nil, false
		}
		all = append(all, d)
	}
	return all, true
}

// readAgentWeeks reads the third field. All weeks, and ranges beyond the last one, have week 53 softly.
func readAgentWeeks(field string) (set uint64, soft53, ok bool) {
	set, wraps, ok := readAgentSet(field, 53)
	return set, wraps && set&(1<<53) != 0, ok
}

// readMonths reads the fourth field, with its modulo. The agent 3 takes all that is before % as one list.
func (a *agentTimes) readMonths(field string) (set uint64, ok bool) {
	list, modulo, has := strings.Cut(field, "%")
	set, _, ok = readAgentSet(list, 12)
	if !has || !ok {
		return set, ok
	}
	if strings.Contains(list, ",") {
		a.odd = "agent 3 takes a list of months before % as a whole: its modulo is for all of them"
	}
	by, shift, shifted := strings.Cut(modulo, "+")
	m, err := strconv.Atoi(by)
	s := 0
	if shifted && err == nil {
		s, err = strconv.Atoi(shift)
	}
	if err != nil || m < 1 {
		return 0, false
	}
	for n := 1; n <= 12; n++ {
		if (n+s)%m != 0 {
			set &^= 1 << n
		}
	}
	return set, true
}
