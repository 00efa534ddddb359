package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	sdjournal "github.com/coreos/go-systemd/v22/journal"
	"github.com/google/go-cmp/cmp"

	"om/engine"
	"om/task"
)

// TestJournal: the priority is in front of each line, and nothing that the journal knows is in it.
func TestJournal(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(newJournal(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.Debug("a")
	log.Info("b", "k", "v w")
	log.With("x", 1).Warn("c\nd")
	log.Error("e")
	want := "<7>msg=a\n<6>msg=b k=\"v w\"\n<4>msg=\"c\\nd\" x=1\n<3>msg=e\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// TestJournalFields: the journal has the fields of a line under names of their own; what it does not take goes to the stream.
func TestJournalFields(t *testing.T) {
	var b bytes.Buffer
	j := newJournal(&b, &slog.HandlerOptions{})
	var got []string
	j.shared.send = func(line string, p sdjournal.Priority, fields map[string]string) error {
		got = append(got, fmt.Sprint(p, " ", line, " ", fields))
		if strings.HasPrefix(line, "msg=ready") {
			return errors.New("nobody listens")
		}
		return nil
	}
	log := slog.New(j)
	log.Debug("waits")
	log.With("service", "s").Warn("ended", "task", "task#0", "run", "r1", "slot", "2026-03-29T02:00:00Z", "state", "error", "exit_code", 3, "reason", "a\nb")
	log.Info("ready")
	want := []string{
		`4 msg=ended service=s task=task#0 run=r1 slot=2026-03-29T02:00:00Z state=error exit_code=3 reason="a\nb" map[MESSAGE_ID:` + messageIDs()["ended"] +
			" OM_EXIT_CODE:3 OM_REASON:a\nb OM_RUN_ID:r1 OM_SERVICE:s OM_SLOT:2026-03-29T02:00:00Z OM_STATE:error OM_TASK:task#0 SYSLOG_IDENTIFIER:om]",
		"6 msg=ready map[MESSAGE_ID:" + messageIDs()["ready"] + " SYSLOG_IDENTIFIER:om]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if b.String() != "<6>msg=ready\n" {
		t.Errorf("the stream has %q", b.String())
	}
}

func TestIsJournal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	info, _ := f.Stat()
	st := info.Sys().(*syscall.Stat_t)
	stream := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	if !isJournal(f, stream) || isJournal(f, "1:2") || isJournal(f, "") {
		t.Errorf("isJournal does not know %s", stream)
	}
}

// TestIsNull: what om tick gives omd notify for its standard error is known.
func TestIsNull(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	f, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !isNull(null) || isNull(f) {
		t.Errorf("/dev/null: %v, a file: %v", isNull(null), isNull(f))
	}
}

// TestTold: each decision that matters is one line with its fields.
func TestTold(t *testing.T) {
	at := time.Date(2026, 3, 29, 2, 0, 0, 0, time.UTC)
	run := task.Run{ID: "r1", Task: task.ID{Service: "s", RID: "task#0"}, Slot: at, Origin: task.Scheduled, Attempt: 1, State: task.Running, StartedAt: at}
	over := run
	over.State, over.ExitCode, over.EndedAt, over.Reason = task.Failed, 3, at.Add(2*time.Second), `"-psecret": no`
	lost := run
	lost.State, lost.Reason = task.Lost, "its supervisor is gone"
	killed := over
	killed.ID, killed.State, killed.ExitCode, killed.Signal = "r2", task.TimedOut, 0, "SIGKILL"
	slot := func(d task.SlotDecision, n int) task.Slot {
		return task.Slot{Task: run.Task, At: at, Last: at.Add(time.Hour), Count: n, Decision: d, Reason: "why " + string(d)}
	}
	gone := lost // found by who waited for its end
	gone.ID = "r3"
	turn := engine.Turn{TickReport: engine.TickReport{
		At: at, Clock: "set back", Started: []task.Run{run}, Ended: []task.Run{over, killed, gone}, Lost: []task.Run{lost},
		Slots:    []task.Slot{slot(task.SlotSkip, 1), slot(task.SlotMissed, 2), slot(task.SlotExpired, 1), slot(task.SlotPending, 1)},
		Changed:  []string{"bad", "good"},
		Rejected: []engine.Rejection{{Service: "bad", Reason: "bad.conf:3: [task#0] command: wanted x", LastGood: true}},
		Removed:  []string{"gone"}, Problems: []string{`x "secret"`},
	}, First: true, Services: 1, Tasks: 2, Running: 3}
	var b bytes.Buffer
	tell := &teller{log: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), said: map[string]time.Time{}}
	tell.tell(turn, errors.New(`y "secret"`))
	tell.tell(engine.Turn{TickReport: engine.TickReport{At: at.Add(time.Minute), Problems: turn.Problems}}, nil)
	log := b.String()
	for _, want := range []string{
		`level=WARN msg="clock jump" reason="set back"`,
		`level=ERROR msg="config rejected" service=bad reason="bad.conf:3: [task#0] command: wanted x" last_good=true`,
		`level=DEBUG msg="config read" service=good`,
		`level=INFO msg="config removed" service=gone`,
		`level=ERROR msg=lost service=s task=task#0 slot=2026-03-29T02:00:00Z run=r1 reason="its supervisor is gone"`,
		`level=ERROR msg=lost service=s task=task#0 slot=2026-03-29T02:00:00Z run=r3 reason="its supervisor is gone"`,
		`level=WARN msg=ended service=s task=task#0 slot=2026-03-29T02:00:00Z run=r1 state=error exit_code=3 seconds=2 reason="\"…\": no"`,
		`level=WARN msg=ended service=s task=task#0 slot=2026-03-29T02:00:00Z run=r2 state=timeout seconds=2`,
		`level=INFO msg=started service=s task=task#0 slot=2026-03-29T02:00:00Z run=r1 reason=schedule attempt=1`,
		`level=INFO msg=skipped service=s task=task#0 slot=2026-03-29T02:00:00Z reason="why skip"`,
		`level=WARN msg=missed service=s task=task#0 slot=2026-03-29T02:00:00Z slot_last=2026-03-29T03:00:00Z count=2 reason="why missed"`,
		`level=WARN msg=expired service=s task=task#0`,
		`level=DEBUG msg=waits service=s task=task#0`,
		`level=WARN msg=problem reason="x \"…\""`,
		`level=ERROR msg="a turn failed" reason="y \"…\""`,
		`level=INFO msg="turns succeed again"`,
	} {
		if strings.Count(log, want) != 1 {
			t.Errorf("want once: %s", want)
		}
	}
	if strings.Contains(log, "secret") || t.Failed() {
		t.Errorf("the log:\n%s", log)
	}
	b.Reset()
	for minutes := range time.Duration(3) {
		tell.tell(engine.Turn{TickReport: engine.TickReport{At: at.Add((2 + minutes) * time.Minute)}}, errors.New(`y "secret"`))
	}
	if got := strings.Count(b.String(), `msg="a turn failed"`); got != 1 {
		t.Errorf("turns that fail again are told %d times:\n%s", got, b.String())
	}
}
