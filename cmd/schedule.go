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
func (s *spreadTime) Type() string   { return "duration" }

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

// startRow is one instant of om schedule next.
type startRow struct {
	Next     string `json:"next"`
	Interval *int64 `json:"interval_s"`
	Local    string `json:"local"`
	Reason   string `json:"reason"`
	Level    string `json:"level,omitempty"` // NetWorker's action of the day
}

// startOptions are the flags of om schedule next.
type startOptions struct {
	calendarOptions
	last           momentText
	count          int
	runTimes       int
	catchup        string
	window         timeLimit
	limit          int
	catchupChanged bool
}

func (a *app) scheduleNextVerb() *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use: "next EXPR", Short: "Print the next instants of a schedule",
		Long: `Print the next instants at which a run may start, one a line, in the zone of the schedule. --last is the last
run; each answer is the last run of the next one. With --last and one of the flags of catch-up, the missed
instants that would be made up for come first, besides those that -n counts. With -o json each line is an object: next,
interval_s, local, reason and, in NetWorker's notation, level. Where
there is no next instant the exit code is 1, and 78 where the schedule is wrong.

` + exitCodes,
		Example: `  om schedule next 02:00-04:00 mon-fri
  om schedule next --tz Europe/Paris --now "2026-03-28 12:00" -n 3 "30 2 * * *"`,
		RunE: func(c *cobra.Command, args []string) error {
			for _, name := range []string{"catchup", "catchup-window", "catchup-limit"} {
				o.catchupChanged = o.catchupChanged || c.Flags().Changed(name)
			}
			return a.scheduleNext(o, args)
		},
	}
	addCalendar(c, &o.calendarOptions)
	f := c.Flags()
	f.Var(&o.last, "last", "the last run; none by default")
	f.Var(&o.present, "now", "the present, instead of the clock's")
	f.IntVarP(&o.count, "count", "n", 1, "how many instants")
	f.IntVar(&o.runTimes, "run-times", 0, "no more instants than this, those that are made up for too")
	addChoice(c, &o.catchup, "catchup", "what becomes of missed instants", "last", "none", "all")
	f.Var(&o.window, "catchup-window", "how late a missed instant may still be run")
	f.IntVar(&o.limit, "catchup-limit", 10, "how many missed instants --catchup=all makes up for")
	return c
}

func (o *startOptions) check() error {
	switch {
	case o.count < 1:
		return usage("-n %d: wanted 1 or more", o.count)
	case o.runTimes < 0:
		return usage("--run-times %d: wanted 1 or more", o.runTimes)
	case o.limit < 1:
		return usage("--catchup-limit %d: wanted 1 or more", o.limit)
	}
	return nil
}

func (a *app) scheduleNext(o startOptions, words []string) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := a.calendar(o.calendarOptions, words)
	if err != nil {
		return err
	}
	zone := s.Zone().Location()
	last, err := o.last.in(zone)
	if err != nil {
		return err
	}
	now, err := a.present(o.present, zone)
	if err != nil {
		return err
	}
	var rows []startRow
	if o.catchupChanged && !last.IsZero() {
		rows, last = a.missed(s, o, last, now)
	}
	count := o.count + len(rows)
	if o.runTimes > 0 {
		count = min(count, o.runTimes)
		rows = rows[:min(len(rows), count)]
	}
	for len(rows) < count {
		start, ok := s.Start(last, now)
		if !ok {
			break
		}
		rows = append(rows, a.rowOfStart(s, start))
		last, now = start.At, start.At
	}
	return errors.Join(a.printStarts(rows), a.tooFew(len(rows), o.count))
}

// missed are the instants that passed after the last run and would be made up for now, and what is the last
// run then.
func (a *app) missed(s *schedule.Schedule, o startOptions, last, now time.Time) ([]startRow, time.Time) {
	c := schedule.Catchup{Window: time.Duration(o.window), Limit: o.limit}
	switch o.catchup {
	case "last":
		c.Policy = schedule.CatchupLast
	case "none":
		c.Policy = schedule.CatchupNone
	case "all":
		c.Policy = schedule.CatchupAll
	}
	backlog := s.Backlog(last, now, c)
	if backlog.Missed > 0 && !a.global.quiet {
		fmt.Fprintf(a.Stderr, "om: not made up for: %s\n", counted(backlog.Missed, "missed instant"))
	}
	var rows []startRow
	for _, at := range backlog.Due {
		decided := s.Decided(at, now)
		if c.Policy == schedule.CatchupNone && !decided.Equal(at) {
			break // an interval that is over is due now, and next says so
		}
		rows = append(rows, a.rowOfStart(s, schedule.Start{At: at, Reason: "catch-up: it passed after the last run"}))
		last = decided
	}
	return rows, last
}

func (a *app) rowOfStart(s *schedule.Schedule, start schedule.Start) startRow {
	row := startRow{Next: a.instant(s, start.At), Local: label(s, start.At), Reason: start.Reason, Level: s.Level(start.At)}
	if start.Interval > 0 {
		n := int64(start.Interval / time.Second)
		row.Interval = &n
	}
	return row
}

// instant prints a time as RFC 3339 in the zone of a schedule, or in UTC.
func (a *app) instant(s *schedule.Schedule, t time.Time) string {
	if t = t.In(s.Zone().Location()); a.global.utc {
		t = t.UTC()
	}
	return t.Format(time.RFC3339)
}

// label is what the clocks of the zone of a schedule show, and its name.
func label(s *schedule.Schedule, t time.Time) string {
	return t.In(s.Zone().Location()).Format(time.DateTime) + " " + s.Zone().Name()
}

func (a *app) printStarts(rows []startRow) error {
	switch a.global.output {
	case "json", "jsonl":
		return a.jsonl(rows)
	case "yaml", "csv":
		return a.list(listing{data: rows})
	}
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(r.Next + "\n")
	}
	return a.write(b.String())
}

// tooFew says that a schedule has no next instant, or fewer than were asked for.
func (a *app) tooFew(found, wanted int) error {
	switch {
	case found == 0:
		return errors.New("no next instant")
	case found < wanted && !a.global.quiet:
		fmt.Fprintf(a.Stderr, "om: no more instants after %s\n", counted(found, "instant"))
	}
	return nil
}

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
