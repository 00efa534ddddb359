package cmd

import (
	"fmt"
	"strings"
	"time"

	"om/engine"
	"om/migrate"
	"om/service"
	"om/task"
)

// proveOptions are the flags of a proof.
type proveOptions struct {
	prove  bool
	months int
	from   momentText
	down   []string
}

// mostMonths bounds what a proof takes of memory: a line of each minute has half a million starts a year.
const mostMonths = 120

// proofRow is the proof of one task, for programs.
type proofRow struct {
	Task        string          `json:"task"`
	File        string          `json:"file"`
	Line        int             `json:"line"`
	Schedule    string          `json:"schedule"`
	Engine      string          `json:"engine"`
	Theirs      int             `json:"theirs"`
	Ours        int             `json:"ours"`
	Explained   bool            `json:"explained"`
	Differences []differenceRow `json:"differences"`
	Remarks     []string        `json:"remarks"`
	Unproved    string          `json:"unproved"`
}

// differenceRow is one difference, of one start or of several in a row.
type differenceRow struct {
	At     string `json:"at"`
	Until  string `json:"until"`
	Count  int    `json:"count"`
	Theirs int    `json:"theirs"`
	Ours   int    `json:"ours"`
	Cause  string `json:"cause"`
}

// prover makes the comparison that the flags ask for.
func (a *app) prover(e *engine.Engine, o proveOptions) (*migrate.Prover, error) {
	host, err := a.zoneNamed("Local")
	if err != nil {
		return nil, err
	}
	p := &migrate.Prover{Node: e.Node, Host: host, Zones: a.zoneNamed, From: a.Now()}
	if o.months < 1 || o.months > mostMonths {
		return nil, usage("--months %d: wanted 1 to %d", o.months, mostMonths)
	}
	if o.from != "" {
		if p.From, err = o.from.in(host); err != nil {
			return nil, err
		}
	}
	p.From = p.From.In(host)
	p.To = p.From.AddDate(0, o.months, 0)
	for _, text := range o.down {
		span, err := spanOf(text, host)
		if err != nil {
			return nil, err
		}
		p.Down = append(p.Down, span)
	}
	return p, p.Check()
}

// spanOf reads FROM..TO.
func spanOf(text string, zone *time.Location) (s migrate.Span, err error) {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return s, usage("--down %q: wanted FROM..TO", text)
	}
	if s.From, err = service.ParseMoment(from, zone); err == nil {
		s.To, err = service.ParseMoment(to, zone)
	}
	if err != nil {
		return s, usage("--down %s", task.Text(err))
	}
	return s, nil
}

// proofs compares one service file with what it was made of.
func (a *app) proofs(p *migrate.Prover, d *migrate.Draft, text []byte) ([]proofRow, error) {
	rows := []proofRow{}
	if p == nil {
		return rows, nil
	}
	all, err := p.Prove(d, text)
	for i := range all {
		rows = append(rows, rowOfProof(&all[i]))
	}
	return rows, err
}

func rowOfProof(p *migrate.Proof) proofRow {
	row := proofRow{
		Task: p.Task, File: p.Place.File, Line: p.Place.Line, Schedule: p.Schedule, Engine: p.Engine,
		Theirs: p.Theirs, Ours: p.Ours, Explained: p.Explained(), Unproved: p.Unproved,
		Differences: []differenceRow{}, Remarks: append([]string{}, p.Remarks...),
	}
	for _, d := range p.Differences {
		row.Differences = append(row.Differences, differenceRow{
			d.At.Format(time.RFC3339), d.Until.Format(time.RFC3339), d.Count, d.Theirs, d.Ours, d.Cause,
		})
	}
	return row
}

// printProofs prints the proofs for people: a line for each task, and below it each difference.
func (a *app) printProofs(rows []proofRow) error {
	for _, r := range rows {
		verdict, color := fmt.Sprintf("%s in %s, and in om", counted(r.Theirs, "start"), r.Engine), green
		switch {
		case r.Unproved != "":
			verdict, color = r.Unproved+": nothing to compare", ""
		case !r.Explained:
			verdict, color = fmt.Sprintf("%s in %s, %d in om", counted(r.Theirs, "start"), r.Engine, r.Ours), red
		case len(r.Differences) > 0:
			verdict, color = fmt.Sprintf("%s in %s, %d in om", counted(r.Theirs, "start"), r.Engine, r.Ours), yellow
		}
		if err := a.printf("%s\t%s\n", visible(r.Task), a.paint(a.Stdout, color, visible(verdict))); err != nil {
			return err
		}
		for _, d := range r.Differences {
			if err := a.write("  " + d.line(r.Engine) + "\n"); err != nil {
				return err
			}
		}
		for _, text := range r.Remarks {
			if err := a.printf("  note: %s\n", visible(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *differenceRow) line(engine string) string {
	when, cause := d.At, d.Cause
	if d.Count > 1 {
		when += " to " + d.Until
	}
	if cause == "" {
		cause = "not explained"
	}
	return fmt.Sprintf("%s  %s %d, om %d: %s", when, engine, d.Theirs, d.Ours, visible(cause))
}
