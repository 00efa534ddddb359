package engine

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"om/task"
)

// TestStuckHoldsItsPlace: while processes of a run go on that SIGKILL did not end, no other begins beside them.
func TestStuckHoldsItsPlace(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	v.last["task#0"] = time.Hour
	v.minutes(line, 1)
	run := v.newest()
	left := exec.Command("sleep", "600")
	left.Env = []string{"OM_RUN_ID=" + run.ID}
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = left.Process.Kill(); _ = left.Wait() }()
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = db.Settle(t.Context(), []task.Outcome{{
		RunID: run.ID, State: task.TimedOut, Reason: "no end within 1s, stuck: SIGKILL does not end 1 processes", Leftover: 1, EndedAt: line.now,
	}})
	if err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 2)
	if got := v.newest(); got.ID != run.ID {
		t.Fatalf("another run began: %+v", got)
	}
	x, err := v.Explain(t.Context(), "s", "task#0", line.now.Add(time.Minute))
	if err != nil || !strings.Contains(x.Verdict, "task#0 is already running: "+run.ID) {
		t.Errorf("%+v, %v", x, err)
	}
	_ = left.Process.Kill()
	_ = left.Wait()
	v.minutes(line, 1)
	if got := v.newest(); got.ID == run.ID {
		t.Error("no run began after the last process was gone")
	}
}
