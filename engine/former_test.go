package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/task"
)

// TestFormerRecordIsSeen: who only asks counts the run that goes on in the record that the service had before, and takes
// the cursor that the tick will take, of a record that has none yet.
func TestFormerRecordIsSeen(t *testing.T) {
	v, line := seenNow(t, everyMinute+"[task#1]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:* * * * *\nrun_times = 2\n")
	v.last["task#0"] = time.Hour
	v.minutes(line, 1)
	text, err := os.ReadFile(filepath.Join(v.ConfigDir, "s.conf"))
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(inMemory(t), "own.db")
	if err = os.WriteFile(filepath.Join(v.ConfigDir, "s.conf"), []byte("[DEFAULT]\nstate = "+own+"\n"+string(text)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err = v.InitState(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	for range 4 {
		line.goTo(line.now.Add(time.Minute))
		asked := map[string]Explanation{}
		for _, rid := range []string{"task#0", "task#1"} {
			if asked[rid], err = v.Explain(t.Context(), "s", rid, line.now); err != nil {
				t.Fatal(err)
			}
		}
		all, err := v.Schedules(t.Context(), "s", Selection{})
		if err != nil || len(all) != 2 || all[0].Running != 1 || !strings.Contains(all[0].Why, "already running") {
			t.Errorf("%+v, %v", all, err)
		}
		req := Request{Origin: task.Manual, DryRun: true, Select: Selection{RID: "task#0"}}
		if by, err := v.Run(t.Context(), "s", req); err != nil || by[0].Decision.Run() {
			t.Errorf("%+v, %v", by, err)
		}
		o := v.options()
		o.DryRun = true
		would, err := v.Tick(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		r := v.tickAt()
		if got, want := outcomes(would), outcomes(r); got != want {
			t.Errorf("%s: %q, and a dry run %q", line.now, want, got)
		}
		for rid, x := range asked {
			if x.Run != strings.Contains(outcomes(r), rid+" run") {
				t.Errorf("%s: %q, and explain says of %s: %s", line.now, outcomes(r), rid, x.Verdict)
			}
		}
	}
}

// outcomes are the slots that a tick decided.
func outcomes(r TickReport) string {
	var all []string
	for _, run := range r.Started {
		all = append(all, run.Task.RID+" run "+run.Slot.UTC().Format(time.TimeOnly))
	}
	for _, s := range r.Slots {
		if s.Decision != task.SlotRun {
			all = append(all, s.Task.RID+" "+string(s.Decision)+" "+s.At.UTC().Format(time.TimeOnly)+" "+s.Reason)
		}
	}
	return strings.Join(all, "; ")
}
