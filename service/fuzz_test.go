package service_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"om/service"
	"om/task"
)

// seed gives a fuzzer the inputs of the golden files.
func seed(f *testing.F, add func(text []byte)) {
	f.Helper()
	files, err := filepath.Glob("../testdata/service/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		add(txtar.Parse(text).Files[0].Data)
	}
}

// FuzzParse: whatever the text, Parse returns, its two readers agree on every value, every problem has a
// place, and nothing that is in quarantine is at work.
func FuzzParse(f *testing.F) {
	seed(f, func(text []byte) { f.Add(text) })
	f.Add([]byte("[task#0]\ncommand = a\nuser = `b`\ncomment = c\n  d\n[task#1]\ncommand = a\nuser = `b`\ncomment = c\n[task#2]\ncommand = a\nuser = b\ncomment = c\n  e\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		s := service.Parse("f", "testmd", text, service.Node{Name: "n1"})
		if !bytes.Equal(text, before) {
			t.Fatal("Parse changed the text")
		}
		bad := s.Quarantined()
		d := service.NewDocument(text)
		for _, section := range s.Sections() {
			for _, key := range s.Keys(section) {
				parsed, _ := s.Raw(section, key)
				if read, ok := d.Get(section, key); ok && read != parsed && !slices.Contains(bad, section) {
					t.Errorf("[%s] %s: parsed %q, read %q", section, key, parsed, read)
				}
			}
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, p := range s.Problems {
			if p.Line < 1 || p.Line > lines || p.Wanted == "" || strings.ContainsAny(p.String(), "\n\x1b\x00") {
				t.Errorf("of %d lines: %+v", lines, p)
			}
			if p.Severity == service.Error && p.Section != "" && !slices.Contains(bad, p.Section) {
				t.Errorf("not in quarantine: %v", p)
			}
		}
		for _, r := range s.Resources {
			if _, _, ok := task.SplitRID(r.RID); !ok || slices.Contains(bad, r.RID) {
				t.Errorf("at work: %q", r.RID)
			}
		}
		for _, w := range s.Tasks {
			if slices.Contains(bad, w.ID.RID) || strings.TrimSpace(w.Command) == "" || w.MaxParallel < 1 || w.StopSignal == "" {
				t.Errorf("at work: %+v", w)
			}
		}
	})
}

// FuzzSet: a value that Set takes is read back by Parse, all that was there before stays as it was, and
// Unset takes away what Set has added.
func FuzzSet(f *testing.F) {
	seed(f, func(text []byte) { f.Add(text, "task#0", "timeout", "5m") })
	f.Add([]byte("[task#0]\na = 1"), "task#0", "command", "a\n  b\n\nc")
	f.Add([]byte("a=b\r\n[DEFAULT]\r\n"), "DEFAULT", "x@n1", "`x`")
	f.Fuzz(func(t *testing.T, text []byte, section, key, value string) {
		d := service.NewDocument(text)
		old, had := d.Get(section, key)
		there := d.Has(section)
		if err := d.Set(section, key, value); err != nil {
			if !bytes.Equal(d.Bytes(), text) {
				t.Errorf("refused (%v), and %q became %q", err, text, d.Bytes())
			}
			return
		}
		got := d.Bytes()
		if read, ok := d.Get(section, key); read != value || !ok {
			t.Errorf("wrote %q, read %q, %t", value, read, ok)
		}
		s := service.Parse("f", "testmd", got, service.Node{Name: "n1"})
		if raw, _ := s.Raw(section, key); raw != value && !slices.Contains(s.Quarantined(), section) {
			t.Errorf("wrote %q, parsed %q", value, raw)
		}
		if had {
			same(t, d, text, section, key, old)
			return
		}
		if n := kept(text, got); n < len(text) {
			t.Errorf("only %d bytes of %q are kept in %q", n, text, got)
		}
		if err := d.Unset(section, key); err != nil || there && !bytes.Equal(d.Bytes(), text) {
			t.Errorf("%q: set and unset make %q, %v", text, d.Bytes(), err)
		}
	})
}

// same checks that all keywords but one have the values that they had in text, and that the old value
// can be put back.
func same(t *testing.T, d *service.Document, text []byte, section, key, old string) {
	t.Helper()
	before := service.Parse("f", "testmd", text, service.Node{})
	after := service.Parse("f", "testmd", d.Bytes(), service.Node{})
	for _, sec := range before.Sections() {
		for _, k := range before.Keys(sec) {
			was, _ := before.Raw(sec, k)
			is, _ := after.Raw(sec, k)
			if was != is && (sec != section || k != key) && !slices.Contains(before.Quarantined(), sec) {
				t.Errorf("[%s] %s was %q and is %q", sec, k, was, is)
			}
		}
	}
	if err := d.Set(section, key, old); err != nil && utf8.ValidString(old) && !strings.Contains(old, "\x00") {
		t.Errorf("putting back %q: %v", old, err)
	}
}

// kept counts how much of old is in the front and the back of new.
func kept(old, now []byte) int {
	front := 0
	for front < len(old) && front < len(now) && old[front] == now[front] {
		front++
	}
	back := 0
	for back < len(old)-front && back < len(now)-front && old[len(old)-1-back] == now[len(now)-1-back] {
		back++
	}
	return front + back
}

// FuzzReferences: references end; text without braces stays; and a value is what its parts are, unless
// a brace reaches from one into the other.
func FuzzReferences(f *testing.F) {
	for _, v := range []string{
		"{name} {env.a}", "{env.{name}}", "{{name}}", "${name}", "{env.loop}", "{#env.b} {env.b[1]}", "{upper:name}", "{1..3}", "}{", "{{{name}}}",
		"{command}", "{env.a}{env.a}", "{task#0.command}", "{x[}", "{name", "{timeout}", "{node.name}", "{env.wide}", "{{rid}.comment}", "{a.b]c}",
	} {
		f.Add(v, "{rid} b")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		const env = "[env]\na = x{name}\nb = 1 2 {env.a}\nloop = {env.pool}\npool = {env.loop}\ntestmd = t\nwide = {env.wider}{env.wider}\nwider = {name}{name}{name}\n[task#0]\ncommand = x\n"
		value := func(text string) (got string, written, ok bool) {
			d := service.NewDocument([]byte(env))
			if d.Set("task#0", "comment", text) != nil {
				return "", false, false
			}
			got, err := service.Parse("f", "testmd", d.Bytes(), service.Node{Name: "n1"}).Eval("task#0", "comment")
			return got, true, err == nil
		}
		va, _, okA := value(a)
		if !strings.Contains(a, "{") && okA && va != a {
			t.Errorf("%q became %q", a, va)
		}
		vb, _, okB := value(b)
		both, written, ok := value(a + " " + b)
		if !okA || !okB || !written || a == "" || b == "" || !balanced(a) {
			return
		}
		if want := va + " " + vb; !ok || both != want {
			t.Errorf("%q and %q: got %q, %t, want %q", a, b, both, ok, want)
		}
	})
}

// balanced reports whether every brace of text is closed, and none is closed that is not open.
func balanced(text string) bool {
	open := 0
	for _, c := range text {
		switch c {
		case '{':
			open++
		case '}':
			open--
		}
		if open < 0 {
			return false
		}
	}
	return open == 0
}
