package soak_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/state"
	"om/task"
)

// harm is what happens at a call.
type harm struct {
	name    string
	who     string     // whose calls count; "" for those of all
	errno   unix.Errno // how the call fails; 0 for a kill
	times   int        // how many calls fail, one after the other; 0 for one
	step    int        // how many calls to go on by, where there is no time for all
	carried bool       // the service has a record of its own
	moves   bool       // its node is dead then, and it goes on on another one; see other
}

// sweep is a world in which the harm happens at the first call of a tick, at the second of the next, and so on.
type sweep struct {
	*world
	harm

	at     time.Time
	period time.Duration // of the schedules
	hit    *call         // where it happened
	text   string        // of the service's file
}

// sweepBegin is when it begins: soon after a minute, which leaves time to mend before the next.
func sweepBegin() time.Time { return time.Date(2027, 3, 27, 22, 0, 4, 0, time.UTC) }

// newSweep has tasks that are started together each minute. Two have locks, whose places are taken and given back.
func newSweep(t *testing.T, h harm) *sweep {
	t.Helper()
	s := &sweep{world: newWorld(t), harm: h, at: sweepBegin(), period: time.Minute}
	every := "*"
	if h.carried { // whose runs are looked at again each minute
		s.period, every = 2*time.Minute, "*/2"
	}
	s.lenient = h.errno != 0
	s.write("loud.sh", "echo \"slot $OM_SLOT\"\n"+probe)
	section := func(rid, more string) string {
		return fmt.Sprintf("[%s]\ncommand = sh %s %s 0 0\ncwd = /\nschedule = cron:%s * * * *\n%s\n", rid, filepath.Join(s.dir, "loud.sh"), filepath.Join(s.dir, "probes"), every, more)
	}
	s.text = s.head() + section("task#once", "notify_command = true\nnotify_on = started ok failed lost") +
		section("task#again", "delivery = at-least-once\nlost_retry = 1\nidempotent = true\nretry_delay = 1s\nlock = again") +
		section("task#quiet", "log = none\nlock = quiet") +
		strings.Replace(section("task#fail", "log = none\nretries = 1\nretry_delay = 1s"), " 0 0\n", " 0 1\n", 1)
	s.write("etc/sweep.conf", s.text)
	s.setNow(s.at)
	s.found()
	s.note()
	return s
}

// failing is how a task is meant that fails, and then once more.
const failing = "failing"

// meant is how each task is meant.
func (s *sweep) meant() map[string]string {
	return map[string]string{"task#once": task.AtMostOnce, "task#again": task.AtLeastOnce, "task#quiet": task.AtMostOnce, "task#fail": failing}
}

// behind runs om behind a gate, and returns when nothing of it is left.
func (s *sweep) behind(pass func(*call) verdict, args ...string) (stderr string, err error) {
	s.Helper()
	s.setNow(s.at)
	c, g := s.gated(pass, "om", args...)
	err = c.Wait()
	g.wait()
	s.listen(c)
	s.buried(g)
	return fmt.Sprint(c.Stderr), err
}

// buried notes which supervisors may have been killed.
func (s *sweep) buried(g *gate) {
	for pid, who := range g.who {
		if who == supervisor && s.hit != nil {
			s.killed[pid] = true
		}
	}
}

func (s *sweep) tick(pass func(*call) verdict) (stderr string, err error) {
	s.Helper()
	return s.behind(pass, "tick", "-q")
}

// let lets all calls pass.
func let(*call) verdict { return verdict{} }

// strike returns what makes the harm happen at the nth of the calls that count.
func (s *sweep) strike(n int) func(*call) verdict {
	count, pids := 0, map[int]bool{}
	s.hit = nil
	return func(c *call) verdict {
		pids[c.pid] = true
		switch {
		case s.hit != nil && s.errno == 0 && s.who == "":
			return verdict{kill: []int{c.pid}} // the others are dead
		case !s.counts(c):
			return verdict{}
		}
		count++
		switch {
		case count < n || s.hit != nil && count >= n+max(s.times, 1):
			return verdict{}
		case s.hit == nil:
			s.hit = c
		}
		if s.errno != 0 {
			return verdict{errno: s.errno}
		}
		return s.kill(c, pids)
	}
}

// counts says whether a call is one at which something may happen. The index that SQLite keeps beside its log is
// shared memory and no file: it is made anew after a crash.
func (s *sweep) counts(c *call) bool {
	if s.who != "" && c.who != s.who {
		return false
	}
	if s.errno == 0 && (c.name == "execve" || c.name == "sendmsg") {
		return true
	}
	if s.errno != 0 && strings.HasPrefix(c.path, s.etc+"/") {
		return true
	}
	return s.onDisk(c.path) && !strings.HasSuffix(c.path, "-shm")
}

// kill ends who makes a call, or all.
func (s *sweep) kill(c *call, all map[int]bool) (v verdict) {
	s.did("kill-" + s.name)
	if s.who == "" {
		v.kill = slices.Collect(maps.Keys(all))
		return v
	}
	_, parent := processOf(c.pid)
	if c.name == "execve" && all[parent] { // it has forked, and the child is nothing yet
		v.kill = append(v.kill, parent)
	}
	v.kill = append(v.kill, c.pid)
	return v
}

// sight is what can be seen of a slot when everything has stopped.
type sight struct {
	slot  task.Slot  // without a decision where there is none
	runs  []task.Run // by attempt
	begun int
	ends  map[string]task.RunState // of all runs whose end is in a journal
}

// look looks at all tasks.
func (s *sweep) look(at time.Time) map[string]sight {
	s.Helper()
	db := s.serviceRecord()
	defer func() { _ = db.Close() }()
	if err := db.Check(context.Background()); err != nil {
		s.Error(err)
	}
	probes, err := os.ReadFile(filepath.Join(s.dir, "probes"))
	if err != nil {
		s.Fatal(err)
	}
	all := map[string]sight{}
	for rid := range s.meant() {
		v := sight{ends: s.ends(), begun: strings.Count(string(probes), fmt.Sprintf("begin sweep %s %s ", rid, at.UTC().Format(time.RFC3339)))}
		q := state.Query{Service: "sweep", RID: []string{rid}, Limit: 8}
		slots, err := db.Slots(context.Background(), q)
		runs, err2 := db.Runs(context.Background(), q)
		if err = errors.Join(err, err2); err != nil {
			s.Fatal(err)
		}
		for _, slot := range slots {
			if !slot.At.After(at) && !slot.Last.Before(at) {
				v.slot = slot
			}
		}
		for i := len(runs) - 1; i >= 0; i-- {
			if runs[i].Slot.Equal(at) {
				v.runs = append(v.runs, runs[i])
			}
		}
		all[rid] = v
	}
	return all
}

// ends are those in the journals.
func (s *sweep) ends() map[string]task.RunState {
	all := map[string]task.RunState{}
	files, _ := filepath.Glob(filepath.Join(s.state, "journal", "*"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a daemon records what is in it, and removes it
			s.Fatal(err)
		}
		maps.Copy(all, endsIn(text))
	}
	return all
}

// endsIn reads a journal.
func endsIn(text []byte) map[string]task.RunState {
	all := map[string]task.RunState{}
	for line := range strings.Lines(string(text)) {
		var end task.Ended
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &end) == nil && end.Outcome.RunID != "" {
			all[end.Outcome.RunID] = end.Outcome.State
		}
	}
	return all
}

// fate is what becomes of a slot, by how its task is meant and what there was when everything had stopped: the model. The next
// slot comes before another attempt of one that is over.
func (v sight) fate(meant string, over bool) (final task.RunState, attempts int) {
	n := len(v.runs)
	if n == 0 { // the next tick decides it
		switch {
		case meant == failing && over:
			return task.Failed, 1
		case meant == failing:
			return task.Failed, 2
		}
		return task.Complete, 1
	}
	end := v.runs[n-1].State
	if !end.Final() {
		if end = v.ends[v.runs[n-1].ID]; end == "" {
			end = task.Lost
		}
	}
	switch {
	case over:
	case end == task.Lost && meant == task.AtLeastOnce && n == 1:
		return task.Complete, 2
	case end == task.Failed && meant == failing:
		return task.Failed, 2
	}
	return end, n
}

// round lets the harm happen to a tick that has ends of runs to record and slots to decide, heals, and holds the
// record against the model. It says whether there was an nth call.
func (s *sweep) round(n int, victim func(pass func(*call) verdict) (string, error)) bool {
	s.Helper()
	s.later(s.period)
	before := s.at.Truncate(s.period)
	s.hit = nil
	if said, err := s.tick(let); err != nil {
		s.Fatalf("a tick before anything happens: %v: %s", err, said)
	}
	s.later(s.period)
	now := s.at.Truncate(s.period)
	s.write("etc/sweep.conf", fmt.Sprintf("%s# edited for round %d\n", s.text, n)) // so that it is read again
	said, err := victim(s.strike(n))
	s.checkMessage(said, err)
	was, seen := map[string]sight(nil), s.look(now)
	if s.moves {
		was = s.other(s.look(before))
		seen = s.other(seen)
		s.move()
	}
	s.mend()
	s.at = now.Add(4 * time.Second)
	s.checkFates(before, was)
	s.checkFates(now, seen)
	s.checkRead()
	if s.Failed() {
		s.Fatalf("seed %d: %s at call %d, %v; om said %s", s.seed, s.name, n, s.hit, said)
	}
	return s.hit != nil
}

func (s *sweep) later(d time.Duration) { s.at = s.at.Add(d) }

// mend lets ticks do what is left to do, before the next minute.
func (s *sweep) mend() {
	s.Helper()
	last := s.at.Truncate(s.period).Add(s.period - time.Second)
	for _, step := range []time.Duration{2, 4, 31, 31, 4, 4, 4} { // what failed is looked at again after half a minute
		if s.later(step * time.Second); s.at.After(last) {
			s.at = last
		}
		if said, err := s.tick(let); err != nil {
			s.Errorf("the next tick: %v: %s", err, said)
		}
		if s.idle() {
			return
		}
	}
	s.Error("after seven ticks there is something left to do")
}

// idle says that nothing is in progress, waits, or is to be recorded.
func (s *sweep) idle() bool {
	s.Helper()
	db := s.serviceRecord() // the node's tells only when to look at it
	defer func() { _ = db.Close() }()
	running, err := db.Running(context.Background(), "", "")
	if err != nil {
		s.Fatal(err)
	}
	next, err := db.NextDue(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	journals, _ := filepath.Glob(filepath.Join(s.state, "journal", "*"))
	return len(running) == 0 && len(journals) == 0 && !next.Before(s.at.Truncate(s.period).Add(s.period))
}

// checkFates holds what became of the slots of a moment against the model.
func (s *sweep) checkFates(at time.Time, seen map[string]sight) {
	s.Helper()
	now, over := s.look(at), at.Before(s.at.Truncate(s.period))
	for rid, meant := range s.meant() {
		final, attempts := seen[rid].fate(meant, over)
		v := now[rid]
		if v.slot.Decision != task.SlotRun || len(v.runs) != attempts || v.runs[attempts-1].State != final {
			s.Errorf("%s slot %s: wanted %s after %d attempts: it is %s; before, it was %s", rid, short(at), final, attempts, v, seen[rid])
		}
		least := map[task.RunState]int{task.Complete: 1, task.Failed: attempts}[final]
		if s.lenient && final == task.Failed {
			least = 0 // it may be that it could not be started
		}
		if v.begun < least || v.begun > attempts {
			s.Errorf("%s slot %s: it began %d times, in %d attempts; before, it was %s", rid, short(at), v.begun, attempts, seen[rid])
		}
	}
}

// checkRead wants the file as it is now to have been read.
func (s *sweep) checkRead() {
	s.Helper()
	db := s.record()
	defer func() { _ = db.Close() }()
	text, err := os.ReadFile(filepath.Join(s.etc, "sweep.conf"))
	stamp, _, err2 := db.StampOf(context.Background(), "sweep")
	if err = errors.Join(err, err2); err != nil || stamp.Error != "" || string(stamp.Good) != string(text) {
		s.Errorf("the file was not read: %v, %q; the good text ends in %q", err, stamp.Error, stamp.Good[max(0, len(stamp.Good)-30):])
	}
}

func (v sight) String() string {
	text := fmt.Sprintf("%q", row(v.slot))
	for _, r := range v.runs {
		text += fmt.Sprintf(", run %s attempt %d %s %q (journal: %q)", r.ID, r.Attempt, r.State, r.Reason, v.ends[r.ID])
	}
	return fmt.Sprintf("%s, begun %d times", text, v.begun)
}

// checkMessage wants to be told what went wrong: of which file, and in the kernel's words.
func (s *sweep) checkMessage(said string, err error) {
	s.Helper()
	for _, word := range []string{"panic", "goroutine ", "fatal error", "SIGSEGV"} {
		if strings.Contains(said, word) {
			s.Errorf("om crashed: %s", said)
		}
	}
	exit, failed := errors.AsType[*exec.ExitError](err)
	if s.errno == 0 || !failed {
		return
	}
	words := []string{s.errno.Error(), "no space left", "disk I/O error", "the disk may be failing", "unable to open database file"}
	told := false
	for _, word := range words {
		told = told || strings.Contains(said, word)
	}
	if !exit.Exited() || !strings.HasPrefix(said, "om: ") && !strings.Contains(said, " ERROR ") || !strings.Contains(said, s.dir) || !told {
		s.Errorf("%v: it said %q", err, said)
	}
}

// all goes through the calls, or where there is no time for all, through one of each so many.
func (s *sweep) all(step int, victim func(pass func(*call) verdict) (string, error)) {
	s.Helper()
	n, step := s.stride(step)
	begin, rounds := time.Now(), 1
	for ; s.round(n, victim); rounds++ {
		if n += step; n > 2000 {
			s.Fatal("there is no end")
		}
	}
	s.Logf("%s: %d rounds of %d calls in %s", s.name, rounds, n-1, time.Since(begin).Round(time.Millisecond))
	if s.moves { // the one that died is back
		s.move()
		s.mend()
	}
	s.check()
}

// tickAfterCrash is the tick after one of which all died when the first command was to begin.
func (s *sweep) tickAfterCrash(pass func(*call) verdict) (stderr string, err error) {
	s.Helper()
	all := map[int]bool{}
	dead := false
	_, _ = s.tick(func(c *call) verdict {
		all[c.pid], s.killed[c.pid] = true, true
		if dead = dead || c.name == "execve" && c.path != c.self; !dead {
			return verdict{}
		}
		return verdict{kill: slices.Collect(maps.Keys(all))}
	})
	s.later(2 * time.Second)
	return s.tick(pass)
}

// TestKillPoints kills om, its supervisor, all of them at once, or the daemon, before each call that changes what is
// on the disk, starts a process or hands something over. What becomes of the slots is what the model says.
func TestKillPoints(t *testing.T) {
	t.Parallel()
	for _, h := range []harm{{name: "om", who: program, step: 17}, {name: "supervisor", who: supervisor, step: 9}, {name: "all", step: 19}} {
		t.Run(h.name, func(t *testing.T) {
			s := newSweep(t, h)
			s.all(h.step, s.tick)
		})
	}
	t.Run("after a crash", func(t *testing.T) {
		s := newSweep(t, harm{name: "om after a crash", who: program})
		s.all(13, s.tickAfterCrash)
	})
	t.Run("daemon", func(t *testing.T) {
		s := newSweep(t, harm{name: "daemon", who: program})
		s.all(31, s.loop)
	})
	for _, h := range []harm{
		{name: "om with an own record", who: program, step: 41, carried: true},
		{name: "all with an own record", step: 41, carried: true},
		{name: "node with an own record", step: 29, carried: true, moves: true},
	} {
		t.Run(h.name, func(t *testing.T) {
			s := newSweep(t, h)
			s.all(h.step, s.tick)
		})
	}
	t.Run("node at the daemon with an own record", func(t *testing.T) {
		s := newSweep(t, harm{name: "node at the daemon", carried: true, moves: true})
		s.all(53, s.loop)
	})
}

// errnos are how a disk fails.
func errnos() map[string]unix.Errno {
	return map[string]unix.Errno{"EIO": unix.EIO, "ENOSPC": unix.ENOSPC}
}

// TestFailingDisk lets each call on the files of the record, the journal, the output and the spool fail, once or
// for a while. Nothing is run twice, nothing is forgotten, and what could not be done is told.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	for _, h := range []harm{
		{name: "om once", who: program, step: 31},
		{name: "om from then on", who: program, times: 1000, step: 31},
		{name: "supervisor once", who: supervisor, step: 13},
		{name: "supervisor for a while", who: supervisor, times: 6, step: 13},
		{name: "om with an own record", who: program, step: 61, carried: true},
		{name: "all with an own record for a while", times: 6, step: 61, carried: true},
		{name: "om with an own record that moves then", who: program, step: 61, carried: true, moves: true},
	} {
		for name, errno := range errnos() {
			h := h
			h.errno, h.name = errno, name+" in "+h.name
			t.Run(h.name, func(t *testing.T) {
				s := newSweep(t, h)
				s.all(h.step, s.tick)
			})
		}
	}
	for name, errno := range errnos() {
		t.Run(name+" after a crash", func(t *testing.T) {
			s := newSweep(t, harm{name: name + " in om after a crash", who: program, errno: errno})
			s.all(31, s.tickAfterCrash)
		})
		t.Run(name+" in daemon", func(t *testing.T) {
			s := newSweep(t, harm{name: name + " in the daemon", who: program, errno: errno})
			s.oneDaemon(31)
		})
	}
}

// stride is where to begin and how many calls to go on by: one, where there is time for all.
func (s *sweep) stride(step int) (first, by int) {
	if *minutes > 0 {
		return 1, 1
	}
	step *= slow
	return 1 + s.random(0).IntN(step), step
}
