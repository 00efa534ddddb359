package schedule

import "math/bits"

// Slots appends to list the instants, in seconds since 1970, through which Next steps from one of them, last, on: up to the
// first that is not before until, and with that one. Where the list ends with an earlier one, there are no more. Most
// schedules are read off day by day, which is many times cheaper than to ask for one after the other.
func (s *Schedule) Slots(list []int64, last, until int64) []int64 {
	for last < until {
		n := len(list)
		if list = s.ticksAfter(list, last, until); len(list) == n {
			next, ok := s.next(last, last)
			if !ok || next <= last {
				return list
			}
			list = append(list, next)
		}
		last = list[len(list)-1]
	}
	return list
}

// ticksAfter appends those of the slots after last that no clock change bears on, for a schedule that has nothing but ticks; none
// for others. A change bears on the slots before and after it that are nearer than the time by which clocks are set.
func (s *Schedule) ticksAfter(list []int64, last, until int64) []int64 {
	if len(s.clauses) != 1 || s.clauses[0].kind != ticks || s.limits != nil && last < s.limits.from {
		return list
	}
	c, z := &s.clauses[0], s.zone
	late := s.late(c)
	from := last - late + 1
	i := z.at(from)
	was, is := z.change(i)
	if from < 0 || from < z.starts[i]+max(is-was, was-is) {
		return list
	}
	was, is = z.change(i + 1)
	end := min(z.end(i)-max(is-was, was-is), endOfTime-late-2*day)
	if s.limits != nil {
		end = min(end, s.limits.until-late)
	}
	offset := int64(z.offsets[i])
	return s.ticksFrom(list, c, from+offset, min(end, until-late)+offset, end+offset, late-offset)
}

// ticksFrom appends the ticks at and after a local time, up to the first at or after until, that are before end, each moved by so
// many seconds.
func (s *Schedule) ticksFrom(list []int64, c *clause, local, until, end, by int64) []int64 {
	for d := floorDay(local); d*day < until; d++ {
		n, ok := s.nextDay(&c.dates, d)
		if !ok {
			return list
		}
		d = n
		for hours := c.hours; hours != 0; hours &= hours - 1 {
			hour := d*day + int64(bits.TrailingZeros32(hours))*3600
			if hour+3600 <= local {
				continue
			}
			for minutes := c.minutes; minutes != 0; minutes &= minutes - 1 {
				minute := hour + int64(bits.TrailingZeros64(minutes))*60
				for seconds := c.seconds; seconds != 0; seconds &= seconds - 1 {
					at := minute + int64(bits.TrailingZeros64(seconds))
					switch {
					case at >= end:
						return list
					case at >= local:
						list = append(list, at+by)
					}
					if at >= until {
						return list
					}
				}
			}
		}
	}
	return list
}
