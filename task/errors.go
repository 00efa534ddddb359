package task

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of error that om tells apart. Wrap them with %w; cmd maps each to one exit code.
var (
	// ErrInvalid: a text is not what was wanted (exit 78, or 2 on the command line).
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: no such service, task or run (exit 66).
	ErrNotFound = errors.New("not found")
	// ErrPermission: who asks may not do this (exit 77).
	ErrPermission = errors.New("not permitted")
	// ErrTaken: somebody else holds what is asked for; try later (exit 75).
	ErrTaken = errors.New("taken")
	// ErrAborted: a person was asked and did not say yes (exit 1).
	ErrAborted = errors.New("aborted")
)

// DeclinedError says that a task may not run now, and carries the whole decision.
type DeclinedError struct{ Decision Decision }

// Error returns the first blocker in one line.
func (e *DeclinedError) Error() string {
	b := e.Decision.Blockers()
	if len(b) == 0 {
		return fmt.Sprintf("%s: declined", e.Decision.Task)
	}
	return fmt.Sprintf("%s: %s", e.Decision.Task.RID, b[0].Detail)
}

// Errorf is fmt.Errorf for an error of a kind whose text says all that a person needs: errors.Is finds
// the kind, and nothing is added to the text.
func Errorf(kind error, format string, args ...any) error {
	return &saidError{fmt.Sprintf(format, args...), kind}
}

// Kind makes an error of a kind that has a text of its own. Unlike Errorf it costs next to nothing where a package begins.
func Kind(kind error, text string) error { return &saidError{text, kind} }

type saidError struct {
	text string
	kind error
}

func (e *saidError) Error() string { return e.text }
func (e *saidError) Unwrap() error { return e.kind }

// Text is what an error tells people: its text without the kinds that it wraps, which are for programs.
func Text(err error) string {
	text := err.Error()
	for _, kind := range [...]error{ErrInvalid, ErrTaken, ErrAborted} {
		text = strings.ReplaceAll(text, ": "+kind.Error()+"\n", "\n")
		text = strings.TrimSuffix(text, ": "+kind.Error())
	}
	return text
}

// Redacted leaves out what is quoted in text, for logs: it was written by people, in files that may hold secrets.
func Redacted(text string) string {
	var b strings.Builder
	quoted, escaped := false, false
	for _, r := range text {
		switch {
		case quoted && escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			if quoted = !quoted; quoted {
				b.WriteString(`"…"`)
			}
		case !quoted:
			b.WriteRune(r)
		}
	}
	return b.String()
}
