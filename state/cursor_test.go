package state_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"

	"github.com/google/go-cmp/cmp"
)

// minute is the nth minute of the schedules of these tests.
func minute(n int) time.Time {
	return start().Truncate(time.Minute).Add(time.Duration(n) * time.Minute)
}

// at is a cursor of a task of testmd at a minute, which is due a minute later.
func at(rid string, n int) task.Cursor {
	return task.Cursor{Task: id(rid), Digest: "d", At: minute(n), Next: minute(n + 1)}
}

// place enters cursors, by service.
func place(tb testing.TB, d *state.DB, all ...task.Cursor) {
	tb.Helper()
	services := map[string][]task.Cursor{}
	for _, c := range all {
		services[c.Task.Service] = append(services[c.Task.Service], c)
	}
	if err := d.Place(context.Background(), services); err != nil {
		tb.Fatal(err)
	}
}

func cursors(tb testing.TB, d *state.DB, service string) []task.Cursor {
	tb.Helper()
	all, err := d.Cursors(context.Background(), service)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// cursor returns the cursor of a task of testmd.
func cursor(tb testing.TB, d *state.DB, rid string) task.Cursor {
	tb.Helper()
	for _, c := range cursors(tb, d, "testmd") {
		if c.Task.RID == rid {
			return c
		}
	}
	tb.Fatalf("%s has no cursor", rid)
	return task.Cursor{}
}

func rids(all []task.Cursor) string {
	var names []string
	for _, c := range all {
		names = append(names, c.Task.String())
	}
	return strings.Join(names, " ")
}

func TestPlaceAndCursors(t *testing.T) {
	d := open(t)
	whole := at("task#10", 3)
	whole.Runs = 7
	whole.Retry = task.Retrying{At: minute(4), Slot: minute(3), Attempt: 2, Since: minute(3).Add(time.Second), Previous: task.Failed}
	never := task.Cursor{Task: id("task#2"), Digest: "x", At: minute(1)}
	unseen := task.Cursor{Task: id("task#b")}
	other := at("task#0", 0)
	other.Task.Service = "a/web"
	place(t, d, whole, unseen, other, never)
	if diff := cmp.Diff([]task.Cursor{never, whole, unseen}, cursors(t, d, "testmd")); diff != "" {
		t.Error(diff)
	}
	if got := rids(cursors(t, d, "")); got != "a/web/task#0 testmd/task#2 testmd/task#10 testmd/task#b" {
		t.Errorf("all: %s", got)
	}

	// Those of a service that are not given go; other services, slots and runs stay.
	decide(t, d, state.Turn{Before: never, After: never, Slots: []task.Slot{slot(task.SlotSkip, 2, "frozen")}})
	whole.Digest = "new"
	place(t, d, whole)
	if diff := cmp.Diff([]task.Cursor{other, whole}, cursors(t, d, "")); diff != "" {
		t.Error(diff)
	}
	if got := counts(t, d, "task#2"); got[task.SlotSkip] != 1 {
		t.Errorf("slots of a task that is gone: %v", got)
	}
	if err := d.Place(context.Background(), map[string][]task.Cursor{"testmd": nil, "none": nil}); err != nil {
		t.Fatal(err)
	}
	if got := rids(cursors(t, d, "")); got != "a/web/task#0" {
		t.Errorf("left %s", got)
	}
}

// More than one statement takes at once, in any number.
func TestPlaceMany(t *testing.T) {
	d := open(t)
	for _, n := range []int{49, 50, 51, 173} {
		var all []task.Cursor
		for i := range n {
			all = append(all, at(fmt.Sprintf("task#%d", i), i))
		}
		place(t, d, all...)
		if diff := cmp.Diff(all, cursors(t, d, "testmd")); diff != "" {
			t.Errorf("%d: %s", n, diff)
		}
	}
}

func TestDue(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	if next, err := d.NextDue(ctx); err != nil || !next.IsZero() {
		t.Errorf("an empty record is due at %v, %v", next, err)
	}
	never := task.Cursor{Task: id("task#9"), At: minute(0)}
	retry := task.Cursor{Task: id("task#1"), At: minute(0), Retry: task.Retrying{At: minute(3), Slot: minute(0), Attempt: 2}}
	both := at("task#2", 8)
	both.Retry.At = minute(2)
	place(t, d, at("task#0", 3), retry, both, never, at("task#4", 0))
	for n, want := range map[int]string{
		0: "",
		1: "task#4",
		2: "task#4 task#2",
		3: "task#4 task#2 task#1",
		9: "task#4 task#2 task#1 task#0",
	} {
		for _, limit := range []int{0, 2, 100} {
			due, err := d.Due(ctx, minute(n), limit)
			words := strings.Fields(want)
			if limit == 2 {
				words = words[:min(2, len(words))]
			}
			if got := strings.ReplaceAll(rids(due), "testmd/", ""); err != nil || got != strings.Join(words, " ") {
				t.Errorf("minute %d, limit %d: %s, %v; want %s", n, limit, got, err, words)
			}
		}
		tasks, err := d.DueTasks(ctx, minute(n))
		if err != nil {
			t.Fatal(err)
		}
		due, err := d.CursorsOf(ctx, append(tasks, id("none")))
		if got := strings.ReplaceAll(rids(due), "testmd/", ""); err != nil || got != want {
			t.Errorf("minute %d: the tasks are %s, %v; want %s", n, got, err, want)
		}
	}
	if next, err := d.NextDue(ctx); err != nil || !next.Equal(minute(1)) {
		t.Errorf("due at %v, %v", next, err)
	}
	place(t, d, never)
	if next, err := d.NextDue(ctx); err != nil || !next.IsZero() {
		t.Errorf("due at %v, %v, with nothing to come", next, err)
	}
}

func TestHastenOne(t *testing.T) {
	d := open(t)
	never := at("task#1", 3)
	never.Next = time.Time{}
	place(t, d, at("task#0", 3), never, at("task#2", 3))
	for _, c := range []struct {
		rid    string
		at     int
		wanted time.Time
	}{{"task#0", 2, minute(2)}, {"task#0", 9, minute(2)}, {"task#1", 9, minute(9)}} {
		if err := d.Hasten(context.Background(), []task.ID{id(c.rid)}, minute(c.at)); err != nil {
			t.Fatal(err)
		}
		if got := cursor(t, d, c.rid).Next; !got.Equal(c.wanted) {
			t.Errorf("%s by %d: due at %s, wanted %s", c.rid, c.at, got, c.wanted)
		}
	}
	if got, wanted := cursor(t, d, "task#2"), at("task#2", 3); !got.Next.Equal(wanted.Next) {
		t.Errorf("another task: %s", got.Next)
	}
}

// A clock that was an hour ahead decided slots that come again: those that ran do not run twice.
func TestRewind(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	place(t, d, at("task#0", 0), at("task#1", 0), at("task#2", 10), at("task#3", 9))
	frozen := slot(task.SlotSkip, 1, "frozen")
	frozen.Last, frozen.Count = minute(19), 19
	run := ours("task#0")
	run.Reason = "kept"
	after := at("task#0", 20)
	after.Runs = 1
	decided := decide(t, d,
		state.Turn{Before: at("task#0", 0), After: after, Slots: []task.Slot{frozen, slot(task.SlotRun, 20, "")}, Run: &run},
		state.Turn{Before: at("task#1", 0), After: at("task#1", 1), Slots: []task.Slot{slot(task.SlotSkip, 1, "frozen")}},
		state.Turn{Before: at("task#3", 9), After: at("task#3", 10), Slots: []task.Slot{slot(task.SlotPending, 11, "x")}})
	settle(t, d, outcome(decided[0].Run, task.Complete))

	got, err := d.Rewind(ctx, minute(10), nil)
	want := []task.ID{id("task#0"), id("task#3")}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	c := cursor(t, d, "task#0")
	after.At, after.Next = minute(10), minute(10)
	if diff := cmp.Diff(after, c); diff != "" {
		t.Error(diff)
	}
	frozen.Last, frozen.Count = minute(10), 10
	ran := slot(task.SlotRun, 20, "")
	ran.RunID = decided[0].Run.ID
	skipped := withTask(slot(task.SlotSkip, 1, "frozen"), "task#1")
	if diff := cmp.Diff([]task.Slot{withTask(ran, "task#0"), frozen, skipped}, slots(t, d, state.Query{})); diff != "" {
		t.Error(diff)
	}
	if r := get(t, d, ran.RunID); !r.Slot.Equal(minute(20)) || r.State != task.Complete || r.StartedAt.IsZero() {
		t.Errorf("the run is %+v", r)
	}
	again := ours("task#0")
	next := at("task#0", 20)
	next.Runs = 2
	if got := decide(t, d, state.Turn{Before: c, After: next, Slots: []task.Slot{slot(task.SlotRun, 20, "")}, Run: &again}); got[0].Run.ID != "" || got[0].Stale {
		t.Errorf("the second time: %+v", got[0])
	}
	next.Runs = 1
	if diff := cmp.Diff(next, cursor(t, d, "task#0")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]task.Slot{withTask(ran, "task#0"), frozen, skipped}, slots(t, d, state.Query{})); diff != "" {
		t.Error(diff)
	}
	if got, err = d.Rewind(ctx, minute(1000), nil); err != nil || got != nil {
		t.Errorf("nothing to rewind: %v, %v", got, err)
	}
}

// A task that goes on in elapsed time runs at slots that ran by the wrong clock.
func TestRewindAgain(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	place(t, d, at("task#0", 0), at("task#1", 0))
	first, other := ours("task#0"), ours("task#1")
	decided := decide(t, d,
		state.Turn{Before: at("task#0", 0), After: at("task#0", 20), Slots: []task.Slot{slot(task.SlotRun, 20, "")}, Run: &first},
		state.Turn{Before: at("task#1", 0), After: at("task#1", 20), Slots: []task.Slot{slot(task.SlotRun, 20, "")}, Run: &other})
	settle(t, d, outcome(decided[0].Run, task.Complete), outcome(decided[1].Run, task.Complete))
	ran, err := d.RanAfter(ctx, minute(19))
	if diff := cmp.Diff([]task.ID{id("task#0"), id("task#1")}, ran); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	if ran, err = d.RanAfter(ctx, minute(20)); err != nil || len(ran) > 0 {
		t.Errorf("after the last: %v, %v", ran, err)
	}
	if _, err := d.Rewind(ctx, minute(10), []task.ID{id("task#0")}); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"task#0", "task#1"} {
		if r := get(t, d, decided[i].Run.ID); r.Slot.IsZero() != (i == 0) || r.State != task.Complete {
			t.Errorf("%s: the run is %+v", name, r)
		}
		again := ours(name)
		got := decide(t, d, state.Turn{Before: cursor(t, d, name), After: at(name, 20), Slots: []task.Slot{slot(task.SlotRun, 20, "")}, Run: &again})
		if (got[0].Run.ID != "") != (i == 0) {
			t.Errorf("%s: the second time: %+v", name, got[0])
		}
	}
}

// Slots that ran are left out of what is told as one.
func TestRewindAmongMissed(t *testing.T) {
	for name, ran := range map[string][]int{"none": {}, "first": {6}, "middle": {9}, "last": {15}, "several": {6, 7, 9, 15}, "all": {6, 7, 8, 9, 10, 11, 12, 13, 14, 15}} {
		d := open(t)
		place(t, d, at("task#0", 0))
		before := at("task#0", 0)
		for _, n := range ran {
			run := ours("task#0")
			got := decide(t, d, state.Turn{Before: before, After: at("task#0", n), Slots: []task.Slot{slot(task.SlotRun, n, "")}, Run: &run})
			settle(t, d, outcome(got[0].Run, task.Complete))
			before = at("task#0", n)
		}
		if _, err := d.Rewind(context.Background(), minute(5), nil); err != nil {
			t.Fatal(err)
		}
		missed := slot(task.SlotMissed, 6, "node down")
		missed.Last, missed.Count = minute(15), 10
		got := decide(t, d, state.Turn{Before: cursor(t, d, "task#0"), After: at("task#0", 15), Slots: []task.Slot{missed}})
		counts, err := d.Counts(context.Background(), id("task#0"))
		if err != nil || counts[task.SlotRun] != len(ran) || counts[task.SlotMissed] != 10-len(ran) || got[0].Stale {
			t.Errorf("%s: %v, %v, %+v", name, counts, err, got[0])
		}
		last := minute(16)
		for _, s := range slots(t, d, state.Query{}) {
			if !s.Last.Before(last) || s.Last.Sub(s.At) != time.Duration(s.Count-1)*time.Minute {
				t.Errorf("%s: %+v", name, s)
			}
			last = s.At
		}
	}
}

func TestRewindGivesUpRetriesOfSlotsThatGo(t *testing.T) {
	d := open(t)
	gone, stays := at("task#0", 20), at("task#1", 3)
	gone.Retry = task.Retrying{At: minute(21), Slot: minute(20), Attempt: 2, Since: minute(20), Previous: task.Failed}
	stays.Retry = task.Retrying{At: minute(4), Slot: minute(3), Attempt: 2, Since: minute(3), Previous: task.Failed}
	place(t, d, gone, stays)
	got, err := d.Rewind(context.Background(), minute(3), nil)
	if err != nil || !slices.Equal(got, []task.ID{id("task#0")}) {
		t.Errorf("got %v, %v", got, err)
	}
	gone.At, gone.Next, gone.Retry = minute(3), minute(3), task.Retrying{}
	stays.Next, stays.Retry.At = minute(3), minute(3)
	if diff := cmp.Diff([]task.Cursor{gone, stays}, cursors(t, d, "")); diff != "" {
		t.Error(diff)
	}
}

// Rows that stand for many are cut where the instants of their slots are, if those are evenly spread.
func TestRewindCutsRows(t *testing.T) {
	year := int(365 * day / time.Minute)
	for _, c := range []struct{ count, at, want int }{
		{2, 1, 1}, {10, 1, 1}, {10, 2, 2}, {10, 9, 9}, {10, 10, 10}, {10, 11, 10}, {100 * year, 99 * year, 99 * year},
	} {
		d := open(t)
		s := slot(task.SlotMissed, 1, "node down")
		s.Last, s.Count = minute(c.count), c.count
		decide(t, d, state.Turn{After: at("task#0", 0), Slots: []task.Slot{s}})
		if _, err := d.Rewind(context.Background(), minute(c.at).Add(time.Second), nil); err != nil {
			t.Fatal(err)
		}
		s.Last, s.Count = minute(c.want), c.want
		if diff := cmp.Diff([]task.Slot{s}, slots(t, d, state.Query{})); diff != "" {
			t.Errorf("%d slots at %d: %s", c.count, c.at, diff)
		}
	}
}
