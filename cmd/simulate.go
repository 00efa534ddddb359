package cmd

import (
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

// mostAssumed bounds the lines about one thing.
const mostAssumed = 20
