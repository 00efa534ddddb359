package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"om/engine"
	"om/state"
	"om/task"
)

type logsOptions struct {
	engine.Selection
	run    string
	follow bool
	times  bool

	skipped, missed bool
}

func logsVerb(a *app) *cobra.Command {
	var o logsOptions
	c := &cobra.Command{
		Use: "logs [--rid task#0] [--run RUN] [-f]",
		Long: `Print what the newest run of the selected tasks wrote, byte for byte, stdout and stderr in the order they came;
--run names another run. With --timestamps each line has its time and its stream. -f goes on until the run ends.
--skipped and --missed tell behind it, on stderr, which slots of these tasks, or of the task of the run that is named, came
since then and were not run: the newest 20.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.logs(o) },
	}
	f := c.Flags()
	f.Var((*list)(&o.RID), "rid", "tasks or groups")
	f.StringVar(&o.run, "run", "", "a run, by its id or the beginning of it")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on while the run goes on")
	f.BoolVarP(&o.times, "timestamps", "t", false, "print the time and the stream of each line")
	f.BoolVar(&o.skipped, "skipped", false, "tell which slots were skipped, expired or wait since then")
	f.BoolVar(&o.missed, "missed", false, "tell which slots were missed since then")
	_ = c.RegisterFlagCompletionFunc("rid", a.completeRIDs)
	_ = c.RegisterFlagCompletionFunc("run", a.completeRuns)
	return c
}

func (a *app) logs(o logsOptions) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	e.Reading = true
	ctx, stop := interruptible()
	defer stop()
	run, err := e.LogRun(ctx, path, o.Selection, o.run)
	if err == nil {
		err = a.logRun(ctx, e, run, o)
	}
	return errors.Join(err, a.notRun(ctx, e, path, run, o))
}

// logRun prints what a run wrote.
func (a *app) logRun(ctx context.Context, e *engine.Engine, run task.Run, o logsOptions) error {
	switch {
	case run.Output == "" && run.StartedAt.IsZero():
		return task.Errorf(task.ErrNotFound, "run %s of %s did not start: %s", run.ID, run.Task, run.Reason)
	case run.Output == "":
		return task.Errorf(task.ErrNotFound, "run %s of %s kept no output in a file (log = none, or journal)", run.ID, run.Task)
	}
	if !a.global.quiet {
		fmt.Fprintf(a.Stderr, "# %s %s %s %s\n", run.Task, run.ID, run.State, a.when(run.StartedAt))
	}
	w := bufio.NewWriterSize(a.Stdout, 64<<10)
	err := a.copyOutput(ctx, e, run, o, w)
	if ctx.Err() != nil && o.follow {
		err = nil
	}
	return errors.Join(err, w.Flush())
}

// notRun tells which slots were not run since a run, or at all where there is none: no more than history lists of itself.
func (a *app) notRun(ctx context.Context, e *engine.Engine, path string, run task.Run, o logsOptions) error {
	words := historyOptions{skipped: o.skipped, missed: o.missed}.slots()
	if len(words) == 0 {
		return nil
	}
	const most = 20
	since := run.Slot
	if since.IsZero() {
		since = run.QueuedAt
	}
	slots, err := e.Slots(context.WithoutCancel(ctx), path, o.Query(state.Query{Since: since}), words...)
	slots = slices.DeleteFunc(slots, func(s task.Slot) bool {
		return o.run != "" && s.Task != run.Task || len(o.Pick([]task.Task{{ID: s.Task}})) == 0
	})
	for _, s := range slices.Backward(slots[:min(len(slots), most)]) {
		row := a.slotRow(s)
		fmt.Fprintf(a.Stderr, "# %s %s %s %s\n", s.Task, s.Decision, a.when(s.At), result(row))
	}
	return err
}

func (a *app) copyOutput(ctx context.Context, e *engine.Engine, run task.Run, o logsOptions, w *bufio.Writer) error {
	p := printer{app: a, w: w, times: o.times, screen: a.onTerminal()}
	for rec, err := range e.Output(ctx, run, o.follow) {
		if err != nil {
			return err
		}
		p.print(rec)
		if !o.follow {
			continue
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// printer prints the records of an output.
type printer struct {
	*app
	w     *bufio.Writer
	times bool
	// screen is whether a person looks at it.
	screen bool
	line   string // the stream whose line is not ended, "" for none
}

func (p *printer) print(rec task.Record) {
	if p.line != "" && (rec.Lost > 0 || p.times && rec.Stream != p.line) {
		_ = p.w.WriteByte('\n')
		p.line = ""
	}
	if rec.Lost > 0 {
		fmt.Fprintf(p.w, "# om: %d bytes are left out here (log_head, log_tail, or a full disk)\n", rec.Lost)
		return
	}
	if p.times && p.line == "" {
		fmt.Fprintf(p.w, "%s %s ", p.zone(rec.Time).Format("2006-01-02T15:04:05.000Z07:00"), rec.Stream)
	}
	text := rec.Bytes
	if p.screen {
		text = screened(text)
	}
	_, _ = p.w.Write(text)
	p.line = rec.Stream
	if rec.Full {
		_ = p.w.WriteByte('\n')
		p.line = ""
	}
}
