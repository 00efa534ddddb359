package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"om/task"
)

// TestDoctorKnowsWhatTheTaskAsksFor: no slot is skipped where runs may overlap, and a run that was replaced did not fail.
func TestDoctorKnowsWhatTheTaskAsksFor(t *testing.T) {
	for text, want := range map[string]string{
		"": "slots are skipped", "overlap = allow\n": "", "overlap = queue-one\n": "slots wait for each other", "overlap = replace(term)\n": "runs are ended",
	} {
		v, line := seenNow(t, everyMinute+text)
		svc, err := v.Load("s")
		if err != nil {
			t.Fatal(err)
		}
		var runs []task.Run
		for range 20 {
			runs = append(runs, task.Run{State: task.Complete, StartedAt: line.now, EndedAt: line.now.Add(2 * time.Minute)})
		}
		found := v.doctorPace(&svc.Tasks[0], Planned{Next: line.now.Add(time.Minute)}, runs)
		if len(found) != min(len(want), 1) || want != "" && !strings.Contains(found[0].Detail, want) {
			t.Errorf("%q: %+v", text, found)
		}
	}
	replaced := slices.Repeat([]task.Run{{State: task.Cancelled, Reason: "replaced by the slot that was due"}}, 12)
	if found := doctorFailures(&task.Task{}, replaced); len(found) > 0 {
		t.Errorf("%+v", found)
	}
	failed := slices.Repeat([]task.Run{{State: task.Failed, ExitCode: 1}}, 3)
	if found := doctorFailures(&task.Task{}, slices.Concat(replaced, failed)); len(found) != 1 || !strings.Contains(found[0].Detail, "its last 3 runs failed") {
		t.Errorf("%+v", found)
	}
}
