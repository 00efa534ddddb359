package task

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Plan is what becomes of the slots of a task. A run by hand does not look at it.
type Plan struct {
	Catchup       string        // "last", "none", "all"; "" is the default of schedule.Catchup
	CatchupWindow time.Duration // 0 is the default
	CatchupLimit  int

	RunTimes     int  // scheduled runs after which the schedule ends; 0 is no end
	ManualCounts bool // a run by hand is a last run

	Delivery   string // AtMostOnce, AtLeastOnce
	Idempotent bool
	LostRetry  int // how often a lost run is repeated, with AtLeastOnce

	Retries     int
	RetryDelay  time.Duration // before the second attempt; it doubles
	RetryOn     string        // words and codes, as written; "" is any failure
	RetryWindow time.Duration // 0 is until the next slot
	Deadline    time.Duration // of all attempts together; 0 is none

	RequiresWait    time.Duration // how long a slot waits for its requirements; negative is the default
	RequirementLost string        // what a run does whose requirement is lost: "let", "term"

	Locks string   // "NAME" or "NAME:N" words
	RunOn []string // where scheduled runs happen; none is the default
}

// The values of the keyword delivery.
const (
	AtMostOnce  = "at-most-once"
	AtLeastOnce = "at-least-once"
)

// The values of the keyword on_requirement_lost.
const (
	LetGoOn = "let"
	EndLost = "term"
)

// Lock is a name of which so many runs of a node may hold a place at once.
type Lock struct {
	Name   string
	Places int
}

// LockList reads the keyword lock.
func (p Plan) LockList() (locks []Lock) {
	for _, word := range words(p.Locks) {
		name, places, _ := strings.Cut(word, ":")
		n, err := strconv.Atoi(places)
		if err != nil {
			n = 1
		}
		locks = append(locks, Lock{name, n})
	}
	return locks
}

// Retriable says whether another attempt is made after a run that ended like this, as far as the way it
// ended goes. Of lost runs only those that may start twice are repeated.
func (p Plan) Retriable(r Run) bool {
	if r.State == Lost && p.Delivery == AtLeastOnce && r.Attempt <= p.LostRetry {
		return true
	}
	if r.Attempt > p.Retries || r.State == Lost && p.Delivery != AtLeastOnce {
		return false
	}
	return p.retriesOn(r)
}

func (p Plan) retriesOn(r Run) bool {
	word := map[RunState]string{Failed: "fail", Killed: "fail", TimedOut: "timeout", Lost: "lost"}[r.State]
	list := words(p.RetryOn)
	switch {
	case word == "":
		return false
	case len(list) == 0:
		return true
	}
	return slices.Contains(list, word) || r.State == Failed && slices.Contains(list, strconv.Itoa(r.ExitCode))
}

// maxRetryDelay is the longest wait between two attempts.
const maxRetryDelay = 15 * time.Minute

// RetryAfter is the longest wait before the next attempt after the nth: RetryDelay, doubled each time, up
// to 15 minutes.
func (p Plan) RetryAfter(attempt int) time.Duration {
	wait := p.RetryDelay
	for i := 1; i < attempt && wait < maxRetryDelay; i++ {
		wait *= 2
	}
	return min(wait, maxRetryDelay)
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\n", r) })
}

// Overlapping reads the keyword overlap: what it does, and for OverlapQueueAll how many slots wait at most, 0
// for any number.
func (o Overlap) Overlapping() (kind Overlap, most int) {
	if count, ok := strings.CutPrefix(string(o), "queue-all("); ok {
		most, _ = strconv.Atoi(strings.TrimSuffix(count, ")"))
		return OverlapQueueAll, most
	}
	return o, 0
}
