package task_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"om/task"
)

// shown lists the states that a resource may have.
func shown() []task.Status {
	return []task.Status{task.Undef, task.NA, task.Up, task.Down, task.Warn, task.StdbyUp, task.StdbyDown}
}

// TestMergeTable replays the table of OpenSVC's agents, cell by cell.
func TestMergeTable(t *testing.T) {
	order := []task.Status{task.Up, task.Down, task.Warn, task.StdbyUp, task.StdbyDown, task.NA, task.Undef}
	table := map[task.Status][]string{
		task.Up:        {"up", "warn", "warn", "up", "warn", "up", "up"},
		task.Down:      {"warn", "down", "warn", "stdby up", "stdby down", "down", "down"},
		task.Warn:      {"warn", "warn", "warn", "warn", "warn", "warn", "warn"},
		task.StdbyUp:   {"up", "stdby up", "warn", "stdby up", "warn", "stdby up", "stdby up"},
		task.StdbyDown: {"warn", "stdby down", "warn", "warn", "stdby down", "stdby down", "stdby down"},
		task.NA:        {"up", "down", "warn", "stdby up", "stdby down", "n/a", "n/a"},
		task.Undef:     {"up", "down", "warn", "stdby up", "stdby down", "n/a", "undef"},
	}
	for a, row := range table {
		for i, b := range order {
			if got := a.Merge(b).Shown().String(); got != row[i] {
				t.Errorf("%s with %s = %s, want %s", a, b, got, row[i])
			}
		}
	}
}

// TestMergeRemembers proves the two forms that exist between merges: a standby that is up goes with
// up and with down, but not with both.
func TestMergeRemembers(t *testing.T) {
	tests := []struct {
		all  []task.Status
		want task.Status
	}{
		{[]task.Status{task.Up, task.StdbyUp, task.Up}, task.Up},
		{[]task.Status{task.Up, task.StdbyUp, task.StdbyUp, task.NA}, task.Up},
		{[]task.Status{task.Down, task.StdbyUp, task.Down}, task.StdbyUp},
		{[]task.Status{task.Up, task.StdbyUp, task.Down}, task.Warn},
		{[]task.Status{task.Down, task.StdbyUp, task.Up}, task.Warn},
		{[]task.Status{task.Down, task.StdbyDown, task.StdbyUp}, task.Warn},
	}
	for _, tt := range tests {
		if got := merge(tt.all).Shown(); got != tt.want {
			t.Errorf("merge of %v = %s, want %s", tt.all, got, tt.want)
		}
	}
}

func merge(all []task.Status) (s task.Status) {
	for _, t := range all {
		s = s.Merge(t)
	}
	return s
}

// TestMergeOrderDoesNotMatter: merging is commutative and associative, over the internal forms too, so
// that the order of the resources in a file changes nothing.
func TestMergeOrderDoesNotMatter(t *testing.T) {
	for _, a := range reachable() {
		for _, b := range reachable() {
			if a.Merge(b) != b.Merge(a) {
				t.Errorf("%s with %s is not %s with %s", a, b, b, a)
			}
			for _, c := range reachable() {
				left, right := a.Merge(b).Merge(c), a.Merge(b.Merge(c))
				if left != right {
					t.Errorf("(%d %d) %d = %d, but %d (%d %d) = %d", a, b, c, left, a, b, c, right)
				}
			}
		}
	}
}

// reachable lists the states and all that their merges give, the two internal forms too.
func reachable() []task.Status {
	all := shown()
	for _, a := range shown() {
		for _, b := range shown() {
			if m := a.Merge(b); !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

func TestReachableHasBothInternalForms(t *testing.T) {
	if got := len(reachable()); got != 9 {
		t.Errorf("%d states are reachable, want the 7 that people see and 2 more", got)
	}
}

func TestStandby(t *testing.T) {
	want := map[task.Status]task.Status{
		task.Up: task.StdbyUp, task.Down: task.StdbyDown, task.Warn: task.Warn, task.NA: task.NA,
		task.Undef: task.Undef, task.StdbyUp: task.StdbyUp, task.StdbyDown: task.StdbyDown,
	}
	for s, w := range want {
		if got := s.Standby(); got != w {
			t.Errorf("standby of %s = %s, want %s", s, got, w)
		}
	}
}

func TestStatusText(t *testing.T) {
	for _, s := range shown() {
		got, ok := task.ParseStatus(s.String())
		if !ok || got != s {
			t.Errorf("ParseStatus(%q) = %s, %t", s.String(), got, ok)
		}
	}
	for _, text := range []string{"", "UP", "Up", "stdbyup", "stdby  up", " up", "na", "foo"} {
		if s, ok := task.ParseStatus(text); ok {
			t.Errorf("ParseStatus(%q) = %s, want none", text, s)
		}
	}
	if got := len(task.Statuses()); got != len(shown()) {
		t.Errorf("Statuses lists %d states, want %d", got, len(shown()))
	}
}

func TestStatusJSON(t *testing.T) {
	text, err := json.Marshal(map[string]task.Status{"s": task.StdbyDown})
	if err != nil || string(text) != `{"s":"stdby down"}` {
		t.Fatalf("json = %s, %v", text, err)
	}
	var back map[string]task.Status
	if err := json.Unmarshal(text, &back); err != nil || back["s"] != task.StdbyDown {
		t.Errorf("read back %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"s":"UP"}`), &back); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("UP: error %v, want one of kind invalid", err)
	}
}
