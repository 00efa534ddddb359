package task

import (
	"errors"
	"fmt"
)

// The exit codes of what can't be run, from shells and sysexits(3).
const (
	codeInternal      = 70
	codeLater         = 75
	codeNotPermitted  = 77
	codeSetting       = 78
	codeNotExecutable = 126
	codeMissing       = 127
)

// ResolveError says why a task can't run as it is written.
type ResolveError struct {
	// Code is 77 not permitted, 78 unknown user or bad setting, 127 missing command, 126 not
	// executable, 75 no answer from a name service: later it may work.
	Code   int
	Reason string
}

// Error returns the reason, the object first.
func (e *ResolveError) Error() string { return e.Reason }

// Unwrap gives the kind of the error; a missing command has none.
func (e *ResolveError) Unwrap() error {
	switch e.Code {
	case codeLater:
		return ErrTaken
	case codeNotPermitted:
		return ErrPermission
	case codeSetting:
		return ErrInvalid
	}
	return nil
}

func setting(format string, args ...any) *ResolveError {
	return resolveError(codeSetting, format, args...)
}

func notPermitted(format string, args ...any) *ResolveError {
	return resolveError(codeNotPermitted, format, args...)
}

func resolveError(code int, format string, args ...any) *ResolveError {
	return &ResolveError{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// asResolveError gives every error its code, that of a bad setting unless it has another.
func asResolveError(err error) *ResolveError {
	var r *ResolveError
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, ErrTaken):
		return resolveError(codeLater, "%s", err)
	case errors.Is(err, ErrPermission):
		return notPermitted("%s", err)
	}
	return setting("%s", err)
}

// within names the keyword that an error is about.
func within(keyword string, err error) *ResolveError {
	e := asResolveError(err)
	return resolveError(e.Code, "%s: %s", keyword, e.Reason)
}
