package engine

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"om/schedule"
	"om/service"
	"om/state"
	"om/task"
)

var seed = flag.Uint64("seed", 0, "of the simulation; 0 for another each time")

// virtual is a node whose runs are no processes: they begin when they are handed over, and end after a time.
type virtual struct {
	testing.TB
	*Engine

	last  map[string]time.Duration // how long the runs of a task take, by rid
	fails map[string]int           // how many attempts of each slot fail
	after func(time.Duration, func())
	every time.Duration          // from one tick to the next
	give  func([]task.Job) error // nil to take all

	woken atomic.Pointer[watcher] // is told of the ends of runs, in a loop

	mu     sync.Mutex
	starts []start
	jobs   []task.Job // of the starts
}

// start is a run that was handed over.
type start struct {
	task    task.ID
	slot    time.Time
	at      time.Time
	attempt string
	origin  task.Origin
}

func newVirtual(tb testing.TB, files map[string]string) *virtual {
	tb.Helper()
	dir := inMemory(tb)
	v := &virtual{TB: tb, last: map[string]time.Duration{}, fails: map[string]int{}, every: time.Minute}
	v.Engine = &Engine{
		ConfigDir: filepath.Join(dir, "etc"), StateDir: filepath.Join(dir, "state"),
		Node: service.Node{Name: "n1", Timezone: "UTC", Schedules: schedule.NewParser(time.LoadLocation)},
		EUID: os.Geteuid(), Program: "test", By: "test", Users: &task.Users{},
	}
	v.sinceBoot = func() time.Duration { return v.Now().Sub(time.Unix(0, 0)) }
	tb.Cleanup(v.Close)
	tb.Cleanup(func() {
		if tb.Failed() && v.Now != nil {
			tb.Log(v.draw())
		}
	})
	if err := os.MkdirAll(v.ConfigDir, 0o755); err != nil {
		tb.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(v.ConfigDir, name+".conf"), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return v
}

// inMemory is a folder without the waits of a disk, where there is one: a year has many barriers.
func inMemory(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "om-test-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// options are those of ticks. The supervisor is this process.
func (v *virtual) options() TickOptions {
	return TickOptions{Period: v.every, Detach: func(journals string) (*Hands, error) {
		pid := os.Getpid()
		began, err := state.ProcessStart(pid)
		if err != nil {
			return nil, err
		}
		boot, err := state.BootID()
		if err != nil {
			return nil, err
		}
		path := filepath.Join(journals, fmt.Sprintf("%s-%d-%d.jsonl", boot, pid, began))
		if _, err := os.Stat(path); err != nil {
			v.put(path, `{"om":"outcomes","version":1}`)
		}
		return &Hands{pid, began, func(jobs ...task.Job) error { return v.take(path, jobs) }, func() error { return nil }}, nil
	}}
}

func (v *virtual) put(path, line string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(line + "\n")
		_ = f.Close()
	}
	if err != nil {
		v.Error(err)
	}
}

// take begins jobs, and has their ends written when their time is over.
func (v *virtual) take(path string, jobs []task.Job) error {
	if v.give != nil {
		return v.give(jobs)
	}
	for _, j := range jobs {
		now := v.Now()
		s := start{j.ID, j.Slot, now, attemptOf(j), j.Origin}
		v.mu.Lock()
		v.starts = append(v.starts, s)
		v.jobs = append(v.jobs, j)
		v.mu.Unlock()
		takes := v.last[j.ID.RID]
		o := task.Outcome{RunID: j.RunID, State: task.Complete, StartedAt: now}
		if s.attempt <= fmt.Sprint(v.fails[j.ID.RID]) {
			o.State, o.ExitCode = task.Failed, 1
		}
		if j.Timeout > 0 && takes > j.Timeout {
			takes, o.State, o.ExitCode = j.Timeout, task.TimedOut, 0
		}
		o.EndedAt = now.Add(takes)
		line, err := json.Marshal(task.Ended{ID: j.ID, Record: j.Record, Outcome: o})
		if err != nil {
			return err
		}
		v.after(takes, func() { v.put(path, string(line)) })
	}
	return nil
}

func attemptOf(j task.Job) string { return variable(j, "OM_ATTEMPT") }

// variable is what a command finds in its environment; "" where that has no such variable.
func variable(j task.Job, name string) string {
	for _, text := range j.Steps[0].Command.Env {
		if value, ok := strings.CutPrefix(text, name+"="); ok {
			return value
		}
	}
	return ""
}

// timeline is time that goes on by hand: what is to happen happens on the way.
type timeline struct {
	now    time.Time
	jumped time.Duration // by how much it was set
	todo   []todo
}

type todo struct {
	at time.Time
	do func()
}

func (l *timeline) after(d time.Duration, do func()) {
	l.todo = append(l.todo, todo{l.now.Add(d), do})
}

// goTo goes to a moment, and says whether something happened on the way.
func (l *timeline) goTo(at time.Time) (happened bool) {
	slices.SortStableFunc(l.todo, func(a, b todo) int { return a.at.Compare(b.at) })
	for len(l.todo) > 0 && !l.todo[0].at.After(at) {
		first := l.todo[0]
		l.todo, happened = l.todo[1:], true
		first.do()
	}
	l.now = at
	return happened
}

// up is the time that went by.
func (l *timeline) up() time.Duration { return l.now.Add(-l.jumped).Sub(time.Unix(0, 0)) }

// set sets the clock. What is to happen after a time happens after that.
func (l *timeline) set(d time.Duration) {
	l.now, l.jumped = l.now.Add(d), l.jumped+d
	for i := range l.todo {
		l.todo[i].at = l.todo[i].at.Add(d)
	}
}

// tickAt ticks, and expects no problem.
func (v *virtual) tickAt() TickReport {
	v.Helper()
	r, err := v.Tick(context.Background(), v.options())
	if err != nil {
		v.Fatalf("tick at %s: %v", v.Now(), err)
	}
	for _, p := range r.Problems {
		v.Errorf("tick at %s: %s", v.Now(), p)
	}
	if r.Deferred != "" {
		v.Fatalf("tick at %s: %s", v.Now(), r.Deferred)
	}
	return r
}

// minutes ticks each minute.
func (v *virtual) minutes(line *timeline, n int) {
	v.Helper()
	for range n {
		line.goTo(line.now.Add(time.Minute))
		if _, err := v.Tick(v.Context(), v.options()); err != nil {
			v.Fatal(err)
		}
	}
}

// onRecord are the slots of all tasks, the oldest first, and the cursors.
func (v *virtual) onRecord() (map[task.ID][]task.Slot, map[task.ID]task.Cursor) {
	v.Helper()
	db, err := v.NodeRecord(context.Background())
	if err != nil {
		v.Fatal(err)
	}
	all, err := db.Slots(context.Background(), state.Query{})
	if err != nil {
		v.Fatal(err)
	}
	slots, cursors := map[task.ID][]task.Slot{}, map[task.ID]task.Cursor{}
	for _, s := range slices.Backward(all) {
		slots[s.Task] = append(slots[s.Task], s)
	}
	list, err := db.Cursors(context.Background(), "")
	if err != nil {
		v.Fatal(err)
	}
	for _, c := range list {
		cursors[c.Task] = c
	}
	return slots, cursors
}

// nexts are the schedules of the tasks of a service.
func (v *virtual) nexts(path string) (map[task.ID]task.Task, map[task.ID]*schedule.Schedule) {
	v.Helper()
	svc, err := v.Load(path)
	if err != nil {
		v.Fatal(err)
	}
	tasks, cals := map[task.ID]task.Task{}, map[task.ID]*schedule.Schedule{}
	for _, t := range svc.Tasks {
		cal, err := v.calendar(&t)
		if err != nil {
			v.Fatal(err)
		}
		tasks[t.ID], cals[t.ID] = t, cal
	}
	return tasks, cals
}

// account holds rows against a schedule: each of its instants after first and up to the cursor is in one of
// them, and nothing else is.
func account(t *testing.T, cal *schedule.Schedule, rows []task.Slot, first, cursor time.Time) {
	t.Helper()
	at, ok := cal.Next(first, first)
	for _, s := range rows {
		if ok && at.Before(s.At) {
			t.Errorf("%s: slot %s is unaccounted: next is %s %s", s.Task, at, s.Decision, s.At)
			return
		}
		n, last := 0, time.Time{}
		for ; ok && !at.After(s.Last); at, ok = cal.Next(at, at) {
			n, last = n+1, at
		}
		if n != s.Count || !last.Equal(s.Last) {
			t.Errorf("%s: %s %s..%s counts %d, the schedule has %d up to %s", s.Task, s.Decision, s.At, s.Last, s.Count, n, last)
			return
		}
	}
	if ok && !at.After(cursor) {
		t.Errorf("slot %s is unaccounted: the cursor is at %s", at, cursor)
	}
}
