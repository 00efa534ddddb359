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

	"om/engine"
)

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
