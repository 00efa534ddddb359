package engine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"om/notice"
	"om/task"
)

// TestDoctorKnowsWhatTheTaskAsksFor: no slot is skipped where runs may overlap, and a run that was replaced did not fail.
func TestDoctorKnowsWhatTheTaskAsksFor(t *testing.T) {
	for text, want := range map[string]string{
		"": "slots are skipped", "overlap = allow\n": "", "overlap = queue-one\n": "slots wait for each other", "overlap = replace(term)\n": "runs are ended",
	} {
		v, line := seenNow(t, everyMinute+text)
		svc, err := v.Load("s")
		if err != nil {
			t.Fatal(err)
		}
		var runs []task.Run
		for range 20 {
			runs = append(runs, task.Run{State: task.Complete, StartedAt: line.now, EndedAt: line.now.Add(2 * time.Minute)})
		}
		found := v.doctorPace(&svc.Tasks[0], Planned{Next: line.now.Add(time.Minute)}, runs)
		if len(found) != min(len(want), 1) || want != "" && !strings.Contains(found[0].Detail, want) {
			t.Errorf("%q: %+v", text, found)
		}
	}
	replaced := slices.Repeat([]task.Run{{State: task.Cancelled, Reason: "replaced by the slot that was due"}}, 12)
	if found := doctorFailures(&task.Task{}, replaced); len(found) > 0 {
		t.Errorf("%+v", found)
	}
	failed := slices.Repeat([]task.Run{{State: task.Failed, ExitCode: 1}}, 3)
	if found := doctorFailures(&task.Task{}, slices.Concat(replaced, failed)); len(found) != 1 || !strings.Contains(found[0].Detail, "its last 3 runs failed") {
		t.Errorf("%+v", found)
	}
}

// TestDoctorNotify: what people were told in vain is found, with why, and without what of a URL may be a secret.
func TestDoctorNotify(t *testing.T) {
	h := newHall(t, nil)
	if found := h.doctorNotify(); len(found) > 0 {
		t.Errorf("%+v", found)
	}
	s := &notice.Spool{Dir: h.Spool()}
	entry := func(id string, at time.Time, target notice.Target) *notice.Entry {
		return &notice.Entry{
			Event: notice.Event{ID: id, Type: task.EventFailed, Timestamp: at, Service: "web", Task: "task#0"}, Targets: []notice.Target{target},
			Name: id + ".json",
		}
	}
	hook := notice.Target{Kind: notice.Webhook, To: "https://hooks.example.com/s3cret", Error: "the server answered 500", Tries: 1}
	mail := notice.Target{Kind: notice.Mail, To: "ops@example.com", Error: "no such user", Over: notice.Dead}
	err := errors.Join(
		s.Put(*entry("1", h.now, hook)), s.Put(*entry("2", h.now, notice.Target{Kind: notice.Mail})),
		s.Bury(entry("3", h.now.AddDate(0, 0, -8), mail)), s.Bury(entry("4", h.now.AddDate(0, 0, -1), mail)), s.Bury(entry("5", h.now, mail)),
	)
	if err != nil {
		t.Fatal(err)
	}
	found := h.doctorNotify()
	if len(found) != 2 || found[0].Fix != "omd notify --test web/task#0" {
		t.Fatalf("%+v", found)
	}
	for i, want := range []string{"given up, so that somebody was not told: 2 events of the last 7 days, the last of", "told in vain, and tried again: 1 event, the last to webhook hooks.example.com: the server answered 500"} {
		if !strings.HasPrefix(found[i].Detail, want) {
			t.Errorf("%s, want %s", found[i].Detail, want)
		}
	}
	if !strings.HasSuffix(found[0].Detail, " to mail ops@example.com: no such user") {
		t.Errorf("%s", found[0].Detail)
	}
}

// TestDoctorFine: that only a daemon serves a schedule in time is no news where one is at work, and a tick is none, nor is what
// a daemon that was killed leaves behind.
func TestDoctorFine(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = every 5s\ntimeout = 1s\n"})
	svc, err := h.Load("a")
	if err != nil {
		t.Fatal(err)
	}
	found := func() int { return len(h.doctorFine(svc)) }
	if n := found(); n != 1 {
		t.Errorf("nobody is at work: %d findings", n)
	}
	for role, want := range map[string]int{loopRole: 0, "a tick": 1} {
		lock, holder, err := h.lockTicks(role)
		if err != nil || lock == nil {
			t.Fatal(holder, err)
		}
		if n := found(); n != want {
			t.Errorf("%s is at work: %d findings", role, n)
		}
		_ = lock.Close()
	}
	stale := loopRole + " (process 4194305)" // no process has that id
	if err := os.WriteFile(filepath.Join(h.StateDir, "tick.lock"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := found(); n != 1 {
		t.Errorf("a daemon was at work: %d findings", n)
	}
}
