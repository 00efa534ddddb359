package state_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"om/state"
	"om/task"

	"github.com/google/go-cmp/cmp"
)

// slot is a slot of task#0 at a minute.
func slot(decision task.SlotDecision, n int, reason string) task.Slot {
	return task.Slot{Task: id("task#0"), At: minute(n), Last: minute(n), Count: 1, Decision: decision, Reason: reason}
}

func withTask(s task.Slot, rid string) task.Slot { s.Task = id(rid); return s }

func decide(tb testing.TB, d *state.DB, turns ...state.Turn) []state.Taken {
	tb.Helper()
	got, err := d.Decide(context.Background(), turns, state.Alive)
	if err != nil || len(got) != len(turns) {
		tb.Fatalf("%d of %d turns, %v", len(got), len(turns), err)
	}
	return got
}

func slots(tb testing.TB, d *state.DB, q state.Query, decisions ...task.SlotDecision) []task.Slot {
	tb.Helper()
	all, err := d.Slots(context.Background(), q, decisions...)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func counts(tb testing.TB, d *state.DB, rid string) map[task.SlotDecision]int {
	tb.Helper()
	sums, err := d.Counts(context.Background(), id(rid))
	if err != nil {
		tb.Fatal(err)
	}
	return sums
}

// brief tells slots in a few words: "run 3, skip 1-2".
func brief(all []task.Slot) string {
	var words []string
	for _, s := range all {
		n, last := int(s.At.Sub(minute(0))/time.Minute), int(s.Last.Sub(minute(0))/time.Minute)
		word := fmt.Sprintf("%s %d", s.Decision, n)
		if s.Count > 1 || last != n {
			word += fmt.Sprintf("-%d(%d)", last, s.Count)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func TestDecide(t *testing.T) {
	d := open(t)
	run := ours("task#0")
	run.Origin = task.Scheduled
	after := at("task#0", 2)
	after.Runs = 1
	after.Retry = task.Retrying{At: minute(9), Slot: minute(2), Attempt: 2, Since: minute(2), Previous: task.Failed}
	got := decide(t, d, state.Turn{After: after, Slots: []task.Slot{slot(task.SlotMissed, 1, "node down"), slot(task.SlotRun, 2, "")}, Run: &run, Limit: 1})
	kept := got[0].Run
	if got[0].Stale || got[0].By != nil || kept.State != task.Running || !kept.Slot.Equal(minute(2)) || kept.Attempt != 1 {
		t.Fatalf("%+v", got[0])
	}
	if diff := cmp.Diff(kept, get(t, d, kept.ID)); diff != "" {
		t.Errorf("claimed and kept differ:\n%s", diff)
	}
	if run.ID != "" {
		t.Error("the run that was given is changed")
	}
	if diff := cmp.Diff(after, cursor(t, d, "task#0")); diff != "" {
		t.Error(diff)
	}
	ran := slot(task.SlotRun, 2, "")
	ran.RunID = kept.ID
	if diff := cmp.Diff([]task.Slot{ran, slot(task.SlotMissed, 1, "node down")}, slots(t, d, state.Query{})); diff != "" {
		t.Error(diff)
	}
}

// What is not as it was read is stale, and nothing of it is entered; the other turns are.
func TestStaleTurns(t *testing.T) {
	base := at("task#0", 5)
	base.Retry = task.Retrying{At: minute(6), Slot: minute(5), Attempt: 2, Since: minute(5), Previous: task.Failed}
	for name, c := range map[string]struct {
		change func(*state.Turn)
		stale  bool
	}{
		"as read":          {func(*state.Turn) {}, false},
		"another Next":     {func(x *state.Turn) { x.Before.Next = minute(99) }, false},
		"other Runs":       {func(x *state.Turn) { x.Before.Runs = 99 }, false},
		"another zone":     {func(x *state.Turn) { x.Before.At = x.Before.At.In(time.FixedZone("", 3600)) }, false},
		"cut to microsec.": {func(x *state.Turn) { x.Before.At = x.Before.At.Add(999) }, false},
		"At":               {func(x *state.Turn) { x.Before.At = minute(4) }, true},
		"no At":            {func(x *state.Turn) { x.Before = task.Cursor{} }, true},
		"Digest":           {func(x *state.Turn) { x.Before.Digest = "e" }, true},
		"retry: At":        {func(x *state.Turn) { x.Before.Retry.At = minute(7) }, true},
		"retry: none":      {func(x *state.Turn) { x.Before.Retry = task.Retrying{} }, true},
		"retry: Attempt":   {func(x *state.Turn) { x.Before.Retry.Attempt = 3 }, true},
		"retry: Previous":  {func(x *state.Turn) { x.Before.Retry.Previous = task.Lost }, true},
		"decided":          {func(x *state.Turn) { x.Slots[1].At, x.Slots[1].Last = minute(30), minute(30) }, true},
		"decided, first":   {func(x *state.Turn) { x.Slots[1].At, x.Slots[1].Last = minute(20), minute(20) }, true},
		"decided, inside":  {func(x *state.Turn) { x.Slots[1].At, x.Slots[1].Last = minute(25), minute(25) }, true},
		"decided, across":  {func(x *state.Turn) { x.Slots[1].Last = minute(25) }, true},
		"decided, around":  {func(x *state.Turn) { x.Slots[1].Last = minute(40) }, true},
		"just before":      {func(x *state.Turn) { x.Slots[1].Last = minute(19) }, false},
		"just after":       {func(x *state.Turn) { x.Slots[1].At, x.Slots[1].Last = minute(31), minute(31) }, false},
		"no row":           {func(x *state.Turn) { x.After.Task = id("task#1") }, true},
		"no row, no At":    {func(x *state.Turn) { x.After.Task, x.Before = id("task#1"), task.Cursor{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			place(t, d, base)
			row := slot(task.SlotSkip, 20, "frozen")
			row.Last, row.Count = minute(30), 11
			decide(t, d, state.Turn{Before: base, After: base, Slots: []task.Slot{row}})
			before := export(t, d)

			run, other := ours("task#0"), task.Cursor{Task: id("task#2"), At: minute(1)}
			turn := state.Turn{Before: base, After: at("task#0", 7), Run: &run, Slots: []task.Slot{
				slot(task.SlotSkip, 6, "x"), slot(task.SlotRun, 7, ""),
			}}
			c.change(&turn)
			got := decide(t, d, turn, state.Turn{After: other})
			if got[0].Stale != c.stale || (got[0].Run.ID == "") != c.stale || got[0].By != nil || got[1].Stale {
				t.Fatalf("got %+v, want stale: %v", got, c.stale)
			}
			if err := d.Exec("DELETE FROM task_state WHERE rid='task#2'"); err != nil {
				t.Fatal(err)
			}
			if changed := export(t, d) != before; changed == c.stale {
				t.Errorf("stale: %v, and changed: %v", c.stale, changed)
			}
		})
	}
}

func TestDecideRefuses(t *testing.T) {
	d := open(t)
	turn := func(all ...task.Slot) state.Turn { return state.Turn{After: at("task#0", 9), Slots: all} }
	wide := slot(task.SlotMissed, 1, "")
	wide.Last = minute(3)
	backward := slot(task.SlotMissed, 5, "")
	backward.Last = minute(4)
	nobody := turn()
	nobody.Run = &task.Run{}
	for name, bad := range map[string]state.Turn{
		"no task":      {},
		"no rid":       {After: task.Cursor{Task: task.ID{Service: "a"}}},
		"no decision":  turn(slot("", 1, "")),
		"no instant":   turn(task.Slot{Decision: task.SlotSkip}),
		"out of order": turn(slot(task.SlotSkip, 2, ""), slot(task.SlotSkip, 1, "")),
		"twice":        turn(slot(task.SlotSkip, 2, ""), slot(task.SlotRun, 2, "")),
		"overlapping":  turn(wide, slot(task.SlotSkip, 3, "")),
		"backward":     turn(backward),
		"no holder":    nobody,
	} {
		if _, err := d.Decide(context.Background(), []state.Turn{turn(), bad}, nil); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	if got := cursors(t, d, ""); got != nil {
		t.Errorf("entered %v", got)
	}
	if got, err := d.Decide(context.Background(), nil, nil); got != nil || err != nil {
		t.Errorf("nothing: %v, %v", got, err)
	}
}

func TestSlotsOfOneEndAreOneRow(t *testing.T) {
	d := open(t)
	now := task.Cursor{Task: id("task#0")}
	step := func(n int, all ...task.Slot) {
		t.Helper()
		next := at("task#0", n)
		if got := decide(t, d, state.Turn{Before: now, After: next, Slots: all}); got[0].Stale {
			t.Fatalf("minute %d is stale", n)
		}
		now = next
	}
	by := func(n int, run string) task.Slot { s := slot(task.SlotSkip, n, "overlap"); s.RunID = run; return s }
	for n := 1; n <= 1440; n++ {
		step(n, slot(task.SlotSkip, n, "frozen"))
	}
	step(1442, slot(task.SlotSkip, 1441, "frozen"), slot(task.SlotSkip, 1442, "no node"))
	step(1444, slot(task.SlotMissed, 1443, "no node"), slot(task.SlotMissed, 1444, "no node"))
	step(1447, slot(task.SlotRun, 1445, ""), slot(task.SlotRun, 1446, ""), slot(task.SlotMissed, 1447, "no node"))
	step(1450, by(1448, "a"), by(1449, "a"), by(1450, "b"))
	step(1453, slot(task.SlotPending, 1451, "wait"), slot(task.SlotPending, 1452, "wait"), slot(task.SlotExpired, 1453, "late"))
	want := "expired 1453, pending 1452, pending 1451, skip 1450, skip 1448-1449(2), missed 1447, run 1446, run 1445, " +
		"missed 1443-1444(2), skip 1442, skip 1-1441(1441)"
	if got := brief(slots(t, d, state.Query{})); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	// A slot that waited joins the row before it, and not one behind.
	step(1454, by(1451, "b"), slot(task.SlotExpired, 1452, "late"), slot(task.SlotExpired, 1454, "late"))
	want = "expired 1453-1454(2), expired 1452, skip 1450-1451(2), " + strings.SplitN(want, ", ", 5)[4]
	if got := brief(slots(t, d, state.Query{})); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	sums := counts(t, d, "task#0")
	if diff := cmp.Diff(map[task.SlotDecision]int{
		task.SlotSkip: 1441 + 1 + 2 + 2, task.SlotMissed: 3, task.SlotRun: 2, task.SlotExpired: 3,
	}, sums); diff != "" {
		t.Error(diff)
	}
	if total := sums[task.SlotSkip] + sums[task.SlotMissed] + sums[task.SlotRun] + sums[task.SlotExpired]; total != 1454 {
		t.Errorf("%d slots, want each of 1454 once", total)
	}
}

func TestPendingSlots(t *testing.T) {
	d := open(t)
	now := at("task#0", 3)
	decide(t, d, state.Turn{After: now, Slots: []task.Slot{
		slot(task.SlotPending, 1, "requirement"), slot(task.SlotSkip, 2, "frozen"), slot(task.SlotPending, 3, "requirement"),
	}})
	pending := func() string {
		t.Helper()
		all, err := d.Pending(context.Background(), id("task#0"), 0)
		if err != nil {
			t.Fatal(err)
		}
		return brief(all)
	}
	if got := pending(); got != "pending 1, pending 3" {
		t.Errorf("pending: %s", got)
	}
	// It may go on waiting, for something else.
	decide(t, d, state.Turn{Before: now, After: now, Slots: []task.Slot{slot(task.SlotPending, 3, "behind a run")}})
	if got := slots(t, d, state.Query{}); got[0].Reason != "behind a run" || pending() != "pending 1, pending 3" {
		t.Errorf("got %+v", got[0])
	}
	run := ours("task#0")
	got := decide(t, d, state.Turn{Before: now, After: now, Slots: []task.Slot{slot(task.SlotRun, 1, "")}, Run: &run})
	if got[0].Run.ID == "" || !got[0].Run.Slot.Equal(minute(1)) || pending() != "pending 3" {
		t.Errorf("%+v, pending: %s", got[0], pending())
	}
	// What another has decided meanwhile is stale, though the cursor is where it was.
	again := ours("task#0")
	if got = decide(t, d, state.Turn{Before: now, After: now, Slots: []task.Slot{slot(task.SlotRun, 1, "")}, Run: &again}); !got[0].Stale {
		t.Errorf("decided twice: %+v", got[0])
	}
	if got = decide(t, d, state.Turn{Before: now, After: now, Slots: []task.Slot{slot(task.SlotExpired, 2, "")}}); !got[0].Stale {
		t.Errorf("decided twice: %+v", got[0])
	}
}

func TestLimitMakesASkip(t *testing.T) {
	d := open(t)
	held := claim(t, d, ours("task#0"))
	turn := func(before, n int) state.Turn {
		run, after := ours("task#0"), at("task#0", n)
		after.Runs = 1
		c := at("task#0", before)
		if before == 0 {
			c = task.Cursor{}
		}
		return state.Turn{Before: c, After: after, Slots: []task.Slot{slot(task.SlotRun, n, "")}, Run: &run, Limit: 1}
	}
	got := decide(t, d, turn(0, 1))[0]
	if got.Stale || got.Run.ID != "" || got.By == nil || ids(got.By.By) != held.ID {
		t.Fatalf("%+v", got)
	}
	got = decide(t, d, turn(1, 2))[0]
	want := slot(task.SlotSkip, 1, "overlap")
	want.Last, want.Count, want.RunID = minute(2), 2, held.ID
	if diff := cmp.Diff([]task.Slot{want}, slots(t, d, state.Query{})); got.By == nil || diff != "" {
		t.Errorf("%+v %s", got, diff)
	}
	if c := cursor(t, d, "task#0"); c.Runs != 0 || !c.At.Equal(minute(2)) {
		t.Errorf("the cursor is %+v: nothing ran", c)
	}
	settle(t, d, outcome(held, task.Complete))
	claim(t, d, gone("task#0")) // does not count: nobody holds it
	if got = decide(t, d, turn(2, 3))[0]; got.Run.ID == "" {
		t.Errorf("%+v", got)
	}
	if c := cursor(t, d, "task#0"); c.Runs != 1 {
		t.Errorf("the cursor is %+v", c)
	}
	if n, err := d.Number("SELECT count(*) FROM run WHERE state='lost'"); err != nil || n != 1 {
		t.Errorf("%d lost, %v", n, err)
	}
}

func TestSlotThatHasARunMakesASkip(t *testing.T) {
	d := open(t)
	first := ours("task#0")
	first.Slot = minute(1)
	first = claim(t, d, first)
	run := ours("task#0")
	got := decide(t, d, state.Turn{After: at("task#0", 1), Slots: []task.Slot{slot(task.SlotRun, 1, "")}, Run: &run})[0]
	if got.By == nil || !got.By.Slot || got.Run.ID != "" {
		t.Fatalf("%+v", got)
	}
	want := slot(task.SlotSkip, 1, "the slot has a run already")
	want.RunID = first.ID
	if diff := cmp.Diff([]task.Slot{want}, slots(t, d, state.Query{})); diff != "" {
		t.Error(diff)
	}
}

func TestRetryTurn(t *testing.T) {
	d := open(t)
	run := ours("task#0")
	before := at("task#0", 1)
	before.Retry = task.Retrying{At: minute(2), Slot: minute(1), Attempt: 2, Since: minute(1), Previous: task.Failed}
	first := decide(t, d, state.Turn{After: before, Slots: []task.Slot{slot(task.SlotRun, 1, "")}, Run: &run})[0].Run
	settle(t, d, outcome(first, task.Failed))
	again := ours("task#0")
	again.Slot, again.Attempt, again.Origin = minute(1), 2, task.Retry
	turn := state.Turn{Before: before, After: at("task#0", 1), Run: &again, Limit: 1}
	got := decide(t, d, turn, turn)
	if got[0].Run.ID == "" || got[0].Run.Attempt != 2 || !got[1].Stale {
		t.Fatalf("%+v", got)
	}
	if c := cursor(t, d, "task#0"); !c.Retry.At.IsZero() {
		t.Errorf("the cursor is %+v", c)
	}
	if got := brief(slots(t, d, state.Query{})); got != "run 1" {
		t.Errorf("slots: %s", got)
	}
}

func TestSlotsThatAQueryChooses(t *testing.T) {
	d := open(t)
	wide := slot(task.SlotMissed, 2, "node down")
	wide.Last, wide.Count = minute(5), 4
	ran := slot(task.SlotRun, 6, "")
	ran.RunID = "0195d8a0-0000-7000-8000-000000000001"
	decide(t, d,
		state.Turn{After: at("task#0", 6), Slots: []task.Slot{slot(task.SlotSkip, 1, "x"), wide, ran}},
		state.Turn{After: at("task#1", 6), Slots: []task.Slot{slot(task.SlotExpired, 4, "x")}})
	for name, c := range map[string]struct {
		q         state.Query
		decisions []task.SlotDecision
		want      string
	}{
		"all":          {state.Query{}, nil, "run 6, expired 4, missed 2-5(4), skip 1"},
		"service":      {state.Query{Service: "other"}, nil, ""},
		"task":         {state.Query{Service: "testmd", RID: []string{"task#1"}}, nil, "expired 4"},
		"newest":       {state.Query{Limit: 2}, nil, "run 6, expired 4"},
		"since":        {state.Query{Since: minute(5)}, nil, "run 6, missed 2-5(4)"},
		"before":       {state.Query{Before: minute(4)}, nil, "missed 2-5(4), skip 1"},
		"run":          {state.Query{ID: "0195D8"}, nil, "run 6"},
		"decision":     {state.Query{}, []task.SlotDecision{task.SlotSkip}, "skip 1"},
		"decisions":    {state.Query{RID: []string{"task#0"}, Limit: 5}, []task.SlotDecision{task.SlotSkip, task.SlotMissed}, "missed 2-5(4), skip 1"},
		"none of them": {state.Query{}, []task.SlotDecision{task.SlotPending}, ""},
	} {
		if got := brief(slots(t, d, c.q, c.decisions...)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// sameTurns decides one slot of each of 200 tasks, from cursors that all read before any writes.
func sameTurns(args []string) error {
	return with(live(args[0]), func(ctx context.Context, d *state.DB) error {
		due, err := d.Due(ctx, minute(1), 0)
		if err != nil || len(due) != 200 {
			return fmt.Errorf("%d are due: %w", len(due), err)
		}
		fmt.Println("read")
		if _, err = os.Stdin.Read(make([]byte, 1)); err != nil {
			return err
		}
		taken, stale := 0, 0
		for some := range chunks(due, 20) {
			var turns []state.Turn
			for _, c := range some {
				run, after := ours(c.Task.RID), at(c.Task.RID, 1)
				turns = append(turns, state.Turn{Before: c, After: after, Slots: []task.Slot{slot(task.SlotRun, 1, "")}, Run: &run})
			}
			got, err := d.Decide(ctx, turns, state.Alive)
			if err != nil {
				return err
			}
			for _, x := range got {
				switch {
				case x.Stale:
					stale++
				case x.Run.ID != "":
					taken++
				}
			}
		}
		fmt.Printf("%d %d\n", taken, stale)
		return nil
	})
}

func chunks(all []task.Cursor, n int) func(func([]task.Cursor) bool) {
	return func(yield func([]task.Cursor) bool) {
		for len(all) > 0 && yield(all[:min(n, len(all))]) {
			all = all[min(n, len(all)):]
		}
	}
}

// TestProcessesDecideTheSameTurns: of 8 processes with the same turns, each slot has one that took it, and
// it is stale for the others.
func TestProcessesDecideTheSameTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, live(path))
	var all []task.Cursor
	for i := range 200 {
		all = append(all, at("task#"+itoa(i), 0))
	}
	place(t, d, all...)
	var taken, stale int
	for _, out := range together(t, 8, func() *exec.Cmd { return process(t, "sameturns", path) }) {
		var a, b int
		if _, err := fmt.Sscan(out, &a, &b); err != nil || a+b != 200 {
			t.Errorf("%q: %v", out, err)
		}
		taken, stale = taken+a, stale+b
	}
	if taken != 200 || stale != 7*200 {
		t.Errorf("%d taken, %d stale", taken, stale)
	}
	for query, want := range map[string]int64{
		"SELECT count(*) FROM run": 200, "SELECT count(DISTINCT rid) FROM run": 200, "SELECT count(*) FROM slot": 200,
		"SELECT count(*) FROM slot s JOIN run r ON r.id=s.run_id AND r.slot=s.slot AND r.rid=s.rid":   200,
		"SELECT count(*) FROM slot s JOIN task_state c USING(service,rid) WHERE s.slot=c.cursor_slot": 200,
	} {
		if n, err := d.Number(query); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", query, n, err, want)
		}
	}
}

// together starts n processes, waits until all of them have said a line, lets them go on, and returns
// what each said then.
func together(t *testing.T, n int, prepare func() *exec.Cmd) []string {
	t.Helper()
	said := make([]string, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		cmd := prepare()
		in, err := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		cmd.Stderr = os.Stderr
		if err = errors.Join(err, err2, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		done.Go(func() {
			lines := bufio.NewReader(out)
			_, err := lines.ReadString('\n')
			ready.Done()
			ready.Wait()
			fmt.Fprintln(in)
			rest, err2 := io.ReadAll(lines)
			said[i] = string(rest)
			if err = errors.Join(err, err2, cmd.Wait()); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	return said
}

// TestDecideStillborn: a run that could not begin takes its slot, and no process holds it.
func TestDecideStillborn(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	slot := time.Date(2027, 3, 1, 2, 0, 0, 0, time.UTC)
	id := task.ID{Service: "testmd", RID: "task#0"}
	run := task.Run{ID: state.NewID(slot), Slot: slot, Origin: task.Scheduled, State: task.Failed, Reason: "no such user", ExitCode: 78, EndedAt: slot}
	taken, err := d.Decide(ctx, []state.Turn{{
		After: task.Cursor{Task: id, At: slot, Digest: "d"}, Run: &run, Limit: 1,
		Slots: []task.Slot{{At: slot, Decision: task.SlotRun, Reason: "schedule"}},
	}}, nil)
	if err != nil || taken[0].Run.ID != run.ID || taken[0].By != nil || taken[0].Stale {
		t.Fatalf("%+v, %v", taken, err)
	}
	if got, err := d.Run(ctx, run.ID); err != nil || got.State != task.Failed || !got.Slot.Equal(slot) {
		t.Errorf("%+v, %v", got, err)
	}
}

// The first slot that waits of each task, in as many steps as there are tasks.
func TestHeads(t *testing.T) {
	d := open(t)
	for _, rid := range []string{"task#0", "task#1", "task#2"} {
		slots := []task.Slot{slot(task.SlotPending, 1, "a"), slot(task.SlotSkip, 2, "b"), slot(task.SlotPending, 3, "c"), slot(task.SlotPending, 4, "d")}
		if rid == "task#1" {
			slots = slots[1:2]
		}
		decide(t, d, state.Turn{After: at(rid, 4), Slots: slots})
	}
	heads, err := d.Heads(context.Background())
	if err != nil || len(heads) != 2 || heads[0].Task != id("task#0") || heads[1].Task != id("task#2") || heads[1].Reason != "a" {
		t.Errorf("%+v, %v", heads, err)
	}
	for limit, want := range map[int]int{0: 0, 1: 1, 5: 2} {
		if n, err := d.CountPending(context.Background(), id("task#0"), minute(1), limit); err != nil || n != want {
			t.Errorf("up to %d: %d, %v", limit, n, err)
		}
	}
	if some, err := d.Pending(context.Background(), id("task#2"), 2); err != nil || len(some) != 2 || some[1].Reason != "c" {
		t.Errorf("%+v, %v", some, err)
	}
}
