package task

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a path may go through, as the kernel has it (path_resolution(7)).
const maxLinks = 40

// Trusted refuses a path that somebody could make mean something else: each folder on the way, each
// symbolic link and the file itself must belong to root or to one of owners, and the world may write to
// none but a sticky folder. It is for what root's om reads or writes. A path whose end does not exist is
// judged by the folders that do. The error says what mends it and wraps ErrPermission.
func Trusted(path string, owners ...uint32) error {
	if !filepath.IsAbs(path) {
		folder, err := os.Getwd()
		if err != nil {
			return err
		}
		path = folder + "/" + path // not cleaned: what is behind a link is not beside it
	}
	at, rest, links := "/", strings.Split(path, "/"), 0
	for len(rest) > 0 {
		at, rest = filepath.Join(at, rest[0]), rest[1:]
		info, err := os.Lstat(at)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err = trusted(at, info, owners); err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		to, err := os.Readlink(at)
		if links++; err != nil || links > maxLinks {
			return Errorf(ErrPermission, "%s: too many links, or one that can't be read", path)
		}
		at, rest = start(at, to), append(strings.Split(to, "/"), rest...)
	}
	return nil
}

// TrustedAlone is Trusted for what only its owner may write: neither is the file, nor its folder, for their groups to write to.
func TrustedAlone(path string, owners ...uint32) error {
	if err := Trusted(path, owners...); err != nil {
		return err
	}
	for _, at := range [...]string{path, filepath.Dir(path)} {
		info, err := os.Stat(at)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode&0o020 != 0 {
			return Errorf(ErrPermission, "%s: its group may write to it (mode %04o), and so decide what runs as root: chmod g-w %s", at, mode, at)
		}
	}
	return nil
}

// readFor reads for root's om a file whose text becomes part of the environment of u. It refuses one that somebody
// else than root and u could have written: what it sets (LD_PRELOAD) is what the command does. Where u could have
// placed the file, or a link to one of root's, it is read with the rights of u alone.
func readFor(u User, path string, limit int) ([]byte, error) {
	if u.UID == 0 || Trusted(path) == nil {
		if err := Trusted(path); err != nil {
			return nil, notPermitted("%s", err)
		}
		return readFile(path, limit)
	}
	if err := Trusted(path, u.UID); err != nil {
		return nil, notPermitted("%s", err)
	}
	text, err := readAs(u, path, limit)
	if errors.Is(err, unix.EACCES) {
		return nil, notPermitted("%s: user %s may place what is found there, and may not read it: %s", path, u.Name, err)
	}
	return text, err
}

// readAs reads a file with the rights of a user and its first group.
func readAs(u User, path string, limit int) (text []byte, err error) {
	failed := withRights(u.UID, u.GID, nil, func() { text, err = readFile(path, limit) })
	if failed != nil {
		return nil, failed
	}
	return text, err
}

// start is the folder from which the text of a link is read.
func start(link, to string) string {
	if filepath.IsAbs(to) {
		return "/"
	}
	return filepath.Dir(link)
}

func trusted(path string, info fs.FileInfo, owners []uint32) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch mode := info.Mode(); {
	case !ok:
		return Errorf(ErrPermission, "%s: its owner is not known", path)
	case st.Uid != 0 && !slices.Contains(owners, st.Uid):
		return Errorf(ErrPermission, "%s: owned by user %d, who could change what root's om finds there: chown root %s", path, st.Uid, path)
	case mode&fs.ModeSymlink == 0 && mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0:
		return Errorf(ErrPermission, "%s: everybody may write to it (mode %04o): chmod o-w %s", path, mode.Perm(), path)
	}
	return nil
}
