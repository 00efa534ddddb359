package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/notice"
	"om/service"
	"om/state"
	"om/task"
)

// teller is an engine of a node with one service, and what it leaves in its spool.
type teller struct {
	*Engine

	t   *testing.T
	db  *state.DB
	now time.Time
}

func newTeller(t *testing.T, conf string) *teller {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "web.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	w := &teller{t: t, now: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)}
	w.Engine = &Engine{
		ConfigDir: dir, StateDir: filepath.Join(dir, "state"), Node: service.Node{Name: "n1"}, Now: func() time.Time { return w.now },
		EUID: os.Geteuid(), Users: &task.Users{}, Untold: func(id task.ID, err error) { t.Errorf("%s: %v", id, err) },
	}
	db, err := w.NodeRecord(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	w.db = db
	return w
}

// end records a run of task#0 that ended, and returns it.
func (w *teller) end(st task.RunState, slot time.Time, attempt int) task.Run {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	run := task.Run{
		ID: state.NewID(w.now), Task: task.ID{Service: "web", RID: "task#0"}, Origin: task.Scheduled, State: st, Attempt: attempt,
		Slot: slot, Node: "n1", QueuedAt: w.now, StartedAt: w.now, EndedAt: w.now, ExitCode: map[bool]int{true: 0, false: 3}[st == task.Complete],
	}
	if err := w.db.Insert(context.Background(), run); err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *teller) after(run task.Run) {
	w.t.Helper()
	if err := w.afterRun(context.Background(), w.db, &services{Engine: w.Engine}, run); err != nil {
		w.t.Fatal(err)
	}
}

// take empties the spool, and lists what was in it.
func (w *teller) take() string {
	w.t.Helper()
	s := &notice.Spool{Dir: w.Spool()}
	names, err := s.Names()
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		e, err := s.Read(name)
		if err != nil {
			w.t.Fatal(err)
		}
		text := e.Event.Type
		if f := e.Event.Streak; f != nil {
			text += fmt.Sprint(" ", f.Runs)
		}
		all = append(all, fmt.Sprint(text, " ", len(e.Targets)))
		if err := s.Remove(name); err != nil {
			w.t.Fatal(err)
		}
	}
	return strings.Join(all, ", ")
}

func (w *teller) want(what string) {
	w.t.Helper()
	if got := w.take(); got != what {
		w.t.Errorf("got %q, want %q", got, what)
	}
}

// TestToldOnce: an end that is entered again, after others too, is not told again.
func TestToldOnce(t *testing.T) {
	w := newTeller(t, "[task#0]\ncommand = x\nnotify_mail = ops@example.com\nping = https://hc.example.com/x\n")
	var runs []task.Run
	for _, c := range []struct {
		state task.RunState
		want  string
	}{
		{task.Complete, "ok 1"},
		{task.Failed, "failed 1 2"},
		{task.TimedOut, "timeout 2 1"}, // the ping alone
		{task.Lost, "lost 3 2"},
		{task.Cancelled, "cancelled 3 1"},
		{task.Complete, "recovered 3 2"},
		{task.Complete, "ok 1"},
	} {
		run := w.end(c.state, time.Time{}, 1)
		runs = append(runs, run)
		w.after(run)
		w.want(c.want)
		for _, earlier := range runs {
			w.after(earlier)
		}
		w.want("")
	}
}

// TestToldAgainAfterCrash: where the process died before it could remember that it had left the event, the
// same event is left, and a receiver can tell.
func TestToldAgainAfterCrash(t *testing.T) {
	w := newTeller(t, "[task#0]\ncommand = x\nnotify_mail = ops@example.com\n")
	run := w.end(task.Failed, time.Time{}, 1)
	w.after(run)
	before, _ := (&notice.Spool{Dir: w.Spool()}).Names()
	if err := w.db.SetFact(context.Background(), "notify web/task#0", ""); err != nil {
		t.Fatal(err)
	}
	w.after(run)
	after, _ := (&notice.Spool{Dir: w.Spool()}).Names()
	if len(before) != 1 || len(after) != 1 || before[0] != after[0] {
		t.Errorf("got %q, then %q", before, after)
	}
}

// TestToldForTheRun: attempts that are followed by another are not told, however often their end is entered;
// the last one is, once.
func TestToldForTheRun(t *testing.T) {
	w := newTeller(t, "[task#0]\ncommand = x\nschedule = 10:00\nretries = 2\nnotify_mail = ops@example.com\nping = https://hc.example.com/x\n")
	slot := w.now
	id := task.ID{Service: "web", RID: "task#0"}
	err := w.db.Place(context.Background(), map[string][]task.Cursor{"web": {{Task: id, At: slot, Next: slot.AddDate(0, 0, 1), Digest: "x", Runs: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	var runs []task.Run
	for attempt := 1; attempt <= 3; attempt++ {
		run := w.end(task.Failed, slot, attempt)
		runs = append(runs, run)
		w.after(run)
		for _, earlier := range runs[:attempt-1] {
			w.after(earlier)
		}
		if attempt < 3 {
			w.after(run)
			w.want("")
			w.takeAttempt()
			continue
		}
		w.want("failed 1 2")
		w.after(run)
		w.want("")
	}
}

// TestToldWhenGivenUp: an attempt that was planned and does not come makes the one before it the last.
func TestToldWhenGivenUp(t *testing.T) {
	w := newTeller(t, "[task#0]\ncommand = x\nschedule = 10:00\nretries = 2\nnotify_mail = ops@example.com\n")
	svc, err := w.Load("web")
	if err != nil {
		t.Fatal(err)
	}
	slot := w.now
	w.end(task.Failed, slot, 1)
	s := &scheduler{Engine: w.Engine, report: &TickReport{}, now: w.now}
	planned := task.Retrying{At: w.now.Add(time.Minute), Slot: slot, Attempt: 2}
	for _, c := range []struct {
		name    string
		after   task.Retrying
		started task.Run
		want    string
	}{
		{"it still waits", planned, task.Run{}, ""},
		{"it was started", task.Retrying{}, task.Run{ID: "x", Slot: slot, Attempt: 2}, ""},
		{"the next slot came", task.Retrying{}, task.Run{ID: "x", Slot: slot.AddDate(0, 0, 1), Attempt: 1}, "failed 1 1"},
		{"told already", task.Retrying{}, task.Run{}, ""},
	} {
		v := &view{scheduler: s, l: &looked{svc: svc, db: w.db}, t: svc.Tasks[0], before: task.Cursor{Retry: planned}, after: task.Cursor{Retry: c.after}}
		s.tellGivenUp(context.Background(), v, c.started)
		if got := w.take(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// takeAttempt takes the attempt that was planned, as a tick does.
func (w *teller) takeAttempt() {
	w.t.Helper()
	cursors, err := w.db.Cursors(context.Background(), "web")
	if err != nil || len(cursors) != 1 || cursors[0].Retry.At.IsZero() {
		w.t.Fatalf("no attempt is planned: %+v, %v", cursors, err)
	}
	after := cursors[0]
	after.Retry = task.Retrying{}
	if _, err := w.db.Decide(context.Background(), []state.Turn{{Before: cursors[0], After: after}}, w.alive); err != nil {
		w.t.Fatal(err)
	}
}

// TestToldOfSlots: slots that were missed, and skipped ones where they are asked for.
func TestToldOfSlots(t *testing.T) {
	w := newTeller(t, "[task#0]\ncommand = x\nnotify_mail = ops@example.com\n[task#1]\ncommand = x\nnotify_mail = ops@example.com\nnotify_on = skipped\n")
	svc, err := w.Load("web")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"missed 1", "skipped 1, skipped 1"} {
		tk := &svc.Tasks[i]
		var slots []task.Slot
		for j, d := range []task.SlotDecision{task.SlotRun, task.SlotMissed, task.SlotSkip, task.SlotExpired, task.SlotPending} {
			at := w.now.Add(time.Duration(j) * time.Hour)
			slots = append(slots, task.Slot{Task: tk.ID, At: at, Last: at, Count: 1, Decision: d, Reason: "because"})
		}
		w.tellSlots(tk, slots, w.now)
		w.want(want)
	}
}

// TestSpoolThatFails: a spool that can't be written is told, and changes nothing for the run.
func TestSpoolThatFails(t *testing.T) {
	w := newTeller(t, "[task#0]\ncommand = x\nnotify_mail = ops@example.com\n")
	var untold []error
	w.Untold = func(_ task.ID, err error) { untold = append(untold, err) }
	if err := os.WriteFile(w.Spool(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.after(w.end(task.Failed, time.Time{}, 1))
	if len(untold) != 1 {
		t.Errorf("got %v", untold)
	}
}

// TestDrain: a tick starts the program that tells, where there is something to tell.
func TestDrain(t *testing.T) {
	w := newTeller(t, "[task#0]\ncommand = x\nnotify_mail = ops@example.com\n")
	mark := filepath.Join(t.TempDir(), "mark")
	line := []string{"/bin/sh", "-c", "echo started >" + mark}
	if err := w.drain(line); err != nil {
		t.Fatal(err)
	}
	w.after(w.end(task.Failed, time.Time{}, 1))
	if err := w.drain(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("it is started for nothing")
	}
	if err := w.drain(line); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if _, err := os.Stat(mark); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it was not started")
}

// told lists what is in the spool, and empties it.
func (h *hall) told() (all []notice.Event) {
	h.Helper()
	s := &notice.Spool{Dir: h.Spool()}
	names, err := s.Names()
	if err != nil {
		h.Fatal(err)
	}
	for _, name := range names {
		e, err := s.Read(name)
		if err = errors.Join(err, s.Remove(name)); err != nil {
			h.Fatal(err)
		}
		all = append(all, e.Event)
	}
	return all
}

// TestToldOfNode: whom [notify] of node.conf names is told of files that have errors, once for each change of them, and of a
// clock that is set, with the tasks that were ahead of it. Tasks and their own words do not change that.
func TestToldOfNode(t *testing.T) {
	h := newHall(t, map[string]string{
		"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = cron:0 * * * *\nnotify_on = none\n",
		"b.conf": "[task#0\n",
	})
	h.Untold = func(id task.ID, err error) { t.Errorf("%s: %v", id, err) }
	h.Node.Notify = &task.Notify{On: task.ToldOfNode, Mail: "ops@example.com"}
	h.tick(0)
	all := h.told()
	if len(all) != 1 || all[0].Type != task.EventRejected || all[0].Service != "b" || !strings.Contains(all[0].Reason, "what is right in it is scheduled") {
		t.Fatalf("told %+v", all)
	}
	h.tick(time.Minute)
	if all := h.told(); len(all) > 0 {
		t.Errorf("told again: %+v", all)
	}
	stands := h.sinceBoot()
	h.sinceBoot = func() time.Duration { return stands } // so the clock is set
	h.tick(3 * time.Hour)
	forward := h.told()
	if len(forward) != 1 || forward[0].Type != task.EventClock || !strings.HasPrefix(forward[0].Summary, "clock-corrected: the clock was set forward by 3h") || len(forward[0].Tasks) > 0 {
		t.Errorf("told %+v", forward)
	}
	h.tick(-3 * time.Hour)
	back := h.told()
	if len(back) != 1 || back[0].Type != task.EventClock || fmt.Sprint(back[0].Tasks) != "[a/task#0]" || back[0].ID == forward[0].ID {
		t.Errorf("told %+v", back)
	}

	l := &loop{Engine: h.Engine}
	for _, reason := range []string{"one", "one", "two", "one"} {
		h.now = h.now.Add(time.Second)
		l.tellNodeConf(errors.New(reason))
	}
	if all := h.told(); len(all) != 3 || all[0].Service != "" || all[0].Reason != "one (the settings of before stay)" {
		t.Errorf("told %+v", all)
	}
	h.Node.Notify.On = "failed"
	l.tellNodeConf(errors.New("three"))
	h.Node.Notify = nil
	l.tellNodeConf(errors.New("four"))
	if all := h.told(); len(all) > 0 {
		t.Errorf("told %+v", all)
	}
}

// TestToldLate: a run that begins when its slot is not on time any more is told of, once, where that is asked for.
func TestToldLate(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[DEFAULT]\nnotify_mail = ops@example.com\n" +
		"[task#0]\ncommand = true\ncwd = /\nschedule = cron:0 * * * *\nnotify_on = late-start\n" +
		"[task#1]\ncommand = true\ncwd = /\nschedule = cron:0 * * * *\n"})
	h.tick(0)
	if n := len(h.tick(time.Hour).Started); n != 2 { // 30 s late
		t.Fatalf("%d runs", n)
	}
	if all := h.told(); len(all) > 0 {
		t.Errorf("on time, told %+v", all)
	}
	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runs, err := db.Running(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		h.end(run, task.Complete, 0, 0)
	}
	h.tick(70 * time.Minute)
	all := h.told()
	if len(all) != 1 || all[0].Type != task.EventLate || all[0].Task != "task#0" || !strings.Contains(all[0].Summary, "late-start: 10m30s after its slot of 2056-") {
		t.Errorf("told %+v", all)
	}
}

// TestToldLong: a run that goes on for longer than its task says is told of, once.
func TestToldLong(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[DEFAULT]\nnotify_mail = ops@example.com\nnotify_on = none\n" +
		"[task#0]\ncommand = true\ncwd = /\nschedule = cron:0 * * * *\nnotify_long = 10m\noverlap = allow\n" +
		"[task#1]\ncommand = true\ncwd = /\nschedule = cron:0 * * * *\n"})
	h.Untold = func(id task.ID, err error) { t.Errorf("%s: %v", id, err) }
	h.tick(0)
	first := h.tick(time.Hour).Started
	if len(first) != 2 {
		t.Fatalf("started %+v", first)
	}
	h.tick(10 * time.Minute)
	if all := h.told(); len(all) > 0 {
		t.Errorf("told %+v", all)
	}
	h.tick(time.Minute)
	all := h.told()
	if len(all) != 1 || all[0].Type != task.EventLong || all[0].Task != "task#0" || !strings.HasSuffix(all[0].Summary, "goes on for 11m0s") || all[0].Run.Seconds != nil {
		t.Errorf("told %+v", all)
	}
	h.tick(time.Minute)
	if again := h.told(); len(again) > 0 {
		t.Errorf("told again: %+v", again)
	}
	h.tick(time.Hour) // another begins beside it
	h.tick(20 * time.Minute)
	if again := h.told(); len(again) != 1 || again[0].Run.ID == all[0].Run.ID {
		t.Errorf("told %+v", again)
	}
}

// TestToldSkippedTooLong: a task that has slots and no run for longer than it says is told of, once until renotify, and anew after
// a run.
func TestToldSkippedTooLong(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[DEFAULT]\nnotify_mail = ops@example.com\nnotify_on = none\n" +
		"[task#0]\ncommand = true\ncwd = /\nschedule = cron:0 * * * *\nnotify_skipped = 2h\nrenotify = 6h\n"})
	h.Untold = func(id task.ID, err error) { t.Errorf("%s: %v", id, err) }
	h.By = "test"
	h.tick(0)
	for round := range 2 {
		if err := h.Freeze(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		var told []string
		for hour := range 10 {
			h.tick(time.Hour)
			for _, e := range h.told() {
				told = append(told, fmt.Sprint(hour, " ", e.Type, " ", e.Slots.Count, " ", e.Slots.Last.Sub(e.Slots.First)))
			}
		}
		if got := fmt.Sprint(told); got != "[2 skipped-too-long 3 2h0m0s 8 skipped-too-long 9 8h0m0s]" {
			t.Errorf("round %d: told %s", round, got)
		}
		if err := h.Thaw(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		for _, run := range h.tick(time.Hour).Started {
			h.end(run, task.Complete, 0, 0)
		}
	}
}

// TestToldWhen: an event says when people may be told of it: the quiet hours of its task or of the node, unless it is urgent.
func TestToldWhen(t *testing.T) {
	w := newTeller(t, "[task#0]\ncommand = x\ntimezone = Asia/Tokyo\nnotify_mail = ops@example.com\nnotify_quiet = 22:00-06:00\nnotify_urgent = timeout\nnotify_group = 1m\n")
	w.Node.Notify = &task.Notify{Mail: "ops@example.com", On: task.ToldOfNode, Quiet: "* sat UTC", Urgent: task.EventClock}
	w.after(w.end(task.Failed, w.now, 1))
	w.after(w.end(task.Complete, w.now, 1))
	w.after(w.end(task.TimedOut, w.now, 1))
	w.tellNode(task.EventRejected, "web", "line 1", nil, w.Now())
	w.tellNode(task.EventClock, "", "it was set", nil, w.Now())
	s := &notice.Spool{Dir: w.Spool()}
	got := map[string]notice.Wait{}
	names, _ := s.Names()
	for _, name := range names {
		e, err := s.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		got[e.Event.Type] = e.Wait
	}
	want := map[string]notice.Wait{
		task.EventFailed: {Quiet: "22:00-06:00 Asia/Tokyo", Group: time.Minute}, task.EventTimeout: {Group: time.Minute},
		task.EventRecovered: {Quiet: "22:00-06:00 Asia/Tokyo", Group: time.Minute}, task.EventRejected: {Quiet: "* sat UTC"}, task.EventClock: {},
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
