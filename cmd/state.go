package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"om/engine"
)

func stateVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "state init|check|export|import|clean",
		Long: `The record: om.db of this node, or the file that the service names with the keyword state.

init creates it (a service's own is never created by itself), check verifies it, export writes its rows as JSON lines
to stdout, import reads them from stdin, clean removes what is past retention.`,
		RunE: wantedVerb("init, check, export, import or clean"),
	}
	for _, v := range []struct {
		name, short string
		do          func(context.Context, *engine.Engine, string) error
	}{
		{"init", "Create the record where it is missing", func(ctx context.Context, e *engine.Engine, p string) error {
			return a.did(e.InitState(ctx, p), e.StatePath(p), "ready")
		}},
		{"check", "Verify the record", func(ctx context.Context, e *engine.Engine, p string) error {
			return a.did(e.CheckState(ctx, p), e.StatePath(p), "no fault found")
		}},
		{"export", "Write the record as JSON lines to stdout", func(ctx context.Context, e *engine.Engine, p string) error { return e.ExportState(ctx, p, a.Stdout) }},
		{"import", "Add the JSON lines on stdin to the record", func(ctx context.Context, e *engine.Engine, p string) error { return e.ImportState(ctx, p, a.Stdin) }},
		{"clean", "Remove runs and output that are past retention", a.cleanState},
	} {
		c.AddCommand(&cobra.Command{Use: v.name, Short: v.short, Args: noArgs, RunE: func(*cobra.Command, []string) error {
			e, err := a.engine()
			if err != nil {
				return err
			}
			path := a.selector
			if path != "" {
				if _, path, err = a.service(); err != nil {
					return err
				}
			}
			return v.do(context.Background(), e, path)
		}})
	}
	return c
}

func (a *app) cleanState(ctx context.Context, e *engine.Engine, path string) error {
	n, bytes, err := e.Clean(ctx, path)
	return a.did(err, e.StatePath(path), fmt.Sprintf("%d runs removed, %d bytes of output", n, bytes))
}
