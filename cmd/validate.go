package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"om/engine"
	"om/service"
	"om/task"
)

// problemRow is one problem of a file, for programs.
type problemRow struct {
	Severity string `json:"severity"`
	Service  string `json:"service"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Section  string `json:"section"`
	Keyword  string `json:"keyword"`
	Text     string `json:"text"`
	Wanted   string `json:"wanted"`
	Hint     string `json:"hint"`
}

func validateVerb(a *app) *cobra.Command {
	var strict, all, asSARIF bool
	c := &cobra.Command{
		Use: "validate",
		Long: `Check the file of the service, or of every service and of the node, and tell every problem with its file, line,
section and keyword. Exit code 78 if there is an error; warnings alone leave 0 unless --strict. In a pipeline say --all: a
folder with no service in it is then an error (66), and not all well.`,
		Example: `  om testmd validate
  om --config-dir ./services validate --all --strict
  om validate --all --sarif > om.sarif`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := a.somethingToCheck(all); err != nil {
				return err
			}
			if asSARIF {
				return a.validate(strict, a.printSARIF)
			}
			return a.validate(strict, a.printProblems)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every service, of which there must be one, and the node")
	c.Flags().BoolVar(&strict, "strict", false, "a warning is an error")
	c.Flags().BoolVar(&asSARIF, "sarif", false, "print SARIF 2.1.0, which code hosts show beside the lines")
	return c
}

// somethingToCheck refuses --all where it checks nothing: a pipeline that looks into the wrong folder must not pass.
func (a *app) somethingToCheck(all bool) error {
	if !all {
		return nil
	}
	if a.selector != "" {
		return usage("om %s validate --all: wanted a service or --all", a.selector)
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	paths, err := e.Services()
	if err == nil && len(paths) == 0 {
		err = task.Errorf(task.ErrNotFound, "no services in %s", e.ConfigDir)
	}
	return err
}

func (a *app) validate(strict bool, tell func([]problemRow) error) error {
	a.lenient = true
	e, err := a.engine()
	if err != nil {
		return err
	}
	paths, err := a.services()
	if err != nil {
		return err
	}
	rows := []problemRow{}
	bad := false
	if a.selector == "" {
		var found []problemRow
		found, bad = problemRows("", append(mirrors(e.ConfigDir), e.Node.Problems...), strict)
		rows = append(rows, found...) // none is a list, too
	}
	errs := []error{a.nodeWrong}
	for _, path := range paths {
		found, isBad, err := validateOne(e, path, strict)
		rows, errs, bad = append(rows, found...), append(errs, err), bad || isBad
	}
	if err := errors.Join(tell(rows), errors.Join(errs...)); err != nil {
		return err
	}
	if bad {
		return codeError(exitConfig)
	}
	return a.did(nil, counted(len(paths), "service"), "no errors")
}

// mirrors are the problems of namespaces that are the folder of the services itself.
func mirrors(dir string) []service.Problem {
	var all []service.Problem
	for _, folder := range service.Mirrors(dir) {
		all = append(all, service.Problem{
			File: folder, Severity: service.Error, Wanted: "wanted another folder than " + dir + " itself: each service would be there twice, and what is in it is left out",
		})
	}
	return all
}

func validateOne(e *engine.Engine, path string, strict bool) ([]problemRow, bool, error) {
	s, err := e.Load(path)
	if err != nil {
		return nil, false, err
	}
	rows, bad := problemRows(path, append(s.Problems, e.Rehearse(context.Background(), s)...), strict)
	if isVerb(s.Name) {
		rows = append(rows, problemRow{
			Severity: "error", Service: path, File: s.File, Text: s.Name,
			Wanted: "a name that is no verb of om: this service can't be selected",
		})
		bad = true
	}
	return rows, bad, nil
}

func problemRows(path string, problems []service.Problem, strict bool) ([]problemRow, bool) {
	var rows []problemRow
	bad := false
	for _, p := range problems {
		bad = bad || strict || p.Severity == service.Error
		rows = append(rows, problemRow{p.Severity.String(), path, p.File, p.Line, p.Section, p.Keyword, p.Text, p.Wanted, p.Hint})
	}
	return rows, bad
}

func (r problemRow) problem() service.Problem {
	return service.Problem{File: r.File, Line: r.Line, Section: r.Section, Keyword: r.Keyword, Text: r.Text, Wanted: r.Wanted, Hint: r.Hint}
}

func (a *app) printSARIF(rows []problemRow) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	a.global.output = "json"
	return a.value(sarif(rows, e.ConfigDir, a.Version))
}

func (a *app) printProblems(rows []problemRow) error {
	if a.global.output != "table" && a.global.output != "plain" {
		return a.list(listing{data: rows})
	}
	for _, r := range rows {
		color := yellow
		if r.Severity == "error" {
			color = red
		}
		if err := a.printf("%s: %s\n", a.paint(a.Stdout, color, r.Severity), r.problem()); err != nil {
			return err
		}
	}
	return nil
}

// doubt tells what is doubtful in a file that was changed.
func (a *app) doubt(p service.Problem) {
	fmt.Fprintf(a.Stderr, "%s: %s\n", a.paint(a.Stderr, yellow, "warning"), p)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
