package engine

import (
	"fmt"
	"slices"
	"time"

	"om/task"
)

// TickReport says what a tick did.
type TickReport struct {
	At time.Time
	// Deferred is why nothing was decided: another tick is at work, the clock is not to be trusted yet.
	Deferred string
	Ended    []task.Run  // runs of which the end was recorded
	Rejected []Rejection // files that were changed, and have errors
	Clock    string      // how the clock was set since the last tick, where that is more than a correction
	Lost     []task.Run  // those of which nobody can know it
	Changed  []string    // services whose files were read again
	Removed  []string    // services whose files are gone
	Started  []task.Run  // handed to the supervisor
	Slots    []task.Slot // decided otherwise, and those that wait
	Problems []string    // what went wrong, a line each; the rest was done all the same
	Next     time.Time   // when there is something to do; zero for never

	again     bool                // files are looked at again soon: something was taken from them just now
	tasks     map[string][]string // of the services that were read, for metrics
	intervals map[task.ID]time.Duration
	away      map[task.ID]bool // of the tasks that were looked at: their runs are not for this node
}

// Rejection is a file that has errors, or can't be used at all. What is scheduled is the last version that had none.
type Rejection struct {
	Service  string
	Reason   string // its first error, as validation tells it; nothing of its text, which may be secret
	Unusable bool   // none of it is scheduled
	LastGood bool   // there is such a version
}

// String tells people what they want to know of it.
func (r Rejection) String() string {
	return fmt.Sprintf("%s: %s (%s; om %s validate)", r.Service, r.Reason, r.goesOn(), r.Service)
}

func (r Rejection) goesOn() string {
	switch {
	case r.LastGood:
		return "the last version without errors goes on"
	case r.Unusable:
		return "none of it is scheduled"
	}
	return "what is right in it is scheduled"
}

// problem notes what went wrong; errors tell it as people read it.
func (r *TickReport) problem(format string, args ...any) {
	for i, x := range args {
		if err, ok := x.(error); ok {
			args[i] = task.Text(err)
		}
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// problemOnce is problem for what concerns many tasks.
func (r *TickReport) problemOnce(text string) {
	if !slices.Contains(r.Problems, text) {
		r.Problems = append(r.Problems, text)
	}
}
