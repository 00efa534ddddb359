package resource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"om/resource"
	"om/task"
)

func seen(rid string, s task.Status, log ...string) task.Observation {
	return task.Observation{RID: rid, Status: s, Log: log}
}

func optional(o task.Observation) task.Observation {
	o.Optional = true
	return o
}

func disabled(o task.Observation) task.Observation {
	o.Disable = true
	return o
}

func TestAggregate(t *testing.T) {
	tests := []struct {
		name           string
		obs            []task.Observation
		avail, overall task.Status
	}{
		{"nothing", nil, task.Undef, task.Undef},
		{"all up", []task.Observation{seen("fs#0", task.Up), seen("ip#0", task.Up)}, task.Up, task.Up},
		{"one down", []task.Observation{seen("fs#0", task.Up), seen("ip#0", task.Down)}, task.Warn, task.Warn},
		{"n/a is neutral", []task.Observation{seen("fs#0", task.Up), seen("app#0", task.NA)}, task.Up, task.Up},
		{"tasks only", []task.Observation{seen("task#0", task.NA), seen("task#1", task.Up)}, task.Undef, task.Up},
		{"a failed task", []task.Observation{seen("task#0", task.Down, "info: last run: error: exit code 1"), seen("task#1", task.NA)}, task.Undef, task.Down},
		{"a failed task beside a mount", []task.Observation{seen("fs#0", task.Up), seen("task#0", task.Down)}, task.Up, task.Warn},
		{"last_run_warn", []task.Observation{seen("fs#0", task.Up), seen("task#0", task.NA, "warn: last run: error: exit code 1")}, task.Up, task.Warn},
		{"syncs never count for avail", []task.Observation{seen("fs#0", task.Up), seen("sync#0", task.Down)}, task.Up, task.Warn},
		{"optional counts for overall", []task.Observation{seen("fs#0", task.Up), optional(seen("fs#1", task.Down))}, task.Up, task.Warn},
		{"optional only", []task.Observation{optional(seen("fs#1", task.Down))}, task.Undef, task.Down},
		{"disabled counts for nothing", []task.Observation{seen("fs#0", task.Up), disabled(seen("fs#1", task.Down, "warn: x"))}, task.Up, task.Up},
		{"standby on the active node", []task.Observation{seen("fs#0", task.Up), seen("fs#1", task.StdbyUp)}, task.Up, task.Up},
		{"standby on the other node", []task.Observation{seen("fs#0", task.Down), seen("fs#1", task.StdbyUp)}, task.StdbyUp, task.StdbyUp},
		{"all standby", []task.Observation{seen("fs#0", task.StdbyUp), seen("fs#1", task.StdbyUp)}, task.StdbyUp, task.StdbyUp},
		{"standby down", []task.Observation{seen("fs#0", task.Down), seen("fs#1", task.StdbyDown)}, task.StdbyDown, task.StdbyDown},
		{"info is no warning", []task.Observation{seen("fs#0", task.Up, "info: x")}, task.Up, task.Up},
		{"a group without driver is neutral", []task.Observation{seen("fs#0", task.Up), seen("disk#0", task.Undef, "info: there is no driver")}, task.Up, task.Up},
		{"a failed look keeps avail from up", []task.Observation{seen("fs#0", task.Up), seen("app#0", task.Undef, "warn: no answer")}, task.Warn, task.Warn},
		{"a failed look keeps avail from stdby up", []task.Observation{seen("fs#0", task.StdbyUp), seen("app#0", task.Undef, "warn: no answer")}, task.Warn, task.Warn},
		{"a failed look makes nothing active", []task.Observation{seen("fs#0", task.Down), seen("app#0", task.Undef, "warn: no answer")}, task.Down, task.Warn},
		{"a failed look alone", []task.Observation{seen("app#0", task.Undef, "warn: no answer")}, task.Undef, task.Warn},
		{"a failed look at an optional one", []task.Observation{seen("fs#0", task.Up), optional(seen("app#0", task.Undef, "warn: no answer"))}, task.Up, task.Warn},
	}
	for _, tt := range tests {
		avail, overall := resource.Aggregate(tt.obs)
		if avail != tt.avail || overall != tt.overall {
			t.Errorf("%s: avail %s overall %s, want %s and %s", tt.name, avail, overall, tt.avail, tt.overall)
		}
	}
}

func TestRequirements(t *testing.T) {
	reqs, err := task.ParseRequires("avail(up) app#0 overall fs#9 impossible fs#0(down) ip#0")
	if err != nil {
		t.Fatal(err)
	}
	obs := []task.Observation{
		seen("fs#0", task.Down), seen("app#0", task.Warn, "warn: exit code 3", "info: more"),
		disabled(seen("ip#0", task.NA)), seen("task#0", task.NA, "warn: last run"),
	}
	want := []task.Seen{
		{Status: task.Warn, Known: true, Detail: "fs#0 down, app#0 warn"},
		{Status: task.Warn, Known: true, Detail: "exit code 3"},
		{Status: task.Warn, Known: true, Detail: "fs#0 down, app#0 warn, task#0 n/a"},
		{},
		{},
		{Status: task.Down, Known: true},
		{Status: task.NA, Known: true, Detail: "disabled"},
	}
	if got := resource.Requirements(reqs, obs); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// TestUnknownFailsClosed: no state of an unknown subject satisfies anything, not even undef.
func TestUnknownFailsClosed(t *testing.T) {
	reqs, err := task.ParseRequires("fs#9(up,down,warn,n/a,undef,stdby up,stdby down)")
	if err != nil {
		t.Fatal(err)
	}
	d := task.Decide(task.Task{Requires: reqs}, task.Facts{Origin: task.Manual, Seen: resource.Requirements(reqs, nil)})
	if d.Run() {
		t.Errorf("it may run: %s", d)
	}
}

func TestNeeded(t *testing.T) {
	all := []task.Resource{{RID: "fs#0"}, {RID: "app#0"}, {RID: "task#0"}}
	tests := []struct {
		requires string
		want     []string
	}{
		{"", nil},
		{"impossible", nil},
		{"fs#9", nil},
		{"task#0 fs#0 fs#0(down)", []string{"fs#0", "task#0"}},
		{"app#0", []string{"app#0"}},
		{"app#0 avail", []string{"fs#0", "app#0", "task#0"}},
		{"overall(warn)", []string{"fs#0", "app#0", "task#0"}},
	}
	for _, tt := range tests {
		reqs, err := task.ParseRequires(tt.requires)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range resource.Needed(reqs, all) {
			got = append(got, r.RID)
		}
		if !cmp.Equal(got, tt.want) {
			t.Errorf("%q needs %v, want %v", tt.requires, got, tt.want)
		}
	}
}

// TestBlind: what depends on a look that failed is blind; what is seen in a state, also a strange one, is not.
func TestBlind(t *testing.T) {
	reqs := []task.Requirement{{Subject: "fs#0"}, {Subject: "app#1"}, {Subject: "avail"}, {Subject: "overall"}}
	failed := task.Observation{RID: "app#1", Status: task.Undef, Log: []string{"warn: check x: no answer within 10s"}}
	optional, disabled := failed, failed
	optional.Optional, disabled.Disable = true, true
	for _, c := range []struct {
		name string
		app  task.Observation
		want [4]bool
	}{
		{"all is seen", task.Observation{RID: "app#1", Status: task.Up}, [4]bool{}},
		{"a look failed", failed, [4]bool{false, true, true, true}},
		{"of an optional one", optional, [4]bool{false, true, false, true}},
		{"of a disabled one", disabled, [4]bool{false, true, false, false}},
		{"a warning", task.Observation{RID: "app#1", Status: task.Warn, Log: []string{"warn: strange"}}, [4]bool{}},
		{"undef, as its check says", task.Observation{RID: "app#1", Status: task.Undef}, [4]bool{}},
	} {
		var got [4]bool
		for i, s := range resource.Requirements(reqs, []task.Observation{{RID: "fs#0", Status: task.Up}, c.app}) {
			got[i] = s.Blind
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
