package task

import (
	"io/fs"
	"time"
)

// Job is a task resolved for one run: nothing in it is left to look up. Resolve makes it, the engine
// says where the output goes, Supervise runs it.
type Job struct {
	ID     ID
	RunID  string
	Origin Origin
	Slot   time.Time // zero for a manual run
	User   string    // whom the command runs as

	// Steps run one after the other, in this order. on_error, the last if there is one, runs only
	// where the run is not complete.
	Steps []Step

	// Timeout is the time each step may take, 0 for any. Then the tree gets StopSignal, and
	// StopTimeout later SIGKILL.
	Timeout, StopTimeout time.Duration
	StopSignal           int
	Leftover             Leftover
	RetCodes             map[int]Status

	// Output is the path of the file that keeps what the run writes, "" for none. The engine sets it.
	Output     string
	Log        LogMode
	Head, Tail int64 // bytes kept from the beginning and from the end
	// Cancel is the path of a file that, if it exists when the command ends, makes the run
	// cancelled; its text is the reason. "" is Output + ".cancel", or none where there is no Output.
	Cancel string

	// Interactive gives the command a terminal of its own, passed through to the person's.
	Interactive bool

	// Notes are what a person should know of the job though it can run: a secret that all may read.
	Notes []string

	// Record is the path of the state file that has the run, "" for the node's: it goes with the outcome of a
	// detached run (Ended).
	Record string

	// Started, if set, is told the pid of the command itself once it runs.
	Started func(pid int) `json:"-"`

	// Now reads the clock, as in Resolver.
	Now func() time.Time `json:"-"`
}

// ended is an outcome of the job with what finds it in the record.
func (j *Job) ended(o Outcome) Ended { return Ended{ID: j.ID, Record: j.Record, Outcome: o} }

// Step is one command of a job: the task's own, or a trigger.
type Step struct {
	// Name is the keyword the step comes from: "pre_run", "blocking_pre_run", "command", "post_run",
	// "blocking_post_run" or "on_error".
	Name     string
	Blocking bool // its failure ends the run
	Command  Command
}

const (
	stepCommand = "command"
	stepOnError = "on_error"
)

// Command is a complete description of a process to start.
type Command struct {
	Path string   // the program; with a slash in it, from Dir if it is not absolute
	Argv []string // the first is the name the program sees
	Env  []string // "NAME=value", all of it: nothing is inherited
	Dir  string

	User        string   // the name of UID, for messages
	UID, GID    uint32   // real, effective and saved alike
	Groups      []uint32 // all groups of the process, sorted, GID among them
	Impersonate bool     // take on UID, GID and Groups; otherwise they are this process's own

	Umask          fs.FileMode
	Limits         []Limit
	Nice           int    // 0 leaves it
	IOClass        string // "" leaves it
	OOMScoreAdjust int
	HasOOMScore    bool
	NoNewPrivs     bool
}

// String returns the arguments as one line that a shell would read back.
func (c Command) String() string { return Quote(c.Argv) }

const cancelSuffix = ".cancel"

// cancelFile is the path of the marker, "" for none.
func (j *Job) cancelFile() string {
	if j.Cancel == "" && j.Output != "" {
		return j.Output + cancelSuffix
	}
	return j.Cancel
}

// last reports whether step i is the last that can run.
func (j *Job) last(i int) bool { return i == len(j.Steps)-1 }
