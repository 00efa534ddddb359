package schedule

import "time"

// A Change is what becomes of one instant when a schedule is replaced by another.
type Change struct {
	Old time.Time // zero where the instant is added
	New time.Time // zero where it is removed
}

// Compare calls each for the instants that differ between two schedules, of those from from on up to to, in
// order, until it returns false. A run is taken to start at each of them. One that goes and one that comes less than
// a day apart, with none nearer and none between them that both have, are one that moves.
func Compare(was, now *Schedule, from, to time.Time, each func(Change) bool) {
	a, b := stepper{was, was.Seen(from), from, to}, stepper{now, now.Seen(from), from, to}
	var gone, come []time.Time
	x, y := a.next(), b.next()
	for !x.IsZero() || !y.IsZero() {
		switch {
		case y.IsZero() || !x.IsZero() && x.Before(y):
			gone, x = append(gone, x), a.next()
		case x.IsZero() || y.Before(x):
			come, y = append(come, y), b.next()
		default:
			if !pairs(gone, come, each) {
				return
			}
			gone, come = gone[:0], come[:0]
			x, y = a.next(), b.next()
		}
	}
	pairs(gone, come, each)
}

// pairs finds what moves among instants that go and that come.
func pairs(gone, come []time.Time, each func(Change) bool) bool {
	for len(gone) > 0 || len(come) > 0 {
		var c Change
		if len(gone) > 0 && !alone(come, gone) {
			c.Old = gone[0]
		}
		if c.Old.IsZero() || !alone(gone, come) {
			c.New = come[0]
		}
		if !c.Old.IsZero() {
			gone = gone[1:]
		}
		if !c.New.IsZero() {
			come = come[1:]
		}
		if !each(c) {
			return false
		}
	}
	return true
}

// alone says that the first of some instants has no partner among others: they are a day away or more, or the next of
// its own is nearer.
func alone(some, others []time.Time) bool {
	switch {
	case len(some) == 0:
		return false
	case len(others) == 0:
		return true
	}
	apart := others[0].Sub(some[0])
	return apart >= 24*time.Hour || apart > 0 && len(some) > 1 && some[1].Sub(others[0]).Abs() < apart
}

// stepper gives the instants of a schedule up to one, and then the zero time.
type stepper struct {
	*Schedule
	last, from, to time.Time
}

func (s *stepper) next() time.Time {
	next, ok := s.Next(s.last, s.from)
	if !ok || next.After(s.to) {
		return time.Time{}
	}
	s.last, s.from = next, next
	return next
}
