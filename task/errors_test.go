package task_test

import (
	"errors"
	"fmt"
	"testing"

	"om/task"
)

// TestText: the kinds of errors are for programs.
func TestText(t *testing.T) {
	one := fmt.Errorf("a: wanted b: %w", task.ErrInvalid)
	for _, c := range []struct {
		err  error
		want string
	}{
		{one, "a: wanted b"},
		{errors.Join(one, errors.New("c")), "a: wanted b\nc"},
		{errors.New("an invalid thing"), "an invalid thing"},
		{task.Errorf(task.ErrTaken, "try later"), "try later"},
	} {
		if got := task.Text(c.err); got != c.want {
			t.Errorf("%q is told as %q, want %q", c.err, got, c.want)
		}
	}
}

func TestRedacted(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"exit code 3", "exit code 3"},
		{`a: "secret": wanted b`, `a: "…": wanted b`},
		{`"a \"b\" c" d`, `"…" d`},
		{`open "end`, `open "…"`},
		{`"a" and "b\\" c`, `"…" and "…" c`},
	} {
		if got := task.Redacted(c.text); got != c.want {
			t.Errorf("Redacted(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}
