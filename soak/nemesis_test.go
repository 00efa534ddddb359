package soak_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// nemesis does harm, by chance.
type nemesis struct {
	*world
	*rand.Rand

	typical time.Duration // how long a tick takes
}

// harm kills and stops, most of the time.
func (n *nemesis) harm() {
	switch i := n.IntN(100); {
	case i < 55:
		n.killTick()
	case i < 70:
		n.killSupervisor()
	case i < 80:
		n.killDaemon(n.moment(8))
	case i < 81:
		n.keepDaemon()
	case i < 84:
		n.crowd()
	case i < 85:
		n.stop()
	case i < 87:
		n.slowTick()
	default:
		n.tick()
	}
}

// moment is a random part of what a tick takes, and beyond. A host that is busy does not make it long.
func (n *nemesis) moment(most float64) time.Duration {
	return time.Duration(n.Float64() * most * float64(min(n.typical, 40*time.Millisecond)))
}

// between is a random time.
func (n *nemesis) between(least, most time.Duration) time.Duration {
	return least + time.Duration(n.Float64()*float64(most-least))
}

// long is how long something goes on: in the long version some of it does so longer than others wait for an
// answer, which is 30 s.
func (n *nemesis) long() time.Duration {
	if *minutes > 0 && n.IntN(8) == 0 {
		return n.between(31*time.Second, 45*time.Second)
	}
	return n.between(500*time.Millisecond, 2*time.Second)
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
	n.kill("kill-tick", c)
}

func (n *nemesis) kill(what string, c *exec.Cmd) {
	if c.Process.Kill() == nil {
		n.did(what)
	}
	_ = c.Wait()
	n.listen(c)
}

func (n *nemesis) startDaemon() *exec.Cmd {
	return n.start("omd", "--log-format", "text", "--log-level", "error")
}

func (n *nemesis) killDaemon(after time.Duration) {
	c := n.startDaemon()
	pause(after)
	n.kill("kill-daemon", c)
}

// keepDaemon lets a daemon go on for some time, which may be told things, be stopped, and be killed or asked to end.
func (n *nemesis) keepDaemon() {
	n.did("daemon")
	c := n.startDaemon()
	pause(n.between(0, n.long()))
	switch n.IntN(3) {
	case 0:
		_ = c.Process.Signal(syscall.SIGHUP)
	case 1:
		n.stopped([]int{c.Process.Pid}, func() { pause(n.long()) })
	}
	pause(n.moment(20))
	switch n.IntN(4) {
	case 0:
		_ = c.Process.Signal(syscall.SIGTERM)
	case 1:
		_ = c.Process.Signal(syscall.SIGUSR2) // it ends after the last run
		pause(n.between(0, n.long()))
	}
	pause(n.moment(8))
	n.kill("kill-daemon", c)
}

func (n *nemesis) killSupervisor() {
	pids := n.supervisors()
	if len(pids) == 0 {
		n.killTick()
		return
	}
	pid := pids[n.IntN(len(pids))]
	n.mu.Lock()
	n.killed[pid], n.diedAt[pid] = true, time.Now()
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
	begin := time.Now()
	c := n.start("om", args...)
	_ = c.Wait()
	n.took(time.Since(begin))
	n.listen(c)
}

// stop stops a tick and supervisors for a while.
func (n *nemesis) stop() {
	n.did("stop")
	c := n.start("om", "tick", "-q")
	pause(n.moment(1))
	n.stopped(append(n.supervisors(), c.Process.Pid), func() {
		others := n.start("om", "tick", "-q")
		pause(n.long())
		_ = others.Wait()
		n.listen(others)
	})
	_ = c.Wait()
	n.listen(c)
}

// stopped stops processes meanwhile.
func (n *nemesis) stopped(pids []int, meanwhile func()) {
	signal := func(s syscall.Signal) func() {
		return func() {
			for _, pid := range pids {
				_ = syscall.Kill(pid, s)
			}
		}
	}
	n.during("stopped", "", signal(syscall.SIGSTOP), meanwhile, signal(syscall.SIGCONT))
}

// doing is something that others do, undone when stay returns.
type doing func(stay func())

// changes are what people, files and resources do.
func (n *nemesis) changes() []doing {
	all := []doing{n.edit, n.breakFile, n.freeze, n.freezeNode, n.disable, n.disableService, n.closeGate, n.leave}
	if os.Geteuid() == 0 {
		all = append(all, n.unmount)
	}
	if n.limited {
		all = append(all, n.fillDisk)
	}
	return all
}

// weather does changes, one after the other, until over.
func (n *nemesis) weather(over <-chan struct{}, all []doing) {
	for {
		for _, i := range n.Perm(len(all)) {
			all[i](func() { n.wait(over, n.long()) })
			if !n.wait(over, n.between(200*time.Millisecond, time.Second)) {
				return
			}
		}
	}
}

// wait waits, unless it is over.
func (n *nemesis) wait(over <-chan struct{}, d time.Duration) bool {
	select {
	case <-over:
		return false
	case <-time.After(d):
		return true
	}
}

// edit changes the schedule of a task beside the others.
func (n *nemesis) edit(func()) {
	n.did("edit")
	n.command("edited", "set", fmt.Sprintf("task#0.schedule=calendar:*:*:%d/%d", n.IntN(2), 2+n.IntN(3)))
}

// breakFile leaves a file that can't be read.
func (n *nemesis) breakFile(stay func()) {
	n.during("broken", "broken", func() { n.write("etc/broken.conf", "[task#0\n") }, stay, func() { n.write("etc/broken.conf", n.good) })
}

func (n *nemesis) freeze(stay func()) {
	n.during("frozen", "cold", func() { n.command("cold", "freeze") }, stay, func() { n.thaw("cold", "thaw") })
}

func (n *nemesis) freezeNode(stay func()) {
	n.during("frozen", "", func() { n.command("freeze") }, stay, func() { n.thaw("thaw") })
}

// thaw thaws, perhaps by one who is killed on the way first.
func (n *nemesis) thaw(args ...string) {
	if n.IntN(2) == 0 {
		c := n.start("om", args...)
		pause(n.moment(1))
		n.kill("kill-thaw", c)
	}
	n.command(args...)
}

func (n *nemesis) disable(stay func()) {
	n.during("disabled", "off/task#0", func() { n.command("off", "disable", "--rid", "task#0") }, stay, func() { n.command("off", "enable", "--rid", "task#0") })
}

func (n *nemesis) disableService(stay func()) {
	n.during("disabled", "off", func() { n.command("off", "disable") }, stay, func() { n.command("off", "enable") })
}

// closeGate takes away what tasks require.
func (n *nemesis) closeGate(stay func()) { n.without("closed", "gated", "gate", stay) }

// leave takes away what makes a service active.
func (n *nemesis) leave(stay func()) { n.without("away", "active", "up", stay) }

func (n *nemesis) without(what, whom, name string, stay func()) {
	n.during(what, whom, func() { _ = os.Remove(filepath.Join(n.dir, name)) }, stay, func() { n.write(name, "") })
}

// unmount takes the filesystem away that has a service's record. What is open stays so.
func (n *nemesis) unmount(stay func()) {
	n.during("unmounted", "own", n.unmountOwn, stay, n.mountOwn)
}

func (n *nemesis) mountOwn() {
	if err := syscall.Mount(filepath.Join(n.dir, "volume"), filepath.Join(n.dir, "own"), "", syscall.MS_BIND, ""); err != nil {
		n.Errorf("mount: %v", err)
	}
}

func (n *nemesis) unmountOwn() {
	if err := syscall.Unmount(filepath.Join(n.dir, "own"), syscall.MNT_DETACH); err != nil {
		n.Errorf("unmount: %v", err)
	}
}

// rage does harm in several places at once until enough, with the weather around it.
func (w *world) rage(typical time.Duration, enough func() bool, harm func(*nemesis), changes func(*nemesis) []doing) {
	const places = 2
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		n := &nemesis{world: w, Rand: w.random(places), typical: typical}
		n.weather(over, changes(n))
	}()
	var wg sync.WaitGroup
	for i := range uint64(places) {
		wg.Go(func() {
			for n := (&nemesis{world: w, Rand: w.random(i), typical: typical}); !enough() && !w.Failed(); {
				harm(n)
			}
		})
	}
	wg.Wait()
	close(over)
	<-done
	w.gates.Wait()
}
