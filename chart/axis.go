package chart

import (
	"fmt"
	"math/bits"
	"time"
)

// Axis is the time that is drawn from left to right, From before To, on the clocks of a zone.
type Axis struct {
	From, To time.Time
	Zone     *time.Location
}

// at is the place of a moment among n equal parts: below 0 or above n-1 where it is outside.
func (a Axis) at(t time.Time, n int) int {
	d, all := t.Sub(a.From), max(a.To.Sub(a.From), 1)
	switch {
	case d < 0:
		return -1
	case d >= all:
		return n
	}
	hi, lo := bits.Mul64(uint64(d), uint64(n))
	part, _ := bits.Div64(hi, lo, uint64(all))
	return int(part)
}

// tick is a moment that the axis names.
type tick struct {
	at    time.Time
	label string
}

// ticks are the moments of the day, or whole days, that n labels have room for.
func (a Axis) ticks(n int) []tick {
	span, n := a.To.Sub(a.From), max(n, 1)
	for _, step := range []time.Duration{
		time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute,
		15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if span/step < time.Duration(n) {
			return a.clockTicks(step)
		}
	}
	days := int(span/day) + 1
	for _, step := range []int{1, 2, 7, 14} {
		if days/step < n {
			return a.dayTicks(0, step)
		}
	}
	months := 1
	for days/(28*months) >= n {
		months++
	}
	return a.dayTicks(months, 0)
}

const day = 24 * time.Hour

// clockTicks are the multiples of a step on the clocks of each day. What a clock change leaves out is left out.
func (a Axis) clockTicks(step time.Duration) (ticks []tick) {
	form := "15:04"
	if step < time.Minute {
		form = "15:04:05"
	}
	for i := 0; a.midnight(0, i).Before(a.To); i++ {
		d := a.midnight(0, i)
		first := time.Duration(0)
		if a.From.After(d) {
			first = max(0, a.From.Sub(d)-3*time.Hour).Truncate(step) // a clock change shifts what follows
		}
		for at := first; at < day; at += step {
			t := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, int(at/time.Second), 0, a.Zone)
			if !t.Before(a.To) {
				break
			}
			if label := t.Format(form); !t.Before(a.From) && label == clock(at, form) {
				ticks = append(ticks, tick{t, label})
			}
		}
	}
	return ticks
}

func clock(at time.Duration, form string) string { return time.Time{}.Add(at).Format(form) }

// dayTicks are the beginnings of every so many months, or days.
func (a Axis) dayTicks(months, days int) (ticks []tick) {
	form := "2 Jan"
	if months > 0 {
		form = "Jan 2006"
	}
	for i := 0; ; i++ {
		d := a.midnight(i*months, i*days)
		if !d.Before(a.To) {
			return ticks
		}
		if !d.Before(a.From) {
			ticks = append(ticks, tick{d, d.Format(form)})
		}
	}
}

// midnight is the beginning of the day that is so many months or days after the first of the axis; of the month where
// months are counted.
func (a Axis) midnight(months, days int) time.Time {
	y, m, d := a.From.In(a.Zone).Date()
	if months > 0 {
		d = 1
	}
	t := time.Date(y, m+time.Month(months), d+days, 0, 0, 0, 0, a.Zone)
	if t.Hour() >= 12 { // the clocks leave midnight out, and this is the evening before
		_, end := t.ZoneBounds()
		t = end.In(a.Zone)
	}
	return t
}

// days are the beginnings of the days that begin within the axis, and its own; that alone where there are too many to name.
func (a Axis) days() []tick {
	first := a.From.In(a.Zone)
	ticks := []tick{{a.From, first.Format("Mon 2 Jan")}}
	if a.To.Sub(a.From) > 100*day {
		return ticks
	}
	for i := 1; a.midnight(0, i).Before(a.To); i++ {
		d := a.midnight(0, i)
		ticks = append(ticks, tick{d, d.Format("Mon 2 Jan")})
	}
	return ticks
}

// Shift is a moment at which the clocks of a zone are set.
type Shift struct {
	At time.Time
	By time.Duration
}

// String says when, on the clocks before it, and by how much.
func (s Shift) String() string {
	name, before := s.At.Add(-time.Second).Zone()
	return fmt.Sprintf("clocks %s at %s", signed(s.By), s.At.In(time.FixedZone(name, before)).Format("Mon 2 Jan 15:04"))
}

// signed is a duration with its sign, short.
func signed(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	if d%time.Hour == 0 {
		return fmt.Sprintf("%s%dh", sign, d/time.Hour)
	}
	return sign + d.String()
}

// maxShifts is how many clock changes are told of: an axis with more of them is too long to show them.
const maxShifts = 12

// Shifts are the clock changes after From and before To; none where there are many.
func (a Axis) Shifts() (all []Shift) {
	for t := a.From.In(a.Zone); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || !end.Before(a.To) {
			return all
		}
		if !end.After(t) { // so it is at the end of a leap year, beyond the table of a zone
			t = t.Add(day)
			continue
		}
		_, before := t.Zone()
		t = end.In(a.Zone)
		if _, after := t.Zone(); after != before {
			all = append(all, Shift{t, time.Duration(after-before) * time.Second})
		}
		if len(all) > maxShifts {
			return nil
		}
	}
}
