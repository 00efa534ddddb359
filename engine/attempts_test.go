package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// TestRetryWindow: attempts are made within the window after the slot, and none after it, nor after the deadline or the next slot.
func TestRetryWindow(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nretries = 99\nretry_delay = 5m\nretry_window = 25m\n")
	v.fails["task#0"] = 99
	v.tickAt()
	slot := line.now.Truncate(time.Minute)
	v.minutes(line, 120)
	for _, s := range v.starts {
		if late := s.at.Sub(slot); late > 26*time.Minute || !s.slot.Equal(slot) {
			t.Errorf("attempt %s of %s was made %s after it", s.attempt, s.slot, late)
		}
	}
	_, cursors := v.onRecord()
	if r := cursors[v.starts[0].task].Retry; !r.At.IsZero() {
		t.Errorf("another one is planned: %+v", r)
	}
}

// TestTooLate: the bounds of the time for another attempt.
func TestTooLate(t *testing.T) {
	v, _ := atMinute(t, "[task#0]\ncommand = true\nschedule = cron:0 * * * *\n")
	tasks, _ := v.nexts("s")
	slot := time.Date(2027, 3, 1, 13, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		window, deadline time.Duration
		after            time.Duration
		late             bool
	}{
		{after: 59 * time.Minute},
		{after: time.Hour, late: true}, // the next slot
		{window: 20 * time.Minute, after: 20 * time.Minute},
		{window: 20 * time.Minute, after: 20*time.Minute + 1, late: true},
		{deadline: 20 * time.Minute, after: 25 * time.Minute}, // it counts from the first attempt
		{deadline: 20 * time.Minute, after: 25*time.Minute + 1, late: true},
		{window: 2 * time.Hour, deadline: 2 * time.Hour, after: time.Hour, late: true},
	} {
		tk := tasks[task.ID{Service: "s", RID: "task#0"}]
		tk.Plan.RetryWindow, tk.Plan.Deadline = c.window, c.deadline
		retry := task.Retrying{At: slot.Add(c.after), Slot: slot, Attempt: 2, Since: slot.Add(5 * time.Minute)}
		if late := v.tooLate(&tk, task.Cursor{Task: tk.ID, At: slot, Retry: retry}); late != c.late {
			t.Errorf("%+v: %t", c, late)
		}
	}
}

// TestDeadline: all attempts together have no more time than the deadline, and each no more than its timeout.
func TestDeadline(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nretries = 9\nretry_delay = 1m\ntimeout = 8m\ndeadline = 10m\n")
	v.fails["task#0"], v.last["task#0"] = 9, 3*time.Minute
	v.tickAt()
	v.minutes(line, 60)
	if len(v.jobs) < 2 {
		t.Fatalf("%d attempts", len(v.jobs))
	}
	for i, j := range v.jobs {
		spent := v.starts[i].at.Sub(v.starts[0].at)
		if want := min(8*time.Minute, max(10*time.Minute-spent, time.Second)); j.Timeout != want || spent > 11*time.Minute {
			t.Errorf("attempt %d, %s after the first, has %s, want %s", i+1, spent, j.Timeout, want)
		}
	}
}

// TestPrevious: another attempt knows how the one before ended, also one that is lost.
func TestPrevious(t *testing.T) {
	const daily = "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nretry_delay = 1s\n"
	previous := func(v *virtual) (all []string) {
		for _, j := range v.jobs {
			all = append(all, variable(j, "OM_ATTEMPT")+variable(j, "OM_PREVIOUS"))
		}
		return all
	}
	v, line := atMinute(t, daily+"retries = 2\n")
	v.fails["task#0"] = 2
	v.tickAt()
	v.minutes(line, 5)
	if got := fmt.Sprint(previous(v)); got != "[1 2error 3error]" {
		t.Errorf("retries: %s", got)
	}

	v, line = atMinute(t, daily+"delivery = at-least-once\nidempotent = true\nlost_retry = 1\n")
	v.give = func([]task.Job) error { return nil } // it has them
	o := v.options()
	detach := o.Detach
	o.Detach = func(journals string) (*Hands, error) {
		h, err := detach(journals)
		h.PID, h.PIDStart = 1<<22+1, 1 // and is no more
		return h, err
	}
	if _, err := v.Tick(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	v.give = nil
	v.minutes(line, 5)
	if got := fmt.Sprint(previous(v)); got != "[2lost]" {
		t.Errorf("at least once: %s", got)
	}
}

// TestManualCounts: a run by hand is the last run of the schedule where the task says so, and of no other.
func TestManualCounts(t *testing.T) {
	const every = "command = true\ncwd = /\nlog = none\nschedule = @1h\n"
	v, line := atMinute(t, "[task#0]\nmanual_counts = true\n"+every+"[task#1]\n"+every)
	svc, err := v.Load("s")
	if err != nil {
		t.Fatal(err)
	}
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, before := v.onRecord()
	line.goTo(line.now.Add(20 * time.Minute))
	if _, err := v.Run(t.Context(), "s", Request{Catch: func() (context.Context, error) { return t.Context(), nil }, Origin: task.Manual, Select: Selection{RID: "task#0,task#1"}}); err != nil {
		t.Fatal(err)
	}
	_, after := v.onRecord()
	counts, other := task.ID{Service: "s", RID: "task#0"}, task.ID{Service: "s", RID: "task#1"}
	if c := after[counts]; !c.At.Equal(line.now) || !c.Next.After(before[counts].Next) {
		t.Errorf("it counts: %+v, before %+v", c, before[counts])
	}
	if c := after[other]; !c.At.Equal(before[other].At) || !c.Next.Equal(before[other].Next) {
		t.Errorf("it does not: %+v, before %+v", c, before[other])
	}
	// What began before the last slot that was decided does not turn it back.
	tk, _ := svc.Task("task#0")
	r := &runner{Engine: v.Engine, svc: svc, db: db}
	if err := r.count(t.Context(), &tk, task.Run{StartedAt: line.now.Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, now := v.onRecord(); !now[counts].At.Equal(line.now) {
		t.Errorf("turned back: %+v", now[counts])
	}
}

// TestJitter: the wait before another attempt is a part of the longest, another for each run, and of all sizes.
func TestJitter(t *testing.T) {
	const most = 8 * time.Minute
	var eighths [8]int
	at := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 4000 {
		id := state.NewID(at)
		wait := jitter(id, most)
		if wait < 0 || wait >= most || wait != jitter(id, most) {
			t.Fatalf("run %s waits %s, then %s, of %s", id, wait, jitter(id, most), most)
		}
		eighths[wait/(most/8)]++
	}
	for i, n := range eighths {
		if n < 250 { // of 500
			t.Errorf("%d of 4000 waits are in the %dth eighth: %v", n, i+1, eighths)
		}
	}
	if jitter("x", 0) != 0 {
		t.Error("no wait has a part")
	}
	p := task.Plan{RetryDelay: 30 * time.Second}
	for attempt, want := range map[int]time.Duration{1: 30 * time.Second, 2: time.Minute, 5: 8 * time.Minute, 6: 15 * time.Minute, 99: 15 * time.Minute} {
		if got := p.RetryAfter(attempt); got != want {
			t.Errorf("after attempt %d at most %s, want %s", attempt, got, want)
		}
	}
}

// TestSpread: tasks that are due at once are started over the time that they give, each at the same moment each day.
func TestSpread(t *testing.T) {
	var text strings.Builder
	const n, spread = 200, 15 * time.Minute
	for i := range n {
		fmt.Fprintf(&text, "[task#%d]\ncommand = true\nlog = none\nschedule = 09:00\nspread = 15m\n", i)
	}
	v, _ := atMinute(t, text.String())
	_, cals := v.nexts("s")
	from := time.Date(2027, 3, 2, 0, 0, 0, 0, time.UTC)
	var minutes [15]int
	for id, cal := range cals {
		first, ok := cal.Next(from, from)
		second, _ := cal.Next(first, first)
		late := first.Sub(from.Add(9 * time.Hour))
		if !ok || late < 0 || late >= spread || second.Sub(first) != 24*time.Hour {
			t.Fatalf("%s: at %s, then at %s", id, first, second)
		}
		minutes[late/time.Minute]++
	}
	for i, k := range minutes {
		if k == 0 || k > n/4 {
			t.Errorf("%d of %d are in minute %d: %v", k, n, i, minutes)
		}
	}
}

// TestTickDeadline: a tick that takes longer than it may ends cleanly; the next goes on with what it did not get to, and nothing
// is started twice.
func TestTickDeadline(t *testing.T) {
	var text strings.Builder
	const n = 3 * firstBatch
	for i := range n {
		fmt.Fprintf(&text, "[task#%d]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\n", i)
	}
	v, line := atMinute(t, text.String())
	late := errors.New("it took too long")
	var end context.CancelCauseFunc
	o := v.options()
	o.Begin = func() (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(t.Context())
		end = cancel
		return ctx, func() { cancel(nil) }
	}
	detach := o.Detach
	o.Detach = func(journals string) (*Hands, error) {
		h, err := detach(journals)
		give := h.Give
		h.Give = func(jobs ...task.Job) error { end(late); return give(jobs...) }
		return h, err
	}
	r, err := v.Tick(t.Context(), o)
	if !errors.Is(err, late) || !strings.Contains(err.Error(), "the tick was ended") {
		t.Errorf("the tick said %v", err)
	}
	first := len(v.starts)
	if first == 0 || first == n || len(r.Started) != first {
		t.Errorf("%d of %d were started, %d reported", first, n, len(r.Started))
	}
	v.minutes(line, 2)
	began := map[task.ID]int{}
	for _, s := range v.starts {
		began[s.task]++
	}
	if len(began) != n || len(v.starts) != n {
		t.Errorf("%d of %d tasks were started, %d times", len(began), n, len(v.starts))
	}
	if len(v.running()) > 0 {
		t.Errorf("in progress: %d", len(v.running()))
	}
}

// TestStandby: a node that is not the active one records nothing, says why, and makes up for nothing when the service comes.
func TestStandby(t *testing.T) {
	up := filepath.Join(t.TempDir(), "up")
	v, line := atMinute(t, "[DEFAULT]\nnodes = n1 n2\n[app#0]\ncheck = test -e "+up+"\n[task#0]\ncommand = true\nlog = none\nschedule = cron:* * * * *\ncatchup = all\n")
	id := task.ID{Service: "s", RID: "task#0"}
	v.minutes(line, 5)
	slots, cursors := v.onRecord()
	if len(slots)+len(v.starts) > 0 || line.now.Sub(cursors[id].At) > time.Minute {
		t.Errorf("slots %+v, starts %+v, cursor %+v", slots, v.starts, cursors[id])
	}
	x, err := v.Explain(t.Context(), "s", "task#0", line.now.Add(time.Minute))
	if err != nil || x.Run || !strings.Contains(x.Verdict, "not active") {
		t.Errorf("explained: %+v, %v", x, err)
	}
	if err := os.WriteFile(up, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 2) // the first slot may have run where it came from
	slots, _ = v.onRecord()
	if s := slots[id]; len(v.starts) != 1 || len(s) != 2 || s[0].Decision != task.SlotMissed || s[0].Count != 1 || s[1].Decision != task.SlotRun {
		t.Errorf("slots %+v, starts %+v", slots, v.starts)
	}
}
