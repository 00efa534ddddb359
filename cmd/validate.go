package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

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
		Use: "validate [SELECTOR]",
		Long: `Check the file of the service, or of every service and of the node, and tell every problem with its file, line,
section and keyword. Exit code 78 if there is an error; warnings alone leave 0 unless --strict. In a pipeline say --all: a
folder with no service in it is then an error (66), and not all well.`,
		Example: `  om testmd validate
  om --config-dir ./services validate --all --strict
  om validate --all --sarif > om.sarif`,
	}
	a.selecting(c, func() error {
		if err := a.somethingToCheck(all); err != nil {
			return err
		}
		if asSARIF {
			return a.validate(strict, a.printSARIF)
		}
		return a.validate(strict, a.printProblems)
	})
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
	if errors.As(err, new(*service.UnreadError)) {
		return nil // which is told as a problem
	}
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
	a.lacks(e)
	paths, err := a.services()
	if err != nil {
		return err
	}
	rows := []problemRow{}
	bad := false
	if a.selector == "" {
		var found []problemRow
		found, bad = problemRows("", append(service.FolderProblems(e.ConfigDir), e.Node.Problems...), strict)
		rows = append(rows, found...) // none is a list, too
	}
	untold, told := []error{a.nodeWrong}, []error{a.lacking} // told is what the rows tell
	for _, path := range paths {
		found, isBad, err := a.validateOne(e, path, strict)
		if len(found) == 0 {
			untold = append(untold, err)
		}
		rows, told, bad = append(rows, found...), append(told, err), bad || isBad
	}
	if err := errors.Join(tell(rows), errors.Join(untold...)); err != nil {
		return err
	}
	if err := errors.Join(told...); err != nil {
		return codeError(exitCode(err))
	}
	if bad {
		return codeError(exitConfig)
	}
	return a.did(nil, counted(len(paths), "service"), "no errors")
}

// lacks notes that namespaces can't be looked into, where all services are meant: who finds that among the problems tells it.
func (a *app) lacks(e *engine.Engine) {
	if _, err := e.Services(); a.selector == "" && errors.As(err, new(*service.UnreadError)) {
		a.lacking = err
	}
}

// unusable are the problems of a file that can't be read, or may not be; none where it is not there.
func unusable(e *engine.Engine, path string, err error) (all []service.Problem) {
	file, bad := service.File(e.ConfigDir, path)
	if bad != nil {
		return nil
	}
	if _, bad = os.Lstat(file); bad != nil {
		return nil
	}
	for line := range strings.Lines(task.Text(err)) {
		line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "open "), file+": ")
		all = append(all, service.Problem{File: file, Wanted: line})
	}
	return all
}

func (a *app) validateOne(e *engine.Engine, path string, strict bool) ([]problemRow, bool, error) {
	s, err := e.Load(path)
	if err != nil {
		rows, _ := problemRows(path, unusable(e, path, err), strict)
		return rows, true, err
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
		r.File = oneLine(r.File)
		if err := a.printf("%s: %s\n", a.paint(a.Stdout, color, r.Severity), visible(r.problem().String())); err != nil {
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
