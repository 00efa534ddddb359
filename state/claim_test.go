package state_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"

	"github.com/google/go-cmp/cmp"
)

func TestClaimGivesBackWhatIsKept(t *testing.T) {
	d := open(t)
	r := ours("task#0")
	r.Slot = time.Date(2027, 3, 28, 3, 0, 0, 0, time.FixedZone("CEST", 7200))
	r.Origin, r.Terminal, r.ConfirmedBy, r.Forced = task.Scheduled, "/dev/pts/1", "alice, yes", "requirement"
	r.ArgvDigest, r.Output = "ab12", "/var/lib/om/out"
	got, err := d.Claim(context.Background(), r, 1, state.Alive)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != task.Running || got.Attempt != 1 || got.Node != "n1" || got.BootID == "" || len(got.ID) != 36 {
		t.Errorf("claimed %+v", got)
	}
	if diff := cmp.Diff(got, get(t, d, got.ID)); diff != "" {
		t.Errorf("claimed and kept differ:\n%s", diff)
	}
	if want := time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC); got.Slot != want {
		t.Errorf("slot %v, want %v", got.Slot, want)
	}
}

func TestSettleKeepsAnOutcomeWhole(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	o := task.Outcome{
		RunID: r.ID, State: task.Failed, ExitCode: 3, Reason: "because", StartedAt: r.StartedAt.Add(time.Millisecond),
		EndedAt: r.StartedAt.Add(time.Minute), OutputBytes: 100, OutputLost: 7, MaxRSS: 1 << 40, CPU: 1500 * time.Microsecond, Leftover: 2,
	}
	settle(t, d, o)
	want := r
	want.State, want.ExitCode, want.Reason, want.StartedAt, want.EndedAt = o.State, o.ExitCode, o.Reason, o.StartedAt, o.EndedAt
	want.OutputBytes, want.OutputLost, want.MaxRSS, want.CPU, want.Leftover = 100, 7, 1<<40, 1500*time.Microsecond, 2
	if diff := cmp.Diff(want, get(t, d, r.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestFirstOutcomeStands(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	settle(t, d, outcome(r, task.Complete))
	first := get(t, d, r.ID)
	for _, s := range task.RunStates()[2:] {
		o := outcome(r, s)
		o.EndedAt, o.ExitCode, o.Reason = o.EndedAt.Add(time.Hour), 9, "later"
		settle(t, d, o, o)
	}
	if diff := cmp.Diff(first, get(t, d, r.ID)); diff != "" {
		t.Errorf("a final row changed:\n%s", diff)
	}
}

func TestSettleLeavesOutUnknownRuns(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	unknown := outcome(task.Run{ID: "nobody", StartedAt: r.StartedAt}, task.Complete)
	err := d.Settle(context.Background(), []task.Outcome{unknown, outcome(r, task.Complete)})
	if !errors.Is(err, task.ErrNotFound) || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("got %v, want not found", err)
	}
	if got := get(t, d, r.ID).State; got != task.Complete {
		t.Errorf("the known run is %s", got)
	}
}

func TestSettleRefusesWhatIsNoEnd(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	for name, bad := range map[string]task.Outcome{
		"running": {RunID: r.ID, State: task.Running, EndedAt: start()},
		"queued":  {RunID: r.ID, State: task.Queued, EndedAt: start()},
		"no end":  {RunID: r.ID, State: task.Complete},
		"no id":   {State: task.Complete, EndedAt: start()},
	} {
		if err := d.Settle(context.Background(), []task.Outcome{bad}); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	if got := get(t, d, r.ID).State; got != task.Running {
		t.Errorf("the run is %s", got)
	}
}

func TestClaimRefusesAHolderNobodyCanFind(t *testing.T) {
	d := open(t)
	for name, change := range map[string]func(*task.Run){
		"no pid":   func(r *task.Run) { r.PID = 0 },
		"no start": func(r *task.Run) { r.PIDStart = 0 },
	} {
		r := ours("task#0")
		change(&r)
		if _, err := d.Claim(context.Background(), r, 0, nil); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	if runs, err := d.Runs(context.Background(), state.Query{}); err != nil || len(runs) > 0 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

func TestLimit(t *testing.T) {
	for _, limit := range []int{1, 2, 5} {
		d := open(t)
		var held []task.Run
		for range limit {
			r, err := d.Claim(context.Background(), ours("task#0"), limit, state.Alive)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, r)
		}
		_, err := d.Claim(context.Background(), ours("task#0"), limit, state.Alive)
		taken, ok := errors.AsType[*state.TakenError](err)
		if !ok || !errors.Is(err, task.ErrTaken) || ids(taken.By) != ids(held) || taken.Slot {
			t.Fatalf("limit %d: got %v, want taken by %s", limit, err, ids(held))
		}
		if !strings.Contains(err.Error(), held[0].ID) || !strings.Contains(err.Error(), "testmd/task#0") {
			t.Errorf("the error does not name the run: %v", err)
		}
		claim(t, d, ours("task#1")) // another task is free
		settle(t, d, outcome(held[0], task.Complete))
		if _, err = d.Claim(context.Background(), ours("task#0"), limit, state.Alive); err != nil {
			t.Errorf("limit %d: after one has ended: %v", limit, err)
		}
		if _, err = d.Claim(context.Background(), ours("task#0"), 0, state.Alive); err != nil {
			t.Errorf("no limit: %v", err)
		}
	}
}

func TestQueuedRunsDoNotCount(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	if err := d.Exec("UPDATE run SET state='queued',pid=0"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Claim(context.Background(), ours("task#0"), 1, state.Alive); err != nil {
		t.Error(err)
	}
	if lost, err := d.Recover(context.Background(), state.Alive); err != nil || len(lost) > 0 {
		t.Errorf("lost %s, %v", ids(lost), err)
	}
	if got := get(t, d, r.ID).State; got != task.Queued {
		t.Errorf("the queued run is %s", got)
	}
}

func TestClaimSettlesTheDead(t *testing.T) {
	d := open(t)
	dead := claim(t, d, gone("task#0"))
	other := claim(t, d, gone("task#1"))
	r, err := d.Claim(context.Background(), ours("task#0"), 1, state.Alive)
	if err != nil {
		t.Fatal(err)
	}
	got := get(t, d, dead.ID)
	if got.State != task.Lost || got.EndedAt.IsZero() || !strings.Contains(got.Reason, "1073741824 on n1") {
		t.Errorf("the dead run is %+v", got)
	}
	if s := get(t, d, other.ID).State; s != task.Running {
		t.Errorf("the run of another task is %s", s)
	}
	if s := get(t, d, r.ID).State; s != task.Running {
		t.Errorf("the new run is %s", s)
	}
}

// The claim is refused, and what it learned about the dead stays.
func TestClaimSettlesTheDeadAlsoWhenRefused(t *testing.T) {
	d := open(t)
	dead := claim(t, d, gone("task#0"))
	claim(t, d, ours("task#0"))
	if _, err := d.Claim(context.Background(), ours("task#0"), 1, state.Alive); !errors.Is(err, task.ErrTaken) {
		t.Fatalf("got %v, want taken", err)
	}
	if s := get(t, d, dead.ID).State; s != task.Lost {
		t.Errorf("the dead run is %s", s)
	}
}

func TestSlotRunsOnce(t *testing.T) {
	d := open(t)
	slot := func(attempt int) task.Run {
		r := ours("task#0")
		r.Slot, r.Origin, r.Attempt = start().Truncate(time.Minute), task.Scheduled, attempt
		return r
	}
	first := claim(t, d, slot(1))
	_, err := d.Claim(context.Background(), slot(1), 0, nil)
	taken, ok := errors.AsType[*state.TakenError](err)
	if !ok || !taken.Slot || ids(taken.By) != first.ID || !errors.Is(err, task.ErrTaken) {
		t.Fatalf("got %v, want taken by %s", err, first.ID)
	}
	if !strings.Contains(err.Error(), "slot 2027-03-28T00:59:00Z") {
		t.Errorf("the error does not name the slot: %v", err)
	}
	settle(t, d, outcome(first, task.Failed))
	if _, err = d.Claim(context.Background(), slot(1), 0, nil); !errors.Is(err, task.ErrTaken) {
		t.Errorf("after its end: got %v, want taken", err)
	}
	final := slot(1)
	final.ID, final.State, final.EndedAt = state.NewID(start()), task.Failed, start()
	if err = d.Insert(context.Background(), final); !errors.Is(err, task.ErrTaken) {
		t.Errorf("insert: got %v, want taken", err)
	}
	claim(t, d, slot(2))        // a retry is another attempt
	claim(t, d, ours("task#0")) // by hand there is no slot,
	claim(t, d, ours("task#0")) // any number of times
	other := slot(1)
	other.Task.RID = "task#1"
	claim(t, d, other)
}

func TestTheSameIDTwice(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	_, err := d.Claim(context.Background(), r, 0, nil)
	if err == nil || errors.Is(err, task.ErrTaken) {
		t.Errorf("got %v, want an error that is not taken", err)
	}
}

func TestInsertIsFinal(t *testing.T) {
	d := open(t)
	r := task.Run{
		ID: state.NewID(start()), Task: id("task#0"), Origin: task.Manual, State: task.Failed, ExitCode: 127,
		Reason: `"/no/such": no such file`, EndedAt: start(), Node: "n1",
	}
	if err := d.Insert(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	r.Attempt, r.QueuedAt = 1, r.EndedAt
	if diff := cmp.Diff(r, get(t, d, r.ID)); diff != "" {
		t.Error(diff)
	}
	r.ID, r.State = state.NewID(start()), task.Running
	if err := d.Insert(context.Background(), r); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("running: got %v, want invalid", err)
	}
}

func TestNoteChild(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	if err := d.NoteChild(context.Background(), r.ID, 4321); err != nil {
		t.Fatal(err)
	}
	if got := get(t, d, r.ID).ChildPID; got != 4321 {
		t.Errorf("child %d", got)
	}
	if got, err := d.Number("PRAGMA synchronous"); err != nil || got != 2 {
		t.Errorf("synchronous is %d, %v after a note: the next claim would not be durable", got, err)
	}
	settle(t, d, outcome(r, task.Complete))
	if err := d.NoteChild(context.Background(), r.ID, 9); err != nil {
		t.Fatal(err)
	}
	if got := get(t, d, r.ID).ChildPID; got != 4321 {
		t.Errorf("a final row has child %d", got)
	}
}

func TestRecover(t *testing.T) {
	d := open(t)
	mine := claim(t, d, ours("task#0"))
	dead := []task.Run{claim(t, d, gone("task#1")), claim(t, d, gone("task#2"))}
	done := ended(t, d, "task#3", task.Complete)
	reused := ours("task#4")
	reused.PIDStart++ // the same pid, another process
	dead = append(dead, claim(t, d, reused))
	rebooted := ours("task#5")
	rebooted.BootID = "00000000-0000-0000-0000-000000000000" // the same pid and start, before a reboot
	dead = append(dead, claim(t, d, rebooted))

	lost, err := d.Recover(context.Background(), state.Alive)
	if err != nil || ids(lost) != ids(dead) {
		t.Fatalf("recovered %s, %v; want %s", ids(lost), err, ids(dead))
	}
	for _, r := range lost {
		if diff := cmp.Diff(r, get(t, d, r.ID)); r.State != task.Lost || diff != "" {
			t.Errorf("%s, kept otherwise: %s", r.State, diff)
		}
	}
	if get(t, d, mine.ID).State != task.Running || get(t, d, done.ID).State != task.Complete {
		t.Error("a run that is alive or done was changed")
	}
	if lost, err = d.Recover(context.Background(), state.Alive); err != nil || lost != nil {
		t.Errorf("the second time: %s, %v", ids(lost), err)
	}
}

func TestAliveAndZombies(t *testing.T) {
	r := ours("task#0")
	r.BootID, _ = state.BootID()
	if !state.Alive(r) {
		t.Error("this process is not alive")
	}
	child := process(t, "once", t.TempDir()+"/om.db")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	r.PID = child.Process.Pid
	// Until Wait it is a zombie: it has a pid and a start, and will never settle anything.
	await(t, func() bool { _, err := state.ProcessStart(r.PID); return errors.Is(err, os.ErrNotExist) })
	if state.Alive(r) {
		t.Error("a zombie is alive")
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if state.Alive(r) {
		t.Error("a process that is gone is alive")
	}
}

// await polls until ok, at most some seconds.
func await(tb testing.TB, ok func() bool) {
	tb.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			tb.Fatal("waited for 10 s")
		case <-tick.C:
		}
	}
}

func TestDeclines(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	var want []task.Decline
	for i, rid := range []string{"task#0", "task#1", "task#0"} {
		at := start().Add(time.Duration(i) * time.Minute)
		x := task.Decline{ID: state.NewID(at), Task: id(rid), Origin: task.Manual, At: at, Reason: "frozen", By: "alice", Node: "n1", Kind: "declined"}
		if err := d.Decline(ctx, x); err != nil {
			t.Fatal(err)
		}
		want = append([]task.Decline{x}, want...)
	}
	got, err := d.Declines(ctx, state.Query{})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	got, err = d.Declines(ctx, state.Query{Service: "testmd", RID: []string{"task#0"}, Since: start().Add(time.Second), Limit: 5})
	if diff := cmp.Diff(want[:1], got); err != nil || diff != "" {
		t.Errorf("chosen: %v %s", err, diff)
	}
	if got, err = d.Declines(ctx, state.Query{Service: "other"}); err != nil || len(got) > 0 {
		t.Errorf("other service: %v %v", got, err)
	}
}

func TestFrozen(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	check := func(service, by string, want bool) {
		t.Helper()
		f, ok, err := d.Frozen(ctx, service)
		if err != nil || ok != want || f.By != by || f.Since.IsZero() == want {
			t.Errorf("frozen %q: %+v %v %v, want %v by %q", service, f, ok, err, want, by)
		}
	}
	check("testmd", "", false)
	for _, by := range []string{"alice", "bob"} {
		if err := errors.Join(d.Freeze(ctx, "testmd", by), d.Freeze(ctx, "", by)); err != nil {
			t.Fatal(err)
		}
	}
	check("testmd", "alice", true)
	check("", "alice", true)
	check("other", "", false)
	if all, err := d.AllFrozen(ctx); err != nil || len(all) != 2 || all[""].By != "alice" || all["testmd"].Since.IsZero() {
		t.Errorf("frozen are %v, %v", all, err)
	}
	if err := errors.Join(d.Thaw(ctx, "testmd"), d.Thaw(ctx, "other")); err != nil {
		t.Fatal(err)
	}
	check("testmd", "", false)
	check("", "alice", true)
}

func TestConfigVersions(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	texts := []string{"[task#0]\n", "", "[task#0]\r\ncommand = \xff\x00\n", "[task#0]\n"}
	for _, text := range texts {
		for range 2 { // the same text again is no new version
			if err := d.KeepConfig(ctx, "testmd", []byte(text), "alice"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.KeepConfig(ctx, "other", []byte("x"), "bob"); err != nil {
		t.Fatal(err)
	}
	list, err := d.Configs(ctx, "testmd")
	if err != nil || len(list) != len(texts) {
		t.Fatalf("%d versions, %v", len(list), err)
	}
	slices.Reverse(list)
	for i, v := range list {
		text, err := d.Config(ctx, "testmd", v.Version)
		if err != nil || string(text) != texts[i] || v.Version != i+1 || v.Size != int64(len(text)) || v.By != "alice" || v.At.IsZero() {
			t.Errorf("%+v: %q %v, want %q", v, text, err, texts[i])
		}
	}
	if list[0].Digest != list[3].Digest || list[0].Digest == list[1].Digest {
		t.Error("digests do not tell texts apart")
	}
	if _, err = d.Config(ctx, "testmd", 99); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("no such version: %v", err)
	}
}
