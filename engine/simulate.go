package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"om/schedule"
	"om/task"
)

// SimulateRequest says what is simulated.
type SimulateRequest struct {
	Paths  []string  // the services; none is an answer without decisions
	Select Selection // of their tasks
	From   time.Time // the first moment
	To     time.Time // where it ends: what is due then is not decided
	Down   []Span    // when nobody decides, as with the daemon stopped; runs go on
	Node   string    // the node whose decisions these are; "" for this one

	// Percentile of what the last runs of a task took is how long its next ones take: 50 if it is 0.
	Percentile int
	// Take is how long runs of a task take, by "SERVICE/RID", by "RID", or for all others by "".
	Take map[string]time.Duration
	// Fail are tasks all of whose runs fail, by "SERVICE/RID" or "RID".
	Fail []string
	// States are those that resources are assumed to be in, by "SERVICE/RID" or "RID". Of others the state is the
	// one that is asked for.
	States map[string]task.Status

	exact bool   // no decision is repeated: for tests
	begun func() // is called when all is read, nil for none: for tests
}

// Span is a time from one moment up to another.
type Span struct{ From, To time.Time }

// The decisions of a simulation, besides those about slots.
const (
	SimRun      = "run"
	SimSkip     = "skip"
	SimMissed   = "missed"
	SimExpired  = "expired"
	SimPending  = "pending"  // it waits still when the simulation ends
	SimReplaced = "replaced" // a run that was started was ended for a later slot: End says when
)

// Simulated is one decision about a slot, or about several in a row that met the same end.
type Simulated struct {
	At       time.Time // when it was decided
	Service  string
	Task     string
	Slot     time.Time
	Last     time.Time // the last of several slots, else Slot
	Count    int
	Decision string
	Reason   string
	Attempt  int // of runs: 1 for the first
	// Start and End are those of the run. End is when it ends if nothing replaces it.
	Start, End time.Time
	State      task.RunState // how the run ends
}

// SimulateReport sums up a simulation.
type SimulateReport struct {
	From, To        time.Time
	Reached         time.Time // how far it came, where it was stopped
	Services, Tasks int       // that are simulated

	Runs     int // attempts too
	Retries  int // of them, later attempts
	Skipped  int
	Missed   int
	Expired  int
	Pending  int
	Replaced int

	BusiestHour   time.Time // the first of those with the most starts; zero for none
	BusiestStarts int
	MostAt        time.Time // when the most runs went on at once, for the first time
	MostRunning   int

	Assumed  []string // in sentences
	Left     []SimulatedNot
	Unusable int // services that can't be used at all
	// Problems are what went wrong, a line each: files that can't be used, decisions that were put off.
	Problems []string
}

// SimulatedNot is a task that has a schedule and no slots here, and why.
type SimulatedNot struct{ Service, Task, Reason string }

// Simulate decides about each slot of a time that may be long, as the daemon would, in a time and with a record that
// are not real: nothing is started, and nothing is written. each, nil for none, is told of the decisions, in the order of time:
// what it is given lasts until it returns. An error of it ends the simulation.
func (e *Engine) Simulate(ctx context.Context, req SimulateRequest, each func(*Simulated) error) (SimulateReport, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // what a decision makes lives for moments, and is little
	s, err := e.newSimulation(ctx, req, each)
	if err != nil {
		return SimulateReport{Reached: req.From}, err
	}
	if req.begun != nil {
		req.begun()
	}
	if err = s.run(ctx); err != nil {
		s.report.Reached = s.now
	}
	return s.report, err
}

// unreal is for a request that makes no sense.
func unreal(format string, args ...any) error {
	return task.Errorf(task.ErrInvalid, format, args...)
}

func (r *SimulateRequest) check() error {
	if !r.To.After(r.From) {
		return unreal("a simulation from %s to %s: wanted an end after the begin", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	}
	if first, last := schedule.Years(); outOf(first, last, r.From, r.To) {
		return unreal("a simulation from %s to %s: wanted times of the years %d to %d, for schedules have no slots before and after",
			r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), first, last)
	}
	for _, d := range r.Down {
		if !d.To.After(d.From) {
			return unreal("down from %s to %s: wanted an end after the begin", d.From.Format(time.RFC3339), d.To.Format(time.RFC3339))
		}
	}
	if r.Percentile < 0 || r.Percentile > 100 {
		return unreal("percentile %d: wanted 1 to 100", r.Percentile)
	}
	return nil
}

// outOf says that a time is not within some years in any zone.
func outOf(first, last int, from, to time.Time) bool {
	begin, end := time.Date(first, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(last+1, 1, 1, 0, 0, 0, 0, time.UTC)
	return from.Before(begin.AddDate(0, 0, -1)) || to.After(end.AddDate(0, 0, 1))
}

// saidOf finds what is said of a task: by its whole name, its rid, or "" for all.
func saidOf[T any](all map[string]T, id task.ID) (x T, ok bool) {
	for _, name := range [...]string{id.String(), id.RID, ""} {
		if x, ok = all[name]; ok {
			return x, true
		}
	}
	return x, false
}

func (r *SimulateReport) assume(format string, args ...any) {
	r.Assumed = append(r.Assumed, fmt.Sprintf(format, args...))
}
