package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"om/engine"
)

func doctorVerb(a *app) *cobra.Command {
	var strict bool
	c := &cobra.Command{
		Use: "doctor [SELECTOR]",
		Long: `Look for what keeps tasks from running as they should, and say which command mends it: on the node the clock,
whether a timer or a daemon is at work, the folder of the record and the room on its disk, the files; of each task its user,
program and folder, passwords in its command line, runs that fail and fail, that never were, that take longer than
the time between two of them, that nothing would end, or that only a daemon serves in time. Nothing is changed. Exit code 1 if there is an error; warnings alone
leave 0 unless --strict.`,
		Example: `  om doctor
  om doctor -o json
  om testmd doctor`,
	}
	a.selecting(c, func() error { return a.doctor(strict) })
	c.Flags().BoolVar(&strict, "strict", false, "a warning is an error")
	return c
}

func (a *app) doctor(strict bool) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	a.lacks(e)
	paths, err := a.services()
	if err != nil && a.selector != "" { // else it is found below
		return err
	}
	ctx := context.Background()
	found := []engine.Finding{}
	errs := []error{err}
	if a.selector == "" {
		node, err := e.DoctorNode(ctx)
		found, errs = append(found, node...), append(errs, err)
	}
	for _, path := range paths {
		some, err := e.DoctorService(ctx, path)
		found, errs = append(found, some...), append(errs, err)
	}
	return errors.Join(a.printFindings(engine.Gathered(found), strict), errors.Join(errs...))
}

func (a *app) printFindings(found []engine.Finding, strict bool) error {
	l := listing{columns: []string{"SEVERITY", "CHECK", "SERVICE", "TASK", "DETAIL", "FIX"}, data: found}
	bad := strict && len(found) > 0
	for _, f := range found {
		bad = bad || f.Severity == "error"
		l.rows = append(l.rows, []string{f.Severity, f.Check, f.Service, f.Task, f.Detail, f.Fix})
		l.colors = append(l.colors, "")
	}
	tell := func() error { return a.list(l) }
	if a.global.output == "table" {
		tell = func() error { return a.tellFindings(found) }
	}
	if err := tell(); err != nil || !bad {
		return err
	}
	return codeError(exitFailed)
}

// tellFindings prints sentences: in a table there is no room for them.
func (a *app) tellFindings(found []engine.Finding) error {
	for _, f := range found {
		color := yellow
		if f.Severity == "error" {
			color = red
		}
		about := f.Service
		if f.Task != "" {
			about += "/" + f.Task
		}
		if about != "" {
			about += ": "
		}
		if err := a.printf("%s: %s%s\n", a.paint(a.Stdout, color, f.Severity), about, visible(f.Detail)); err != nil {
			return err
		}
		if f.Fix == "" {
			continue
		}
		if err := a.printf("    %s\n", visible(f.Fix)); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		return a.did(nil, "doctor", "nothing is wrong")
	}
	return nil
}
