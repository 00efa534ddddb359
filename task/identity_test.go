package task

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// probe prints all that a command can see of its own identity and surroundings.
const probe = `
grep -E '^(Uid|Gid|Groups|SigBlk|SigIgn|CapEff|CapPrm|NoNewPrivs|Umask):' /proc/self/status
echo "Cwd: $(pwd -P)"
echo "Nofile: $(ulimit -Sn) $(ulimit -Hn)"
echo "Fds: $(ls /proc/self/fd | tr '\n' ' ')"
echo "Session: $(cut -d' ' -f5,6 /proc/$$/stat) $$"
env | sed 's/^/Env: /'
`

// facts runs the probe as t says and returns what it printed, by name; Env has one entry a variable.
func facts(t *testing.T, task Task, r Resolver) map[string][]string {
	t.Helper()
	j, err := task.Resolve(context.Background(), r)
	if err != nil {
		t.Fatalf("resolve: %v", err)
	}
	j.Output = filepath.Join(t.TempDir(), "output")
	o, out, errs := supervised(t, j)
	if o.State != Complete || errs != "" {
		t.Fatalf("probe: %s, %q", o.Summary(), errs)
	}
	all := map[string][]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		all[name] = append(all[name], strings.Join(strings.Fields(value), " "))
	}
	return all
}

func TestIdentity(t *testing.T) {
	needRoot(t)
	many := "70003 71000"
	for i := range 70 {
		many += " " + strconv.Itoa(72000+i)
	}
	for name, c := range map[string]struct {
		change      func(*Task)
		uid, groups string
		home, user  string
	}{
		"no further group":       {func(t *Task) { t.User = "plain" }, "70001", "70001", "plain", "plain"},
		"by number":              {func(t *Task) { t.User = "70001" }, "70001", "70001", "plain", "plain"},
		"two further groups":     {func(t *Task) { t.User = "adm" }, "70002", "70002 71000 71001", "adm", "adm"},
		"seventy further groups": {func(t *Task) { t.User = "many" }, "70003", many, "many", "many"},
		"locked password":        {func(t *Task) { t.User = "locked" }, "70004", "70004", "locked", "locked"},
		"nologin shell":          {func(t *Task) { t.User = "daemon" }, "70005", "70005", "daemon", "daemon"},
		"another group":          {func(t *Task) { t.User, t.Group = "adm", "plain" }, "70002", "70001 71000 71001", "adm", "adm"},
		"extra groups":           {func(t *Task) { t.User, t.ExtraGroups = "plain", []string{"backup", "72005"} }, "70001", "70001 71000 72005", "plain", "plain"},
		"no passwd entry":        {func(t *Task) { t.User, t.Group, t.Home = "79999", "79998", "/" }, "79999", "79998", "", "79999"},
		"a missing home":         {func(t *Task) { t.User, t.Cwd = "homeless", "/" }, "70006", "70006", "nowhere", "homeless"},
	} {
		t.Run(name, func(t *testing.T) {
			u := accounts(t)
			task := plainTask(probe)
			task.Shell = "sh"
			task.Limits = []Limit{{"nofile", 100}}
			c.change(&task)
			got := facts(t, task, resolver(u))
			home := filepath.Join(filepath.Dir(u.Passwd), c.home)
			cwd := home
			if task.Home != "" {
				home, cwd = task.Home, task.Home
			}
			if task.Cwd != "" {
				cwd = task.Cwd
			}
			gid := strings.Fields(c.groups)[0]
			if task.Group == "plain" {
				gid = "70001"
			}
			want := map[string]string{
				"Uid": strings.Join(slices.Repeat([]string{c.uid}, 4), " "), "Gid": strings.Join(slices.Repeat([]string{gid}, 4), " "), "Groups": c.groups,
				"SigBlk": "0000000000000000", "SigIgn": "0000000000000000", "CapEff": "0000000000000000", "CapPrm": "0000000000000000",
				"NoNewPrivs": "0", "Umask": "0022", "Cwd": cwd, "Nofile": "100 100", "Fds": "0 1 2 3",
			}
			for name, value := range want {
				if diff := cmp.Diff([]string{value}, got[name]); diff != "" {
					t.Errorf("%s (-want +got)\n%s", name, diff)
				}
			}
			for _, word := range []string{"HOME=" + home, "USER=" + c.user, "LOGNAME=" + c.user} {
				if !slices.Contains(got["Env"], word) {
					t.Errorf("no %s in the environment %q", word, got["Env"])
				}
			}
			if f := strings.Fields(got["Session"][0]); f[0] != f[1] || f[1] != f[2] {
				t.Errorf("group, session and pid are %v, want a session of its own", f)
			}
		})
	}
}

// Nothing of the user who starts om is handed on: groups, descriptors, signals, environment.
func TestNothingIsInherited(t *testing.T) {
	leak, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	t.Setenv("OM_TEST_LEAK", "1")
	task := plainTask(probe)
	task.Shell, task.Cwd = "sh", "/"
	r := resolver(&Users{})
	got := facts(t, task, r)
	if diff := cmp.Diff([]string{"0 1 2 3"}, got["Fds"]); diff != "" { // 3 is that of ls
		t.Errorf("descriptors (-want +got)\n%s", diff)
	}
	var names []string
	for _, word := range got["Env"] {
		name, _, _ := strings.Cut(word, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	want := strings.Fields("HOME LANG LOGNAME OM_ATTEMPT OM_NAMESPACE OM_NODE OM_ORIGIN OM_RUN_ID OM_SERVICE OM_TASK PATH PWD SHELL USER")
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("environment (-want +got)\n%s", diff)
	}
}

// The soft limit of open files is the one that om was started with, not the one that the Go runtime
// raises it to.
func TestSoftLimitIsRestored(t *testing.T) {
	j := shell(t, "exec /bin/sh -c 'ulimit -Sn 64; exec "+os.Args[0]+"'")
	j.Steps[0].Command.Env = append(j.Steps[0].Command.Env, "OM_TEST_SUPERVISE=ulimit -Sn", "OM_TEST_RUN=r2", "OM_TEST_OUTPUT="+j.Output+"2")
	supervised(t, j)
	if out, _, _ := outputOf(t, j.Output+"2"); out != "64\n" {
		t.Errorf("got %q, want 64", out)
	}
}

// A command that has become somebody else can't go back.
func TestRootIsGone(t *testing.T) {
	needRoot(t)
	task := plainTask(`python3 -c '
import os
for f in (lambda: os.setuid(0), lambda: os.setresuid(-1, 0, -1), lambda: os.setgid(0), lambda: os.setgroups([0])):
    try:
        f()
        print("got it")
    except PermissionError:
        print("refused")
print(os.getresuid(), os.getresgid(), os.getgroups())
'`)
	task.Shell, task.User, task.Cwd = "sh", "plain", "/"
	task.Environment = []string{"PATH=" + os.Getenv("PATH") + ":" + DefaultPath}
	j, err := task.Resolve(context.Background(), resolver(accounts(t)))
	if err != nil {
		t.Fatal(err)
	}
	j.Output = filepath.Join(t.TempDir(), "o")
	_, out, errs := supervised(t, j)
	want := "refused\nrefused\nrefused\nrefused\n(70001, 70001, 70001) (70001, 70001, 70001) [70001]\n"
	if out != want {
		t.Errorf("got %q %q, want %q", out, errs, want)
	}
}

// A normal user runs as itself, with the groups that the process has.
func TestNormalUserIsItself(t *testing.T) {
	u := accounts(t)
	for name, change := range map[string]func(*Task){
		"unnamed":           func(*Task) {},
		"by name":           func(t *Task) { t.User = "adm" },
		"by number":         func(t *Task) { t.User = "70002" },
		"with its group":    func(t *Task) { t.Group = "70002" },
		"and what it is in": func(t *Task) { t.ExtraGroups = []string{"backup"} },
	} {
		t.Run(name, func(t *testing.T) {
			task, r := plainTask("/bin/true"), resolver(u)
			r.EUID, r.EGID, r.Groups = 70002, 70002, []int{71000, 70002}
			change(&task)
			j, err := task.Resolve(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			c := j.Steps[0].Command
			if c.Impersonate || c.UID != 70002 || c.GID != 70002 || !slices.Equal(c.Groups, []uint32{70002, 71000}) || c.User != "adm" {
				t.Errorf("got %+v", c)
			}
		})
	}
}
