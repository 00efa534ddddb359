package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"om/task"
)

// mixed writes tasks of all kinds, that are due up to an instant.
func (w *world) mixed(until time.Time) {
	limit := "not_after = " + until.UTC().Format("2006-01-02T15:04:05Z") + "\nlog = none\n"
	section := func(rid, schedule, seconds string, code int, more string) string {
		return "[" + rid + "]\ncommand = " + w.probing(seconds, code) + "\nschedule = " + schedule + "\n" + limit + more + "\n"
	}
	w.write("etc/mix.conf",
		section("task#once", "calendar:*:*:*", "0", 0, "")+
			section("task#again", "calendar:*:*:0/2", "0.1", 0, "delivery = at-least-once\nlost_retry = 2\nidempotent = true\nretry_delay = 1s\n")+
			section("task#repeat", "calendar:*:*:0/15", "0.5", 0, "delivery = at-least-once\nlost_retry = 9\nidempotent = true\nretry_delay = 1s\n")+
			section("task#long", "calendar:*:*:*", "1.3", 0, "")+
			section("task#one", "calendar:*:*:*", "0.4", 0, "overlap = queue-one\n")+
			section("task#all", "calendar:*:*:0/2", "0.3", 0, "overlap = queue-all\n")+
			section("task#some", "calendar:*:*:0/2", "1.5", 0, "overlap = queue-all(2)\n")+
			section("task#replace", "calendar:*:*:0/4", "3", 0, "overlap = replace(kill)\n")+
			section("task#fail", "calendar:*:*:0/5", "0", 1, "retries = 2\nretry_delay = 1s\n")+
			section("task#allow", "calendar:*:*:0/2", "2", 0, "overlap = allow\n")+
			section("task#every", "every 3s", "0", 0, "catchup = all\ncatchup_limit = 4\n")+
			section("task#grid", "calendar:*:*:0/3", "0", 0, "catchup = all\ncatchup_limit = 4\n")+
			section("task#five", "calendar:*:*:0/2", "0", 0, "run_times = 5\n")+
			section("task#deadline", "calendar:*:*:0/2", "0.2", 0, "overlap = queue-all\ndeadline = 5s\n")+
			section("task#off", "calendar:*:*:*", "0", 0, "disable = true\n"))
	w.write("etc/locks.conf",
		section("task#a", "calendar:*:*:0/2", "0.2", 0, "lock = tape\noverlap = queue-all\n")+
			section("task#b", "calendar:*:*:0/2", "0.2", 0, "lock = tape\n")+
			section("task#c", "calendar:*:*:0/3", "0.3", 0, "lock = tape pool:2\noverlap = queue-one\n")+
			section("task#d", "calendar:*:*:*", "0.3", 0, "lock = pool:2\n")+
			section("task#e", "calendar:*:*:*", "0.3", 0, "lock = pool:2\n")+
			section("task#f", "calendar:*:*:0/2", "0.3", 0, "lock = pool:2\noverlap = queue-all\n"))
	w.write("etc/cold.conf", section("task#0", "calendar:*:*:*", "0", 0, ""))
	w.good = section("task#0", "calendar:*:*:0/2", "0", 0, "")
	w.write("etc/broken.conf", w.good)
	w.write("etc/edited.conf", section("task#0", "calendar:*:*:0/2", "0", 0, "")+section("task#still", "calendar:*:*:0/2", "0", 0, ""))
	w.moved[task.ID{Service: "edited", RID: "task#0"}] = true
}

// nemesis does harm until it has killed enough.
type nemesis struct {
	*world
	*rand.Rand

	typical time.Duration // how long a tick takes
}

func (n *nemesis) harm() {
	switch i := n.IntN(100); {
	case i < 52:
		n.killTick()
	case i < 66:
		n.killSupervisor()
	case i < 78:
		n.killLoop()
	case i < 81:
		n.crowd()
	case i < 83:
		n.edit()
	case i < 85:
		n.breakFile()
	case i < 87:
		n.freeze()
	case i < 88:
		n.stop()
	default:
		n.tick()
	}
}

// moment is a random part of what a tick takes, and beyond. A host that is busy does not make it long.
func (n *nemesis) moment(most float64) time.Duration {
	return time.Duration(n.Float64() * most * float64(min(n.typical, 40*time.Millisecond)))
}

// pause is for so long of real time.
func pause(d time.Duration) { <-time.After(d) }

// start starts a process; its end is to be waited for.
func (n *nemesis) start(name string, args ...string) *exec.Cmd {
	c := n.process(name, args...)
	if err := c.Start(); err != nil {
		n.Error(err)
	}
	return c
}

func (n *nemesis) killTick() {
	c := n.start("om", "tick", "-q")
	pause(n.moment(1.3))
	if c.Process.Kill() == nil {
		n.did("kill-tick")
	}
	_ = c.Wait()
	n.listen(c)
}

func (n *nemesis) killLoop() {
	c := n.start("loop")
	pause(n.moment(4))
	if c.Process.Kill() == nil {
		n.did("kill-daemon")
	}
	_ = c.Wait()
	n.listen(c)
}

func (n *nemesis) killSupervisor() {
	pids := n.supervisors()
	if len(pids) == 0 {
		n.killTick()
		return
	}
	pid := pids[n.IntN(len(pids))]
	n.mu.Lock()
	n.killed[pid] = true
	n.mu.Unlock()
	if syscall.Kill(pid, syscall.SIGKILL) == nil {
		n.did("kill-supervisor")
	}
}

// crowd is several ticks at once, of which one is killed.
func (n *nemesis) crowd() {
	n.did("crowd")
	all := make([]*exec.Cmd, 4)
	for i := range all {
		all[i] = n.start("om", "tick", "-q")
	}
	pause(n.moment(1.3))
	if all[n.IntN(len(all))].Process.Kill() == nil {
		n.did("kill-tick")
	}
	for _, c := range all {
		_ = c.Wait()
		n.listen(c)
	}
}

func (n *nemesis) tick() {
	n.did("tick")
	begin := time.Now()
	n.command("tick", "-q")
	n.typical = (3*n.typical + time.Since(begin)) / 4
}

// command runs om to an end of some kind.
func (n *nemesis) command(args ...string) {
	c := n.start("om", args...)
	_ = c.Wait()
	n.listen(c)
}

// edit changes the schedule of a task beside the others.
func (n *nemesis) edit() {
	n.did("edit")
	n.command("edited", "set", fmt.Sprintf("task#0.schedule=calendar:*:*:%d/%d", n.IntN(2), 2+n.IntN(3)))
}

// breakFile leaves a file that can't be read for a while.
func (n *nemesis) breakFile() {
	n.did("break")
	n.files.Lock()
	defer n.files.Unlock()
	n.write("etc/broken.conf", "[task#0\n")
	n.killTick()
	n.tick()
	n.write("etc/broken.conf", n.good)
}

func (n *nemesis) freeze() {
	n.did("freeze")
	n.command("cold", "freeze")
	n.killTick()
	n.tick()
	c := n.start("om", "cold", "thaw")
	if n.IntN(2) == 0 {
		pause(n.moment(1))
		if c.Process.Kill() == nil {
			n.did("kill-thaw")
		}
	}
	_ = c.Wait()
	n.command("cold", "thaw")
}

// stop stops a supervisor and a tick for a while.
func (n *nemesis) stop() {
	n.did("stop")
	c := n.start("om", "tick", "-q")
	pause(n.moment(1))
	_ = c.Process.Signal(syscall.SIGSTOP)
	pids := n.supervisors()
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	others := n.start("om", "tick", "-q")
	pause(time.Second + time.Duration(n.Float64()*float64(2*time.Second)))
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	_ = c.Process.Signal(syscall.SIGCONT)
	_, _ = c.Wait(), others.Wait()
	n.listen(c)
	n.listen(others)
}

// heal lets everything come to its end: the clock goes past the last slot, and on.
func (w *world) heal(until time.Time) {
	w.Helper()
	if left := time.Until(until); left > 0 {
		w.offset = left
	}
	for deadline := time.Now().Add(60 * time.Second); ; {
		w.offset += 31 * time.Second
		w.om("tick", "-q")
		w.quiet(deadline)
		w.om("tick", "-q")
		if w.settled() {
			return
		}
		if time.Now().After(deadline) {
			w.Error("after a minute there are slots that wait, or runs in progress")
			return
		}
	}
}

// quiet waits until no process of the world is left.
func (w *world) quiet(deadline time.Time) {
	for len(w.processes()) > 0 && time.Now().Before(deadline) {
		pause(20 * time.Millisecond)
	}
}

// settled says that nothing waits and nothing is in progress.
func (w *world) settled() bool {
	w.Helper()
	db := w.record()
	defer func() { _ = db.Close() }()
	running, err := db.Running(context.Background(), "", "")
	if err != nil {
		w.Fatal(err)
	}
	for _, c := range w.cursors() {
		pending, err := db.Pending(context.Background(), c.Task)
		if err != nil {
			w.Fatal(err)
		}
		if len(pending) > 0 || !c.Next.IsZero() && c.Next.Before(time.Now().Add(w.offset+time.Minute)) {
			return false
		}
	}
	journals, _ := filepath.Glob(filepath.Join(w.state, "journal", "*"))
	return len(running) == 0 && len(journals) == 0 && len(w.processes()) == 0
}

// TestKilled kills ticks, daemons and supervisors a thousand times (a slow host: at least 250) at random instants, while they run tasks of
// all kinds, and does more harm beside it.
func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kills, limit, patience := 1000, 25*time.Second, 3*time.Minute
	if *minutes > 0 {
		limit = time.Duration(*minutes * float64(time.Minute))
		kills, patience = 1<<30, limit
	}
	until := time.Now().Add(limit).Truncate(time.Second)
	w.mixed(until)
	begin := time.Now()
	w.om("tick", "-q")
	typical := time.Since(begin)
	w.note()
	var wg sync.WaitGroup
	for i := range uint64(2) {
		wg.Go(func() {
			n := &nemesis{world: w, Rand: w.random(i), typical: typical}
			for w.kills() < kills && time.Since(begin) < patience && !t.Failed() {
				n.harm()
			}
		})
	}
	wg.Wait()
	t.Logf("%d kills in %s; a tick takes %s", w.kills(), time.Since(begin).Round(time.Second), typical)
	if enough := kills / 4; w.kills() < enough && *minutes == 0 && !t.Failed() { // a slow host does not get to all
		t.Errorf("only %d kills in %s, wanted %d", w.kills(), patience, enough)
	}
	w.heal(until)
	w.check()
}
