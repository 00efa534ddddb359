package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"om/task"
)

// UnreadError says which folders of namespaces can't be looked into: what is in them is not known.
type UnreadError struct{ Errs []error }

// Error has a line for each.
func (e *UnreadError) Error() string { return errors.Join(e.Errs...).Error() }

// Unwrap returns all of them.
func (e *UnreadError) Unwrap() []error { return e.Errs }

// List returns the paths of all services under dir, NAME.conf and NAMESPACE/NAME.conf, in natural
// order: web2 comes before web10. A dir that is not there has none. Where namespaces can't be looked into, the error
// is an *UnreadError, and the paths are those of all others.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	paths := filesIn(dir, "", entries)
	folders, unread := namespaces(dir, entries)
	for _, f := range folders {
		if f.of != "" {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(dir, f.name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			unread = append(unread, unreadable(err))
		}
		paths = append(paths, filesIn(dir, f.name, entries)...)
	}
	slices.SortFunc(paths, natural)
	if len(unread) > 0 {
		return paths, &UnreadError{unread}
	}
	return paths, nil
}

// unreadable says what an error of a namespace means.
func unreadable(err error) error { return fmt.Errorf("%w: what is in it is left out", err) }

// filesIn are the services among the entries of a folder.
func filesIn(dir, namespace string, entries []fs.DirEntry) (paths []string) {
	for _, entry := range entries {
		name, isFile := strings.CutSuffix(entry.Name(), ".conf")
		if !isFile || !task.ValidName(name) || namespace == "" && name == "node" || isDir(dir, namespace, entry) {
			continue
		}
		paths = append(paths, joinPath(namespace, name))
	}
	return paths
}

// isDir follows a symbolic link.
func isDir(dir, namespace string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, namespace, entry.Name()))
	return err == nil && info.IsDir()
}

func joinPath(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// folder is that of a namespace.
type folder struct {
	name     string
	dev, ino uint64
	links    int    // see linksOf
	of       string // the folder that it is too, by a link or a mount: nothing in it is a service
}

// namespaces finds the folders of namespaces among the entries of dir. unread is about links that can't be followed; one
// to nowhere is no folder.
func namespaces(dir string, entries []fs.DirEntry) (all []folder, unread []error) {
	for _, entry := range entries {
		name := entry.Name()
		link := entry.Type()&fs.ModeSymlink != 0
		if !link && !entry.IsDir() || strings.HasSuffix(name, ".conf") || !task.ValidName(name) {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, name))
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			unread = append(unread, unreadable(err))
		case err == nil && info.IsDir():
			st := info.Sys().(*syscall.Stat_t)
			all = append(all, folder{name: name, dev: st.Dev, ino: st.Ino, links: linksOf(dir, name)})
		}
	}
	var st syscall.Stat_t
	if syscall.Stat(dir, &st) == nil {
		markTwins(dir, folder{dev: st.Dev, ino: st.Ino}, all)
	}
	return all, unread
}

// linksOf puts folders before links, and these before links to another name in dir.
func linksOf(dir, name string) int {
	target, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	if filepath.Dir(filepath.Clean(target)) == filepath.Clean(dir) {
		return 2
	}
	return 1
}

// before says that a counts, where it and b are one folder.
func (a *folder) before(b *folder) bool {
	return a.links < b.links || a.links == b.links && a.name < b.name
}

// markTwins marks the folders that are dir itself, which is own, or another one of all: of these one counts.
func markTwins(dir string, own folder, all []folder) {
	type id struct{ dev, ino uint64 }
	best := map[id]*folder{{own.dev, own.ino}: {links: -1}}
	for i := range all {
		f := &all[i]
		if other := best[id{f.dev, f.ino}]; other == nil || f.before(other) {
			best[id{f.dev, f.ino}] = f
		}
	}
	for i := range all {
		if other := best[id{all[i].dev, all[i].ino}]; other != &all[i] {
			all[i].of = filepath.Join(dir, other.name)
		}
	}
}

// Mirror is the folder of a namespace that is another folder too, by a link or a mount. Each service would be there twice,
// and run twice: nothing in it is one.
type Mirror struct{ Folder, Of string }

// Mirrors lists them: namespaces that are dir itself, or the same as another.
func Mirrors(dir string) []Mirror {
	entries, _ := os.ReadDir(dir)
	folders, _ := namespaces(dir, entries)
	return mirrors(dir, folders)
}

// mirrors are those among the folders of namespaces that markTwins has seen.
func mirrors(dir string, folders []folder) (all []Mirror) {
	for _, f := range folders {
		if f.of != "" {
			all = append(all, Mirror{filepath.Join(dir, f.name), f.of})
		}
	}
	slices.SortFunc(all, func(a, b Mirror) int { return strings.Compare(a.Folder, b.Folder) })
	return all
}

// twice refuses a namespace that Mirrors lists. All are looked at for a link alone: two mounts of one folder are told by who
// lists.
func twice(dir, namespace string) error {
	path := filepath.Join(dir, namespace)
	info, err := os.Lstat(path)
	if err != nil {
		return nil //nolint:nilerr // who reads what is in it says so
	}
	of := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		for _, m := range Mirrors(dir) {
			if m.Folder == path {
				of = m.Of
			}
		}
	} else if own, err := os.Stat(dir); err == nil && os.SameFile(own, info) {
		of = dir
	}
	if of == "" {
		return nil
	}
	return task.Errorf(task.ErrInvalid, "%s: it is the folder %s too, and each service would be there twice: remove it", path, of)
}
