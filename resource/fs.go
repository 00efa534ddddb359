package resource

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"om/task"
)

func fsLabel(r task.Resource) string {
	return brief(strings.TrimSpace(r.Keywords["type"] + " " + r.Keywords["dev"] + "@" + r.Keywords["mnt"]))
}

// lookFS looks in the mount table: up where dev is mounted on mnt with the type, down where nothing
// is, warn where something else is, or where the server of a mount gives an error. The mount point
// itself is only touched where the filesystem is remote, to see that its server answers.
func lookFS(_ context.Context, l *look) finding {
	mnt := l.Keywords["mnt"]
	if !filepath.IsAbs(mnt) {
		return unseen("mnt: %q: wanted an absolute path", mnt)
	}
	all, err := l.mounts()
	if err != nil {
		return unseen("%v", err)
	}
	l.begin("resolve %s", mnt)
	m, ok := all.at(resolved(all, mnt))
	if !ok || m.FSType == "autofs" { // which waits for the first use to mount something
		return is(task.Down)
	}
	l.begin("resolve %s", l.Keywords["dev"])
	if err := mismatch(all, m, l.Keywords["dev"], l.Keywords["type"]); err != nil {
		return is(task.Warn, warn("%v", err))
	}
	if !remote(m.FSType) {
		return is(task.Up)
	}
	l.begin("statfs %s", mnt)
	var st unix.Statfs_t
	if err := unix.Statfs(m.Mountpoint, &st); err != nil {
		return is(task.Warn, warn("statfs %s: %v", mnt, err))
	}
	return is(task.Up)
}

// resolved returns the path of the mount point, with no symbolic link in it. A path that the mount
// table knows is taken as it is: to resolve it would touch the filesystem there.
func resolved(all mounts, mnt string) string {
	mnt = filepath.Clean(mnt)
	if _, ok := all.at(mnt); ok {
		return mnt
	}
	target, err := filepath.EvalSymlinks(mnt)
	if err != nil {
		return mnt
	}
	return target
}

// mismatch says how m is not the filesystem that is wanted; nil if it is.
func mismatch(all mounts, m *mount, dev, kind string) error {
	why := ""
	same, err := holds(all, m, dev)
	switch {
	case same && sameType(m.FSType, kind):
		return nil
	case err != nil:
		why = fmt.Sprintf(" (%v)", err)
	}
	return fmt.Errorf("%s is mounted on %s, wanted %s%s", describe(shownBy(m), m.FSType), m.Mountpoint, describe(dev, kind), why)
}

// shownBy returns the source of m and, where it shows a folder of it, that: "/dev/sdb1[/data]".
func shownBy(m *mount) string {
	if m.Root == "/" {
		return m.Source
	}
	return m.Source + "[" + m.Root + "]"
}

func describe(dev, kind string) string {
	switch {
	case kind == "":
		return dev
	case dev == "":
		return "type " + kind
	}
	return dev + " of type " + kind
}

// sameType reports whether a mount of type have is what the keyword type asked mount(8) for.
func sameType(have, want string) bool {
	switch want {
	case "", "auto", "none", "bind", "rbind", have:
		return true
	case "nfs":
		return have == "nfs4"
	case "cifs":
		return have == "smb3"
	}
	return have == "fuse."+want
}

// remote reports whether a filesystem of this type needs somebody else's answer, who may be away.
func remote(kind string) bool {
	switch kind {
	case "nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "9p", "lustre", "gfs2", "ocfs2", "fuse", "fuseblk":
		return true
	}
	return strings.HasPrefix(kind, "fuse.")
}
