package schedule

import (
	"strings"
	"time"
)

// Hours are times of the day on some days, as in "22:00-06:00 mon-fri": what the ranges of an OpenSVC schedule cover, where
// nothing is to start. They never change, and may be shared.
type Hours struct {
	s   Schedule // its clauses are the ranges
	out []clause // the ranges behind "!"
}

const hoursWant = "ranges of time as in 22:00-06:00 mon-fri"

// ParseHours reads ranges of time on the clocks of a zone; nil is UTC. A range ends when the clocks show its end. The error is a
// *SyntaxError.
func ParseHours(text string, zone *Zone) (*Hours, error) {
	if len(text) > MaxText {
		return nil, whole(text).from(MaxText).wanted("ranges of at most 4096 bytes")
	}
	if zone == nil {
		zone = UTC()
	}
	h := &Hours{s: Schedule{zone: zone}}
	body := whole(text).trim()
	members, err := list(body)
	for i := 0; err == nil && i < len(members); i++ {
		err = h.add(members[i])
	}
	switch {
	case err != nil:
		return nil, err
	case len(h.s.clauses) == 0 && len(h.out) > 0:
		return nil, body.wantedHint(hoursWant, `what is left out is left out of something, as in ["*", "! 08:00-18:00 mon-fri"]`)
	case len(h.s.clauses) == 0:
		return nil, body.wanted(hoursWant)
	}
	if _, spans := h.stretch(0); spans == maxSpans {
		return nil, body.wanted("ranges that end")
	}
	return h, nil
}

// add reads one member of the list.
func (h *Hours) add(p part) error {
	p = p.trim()
	exclude := strings.HasPrefix(p.text, "!")
	if exclude {
		p = p.from(1).trim()
	}
	e, _, err := h.s.parseExpression(p, nil)
	if err != nil {
		return err
	}
	for i := range e.ranges {
		switch r := &e.ranges[i]; {
		case r.every || r.spread:
			return r.text.wantedHint(hoursWant, "nothing starts in them: they have neither @ nor ~")
		case r.kind == pointOfTime:
			return r.text.wantedHint(hoursWant, "it is a point in time, which has no end")
		}
	}
	for _, x := range appendExclusions(nil, &e) {
		c := clause{kind: window, dates: newDates(h.s.sets, x.lo, x.hi), begin: x.begin, end: x.end}
		if c.end == day-1 { // 23:59:59 is how the end of the day is written
			c.end = day
		}
		switch {
		case c.never():
		case exclude:
			h.out = append(h.out, c)
		default:
			h.s.clauses = append(h.s.clauses, c)
		}
	}
	return nil
}

// Covers says whether the hours cover t and, where they do, when that ends: the first instant that they do not cover.
func (h *Hours) Covers(t time.Time) (until time.Time, ok bool) {
	u := t.Unix()
	end, _ := h.stretch(u)
	return h.s.zone.time(end), end > u
}

// stretch returns the first instant from u on that is not covered, and how many ranges were gone through for it.
func (h *Hours) stretch(u int64) (end int64, spans int) {
	for ; spans < maxSpans; spans++ {
		next := h.around(u)
		if next == u {
			break
		}
		u = next
	}
	return u, spans
}

// around returns an instant up to which the hours cover all from u on; u where they do not cover that.
func (h *Hours) around(u int64) int64 {
	end := u
	for i := range h.s.clauses {
		if local := h.s.windowEnd(&h.s.clauses[i], u); local > never {
			end = max(end, h.s.zone.reach(u, local))
		}
	}
	end = min(end, h.s.zone.end(h.s.zone.at(u))) // clocks that are set back may show another time
	for i := range h.out {
		if first, ok := h.s.first(&h.out[i], never, u); ok {
			end = min(end, max(first, u))
		}
	}
	return end
}
