package soak_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"om/task"
)

// loopDevice is an ext4 in a file, as a device. Call it as root.
func loopDevice(image string, size int64) (string, error) {
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Close())
	}
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", image).CombinedOutput(); err != nil {
		return "", fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	out, err := exec.Command("losetup", "-f", "--show", image).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("losetup: %w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// unloop takes such a device and what is mounted of it away, at the end of the test.
func (w *world) unloop(disk, mnt string) {
	w.Cleanup(func() {
		w.end()
		w.quiet(time.Now().Add(5 * time.Second))
		_ = unix.Unmount(mnt, unix.MNT_DETACH)
		_ = exec.Command("losetup", "-d", disk).Run()
	})
}

// limit gives the record a disk of its own, where that can be done.
func (w *world) limit() {
	w.Helper()
	if os.Geteuid() != 0 {
		w.Log("no disk is filled: only root may mount")
		return
	}
	disk, err := loopDevice(filepath.Join(w.dir, "state.image"), 1<<30)
	if err != nil {
		w.Logf("no disk is filled: %v", err)
		return
	}
	w.unloop(disk, w.state)
	if err := errors.Join(os.MkdirAll(w.state, 0o700), unix.Mount(disk, w.state, "ext4", 0, "")); err != nil {
		w.Logf("no disk is filled: mount: %v", err)
		return
	}
	w.limited = true
}

// fill leaves nothing free on the filesystem of a folder.
func fill(folder string) error {
	f, err := os.Create(filepath.Join(folder, "filler"))
	if err != nil {
		return err
	}
	defer f.Close()
	at := int64(0)
	for size := int64(1 << 30); size > 0; {
		switch err := unix.Fallocate(int(f.Fd()), 0, at, size); {
		case err == nil:
			at += size
		case errors.Is(err, unix.ENOSPC):
			size /= 2
		case !errors.Is(err, unix.EINTR):
			return err
		}
	}
	return nil
}

// empty makes place again, and lets no loss of power take that back.
func empty(folder string) error {
	if err := os.Remove(filepath.Join(folder, "filler")); err != nil {
		return err
	}
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// fillDisk fills the disk with the record of the node.
func (n *nemesis) fillDisk(stay func()) {
	n.during("full", "", func() { n.must(fill(n.state)) }, stay, func() { n.must(empty(n.state)) })
}

func (n *nemesis) must(err error) {
	n.Helper()
	if err != nil {
		n.Error(err)
	}
}

// starved says that a run could not be started, as the disk was full; or may have been so.
func (h *history) starved(r task.Run) bool {
	if h.lenient {
		return true
	}
	for _, s := range h.spans {
		if s.what == "full" && s.concerns(r.Task) && !r.EndedAt.Before(h.shown(s.from)) && !r.EndedAt.After(h.shown(s.end).Add(h.slack())) {
			return true
		}
	}
	return false
}

// slowTick is a tick whose disk takes its time to sync, as that of its supervisor does; it may be killed meanwhile.
func (n *nemesis) slowTick() {
	c := n.process("gated", "om", "tick", "-q")
	g, err := n.startGated(c, c.Start, n.slowDisk())
	if err != nil {
		n.noGate(err)
		if c.Process != nil {
			_ = c.Wait()
		}
		n.tick()
		return
	}
	n.during("slow", "", func() {}, func() { n.maybeKill(c.Process) }, func() { _ = c.Wait() })
	n.listen(c)
	n.gates.Go(g.wait)
}

// noGate tells that there can be none.
func (n *nemesis) noGate(err error) {
	if !errors.Is(err, errNoGate) {
		n.Error(err)
	}
	n.did("no-gate")
}

// maybeKill kills a process after some time, or not.
func (n *nemesis) maybeKill(p *os.Process) {
	if n.IntN(2) == 0 {
		return
	}
	pause(n.between(0, n.long()))
	if p.Kill() == nil {
		n.did("kill-slow")
	}
}

// slowDisk delays each sync, some by long, for some time.
func (n *nemesis) slowDisk() func(*call) verdict {
	chance, over := rand.New(rand.NewPCG(n.Uint64(), 0)), time.Now().Add(n.long())
	return func(c *call) verdict {
		if c.name != "fsync" && c.name != "fdatasync" || time.Now().After(over) {
			return verdict{}
		}
		return verdict{delay: time.Duration(chance.Int64N(1 << (10 + chance.IntN(21))))} // up to a second
	}
}
