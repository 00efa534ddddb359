package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// decided counts the slots of a task by decision.
func (v *virtual) decided(rid string) map[task.SlotDecision]int {
	v.Helper()
	db, err := v.NodeRecord(v.Context())
	if err != nil {
		v.Fatal(err)
	}
	counts, err := db.Counts(v.Context(), task.ID{Service: "s", RID: rid})
	if err != nil {
		v.Fatal(err)
	}
	return counts
}

// TestInactiveWaits: a slot of a range waits for the service to be active here, as it does for its requirements; an instant is
// skipped.
func TestInactiveWaits(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	v, line := atMinute(t, "[app#0]\ncheck = test -e "+gate+"\n[task#0]\ncommand = true\nlog = none\nschedule = 12:01-12:30\nrun_requires = app#0\n"+
		"[task#1]\ncommand = true\nlog = none\nschedule = 12:01\n[task#2]\ncommand = true\nlog = none\nschedule = 12:01\nrequires_wait = 10m\n")
	v.minutes(line, 3)
	if len(v.starts) > 0 || v.decided("task#0")[task.SlotPending] != 1 || v.decided("task#1")[task.SlotSkip] != 1 || v.decided("task#2")[task.SlotPending] != 1 {
		t.Fatalf("%+v, %v, %v, %v", v.starts, v.decided("task#0"), v.decided("task#1"), v.decided("task#2"))
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 2)
	if len(v.starts) != 2 {
		t.Errorf("%d starts after it became active: %+v", len(v.starts), v.starts)
	}
}

// TestCatchupAllIsSerial: slots of the past are made up for one after the other, also where an overlap is skipped.
func TestCatchupAllIsSerial(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 * * * *\ncatchup = all\ncatchup_limit = 4\n")
	v.tickAt()
	v.last["task#0"] = 150 * time.Second
	line.goTo(line.now.Add(6 * time.Hour))
	v.minutes(line, 30)
	got := v.decided("task#0")
	if got[task.SlotRun] != 5 || got[task.SlotMissed] != 2 || got[task.SlotSkip] != 0 {
		t.Errorf("%v, want 5 runs and 2 misses", got)
	}
}

// TestRunTimesOfAQueue: what is queued does not run more often than run_times says.
func TestRunTimesOfAQueue(t *testing.T) {
	v, line := atMinute(t, everyMinute+"overlap = queue-all\nrun_times = 3\n")
	v.last["task#0"] = 150 * time.Second
	v.minutes(line, 30)
	if got := v.decided("task#0"); len(v.starts) != 3 || got[task.SlotRun] != 3 || got[task.SlotPending] != 0 {
		t.Errorf("%d starts, %v", len(v.starts), got)
	}
}

// TestRetriesEndWithTheNextSlot: also where that was skipped, for an attempt went on.
func TestRetriesEndWithTheNextSlot(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:*/5 * * * *\nretries = 9\nretry_delay = 1s\n")
	v.last["task#0"], v.fails["task#0"] = 100*time.Second, 9
	v.minutes(line, 30)
	for i, s := range v.starts {
		if s.attempt != "1" && !s.at.Before(s.slot.Add(5*time.Minute)) {
			t.Errorf("start %d: attempt %s of %s at %s", i, s.attempt, s.slot, s.at)
		}
	}
	if len(v.starts) < 8 {
		t.Errorf("%d starts", len(v.starts))
	}
}

// TestReplaceIsOfTheNewest: a slot that replaces a run gives way to the next.
func TestReplaceIsOfTheNewest(t *testing.T) {
	v, line := atMinute(t, everyMinute+"overlap = replace(term)\n")
	v.last["task#0"] = 4*time.Minute + 30*time.Second
	v.minutes(line, 1)
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// A tick that was killed left slots that replace a run which nobody has ended.
	var older []task.Slot
	cursors, err := db.Cursors(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	after := cursors[0]
	for range 3 {
		after.At = after.At.Add(time.Minute)
		older = append(older, task.Slot{Task: after.Task, At: after.At, Decision: task.SlotPending, Reason: "replaces: task#0 is already running"})
	}
	after.Next = after.At
	if _, err := db.Decide(t.Context(), []state.Turn{{Before: cursors[0], After: after, Slots: older}}, nil); err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(5 * time.Minute))
	v.tickAt()
	if got := v.decided("task#0"); got[task.SlotPending] > 0 || got[task.SlotExpired] != 3 || got[task.SlotRun] != 2 {
		t.Errorf("%v", got)
	}
	if newest := v.newest(); !newest.Slot.Equal(line.now.Truncate(time.Minute)) {
		t.Errorf("the newest run is of %s, at %s", newest.Slot, line.now)
	}
}

// TestReplaceAndALock: what another task holds is not replaced: one slot waits for it.
func TestReplaceAndALock(t *testing.T) {
	v, line := atMinute(t, everyMinute+"overlap = replace(term)\nlock = tape\n")
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := task.Run{ID: "01a21318-7e6a-74ee-92b5-ecb2193db69e", Task: task.ID{Service: "x", RID: "task#0"}, PID: os.Getpid()}
	if other.PIDStart, err = state.ProcessStart(other.PID); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Hold(t.Context(), other, []task.Lock{{Name: "tape", Places: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 10)
	if got := v.decided("task#0"); got[task.SlotPending] != 1 || got[task.SlotSkip] != 9 || len(v.starts) > 0 {
		t.Errorf("%v, %d starts", got, len(v.starts))
	}
	pending, err := db.Pending(t.Context(), task.ID{}, 0)
	if err != nil || len(pending) != 1 || !strings.HasPrefix(pending[0].Reason, "queued: lock tape") {
		t.Errorf("%+v, %v", pending, err)
	}
}
