package engine

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"om/service"
	"om/state"
	"om/task"
)

// TestReplaceHoldsUpNothing: a run that is replaced takes its time to end. The loop decides about other tasks
// meanwhile, and starts what replaces it when it has ended.
func TestReplaceHoldsUpNothing(t *testing.T) {
	v := newVirtual(t, map[string]string{"s": `
[task#slow]
command = true
log = none
schedule = calendar:*:*:00
overlap = replace(term)
[task#each]
command = true
log = none
schedule = calendar:*:*:0/2
`})
	const stops = 4 * time.Second
	v.last["task#slow"] = time.Minute + stops
	synctest.Test(t, func(t *testing.T) {
		v.loopFor(t, 2*time.Minute+time.Second, time.Minute)
		time.Sleep(time.Hour)
	})
	starts := map[string]int{}
	for _, s := range v.starts {
		starts[s.task.RID]++
		late, most := s.at.Sub(s.slot), time.Second
		if s.task.RID == "task#slow" && starts["task#slow"] > 1 {
			late -= stops
		}
		if late < 0 || late > most {
			t.Errorf("slot %s of %s was started %s late", s.slot, s.task, late)
		}
	}
	if starts["task#slow"] < 2 || starts["task#each"] < 50 {
		t.Errorf("starts: %v", starts)
	}
}

// TestQueuedStartsAtOnce: what waits for the end of a run begins when that has ended.
func TestQueuedStartsAtOnce(t *testing.T) {
	v := newVirtual(t, map[string]string{"s": `
[task#own]
command = true
log = none
schedule = calendar:*:0/10
overlap = queue-one
[task#holder]
command = true
log = none
schedule = calendar:*:0/10
lock = tape
[task#other]
command = true
log = none
schedule = calendar:*:0/10:01
lock = tape
overlap = queue-one
`})
	v.last["task#own"], v.last["task#holder"] = 13*time.Minute, 3*time.Minute
	synctest.Test(t, func(t *testing.T) {
		v.loopFor(t, 29*time.Minute, time.Minute)
		time.Sleep(time.Hour)
	})
	ends := map[string]time.Duration{"task#other": 3*time.Minute - time.Second, "task#holder": 0}
	n := 0
	for _, s := range v.starts {
		want, known := ends[s.task.RID]
		if s.task.RID == "task#own" {
			want, known = time.Duration(n)*3*time.Minute, true
			n++
		}
		if late := s.at.Sub(s.slot) - want; !known || late < 0 || late > time.Second {
			t.Errorf("slot %s of %s was started %s late, wanted %s", s.slot, s.task, s.at.Sub(s.slot), want)
		}
	}
	if n < 2 {
		t.Errorf("%d starts of task#own", n)
	}
}

// TestStoppedSupervisorIsLeft: a loop gives nothing to a supervisor that was stopped, but to another.
func TestStoppedSupervisorIsLeft(t *testing.T) {
	v := newVirtual(t, nil)
	sleep := exec.Command("sleep", "600")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	pid := sleep.Process.Pid
	began, err := state.ProcessStart(pid)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := state.BootID()
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	had := &Hands{PID: pid, PIDStart: began, Close: func() error { closed = true; return nil }}
	s := &scheduler{Engine: v.Engine, options: v.options(), bootID: boot, report: &TickReport{}, crew: []*Hands{had}}
	if got, err := s.supervisor(); err != nil || got != had {
		t.Errorf("one that is well: another is taken, %v", err)
	}
	if err := sleep.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !task.Stopped(pid) {
		time.Sleep(time.Millisecond)
	}
	if got, err := s.supervisor(); err != nil || got == had || !closed {
		t.Errorf("one that is stopped: it is taken, %v", err)
	}
}

// TestRenewWaits: node.conf is not read again while a run is being ended, which reads the settings, and soon after.
func TestRenewWaits(t *testing.T) {
	renewed := 0
	l := &loop{Engine: &Engine{ConfigDir: t.TempDir()}, turns: 1, o: LoopOptions{Renew: func() (service.Node, error) {
		renewed++
		return service.Node{}, nil
	}}}
	end := make(chan struct{})
	l.endings.begin(task.Run{ID: "x"}, func() error { <-end; return nil })
	l.renew(&Turn{}, wakeAll)
	l.renew(&Turn{}, wakeDue)
	if renewed > 0 {
		t.Error("it was read while a run was being ended")
	}
	close(end)
	l.endings.wait(func() {})
	for range 2 {
		if l.renew(&Turn{}, wakeEnds); renewed != 1 {
			t.Errorf("it was read %d times", renewed)
		}
	}
}

// TestLoopSeesNewUsers: who is made while the daemon is at work can run tasks.
func TestLoopSeesNewUsers(t *testing.T) {
	v := newVirtual(t, map[string]string{"s": "[task#0]\ncommand = true\nuser = newcomer\nlog = none\nschedule = calendar:*:*:00\n"})
	passwd := filepath.Join(t.TempDir(), "passwd")
	v.Users = &task.Users{Passwd: passwd, Group: "/dev/null", Shadow: "/dev/null", Switch: "/dev/null"}
	write := func(text string) {
		if err := os.WriteFile(passwd, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	const root = "root:x:0:0::/root:/bin/sh\n"
	write(root)
	synctest.Test(t, func(t *testing.T) {
		go func() {
			time.Sleep(5*time.Minute + 30*time.Second)
			write(root + "newcomer:x:75000:75000::/:/bin/sh\n")
		}()
		v.loopFor(t, 10*time.Minute, time.Minute)
		time.Sleep(time.Hour)
	})
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runs, err := db.Runs(t.Context(), state.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	unknown := 0
	for _, run := range runs {
		if strings.Contains(run.Reason, "not found") {
			unknown++
		}
	}
	if unknown == 0 || unknown > 6 || len(runs) < 9 {
		t.Errorf("%d of %d runs did not know the user: %+v", unknown, len(runs), runs)
	}
}

// TestEndIsToldOnce: the end of a run that another process has recorded may still be read in the journal.
func TestEndIsToldOnce(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	var told []Turn
	l := &loop{Engine: v.Engine, open: map[string]bool{}, o: LoopOptions{
		TickOptions: v.options(), Told: func(r Turn, _ error) { told = append(told, r) },
	}}
	v.last["task#0"] = 20 * time.Second
	turn := func(wake int) {
		t.Helper()
		r := Turn{TickReport: TickReport{At: line.now}}
		err := l.turn(t.Context(), &r.TickReport, wake)
		if err != nil || len(r.Problems) > 0 {
			t.Fatalf("%v, %q", err, r.Problems)
		}
		l.tell(t.Context(), &r, nil, wake)
	}
	turn(wakeDue)
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := v.newest()
	end := task.Outcome{RunID: run.ID, State: task.Complete, StartedAt: run.StartedAt, EndedAt: run.StartedAt.Add(20 * time.Second)}
	if err := db.Settle(t.Context(), []task.Outcome{end}); err != nil {
		t.Fatal(err)
	}
	turn(wakeEnds) // looks, and finds it
	line.goTo(line.now.Add(25 * time.Second))
	turn(wakeEnds) // reads the journal
	n := 0
	for _, r := range told {
		n += len(r.Ended)
	}
	if len(told[0].Started) != 1 || len(told[1].Ended) != 1 || n != 1 {
		t.Errorf("%d starts, the end was told %d times: %+v", len(told[0].Started), n, told)
	}
}

// TestPulseIsOfTheLoop: it is the loop itself that says it is alive: one that hangs says no more.
func TestPulseIsOfTheLoop(t *testing.T) {
	v := newVirtual(t, nil)
	v.Now = time.Now
	ctx, end := context.WithCancel(t.Context())
	defer end()
	beats, turns := 0, 0
	var others atomic.Int32
	o := LoopOptions{TickOptions: v.options(), Pulse: time.Millisecond, Told: func(Turn, error) { turns++ }}
	o.Alive = func() {
		if !strings.Contains(string(debug.Stack()), "engine.(*Engine).Loop(") {
			others.Add(1)
			return
		}
		if beats++; beats == 50 {
			end()
		}
	}
	if err := v.Loop(ctx, o); err != nil {
		t.Fatal(err)
	}
	if n := others.Load(); n > 0 || turns > 5 {
		t.Errorf("others said %d times that the loop is alive; it made %d turns", n, turns)
	}
}
