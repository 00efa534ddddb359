package task

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lastPatience is how long a process that got SIGKILL has to be gone before it counts as stuck.
const lastPatience = 900 * time.Millisecond

// environRoom is the most that is read of the environment of a process.
const environRoom = 256 << 10

// tree is the processes of one run, wherever they went: those in its cgroup, those with its id in
// their environment, and all that descend from one of them.
type tree struct {
	runID string
	leaf  leaf
	// mains are the processes that the supervisor, this process, started for the run; each leads a
	// session. Orphans of the run are handed to it. Both are unknown to who ends a run from outside.
	mains []int
	since uint64         // in clock ticks since boot: what started before is none of the run's orphans
	known map[int]uint64 // pid and start of those found before: they stay ours when their parent dies
	// starting is set by members where a child of this process was between two programs.
	starting bool
}

// members lists the living processes of the run.
func (t *tree) members() []process {
	table := slices.DeleteFunc(processes(), func(p process) bool {
		return p.dead() || p.pid == 2 || p.ppid == 2 // kernel threads
	})
	in := make(map[int]bool)
	for _, pid := range t.leaf.pids() {
		in[pid] = true
	}
	t.mark(table, in)
	for found := true; found; {
		found = false
		for _, p := range table {
			if !in[p.pid] && in[p.ppid] {
				in[p.pid], found = true, true
			}
		}
	}
	delete(in, unix.Getpid())
	table = slices.DeleteFunc(table, func(p process) bool { return !in[p.pid] })
	t.remember(table)
	return table
}

// kin says what a process is to a run.
type kin uint8

const (
	stranger kin = iota
	ours
	orphan   // a child of this process that does not say whose it is
	starting // a child of this process that can't say yet
	other    // the command of another run in this process, or an orphan of it
)

// mark finds the processes that are the run's in their own right.
func (t *tree) mark(table []process, in map[int]bool) {
	room := make([]byte, environRoom)
	own, _ := readProcess(unix.Getpid())
	var orphans []int
	alone := t.mains != nil
	t.starting = false
	for _, p := range table {
		switch t.kin(p, own, room) {
		case ours:
			in[p.pid] = true
		case orphan:
			orphans = append(orphans, p.pid)
		case starting:
			alone, t.starting = false, true
		case other:
			alone = false
		}
	}
	// An orphan that has no run in its environment can be anybody's, unless nobody else runs here.
	for _, pid := range orphans {
		in[pid] = in[pid] || alone
	}
}

// kin tells what p is to the run; own is this process.
func (t *tree) kin(p, own process, room []byte) kin {
	if t.knows(p, own.pid) {
		return ours
	}
	id := runOf(p.pid, room)
	switch {
	case id != "" && id == t.runID:
		return ours
	case p.ppid != own.pid || p.session == own.session || id == detachedRun:
		return stranger
	case id != "":
		return other
	case p.environ == 0 || p.environ == own.environ:
		return starting
	case slices.Contains(t.mains, p.session):
		return ours
	case p.start < t.since: // it came to us when another supervisor ended
		return stranger
	}
	return orphan
}

// gone reports whether no process of the run is left, and none that may turn out to be one.
func (t *tree) gone() bool { return len(t.members()) == 0 && !t.starting }

// knows reports whether p is one of the run's commands, or was found before.
func (t *tree) knows(p process, self int) bool {
	start, found := t.known[p.pid]
	return found && start == p.start || p.ppid == self && slices.Contains(t.mains, p.pid)
}

func (t *tree) remember(members []process) {
	if t.known == nil {
		t.known = make(map[int]uint64, len(members))
	}
	for _, p := range members {
		t.known[p.pid] = p.start
	}
}

// signal sends sig to the whole tree. group, if not 0, is a process group of ours that is certain to
// exist: its members get the signal at once.
func (t *tree) signal(sig unix.Signal, group int) {
	if group > 0 {
		_ = unix.Kill(-group, sig)
	}
	for _, p := range t.members() {
		if group == 0 || p.group != group {
			_ = p.signal(sig)
		}
	}
}

// stop asks the tree to end; what is stopped must go on to hear it.
func (t *tree) stop(sig unix.Signal, group int) {
	t.signal(sig, group)
	t.signal(unix.SIGCONT, group)
}

// kill ends the tree.
func (t *tree) kill(group int) {
	t.leaf.kill()
	t.signal(unix.SIGKILL, group)
}

// Processes lists the living processes of a run, also where its supervisor is dead: those with its
// id in their environment, and all that descend from them.
func Processes(runID string) []int {
	t := outside(runID)
	var pids []int
	for _, p := range t.members() {
		pids = append(pids, p.pid)
	}
	return pids
}

// outside is the tree of a run that this process does not supervise.
func outside(runID string) tree {
	t := tree{runID: runID}
	base := cgroupBase()
	if base != "" && validLeaf(runID) {
		t.leaf = leaf{dir: base + "/" + leafPrefix + runID}
	}
	return t
}

// EndTree ends all processes of a run, whoever supervises it: signal and SIGCONT, and when wait is
// over SIGKILL. It returns when none is left; the error names those that even SIGKILL does not end,
// or is the cause of ctx.
func EndTree(ctx context.Context, runID string, signal int, wait time.Duration) error {
	t := outside(runID)
	t.findLeaf()
	defer func() { _ = unix.Rmdir(t.leaf.dir) }() // fails while a process is in it
	if len(t.members()) == 0 && !t.begins(ctx) {
		return nil
	}
	t.stop(unix.Signal(signal), 0)
	if gone, err := t.awaitEnd(ctx, wait, func() {}); gone || err != nil {
		return err
	}
	kill := func() { t.kill(0) }
	kill()
	if gone, err := t.awaitEnd(ctx, lastPatience, kill); gone || err != nil {
		return err
	}
	left := t.members()
	pids := make([]int, len(left))
	for i, p := range left {
		pids[i] = p.pid
	}
	return fmt.Errorf("run %s: SIGKILL does not end %v: %w", runID, pids, ErrTaken)
}

// begins looks a second time: a process that has only just started can't be told from others.
func (t *tree) begins(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
	return len(t.members()) > 0
}

// awaitEnd waits until no process of the run is left, at most for the given time, and calls again
// each time it has looked in vain.
func (t *tree) awaitEnd(ctx context.Context, most time.Duration, again func()) (gone bool, err error) {
	over := time.NewTimer(most)
	defer over.Stop()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if len(t.members()) == 0 {
			return true, nil
		}
		again()
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-over.C:
			return false, nil
		case <-time.After(pause):
		}
	}
}

// findLeaf looks up the cgroup that a supervisor elsewhere made for the run.
func (t *tree) findLeaf() {
	root, room := unifiedRoot(), make([]byte, 4096)
	if root == "" {
		return
	}
	for _, p := range t.members() {
		dir := cgroupOf(p.pid, root, room)
		if strings.HasSuffix(dir, "/"+leafPrefix+t.runID) {
			t.leaf.dir = dir
			return
		}
	}
}
