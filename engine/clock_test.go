package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// A clock that is set back by less than what counts as wrong, and again, is wrong in the end: tasks do not sleep for
// the sum of it.
func TestClockSetBackInSteps(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	v.minutes(line, 30)
	for range 5 {
		line.set(-4 * time.Minute)
		v.minutes(line, 1)
	}
	before := len(v.starts)
	v.minutes(line, 8)
	if n := len(v.starts) - before; n < 3 {
		t.Errorf("%d starts in 8 minutes after the clock was set back by 20 in steps", n)
	}
}

// A time of the day that ran by the wrong clock does not run again when it comes: nothing runs twice for a clock. An interval,
// or a line of cron with a star, goes on.
func TestClockSetBackRunsNothingTwice(t *testing.T) {
	for schedule, goesOn := range map[string]bool{
		"cron:10 12 * * *": false, "12:10": false, "12:10-12:15": false, "cron:*/5 * * * *": true, "12:00-13:00@5m": true, "@5m": true,
	} {
		t.Run(schedule, func(t *testing.T) {
			v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = "+schedule+"\n")
			line.set(8 * time.Minute)
			v.minutes(line, 3)
			wrong := len(v.starts)
			if wrong == 0 {
				t.Fatal("no start by the wrong clock")
			}
			line.set(-10 * time.Minute)
			v.minutes(line, 14)
			if n := len(v.starts) - wrong; (n > 0) != goesOn {
				t.Errorf("%d starts after it was right again, by %s: %+v", n, line.now, v.starts)
			}
			db, err := v.NodeRecord(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			cursors, err := db.Cursors(t.Context(), "s")
			if err != nil || len(cursors) != 1 || cursors[0].At.After(line.now) {
				t.Errorf("cursors %+v, %v", cursors, err)
			}
			counts, err := db.Counts(t.Context(), task.ID{Service: "s", RID: "task#0"})
			if err != nil || !goesOn && (counts[task.SlotRun] != 1 || len(counts) != 1) {
				t.Errorf("slots %v, %v", counts, err)
			}
		})
	}
}

// What a clock that is set forward leaves out: a little is late, up to three hours are like summer time, which leaves no
// time of the day out, and more is like a host that was down.
func TestClockSetForward(t *testing.T) {
	const daily, fine = "cron:10 12 * * *", "cron:*/5 * * * *"
	for _, c := range []struct {
		by             time.Duration
		text           string
		starts, missed int
	}{
		{0, daily, 0, 0},
		{4 * time.Minute, "cron:3 12 * * *\ncatchup = none", 1, 0},
		{4 * time.Minute, "cron:* * * * *\ncatchup = none", 1, 5},
		{62 * time.Minute, daily + "\ncatchup = none", 1, 0},
		{62 * time.Minute, daily + "\ncatchup_window = 5m", 1, 0},
		{62 * time.Minute, daily + "\ncatchup = none\ndst_gap = skip", 0, 1},
		{62 * time.Minute, fine, 1, 11},
		{62 * time.Minute, fine + "\ncatchup = all\ncatchup_limit = 3", 1, 9},
		{4 * time.Hour, daily + "\ncatchup = none", 0, 1},
		{4 * time.Hour, daily, 1, 0},
		{4 * time.Hour, fine, 0, 48},
	} {
		v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = "+c.text+"\n")
		line.set(c.by)
		line.goTo(line.now.Add(time.Minute))
		r := v.tickAt()
		missed := 0
		for _, s := range r.Slots {
			if s.Decision == task.SlotMissed && s.Reason == "the clock was set forward" {
				missed += s.Count
			}
		}
		if len(r.Started) != c.starts || missed != c.missed {
			t.Errorf("by %s: %q: %d starts and %d missed, want %d and %d: %+v", c.by, c.text, len(r.Started), missed, c.starts, c.missed, r.Slots)
		}
	}
}

// The cursors of a service's own record are set back too: the clock that they come from was another node's, perhaps.
func TestClockSetBackWithAnOwnRecord(t *testing.T) {
	v, line, _ := withOwnRecord(t, everyMinute)
	v.minutes(line, 3)
	line.set(3 * time.Hour)
	v.minutes(line, 3)
	line.set(-3 * time.Hour)
	before := len(v.starts)
	v.minutes(line, 3)
	if n := len(v.starts) - before; n < 2 {
		t.Errorf("%d starts after the clock was right again: %+v", n, v.starts)
	}
	for _, s := range v.ownSlots() {
		if s.Last.After(line.now) {
			t.Errorf("%s is decided: %+v", s.Last, s)
		}
	}
}

// What was to be looked at again by the wrong clock is looked at by the right one.
func TestClockSetBackLooksAgain(t *testing.T) {
	const once = "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\n"
	for name, text := range map[string]string{
		"a slot that waits": once + "lock = tape\n[task#1]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nlock = tape\noverlap = queue-one\n",
		"another attempt":   once + "retries = 1\nretry_delay = 15m\n",
	} {
		t.Run(name, func(t *testing.T) {
			v, line := atMinute(t, text)
			v.last["task#0"], v.last["task#1"] = 40*time.Second, 40*time.Second
			v.fails["task#0"] = 1
			line.set(-time.Minute) // before the slot
			v.minutes(line, 1)
			line.set(3 * time.Hour)
			v.minutes(line, 1)
			line.set(-3 * time.Hour)
			v.minutes(line, 5)
			if len(v.starts) != 2 {
				t.Errorf("%d starts: %+v", len(v.starts), v.starts)
			}
			slots, _ := v.onRecord()
			for _, rows := range slots {
				for _, s := range rows {
					if s.Decision == task.SlotPending {
						t.Errorf("it waits still: %+v", s)
					}
				}
			}
		})
	}
}

// Cursors that were moved by a wrong clock are set back, though no tick has noted that time.
func TestClockSetBackThatNoTickNoted(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	v.minutes(line, 3)
	if err := v.Freeze(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	line.set(3 * time.Hour)
	if err := v.Thaw(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	line.set(-3 * time.Hour)
	before := len(v.starts)
	v.minutes(line, 3)
	if n := len(v.starts) - before; n < 2 {
		t.Errorf("%d starts", n)
	}

	line.goTo(line.now)
	line.set(3 * time.Hour)
	ctx, kill := context.WithCancel(t.Context())
	v.give = func([]task.Job) error { kill(); return nil } // the tick ends before it notes the clock
	if _, err := v.Tick(ctx, v.options()); err == nil {
		t.Error("the tick was not ended")
	}
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SetFact(t.Context(), factTick, ""); err != nil { // and if it did
		t.Fatal(err)
	}
	v.give = nil
	line.set(-3 * time.Hour)
	for _, run := range v.running() {
		if err := db.Settle(t.Context(), []task.Outcome{{RunID: run.ID, State: task.Complete, StartedAt: line.now, EndedAt: line.now}}); err != nil {
			t.Fatal(err)
		}
	}
	before = len(v.starts)
	v.minutes(line, 3)
	if n := len(v.starts) - before; n < 2 {
		t.Errorf("%d starts after a tick that was killed", n)
	}
}

// A tick that waits for the end of a run looks at the clock again, for the task of that alone: it notes when it looked
// at the others.
func TestTickNotesWhenItLooked(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	s, err := v.scheduler(t.Context(), v.options(), &TickReport{At: line.now})
	if err != nil {
		t.Fatal(err)
	}
	if err = s.readClock(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(time.Minute)
	if err = s.noteClock(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, err := v.scheduler(t.Context(), v.options(), &TickReport{At: line.now.Add(2 * time.Minute)})
	if err == nil {
		err = next.readClock(t.Context())
	}
	if err != nil || !next.last.At.Equal(line.now) {
		t.Errorf("it noted %s, and began at %s; %v", next.last.At, line.now, err)
	}
}

// A schedule that is changed while the clock is behind slots that are decided goes on after them, as one that is not changed
// does.
func TestClockSetBackAndChanged(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	v.minutes(line, 10)
	line.set(-4 * time.Minute)
	changed := strings.Replace(everyMinute, "* * * * *", "*/1 * * * *", 1)
	if err := os.WriteFile(filepath.Join(v.ConfigDir, "s.conf"), []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	before := len(v.starts)
	v.minutes(line, 3)
	if err := v.Freeze(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if err := v.Thaw(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if n := len(v.starts) - before; n > 0 {
		t.Errorf("%d starts of slots that were decided", n)
	}
	for range 5 {
		line.goTo(line.now.Add(time.Minute))
		v.tickAt()
	}
	if n := len(v.starts) - before; n != 4 {
		t.Errorf("%d starts in 5 minutes after, want 4", n)
	}
}

// A cursor that is before slots that are decided, for whatever reason, does not stop its task.
func TestCursorBeforeWhatIsDecided(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	id := task.ID{Service: "s", RID: "task#0"}
	if err := v.Freeze(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 10)
	back := func() {
		db, err := v.NodeRecord(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, cursors := v.onRecord()
		after := cursors[id]
		after.At, after.Next = after.At.Add(-5*time.Minute), line.now
		if _, err := db.Decide(t.Context(), []state.Turn{{Before: cursors[id], After: after}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	back()
	if err := v.Thaw(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	back()
	told := 0
	for range 5 {
		line.goTo(line.now.Add(time.Minute))
		r, err := v.Tick(t.Context(), v.options())
		if err != nil {
			t.Fatal(err)
		}
		told += len(r.Problems)
	}
	if len(v.starts) != 4 || told != 1 {
		t.Errorf("%d starts in 5 minutes, and %d problems: want 4 and 1", len(v.starts), told)
	}
}
