package schedule

import "math/bits"

// The times of the day of a clause in words.

// maxListed is how many times of a day are told one by one.
const maxListed = 8

// describeTimes says at which times of the day the clause has slots, and whether these are many.
func (c *clause) describeTimes() (text string, often bool) {
	if n := bits.OnesCount32(c.hours) * bits.OnesCount64(c.minutes) * bits.OnesCount64(c.seconds); n <= maxListed {
		var times []string
		for t := c.nextTime(0); t >= 0 && t < day; t = c.nextTime(t + 1) {
			times = append(times, clock(int(t)))
			if t == day-1 {
				break
			}
		}
		return "at " + join(times, "and"), false
	}
	return c.pattern(), true
}

// pattern is for many: every 10 minutes from 08:00 to 18:59.
func (c *clause) pattern() string {
	seconds := describeField(c.seconds, 60, "second", "minute")
	minutes := describeField(c.minutes, 60, "minute", "hour")
	hours := hoursIn(c.hours)
	switch {
	case c.seconds == 1 && c.minutes == 1:
		if step := stepOf(uint64(c.hours), 24); step > 1 {
			return "every " + counted(step, "hour") + hoursFrom(c.hours, step)
		}
		return "every hour" + hours
	case c.seconds == 1:
		return minutes + hours
	case c.minutes == 1<<60-1:
		return seconds + hours
	}
	return seconds + ", " + minutes + hours
}

// describeField is for the seconds of a minute or the minutes of an hour.
func describeField(set uint64, size int, unit, round string) string {
	step, first := stepOf(set, size), bits.TrailingZeros64(set)
	names := runsOf(set, size, func(i int) string { return string(appendInt(nil, i)) })
	switch few := bits.OnesCount64(set) <= 3 && (first > 0 || size%max(step, 1) != 0); {
	case step == 1:
		return "every " + unit
	case few && set&(set-1) != 0:
		return "at the " + unit + "s " + join(names, "and") + " of each " + round
	case step > 1 && first == 0 && size%step == 0:
		return "every " + counted(step, unit)
	case step > 1:
		return "every " + counted(step, unit) + " of each " + round + " from " + string(appendInt(nil, first)) + " on"
	case set&(set-1) == 0:
		return "at " + unit + " " + names[0] + " of each " + round
	}
	return "at the " + unit + "s " + join(names, "and") + " of each " + round
}

// stepOf tells a set that has each step-th number from its first one to the end; 0 for another.
func stepOf(set uint64, size int) int {
	first := bits.TrailingZeros64(set)
	rest := set &^ (1 << first)
	if rest == 0 {
		return 0
	}
	step := bits.TrailingZeros64(rest) - first
	for i := first; i < size; i += step {
		if set>>i&1 == 0 {
			return 0
		}
		set &^= 1 << i
	}
	if set != 0 || first >= step {
		return 0
	}
	return step
}

// hoursIn says in which hours; "" for all.
func hoursIn(set uint32) string {
	if set == 1<<24-1 {
		return ""
	}
	first, last := bits.TrailingZeros32(set), 31-bits.LeadingZeros32(set)
	if set == 1<<(last+1)-1<<first {
		return " from " + clock(first*3600) + " to " + clock(last*3600+59*60)
	}
	names := runsOf(uint64(set), 24, func(i int) string { return string(appendInt(nil, i)) })
	return " in the hours " + join(names, "and")
}

// hoursFrom is for a step of hours that does not begin with midnight, or does not divide the day.
func hoursFrom(set uint32, step int) string {
	first := bits.TrailingZeros32(set)
	if first == 0 && 24%step == 0 {
		return ""
	}
	return " of each day from " + clock(first*3600) + " on"
}
