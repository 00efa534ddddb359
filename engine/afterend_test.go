package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

const every20s = "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = every 20s after end\n"

// seenNow is a virtual node whose service has been seen just now.
func seenNow(t *testing.T, text string) (*virtual, *timeline) {
	t.Helper()
	v := newVirtual(t, map[string]string{"s": text})
	line := &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	v.Now, v.after, v.sinceBoot = func() time.Time { return line.now }, line.after, line.up
	v.tickAt()
	return v, line
}

// seconds ticks each second.
func (v *virtual) seconds(line *timeline, n int) {
	v.Helper()
	for range n {
		line.goTo(line.now.Add(time.Second))
		v.tickAt()
	}
}

// startsAfter are the seconds from a moment to each start.
func (v *virtual) startsAfter(from time.Time) (all []int) {
	for _, s := range v.starts {
		all = append(all, int(s.at.Sub(from)/time.Second))
	}
	return all
}

// TestAfterEnd: the pause is counted from the end of each run, and nothing is due while one goes on, in the node's record and
// in a service's own.
func TestAfterEnd(t *testing.T) {
	for _, c := range []struct {
		name, text string
		last       time.Duration
		want       []int
	}{
		{"short", "", 5 * time.Second, []int{20, 45, 70, 95, 120}},
		{"longer than the pause", "", 33 * time.Second, []int{20, 73, 126}},
		{"overlap", "overlap = queue-one\n", 33 * time.Second, []int{20, 73, 126}},
		{"part of a second", "", 4500 * time.Millisecond, []int{20, 45, 70, 95, 120}},
		{"no time", "", 0, []int{20, 40, 60, 80, 100, 120}},
	} {
		for _, own := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s-%v", c.name, own), func(t *testing.T) {
				var v *virtual
				var line *timeline
				if own {
					v, line, _ = withOwnRecord(t, every20s+c.text)
				} else {
					v, line = seenNow(t, every20s+c.text)
				}
				v.last["task#0"] = c.last
				begin := line.now
				v.seconds(line, 126)
				if got := v.startsAfter(begin); !slices.Equal(got, c.want) {
					t.Errorf("started after %v seconds, want %v", got, c.want)
				}
				slots, err := v.Slots(t.Context(), "s", state.Query{})
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range slots {
					if s.Decision != task.SlotRun {
						t.Errorf("slot %s: %s: %s", s.At, s.Decision, s.Reason)
					}
				}
			})
		}
	}
}

// TestAfterEndRetries: the pause begins with the end of the last attempt, and leaves room for one.
func TestAfterEndRetries(t *testing.T) {
	v, line := seenNow(t, every20s+"retries = 1\nretry_delay = 1s\n")
	v.last["task#0"], v.fails["task#0"] = 31*time.Second, 1
	begin := line.now
	v.seconds(line, 180)
	got := v.startsAfter(begin)
	if len(v.starts) < 4 || v.starts[1].attempt != "2" || v.starts[3].attempt != "2" {
		t.Fatalf("%+v", v.starts)
	}
	if got[2]-got[1] != 51 {
		t.Errorf("started after %v seconds: 51 are between an attempt and the next slot", got)
	}
}

// TestAfterEndOfTheLost: a run whose supervisor died ended when it was found.
func TestAfterEndOfTheLost(t *testing.T) {
	v, line := seenNow(t, every20s)
	v.give = func([]task.Job) error { return nil } // it has them, and writes no end
	v.seconds(line, 30)
	journals, _ := filepath.Glob(filepath.Join(v.journals(), "*.jsonl"))
	for _, path := range journals {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(v.running()); n != 1 {
		t.Fatalf("%d runs in progress", n)
	}
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(25 * time.Second))
	found := line.now
	if lost, err := db.Recover(t.Context(), func(task.Run) bool { return false }); err != nil || len(lost) != 1 {
		t.Fatalf("%v, %v", lost, err)
	}
	runs, err := db.Runs(t.Context(), state.Query{})
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	found = wholeSecond(later(found, runs[0].EndedAt))
	line.goTo(later(line.now, found))
	v.give = nil
	v.seconds(line, 25)
	if got := v.startsAfter(found); !slices.Equal(got, []int{20}) {
		t.Errorf("started %v seconds after it was found", got)
	}
}

// TestAfterEndByHand: a run by hand keeps the schedule waiting, and counts where manual_counts says so.
func TestAfterEndByHand(t *testing.T) {
	for text, want := range map[string][]int{"": {20, 40, 60}, "manual_counts = true\n": {35, 55}} {
		v, line := seenNow(t, every20s+text)
		begin := line.now
		v.seconds(line, 14)
		db, err := v.NodeRecord(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		run := task.Run{
			ID: state.NewID(line.now), Task: task.ID{Service: "s", RID: "task#0"}, Origin: task.Manual, State: task.Complete, Attempt: 1,
			QueuedAt: line.now, StartedAt: line.now, EndedAt: line.now.Add(time.Second), ExitCode: 0,
		}
		if err := db.Insert(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		v.seconds(line, 46)
		if got := v.startsAfter(begin); !slices.Equal(got, want) {
			t.Errorf("%q: started after %v seconds, want %v", text, got, want)
		}
	}
}

// TestAfterEndIsTold: who asks is told of the end of the run, before and after a tick has seen it.
func TestAfterEndIsTold(t *testing.T) {
	v, line := seenNow(t, every20s)
	v.last["task#0"] = 5 * time.Second
	begin := line.now
	v.seconds(line, 20)
	told := func() (Planned, string) {
		t.Helper()
		all, err := v.Schedules(t.Context(), "s", Selection{})
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		x, err := v.Explain(t.Context(), "s", "task#0", line.now)
		if err != nil {
			t.Fatal(err)
		}
		if !x.Next.Equal(all[0].Next) {
			t.Errorf("next: %s and %s", x.Next, all[0].Next)
		}
		return all[0], x.Checks[1].Detail
	}
	if p, why := told(); !p.Next.IsZero() || !strings.Contains(p.Why, afterRunText) || why != afterRunText {
		t.Errorf("while it runs: next %s, %q, %q", p.Next, p.Why, why)
	}
	line.goTo(begin.Add(27 * time.Second))
	if p, why := told(); !p.Next.IsZero() && !p.Next.Equal(begin.Add(45*time.Second)) {
		t.Errorf("before its end is on record: next %s, %q", p.Next, why)
	}
	v.tickAt()
	if p, why := told(); !p.Next.Equal(begin.Add(45*time.Second)) || p.Why != "" || !strings.HasPrefix(why, "no slot since "+begin.Add(25*time.Second).Format(time.RFC3339)) {
		t.Errorf("when it has ended: next %s, %q, %q", p.Next, p.Why, why)
	}
}
