package schedule

import "math/bits"

// kinds of a clause.
const (
	ticks  = uint8(iota) // instants: the hours, minutes and seconds of the dates
	window               // from begin up to end on the dates, with a pause after the last run
	grid                 // each pause seconds, counted from anchor
	boot                 // once after each start of the host
	single               // at the anchor, an instant
)

// flags of a clause.
const (
	// fixed is a time of the day that is meant to happen once on its day, as 02:30 or a cron line
	// without a star in its hours and minutes: what a clock change does to it is a choice.
	fixed = uint8(1 << iota)
	// once is a window without an interval of its own: one run in it, on each of its days.
	once
	// civilPause counts the pause on the local clock, so that a day is a day when clocks change.
	civilPause
	// periodDays is a pause that counts days, whatever the time of the last run: anacron's.
	periodDays
	// periodMonths is the same, of months.
	periodMonths
	// spreads is a window with ~: its begin is put off by a part of it.
	spreads
	// point is a time of the day written as a window of two seconds.
	point
	// apart is a window that has one run on each of its days, however late the one before it began.
	apart
)

// pointPause is the pause of a point: longer than its window.
const pointPause = 2

// A clause says when runs may start. Seconds of the day count from 00:00 on the local clock.
type clause struct {
	kind   uint8
	flags  uint8
	pieces uint8 // so many clauses before this one are pieces of the same window, in the order of the day
	// So many before them are pieces of the evening of the same range over midnight: see own.
	evenings uint8
	idle     bool // a window whose slot, on each of its days, is that of another piece
	twin     bool // a clause before it has its time of the day: see eachDay
	dates
	begin, end int32  // of a window: seconds of the day, end not included; beyond a day it reaches into the next
	shift      int32  // how much later than begin the slot of a window is
	pause      int32  // the least seconds (days, months) from one run to the next
	hours      uint32 // of ticks
	minutes    uint64
	seconds    uint64 // or, of a grid or a single instant, the anchor
}

func (c *clause) is(flag uint8) bool { return c.flags&flag != 0 }

func (c *clause) anchor() int64 { return int64(c.seconds) } //nolint:gosec // see newGrid

// slots says that the clause has instants of its own: one or more on each of its days. What it has not
// depends on the last run.
func (c *clause) slots() bool {
	return c.kind == ticks || c.kind == window && c.is(once|point) && !c.early()
}

// early says that the window is a piece, cut off by an exclusion, of one with ~ whose slot is later: no
// run starts in it but one that waited for the pause after the last.
func (c *clause) early() bool { return c.kind == window && c.slot() >= c.end }

// pauses says that a run may start as soon as the pause after the last is over, and not at the slot of
// a later day.
func (c *clause) pauses() bool { return !c.is(periodDays | periodMonths) }

// slot is the second of the day at which the run of a window is due.
func (c *clause) slot() int32 { return c.begin + c.shift }

// nextTime returns the first of the ticks of a day at or after the second t, -1 for none.
func (c *clause) nextTime(t int32) int32 {
	h, m, s := t/3600, t/60%60, t%60
	if c.hours>>h&1 != 0 {
		if c.minutes>>m&1 != 0 {
			if rest := c.seconds >> s; rest != 0 {
				return t + int32(bits.TrailingZeros64(rest)) //nolint:gosec // below 60
			}
		}
		if rest := c.minutes >> (m + 1); rest != 0 {
			return h*3600 + (m+1+int32(bits.TrailingZeros64(rest)))*60 + int32(bits.TrailingZeros64(c.seconds)) //nolint:gosec // below a day
		}
	}
	if rest := c.hours >> (h + 1); rest != 0 {
		return (h+1+int32(bits.TrailingZeros32(rest)))*3600 + c.firstInHour() //nolint:gosec // below a day
	}
	return -1
}

func (c *clause) firstInHour() int32 {
	return int32(bits.TrailingZeros64(c.minutes)*60 + bits.TrailingZeros64(c.seconds)) //nolint:gosec // below an hour
}

// firstTime returns the first of the ticks of a day.
func (c *clause) firstTime() int32 {
	return int32(bits.TrailingZeros32(c.hours))*3600 + c.firstInHour() //nolint:gosec // below a day
}

// prevTime returns the last of the ticks of a day at or before the second t, -1 for none.
func (c *clause) prevTime(t int32) int32 {
	h, m, s := t/3600, t/60%60, t%60
	if c.hours>>h&1 != 0 {
		if c.minutes>>m&1 != 0 {
			if rest := c.seconds & (1<<(s+1) - 1); rest != 0 {
				return h*3600 + m*60 + highest(rest)
			}
		}
		if rest := c.minutes & (1<<m - 1); rest != 0 {
			return h*3600 + highest(rest)*60 + highest(c.seconds)
		}
	}
	if rest := c.hours & (1<<h - 1); rest != 0 {
		return highest(uint64(rest))*3600 + highest(c.minutes)*60 + highest(c.seconds)
	}
	return -1
}

func highest(set uint64) int32 { return int32(63 - bits.LeadingZeros64(set)) } //nolint:gosec // below 64

// rank returns how many of the ticks of a day are before the second t.
func (c *clause) rank(t int32) int64 {
	h, m, s := t/3600, t/60%60, t%60
	perMinute := bits.OnesCount64(c.seconds)
	perHour := perMinute * bits.OnesCount64(c.minutes)
	n := perHour * bits.OnesCount32(c.hours&(1<<h-1))
	if c.hours>>h&1 != 0 {
		n += perMinute * bits.OnesCount64(c.minutes&(1<<m-1))
		if c.minutes>>m&1 != 0 {
			n += bits.OnesCount64(c.seconds & (1<<s - 1))
		}
	}
	return int64(n)
}

// nextSlot returns the first slot of a clause at or after a local time.
func (s *Schedule) nextSlot(c *clause, local int64) (int64, bool) {
	d := floorDay(local)
	n, ok := s.nextDay(&c.dates, d)
	if ok && n == d {
		if t := s.nextTime(c, d, int32(local-d*day)); t >= 0 { //nolint:gosec // below a day
			return d*day + int64(t), true
		}
		n, ok = s.nextDay(&c.dates, d+1)
	}
	if c.kind == window {
		return n*day + int64(s.start(c, n)), ok
	}
	return n*day + int64(c.firstTime()), ok
}

// nextTime is that of the clause on day d; the slot of a window may be another each day.
func (s *Schedule) nextTime(c *clause, d int64, t int32) int32 {
	switch {
	case c.kind != window:
		return c.nextTime(t)
	case t <= s.start(c, d):
		return s.start(c, d)
	}
	return -1
}

// prevTime is that of the clause on day d.
func (s *Schedule) prevTime(c *clause, d int64, t int32) int32 {
	switch {
	case c.kind != window:
		return c.prevTime(t)
	case t >= s.start(c, d):
		return s.start(c, d)
	}
	return -1
}

// rank is that of the clause on day d.
func (s *Schedule) rank(c *clause, d int64, t int32) int64 {
	switch {
	case c.kind != window:
		return c.rank(t)
	case t > s.start(c, d):
		return 1
	}
	return 0
}

// prevSlot returns the last slot of a clause at or before a local time.
func (s *Schedule) prevSlot(c *clause, local int64) (int64, bool) {
	d := floorDay(local)
	n, ok := s.prevDay(&c.dates, d)
	if ok && n == d {
		if t := s.prevTime(c, d, int32(local-d*day)); t >= 0 { //nolint:gosec // below a day
			return d*day + int64(t), true
		}
		n, ok = s.prevDay(&c.dates, d-1)
	}
	return n*day + int64(s.prevTime(c, n, day-1)), ok
}

// countSlots returns how many slots the local times from a up to b have.
func (s *Schedule) countSlots(c *clause, a, b int64) int64 {
	if b <= a {
		return 0
	}
	da, db := floorDay(a), floorDay(b)
	perDay := int64(1)
	if c.kind != window {
		perDay = c.rank(day)
	}
	n := s.countDays(&c.dates, da, db) * perDay
	if s.has(&c.dates, da) {
		n -= s.rank(c, da, int32(a-da*day)) //nolint:gosec // below a day
	}
	if b > db*day && s.has(&c.dates, db) {
		n += s.rank(c, db, int32(b-db*day)) //nolint:gosec // below a day
	}
	return n
}

// nextStart returns the first local time at or after local at which a window lets a run start. In a window
// in which the pause after the last run ended, at the local time rested, it need not wait for the slot.
func (s *Schedule) nextStart(c *clause, local, rested int64) (int64, bool) {
	d := floorDay(local)
	t := int32(local - d*day) //nolint:gosec // below a day
	if c.end > day && t+day < c.end && s.has(&c.dates, d-1) {
		return local, true
	}
	n, ok := s.nextDay(&c.dates, d)
	if ok && n == d {
		if at := s.startFrom(c, d, t, rested); at >= 0 {
			return d*day + int64(at), true
		}
		n, ok = s.nextDay(&c.dates, d+1)
	}
	if !ok || c.early() {
		return 0, false
	}
	return n*day + int64(s.start(c, n)), true
}

// startFrom returns the first second of day n, from t on, at which a run may start; -1 for none.
func (s *Schedule) startFrom(c *clause, n int64, t int32, rested int64) int32 {
	switch slot := s.start(c, n); {
	case t >= c.end:
		return -1
	case t >= slot, t >= c.begin && c.pauses() && rested >= n*day+int64(c.begin):
		return t
	case slot < c.end:
		return slot
	}
	return -1
}

// start is the second of a day at which the window of that day has its slot.
func (s *Schedule) start(c *clause, n int64) int32 {
	if c.is(spreads) && s.random {
		return c.begin + s.seed.at(n).below(c.end-c.begin-1)
	}
	return c.slot()
}
