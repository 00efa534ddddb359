package cmd

import (
	"errors"
	"fmt"
	"io/fs"

	"om/engine"
	"om/schedule"
	"om/task"
)

// The exit codes of om's own, after sysexits.h and the habits of shells.
const (
	exitFailed     = 1  // aborted or failed
	exitUsage      = 2  // the command line
	exitNotFound   = 66 // no such service, task or run
	exitInternal   = 70
	exitDeclined   = 75 // not now: requirement, overlap, frozen, lock; try later
	exitPermission = 77
	exitConfig     = 78 // the service's file, or node.conf
)

// exitCodes is the chapter that each help ends with.
const exitCodes = `Exit codes: 0 done; 1 aborted or failed; 2 wrong command line; 66 no such service, task or run;
70 internal error; 75 declined now, try later; 77 not permitted; 78 bad configuration.`

// codeError carries an exit code that is an answer and no error of om's: nothing is printed.
type codeError int

// Error is for logs; the user sees the code alone.
func (c codeError) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// usageError is a fault of the command line.
type usageError struct{ text string }

func (u usageError) Error() string { return u.text }

func usage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// exitCode is the one place where an error becomes a code.
func exitCode(err error) int {
	var code codeError
	var use usageError
	var declined *task.DeclinedError
	var unresolved *task.ResolveError
	var syntax *schedule.SyntaxError
	var internal *internalError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &use):
		return exitUsage
	case errors.As(err, &internal):
		return exitInternal
	case errors.Is(err, engine.ErrHeld):
		return exitDeclined
	case refused(err):
		return exitFailed
	case errors.As(err, &unresolved):
		return unresolved.Code
	case errors.As(err, &declined), errors.Is(err, task.ErrTaken):
		return exitDeclined
	case errors.Is(err, task.ErrNotFound):
		return exitNotFound
	case errors.Is(err, task.ErrPermission), errors.Is(err, fs.ErrPermission):
		return exitPermission
	case errors.As(err, &syntax), errors.Is(err, task.ErrInvalid):
		return exitConfig
	}
	return exitFailed
}
