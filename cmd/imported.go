package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"om/engine"
	"om/migrate"
	"om/task"
)

// importRow is what became of one foreign file, for programs.
type importRow struct {
	Service string     `json:"service"`
	File    string     `json:"file"`
	Source  string     `json:"source"`
	Written bool       `json:"written"`
	Tasks   int        `json:"tasks"`
	Text    string     `json:"text"`
	Losses  []lossRow  `json:"losses"`
	Proof   []proofRow `json:"proof"`
	engine  string
}

// lossRow is one thing that is not carried.
type lossRow struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Job  bool   `json:"job"`
	What string `json:"what"`
	Why  string `json:"why"`
}

// importDrafts writes the service files, all of them or none, and tells what became of each.
func (a *app) importDrafts(drafts []migrate.Draft, losses []migrate.Loss, o importOptions) error {
	drafts, losses = withJobs(drafts, losses)
	switch {
	case len(drafts) == 0:
		a.warnLosses(losses)
		return task.Errorf(task.ErrNotFound, "there is nothing to import")
	case o.to != "" && len(drafts) > 1:
		return usage("--to %q: it names one service, and there are %d files to import", o.to, len(drafts))
	case isVerb(o.to):
		return usage("--to %q: wanted a name that is no verb of om: this service could not be selected", o.to)
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	var p *migrate.Prover
	if o.prove {
		if p, err = a.prover(e, o.proveOptions); err != nil {
			return err
		}
	}
	rows := make([]importRow, len(drafts))
	for i := range drafts {
		d := &drafts[i]
		d.Service = cmp.Or(o.to, d.Service)
		if rows[i], err = a.importDraft(e, p, d); err != nil {
			return err
		}
		losses = append(losses, d.AllLosses()...)
	}
	if !o.dryRun {
		err = place(e, rows, o.replace)
	}
	told := a.imported(rows, losses, o)
	if err != nil {
		return err
	}
	return told
}

// withJobs leaves out what has no jobs. A service of OpenSVC's is one without tasks, too.
func withJobs(drafts []migrate.Draft, losses []migrate.Loss) ([]migrate.Draft, []migrate.Loss) {
	var all []migrate.Draft
	for i := range drafts {
		d := &drafts[i]
		lost := d.AllLosses()
		if d.Engine == "opensvc" || d.Tasks() > 0 || slices.ContainsFunc(lost, func(l migrate.Loss) bool { return l.Job }) {
			all = append(all, *d)
			continue
		}
		losses = append(losses, lost...)
		losses = append(losses, migrate.Loss{Place: migrate.Place{File: d.Source}, What: "the whole file", Why: "it has no job"})
	}
	return all, losses
}

func (a *app) warnLosses(losses []migrate.Loss) {
	for _, l := range losses {
		fmt.Fprintf(a.Stderr, "%s: %s\n", a.paint(a.Stderr, yellow, "warning"), visible(l.String()))
	}
}

// importDraft makes the text of one service file, and proves it.
func (a *app) importDraft(e *engine.Engine, p *migrate.Prover, d *migrate.Draft) (row importRow, err error) {
	if isVerb(d.Service) {
		d.Service += "-jobs" // it could not be selected
	}
	text, err := d.Write(e.Node)
	if err != nil {
		return row, err
	}
	row = importRow{
		Service: d.Service, File: filepath.Join(e.ConfigDir, d.Service+".conf"), Source: d.Source,
		Tasks: d.Tasks(), Text: string(text), Losses: []lossRow{}, engine: d.Engine,
	}
	for _, l := range d.AllLosses() {
		row.Losses = append(row.Losses, lossRow{l.File, l.Line, l.Job, l.What, l.Why})
	}
	row.Proof, err = a.proofs(p, d, text)
	return row, err
}

// place puts the files of services in their places, unless one of them is taken. Where one can't be made those that
// were are taken away again; what was replaced has its former version on record.
func place(e *engine.Engine, rows []importRow, replace bool) error {
	var errs []error
	seen := map[string]string{}
	for _, r := range rows {
		if other, twice := seen[r.File]; twice {
			errs = append(errs, fmt.Errorf("%s and %s would both be service %s: import one of them with --to", other, r.Source, r.Service))
		}
		seen[r.File] = r.Source
		if _, err := os.Lstat(r.File); err == nil && !replace {
			errs = append(errs, fmt.Errorf("%s is there already; nothing was changed: --replace replaces it, --to names another", r.File))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	made := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		err := e.Create(r.Service, []byte(r.Text))
		made[r.File] = err == nil
		if errors.Is(err, fs.ErrExist) && replace {
			err = e.Replace(context.Background(), r.Service, func([]byte) ([]byte, error) { return []byte(r.Text), nil })
		}
		if err != nil {
			return errors.Join(err, takeAway(rows[:i], made))
		}
		r.Written = true
	}
	return nil
}

// takeAway removes the files that were made.
func takeAway(rows []importRow, made map[string]bool) error {
	var errs []error
	for i := range rows {
		if r := &rows[i]; made[r.File] {
			errs = append(errs, os.Remove(r.File))
			r.Written = false
		}
	}
	return errors.Join(errs...)
}

// imported prints what became of the files.
func (a *app) imported(rows []importRow, losses []migrate.Loss, o importOptions) error {
	failed := o.strict && len(losses) > 0
	for _, r := range rows {
		failed = failed || slices.ContainsFunc(r.Proof, func(p proofRow) bool { return !p.Explained })
	}
	failed = failed || slices.ContainsFunc(losses, func(l migrate.Loss) bool { return l.Job })
	a.warnLosses(losses)
	if err := a.printImported(rows, o); err != nil {
		return err
	}
	a.hintTwice(rows)
	if failed {
		return codeError(exitFailed)
	}
	return nil
}

// hintTwice says that the other scheduler goes on.
func (a *app) hintTwice(rows []importRow) {
	if a.global.quiet || !slices.ContainsFunc(rows, func(r importRow) bool { return r.Written }) {
		return
	}
	ends := map[string]string{
		"cron": "take their lines out of its tables", "anacron": "take their lines out of its table", "systemd": "systemctl disable --now ends a timer",
		"opensvc": "take their schedules out of its files",
	}[rows[0].engine]
	fmt.Fprintf(a.Stderr, "hint: %s starts these jobs too: %s\n", rows[0].engine, ends)
}

func (a *app) printImported(rows []importRow, o importOptions) error {
	if a.global.output != "table" && a.global.output != "plain" {
		return a.list(listing{data: rows})
	}
	for i := range rows {
		if err := a.printImport(&rows[i], o); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printImport(r *importRow, o importOptions) error {
	switch {
	case o.dryRun && !o.prove:
		return a.write(r.Text)
	case r.Written:
		if err := a.printf("%s: %s, %s\n", r.Service, r.File, counted(r.Tasks, "task")); err != nil {
			return err
		}
	}
	return a.printProofs(r.Proof)
}
