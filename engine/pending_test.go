package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// queued enters slots of a task that wait, one a second, up to a moment before its cursor.
func (v *virtual) queued(rid, reason string, n int) {
	v.Helper()
	db, err := v.NodeRecord(v.Context())
	if err != nil {
		v.Fatal(err)
	}
	cursors, err := db.CursorsOf(v.Context(), []task.ID{{Service: "s", RID: rid}})
	if err != nil || len(cursors) != 1 {
		v.Fatal(cursors, err)
	}
	c := cursors[0]
	first := c.At.Add(-time.Duration(n+121) * time.Second)
	slots := make([]task.Slot, n)
	for i := range slots {
		slots[i] = task.Slot{Task: c.Task, At: first.Add(time.Duration(i) * time.Second), Decision: task.SlotPending, Reason: reason}
	}
	if taken, err := db.Decide(v.Context(), []state.Turn{{Before: c, After: c, Slots: slots}}, nil); err != nil || taken[0].Stale {
		v.Fatal(taken, err)
	}
}

const longQueue = 20_000

// Twenty thousand slots that wait for the end of a run cost a look, and the end of another run, no more than a few:
// the others start on time, and memory stays as it was.
func TestLongQueue(t *testing.T) {
	v, line := atMinute(t, everyMinute+"overlap = queue-all\n[task#1]\ncommand = true\nlog = none\nschedule = cron:* * * * *\n")
	v.last["task#0"] = 90 * time.Second
	v.minutes(line, 1)
	v.queued("task#0", "queued: task#0 is already running", longQueue)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v.minutes(line, 10)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 40<<20 {
		t.Errorf("10 ticks took %d MB in all", got>>20)
	}
	if n := v.startsOf("task#1"); n != 11 {
		t.Errorf("%d starts of the other task", n)
	}
	if n := v.startsOf("task#0"); n < 5 {
		t.Errorf("%d starts of what is queued", n)
	}
	got := v.decided("task#0")
	if all := got[task.SlotPending] + got[task.SlotRun]; all != longQueue+11 || got[task.SlotExpired]+got[task.SlotSkip] > 0 {
		t.Errorf("%v", got)
	}
}

// What is over of a long queue is given up in one tick, and told as one.
func TestLongQueueIsOver(t *testing.T) {
	for name, c := range map[string]struct{ text, edited, until string }{
		"deadline":    {"deadline = 10s\n", "", "until its deadline"},
		"run_times":   {"run_times = 1\n", "", "until " + ranOutText},
		"no schedule": {"", "[task#0]\ncommand = true\nlog = none\n", "until its task had no schedule any more"},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 5 * mostPending
			v, line := atMinute(t, everyMinute+"overlap = queue-all\n"+c.text)
			v.last["task#0"] = time.Hour
			v.minutes(line, 1)
			v.queued("task#0", "queued: task#0 is already running", n)
			if c.edited != "" {
				v.file("s", c.edited)
			}
			line.goTo(line.now.Add(2 * time.Minute))
			if c.edited != "" {
				v.tickAt()
				line.goTo(line.now.Add(grace + time.Second))
			}
			db, err := v.NodeRecord(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Hasten(t.Context(), []task.ID{{Service: "s", RID: "task#0"}}, line.now); err != nil {
				t.Fatal(err)
			}
			r := v.tickAt()
			got, told := v.decided("task#0"), 0
			for _, s := range r.Slots {
				if s.Decision == task.SlotExpired && strings.HasSuffix(s.Reason, c.until) {
					told += s.Count
				}
			}
			if got[task.SlotExpired] < n || told != got[task.SlotExpired] || len(r.Slots) > 20 {
				t.Errorf("%v, told %d in %d rows", got, told, len(r.Slots))
			}
		})
	}
}

// Of many tasks that wait for the end of their own runs only those are looked at whose run has ended.
func TestOnlyWhoseRunHasEnded(t *testing.T) {
	text := ""
	for i := range 20 {
		text += fmt.Sprintf("[task#%d]\ncommand = true\nlog = none\nschedule = cron:* * * * *\noverlap = queue-one\n", i)
	}
	v, line := atMinute(t, text)
	for i := range 20 {
		v.last[fmt.Sprintf("task#%d", i)] = time.Hour
	}
	v.last["task#7"] = 70 * time.Second
	v.minutes(line, 2)
	line.goTo(line.now.Add(15 * time.Second))
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.scheduler(t.Context(), v.options(), &TickReport{At: line.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.recover(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	due, err := db.DueTasks(t.Context(), line.now)
	if err != nil {
		t.Fatal(err)
	}
	if len(due) != 1 || due[0].RID != "task#7" {
		t.Errorf("looked at %v", due)
	}
}

// A long backlog that is all made up for is queued some at a time.
func TestLongBacklog(t *testing.T) {
	v, line := atMinute(t, everyMinute+"overlap = queue-all\ncatchup = all\ncatchup_limit = 3000\ncatchup_window = 100d\n")
	v.tickAt()
	v.last["task#0"] = time.Hour
	line.goTo(line.now.Add(5 * 24 * time.Hour))
	v.tickAt()
	for range 8 {
		line.goTo(line.now.Add(time.Minute))
		if r := v.tickAt(); len(r.Slots) > 4*mostPending {
			t.Errorf("%d slots were told", len(r.Slots))
		}
	}
	const all = 1 + 5*24*60 + 8
	got := v.decided("task#0")
	if got[task.SlotPending]+got[task.SlotRun]+got[task.SlotMissed] != all || got[task.SlotMissed] != 5*24*60-3000 || len(got) != 3 {
		t.Errorf("%v of %d", got, all)
	}
}

// TestQueueShortened: a queue that has more slots than it may have by now is full, however many they are, and says no
// number that nobody counted.
func TestQueueShortened(t *testing.T) {
	for overlap, want := range map[string]string{
		"queue-one": "more than 1 slot waits", "queue-all(3)": "more than 3 slots wait", "queue-all(700)": "more than 700 slots wait",
		fmt.Sprintf("queue-all(%d)", longQueue): fmt.Sprintf("%d slots wait", longQueue),
	} {
		v, line := atMinute(t, everyMinute+"overlap = "+overlap+"\n")
		v.last["task#0"] = time.Hour
		v.minutes(line, 1)
		v.queued("task#0", "queued: task#0 is already running", longQueue)
		v.minutes(line, 1)
		rows, _ := v.onRecord()
		all := rows[task.ID{Service: "s", RID: "task#0"}]
		last := all[len(all)-1]
		if last.Decision != task.SlotSkip || !strings.HasPrefix(last.Reason, "overlap: its queue is full ("+want+"): task#0 is already running: ") {
			t.Errorf("%s: %+v", overlap, last)
		}
		o := &oracle{virtual: v, mutants: map[string]int{}}
		o.rejudge([]task.Slot{last})
	}
}
