package cmd

import "github.com/spf13/cobra"

// descriptionRow is what om schedule describe tells.
type descriptionRow struct {
	Description string   `json:"description"`
	Canonical   string   `json:"canonical"`
	Notation    string   `json:"notation"`
	Zone        string   `json:"zone"`
	Warnings    []string `json:"warnings"`
}

func (a *app) scheduleDescribeVerb() *cobra.Command {
	var o calendarOptions
	c := &cobra.Command{
		Use: "describe EXPR", Short: "Say in a sentence what a schedule means",
		Long: `Say in a sentence what a schedule means, and print its canonical form, its notation and its time zone. Where users
are known to mean something else, a warning says so.

` + exitCodes,
		Example: `  om schedule describe "10:00 fri:last"`,
		RunE:    func(_ *cobra.Command, args []string) error { return a.scheduleDescribe(o, args) },
	}
	addCalendar(c, &o)
	return c
}

func (a *app) scheduleDescribe(o calendarOptions, words []string) error {
	s, err := a.calendar(o, words)
	if err != nil {
		return err
	}
	row := descriptionRow{s.Describe(), s.String(), s.Notation().String(), s.Zone().Name(), []string{}}
	for _, w := range s.Warnings() {
		row.Warnings = append(row.Warnings, w.Text)
	}
	switch a.global.output {
	case "csv":
		return a.csv([]descriptionRow{row})
	case "json", "jsonl":
		return a.jsonl([]descriptionRow{row})
	case "yaml":
		return a.value(row)
	}
	return a.printf("%s\ncanonical: %s\nnotation:  %s\nzone:      %s\n", visible(row.Description), visible(row.Canonical), row.Notation, row.Zone)
}
