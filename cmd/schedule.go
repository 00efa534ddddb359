package cmd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"om/engine"
	"om/schedule"
	"om/task"
)

func scheduleVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "schedule next|check|describe|convert|diff",
		Long: `Tell what a schedule means, in any notation that files may have: OpenSVC's, cron's, systemd's OnCalendar,
anacron's, NetWorker's, intervals and single instants. om-schedule(7) is the manual of the language.`,
		RunE: wantedVerb("next, check, describe, convert or diff"),
	}
	c.AddCommand(a.scheduleNextVerb(), a.scheduleCheckVerb(), a.scheduleDescribeVerb(), a.scheduleConvertVerb(), a.scheduleDiffVerb())
	return c
}

// calendarOptions are the flags that say what a schedule means besides its text: the keywords around it, and
// the seed that tells a task from others.
type calendarOptions struct {
	task.Task // the keywords
	seed      string
	boot      momentText
	present   momentText // --now or --at
}

// addCalendar adds the flags named as the keywords. An underscore will do for a dash.
func addCalendar(c *cobra.Command, o *calendarOptions) {
	f := c.Flags()
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	o.DSTGap, o.DSTOverlap, o.SpreadBy = "after", "first", "node"
	f.StringVar(&o.Timezone, "tz", "", "time zone, by default the node's")
	f.StringVar(&o.Timezone, "timezone", "", "the same as --tz")
	addChoice(c, &o.DSTGap, "dst-gap", "what becomes of a fixed time that a clock change leaves out", "after", "skip", "shift")
	addChoice(c, &o.DSTOverlap, "dst-overlap", "which of two equal fixed times is meant", "first", "second", "both")
	f.Var((*momentText)(&o.NotBefore), "not-before", "no slot before this moment")
	f.Var((*momentText)(&o.NotAfter), "not-after", "no slot after this moment")
	f.Var((*spreadTime)(&o.Spread), "spread", "put off each slot by a part of this time (90s, 15m), 30d at most")
	addChoice(c, &o.SpreadBy, "spread-by", "what spread differs by", "node", "service")
	f.BoolVar(&o.Random, "random", false, "choose the place in a range with ~ anew for each day")
	f.StringVar(&o.seed, "seed", "", "node, service and task that spread, ~ and H go by, instead of this node")
	f.Var(&o.boot, "boot", "when the host was started, for @reboot and anacron; this host's by default")
	_ = c.RegisterFlagCompletionFunc("tz", completeZones)
	_ = c.RegisterFlagCompletionFunc("timezone", completeZones)
}

// calendar reads the expression that the words of a command line make, and tells its warnings.
func (a *app) calendar(o calendarOptions, words []string) (*schedule.Schedule, error) {
	if len(words) == 0 {
		return nil, usage(`wanted a schedule, as in "02:00-04:00 mon-fri"; "" is the one that is empty`)
	}
	e, err := a.engine()
	if err != nil {
		return nil, err
	}
	node := e.Node
	if o.Schedule = strings.Join(words, " "); o.Timezone == "" {
		o.Timezone = node.Timezone
	} else if _, err = node.Schedules.Zone(o.Timezone); err != nil {
		return nil, usage("--tz %q: wanted a time zone that this host knows, as in Europe/Paris or UTC; %v", o.Timezone, err)
	}
	zone, err := node.Zone(&o.Task)
	if err != nil {
		return nil, err
	}
	if node.Boot, err = a.booted(o, zone.Location()); err != nil {
		return nil, err
	}
	s, err := node.Calendar(&o.Task, o.seedOn(node.Name))
	var bad *schedule.SyntaxError
	if errors.As(err, &bad) {
		return nil, pointedError{bad}
	}
	if err == nil {
		a.warn(s)
	}
	return s, err
}

// booted is when the host was started: by --boot, else by its kernel unless that is after the present that
// is asked for. It is zero where nothing says so.
func (a *app) booted(o calendarOptions, zone *time.Location) (time.Time, error) {
	if o.boot != "" {
		return o.boot.in(zone)
	}
	now, err := a.present(o.present, zone)
	if err != nil {
		return time.Time{}, err
	}
	boot, err := engine.BootTime()
	if err != nil || boot.After(now) {
		return time.Time{}, nil
	}
	return boot, nil
}

// seedOn is the seed of a task without a name, or of what --seed names.
func (o *calendarOptions) seedOn(node string) schedule.Seed {
	switch {
	case o.seed != "" && o.SpreadBy == "service":
		words := strings.Fields(o.seed)
		return schedule.NewSeed(append([]string{""}, words[max(len(words)-2, 0):]...)...)
	case o.seed != "":
		return schedule.NewSeed(strings.Fields(o.seed)...)
	case o.SpreadBy == "service":
		node = ""
	}
	return schedule.NewSeed(node, "")
}

func (a *app) warn(s *schedule.Schedule) {
	for _, w := range s.Warnings() {
		if !a.global.quiet {
			fmt.Fprintf(a.Stderr, "om: warning: %s\n", visible(w.Text))
		}
	}
}

// spreadTime is a flag that takes what the keyword spread takes.
type spreadTime timeLimit

func (s *spreadTime) String() string { return (*timeLimit)(s).String() }

func (s *spreadTime) Type() string { return "duration" }

// Set reads a duration.
func (s *spreadTime) Set(text string) error {
	if err := (*timeLimit)(s).Set(text); err != nil {
		return err
	}
	if time.Duration(*s) > schedule.MaxSpread {
		return errors.New("wanted 30 days at most")
	}
	return nil
}

// choice is a flag that takes one of some words.
type choice struct {
	value *string
	words []string
}

// addChoice adds a flag whose words the shell completes.
func addChoice(c *cobra.Command, value *string, name, help string, words ...string) {
	c.Flags().Var(choice{value, words}, name, help+": "+strings.Join(words, ", "))
	_ = c.RegisterFlagCompletionFunc(name, completeWords(words...))
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

// Type is shown in help.
func (c choice) Type() string { return "word" }

// Set takes one of the words.
func (c choice) Set(text string) error {
	for _, w := range c.words {
		if w == text {
			*c.value = text
			return nil
		}
	}
	return fmt.Errorf("wanted %s%s", strings.Join(c.words, ", "), didYouMean(text, c.words))
}
