package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"om/task"
)

// runView is all that the record has of one run.
type runView struct {
	runRow
	By          string  `json:"by"`
	Terminal    *string `json:"terminal"`
	ConfirmedBy *string `json:"confirmed"`
	Forced      *string `json:"forced"`
	BootID      string  `json:"boot_id"`
	Supervisor  int     `json:"supervisor_pid"`
	PID         *int    `json:"pid"`
	ArgvDigest  *string `json:"argv_sha256"`
	Output      *string `json:"output"`
	OutputBytes int64   `json:"output_bytes"`
	OutputLost  int64   `json:"output_left_out"`
	Leftover    int     `json:"leftover"`
	MaxRSS      int64   `json:"max_rss_bytes"`
	CPU         float64 `json:"cpu_s"`
	Took        float64 `json:"took_s"`
}

func showVerb(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show RUN",
		Long:    `Show all that the record has of one run. RUN is its id, or a beginning of it that no other run has.`,
		Example: "  om testmd show 0193a6f2",
		Args:    oneArg("RUN"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.show(args[0]) },

		ValidArgsFunction: a.completeRuns,
	}
}

func oneArg(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usage("om %s wants one %s", verbOf(c), name)
		}
		return nil
	}
}

func (a *app) show(id string) error {
	e, err := a.reader()
	if err != nil {
		return err
	}
	run, err := e.FindRun(context.Background(), a.selector, id)
	if errors.Is(err, task.ErrInvalid) {
		return usageError{task.Text(err)}
	}
	if err != nil {
		return err
	}
	v := a.viewOf(run)
	if a.global.output == "csv" {
		return a.csv([]runRow{v.runRow})
	}
	return a.value(v)
}

func (a *app) viewOf(r task.Run) runView {
	v := runView{
		runRow: a.rowOf(r), By: r.By, Terminal: orNil(r.Terminal), ConfirmedBy: orNil(r.ConfirmedBy), Forced: orNil(r.Forced),
		BootID: r.BootID, Supervisor: r.PID, ArgvDigest: orNil(r.ArgvDigest), Output: orNil(r.Output),
		OutputBytes: r.OutputBytes, OutputLost: r.OutputLost, Leftover: r.Leftover, MaxRSS: r.MaxRSS, CPU: r.CPU.Seconds(),
	}
	if r.ChildPID != 0 {
		v.PID = &r.ChildPID
	}
	if end := r.EndedAt; !r.StartedAt.IsZero() {
		if end.IsZero() {
			end = a.Now()
		}
		v.Took = end.Sub(r.StartedAt).Round(time.Microsecond).Seconds()
	}
	return v
}
