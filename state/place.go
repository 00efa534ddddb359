package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"om/task"

	"golang.org/x/sys/unix"
)

// filesystem returns the magic number of the filesystem that holds folder.
func filesystem(folder string) (uint32, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: folder, Err: err}
	}
	return uint32(s.Type), nil
}

// journalFor chooses the journal that a filesystem carries. A write-ahead log wants shared memory
// between all who have the file open, so one host: a local filesystem. Cluster filesystems and FUSE
// get a rollback journal, for which file locks are enough. Network filesystems, whose locks cannot
// be trusted, are refused.
func journalFor(magic uint32) (string, error) {
	const gfs2, lustre, gpfs, vboxsf = 0x01161970, 0x0bd00bd0, 0x47504653, 0x786f4256
	switch magic {
	case unix.NFS_SUPER_MAGIC:
		return "", networkError("NFS")
	case unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "", networkError("SMB")
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "", networkError("AFS")
	case unix.V9FS_MAGIC:
		return "", networkError("9P")
	case unix.CODA_SUPER_MAGIC, unix.NCP_SUPER_MAGIC:
		return "", networkError("a network filesystem")
	case gfs2, lustre, gpfs, vboxsf, unix.OCFS2_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC:
		return "delete", nil
	}
	return "wal", nil
}

func networkError(name string) error {
	return fmt.Errorf("it is on %s, where locks cannot be trusted: wanted a local filesystem: %w", name, task.ErrInvalid)
}

// isFile refuses what stands in the place of the record and is no file: SQLite would wait for a pipe, and name a system
// call that failed for the rest. What is absent is a fs.ErrNotExist.
func (d *DB) isFile() error {
	info, err := os.Stat(d.o.Path)
	if err == nil && info.Mode().IsRegular() {
		return nil
	}
	if err == nil {
		return task.Errorf(task.ErrInvalid, "it is a %s: wanted a file: move it away", kindOf(info.Mode()))
	}
	if to, dangling := os.Readlink(d.o.Path); dangling == nil && errors.Is(err, fs.ErrNotExist) {
		return task.Errorf(task.ErrInvalid, "it is a link to %s, where there is nothing: wanted a file: mend the link, or remove it", to)
	}
	return err
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// create makes an empty file for the record, for nobody but the owner.
func (d *DB) create() error {
	f, err := os.OpenFile(d.o.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d.step("create: empty file")
	return f.Close()
}

// dialReadOnly opens the record for one who may perhaps not write. SQLite reads a write-ahead log
// through the index beside it; where there is neither log nor index and the folder cannot be written
// to, nobody else writes either, and the file alone is the record.
func dialReadOnly(path string) (*conn, error) {
	c, err := dial(path, "mode=ro"+usualStatements)
	if err == nil || !isCantOpen(err) {
		return c, err
	}
	// Not by opening it: closing it again would drop the locks that this process has on it.
	if accessErr := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS); accessErr != nil {
		return nil, accessErr
	}
	log, statErr := os.Stat(path + "-wal")
	switch {
	case errors.Is(statErr, fs.ErrNotExist), statErr == nil && log.Size() == 0:
		return dial(path, "mode=ro&immutable=1"+usualStatements)
	case statErr != nil:
		return nil, statErr
	}
	return nil, fmt.Errorf("its newest rows are in %s-wal, which can be read only by who may write to %s, or while %s-shm is there to read: %w",
		filepath.Base(path), filepath.Dir(path), filepath.Base(path), task.ErrPermission)
}

// patiently calls f again while another process has the record locked, until ctx ends or the
// patience of the record does. f is called at least once, whatever ctx says.
func (d *DB) patiently(ctx context.Context, f func() error) error {
	err := f()
	if !isBusy(err) {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, d.o.Patience)
	defer stop()
	for isBusy(err) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if waiting.Err() != nil {
			return fmt.Errorf("locked for %v%s: %w", d.o.Patience, d.holder(), task.ErrTaken)
		}
		pause(waiting)
		err = f()
	}
	return err
}

// pause lets others go first: some locks make SQLite answer "busy" at once.
func pause(ctx context.Context) {
	t := time.NewTimer(time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// holder tells which process holds the lock for writing, if the kernel's list of locks knows.
func (d *DB) holder() string {
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return ""
	}
	for _, suffix := range []string{"-shm", ""} {
		if pid := lockHolder(string(locks), inode(d.o.Path+suffix)); pid > 0 {
			comm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
			return fmt.Sprintf(" by process %d (%s)", pid, strings.TrimSpace(string(comm)))
		}
	}
	return ""
}

// inode returns "major:minor:inode" as /proc/locks writes it. It must not open the file: closing it
// again would drop every lock that this process has on it.
func inode(path string) string {
	var s unix.Stat_t
	if unix.Stat(path, &s) != nil {
		return ""
	}
	return fmt.Sprintf("%02x:%02x:%d", unix.Major(s.Dev), unix.Minor(s.Dev), s.Ino)
}

// lockHolder finds the process with a write lock on a file in the text of /proc/locks, whose lines
// are "1: POSIX  ADVISORY  WRITE 1234 fe:00:5678 120 120". It returns 0 where there is none.
func lockHolder(locks, inode string) int {
	for line := range strings.Lines(locks) {
		w := strings.Fields(line)
		if len(w) >= 8 && w[3] == "WRITE" && w[5] == inode {
			pid, _ := strconv.Atoi(w[4])
			return pid
		}
	}
	return 0
}
