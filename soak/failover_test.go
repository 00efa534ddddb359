package soak_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFailover moves services with their disk between two nodes, at moments of chance: the one that has them lets them go as
// docs/failover.md says, or dies in the middle of its runs, with or without what it had not synced. On both om is at work
// all the time, and is killed. Each start is on the node that has the service, no slot runs twice, and each is accounted for.
func TestFailover(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	limit := 10 * time.Second
	if *minutes > 0 {
		limit = time.Duration(*minutes * float64(time.Minute))
	}
	p.daemon() // to build it takes its time
	until := time.Now().Add(limit).Truncate(time.Second)
	p.services(until)
	typical := p.found()
	for _, x := range p.peers {
		x.start()
	}
	p.rage(typical, until)
	for _, x := range p.peers {
		x.die()
	}
	p.recover(until)
	p.check()
}

// services are two that move: one has a resource that says where it is active, of the other the filesystem says it.
func (p *pair) services(until time.Time) {
	limit := "not_after = " + until.UTC().Format("2006-01-02T15:04:05Z") + "\n"
	section := func(rid, schedule, seconds string, code int, more string) string {
		return "[" + rid + "]\ncommand = " + p.probing(seconds, code) + "\nschedule = " + schedule + "\n" + limit + more + "\n"
	}
	tasks := section("task#0", "calendar:*:*:*", "0", 0, "log = none\n") +
		section("task#long", "calendar:*:*:0/3", "2.2", 0, "") +
		section("task#again", "calendar:*:*:0/3", "1.2", 0, "delivery = at-least-once\nlost_retry = 9\nidempotent = true\nretry_delay = 1s\n") +
		section("task#all", "calendar:*:*:0/2", "0.3", 0, "overlap = queue-all\nlog = none\nlock = tape\n") +
		section("task#grid", "calendar:*:*:0/2", "0", 0, "catchup = all\ncatchup_limit = 4\nlog = none\n") +
		section("task#fail", "calendar:*:*:0/5", "0", 1, "retries = 2\nretry_delay = 1s\nlog = none\n") +
		section("task#needs", "calendar:*:*:0/2", "0.8", 0, "run_requires = fs#0\nlog = none\nlock = reel\noverlap = queue-one\n")
	head := func(name, optional string) string {
		p.own[name] = filepath.Join(p.mnt(), name, "om.db")
		return fmt.Sprintf("[DEFAULT]\nnodes = n1 n2\nstate = %s\n[fs#0]\ntype = ext4\ndev = %s\nmnt = %s\n%s", p.own[name], p.disk, p.mnt(), optional)
	}
	p.write("etc/shop.conf", head("shop", "optional = true\n")+p.watched("app#active", "run/active", "")+tasks)
	p.write("etc/bare.conf", head("bare", "")+tasks)
}

// found makes the records of the services, and lets both nodes see them for the first time, at one instant.
func (p *pair) found() time.Duration {
	p.Helper()
	if err := p.mount(); err != nil {
		p.Skipf("mount: %v", err)
	}
	p.write("run/active", "")
	for _, name := range []string{"shop", "bare"} {
		if err := os.MkdirAll(filepath.Dir(p.own[name]), 0o700); err != nil {
			p.Fatal(err)
		}
		p.om(name, "state", "init")
	}
	p.setNow(time.Now().Truncate(time.Second))
	begin := time.Now()
	p.as(1, func() { p.om("tick", "-q") })
	p.as(0, func() { p.om("tick", "-q") })
	typical := time.Since(begin) / 2
	p.note()
	p.watch()
	if err := unix.Unmount(p.mnt(), 0); err != nil {
		p.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.dir, "run", "active")); err != nil {
		p.Fatal(err)
	}
	p.setClock(setting{})
	return typical
}

// as does f as one of the nodes, by the test itself.
func (p *pair) as(i int, f func()) {
	state, node, others := p.state, p.node, p.others
	p.state, p.node, p.others = p.peers[i].state, p.peers[i].name, nil
	f()
	p.state, p.node, p.others = state, node, others
}

// rage has om at work on both nodes, in two places each, while the services move, until the last slot is due.
func (p *pair) rage(typical time.Duration, until time.Time) {
	over := make(chan struct{})
	var wg sync.WaitGroup
	for i := range uint64(4) {
		wg.Go(func() {
			n := &nemesis{world: p.world, Rand: p.random(i), typical: typical}
			p.peers[i/2].work(n, over)
		})
	}
	c := &cluster{pair: p, n: &nemesis{world: p.world, Rand: p.random(4), typical: typical}}
	c.move(until)
	close(over)
	wg.Wait()
}

// work lets om work on a node, and kills it now and then.
func (x *peer) work(n *nemesis, over <-chan struct{}) {
	for n.wait(over, n.moment(3)) && !x.Failed() {
		switch i := n.IntN(100); {
		case i < 60:
			n.did("tick")
			if x.om("tick", "-q") < 0 {
				n.wait(over, 20*time.Millisecond) // it is down, or the tick was killed with it
			}
		case i < 80:
			x.killTick(n)
		case i < 90:
			x.killSupervisor(n)
		case i < 93:
			x.slowTick(n)
		default:
			x.keepDaemon(n, over)
		}
	}
}

func (x *peer) killTick(n *nemesis) {
	if p := x.begin("om", "tick", "-q"); p != nil {
		pause(n.moment(1.3))
		x.kill("kill-tick", p)
	}
}

// slowTick is a tick of the node whose disk takes its time to sync.
func (x *peer) slowTick(n *nemesis) {
	p := x.process("gated", "om", "tick", "-q")
	launched := errDown
	g, err := x.startGated(p.Cmd, func() error { launched = x.launch(p); return launched }, n.slowDisk())
	if launched != nil {
		return
	}
	if err != nil { // or the node died at once
		n.noGate(err)
		x.end(p)
		return
	}
	n.during("slow", "", func() {}, func() { n.maybeKill(p.Process) }, func() { x.end(p) })
	n.gates.Go(g.wait)
}

func (x *peer) kill(what string, p *process) {
	if p.Process.Kill() == nil {
		x.did(what)
	}
	x.end(p)
}

// killSupervisor kills a supervisor of the node. In the record it has the number that it has there.
func (x *peer) killSupervisor(n *nemesis) {
	pids := x.supervisors()
	if len(pids) == 0 {
		return
	}
	pid := pids[n.IntN(len(pids))]
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.boot == nil {
		return
	}
	x.bury(holderName(x.boot.id, pidInside(pid)))
	if syscall.Kill(pid, syscall.SIGKILL) == nil {
		x.did("kill-supervisor")
	}
}

// keepDaemon lets a daemon go on for some time, and kills it or asks it to end.
func (x *peer) keepDaemon(n *nemesis, over <-chan struct{}) {
	p := x.begin("omd", "--log-format", "text", "--log-level", "error")
	if p == nil {
		return
	}
	x.did("daemon")
	select {
	case <-p.ended: // its node died
	case <-over:
	case <-time.After(n.between(0, 4*time.Second)):
	}
	if n.IntN(3) == 0 {
		_ = p.Process.Signal(syscall.SIGTERM)
		pause(n.moment(20))
	}
	x.kill("kill-daemon", p)
}

// cluster moves the services, as a cluster manager does: never are they on both nodes.
type cluster struct {
	*pair

	n     *nemesis
	owner *peer
	here  place     // where they are now; without an end
	left  place     // where they were before
	full  time.Time // since when the disk is full; zero where it is not
}

// move moves the services until the last slot is due, and takes them away from both nodes then.
func (c *cluster) move(until time.Time) {
	c.owner = c.peers[c.n.IntN(2)]
	for c.take(); time.Now().Before(until) && !c.Failed(); c.take() {
		c.stay()
		c.leave()
		if c.n.IntN(3) > 0 { // nobody has them for a while
			pause(c.n.between(0, time.Second))
		}
		if c.n.IntN(4) > 0 {
			c.owner = c.peers[1-slices.Index(c.peers[:], c.owner)]
		}
		c.reboot()
	}
	c.relieve()
	c.leave()
}

// stay is the time that the services have on a node. Now and then the disk is full from then on, or not any more.
func (c *cluster) stay() {
	pause(c.n.between(200*time.Millisecond, c.n.long()))
	switch {
	case !c.full.IsZero():
		c.relieve()
	case c.n.IntN(3) == 0:
		c.did("full")
		c.full = time.Now()
		c.n.must(c.owner.inside(func() error { return fill(c.mnt()) }))
	}
	pause(c.n.between(0, time.Second))
}

// relieve makes place on the disk. What filled it may be lost, as the power was.
func (c *cluster) relieve() {
	if c.full.IsZero() {
		return
	}
	if err := c.owner.inside(func() error { return empty(c.mnt()) }); !errors.Is(err, fs.ErrNotExist) {
		c.n.must(err)
	}
	c.wasSo(span{what: "full", from: c.full, since: c.full, until: time.Now(), end: time.Now()})
	c.full = time.Time{}
}

// take mounts the disk on a node.
func (c *cluster) take() {
	c.did("take " + c.owner.name)
	c.here = place{node: c.owner.name, from: instantNow()}
	err := c.owner.inside(func() error {
		if err := c.mount(); err != nil {
			return fmt.Errorf("mount: %w", err)
		}
		pause(c.n.moment(4))
		return os.WriteFile(filepath.Join(c.dir, "run", "active"), nil, 0o600)
	})
	if err != nil {
		c.Errorf("node %s takes the services: %v", c.owner.name, err)
	}
	c.here.since = instantNow()
	c.away(c.left, c.here)
}

// away notes that nobody had the services between two places.
func (c *cluster) away(left, here place) {
	if left.node == "" {
		return
	}
	c.wasSo(span{what: "away", from: left.until.Time, since: left.end.Time, until: here.from.Time, end: here.since.Time})
}

// leave takes the services away from their node, in one of the ways in which that happens.
func (c *cluster) leave() {
	way := c.n.IntN(4)
	if way < 2 {
		c.relieve() // where no end can be recorded, no run is ended in order
	}
	c.here.until = instantNow()
	switch way {
	case 0, 1:
		c.handOver()
	case 2:
		c.owner.die()
	default:
		c.loseDisk()
	}
	c.free()
	c.here.end = instantNow()
	c.left = c.here
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places = append(c.places, c.here)
}

// handOver is in the order of docs/failover.md: nothing is started any more, what runs is ended, the disk is unmounted.
func (c *cluster) handOver() {
	c.did("leave " + c.owner.name)
	if err := c.owner.inside(func() error { return os.Remove(filepath.Join(c.dir, "run", "active")) }); err != nil {
		c.Error(err)
	}
	c.owner.om("shop", "kill", "--quiet")
	c.during("frozen", "bare", func() { c.owner.om("bare", "freeze") }, c.unmount, func() { c.owner.om("bare", "thaw") })
}

func (c *cluster) unmount() {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); pause(10 * time.Millisecond) {
		c.owner.om("bare", "kill", "--quiet")
		err := c.owner.inside(func() error { return unix.Unmount(c.mnt(), 0) })
		if err == nil {
			return
		}
		if !errors.Is(err, unix.EBUSY) {
			c.Errorf("unmount: %v", err)
			return
		}
		c.did("busy")
		c.owner.om("shop", "kill", "--quiet")
	}
	c.Error("after a minute there is something that keeps the disk busy")
}

// loseDisk is the death of a node by its power, or of the way to its disk and then of the node: what was not synced is lost.
func (c *cluster) loseDisk() {
	c.did("power " + c.owner.name)
	if err := c.owner.inside(c.cut); err != nil {
		c.Errorf("node %s loses its disk: %v", c.owner.name, err)
	}
	if c.n.IntN(2) == 0 {
		pause(c.n.between(0, time.Second))
	}
	c.owner.die()
}

// reboot starts the nodes that are down, of which the one that has nothing to do may stay so for a while; or it dies.
func (c *cluster) reboot() {
	for _, x := range c.peers {
		switch i := c.n.IntN(3); {
		case x.boot == nil && (x == c.owner || i == 0):
			x.start()
		case x.boot != nil && x != c.owner && i == 0:
			x.die()
		}
	}
}

// recover lets everything come to its end, on one node after the other, and leaves the disk mounted.
func (p *pair) recover(until time.Time) {
	p.Helper()
	for _, x := range p.peers { // as this host
		x.rose()
	}
	for i := range 3 {
		left := p.places[len(p.places)-1]
		here := place{node: p.peers[i%2].name, from: instantNow()}
		if err := p.mount(); err != nil {
			p.Fatalf("mount: %v", err)
		}
		p.write("run/active", "")
		here.since = instantNow()
		(&cluster{pair: p}).away(left, here)
		p.as(i%2, func() { p.heal(until) })
		here.until = instantNow()
		if i < 2 {
			if err := errors.Join(os.Remove(filepath.Join(p.dir, "run", "active")), unix.Unmount(p.mnt(), 0)); err != nil {
				p.Fatal(err)
			}
		}
		here.end = instantNow()
		p.places = append(p.places, here)
	}
}
