package migrate

import "time"

// A start is an instant at which a scheduler starts a job, in seconds since 1970, and how often: cron makes up for
// several times at once.
type start struct {
	at    int64
	count int
}

// A cronWake is a look that cron takes at all lines: at an instant, for a minute of the clock.
type cronWake struct {
	at                                     int32 // minutes since 1970
	minute, hour, monthday, month, weekday uint8
	wild, fixed                            bool // which lines it looks at: those with a star in minutes or hours, and the others
}

// cronHours is by how much clocks may be set and be followed: cron takes more for another time altogether.
const cronHours = 3 * 60

// cronWakes replays the loop of cron's daemon (cronie's, and Debian's) from one instant to another, as if it woke at
// each full minute. other is the zone that a line names with CRON_TZ, or nil.
//
// The daemon keeps a clock of its own, in local minutes, that only goes forward. Where that of the host is ahead of it
// by more than five minutes, clocks were set forward: lines with a star are looked at for the minute that is, the
// others for each minute left out. Where it is behind, they were set back: the others wait until it is caught up with.
func cronWakes(host, other *time.Location, from, to time.Time) []cronWake {
	begin, end := ceilMinute(from.Unix()), to.Unix()/60
	d := cronDaemon{other: other, all: make([]cronWake, 0, max(end-begin, 0)+64)}
	virtual := localMinute(host, begin-1)
	for at := begin; at < end; at++ {
		clock := localMinute(host, at)
		switch ahead := clock - virtual; {
		case ahead > cronHours || ahead < -cronHours:
			virtual = clock
			d.look(cronWake{wild: true, fixed: true}, at, clock, clock)
		case ahead > 5:
			d.look(cronWake{wild: true}, at, clock, clock)
			for virtual < clock {
				virtual++
				d.look(cronWake{fixed: true}, at, virtual, clock)
			}
		case ahead > 0:
			for virtual < clock {
				virtual++
				d.look(cronWake{wild: true, fixed: true}, at, virtual, clock)
			}
		default:
			d.look(cronWake{wild: true}, at, clock, clock)
		}
	}
	return d.all
}

// cronDaemon collects the looks of the daemon at lines of one zone.
type cronDaemon struct {
	other *time.Location
	all   []cronWake
}

// look takes a look for a local minute, while clocks show another one or the same. A line with a zone of its own goes by
// what is shown there at the instant; it is passed over while the clock of the daemon is on its way.
func (d *cronDaemon) look(w cronWake, at, minute, clock int64) {
	t := time.Unix(minute*60, 0).UTC()
	switch {
	case d.other != nil && minute != clock:
		return
	case d.other != nil:
		t = time.Unix(at*60, 0).In(d.other)
	}
	w.at = int32(at)                                                                     //nolint:gosec // until the year 6053
	w.minute, w.hour, w.weekday = uint8(t.Minute()), uint8(t.Hour()), uint8(t.Weekday()) //nolint:gosec // small
	w.monthday, w.month = uint8(t.Day()), uint8(t.Month())                               //nolint:gosec // small
	d.all = append(d.all, w)
}

func ceilMinute(seconds int64) int64 { return (seconds + 59) / 60 }

// localMinute is what clocks show at a minute since 1970, in minutes since then.
func localMinute(zone *time.Location, at int64) int64 {
	_, offset := time.Unix(at*60, 0).In(zone).Zone()
	return at + int64(offset)/60
}

// starts appends when the line is started.
func (t *cronTimes) starts(wakes []cronWake, all []start) []start {
	fixed := !t.stars[minuteField] && !t.stars[hourField]
	for i := range wakes {
		w := &wakes[i]
		if t.sets[minuteField]>>w.minute&1 == 0 || !t.matches(w) || fixed && !w.fixed || !fixed && !w.wild {
			continue
		}
		at := int64(w.at) * 60
		if n := len(all); n > 0 && all[n-1].at == at {
			all[n-1].count++
			continue
		}
		all = append(all, start{at, 1})
	}
	return all
}

// matches says that the line is for an hour and a day. Where neither the day of the month nor the weekday begins with a
// star, one of them will do.
func (t *cronTimes) matches(w *cronWake) bool {
	monthday, weekday := t.sets[monthdayField]>>w.monthday&1 != 0, t.sets[weekdayField]>>w.weekday&1 != 0
	day := monthday && weekday
	if t.either() {
		day = monthday || weekday
	}
	return day && t.sets[hourField]>>w.hour&1 != 0 && t.sets[monthField]>>w.month&1 != 0
}
