package cmd

import (
	"github.com/spf13/cobra"

	"om/schedule"
)

func (a *app) scheduleConvertVerb() *cobra.Command {
	var o calendarOptions
	var to string
	c := &cobra.Command{
		Use: "convert --to om|cron|calendar EXPR", Short: "Write a schedule in another notation",
		Long: `Write a schedule in the notation of OpenSVC, of cron or of systemd's OnCalendar. What the other can't say is
refused with the reason, and exit code 1; 78 is for a schedule that is wrong.

` + exitCodes,
		Example: `  om schedule convert --to calendar "30 2 * * 1-5"`,
		RunE:    func(_ *cobra.Command, args []string) error { return a.scheduleConvert(o, to, args) },
	}
	addCalendar(c, &o)
	addChoice(c, &to, "to", "the notation", "om", "cron", "calendar")
	return c
}

func (a *app) scheduleConvert(o calendarOptions, to string, words []string) error {
	target := schedule.OpenSVC
	switch to {
	case "om":
	case "cron":
		target = schedule.Cron
	case "calendar":
		target = schedule.Calendar
	default:
		return usage("om schedule convert: wanted --to om, cron or calendar")
	}
	s, err := a.calendar(o, words)
	if err != nil {
		return err
	}
	text, err := s.Convert(target)
	if err != nil {
		return err
	}
	row := conversionRow{text, target.String()}
	switch a.global.output {
	case "csv":
		return a.csv([]conversionRow{row})
	case "json", "jsonl":
		return a.jsonl([]conversionRow{row})
	case "yaml":
		return a.value(row)
	}
	return a.printf("%s\n", visible(text))
}

// conversionRow is what om schedule convert tells.
type conversionRow struct {
	Expr     string `json:"expr"`
	Notation string `json:"notation"`
}
