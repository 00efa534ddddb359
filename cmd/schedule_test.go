package cmd

import (
	"errors"
	"strings"
	"testing"

	"om/schedule"
)

// TestPointAt: the caret stands under the wrong character, whatever is in front of it.
func TestPointAt(t *testing.T) {
	long := strings.Repeat("mon,", 50)
	for _, c := range []struct {
		name, text string
		offset     int
		want       string
	}{
		{"at the begin", "foo", 0, "foo\n^"},
		{"inside", "09:00 foo", 6, "09:00 foo\n      ^"},
		{"at the end", "09:00 ", 6, "09:00 \n      ^"},
		{"of nothing", "", 0, "\n^"},
		{"behind a tab", "09:00\tfoo", 6, "09:00\tfoo\n     \t^"},
		{"behind an accent", "é foo", 3, "é foo\n  ^"},
		{"behind a combined accent", "e\u0301 foo", 4, "e\u0301 foo\n  ^"},
		{"behind wide characters", "日本 foo", 7, "日本 foo\n     ^"},
		{"behind a picture", "🙂 foo", 5, "🙂 foo\n   ^"},
		{"inside a character", "é", 1, "é\n^"},
		{"behind a newline and an escape", "a\n\x1b[31m foo", 8, "a  [31m foo\n        ^"},
		{"behind what is no UTF-8", "\xff\xfe foo", 3, "\ufffd\ufffd foo\n   ^"},
		{"in a long text", long + "foo," + long, len(long), "…" + long[len(long)-47:] + ("foo," + long)[:47] + "…\n" + strings.Repeat(" ", 48) + "^"},
		{"out of bounds", "foo", 9, "foo\n   ^"},
	} {
		if got := pointAt(c.text, c.offset); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestPointedError: what stands there, what was wanted, and the code and hint of the error inside.
func TestPointedError(t *testing.T) {
	for _, c := range []struct{ text, want, hint string }{
		{"24:00", "\"24\": wanted an hour from 00 to 23\n24:00\n^", "the end of the day is 23:59:59, its begin 00:00"},
		{"09:00-", "wanted a time range, as in 02:00, 02:00-04:00, ~02:00-04:00, 08:00-18:00@1h, @10m or *\n09:00-\n      ^", ""},
	} {
		_, err := schedule.Parse(c.text, schedule.Options{})
		var bad *schedule.SyntaxError
		if !errors.As(err, &bad) {
			t.Fatalf("%s: %v", c.text, err)
		}
		err = pointedError{bad}
		if err.Error() != c.want || hint(err) != c.hint || exitCode(err) != exitConfig {
			t.Errorf("%s: got %q, hint %q, code %d", c.text, err, hint(err), exitCode(err))
		}
	}
}

// FuzzPointAt holds that whatever the text, there are two lines, and the caret is the end of the second.
func FuzzPointAt(f *testing.F) {
	for _, s := range []string{"09:00 foo", "\xff\t日", "a\nb\x1b", strings.Repeat("é", 200)} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, text string, offset int) {
		lines := strings.Split(pointAt(text, offset), "\n")
		if len(lines) != 2 || strings.Trim(lines[1], " \t") != "^" || visible(lines[0]) != lines[0] {
			t.Errorf("%q, %d: %q", text, offset, lines)
		}
	})
}
