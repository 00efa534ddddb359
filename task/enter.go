package task

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MayEnter says why the user of the command can't enter its working directory; nil if it can.
func (c Command) MayEnter() (err error) {
	if !c.Impersonate {
		return unix.Access(c.Dir, unix.X_OK)
	}
	failed := withRights(c.UID, c.GID, c.Groups, func() {
		err = unix.Faccessat(unix.AT_FDCWD, c.Dir, unix.X_OK, unix.AT_EACCESS)
	})
	if failed != nil {
		return failed
	}
	return err
}

// withRights does something with the rights of a user to files (setfsuid(2)), on a thread that has them and is not
// used again.
func withRights(uid, gid uint32, groups []uint32, do func()) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and not unlocked: the thread ends with the function
		var first unsafe.Pointer
		if len(groups) > 0 {
			first = unsafe.Pointer(&groups[0])
		}
		if _, _, no := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); no != 0 { // of this thread alone
			err = no
			return
		}
		if err = unix.Setfsgid(int(gid)); err == nil {
			err = unix.Setfsuid(int(uid))
		}
		if err == nil {
			do()
		}
	}()
	<-done
	return err
}
