package resource

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// holds reports whether m shows the filesystem that dev names: the mount's source as it was given
// (server:/export, tank/data, tmpfs), a device by any of its names, the file behind a loop device,
// or the folder that a bind mount shows. The error says why a device could not be found.
func holds(all mounts, m *mount, dev string) (bool, error) {
	if dev == "" || trimSlash(m.Source) == trimSlash(dev) {
		return true, nil
	}
	path, ok := devicePath(dev)
	if !ok {
		return false, nil
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false, err
	}
	return isDevice(m, path) || backing(m) == path || binds(all, m, path), nil
}

func trimSlash(s string) string {
	if len(s) > 1 {
		return strings.TrimSuffix(s, "/")
	}
	return s
}

// devicePath returns the path that dev stands for: "/dev/sdb1" itself, and the link that udev keeps
// for "UUID=..." and its like. It reports false for what is no path, as "server:/export".
func devicePath(dev string) (string, bool) {
	tag, value, ok := strings.Cut(dev, "=")
	if filepath.IsAbs(dev) || !ok {
		return dev, filepath.IsAbs(dev)
	}
	value = strings.Trim(value, `"`)
	switch tag {
	case "UUID", "LABEL", "PARTUUID", "PARTLABEL", "ID":
		return "/dev/disk/by-" + strings.ToLower(tag) + "/" + udevName(value), true
	}
	return "", false
}

// udevName writes a label as udev does in the name of a link: what is neither a letter, a digit, one
// of #+-.:=@_ nor beyond ASCII is \xNN.
func udevName(label string) string {
	var b strings.Builder
	for _, r := range label {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if letter || r >= utf8.RuneSelf || strings.ContainsRune("#+-.:=@_", r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\x%02x`, r)
	}
	return b.String()
}

// isDevice reports whether path is the device that m's filesystem is on: by number, or, for the
// filesystems that have a number of their own (btrfs), by the name of its source.
func isDevice(m *mount, path string) bool {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return false
	}
	if st.Rdev == unix.Mkdev(uint32(m.Major), uint32(m.Minor)) {
		return true
	}
	if !filepath.IsAbs(m.Source) {
		return false
	}
	source, err := filepath.EvalSymlinks(m.Source)
	return err == nil && source == path
}

// backing returns the file behind the loop device that m is on, "" if it is on none.
func backing(m *mount) string {
	file, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/loop/backing_file", m.Major, m.Minor))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(file), "\n")
}

// binds reports whether m is a bind mount of path: the same folder of the same filesystem.
func binds(all mounts, m *mount, path string) bool {
	from, ok := all.holding(path)
	return ok && from.Major == m.Major && from.Minor == m.Minor && inside(from, path) == m.Root
}
