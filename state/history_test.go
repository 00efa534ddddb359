package state_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

func TestRunsNewestFirst(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	a := ended(t, d, "task#0", task.Complete)
	b := ended(t, d, "task#1", task.Failed)
	c := claim(t, d, ours("task#0"))
	other := ours("task#0")
	other.Task.Service = "prod/web"
	e := claim(t, d, other)
	for name, c := range map[string]struct {
		q    state.Query
		want []task.Run
	}{
		"all":              {state.Query{}, []task.Run{e, c, b, a}},
		"service":          {state.Query{Service: "testmd"}, []task.Run{c, b, a}},
		"no such service":  {state.Query{Service: "test"}, nil},
		"task":             {state.Query{Service: "testmd", RID: []string{"task#0"}}, []task.Run{c, a}},
		"tasks":            {state.Query{Service: "testmd", RID: []string{"task#0", "task#1"}}, []task.Run{c, b, a}},
		"state":            {state.Query{State: []task.RunState{task.Failed}}, []task.Run{b}},
		"states":           {state.Query{State: []task.RunState{task.Failed, task.Running}}, []task.Run{e, c, b}},
		"limit":            {state.Query{Limit: 2}, []task.Run{e, c}},
		"since":            {state.Query{Since: b.QueuedAt}, []task.Run{e, c, b}},
		"before":           {state.Query{Before: b.QueuedAt}, []task.Run{a}},
		"between":          {state.Query{Since: b.QueuedAt, Before: e.QueuedAt}, []task.Run{c, b}},
		"id":               {state.Query{ID: b.ID}, []task.Run{b}},
		"id, upper case":   {state.Query{ID: strings.ToUpper(b.ID)}, []task.Run{b}},
		"id, beginning":    {state.Query{ID: a.ID[:6]}, []task.Run{e, c, b, a}},
		"id and condition": {state.Query{ID: a.ID[:6], Service: "testmd", Limit: 1}, []task.Run{c}},
	} {
		got, err := d.Runs(ctx, c.q)
		if err != nil || ids(got) != ids(c.want) {
			t.Errorf("%s: got %s, %v; want %s", name, ids(got), err, ids(c.want))
		}
	}
}

func TestRunByID(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	claim(t, d, ours("task#0"))
	for name, c := range map[string]struct {
		id   string
		want error
	}{
		"whole":      {r.ID, nil},
		"beginning":  {r.ID[:18], nil},
		"ambiguous":  {r.ID[:3], task.ErrInvalid},
		"empty":      {"", task.ErrInvalid},
		"none":       {"ffff", task.ErrNotFound},
		"a wildcard": {"%", task.ErrNotFound},
		"longer":     {r.ID + "0", task.ErrNotFound},
	} {
		got, err := d.Run(context.Background(), c.id)
		if !errors.Is(err, c.want) || c.want == nil && (err != nil || got.ID != r.ID) {
			t.Errorf("%s: got %q, %v", name, got.ID, err)
		}
	}
}

func TestRunning(t *testing.T) {
	d := open(t)
	ended(t, d, "task#0", task.Complete)
	a, b := claim(t, d, ours("task#0")), claim(t, d, ours("task#1"))
	other := ours("task#0")
	other.Task.Service = "web"
	c := claim(t, d, other)
	for _, x := range []struct {
		service, rid string
		want         []task.Run
	}{
		{"", "", []task.Run{a, b, c}}, {"testmd", "", []task.Run{a, b}}, {"testmd", "task#1", []task.Run{b}}, {"none", "", nil},
	} {
		got, err := d.Running(context.Background(), x.service, x.rid)
		if err != nil || ids(got) != ids(x.want) {
			t.Errorf("%q %q: got %s, %v; want %s", x.service, x.rid, ids(got), err, ids(x.want))
		}
	}
}

func TestLastEnded(t *testing.T) {
	d := open(t)
	ended(t, d, "task#0", task.Complete)
	want0 := ended(t, d, "task#0", task.Failed)
	ended(t, d, "task#0", task.Cancelled) // a status does not follow a cancelled run
	claim(t, d, ours("task#0"))           // nor one in progress
	want1 := ended(t, d, "task#1", task.Lost)
	ended(t, d, "task#2", task.Cancelled)
	// The one asked for last counts, also where it ended first.
	long := claim(t, d, ours("task#3"))
	want3 := ended(t, d, "task#3", task.Complete)
	late := outcome(long, task.Failed)
	late.EndedAt = late.EndedAt.Add(time.Hour)
	settle(t, d, late)

	got, err := d.LastEnded(context.Background(), "testmd")
	if err != nil || len(got) != 3 {
		t.Fatalf("%d runs, %v", len(got), err)
	}
	for rid, want := range map[string]task.Run{"task#0": want0, "task#1": want1, "task#3": want3} {
		if got[rid].ID != want.ID {
			t.Errorf("%s: got %s (%s), want %s", rid, got[rid].ID, got[rid].State, want.ID)
		}
	}
	if got, err = d.LastEnded(context.Background(), "none"); err != nil || got == nil || len(got) > 0 {
		t.Errorf("a service that never ran: %v, %v", got, err)
	}
}

// The questions that are asked at every start must not read the whole history.
func TestQueriesUseIndexes(t *testing.T) {
	d := open(t)
	for query, index := range map[string]string{
		state.RunningTask: "run_open",
		state.RunningAll:  "run_open",
		"SELECT id FROM run WHERE service='a' AND rid='b' AND slot=1 AND attempt=1":              "run_slot",
		"SELECT * FROM run WHERE service='a' AND rid='b' ORDER BY id DESC":                       "run_task",
		"SELECT service,rid FROM run WHERE (service,rid)>('a','b') ORDER BY service,rid LIMIT 1": "run_task",
		state.DueCursors:  "task_due",
		state.DueTasks:    "task_due",
		state.NextDue:     "task_due",
		state.PendingTask: "slot_pending",
		state.SlotUpTo:    "slot USING PRIMARY KEY",
	} {
		got, err := d.Plan(regexp.MustCompile(`\?\d?`).ReplaceAllString(query, "'x'"))
		if err != nil || !strings.Contains(got, " "+index) || strings.Contains(got, "TEMP B-TREE") && query != state.RunningAll {
			t.Errorf("%s: %s, %v; want index %s", query, got, err, index)
		}
	}
}
