package schedule

import "time"

// A moment is a point in time as people write it: on the local clock, or with an offset to UTC.
type moment struct {
	at    int64 // seconds since 1970: of what the clock shows, or of the instant
	exact bool  // an instant
	dated bool  // a date is written, and not a time of the day alone
}

const timeWant = "a time, as in 18:00 or 18:00:30"

const momentWant = "a moment, as in 2026-12-24 18:00, 2026-12-24 or 2026-12-24T18:00:00+01:00"

// moment splits off a moment: one word, or a date and a time.
func (p part) moment() (m moment, rest part, err error) {
	first, rest := p.word()
	if len(first.text) > 10 && first.text[10] != 'T' && first.text[10] != 't' {
		return m, rest, first.wanted(momentWant)
	}
	if len(first.text) < 10 {
		t, bad := first.clock()
		if bad != nil {
			return m, rest, first.wanted(momentWant)
		}
		return moment{at: int64(t)}, rest, nil
	}
	n, err := first.to(10).isoDate()
	if err != nil {
		return m, rest, err
	}
	m = moment{at: n * day, dated: true}
	if len(first.text) > 10 {
		return m.timed(first, rest)
	}
	if second, after := rest.word(); second.text != "" && isDigit(second.text[0]) {
		t, err := second.clock()
		m.at += int64(t)
		return m, after, err
	}
	return m, rest, nil
}

// timed reads the time that follows the date in the same word.
func (m moment) timed(word, rest part) (moment, part, error) {
	if at, err := time.Parse(time.RFC3339, word.text); err == nil {
		m.at, m.exact = at.Unix(), true
		return m, rest, nil
	}
	t, err := word.from(11).clock()
	m.at += int64(t)
	return m, rest, err
}

// isoDate reads YYYY-MM-DD, and returns the number of the day.
func (p part) isoDate() (int64, error) {
	t := p.text
	if len(t) != 10 || t[4] != '-' || t[7] != '-' {
		return 0, p.wanted(momentWant)
	}
	return p.dayOf(t[:4], t[5:7], t[8:], momentWant)
}

// dayOf returns the number of a day that p writes in some way.
func (p part) dayOf(year, month, dom, want string) (int64, error) {
	y, okY := number(year)
	m, okM := number(month)
	d, okD := number(dom)
	switch {
	case !okY || !okM || !okD:
		return 0, p.wanted(want)
	case y < firstYear || y > lastYear:
		return 0, p.wanted("a year from 1970 to 2199")
	case m < 1 || m > 12 || d < 1 || d > monthDays(y, m):
		return 0, p.wantedHint("a date of the calendar", "the month has no such day")
	}
	return dayNumber(y, m, d), nil
}

// oneDay is the set of a single day.
func oneDay(n int64) daySet {
	y, m, d := date(n)
	set := everyDay()
	set.years, set.months, set.monthdays = new(yearSet), 1<<(m-1), 1<<(d-1)
	set.years.add(y)
	return set
}

// append writes a moment as people do.
func (m moment) append(text []byte) []byte {
	n := floorDay(m.at)
	if m.dated {
		text = append(appendDate(text, n), ' ')
	}
	if m.exact {
		text[len(text)-1] = 'T'
	}
	t := int(m.at - n*day)
	if text = appendClock(text, t); m.exact {
		if t%60 == 0 {
			text = append(text, ":00"...)
		}
		text = append(text, 'Z')
	}
	return text
}

func appendDate(text []byte, n int64) []byte {
	y, m, d := date(n)
	text = append2(append2(text, y/100), y%100)
	return append2(append(append2(append(text, '-'), m), '-'), d)
}

// instant returns when the clocks of a zone show a local time: the first time where they do twice, and
// the first instant after it where they do not.
func (z *Zone) instant(local int64) int64 {
	for i := z.at(local - 2*day); ; i++ {
		u := local - int64(z.offsets[i])
		if u < z.end(i) {
			return max(u, z.starts[i])
		}
	}
}
