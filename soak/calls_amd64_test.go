package soak_test

import "golang.org/x/sys/unix"

// known is a call that passes the gate, and which of its arguments are a descriptor, a path and a second path.
type known struct {
	name         string
	fd, path, to int
}

// knownCalls are those that change what is on a disk, or start something, or hand something over.
func knownCalls() map[int]known {
	return map[int]known{
		unix.SYS_OPEN: {"open", -1, 0, 0}, unix.SYS_OPENAT: {"openat", 0, 1, 0}, unix.SYS_CREAT: {"creat", -1, 0, 0},
		unix.SYS_WRITE: {"write", 0, -1, 0}, unix.SYS_PWRITE64: {"pwrite64", 0, -1, 0},
		unix.SYS_WRITEV: {"writev", 0, -1, 0}, unix.SYS_PWRITEV: {"pwritev", 0, -1, 0}, unix.SYS_PWRITEV2: {"pwritev2", 0, -1, 0},
		unix.SYS_FSYNC: {"fsync", 0, -1, 0}, unix.SYS_FDATASYNC: {"fdatasync", 0, -1, 0},
		unix.SYS_TRUNCATE: {"truncate", -1, 0, 0}, unix.SYS_FTRUNCATE: {"ftruncate", 0, -1, 0}, unix.SYS_FALLOCATE: {"fallocate", 0, -1, 0},
		unix.SYS_RENAME: {"rename", -1, 0, 1}, unix.SYS_RENAMEAT: {"renameat", 0, 1, 3}, unix.SYS_RENAMEAT2: {"renameat2", 0, 1, 3},
		unix.SYS_UNLINK: {"unlink", -1, 0, 0}, unix.SYS_UNLINKAT: {"unlinkat", 0, 1, 0}, unix.SYS_RMDIR: {"rmdir", -1, 0, 0},
		unix.SYS_LINK: {"link", -1, 0, 1}, unix.SYS_LINKAT: {"linkat", 0, 1, 3}, unix.SYS_SYMLINK: {"symlink", -1, 1, 0}, unix.SYS_SYMLINKAT: {"symlinkat", 1, 2, 0},
		unix.SYS_MKDIR: {"mkdir", -1, 0, 0}, unix.SYS_MKDIRAT: {"mkdirat", 0, 1, 0},
		unix.SYS_FSETXATTR: {"fsetxattr", 0, -1, 0}, unix.SYS_COPY_FILE_RANGE: {"copy_file_range", 2, -1, 0},
		unix.SYS_EXECVE: {"execve", -1, 0, 0}, unix.SYS_SENDMSG: {"sendmsg", 0, -1, 0},
	}
}
