package task

import (
	"strings"
	"testing"
)

// TestDecideLocks: each lock of a task is a check of its own; one without a place blocks, also a run by hand, unless a
// person insists.
func TestDecideLocks(t *testing.T) {
	job := Task{ID: ID{"b", "task#0"}, Plan: Plan{Locks: "wide:2 tape"}}
	other := Run{ID: "r1", Task: ID{"a", "task#9"}}
	free := Facts{Origin: Manual}
	taken := Facts{Origin: Manual, Held: []Held{{Lock{"tape", 1}, []Run{other}}}}
	forced := taken
	forced.Force = true
	for name, c := range map[string]struct {
		facts Facts
		run   bool
		want  string
	}{
		"free":      {free, true, "ok     lock         lock tape has a place"},
		"taken":     {taken, false, "NO     lock         lock tape is held by a/task#9 (run r1)"},
		"insisting": {forced, true, "forced lock         lock tape is held by a/task#9 (run r1)"},
	} {
		d := Decide(job, c.facts)
		if d.Run() != c.run || !strings.Contains(d.String(), c.want) || !strings.Contains(d.String(), "ok     lock         lock wide has a place") {
			t.Errorf("%s: %v, want %q", name, d, c.want)
		}
	}
	if d := Decide(Task{}, taken); !d.Run() || strings.Contains(d.String(), "lock") {
		t.Errorf("a task without locks: %v", d)
	}
}
