package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

const everyMinute = "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:* * * * *\n"

// atMinute is a virtual node that has seen its files, and a slot is due.
func atMinute(t *testing.T, text string) (*virtual, *timeline) {
	t.Helper()
	v := newVirtual(t, map[string]string{"s": text})
	line := &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	v.Now, v.after, v.sinceBoot = func() time.Time { return line.now }, line.after, line.up
	v.tickAt()
	line.goTo(line.now.Add(time.Minute))
	return v, line
}

// newest is the newest run on record.
func (v *virtual) newest() task.Run {
	v.Helper()
	db, err := v.NodeRecord(context.Background())
	if err != nil {
		v.Fatal(err)
	}
	runs, err := db.Runs(context.Background(), state.Query{Limit: 1})
	if err != nil || len(runs) != 1 {
		v.Fatalf("%d runs, %v", len(runs), err)
	}
	return runs[0]
}

// A supervisor that did not answer may have started what it was given: the run keeps its place while the
// supervisor lives.
func TestSupervisorThatDoesNotAnswer(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	v.give = func([]task.Job) error { return io.ErrUnexpectedEOF }
	if _, err := v.Tick(t.Context(), v.options()); err == nil {
		t.Error("the tick said nothing")
	}
	if r := v.newest(); r.State != task.Running {
		t.Errorf("the run is %s: %s", r.State, r.Reason)
	}
	v.give = nil
	line.goTo(line.now.Add(time.Minute))
	v.tickAt()
	if len(v.starts) > 0 {
		t.Errorf("a second run began beside the one that may be at work: %+v", v.starts)
	}
}

// A supervisor that refused has started nothing.
func TestSupervisorThatRefuses(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	v.give = func([]task.Job) error { return task.Errorf(task.ErrTaken, "it was asked to end") }
	if _, err := v.Tick(t.Context(), v.options()); err == nil {
		t.Error("the tick said nothing")
	}
	if r := v.newest(); r.State != task.Lost {
		t.Errorf("the run is %s: %s", r.State, r.Reason)
	}
	v.give = nil
	line.goTo(line.now.Add(time.Minute))
	v.tickAt()
	if len(v.starts) != 1 {
		t.Errorf("%d starts of the next slot", len(v.starts))
	}
}

// Many tasks that are due at once are dealt to as many supervisors as there are processors; each runs once.
func TestManyAtOnceAreDealt(t *testing.T) {
	const n = 2*firstBatch + 10 // in two batches
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "[task#%d]\ncommand = true\nlog = none\nschedule = cron:* * * * *\n", i)
	}
	v, line := atMinute(t, text.String())
	o := v.options()
	detach, asked := o.Detach, 0
	o.Detach = func(journals string) (*Hands, error) { asked++; return detach(journals) }
	for range 2 {
		if r, err := v.Tick(t.Context(), o); err != nil || len(r.Started) != n || len(r.Problems) > 0 {
			t.Errorf("%d of %d were started: %v, %v", len(r.Started), n, r.Problems, err)
		}
		line.goTo(line.now.Add(time.Minute))
	}
	if want := 2 * min(runtime.NumCPU(), 2); asked != want {
		t.Errorf("%d supervisors, wanted %d", asked, want)
	}
	seen := map[string]bool{}
	for _, s := range v.starts {
		key := s.task.RID + s.slot.String()
		if seen[key] {
			t.Errorf("%s at %s was started twice", s.task, s.slot)
		}
		seen[key] = true
	}
	if len(seen) != 2*n {
		t.Errorf("%d slots were started, wanted %d", len(seen), 2*n)
	}
}

// Slots that were decided by another process meanwhile, and are due still, hide none of the others.
func TestStaleHideNone(t *testing.T) {
	const n = 3 * firstBatch
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "[task#%d]\ncommand = true\nlog = none\nschedule = cron:* * * * *\n", i)
	}
	v, _ := atMinute(t, text.String())
	ctx := t.Context()
	s, err := v.scheduler(ctx, v.options(), &TickReport{At: v.Now()})
	if err != nil {
		t.Fatal(err)
	}
	due, err := s.node.Due(ctx, s.now, 2*firstBatch)
	if err != nil || len(due) != 2*firstBatch {
		t.Fatal(len(due), err)
	}
	for _, c := range due {
		s.done[c.Task] = true
	}
	if err := s.readClock(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.due(ctx); err != nil || len(s.report.Started) != n-2*firstBatch {
		t.Errorf("%d of %d were started, %v", len(s.report.Started), n-2*firstBatch, err)
	}
}

// The repeat of a lost run is planned before the run is marked: who is killed in between leaves both to be done.
func TestRepeatIsPlannedFirst(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:1 12 * * *\ndelivery = at-least-once\nidempotent = true\nretry_delay = 1s\n")
	ctx := context.Background()
	v.tickAt()
	db, err := v.NodeRecord(ctx)
	if err != nil {
		t.Fatal(err)
	}
	run := v.newest()
	if err := v.planLost(ctx, db, &services{Engine: v.Engine}, run); err != nil { // and killed
		t.Fatal(err)
	}
	_, cursors := v.onRecord()
	if r := cursors[run.Task].Retry; r.Attempt != 2 || !r.Slot.Equal(run.Slot) {
		t.Errorf("the repeat that is planned: %+v", r)
	}
	if now := v.newest(); now.State != task.Running {
		t.Errorf("the run is %s", now.State)
	}
	if err := db.Settle(ctx, []task.Outcome{{RunID: run.ID, State: task.Lost, Reason: "test", StartedAt: line.now, EndedAt: line.now}}); err != nil {
		t.Fatal(err)
	}
	before := len(v.starts)
	line.goTo(line.now.Add(5 * time.Second))
	v.tickAt()
	if n := len(v.starts) - before; n != 1 || v.starts[before].attempt != "2" {
		t.Errorf("%d starts: %+v", n, v.starts)
	}
}

// A run that a claim finds dead is repeated, as one that was found before would be.
func TestDeadInAClaim(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:1 12 * * *\ndelivery = at-least-once\nidempotent = true\nretry_delay = 1s\n")
	ctx := context.Background()
	v.tickAt()
	db, err := v.NodeRecord(ctx)
	if err != nil {
		t.Fatal(err)
	}
	run := v.newest()
	found := dead{Engine: v.Engine}
	gone := run
	gone.PID, gone.BootID = 1<<22+1, "another"
	if found.alive(gone) || !found.alive(run) || len(found.runs) != 1 {
		t.Fatalf("dead are %+v", found.runs)
	}
	if err := db.Settle(ctx, []task.Outcome{{RunID: run.ID, State: task.Lost, StartedAt: line.now, EndedAt: line.now}}); err != nil {
		t.Fatal(err)
	}
	if err := found.bury(ctx, db); err != nil {
		t.Fatal(err)
	}
	_, cursors := v.onRecord()
	if r := cursors[run.Task].Retry; r.Attempt != 2 || !r.Slot.Equal(run.Slot) {
		t.Errorf("the repeat that is planned: %+v", r)
	}
}

// A thaw starts nothing of the time before, and no slot is without a decision.
func TestThawAccounts(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	ctx := context.Background()
	_, cursors := v.onRecord()
	begin := cursors[task.ID{Service: "s", RID: "task#0"}].At
	if err := v.Freeze(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	line.goTo(line.now.Add(5 * time.Minute))
	if err := v.Thaw(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	if r := v.tickAt(); len(r.Started) > 0 {
		t.Errorf("the thaw started %+v", r.Started)
	}
	line.goTo(line.now.Add(time.Minute))
	if err := v.Thaw(ctx, "s"); err != nil { // it is not frozen: the slot that is due stays so
		t.Fatal(err)
	}
	if r := v.tickAt(); len(r.Started) != 1 {
		t.Errorf("after a thaw of what was not frozen %d runs were started", len(r.Started))
	}
	slots, cursors := v.onRecord()
	_, cals := v.nexts("s")
	for id, cal := range cals {
		account(t, cal, slots[id], begin, cursors[id].At)
		if rows := slots[id]; len(rows) != 2 || rows[0].Decision != task.SlotSkip || rows[0].Count != 6 {
			t.Errorf("%+v", rows)
		}
	}
}

// A range that begins just after a thaw begins in time: the cursor is where it was, not at the thaw, from which the
// range would count its own length.
func TestThawBeforeRange(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = 12:30-13:30\n")
	if err := v.Freeze(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	line.goTo(line.now.Truncate(time.Hour).Add(25 * time.Minute))
	if err := v.Thaw(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(5 * time.Minute))
	if r := v.tickAt(); len(r.Started) != 1 {
		t.Errorf("at its begin %d runs were started; the next is at %s", len(r.Started), r.Next)
	}
}

// What waits, and another attempt, go on to wait where a freeze was over before anybody looked; a look meanwhile gives them up.
func TestThawKeepsWhatWaits(t *testing.T) {
	for name, looked := range map[string]bool{"short": false, "looked at": true} {
		t.Run(name, func(t *testing.T) { thawed(t, looked) })
	}
}

func thawed(t *testing.T, looked bool) {
	t.Helper()
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nretries = 2\nretry_delay = 10m\n"+
		"[task#1]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nlock = tape\noverlap = queue-all\n")
	v.fails["task#0"] = 1
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := task.Run{ID: "01a21318-7e6a-74ee-92b5-ecb2193db69e", Task: task.ID{Service: "x", RID: "task#0"}, PID: os.Getpid()}
	if other.PIDStart, err = state.ProcessStart(other.PID); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Hold(t.Context(), other, []task.Lock{{Name: "tape", Places: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	line.goTo(line.now.Add(time.Minute))
	v.tickAt()
	retry, waits := task.ID{Service: "s", RID: "task#0"}, task.ID{Service: "s", RID: "task#1"}
	slots, cursors := v.onRecord()
	if cursors[retry].Retry.At.IsZero() || len(slots[waits]) != 1 || slots[waits][0].Decision != task.SlotPending {
		t.Fatalf("before: %+v, %+v", cursors[retry], slots[waits])
	}
	if err := v.Freeze(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if looked {
		line.goTo(line.now.Add(10 * time.Minute))
		v.tickAt()
	}
	if err := errors.Join(v.Thaw(t.Context(), "s"), db.Release(t.Context(), other.ID)); err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(10 * time.Minute))
	want := 2
	if looked {
		want = 0
	}
	if r := v.tickAt(); len(r.Started) != want {
		t.Errorf("started %d, want %d: %+v", len(r.Started), want, r.Started)
	}
	slots, cursors = v.onRecord()
	if got := slots[waits]; looked && (len(got) != 1 || got[0].Decision != task.SlotSkip || !strings.Contains(got[0].Reason, "frozen")) || !cursors[retry].Retry.At.IsZero() {
		t.Errorf("after: %+v, %+v", cursors[retry], got)
	}
}

// Slots that wait begin in their order: one that is new does not go before, at whatever moment of a tick that
// what they wait for becomes free.
func TestQueueKeepsItsOrder(t *testing.T) {
	for moment := range 12 {
		v, line := atMinute(t, everyMinute+"lock = tape\noverlap = queue-all\n")
		ctx := context.Background()
		db, err := v.NodeRecord(ctx)
		if err != nil {
			t.Fatal(err)
		}
		other := task.Run{ID: "01a21318-7e6a-74ee-92b5-ecb2193db69e", Task: task.ID{Service: "x", RID: "task#0"}, PID: os.Getpid()}
		if other.PIDStart, err = state.ProcessStart(other.PID); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Hold(ctx, other, []task.Lock{{Name: "tape", Places: 1}}, nil); err != nil {
			t.Fatal(err)
		}
		v.tickAt() // the first slot waits
		line.goTo(line.now.Add(time.Minute))
		looks := 0
		v.Now = func() time.Time {
			if looks++; looks == moment+1 {
				if err := db.Release(ctx, other.ID); err != nil {
					t.Error(err)
				}
			}
			return line.now
		}
		for range 8 {
			v.tickAt()
			line.goTo(line.now.Add(31 * time.Second))
		}
		for i, s := range v.starts {
			if i > 0 && !s.slot.After(v.starts[i-1].slot) {
				t.Errorf("moment %d: slot %s began after %s", moment, s.slot, v.starts[i-1].slot)
			}
		}
		if len(v.starts) < 2 {
			t.Errorf("moment %d: %d starts", moment, len(v.starts))
		}
	}
}

// Of a queue the first slot is looked at, and the one that joins it; those between are not decided again each time.
func TestQueueCostsWhatItsHeadCosts(t *testing.T) {
	v, line := atMinute(t, everyMinute+"overlap = queue-all\n")
	v.last["task#0"] = time.Hour
	for minute := range 20 {
		line.goTo(line.now.Add(time.Minute))
		if r := v.tickAt(); minute > 2 && len(r.Slots) != 2 {
			t.Errorf("minute %d: %d slots were decided about, %+v", minute, len(r.Slots), r.Slots)
		}
	}
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if waiting, err := db.Pending(t.Context(), task.ID{Service: "s", RID: "task#0"}, 0); err != nil || len(waiting) < 15 {
		t.Errorf("%d wait, %v", len(waiting), err)
	}
}

// A slot that waits does not wait for ever where its task is disabled or gone.
func TestNothingWaitsForATaskThatIsGone(t *testing.T) {
	queue := "overlap = queue-all\n"
	for name, text := range map[string]string{
		"disabled":     everyMinute + queue + "disable = true\n",
		"no schedule":  "[task#0]\ncommand = true\ncwd = /\n",
		"gone":         "[task#1]\ncommand = true\ncwd = /\n",
		"service gone": "",
	} {
		t.Run(name, func(t *testing.T) {
			v, line := atMinute(t, everyMinute+queue)
			v.last["task#0"] = 10 * time.Minute
			begin := line.now.Add(-time.Minute)
			for range 3 {
				v.tickAt()
				line.goTo(line.now.Add(time.Minute))
			}
			file := filepath.Join(v.ConfigDir, "s.conf")
			err := os.Remove(file)
			if text != "" {
				err = os.WriteFile(file, []byte(text), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			v.tickAt()
			if name != "disabled" { // which nobody is by half a save
				line.goTo(line.now.Add(grace + time.Second))
				v.tickAt()
			}
			slots, _ := v.onRecord()
			n := 0
			for _, s := range slots[task.ID{Service: "s", RID: "task#0"}] {
				if n += s.Count; s.Decision == task.SlotPending {
					t.Errorf("slot %s waits still: %s", s.At, s.Reason)
				}
			}
			if n != 3 {
				t.Errorf("%d slots since %s", n, begin)
			}
		})
	}
}

// A slot that waits is looked at as soon after a file was touched as it was to be before.
func TestTouchedFileKeepsTheNextLook(t *testing.T) {
	text := "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:1 12 * * *\nrun_times = 2\n"
	v, line := atMinute(t, text+"lock = tape\noverlap = queue-one\n")
	ctx := context.Background()
	db, err := v.NodeRecord(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other := task.Run{ID: "01a21318-7e6a-74ee-92b5-ecb2193db69e", Task: task.ID{Service: "x", RID: "task#0"}, PID: os.Getpid()}
	if other.PIDStart, err = state.ProcessStart(other.PID); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Hold(ctx, other, []task.Lock{{Name: "tape", Places: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	if err := db.Release(ctx, other.ID); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(v.ConfigDir, "s.conf"), []byte("# touched\n"+text+"lock = tape\noverlap = queue-one\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	line.goTo(line.now.Add(31 * time.Second))
	if v.tickAt(); len(v.starts) != 1 {
		t.Errorf("%d starts half a minute after the lock was free", len(v.starts))
	}
}

// A service that is enabled again starts nothing of the time that it was disabled.
func TestEnabledServiceStartsNothing(t *testing.T) {
	for name, disabled := range map[string]string{
		"service": "[DEFAULT]\ndisable = true\n" + hourly,
		"task":    hourly + "disable = true\n",
	} {
		t.Run(name, func(t *testing.T) {
			v, line := atMinute(t, hourly)
			file := filepath.Join(v.ConfigDir, "s.conf")
			for _, text := range []string{disabled, hourly} {
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				written := line.now
				for range 3 {
					for _, run := range v.tickAt().Started {
						if text == disabled || !run.Slot.After(written) {
							t.Errorf("at %s: slot %s was started", line.now, run.Slot)
						}
					}
					line.goTo(line.now.Add(50 * time.Minute))
				}
			}
		})
	}
}

const hourly = "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:0 * * * *\n"

// A turn that failed is tried again soon, though it does not know what is due; one with problems not at once.
func TestPauseOfTheLoop(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)
	l := &loop{Engine: &Engine{Now: func() time.Time { return now }}, rhythm: fullTurn}
	for _, c := range []struct {
		name   string
		report TickReport
		failed error
		pause  time.Duration
		wake   int
	}{
		{"nothing is due", TickReport{}, nil, fullTurn, wakeAll},
		{"due in ten seconds", TickReport{Next: now.Add(10 * time.Second)}, nil, 10 * time.Second, wakeDue},
		{"due", TickReport{Next: now.Add(-time.Second)}, nil, 0, wakeDue},
		{"due, with problems", TickReport{Next: now.Add(-time.Second), Problems: []string{"no supervisor"}}, nil, time.Second, wakeDue},
		{"failed", TickReport{}, io.EOF, afterFailure, wakeAll},
		{"failed, and due", TickReport{Next: now}, io.EOF, afterFailure, wakeAll},
	} {
		pause, wake := l.pause(&c.report, c.failed, time.Now())
		if pause = pause.Round(time.Second); pause != c.pause || wake != c.wake {
			t.Errorf("%s: %s, %d; wanted %s, %d", c.name, pause, wake, c.pause, c.wake)
		}
	}
}

// A run whose end can't be read now is in nobody's way for good: its next slot is put off, and not skipped.
func TestEndThatCanNotBeRead(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	options := v.options()
	options.Detach = func(string) (*Hands, error) { // it died as soon as it had the job
		return &Hands{1 << 30, 1, func(...task.Job) error { return nil }, func() error { return nil }}, nil
	}
	if _, err := v.Tick(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	r := v.newest()
	journal := filepath.Join(v.journals(), fmt.Sprintf("%s-%d-%d.jsonl", r.BootID, r.PID, r.PIDStart))
	if err := os.Mkdir(journal, 0o700); err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(time.Minute))
	report, err := v.Tick(t.Context(), v.options())
	if err != nil || len(report.Problems) != 2 || !strings.Contains(report.Problems[1], r.ID+" of s/task#0: it has ended") || len(report.Slots) > 0 {
		t.Errorf("%v: %q, %v", err, report.Problems, report.Slots)
	}
	if err := os.Remove(journal); err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(2 * time.Second))
	if v.tickAt(); len(v.starts) != 1 {
		t.Errorf("%d starts when it could be read", len(v.starts))
	}
}

// A fold that was cut short, as when the daemon is asked to end, leaves the rest to the next: the attempt that
// follows is planned then.
func TestFoldCutShort(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nretries = 1\nretry_delay = 1s\n")
	v.fails["task#0"] = 1
	v.tickAt()
	line.goTo(line.now.Add(time.Second))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	said := false
	v.Trouble = func(error) { said = true }
	if v.Fold(ctx); !said {
		t.Error("the fold was cut short, and said nothing")
	}
	v.tickAt()
	line.goTo(line.now.Add(5 * time.Second))
	if v.tickAt(); len(v.starts) != 2 || v.starts[1].attempt != "2" {
		t.Errorf("started %+v", v.starts)
	}
}

// No attempt is made of a slot once the next has its run, also where that was decided before the end was known.
func TestNoAttemptAfterTheNextSlot(t *testing.T) {
	v, line := atMinute(t, everyMinute+"overlap = allow\nretries = 1\nretry_delay = 1s\n")
	v.fails["task#0"], v.last["task#0"] = 9, 70*time.Second
	for _, step := range []time.Duration{time.Minute, 15 * time.Second, 5 * time.Second, 0} { // the first ends when the second has begun
		v.tickAt()
		line.goTo(line.now.Add(step))
	}
	if len(v.starts) != 2 || v.starts[1].attempt != "1" {
		t.Errorf("started %+v", v.starts)
	}
}

// What could not be read is read again though nothing of it changes: the disk failed for a moment, or the folder
// was one that others may write to. It is told once.
func TestFileThatCanNotBeRead(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	file := filepath.Join(v.ConfigDir, "s.conf")
	if err := errors.Join(os.WriteFile(file, []byte("[task#1]"+everyMinute[len("[task#0]"):]), 0o644), os.Chmod(v.ConfigDir, 0o777)); err != nil {
		t.Fatal(err)
	}
	if r := v.tickAt(); len(r.Rejected) != 1 || len(r.Changed) > 0 {
		t.Errorf("rejected %v, changed %v", r.Rejected, r.Changed)
	}
	line.goTo(line.now.Add(time.Minute))
	if r := v.tickAt(); len(r.Rejected) > 0 || len(r.Changed) > 0 {
		t.Errorf("again: rejected %v, changed %v", r.Rejected, r.Changed)
	}
	if err := os.Chmod(v.ConfigDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := v.tickAt(); len(r.Changed) != 1 {
		t.Errorf("mended: changed %v", r.Changed)
	}
	line.goTo(line.now.Add(time.Minute))
	if v.tickAt(); len(v.starts) != 3 || v.starts[2].task.RID != "task#1" {
		t.Errorf("started %+v", v.starts)
	}
}

// A run that dies while others are marked is marked the next time, when its repeat is planned.
func TestRunThatDiesWhileOthersAreMarked(t *testing.T) {
	const repeat = "command = true\nlog = none\nschedule = cron:1 12 * * *\ndelivery = at-least-once\nidempotent = true\n"
	v, line := atMinute(t, "[task#0]\n"+repeat+"[task#1]\n"+repeat)
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command("sleep", "60")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	began, err := state.ProcessStart(holder.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(rid string, pid int, start uint64) task.Run {
		run, err := db.Claim(t.Context(), task.Run{Task: task.ID{Service: "s", RID: rid}, Slot: line.now, PID: pid, PIDStart: start}, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	dies := claim("task#0", holder.Process.Pid, began)
	claim("task#1", 1<<22+1, 1) // whose holder is no more
	v.Now = func() time.Time {  // which is asked when a repeat is planned
		_ = holder.Process.Kill()
		_ = holder.Wait()
		return line.now
	}
	if lost, err := v.markLost(t.Context(), db); err != nil || len(lost) != 1 || lost[0].ID == dies.ID {
		t.Errorf("marked %+v, %v", lost, err)
	}
}

// A tick that is asked to end while a resource shows its state has not seen it: the slot is decided by the next.
func TestTickEndedInACheck(t *testing.T) {
	dir := inMemory(t)
	check := "test -e " + dir + "/up || { touch " + dir + "/asked; sleep 20; false; }"
	v, _ := atMinute(t, "[app#0]\noptional = true\ncheck = "+check+"\n"+everyMinute+"run_requires = app#0\n")
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat(dir + "/asked"); err == nil || ctx.Err() != nil {
				stop()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := v.Tick(ctx, v.options()); err == nil {
		t.Error("the tick that was ended said nothing")
	}
	if slots, _ := v.onRecord(); len(slots) > 0 {
		t.Errorf("it decided %+v", slots)
	}
	if err := os.WriteFile(dir+"/up", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := v.tickAt(); len(r.Started) != 1 {
		t.Errorf("the next started %+v, and decided %+v", r.Started, r.Slots)
	}
}
