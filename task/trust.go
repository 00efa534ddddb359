package task

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may go through, as the kernel has it (path_resolution(7)).
const maxLinks = 40

// Trusted refuses a path that somebody could make mean something else: each folder on the way, each
// symbolic link and the file itself must belong to root or to one of owners, and the world may write to
// none but a sticky folder. It is for what root's om reads or writes. A path whose end does not exist is
// judged by the folders that do. The error says what mends it and wraps ErrPermission.
func Trusted(path string, owners ...uint32) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	at, rest, links := "/", strings.Split(path[1:], "/"), 0
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
