package resource

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// mount is one line of the mount table, mounts all of it, as the process sees it.
type (
	mount  = mountinfo.Info
	mounts []*mount
)

func readMounts() (mounts, error) {
	all, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("mount table: %w", err)
	}
	return all, nil
}

// at returns the mount whose mount point is path, if it is the one seen there: not hidden below a
// later mount on the path or on a folder above it.
func (all mounts) at(path string) (*mount, bool) {
	m, ok := all.holding(path)
	return m, ok && m.Mountpoint == path
}

// holding returns the mount that a clean absolute path lies in. It goes down the path as the kernel
// does, from a mount to the mount upon it, and touches no filesystem: one of them may hang.
func (all mounts) holding(path string) (*mount, bool) {
	m := all.top(nil, "/")
	for i := 1; i <= len(path); i++ {
		if i == len(path) || path[i] == '/' {
			m = all.top(m, path[:i])
		}
	}
	return m, m != nil
}

// top returns the uppermost mount upon below at point, or below where there is none.
func (all mounts) top(below *mount, point string) *mount {
	for _, m := range all {
		if m.Mountpoint == point && all.upon(m, below) {
			return all.top(m, point)
		}
	}
	return below
}

// upon reports whether m is mounted upon below; upon nil are the mounts whose parent is not seen
// from here, as the root.
func (all mounts) upon(m, below *mount) bool {
	if below != nil {
		return m.Parent == below.ID && m != below
	}
	return !slices.ContainsFunc(all, func(p *mount) bool { return p.ID == m.Parent && p != m })
}

// inside returns what a mount shows of its filesystem when it shows path of m, as a bind mount does.
func inside(m *mount, file string) string {
	return path.Join(m.Root, strings.TrimPrefix(file, strings.TrimSuffix(m.Mountpoint, "/")))
}
