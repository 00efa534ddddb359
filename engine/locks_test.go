package engine

import (
	"errors"
	"os"
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
