package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"time"

	"om/engine"
	"om/task"
)

// teller logs what turns did: a line for each decision that matters.
type teller struct {
	log  *slog.Logger
	said map[string]time.Time // what goes on being wrong is told once an hour

	failed   bool // so did the last turn, which was told
	draining bool
	drained  int // runs that ended meanwhile
	running  int // as of the last turn
}

const sayAgain = time.Hour

func (t *teller) tell(turn engine.Turn, err error) {
	if turn.Reloaded {
		t.log.Info("read again", "services", turn.Services, "tasks", turn.Tasks)
	}
	if turn.Clock != "" {
		t.log.Warn("clock jump", "reason", turn.Clock)
	}
	t.files(turn)
	t.drain(turn)
	t.runs(turn)
	for _, s := range turn.Slots {
		t.slot(s)
	}
	t.problems(turn, err)
	if turn.First && err == nil {
		t.log.Info("ready", "services", turn.Services, "tasks", turn.Tasks, "running", turn.Running)
	}
}

// drain tells where the daemon begins to wait for its runs, and counts those that end.
func (t *teller) drain(turn engine.Turn) {
	t.running = turn.Running
	if !turn.Draining {
		return
	}
	ended := len(turn.Ended) + len(turn.Lost)
	if !t.draining {
		t.draining = true
		t.log.Info("drain begins: nothing more is started", "running", turn.Running+ended)
	}
	t.drained += ended
}

// end tells of the end of the daemon: cause is what ended it, nil for a drain.
func (t *teller) end(cause error) {
	var sig stopped
	switch {
	case errors.As(cause, &sig):
		t.log.Info("omd ends, and runs go on", "reason", sig.String(), "running", t.running)
	case t.draining:
		t.log.Info("drain is over, and omd ends", "ended", t.drained, "running", t.running)
	}
}

func (t *teller) files(turn engine.Turn) {
	t.nodeConf(turn)
	rejected := map[string]bool{}
	for _, r := range turn.Rejected {
		rejected[r.Service] = true
		t.log.Error("config rejected", "service", r.Service, "reason", r.Reason, "last_good", r.LastGood)
	}
	level := slog.LevelInfo
	if turn.First {
		level = slog.LevelDebug // all of them
	}
	for _, path := range turn.Changed {
		if !rejected[path] {
			t.log.Log(context.Background(), level, "config read", "service", path)
		}
	}
	for _, path := range turn.Removed {
		t.log.Info("config removed", "service", path)
	}
}

// nodeConf tells what became of node.conf: once for each of its errors, and when it is mended.
func (t *teller) nodeConf(turn engine.Turn) {
	const rejected = "config rejected"
	if turn.Node != nil {
		t.once(turn.At, slog.LevelError, rejected, "file", "node.conf", "reason", "the settings of before stay: "+reasonOf(turn.Node))
	}
	if turn.Mended {
		t.log.Info("config read", "file", "node.conf", "reason", "it has no errors any more: its settings are taken")
		t.forget(rejected)
	}
}

// forget has what was told once told anew when it comes again.
func (t *teller) forget(msg string) {
	maps.DeleteFunc(t.said, func(key string, _ time.Time) bool { return strings.HasPrefix(key, msg+"\x00") })
}

func (t *teller) runs(turn engine.Turn) {
	for _, run := range turn.Lost {
		t.lost(run)
	}
	for _, run := range turn.Ended {
		t.ended(run)
	}
	for _, run := range turn.Started {
		if run.State.Final() {
			t.ended(run)
			continue
		}
		t.log.Info("started", about(run, "reason", string(run.Origin), "attempt", run.Attempt)...)
	}
}

func (t *teller) lost(run task.Run) {
	t.log.Error("lost", about(run, "reason", task.Redacted(run.Reason))...)
}

func (t *teller) ended(run task.Run) {
	if run.State == task.Lost { // whoever found it
		t.lost(run)
		return
	}
	level := slog.LevelInfo
	if run.State != task.Complete {
		level = slog.LevelWarn
	}
	more := []any{"state", string(run.State)}
	if run.Exited() {
		more = append(more, "exit_code", run.ExitCode)
	}
	if !run.StartedAt.IsZero() {
		more = append(more, "seconds", run.EndedAt.Sub(run.StartedAt).Seconds())
	}
	if run.Reason != "" {
		more = append(more, "reason", task.Redacted(run.Reason))
	}
	t.log.Log(context.Background(), level, "ended", about(run, more...)...)
}

// about has the fields that each line about a run has. Neither argv nor environment is among them.
func about(run task.Run, more ...any) []any {
	fields := []any{"service", run.Task.Service, "task", run.Task.RID}
	if !run.Slot.IsZero() {
		fields = append(fields, "slot", run.Slot.UTC().Format(time.RFC3339))
	}
	return append(append(fields, "run", run.ID), more...)
}

func (t *teller) slot(s task.Slot) {
	words := map[task.SlotDecision]string{task.SlotSkip: "skipped", task.SlotMissed: "missed", task.SlotExpired: "expired", task.SlotPending: "waits"}
	msg, ok := words[s.Decision]
	if !ok {
		return
	}
	level := slog.LevelInfo
	switch s.Decision {
	case task.SlotMissed, task.SlotExpired:
		level = slog.LevelWarn
	case task.SlotPending:
		level = slog.LevelDebug
	case task.SlotRun, task.SlotSkip:
	}
	fields := []any{"service", s.Task.Service, "task", s.Task.RID, "slot", s.At.UTC().Format(time.RFC3339)}
	if s.Count > 1 {
		fields = append(fields, "slot_last", s.Last.UTC().Format(time.RFC3339), "count", s.Count)
	}
	if s.RunID != "" {
		fields = append(fields, "run", s.RunID)
	}
	t.log.Log(context.Background(), level, msg, append(fields, "reason", task.Redacted(s.Reason))...)
}

func (t *teller) problems(turn engine.Turn, err error) {
	for _, p := range turn.Problems {
		t.once(turn.At, slog.LevelWarn, "problem", "reason", task.Redacted(p))
	}
	if turn.Deferred != "" {
		t.once(turn.At, slog.LevelWarn, "nothing is decided", "reason", turn.Deferred)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		t.once(turn.At, slog.LevelError, "a turn failed", "reason", reasonOf(err))
		t.failed = true
	}
	if err == nil && t.failed {
		t.log.Info("turns succeed again")
		t.failed = false
		t.forget("a turn failed")
	}
}

// once tells a thing, unless it was told within the hour.
func (t *teller) once(at time.Time, level slog.Level, msg string, fields ...any) {
	key := msg
	for _, f := range fields {
		if text, ok := f.(string); ok {
			key += "\x00" + text
		}
	}
	if before, ok := t.said[key]; ok && at.Sub(before) < sayAgain && at.After(before.Add(-sayAgain)) {
		return
	}
	for old, when := range t.said {
		if at.Sub(when) >= sayAgain {
			delete(t.said, old)
		}
	}
	t.said[key] = at
	t.log.Log(context.Background(), level, msg, fields...)
}

// reasonOf is what the log has of an error.
func reasonOf(err error) string { return task.Redacted(task.Text(err)) }
