package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Write puts text in the place of file in one step: whoever reads it sees the old text or the new one,
// also after a power failure. A file that is replaced keeps its mode and its owner, and a symbolic link
// stays one; a new file is 0644, in a folder that is made if it is not there.
func Write(file string, text []byte) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	return write(file, text, os.Rename)
}

// Create is Write for a file that must not be there yet; else the error is fs.ErrExist.
func Create(file string, text []byte) error {
	return write(file, text, func(temp, file string) error {
		if err := os.Link(temp, file); err != nil { // which replaces nothing
			return err
		}
		return os.Remove(temp)
	})
}

func write(file string, text []byte, place func(temp, file string) error) error {
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(folder, "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	err = errors.Join(fill(temp, file, text), temp.Close())
	if err == nil {
		err = place(temp.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: not changed: %w", file, err), os.Remove(temp.Name()))
	}
	return syncFolder(folder)
}

// fill writes text and gives the temporary file the mode and the owner of the one it will replace.
func fill(temp *os.File, file string, text []byte) error {
	if _, err := temp.Write(text); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !ownedBySelf(st) {
			if err := temp.Chown(int(st.Uid), int(st.Gid)); err != nil {
				return err
			}
		}
	}
	if err := temp.Chmod(mode); err != nil {
		return err
	}
	return temp.Sync()
}

func ownedBySelf(st *syscall.Stat_t) bool {
	return int(st.Uid) == os.Geteuid() && int(st.Gid) == os.Getegid()
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
