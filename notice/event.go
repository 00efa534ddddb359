package notice

import (
	"strings"
	"time"
	"unicode/utf8"

	"om/task"
)

// Event is what is told. Its JSON is the body of a webhook, and what a command reads.
type Event struct {
	ID        string    `json:"id"` // the same whenever it is told again
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Node      string    `json:"node"`
	Service   string    `json:"service"`
	Task      string    `json:"task"`
	Summary   string    `json:"summary"`          // one line for people
	Reason    string    `json:"reason,omitempty"` // of an event of the node
	Tasks     []string  `json:"tasks,omitempty"`  // that it is about
	Run       *Run      `json:"run,omitempty"`
	Slots     *Slots    `json:"slots,omitempty"`
	Streak    *Failing  `json:"streak,omitempty"`
	Events    []Event   `json:"events,omitempty"` // that a summary tells
}

// Run is what an event says of a run: never its command nor its environment.
type Run struct {
	ID       string    `json:"id"`
	State    string    `json:"state"`
	ExitCode *int      `json:"exit_code"` // null where no command gave one
	Signal   string    `json:"signal,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Origin   string    `json:"origin"`
	Attempt  int       `json:"attempt"`
	Slot     time.Time `json:"slot,omitzero"`
	Queued   time.Time `json:"queued_at,omitzero"`
	Started  time.Time `json:"started_at,omitzero"`
	Ended    time.Time `json:"ended_at,omitzero"`
	Seconds  *float64  `json:"duration_seconds"` // null where it did not begin, or goes on
	CPU      float64   `json:"cpu_seconds,omitempty"`
	MaxRSS   int64     `json:"max_rss_bytes,omitempty"`
}

// Slots is what an event says of slots that did not run.
type Slots struct {
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Count  int       `json:"count"`
	Reason string    `json:"reason"`
}

// Failing is a row of runs that were no success.
type Failing struct {
	Since time.Time `json:"since"`
	Runs  int       `json:"runs"`
}

// maxText is how much of a sentence is told.
const maxText = 1000

// OfRun makes the event of a run.
func OfRun(node, kind string, run task.Run, at time.Time) Event {
	e := Event{
		ID: run.ID + "-" + kind, Type: kind, Timestamp: at.UTC(), Node: node, Service: run.Task.Service, Task: run.Task.RID,
		Run: &Run{
			ID: run.ID, State: string(run.State), Signal: run.Signal, Reason: Line(run.Reason),
			Origin: string(run.Origin), Attempt: run.Attempt, Slot: run.Slot, Queued: run.QueuedAt, Started: run.StartedAt,
			Ended: run.EndedAt, CPU: run.CPU.Seconds(), MaxRSS: run.MaxRSS,
		},
	}
	if run.Exited() {
		e.Run.ExitCode = &run.ExitCode
	}
	if seconds := took(run).Seconds(); run.State.Final() && !run.StartedAt.IsZero() {
		e.Run.Seconds = &seconds
	}
	e.Summary = summary(run)
	if !strings.HasPrefix(e.Summary, kind+":") && e.Summary != kind {
		e.Summary = kind + ": " + e.Summary
	}
	e.Summary = Line(e.Summary)
	return e
}

// took is how long a run went on.
func took(run task.Run) time.Duration {
	if run.StartedAt.IsZero() || run.EndedAt.Before(run.StartedAt) {
		return 0
	}
	return run.EndedAt.Sub(run.StartedAt)
}

func summary(run task.Run) string {
	if !run.State.Final() {
		return "run " + run.ID
	}
	o := task.Outcome{State: run.State, ExitCode: run.ExitCode, Signal: run.Signal, Reason: run.Reason}
	return o.Summary() + ", after " + took(run).Round(time.Millisecond).String()
}

// OfSlots makes the event of slots that did not run.
func OfSlots(node, kind string, s task.Slot, at time.Time) Event {
	const plain = "20060102T150405Z"
	return Event{
		ID:   slotID(node, s.Task, s.At.UTC().Format(plain)) + "-" + kind,
		Type: kind, Timestamp: at.UTC(), Node: node, Service: s.Task.Service, Task: s.Task.RID,
		Summary: Line(kind + ": " + s.Reason),
		Slots:   &Slots{First: s.At.UTC(), Last: s.Last.UTC(), Count: s.Count, Reason: Line(s.Reason)},
	}
}

// maxTasks is how many tasks an event of the node names.
const maxTasks = 100

// OfNode makes an event of the node, about a file or the clock; service is "" where it is about none.
func OfNode(node, kind, service, reason string, tasks []task.ID, at time.Time) Event {
	e := Event{
		ID:   slotID(node, task.ID{Service: service, RID: kind}, at.UTC().Format(time.RFC3339)+reason) + "-" + kind,
		Type: kind, Timestamp: at.UTC(), Node: node, Service: service, Reason: Line(reason),
	}
	e.Summary = Line(kind + ": " + reason)
	for _, id := range tasks[:min(len(tasks), maxTasks)] {
		e.Tasks = append(e.Tasks, id.String())
	}
	return e
}

// Line makes one line of a text, of no more than people read: a reason may hold what a command wrote.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || isBidi(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	text = strings.TrimSpace(text)
	if len(text) <= maxText {
		return text
	}
	cut := maxText
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}

// isBidi reports whether r turns the direction of what is behind it, so that a line reads as another.
func isBidi(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}
