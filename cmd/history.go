package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/engine"
	"om/state"
	"om/task"
)

// runRow is a run as programs get it. The names and their order are a contract: om.1 lists them.
type runRow struct {
	ID       string     `json:"id"`
	Service  string     `json:"service"`
	Task     string     `json:"task"`
	Slot     *time.Time `json:"slot"`
	Origin   string     `json:"origin"`
	State    string     `json:"state"`
	Attempt  int        `json:"attempt"`
	ExitCode *int       `json:"exit_code"`
	Signal   *string    `json:"signal"`
	User     string     `json:"user"`
	Node     string     `json:"node"`
	Queued   *time.Time `json:"queued_at"`
	Started  *time.Time `json:"started_at"`
	Ended    *time.Time `json:"ended_at"`
	Reason   *string    `json:"reason"`
	NoClock  bool       `json:"clock_unsynced"`

	forced bool // a person overrode a check: told to people, and by show
	slot   bool // no run, but a slot, or several
}

type historyOptions struct {
	engine.Selection
	n       int
	states  []string
	skipped bool
	missed  bool
	since   string
}

// slots are the decisions that are listed besides runs.
func (o historyOptions) slots() (words []task.SlotDecision) {
	if o.skipped {
		words = append(words, task.SlotSkip, task.SlotExpired, task.SlotPending)
	}
	if o.missed {
		words = append(words, task.SlotMissed)
	}
	return words
}

func historyVerb(a *app) *cobra.Command {
	var o historyOptions
	c := &cobra.Command{
		Use: "history [SELECTOR] [--rid task#0] [-n N] [--state error,lost]",
		Long: `List the runs of the service's tasks, or of every service, the newest first. A record that a service keeps elsewhere, and
that can't be read here, is told on stderr. --skipped adds what did not
run: declined and aborted requests, and slots of schedules that were skipped, expired or wait, with the reason. --missed adds
the slots that nobody looked at in time, and those alone; both add both. A row may stand for several slots in a row that met
the same end. --state chooses among runs, and stands with neither. A task that is gone is listed as long as something of it is
on record.`,
	}
	a.selecting(c, func() error { return a.history(o) })
	f := c.Flags()
	f.Var((*list)(&o.RID), "rid", "tasks or groups")
	f.IntVarP(&o.n, "lines", "n", 20, "how many; 0 is all")
	f.StringSliceVar(&o.states, "state", nil, "only these states: complete, error, timeout, killed, cancelled, lost, running")
	f.BoolVar(&o.skipped, "skipped", false, "add what was declined, aborted or skipped")
	f.BoolVar(&o.missed, "missed", false, "add the slots that were missed")
	f.StringVar(&o.since, "since", "", "only what was asked for since then: "+agoHelp)
	_ = c.RegisterFlagCompletionFunc("rid", a.completeRIDs)
	_ = c.RegisterFlagCompletionFunc("state", completeWords(stateWords()...))
	return c
}

func stateWords() []string {
	var out []string
	for _, s := range task.RunStates() {
		out = append(out, string(s))
	}
	return out
}

// flagOf tells the flag that lists what is no state of a run.
func flagOf(word string) string {
	switch word {
	case "missed":
		return "; --missed lists missed slots"
	case "declined", "aborted", "skip", "skipped", "expired", "pending":
		return "; --skipped lists what did not run"
	}
	return ""
}

func (a *app) history(o historyOptions) error {
	if o.n < 0 {
		return usage("-n %d: wanted how many, or 0 for all", o.n)
	}
	if len(o.states) > 0 && (o.skipped || o.missed) {
		return usage("--state is of runs: it can't stand with --skipped or --missed, which are of what did not run")
	}
	q := state.Query{Limit: o.n}
	for _, word := range o.states {
		if !slices.Contains(stateWords(), word) {
			return usage("--state %q: wanted one of %s%s", word, strings.Join(stateWords(), ", "), flagOf(word))
		}
		q.State = append(q.State, task.RunState(word))
	}
	var err error
	if q.Since, err = a.ago("--since", o.since); err != nil {
		return err
	}
	rows, err := a.gather(context.Background(), o, q)
	if rows == nil {
		return err
	}
	if o.n > 0 && len(rows) > o.n {
		rows = rows[:o.n]
	}
	return errors.Join(a.list(a.historyListing(rows)), err)
}

// newest orders rows by when they were asked for; runs of one moment by their ids.
func newest(x, y runRow) int {
	if x.slot || y.slot {
		return y.Queued.Compare(*x.Queued)
	}
	return cmp.Compare(y.ID, x.ID)
}

// gather reads the records of every service that is selected; a service removed since keeps its runs. What can't be read is
// in the error, with which the rest is returned.
func (a *app) gather(ctx context.Context, o historyOptions, q state.Query) ([]runRow, error) {
	e, err := a.reader()
	if err != nil {
		return nil, err
	}
	paths, errs := a.recorded(e)
	if len(paths) == 0 {
		return nil, errors.Join(errs...)
	}
	if err = e.OnRecord(ctx, o.Selection, paths...); err != nil {
		return nil, err
	}
	rows := []runRow{}
	for _, path := range paths {
		some, failed := a.rowsOf(ctx, e, path, o, q)
		rows, errs = append(rows, some...), append(errs, a.unlessAway(failed, len(paths)))
	}
	if err = errors.Join(errs...); err != nil && len(rows) == 0 {
		return nil, err
	}
	slices.SortStableFunc(rows, newest)
	return slices.CompactFunc(rows, sameRow), err
}

// sameRow says that two records have one thing, since one was copied into the other.
func sameRow(x, y runRow) bool {
	if x.slot && y.slot {
		return x.Service == y.Service && x.Task == y.Task && x.State == y.State && x.Slot.Equal(*y.Slot)
	}
	return x.slot == y.slot && x.ID == y.ID
}

// rowsOf are the rows of one record.
func (a *app) rowsOf(ctx context.Context, e *engine.Engine, path string, o historyOptions, q state.Query) (rows []runRow, err error) {
	picks := func(id task.ID) bool { return len(o.Pick([]task.Task{{ID: id}})) > 0 }
	runs, declines, err := e.History(ctx, path, o.Query(q), o.skipped)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if picks(r.Task) {
			rows = append(rows, a.rowOf(r))
		}
	}
	for _, d := range declines {
		if picks(d.Task) {
			rows = append(rows, a.declineRow(d))
		}
	}
	words := o.slots()
	if len(words) == 0 {
		return rows, nil
	}
	slots, err := e.Slots(ctx, path, o.Query(q), words...)
	for _, s := range slots {
		if picks(s.Task) {
			rows = append(rows, a.slotRow(s))
		}
	}
	return rows, err
}

func (a *app) slotRow(s task.Slot) runRow {
	reason := s.Reason
	if s.Count > 1 {
		reason = fmt.Sprintf("%d slots up to %s: %s", s.Count, a.when(s.Last), reason)
	}
	return runRow{
		Service: s.Task.Service, Task: s.Task.RID, Slot: a.stamp(s.At), Origin: string(task.Scheduled), State: string(s.Decision),
		Queued: a.stamp(s.Last), Reason: orNil(reason), slot: true,
	}
}

func (a *app) rowOf(r task.Run) runRow {
	row := runRow{
		ID: r.ID, Service: r.Task.Service, Task: r.Task.RID, Slot: a.stamp(r.Slot), Origin: string(r.Origin), State: string(r.State),
		Attempt: r.Attempt, Signal: orNil(r.Signal), User: r.User, Node: r.Node,
		Queued: a.stamp(r.QueuedAt), Started: a.stamp(r.StartedAt), Ended: a.stamp(r.EndedAt), Reason: orNil(r.Reason),
		NoClock: r.ClockUnsynced, forced: r.Forced != "",
	}
	if r.Exited() {
		row.ExitCode = &r.ExitCode
	}
	if text := engine.Orphaned(r); text != "" {
		row.Reason = &text
	}
	return row
}

func (a *app) declineRow(d task.Decline) runRow {
	return runRow{
		ID: d.ID, Service: d.Task.Service, Task: d.Task.RID, Origin: string(d.Origin), State: d.Kind, Node: d.Node,
		Queued: a.stamp(d.At), Reason: orNil(d.Reason),
	}
}

func (a *app) stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = a.zone(t)
	return &t
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (a *app) historyListing(rows []runRow) listing {
	l := listing{
		columns: []string{"RUN", "TASK", "STATE", "ORIGIN", "STARTED", "TOOK", "USER", "RESULT"}, painted: 2, data: rows,
		least: []int{idWidth(rows), 10, 0, 0, 0, 0, 8, 8}, spare: []int{3, 6, 5},
	}
	// What is printed plainly, for cut, keeps its places.
	slots := a.global.output == "table" && slices.ContainsFunc(rows, func(r runRow) bool { return r.Slot != nil })
	const at = 7
	if slots {
		l.columns = slices.Insert(l.columns, at, "SLOT", "ATTEMPT")
		l.least, l.spare = slices.Insert(l.least, at, 0, 0), append([]int{at + 1, at}, l.spare...)
	}
	for _, r := range rows {
		cells := []string{r.ID, r.Service + "/" + r.Task, r.State, r.Origin, a.started(r), took(r), r.User, result(r) + forcedMark(r)}
		if slots {
			cells = slices.Insert(cells, at, a.slotCells(r)...)
		}
		l.rows = append(l.rows, cells)
		l.colors = append(l.colors, stateColor(task.RunState(r.State)))
	}
	return l
}

// slotCells are the slot of a row and which attempt it was: of what has none they are empty.
func (a *app) slotCells(r runRow) []string {
	cells := []string{"", ""}
	if r.Slot != nil {
		cells[0] = a.when(*r.Slot)
		if r.Attempt > 0 {
			cells[1] = strconv.Itoa(r.Attempt)
		}
	}
	return cells
}

// idWidth is how narrow the column of ids may become: what is left before the mark of the cut names one run. One process
// gives no two ids with the same first 18 characters; those of several are compared.
func idWidth(rows []runRow) int {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	least := 18
	for i := 1; i < len(ids); i++ {
		n := 0
		for n < min(len(ids[i]), len(ids[i-1])) && ids[i][n] == ids[i-1][n] {
			n++
		}
		least = max(least, n+1)
	}
	return least + 1
}

func (a *app) started(r runRow) string {
	for _, t := range []*time.Time{r.Started, r.Queued} {
		if t != nil {
			return a.when(*t)
		}
	}
	return ""
}

func took(r runRow) string {
	if r.Started == nil || r.Ended == nil {
		return ""
	}
	return short(r.Ended.Sub(*r.Started))
}

// short prints a duration with the precision a person wants.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func forcedMark(r runRow) string {
	if r.forced {
		return " (forced)"
	}
	return ""
}

func result(r runRow) string {
	switch {
	case r.Reason != nil:
		return *r.Reason
	case r.Signal != nil:
		return *r.Signal
	case r.ExitCode != nil:
		return fmt.Sprintf("exit %d", *r.ExitCode)
	}
	return ""
}
