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
		from, to = max(from, s.limits.from-1), min(to, s.limits.until)
	}
	best, count, waits := int64(never), int64(0), int64(0)
	for i := range s.clauses {
		c := &s.clauses[i]
		late := s.late(c)
		u, found := s.newest(i, from-late, to-late)
		switch {
		case !found:
			continue
		case c.counts():
			count += s.countSince(i, from-late, to-late)
		default:
			waits = 1
		}
		best, ok = max(best, u+late), true
	}
	if !ok || best < 0 {
		return time.Time{}, 0, false
	}
	if count += waits; last.IsZero() {
		count = 1
	}
	return s.zone.time(best), int(count - 1), true
}

// newest returns the newest slot of a clause after last and not after now.
func (s *Schedule) newest(i int, last, now int64) (int64, bool) {
	c := &s.clauses[i]
	switch {
	case now <= last || c.idle:
		return 0, false
	case c.slots():
		u, ok := s.searchBack(s.own(i), now)
		return u, ok && u > last
	case c.kind == grid && !c.is(once):
		u := now - mod(now-c.anchor(), int64(c.pause))
		return u, u > last && u >= c.anchor()
	case c.kind == boot:
		return s.booted(), s.booted() > last && s.booted() <= now
	case c.kind == single:
		return c.anchor(), c.anchor() > last && c.anchor() <= now
	}
	return s.outstanding(c, last, now)
}

// outstanding returns the slot of a clause whose slots depend on the last run.
func (s *Schedule) outstanding(c *clause, last, now int64) (int64, bool) {
	from := last + 1
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
	if begin, found := s.searchBack(c, now); found {
		u = max(u, begin)
	}
	return u, true
}

// always says that the window has all times of all days.
func (c *clause) always() bool { return c.weekly == allWeekdays && c.begin == 0 && c.end == day }

// counts says that the slots of a clause can be counted: they do not depend on the last run.
func (c *clause) counts() bool {
	return c.slots() || c.kind == boot || c.kind == single || c.kind == grid && !c.is(once)
}

// countSince returns how many slots of a clause that counts are after last and not after now.
func (s *Schedule) countSince(i int, last, now int64) int64 {
	c := &s.clauses[i]
	switch {
	case last <= never || c.kind == boot || c.kind == single:
		return 1
	case c.kind == grid:
		first, _ := c.nextOnGrid(last, last+1)
		return (now-first)/int64(c.pause) + 1
	}
	return s.count(s.own(i), last+1, now+1)
}

// own returns a clause with the days on which it has a slot of its own: of the pieces of a window that was
// cut by exclusions the first of the day has it, and of a range over midnight the evening.
func (s *Schedule) own(i int) *clause {
	c := &s.clauses[i]
	if c.pieces == 0 && c.evenings == 0 {
		return c
	}
	o := *c
	o.index, o.earlier, o.nights, o.weekly = uint16(i), c.pieces, c.evenings, 0 //nolint:gosec // see maxClauses
	return &o
}

// searchBack returns the newest slot of a clause at or before the instant to. It is search, backwards.
func (s *Schedule) searchBack(c *clause, to int64) (int64, bool) {
	z := s.zone
	for i := z.at(to); ; {
		start, offset := z.starts[i], int64(z.offsets[i])
		local, ok := s.prevIn(c, i, to+offset)
		u := local - offset
		ok = ok && u >= max(start, 0)
		if lost, found := s.lostBefore(c, i, to); found && (!ok || lost > u) {
			return lost, true
		}
		if ok || i == 0 {
			return u, ok
		}
		j := i - 1
		if u < start { // nothing was lost between
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
	local, ok := s.prevSlot(c, local)
	if ok && s.firstOnly(c) {
		if was, is := s.zone.change(i); is <= local && local < was {
			return is - 1, true // it was in the stretch before
		}
	}
	return local, ok
}

// firstOnly says that a slot of the clause, where clocks show its time twice, is the first of the two. A
// window without an interval has one slot a day always.
func (s *Schedule) firstOnly(c *clause) bool {
	return c.is(once) || c.is(fixed) && s.overlap == OverlapFirst
}

// lostBefore returns the last run, at or before the instant to, of the slots that fell into the gap at
// the begin of stretch i.
func (s *Schedule) lostBefore(c *clause, i int, to int64) (int64, bool) {
	was, is := s.zone.change(i)
	start := s.zone.starts[i]
	if was >= is || to < start || !c.is(fixed|once) {
		return 0, false
	}
	local, ok := s.prevSlot(c, min(is-1, was+to-start))
	switch {
	case c.kind == window && s.reaches(c, was, is):
		return start, true
	case !ok || local < was:
		_, ok = s.lost(c, was, is)
		return start, ok && s.gap == GapAfter
	case s.gap == GapAfter:
		return start, true
	case s.gap == GapShift:
		return start + local - was, true
	}
	return 0, false
}

// reaches says that a window begins in the gap from a up to b, and ends after it.
func (s *Schedule) reaches(c *clause, a, b int64) bool {
	local, ok := s.prevSlot(c, b-1)
	return ok && local >= a && !c.is(point) && floorDay(local)*day+int64(c.end) > b
}

// count returns how many slots of a clause the instants from a up to b have.
func (s *Schedule) count(c *clause, a, b int64) (n int64) {
	z := s.zone
	a = max(a, 0)
	for i := z.at(a); i < len(z.starts) && z.starts[i] < b; i++ {
		offset := int64(z.offsets[i])
		n += s.countIn(c, i, max(a, z.starts[i])+offset, min(b, z.end(i))+offset) + s.countLost(c, i, a, b)
	}
	return n
}

func (s *Schedule) countIn(c *clause, i int, a, b int64) int64 {
	if s.firstOnly(c) {
		if was, is := s.zone.change(i); is < was {
			a = max(a, was)
		}
	}
	if c.is(fixed) && s.overlap == OverlapSecond {
		if was, is := s.zone.change(i + 1); is < was {
			b = min(b, is)
		}
	}
	return s.countSlots(c, a, b)
}

// countLost counts the runs of what fell into the gap at the begin of stretch i, but for those at an
// instant at which the clause has another slot.
func (s *Schedule) countLost(c *clause, i int, a, b int64) (n int64) {
	was, is := s.zone.change(i)
	start := s.zone.starts[i]
	if was >= is || !c.is(fixed|once) {
		return 0
	}
	for from := max(start, a); ; from++ {
		u, ok := s.lostFrom(c, i, from)
		if !ok || u >= b {
			return n
		}
		if local, same := s.nextSlot(c, u+is-start); !same || local != u+is-start {
			n++
		}
		from = u
	}
}

// lostFrom is lostAfter, and knows of the windows that begin in the gap and end after it.
func (s *Schedule) lostFrom(c *clause, i int, from int64) (int64, bool) {
	was, is := s.zone.change(i)
	if start := s.zone.starts[i]; from <= start && c.kind == window && s.reaches(c, was, is) {
		return start, true
	}
	return s.lostAfter(c, i, from, never)
}
