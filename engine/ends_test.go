package engine

import (
	"encoding/json"
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

// journal writes that of a supervisor, with the ends of runs.
func (h *hall) journal(pid int, start uint64, ends ...task.Ended) {
	h.Helper()
	boot, err := state.BootID()
	if err != nil {
		h.Fatal(err)
	}
	text := `{"om":"outcomes","version":1}` + "\n"
	for _, end := range ends {
		line, err := json.Marshal(end)
		if err != nil {
			h.Fatal(err)
		}
		text += string(line) + "\n"
	}
	if err := os.MkdirAll(h.journals(), 0o700); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.journals(), fmt.Sprintf("%s-%d-%d.jsonl", boot, pid, start)), []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

func (h *hall) endOf(run task.Run) task.Ended {
	return task.Ended{ID: run.Task, Outcome: task.Outcome{RunID: run.ID, State: task.Complete, StartedAt: h.now, EndedAt: h.now}}
}

// TestJournalOfAnother: only the supervisor that holds a run says how it ended; a line about another's, about a run that
// is not on record or whose id is cut off ends nothing, frees nothing, and keeps nobody else's end from being recorded.
func TestJournalOfAnother(t *testing.T) {
	h := newHall(t, map[string]string{
		"a.conf": "[task#0]\ncommand = true\nschedule = *:00\nlock = tape\n\n[task#1]\ncommand = true\nschedule = *:00\n",
	})
	h.tick(0)
	started := h.tick(time.Hour).Started
	slices.SortFunc(started, func(a, b task.Run) int { return strings.Compare(a.Task.RID, b.Task.RID) })
	if len(started) != 2 {
		t.Fatalf("started %+v", started)
	}
	cut, none := h.endOf(started[0]), h.endOf(started[0])
	cut.Outcome.RunID, none.Outcome.RunID = cut.Outcome.RunID[:8], strings.Repeat("f", 36)
	const dead = 1 << 30 // no process has it
	h.journal(dead, 1, h.endOf(started[0]), cut, none)
	h.journal(os.Getpid(), startOf(t), h.endOf(started[1]), cut, none)
	r := h.tick(time.Minute)
	if len(r.Ended) != 1 || r.Ended[0].ID != started[1].ID {
		t.Errorf("ended %+v, want %s", r.Ended, started[1].ID)
	}
	want := "run " + started[0].ID + " of a/task#0: process 1073741824, which does not hold it, says that it has ended"
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], want) {
		t.Errorf("problems %q, want %q", r.Problems, want)
	}
	if got := h.holds(); got != "tape a/task#0" {
		t.Errorf("held: %s", got)
	}
	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if running, err := db.Running(t.Context(), "a", ""); err != nil || len(running) != 1 || running[0].ID != started[0].ID {
		t.Errorf("running %+v, %v", running, err)
	}
}

// TestFoldStandsInNobodysWay: a record that can't be reached, and what is no journal, keep no other service from being
// looked at or run by hand; the end that waits is recorded when its record is back.
func TestFoldStandsInNobodysWay(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
	var troubles []string
	h.Trouble = func(err error) { troubles = append(troubles, err.Error()) }
	volume := filepath.Join(h.StateDir, "volume")
	h.write("b.conf", "[DEFAULT]\nstate = "+volume+"/om.db\n[task#0]\ncommand = true\nschedule = *:00\n")
	if err := h.InitState(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	h.tick(0)
	started := h.tick(time.Hour).Started
	i := slices.IndexFunc(started, func(r task.Run) bool { return r.Task.Service == "b" })
	if len(started) != 2 || i < 0 {
		t.Fatalf("started %+v", started)
	}
	end := h.endOf(started[i])
	end.Record = volume + "/om.db"
	h.journal(os.Getpid(), startOf(t), end)
	if err := os.WriteFile(filepath.Join(h.journals(), "notes"), []byte("hi"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if err := os.Rename(volume, volume+".away"); err != nil {
		t.Fatal(err)
	}
	for what, look := range map[string]func() error{
		"history": func() error { _, _, err := h.History(t.Context(), "a", state.Query{}, false); return err },
		"explain": func() error { _, err := h.Explain(t.Context(), "a", "task#0", h.now); return err },
		"run": func() error {
			_, err := h.Engine.Run(t.Context(), "a", Request{Origin: task.Manual, DryRun: true})
			return err
		},
	} {
		troubles = nil
		if err := look(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := strings.Join(troubles, "\n"); !strings.Contains(got, "notes") || !strings.Contains(got, "om b state init") {
			t.Errorf("%s: told %q", what, troubles)
		}
	}
	if err := os.Rename(volume+".away", volume); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Minute); len(r.Ended) != 1 || r.Ended[0].ID != started[i].ID || r.Ended[0].State != task.Complete {
		t.Errorf("ended %+v, %q", r.Ended, r.Problems)
	}
}
