package service_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"om/service"
	"om/task"
)

func TestNode(t *testing.T) {
	plain := service.Node{Name: "host", KeepRuns: 100, KeepDays: 90, KeepFailedDays: 365, OutputBudget: 1 << 30, WaitTimeSync: 2 * time.Minute}
	with := func(change func(*service.Node)) service.Node {
		n := plain
		change(&n)
		return n
	}
	for _, c := range []struct {
		name, text string
		want       service.Node
	}{
		{"empty", "", plain},
		{"its name", "[node]\nname = n1\n", with(func(n *service.Node) { n.Name = "n1" })},
		{"retention", "[node]\nkeep_runs = 1\nkeep_days = 2\nkeep_failed_days = 3\noutput_budget = 20G\n", with(func(n *service.Node) {
			n.KeepRuns, n.KeepDays, n.KeepFailedDays, n.OutputBudget = 1, 2, 3, 20<<30
		})},
		{"a zone", "[node]\ntimezone = Europe/Paris\n", with(func(n *service.Node) { n.Timezone = "Europe/Paris" })},
		{"nobody may be impersonated", "[impersonate]\n", with(func(n *service.Node) { n.Impersonate = &service.Impersonation{} })},
		{"some may", "[impersonate]\nallow = backup @dba\n", with(func(n *service.Node) {
			n.Impersonate = &service.Impersonation{Allow: []string{"backup", "@dba"}}
		})},
		{"labels", "[labels]\naz = fr1\n", with(func(n *service.Node) { n.Labels = map[string]string{"az": "fr1"} })},
		{"metrics", "[metrics]\ntextfile = /run/om.prom\n", with(func(n *service.Node) { n.Metrics = "/run/om.prom" })},
		{"what the scheduler reads", "[node]\nstartup_parallel = 4\nwait_time_sync = 30s\n", with(func(n *service.Node) {
			n.StartupParallel, n.WaitTimeSync = 4, 30*time.Second
		})},
		{"sections of OpenSVC", "[cluster]\nname = x\n[hook#1]\ncommand = x\n", plain},
	} {
		got, err := service.ParseNode("node.conf", []byte(c.text), "host")
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
}

func TestNodeRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[node]\nnme = x\n", `node.conf:2: [node] nme: "x": wanted a keyword of [node]; did you mean "name"?`},
		{"[node]\nkeep_runs = 0\n", "wanted a whole number from 1"},
		{"[node]\ntimezone = Mars\n", "wanted a time zone"},
		{"[impersonat]\nallow = x\n", `did you mean "impersonate"?`},
		{"[impersonate]\nallowed = x\n", `did you mean "allow"?`},
		{"[impersonate]\ndeny = x\n", "wanted a keyword of [impersonate]"},
		{"[impersonate]\nallow x\n", "wanted KEYWORD = VALUE"},
		{"[node]\nname = a\nname = b\n", "wanted each keyword once"},
		{"[node]\nkeep_runs = x\n[impersonate]\nallow x", "keep_runs: \"x\": wanted a whole number from 1 to 10000000\nnode.conf:4:"},
	} {
		if n, err := service.ParseNode("node.conf", []byte(c.text), "host"); !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %+v, %v, want %q", c.text, n, err, c.want)
		}
	}
	n, err := service.ParseNode("node.conf", []byte("[node]\nfuture_keyword = x\n[strange]\n"), "host")
	if err != nil || len(n.Problems) != 2 || n.Problems[0].Severity != service.Warning {
		t.Errorf("what is only strange: %+v, %v", n.Problems, err)
	}
}

func TestLoadNode(t *testing.T) {
	dir := folder(t, map[string]string{"x": ""})
	if n, err := service.LoadNode(dir, "host"); err != nil || n.Name != "host" || n.KeepRuns != 100 || n.Impersonate != nil {
		t.Errorf("no file: %+v, %v", n, err)
	}
	file := filepath.Join(dir, "node.conf")
	must(t, os.WriteFile(file, []byte("[node]\nname = n1\n"), 0o644))
	if n, err := service.LoadNode(dir, "host"); err != nil || n.Name != "n1" {
		t.Errorf("a file: %+v, %v", n, err)
	}
	must(t, os.Chmod(file, 0o646))
	if n, err := service.LoadNode(dir, "host"); !errors.Is(err, task.ErrPermission) {
		t.Errorf("a file that all may write: %+v, %v", n, err)
	}
}

// TestNodeInItsPlace: what stands in the place of node.conf and is none is refused at once: it may say who runs what.
func TestNodeInItsPlace(t *testing.T) {
	for name, place := range map[string]func(file string) error{
		"a pipe":            func(file string) error { return syscall.Mkfifo(file, 0o600) },
		"a folder":          func(file string) error { return os.Mkdir(file, 0o755) },
		"a link to nowhere": func(file string) error { return os.Symlink("nowhere", file) },
		"a link to itself":  func(file string) error { return os.Symlink(file, file) },
		"a device":          func(file string) error { return os.Symlink("/dev/zero", file) },
		"a gigabyte": func(file string) error {
			return errors.Join(os.WriteFile(file, nil, 0o644), os.Truncate(file, 1<<30))
		},
	} {
		dir := folder(t, map[string]string{"x": ""})
		file := filepath.Join(dir, "node.conf")
		must(t, place(file))
		if n, err := service.LoadNode(dir, "host"); err == nil || errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
}

// TestNodeInOpenFolder: a node.conf of root in a folder that another user may exchange is not root's.
func TestNodeInOpenFolder(t *testing.T) {
	needRoot(t)
	dir := folder(t, map[string]string{"etc/node.conf": "[node]\nname = n1\n"})
	must(t, os.Chmod(dir, 0o777))
	_, err := service.LoadNode(filepath.Join(dir, "etc"), "host")
	refused(t, err, "chmod o-w "+dir)
	must(t, os.Chmod(dir, 0o755))
	_, err = service.LoadNode(filepath.Join(dir, "etc"), "host")
	must(t, err)
}

// TestNodeOfTasks: what node.conf says holds where a task says nothing.
func TestNodeOfTasks(t *testing.T) {
	n, err := service.ParseNode("node.conf", []byte("[node]\nkeep_runs = 7\ntimezone = UTC\n[labels]\naz = fr1\n"), "n1")
	must(t, err)
	s := service.Parse("f", "testmd", []byte("[DEFAULT]\nnodes = az=FR1 n9\n[task#0]\ncommand = {node.name} {node.labels.az}\nkeep_days = 3\nuser = plain\nuser@nodes = listed\n[task#1]\ncommand = {node.labels.rack}\n"), n)
	got, ok := s.Task("task#0")
	if !ok || got.KeepRuns != 7 || got.KeepDays != 3 || got.Timezone != "UTC" || got.Command != "n1 fr1" || got.User != "listed" {
		t.Errorf("got %+v, problems %v", got, s.Problems)
	}
	if bad := s.Quarantined(); len(bad) != 1 || bad[0] != "task#1" {
		t.Errorf("quarantined %q", bad)
	}
}
