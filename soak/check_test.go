package soak_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"om/service"
	"om/state"
	"om/task"
)

// mark is a line of the probe.
type mark struct {
	begin   bool
	task    task.ID
	slot    time.Time
	run     string
	attempt int
	pid     int
	up      float64 // seconds since the host was started
	node    string
}

// history is all that is known when it is over.
type history struct {
	*world

	marks    []mark
	beside   []mark // runs that began while a process of the run before was alive
	runs     map[string]task.Run
	slots    map[task.ID][]task.Slot // oldest first
	cursors  map[task.ID]task.Cursor
	tasks    map[task.ID]task.Task
	calendar map[task.ID]func(time.Time) (time.Time, bool)
	began    map[string]mark
	ended    map[string]mark
	log      []entry              // of all records, in order
	taken    map[string]time.Time // slots that were taken from runs, for the clock was wrong
	faults   int
}

// mostFaults is how many are told: the first say it.
const mostFaults = 40

func (h *history) fault(format string, args ...any) {
	h.Helper()
	if h.faults++; h.faults <= mostFaults {
		h.Errorf(format, args...)
	}
}

// check holds the record against what the tasks wrote and what the schedules say.
func (w *world) check() *history {
	w.Helper()
	h := w.read()
	h.replay()
	h.checkMarks()
	h.checkRuns()
	for id := range h.tasks {
		h.checkSlots(id)
		h.checkOrder(id)
	}
	h.checkLocks()
	h.checkPlaces()
	h.checkLeft()
	h.checkExplained()
	if h.faults > mostFaults {
		w.Errorf("and %d more", h.faults-mostFaults)
	}
	w.Logf("%d slots of %d tasks, %d runs, %d begun, %d ended; %s", h.total(), len(h.cursors), len(h.runs), len(h.began), len(h.ended), h.states())
	w.Logf("the nemesis: %v", w.counts)
	for line, n := range w.said {
		w.Logf("said %d times: %s", n, line)
		if strings.Contains(line, "DATA RACE") || strings.HasPrefix(line, "panic:") {
			w.Error(line)
		}
	}
	return h
}

func (h *history) total() (n int) {
	for _, slots := range h.slots {
		for _, s := range slots {
			n += s.Count
		}
	}
	return n
}

func (h *history) states() string {
	n := map[string]int{}
	for _, r := range h.runs {
		n[string(r.State)]++
	}
	for _, slots := range h.slots {
		for _, s := range slots {
			n["slots:"+string(s.Decision)] += s.Count
		}
	}
	return fmt.Sprint(n)
}

// read reads everything.
func (w *world) read() *history {
	w.Helper()
	h := &history{
		world: w, runs: map[string]task.Run{}, slots: map[task.ID][]task.Slot{}, cursors: map[task.ID]task.Cursor{}, tasks: map[task.ID]task.Task{},
		calendar: map[task.ID]func(time.Time) (time.Time, bool){}, began: map[string]mark{}, ended: map[string]mark{}, taken: map[string]time.Time{},
	}
	h.readProbes()
	w.records(h.readRecord)
	h.readLog()
	h.readTasks()
	return h
}

// records calls do with the record of the node, then with those of services that have their own.
func (w *world) records(do func(*state.DB)) {
	w.Helper()
	for _, path := range w.recordPaths() {
		db, err := state.Open(context.Background(), state.Options{Path: path, ReadOnly: true, Now: time.Now})
		if err != nil {
			w.Fatal(err)
		}
		do(db)
		_ = db.Close()
	}
}

// record is that of the node.
func (w *world) record() *state.DB {
	w.Helper()
	db, err := state.Open(context.Background(), state.Options{Path: filepath.Join(w.state, "om.db"), ReadOnly: true, Now: time.Now})
	if err != nil {
		w.Fatal(err)
	}
	return db
}

func (w *world) recordPaths() []string {
	nodes := append([]string{filepath.Join(w.state, "om.db")}, slices.Sorted(maps.Keys(w.others))...)
	return append(nodes, slices.Sorted(maps.Values(w.own))...)
}

// readRecord adds what a record has. The cursors that a service's own record has are those that count.
func (h *history) readRecord(db *state.DB) {
	h.Helper()
	runs, err := db.Runs(context.Background(), state.Query{})
	if err != nil {
		h.Fatal(err)
	}
	for _, r := range runs {
		h.runs[r.ID] = r
	}
	slots, err := db.Slots(context.Background(), state.Query{})
	if err != nil {
		h.Fatal(err)
	}
	for _, s := range slices.Backward(slots) {
		h.slots[s.Task] = append(h.slots[s.Task], s)
	}
	cursors, err := db.Cursors(context.Background(), "")
	if err != nil {
		h.Fatal(err)
	}
	for _, c := range cursors {
		h.cursors[c.Task] = c
	}
	holds, err := db.Holds(context.Background())
	if err != nil {
		h.Fatal(err)
	}
	for _, hold := range holds {
		h.fault("lock %s is held by run %s of %s still", hold.Name, hold.Run.ID, hold.Run.Task)
	}
}

// note keeps where the cursors are before anything is due.
func (w *world) note() {
	w.records(func(db *state.DB) {
		cursors, err := db.Cursors(context.Background(), "")
		if err != nil {
			w.Fatal(err)
		}
		for _, c := range cursors {
			w.first[c.Task] = c.At
		}
	})
}

func (h *history) readProbes() {
	text, err := os.ReadFile(filepath.Join(h.dir, "probes"))
	if err != nil {
		h.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 9 {
			h.Fatalf("the probe wrote %q", line)
		}
		m := mark{begin: f[0] == "begin", task: task.ID{Service: f[1], RID: f[2]}, run: f[4], node: f[8]}
		var errs [4]error
		m.slot, errs[0] = time.Parse(time.RFC3339, f[3])
		m.attempt, errs[1] = strconv.Atoi(f[5])
		m.pid, errs[2] = strconv.Atoi(f[6])
		m.up, errs[3] = strconv.ParseFloat(f[7], 64)
		if errs != [4]error{} {
			h.Fatalf("the probe wrote %q: %v", line, errs)
		}
		if f[0] == "beside" {
			h.beside = append(h.beside, m)
			continue
		}
		h.marks = append(h.marks, m)
	}
}

func (h *history) readTasks() {
	e, err := engineIn(h.etc, h.state)
	if err != nil {
		h.Fatal(err)
	}
	paths, err := service.List(h.etc)
	if err != nil {
		h.Fatal(err)
	}
	for _, path := range paths {
		svc, err := service.Read(h.etc, path, e.Node)
		if err != nil {
			h.Fatal(err)
		}
		for _, p := range svc.Problems {
			if p.Severity == service.Error {
				h.Fatalf("the checker can't read a file of its own: %s", p.String())
			}
		}
		for _, t := range svc.Tasks {
			h.tasks[t.ID] = t
			if t.Schedule == "" || t.Disable {
				continue
			}
			cal, err := e.Node.Calendar(&t, e.Node.Seed(&t))
			if err != nil {
				h.Fatal(err)
			}
			h.calendar[t.ID] = func(after time.Time) (time.Time, bool) { return cal.Next(after, after) }
		}
	}
}

// checkMarks: no attempt of a slot begins twice, each has its run, and its end once.
func (h *history) checkMarks() {
	type start struct {
		task    task.ID
		slot    string
		attempt int
	}
	starts := map[start]mark{}
	for _, m := range h.marks {
		r, known := h.runs[m.run]
		switch {
		case !known:
			h.fault("%s slot %s: run %s wrote a line and is not on record", m.task, short(m.slot), m.run)
		case r.Task != m.task || !r.Slot.Equal(m.slot) && !h.taken[m.run].Equal(m.slot) || r.Attempt != m.attempt:
			h.fault("%s slot %s attempt %d: run %s is on record as %s slot %s attempt %d", m.task, short(m.slot), m.attempt, m.run, r.Task, short(r.Slot), r.Attempt)
		}
		if !m.begin {
			if was, twice := h.ended[m.run]; twice {
				h.fault("%s slot %s: run %s ended twice, as %d and %d", m.task, short(m.slot), m.run, was.pid, m.pid)
			}
			if _, begun := h.began[m.run]; !begun {
				h.fault("%s slot %s: run %s ended and did not begin", m.task, short(m.slot), m.run)
			}
			h.ended[m.run] = m
			continue
		}
		if was, twice := h.began[m.run]; twice {
			h.fault("%s slot %s: run %s began twice, as %d and %d", m.task, short(m.slot), m.run, was.pid, m.pid)
		}
		h.began[m.run] = m
		key := start{m.task, m.slot.String(), m.attempt}
		if was, twice := starts[key]; twice && h.taken[was.run].IsZero() {
			h.fault("%s slot %s attempt %d began TWICE: runs %s and %s", m.task, short(m.slot), m.attempt, was.run, m.run)
		}
		starts[key] = m
	}
}

// checkRuns: each run has ended as its probe says, has one slot, and as many attempts as it may.
func (h *history) checkRuns() {
	type attempt struct {
		task   task.ID
		slot   string
		number int
	}
	attempts := map[attempt]task.Run{}
	for _, r := range h.runs {
		h.checkEnd(r)
		if r.Slot.IsZero() {
			if h.taken[r.ID].IsZero() {
				h.fault("%s: run %s has no slot", r.Task, r.ID)
			}
			continue
		}
		key := attempt{r.Task, r.Slot.String(), r.Attempt}
		if was, twice := attempts[key]; twice {
			h.fault("%s slot %s attempt %d is on record twice: %s and %s", r.Task, short(r.Slot), r.Attempt, was.ID, r.ID)
		}
		attempts[key] = r
	}
	for key, r := range attempts {
		t := h.tasks[r.Task]
		_, again := attempts[attempt{key.task, key.slot, key.number + 1}]
		if r.State == task.Lost && t.Plan.Delivery == task.AtLeastOnce && r.Attempt <= t.Plan.LostRetry && !again && h.hadTime(r) {
			h.fault("%s slot %s: attempt %d was lost at %s and NOT REPEATED", r.Task, short(r.Slot), r.Attempt, short(r.EndedAt))
		}
		if key.number == 1 {
			continue
		}
		before, ok := attempts[attempt{key.task, key.slot, key.number - 1}]
		again = before.State == task.Lost && t.Plan.Delivery == task.AtLeastOnce && before.Attempt <= max(t.Plan.LostRetry, t.Plan.Retries) ||
			before.State == task.Failed && before.Attempt <= t.Plan.Retries
		if !ok || !again {
			h.fault("%s slot %s: attempt %d after one that is %q: %+v", r.Task, short(r.Slot), r.Attempt, before.State, before)
		}
	}
}

// hadTime says that the next slot came so long after a run was marked that it had to be repeated before, however long
// that waits: each attempt may wait twice as long as the one before.
func (h *history) hadTime(r task.Run) bool {
	if h.counts["step"] > 0 {
		return false // by which clock?
	}
	next, ok := h.calendar[r.Task](r.Slot)
	if !ok {
		next = r.EndedAt.Add(time.Minute)
	}
	return next.Sub(r.EndedAt) > 7*time.Second+h.tasks[r.Task].Plan.RetryAfter(r.Attempt) && !h.hindered(r.Task, r.EndedAt, next)
}

// checkEnd: what the record says of the end of a run is what happened.
func (h *history) checkEnd(r task.Run) {
	_, began := h.began[r.ID]
	_, ended := h.ended[r.ID]
	t := h.tasks[r.Task]
	switch r.State {
	case task.Complete, task.Failed:
		if !began || !ended {
			if r.State == task.Failed && h.starved(r) {
				return // it could not be started, and says so
			}
			h.fault("%s slot %s: run %s is %s, and its probe began %v, ended %v (%s)", r.Task, short(r.Slot), r.ID, r.State, began, ended, r.Reason)
		}
		if wanted := strings.HasSuffix(t.Command, " 1"); wanted != (r.State == task.Failed) {
			h.fault("%s slot %s: run %s of %q is %s: %s", r.Task, short(r.Slot), r.ID, t.Command, r.State, r.Reason)
		}
	case task.Lost:
		if began && !h.killed[r.PID] && !h.died(r) {
			h.fault("%s slot %s: run %s is lost, its probe began, and nobody killed its supervisor %d (%s)", r.Task, short(r.Slot), r.ID, r.PID, r.Reason)
		}
	case task.Cancelled:
		if !strings.HasPrefix(string(t.Overlap), "replace") && !h.evicted(r) {
			h.fault("%s slot %s: run %s was cancelled by nobody: %s", r.Task, short(r.Slot), r.ID, r.Reason)
		}
	default:
		h.fault("%s slot %s: run %s is %s in the end: %s", r.Task, short(r.Slot), r.ID, r.State, r.Reason)
	}
}

// checkSlots: the instants of the schedule from the first cursor to the last are in the rows of the task, each
// in one, and no others are; what was decided to run has its run.
func (h *history) checkSlots(id task.ID) {
	rows := h.slots[id]
	ran := map[string]bool{}
	for i, s := range rows {
		h.checkRow(s, ran)
		if i > 0 && !s.At.After(rows[i-1].Last) {
			h.fault("%s: slots %s and %s overlap", id, row(rows[i-1]), row(s))
		}
	}
	for _, r := range h.runs {
		if r.Task == id && !ran[r.ID] && r.Attempt == 1 && !r.Slot.IsZero() {
			h.fault("%s: run %s of slot %s (%s) has no slot on record", id, r.ID, short(r.Slot), r.State)
		}
	}
	cursor, placed := h.cursors[id]
	first, known := h.first[id]
	next := h.calendar[id]
	if !placed || !known || next == nil || h.moved[id] || h.loose[id] {
		return
	}
	at, ok := next(first)
	for _, s := range rows {
		if s.Last.After(cursor.At) {
			h.fault("%s: %s is after the cursor, which is at %s", id, row(s), short(cursor.At))
		}
		for ; ok && at.Before(s.At); at, ok = next(at) {
			if h.passedOver(id, at) {
				continue
			}
			h.fault("%s: slot %s is UNACCOUNTED: the next row is %s", id, short(at), row(s))
			if h.faults > mostFaults {
				return
			}
		}
		n, last := 0, time.Time{}
		for ; ok && !at.After(s.Last); at, ok = next(at) {
			n, last = n+1, at
		}
		if n != s.Count || !last.Equal(s.Last) {
			h.fault("%s: %s has %d slots of the schedule, up to %s", id, row(s), n, short(last))
		}
	}
	if n := h.tasks[id].Plan.RunTimes; n > 0 && cursor.Runs >= n {
		return // it has no more slots
	}
	for ; ok && !at.After(cursor.At); at, ok = next(at) {
		if h.passedOver(id, at) {
			continue
		}
		h.fault("%s: slot %s is UNACCOUNTED: no row after it, the cursor is at %s", id, short(at), short(cursor.At))
	}
}

// checkRow: a slot that runs is one, and has its run; no other has one.
func (h *history) checkRow(s task.Slot, ran map[string]bool) {
	r, known := h.runs[s.RunID]
	switch {
	case s.Decision == task.SlotPending:
		h.fault("%s: %s is pending in the end", s.Task, row(s))
	case s.Count < 1 || s.Count == 1 != s.At.Equal(s.Last):
		h.fault("%s: %s counts %d", s.Task, row(s), s.Count)
	case s.Reason == "":
		h.fault("%s: %s has no reason", s.Task, row(s))
	case s.Decision != task.SlotRun:
	case s.Count != 1 || !known || r.Task != s.Task || !r.Slot.Equal(s.At) || r.Attempt != 1:
		h.fault("%s: %s: its run is %q slot %s attempt %d", s.Task, row(s), r.ID, short(r.Slot), r.Attempt)
	default:
		ran[r.ID] = true
	}
}

// checkOrder: slots begin in their order, and one at a time.
func (h *history) checkOrder(id task.ID) {
	t := h.tasks[id]
	if t.Overlap == task.OverlapAllow || t.MaxParallel != 1 {
		return
	}
	for _, m := range h.beside {
		if m.task == id {
			h.fault("%s: run %s of slot %s began BESIDE process %d of an earlier one (up %v)", id, m.run, short(m.slot), m.pid, m.up)
		}
	}
	var now, newest mark
	for _, m := range h.marks {
		switch _, ends := h.ended[m.run]; {
		case m.task != id:
		case !m.begin:
			if m.run == now.run {
				now = mark{}
			}
		default:
			if now.run != "" {
				h.fault("%s: run %s of slot %s began while %s of slot %s was at work (up %v, %v): %s, %s", id, m.run, short(m.slot), now.run, short(now.slot), now.up, m.up, h.runs[now.run].State, h.runs[m.run].State)
			}
			if !h.taken[newest.run].IsZero() {
				newest = mark{}
			}
			if m.slot.Before(newest.slot) || m.slot.Equal(newest.slot) && m.attempt <= newest.attempt {
				h.fault("%s: slot %s attempt %d began after slot %s attempt %d", id, short(m.slot), m.attempt, short(newest.slot), newest.attempt)
			}
			newest = m
			if ends { // when those ended that were killed, nobody knows here
				now = m
			}
		}
	}
}

// checkLocks: never are there more at work than a lock has places.
func (h *history) checkLocks() {
	places := map[string]int{}
	for _, t := range h.tasks {
		for _, l := range t.Plan.LockList() {
			places[l.Name] = l.Places
		}
	}
	for name, most := range places {
		atWork := map[string]bool{}
		for _, m := range h.marks {
			t := h.tasks[m.task]
			if !slices.ContainsFunc(t.Plan.LockList(), func(l task.Lock) bool { return l.Name == name }) {
				continue
			}
			if _, ends := h.ended[m.run]; m.begin && ends {
				atWork[m.run] = true
			} else {
				delete(atWork, m.run)
			}
			if len(atWork) > most {
				h.fault("lock %s:%d: %d at work when run %s of %s began: %v", name, most, len(atWork), m.run, m.task, atWork)
			}
		}
	}
}

// checkLeft: no process, no journal, no end that was set aside and no cgroup with processes is left.
func (h *history) checkLeft() {
	for _, pid := range h.processes() {
		h.fault("process %d is left: %s", pid, cmdline(pid))
	}
	for _, record := range h.recordPaths() {
		h.checkFolder(filepath.Join(filepath.Dir(record), "journal"))
		h.checkFolder(filepath.Join(filepath.Dir(record), "ends"))
	}
	leaves, _ := filepath.Glob("/sys/fs/cgroup/om-*")
	deeper, _ := filepath.Glob("/sys/fs/cgroup/*/om-*")
	for _, leaf := range append(leaves, deeper...) {
		if _, ours := h.runs[strings.TrimPrefix(filepath.Base(leaf), "om-")]; ours && !removedEmpty(leaf) {
			h.fault("cgroup %s is left, with processes", leaf)
		}
	}
}

// checkFolder: it is empty.
func (h *history) checkFolder(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		h.Fatal(err)
	}
	for _, e := range entries {
		h.fault("%s is left", filepath.Join(folder, e.Name()))
	}
}

// removedEmpty does what the next supervisor does a minute later with the cgroup of a run whose supervisor was killed, and
// says whether that could be done: it can where no process is in it. The kernel counts one that has ended for a moment.
func removedEmpty(leaf string) bool {
	for range 200 {
		if err := os.Remove(leaf); err == nil || os.IsNotExist(err) {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

func short(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

func row(s task.Slot) string {
	text := fmt.Sprintf("%s %s", s.Decision, short(s.At))
	if s.Count > 1 {
		text += fmt.Sprintf("..%s (%d)", short(s.Last), s.Count)
	}
	return text + " " + s.Reason
}
