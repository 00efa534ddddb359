package engine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// holds names the runs that hold locks, by the name of the lock.
func (h *hall) holds() string {
	h.Helper()
	db, err := h.NodeRecord(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	all, err := db.Holds(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	var words []string
	for _, hold := range all {
		words = append(words, hold.Name+" "+hold.Run.Task.String())
	}
	return strings.Join(words, ", ")
}

// TestLocksOfWhatDoesNotBegin: a run that could not begin holds nothing, also where its record is the service's own.
func TestLocksOfWhatDoesNotBegin(t *testing.T) {
	broken := "[task#0]\ncommand = true\nuser = no-such-user\nschedule = *:00\nlock = tape\n"
	h := newHall(t, map[string]string{"a.conf": broken})
	h.write("b.conf", "[DEFAULT]\nstate = "+filepath.Join(h.StateDir, "b", "om.db")+"\n"+broken)
	h.write("c.conf", "[task#0]\ncommand = true\nschedule = *:10\ncatchup = none\nlock = tape\n")
	if err := h.InitState(h.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	h.tick(0)
	if r := h.tick(time.Hour); len(r.Started) != 2 || r.Started[0].State != task.Failed || r.Started[1].State != task.Failed {
		t.Errorf("%+v, want two runs that failed", r)
	}
	if got := h.holds(); got != "" {
		t.Errorf("held: %s", got)
	}
	r := h.tick(10 * time.Minute)
	if got := h.holds(); len(r.Started) != 1 || got != "tape c/task#0" {
		t.Errorf("started %+v, held: %s", r.Started, got)
	}
	h.end(r.Started[0], task.Complete, 0, time.Minute)
	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if left, err := h.heldLocks(t.Context(), []task.Lock{{Name: "tape", Places: 1}}); err != nil || len(left) > 0 {
		t.Errorf("a run that has ended holds %v, %v", left, err)
	}
	if err := h.afterRun(t.Context(), db, &services{Engine: h.Engine}, ended(r.Started[0], task.Outcome{State: task.Complete})); err != nil {
		t.Fatal(err)
	}
	if got := h.holds(); got != "" {
		t.Errorf("still listed: %s", got)
	}
}

// TestLocksWithoutSupervisor: what can't be handed over, or is put off, gives its locks back, and starts later.
func TestLocksWithoutSupervisor(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\nlock = tape\n"})
	h.tick(0)
	h.now = h.now.Add(time.Hour)
	start := startOf(t)
	given := 0
	refuse := TickOptions{Period: time.Minute, Detach: func(string) (*Hands, error) {
		return &Hands{os.Getpid(), start, func(...task.Job) error { given++; return errors.New("full") }, func() error { return nil }}, nil
	}}
	if _, err := h.Tick(h.Context(), refuse); err == nil || given != 1 {
		t.Errorf("%v, %d given", err, given)
	}
	if got := h.holds(); got != "" {
		t.Errorf("what the supervisor refused holds %s", got)
	}

	s, err := h.scheduler(t.Context(), refuse, &TickReport{})
	if err != nil {
		t.Fatal(err)
	}
	svc, err := h.Load("a")
	if err != nil {
		t.Fatal(err)
	}
	tsk, _ := svc.Task("task#0")
	v := &view{scheduler: s, l: &looked{svc: svc, db: s.node}, t: tsk}
	run := task.Run{ID: state.NewID(h.now), Task: tsk.ID}
	if blocked, err := v.lock(t.Context(), run); err != nil || blocked != nil || h.holds() != "tape a/task#0" {
		t.Fatalf("blocked by %v, %v; held: %s", blocked, err, h.holds())
	}
	v.run = &run
	v.putOff(t.Context(), errors.New("the record is full"))
	if s.outcome(t.Context(), v, state.Taken{}) || h.holds() != "" {
		t.Errorf("what was put off holds %s", h.holds())
	}
}

// TestLocksGivenBackLater: what can't be given back now is the next time.
func TestLocksGivenBackLater(t *testing.T) {
	h := newHall(t, nil)
	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := task.Run{ID: state.NewID(h.now), Task: task.ID{Service: "a", RID: "task#0"}, PID: os.Getpid(), PIDStart: startOf(t)}
	if by, err := db.Hold(t.Context(), run, []task.Lock{{Name: "tape", Places: 1}}, nil); err != nil || by != nil {
		t.Fatal(by, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	h.unlock(t.Context(), run.ID)
	h.Close() // the record is opened again
	if got := h.holds(); got != "tape a/task#0" {
		t.Fatalf("held: %s", got)
	}
	h.tick(0)
	if got := h.holds(); got != "" {
		t.Errorf("held: %s", got)
	}
}

// What a tick took of a lock before it was killed, and claimed nothing, is free again, though its supervisor goes on.
func TestLockOfARunThatNeverCame(t *testing.T) {
	v, _ := atMinute(t, everyMinute+"lock = tape\n[task#1]\ncommand = true\n")
	if err := os.MkdirAll(v.journals(), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := v.options().Detach(v.journals()); err != nil { // this process is a supervisor
		t.Fatal(err)
	}
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	never := task.Run{ID: "01a21318-7e6a-74ee-92b5-ecb2193db69e", Task: task.ID{Service: "s", RID: "task#1"}, PID: os.Getpid()}
	if never.PIDStart, err = state.ProcessStart(never.PID); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Hold(t.Context(), never, []task.Lock{{Name: "tape", Places: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	if r := v.tickAt(); len(r.Started) != 1 {
		t.Errorf("started %+v, decided %+v", r.Started, r.Slots)
	}
}

// Two tasks that are due at once share a lock: the second does not take it for one that was left.
func TestLockOfTheSameTick(t *testing.T) {
	v, _ := atMinute(t, everyMinute+"lock = tape\n"+strings.ReplaceAll(everyMinute, "task#0", "task#1")+"lock = tape\n")
	if r := v.tickAt(); len(r.Started) != 1 || len(r.Slots) != 1 || !strings.Contains(r.Slots[0].Reason, "lock tape is held") {
		t.Errorf("started %+v, decided %+v", r.Started, r.Slots)
	}
}

// Locks are held by the supervisor that the run has, also where another one died after they were taken for it.
func TestLockOfASupervisorThatDies(t *testing.T) {
	v, _ := atMinute(t, everyMinute+"lock = tape\n"+strings.ReplaceAll(everyMinute, "task#0", "task#1")+"lock = tape\n")
	var all []*exec.Cmd
	o := v.options()
	o.Detach = func(string) (*Hands, error) {
		c := exec.Command("sleep", "60")
		if err := c.Start(); err != nil {
			return nil, err
		}
		all = append(all, c)
		began, err := state.ProcessStart(c.Process.Pid)
		return &Hands{c.Process.Pid, began, func(...task.Job) error { return nil }, func() error { return nil }}, err
	}
	end := func(c *exec.Cmd) { _ = c.Process.Kill(); _ = c.Wait() }
	o.Alive = func() { // after a task was looked at
		if len(all) == 1 {
			end(all[0])
		}
	}
	defer func() {
		for _, c := range all {
			end(c)
		}
	}()
	r, err := v.Tick(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	holds, err := db.Holds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Started) != 1 || len(holds) != 1 || holds[0].Run.ID != r.Started[0].ID || holds[0].Run.PID != r.Started[0].PID {
		t.Errorf("started %+v, locks are held by %+v; %v", r.Started, holds, r.Problems)
	}
}

// What nobody holds any more is listed no more after the next tick, though nobody wants it: where a tick was killed before the
// run was claimed, and its supervisor is gone, and where the end of a run was recorded and the lock was not given back.
func TestLocksOfTheDead(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
	h.tick(0)
	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := func(rid string, pid int, start uint64) task.Run {
		return task.Run{ID: state.NewID(h.now), Task: task.ID{Service: "a", RID: rid}, PID: pid, PIDStart: start}
	}
	gone, over, mine := run("task#0", 1<<22+1, 1), run("task#1", os.Getpid(), startOf(t)), run("task#2", os.Getpid(), startOf(t))
	if over, err = db.Claim(t.Context(), over, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Settle(t.Context(), []task.Outcome{{RunID: over.ID, State: task.Complete, EndedAt: h.now}}); err != nil {
		t.Fatal(err)
	}
	for i, r := range []task.Run{gone, over, mine} {
		lock := task.Lock{Name: string(rune('a' + i)), Places: 1}
		if blockers, err := db.Hold(t.Context(), r, []task.Lock{lock}, nil); err != nil || blockers != nil {
			t.Fatal(blockers, err)
		}
	}
	h.tick(time.Minute)
	if got := h.holds(); got != "c a/task#2" { // by hand, and about to begin
		t.Errorf("held: %s", got)
	}
}
