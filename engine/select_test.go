package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"om/engine"
	"om/task"
)

func tasks() []task.Task {
	return []task.Task{
		{ID: task.ID{Service: "s", RID: "task#0"}, Tags: []string{"a", "b"}, Subset: "night"},
		{ID: task.ID{Service: "s", RID: "task#1"}, Tags: []string{"a"}},
		{ID: task.ID{Service: "s", RID: "task#db"}, Tags: []string{"c"}, Subset: "day"},
		{ID: task.ID{Service: "s", RID: "sync#0"}},
	}
}

func TestSelection(t *testing.T) {
	tests := []struct {
		name string
		sel  engine.Selection
		want string
	}{
		{"nothing is all", engine.Selection{}, "task#0 task#1 task#db sync#0"},
		{"a rid", engine.Selection{RID: "task#1"}, "task#1!"},
		{"a list", engine.Selection{RID: "task#db, task#0"}, "task#0! task#db!"},
		{"a group", engine.Selection{RID: "task"}, "task#0 task#1 task#db"},
		{"a group and a rid of it", engine.Selection{RID: "task,task#1"}, "task#0 task#1! task#db"},
		{"comma is or", engine.Selection{Tags: "b,c"}, "task#0 task#db"},
		{"plus is and", engine.Selection{Tags: "a+b"}, "task#0"},
		{"plus binds tighter", engine.Selection{Tags: "a+b,c"}, "task#0 task#db"},
		{"they intersect", engine.Selection{RID: "task", Tags: "a", Subsets: "night"}, "task#0"},
		{"none has both", engine.Selection{Tags: "a+c"}, ""},
		{"subsets", engine.Selection{Subsets: "day,night"}, "task#0 task#db"},
		{"no rid like it", engine.Selection{RID: "task#"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range tt.sel.Pick(tasks()) {
				mark := ""
				if p.Named {
					mark = "!"
				}
				got = append(got, p.Task.ID.RID+mark)
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}

// FuzzSelection: what is picked is among what was given, in its order, and a narrower selection never
// picks more.
func FuzzSelection(f *testing.F) {
	f.Add("task#0", "a+b,c", "day")
	f.Add("task", "", "")
	f.Add(",,", "+", ",")
	f.Fuzz(func(t *testing.T, rid, tags, subsets string) {
		all := engine.Selection{RID: rid, Tags: tags}.Pick(tasks())
		some := engine.Selection{RID: rid, Tags: tags, Subsets: subsets}.Pick(tasks())
		if len(some) > len(all) {
			t.Errorf("%q %q %q picks %d, without subsets %d", rid, tags, subsets, len(some), len(all))
		}
		at := -1
		for _, p := range some {
			i := slices.IndexFunc(tasks(), func(x task.Task) bool { return x.ID == p.Task.ID })
			if i <= at {
				t.Errorf("%q %q %q: %s is out of order", rid, tags, subsets, p.Task.ID)
			}
			at = i
		}
	})
}

func TestMatch(t *testing.T) {
	all := []string{"testmd", "web1", "web2", "prod/db", "prod/web1"}
	tests := []struct{ selector, want string }{
		{"testmd", "testmd"},
		{"web*", "web1 web2"},
		{"*", "testmd web1 web2"},
		{"prod/*", "prod/db prod/web1"},
		{"**", "testmd web1 web2 prod/db prod/web1"},
		{"web1,prod/db", "web1 prod/db"},
		{"web*,web1", "web1 web2"},
		{"**,!prod/*", "testmd web1 web2"},
		{"!web*", "testmd prod/db prod/web1"},
	}
	for _, tt := range tests {
		got, err := engine.Match(tt.selector, all)
		if s := strings.Join(got, " "); err != nil || s != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.selector, s, err, tt.want)
		}
	}
	_, err := engine.Match("tesmd", all)
	if !errors.Is(err, task.ErrNotFound) || !strings.Contains(err.Error(), `did you mean "testmd"?`) {
		t.Errorf("a typo: %v", err)
	}
}
