package engine

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/notice"
	"om/schedule"
	"om/service"
	"om/state"
	"om/task"
)

// withOwnRecord is a virtual node with a service that has its own record, in a folder, and has been seen.
func withOwnRecord(t *testing.T, text string) (v *virtual, line *timeline, folder string) {
	t.Helper()
	folder = filepath.Join(inMemory(t), "own")
	v = newVirtual(t, map[string]string{"s": "[DEFAULT]\nstate = " + folder + "/om.db\n" + text})
	line = &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	v.Now, v.after = func() time.Time { return line.now }, line.after
	if err := v.InitState(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	return v, line, folder
}

// ownSlots are what the own record of the service has, the newest first.
func (v *virtual) ownSlots() []task.Slot {
	v.Helper()
	all, err := v.Slots(v.Context(), "s", state.Query{})
	if err != nil {
		v.Fatal(err)
	}
	return all
}

// running are the runs in progress.
func (v *virtual) running() []task.Run {
	v.Helper()
	db, err := v.recordOf(v.Context(), "s")
	if err != nil {
		v.Fatal(err)
	}
	all, err := db.Running(v.Context(), "", "")
	if err != nil {
		v.Fatal(err)
	}
	return all
}

// A thaw skips the slots of a service with its own record there, and not a second time in the node's.
func TestThawOfAnOwnRecord(t *testing.T) {
	ctx := context.Background()
	v, line, _ := withOwnRecord(t, everyMinute)
	v.minutes(line, 3)
	for _, path := range []string{"s", ""} {
		if err := v.Freeze(ctx, path); err != nil {
			t.Fatal(err)
		}
		line.goTo(line.now.Add(2 * time.Minute))
		if err := v.Thaw(ctx, path); err != nil {
			t.Fatal(err)
		}
		v.tickAt()
	}
	if slots, _ := v.onRecord(); len(slots) > 0 {
		t.Errorf("the node's record has %+v", slots)
	}
	own, n := v.ownSlots(), map[task.SlotDecision]int{}
	for _, s := range own {
		n[s.Decision] += s.Count
	}
	if n[task.SlotRun] != 3 || n[task.SlotSkip] != 4 || len(n) != 2 {
		t.Errorf("%+v", own)
	}
}

// A thaw accounts for the slots of a service whose own record has nothing of it yet.
func TestThawOfAnEmptyOwnRecord(t *testing.T) {
	v, line, _ := withOwnRecord(t, everyMinute)
	if err := v.Freeze(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(2 * time.Minute))
	if err := v.Thaw(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 1)
	if all := v.ownSlots(); len(all) != 2 || all[1].Decision != task.SlotSkip || all[1].Count != 2 {
		t.Errorf("%+v", all)
	}
}

// A run in a service's own record whose supervisor died is found lost, and repeated, soon: not when its next slot comes.
func TestLostInAnOwnRecord(t *testing.T) {
	v, line, _ := withOwnRecord(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\ndelivery = at-least-once\nidempotent = true\nretry_delay = 1s\n")
	v.loseOne(line)
	if n := len(v.running()); n != 1 {
		t.Fatalf("%d runs in progress", n)
	}
	v.give = nil
	v.minutes(line, 3)
	if len(v.starts) != 1 || v.starts[0].attempt != "2" {
		t.Errorf("%+v", v.starts)
	}
}

// loseOne has the slot of the next minute run by a supervisor that is no more.
func (v *virtual) loseOne(line *timeline) {
	v.Helper()
	v.give = func([]task.Job) error { return nil } // it has them
	line.goTo(line.now.Add(time.Minute))
	o := v.options()
	detach := o.Detach
	o.Detach = func(journals string) (*Hands, error) {
		h, err := detach(journals)
		h.PID, h.PIDStart = 1<<22+1, 1
		return h, err
	}
	if _, err := v.Tick(v.Context(), o); err != nil {
		v.Fatal(err)
	}
}

// in has the own record of a service do what a statement says, as another process would.
func in(t *testing.T, folder, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", folder+"/om.db")
	if err == nil {
		_, err = db.Exec(statement)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A run that a person ends while it is found lost is not repeated.
func TestCancelledWhileLost(t *testing.T) {
	v, line, folder := withOwnRecord(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\ndelivery = at-least-once\nidempotent = true\nretry_delay = 1s\n")
	v.loseOne(line)
	in(t, folder, "CREATE TRIGGER person AFTER INSERT ON task_state WHEN NEW.retry_at IS NOT NULL BEGIN "+
		"UPDATE run SET state='cancelled',ended_at=1 WHERE ended_at IS NULL;END")
	v.give = nil
	v.minutes(line, 3)
	if len(v.starts) > 0 {
		t.Errorf("%+v", v.starts)
	}
}

// Another attempt of a task whose service has its own record is made when it is due, not when the next slot is.
func TestRetryInAnOwnRecord(t *testing.T) {
	v, line, _ := withOwnRecord(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nretries = 2\nretry_delay = 10s\n")
	v.fails["task#0"] = 1
	v.minutes(line, 4)
	if len(v.starts) != 2 {
		t.Errorf("%d starts: %+v", len(v.starts), v.starts)
	}
}

// A service with another schedule on each node goes on where it comes to, after what the other node decided.
func TestScopedScheduleAfterAFailover(t *testing.T) {
	folder := filepath.Join(inMemory(t), "own")
	v := newVirtual(t, map[string]string{"s": "[DEFAULT]\nnodes = n1 n2\nstate = " + folder + "/om.db\n[task#0]\ncommand = true\nlog = none\nrun_on = all-nodes\n" +
		"schedule@n1 = cron:*/2 * * * *\nschedule@n2 = cron:*/3 * * * *\n"})
	line := &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	second := &virtual{TB: t, last: v.last, fails: v.fails, every: v.every, Engine: &Engine{
		ConfigDir: v.ConfigDir, StateDir: v.StateDir + "2", EUID: v.EUID, Program: "test", By: "test", Users: &task.Users{},
		Node: service.Node{Name: "n2", Timezone: "UTC", Schedules: schedule.NewParser(time.LoadLocation)},
	}}
	t.Cleanup(second.Close)
	for _, n := range []*virtual{v, second} {
		n.Now, n.after, n.sinceBoot = func() time.Time { return line.now }, line.after, line.up
	}
	second.tickAt() // the record is not there
	if err := v.InitState(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 10)
	line.goTo(line.now.Add(10 * time.Second))
	v.tickAt() // the last run has ended
	for range 12 {
		line.goTo(line.now.Add(time.Minute))
		second.tickAt()
	}
	if len(v.starts) != 5 || len(second.starts) != 4 {
		t.Errorf("%d and %d starts, want 5 and 4: %+v", len(v.starts), len(second.starts), second.starts)
	}
	for _, slot := range v.ownSlots() {
		if slot.Decision != task.SlotRun {
			t.Errorf("%+v", slot)
		}
	}
}

// notices are the events in the spool, each once by its id, and how many there are.
func (v *virtual) notices() (different, all int) {
	v.Helper()
	spool := &notice.Spool{Dir: v.Spool()}
	names, err := spool.Names()
	if err != nil {
		v.Fatal(err)
	}
	ids := map[string]bool{}
	for _, name := range names {
		e, err := spool.Read(name)
		if err != nil {
			v.Fatal(err)
		}
		ids[e.Event.ID] = true
	}
	return len(ids), len(names)
}

// locked are the locks that runs hold.
func (v *virtual) locked() (list []string) {
	v.Helper()
	db, err := v.NodeRecord(v.Context())
	if err != nil {
		v.Fatal(err)
	}
	holds, err := db.Holds(v.Context())
	if err != nil {
		v.Fatal(err)
	}
	for _, h := range holds {
		list = append(list, h.Name+" "+h.Run.Task.String())
	}
	return list
}

// ends ticks n times, ten seconds apart, and counts how often the end of each run of a service was told.
func (v *virtual) ends(line *timeline, n int, of string) map[string]int {
	v.Helper()
	told := map[string]int{}
	for range n {
		line.goTo(line.now.Add(10 * time.Second))
		r, err := v.Tick(v.Context(), v.options())
		if err != nil {
			v.Fatal(err)
		}
		for _, run := range r.Ended {
			if run.Task.Service == of {
				told[run.ID]++
			}
		}
	}
	return told
}

func (v *virtual) file(name, text string) {
	v.Helper()
	if err := os.WriteFile(filepath.Join(v.ConfigDir, name+".conf"), []byte(text), 0o644); err != nil {
		v.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func wantOnce(t *testing.T, told map[string]int, n int) {
	t.Helper()
	for id, times := range told {
		if times != 1 {
			t.Errorf("the end of run %s was told %d times", id, times)
		}
	}
	if len(told) != n {
		t.Errorf("%d ends were told, want %d", len(told), n)
	}
}

// The record of a service goes away with a run in flight: other services' ends are told and recorded once, and the end of
// that run is recorded when its record is back, though its supervisor and its journal are gone.
func TestOwnRecordThatGoesAway(t *testing.T) {
	v, line, folder := withOwnRecord(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nlock = tape\n")
	v.file("b", "[task#0]\ncommand = true\nlog = none\nschedule = */10 * * * * *\nnotify_webhook = https://x.example.com/\nnotify_on = failed\nrenotify = 1s\n")
	v.fails["task#0"], v.last["task#0"] = 9, time.Second
	v.tickAt()
	line.goTo(line.now.Add(30 * time.Second))
	started := v.tickAt().Started
	own := slices.IndexFunc(started, func(r task.Run) bool { return r.Task.Service == "s" })
	if own < 0 || len(v.locked()) != 1 {
		t.Fatalf("started %+v, locked %q", started, v.locked())
	}
	v.letOwn()
	move(t, folder, folder+".away")
	line.goTo(line.now.Add(2 * time.Second)) // it ends
	if r, err := v.Tick(t.Context(), v.options()); err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "of service s wait for their record") {
		t.Errorf("%v, %q", err, r.Problems)
	}
	if locked := v.locked(); len(locked) > 0 {
		t.Errorf("a run that has ended holds %q", locked)
	}
	wantOnce(t, v.ends(line, 50, "b"), 49) // the last has not ended
	if different, all := v.notices(); different != all || all < 49 {
		t.Errorf("%d events are of %d", all, different)
	}
	if err := os.Remove(filepath.Join(v.ConfigDir, "b.conf")); err != nil {
		t.Fatal(err)
	}
	v.ends(line, 2, "b")
	if err := os.RemoveAll(v.journals()); err != nil { // the supervisor has gone
		t.Fatal(err)
	}
	v.letOwn()
	move(t, folder+".away", folder)
	wantOnce(t, v.ends(line, 3, "s"), 1)
	db, err := v.recordOf(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	if run, err := db.Run(t.Context(), started[own].ID); err != nil || run.State != task.Failed {
		t.Errorf("%+v, %v", run, err)
	}
	if left, err := v.setAside().Ends(); err != nil || len(left) > 0 {
		t.Errorf("left %+v, %v", left, err)
	}
}

// The record of a service comes back from another node that found the run lost: that end stands, and is told by no other.
func TestOwnRecordThatWasElsewhere(t *testing.T) {
	v, line, folder := withOwnRecord(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nnotify_webhook = https://x.example.com/\n")
	v.fails["task#0"], v.last["task#0"] = 9, time.Second
	line.goTo(line.now.Add(30 * time.Second))
	started := v.tickAt().Started
	if len(started) != 1 {
		t.Fatalf("started %+v", started)
	}
	v.letOwn()
	move(t, folder, folder+".away")
	wantOnce(t, v.ends(line, 3, "s"), 0)
	db, err := state.Open(t.Context(), state.Options{Path: folder + ".away/om.db", Now: v.Now, Node: "n2", BootID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	lost, err := db.Recover(t.Context(), func(task.Run) bool { return false })
	if err = errors.Join(err, db.Close()); err != nil || len(lost) != 1 {
		t.Fatalf("%+v, %v", lost, err)
	}
	move(t, folder+".away", folder)
	wantOnce(t, v.ends(line, 3, "s"), 0)
	if _, all := v.notices(); all > 0 {
		t.Errorf("%d events", all)
	}
	if left, err := v.setAside().Ends(); err != nil || len(left) > 0 {
		t.Errorf("left %+v, %v", left, err)
	}
}

// The file of a service with its own record is deleted with a run in flight: its lock is free when the run has ended, and
// the end is recorded where the record is still there, else told, once, and the journal goes on.
func TestOwnServiceThatIsDeleted(t *testing.T) {
	for _, there := range []bool{true, false} {
		v, line, folder := withOwnRecord(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nlock = tape\n")
		v.last["task#0"] = 55 * time.Second
		line.goTo(line.now.Add(30 * time.Second))
		started := v.tickAt().Started
		if len(started) != 1 || len(v.locked()) != 1 {
			t.Fatalf("started %+v, locked %q", started, v.locked())
		}
		v.file("b", "[task#1]\ncommand = true\nlog = none\nschedule = */10 * * * * *\noverlap = queue-one\nlock = tape\n")
		if err := os.Remove(filepath.Join(v.ConfigDir, "s.conf")); err != nil {
			t.Fatal(err)
		}
		v.letOwn()
		if !there {
			move(t, folder, folder+".away")
		}
		told := v.ends(line, 5, "s")
		if len(told) > 0 || len(v.starts) != 1 {
			t.Fatalf("told %v, started %+v", told, v.starts)
		}
		line.goTo(line.now.Add(5 * time.Second))
		r, err := v.Tick(t.Context(), v.options())
		if err != nil || len(r.Ended) != 1 || r.Ended[0].ID != started[0].ID || len(r.Started) != 1 || len(r.Problems) > 0 == there {
			t.Errorf("record there: %v: ended %+v, started %+v, %q, %v", there, r.Ended, r.Started, r.Problems, err)
		}
		wantOnce(t, v.ends(line, 3, "s"), 0)
		if left, err := v.setAside().Ends(); err != nil || len(left) > 0 {
			t.Errorf("left %+v, %v", left, err)
		}
		if there {
			wantEnd(t, folder+"/om.db", started[0].ID)
		}
	}
}

// wantEnd looks for the end of a run in the record at a path.
func wantEnd(t *testing.T, path, id string) {
	t.Helper()
	db, err := state.Open(t.Context(), state.Options{Path: path, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if run, err := db.Run(t.Context(), id); err != nil || run.State != task.Complete {
		t.Errorf("%+v, %v", run, err)
	}
}

// The file of a service names another record with a run in flight: the run keeps its lock and its place, and its end is
// recorded where it began.
func TestStateEditedDuringARun(t *testing.T) {
	const text = "[task#0]\ncommand = true\nlog = none\nschedule = */10 * * * * *\nlock = tape\n"
	v, line, folder := withOwnRecord(t, text)
	v.last["task#0"] = 45 * time.Second
	line.goTo(line.now.Add(10 * time.Second))
	first := v.tickAt().Started
	if len(first) != 1 {
		t.Fatalf("started %+v", first)
	}
	v.file("s", "[DEFAULT]\nstate = "+folder+"/other.db\n"+text)
	if err := v.InitState(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		line.goTo(line.now.Add(10 * time.Second))
		if r := v.tickAt(); len(r.Started) > 0 || !slices.Equal(v.locked(), []string{"tape s/task#0"}) {
			t.Fatalf("at %s: started %+v, locked %q", line.now, r.Started, v.locked())
		}
	}
	line.goTo(line.now.Add(10 * time.Second))
	r := v.tickAt()
	if len(r.Ended) != 1 || r.Ended[0].ID != first[0].ID || len(r.Started) != 1 {
		t.Errorf("ended %+v, started %+v", r.Ended, r.Started)
	}
	wantEnd(t, folder+"/om.db", first[0].ID)
}

// A journal that is read again from its beginning tells nothing again, however many runs it has.
func TestJournalReadAgain(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\nlog = none\nschedule = */10 * * * * *\nnotify_webhook = https://x.example.com/\nnotify_on = failed\nrenotify = 1s\n")
	v.fails["task#0"] = 9
	v.tickAt()
	wantOnce(t, v.ends(line, 60, "s"), 60)
	before, _ := v.notices()
	all, err := filepath.Glob(v.journals() + "/*")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := unix.Removexattr(all[0], "user.om.folded"); err != nil {
		t.Skip("no extended attributes: each tick reads all")
	}
	line.goTo(line.now.Add(time.Second))
	r := v.tickAt()
	if different, n := v.notices(); len(r.Ended) > 1 || different != n || n > before+1 {
		t.Errorf("told %d ends and %d events, before %d", len(r.Ended), n, before)
	}
}

// Who has an active service without a record is told so, with the command that makes it; while its filesystem is elsewhere,
// and where no task would be started here, nothing is wrong.
func TestNoOwnRecord(t *testing.T) {
	gone := filepath.Join(inMemory(t), "gone")
	for _, c := range []struct {
		name, text string
		told       bool
	}{
		{"active", everyMinute, true},
		{"two tasks", everyMinute + "[task#1]\ncommand = true\nlog = none\nschedule = cron:* * * * *\n", true},
		{"active by a check", "[app#0]\ncheck = true\n" + everyMinute, true},
		{"elsewhere", "[fs#0]\ntype = tmpfs\nmnt = " + gone + "\ndev = none\n" + everyMinute, false},
		{"inactive", "[app#0]\ncheck = false\n" + everyMinute, false},
		{"disabled", "[task#0]\ncommand = true\nschedule = cron:* * * * *\ndisable = true\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVirtual(t, map[string]string{"s": "[DEFAULT]\nstate = " + gone + "/om.db\ncwd = /\n" + c.text})
			line := &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
			v.Now, v.after = func() time.Time { return line.now }, line.after
			if _, err := v.Tick(t.Context(), v.options()); err != nil {
				t.Fatal(err)
			}
			line.goTo(line.now.Add(time.Minute))
			r, err := v.Tick(t.Context(), v.options())
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 1}[c.told]; len(r.Problems) != want || want > 0 && !strings.Contains(r.Problems[0], "om s state init") {
				t.Errorf("problems: %q", r.Problems)
			}
			if !c.told {
				return
			}
			all, err := v.Schedules(t.Context(), "s", Selection{})
			if err != nil || len(all) == 0 || !strings.Contains(all[0].Why, "om s state init") {
				t.Errorf("%+v, %v", all, err)
			}
			found, err := v.DoctorService(t.Context(), "s")
			if err != nil || len(found) == 0 || found[len(found)-1].Fix != "om s state init" {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}

// A slot that could not be entered in the service's own record is looked at again in a moment, not when the next one comes.
func TestOwnRecordThatFails(t *testing.T) {
	v, line, folder := withOwnRecord(t, strings.ReplaceAll(everyMinute, "cron:* * * * *", "cron:0 * * * *"))
	line.goTo(line.now.Add(time.Hour))
	in(t, folder, "CREATE TRIGGER full BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT,'full');END")
	if _, err := v.Tick(t.Context(), v.options()); err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatalf("a tick that can't enter what it decides: %v", err)
	}
	in(t, folder, "DROP TRIGGER full")
	line.goTo(line.now.Add(5 * time.Second))
	if r := v.tickAt(); len(r.Started) != 1 {
		t.Errorf("started %+v, decided %+v", r.Started, v.ownSlots())
	}
}

// A run of a service with its own record for which there is no supervisor is started as soon as there is one.
func TestOwnRecordWithoutSupervisor(t *testing.T) {
	v, line, _ := withOwnRecord(t, strings.ReplaceAll(everyMinute, "cron:* * * * *", "cron:0 * * * *"))
	line.goTo(line.now.Add(time.Hour))
	o := v.options()
	o.Detach = func(string) (*Hands, error) { return nil, errors.New("none") }
	if r, err := v.Tick(t.Context(), o); err != nil || len(r.Started) > 0 || len(r.Problems) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	line.goTo(line.now.Add(5 * time.Second))
	if r := v.tickAt(); len(r.Started) != 1 {
		t.Errorf("started %+v, decided %+v", r.Started, v.ownSlots())
	}
}
