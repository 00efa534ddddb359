package soak_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/state"
)

// peer is a node of two: while it is up, namespaces of its own for mounts, network and processes, and a boot id of its own.
type peer struct {
	*pair

	name, state string
	mu          sync.RWMutex // to read it is to start something, to write it to boot or to die
	boot        *boot        // nil while it is down
	down        time.Time    // since when
}

// boot is the life of a node from one start to its death.
type boot struct {
	id     string
	init   *exec.Cmd
	alive  io.Closer  // init ends when it is closed, as when this process dies
	spaces []*os.File // its namespaces
}

// errDown says that a node is down.
var errDown = errors.New("the node is down")

// nodeRole makes this process the first one of a node. Arguments: the folder of the world, and that of the node.
func nodeRole(dir, own string) error {
	boot := filepath.Join(own, "boot")
	err := errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", 0, ""),
		unix.Mount("tmpfs", filepath.Join(dir, "run"), "tmpfs", 0, "mode=0700"),
		os.WriteFile(boot, []byte(state.NewID(time.Now())+"\n"), 0o600),
		unix.Mount(boot, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, ""),
	)
	if err != nil {
		return err
	}
	signal.Ignore(unix.SIGCHLD) // who has lost its parent is buried at once
	fmt.Println("up")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// start boots a node that is down.
func (x *peer) start() {
	x.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	exe, err := os.Executable()
	if err != nil {
		x.Error(err)
		return
	}
	own := filepath.Dir(x.state)
	b := &boot{init: exec.Command(exe, x.dir, own)}
	b.init.Args[0] = "node"
	b.init.Env = []string{"GORACE=atexit_sleep_ms=0"}
	b.init.Stderr = os.Stderr
	b.init.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID}
	var said io.Reader
	b.alive, said, err = startWithPipes(b.init)
	if err == nil {
		_, err = said.Read(make([]byte, 8)) // it is up
	}
	for _, kind := range []string{"mnt", "net", "pid"} {
		if err == nil {
			var f *os.File
			f, err = os.Open(fmt.Sprintf("/proc/%d/ns/%s", b.init.Process.Pid, kind))
			b.spaces = append(b.spaces, f)
		}
	}
	if err != nil {
		x.Errorf("node %s does not boot: %v", x.name, err)
		return
	}
	id, err := os.ReadFile(filepath.Join(own, "boot"))
	if err != nil {
		x.Error(err)
	}
	b.id = strings.TrimSpace(string(id))
	x.boot = b
	x.did("boot " + x.name)
	x.rose()
}

// rose notes for how long a node was down.
func (x *peer) rose() {
	now := time.Now()
	x.wasSo(span{what: "down", whom: x.name, from: x.down, since: x.down, until: now, end: now})
}

func startWithPipes(c *exec.Cmd) (in io.Closer, out io.Reader, err error) {
	in, err = c.StdinPipe()
	if err == nil {
		out, err = c.StdoutPipe()
	}
	if err == nil {
		err = c.Start()
	}
	return in, out, err
}

// die ends all processes of a node at once. The kernel lets the first one go when all others are dead.
func (x *peer) die() {
	x.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	b := x.boot
	if b == nil {
		return
	}
	x.did("kill-node " + x.name)
	x.down = time.Now()
	x.bury(b.id)
	_ = b.init.Process.Kill()
	_ = b.init.Wait()
	_ = b.alive.Close()
	for _, f := range b.spaces {
		_ = f.Close()
	}
	x.boot = nil
}

// inside calls f by a thread that is in the namespaces of the node. What f starts is a process of the node.
func (x *peer) inside(f func() error) (err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.boot == nil {
		return errDown
	}
	onThread(func() {
		err = unix.Unshare(unix.CLONE_FS)
		for _, space := range x.boot.spaces {
			err = errors.Join(err, unix.Setns(int(space.Fd()), 0))
		}
		if err == nil {
			err = f()
		}
	})
	return err
}

// onThread calls f by a thread that ends with it. The first thread of this process can't end, and is kept busy meanwhile.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			onThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}

// process is a process of a node, whose end is waited for from the beginning: a node dies when all of them were.
type process struct {
	*exec.Cmd

	ended chan struct{}
}

// begin starts om or omd on the node; nil where it is down.
func (x *peer) begin(name string, args ...string) *process {
	x.Helper()
	p := x.process(name, args...)
	if err := x.launch(p); err != nil {
		if !errors.Is(err, errDown) {
			x.Errorf("%s on %s: %v", name, x.name, err)
		}
		return nil
	}
	return p
}

// process is one that is to be launched.
func (x *peer) process(name string, args ...string) *process {
	x.Helper()
	p := &process{Cmd: x.world.process(name, args...), ended: make(chan struct{})}
	p.Env = append(p.Env, "OM_STATE_DIR="+x.state, "OM_NODENAME="+x.name)
	return p
}

func (x *peer) launch(p *process) error {
	if err := x.inside(p.Start); err != nil {
		return err
	}
	go func() {
		_ = p.Wait() // its state tells
		close(p.ended)
	}()
	return nil
}

// end waits for the end of a process, and keeps what it said.
func (x *peer) end(p *process) {
	<-p.ended
	x.listen(p.Cmd)
}

// om runs om on the node, and returns its exit code; -1 where it is down or was killed.
func (x *peer) om(args ...string) int {
	x.Helper()
	begin := time.Now()
	p := x.begin("om", args...)
	if p == nil {
		return -1
	}
	x.end(p)
	x.took(time.Since(begin))
	return p.ProcessState.ExitCode()
}

// supervisors are those of the node that are alive. What one of them has forked is none, and no command yet.
func (x *peer) supervisors() (pids []int) {
	is := func(pid int) bool { return strings.Contains(cmdline(pid), "__supervise "+x.state) }
	return slices.DeleteFunc(x.processes(), func(pid int) bool {
		_, parent := processOf(pid)
		return is(parent) || !is(pid)
	})
}

// pair is two nodes with one disk that only one may mount: with it services move, and their records.
type pair struct {
	*world

	disk  string // its device
	peers [2]*peer
}

// newPair makes two nodes, which are down, and a disk.
func newPair(t *testing.T) *pair {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount")
	}
	w := newWorld(t)
	p := &pair{world: w}
	w.powerless, w.dead, w.clock = true, map[string]bool{}, "clock"
	for _, name := range []string{"mnt", "run", "n1", "n2"} {
		if err := os.MkdirAll(filepath.Join(w.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"n1", "n2"} {
		p.peers[i] = &peer{pair: p, name: name, state: filepath.Join(w.dir, name, "state")}
		if err := os.Symlink("../clock", filepath.Join(w.dir, name, "clock")); err != nil { // supervisors look there
			t.Fatal(err)
		}
	}
	w.state = p.peers[0].state
	w.others = map[string]string{filepath.Join(p.peers[1].state, "om.db"): "n2"}
	var err error
	if p.disk, err = loopDevice(filepath.Join(w.dir, "image"), 48<<20); err != nil {
		t.Skip(err)
	}
	w.unloop(p.disk, p.mnt())
	t.Cleanup(func() {
		for _, x := range p.peers {
			x.die()
		}
	})
	return p
}

// mnt is where the disk is mounted.
func (p *pair) mnt() string { return filepath.Join(p.dir, "mnt") }

// bury notes that all runs of a boot died with it.
func (p *pair) bury(boot string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead[boot] = true
}

// free waits until no node has the disk: the kernel takes a mount away a moment after its namespace.
func (p *pair) free() {
	p.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); pause(time.Millisecond) {
		f, err := os.OpenFile(p.disk, os.O_RDONLY|unix.O_EXCL, 0)
		if err == nil {
			_ = f.Close()
			return
		}
	}
	p.Errorf("%s is mounted still", p.disk)
}

// mount mounts the disk; it is called inside of a node.
func (p *pair) mount() error { return unix.Mount(p.disk, p.mnt(), "ext4", 0, "") }

// cut lets the power of the disk go: what was not synced is lost, and whoever has it mounted gets errors from then on.
func (p *pair) cut() error {
	f, err := os.Open(p.mnt())
	if err != nil {
		return err
	}
	defer f.Close()
	const shutdown, noFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	return unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noFlush)
}

// holderName is how a holder of runs in the life of a node is known.
func holderName(boot string, pid int) string { return fmt.Sprintf("%s %d", boot, pid) }

// pidInside is the number of a process in its own node.
func pidInside(pid int) (inside int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	if numbers := strings.Fields(line); len(numbers) > 0 {
		inside, _ = strconv.Atoi(numbers[len(numbers)-1])
	}
	return inside
}
