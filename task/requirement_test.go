package task_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"om/task"
)

func TestParseRequires(t *testing.T) {
	up := []task.Status{task.Up, task.StdbyUp}
	tests := []struct {
		text string
		want []task.Requirement
	}{
		{"", nil},
		{" \t\n", nil},
		{"fs#0", []task.Requirement{{Subject: "fs#0", States: up}}},
		{"fs#0 app#1(down, stdby down)", []task.Requirement{
			{Subject: "fs#0", States: up},
			{Subject: "app#1", States: []task.Status{task.Down, task.StdbyDown}},
		}},
		{"  fs#0\n\tip#1  ", []task.Requirement{{Subject: "fs#0", States: up}, {Subject: "ip#1", States: up}}},
		{"fs#0 (up)", []task.Requirement{{Subject: "fs#0", States: []task.Status{task.Up}}}},
		{"fs#0(n/a)", []task.Requirement{{Subject: "fs#0", States: []task.Status{task.NA}}}},
		{"fs#0(up,stdby\tup)", []task.Requirement{{Subject: "fs#0", States: up}}},
		{"fs#0( warn ,undef )", []task.Requirement{{Subject: "fs#0", States: []task.Status{task.Warn, task.Undef}}}},
		{"avail(up) overall(warn)", []task.Requirement{
			{Subject: "avail", States: []task.Status{task.Up}},
			{Subject: "overall", States: []task.Status{task.Warn}},
		}},
		{"impossible", []task.Requirement{{Subject: "impossible", States: up, Impossible: true}}},
		{"fs#0(up) fs#0(down)", []task.Requirement{ // both hold or none: twice is not a replacement
			{Subject: "fs#0", States: []task.Status{task.Up}},
			{Subject: "fs#0", States: []task.Status{task.Down}},
		}},
	}
	for _, tt := range tests {
		got, err := task.ParseRequires(tt.text)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%q: %v\n%s", tt.text, err, cmp.Diff(tt.want, got))
		}
	}
}

func TestParseRequiresRefuses(t *testing.T) {
	tests := []struct{ text, quoted, wanted string }{
		{"app", `"app"`, "a resource id"},
		{"#0", `"#0"`, "a resource id"},
		{"fs#0#1", `"fs#0#1"`, "a resource id"},
		{"fs#0(foo)", `"foo"`, "one of undef, n/a, up"},
		{"fs#0(UP)", `"UP"`, "one of"},
		{"fs#0()", `""`, "one of"},
		{"fs#0(up,)", `""`, "one of"},
		{"fs#0(stdby)", `"stdby"`, "one of"},
		{"fs#0(stdbyup)", `"stdbyup"`, "one of"},
		{"fs#0(up", `"fs#0(up"`, `")"`},
		{"fs#0(up)app#1", `"fs#0(up)app#1"`, "white space"},
		{"fs#0(up))", `"fs#0(up))"`, "white space"},
		{"fs#0 up)", `"up)"`, "a resource id"},
		{"(up)", `""`, "a resource id"},
		{"impossible(up)", `"impossible(up)"`, "alone"},
		{"Avail(up)", `"Avail"`, "a resource id"},
	}
	for _, tt := range tests {
		_, err := task.ParseRequires(tt.text)
		if !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%q: error %v, want one of kind invalid", tt.text, err)
			continue
		}
		if !strings.Contains(err.Error(), tt.quoted) || !strings.Contains(err.Error(), tt.wanted) {
			t.Errorf("%q: error %q, want it to quote %s and to ask for %s", tt.text, err, tt.quoted, tt.wanted)
		}
	}
}

// TestMetIsExact: no state stands for another.
func TestMetIsExact(t *testing.T) {
	for _, wanted := range shown() {
		r := task.Requirement{Subject: "fs#0", States: []task.Status{wanted}}
		for _, seen := range shown() {
			if got := r.Met(seen); got != (wanted == seen) {
				t.Errorf("%s: seen %s: met %t", r, seen, got)
			}
		}
	}
	never := task.Requirement{Impossible: true, States: shown()}
	for _, seen := range shown() {
		if never.Met(seen) {
			t.Errorf("impossible is met by %s", seen)
		}
	}
}

// FuzzParseRequires: what is accepted reads back from its canonical text as the same value, and that
// text is its own canonical text; each subject is one that may exist and has at least one state.
func FuzzParseRequires(f *testing.F) {
	for _, seed := range []string{
		"", "fs#0", "fs#0 app#1(down, stdby down)", "avail(up) overall(n/a,undef)", "impossible",
		"fs#0(up)app#1", "app#st(foo)", "a#b (warn)\n\tc#d", "fs#0(stdby  up)", "fs#0((up)", "é#ü(up)", "a#b\u0085 c#d", "a#b\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := task.ParseRequires(text)
		if err != nil {
			if !errors.Is(err, task.ErrInvalid) || got != nil {
				t.Fatalf("%q: %v and error %v", text, got, err)
			}
			return
		}
		canonical := requiresText(got)
		back, err := task.ParseRequires(canonical)
		if err != nil || !cmp.Equal(got, back) {
			t.Fatalf("%q: its canonical text %q reads as %v, %v", text, canonical, back, err)
		}
		for _, r := range got {
			if len(r.States) == 0 || !isSubject(r.Subject) {
				t.Fatalf("%q: accepted %+v", text, r)
			}
		}
	})
}

func isSubject(s string) bool {
	_, _, isRID := task.SplitRID(s)
	return isRID || s == "avail" || s == "overall" || s == "impossible"
}

func requiresText(rs []task.Requirement) string {
	words := make([]string, len(rs))
	for i, r := range rs {
		words[i] = r.String()
	}
	return strings.Join(words, " ")
}

// TestLost: a run in progress loses what is seen to be in another state, and nothing that could not be seen.
func TestLost(t *testing.T) {
	reqs, err := task.ParseRequires("fs#0 app#1(up,warn) impossible")
	if err != nil {
		t.Fatal(err)
	}
	up := task.Seen{Known: true, Status: task.Up}
	for _, c := range []struct {
		name    string
		fs, app task.Seen
		want    string
	}{
		{"all hold", up, up, ""},
		{"the first is lost", task.Seen{Known: true, Status: task.Down}, up, "requirement lost: fs#0 is down"},
		{"the second is", up, task.Seen{Known: true, Status: task.Down, Detail: "no process"}, "requirement lost: app#1 is down (no process)"},
		{"another state", task.Seen{Known: true, Status: task.Warn}, up, "requirement lost: fs#0 is warn"},
		{"gone from the file", task.Seen{}, up, ""},
		{"not seen", task.Seen{Known: true, Status: task.Undef, Blind: true}, up, ""},
		{"a part not seen", task.Seen{Known: true, Status: task.Warn, Blind: true}, up, ""},
		{"undef", task.Seen{Known: true, Status: task.Undef}, up, ""},
	} {
		one := task.Task{Requires: reqs}
		if got := one.Lost([]task.Seen{c.fs, c.app}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if one.Watched() {
			t.Errorf("%s: it is watched, and did not ask for that", c.name)
		}
	}
}
