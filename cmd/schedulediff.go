package cmd

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"om/schedule"
	"om/service"
	"om/task"
)

// diffOptions say which instants are compared, and how many of the differences are printed.
type diffOptions struct {
	calendarOptions
	from, to momentText
	count    int
}

// addPeriod adds the flags of a comparison.
func addPeriod(c *cobra.Command, o *diffOptions) {
	f := c.Flags()
	f.Var(&o.from, "from", "where the comparison begins, by default now")
	f.Var(&o.to, "to", "where it ends, by default a month later")
	f.IntVarP(&o.count, "count", "n", 100, "how many changes to print at most")
}

func (a *app) scheduleDiffVerb() *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "Print the instants that differ between two schedules",
		Long: `Print the instants that one schedule has and another has not, as if a run started at each. One that goes and one
that comes less than a day apart, with none nearer and none between them that both have, are one that moves. The exit code is 1 where
they differ, 0 where they are the same, and 78 where a schedule is wrong.

` + exitCodes,
		Example: `  om schedule diff "0 2 * * *" "02:00-04:00 mon-fri"
  om schedule diff --tz Europe/Paris --from 2027-03-01 --to 2027-04-01 "30 2 * * *" "0 3 * * *"`,
		RunE: func(_ *cobra.Command, args []string) error { return a.scheduleDiff(o, args) },
	}
	addCalendar(c, &o.calendarOptions)
	addPeriod(c, &o)
	return c
}

func (a *app) scheduleDiff(o diffOptions, args []string) error {
	if len(args) != 2 {
		return usage("om schedule diff: wanted two schedules, each in quotes")
	}
	was, err := a.calendar(o.calendarOptions, args[:1])
	if err != nil {
		return err
	}
	now, err := a.calendar(o.calendarOptions, args[1:])
	if err != nil {
		return err
	}
	var d differences
	if err := a.compare(&d, "", was, now, o); err != nil {
		return err
	}
	return a.printDifferences(d)
}

// configDiffSchedule compares the schedules of a replaced version with those of the file, task by task.
func (a *app) configDiffSchedule(o diffOptions, args []string) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	now, err := e.Load(path)
	if err != nil {
		return err
	}
	_, text, err := a.oldVersion(e, path, args)
	if err != nil {
		return err
	}
	was := service.Parse(now.File, path, text, e.Node)
	var d differences
	for _, id := range tasksOf(was, now) {
		before, err := calendarOf(e.Node, was, id.RID)
		if err != nil {
			return err
		}
		after, err := calendarOf(e.Node, now, id.RID)
		if err != nil {
			return err
		}
		if err := a.compare(&d, id.RID, before, after, o); err != nil {
			return err
		}
	}
	return a.printDifferences(d)
}

// tasksOf are the tasks of two versions of a service, in their order.
func tasksOf(was, now *service.Service) []task.ID {
	var ids []task.ID
	for _, t := range slices.Concat(was.Tasks, now.Tasks) {
		if !slices.Contains(ids, t.ID) {
			ids = append(ids, t.ID)
		}
	}
	slices.SortFunc(ids, func(a, b task.ID) int { return task.CompareRID(a.RID, b.RID) })
	return ids
}

// calendarOf is the schedule of a task; one without instants where there is no such task, or it is disabled.
func calendarOf(n service.Node, s *service.Service, rid string) (*schedule.Schedule, error) {
	t, known := s.Task(rid)
	if !known || t.Disable {
		t = task.Task{}
	}
	return n.Calendar(&t, n.Seed(&t))
}

// differences are what a comparison has found.
type differences struct {
	rows                  []changeRow
	added, moved, removed int
	from, to              time.Time
	zone                  *time.Location
}

// changeRow is one instant that differs.
type changeRow struct {
	Task   string     `json:"task,omitempty"`
	Change string     `json:"change"` // added, moved, removed
	Old    *time.Time `json:"old"`
	New    *time.Time `json:"new"`
}

// compare adds what differs between two schedules of a task.
func (a *app) compare(d *differences, rid string, was, now *schedule.Schedule, o diffOptions) (err error) {
	d.zone = now.Zone().Location()
	if d.from, err = a.present(o.from, d.zone); err != nil {
		return err
	}
	if d.to = d.from.AddDate(0, 1, 0); o.to != "" {
		if d.to, err = o.to.in(d.zone); err != nil {
			return err
		}
	}
	if err = inYears(d.from.In(d.zone), d.to.In(d.zone)); err != nil {
		return err
	}
	schedule.Compare(was, now, d.from, d.to, func(c schedule.Change) bool {
		row := changeRow{Task: rid}
		switch {
		case c.Old.IsZero():
			row.Change, row.New = "added", &c.New
			d.added++
		case c.New.IsZero():
			row.Change, row.Old = "removed", &c.Old
			d.removed++
		default:
			row.Change, row.Old, row.New = "moved", &c.Old, &c.New
			d.moved++
		}
		if len(d.rows) < o.count {
			d.rows = append(d.rows, row)
		}
		return true
	})
	return nil
}

// printDifferences prints what differs, how much there is of it, and makes the exit code.
func (a *app) printDifferences(d differences) error {
	l := listing{columns: []string{"CHANGE", "OLD", "NEW"}, data: slices.Concat([]changeRow{}, d.rows)}
	tasks := slices.ContainsFunc(d.rows, func(r changeRow) bool { return r.Task != "" })
	if tasks {
		l.columns = append([]string{"TASK"}, l.columns...)
	}
	for _, r := range d.rows {
		cells := []string{r.Change, a.whenIn(r.Old, d.zone), a.whenIn(r.New, d.zone)}
		if tasks {
			cells = append([]string{r.Task}, cells...)
		}
		l.rows = append(l.rows, cells)
		l.colors = append(l.colors, "")
	}
	all := d.added + d.moved + d.removed
	if !a.global.quiet {
		fmt.Fprintf(a.Stderr, "%d added, %d moved, %d removed from %s to %s\n", d.added, d.moved, d.removed, a.when(d.from), a.when(d.to))
		if all > len(d.rows) {
			fmt.Fprintf(a.Stderr, "the first %d are printed: -n prints more\n", len(d.rows))
		}
	}
	if len(d.rows) > 0 || a.global.output != "table" {
		if err := a.list(l); err != nil {
			return err
		}
	}
	if all > 0 {
		return codeError(exitFailed)
	}
	return nil
}

// whenIn is a moment on the clocks of a zone, or by --utc; "" for none.
func (a *app) whenIn(t *time.Time, zone *time.Location) string {
	switch {
	case t == nil:
		return ""
	case a.global.utc:
		return t.UTC().Format(time.RFC3339)
	}
	return t.In(zone).Format("Mon 2006-01-02 15:04:05 MST -07:00")
}
