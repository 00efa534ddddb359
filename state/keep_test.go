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
)

const day = 24 * time.Hour

// history enters runs of a task that ended, one a day, the last today: "c" is complete, "e" error,
// "x" cancelled, "l" lost, "r" still running. It returns their ids.
func history(tb testing.TB, d *state.DB, rid, states string, bytes int64) []string {
	tb.Helper()
	var all []string
	for i, letter := range states {
		at := start().Add(-time.Duration(len(states)-1-i) * day)
		r := ours(rid)
		r.ID, r.QueuedAt, r.StartedAt = dated(at, rid, i), at, at
		r.Output = "/out/" + r.ID
		r = claim(tb, d, r)
		all = append(all, r.ID)
		if letter == 'r' {
			continue
		}
		o := task.Outcome{RunID: r.ID, EndedAt: at, OutputBytes: bytes + 5, OutputLost: 5}
		o.State = map[rune]task.RunState{'c': task.Complete, 'e': task.Failed, 'x': task.Cancelled, 'l': task.Lost}[letter]
		settle(tb, d, o)
	}
	return all
}

// dated makes an id for a day of the past.
func dated(at time.Time, rid string, n int) string {
	return fmt.Sprintf("%012x-7%03d-%s", at.UnixMilli(), n, rid)
}

// sweep removes all that expires, and returns which runs were left: "-" for one that went.
func sweep(tb testing.TB, d *state.DB, r state.Retention, all []string, states string) string {
	tb.Helper()
	ctx := context.Background()
	for gone, err := range d.Expired(ctx, r) {
		if err != nil {
			tb.Fatal(err)
		}
		for _, x := range gone {
			if x.Output != "/out/"+x.ID {
				tb.Errorf("output %q of %s", x.Output, x.ID)
			}
		}
		if err = d.Remove(ctx, gone); err != nil {
			tb.Fatal(err)
		}
	}
	runs, err := d.Runs(ctx, state.Query{})
	if err != nil {
		tb.Fatal(err)
	}
	left := []byte(states)
	for i, id := range all {
		if !slices.ContainsFunc(runs, func(r task.Run) bool { return r.ID == id }) {
			left[i] = '-'
		}
	}
	return string(left)
}

func TestRetention(t *testing.T) {
	for name, c := range map[string]struct {
		states, want string
		keep         state.Keep
		budget       int64
	}{
		"no limits":                          {states: "ccecr", want: "ccecr"},
		"count":                              {states: "ccccc", keep: state.Keep{Runs: 2}, want: "---cc"},
		"failures are counted apart":         {states: "eccccce", keep: state.Keep{Runs: 2}, want: "e---cce"},
		"cancelled too":                      {states: "xcxcxc", keep: state.Keep{Runs: 1}, want: "----xc"},
		"age":                                {states: "ccccc", keep: state.Keep{Age: 36 * time.Hour}, want: "---cc"},
		"failures last longer":               {states: "ecececec", keep: state.Keep{Age: day, FailedAge: 4 * day}, want: "----e-ec"},
		"the last success stays":             {states: "ceeeee", keep: state.Keep{Age: day, FailedAge: day, Runs: 1}, want: "c----e"},
		"the last failure stays":             {states: "ecccc", keep: state.Keep{Age: day, FailedAge: day, Runs: 1}, want: "e---c"},
		"lost is a failure":                  {states: "lecc", keep: state.Keep{Runs: 1}, want: "-e-c"},
		"what is in progress stays":          {states: "rrccr", keep: state.Keep{Runs: 1, Age: time.Hour, FailedAge: time.Hour}, want: "rr-cr"},
		"nothing":                            {states: "", keep: state.Keep{Runs: 1}, want: ""},
		"budget, oldest success first":       {states: "ececec", budget: 400, want: "e-e-ec"},
		"budget, then failures":              {states: "ececec", budget: 300, want: "--e-ec"},
		"budget, never the last of its kind": {states: "ececx", budget: 1, want: "--ecx"},
		"budget that is kept":                {states: "ecec", budget: 400, want: "ecec"},
		"budget after counts":                {states: "cccc", keep: state.Keep{Runs: 3}, budget: 200, want: "--cc"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			all := history(t, d, "task#0", c.states, 100)
			// The history of another task does not count.
			other := history(t, d, "task#1", "ce", 0)
			r := state.Retention{Of: func(id task.ID) state.Keep {
				if id.RID == "task#0" {
					return c.keep
				}
				return state.Keep{}
			}, Budget: c.budget}
			if got := sweep(t, d, r, all, c.states); got != c.want {
				t.Errorf("left %s, want %s", got, c.want)
			}
			if got := sweep(t, d, r, other, "ce"); got != "ce" {
				t.Errorf("of the other task: left %s", got)
			}
		})
	}
}

func TestExpiredComesInBatches(t *testing.T) {
	d := open(t)
	if err := d.Exec(manyRuns(3, 700)); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := state.Retention{Of: func(task.ID) state.Keep { return state.Keep{Runs: 10} }}
	count := func() (batches, runs int) {
		for gone, err := range d.Expired(ctx, r) {
			if err != nil || len(gone) == 0 || len(gone) > 500 {
				t.Fatalf("%d runs, %v", len(gone), err)
			}
			batches, runs = batches+1, runs+len(gone)
		}
		return batches, runs
	}
	// It ends also where nothing is removed: what could not be unlinked comes again another time.
	for range 2 {
		if batches, runs := count(); batches != 6 || runs != 3*690 {
			t.Errorf("%d batches, %d runs", batches, runs)
		}
	}
	for gone, err := range d.Expired(ctx, r) {
		if err != nil || len(gone) != 500 {
			t.Errorf("%d runs, %v", len(gone), err)
		}
		break // and may be left at any time
	}
	for gone, err := range d.Expired(ctx, r) {
		if err == nil {
			err = d.Remove(ctx, gone)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.Number("SELECT count(*) FROM run"); err != nil || n != 30 {
		t.Errorf("%d runs left, %v", n, err)
	}
	if batches, _ := count(); batches != 0 {
		t.Errorf("%d batches after all is gone", batches)
	}
}

func TestExpiredTellsItsError(t *testing.T) {
	d := open(t)
	d.Close()
	n := 0
	for gone, err := range d.Expired(context.Background(), state.Retention{Of: func(task.ID) state.Keep { return state.Keep{} }, Budget: 1}) {
		if n++; err == nil || gone != nil {
			t.Errorf("got %v, %v", gone, err)
		}
	}
	if n != 1 {
		t.Errorf("%d errors", n)
	}
}

// manyRuns is SQL that enters complete runs of as many tasks, a minute apart.
func manyRuns(tasks, runs int) string {
	return fmt.Sprintf(`WITH RECURSIVE t(t) AS(SELECT 0 UNION ALL SELECT t+1 FROM t WHERE t<%d),
		n(n) AS(SELECT 0 UNION ALL SELECT n+1 FROM n WHERE n<%d)
		INSERT INTO run SELECT printf('%%012x-7%%03d-8000-%%012d',n*60000,t,n),'svc'||(t/10),'task#'||(t%%10),NULL,'schedule','complete',1,
		'node1.example.org','3d4e6a5e-1111-2222-3333-123456789012',4242,123456,4243,n*60000000,n*60000000,n*60000000+5,0,'','','root','','','','',
		'0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef','/var/lib/om/output/svc/task/'||n,1000,0,1<<20,1000,0,'',0
		FROM t,n ORDER BY n,t`, tasks-1, runs-1)
}

func TestRemoveLeavesWhatRuns(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	if err := d.Remove(context.Background(), []state.Expiry{{ID: r.ID}, {ID: "nobody"}}); err != nil {
		t.Fatal(err)
	}
	if get(t, d, r.ID).State != task.Running {
		t.Error("a run in progress was removed")
	}
}

func TestPrune(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	for i := range 1200 {
		at := start().Add(-time.Duration(i) * time.Minute)
		x := task.Decline{ID: dated(at, "task#0", i), Task: id("task#0"), At: at, Reason: "frozen", Kind: "declined"}
		if err := d.Decline(ctx, x); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 12 {
		for _, service := range []string{"a", "b"} {
			if err := d.KeepConfig(ctx, service, []byte(strings.Repeat("x", i)), "alice"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := d.Prune(ctx, state.Retention{}); err != nil || n != 0 {
		t.Errorf("without limits: %d, %v", n, err)
	}
	r := state.Retention{Declines: 100*time.Minute + 30*time.Second, Configs: 5}
	var removed []int64
	for {
		n, err := d.Prune(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		removed = append(removed, n)
	}
	if want := []int64{514, 500}; len(removed) < 3 || !slices.Equal(removed[:2], want) {
		t.Errorf("removed %v, want %v and the rest", removed, want)
	}
	left, err := d.Declines(ctx, state.Query{})
	if err != nil || len(left) < 95 || len(left) > 101 {
		t.Errorf("%d declines left, %v", len(left), err)
	}
	for _, service := range []string{"a", "b"} {
		kept, err := d.Configs(ctx, service)
		if err != nil || len(kept) != 5 || kept[0].Version != 12 {
			t.Errorf("%s: %+v, %v", service, kept, err)
		}
	}
}

func TestPruneSlots(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	now := task.Cursor{}
	var turns []state.Turn
	for n := range 1200 {
		next := at("task#0", n-1300)
		turns = append(turns, state.Turn{Before: now, After: next, Slots: []task.Slot{slot(task.SlotRun, n-1300, "")}})
		now = next
	}
	decide(t, d, turns...)
	pending, wide := slot(task.SlotPending, -1400, "x"), slot(task.SlotSkip, -100, "frozen")
	wide.Last, wide.Count = minute(0), 101
	decide(t, d, state.Turn{Before: now, After: now, Slots: []task.Slot{pending, wide}})
	other := at("task#1", 0)
	decide(t, d, state.Turn{Before: task.Cursor{Task: other.Task}, After: other, Slots: []task.Slot{slot(task.SlotSkip, -1, "frozen")}})
	var calls []string
	for after := (task.ID{}); ; {
		id, more, err := d.PruneSlots(ctx, after, start().Add(-50*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if calls = append(calls, fmt.Sprint(id.RID, " ", more)); id == (task.ID{}) {
			break
		}
		if !more {
			after = id
		}
	}
	if want := []string{"task#0 true", "task#0 true", "task#0 false", "task#1 false", " false"}; !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
	if got := brief(slots(t, d, state.Query{RID: []string{"task#0"}})); got != "skip -100-0(101), pending -1400" {
		t.Errorf("left %s", got)
	}
}
