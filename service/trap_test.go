package service_test

import (
	"strings"
	"testing"

	"om/service"
)

// one parses a file with a task#0, which has the given lines.
func one(lines string) *service.Service {
	return service.Parse("t.conf", "testmd", []byte("[task#0]\n"+lines), service.Node{Name: "n1"})
}

// TestValuesStayWhole has every text that an INI parser may take for something else.
func TestValuesStayWhole(t *testing.T) {
	long := strings.Repeat("0123456789", 7000)
	for _, c := range []struct{ name, line, want string }{
		{"quoted ; and #", `sh -c "a; b # c"`, `sh -c "a; b # c"`},
		{"# in a word", `a#b`, `a#b`},
		{"; behind a blank", `a ; b`, `a ; b`},
		{"= in it", `b = c`, `b = c`},
		{": in it", `key:with = c`, `key:with = c`},
		{"quotes around", `"a b"`, `"a b"`},
		{"single quotes around", `'a b'`, `'a b'`},
		{"a quote alone", `it's`, `it's`},
		{"a backslash at the end", `C:\`, `C:\`},
		{"a percent sign", `date +%Y 50% %(x)s`, `date +%Y 50% %(x)s`},
		{"itself in percent parentheses", `%(comment)s`, `%(comment)s`},
		{"back-quotes", "`date`", "`date`"},
		{"one back-quote", "`date", "`date"},
		{"back-quotes inside", "a `date` b", "a `date` b"},
		{"triple quotes", `"""a"""`, `"""a"""`},
		{"triple quotes open", `"""a`, `"""a`},
		{"nothing but triple quotes", `"""`, `"""`},
		{"nothing", ``, ``},
		{"blanks", "  \t ", ""},
		{"blanks around", "  a b \t", "a b"},
		{"UTF-8", "日本語 ü", "日本語 ü"},
		{"a no-break space at both ends", "\u00a0a\u00a0", "\u00a0a\u00a0"},
		{"a replacement character at both ends", "\ufffda\ufffd", "\ufffda\ufffd"},
		{"70,000 bytes", long, long},
		{"brackets", "[a] ]b[", "[a] ]b["},
		{"an escape", "a\x1b[1mb", "a\x1b[1mb"},
		{"a line of it", "a\n b", "a\nb"},
		{"lines of it", "a\n    b\n      c\n\n    d", "a\nb\n  c\n\nd"},
		{"lines of it, indented by tabs", "a\n\tb\n\t\tc", "a\nb\n\tc"},
		{"lines of it, the first empty", "\n  b\n  c", "b\nc"},
		{"lines that look like syntax", "a\n  `b`\n  \"\"\"\n  [c]\n  d=e\n  f", "a\n`b`\n\"\"\"\n[c]\nd=e\nf"},
		{"a comment between its lines", "a\n# no\n  b", "a\nb"},
		{"a deeper comment", "a\n  # no\n  b", "a\nb"},
		{"a comment sign in a quotation", "a '\n  # yes\n  ;;'", "a '\n# yes\n;;'"},
		{"a quotation of several lines that ends", "a '\n  b'\n  # no\n  c", "a '\nb'\nc"},
		{"a blank line behind it", "a\n\n", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, end := range []string{"\n", "\r\n"} {
				text := strings.ReplaceAll("command = x\ncomment = "+c.line+"\numask = 022\n", "\n", end)
				s := one(text)
				if got, _ := s.Raw("task#0", "comment"); got != c.want {
					t.Errorf("line end %q: got %.100q, want %.100q", end, got, c.want)
				}
				if mask, _ := s.Raw("task#0", "umask"); mask != "022" || len(s.Tasks) != 1 {
					t.Errorf("line end %q: the keyword behind it is %q, problems %v", end, mask, s.Problems)
				}
			}
		})
	}
}

func TestKeywordsStayWhole(t *testing.T) {
	s := one("command = x\n[odd#1]\nschedule@node1 = a\nx@n{1..3} = b\nK-1.a = c\n[a.b]\nonly = here\n[a]\nalso = there\n")
	for _, c := range []struct{ section, key, want string }{
		{"odd#1", "schedule@node1", "a"},
		{"odd#1", "x@n{1..3}", "b"},
		{"odd#1", "K-1.a", "c"},
		{"a.b", "only", "here"},
		{"a", "also", "there"},
	} {
		if got, ok := s.Raw(c.section, c.key); got != c.want || !ok {
			t.Errorf("[%s] %s: got %q, %t, want %q", c.section, c.key, got, ok, c.want)
		}
	}
	for _, c := range [][2]string{{"a.b", "also"}, {"task#0", "only"}, {"nosuch", "x"}} {
		if got, ok := s.Raw(c[0], c[1]); ok {
			t.Errorf("[%s] %s: got %q, want none", c[0], c[1], got)
		}
	}
}

// TestBrokenText has what is no INI in UTF-8: a problem on its line, its section in quarantine, the
// rest at work.
func TestBrokenText(t *testing.T) {
	const after = "\n[task#1]\ncommand = y\n"
	for _, c := range []struct{ name, text, want, quarantined string }{
		{"UTF-16, little end first", "\xff\xfe[\x00t\x00", "t.conf:1: wanted UTF-8, and it is UTF-16", ""},
		{"UTF-16, big end first", "\xfe\xff\x00[", "t.conf:1: wanted UTF-8, and it is UTF-16", ""},
		{"NUL", "[task#0]\ncommand = a\x00b" + after, "t.conf:2: [task#0] \"command = a\\x00b\": wanted text, and there is a NUL", "task#0"},
		{"Latin-1", "[task#0]\ncommand = caf\xe9" + after, "t.conf:2: [task#0] \"command = caf\\xe9\": wanted UTF-8", "task#0"},
		{"Latin-1 in a line of a value", "[task#0]\ncommand = a\n  caf\xe9\n  b" + after, "t.conf:3: [task#0] \"caf\\xe9\": wanted UTF-8", "task#0"},
		{"Latin-1 in a comment", "[task#1]\ncommand = y\n# caf\xe9\n", "t.conf:3: \"# caf\\xe9\": wanted UTF-8", ""},
		{"Latin-1 in a name", "[task#\xe9]\ncommand = a" + after, "[task#\ufffd] \"[task#\\xe9]\": wanted a section's name", "task#\xe9"},
		{"no section", "command = x" + after, "t.conf:1: [DEFAULT] \"command = x\": wanted a section first", "DEFAULT task#1"},
		{"a line", "[task#0]\ncommand = x\nwhat" + after, "t.conf:3: [task#0] \"what\": wanted KEYWORD = VALUE", "task#0"},
		{"a colon", "[task#0]\ncommand: x" + after, "t.conf:2: [task#0] \"command: x\": wanted KEYWORD = VALUE; write \"command = x\"", "task#0"},
		{"no name", "[task#0]\n= x" + after, "wanted a keyword before \"=\"", "task#0"},
		{"a dash", "[task#0]\ncommand = x\n- = x" + after, "wanted a keyword without blanks or quotes", "task#0"},
		{"a quoted keyword", "[task#0]\n\"command\" = x" + after, "wanted a keyword without blanks or quotes", "task#0"},
		{"a back-quoted keyword", "[task#0]\n`command` = x" + after, "wanted a keyword without blanks or quotes", "task#0"},
		{"an open quoted keyword", "[task#0]\n\"command = x" + after, "wanted a keyword without blanks or quotes", "task#0"},
		{"an unclosed name", "[task#0\ncommand = x" + after, "wanted \"]\" at the end of a section's name", "task#0"},
		{"an empty name", "[]\ncommand = x" + after, "wanted a section's name", ""},
		{"blanks in a name", "[ task#0 ]\ncommand = x" + after, "wanted a section's name", " task#0 "},
		{"words behind a name", "[task#0] x\ncommand = x" + after, "wanted nothing behind the \"]\"", "task#0"},
		{"a section twice", "[task#0]\ncommand = x\n[task#0]\nuser = root" + after, "t.conf:3: [task#0] \"[task#0]\": wanted each section once, and it is on line 1 already", "task#0"},
		{"a keyword twice", "[task#0]\ncommand = x\ncommand = y" + after, "t.conf:3: [task#0] command: \"y\": wanted each keyword once, and it is on line 2 already", "task#0"},
		{"DEFAULT twice", "[DEFAULT]\n[DEFAULT]" + after, "wanted each section once", "DEFAULT task#1"},
		{"an indented keyword", "[task#0]\ncommand = x\n  user = nobody" + after, "t.conf:3: [task#0] command: \"user = nobody\": it is indented and so continues the value above it; begin it where command begins", "task#0"},
		{"an indented section", "[task#0]\ncommand = x\n  [task#2]" + after, "it is indented and so continues the value above it", "task#0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := service.Parse("t.conf", "testmd", []byte(c.text), service.Node{Name: "n1"})
			var all []string
			for _, p := range s.Problems {
				all = append(all, p.String())
			}
			if got := strings.Join(all, "\n"); !strings.Contains(got, c.want) {
				t.Errorf("problems:\n%s\nwant %s", got, c.want)
			}
			if got := strings.Join(s.Quarantined(), " "); strings.TrimSpace(got) != strings.TrimSpace(c.quarantined) {
				t.Errorf("quarantined %q, want %q", got, c.quarantined)
			}
			_, ok := s.Task("task#1")
			if want := !strings.Contains(c.quarantined, "task#1") && strings.Contains(c.text, "task#1"); ok != want {
				t.Errorf("task#1 at work: %t, want %t; problems:\n%s", ok, want, strings.Join(all, "\n"))
			}
		})
	}
}

func TestFilesThatAreFine(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a byte order mark", "\ufeff[task#1]\ncommand = y\n"},
		{"a byte order mark and a trap", "\ufeff[task#1]\ncommand = y\ncomment = `x`\n"},
		{"no newline at the end", "[task#1]\ncommand = y"},
		{"no newline at the end of lines", "[task#1]\ncommand = y\ncomment = a\n  b"},
		{"carriage returns", "[task#1]\r\ncommand = y\r\n"},
		{"a comment behind a name", "[task#1] # see [1]\ncommand = y\n"},
		{"blanks behind a name", "[task#1] \t\ncommand = y\n"},
		{"everything indented", "  [task#1]\n  # c\n  command = y\n  user = x\n"},
		{"comments and blank lines", "# a\n; b\n\n[task#1]\n\n# c\ncommand = y\n\n"},
		{"no blanks", "[task#1]\ncommand=y\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := service.Parse("t.conf", "testmd", []byte(c.text), service.Node{Name: "n1"})
			task, ok := s.Task("task#1")
			if !ok || task.Command != "y" || len(s.Problems) > 0 {
				t.Errorf("got %q, %t, problems %v", task.Command, ok, s.Problems)
			}
		})
	}
}

func TestEmptyFile(t *testing.T) {
	s := service.Parse("t.conf", "testmd", nil, service.Node{Name: "n1"})
	if len(s.Tasks)+len(s.Resources)+len(s.Problems)+len(s.Quarantined()) > 0 {
		t.Errorf("got %+v", s)
	}
}
