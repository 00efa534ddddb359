package service

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"om/task"
)

// CheckOwnership refuses a file that somebody else could have written, for what it says will be run.
// For root's om (euid 0) the file, its folder and the folders above up to dir must be owned by root,
// and neither group nor world may write to them. For another user they must be owned by that user or
// by root, and the world may not write to them. The error says which command mends it and wraps
// task.ErrPermission.
func CheckOwnership(dir, file string, euid int) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return checkLink(dir, file, euid)
	}
	return errors.Join(checkOwner(file, info, euid), checkFolders(dir, file, euid))
}

// checkLink checks a file that a symbolic link stands for: the folders of both matter.
func checkLink(dir, link string, euid int) error {
	file, err := filepath.EvalSymlinks(link)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	folder := filepath.Dir(file)
	return errors.Join(checkOwner(file, info, euid), checkFolders(folder, file, euid), checkFolders(dir, link, euid))
}

// checkFolders checks the folder of file and those above it, up to dir.
func checkFolders(dir, file string, euid int) error {
	for folder := filepath.Dir(file); ; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if err == nil {
			err = checkOwner(folder, info, euid)
		}
		if err != nil {
			return err
		}
		if len(folder) <= len(dir) || !strings.HasPrefix(folder, dir) {
			return nil
		}
	}
}

func checkOwner(path string, info fs.FileInfo, euid int) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return task.Errorf(task.ErrPermission, "%s: its owner is not known", path)
	}
	return checkOwnerOf(path, st.Uid, uint32(info.Mode().Perm()), euid)
}

func checkOwnerOf(path string, uid, mode uint32, euid int) error {
	owner, others := int(uid), mode&0o022
	if euid != 0 {
		others &= 0o002
	}
	switch {
	case owner != 0 && owner != euid && euid == 0:
		return task.Errorf(task.ErrPermission, "%s: owned by user %d, and root's om reads only files of root: chown root:root %s", path, owner, path)
	case owner != 0 && owner != euid:
		return task.Errorf(task.ErrPermission, "%s: owned by user %d, and this om reads only files of user %d and of root: chown %d %s", path, owner, euid, euid, path)
	case others != 0 && euid == 0:
		return task.Errorf(task.ErrPermission, "%s: others may write to it (mode %04o): chmod go-w %s", path, mode&0o777, path)
	case others != 0:
		return task.Errorf(task.ErrPermission, "%s: everybody may write to it (mode %04o): chmod o-w %s", path, mode&0o777, path)
	}
	return nil
}
