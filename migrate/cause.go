package migrate

import (
	"fmt"
	"slices"
	"time"

	"om/task"
)

// A clock is when another scheduler starts a job.
type clock struct {
	cron     *cronTimes
	zone     string // of cron, by CRON_TZ; "" for the host's
	days     *anacronDays
	agent    *agentTimes
	calendar string   // of systemd
	delay    string   // what is said of a delay by chance
	remarks  []string // what is said besides
	unknown  string   // why it can't be told
}

// key is the same for jobs with the same times in both schedulers; "" where chance or names have a part.
func (c *clock) key(t *task.Task) string {
	if c.cron != nil && c.cron.lots != [5]lot{} {
		return ""
	}
	return fmt.Sprint(c.zone, "\n", t.Schedule, "\n", t.Timezone, t.DSTGap, t.DSTOverlap, t.Plan.Catchup)
}

// A change is one of the clocks of a zone.
type change struct {
	zone      *time.Location
	at        int64
	was, is   int // seconds east of UTC
	elsewhere bool
}

// changes are those of a zone from one instant to another.
func changes(zone *time.Location, from, to time.Time) (all []change) {
	for t := from.In(zone); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || end.After(to) {
			return all
		}
		_, was := end.Add(-time.Second).Zone()
		_, is := end.Zone()
		if was != is {
			all = append(all, change{zone: zone, at: end.Unix(), was: was, is: is})
		}
		t = end
	}
}

// causes are the changes of clocks that bear upon a job: those of the host, and of the zone of its line.
func (p *Prover) causes(j *Job) []change {
	from, to := p.From.AddDate(0, 0, -1), p.To.AddDate(0, 0, 1)
	all := changes(p.Host, from, to)
	if j.clock.zone == "" {
		return all
	}
	zone, err := p.Zones(j.clock.zone)
	if err != nil {
		return all
	}
	for i := range all {
		all[i].elsewhere = true
	}
	return append(changes(zone, from, to), all...)
}

// cause says why a start is different; "" where that is not known.
func (p *Prover) cause(at int64, d *Difference, j *Job, causes []change) string {
	if j.clock.days != nil {
		return j.clock.days.cause()
	}
	if text := p.missed(at, d); text != "" {
		return text
	}
	if j.clock.agent != nil {
		return (&agentWalk{agentTimes: j.clock.agent, zone: p.Host}).cause(at)
	}
	for _, c := range causes {
		shift := int64(c.is - c.was)
		switch {
		case shift > 0 && at >= c.at-shift && at < c.at+shift:
			return c.gap(d)
		case shift < 0 && at >= c.at+shift && at < c.at-shift:
			return c.overlap(d, j)
		}
	}
	return ""
}

// missed is for the moment at which the host is on again.
func (p *Prover) missed(at int64, d *Difference) string {
	switch {
	case !slices.ContainsFunc(p.Down, func(s Span) bool { return s.To.Unix() == at }):
		return ""
	case d.Theirs > d.Ours:
		return "missed while off: the other makes up for what it missed, and om does not (catchup)"
	}
	return "missed while off: om makes up for what it missed (catchup), and the other does not"
}

// gap is for clocks that are set forward.
func (c *change) gap(d *Difference) string {
	text := "DST gap: the clocks of " + c.zone.String() + " leave out " + c.hours(c.was, c.is)
	if d.Theirs > 1 && d.Ours > 0 {
		return text + "; cron starts it once for each of its times there, om once"
	}
	return text
}

// overlap is for clocks that are set back.
func (c *change) overlap(d *Difference, j *Job) string {
	text := "DST overlap: the clocks of " + c.zone.String() + " show " + c.hours(c.is, c.was) + " twice"
	switch {
	case j.clock.calendar != "" && d.Theirs == 0:
		return text + "; systemd starts nothing in the second hour, and a cadence of om goes on"
	case c.elsewhere && d.Theirs == 0:
		return text + "; cron starts no fixed times of another zone in the second hour"
	}
	return text
}

// hours is what the clocks show when they change, by both of their offsets.
func (c *change) hours(from, to int) string {
	a := time.Unix(c.at+int64(from), 0).UTC()
	b := time.Unix(c.at+int64(to), 0).UTC()
	return fmt.Sprintf("%s to %s on %s", a.Format("15:04"), b.Format("15:04"), b.Format(time.DateOnly))
}
