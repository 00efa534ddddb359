package service

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"om/task"
)

// Stamp is what tells whether a service's file was changed: no byte of it is read.
type Stamp struct {
	Path         string // of the service
	MTime, CTime int64  // nanoseconds since 1970
	Size         int64
	Inode        uint64
}

// Stamped is what is under a folder of configurations.
type Stamped struct {
	Stamps  []Stamp          // ordered by path
	Mirrors []Mirror         // as Mirrors lists them
	Unread  map[string]error // why folders of namespaces can't be looked into: what is in them is not known
	Digest  string           // that of Digest for what was seen
}

// Stamps lists the files of all services under dir with their stamps. A file that is gone by the
// time it is looked at is left out; one that is there and can't be looked at, such as a link to nowhere, has the stamp of what
// is there. A dir that is not there is a fs.ErrNotExist.
func Stamps(dir string) (Stamped, error) {
	all := Stamped{Unread: map[string]error{}}
	var sum summary
	w := walk{dir: dir}
	w.unread = func(namespace string, err error) {
		all.Unread[namespace] = err
		sum.add(namespace, err.Error(), Stamp{})
	}
	w.do = func(namespace, name string, s Stamp) {
		sum.add(namespace, name, s)
		if s.Path = joinPath(namespace, name); s.Inode != 0 {
			all.Stamps = append(all.Stamps, s)
		}
	}
	err := w.folder("")
	slices.SortFunc(all.Stamps, func(a, b Stamp) int { return strings.Compare(a.Path, b.Path) })
	all.Mirrors, all.Digest = mirrors(dir, w.namespaces), sum.String()
	return all, err
}

// Digest is one word for all stamps under dir: while it is the same, no file was changed, added or removed. It
// costs a stat of each.
func Digest(dir string) (string, error) {
	var sum summary
	w := walk{dir: dir, do: sum.add}
	w.unread = func(namespace string, err error) { sum.add(namespace, err.Error(), Stamp{}) }
	err := w.folder("")
	return sum.String(), err
}

// summary sums up stamps: the order in which a folder lists its files means nothing.
type summary struct{ sum, count uint64 }

func (d *summary) add(namespace, name string, s Stamp) {
	h := hashString(hashString(14695981039346656037, namespace), name)
	for _, n := range [4]uint64{uint64(s.MTime), uint64(s.CTime), uint64(s.Size), s.Inode} { //nolint:gosec // bits
		h = mix(h ^ n)
	}
	d.sum += h
	d.count++
}

// String is one word.
func (d *summary) String() string {
	return strconv.FormatUint(d.count, 36) + "." + strconv.FormatUint(d.sum, 36)
}

// hashString is FNV-1a with a zero byte behind.
func hashString(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h * 1099511628211
}

// mix is the end of splitmix64: each bit of n depends on each.
func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// walk goes through the files of services.
type walk struct {
	dir string
	// do is told of the file of each service. A namespace that Mirrors lists counts as one file without a stamp.
	do func(namespace, name string, s Stamp)
	// unread is told of each namespace that can't be looked into. One that is gone has no files.
	unread func(namespace string, err error)

	namespaces []folder // that were found
}

// folder goes through a folder and, where that is dir itself, through those of the namespaces.
func (w *walk) folder(namespace string) error {
	folder, err := os.Open(strings.TrimSuffix(w.dir+"/"+namespace, "/"))
	if namespace != "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	fd := int(folder.Fd())
	var buf [32 << 10]byte
	var names []string
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		if err != nil {
			return fmt.Errorf("%s: %w", folder.Name(), err)
		}
		if n == 0 {
			break
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names[:0])
		for _, entry := range names {
			w.entry(fd, namespace, entry)
		}
	}
	if namespace == "" {
		w.below(fd)
	}
	return nil
}

// below goes through the folders of namespaces that were found in dir.
func (w *walk) below(fd int) {
	var own unix.Stat_t
	if unix.Fstat(fd, &own) == nil {
		markTwins(w.dir, folder{dev: own.Dev, ino: own.Ino}, w.namespaces)
	}
	for _, f := range w.namespaces {
		if f.of != "" {
			w.do("", f.name, Stamp{})
			continue
		}
		if err := w.folder(f.name); err != nil {
			w.unread(f.name, err)
		}
	}
}

// entry is for one name in a folder: a service, a namespace, or neither.
func (w *walk) entry(fd int, namespace, entry string) {
	name, isFile := strings.CutSuffix(entry, ".conf")
	if !task.ValidName(name) || namespace == "" && entry == "node.conf" || !isFile && namespace != "" {
		return
	}
	var st unix.Stat_t
	if err := unix.Fstatat(fd, entry, &st, 0); err != nil {
		w.hidden(fd, namespace, entry, err)
		return
	}
	switch isFolder := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
	case isFile == isFolder:
	case isFile:
		w.do(namespace, name, stampOf(&st))
	default:
		w.namespaces = append(w.namespaces, folder{name: name, dev: st.Dev, ino: st.Ino, links: linksOf(w.dir, name)})
	}
}

// hidden is entry for what can't be looked at: a link to nowhere, perhaps for a while, a file system that fails. What is not
// there at all is gone.
func (w *walk) hidden(fd int, namespace, entry string, why error) {
	var st unix.Stat_t
	err := unix.Fstatat(fd, entry, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return
	}
	name, isFile := strings.CutSuffix(entry, ".conf")
	switch {
	case !isFile:
		w.unread(name, &fs.PathError{Op: "stat", Path: w.dir + "/" + name, Err: why})
	case err != nil:
		w.do(namespace, name, Stamp{Inode: math.MaxUint64}) // that of no file
	default:
		w.do(namespace, name, stampOf(&st))
	}
}

func stampOf(st *unix.Stat_t) Stamp {
	return Stamp{"", st.Mtim.Nano(), st.Ctim.Nano(), st.Size, st.Ino}
}

// On says whether this node is among words: names, patterns and labels of nodes, or the words of scopes
// such as flex_primary.
func (s *Service) On(words []string) bool {
	for _, word := range words {
		if s.place.rank(word) > rankPlain {
			return true
		}
	}
	return s.node.in(words)
}
