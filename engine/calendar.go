package engine

import (
	"container/heap"
	"context"
	"fmt"
	"strings"
	"time"

	"om/task"
)

// CalendarDay is a day on the clocks of a zone, by its hours.
type CalendarDay struct {
	Date  time.Time        `json:"date"`             // when it begins
	Shift string           `json:"clocks,omitempty"` // by how much clocks are set on it: "+1h"
	Hours [24]CalendarHour `json:"hours"`
}

// CalendarHour is what an hour of a day holds.
type CalendarHour struct {
	Starts  int `json:"starts"`
	AtOnce  int `json:"at_once"` // the most runs in progress at once
	Minutes int `json:"minutes"` // how long it is: 60, but where clocks are set
}

// Calendar is what is foreseen for some days.
type Calendar struct {
	From       time.Time     `json:"from"`
	To         time.Time     `json:"to"`
	Zone       string        `json:"zone"`
	Starts     int           `json:"starts"`
	AtOnce     int           `json:"at_once"`
	Days       []CalendarDay `json:"days"`
	Collisions []Collision   `json:"collisions"`
	Assumed    []string      `json:"assumed,omitempty"`
	Problems   []string      `json:"problems,omitempty"`
	Idle       int           `json:"idle"` // slots that will have no run
	Unusable   int           `json:"-"`    // services that can't be used at all
	Notes      []string      `json:"notes,omitempty"`
}

// foreseen is a decision about a slot to come. Of runs, Start and End are assumed.
type foreseen struct {
	Task             task.ID
	Slot, Start, End time.Time
	Count            int // how many slots there are
	Run              bool
	Locked           bool // no run, since a lock is taken
	Ended            bool // no new run: the one that began at Start ends at End, before it was assumed to
}

// diary counts starts and runs in progress by days and hours. It is told of them in the order of time.
type diary struct {
	Calendar
	zone *time.Location
	open openRuns
	seen time.Time // up to here all is counted

	example string // of a slot without a run
}

func newDiary(from, to time.Time, zone *time.Location) *diary {
	d := &diary{Calendar: Calendar{From: from, To: to, Zone: zone.String(), Days: []CalendarDay{}, Collisions: []Collision{}}, zone: zone, seen: from}
	y, m, first := from.In(zone).Date()
	for i := 0; ; i++ {
		day := dayBegins(y, m, first+i, zone)
		if !day.Before(to) {
			return d
		}
		d.Days = append(d.Days, newDay(day, dayBegins(y, m, first+i+1, zone)))
	}
}

// dayBegins is the first moment of a day: clocks may leave midnight out, or have it twice.
func dayBegins(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if t.Hour() >= 12 { // the evening before
		_, end := t.ZoneBounds()
		return end.In(zone)
	}
	if before := t.Add(-time.Hour); before.Day() == t.Day() {
		return before
	}
	return t
}

// newDay is a day without anything in it, whose hours are as long as they are on its clocks.
func newDay(day, next time.Time) CalendarDay {
	c := CalendarDay{Date: day}
	if by := 24*time.Hour - next.Sub(day); by > 0 {
		c.Shift = "+" + shortest(by)
	} else if by < 0 {
		c.Shift = "-" + shortest(-by)
	}
	for t := day; t.Before(next); t = t.Add(15 * time.Minute) {
		c.Hours[t.Hour()].Minutes += 15
	}
	return c
}

// hour is where a moment is counted; nil outside of the calendar.
func (d *diary) hour(t time.Time) *CalendarHour {
	t = t.In(d.zone)
	first := d.Days[0].Date
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	i := int(day.Sub(time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, time.UTC)) / (24 * time.Hour))
	if i < 0 || i >= len(d.Days) || !t.Before(d.To) {
		return nil
	}
	return &d.Days[i].Hours[t.Hour()]
}

// start counts a run.
func (d *diary) start(f foreseen) {
	d.advance(f.Start)
	heap.Push(&d.open, openRun{f.Task, f.Start, f.End})
	d.Starts++
	if h := d.hour(f.Start); h != nil {
		h.Starts++
	}
	d.peak(f.Start)
}

// end ends a run before the time that was assumed.
func (d *diary) end(f foreseen) {
	d.advance(f.End)
	for i, r := range d.open {
		if r.id == f.Task && r.start.Equal(f.Start) {
			d.open[i].end = f.End
			heap.Fix(&d.open, i)
			return
		}
	}
}

// advance counts what is in progress up to a moment.
func (d *diary) advance(to time.Time) {
	for len(d.open) > 0 && !d.open[0].end.After(to) {
		d.span(d.open[0].end)
		heap.Pop(&d.open)
	}
	d.span(to)
}

// span counts what is in progress from where all is counted up to a moment.
func (d *diary) span(to time.Time) {
	const quarter = 15 * time.Minute // hours begin with one, whatever the zone
	if to.After(d.To) {
		to = d.To
	}
	for t := d.seen; t.Before(to) && len(d.open) > 0; t = t.Truncate(quarter).Add(quarter) {
		d.peak(t)
	}
	if to.After(d.seen) {
		d.seen = to
	}
}

func (d *diary) peak(t time.Time) {
	if h := d.hour(t); h != nil {
		h.AtOnce = max(h.AtOnce, len(d.open))
		d.AtOnce = max(d.AtOnce, len(d.open))
	}
}

// openRun is a run in progress.
type openRun struct {
	id         task.ID
	start, end time.Time
}

// openRuns are the runs in progress, the one that ends next first.
type openRuns []openRun

// Len is that of a heap, as are the others.
func (o openRuns) Len() int           { return len(o) }
func (o openRuns) Less(i, j int) bool { return o[i].end.Before(o[j].end) }
func (o openRuns) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *openRuns) Push(x any)        { *o = append(*o, x.(openRun)) }

// Pop removes the last.
func (o *openRuns) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}

// CalendarRequest says what is foreseen.
type CalendarRequest struct {
	Paths    []string // the services
	Select   Selection
	From, To time.Time
	Zone     *time.Location
	Many     int // so many starts in a minute are a stampede
}

// Calendar foresees what the tasks of some services will do, and how they will get in each other's way.
func (e *Engine) Calendar(ctx context.Context, req CalendarRequest) (Calendar, error) {
	d, c := newDiary(req.From, req.To, req.Zone), newCollider(req.Zone, req.Many)
	for _, path := range req.Paths {
		svc, err := e.Load(path)
		if err != nil {
			continue // who foresees says so
		}
		for _, picked := range req.Select.Pick(svc.Tasks) {
			c.add(picked.Task)
		}
	}
	report, err := e.Simulate(ctx, SimulateRequest{Paths: req.Paths, Select: req.Select, From: req.From, To: req.To}, func(x *Simulated) error {
		f := foreseenOf(x)
		if !f.Run && !f.Ended {
			d.idle(x)
		}
		switch {
		case f.Ended:
			d.end(f)
		case f.Run:
			d.start(f)
		}
		c.tell(f)
		return nil
	})
	d.advance(req.To)
	d.Assumed, d.Problems, d.Unusable = report.Assumed, report.Problems, report.Unusable
	d.note(report.Left)
	d.Collisions = append(d.Collisions, c.collisions(&e.Node)...)
	return d.Calendar, err
}

// idle counts slots without a run, and keeps an example.
func (d *diary) idle(x *Simulated) {
	if d.Idle += max(x.Count, 1); d.example == "" {
		d.example = fmt.Sprintf("as that of %s/%s at %s: %s, %s", x.Service, x.Task, x.Slot.In(d.zone).Format("Mon 2 Jan 15:04"), x.Decision, x.Reason)
	}
}

// note tells what is not drawn, and why.
func (d *diary) note(left []SimulatedNot) {
	const few = 3
	if d.Idle > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d slots will have no run, %s; om simulate lists them", d.Idle, d.example))
	}
	for _, x := range left[:min(few, len(left))] {
		d.Notes = append(d.Notes, fmt.Sprintf("%s/%s has no slots: %s", x.Service, x.Task, x.Reason))
	}
	if more := len(left) - few; more > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d more tasks have no slots; om simulate lists them", more))
	}
}

// foreseenOf is what a calendar takes of a decision.
func foreseenOf(x *Simulated) foreseen {
	f := foreseen{
		Task: task.ID{Service: x.Service, RID: x.Task}, Slot: x.Slot, Start: x.Start, End: x.End, Count: max(x.Count, 1),
		Run: x.Decision == SimRun, Ended: x.Decision == SimReplaced, Locked: strings.Contains(x.Reason, "lock "),
	}
	if f.Ended {
		f.End = x.At
	}
	return f
}
