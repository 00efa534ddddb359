package task

import (
	"bytes"
	"errors"
	"os"
	"path"
	"slices"
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

// release moves what outlives the run into base, where this process is, and removes the leaf. It returns the folder of
// one that can't be removed yet.
func (l *leaf) release(base string) (left string) {
	for range 5 {
		if l.remove() {
			return ""
		}
		for _, pid := range l.pids() {
			_ = os.WriteFile(base+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0)
		}
	}
	left = l.dir
	_ = unix.Close(l.fd)
	*l = leaf{}
	return left
}

// A process that has been waited for may be counted in its cgroup for a moment still: the kernel takes it out when
// it has left its processor (Linux 6.18). So long is the patience with cgroups that are to be removed.
const (
	sweepFirst = time.Millisecond // doubled each time
	sweepFor   = 500 * time.Millisecond
)

// removed takes an empty cgroup away, and reports whether it is gone.
func removed(dir string) bool {
	if errors.Is(unix.Rmdir(dir), unix.EBUSY) {
		removeBelow(dir)
		return !errors.Is(unix.Rmdir(dir), unix.EBUSY)
	}
	return true
}

// emptied is the cgroups of runs that are over, which could not be removed yet.
type emptied struct {
	dirs  []string
	pause time.Duration
	again instant // when to try, 0 for nothing to do
	until instant // and how long: something is in them that nobody can move
}

// add takes a cgroup that is left.
func (e *emptied) add(dir string) {
	if dir == "" {
		return
	}
	now := monotonic()
	e.dirs, e.until = append(e.dirs, dir), now.after(sweepFor)
	e.pause = sweepFirst
	if e.again == 0 {
		e.again = now.after(e.pause)
	}
}

// sweep removes what can be removed.
func (e *emptied) sweep(now instant) {
	e.dirs = slices.DeleteFunc(e.dirs, removed)
	e.pause *= 2
	e.again = now.after(e.pause)
	if len(e.dirs) == 0 || e.until.due(now) {
		*e = emptied{}
	}
}

// sweepOld removes the cgroups of runs whose supervisor was killed before it could. One of a run that goes on has
// processes, and one that is about to begin is young; else that run goes on without.
func sweepOld(base string, now time.Time) {
	if base == "" {
		return
	}
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && strings.HasPrefix(e.Name(), leafPrefix) && now.Sub(info.ModTime()) > time.Minute {
			removed(path.Join(base, e.Name()))
		}
	}
}

// Sweep removes the cgroup of a run that nobody supervises any more, if it is empty.
func Sweep(runID string) {
	t := outside(runID)
	if t.leaf.dir == "" {
		return
	}
	for pause := sweepFirst; !removed(t.leaf.dir) && pause < sweepFor/4; pause *= 2 {
		<-time.After(pause)
	}
}
