package cmd

import (
	"github.com/spf13/cobra"

	"om/schedule"
)

// verdictRow is the answer of om schedule check.
type verdictRow struct {
	Allowed bool        `json:"allowed"`
	At      string      `json:"at"`
	Local   string      `json:"local"`
	Clauses []clauseRow `json:"clauses"`
}

// clauseRow is what one part of a schedule says of an instant.
type clauseRow struct {
	Clause  string  `json:"clause"`
	Exclude bool    `json:"exclude"`
	Allows  bool    `json:"allows"`
	Reason  string  `json:"reason"`
	Until   *string `json:"until"`
}

func (a *app) scheduleCheckVerb() *cobra.Command {
	var o calendarOptions
	var last momentText
	c := &cobra.Command{
		Use: "check EXPR", Short: "Say whether a run may start at an instant",
		Long: `Say whether a run may start at an instant, and what each part of the schedule says of it. The exit code is 0
where it may, 1 where it may not, and 78 where the schedule is wrong.

` + exitCodes,
		Example: `  om schedule check --at "2026-05-01 03:00" '["02:00-04:00 mon-fri", "! * *:1"]'`,
		RunE:    func(_ *cobra.Command, args []string) error { return a.scheduleCheck(o, last, args) },
	}
	addCalendar(c, &o)
	c.Flags().Var(&last, "last", "the last run; none by default")
	c.Flags().Var(&o.present, "at", "the instant, instead of the present")
	return c
}

func (a *app) scheduleCheck(o calendarOptions, lastText momentText, words []string) error {
	s, err := a.calendar(o, words)
	if err != nil {
		return err
	}
	zone := s.Zone().Location()
	last, err := lastText.in(zone)
	if err != nil {
		return err
	}
	at, err := a.present(o.present, zone)
	if err != nil {
		return err
	}
	row := verdictRow{s.Allows(last, at), a.instant(s, at), label(s, at), []clauseRow{}}
	for _, c := range s.Explain(last, at) {
		row.Clauses = append(row.Clauses, a.rowOfClause(s, c))
	}
	err = a.printVerdict(row)
	if err == nil && !row.Allowed {
		return codeError(exitFailed)
	}
	return err
}

func (a *app) rowOfClause(s *schedule.Schedule, c schedule.Clause) clauseRow {
	row := clauseRow{Clause: c.Text, Exclude: c.Exclude, Allows: c.Allows, Reason: c.Reason}
	if !c.Until.IsZero() {
		until := a.instant(s, c.Until)
		row.Until = &until
	}
	return row
}

func (a *app) printVerdict(row verdictRow) error {
	switch a.global.output {
	case "csv":
		return a.csv(row.Clauses)
	case "json", "jsonl":
		return a.jsonl([]verdictRow{row})
	case "yaml":
		return a.value(row)
	}
	verdict, color := "no: no run may start at ", red
	if row.Allowed {
		verdict, color = "yes: a run may start at ", green
	}
	text := a.paint(a.Stdout, color, verdict+row.At+" ("+row.Local+")") + "\n"
	for _, c := range row.Clauses {
		text += c.line()
	}
	return a.write(text)
}

func (c clauseRow) line() string {
	answer := "no "
	if c.Allows {
		answer = "yes"
	}
	text := "  " + answer + "  " + visible(c.Clause) + ": " + visible(c.Reason)
	if c.Until != nil {
		text += ", until " + *c.Until
	}
	return text + "\n"
}
