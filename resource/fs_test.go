package resource_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/resource"
	"om/task"
)

// expectFS probes a mount and wants a state, and each word in the log; no words: no log.
func expectFS(t *testing.T, mnt, dev, kind string, want task.Status, words ...string) {
	t.Helper()
	expect(t, resource.Prober{}, task.Resource{RID: "fs#0", Group: "fs", Keywords: map[string]string{"mnt": mnt, "dev": dev, "type": kind}}, want, words...)
}

func expect(t *testing.T, p resource.Prober, r task.Resource, want task.Status, words ...string) {
	t.Helper()
	o := one(t, p, r)
	log := strings.Join(o.Log, "\n")
	if o.Status != want || len(words) == 0 && log != "" {
		t.Errorf("%s: %s %q, want %s", o.Label, o.Status, log, want)
	}
	for _, word := range words {
		if !strings.Contains(log, word) {
			t.Errorf("%s: log %q, want %q in it", o.Label, log, word)
		}
	}
}

func TestFSMounted(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNS) {
		return
	}
	privateMounts(t)
	mnt := folder(t, filepath.Join(t.TempDir(), "a b")) // a blank is \040 in the mount table
	expectFS(t, mnt, "data", "tmpfs", task.Down)
	mount(t, "data", mnt, "tmpfs", 0, "")
	expectFS(t, mnt, "data", "tmpfs", task.Up)
	expectFS(t, mnt+"/", "data", "tmpfs", task.Up)
	expectFS(t, mnt, "", "", task.Up)
	expectFS(t, mnt, "data", "auto", task.Up)
	expectFS(t, mnt, "data", "ext4", task.Warn, "data of type tmpfs is mounted on "+mnt, "wanted data of type ext4")
	expectFS(t, mnt, "other", "tmpfs", task.Warn, "data of type tmpfs is mounted", "wanted other of type tmpfs")
	expectFS(t, mnt, "tank/data", "zfs", task.Warn, "wanted tank/data of type zfs")
	expectFS(t, mnt, "server:/export", "nfs", task.Warn, "wanted server:/export of type nfs")
	expectFS(t, filepath.Dir(mnt), "data", "tmpfs", task.Down)
	expectFS(t, folder(t, mnt+"/below"), "data", "tmpfs", task.Down)
	unmount(t, mnt)
	expectFS(t, mnt, "data", "tmpfs", task.Down)
}

// TestFSStacked: what is seen at a path counts, not what lies below it.
func TestFSStacked(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNS) {
		return
	}
	privateMounts(t)
	dir := t.TempDir()
	mnt := folder(t, dir+"/mnt")
	mount(t, "lower", mnt, "tmpfs", 0, "")
	mount(t, "upper", mnt, "tmpfs", 0, "")
	expectFS(t, mnt, "upper", "tmpfs", task.Up)
	expectFS(t, mnt, "lower", "tmpfs", task.Warn, "upper of type tmpfs is mounted")
	unmount(t, mnt)
	expectFS(t, mnt, "lower", "tmpfs", task.Up)
	mount(t, "cover", dir, "tmpfs", 0, "")
	expectFS(t, mnt, "lower", "tmpfs", task.Down)
	folder(t, mnt)
	expectFS(t, mnt, "lower", "tmpfs", task.Down)
	unmount(t, dir)
	expectFS(t, mnt, "lower", "tmpfs", task.Up)
}

func TestFSBind(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNS) {
		return
	}
	privateMounts(t)
	dir := t.TempDir()
	mount(t, "store", folder(t, dir+"/store"), "tmpfs", 0, "")
	from, other, mnt := folder(t, dir+"/store/from"), folder(t, dir+"/store/other"), folder(t, dir+"/mnt")
	link := dir + "/link"
	if err := os.Symlink(from, link); err != nil {
		t.Fatal(err)
	}
	expectFS(t, mnt, from, "none", task.Down)
	mount(t, from, mnt, "", unix.MS_BIND, "")
	expectFS(t, mnt, from, "none", task.Up)
	expectFS(t, mnt, from, "bind", task.Up)
	expectFS(t, mnt, link, "", task.Up)
	expectFS(t, mnt, from, "tmpfs", task.Up)
	expectFS(t, mnt, other, "none", task.Warn, "store[/from] of type tmpfs is mounted on "+mnt, "wanted "+other)
	expectFS(t, mnt, dir+"/store", "none", task.Warn, "store[/from] of type tmpfs is mounted")
	expectFS(t, mnt, dir+"/nowhere", "none", task.Warn, "no such file")
}

// TestFSSymlink: the mount point may be given through a link; the table has the real path.
func TestFSSymlink(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNS) {
		return
	}
	privateMounts(t)
	dir := t.TempDir()
	mnt := folder(t, dir+"/real/mnt")
	for link, to := range map[string]string{dir + "/up": "real", dir + "/direct": "real/mnt"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "data", mnt, "tmpfs", 0, "")
	expectFS(t, dir+"/up/mnt", "data", "tmpfs", task.Up)
	expectFS(t, dir+"/direct", "data", "tmpfs", task.Up)
}

// TestFSLoop mounts a real ext4: the device, the file behind it, a link to it and its UUID name it.
func TestFSLoop(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("loop devices are root's")
	}
	for _, tool := range []string{"mkfs.ext4", "losetup", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	if !inside(t, unix.CLONE_NEWNS) {
		return
	}
	privateMounts(t)
	dir := t.TempDir()
	const uuid = "0b5a3c1e-5f5e-4ad6-9a5e-0d3f00c0ffee"
	image, mnt := dir+"/image", folder(t, dir+"/mnt")
	output(t, "mkfs.ext4", "-q", "-U", uuid, "-L", "om data", image, "4M")
	loop, stranger := attach(t, image), attach(t, write(t, dir+"/stranger", strings.Repeat("x", 1<<20)))
	link := dir + "/disk"
	if err := os.Symlink(loop, link); err != nil {
		t.Fatal(err)
	}
	expectFS(t, mnt, loop, "ext4", task.Down)
	mount(t, loop, mnt, "ext4", 0, "")
	for _, dev := range []string{loop, image, link} {
		expectFS(t, mnt, dev, "ext4", task.Up)
	}
	expectFS(t, mnt, loop, "xfs", task.Warn, loop+" of type ext4 is mounted", "wanted "+loop+" of type xfs")
	expectFS(t, mnt, "/dev/null", "ext4", task.Warn, "wanted /dev/null")
	expectFS(t, mnt, stranger, "ext4", task.Warn, "wanted "+stranger)

	// What udev would keep, in a /dev of our own.
	node := deviceNumber(t, loop)
	mount(t, "dev", "/dev", "tmpfs", 0, "")
	for _, name := range []string{loop, "/dev/another-name"} {
		if err := unix.Mknod(name, unix.S_IFBLK|0o600, node); err != nil {
			t.Fatal(err)
		}
		expectFS(t, mnt, name, "ext4", task.Up)
	}
	for _, name := range []string{"/dev/disk/by-uuid/" + uuid, `/dev/disk/by-label/om\x20data`} {
		folder(t, filepath.Dir(name))
		if err := os.Symlink("../.."+strings.TrimPrefix(loop, "/dev"), name); err != nil {
			t.Fatal(err)
		}
	}
	const none = "ffffffff-0000-0000-0000-000000000000"
	expectFS(t, mnt, "UUID="+none, "ext4", task.Warn, "wanted UUID="+none, "/dev/disk/by-uuid/"+none)
	for _, dev := range []string{"UUID=" + uuid, "LABEL=om data", `LABEL="om data"`, "/dev/disk/by-uuid/" + uuid} {
		expectFS(t, mnt, dev, "ext4", task.Up)
	}
}

// until waits for a condition, ten seconds at most.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("it never came true")
		}
	}
}

// attach makes a loop device of a file.
func attach(t *testing.T, image string) string {
	t.Helper()
	loop := output(t, "losetup", "--find", "--show", image)
	t.Cleanup(func() { output(t, "losetup", "-d", loop) })
	return loop
}

func deviceNumber(t *testing.T, path string) int {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return int(st.Rdev)
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestFSHung mounts a filesystem whose server never answers: statfs is stuck in the kernel until the
// server goes away.
func TestFSHung(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNS) {
		return
	}
	privateMounts(t)
	server, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("/dev/fuse: %v", err)
	}
	mnt := folder(t, t.TempDir()+"/mnt")
	mount(t, "server:/export", mnt, "fuse.hang", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", server))
	r := task.Resource{RID: "fs#0", Group: "fs", Keywords: map[string]string{"mnt": mnt, "dev": "server:/export/", "type": "hang"}}
	p := resource.Prober{Deadline: 500 * time.Millisecond, Hung: new(resource.Hung)}
	begun := time.Now()
	expect(t, p, r, task.Undef, "warn: statfs "+mnt+": no answer within 500ms")
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the caller waited %v", took)
	}
	expect(t, p, r, task.Undef, "warn: an earlier look still hangs")
	if err := unix.Close(server); err != nil {
		t.Fatal(err)
	}
	// The stuck look comes back as soon as the kernel has seen that its server is gone.
	until(t, func() bool { return one(t, p, r).Status != task.Undef })
	expect(t, p, r, task.Warn, "warn: statfs "+mnt+": transport endpoint is not connected")
}

func TestFSKeywords(t *testing.T) {
	expectFS(t, "", "/dev/sdb1", "ext4", task.Undef, `warn: mnt: "": wanted an absolute path`)
	expectFS(t, "srv", "/dev/sdb1", "ext4", task.Undef, `warn: mnt: "srv": wanted an absolute path`)
	expectFS(t, "/proc", "proc", "proc", task.Up)
	expectFS(t, "/nowhere/at/all", "", "", task.Down)
	expectFS(t, "/nowhere/at/all", "x", "ext4", task.Down)
}

// TestFSAutomount: a mount point that waits for its first use holds nothing yet.
func TestFSAutomount(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNS) {
		return
	}
	privateMounts(t)
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		t.Fatal(err)
	}
	mnt := folder(t, t.TempDir()+"/mnt")
	options := fmt.Sprintf("fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", pipe[1], unix.Getpgrp())
	if err := unix.Mount("/etc/auto", mnt, "autofs", 0, options); err != nil {
		t.Skipf("autofs: %v", err)
	}
	t.Cleanup(func() { unmount(t, mnt) })
	expectFS(t, mnt, "server:/export", "nfs", task.Down)
}

// TestFSRoot: the root of this host is mounted, whatever it is.
func TestFSRoot(t *testing.T) { expectFS(t, "/", "", "", task.Up) }
