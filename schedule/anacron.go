package schedule

import "strings"

// The notation of anacron: "period delay", in days and minutes, and behind it the variables of anacrontab
// that bear upon it: START_HOURS_RANGE=3-22 and RANDOM_DELAY=45.
//
// A run is due on the day on which the period since the last one is over, counted in days of the calendar;
// on that day, and on each after it until it has run, the delay begins with the range of hours, or
// when the host was started if that is later.

// maxPeriod is the longest period, in days: a century of 365 days each.
const maxPeriod = 36500

// An anacrontab is what is written.
type anacrontab struct {
	clause
	from, to      int // hours
	delay, random int // minutes
}

func (s *Schedule) parseAnacron(p part) error {
	a := anacrontab{clause: clause{kind: window, dates: cronAlways()}, to: 24}
	period, rest := p.word()
	text := make([]byte, 0, 64)
	text, err := a.readPeriod(period, text)
	if err != nil {
		return err
	}
	delay, rest := rest.word()
	n, ok := number(delay.text)
	if !ok {
		return delay.wanted("a delay in minutes")
	}
	a.delay = n
	if err := a.readVariables(rest); err != nil {
		return err
	}
	if minutes := (a.to - a.from) * 60; a.delay+a.random >= minutes {
		return delay.wantedHint("a delay that is over before the hours are", "they are "+string(appendInt(nil, minutes))+" minutes, RANDOM_DELAY is a part of them too")
	}
	a.begin, a.end = int32(a.from*3600), int32(a.to*3600) //nolint:gosec // at most a day
	a.shift = (int32(a.delay) + s.seed.below(int32(a.random)+1)) * 60
	s.text = string(a.append(append(text, ' ')))
	s.clauses = []clause{a.clause}
	return nil
}

// readPeriod reads the period, and appends its canonical text.
func (a *anacrontab) readPeriod(p part, text []byte) ([]byte, error) {
	if word := strings.ToLower(p.text); strings.HasPrefix(word, "@") {
		a.flags, a.pause = periodDays, 1
		switch word {
		case "@daily":
		case "@weekly":
			a.pause = 7
		case "@monthly":
			a.flags = periodMonths
		case "@yearly", "@annually":
			word, a.flags, a.pause = "@yearly", periodMonths, 12
		default:
			return text, p.wanted("@daily, @weekly, @monthly or @yearly")
		}
		return append(text, word...), nil
	}
	digits := strings.TrimRight(p.text, "days")
	n, ok := number(digits)
	switch p.text[len(digits):] {
	case "", "d", "day", "days":
	default:
		ok = false
	}
	if !ok || n < 1 || n > maxPeriod {
		return text, p.wanted("days from 1 to 36500, or @daily, @weekly, @monthly or @yearly")
	}
	a.flags, a.pause = periodDays, int32(n) //nolint:gosec // at most maxPeriod
	return appendInt(text, n), nil
}

// readVariables reads NAME=VALUE, each at most once.
func (a *anacrontab) readVariables(p part) error {
	const want = "START_HOURS_RANGE=3-22, RANDOM_DELAY=45 or nothing more"
	hours, random := false, false
	for word, rest := p.word(); word.text != ""; word, rest = rest.word() {
		name, value, _ := word.next('=')
		switch {
		case name.text == "START_HOURS_RANGE" && !hours:
			hours = true
			if err := a.readHours(value); err != nil {
				return err
			}
		case name.text == "RANDOM_DELAY" && !random:
			random = true
			n, ok := number(value.text)
			if !ok || n >= day/60 {
				return value.wanted("minutes below 1440")
			}
			a.random = n
		case strings.IndexByte(word.text, '=') < 0:
			return word.wantedHint(want, "the name of the job and its command are no part of a schedule: write "+beforeJob(word))
		default:
			return word.wanted(want)
		}
	}
	return nil
}

func (a *anacrontab) readHours(p part) error {
	first, last, _ := p.next('-')
	from, okFrom := two(first.text)
	to, okTo := two(last.text)
	if !okFrom || !okTo || from >= to || to > 24 {
		return p.wanted("hours from 0 to 24, the first before the last, as in 3-22")
	}
	a.from, a.to = from, to
	return nil
}

func (a *anacrontab) append(text []byte) []byte {
	text = appendInt(text, a.delay)
	if a.from != 0 || a.to != 24 {
		text = append(appendInt(append(text, " START_HOURS_RANGE="...), a.from), '-')
		text = appendInt(text, a.to)
	}
	if a.random > 0 {
		text = appendInt(append(text, " RANDOM_DELAY="...), a.random)
	}
	return text
}

// beforeJob is the period and the delay in front of the name of a job.
func beforeJob(word part) string {
	body, _ := look(whole(word.whole).to(word.at))
	return strings.Join(strings.Fields(body.text), " ")
}
