package migrate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// A Prover compares when another scheduler starts jobs with when om does.
type Prover struct {
	Node     service.Node
	Host     *time.Location // the zone of the other scheduler
	From, To time.Time
	Down     []Span // the host is off
	Zones    func(name string) (*time.Location, error)

	wakes map[string][]cronWake // by the zone of a line
	rooms [2][]start            // of theirs and ours: a year of each minute is half a million
	known map[string]comparison // of schedules that mean the same: crontabs of a fleet are much alike
}

// A comparison is what two sequences of starts come to.
type comparison struct {
	theirs, ours int
	differences  []Difference
}

// A Span is a stretch of time, without its end.
type Span struct{ From, To time.Time }

// Check puts the times at which the host is off in order. They must not overlap.
func (p *Prover) Check() error {
	slices.SortFunc(p.Down, func(a, b Span) int { return a.From.Compare(b.From) })
	end := p.From
	for _, d := range p.Down {
		if d.From.Before(end) || !d.To.After(d.From) {
			return task.Errorf(task.ErrInvalid, "off from %s to %s: wanted spans that end after they begin, one after the other, from %s on",
				d.From.Format(time.RFC3339), d.To.Format(time.RFC3339), p.From.Format(time.RFC3339))
		}
		end = d.To
	}
	return nil
}

// A Proof is what the comparison of one job came to.
type Proof struct {
	Task         string
	Place        Place
	Schedule     string
	Engine       string // the other scheduler
	Theirs, Ours int    // how many starts there are
	Differences  []Difference
	Remarks      []string // what is not an instant: a start of the host, a delay by chance
	Unproved     string   // why nothing was compared; "" where it was
}

// A Difference is a start, or several in a row, that only one of both has, or that one has more often.
type Difference struct {
	At, Until    time.Time // the first and the last
	Count        int       // of instants
	Theirs, Ours int       // starts at all of them together
	Cause        string    // "" where it is not explained
}

// Explained says that each difference has a cause.
func (p *Proof) Explained() bool {
	return !slices.ContainsFunc(p.Differences, func(d Difference) bool { return d.Cause == "" })
}

// Prove compares the jobs of a draft with the tasks of the service file that was made of it.
func (p *Prover) Prove(d *Draft, text []byte) ([]Proof, error) {
	s := service.Parse(d.Service+".conf", d.Service, text, p.Node)
	proofs := make([]Proof, 0, len(d.Jobs))
	for i := range d.Jobs {
		j := &d.Jobs[i]
		t, ok := s.Task("task#" + j.Index)
		if !ok {
			return nil, fmt.Errorf("service %s: there is no task#%s to prove", d.Service, j.Index)
		}
		proof, err := p.prove(j, &t)
		if err != nil {
			return nil, err
		}
		proof.Engine = d.Engine
		proofs = append(proofs, proof)
	}
	return proofs, nil
}

func (p *Prover) prove(j *Job, t *task.Task) (Proof, error) {
	proof := Proof{Task: t.ID.String(), Place: j.Place, Schedule: t.Schedule, Remarks: slices.Clone(j.clock.remarks), Unproved: j.clock.unknown}
	if proof.Unproved != "" {
		return proof, nil
	}
	if t.Spread > 0 {
		proof.Remarks = append(proof.Remarks, j.clock.delay+"; the times without it are compared")
		t.Spread = 0
	}
	c, err := p.compared(j, t)
	proof.Theirs, proof.Ours, proof.Differences = c.theirs, c.ours, c.differences
	return proof, err
}

// compared is the comparison of a job, or that of another one with the same times.
func (p *Prover) compared(j *Job, t *task.Task) (c comparison, err error) {
	key := j.clock.key(t)
	if known, ok := p.known[key]; ok && key != "" {
		return known, nil
	}
	if j.clock.agent != nil {
		t.Schedule = strings.ReplaceAll(t.Schedule, "~", "")
	}
	cal, err := p.Node.Calendar(t, p.Node.Seed(t))
	if err != nil {
		return c, err
	}
	ours := p.ours(cal, t, p.rooms[0][:0])
	theirs, ours, err := p.theirs(j, cal, ours, p.rooms[1][:0])
	if err != nil {
		return c, err
	}
	p.rooms = [2][]start{ours, theirs}
	c = comparison{total(theirs), total(ours), p.compare(theirs, ours, j)}
	if p.known == nil {
		p.known = map[string]comparison{}
	}
	p.known[key] = c
	return c, nil
}

func total(all []start) (n int) {
	for _, s := range all {
		n += s.count
	}
	return n
}

// ours appends the starts of om. Where the host is off they are missed, and made up for as the task says.
func (p *Prover) ours(cal *schedule.Schedule, t *task.Task, all []start) []start {
	last, now := p.From.Add(-time.Second), p.From
	for _, down := range append(slices.Clone(p.Down), Span{p.To, p.To}) {
		for {
			next, ok := cal.Next(last, now)
			if !ok || !next.Before(down.From) {
				break
			}
			all = append(all, start{next.Unix(), 1})
			last, now = next, next
		}
		if !down.To.Before(p.To) {
			break
		}
		backlog := cal.Backlog(last, down.To, catchup(t))
		if n := len(backlog.Due); n > 0 {
			all = append(all, start{down.To.Unix(), n})
		}
		last, now = down.To, down.To
	}
	return all
}

// catchup is how the task makes up for what it missed.
func catchup(t *task.Task) schedule.Catchup {
	c := schedule.Catchup{Window: t.Plan.CatchupWindow, Limit: t.Plan.CatchupLimit}
	switch t.Plan.Catchup {
	case "last":
		c.Policy = schedule.CatchupLast
	case "none":
		c.Policy = schedule.CatchupNone
	case "all":
		c.Policy = schedule.CatchupAll
	}
	return c
}

// theirs appends the starts of the other scheduler. Those of om are returned as they compare with them.
func (p *Prover) theirs(j *Job, cal *schedule.Schedule, ours, all []start) (theirs, compared []start, err error) {
	c := &j.clock
	switch {
	case c.days != nil:
		return c.days.starts(p, all), p.days(ours), nil
	case c.calendar != "":
		theirs, err = p.calendarStarts(j, len(ours), all)
		return theirs, ours, err
	case c.agent != nil:
		w := agentWalk{agentTimes: c.agent, zone: p.Host}
		w.check(p, ours)
		return w.starts(p, all), ours, nil
	}
	wakes, err := p.cronWakes(c.zone)
	if err != nil {
		return nil, nil, err
	}
	times := *c.cron
	times.draw(cal, ours)
	return p.off(times.starts(wakes, all)), ours, nil
}

// off takes away what is missed while the host is off.
func (p *Prover) off(all []start) []start {
	if len(p.Down) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(s start) bool {
		return slices.ContainsFunc(p.Down, func(d Span) bool { return s.at >= d.From.Unix() && s.at < d.To.Unix() })
	})
}

// cronWakes are those of lines in a zone. They are computed once for all of them.
func (p *Prover) cronWakes(zone string) ([]cronWake, error) {
	if all, ok := p.wakes[zone]; ok {
		return all, nil
	}
	var other *time.Location
	if zone != "" {
		var err error
		if other, err = p.Zones(zone); err != nil {
			return nil, err
		}
	}
	if p.wakes == nil {
		p.wakes = map[string][]cronWake{}
	}
	p.wakes[zone] = cronWakes(p.Host, other, p.From, p.To)
	return p.wakes[zone], nil
}

// draw takes over the numbers that om has drawn, where cron draws its own: those of all the starts that are in the
// range. If there are several, they stay several, and differ.
func (t *cronTimes) draw(cal *schedule.Schedule, ours []start) {
	for field, l := range t.lots {
		if l.high == 0 {
			continue
		}
		for _, s := range ours {
			at := time.Unix(s.at, 0).In(cal.Zone().Location())
			n := [5]int{at.Minute(), at.Hour(), at.Day(), int(at.Month()), int(at.Weekday())}[field]
			if n >= l.low && n <= l.high {
				t.sets[field] |= 1 << n
				break
			}
		}
	}
}

// compare returns where two sequences of starts differ. Differences in a row with one cause are one.
func (p *Prover) compare(theirs, ours []start, j *Job) (all []Difference) {
	causes := p.causes(j)
	for len(theirs) > 0 || len(ours) > 0 {
		d := Difference{Count: 1}
		var at int64
		switch {
		case len(ours) == 0 || len(theirs) > 0 && theirs[0].at < ours[0].at:
			at, d.Theirs, theirs = theirs[0].at, theirs[0].count, theirs[1:]
		case len(theirs) == 0 || ours[0].at < theirs[0].at:
			at, d.Ours, ours = ours[0].at, ours[0].count, ours[1:]
		default:
			at, d.Theirs, d.Ours = ours[0].at, theirs[0].count, ours[0].count
			theirs, ours = theirs[1:], ours[1:]
		}
		if d.Theirs == d.Ours {
			continue
		}
		d.At = time.Unix(at, 0).In(p.Host)
		d.Until, d.Cause = d.At, p.cause(at, &d, j, causes)
		if n := len(all) - 1; n >= 0 && all[n].joins(&d, j.clock.agent != nil) {
			all[n].Until, all[n].Count = d.At, all[n].Count+1
			all[n].Theirs, all[n].Ours = all[n].Theirs+d.Theirs, all[n].Ours+d.Ours
			continue
		}
		all = append(all, d)
	}
	return all
}

// joins says that a difference goes on with another: both have a cause, and it is the same. Moved starts are differences
// of both kinds in turn.
func (d *Difference) joins(next *Difference, moved bool) bool {
	return d.Cause != "" && d.Cause == next.Cause && (moved || (d.Theirs > d.Ours) == (next.Theirs > next.Ours))
}
