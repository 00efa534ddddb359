package soak_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// change is what a call tells a disk to do.
type change struct {
	what     string // create, mkdir, rename, unlink, write, truncate, sync
	path, to string
	at       int64 // in the file, or its new length
	data     []byte
}

// changeOf reads a call as a change; one without a word is none. Attributes of files are left out: om keeps nothing
// in them that it could not do without.
func changeOf(c *call) (change, error) {
	x := change{path: c.path, to: c.to}
	switch c.name {
	case "open", "openat":
		return opening(c)
	case "write", "pwrite64":
		return writing(c)
	case "ftruncate":
		x.what, x.at = "truncate", int64(c.args[1])
	case "fsync", "fdatasync":
		x.what = "sync"
	case "rename", "renameat", "renameat2":
		x.what = "rename"
	case "unlink", "unlinkat", "rmdir":
		x.what = "unlink"
	case "mkdir", "mkdirat":
		x.what = "mkdir"
	case "execve", "sendmsg", "fsetxattr":
	default:
		return x, fmt.Errorf("%v: what it does to a disk is not known here", c)
	}
	return x, nil
}

func opening(c *call) (change, error) {
	flags := c.args[1]
	if c.name == "openat" {
		flags = c.args[2]
	}
	x := change{path: c.path}
	if _, err := os.Lstat(c.path); err != nil {
		if flags&unix.O_CREAT != 0 {
			x.what = "create"
		}
	} else if flags&unix.O_TRUNC != 0 {
		x.what = "truncate"
	}
	return x, nil
}

func writing(c *call) (x change, err error) {
	x = change{what: "write", path: c.path, at: int64(c.args[3])}
	if c.name == "write" {
		if x.at, err = position(c); err != nil {
			return x, err
		}
	}
	x.data, err = c.data()
	return x, err
}

// position is where a descriptor writes next.
func position(c *call) (at int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", c.tid, int32(c.args[0])))
	if err != nil {
		return 0, err
	}
	var flags uint64
	if _, err = fmt.Sscanf(string(text), "pos:\t%d\nflags:\t%o\n", &at, &flags); err != nil || flags&unix.O_APPEND == 0 {
		return at, err
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d/fd/%d", c.tid, int32(c.args[0])))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// node is a file or a folder on a disk: what lasts of it, and what it was told since its last barrier.
type node struct {
	folder  bool
	lasts   []byte
	pending []change
}

// naming is a change of a folder, and what it is about.
type naming struct {
	change
	*node
}

// disk is a filesystem that promises as little as it may: what is written lasts once the file was synced, and before
// in any part; a name lasts once its folder was, and before in the order of that folder's changes.
type disk struct {
	names   map[string]*node // as processes see them
	lasting map[string]*node
	pending map[string][]naming // by folder
}

// newDisk has a folder with files, which last.
func newDisk(root string, files map[string][]byte) *disk {
	d := &disk{names: map[string]*node{root: {folder: true}}, pending: map[string][]naming{}}
	for path, text := range files {
		d.names[path] = &node{lasts: text}
	}
	d.lasting = maps.Clone(d.names)
	return d
}

// do makes a change, which need not last.
func (d *disk) do(x change) error {
	n := d.names[x.path]
	switch {
	case x.what == "create" || x.what == "mkdir":
		if n == nil {
			d.rename(naming{x, &node{folder: x.what == "mkdir"}})
		}
	case n == nil && (x.what == "" || x.what == "unlink" || strings.HasSuffix(x.path, " (deleted)")):
	case n == nil:
		return fmt.Errorf("%s of %s, which is not there", x.what, x.path)
	case x.what == "rename" || x.what == "unlink":
		d.rename(naming{x, n})
	case x.what == "sync" && n.folder:
		for _, name := range d.pending[x.path] {
			name.do(d.lasting)
		}
		delete(d.pending, x.path)
	case x.what == "sync":
		n.lasts, n.pending = written(n.lasts, n.pending, nil), nil
	case x.what != "":
		n.pending = append(n.pending, x)
	}
	return nil
}

func (d *disk) rename(x naming) {
	x.do(d.names)
	folder := filepath.Dir(x.path)
	d.pending[folder] = append(d.pending[folder], x)
}

func (x naming) do(names map[string]*node) {
	delete(names, x.path)
	switch x.what {
	case "create", "mkdir":
		names[x.path] = x.node
	case "rename":
		names[x.to] = x.node
	}
}

// cut is what is found after a power loss: what lasts, and where there is a chance of what does not, some of it.
func (d *disk) cut(chance *rand.Rand) (folders []string, files map[string][]byte) {
	names := maps.Clone(d.lasting)
	if chance != nil {
		for _, folder := range slices.Sorted(maps.Keys(d.pending)) {
			for _, x := range d.pending[folder][:chance.IntN(len(d.pending[folder])+1)] {
				x.do(names)
			}
		}
	}
	files = map[string][]byte{}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		n := names[path]
		switch folder := filepath.Dir(path); {
		case len(folders) > 0 && !slices.Contains(folders, folder): // it went with its folder
		case n.folder:
			folders = append(folders, path)
		case chance == nil:
			files[path] = n.lasts
		default:
			files[path] = written(n.lasts, n.pending, some(chance))
		}
	}
	return folders, files
}

// some chooses parts of what was written: none, all, or any.
func some(chance *rand.Rand) func() bool {
	switch chance.IntN(3) {
	case 0:
		return func() bool { return false }
	case 1:
		return nil
	}
	return func() bool { return chance.IntN(2) == 0 }
}

// written is a file after changes of which each sector was written where chosen says so; nil is for all.
func written(text []byte, changes []change, chosen func() bool) []byte {
	text = bytes.Clone(text)
	for _, x := range changes {
		if x.what == "truncate" {
			if chosen == nil || chosen() {
				text = append(text[:min(x.at, int64(len(text)))], make([]byte, max(0, x.at-int64(len(text))))...)
			}
			continue
		}
		const sector = 512
		for at, rest := x.at, x.data; len(rest) > 0; {
			n := min(int64(len(rest)), sector-at%sector)
			if chosen == nil || chosen() {
				text = append(text, make([]byte, max(0, at+n-int64(len(text))))...)
				copy(text[at:], rest[:n])
			}
			at, rest = at+n, rest[n:]
		}
	}
	return text
}
