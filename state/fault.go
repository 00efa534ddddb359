package state

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"om/task"

	sqlite3 "github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

// TakenError says that a run may not begin: as many as the task allows are in progress, or its slot
// has a run already. It is a task.ErrTaken.
type TakenError struct {
	Task task.ID
	// Slot is set where a run of this very slot is in the way.
	Slot bool
	// By lists the runs that are in the way.
	By []task.Run
}

// Error names the first run that is in the way.
func (e *TakenError) Error() string {
	if len(e.By) == 0 {
		return fmt.Sprintf("%s: taken", e.Task)
	}
	r := e.By[0]
	if e.Slot {
		return fmt.Sprintf("%s: slot %s has run %s already", e.Task, r.Slot.Format("2006-01-02T15:04:05Z07:00"), r.ID)
	}
	return fmt.Sprintf("%s: %d in progress, run %s is held by process %d on %s", e.Task, len(e.By), r.ID, r.PID, r.Node)
}

// Unwrap makes it a task.ErrTaken.
func (e *TakenError) Unwrap() error { return task.ErrTaken }

// recordError says which record an error is about.
type recordError struct {
	path string
	err  error
}

func (e *recordError) Error() string { return "state " + e.path + ": " + e.err.Error() }
func (e *recordError) Unwrap() error { return e.err }

// fault puts the path of the record before an error, and says what kind it is.
func (d *DB) fault(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*recordError](err); ok {
		return err
	}
	if taken, ok := errors.AsType[*TakenError](err); ok {
		return taken
	}
	return &recordError{d.o.Path, d.kind(err)}
}

// kind says of an error of the record what kind it is.
func (d *DB) kind(err error) error {
	_, sqlite := errors.AsType[sqlite3.Error](err)
	switch {
	case sqlite && d.c != nil && errors.Is(err, fs.ErrNotExist): // a file beside it, which SQLite looked for in vain
	case errors.Is(err, fs.ErrNotExist):
		return task.Errorf(task.ErrNotFound, "there is no record")
	case errors.Is(err, fs.ErrClosed):
		return errors.New("it is closed")
	case !d.o.ReadOnly && isReadOnly(err) && unix.Faccessat(unix.AT_FDCWD, d.o.Path, unix.W_OK, unix.AT_EACCESS) == nil:
		return errors.New("it could be opened only for reading, though it may be written to: the disk may be failing")
	case errors.Is(err, task.ErrPermission):
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", err, task.ErrPermission)
	}
	return err
}

// explain says in words what SQLite says in codes, and keeps the code inside.
func explain(err error) error {
	e, ok := errors.AsType[sqlite3.Error](err)
	switch {
	case !ok:
		return err
	case e.Code == sqlite3.ErrFull, e.SystemErrno == syscall.ENOSPC:
		return fmt.Errorf("no space left on its filesystem: %w", e)
	case e.SystemErrno == syscall.EDQUOT, e.SystemErrno == syscall.EFBIG:
		return fmt.Errorf("it may not grow: %w (%w)", e.SystemErrno, e)
	case e.Code == sqlite3.ErrReadonly, e.Code == sqlite3.ErrPerm, e.SystemErrno == syscall.EACCES,
		e.SystemErrno == syscall.EPERM, e.SystemErrno == syscall.EROFS:
		return fmt.Errorf("it may not be written to: %w (%w)", e, task.ErrPermission)
	case e.Code == sqlite3.ErrNotADB:
		return fmt.Errorf("%w: wanted a record of om: %w", e, task.ErrInvalid)
	case e.Code == sqlite3.ErrCorrupt:
		return fmt.Errorf("it is damaged (%w): om state check tells where", e)
	case e.Code == sqlite3.ErrBusy, e.Code == sqlite3.ErrLocked, e.Code == sqlite3.ErrProtocol:
		return fmt.Errorf("another process holds it: %w: %w", e, task.ErrTaken)
	case e.SystemErrno != 0:
		return fmt.Errorf("%w: %w", e, e.SystemErrno)
	}
	return e
}

func isBusy(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
}

// isCantOpen reports whether a record could not be opened for want of rights, or of a file: not where the disk fails.
func isCantOpen(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok || e.Code != sqlite3.ErrCantOpen && e.Code != sqlite3.ErrReadonly {
		return false
	}
	switch e.SystemErrno {
	case 0, syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOENT:
		return true
	}
	return false
}

// isReadOnly reports whether SQLite has the file for reading only: where it can't open it for writing, whatever the
// reason, it opens it so and does not say why.
func isReadOnly(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.ExtendedCode == sqlite3.ErrNoExtended(sqlite3.ErrReadonly)
}

// isDuplicate reports whether a row was refused because its slot has a run already.
func isDuplicate(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.ExtendedCode == sqlite3.ErrConstraintUnique
}

// isConstraint reports whether the table would not take a row.
func isConstraint(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && (e.Code == sqlite3.ErrConstraint || e.Code == sqlite3.ErrMismatch)
}
