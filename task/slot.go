package task

import "time"

// SlotDecision is the one decision about a slot.
type SlotDecision string

// The decisions. Each slot that is not after the cursor of its task has one; pending ones wait for
// theirs, for requirements or behind another run.
const (
	SlotRun     SlotDecision = "run"
	SlotSkip    SlotDecision = "skip"    // looked at in time, and not run: frozen, overlap, a requirement
	SlotMissed  SlotDecision = "missed"  // nobody looked in time
	SlotExpired SlotDecision = "expired" // it waited, and its wait or its deadline ended
	SlotPending SlotDecision = "pending"
)

// Slot is a slot of a task and its decision, or several in a row that met the same end.
type Slot struct {
	Task     ID
	At, Last time.Time // the first and the last instant, equal for one slot; UTC
	Count    int
	Decision SlotDecision
	Reason   string // one phrase: "frozen", "requirement fs#0(up): it is down"
	RunID    string // the run, or for a skip the run that was in its way
	Evidence string // what the decision went by, of several that of the last: see ParseEvidence; "" where it is not kept
}

// Cursor is where the schedule of a task is.
type Cursor struct {
	Task   ID
	Digest string    // of all that its slots depend on; another one moves the cursor to now
	At     time.Time // the newest slot decided, or the moment the schedule was first seen
	Next   time.Time // when to look again; zero for never
	Runs   int       // slots that ran so far
	Retry  Retrying  // the attempt that is waited for; its At is zero for none
}

// Retrying is another attempt of a slot, planned after one that failed.
type Retrying struct {
	At       time.Time // when it is due
	Slot     time.Time
	Attempt  int       // its number, from 2
	Since    time.Time // when the first attempt was started
	Previous RunState  // how the last one ended
}
