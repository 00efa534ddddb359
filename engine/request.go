package engine

import (
	"context"
	"time"

	"om/task"
)

// Request is what somebody asks of Run.
type Request struct {
	Select  Selection
	Origin  task.Origin
	Force   bool          // override requirements, frozen, overlap
	DryRun  bool          // resolve and decide, run nothing
	Env     []string      // "NAME=value", last in the environment
	Timeout time.Duration // instead of the tasks' own; 0 keeps it
	// Parallel is how many tasks run at once; below 2 they run in order.
	Parallel int
	// Interactive gives the command the terminal.
	Interactive bool
	// Ask asks a person to confirm a task; it returns how it was confirmed ("terminal", "--confirm").
	Ask func(ctx context.Context, t task.Task) (how string, err error)
	// Live is where output goes while a task runs.
	Live task.Live
	// Catch returns a context that ends when a signal asks the process to end. It is called once all
	// questions are answered: until then nothing runs, and a signal may end the process as it likes.
	Catch func() (context.Context, error)
	// Done is told of each task when it is dealt with.
	Done func(Result)
	// Note tells a person what happens, a line at a time.
	Note func(rid string, level Level, text string)
}

// Level is how much a note matters.
type Level string

// The levels of notes, as logs of OpenSVC's agents spell them.
const (
	Info    Level = "INFO"
	Warning Level = "WARNING"
	Error   Level = "ERROR"
)

// Result is what became of one selected task.
type Result struct {
	Task     task.Task
	Decision task.Decision
	Job      *task.Job // what would run or ran; nil where it was not resolved
	Run      task.Run  // the run, if there was one
	Skipped  string    // why it was passed over without being asked for by name
	// Err is why there was no run, or why the run could not begin. A command that failed is no error.
	Err error
}
