package engine

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// TestClockUntrusted: after its start a host decides nothing while its clock may be wrong, for so long; what is due waits, and
// what is missed says so. After the wait it goes on, and each run knows.
func TestClockUntrusted(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	kept := false
	v.Synchronized = func() bool { return kept }
	v.Node.WaitTimeSync = 1e6 * time.Hour // the host was started before that
	for range 3 {
		r, err := v.Tick(t.Context(), v.options())
		if err != nil || !strings.Contains(r.Deferred, "the clock is not synchronized, and the host was started ") || len(r.Slots)+len(v.starts) > 0 {
			t.Fatalf("deferred %q, slots %v, starts %v, %v", r.Deferred, r.Slots, v.starts, err)
		}
		line.goTo(line.now.Add(time.Minute))
	}
	kept = true
	v.tickAt()
	slots, _ := v.onRecord()
	rows := slots[task.ID{Service: "s", RID: "task#0"}]
	if len(rows) != 2 || rows[0].Decision != task.SlotMissed || rows[0].Reason != "the clock was not synchronized" || rows[1].Decision != task.SlotRun {
		t.Errorf("slots %+v", rows)
	}

	kept, v.Node.WaitTimeSync = false, time.Nanosecond // it is over
	v.minutes(line, 1)
	v.Node.WaitTimeSync = 0 // nobody wants to know
	v.minutes(line, 1)
	var said []string
	for _, j := range v.jobs {
		said = append(said, variable(j, "OM_CLOCK_UNSYNCED"))
	}
	if got := strings.Join(said, "/"); got != "/1/" {
		t.Errorf("OM_CLOCK_UNSYNCED was %q in turn", got)
	}
	runs, _, err := v.History(t.Context(), "s", state.Query{}, false)
	if err != nil || len(runs) != 3 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for i, run := range runs { // the newest first
		x, err := v.ExplainRun(t.Context(), "s", run.ID)
		if unsynced := i == 1; err != nil || run.ClockUnsynced != unsynced || x.NoClock != unsynced {
			t.Errorf("run %d: on record %v, explained %+v, %v", i, run.ClockUnsynced, x, err)
		}
	}
}

// TestHostWasDown: what passed while the host was down is missed for that, the newest of it is caught up, and the run knows
// how many were missed.
func TestHostWasDown(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:0 * * * *\n")
	v.tickAt()
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := db.Fact(t.Context(), factTick)
	if err != nil {
		t.Fatal(err)
	}
	var last clockReading
	if err := json.Unmarshal([]byte(text), &last); err != nil {
		t.Fatal(err)
	}
	last.Boot = "that of before"
	before, err := json.Marshal(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SetFact(t.Context(), factTick, string(before)); err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(200 * time.Minute)) // 15:21:30
	v.tickAt()
	slots, _ := v.onRecord()
	rows := slots[task.ID{Service: "s", RID: "task#0"}]
	if len(rows) != 2 || rows[0].Decision != task.SlotMissed || rows[0].Count != 2 || rows[0].Reason != "the host was down" {
		t.Errorf("slots %+v", rows)
	}
	if len(v.jobs) != 1 || v.starts[0].origin != task.Catchup || variable(v.jobs[0], "OM_CATCHUP") != "1" || variable(v.jobs[0], "OM_MISSED_COUNT") != "2" {
		t.Errorf("starts %+v", v.starts)
	}
}
