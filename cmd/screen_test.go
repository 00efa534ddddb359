package cmd

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\n": "plain\ttext\n", "äöü €": "äöü €", "\ufffd": "\ufffd", "": "",
		"\x1b[2J": `\x1b[2J`, "a\rb\b\x00\x7f": `a\x0db\x08\x00\x7f`, "\u009b2J": `\x9b2J`, "\xff\x9b2J\xc3": `\xff\x9b2J\xc3`,
		"a\u202eb\u2066c\u2028d": `a\u202eb\u2066c\u2028d`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestScreened(t *testing.T) {
	for text, want := range map[string]string{
		"plain\r\nlines\r\n": "plain\nlines\n", "\x1b[1;31mred\x1b[0m\x1b[m": "\x1b[1;31mred\x1b[0m\x1b[m",
		"\x1b[2J\x1b]0;title\x07": `\x1b[2J\x1b]0;title\x07`, "\x1b[31": `\x1b[31`, "\x1b": `\x1b`, "\x1b[>31m\x1b[31 m": `\x1b[>31m\x1b[31 m`,
		"over\rwritten": `over\x0dwritten`, "\x1b[31\x1b[32mx": `\x1b[31` + "\x1b[32mx",
	} {
		if got := string(screened([]byte(text))); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// FuzzScreened: whatever a task wrote, nothing that goes to a terminal steers it, but for colors, and what is plain stays.
func FuzzScreened(f *testing.F) {
	for _, text := range []string{"", "a\n", "\x1b[31mx\x1b[0m", "\x1b[2J\x1b[", "\xff\u009b\u202e\r\n\r", "\x1b\x1b[1m"} {
		f.Add([]byte(text))
	}
	colors := regexp.MustCompile("\x1b\\[[0-9;]*m")
	f.Fuzz(func(t *testing.T, text []byte) {
		out := string(screened(text))
		if rest := colors.ReplaceAllString(out, ""); strings.IndexFunc(rest, hidden) >= 0 || !utf8.ValidString(rest) {
			t.Errorf("%q: %q", text, out)
		}
		if plain := string(text); visible(plain) == plain && out != plain {
			t.Errorf("%q was changed to %q", text, out)
		}
		in, err := json.Marshal(string(text))
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		safe := escapedJSON(in)
		if err := json.Unmarshal(in, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(safe, &after); err != nil || before != after || strings.IndexFunc(string(safe), hidden) >= 0 {
			t.Errorf("%q as JSON: %q, %v", text, safe, err)
		}
	})
}
