package service

import (
	"errors"
	"fmt"
	"io/fs"
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

// Stamps lists the files of all services under dir with their stamps, ordered by path. A file that is gone by the
// time it is looked at is left out; a dir that is not there is a fs.ErrNotExist.
func Stamps(dir string) ([]Stamp, error) {
	var stamps []Stamp
	err := eachStamp(dir, "", func(namespace, name string, s Stamp) {
		if s.Path = joinPath(namespace, name); s.Inode != 0 {
			stamps = append(stamps, s)
		}
	})
	slices.SortFunc(stamps, func(a, b Stamp) int { return strings.Compare(a.Path, b.Path) })
	return stamps, err
}

// Digest is one word for all stamps under dir: while it is the same, no file was changed, added or removed. It
// costs a stat of each.
func Digest(dir string) (string, error) {
	sum, count := uint64(0), uint64(0)
	err := eachStamp(dir, "", func(namespace, name string, s Stamp) {
		h := hashString(hashString(14695981039346656037, namespace), name)
		for _, n := range [4]uint64{uint64(s.MTime), uint64(s.CTime), uint64(s.Size), s.Inode} { //nolint:gosec // bits
			h = mix(h ^ n)
		}
		sum += h // the order in which a folder lists its files means nothing
		count++
	})
	return strconv.FormatUint(count, 36) + "." + strconv.FormatUint(sum, 36), err
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

// eachStamp calls do for the file of each service in a folder and, where that is dir itself, in those of the
// namespaces. One of these that is gone has none, and one that is dir itself counts as one file without a stamp.
func eachStamp(dir, namespace string, do func(namespace, name string, s Stamp)) error {
	folder, err := os.Open(strings.TrimSuffix(dir+"/"+namespace, "/"))
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
			return nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names[:0])
		for _, entry := range names {
			if err := stampEntry(fd, dir, namespace, entry, do); err != nil {
				return err
			}
		}
	}
}

// stampEntry is eachStamp for one name in a folder: a service, a namespace, or neither.
func stampEntry(fd int, dir, namespace, entry string, do func(namespace, name string, s Stamp)) error {
	name, isFile := strings.CutSuffix(entry, ".conf")
	if !task.ValidName(name) || namespace == "" && entry == "node.conf" || !isFile && namespace != "" {
		return nil
	}
	var st unix.Stat_t
	if unix.Fstatat(fd, entry, &st, 0) != nil {
		return nil //nolint:nilerr // it is gone
	}
	switch folder := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
	case isFile == folder:
	case isFile:
		do(namespace, name, Stamp{"", st.Mtim.Nano(), st.Ctim.Nano(), st.Size, st.Ino})
	case sameFolder(fd, &st):
		do(namespace, name, Stamp{})
	default:
		return eachStamp(dir, name, do)
	}
	return nil
}

func sameFolder(fd int, st *unix.Stat_t) bool {
	var own unix.Stat_t
	return unix.Fstat(fd, &own) == nil && own.Dev == st.Dev && own.Ino == st.Ino
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
