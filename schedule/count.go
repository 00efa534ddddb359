package schedule

import "slices"

// How many slots were missed. Each instant counts once, however many clauses have a slot there.

// count returns how many slots the clauses that count have after last and not after now. Where there is
// more than one clause, or they are windows, see distinct.
func (s *Schedule) count(last, now int64) int64 {
	c := &s.clauses[0]
	if len(s.clauses) > 1 || c.kind == window {
		return s.distinct(last+1, now+1) + s.singles(last, now)
	}
	late := s.late(c)
	switch c.kind {
	case grid:
		first, _ := c.nextOnGrid(last-late, last-late+1)
		return (now-late-first)/int64(c.pause) + 1
	case ticks:
		return s.countTicks(c, last-late+1, now-late+1)
	}
	return 1
}

// singles counts the instants of "at" that no other clause has: see dropTwins.
func (s *Schedule) singles(last, now int64) (n int64) {
	for i := range s.clauses {
		if c := &s.clauses[i]; c.kind == single && c.anchor()+s.late(c) > last && c.anchor()+s.late(c) <= now {
			n++
		}
	}
	return n
}

// distinct counts the instants from a up to b at which a clause has a slot, of those with one a day at most.
// Around clock changes, where slots are lost, moved and shown twice, it looks at each; between them it
// counts days, without those of clauses that have their slot at the same time.
func (s *Schedule) distinct(a, b int64) (n int64) {
	z := s.zone
	a = max(a, 0)
	cut := s.lastPiece()
	for i := z.at(a); a < b; i++ {
		after := s.unsure(i)
		if was, is := z.change(i); was < is { // what fell into the gap may run in the next piece of its range
			after = max(after, floorDay(is-1)*day+cut-is)
		}
		if edge := min(b, z.starts[i]+after); i > 0 && a < edge {
			n += s.each(a, edge)
			a = edge
		}
		if edge := min(b, z.end(i)-s.unsure(i+1)); a < edge {
			n += s.eachDay(i, a, edge)
			a = edge
		}
	}
	return n
}

// unsure returns how long before the begin of stretch i, and after it, the change there may matter.
func (s *Schedule) unsure(i int) int64 {
	was, is := s.zone.change(i)
	return max(was-is, is-was) + int64(s.shift)
}

// lastPiece returns when the last piece of ranges that are cut ends, in seconds of the day on which they begin.
func (s *Schedule) lastPiece() (end int64) {
	for i := range s.clauses {
		switch c := &s.clauses[i]; {
		case c.evenings > 0:
			end = max(end, day+int64(c.end))
		case c.pieces > 0:
			end = max(end, int64(c.end))
		}
	}
	return end
}

// each counts the instants from a up to b one by one.
func (s *Schedule) each(a, b int64) int64 {
	var many [32]int64
	all := many[:0]
	for i := range s.clauses {
		c := &s.clauses[i]
		if !c.slots() || c.idle {
			continue
		}
		var room clause
		own, late := s.own(i, &room), s.late(c)
		for to := b - 1 - late; s.mayRun(c, a-late, to+1); {
			u, ok := s.searchBack(own, a-late-1, to)
			if !ok || u+late < a {
				break
			}
			all = append(all, u+late)
			to = u - 1
		}
	}
	slices.Sort(all)
	return int64(len(slices.Compact(all)))
}

// mayRun says whether a clause may have a slot from the instant a up to b: whether clocks show its time
// between, or a change has left it out not long before.
func (s *Schedule) mayRun(c *clause, a, b int64) bool {
	i, k := s.zone.at(a), s.zone.at(b)
	if k > i+1 || s.checked(c) {
		return true
	}
	was, is := s.zone.change(k)
	low, high := a+int64(s.zone.offsets[i])-max(is-was, was-is), b+int64(s.zone.offsets[k])+max(is-was, was-is)
	if was < is && a-s.zone.starts[k] < 3*day {
		low = min(low, was) // what runs in a later piece of its range
	}
	first := c.begin
	switch {
	case c.kind == ticks:
		first = c.firstTime()
	case c.is(spreads) && s.random:
		low -= int64(c.end - c.begin)
	default:
		first = c.slot()
	}
	for d := floorDay(low - int64(first) + day - 1); d*day+int64(first) < high; d++ {
		if s.has(&c.dates, d) {
			return true
		}
	}
	return false
}

// eachDay counts the instants from a up to b, where the offset is that of stretch i and nothing is lost.
func (s *Schedule) eachDay(i int, a, b int64) (n int64) {
	offset := int64(s.zone.offsets[i])
	for k := range s.clauses {
		c := &s.clauses[k]
		if !c.slots() || c.idle {
			continue
		}
		var room clause
		own, late := s.own(k, &room), s.late(c)
		if c.twin {
			room = *own
			room.index, room.alone, room.weekly = uint16(k), true, 0 //nolint:gosec // see maxClauses
			own = &room
		}
		n += s.countSlots(own, a-late+offset, b-late+offset)
	}
	return n
}

// countTicks returns how many slots a clause with many a day has from the instant a up to b.
func (s *Schedule) countTicks(c *clause, a, b int64) (n int64) {
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
	if was >= is || !c.is(fixed) {
		return 0
	}
	for from := max(start, a); ; from++ {
		u, ok := s.lostAfter(c, i, from, never)
		if !ok || u >= b {
			return n
		}
		if local, same := s.nextSlot(c, u+is-start); !same || local != u+is-start {
			n++
		}
		from = u
	}
}
