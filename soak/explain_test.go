package soak_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"om/engine"
	"om/task"
)

// mostExplained is how many decisions are asked about: all of a short run, some of a long one.
const mostExplained = 1000

// checkExplained asks for each decision, and for the slot of each run, what explain says of it.
func (h *history) checkExplained() {
	e, err := engineIn(h.etc, h.state)
	if err != nil {
		h.Fatal(err)
	}
	defer e.Close()
	var rows []task.Slot
	for _, of := range h.slots {
		rows = append(rows, of...)
	}
	random := h.random(1 << 32)
	random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	asked := 0
	for _, s := range rows[:min(len(rows), mostExplained)] {
		for _, at := range []time.Time{s.At, s.Last} {
			x, err := e.ExplainSlot(context.Background(), s.Task.Service, s.Task.RID, at)
			h.checkSaid(s, x, err)
			asked++
		}
	}
	for _, s := range rows[:min(len(rows), 5)] {
		h.checkCommand(s, "--rid", s.Task.RID, "--slot", s.Last.Format(time.RFC3339))
		if r, known := h.runs[s.RunID]; known && s.Decision == task.SlotRun {
			h.checkCommand(s, "--run", r.ID)
		}
	}
	h.Logf("explain was asked about %d decisions", asked)
}

// checkCommand asks the command, which prints the same value.
func (h *history) checkCommand(s task.Slot, args ...string) {
	h.Helper()
	var x engine.Explanation
	err := json.Unmarshal([]byte(h.om(slices.Concat([]string{s.Task.Service, "explain", "-o", "json"}, args)...)), &x)
	h.checkSaid(s, x, err)
}

// checkSaid holds an explanation against the row: what is on record, and what follows from the evidence alone.
func (h *history) checkSaid(s task.Slot, x engine.Explanation, err error) {
	h.Helper()
	if err != nil || x.Decided == nil {
		h.fault("%s: of %s explain says: %+v, %v", s.Task, row(s), x, err)
		return
	}
	said := *x.Decided
	last, run := said.Last, h.runs[s.RunID]
	if h.own[run.Task.Service] != h.own[s.Task.Service] { // what is in its way is in another record
		run.State = ""
	}
	if last.IsZero() {
		last = said.Slot
	}
	if x.Unkept != "" || len(x.Checks) == 0 || x.Run != (s.Decision == task.SlotRun) || !x.Run && !strings.HasSuffix(x.Verdict, s.Reason) {
		h.fault("%s: of %s explain says that it follows: %s: %+v (%s)", s.Task, row(s), x.Verdict, x.Checks, s.Evidence)
	}
	if !said.Slot.Equal(s.At) || !last.Equal(s.Last) || said.Count != s.Count || said.Decision != string(s.Decision) || said.Reason != s.Reason ||
		said.Run != s.RunID || said.State != string(run.State) {
		h.fault("%s: of %s explain says: %+v, %v", s.Task, row(s), said, err)
	}
}
