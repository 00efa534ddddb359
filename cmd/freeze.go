package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"om/engine"
)

func freezeVerb(a *app) *cobra.Command {
	return a.simple("freeze", `Freeze the service, or the whole node: nothing is started by schedule, and a manual run asks for --force.`,
		func(ctx context.Context, e *engine.Engine, path string) error { return e.Freeze(ctx, path) }, "frozen")
}

func thawVerb(a *app) *cobra.Command {
	return a.simple("thaw", `Undo freeze, of the service or of the node.`,
		func(ctx context.Context, e *engine.Engine, path string) error { return e.Thaw(ctx, path) }, "thawed")
}

// simple is a verb that does one thing to each service, or to the node.
func (a *app) simple(name, long string, do func(context.Context, *engine.Engine, string) error, done string) *cobra.Command {
	return &cobra.Command{Use: name, Long: long, Args: noArgs, RunE: func(*cobra.Command, []string) error {
		e, err := a.engine()
		if err != nil {
			return err
		}
		if a.selector == "" {
			return a.did(do(context.Background(), e, ""), "node "+e.Node.Name, done)
		}
		paths, err := a.services()
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := a.did(do(context.Background(), e, path), path, done); err != nil {
				return err
			}
		}
		return nil
	}}
}

// did says what was done, unless it was not.
func (a *app) did(err error, what, done string) error {
	if err == nil && !a.global.quiet {
		fmt.Fprintf(a.Stderr, "%s: %s\n", what, done)
	}
	return err
}

func enableVerb(a *app) *cobra.Command  { return a.switchVerb("enable", "false", "enabled") }
func disableVerb(a *app) *cobra.Command { return a.switchVerb("disable", "true", "disabled") }

// switchVerb sets or removes the keyword disable.
func (a *app) switchVerb(name, value, done string) *cobra.Command {
	var sel engine.Selection
	c := &cobra.Command{
		Use: name + " [--rid task#0]",
		Long: `The keyword disable of the selected sections, or of the whole service where no section is selected, is set or
removed in the service's file.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			e, path, err := a.service()
			if err != nil {
				return err
			}
			sections, err := e.Sections(path, sel)
			if err != nil {
				return err
			}
			return a.did(e.Disable(context.Background(), path, sections, value), fmt.Sprint(path, " ", sections), done)
		},
	}
	a.addSelection(c, &sel)
	return c
}
