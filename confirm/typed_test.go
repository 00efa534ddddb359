package confirm

import (
	"strings"
	"testing"
)

func TestCutReport(t *testing.T) {
	for _, c := range []struct {
		text, rest string
		found      bool
	}{
		{"", "", false},
		{"yes", "yes", false},
		{"\x1b[12;5R", "", true},
		{"y\x1b[12;5Res", "yes", true},
		{"\x1b[A\x1b[1;1Ryes", "\x1b[Ayes", true},
		{"\x1b[1;1R\x1b[2;2R", "\x1b[2;2R", true},
		{"\x1b[1;1", "\x1b[1;1", false},
		{"\x1b[x;1R", "\x1b[x;1R", false},
		{"\x1b", "\x1b", false},
	} {
		if rest, found := cutReport(c.text); rest != c.rest || found != c.found {
			t.Errorf("cutReport(%q) = %q, %v; want %q, %v", c.text, rest, found, c.rest, c.found)
		}
	}
}

func FuzzCutReport(f *testing.F) {
	f.Add("y", "es")
	f.Add("\x1b[", "R")
	f.Fuzz(func(t *testing.T, before, after string) {
		text := before + "\x1b[24;80R" + after
		rest, found := cutReport(text)
		if !found || len(rest) >= len(text) {
			t.Errorf("cutReport(%q) = %q, %v", text, rest, found)
		}
		if !strings.Contains(before, "\x1b[") && rest != before+after {
			t.Errorf("cutReport(%q) = %q, want %q", text, rest, before+after)
		}
	})
}

func TestKeyLen(t *testing.T) {
	for _, c := range []struct {
		typed string
		want  int
	}{
		{"y", 1},
		{"yes", 1},
		{"\x1b", 1},
		{"\x1bx1", 1},
		{"\x1b[D", 3},
		{"\x1bOHx", 3},
		{"\x1b[3~x", 4},
		{"\x1b[24;80Ryes\r", 8},
		{"\x1b[24;8", 6},
	} {
		if got := keyLen([]byte(c.typed)); got != c.want {
			t.Errorf("keyLen(%q) = %d, want %d", c.typed, got, c.want)
		}
	}
}

// FuzzKeyLen: the keys together are what was typed, and a report of the cursor ends its key.
func FuzzKeyLen(f *testing.F) {
	f.Add([]byte("ye\x1b[D\x1b[24;80Rs\r"))
	f.Fuzz(func(t *testing.T, typed []byte) {
		for len(typed) > 0 {
			n := keyLen(typed)
			if n < 1 || n > len(typed) {
				t.Fatalf("keyLen(%q) = %d", typed, n)
			}
			if i := strings.IndexByte(string(typed[:n]), 'R'); i >= 0 && i != n-1 && typed[1] != 'O' {
				t.Errorf("keyLen(%q) = %d, behind an R", typed, n)
			}
			typed = typed[n:]
		}
	})
}

func TestDefaultTimeout(t *testing.T) {
	if got := (Asker{}).timeout(); got.String() != "30s" {
		t.Errorf("%s, the manual says 30s", got)
	}
}
