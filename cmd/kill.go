package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"om/engine"
)

func killVerb(a *app) *cobra.Command {
	var sel engine.Selection
	var run string
	c := &cobra.Command{
		Use: "kill [--rid task#0] [--run RUN]",
		Long: `End runs in progress: the task's stop_signal, and after its stop_timeout the whole process tree. Each run is
recorded as cancelled, by whom.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.kill(sel, run) },
	}
	a.addSelection(c, &sel)
	c.Flags().StringVar(&run, "run", "", "one run, by its id or the beginning of it")
	_ = c.RegisterFlagCompletionFunc("run", a.completeRuns)
	return c
}

func (a *app) kill(sel engine.Selection, runID string) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	s, err := e.Load(path)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	runs, err := e.Kill(ctx, s, sel, runID)
	for _, r := range runs {
		if r.State.Final() && !a.global.quiet {
			fmt.Fprintf(a.Stderr, "%s %s: %s\n", r.Task, r.ID, r.Summary())
		}
	}
	return errors.Join(err)
}
