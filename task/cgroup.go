package task

import (
	"bytes"
	"errors"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// leafPrefix begins the name of the cgroup of a run.
const leafPrefix = "om-"

// leaf is the cgroup (v2) of one run: it knows every process of the run and ends them at once. The
// zero value is none.
type leaf struct {
	dir    string
	fd     int // of dir, to start processes in it
	killed bool
}

// cgroupBase finds the cgroup of this process, below which leaves may be made, "" for none. Where
// systemd runs the host only a cgroup that it has delegated is ours to divide.
func cgroupBase() string {
	root := unifiedRoot()
	if root == "" {
		return ""
	}
	var room [4096]byte
	base := cgroupOf(unix.Getpid(), root, room[:])
	if base == "" || unix.Access("/run/systemd/system", unix.F_OK) == nil && !delegated(base, root) {
		return ""
	}
	return base
}

// unifiedRoot is where the v2 hierarchy is mounted: alone, or beside v1.
func unifiedRoot() string {
	for _, dir := range [...]string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return dir
		}
	}
	return ""
}

// cgroupOf returns the directory of the v2 cgroup of a process, "" if it can't be seen from here.
func cgroupOf(pid int, root string, room []byte) string {
	for line := range bytes.Lines(readProc(pid, "cgroup", room)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "0::")
		if ok && !strings.Contains(name, "..") {
			return path.Join(root, name)
		}
	}
	return ""
}

// delegated reports whether systemd has left dir, or a cgroup above it, to its users.
func delegated(dir, root string) bool {
	for ; len(dir) > len(root); dir = path.Dir(dir) {
		for _, name := range [...]string{"user.delegate", "trusted.delegate"} {
			var value [2]byte
			if n, err := unix.Getxattr(dir, name, value[:]); err == nil && string(value[:n]) == "1" {
				return true
			}
		}
	}
	return false
}

// newLeaf makes the cgroup of a run below base; none if that is not allowed here.
func newLeaf(base, runID string) leaf {
	if base == "" || !validLeaf(runID) {
		return leaf{}
	}
	dir := base + "/" + leafPrefix + runID
	if err := unix.Mkdir(dir, 0o755); err != nil {
		return leaf{}
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		_ = unix.Rmdir(dir)
		return leaf{}
	}
	return leaf{dir: dir, fd: fd}
}

func validLeaf(runID string) bool { return runID != "" && !strings.Contains(runID, "/") }

// descriptor is what spawn takes.
func (l leaf) descriptor() int {
	if l.dir == "" || l.killed {
		return -1
	}
	return l.fd
}

// kill ends every process in the leaf at once (Linux 5.14). What is started in it afterwards the kernel
// may end too (seen with 6.18).
func (l *leaf) kill() {
	if l.dir != "" {
		l.killed = os.WriteFile(l.dir+"/cgroup.kill", []byte("1"), 0) == nil
	}
}

// renew replaces a leaf that was killed and is empty, so that the run can go on in one.
func (l *leaf) renew(base, runID string) {
	if l.killed && l.remove() {
		*l = newLeaf(base, runID)
	}
}

// pids lists the living processes in the leaf.
func (l leaf) pids() []int {
	if l.dir == "" {
		return nil
	}
	text, _ := readFile(l.dir+"/cgroup.procs", 1<<20)
	var pids []int
	for word := range bytes.FieldsSeq(text) {
		if pid, err := strconv.Atoi(string(word)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// remove takes the leaf away if no process is in it, and reports whether it is gone.
func (l *leaf) remove() bool {
	if l.dir == "" {
		return true
	}
	err := unix.Rmdir(l.dir)
	if errors.Is(err, unix.EBUSY) {
		removeBelow(l.dir)
		err = unix.Rmdir(l.dir)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return false
	}
	_ = unix.Close(l.fd)
	*l = leaf{}
	return true
}

// removeBelow takes away the empty cgroups that the command has made in its own.
func removeBelow(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeBelow(dir + "/" + e.Name())
			_ = unix.Rmdir(dir + "/" + e.Name())
		}
	}
}

// release moves what outlives the run into base, where this process is, and removes the leaf.
func (l *leaf) release(base string) {
	for range 5 {
		if l.remove() {
			return
		}
		for _, pid := range l.pids() {
			_ = os.WriteFile(base+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0)
		}
	}
	_ = unix.Close(l.fd)
	*l = leaf{}
}

// Sweep removes the cgroup of a run that nobody supervises any more, if it is empty. A process that has only just
// ended may be counted in it for a moment.
func Sweep(runID string) {
	t := outside(runID)
	if t.leaf.dir == "" {
		return
	}
	for range 5 {
		if !errors.Is(unix.Rmdir(t.leaf.dir), unix.EBUSY) {
			return
		}
		removeBelow(t.leaf.dir)
		<-time.After(2 * time.Millisecond)
	}
}
