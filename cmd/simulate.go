package cmd

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/engine"
	"om/schedule"
	"om/service"
	"om/task"
)

type simulateOptions struct {
	engine.Selection
	from, to              momentText
	tz, node              string
	down                  []string
	duration, fail, state []string
	summary               bool
}

// mostSimulated bounds a simulation, in years.
const mostSimulated = 5

func simulateVerb(a *app) *cobra.Command {
	var o simulateOptions
	c := &cobra.Command{
		Use: "simulate [SELECTOR] [--from TIME] [--to TIME] [--down FROM..TO]",
		Long: `Tell what will be decided about each slot of a time to come: which runs start and end when, which slots are skipped,
missed or expire, and why. The scheduler itself decides, as the daemon would, in a time that is not real: catch-up, overlap,
locks, retries, spread, exclusions, freezes and clock changes are its own. It begins where the record is now, or, where --from
is another time, as if all slots before had been decided. Nothing is started, nothing is looked at but the files and the record,
and nothing is written.

How long runs take is what the last complete runs of their task say: the median, or --duration p95. --duration 5m is for tasks
that never ran, or with no percentile for all; --duration task#0=5m for one. Runs succeed, but those of tasks that --fail
names. Resources are up, or as requirements ask for them; --assume fs#0=down says otherwise. --down is a time in which the
daemon is stopped.

At the end there is a summary, and on stderr what was assumed. -o json, jsonl and csv have a row for each decision; --summary
prints the summary alone.`,
		Example: `  om simulate --to 2026-12-31
  om simulate 'web*' --from 2027-03-27 --to 2027-03-29 --tz Europe/Paris
  om testmd simulate --down "2026-12-24 18:00..2026-12-27 08:00" --duration p95 -o csv`,
	}
	a.selecting(c, func() error { return a.simulate(o) })
	a.addSelection(c, &o.Selection)
	f := c.Flags()
	f.Var(&o.from, "from", "where it begins, by default now")
	f.Var(&o.to, "to", "where it ends, by default a day later")
	f.StringVar(&o.tz, "tz", "", "time zone of the times that are read and printed; the host's by default")
	f.StringArrayVar(&o.down, "down", nil, "a time in which the daemon is stopped: FROM..TO; may be given several times")
	f.StringVar(&o.node, "node", "", "decide as this node of the services")
	f.StringSliceVar(&o.duration, "duration", nil, "how long runs take: 5m, p50, p95, task#0=5m")
	f.StringSliceVar(&o.fail, "fail", nil, "tasks whose runs fail: task#0, testmd/task#0")
	f.StringSliceVar(&o.state, "assume", nil, "states of resources: fs#0=down, testmd/fs#0=down, avail=down")
	f.BoolVar(&o.summary, "summary", false, "print the summary alone")
	_ = c.RegisterFlagCompletionFunc("tz", completeZones)
	_ = c.RegisterFlagCompletionFunc("duration", completeWords("p50", "p95"))
	return c
}

func (a *app) simulate(o simulateOptions) error {
	if a.global.output == "yaml" && !o.summary {
		return usage("om simulate prints no yaml: -o json, jsonl or csv, or --summary")
	}
	zone, err := a.simulatedZone(o.tz)
	if err != nil {
		return err
	}
	req, err := a.simulateRequest(o, zone)
	if err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	if req.Paths, err = a.namedWith(e, o.Selection); err != nil {
		return err
	}
	return a.runSimulation(e, req, a.simulationPrinter(o, zone))
}

func (a *app) simulatedZone(name string) (*time.Location, error) {
	switch {
	case name == "" && a.global.utc:
		return time.UTC, nil
	case name == "":
		return time.Local, nil
	}
	zone, err := a.zoneNamed(name)
	if err != nil {
		return nil, usage("--tz %q: wanted a time zone that this host knows, as in Europe/Paris or UTC", name)
	}
	return zone, nil
}

func (a *app) simulateRequest(o simulateOptions, zone *time.Location) (r engine.SimulateRequest, err error) {
	r = engine.SimulateRequest{Select: o.Selection, Node: o.node, Fail: o.fail}
	if r.From, err = a.present(o.from, zone); err != nil {
		return r, err
	}
	if r.To = r.From.In(zone).AddDate(0, 0, 1); o.to != "" {
		if r.To, err = o.to.in(zone); err != nil {
			return r, err
		}
	}
	switch {
	case !r.To.After(r.From):
		return r, usage("--to %s: wanted a time after --from, which is %s", r.To.In(zone).Format(time.RFC3339), r.From.In(zone).Format(time.RFC3339))
	case r.To.After(r.From.AddDate(mostSimulated, 0, 0)):
		return r, usage("--to %s: wanted %d years after --from at most: simulate a part of that time", r.To.In(zone).Format(time.RFC3339), mostSimulated)
	}
	if err = inYears(r.From.In(zone), r.To.In(zone)); err != nil {
		return r, err
	}
	if err = downs(&r, o.down, zone); err != nil {
		return r, err
	}
	if err = durations(&r, o.duration); err != nil {
		return r, err
	}
	return r, assumedStates(&r, o.state)
}

// inYears refuses a time in which, or in a part of which, there are no slots whatever a schedule says.
func inYears(from, to time.Time) error {
	first, last := schedule.Years()
	switch {
	case from.Year() < first, from.Year() > last:
		return usage("--from %s: wanted a time of the years %d to %d: schedules have no slots before and after", from.Format(time.RFC3339), first, last)
	case to.Add(-1).Year() > last:
		return usage("--to %s: wanted a time up to the end of %d: schedules have no slots after it", to.Format(time.RFC3339), last)
	}
	return nil
}

// downs reads the times in which the daemon is stopped.
func downs(r *engine.SimulateRequest, texts []string, zone *time.Location) error {
	for _, text := range texts {
		span, err := spanOf(text, zone)
		switch {
		case err != nil:
			return err
		case !span.To.After(span.From):
			return usage("--down %q: wanted an end after the begin", text)
		case !span.From.Before(r.To) || !span.To.After(r.From):
			return usage("--down %q: that is not between --from and --to", text)
		}
		r.Down = append(r.Down, engine.Span{From: span.From, To: span.To})
	}
	return nil
}

// durations reads 5m, p95 and task#0=5m.
func durations(r *engine.SimulateRequest, words []string) error {
	r.Take = map[string]time.Duration{}
	for _, word := range words {
		name, text, said := strings.Cut(word, "=")
		if !said {
			name, text = "", word
		}
		if n, ok := strings.CutPrefix(text, "p"); ok && !said {
			p, err := strconv.Atoi(n)
			if err != nil || p < 1 || p > 100 {
				return usage("--duration %q: wanted p1 to p100", word)
			}
			r.Percentile = p
			continue
		}
		d, err := service.ParseDuration(text)
		if err != nil {
			return usage("--duration %s: wanted a time as in 90s or 5m, a percentile as in p95, or TASK=5m", strconv.Quote(word))
		}
		r.Take[name] = d
	}
	return nil
}

func assumedStates(r *engine.SimulateRequest, words []string) error {
	r.States = map[string]task.Status{}
	for _, word := range words {
		name, text, _ := strings.Cut(word, "=")
		status, ok := task.ParseStatus(text)
		if !ok || name == "" {
			return usage("--assume %q: wanted RESOURCE=STATE, as in fs#0=down; the states are %s", word, strings.Join(task.Statuses(), ", "))
		}
		r.States[name] = status
	}
	return nil
}

func (a *app) runSimulation(e *engine.Engine, req engine.SimulateRequest, p *simulationPrinter) error {
	ctx, stop := interruptible()
	defer stop()
	if err := p.begin(); err != nil {
		return err
	}
	each := p.row
	if p.none {
		each = nil
	}
	report, err := e.Simulate(ctx, req, each)
	if err == nil || p.rows > 0 { // else nothing was printed, and nothing is
		err = cmp.Or(err, p.end())
	}
	if ctx.Err() != nil && err != nil {
		return fmt.Errorf("the simulation was stopped at %s: %w", report.Reached.In(p.zone).Format(time.RFC3339), context.Cause(ctx))
	}
	for _, text := range report.Problems {
		fmt.Fprintf(a.Stderr, "om: %s\n", visible(text))
	}
	if err != nil {
		return err
	}
	if err := a.tellSimulation(report, p); err != nil {
		return err
	}
	if report.Unusable > 0 {
		return codeError(exitConfig)
	}
	return nil
}

// simulatedRow is one decision, for programs.
type simulatedRow struct {
	At       time.Time  `json:"at"`
	Service  string     `json:"service"`
	Task     string     `json:"task"`
	Decision string     `json:"decision"`
	Slot     time.Time  `json:"slot"`
	Last     time.Time  `json:"slot_last"`
	Count    int        `json:"count"`
	Attempt  int        `json:"attempt"`
	Start    *time.Time `json:"start"`
	End      *time.Time `json:"end"`
	State    string     `json:"state"`
	Reason   string     `json:"reason"`
}

// simulationPrinter prints decisions as they come: there may be millions.
type simulationPrinter struct {
	format string
	none   bool
	zone   *time.Location
	out    *bufio.Writer
	csv    *csv.Writer
	line   []byte
	rows   int
}

func (a *app) simulationPrinter(o simulateOptions, zone *time.Location) *simulationPrinter {
	p := &simulationPrinter{format: a.global.output, none: o.summary, zone: zone, out: bufio.NewWriterSize(a.Stdout, 64<<10)}
	p.csv = csv.NewWriter(p.out)
	return p
}

func (p *simulationPrinter) begin() (err error) {
	switch {
	case p.none:
	case p.format == "csv":
		err = p.csv.Write(fieldNames(reflect.TypeFor[simulatedRow]()))
	case p.format == "json":
		_, err = p.out.WriteString("[")
	}
	return err
}

func (p *simulationPrinter) row(x *engine.Simulated) error {
	p.rows++
	switch p.format {
	case "json", "jsonl":
		return p.json(x)
	case "csv":
		return p.csv.Write(p.cells(x))
	case "plain":
		p.line = append(p.line[:0], strings.Join(p.cells(x), "\t")...)
	default:
		p.text(x)
	}
	_, err := p.out.Write(append(p.line, '\n'))
	return err
}

func (p *simulationPrinter) json(x *engine.Simulated) error {
	row := simulatedRow{
		At: x.At.In(p.zone), Service: x.Service, Task: x.Task, Decision: x.Decision, Slot: x.Slot.In(p.zone), Last: x.Last.In(p.zone), Count: x.Count,
		Attempt: x.Attempt, State: string(x.State), Reason: x.Reason,
	}
	if !x.Start.IsZero() {
		start, end := x.Start.In(p.zone), x.End.In(p.zone)
		row.Start, row.End = &start, &end
	}
	var b bytes.Buffer
	if p.format == "json" {
		b.WriteString("\n")
		if p.rows > 1 {
			b.Reset()
			b.WriteString(",\n")
		}
	}
	if err := json.NewEncoder(&b).Encode(row); err != nil {
		return err
	}
	text := b.Bytes()
	if p.format == "json" {
		text = bytes.TrimSuffix(text, []byte("\n"))
	}
	_, err := p.out.Write(escapedJSON(text))
	return err
}

func (p *simulationPrinter) cells(x *engine.Simulated) []string {
	return []string{
		p.time(x.At), x.Service, x.Task, x.Decision, p.time(x.Slot), p.time(x.Last), strconv.Itoa(x.Count), strconv.Itoa(x.Attempt),
		p.time(x.Start), p.time(x.End), string(x.State), oneLine(x.Reason),
	}
}

func (p *simulationPrinter) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(p.zone).Format(time.RFC3339)
}

// text makes the line for people.
func (p *simulationPrinter) text(x *engine.Simulated) {
	b := x.At.In(p.zone).AppendFormat(p.line[:0], "Mon 2006-01-02 15:04:05 -07:00")
	b = padded(append(b, "  "...), x.Decision, 8)
	b = append(b, "  "...)
	b = padded(b, x.Service+"/"+x.Task, 24)
	b = append(b, "  "...)
	if !x.Slot.Equal(x.At) || x.Count > 1 {
		b = x.Slot.In(p.zone).AppendFormat(append(b, "slot "...), time.DateTime)
		if x.Count > 1 {
			b = x.Last.In(p.zone).AppendFormat(append(b, " to "...), time.DateTime)
			b = append(strconv.AppendInt(append(b, " ("...), int64(x.Count), 10), ')')
		}
		b = append(b, ": "...)
	}
	b = append(b, oneLine(x.Reason)...)
	if x.Attempt > 1 {
		b = strconv.AppendInt(append(b, ", attempt "...), int64(x.Attempt), 10)
	}
	if !x.Start.IsZero() {
		b = append(append(append(b, ", "...), x.State...), " after "...)
		b = append(b, x.End.Sub(x.Start).Round(time.Second).String()...)
	}
	p.line = b
}

func padded(b []byte, text string, width int) []byte {
	b = append(b, text...)
	for n := len(text); n < width; n++ {
		b = append(b, ' ')
	}
	return b
}

func (p *simulationPrinter) end() error {
	if p.format == "json" && !p.none {
		end := "\n]\n"
		if p.rows == 0 {
			end = "]\n"
		}
		if _, err := p.out.WriteString(end); err != nil {
			return err
		}
	}
	p.csv.Flush()
	return p.out.Flush()
}

// simulationRow is the summary, for programs.
type simulationRow struct {
	From          time.Time  `json:"from"`
	To            time.Time  `json:"to"`
	Services      int        `json:"services"`
	Tasks         int        `json:"tasks"`
	Runs          int        `json:"runs"`
	Retries       int        `json:"retries"`
	Skipped       int        `json:"skipped"`
	Missed        int        `json:"missed"`
	Expired       int        `json:"expired"`
	Pending       int        `json:"pending"`
	Replaced      int        `json:"replaced"`
	BusiestHour   *time.Time `json:"busiest_hour"`
	BusiestStarts int        `json:"busiest_starts"`
	MostAt        *time.Time `json:"most_running_at"`
	MostRunning   int        `json:"most_running"`
	Assumed       []string   `json:"assumed"`
	NotScheduled  []string   `json:"not_scheduled"`
}

// tellSimulation prints the summary, and on stderr what was assumed.
func (a *app) tellSimulation(r engine.SimulateReport, p *simulationPrinter) error {
	row := simulationRow{
		From: r.From.In(p.zone), To: r.To.In(p.zone), Services: r.Services, Tasks: r.Tasks, Runs: r.Runs, Retries: r.Retries, Skipped: r.Skipped,
		Missed: r.Missed, Expired: r.Expired, Pending: r.Pending, Replaced: r.Replaced, BusiestStarts: r.BusiestStarts, MostRunning: r.MostRunning,
		Assumed: append([]string{}, r.Assumed...), NotScheduled: []string{},
	}
	if r.Runs > 0 {
		hour, most := r.BusiestHour.In(p.zone), r.MostAt.In(p.zone)
		row.BusiestHour, row.MostAt = &hour, &most
	}
	for _, n := range r.Left {
		row.NotScheduled = append(row.NotScheduled, n.Service+"/"+n.Task+": "+n.Reason)
	}
	switch {
	case p.none && p.format != "table" && p.format != "plain":
		if p.format == "json" || p.format == "yaml" {
			return a.value(row)
		}
		return a.list(listing{data: []simulationRow{row}})
	case p.format == "table", p.none:
		if err := a.write(summary(&row, p.rows > 0)); err != nil {
			return err
		}
	}
	a.tellAssumed(row.NotScheduled, "never due")
	a.tellAssumed(row.Assumed, "assumed")
	return nil
}

// mostAssumed bounds the lines about one thing.
const mostAssumed = 20

func (a *app) tellAssumed(texts []string, what string) {
	if a.global.quiet {
		return
	}
	for i, text := range texts {
		if i == mostAssumed {
			fmt.Fprintf(a.Stderr, "%s: %d more: --summary -o json has all\n", what, len(texts)-i)
			return
		}
		fmt.Fprintf(a.Stderr, "%s: %s\n", what, visible(text))
	}
}

func summary(r *simulationRow, rows bool) string {
	var b strings.Builder
	if rows {
		b.WriteByte('\n')
	}
	const layout = "Mon 2006-01-02 15:04:05 -07:00"
	fmt.Fprintf(&b, "%s to %s: %s of %s\n", r.From.Format(layout), r.To.Format(layout), counted(r.Tasks, "task"), counted(r.Services, "service"))
	fmt.Fprintf(&b, "%s (%d of them other attempts), %d skipped, %d missed, %d expired", counted(r.Runs, "run"), r.Retries, r.Skipped, r.Missed, r.Expired)
	if r.Replaced > 0 {
		fmt.Fprintf(&b, ", %d runs replaced", r.Replaced)
	}
	if r.Pending > 0 {
		fmt.Fprintf(&b, ", %d waiting at the end", r.Pending)
	}
	b.WriteByte('\n')
	if r.BusiestHour != nil {
		fmt.Fprintf(&b, "busiest hour: %s, %s\n", r.BusiestHour.Format(layout), counted(r.BusiestStarts, "start"))
		fmt.Fprintf(&b, "most at once: %s, at %s\n", counted(r.MostRunning, "run"), r.MostAt.Format(layout))
	}
	return b.String()
}
