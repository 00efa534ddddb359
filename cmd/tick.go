package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/engine"
	"om/task"
)

// tickDeadline is how long a tick may take: runs that it started go on, and what it did not get to is due at
// the next.
const tickDeadline = 5 * time.Minute

type tickOptions struct {
	dryRun bool
	at     momentText
	period timeLimit
}

func tickVerb(a *app) *cobra.Command {
	o := tickOptions{period: timeLimit(time.Minute)}
	c := &cobra.Command{
		Use: "tick",
		Long: `Do once what has to be done now: record how runs ended, read the files that were changed, decide about each slot
that is due, and start the tasks that may run. They go on by themselves when om has ended. A timer of the host calls it each
minute; a tick that is late, doubled or killed does no harm. With a daemon at work there is nothing to do.`,
		Example: `  om tick --dry-run
  om tick --dry-run --at "2026-12-24 18:00"`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.tick(o) },
	}
	f := c.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be started, and do nothing")
	f.Var(&o.at, "at", "with --dry-run: a moment instead of the present, up to which there is no tick")
	f.Var(&o.period, "period", "the time between two ticks: how late a slot may be seen and still be on time")
	return c
}

func (a *app) tick(o tickOptions) error {
	if o.at != "" && !o.dryRun {
		return usage("--at is for --dry-run: a tick is about the present")
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	var at time.Time
	if o.at != "" {
		if at, err = o.at.in(time.Local); err != nil {
			return err
		}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	report, err := e.Tick(context.Background(), engine.TickOptions{
		DryRun: o.dryRun, At: at, Detach: engine.Detached(program, superviseVerb), Period: time.Duration(o.period),
		Begin: patiently, Notify: teller(program, e),
	})
	if o.dryRun {
		noIDs(&report)
	}
	for _, r := range report.Rejected {
		fmt.Fprintf(a.Stderr, "om: %s\n", visible(r.String()))
	}
	for _, p := range report.Problems {
		fmt.Fprintf(a.Stderr, "om: %s\n", visible(p))
	}
	if printed := a.printTick(report); err == nil {
		err = printed
	}
	return err
}

// noIDs takes away the ids of runs that would be started: nobody can ask for them.
func noIDs(r *engine.TickReport) {
	for i := range r.Started {
		r.Started[i].ID = ""
	}
}

// patiently is a context for a tick: it ends with a signal, or at the deadline.
func patiently() (context.Context, context.CancelFunc) {
	ctx, stop := interruptible()
	ctx, end := context.WithTimeout(ctx, tickDeadline)
	return ctx, func() { end(); stop() }
}

// teller is the command line that tells people what the tick leaves in the spool: omd beside om. nil where it is
// not installed; then the spool waits for a daemon, and drops the oldest.
func teller(program string, e *engine.Engine) []string {
	omd := filepath.Join(filepath.Dir(program), "omd")
	if _, err := os.Stat(omd); err != nil {
		return nil
	}
	return []string{omd, "notify", "--once", "--config-dir", e.ConfigDir, "--state-dir", e.StateDir}
}

// tickRow is one thing that a tick did, or would do.
type tickRow struct {
	Service string     `json:"service"`
	Task    string     `json:"task"`
	Did     string     `json:"did"` // run, skip, missed, expired, pending, lost
	Slot    *time.Time `json:"slot"`
	Count   int        `json:"count"`
	Reason  string     `json:"reason"`
	Run     string     `json:"run"`
}

func (a *app) printTick(r engine.TickReport) error {
	rows := tickRows(r)
	l := listing{columns: []string{"SERVICE", "TASK", "DID", "SLOT", "COUNT", "REASON", "RUN"}, data: rows}
	for _, row := range rows {
		l.rows = append(l.rows, []string{row.Service, row.Task, row.Did, a.whenSlot(row.Slot), fmt.Sprint(row.Count), row.Reason, row.Run})
		l.colors = append(l.colors, "")
	}
	if a.global.output != "table" && a.global.output != "plain" {
		return a.list(l)
	}
	if r.Deferred != "" && !a.global.quiet {
		fmt.Fprintf(a.Stderr, "om: nothing was decided: %s\n", visible(r.Deferred))
	}
	if len(rows) == 0 || a.global.quiet {
		return nil
	}
	return a.list(l)
}

func tickRows(r engine.TickReport) []tickRow {
	rows := []tickRow{}
	for _, run := range r.Lost {
		rows = append(rows, runDid("lost", run))
	}
	for _, run := range r.Started {
		rows = append(rows, runDid("run", run))
	}
	for _, s := range r.Slots {
		if s.Decision != task.SlotRun {
			at := s.At
			rows = append(rows, tickRow{Service: s.Task.Service, Task: s.Task.RID, Did: string(s.Decision), Slot: &at, Count: s.Count, Reason: s.Reason, Run: s.RunID})
		}
	}
	return rows
}

func runDid(did string, run task.Run) tickRow {
	row := tickRow{Service: run.Task.Service, Task: run.Task.RID, Did: did, Count: 1, Reason: string(run.Origin), Run: run.ID}
	if run.Attempt > 1 {
		row.Reason += fmt.Sprintf(", attempt %d", run.Attempt)
	}
	if run.State.Final() {
		row.Reason = strings.TrimPrefix(row.Reason+": "+run.Reason, ": ")
	}
	if !run.Slot.IsZero() {
		row.Slot = &run.Slot
	}
	return row
}

func (a *app) whenSlot(t *time.Time) string {
	if t == nil {
		return ""
	}
	return a.when(*t)
}
