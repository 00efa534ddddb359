package schedule

import (
	"math"
	"time"
)

// Next returns the earliest instant, in whole seconds, at which a run may start: not before now, and
// after last. The last run, zero for none, is the newest scheduled one, whatever became of it. An
// instant of the past is a start only inside its window: what was missed is told by Latest. With ok
// false there is no such instant, now or ever, before the year 2200. There is none before 1970 either.
func (s *Schedule) Next(last, now time.Time) (next time.Time, ok bool) {
	u, ok := s.next(instant(last), ceil(now))
	if !ok {
		return time.Time{}, false
	}
	return s.zone.time(u), true
}

// never is the instant of a run that was not: so early that no pause reaches from it.
const never = math.MinInt64 / 4

func instant(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.Unix()
}

func ceil(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// next is Next in seconds since 1970.
func (s *Schedule) next(last, now int64) (best int64, ok bool) {
	now = max(now, 0)
	if s.limits != nil {
		now = max(now, s.limits.from)
	}
	for i := range s.clauses {
		c := &s.clauses[i]
		late := s.late(c)
		u, found := s.first(c, last-late, now-late)
		if found && (!ok || u+late < best) {
			best, ok = u+late, true
		}
	}
	if s.limits != nil && best > s.limits.until || best >= endOfTime-day && s.zone.local(best) >= endOfTime {
		return 0, false
	}
	return best, ok
}

// late is how much later the slots of a clause are for the keyword spread. Windows have it in their shift.
func (s *Schedule) late(c *clause) int64 {
	if c.kind == window && !c.is(point) {
		return 0
	}
	return int64(s.shift)
}

// first is next for one clause.
func (s *Schedule) first(c *clause, last, now int64) (int64, bool) {
	from := max(now, last+1)
	switch c.kind {
	case ticks:
		return s.search(c, from, never, never)
	case grid:
		return c.nextOnGrid(last, from)
	case boot:
		return s.booted(), s.booted() >= from
	case single:
		return c.anchor(), c.anchor() >= from
	}
	switch {
	case c.is(periodDays | periodMonths):
		return s.search(c, max(from, s.booted()+int64(c.shift)), c.due(s.zone, last), never)
	case last <= never:
		return s.search(c, from, never, never)
	case c.is(apart):
		return s.search(c, from, s.windowEnd(c, last), never)
	case c.is(civilPause):
		return s.search(c, from, s.zone.local(last)+int64(c.pause), never)
	}
	return s.search(c, from, never, last+int64(c.pause))
}

// due returns the local midnight at which the period of a clause that counts days or months is over.
func (c *clause) due(z *Zone, last int64) int64 {
	if last <= never {
		return never
	}
	n := floorDay(z.local(last))
	if c.is(periodDays) {
		return (n + int64(c.pause)) * day
	}
	y, m, d := date(n)
	m += int(c.pause) - 1
	y, m = y+m/12, m%12+1
	return dayNumber(y, m, min(d, monthDays(y, m))) * day
}

// windowEnd returns the local time at which the window around the instant u ends; never where there is none.
func (s *Schedule) windowEnd(c *clause, u int64) int64 {
	local := s.zone.local(u)
	d := floorDay(local)
	t := int32(local - d*day) //nolint:gosec // below a day
	switch {
	case t >= c.begin && t < c.end && s.has(&c.dates, d):
		return d*day + int64(c.end)
	case t+day < c.end && s.has(&c.dates, d-1):
		return (d-1)*day + int64(c.end)
	}
	return never
}

// nextOnGrid steps from the anchor, or from the end of the last run.
func (c *clause) nextOnGrid(last, from int64) (int64, bool) {
	from = max(from, c.anchor())
	if c.is(once) {
		return max(from, last+int64(c.pause)), true
	}
	return from + mod(c.anchor()-from, int64(c.pause)), true
}

func (s *Schedule) booted() int64 {
	if s.limits == nil {
		return never
	}
	return s.limits.boot
}

// search returns the first start of a clause at or after the instants from and rested, and the local
// time least: the end of the pause after the last run is one of the latter two. It goes from stretch to stretch of
// the zone, as in one of them local time is plain arithmetic, and over those that can have none.
func (s *Schedule) search(c *clause, from, least, rested int64) (int64, bool) {
	z := s.zone
	from = max(from, rested)
	for i := z.at(from); ; {
		lost, isLost := s.lostAfter(c, i, from, least)
		offset := int64(z.offsets[i])
		local, ok := s.nextIn(c, i, max(from+offset, least), max(rested+offset, least))
		switch u := local - offset; {
		case ok && u < z.end(i) && !(isLost && lost < u):
			return u, true
		case isLost:
			return lost, true
		case i+1 >= len(z.starts), !ok && !s.repeats(i+1):
			return 0, false
		}
		i++
		if ok && !s.runsAgain(c, i) {
			i = max(i, z.at(local-offset-2*day))
		}
		from = z.starts[i]
	}
}

// nextIn returns the first local time of a clause in stretch i. The times that clocks show twice belong
// to one of the two stretches, for a clause that is fixed. The pause after the last run ended at rested.
func (s *Schedule) nextIn(c *clause, i int, local, rested int64) (int64, bool) {
	switch {
	case c.is(point):
		return s.nextPoint(c, i, local)
	case c.kind == window:
		return s.nextStart(c, local, rested)
	}
	if c.is(fixed) && s.overlap == OverlapFirst {
		if was, is := s.zone.change(i); is < was {
			local = max(local, was)
		}
	}
	slot, ok := s.nextSlot(c, local)
	if ok {
		return s.second(c, i, slot)
	}
	return slot, ok
}

// second replaces a slot that stretch i shows first, and the next one again, where the second is meant.
func (s *Schedule) second(c *clause, i int, slot int64) (int64, bool) {
	if c.is(fixed) && s.overlap == OverlapSecond {
		if was, is := s.zone.change(i + 1); is <= slot && slot < was {
			return s.nextSlot(c, was)
		}
	}
	return slot, true
}

// nextPoint is nextIn for a point, which may start in the second of its slot and in the one after it, if
// that is in the same stretch: what a clock change does to a point it does to its slot.
func (s *Schedule) nextPoint(c *clause, i int, local int64) (int64, bool) {
	floor := int64(never)
	if was, is := s.zone.change(i); i > 0 {
		if floor = is; s.overlap == OverlapFirst {
			floor = max(is, was)
		}
	}
	slot, ok := s.nextAllowed(c, i, max(local-1, floor))
	if ok && slot < local && (c.end == c.begin+1 || s.excluded(local-int64(s.zone.offsets[i])+s.late(c))) {
		slot, ok = s.nextAllowed(c, i, max(local, floor))
	}
	if ok {
		slot, ok = s.second(c, i, slot)
	}
	return max(slot, local), ok
}

// nextAllowed is nextSlot in stretch i, without the slots that spread puts off into an exclusion. The dates
// know of those but where a clock change is between a slot and its start: such are looked at one by one.
func (s *Schedule) nextAllowed(c *clause, i int, local int64) (int64, bool) {
	slot, ok := s.nextSlot(c, local)
	if !s.checked(c) {
		return slot, ok
	}
	late, offset, end := s.late(c), int64(s.zone.offsets[i]), s.zone.end(i)
	edge := end - late + offset
	if ok && slot < edge {
		return slot, true
	}
	p := s.plain(c)
	slot, ok = s.nextSlot(&p, max(local, edge))
	for ok && slot < end+offset && s.excluded(slot-offset+late) {
		slot, ok = s.nextSlot(&p, slot+1)
	}
	return slot, ok
}

// repeats says that the change at the begin of stretch i shows local times again, so that a clause
// without a later start may have one there.
func (s *Schedule) repeats(i int) bool {
	was, is := s.zone.change(i)
	return is < was
}

// runsAgain says that a clause may have slots among the times that the change at the begin of stretch i
// shows again, so that they are not to be stepped over.
func (s *Schedule) runsAgain(c *clause, i int) bool {
	was, is := s.zone.change(i)
	if is >= was {
		return false
	}
	first := floorDay(is)
	if c.end > day {
		first--
	}
	for d := first; d*day < was; d++ {
		if s.has(&c.dates, d) {
			return true
		}
	}
	return s.checked(c)
}

// lostAfter returns when a slot runs that fell into the gap at the begin of stretch i: at the first
// instant after it, or with GapShift when the clock would have shown its time; never in an exclusion.
func (s *Schedule) lostAfter(c *clause, i int, from, least int64) (int64, bool) {
	was, is := s.zone.change(i)
	start := s.zone.starts[i]
	if was >= is || from >= start+is-was || !c.is(fixed|once) || c.early() {
		return 0, false
	}
	if s.gap == GapSkip || s.gap == GapAfter && from > start {
		return 0, false
	}
	for a := was + from - start; ; {
		local, ok := s.lost(c, a, is, least)
		if !ok {
			return 0, false
		}
		u := start
		if s.gap == GapShift {
			u += local - was
		}
		if !s.excluded(u + s.late(c)) {
			return u, true
		}
		a = local + 1
	}
}

// lost returns the first slot in a gap, from a up to b. A range that reaches out of the gap is not lost: it
// has a start there. Nor is one that ended before the pause after the last run did, or a piece of one whose
// slot is in another.
func (s *Schedule) lost(c *clause, a, b, least int64) (int64, bool) {
	p := *c
	if s.checked(c) {
		p = s.plain(c)
	}
	for {
		local, ok := s.nextSlot(&p, a)
		if !ok || local >= b {
			return 0, false
		}
		if c.kind != window || s.isLost(c, floorDay(local), b, least) {
			return local, true
		}
		a = local + 1
	}
}

// isLost says that a window of day d, whose slot is in a gap up to b, is lost: with all of its range, and in a
// part of that the pause after the last run was over.
func (s *Schedule) isLost(c *clause, d, b, least int64) bool {
	end := d*day + int64(c.end)
	if !c.is(point) {
		if end > b || !s.owns(c, d) {
			return false
		}
		if _, ok := s.reached(c, d, b); ok {
			return false
		}
	}
	return end > least || s.insideFrom(s.indexOf(c), d, least)
}

// owns says that the slot of a day is in this piece of a window that was cut.
func (s *Schedule) owns(c *clause, d int64) bool {
	if c.pieces+c.evenings == 0 {
		return true
	}
	var room clause
	return s.has(&s.own(s.indexOf(c), &room).dates, d)
}

// excluded says that an exclusion covers the instant u. It is asked where a start is not at the time of
// its slot: what a window has by itself is cut off when it is read.
func (s *Schedule) excluded(u int64) bool {
	all := s.closed()
	if len(all) == 0 {
		return false
	}
	local := s.zone.local(u)
	d := floorDay(local)
	t := int32(local - d*day) //nolint:gosec // below a day
	for i := range all {
		if x := &all[i]; x.covers(t) && s.has(&x.dates, d) {
			return true
		}
	}
	return false
}

// checked says that spread may put off the slots of a clause into an exclusion.
func (s *Schedule) checked(c *clause) bool {
	return s.shift > 0 && c.is(point) && len(s.closed()) > 0
}

// plain returns a clause that is checked with all its days.
func (s *Schedule) plain(c *clause) clause {
	p := *c
	p.dates = s.limits.closures.plain[s.indexOf(c)]
	return p
}

// indexOf returns the index of a clause of the schedule, or of one that own made of it.
func (s *Schedule) indexOf(c *clause) int {
	if c.earlier|c.nights > 0 {
		return int(c.index)
	}
	i := 0
	for i+1 < len(s.clauses) && &s.clauses[i] != c {
		i++
	}
	return i
}
