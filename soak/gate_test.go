package soak_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a system call that a process behind a gate is about to make.
type call struct {
	pid  int    // of the process
	who  string // program, supervisor or command
	name string // as strace tells it
	path string // the file it is about, or the program that is to be executed
	to   string // the new name

	self string // the program that om is
	tid  int
	args [6]uint64
}

// Who is behind a gate.
const (
	program    = "om" // as it was started
	supervisor = "supervisor"
	command    = "command"
)

func (c *call) String() string { return fmt.Sprintf("%s of %s: %s", c.name, c.who, c.path) }

// data is what a write is about to write.
func (c *call) data() ([]byte, error) { return c.memory(c.args[1], int(c.args[2])) }

// verdict is what becomes of a call: it is made, now or later, fails, or its process is dead before.
type verdict struct {
	errno unix.Errno
	kill  []int
	delay time.Duration
}

// gate is passed by each call of the processes that were started behind it, and of all that these start. It is
// made of seccomp's notifications, which unlike a tracer count the calls of a whole tree of processes as one
// sequence, need no program, and cost the other calls nothing.
type gate struct {
	testing.TB

	listener int
	pass     func(*call) verdict
	mu       sync.Mutex // of who
	who      map[int]string
	self     string // the program that all are, but commands
	first    int
	stop     [2]int
	stopped  chan struct{}
	late     sync.WaitGroup // calls that are made later
}

// errNoGate says that this host, or this user, can have no gates.
var errNoGate = errors.New("no gate")

// gated starts om, or the loop, behind a gate.
func (w *world) gated(pass func(*call) verdict, name string, args ...string) (*exec.Cmd, *gate) {
	w.Helper()
	c := w.process("gated", append([]string{name}, args...)...)
	g, err := w.startGated(c, c.Start, pass)
	if errors.Is(err, errNoGate) {
		if c.Process != nil {
			_ = c.Wait()
		}
		w.Skipf("%v: %s", err, c.Stderr)
	}
	if err != nil {
		w.Fatal(err)
	}
	return c, g
}

// startGated lets start start the process "gated", and opens the gate that it enters.
func (w *world) startGated(c *exec.Cmd, start func() error, pass func(*call) verdict) (*gate, error) {
	if !mayRead() {
		return nil, fmt.Errorf("%w: kernel.yama.ptrace_scope forbids to read the memory of processes", errNoGate)
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(ends[0])
	theirs := os.NewFile(uintptr(ends[1]), "gate")
	c.ExtraFiles = []*os.File{theirs}
	err = start()
	_ = theirs.Close()
	if err != nil {
		return nil, err
	}
	g := &gate{TB: w.T, pass: pass, who: map[int]string{c.Process.Pid: program}, self: c.Path, first: c.Process.Pid, stopped: make(chan struct{})}
	if g.listener, err = receiveFile(ends[0]); err != nil {
		return nil, fmt.Errorf("%w: seccomp that can notify is wanted: %w", errNoGate, err)
	}
	if err := unix.Pipe2(g.stop[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	go g.serve()
	return g, nil
}

// mayRead says whether the memory of orphans can be read, which some hosts keep for those with CAP_SYS_PTRACE.
func mayRead() bool {
	scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if err != nil || strings.HasPrefix(string(scope), "0") {
		return true
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, capabilities, _ := strings.Cut(string(status), "CapEff:\t")
	line, _, _ := strings.Cut(capabilities, "\n")
	mask, _ := strconv.ParseUint(line, 16, 64)
	return mask&(1<<unix.CAP_SYS_PTRACE) != 0
}

// close takes the gate away. A process that is behind it still can make none of its calls any more.
func (g *gate) close() {
	_ = unix.Close(g.stop[1])
	<-g.stopped
	g.late.Wait()
	_, _ = unix.Close(g.stop[0]), unix.Close(g.listener)
}

// wait waits until no process is behind the gate any more, and takes it away. The kernel tells that when the last was
// buried, which on some hosts nobody does.
func (g *gate) wait() {
	g.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for over := false; !over; {
		select {
		case <-g.stopped:
			over = true
		case <-time.After(200 * time.Millisecond):
			over = !g.anybody()
		}
		if time.Now().After(deadline) {
			g.Error("after five minutes there are processes still")
			break
		}
	}
	g.close()
	for g.anybody() && time.Now().Before(deadline) { // a process that dies leaves the gate before it is dead
		pause(time.Millisecond)
	}
}

// anybody says whether a process that passed the gate is there still.
func (g *gate) anybody() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(slices.Collect(maps.Keys(g.who)), dying)
}

// dying says that a process is not dead: a thread of it may still do something.
func dying(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return len(threads) > 1 || !strings.HasPrefix(state, "Z")
}

func receiveFile(socket int) (int, error) {
	text, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, text, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) == 0 {
		return -1, errors.Join(err, errors.New("no file came"))
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return files[0], nil
}

// enterGate makes this process, which was started by gated, om behind the gate.
func enterGate() error {
	runtime.LockOSThread()
	unix.CloseOnExec(3)
	listener, sent := make(chan int), make(chan error)
	go func() { // by another thread, as ours sends nothing before somebody listens
		runtime.LockOSThread()
		sent <- nil
		sent <- unix.Sendmsg(3, []byte{0}, unix.UnixRights(<-listener), nil, 0)
	}()
	<-sent
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fd, err := installFilter(filter())
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	listener <- fd
	if err := <-sent; err != nil {
		return err
	}
	return unix.Exec(self, os.Args[1:], os.Environ())
}

func installFilter(text []unix.SockFilter) (int, error) {
	if text == nil {
		return -1, errors.New("the calls of " + runtime.GOARCH + " are not known here")
	}
	program := unix.SockFprog{Len: uint16(len(text)), Filter: &text[0]}
	install := func() (int, unix.Errno) {
		const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
		return int(fd), errno
	}
	fd, errno := install()
	if errno == unix.EACCES { // who may not do that to others may do it to itself
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return -1, err
		}
		fd, errno = install()
	}
	if errno != 0 {
		return -1, errno
	}
	unix.CloseOnExec(fd)
	return fd, nil
}

// filter sends the known calls through the gate, and lets all others pass.
func filter() []unix.SockFilter {
	known := knownCalls()
	if len(known) == 0 {
		return nil
	}
	const load, equal, end = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	program := []unix.SockFilter{{Code: load, K: 0}} // the number of the call
	for nr := range known {
		program = append(program, unix.SockFilter{Code: equal, K: uint32(nr), Jf: 1}, unix.SockFilter{Code: end, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	return append(program, unix.SockFilter{Code: end, K: unix.SECCOMP_RET_ALLOW})
}

// notification and answer are struct seccomp_notif and seccomp_notif_resp of linux/seccomp.h.
type notification struct {
	id         uint64
	tid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type answer struct {
	id         uint64
	value      int64
	errno      int32
	answerFlag uint32
}

// serve lets one call after the other pass.
func (g *gate) serve() {
	defer close(g.stopped)
	known := knownCalls()
	for {
		ready := []unix.PollFd{{Fd: int32(g.listener), Events: unix.POLLIN}, {Fd: int32(g.stop[0])}}
		if _, err := unix.Poll(ready, -1); err != nil && !errors.Is(err, unix.EINTR) {
			g.Errorf("gate: %v", err)
			return
		}
		if ready[1].Revents != 0 || ready[0].Revents&unix.POLLHUP != 0 {
			return
		}
		var n notification
		if ready[0].Revents&unix.POLLIN == 0 || ioctl(g.listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)) != 0 {
			continue // it was killed meanwhile
		}
		v := g.judge(&n, known[int(n.nr)])
		for _, pid := range v.kill {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		a := answer{id: n.id, errno: -int32(v.errno)}
		if v.errno == 0 {
			a.answerFlag = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
		}
		if v.delay == 0 {
			g.send(&a)
			continue
		}
		g.late.Go(func() {
			pause(v.delay)
			g.send(&a)
		})
	}
}

// send answers. Who asked may be dead.
func (g *gate) send(a *answer) {
	_ = ioctl(g.listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(a))
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	return errno
}

// judge finds out who makes which call, and asks what becomes of it.
func (g *gate) judge(n *notification, k known) verdict {
	c := &call{self: g.self, tid: int(n.tid), name: k.name, args: n.args}
	var parent int
	if c.pid, parent = processOf(c.tid); c.pid == 0 {
		return verdict{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.who[c.pid] == "" {
		g.who[c.pid] = g.who[parent]
	}
	c.who = g.who[c.pid]
	var err error
	if c.path, err = c.file(k); err == nil && k.to > 0 {
		c.to, err = c.pathAt(k.toFolder(), k.to)
	}
	if errors.Is(err, unix.EPERM) {
		g.Errorf("gate: %v", err)
	}
	v := g.pass(c)
	if c.name == "execve" && v.errno == 0 && c.pid != g.first {
		g.who[c.pid] = command
		if c.path == g.self {
			g.who[c.pid] = supervisor
		}
	}
	return v
}

// file is the file that a call is about.
func (c *call) file(k known) (string, error) {
	if k.path < 0 {
		return os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.tid, int32(c.args[k.fd])))
	}
	return c.pathAt(k.fd, k.path)
}

// toFolder is the argument with the folder of the second path, -1 for calls that have none.
func (k known) toFolder() int {
	if k.fd < 0 {
		return -1
	}
	return k.to - 1
}

// pathAt is the path in an argument, in the folder of another; -1 for the one that the process is in.
func (c *call) pathAt(folder, path int) (string, error) {
	name, err := c.text(c.args[path])
	if err != nil || filepath.IsAbs(name) {
		return name, err
	}
	in := "cwd"
	if folder >= 0 && int32(c.args[folder]) != unix.AT_FDCWD {
		in = fmt.Sprintf("fd/%d", int32(c.args[folder]))
	}
	base, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", c.tid, in))
	return filepath.Join(base, name), err
}

// text reads up to a zero byte, and no page beyond: that may not be there.
func (c *call) text(at uint64) (string, error) {
	const page = 4096
	var text []byte
	for {
		some, err := c.memory(at, page-int(at%page))
		if err != nil {
			return "", err
		}
		before, _, found := bytes.Cut(some, []byte{0})
		if text = append(text, before...); found {
			return string(text), nil
		}
		at += uint64(len(some))
	}
}

// memory reads n bytes of the process that makes the call.
func (c *call) memory(at uint64, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	text := make([]byte, n)
	got, err := unix.ProcessVMReadv(c.tid, []unix.Iovec{{Base: &text[0], Len: uint64(n)}}, []unix.RemoteIovec{{Base: uintptr(at), Len: n}}, 0)
	if err != nil || got < n {
		return nil, fmt.Errorf("memory of process %d: %d of %d bytes: %w", c.tid, got, n, err)
	}
	return text, nil
}

// processOf is the process of a thread, and its parent.
func processOf(tid int) (pid, parent int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	for line := range strings.Lines(string(status)) {
		word, value, _ := strings.Cut(line, ":")
		switch word {
		case "Tgid":
			pid, _ = strconv.Atoi(strings.TrimSpace(value))
		case "PPid":
			parent, _ = strconv.Atoi(strings.TrimSpace(value))
			return pid, parent
		}
	}
	return 0, 0
}
