package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/engine"
	"om/service"
	"om/task"
)

type explainOptions struct {
	engine.Selection
	at, slot momentText
	run      string
}

func explainVerb(a *app) *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use: "explain [--rid task#0] [--at TIME | --slot TIME | --run ID]",
		Long: `Say whether the schedule would start a task now, or at --at, and why not: each check with its answer, what each
part of the schedule says, the first slot after that time. With --slot or --run: the same of a slot that was decided, or of a run
that was made, each check as it was then. The exit code is 0 also where the answer is no: -o json has it as "run".`,
		Example: `  om testmd explain --rid task#0
  om testmd explain --rid task#0 --slot 2026-11-25T02:00:00Z`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.explain(o) },
	}
	a.addSelection(c, &o.Selection)
	f := c.Flags()
	f.Var(&o.at, "at", "the moment, instead of the present")
	f.Var(&o.slot, "slot", "why this slot was decided as it was")
	f.StringVar(&o.run, "run", "", "why this run was started: its id, or the beginning of it")
	return c
}

func (a *app) explain(o explainOptions) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	e.Reading = true
	if o.run != "" || o.slot != "" {
		return a.explainPast(e, path, o)
	}
	picked, err := a.pickedTasks(e, path, o.Selection)
	if err != nil {
		return err
	}
	at := a.Now()
	if o.at != "" {
		if at, err = o.at.in(time.Local); err != nil {
			return err
		}
	}
	all := []engine.Explanation{}
	for _, t := range picked {
		x, err := e.Explain(context.Background(), path, t.ID.RID, at)
		if err != nil {
			return err
		}
		all = append(all, x)
	}
	return a.printExplanations(all)
}

// pickedTasks are the tasks of a service that are meant: those with a schedule, where none is selected.
func (a *app) pickedTasks(e *engine.Engine, path string, sel engine.Selection) ([]task.Task, error) {
	if err := e.Known(context.Background(), sel, path); err != nil {
		return nil, err
	}
	s, _, err := e.Scheduled(context.Background(), path)
	if err != nil {
		return nil, err
	}
	var tasks []task.Task
	for _, p := range sel.Pick(s.Tasks) {
		if sel != (engine.Selection{}) || p.Task.Schedule != "" {
			tasks = append(tasks, p.Task)
		}
	}
	switch {
	case len(tasks) > 0:
		return tasks, nil
	case sel == (engine.Selection{}):
		return nil, unscheduled(s)
	}
	return nil, task.Errorf(task.ErrNotFound, "service %s: no task matches %s", path, sel)
}

// unscheduled says that a service has no task with a schedule and, where one may be left out, what tells why.
func unscheduled(s *service.Service) error {
	if len(s.Quarantined()) > 0 {
		return task.Errorf(task.ErrInvalid, "service %s has no task with a schedule, and its file has errors: om %[1]s validate tells them", s.Path)
	}
	return task.Errorf(task.ErrNotFound, "service %s has no task with a schedule", s.Path)
}

func (a *app) printExplanations(all []engine.Explanation) error {
	switch a.global.output {
	case "json", "yaml":
		if len(all) == 1 {
			return a.value(all[0])
		}
		return a.value(all)
	case "jsonl":
		return a.jsonl(all)
	case "csv":
		return usage("om explain prints no csv: -o json has every check")
	}
	var b strings.Builder
	for _, x := range all {
		b.WriteString(a.explanation(x))
	}
	return a.write(b.String())
}

func (a *app) explanation(x engine.Explanation) string {
	var b strings.Builder
	color := green
	if !x.Run || slices.ContainsFunc(x.Checks, func(c task.Check) bool { return !c.Pass && !c.Forced }) { // one that fails at once is started too
		color = red
	}
	fmt.Fprintf(&b, "%s/%s: %s\n", x.Service, x.Task, a.paint(a.Stdout, color, oneLine(x.Verdict)))
	for _, c := range x.Checks {
		fmt.Fprintf(&b, "  %-2s  %-12s %s\n", checkMark(c), c.Name, oneLine(c.Detail))
	}
	for _, c := range x.Clauses {
		fmt.Fprintf(&b, "      schedule     %s: %s\n", oneLine(c.Text), oneLine(c.Reason))
	}
	for _, w := range x.Waiting {
		fmt.Fprintf(&b, "      waits        %s\n", oneLine(w))
	}
	b.WriteString(a.decided(x))
	switch {
	case x.Next.IsZero():
	case x.Never():
		fmt.Fprintf(&b, "  next slot %s, which will not be started as things are\n", a.whenThere(x.Next))
	default:
		fmt.Fprintf(&b, "  next slot %s\n", a.whenThere(x.Next))
	}
	return b.String()
}

// explainPast tells why a slot was decided as it was, or why a run was started.
func (a *app) explainPast(e *engine.Engine, path string, o explainOptions) error {
	x, err := a.pastOf(e, path, o)
	if errors.Is(err, task.ErrInvalid) && o.run != "" {
		return usageError{task.Text(err)}
	}
	if err != nil {
		return err
	}
	return a.printExplanations([]engine.Explanation{x})
}

func (a *app) pastOf(e *engine.Engine, path string, o explainOptions) (x engine.Explanation, err error) {
	if o.run != "" {
		return e.ExplainRun(context.Background(), path, o.run)
	}
	picked, err := a.pickedTasks(e, path, o.Selection)
	if err != nil {
		return x, err
	}
	if len(picked) != 1 {
		return x, usage("--slot is of one task: which? --rid %s", picked[0].ID.RID)
	}
	slot, err := o.slot.in(time.Local)
	if err != nil {
		return x, err
	}
	return e.ExplainSlot(context.Background(), path, picked[0].ID.RID, slot)
}

// decided is what is on record of a slot, or of a run, for people.
func (a *app) decided(x engine.Explanation) string {
	said := x.Decided
	if said == nil {
		return ""
	}
	var b strings.Builder
	if x.Unkept != "" {
		fmt.Fprintf(&b, "  %s\n", x.Unkept)
	}
	if x.File != "" {
		fmt.Fprintf(&b, "      file         %s\n", oneLine(x.File))
	}
	if !x.At.IsZero() {
		fmt.Fprintf(&b, "  decided at %s\n", a.when(x.At))
	}
	text := "on record: "
	if !said.Slot.IsZero() {
		text += "slot " + a.when(said.Slot) + ": "
	}
	text += said.Decision
	if said.Count > 1 {
		text += fmt.Sprintf(" (%d slots, up to %s; the checks are of the last)", said.Count, a.when(said.Last))
	}
	text += ": " + oneLine(said.Reason)
	if said.Run != "" {
		text += strings.TrimRight(", run "+said.Run+" "+said.State, " ")
	}
	return b.String() + "  " + text + "\n"
}

// plannedRow is a task's schedule as programs get it.
type plannedRow = engine.Planned

func (a *app) printScheduleVerb() *cobra.Command {
	var watch bool
	var sel engine.Selection
	c := &cobra.Command{
		Use: "schedule [SELECTOR] [--rid task#0,...] [--tags a+b,c]", Short: "Print when each task is due, and what is in its way",
		Long: `Print for each task that has a schedule its last run, its next start in the zone of the schedule, the schedule, and
why it would not be started, as far as that can be told now. A task that is not started here as things are, for it is
frozen, disabled, or of a service that is not active here, has no next start.

` + exitCodes,
	}
	a.selecting(c, func() error {
		return a.watching(watch, func(ctx context.Context) error { return a.printSchedule(ctx, sel) })
	})
	a.addSelection(c, &sel)
	c.Flags().BoolVar(&watch, "watch", false, watchHelp)
	return c
}

func (a *app) printSchedule(ctx context.Context, sel engine.Selection) error {
	e, err := a.reader()
	if err != nil {
		return err
	}
	paths, err := a.namedWith(e, sel)
	if err != nil {
		return err
	}
	rows, failed := plannedRows(ctx, e, paths, sel)
	if len(rows) == 0 && failed == nil && sel != (engine.Selection{}) {
		return task.Errorf(task.ErrNotFound, "no task with a schedule matches %s", sel)
	}
	l := listing{
		columns: []string{"SERVICE", "TASK", "LAST RUN", "STATE", "NEXT", "SCHEDULE", "WHY NOT"}, data: rows,
		least: []int{8, 6, 0, 0, 0, 8}, spare: []int{2, 3}, below: true,
	}
	for _, r := range rows {
		l.rows = append(l.rows, a.plannedCells(r))
		l.colors = append(l.colors, "")
	}
	if err := a.list(l); err != nil {
		return err
	}
	return failed
}

// plannedRows are the tasks of services that have a schedule, and the first error.
func plannedRows(ctx context.Context, e *engine.Engine, paths []string, sel engine.Selection) ([]plannedRow, error) {
	rows := []plannedRow{}
	var failed error
	for _, path := range paths {
		found, err := e.Schedules(ctx, path, sel)
		if err != nil && failed == nil {
			failed = err
		}
		rows = append(rows, found...)
	}
	if len(rows) == 0 && failed == nil {
		failed = leftOut(ctx, e, paths)
	}
	return rows, failed
}

// leftOut is an error where the service that is meant has no task, for its file has errors.
func leftOut(ctx context.Context, e *engine.Engine, paths []string) error {
	if len(paths) != 1 {
		return nil
	}
	s, _, err := e.Scheduled(ctx, paths[0])
	if err != nil || len(s.Tasks) > 0 || len(s.Quarantined()) == 0 {
		return err
	}
	return unscheduled(s)
}

func (a *app) plannedCells(r plannedRow) []string {
	last, state := "-", "-"
	if r.Last != nil {
		last, state = a.when(r.Last.EndedAt), string(r.Last.State)
	}
	if r.Running > 0 {
		state = "running"
	}
	next := "-"
	if !r.Next.IsZero() {
		next = a.whenThere(r.Next) + " " + r.Zone
	}
	return []string{r.Service, r.Task, last, state, next, r.Schedule, whyNot(r)}
}

// fewWaiting is how many of the slots that wait are told in a table.
const fewWaiting = 3

// whyNot is what is in the way of a task, and what waits.
func whyNot(r engine.Planned) string {
	var all []string
	if r.Why != "" {
		all = append(all, r.Why)
	}
	for _, w := range r.Waiting[:min(fewWaiting, len(r.Waiting))] {
		all = append(all, "waits: "+w)
	}
	if more := len(r.Waiting) - fewWaiting; more > 0 {
		all = append(all, fmt.Sprintf("and %d more wait", more))
	}
	return strings.Join(all, "; ")
}
