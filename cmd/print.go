package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/confirm"
	"om/engine"
	"om/service"
	"om/task"
)

func printVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:  "print status|schedule|config|keywords",
		Long: "Print the status of services, when their tasks are due, their file, or the keywords that a file may have.",
		RunE: wantedVerb("status, schedule, config or keywords"),
	}
	c.AddCommand(a.printStatusVerb(), a.printScheduleVerb(), a.printConfigVerb(), a.printKeywordsVerb())
	return c
}

func (a *app) printStatusVerb() *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use: "status [SELECTOR]", Short: "Print the state of each resource and task",
		Long: `Print the state of each resource, the flags of each and what its tasks did last. The flags: R a run is in
progress, M monitored, D disabled, O optional, S standby, and ! for a section that is wrong and left out.

` + exitCodes,
	}
	a.selecting(c, func() error { return a.watching(watch, a.printStatus) })
	c.Flags().BoolVar(&watch, "watch", false, watchHelp)
	return c
}

const watchHelp = "print again every 2 seconds; with -o json a document a line"

// watching calls show once, or every two seconds until it is interrupted: on a terminal on a cleared screen, for
// programs one value after the other.
func (a *app) watching(watch bool, show func(context.Context) error) error {
	if !watch {
		return show(context.Background())
	}
	ctx, stop := interruptible()
	defer stop()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	a.compact = true
	for {
		if err := errors.Join(a.write(a.separator()), show(ctx)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// separator is what stands between what is printed again and again.
func (a *app) separator() string {
	switch a.global.output {
	case "yaml":
		return "---\n"
	case "table", "plain":
		if _, screen := confirm.Terminal(a.Stdout); screen && a.Getenv("TERM") != "dumb" {
			return "\x1b[H\x1b[2J"
		}
	}
	return ""
}

func (a *app) printStatus(ctx context.Context) error {
	e, err := a.reader()
	if err != nil {
		return err
	}
	paths, err := a.named()
	if err != nil {
		return err
	}
	all := []engine.Status{}
	var errs []error
	for _, path := range paths {
		st, err := e.Status(ctx, path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, st)
	}
	return errors.Join(a.emitStatus(all), errors.Join(errs...))
}

func (a *app) emitStatus(all []engine.Status) error {
	switch a.global.output {
	case "plain":
		return a.list(listing{rows: plainRows(resourceRows(all))})
	case "table":
		for _, st := range all {
			if err := a.write(a.statusTree(st)); err != nil {
				return err
			}
		}
		return nil
	case "csv":
		return a.csv(resourceRows(all))
	}
	if len(all) == 1 && a.selector == all[0].Service {
		return a.value(all[0])
	}
	return a.list(listing{data: all})
}

// resourceRow is one resource of a status, for tables of programs.
type resourceRow struct {
	Service string      `json:"service"`
	RID     string      `json:"rid"`
	Flags   string      `json:"flags"`
	Status  task.Status `json:"status"`
	Label   string      `json:"label"`
	Last    string      `json:"last_run"`
	Log     string      `json:"log"`
}

func plainRows(rows []resourceRow) [][]string {
	var out [][]string
	for _, r := range rows {
		out = append(out, []string{r.Service, r.RID, r.Flags, r.Status.String(), r.Label, r.Last, r.Log})
	}
	return out
}

func resourceRows(all []engine.Status) []resourceRow {
	rows := []resourceRow{}
	for _, st := range all {
		for _, r := range st.Resources {
			row := resourceRow{st.Service, r.RID, flags(r), r.Status, r.Label, "", strings.Join(append(r.Log, r.Quarantined...), "; ")}
			if r.LastRun != nil {
				row.Last = string(r.LastRun.State)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// statusTree is a status for people: the service, then a line a resource, its log lines below.
func (a *app) statusTree(st engine.Status) string {
	var b strings.Builder
	room := a.width()
	width := len(st.Service) - 3
	for _, r := range st.Resources {
		width = max(width, len(oneLine(r.RID)))
	}
	if room > 0 {
		room = max(room-width-24, 1) // the branch, the flags and the state
	}
	fmt.Fprintf(&b, "%-*s  %s  %s\n", width+3, st.Service, a.padded(st.Overall, 10), strings.Join(notices(st), ", "))
	for i, r := range st.Resources {
		branch, below := "├─ ", "│  "
		if i == len(st.Resources)-1 {
			branch, below = "└─ ", "   "
		}
		label := a.label(r, room)
		fmt.Fprintf(&b, "%s%s\n", branch, strings.TrimRight(fmt.Sprintf("%-*s  %s  %s  %s", width, oneLine(r.RID), flags(r), a.padded(r.Status, 10), label), " "))
		for _, line := range append(r.Log, r.Quarantined...) {
			fmt.Fprintf(&b, "%s%s  %s\n", below, strings.Repeat(" ", width), a.paint(a.Stdout, logColor(line), oneLine(line)))
		}
	}
	for _, p := range st.Problems {
		fmt.Fprintf(&b, "%s\n", a.paint(a.Stdout, yellow, visible(p)))
	}
	return b.String()
}

// padded paints a state and fills its column.
func (a *app) padded(s task.Status, width int) string {
	return a.paint(a.Stdout, statusColor(s), s.String()) + strings.Repeat(" ", max(width-len(s.String()), 0))
}

func logColor(line string) string {
	if strings.HasPrefix(line, "info:") {
		return ""
	}
	return yellow
}

// flags are the five letters of a resource.
func flags(r engine.ResourceStatus) string {
	out := []byte(".....")
	for i, f := range []struct {
		on     bool
		letter byte
	}{{r.Running > 0, 'R'}, {r.Monitor, 'M'}, {r.Disable, 'D'}, {r.Optional, 'O'}, {r.Standby, 'S'}} {
		if f.on {
			out[i] = f.letter
		}
	}
	if len(r.Quarantined) > 0 {
		return "!!!!!"
	}
	return string(out)
}

// label is what a resource is, and for a task what it did last. Where it is longer than room (0: any),
// the first is cut.
func (a *app) label(r engine.ResourceStatus, room int) string {
	text, last := oneLine(r.Label), a.lastRun(r.LastRun)
	if len(r.Quarantined) > 0 {
		text = "left out: its section is wrong"
	}
	if last != "" {
		last = "  " + last
	}
	if room > 0 {
		text = cut(text, max(room-len(last), 8))
	}
	return strings.TrimSpace(text + last)
}

func (a *app) lastRun(r *engine.Brief) string {
	switch {
	case r == nil:
		return ""
	case r.ExitCode != nil && *r.ExitCode != 0:
		return fmt.Sprintf("last run %s (exit %d) %s", r.State, *r.ExitCode, a.when(r.EndedAt))
	}
	return fmt.Sprintf("last run %s %s", r.State, a.when(r.EndedAt))
}

func (a *app) printConfigVerb() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Print the file of the service as it is", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			e, path, err := a.service()
			if err != nil {
				return err
			}
			s, err := e.Load(path)
			if err != nil {
				return err
			}
			return a.write(a.shown(string(s.Text)))
		},
	}
}

func (a *app) printKeywordsVerb() *cobra.Command {
	var group string
	c := &cobra.Command{
		Use: "keywords [WORD]", Short: "Print the keywords that a file may have",
		Long: "Print the keywords of the sections that om reads, or those whose name holds WORD, with all that the manual says of them.",
		RunE: func(_ *cobra.Command, args []string) error { return a.printKeywords(group, strings.Join(args, "")) },
	}
	c.Flags().StringVar(&group, "section", "", "only those of one kind of section: task, fs, ip, app, DEFAULT, node...")
	_ = c.RegisterFlagCompletionFunc("section", completeSections)
	return c
}

func (a *app) printKeywords(group, word string) error {
	rows := []service.Keyword{}
	for _, k := range service.Keywords() {
		if (group == "" || group == k.Section) && strings.Contains(k.Name, word) {
			rows = append(rows, k)
		}
	}
	if len(rows) == 0 {
		return task.Errorf(task.ErrNotFound, "no keyword %q in [%s]", word, group)
	}
	if word != "" && a.global.output == "table" {
		return a.explainKeywords(rows)
	}
	l := listing{columns: []string{"SECTION", "KEYWORD", "TYPE", "DEFAULT", "MEANING"}, data: rows}
	for _, r := range rows {
		l.rows = append(l.rows, []string{r.Section, r.Name, r.Kind.String(), r.Default, r.Text})
	}
	return a.list(l)
}

// explainKeywords prints few keywords in full.
func (a *app) explainKeywords(rows []service.Keyword) error {
	for _, r := range rows {
		text := fmt.Sprintf("[%s] %s (%s)\n    %s\n", r.Section, r.Name, r.Kind, r.Text)
		for _, f := range []struct{ name, value string }{
			{"default", r.Default}, {"one of", strings.Join(r.Choices, ", ")}, {"also", strings.Join(r.Aliases, ", ")}, {"example", r.Example},
		} {
			if f.value != "" {
				text += fmt.Sprintf("    %s: %s\n", f.name, f.value)
			}
		}
		if err := a.write(text); err != nil {
			return err
		}
	}
	return nil
}

// notices are what a person should know of the service besides its overall state.
func notices(st engine.Status) []string {
	out := []string{"avail " + st.Avail.String()}
	if st.Elsewhere != "" {
		out = append(out, "not for this node: "+st.Elsewhere)
	}
	if st.Disabled {
		out = append(out, "disabled")
	}
	if st.Frozen != "" {
		out = append(out, "frozen "+st.Frozen)
	}
	if st.NodeFroze != "" {
		out = append(out, "node frozen "+st.NodeFroze)
	}
	return append(out, "on "+st.Node)
}
