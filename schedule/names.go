package schedule

import "strings"

const (
	weekdayNames = "monday tuesday wednesday thursday friday saturday sunday"
	monthNames   = "january february march april may june july august september october november december"
)

// nameIndex finds a name, or its first three letters, in any case, among the words of names; -1 if it is none of them.
func nameIndex(text, names string) int {
	if len(text) < 3 {
		return -1
	}
	for i := 0; names != ""; i++ {
		name, rest, _ := strings.Cut(names, " ")
		if strings.EqualFold(text, name) || strings.EqualFold(text, name[:3]) {
			return i
		}
		names = rest
	}
	return -1
}

// shortName is the first three letters of the ith name.
func shortName(i int, names string) string { return fullName(i, names)[:3] }

func fullName(i int, names string) string {
	for ; i > 0; i-- {
		_, names, _ = strings.Cut(names, " ")
	}
	name, _, _ := strings.Cut(names, " ")
	return name
}

// clock is a second of the day as HH:MM, or HH:MM:SS where that is needed.
func clock(t int) string {
	return string(appendClock(nil, t))
}

func appendClock(b []byte, t int) []byte {
	b = append2(append(append2(b, t/3600), ':'), t/60%60)
	if s := t % 60; s != 0 {
		b = append2(append(b, ':'), s)
	}
	return b
}

func append2(b []byte, n int) []byte { return append(b, byte('0'+n/10%10), byte('0'+n%10)) }

// units of durations, from the longest.
const unitLetters = "wdhms"

func unitSeconds() [5]int { return [5]int{7 * day, day, 3600, 60, 1} }

// appendDuration writes seconds as 1h30m. Weeks are not used: 7d says the same.
func appendDuration(b []byte, seconds int) []byte {
	if seconds == 0 {
		return append(b, '0', 's')
	}
	for i, unit := range unitSeconds() {
		if n := seconds / unit; n > 0 && i > 0 {
			b = append(appendInt(b, n), unitLetters[i])
			seconds -= n * unit
		}
	}
	return b
}

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// maxPause is the longest interval: sixty years of 365 days.
const maxPause = 60 * 365 * day

// durationWant is what is wanted of an interval.
const durationWant = "a time such as 90s, 10m, 1h30m, 1d or 2w"

// duration reads numbers with units, and gives a number without one the unit of bare seconds; 0 for none.
func (p part) duration(bare int) (seconds int, err error) {
	if n, ok := number(p.text); ok && bare > 0 {
		seconds = min(n, maxPause) * bare
	} else if seconds, err = p.united(); err != nil {
		return 0, err
	}
	if seconds > maxPause {
		return 0, p.wanted("a time of at most 60 years")
	}
	return seconds, nil
}

func (p part) united() (seconds int, err error) {
	if p.text == "" {
		return 0, p.wanted(durationWant)
	}
	for i := 0; i < len(p.text); i++ {
		start := i
		for i < len(p.text) && isDigit(p.text[i]) {
			i++
		}
		n, ok := number(p.text[start:i])
		unit := -1
		if i < len(p.text) {
			unit = strings.IndexByte(unitLetters, p.text[i])
		}
		switch {
		case !ok:
			return 0, p.from(start).wanted(durationWant)
		case unit < 0:
			return 0, p.from(i).wantedHint("a unit: w, d, h, m or s", p.unitHint(start, i))
		}
		if seconds += n * unitSeconds()[unit]; seconds > maxPause {
			return 0, p.wanted("a time of at most 60 years")
		}
	}
	return seconds, nil
}

// unitHint guesses which unit was meant by what stands at i, behind the number from start on.
func (p part) unitHint(start, i int) string {
	switch {
	case i == len(p.text):
		return ""
	case p.text[i] == 'M':
		return "a minute is m, as in " + p.text[start:i] + "m; a month has no interval, its first day is written 09:00 *:1"
	case strings.IndexByte("WDHS", p.text[i]) >= 0:
		return "in lower case"
	}
	return ""
}
