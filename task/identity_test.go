package task

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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

// accounts writes files of users and groups like those of a host, and returns a Users that reads
// them. The home of each is a directory of its own.
func accounts(t *testing.T) *Users {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	home := func(name string) string {
		h := filepath.Join(dir, name)
		if err := os.Mkdir(h, 0o755); err != nil {
			t.Fatal(err)
		}
		return h
	}
	passwd := []string{
		"root:x:0:0:root:/root:/bin/bash",
		"plain:x:70001:70001:A plain user:" + home("plain") + ":/bin/sh",
		"adm:x:70002:70002::" + home("adm") + ":/bin/sh",
		"many:x:70003:70003::" + home("many") + ":/bin/sh",
		"locked:x:70004:70004::" + home("locked") + ":/bin/sh",
		"daemon:x:70005:70005::" + home("daemon") + ":/usr/sbin/nologin",
		"homeless:x:70006:70006::" + filepath.Join(dir, "nowhere") + ":/bin/sh",
		"expired:x:70007:70007::" + home("expired") + ":/bin/sh",
		"odd:x:many:70008::/:/bin/sh",
	}
	group := []string{"root:x:0:", "plain:x:70001:", "backup:x:71000:adm,other,many", "shared:x:71001:adm", "rootish:x:71002:root"}
	for i := range 70 {
		group = append(group, fmt.Sprintf("g%d:x:%d:many", i, 72000+i))
	}
	shadow := []string{"plain:*:19000:0:99999:7:::", "locked:!$6$x:19000:0:99999:7:::", "expired:*:19000:0:99999:7::20000:"}
	u := &Users{Getent: "/nonexistent/getent", Timeout: 300 * time.Millisecond}
	for path, lines := range map[*string][]string{
		&u.Passwd: passwd, &u.Group: group, &u.Shadow: shadow, &u.Switch: {"passwd: files systemd", "group: files"},
	} {
		*path = filepath.Join(dir, fmt.Sprint("file", len(lines), lines[0][:4]))
		if err := os.WriteFile(*path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// plainTask is a task with the defaults of the keywords.
func plainTask(command string) Task {
	return Task{
		ID: ID{"prod/testmd", "task#0"}, Command: command, Shell: "auto", Umask: 0o022, StopSignal: "SIGTERM",
		StopTimeout: time.Second, Leftover: LeftoverKeep, Log: LogFile, LogHead: 1 << 20, LogTail: 1 << 20,
	}
}

// resolver is one for root's om, unless who runs the test is somebody else.
func resolver(u *Users) Resolver {
	return Resolver{
		Users: u, EUID: os.Geteuid(), EGID: os.Getegid(), Now: time.Now, RunID: newRunID(), Origin: Manual, Node: "n1", Attempt: 1, Locale: "C.UTF-8",
	}
}

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

func TestResolveRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		euid   int
		change func(*Task, *Resolver)
		code   int
		reason string
	}{
		"an unknown user":           {0, func(t *Task, _ *Resolver) { t.User = "nosuch" }, 78, `user "nosuch": not found`},
		"an unknown group":          {0, func(t *Task, _ *Resolver) { t.Group = "nosuch" }, 78, `group "nosuch": not found`},
		"an unknown extra group":    {0, func(t *Task, _ *Resolver) { t.User, t.ExtraGroups = "plain", []string{"nosuch"} }, 78, `group "nosuch": not found`},
		"a number without group":    {0, func(t *Task, _ *Resolver) { t.User = "79999" }, 78, "user 79999 has no entry among the users: wanted group and home beside it"},
		"a broken entry":            {0, func(t *Task, _ *Resolver) { t.User = "odd" }, 78, `user odd: number "many" in its entry: invalid`},
		"an expired account":        {0, func(t *Task, _ *Resolver) { t.User = "expired" }, 77, "user expired: the account has expired"},
		"whom the node forbids":     {0, func(t *Task, r *Resolver) { t.User, r.Allow = "plain", func(u User) error { return errors.New("not " + u.Name) } }, 77, "not plain"},
		"somebody else":             {70001, func(t *Task, _ *Resolver) { t.User = "adm" }, 77, "user adm: only root may run a task as somebody else, and this is plain"},
		"root":                      {70001, func(t *Task, _ *Resolver) { t.User = "root" }, 77, "user root: only root may run a task as somebody else, and this is plain"},
		"another group, not root":   {70001, func(t *Task, _ *Resolver) { t.Group = "backup" }, 77, "group backup: only root may change the group, and this process has 70001"},
		"a group that is not mine":  {70001, func(t *Task, _ *Resolver) { t.ExtraGroups = []string{"backup"} }, 77, "group backup: user plain is not in it"},
		"a missing home":            {0, func(t *Task, _ *Resolver) { t.User = "homeless" }, 78, `cwd "HOME/nowhere", the home of homeless (cwd = DIR sets another): no such file or directory`},
		"a missing cwd":             {0, func(t *Task, _ *Resolver) { t.Cwd = "/srv/nosuch" }, 78, `cwd "/srv/nosuch": no such file or directory`},
		"a cwd that is a file":      {0, func(t *Task, _ *Resolver) { t.Cwd = "/etc/passwd" }, 78, `cwd "/etc/passwd": not a directory`},
		"a relative cwd":            {0, func(t *Task, _ *Resolver) { t.Cwd = "tmp" }, 78, `cwd "tmp": wanted an absolute path`},
		"a missing command":         {0, func(t *Task, _ *Resolver) { t.Command = "/bin/nosuch x" }, 127, `"/bin/nosuch": no such file or directory`},
		"a command not in PATH":     {0, func(t *Task, _ *Resolver) { t.Command = "nosuch x" }, 127, `"nosuch": command not found in PATH ` + DefaultPath},
		"a command, own PATH":       {0, func(t *Task, _ *Resolver) { t.Command, t.Environment = "ls", []string{"PATH=/srv"} }, 127, `"ls": command not found in PATH /srv`},
		"a folder as command":       {0, func(t *Task, _ *Resolver) { t.Command = "/etc" }, 126, `"/etc": is a directory`},
		"a command without x":       {0, func(t *Task, _ *Resolver) { t.Command = "/etc/passwd" }, 126, `"/etc/passwd": user root may not execute it (mode -rw-r--r--)`},
		"an empty command":          {0, func(t *Task, _ *Resolver) { t.Command = " " }, 78, `command " ": there is no word in it`},
		"an unclosed quote":         {0, func(t *Task, _ *Resolver) { t.Command = "echo 'a" }, 78, `command: offset 5: "'a": wanted a closing single quote: invalid`},
		"a missing trigger":         {0, func(t *Task, _ *Resolver) { t.PreRun = "nosuch" }, 127, `pre_run: "nosuch": command not found in PATH ` + DefaultPath},
		"an unknown trigger user":   {0, func(t *Task, _ *Resolver) { t.TriggerUser = "nosuch" }, 78, `trigger_user: user "nosuch": not found`},
		"PAM":                       {0, func(t *Task, _ *Resolver) { t.PAM = "cron" }, 78, "pam = cron: this om is built without PAM"},
		"an unknown limit":          {0, func(t *Task, _ *Resolver) { t.Limits = []Limit{{"files", 1}} }, 78, "limit_files: wanted one of as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, sigpending, stack, vmem: invalid"},
		"an unknown signal":         {0, func(t *Task, _ *Resolver) { t.StopSignal = "SIGFOO" }, 78, "stop_signal = SIGFOO: no such signal"},
		"an unknown io class":       {0, func(t *Task, _ *Resolver) { t.IOClass = "lazy" }, 78, `io class "lazy": wanted idle, best-effort, best-effort:0 to 7, realtime or realtime:0 to 7: invalid`},
		"nice out of range":         {0, func(t *Task, _ *Resolver) { t.Nice = 20 }, 78, "nice = 20: wanted -20 to 19"},
		"a word that is no setting": {0, func(_ *Task, r *Resolver) { r.Extra = []string{"X"} }, 78, `environment "X": wanted NAME=value`},
		"the run's own mark":        {0, func(t *Task, _ *Resolver) { t.Environment = []string{"OM_RUN_ID=1"} }, 78, `environment "OM_RUN_ID": om sets it`},
		"a nologin login":           {0, func(t *Task, _ *Resolver) { t.User, t.Login = "daemon", true }, 78, "login = true: the shell of daemon is /usr/sbin/nologin"},
		"interactive, no terminal":  {0, func(t *Task, _ *Resolver) { t.Interactive = true }, 77, "task#0 is interactive: wanted a terminal on standard input"},
	} {
		t.Run(name, func(t *testing.T) {
			u := accounts(t)
			task, r := plainTask("/bin/true"), resolver(u)
			r.EUID, r.EGID, r.Groups = c.euid, c.euid, []int{c.euid}
			if c.euid != 0 || name != "a missing home" {
				task.Cwd = "/"
			}
			c.change(&task, &r)
			_, err := task.Resolve(context.Background(), r)
			var got *ResolveError
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want a ResolveError", err)
			}
			reason := strings.ReplaceAll(c.reason, "HOME", filepath.Dir(u.Passwd))
			if got.Code != c.code || got.Reason != reason {
				t.Errorf("got %d: %s\nwant %d: %s", got.Code, got.Reason, c.code, reason)
			}
		})
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

func TestTriggerUser(t *testing.T) {
	u := accounts(t)
	task, r := plainTask("/bin/true"), resolver(u)
	r.EUID, r.EGID = 0, 0
	task.User, task.TriggerUser, task.PreRun, task.OnError = "adm", "plain", "/bin/true", "/bin/true"
	j, err := task.Resolve(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range j.Steps {
		got = append(got, fmt.Sprintf("%s %s %d %s", s.Name, s.Command.User, s.Command.UID, s.Command.variable("USER")))
	}
	want := []string{"pre_run plain 70001 plain", "command adm 70002 adm", "on_error plain 70001 plain"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// fakeGetent makes a getent that is a script, and a Users that asks it.
func fakeGetent(t *testing.T, script string) *Users {
	t.Helper()
	u := accounts(t)
	u.Getent = filepath.Join(t.TempDir(), "getent")
	if err := os.WriteFile(u.Getent, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(u.Switch, []byte("passwd: files ldap\ngroup:\tfiles [!UNAVAIL=return] ldap # comment\nshadow: files ldap\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestNameService(t *testing.T) {
	u := fakeGetent(t, `shift; case "$1 $2" in
"passwd ldapuser") echo "ldapuser:x:80001:80001::/:/bin/bash";;
"initgroups ldapuser") echo "ldapuser              80010 80002";;
"initgroups adm") echo "adm 80010";;
"group ldapgroup") echo "ldapgroup:*:80010:ldapuser";;
*) exit 2;;
esac`)
	ctx := context.Background()
	got, err := u.Lookup(ctx, "ldapuser", time.Now())
	want := User{Name: "ldapuser", UID: 80001, GID: 80001, Home: "/", Shell: "/bin/bash", Groups: []uint32{80001, 80002, 80010}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if got, err := u.Lookup(ctx, "adm", time.Now()); err != nil || !slices.Equal(got.Groups, []uint32{70002, 71000, 71001, 80010}) {
		t.Errorf("groups from both: %v, %v", got.Groups, err)
	}
	if gid, err := u.GroupID(ctx, "ldapgroup"); err != nil || gid != 80010 {
		t.Errorf("group: %d, %v", gid, err)
	}
	if _, err := u.Lookup(ctx, "nobody-at-all", time.Now()); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	if !u.Member(got, "ldapgroup") || u.Member(got, "backup") {
		t.Error("Member is wrong")
	}
}

// A name service that hangs costs the time limit, is worth another try, and never means root.
func TestNameServiceHangs(t *testing.T) {
	u := fakeGetent(t, "trap '' TERM; sleep 30 & sleep 30")
	task, r := plainTask("/bin/true"), resolver(u)
	task.User, task.Cwd, r.EUID = "ldapuser", "/", 0
	start := time.Now()
	_, err := task.Resolve(context.Background(), r)
	var got *ResolveError
	if !errors.As(err, &got) || got.Code != 75 || !errors.Is(err, ErrTaken) {
		t.Fatalf("got %v, want 75", err)
	}
	if want := `user "ldapuser": no answer from the name service (ldap) within 300ms: taken`; got.Reason != want {
		t.Errorf("got %q, want %q", got.Reason, want)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if left := Processes(fmt.Sprintf("capture/%d", os.Getpid())); len(left) > 0 {
		t.Errorf("getent is left: %v", left)
	}
}

func TestUsersOfThisHost(t *testing.T) {
	u := &Users{}
	got, err := u.Lookup(context.Background(), "root", time.Now())
	if err != nil || got.UID != 0 || got.Home == "" || !slices.Contains(got.Groups, 0) {
		t.Errorf("got %+v, %v", got, err)
	}
	if name := u.Name(0); name != "root" {
		t.Errorf("got %q", name)
	}
	if name := u.Name(4_000_000_001); name != "4000000001" {
		t.Errorf("got %q", name)
	}
	if _, err := (&Users{Passwd: "/nonexistent"}).Lookup(context.Background(), "root", time.Now()); !errors.Is(err, ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want not found", err)
	}
}
