package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/chart"
	"om/engine"
	"om/schedule"
)

type foresightOptions struct {
	engine.Selection
	pictures
	from, to   momentText
	tz         string
	collisions bool
	many       int
}

func calendarVerb(a *app) *cobra.Command {
	var o foresightOptions
	c := &cobra.Command{
		Use: "calendar [SELECTOR] [--from T] [--to T] [--svg FILE]",
		Long: `Draw when the tasks of all services, or of those that SELECTOR means, will start, and how many will be in progress at
once, by day and hour. Decisions are those of om simulate: how long runs take is assumed from the record. Days on which clocks are
set are marked with *, and hours that they leave out with /.

--collisions lists what gets in each other's way instead: stampedes, in which many tasks start in the same minute; tasks that take
longer than the time to their next slot; and tasks that want the same lock, or require the same resource, at once. Where a spread
would help, it is told with the command that sets it and with what it would leave.`,
		Example: `  om calendar
  om calendar 'prod/*' --to 2027-01-01 --svg january.svg --png january.png
  om calendar --collisions`,
	}
	a.selecting(c, func() error { return a.foresight(o) })
	a.addSelection(c, &o.Selection)
	f := c.Flags()
	f.Var(&o.from, "from", "where it begins, by default now")
	f.Var(&o.to, "to", "where it ends, by default two weeks later; 366 days at most")
	f.StringVar(&o.tz, "tz", "", "time zone of days and hours, by default the node's")
	f.BoolVar(&o.collisions, "collisions", false, "list stampedes and overlaps, and what helps")
	f.IntVar(&o.many, "many", 5, "so many tasks in a minute are a stampede")
	_ = c.RegisterFlagCompletionFunc("tz", completeZones)
	addPictures(c, &o.pictures)
	return c
}

func (o *foresightOptions) check() error {
	switch {
	case o.many < 2:
		return usage("--many %d: wanted 2 or more", o.many)
	case o.collisions && o.wanted():
		return usage("--collisions is a list: it can't stand with --svg or --png")
	}
	return o.pictures.check()
}

func (a *app) foresight(o foresightOptions) error {
	req, err := a.foreseen(&o)
	if err != nil {
		return err
	}
	e, err := a.reader()
	if err != nil {
		return err
	}
	if req.Paths, err = a.namedWith(e, o.Selection); err != nil {
		return err
	}
	cal, err := e.Calendar(context.Background(), req)
	if err != nil {
		return err
	}
	a.assumptions(cal)
	if err = a.printForeseen(o, cal, req.Zone); err == nil && cal.Unusable > 0 {
		err = codeError(exitConfig)
	}
	return err
}

func (a *app) printForeseen(o foresightOptions, cal engine.Calendar, zone *time.Location) error {
	if o.collisions {
		return a.printCollisions(cal, zone)
	}
	heat := a.heat(cal, zone)
	switch {
	case o.wanted():
		return a.draw(o.pictures, heat.Picture())
	case a.global.output == "json" || a.global.output == "yaml":
		return a.value(cal)
	case a.global.output != "table":
		return a.list(hourListing(cal))
	}
	return a.write(heat.Text(a.screen()))
}

// foreseen is the period that is asked for.
func (a *app) foreseen(o *foresightOptions) (req engine.CalendarRequest, err error) {
	if err = o.check(); err != nil {
		return req, err
	}
	e, err := a.engine()
	if err != nil {
		return req, err
	}
	name, flag := o.tz, "--tz "
	if name == "" {
		name = e.Node.Timezone
	}
	var zone *schedule.Zone
	if zone, err = e.Node.Schedules.Zone(orLocal(name)); err != nil {
		return req, usage("%s%q: wanted a time zone that this host knows, as in Europe/Paris or UTC; %v", flag, name, err)
	}
	req = engine.CalendarRequest{Select: o.Selection, Zone: zone.Location(), Many: o.many}
	if a.global.utc && o.tz == "" {
		req.Zone = time.UTC
	}
	if req.From, err = a.present(o.from, req.Zone); err != nil {
		return req, err
	}
	first := req.From.In(req.Zone)
	req.To = time.Date(first.Year(), first.Month(), first.Day()+14, 0, 0, 0, 0, req.Zone)
	if o.to != "" {
		if req.To, err = o.to.in(req.Zone); err != nil {
			return req, err
		}
	}
	if !req.From.Before(req.To) {
		return req, usage("--from %s is not before --to %s", a.whenIn(&req.From, req.Zone), a.whenIn(&req.To, req.Zone))
	}
	if req.To.After(first.AddDate(0, 0, 366)) {
		return req, usage("--to %s: wanted 366 days after the beginning at most", a.whenIn(&req.To, req.Zone))
	}
	return req, inYears(first, req.To.In(req.Zone))
}

func orLocal(zone string) string {
	if zone == "" {
		return "Local"
	}
	return zone
}

// assumptions tells what a calendar takes for granted, and what went wrong.
func (a *app) assumptions(cal engine.Calendar) {
	for _, text := range cal.Problems {
		fmt.Fprintf(a.Stderr, "om: %s\n", visible(text))
	}
	if a.global.quiet {
		return
	}
	for _, text := range cal.Notes {
		fmt.Fprintf(a.Stderr, "note: %s\n", visible(text))
	}
	for _, text := range cal.Assumed {
		fmt.Fprintf(a.Stderr, "assumed: %s\n", visible(text))
	}
}

// heat is a calendar as it is drawn.
func (a *app) heat(cal engine.Calendar, zone *time.Location) chart.Heat {
	name := a.selector
	if name == "" {
		name = "all services"
	}
	axis := chart.Axis{From: cal.From, To: cal.To, Zone: zone}
	h := chart.Heat{
		Title: fmt.Sprintf("%s, %s to %s (%s)", visible(name), clockOf(axis, cal.From), clockOf(axis, cal.To), a.zoneName(axis)),
		Maps:  []chart.HeatMap{{Name: "starts", Sum: true}, {Name: "at once"}},
	}
	for _, shift := range axis.Shifts() {
		h.Notes = append(h.Notes, "* "+shift.String())
	}
	for _, d := range cal.Days {
		day := chart.HeatDay{Date: d.Date, Shift: d.Shift}
		for i, hour := range d.Hours {
			day.Hours[i] = chart.HeatHour{Counts: []int{hour.Starts, hour.AtOnce}, Minutes: hour.Minutes}
		}
		h.Days = append(h.Days, day)
	}
	return h
}

// hourRow is an hour of a calendar as a table has it.
type hourRow struct {
	Day     string `json:"day"`
	Hour    int    `json:"hour"`
	Minutes int    `json:"minutes"`
	Starts  int    `json:"starts"`
	AtOnce  int    `json:"at_once"`
}

func hourListing(cal engine.Calendar) listing {
	l := listing{columns: []string{"DAY", "HOUR", "MINUTES", "STARTS", "AT ONCE"}}
	rows := []hourRow{}
	for _, d := range cal.Days {
		for i, hour := range d.Hours {
			r := hourRow{d.Date.Format("2006-01-02"), i, hour.Minutes, hour.Starts, hour.AtOnce}
			rows = append(rows, r)
			l.rows = append(l.rows, []string{r.Day, fmt.Sprint(i), fmt.Sprint(r.Minutes), fmt.Sprint(r.Starts), fmt.Sprint(r.AtOnce)})
		}
	}
	l.data = rows
	return l
}

// printCollisions prints what gets in each other's way: for people a paragraph each, with the commands that help.
func (a *app) printCollisions(cal engine.Calendar, zone *time.Location) error {
	if a.global.output != "table" {
		return a.list(collisionListing(cal))
	}
	if len(cal.Collisions) == 0 && !a.global.quiet {
		fmt.Fprintf(a.Stderr, "no collisions from %s to %s\n", a.whenIn(&cal.From, zone), a.whenIn(&cal.To, zone))
	}
	for i, x := range cal.Collisions {
		if i > 0 {
			if err := a.write("\n"); err != nil {
				return err
			}
		}
		if err := a.write(a.collision(x, zone)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) collision(x engine.Collision, zone *time.Location) string {
	const few = 8
	names := x.Tasks[:min(few, len(x.Tasks))]
	tasks := strings.Join(names, " ")
	if len(x.Tasks) > few {
		tasks += fmt.Sprintf(" and %d more", len(x.Tasks)-few)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", a.paint(a.Stdout, yellow, x.Kind), oneLine(x.What))
	fmt.Fprintf(&b, "  %s\n  %s: first at %s\n  tasks: %s\n", oneLine(x.Text), times(x.Times), a.whenIn(&x.First, zone), oneLine(tasks))
	if x.Spread != "" {
		fmt.Fprintf(&b, "  spread = %s helps: %s\n", x.Spread, x.Then)
	}
	for _, command := range x.Commands[:min(few, len(x.Commands))] {
		fmt.Fprintf(&b, "    %s\n", oneLine(command))
	}
	if more := len(x.Commands) - few; more > 0 {
		fmt.Fprintf(&b, "    and the same for %d more services: -o json has all commands\n", more)
	}
	return b.String()
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func collisionListing(cal engine.Calendar) listing {
	l := listing{columns: []string{"KIND", "WHAT", "TIMES", "MOST", "TASKS", "SPREAD"}, data: cal.Collisions}
	for _, x := range cal.Collisions {
		l.rows = append(l.rows, []string{x.Kind, x.What, fmt.Sprint(x.Times), fmt.Sprint(x.Most), strings.Join(x.Tasks, " "), x.Spread})
	}
	return l
}
