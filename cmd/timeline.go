package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"om/chart"
	"om/engine"
	"om/task"
)

// eventRow is a run, or a slot without one, as programs get it. The names and their order are a contract: om.1 lists them.
type eventRow struct {
	Service  string     `json:"service"`
	Task     string     `json:"task"`
	Class    string     `json:"class"`
	Run      *string    `json:"run"`
	Slot     *time.Time `json:"slot"`
	Start    time.Time  `json:"start"`
	End      time.Time  `json:"end"`
	Count    int        `json:"count"`
	Late     bool       `json:"late"`
	Overlaps bool       `json:"overlaps"`
	Note     *string    `json:"note"`
}

// mostDrawn bounds the period of a timeline, in years: durations have room for 292.
const mostDrawn = 200

type timelineOptions struct {
	engine.Selection
	pictures
	since, until string
	lanes        int
}

func timelineVerb(a *app) *cobra.Command {
	var o timelineOptions
	c := &cobra.Command{
		Use: "timeline [SELECTOR] [--rid task#0] [--since 24h] [--svg FILE]",
		Long: `Draw what happened to the tasks of the service, or of every service: a lane for each task, and more where its runs were
in progress at once. A run that began more than two minutes after its slot is late. Slots without a run are marked as skipped, missed
(or expired) or waiting. The axis is on the clocks of this host, and marks where they were set.

With --svg or --png the picture goes to a file instead, and with -o json, csv or plain it is a list of all runs and slots.`,
		Example: `  om testmd timeline --since 7d
  om timeline --tags backup --svg backups.svg`,
	}
	a.selecting(c, func() error { return a.timeline(o) })
	a.addSelection(c, &o.Selection)
	f := c.Flags()
	f.StringVar(&o.since, "since", "24h", "where it begins: "+agoHelp)
	f.StringVar(&o.until, "until", "", "where it ends, by default now: the same")
	f.IntVarP(&o.lanes, "lines", "n", 50, "how many tasks are drawn, those with most trouble first; 1000 at most")
	addPictures(c, &o.pictures)
	return c
}

func (a *app) timeline(o timelineOptions) error {
	axis, err := a.pastAxis(o)
	if err != nil {
		return err
	}
	past, err := a.past(o.Selection, axis)
	if err != nil {
		return err
	}
	if past.Cut && !a.global.quiet {
		fmt.Fprintln(a.Stderr, "om: there is more on record than a timeline holds: the oldest is left out")
	}
	if a.global.output != "table" && !o.wanted() {
		return a.list(a.eventListing(past.Events))
	}
	gantt := a.gantt(o, axis, past.Events)
	if o.wanted() {
		return a.draw(o.pictures, gantt.Picture())
	}
	if len(past.Events) == 0 && !a.global.quiet {
		fmt.Fprintf(a.Stderr, "nothing is on record from %s to %s\n", a.when(axis.From), a.when(axis.To))
		return nil
	}
	return a.write(gantt.Text(a.screen()))
}

// pastAxis is the period that is asked for, on the clocks of the host.
func (a *app) pastAxis(o timelineOptions) (axis chart.Axis, err error) {
	if err = o.check(); err != nil {
		return axis, err
	}
	if o.lanes < 1 || o.lanes > 1000 {
		return axis, usage("-n %d: wanted 1 to 1000", o.lanes)
	}
	axis = chart.Axis{To: a.Now(), Zone: time.Local}
	if a.global.utc {
		axis.Zone = time.UTC
	}
	if axis.From, err = a.ago("--since", o.since); err != nil {
		return axis, err
	}
	if o.until != "" {
		if axis.To, err = a.ago("--until", o.until); err != nil {
			return axis, err
		}
	}
	if axis.From.AddDate(mostDrawn, 0, 0).Before(axis.To) {
		return axis, usage("--since %s: wanted %d years before --until at most, which is %s", o.since, mostDrawn, a.when(axis.To))
	}
	if !axis.From.Before(axis.To) {
		return axis, usage("--since %s is not before --until: it is %s, and that is %s", o.since, a.when(axis.From), a.when(axis.To))
	}
	return axis, nil
}

// past gathers what happened to the tasks of the services that are selected. What can't be read is told, and the rest drawn.
func (a *app) past(sel engine.Selection, axis chart.Axis) (past engine.Past, err error) {
	e, err := a.reader()
	if err != nil {
		return past, err
	}
	ctx := context.Background()
	paths, errs := a.recorded(e)
	if err = e.OnRecord(ctx, sel, paths...); err != nil {
		return past, err
	}
	var all []engine.Past
	for _, path := range paths {
		p, failed := e.Timeline(ctx, path, sel, axis.From, axis.To)
		if failed == nil {
			all = append(all, p)
		}
		errs = append(errs, a.unlessAway(failed, len(paths)))
	}
	if err = errors.Join(errs...); len(all) == 0 && err != nil {
		return past, err
	}
	a.lacking = errors.Join(a.lacking, err)
	a.tell(err)
	return engine.MergePast(all), nil
}

func (a *app) eventListing(events []engine.Event) listing {
	rows := make([]eventRow, 0, len(events))
	l := listing{columns: []string{"TASK", "CLASS", "START", "END", "COUNT", "NOTE"}}
	for _, e := range events {
		rows = append(rows, eventRow{
			Service: e.Task.Service, Task: e.Task.RID, Class: string(e.Class), Run: orNil(e.Run), Slot: a.stamp(e.Slot),
			Start: a.zone(e.Start), End: a.zone(e.End), Count: e.Count, Late: e.Late, Overlaps: e.Overlaps, Note: orNil(e.Note),
		})
		l.rows = append(l.rows, []string{e.Task.String(), string(e.Class), a.when(e.Start), a.when(e.End), fmt.Sprint(e.Count), e.Note})
	}
	l.data = rows
	return l
}

// gantt makes lanes of events.
func (a *app) gantt(o timelineOptions, axis chart.Axis, events []engine.Event) chart.Gantt {
	name := a.selector
	if name == "" {
		name = "all services"
	}
	g := chart.Gantt{Axis: axis, Title: fmt.Sprintf("%s, %s to %s (%s)", visible(name), clockOf(axis, axis.From), clockOf(axis, axis.To), a.zoneName(axis))}
	lanes := lanesOf(events, task.ValidPath(a.selector))
	all := len(lanes)
	if all > o.lanes {
		lanes = worst(lanes, o.lanes)
		g.More = fmt.Sprintf("and %d more tasks with less trouble: -n draws more, --rid, --tags and --subsets choose", all-o.lanes)
	}
	for _, l := range lanes {
		g.Lanes = append(g.Lanes, l.Lane)
	}
	return g
}

func clockOf(axis chart.Axis, t time.Time) string { return t.In(axis.Zone).Format("2006-01-02 15:04") }

// zoneName is the zone of an axis as people know it.
func (a *app) zoneName(axis chart.Axis) string {
	if axis.Zone == time.Local {
		if zone, err := a.zoneNamed("Local"); err == nil && zone.String() != "Local" {
			return zone.String()
		}
		return axis.From.Local().Format("MST")
	}
	return axis.Zone.String()
}

// taskLane is a lane, its place among all, and how much of it needs a look.
type taskLane struct {
	chart.Lane
	place, trouble int
}

// lanesOf makes a lane of the events of each task. They are in the order of tasks.
func lanesOf(events []engine.Event, one bool) (lanes []taskLane) {
	var id task.ID
	for i, e := range events {
		if i == 0 || e.Task != id {
			id = e.Task
			l := taskLane{place: len(lanes), Lane: chart.Lane{Label: visible(id.String())}}
			if one {
				l.Label = visible(id.RID)
			}
			lanes = append(lanes, l)
		}
		l := &lanes[len(lanes)-1]
		l.Spans = append(l.Spans, eventSpan(e))
		switch e.Class {
		case engine.ClassFailed, engine.ClassMissed, engine.ClassExpired:
			l.trouble += 10 * e.Count
		case engine.ClassLate, engine.ClassSkipped:
			l.trouble += e.Count
		}
	}
	return lanes
}

// worst are the n lanes with most trouble, or else most to show, in their order.
func worst(lanes []taskLane, n int) []taskLane {
	slices.SortStableFunc(lanes, func(x, y taskLane) int {
		if x.trouble != y.trouble {
			return y.trouble - x.trouble
		}
		return len(y.Spans) - len(x.Spans)
	})
	lanes = lanes[:n]
	slices.SortFunc(lanes, func(x, y taskLane) int { return x.place - y.place })
	return lanes
}

func eventSpan(e engine.Event) chart.Span {
	kinds := map[engine.Class]chart.Kind{
		engine.ClassOnTime: chart.OnTime, engine.ClassLate: chart.Late, engine.ClassByHand: chart.ByHand,
		engine.ClassRunning: chart.Running, engine.ClassCancelled: chart.Cancelled, engine.ClassFailed: chart.Failed,
		engine.ClassMissed: chart.Missed, engine.ClassExpired: chart.Missed, engine.ClassSkipped: chart.Skipped,
		engine.ClassWaiting: chart.Waiting,
	}
	s := chart.Span{Start: e.Start, End: e.End, Kind: kinds[e.Class], Count: e.Count, Note: visible(e.Note), Overlaps: e.Overlaps}
	if e.Late {
		s.Due = e.Slot
	}
	return s
}
