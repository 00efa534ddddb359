package schedule

import "strings"

// The kinds of ranges.
const (
	wholeDay = uint8(iota)
	pointOfTime
	rangeOfTime
)

// A timeRange is one of the ranges of an expression, as written.
type timeRange struct {
	begin, end int32 // end is included; of a range over midnight it is before begin
	pause      int32
	kind       uint8 // wholeDay, pointOfTime or rangeOfTime
	spread     bool
	every      bool // an interval is written
	text       part
}

func (s *Schedule) parseRanges(p part, text []byte) (ranges []timeRange, _ []byte, err error) {
	for i, more := 0, true; more; i++ {
		var item part
		item, p, more = p.next(',')
		var r timeRange
		if r, err = s.parseRange(item); err != nil {
			return nil, text, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		ranges, text = append(ranges, r), r.append(text)
	}
	return ranges, text, nil
}

func (s *Schedule) parseRange(p part) (r timeRange, err error) {
	r.text = p
	if p.text == "" {
		s.warn(p, "an empty time range means the whole day")
	}
	if r.spread = strings.HasPrefix(p.text, "~"); r.spread {
		p = p.from(1)
	}
	times, interval, every := p.next('@')
	if r.every = every; every {
		n, bad := interval.duration(60)
		if bad != nil {
			return r, bad
		}
		r.pause = int32(n) //nolint:gosec // below maxPause
	}
	if times.text == "" || times.text == "*" {
		r.end = day - 1
		return r, nil
	}
	begin, end, isRange := times.next('-')
	if r.begin, err = begin.clock(); err != nil {
		return r, err
	}
	r.kind, r.end = pointOfTime, r.begin
	if isRange {
		r.end, err = end.clock()
	}
	if r.begin != r.end {
		r.kind = rangeOfTime
	}
	return r, err
}

// clock reads HH:MM or HH:MM:SS.
func (p part) clock() (int32, error) {
	hours, rest, ok := p.next(':')
	minutes, seconds, hasSeconds := rest.next(':')
	if !ok {
		return 0, p.wanted(rangeWant)
	}
	h, okH := two(hours.text)
	m, okM := two(minutes.text)
	switch {
	case !okH || h > 23:
		return 0, hours.wantedHint("an hour from 00 to 23", midnight(h))
	case !okM || m > 59:
		return 0, minutes.wanted("minutes from 00 to 59")
	case !hasSeconds:
		return int32(h*3600 + m*60), nil //nolint:gosec // below a day
	}
	sec, ok := two(seconds.text)
	if !ok || sec > 59 {
		return 0, seconds.wanted("seconds from 00 to 59")
	}
	return int32(h*3600 + m*60 + sec), nil //nolint:gosec // below a day
}

func midnight(h int) string {
	if h == 24 {
		return "the end of the day is 23:59:59, its begin 00:00"
	}
	return ""
}

// two reads one or two digits.
func two(text string) (int, bool) {
	n, ok := number(text)
	return n, ok && len(text) <= 2
}

func (r *timeRange) append(text []byte) []byte {
	if r.spread {
		text = append(text, '~')
	}
	switch {
	case r.kind == wholeDay && !r.every:
		text = append(text, '*')
	case r.kind == pointOfTime:
		text = appendClock(text, int(r.begin))
	case r.kind == rangeOfTime:
		text = appendClock(append(appendClock(text, int(r.begin)), '-'), int(r.end))
	}
	if r.every {
		text = append(text, '@')
		if r.pause == 0 {
			return append(text, '0')
		}
		text = appendDuration(text, int(r.pause))
	}
	return text
}
