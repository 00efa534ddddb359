package schedule

import "time"

// Latest returns the newest slot that is after last and not after now, and how many older ones there
// are after last. It computes, and never steps from slot to slot, so it costs the same after a minute and
// after a year. What depends on the last run, as @10m does, has one slot outstanding at most: the first
// after last or, when its window has begun again since, that begin. With last zero, for a task that never
// ran, missed is 0.
func (s *Schedule) Latest(last, now time.Time) (slot time.Time, missed int, ok bool) {
	from, to := instant(last), min(now.Unix(), endOfTime)
	if s.limits != nil {
		to = min(to, s.limits.until)
	}
	best, waits, counted := int64(never), int64(never), false
	for i := range s.clauses {
		c := &s.clauses[i]
		late := s.late(c)
		u, found := s.newest(i, from-late, to-late)
		switch {
		case !found:
			continue
		case c.counts():
			counted = true
		default:
			waits = max(waits, u+late)
		}
		best = max(best, u+late)
	}
	switch {
	case best < 0: // none, or one before there are any
		return time.Time{}, 0, false
	case last.IsZero():
		return s.zone.time(best), 0, true
	}
	count := int64(0)
	if counted {
		count = s.count(max(from, s.notBefore()-1), to)
	}
	if waits > never && !(counted && s.isCounted(waits)) {
		count++
	}
	return s.zone.time(best), int(count - 1), true
}

// notBefore is the first instant at which the keyword not_before lets a slot be.
func (s *Schedule) notBefore() int64 {
	if s.limits == nil {
		return never
	}
	return s.limits.from
}

// newest returns the newest slot of a clause after last and not after now. What depends on the last run goes by that
// also where not_before is later: the interval may be over then.
func (s *Schedule) newest(i int, last, now int64) (int64, bool) {
	c := &s.clauses[i]
	from := max(last+1, s.notBefore()-s.late(c))
	switch {
	case now < from || c.idle:
		return 0, false
	case c.slots():
		var room clause
		u, ok := s.searchBack(s.own(i, &room), from-1, now)
		return u, ok && u >= from
	case c.kind == grid && !c.is(once):
		u := now - mod(now-c.anchor(), int64(c.pause))
		return u, u >= from && u >= c.anchor()
	case c.kind == boot:
		return s.booted(), s.booted() >= from && s.booted() <= now
	case c.kind == single:
		return c.anchor(), c.anchor() >= from && c.anchor() <= now
	}
	return s.outstanding(c, last, from, now)
}

// outstanding returns the slot, from an instant on, of a clause whose slots depend on the last run.
func (s *Schedule) outstanding(c *clause, last, from, now int64) (int64, bool) {
	if last <= never {
		from = now
	}
	if start, ok := s.first(c, last, now); !c.pauses() && (!ok || start > now) {
		return 0, false // a period that is over stays so: it is due again on the next day, and none is missed
	}
	u, ok := s.first(c, last, from)
	if !ok || u > now || c.kind == grid || c.pauses() && c.always() {
		return u, ok && u <= now
	}
	if begin, found := s.searchBack(c, never, now); found {
		u = max(u, begin)
	}
	return u, true
}

// always says that the window has all times of all days.
func (c *clause) always() bool { return c.weekly == allWeekdays && c.begin == 0 && c.end == day }

// counts says that the slots of a clause can be counted: they do not depend on the last run.
func (c *clause) counts() bool {
	return c.kind == ticks || c.kind == window && c.is(once|point) || c.kind == boot || c.kind == single || c.kind == grid && !c.is(once)
}

// isCounted says that a clause that counts has a slot at the instant u.
func (s *Schedule) isCounted(u int64) bool {
	for i := range s.clauses {
		c := &s.clauses[i]
		late := s.late(c)
		if newest, ok := s.newest(i, u-late-1, u-late); ok && c.counts() && newest == u-late {
			return true
		}
	}
	return false
}

// own returns a clause with the days on which it has a slot of its own: of the pieces of a window that was
// cut by exclusions the first of the day has it, and of a range over midnight the evening.
func (s *Schedule) own(i int, room *clause) *clause {
	c := &s.clauses[i]
	if c.pieces|c.evenings == 0 {
		return c
	}
	*room = *c
	room.index, room.earlier, room.nights, room.weekly = uint16(i), c.pieces, c.evenings, 0 //nolint:gosec // see maxClauses
	return room
}

// searchBack returns the newest slot of a clause at or before the instant to. It is search, backwards, and
// need not find one that is not after the instant from.
func (s *Schedule) searchBack(c *clause, from, to int64) (int64, bool) {
	z := s.zone
	for i := z.at(to); ; {
		start, offset := z.starts[i], int64(z.offsets[i])
		local, ok := s.prevIn(c, i, to+offset)
		u := local - offset
		ok = ok && u >= max(start, 0)
		if lost, found := s.lostBefore(c, i, to); found && (!ok || lost > u) {
			return lost, true
		}
		if ok || i == 0 || start <= from {
			return u, ok
		}
		j := i - 1
		if u < start && !s.runsAgain(c, i) && !s.checked(c) { // nothing was lost between
			j = min(j, z.at(max(u+2*day, 0)))
		}
		i, to = j, z.end(j)-1
	}
}

// prevIn is nextIn, backwards.
func (s *Schedule) prevIn(c *clause, i int, local int64) (int64, bool) {
	if c.is(fixed) && s.overlap == OverlapSecond {
		if was, is := s.zone.change(i + 1); is < was {
			local = min(local, is-1)
		}
	}
	local, ok := s.prevAllowed(c, i, local)
	if ok && s.firstOnly(c) {
		if was, is := s.zone.change(i); is <= local && local < was {
			return is - 1, true // it was in the stretch before
		}
	}
	return local, ok
}

// prevAllowed is nextAllowed, backwards.
func (s *Schedule) prevAllowed(c *clause, i int, local int64) (int64, bool) {
	if !s.checked(c) {
		return s.prevSlot(c, local)
	}
	late, offset := s.late(c), int64(s.zone.offsets[i])
	edge := s.zone.end(i) - late + offset
	if local >= edge {
		p := s.plain(c)
		slot, ok := s.prevSlot(&p, local)
		for ok && slot >= edge && s.excluded(slot-offset+late) {
			slot, ok = s.prevSlot(&p, slot-1)
		}
		if ok && slot >= edge {
			return slot, true
		}
	}
	return s.prevSlot(c, min(local, edge-1))
}

// firstOnly says that a slot of the clause, where clocks show its time twice, is the first of the two. A
// window without an interval has one slot a day always.
func (s *Schedule) firstOnly(c *clause) bool {
	return c.is(once) || c.is(fixed) && s.overlap == OverlapFirst
}

// lostBefore returns the last run, at or before the instant to, of the slots that fell into the gap at
// the begin of stretch i.
func (s *Schedule) lostBefore(c *clause, i int, to int64) (newest int64, found bool) {
	was, is := s.zone.change(i)
	start := s.zone.starts[i]
	switch {
	case was >= is || to < start || !c.is(fixed|once):
		return 0, false
	case c.kind == ticks:
		return s.lostTick(c, i, to)
	}
	p := *c
	if s.checked(c) {
		p = s.plain(c)
	}
	newest = never
	for local, ok := s.prevSlot(&p, is-1); ok && local >= was; local, ok = s.prevSlot(&p, local-1) {
		if u, runs := s.moved(c, i, local); runs && u <= to {
			newest = max(newest, u)
		}
	}
	return newest, newest > never
}

// lostTick is lostBefore for a clause that may have many slots in a gap.
func (s *Schedule) lostTick(c *clause, i int, to int64) (int64, bool) {
	was, is := s.zone.change(i)
	high := is - 1
	if s.gap == GapShift {
		high = min(high, was+to-s.zone.starts[i])
	}
	local, ok := s.prevSlot(c, high)
	if !ok || local < was {
		return 0, false
	}
	return s.moved(c, i, local)
}

// moved returns when a slot runs that fell into the gap at the begin of stretch i.
func (s *Schedule) moved(c *clause, i int, local int64) (int64, bool) {
	was, is := s.zone.change(i)
	u := s.zone.starts[i]
	if c.kind == window && !c.is(point) {
		if at, ok := s.reached(c, floorDay(local), is); ok {
			return at - int64(s.zone.offsets[i]), true
		}
	}
	if s.gap == GapShift {
		u += local - was
	}
	return u, s.gap != GapSkip && !s.excluded(u+s.late(c))
}

// reached returns the first local time, from one on, at which a range that had its slot on day d before it
// lets a run start: in the same piece of it or in one behind.
func (s *Schedule) reached(c *clause, d, local int64) (int64, bool) {
	first := s.indexOf(c)
	for i := first; i < len(s.clauses); i++ {
		days, ok := s.follows(first, i)
		if !ok {
			break
		}
		p, n := &s.clauses[i], d+days
		if at := max(local, n*day+int64(s.start(p, n))); at < n*day+int64(p.end) && s.has(&p.dates, n) {
			return at, true
		}
	}
	return 0, false
}

// follows says that clause k is the piece i of a range or one behind it, and how many days later it is.
func (s *Schedule) follows(i, k int) (days int64, ok bool) {
	part := k - int(s.clauses[k].pieces)
	if part <= i {
		return 0, true
	}
	return 1, part-int(s.clauses[k].evenings) <= i
}
