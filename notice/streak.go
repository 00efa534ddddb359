package notice

import (
	"encoding/json"
	"slices"
	"time"

	"om/task"
)

// Streak is what must be known of the runs before to tell what has changed. It is kept with the record of
// the runs, as a fact.
type Streak struct {
	Since time.Time `json:"since,omitzero"` // the end of the first of a row of failures; zero where the last run was a success
	Runs  int       `json:"runs,omitempty"` // how many there are in the row
	Told  time.Time `json:"told,omitzero"`  // when the last of them was told
	Seen  []string  `json:"seen,omitempty"` // the ends of ids of the last runs: an end may be entered twice
}

// seenRuns is how many runs are remembered, and seenID how much of the id of each.
const (
	seenRuns = 32
	seenID   = 12
)

// ReadStreak reads a fact; one that is not there or can't be read is of a task that never ran.
func ReadStreak(fact string) Streak {
	var s Streak
	if json.Unmarshal([]byte(fact), &s) != nil {
		return Streak{}
	}
	return s
}

// Fact is the streak as it is kept.
func (s Streak) Fact() string {
	text, _ := json.Marshal(s) // it has nothing that can't be written
	return string(text)
}

// Knows says whether the end of a run was entered before.
func (s Streak) Knows(run task.Run) bool { return slices.Contains(s.Seen, shortID(run.ID)) }

func shortID(id string) string { return id[max(0, len(id)-seenID):] }

// End enters the end of a run, and says which event people are told, "" for none. An attempt that is
// followed by another is no end.
func (s Streak) End(run task.Run, n task.Notify, now time.Time) (Streak, string) {
	s.Seen = append(slices.Clone(s.Seen[max(0, len(s.Seen)-seenRuns+1):]), shortID(run.ID))
	switch run.State {
	case task.Complete:
		kind := task.EventOK
		if !s.Since.IsZero() && n.Tells(task.EventRecovered) {
			kind = task.EventRecovered
		}
		s.Since, s.Runs, s.Told = time.Time{}, 0, time.Time{}
		return s, told(n, kind)
	case task.Cancelled:
		return s, "" // who did it knows, and it says nothing of the task
	}
	return s.fail(n, KindOf(run.State), now)
}

func told(n task.Notify, kind string) string {
	if n.Tells(kind) {
		return kind
	}
	return ""
}

// fail enters a run that was no success. A lost one is always told: somebody has to look.
func (s Streak) fail(n task.Notify, kind string, now time.Time) (Streak, string) {
	if s.Since.IsZero() {
		s.Since = now.UTC()
	}
	s.Runs++
	if !n.Tells(kind) || !Again(s.Told, n.Renotify, now) && kind != task.EventLost {
		return s, ""
	}
	s.Told = now.UTC()
	return s, kind
}

// Again says whether what was told at a time, zero for never, is to be told again: every so often, and where the clock was set back.
func Again(told time.Time, every time.Duration, now time.Time) bool {
	return told.IsZero() || every > 0 && (now.Sub(told) >= every || now.Before(told))
}

// Failing is what an event says of the streak; nil where there is none.
func (s Streak) Failing() *Failing {
	if s.Since.IsZero() {
		return nil
	}
	return &Failing{Since: s.Since, Runs: s.Runs}
}

// KindOf is the event of a run that ended in a state, whatever came before.
func KindOf(s task.RunState) string {
	switch s {
	case task.Complete:
		return task.EventOK
	case task.TimedOut:
		return task.EventTimeout
	case task.Lost:
		return task.EventLost
	case task.Cancelled:
		return task.EventCancelled
	}
	return task.EventFailed
}
