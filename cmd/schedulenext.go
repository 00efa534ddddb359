package cmd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/schedule"
)

// startRow is one instant of om schedule next.
type startRow struct {
	Next     string `json:"next"`
	Interval *int64 `json:"interval_s"`
	Local    string `json:"local"`
	Reason   string `json:"reason"`
	Level    string `json:"level,omitempty"` // NetWorker's action of the day
}

// startOptions are the flags of om schedule next.
type startOptions struct {
	calendarOptions
	last           momentText
	count          int
	runTimes       int
	catchup        string
	window         timeLimit
	limit          int
	catchupChanged bool
}

func (a *app) scheduleNextVerb() *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use: "next EXPR", Short: "Print the next instants of a schedule",
		Long: `Print the next instants at which a run may start, one a line, in the zone of the schedule. --last is the last
run; each answer is the last run of the next one. With --last and one of the flags of catch-up, the missed
instants that would be made up for come first, besides those that -n counts. With -o json each line is an object: next,
interval_s, local, reason and, in NetWorker's notation, level. Where
there is no next instant the exit code is 1, and 78 where the schedule is wrong.

` + exitCodes,
		Example: `  om schedule next 02:00-04:00 mon-fri
  om schedule next --tz Europe/Paris --now "2026-03-28 12:00" -n 3 "30 2 * * *"`,
		RunE: func(c *cobra.Command, args []string) error {
			for _, name := range []string{"catchup", "catchup-window", "catchup-limit"} {
				o.catchupChanged = o.catchupChanged || c.Flags().Changed(name)
			}
			return a.scheduleNext(o, args)
		},
	}
	addCalendar(c, &o.calendarOptions)
	f := c.Flags()
	f.Var(&o.last, "last", "the last run; none by default")
	f.Var(&o.present, "now", "the present, instead of the clock's")
	f.IntVarP(&o.count, "count", "n", 1, "how many instants")
	f.IntVar(&o.runTimes, "run-times", 0, "no more instants than this, those that are made up for too")
	addChoice(c, &o.catchup, "catchup", "what becomes of missed instants", "last", "none", "all")
	f.Var(&o.window, "catchup-window", "how late a missed instant may still be run")
	f.IntVar(&o.limit, "catchup-limit", 10, "how many missed instants --catchup=all makes up for")
	return c
}

func (o *startOptions) check() error {
	switch {
	case o.count < 1:
		return usage("-n %d: wanted 1 or more", o.count)
	case o.runTimes < 0:
		return usage("--run-times %d: wanted 1 or more", o.runTimes)
	case o.limit < 1:
		return usage("--catchup-limit %d: wanted 1 or more", o.limit)
	}
	return nil
}

func (a *app) scheduleNext(o startOptions, words []string) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := a.calendar(o.calendarOptions, words)
	if err != nil {
		return err
	}
	zone := s.Zone().Location()
	last, err := o.last.in(zone)
	if err != nil {
		return err
	}
	now, err := a.present(o.present, zone)
	if err != nil {
		return err
	}
	var rows []startRow
	if o.catchupChanged && !last.IsZero() {
		rows, last = a.missed(s, o, last, now)
	}
	count := o.count + len(rows)
	if o.runTimes > 0 {
		count = min(count, o.runTimes)
		rows = rows[:min(len(rows), count)]
	}
	for len(rows) < count {
		start, ok := s.Start(last, now)
		if !ok {
			break
		}
		rows = append(rows, a.rowOfStart(s, start))
		last, now = start.At, start.At
	}
	return errors.Join(a.printStarts(rows), a.tooFew(len(rows), o.count))
}

// missed are the instants that passed after the last run and would be made up for now, and what is the last
// run then.
func (a *app) missed(s *schedule.Schedule, o startOptions, last, now time.Time) ([]startRow, time.Time) {
	c := schedule.Catchup{Window: time.Duration(o.window), Limit: o.limit}
	switch o.catchup {
	case "last":
		c.Policy = schedule.CatchupLast
	case "none":
		c.Policy = schedule.CatchupNone
	case "all":
		c.Policy = schedule.CatchupAll
	}
	backlog := s.Backlog(last, now, c)
	if backlog.Missed > 0 && !a.global.quiet {
		fmt.Fprintf(a.Stderr, "om: not made up for: %s\n", counted(backlog.Missed, "missed instant"))
	}
	var rows []startRow
	for _, at := range backlog.Due {
		decided := s.Decided(at, now)
		if c.Policy == schedule.CatchupNone && !decided.Equal(at) {
			break // an interval that is over is due now, and next says so
		}
		rows = append(rows, a.rowOfStart(s, schedule.Start{At: at, Reason: "catch-up: it passed after the last run"}))
		last = decided
	}
	return rows, last
}

func (a *app) rowOfStart(s *schedule.Schedule, start schedule.Start) startRow {
	row := startRow{Next: a.instant(s, start.At), Local: label(s, start.At), Reason: start.Reason, Level: s.Level(start.At)}
	if start.Interval > 0 {
		n := int64(start.Interval / time.Second)
		row.Interval = &n
	}
	return row
}

// instant prints a time as RFC 3339 in the zone of a schedule, or in UTC.
func (a *app) instant(s *schedule.Schedule, t time.Time) string {
	if t = t.In(s.Zone().Location()); a.global.utc {
		t = t.UTC()
	}
	return t.Format(time.RFC3339)
}

// label is what the clocks of the zone of a schedule show, and its name.
func label(s *schedule.Schedule, t time.Time) string {
	return t.In(s.Zone().Location()).Format(time.DateTime) + " " + s.Zone().Name()
}

func (a *app) printStarts(rows []startRow) error {
	switch a.global.output {
	case "json", "jsonl":
		return a.jsonl(rows)
	case "yaml", "csv":
		return a.list(listing{data: rows})
	}
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(r.Next + "\n")
	}
	return a.write(b.String())
}

// tooFew says that a schedule has no next instant, or fewer than were asked for.
func (a *app) tooFew(found, wanted int) error {
	switch {
	case found == 0:
		return errors.New("no next instant")
	case found < wanted && !a.global.quiet:
		fmt.Fprintf(a.Stderr, "om: no more instants after %s\n", counted(found, "instant"))
	}
	return nil
}
