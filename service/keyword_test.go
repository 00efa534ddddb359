package service_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"om/service"
)

// TestKeywordTable checks what parsing and the manual rely on, for every row.
func TestKeywordTable(t *testing.T) {
	sections := map[string]bool{}
	var last service.Keyword
	for _, k := range service.Keywords() {
		sections[k.Section] = true
		if k.Section == last.Section && k.Name <= last.Name {
			t.Errorf("%s: %s is behind %s", k.Section, k.Name, last.Name)
		}
		last = k
		if k.Text == "" || !strings.HasSuffix(k.Text, ".") || k.Example == "" || k.Kind.String() == "" {
			t.Errorf("%s.%s: wanted a text that ends with a full stop, an example and a kind: %+v", k.Section, k.Name, k)
		}
		if slices.Contains(k.Aliases, k.Name) {
			t.Errorf("%s.%s is an alias of itself", k.Section, k.Name)
		}
	}
	for _, s := range []string{"task", "*", "fs", "ip", "app", "DEFAULT", "subset", "node", "notify", "impersonate", "metrics"} {
		if !sections[s] {
			t.Errorf("no keyword of %s", s)
		}
	}
}

// TestExamples writes the example, each choice and each alias of every keyword into a section of its
// kind: none may have a problem.
func TestExamples(t *testing.T) {
	for _, k := range service.Keywords() {
		names := append([]string{k.Name}, k.Aliases...)
		if k.Scopable {
			names = append(names, k.Name+"@n1")
		}
		for _, name := range names {
			example(t, k, name, k.Example)
		}
		for _, choice := range k.Choices {
			example(t, k, k.Name, choice)
		}
	}
}

func example(t *testing.T, k service.Keyword, name, value string) {
	t.Helper()
	section := map[string]string{"*": "queue#1", "DEFAULT": "DEFAULT", "subset": "subset#task:a", "node": "node", "notify": "notify", "impersonate": "impersonate", "metrics": "metrics"}[k.Section]
	if section == "" {
		section = k.Section + "#x"
	}
	text := fmt.Sprintf("[%s]\n%s = %s\n", section, name, value)
	if k.Section == "task" && k.Name != "command" {
		text += "command = x\n"
	}
	if k.Name == "delivery" {
		text += "idempotent = true\n"
	}
	if k.Name == "requires_wait" {
		text += "run_requires = avail\n"
	}
	if k.Section == "*" && k.Name != "check" {
		text += "check = x\n"
	}
	text += "[fs#data]\nmnt = /\n"
	if k.Section == "node" || k.Section == "notify" || k.Section == "impersonate" || k.Section == "metrics" {
		n, err := service.ParseNode("node.conf", []byte(strings.Split(text, "[fs")[0]), "n1")
		if err != nil || len(n.Problems) > 0 {
			t.Errorf("%s: %v %v", text, err, n.Problems)
		}
		return
	}
	s := service.Parse("f", "testmd", []byte(text), service.Node{Name: "n1"})
	if len(s.Problems) > 0 || len(s.Resources) == 0 {
		t.Errorf("%s: %v", text, s.Problems)
	}
	if raw, ok := s.Raw(section, name); raw != value || !ok {
		t.Errorf("%s: %s is %q", text, name, raw)
	}
}

func TestKeywordsOf(t *testing.T) {
	for _, c := range []struct{ group, has, hasNot string }{
		{"task", "command timeout optional tags comment", "mnt nodes"},
		{"fs", "mnt dev check tags timeout", "command pid_file"},
		{"ip", "ipname ipdev", "mnt"},
		{"app", "pid_file match check retcodes", "command"},
		{"container", "check optional", "command mnt"},
		{"DEFAULT", "nodes run_schedule user timezone pre_run optional restart run_requires", "command schedule subset type"},
		{"node", "name output_budget", "allow command"},
		{"impersonate", "allow", "name"},
		{"env", "", "command comment"},
	} {
		var names []string
		for _, k := range service.KeywordsOf(c.group) {
			names = append(names, k.Name)
		}
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%s: not in order, or not once: %q", c.group, names)
		}
		for word := range strings.FieldsSeq(c.has) {
			if !slices.Contains(names, word) {
				t.Errorf("%s has no %s", c.group, word)
			}
		}
		for word := range strings.FieldsSeq(c.hasNot) {
			if slices.Contains(names, word) {
				t.Errorf("%s has %s", c.group, word)
			}
		}
	}
}

func TestKeywordAsJSON(t *testing.T) {
	i := slices.IndexFunc(service.Keywords(), func(k service.Keyword) bool { return k.Name == "run_requires" })
	got, err := json.Marshal(service.Keywords()[i])
	want := `{"name":"run_requires","aliases":["requires"],"section":"task","kind":"requirements","scopable":true,"inherit":"run_requires",`
	if err != nil || !strings.HasPrefix(string(got), want) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestEval(t *testing.T) {
	s := service.Parse("f", "testmd", []byte("[DEFAULT]\nuser = {env.u}\nrun_schedule = @1d\nnodes = n1 n2\n[env]\nu = backup\n[task#0]\ncommand = {rid} {nodename}\ncommand@n2 = {env.u}\nrun_timeout = 5\n[task#1]\ncommand = {env.nosuch}\n[odd#1]\nthing = {name}\n"), service.Node{Name: "n1"})
	for _, c := range []struct{ section, key, want string }{
		{"task#0", "command", "task#0 n1"},
		{"task#0", "command@n2", "backup"},
		{"task#0", "user", "backup"},
		{"task#0", "schedule", "@1d"},
		{"task#0", "timeout", "5"},
		{"task#0", "run_timeout", "5"},
		{"task#0", "umask", "022"},
		{"task#0", "group", ""},
		{"DEFAULT", "user", "backup"},
		{"DEFAULT", "app", "default"},
		{"env", "u", "backup"},
		{"odd#1", "thing", "testmd"},
	} {
		if got, err := s.Eval(c.section, c.key); err != nil || got != c.want {
			t.Errorf("%s.%s: got %q, %v, want %q", c.section, c.key, got, err, c.want)
		}
	}
	for _, c := range []struct{ section, key, want string }{
		{"task#1", "command", "wanted a key of [env]"},
		{"task#9", "command", `section "task#9": no such section; did you mean "task#0"?`},
		{"task#0", "comand", `did you mean "command"?`},
		{"task#0", "command@n3", "no such keyword"},
		{"env", "x", "no such keyword"},
	} {
		if got, err := s.Eval(c.section, c.key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s.%s: got %q, %v, want %q", c.section, c.key, got, err, c.want)
		}
	}
	if got := s.Keys("task#0"); !slices.Equal(got, []string{"command", "command@n2", "run_timeout"}) {
		t.Errorf("keys %q", got)
	}
	if got := s.Sections(); !slices.Equal(got, []string{"DEFAULT", "env", "task#0", "task#1", "odd#1"}) {
		t.Errorf("sections %q", got)
	}
}
