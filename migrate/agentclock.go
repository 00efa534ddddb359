package migrate

import (
	"slices"
	"time"
)

// agentNote is a departure of the agents from their own rules: from some instant on they are at another place.
type agentNote struct {
	at   int64
	text string
}

// What the agents do that their rules do not say.
const (
	agentAbandons = "the agents leave out the rest of a day once they find that a run would be too soon; om goes to its next range"
	agentOffDay   = "the agents start a task an interval after its last run, on days that the schedule does not have, too; om does not"
	agentShortest = "of several ranges that are ahead the agents take that with the shortest interval; om the first"
	agentWeek53   = "agent 3 knows no week 53 in a year that has 52, which the first days of January may be in; om does"
	agentLeak     = "the agents take the last moment of a day that is excluded for one that is not; om does not"
)

// agentWalk replays the agents' search for the next start, as both of them do it, and agent 3 where they differ.
type agentWalk struct {
	*agentTimes
	zone *time.Location
	day  agentDate // the last one that was looked at
}

// An agentDate is a day on the clocks of a host.
type agentDate struct {
	date       time.Time // its midnight in UTC
	begin, end int64     // instants; end is the begin of the next
}

// date returns the day that an instant is in.
func (w *agentWalk) date(at int64) agentDate {
	if at < w.day.begin || at >= w.day.end {
		w.day = dateIn(dayOf(time.Unix(at, 0).In(w.zone)), w.zone)
	}
	return w.day
}

func dateIn(date time.Time, zone *time.Location) agentDate {
	return agentDate{date, midnight(date, zone), midnight(date.AddDate(0, 0, 1), zone)}
}

// agentRun is how long a run is taken to last, in seconds: the agents look for the next start behind it, and no longer find
// the point or the end of a range that it began at.
const agentRun = 2

// starts appends those of a task that has run right before from.
func (w *agentWalk) starts(p *Prover, all []start) []start {
	if w.odd != "" {
		w.note(p.From.Unix(), w.odd)
	}
	for _, c := range changes(p.Host, p.From, p.To) {
		d := w.date(c.at)
		w.note(d.begin, d.changed(w.zone))
	}
	last, now, to := p.From.Unix()-1, p.From.Unix(), p.To.Unix()
	for {
		at, ok := w.next(last, now)
		if !ok { // the search ends with the next year: the agent is taken to look again when this one is over
			at = midnight(time.Date(w.date(now).date.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC), w.zone)
		}
		switch down := p.offAt(at); {
		case at >= to:
			return all
		case down != 0:
			now = down
			continue
		case !ok:
			now = at
			continue
		}
		all = append(all, start{at, 1})
		last, now = at, at+agentRun
	}
}

// offAt returns when the host is on again, 0 where it is on.
func (p *Prover) offAt(at int64) int64 {
	for _, d := range p.Down {
		if at >= d.From.Unix() && at < d.To.Unix() {
			return d.To.Unix()
		}
	}
	return 0
}

// note is for a departure, which counts until there is another.
func (w *agentWalk) note(at int64, text string) {
	if n := len(w.notes); n == 0 || w.notes[n-1].text != text || w.notes[n-1].at > at {
		w.notes = append(w.notes, agentNote{at, text})
	}
}

// next is the next start of a task that ran last at last, 0 for never.
func (w *agentWalk) next(last, now int64) (at int64, ok bool) {
	for i := range w.rules {
		if w.rules[i].exclude {
			continue
		}
		if t, found := w.nextOf(&w.rules[i], last, now); found && (!ok || t < at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// nextOf goes through the days until the end of the next year.
func (w *agentWalk) nextOf(r *agentRule, last, now int64) (at int64, ok bool) {
	today := w.date(now)
	year := today.date.Year()
	weeks := r.weeks
	if r.soft53 && isoWeeks(year) == 52 {
		weeks &^= 1 << 53
	}
	for d := today; d.date.Year() <= year+1; d = dateIn(d.date.AddDate(0, 0, 1), w.zone) {
		if !r.on(d.date, r.weeks) {
			continue
		}
		if !r.on(d.date, weeks) {
			w.note(d.begin, agentWeek53)
			continue
		}
		if at, ok = w.inDay(r, d, max(now, d.begin), last); ok {
			return at, true
		}
	}
	return 0, false
}

// inDay looks for a start on a day, from an instant of it on. What is excluded is gone past to its end.
func (w *agentWalk) inDay(r *agentRule, d agentDate, from, last int64) (at int64, ok bool) {
	for {
		if at, ok = w.inRanges(r, d, from, last); !ok {
			return 0, false
		}
		end := w.excludedUntil(at)
		if end == 0 {
			w.noteLeak(at)
			return at, true
		}
		if w.date(at) != w.date(end) {
			return 0, false
		}
		from, d = end, w.date(end)
		if !r.on(d.date, r.weeks) {
			return 0, false
		}
	}
}

// inRanges looks at the range that an instant is in, else at those that come later on that day. They are in the order of
// their intervals.
func (w *agentWalk) inRanges(r *agentRule, d agentDate, from, last int64) (at int64, ok bool) {
	second := from - d.begin
	for i := range r.ranges {
		x := &r.ranges[i]
		if !x.includes(second) {
			continue
		}
		if last == 0 || from-last >= x.interval {
			return from, true
		}
		if len(r.ranges) > 1 || x.begin > x.end { // there are other parts of the day
			w.note(from, agentAbandons)
		}
		return w.afterInterval(r, x, last)
	}
	return w.ahead(r, d, second, last)
}

// ahead looks at the ranges that begin later on a day.
func (w *agentWalk) ahead(r *agentRule, d agentDate, second, last int64) (at int64, ok bool) {
	for i := range r.ranges {
		x := &r.ranges[i]
		if x.begin < second {
			continue
		}
		if at = d.begin + x.begin; last == 0 || at-last >= x.interval {
			if r.begins(second, x.begin) {
				w.note(d.begin+second, agentShortest)
			}
			return at, true
		}
		if at, ok = w.afterInterval(r, x, last); ok {
			return at, true
		}
	}
	return 0, false
}

// afterInterval is the last run and an interval, if that is in the range, on whatever day.
func (w *agentWalk) afterInterval(r *agentRule, x *agentRange, last int64) (at int64, ok bool) {
	at = last + x.interval
	d := w.date(at)
	if !x.includes(at - d.begin) {
		return 0, false
	}
	if !r.on(d.date, r.weeks) {
		w.note(at, agentOffDay)
	}
	return at, true
}

// excludedUntil is the end of the exclusion that an instant is in, 0 for none. The end itself is not in it.
func (w *agentWalk) excludedUntil(at int64) int64 {
	d := w.date(at)
	for i := range w.rules {
		r := &w.rules[i]
		if !r.exclude || !r.on(d.date, r.weeks) {
			continue
		}
		for _, x := range r.ranges {
			second := at - d.begin
			if !x.includes(second) {
				continue
			}
			if left := x.left(second); left > 0 {
				return at + left
			}
		}
	}
	return 0
}

// noteLeak notes the last second of a day that is excluded.
func (w *agentWalk) noteLeak(at int64) {
	d := w.date(at)
	for i := range w.rules {
		r := &w.rules[i]
		if !r.exclude || !r.on(d.date, r.weeks) {
			continue
		}
		for _, x := range r.ranges {
			if x.end == daySeconds-1 && at-d.begin == x.end {
				w.note(at, agentLeak)
			}
		}
	}
}

// on says that a rule has a day.
func (r *agentRule) on(date time.Time, weeks uint64) bool {
	_, week := date.ISOWeek()
	if weeks>>week&1 == 0 || r.months>>int(date.Month())&1 == 0 {
		return false
	}
	weekday := (int(date.Weekday())+6)%7 + 1
	length := time.Date(date.Year(), date.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	for _, d := range r.days {
		monthday := d.monthday
		if monthday < 0 {
			monthday += length + 1
		}
		if d.weekdays>>weekday&1 == 1 && (d.monthday == 0 || monthday == date.Day()) {
			return true
		}
	}
	return false
}

// isoWeeks is how many weeks a year has.
func isoWeeks(year int) int {
	_, week := time.Date(year, time.December, 28, 0, 0, 0, 0, time.UTC).ISOWeek()
	return week
}

// changed says what a change of clocks comes to.
func (d *agentDate) changed(zone *time.Location) string {
	return "DST: the clocks of " + zone.String() + " are set on " + d.date.Format(time.DateOnly) + ": agent 3 counts the hours since midnight, and om goes by the clocks"
}

// begins says that a range begins from one second of the day on, before another.
func (r *agentRule) begins(from, before int64) bool {
	return slices.ContainsFunc(r.ranges, func(x agentRange) bool { return x.begin >= from && x.begin < before })
}

func (x agentRange) includes(second int64) bool {
	if x.begin <= x.end {
		return second >= x.begin && second <= x.end
	}
	return second >= x.begin && second <= daySeconds || second >= 0 && second <= x.end
}

// left is how long it is to the end of the range.
func (x agentRange) left(second int64) int64 {
	if x.begin > x.end && second >= x.begin {
		return x.end + daySeconds - second
	}
	return x.end - second
}
