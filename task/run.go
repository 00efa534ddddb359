package task

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Origin says who asked for a run.
type Origin string

// The origins.
const (
	Manual    Origin = "manual"   // a person, on a command line
	Scheduled Origin = "schedule" // its schedule
	Catchup   Origin = "catchup"  // a slot that was missed
	Retry     Origin = "retry"    // an earlier attempt failed
	Backfill  Origin = "backfill" // a person, for slots of the past
	API       Origin = "api"      // a program
)

// RunState is where a run is in its life: queued -> running -> one of the others, which are final.
type RunState string

// The states of a run.
const (
	Queued    RunState = "queued"
	Running   RunState = "running"
	Complete  RunState = "complete"  // the exit code maps to success
	Failed    RunState = "error"     // it does not, or the command could not be started
	TimedOut  RunState = "timeout"   // om ended it at its time limit
	Killed    RunState = "killed"    // a signal that om did not send
	Cancelled RunState = "cancelled" // a person or the API asked
	Lost      RunState = "lost"      // it started, and nobody can know how it ended
)

// RunStates lists every state, in the order of a run's life.
func RunStates() []RunState {
	return []RunState{Queued, Running, Complete, Failed, TimedOut, Killed, Cancelled, Lost}
}

// Final reports whether a run in state s has ended.
func (s RunState) Final() bool { return s != Queued && s != Running && s != "" }

// Run is one execution of a task: the row of the record. Times are UTC; a zero time is "not yet".
type Run struct {
	ID      string // UUIDv7: sorts by the time it was made
	Task    ID
	Slot    time.Time // the scheduled instant; zero for a manual run
	Origin  Origin
	State   RunState
	Attempt int // 1 for the first start

	// Who holds the run: the supervisor's process, known for certain by boot id, pid and start
	// time together (pids are used again).
	Node     string
	BootID   string
	PID      int
	PIDStart uint64 // field 22 of /proc/PID/stat, in clock ticks since boot
	ChildPID int    // the command's own process; written without a barrier, 0 if not known

	QueuedAt, StartedAt, EndedAt time.Time

	ExitCode int    // of the command; meaningful in states complete, error and after a timeout with an exit
	Signal   string // "SIGKILL": what ended the command, "" for none
	Reason   string // one sentence where the state needs one

	User        string // whom the command ran as
	By          string // who asked, "alice" or "root"
	Terminal    string // from which terminal, "" for none
	ConfirmedBy string // who confirmed and how, "" where nothing was asked
	Forced      string // the checks that a person overrode, "" for none
	ArgvDigest  string // SHA-256 of the argv, hexadecimal: secrets in it are not kept
	Output      string // path of the output file, "" where none is kept
	OutputBytes int64  // bytes the run wrote
	OutputLost  int64  // bytes of them that were not kept
	MaxRSS      int64  // peak memory of the command and its waited-for children, bytes
	CPU         time.Duration
	Leftover    int // processes that were alive after the command ended

	// Evidence is what the decision went by, of a run whose slot does not have it: see ParseEvidence; "" where it is not kept.
	Evidence string
	// ClockUnsynced says that nothing kept the clock when the run was started by its schedule, and that this was waited for.
	ClockUnsynced bool
}

// Overrode says that a person overrode the check of this name to start the run.
func (r Run) Overrode(check string) bool { return slices.Contains(strings.Fields(r.Forced), check) }

// Outcome is how a run ended.
type Outcome struct {
	RunID    string
	State    RunState
	ExitCode int
	Signal   string
	Reason   string

	StartedAt, EndedAt time.Time

	OutputBytes, OutputLost int64
	MaxRSS                  int64
	CPU                     time.Duration
	Leftover                int // processes that were alive after the command ended

	// Notes are what else a person should know: a trigger that failed and was ignored.
	Notes []string
}

// Summary is how the run ended in some words: "error: exit code 3".
func (r Run) Summary() string {
	return Outcome{State: r.State, ExitCode: r.ExitCode, Signal: r.Signal, Reason: r.Reason}.Summary()
}

// Code returns the exit code that a shell shows for the run: the command's own, 128 + n for a
// signal, 124 for a timeout, 125 for a run that is lost or cancelled before it began.
func (r Run) Code() int {
	return Outcome{State: r.State, ExitCode: r.ExitCode, Signal: r.Signal}.Code()
}

// stuckText is in the reason of a run of which SIGKILL did not end all processes.
const stuckText = "stuck: SIGKILL does not end"

// Stuck says that the run has its end, and that processes of it were left that SIGKILL did not end: they wait in the kernel, for a
// disk or a server. They may still go on.
func (r Run) Stuck() bool {
	return r.State.Final() && r.Leftover > 0 && strings.Contains(r.Reason, stuckText)
}

// Exited says that ExitCode is one that a command gave, and no zero that means nothing: of a run that goes on, was
// killed, or never began.
func (r Run) Exited() bool { return r.State == Complete || r.State.Final() && r.ExitCode != 0 }

// Code is as Run.Code.
func (o Outcome) Code() int {
	switch {
	case o.State == TimedOut:
		return 124
	case o.Signal != "":
		return 128 + SignalNumber(o.Signal)
	case o.State == Complete || o.ExitCode != 0:
		return o.ExitCode
	}
	return 1
}

// Summary says how the run ended in a few words: "complete", "error: exit code 3", "killed by SIGSEGV".
func (o Outcome) Summary() string {
	switch {
	case o.Reason != "":
		return fmt.Sprintf("%s: %s", o.State, o.Reason)
	case o.Signal != "":
		return fmt.Sprintf("%s by %s", o.State, o.Signal)
	case o.ExitCode != 0:
		return fmt.Sprintf("%s: exit code %d", o.State, o.ExitCode)
	}
	return string(o.State)
}

// Decline is a manual run that did not happen: declined by the decision, or aborted at the prompt.
type Decline struct {
	ID     string // UUIDv7
	Task   ID
	Origin Origin
	At     time.Time
	Reason string
	By     string
	Node   string
	Kind   string // "declined" or "aborted"
}
