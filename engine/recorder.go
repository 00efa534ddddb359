package engine

import (
	"context"
	"time"

	"om/state"
	"om/task"
)

// record is what decisions ask of a record, and leave in it: a *state.DB, but in a simulation.
type record interface {
	Cursors(ctx context.Context, service string) ([]task.Cursor, error)
	CursorsOf(ctx context.Context, tasks []task.ID) ([]task.Cursor, error)
	Due(ctx context.Context, now time.Time, limit int) ([]task.Cursor, error)
	DueTasks(ctx context.Context, now time.Time) ([]task.ID, error)
	NextDue(ctx context.Context) (time.Time, error)
	Hasten(ctx context.Context, tasks []task.ID, at time.Time) error
	RanAfter(ctx context.Context, at time.Time) ([]task.ID, error)
	Rewind(ctx context.Context, at time.Time, again []task.ID) ([]task.ID, error)
	Forget(ctx context.Context, id task.ID) error
	Place(ctx context.Context, services map[string][]task.Cursor) error
	Decide(ctx context.Context, turns []state.Turn, alive func(task.Run) bool) ([]state.Taken, error)
	Pending(ctx context.Context, id task.ID, limit int) ([]task.Slot, error)
	CountPending(ctx context.Context, id task.ID, after time.Time, limit int) (int, error)
	Heads(ctx context.Context) ([]task.Slot, error)
	Slots(ctx context.Context, q state.Query, decisions ...task.SlotDecision) ([]task.Slot, error)
	Decline(ctx context.Context, x task.Decline) error

	Run(ctx context.Context, id string) (task.Run, error)
	Runs(ctx context.Context, q state.Query) ([]task.Run, error)
	Running(ctx context.Context, service, rid string) ([]task.Run, error)
	LeftBehind(ctx context.Context, id task.ID) (runID string, err error)
	LastEnded(ctx context.Context, service string) (map[string]task.Run, error)
	Claim(ctx context.Context, r task.Run, limit int, alive func(task.Run) bool) (task.Run, error)
	Insert(ctx context.Context, r task.Run) error
	NoteChild(ctx context.Context, runID string, pid int) error
	Settle(ctx context.Context, outcomes []task.Outcome) error
	Supervisors(ctx context.Context) ([]task.Run, error)
	Recover(ctx context.Context, alive func(task.Run) bool) ([]task.Run, error)

	Hold(ctx context.Context, run task.Run, locks []task.Lock, alive func(task.Run) bool) ([]state.Hold, error)
	Holds(ctx context.Context) ([]state.Hold, error)
	Holders(ctx context.Context, name string) ([]state.Hold, error)
	Release(ctx context.Context, runIDs ...string) error

	Frozen(ctx context.Context, service string) (state.Freeze, bool, error)
	AllFrozen(ctx context.Context) (map[string]state.Freeze, error)
	Fact(ctx context.Context, key string) (string, error)
	SetFact(ctx context.Context, key, value string) error
	Stamps(ctx context.Context) (map[string]state.Stamp, error)
	StampOf(ctx context.Context, service string) (state.Stamp, bool, error)
	SetStamps(ctx context.Context, set []state.Stamp, gone []string) error
	Tally(ctx context.Context) (services, tasks int, err error)
	Tidy(ctx context.Context) error
}
