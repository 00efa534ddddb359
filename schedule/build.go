package schedule

import "slices"

// An exclusion is a part of the day that is left out on the days of some sets.
type exclusion struct {
	begin, end int32 // end not included
	lo, hi     int
}

// A closure is an exclusion that a start which is not at the time of its slot has to be held against.
type closure struct {
	dates
	begin, end int32
}

// closures are those of a schedule.
type closures struct {
	all   []closure
	plain []dates // of the clauses, where spread may put off a slot into a closure
}

func (x *closure) covers(t int32) bool { return x.begin <= t && t < x.end }

// build makes the clauses of OpenSVC expressions. Windows are cut where exclusions begin and end, so
// that each piece is left out as a whole on the days of those that cover it: to search is the same then as
// without exclusions.
func (s *Schedule) build(p part, all []expression) error {
	var out []exclusion
	for _, e := range all {
		if e.exclude {
			out = appendExclusions(out, &e)
		}
	}
	b := builder{s: s, out: out}
	for _, e := range all {
		if !e.exclude {
			b.add(&e)
		}
		if b.full() {
			return p.wanted("a schedule of at most 255 windows, cut by its exclusions")
		}
	}
	for i := range s.clauses {
		c := &s.clauses[i]
		c.idle = c.is(once) && c.early() || s.isIdle(i)
	}
	if slices.ContainsFunc(s.clauses, func(c clause) bool { return c.is(fixed | once) }) {
		s.close(out)
	}
	return nil
}

// close keeps the exclusions, with their sets as days that are in and not out.
func (s *Schedule) close(out []exclusion) {
	var all []closure
	var d dates
	for i, x := range out {
		if i == 0 || x.lo != out[i-1].lo {
			lo := len(s.sets)
			s.sets = append(s.sets, s.sets[x.lo:x.hi]...)
			for k := lo; k < len(s.sets); k++ {
				s.sets[k].minus = false
			}
			if d = newDates(s.sets, lo, len(s.sets)); d.weekly != 0 {
				s.sets = s.sets[:lo]
			}
		}
		if !d.never() {
			all = append(all, closure{d, x.begin, x.end})
		}
	}
	if len(all) > 0 {
		s.rare().closures = &closures{all: all}
	}
}

// closed returns the exclusions that were kept.
func (s *Schedule) closed() []closure {
	if s.limits == nil || s.limits.closures == nil {
		return nil
	}
	return s.limits.closures.all
}

// settle prepares what depends on all clauses, and on where spread puts off their slots.
func (s *Schedule) settle() {
	s.putOff()
	asked := s.notation != OpenSVC
	for i := range s.clauses {
		c := &s.clauses[i]
		for k := 0; k < i && !c.twin; k++ {
			c.twin = s.twins(&s.clauses[k], c)
		}
		asked = asked || c.weekly == 0 || c.pieces+c.evenings > 0 || c.twin
	}
	if !asked && !slices.ContainsFunc(s.closed(), func(x closure) bool { return x.weekly == 0 }) {
		s.sets = nil
	}
}

// twins says that two clauses have their slots at the same time of the day, put off as they are.
func (s *Schedule) twins(a, b *clause) bool {
	if !a.slots() || !b.slots() {
		return false
	}
	if s.random && a.flags&spreads|b.flags&spreads != 0 {
		return a.flags&b.flags&spreads != 0 && a.begin == b.begin && a.end == b.end
	}
	return (s.usual(a)-s.usual(b))%day == 0
}

// usual is the second of the day at which a run of the clause starts, where clocks do not change.
func (s *Schedule) usual(c *clause) int32 {
	if c.kind == window {
		return c.slot() + int32(s.late(c)) //nolint:gosec // at most 30 days
	}
	return c.firstTime() + s.shift
}

// putOff leaves out of the dates of points the days on which spread puts them off into an exclusion.
func (s *Schedule) putOff() {
	if s.shift == 0 || len(s.closed()) == 0 {
		return
	}
	l := s.limits.closures
	l.plain = make([]dates, len(s.clauses))
	for i := range s.clauses {
		c := &s.clauses[i]
		l.plain[i] = c.dates
		if c.is(point) {
			s.putOffPoint(c)
		}
	}
}

func (s *Schedule) putOffPoint(c *clause) {
	put := c.begin + s.shift
	later := put / day % 7
	left, covered, weekly := c.weekly, false, c.weekly != 0
	all := s.closed()
	for i := range all {
		if x := &all[i]; x.covers(put % day) {
			covered, weekly = true, weekly && x.weekly != 0
			left &^= (x.weekly>>later | x.weekly<<(7-later)) & allWeekdays
		}
	}
	if !covered {
		return
	}
	c.put = put
	switch {
	case weekly && left == 0:
		c.weekly, c.months, c.kinds = 0, 0, 0
	case weekly:
		c.weekly = left
	default:
		c.weekly = 0
		c.kinds = s.kinds(&c.dates) // a year of a kind has the same January after it, too
	}
}

// isIdle says that a clause has no slot of its own in any kind of year.
func (s *Schedule) isIdle(i int) bool {
	var room clause
	o := s.own(i, &room)
	return o != &s.clauses[i] && s.kinds(&o.dates) == 0
}

func appendExclusions(out []exclusion, e *expression) []exclusion {
	for _, r := range e.ranges {
		switch {
		case r.every && r.pause == 0:
		case r.begin > r.end:
			out = append(out, exclusion{0, r.end, e.lo, e.hi}, exclusion{r.begin, day, e.lo, e.hi})
		case r.kind == wholeDay:
			out = append(out, exclusion{0, day, e.lo, e.hi})
		case r.kind == pointOfTime:
			out = append(out, exclusion{r.begin, r.begin + 1, e.lo, e.hi})
		default:
			out = append(out, exclusion{r.begin, r.end, e.lo, e.hi})
		}
	}
	return out
}

// builder turns the ranges of expressions into clauses.
type builder struct {
	s      *Schedule
	out    []exclusion
	lo, hi int
	plain  dates // of lo to hi, without exclusions
	pieces uint8 // of the last window, if it has one run a day
}

func (b *builder) add(e *expression) {
	b.lo, b.hi = e.lo, e.hi
	b.plain = newDates(b.s.sets, e.lo, e.hi)
	for i := range e.ranges {
		b.addRange(&e.ranges[i])
	}
}

func (b *builder) addRange(r *timeRange) {
	c := clause{kind: window, begin: r.begin, end: r.end + 1, pause: r.pause}
	switch {
	case r.every && r.pause == 0: // never
		return
	case r.every && r.pause%day == 0:
		c.flags = civilPause
	case r.every:
	case r.kind == wholeDay:
		c.flags, c.pause = civilPause, day
	case r.kind == pointOfTime:
		c.flags, c.pause = point|fixed, pointPause
	default:
		c.flags, c.pause = civilPause|once, length(r)+1
	}
	switch {
	case r.kind == pointOfTime:
		c.end = min(r.begin+2, day)
		if r.every {
			c.flags |= point | fixed
		}
		b.place(&c)
	case r.begin <= r.end:
		b.spread(&c, r, length(r))
	default:
		night, morning := c, c
		night.end, morning.begin = day, 0
		b.spread(&night, r, length(r))
		morning.evenings = b.pieces
		b.spread(&morning, r, length(r))
	}
}

// length is that of a window in seconds, between its first and its last.
func length(r *timeRange) int32 {
	if r.begin > r.end {
		return r.end + day - r.begin
	}
	return r.end - r.begin
}

// spread puts off the slot of a window with ~ by a part of it.
func (b *builder) spread(c *clause, r *timeRange, length int32) {
	if r.spread && c.pause >= length {
		c.flags |= spreads
	}
	edges := b.edges(c)
	if c.is(spreads) && !b.s.random {
		c.shift = b.draw(edges)
	}
	b.pieces = 0
	for i := 0; i < len(edges)-1 && !b.full(); i++ {
		piece := *c
		piece.begin, piece.end, piece.pieces = edges[i], edges[i+1], b.pieces
		piece.shift = min(max(c.slot()-piece.begin, 0), piece.end-piece.begin)
		if b.place(&piece) && piece.is(once) {
			b.pieces++
		}
	}
}

// full says that there are more clauses, or sets, than a search may look at.
func (b *builder) full() bool { return len(b.s.clauses) > maxClauses || len(b.s.sets) > maxSets }

// edges returns where a window begins, is cut by exclusions, and ends.
func (b *builder) edges(c *clause) []int32 {
	edges := []int32{c.begin, c.end}
	for _, x := range b.out {
		for _, t := range [2]int32{x.begin, x.end} {
			if t > c.begin && t < c.end {
				edges = append(edges, t)
			}
		}
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}

// draw chooses how much later than its begin the slot of a window is, so that no exclusion covers it if
// that can be. The last second of the window is not chosen.
func (b *builder) draw(edges []int32) int32 {
	free := int32(0)
	for i := range len(edges) - 1 {
		if !b.covered(edges[i]) {
			free += edges[i+1] - edges[i]
		}
	}
	if free == 0 {
		return 0
	}
	left := b.s.seed.below(free - 1)
	for i := range len(edges) - 1 {
		size := edges[i+1] - edges[i]
		switch {
		case b.covered(edges[i]):
		case left < size:
			return edges[i] + left - edges[0]
		default:
			left -= size
		}
	}
	return 0
}

func (b *builder) covered(t int32) bool {
	return slices.ContainsFunc(b.out, func(x exclusion) bool { return x.begin <= t && t < x.end })
}

// place gives a clause its days, those of its expression without those of the exclusions that cover its
// begin, and keeps it if there are any.
func (b *builder) place(c *clause) (placed bool) {
	c.dates = b.plain
	lo := len(b.s.sets)
	for _, x := range b.out {
		if x.begin <= c.begin && c.begin < x.end {
			if len(b.s.sets) == lo {
				b.s.sets = append(b.s.sets, b.s.sets[b.lo:b.hi]...)
			}
			b.s.sets = append(b.s.sets, b.s.sets[x.lo:x.hi]...)
		}
	}
	if len(b.s.sets) > lo {
		c.dates = newDates(b.s.sets, lo, len(b.s.sets))
	}
	if c.never() {
		return false
	}
	b.s.clauses = append(b.s.clauses, *c)
	return true
}
