package service_test

import (
	"errors"
	"strings"
	"testing"

	"om/service"
	"om/task"
)

const untouched = `# head

[DEFAULT]
nodes=n1   n2
;comment
[task#0]
	user = a
command   =   /bin/true  ` + `
# between
environment = A=1
    # no
    B=2

    C=3

# about task 1
[task#1]
command: x
command = sh -c "a; b # c"
`

func TestSet(t *testing.T) {
	for _, c := range []struct{ name, section, key, value, old, new string }{
		{"a value", "task#0", "command", "/bin/false", "command   =   /bin/true  ", "command   =   /bin/false"},
		{"the same value", "task#0", "command", "/bin/true", "", ""},
		{"no blanks", "DEFAULT", "nodes", "n3", "nodes=n1   n2", "nodes=n3"},
		{"an indented keyword", "task#0", "user", "b", "\tuser = a", "\tuser = b"},
		{"lines by one", "task#0", "environment", "Z=1", "environment = A=1\n    # no\n    B=2\n\n    C=3\n", "environment = Z=1\n"},
		{"one by lines", "task#1", "command", "a\nb\n  c\n\nd", `command = sh -c "a; b # c"`, "command = a\n    b\n      c\n\n    d"},
		{"a new keyword", "task#0", "umask", "022", "    C=3\n", "    C=3\numask = 022\n"},
		{"a new keyword in the manner of the last", "DEFAULT", "app", "x", "nodes=n1   n2\n", "nodes=n1   n2\napp=x\n"},
		{"a scope", "task#1", "command@n1", "y", `# c"` + "\n", `# c"` + "\ncommand@n1 = y\n"},
		{"a new section", "task#2", "command", "y", `# c"` + "\n", `# c"` + "\n\n[task#2]\ncommand = y\n"},
		{"text that looks like INI", "task#0", "user", "`x` = \"\"\"[y]#;", "\tuser = a", "\tuser = `x` = \"\"\"[y]#;"},
		{"nothing", "task#0", "user", "", "\tuser = a", "\tuser = "},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, end := range []string{"\n", "\r\n"} {
				d := service.NewDocument([]byte(strings.ReplaceAll(untouched, "\n", end)))
				if err := d.Set(c.section, c.key, c.value); err != nil {
					t.Fatal(err)
				}
				want := strings.ReplaceAll(strings.Replace(untouched, c.old, c.new, 1), "\n", end)
				if got := string(d.Bytes()); got != want {
					t.Errorf("line end %q: got\n%s\nwant\n%s", end, got, want)
				}
				s := service.Parse("f", "testmd", d.Bytes(), service.Node{Name: "n1"})
				if got, ok := s.Raw(c.section, c.key); got != c.value || !ok {
					t.Errorf("line end %q: read back %q, %t", end, got, ok)
				}
			}
		})
	}
}

func TestSetInSmallFiles(t *testing.T) {
	for _, c := range []struct{ name, text, section, want string }{
		{"an empty file", "", "task#0", "[task#0]\nk = v\n"},
		{"an empty file, [DEFAULT]", "", "DEFAULT", "[DEFAULT]\nk = v\n"},
		{"no [DEFAULT] yet", "[task#0]\n", "DEFAULT", "[DEFAULT]\nk = v\n\n[task#0]\n"},
		{"a mark, and no [DEFAULT] yet", "\ufeff[task#0]\n", "DEFAULT", "\ufeff[DEFAULT]\nk = v\n\n[task#0]\n"},
		{"a section alone", "[task#0]", "task#0", "[task#0]\nk = v"},
		{"no newline at the end", "[task#0]\na = 1", "task#0", "[task#0]\na = 1\nk = v"},
		{"no newline at the end, another section", "[task#0]\na = 1", "task#1", "[task#0]\na = 1\n\n[task#1]\nk = v\n"},
		{"a blank line at the end", "[task#0]\na = 1\n\n", "task#1", "[task#0]\na = 1\n\n[task#1]\nk = v\n"},
		{"an empty section in the middle", "[task#0]\n\n[task#1]\n", "task#0", "[task#0]\nk = v\n\n[task#1]\n"},
		{"keywords before any section", "a = 1\n[task#1]\n", "DEFAULT", "a = 1\nk = v\n[task#1]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := service.NewDocument([]byte(c.text))
			if err := d.Set(c.section, "k", "v"); err != nil {
				t.Fatal(err)
			}
			if got := string(d.Bytes()); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err := d.Unset(c.section, "k"); err != nil {
				t.Fatal(err)
			}
			had := strings.Contains(c.text, "["+c.section+"]") || strings.HasPrefix(c.text, "a")
			if got := string(d.Bytes()); had && got != c.text {
				t.Errorf("unset makes %q of it, want %q", got, c.text)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	const text = "[task#0]\na = 1\na = 2\nb = 3\n[task#1]\n[task#1]\n"
	for _, c := range []struct{ section, key, value string }{
		{"task#0", "a", "x"},
		{"task#1", "a", "x"},
		{"task#0", "b", " x"},
		{"task#0", "b", "x\n"},
		{"task#0", "b", "x\n# y"},
		{"task#0", "b", "x\r\ny"},
		{"task#0", "b", "x\x00y"},
		{"task#0", "b", "caf\xe9"},
		{"task#0", "", "x"},
		{"task#0", "b c", "x"},
		{"task#0", "#b", "x"},
		{"task#0", "b=", "x"},
		{"task#0", "[b]", "x"},
		{"task 0", "b", "x"},
		{"a]", "b", "x"},
		{"", "b", "x"},
	} {
		d := service.NewDocument([]byte(text))
		err := d.Set(c.section, c.key, c.value)
		if !errors.Is(err, task.ErrInvalid) || string(d.Bytes()) != text {
			t.Errorf("Set(%q, %q, %q): %v, and the text is %q", c.section, c.key, c.value, err, d.Bytes())
		}
	}
}

func TestUnset(t *testing.T) {
	for _, c := range []struct{ name, section, key, gone string }{
		{"a keyword", "task#0", "user", "\tuser = a\n"},
		{"a keyword of several lines", "task#0", "environment", "environment = A=1\n    # no\n    B=2\n\n    C=3\n"},
		{"one that is not set", "task#0", "umask", ""},
		{"a section that is not there", "task#7", "umask", ""},
		{"a scope that is not set", "task#0", "user@n1", ""},
	} {
		d := service.NewDocument([]byte(untouched))
		if err := d.Unset(c.section, c.key); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got, want := string(d.Bytes()), strings.Replace(untouched, c.gone, "", 1); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

func TestDeleteSection(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"in the middle", "[a]\nx = 1\n\n[task#0]\nx = 1\n# in it\n\n# about b\n[b]\n", "[a]\nx = 1\n\n# about b\n[b]\n"},
		{"the last", "[a]\nx = 1\n[task#0]\nx = 1\n# in it\n", "[a]\nx = 1\n"},
		{"the last, without a newline", "[a]\nx = 1\n[task#0]\nx = 1", "[a]\nx = 1"},
		{"the first", "# head\n[task#0]\nx = 1\n[b]\n", "# head\n[b]\n"},
	} {
		d := service.NewDocument([]byte(c.text))
		if err := d.DeleteSection("task#0"); err != nil || string(d.Bytes()) != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.name, d.Bytes(), err, c.want)
		}
		if err := d.DeleteSection("task#0"); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("%s: again: %v", c.name, err)
		}
	}
}

func TestChanges(t *testing.T) {
	const text = "[DEFAULT]\ntags = x\n[task#0]\ntags = a b a\n[task#1]\ncommand = y\n[env]\na.b = 1\n"
	for _, c := range []struct{ change, old, new string }{
		{"task#0.tags=c", "a b a", "c"},
		{"task#0.tags+=c", "a b a", "a b a c"},
		{"task#0.tags+=a", "a b a", "a b a a"},
		{"task#0.tags|=c", "a b a", "a b a c"},
		{"task#0.tags|=a", "", ""},
		{"task#0.tags-=a", "a b a", "b"},
		{"task#0.tags-=z", "", ""},
		{"task#1.tags+=c", "command = y\n", "command = y\ntags = c\n"},
		{"task#1.command=a=b", "command = y", "command = a=b"},
		{"task#1.command@n1.x=z", "command = y\n", "command = y\ncommand@n1.x = z\n"},
		{"tags=z", "tags = x", "tags = z"},
		{"DEFAULT.tags=z", "tags = x", "tags = z"},
		{"env.a.b=2", "a.b = 1", "a.b = 2"},
		{"task#1.command=", "command = y", "command = "},
	} {
		change, err := service.ParseChange(c.change)
		if err != nil {
			t.Errorf("%s: %v", c.change, err)
			continue
		}
		d := service.NewDocument([]byte(text))
		if err := d.Apply(change); err != nil {
			t.Errorf("%s: %v", c.change, err)
		}
		if got, want := string(d.Bytes()), strings.Replace(text, c.old, c.new, 1); got != want {
			t.Errorf("%s: got %q, want %q", c.change, got, want)
		}
	}
}

func TestChangeOfGroup(t *testing.T) {
	d := service.NewDocument([]byte("[task#0]\ncommand = x\n[fs#0]\n[task#1]\ncommand = y\n"))
	change, err := service.ParseChange("task.user=nobody")
	if err == nil {
		err = d.Apply(change)
	}
	want := "[task#0]\ncommand = x\nuser = nobody\n[fs#0]\n[task#1]\ncommand = y\nuser = nobody\n"
	if got := string(d.Bytes()); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	change.Section = "app"
	if err := d.Apply(change); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("a group without sections: %v", err)
	}
}

func TestChangesThatAreNone(t *testing.T) {
	for _, text := range []string{"", "task#0.command", "=x", ".command=x", "task#0.=x", "task#0.@n1=x", "a b=x", "task 0.command=x"} {
		if c, err := service.ParseChange(text); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%q: got %+v, %v", text, c, err)
		}
	}
}
