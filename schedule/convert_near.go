package schedule

import (
	"errors"
	"math/bits"
	"strings"
)

// Ways out of what another notation can't say: the text that is nearest to it, and how it differs.

// nearer adds the nearest text to a reason, where there is one.
func nearer(reason, text, differs string) error {
	if text != "" {
		reason += ": the nearest is " + text + ", " + differs
	}
	return errors.New(reason)
}

// near is the nearest text of a clause that counts from the last run; "" for none.
func (m *member) near(c *clause, to Notation) string {
	switch {
	case to == OpenSVC:
		return c.nearOpenSVC()
	case len(m.days) > 1 || len(m.ranges) > 1:
		return ""
	case c.is(periodDays | periodMonths):
		return c.nearPeriod(to)
	case c.kind == grid:
		return nearText(to, line{set: everyDay()}, 0, day, c.pause)
	}
	l := line{set: everyDay(), zone: m.namedZone()}
	if c.weekly != 0 {
		l.set.weekdays = c.weekly
	} else if len(m.days) > 0 {
		l.set = m.days[0]
	}
	pause := c.pause
	if c.is(once) {
		pause = day
	}
	return nearText(to, l, c.begin, min(c.end, day), pause)
}

// nearOpenSVC is an interval of the whole day.
func (c *clause) nearOpenSVC() string {
	switch {
	case c.is(periodDays):
		return "@" + decimal(int(c.pause)) + "d"
	case c.kind == grid:
		return "@" + string(appendDuration(nil, int(c.pause)))
	}
	return ""
}

// nearPeriod is the word for a day, a week, a month or a year.
func (c *clause) nearPeriod(to Notation) string {
	word := ""
	switch {
	case c.is(periodMonths) && c.pause == 12:
		word = "yearly"
	case c.is(periodMonths):
		word = "monthly"
	case c.pause == 7:
		word = "weekly"
	case c.pause == 1:
		word = "daily"
	default:
		return ""
	}
	if to == Cron {
		word = "@" + word
	}
	return word
}

// nearText writes the times from begin on, before end, each pause apart, on the days of a line.
func nearText(to Notation, l line, begin, end, pause int32) string {
	for _, end := range [2]int32{end, end - 1} { // the end of a range is a time of its own
		if l.seconds = 1; l.setTimes(begin, end, pause) {
			break
		}
	}
	if l.hours == 0 {
		return ""
	}
	for _, l.fixed = range [2]bool{false, true} {
		write := writeCron
		if to == Calendar {
			write = writeCalendar
		}
		if text, err := write([]line{l}); err == nil {
			return text
		}
	}
	return ""
}

// setTimes puts times into a line, if they are all minutes of all of its hours.
func (l *line) setTimes(begin, end, pause int32) bool {
	l.hours, l.minutes = 0, 0
	count := 0
	for t := begin; t < end && pause%60 == 0 && begin%60 == 0; t += pause {
		l.hours |= 1 << (t / 3600)
		l.minutes |= 1 << (t / 60 % 60)
		count++
	}
	if bits.OnesCount32(l.hours)*bits.OnesCount64(l.minutes) != count {
		l.hours = 0
	}
	return l.hours != 0
}

// nearInterval is the interval of OpenSVC's notation that is nearest to a cadence; "" for none.
func (l *line) nearInterval() string {
	first, last := bits.TrailingZeros32(l.hours), 31-bits.LeadingZeros32(l.hours)
	minute, final := bits.TrailingZeros64(l.minutes), 63-bits.LeadingZeros64(l.minutes)
	seconds, allDay := l.cadence(first, last)
	days := l.set.opensvcDays()
	if seconds == 0 || len(days) > 1 {
		return ""
	}
	times := ""
	if !allDay {
		times = clock(first*3600+minute*60) + "-" + clock(last*3600+final*60)
	}
	times = string(appendDuration(append([]byte(times), '@'), seconds))
	return strings.TrimRight(times+" "+days[0]+" * "+opensvcMonths(l.set.months), "* ")
}

// cadence is the time between two slots, 0 where it is not always the same, and whether it goes on at night. The
// hours are from first to last.
func (l *line) cadence(first, last int) (seconds int, allDay bool) {
	step := stepOf(l.minutes, 60)
	each := l.hours == 1<<(last+1)-1<<first
	one := l.minutes&(l.minutes-1) == 0
	switch {
	case l.seconds != 1:
	case each && step > 0 && 60%step == 0:
		return step * 60, l.hours == 1<<24-1
	case each && one:
		return 3600, l.hours == 1<<24-1
	case one:
		hours := stepOf(uint64(l.hours)>>first, last-first+1)
		return hours * 3600, hours > 0 && 24%hours == 0 && last+hours == 24+first
	}
	return 0, false
}

// saidLines says what each of some lines is for.
func saidLines(all []line) string {
	const most = 4
	text := ""
	for i := range all {
		c := clause{kind: ticks, hours: all[i].hours, minutes: all[i].minutes, seconds: all[i].seconds}
		times, _ := c.describeTimes()
		if days := describeSets([]daySet{all[i].set}); days != "" {
			times += " " + days
		}
		if text += ", one " + times; i == most-1 && len(all) > most+1 {
			text += ", and " + decimal(len(all)-most) + " more"
			break
		}
	}
	return text[len(", "):]
}
