package state_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// because is a slot with evidence.
func because(decision task.SlotDecision, n int, reason, evidence string) task.Slot {
	s := slot(decision, n, reason)
	s.Evidence = evidence
	return s
}

// ranBecause decides a slot that runs, and returns the run.
func ranBecause(t *testing.T, d *state.DB, n int, evidence string) task.Run {
	t.Helper()
	run := ours("task#0")
	got := decide(t, d, state.Turn{
		Before: cursor(t, d, "task#0"), After: at("task#0", n), Slots: []task.Slot{because(task.SlotRun, n, "schedule", evidence)}, Run: &run,
	})
	settle(t, d, outcome(got[0].Run, task.Complete))
	return got[0].Run
}

// Slots that are told as one have the evidence of the last: one, however many they are.
func TestEvidenceOfMany(t *testing.T) {
	d := open(t)
	for n := range 1000 {
		before := at("task#0", n)
		if n == 0 {
			before = task.Cursor{}
		}
		decide(t, d, state.Turn{Before: before, After: at("task#0", n+1), Slots: []task.Slot{because(task.SlotSkip, n+1, "frozen", "a"+itoa(n))}})
	}
	if all := slots(t, d, state.Query{}); len(all) != 1 || all[0].Count != 1000 || all[0].Evidence != "a999" {
		t.Errorf("%+v", all)
	}
}

// What waits has the evidence of the last look, and then of the decision.
func TestEvidenceOfWhatWaits(t *testing.T) {
	d := open(t)
	c := at("task#0", 1)
	place(t, d, c)
	for _, s := range []task.Slot{because(task.SlotPending, 1, "x", "a1"), because(task.SlotPending, 1, "x", "a2"), because(task.SlotExpired, 1, "x", "a3")} {
		decide(t, d, state.Turn{Before: c, After: c, Slots: []task.Slot{s}})
		if all := slots(t, d, state.Query{}); len(all) != 1 || all[0].Evidence != s.Evidence {
			t.Errorf("%+v: %+v", s, all)
		}
	}
}

// A run that is beaten at the claim leaves a skip, whose evidence says so.
func TestEvidenceOfASkipAtTheClaim(t *testing.T) {
	d := open(t)
	held, run := claim(t, d, ours("task#0")), ours("task#0")
	decide(t, d, state.Turn{After: at("task#0", 1), Slots: []task.Slot{because(task.SlotRun, 1, "schedule", "a1")}, Run: &run, Limit: 1})
	all := slots(t, d, state.Query{})
	if len(all) != 1 || all[0].Decision != task.SlotSkip {
		t.Fatalf("%+v", all)
	}
	ev, err := task.ParseEvidence(id("task#0"), all[0].Evidence)
	if err != nil || ev.Taken != held.ID || ev.HasRun {
		t.Errorf("%q: %+v, %v", all[0].Evidence, ev, err)
	}
}

// What a run was started for is kept as long as the run is, and what was decided of a slot as long as that.
func TestEvidenceIsKept(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	place(t, d, at("task#0", -20))
	old, young := ranBecause(t, d, -10, "a1"), ranBecause(t, d, 10, "a2")
	if _, _, err := d.PruneSlots(ctx, task.ID{}, start()); err != nil {
		t.Fatal(err)
	}
	if all := slots(t, d, state.Query{}); len(all) != 1 || all[0].Evidence != "a2" {
		t.Errorf("%+v", all)
	}
	if old, young = get(t, d, old.ID), get(t, d, young.ID); old.Evidence != "a1" || young.Evidence != "" {
		t.Errorf("%q, %q", old.Evidence, young.Evidence)
	}
	if _, err := d.Rewind(ctx, start(), []task.ID{id("task#0")}); err != nil {
		t.Fatal(err)
	}
	if young = get(t, d, young.ID); young.Evidence != "a2" || !young.Slot.IsZero() {
		t.Errorf("the clock was set back: %+v", young)
	}
}

// Retention bounds what evidence takes.
func TestEvidenceIsBounded(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	pages := func() int64 {
		t.Helper()
		if err := d.Tidy(ctx); err != nil {
			t.Fatal(err)
		}
		n, err := d.Number("PRAGMA page_count")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	evidence := "a1\n" + strings.Repeat("x", 100)
	before, most := task.Cursor{}, int64(0)
	for round := range 6 {
		var turns []state.Turn
		for n := range 500 {
			after := at("task#0", 500*round+n+1)
			turns = append(turns, state.Turn{Before: before, After: after, Slots: []task.Slot{because(task.SlotSkip, 500*round+n+1, "no "+itoa(n), evidence)}})
			before = after
		}
		decide(t, d, turns...)
		if _, _, err := d.PruneSlots(ctx, task.ID{}, start().Add(time.Duration(500*round)*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n := pages(); round == 2 {
			most = n
		} else if round > 2 && n > most+8 {
			t.Errorf("round %d: %d pages, %d before", round, n, most)
		}
	}
}
