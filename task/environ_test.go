package task

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write makes a file in dir and returns its path.
func write(tb testing.TB, dir, name, text string, mode os.FileMode) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestEnvironment(t *testing.T) {
	needRoot(t) // who trusts files of variables only if they are root's
	dir := t.TempDir()
	file := write(t, dir, "env", "# comment\n\nA=file\nexport B = 'b c'\n; other comment\nQ=\"x\\\"y\"\nE=\n", 0o600)
	secret := write(t, dir, "PASSWORD", "s3cret\n", 0o600)
	open := write(t, dir, "OPEN", "two\nlines\n\n", 0o644)
	write(t, dir, "conf.d1", "one", 0o600)
	write(t, dir, "conf.d2", "two", 0o600)
	u := accounts(t)
	task, r := plainTask("/bin/true"), resolver(u)
	task.User, task.Timezone, r.EUID = "adm", "Europe/Paris", 0
	task.EnvironmentFile = []string{file, "-" + dir + "/absent"}
	task.Environment = []string{"A=task", "lower=Case", "LANG=de_DE.UTF-8", "C=1"}
	task.Configs = []FileVar{{Path: dir + "/conf.*"}, {Name: "C", Path: dir + "/conf.d1"}}
	task.Secrets = []FileVar{{Path: secret}, {Name: "OTHER", Path: open}}
	r.Slot, r.Origin, r.Attempt, r.Missed, r.Level = time.Date(2027, 3, 28, 0, 30, 0, 0, time.UTC), Catchup, 2, 3, "full"
	r.Extra = []string{"E=last=1"}
	j, err := task.Resolve(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"PATH=" + DefaultPath, "HOME=" + filepath.Join(filepath.Dir(u.Passwd), "adm"), "USER=adm", "LOGNAME=adm", "SHELL=/bin/sh", "LANG=de_DE.UTF-8",
		"OM_SERVICE=prod/testmd", "OM_NAMESPACE=prod", "OM_TASK=task#0", "OM_ORIGIN=catchup", "OM_ATTEMPT=2", "OM_NODE=n1", "TZ=Europe/Paris",
		"OM_SLOT=2027-03-28T00:30:00Z", "OM_SLOT_LOCAL=2027-03-28T01:30:00+01:00", "OM_CATCHUP=1", "OM_LEVEL=full", "OM_MISSED_COUNT=3",
		"A=task", "B=b c", `Q=x"y`, "E=last=1", "lower=Case", "C=one", "conf.d1=one", "conf.d2=two", "PASSWORD=s3cret", "OTHER=two\nlines\n",
		"OM_RUN_ID=" + r.RunID,
	}
	if diff := cmp.Diff(want, j.Steps[0].Command.Env); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(j.Notes) != 1 || !strings.Contains(j.Notes[0], open) {
		t.Errorf("notes %q, want one on the open secret", j.Notes)
	}
	mayShow := task.MayShow()
	for name, show := range map[string]bool{
		"PASSWORD": false, "OTHER": false, "A": false, "B": false, "nobody's": false, "C": true, "conf.d1": true, "PATH": true, "OM_NODE": true,
	} {
		if mayShow(name) != show {
			t.Errorf("MayShow()(%q) is %v", name, !show)
		}
	}
}

func TestLocale(t *testing.T) {
	s := resolution{Resolver: Resolver{Locale: "fr_FR.UTF-8"}}
	if got := s.locale(); got != "fr_FR.UTF-8" {
		t.Errorf("got %q", got)
	}
	s.Locale = ""
	if got := s.locale(); !strings.Contains(got, "UTF-8") && !strings.Contains(got, ".") {
		t.Errorf("got %q, want one of the host's or C.UTF-8", got)
	}
}

func TestEnvironmentRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		change func(*Task)
		want   string
	}{
		"a missing environment file": {func(t *Task) { t.EnvironmentFile = []string{dir + "/no"} }, `environment_file "DIR/no": no such file or directory`},
		"a line that is no setting":  {func(t *Task) { t.EnvironmentFile = []string{dir + "/bad"} }, `environment_file "DIR/bad": line 2: "what": wanted NAME=value: invalid`},
		"a missing secret":           {func(t *Task) { t.Secrets = []FileVar{{"S", dir + "/no"}} }, `variable file "DIR/no": wanted a file or a pattern that finds some`},
		"a name for several files":   {func(t *Task) { t.Configs = []FileVar{{"S", dir + "/*"}} }, `variable S: "DIR/*" finds 3 files, wanted one`},
		"a secret that is too large": {func(t *Task) { t.Secrets = []FileVar{{"S", dir + "/large"}} }, `variable file "DIR/large": more than 65536 bytes: invalid`},
		"a secret with a NUL":        {func(t *Task) { t.Secrets = []FileVar{{"S", dir + "/nul"}} }, `variable file "DIR/nul": it has a NUL, which no variable can hold`},
		"a secret that is a folder":  {func(t *Task) { t.Secrets = []FileVar{{"S", dir}} }, `variable file "DIR": is a directory`},
		"no name":                    {func(t *Task) { t.Environment = []string{"=x"} }, `environment "=x": wanted NAME=value`},
		"a blank in a name":          {func(t *Task) { t.Environment = []string{"a b=x"} }, `environment "a b=x": wanted NAME=value`},
		"a NUL in a value":           {func(t *Task) { t.Environment = []string{"a=x\x00"} }, `environment "a": a NUL can't be in it`},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, dir, "bad", "A=1\nwhat\n", 0o600)
			write(t, dir, "large", strings.Repeat("x", 65537), 0o600)
			write(t, dir, "nul", "a\x00b", 0o600)
			task := plainTask("/bin/true")
			task.Cwd = "/"
			c.change(&task)
			_, err := task.Resolve(context.Background(), resolver(&Users{}))
			if want := strings.ReplaceAll(c.want, "DIR", dir); err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
		})
	}
}

// FuzzReadEnvironment: every word that is read has a name, and a value without its quotes.
func FuzzReadEnvironment(f *testing.F) {
	for _, seed := range []string{"A=1\n", "export A='x y'\n#c\n;d\nB=\"\\\"\"\n", "=\n", "A", "A=\"", "export =x", "A='\n"} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "env")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		words, err := readEnvironment(path, readFile)
		if err != nil {
			return
		}
		if len(words) > strings.Count(text, "\n")+1 {
			t.Fatalf("%d words in %q", len(words), text)
		}
		for _, word := range words {
			if !strings.Contains(word, "=") || strings.Contains(word, "\n") && !strings.Contains(text, "\n") {
				t.Fatalf("%q in %q", word, text)
			}
		}
	})
}

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/one", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/one", "prog", "#!/bin/sh\n", 0o640)
	write(t, dir, "prog", "#!/bin/sh\necho ran\n", 0o755)
	path := "PATH=" + dir + "/none:" + dir + "/one:" + dir + ":/bin"
	for name, c := range map[string]struct {
		change func(*Task)
		path   string
		argv   []string
	}{
		"words":                  {func(t *Task) { t.Command = `/bin/echo 'a b' "c"` }, "/bin/echo", []string{"/bin/echo", "a b", "c"}},
		"the task's PATH":        {func(t *Task) { t.Command = "prog x" }, dir + "/prog", []string{"prog", "x"}},
		"from the cwd":           {func(t *Task) { t.Command, t.Cwd = "./prog", dir }, "./prog", []string{"./prog"}},
		"auto, with a shell":     {func(t *Task) { t.Command = "id -u && /bin/true" }, "/bin/sh", []string{"/bin/sh", "-c", "id -u && /bin/true"}},
		"auto, quoted":           {func(t *Task) { t.Command = "/bin/echo '&&'" }, "/bin/echo", []string{"/bin/echo", "&&"}},
		"none":                   {func(t *Task) { t.Shell, t.Command = "none", "/bin/echo a && b" }, "/bin/echo", []string{"/bin/echo", "a", "&&", "b"}},
		"sh":                     {func(t *Task) { t.Shell, t.Command = "sh", "echo $HOME" }, "/bin/sh", []string{"/bin/sh", "-c", "echo $HOME"}},
		"sh, not a list of args": {func(t *Task) { t.Shell, t.Command = "sh", "echo it's" }, "/bin/sh", []string{"/bin/sh", "-c", "echo it's"}},
		"a shell of one's own":   {func(t *Task) { t.Shell, t.Command = "/bin/bash", "echo" }, "/bin/bash", []string{"/bin/bash", "-c", "echo"}},
		"login":                  {func(t *Task) { t.Login, t.User, t.Command = true, "root", "echo $0" }, "/bin/bash", []string{"-bash", "-c", "echo $0"}},
		"login, no shell syntax": {func(t *Task) { t.Login, t.User, t.Shell, t.Command = true, "root", "none", "echo '$0'" }, "/bin/bash", []string{"-bash", "-c", "exec echo '$0'"}},
	} {
		t.Run(name, func(t *testing.T) {
			task, r := plainTask(""), resolver(accounts(t))
			task.Cwd, task.Environment, r.EUID, r.EGID = "/", []string{path}, 0, 0
			if name == "the task's PATH" {
				task.User = "plain" // who may not execute the first one
			}
			c.change(&task)
			j, err := task.Resolve(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			got := j.Steps[0].Command
			if diff := cmp.Diff(c.argv, got.Argv); got.Path != c.path || diff != "" {
				t.Errorf("path %q, want %q; argv (-want +got)\n%s", got.Path, c.path, diff)
			}
		})
	}
}

func TestLoginShellReadsProfile(t *testing.T) {
	needRoot(t)
	u := accounts(t)
	home := filepath.Join(filepath.Dir(u.Passwd), "plain")
	write(t, home, ".profile", "FROM_PROFILE=yes\n", 0o644)
	task := plainTask("echo $FROM_PROFILE $0")
	task.User, task.Login = "plain", true
	j, err := task.Resolve(context.Background(), resolver(u))
	if err != nil {
		t.Fatal(err)
	}
	j.Output = filepath.Join(t.TempDir(), "o")
	if _, out, errs := supervised(t, j); out != "yes -sh\n" {
		t.Errorf("got %q, %q", out, errs)
	}
}

func TestMayExecute(t *testing.T) {
	path := write(t, t.TempDir(), "f", "", 0o600)
	if err := os.Chown(path, 70002, 71000); err != nil {
		t.Skip("only root can give files away")
	}
	for name, c := range map[string]struct {
		mode os.FileMode
		c    Command
		want bool
	}{
		"root needs any bit":       {0o001, Command{}, true},
		"root needs a bit":         {0o666, Command{}, false},
		"the owner":                {0o100, Command{UID: 70002}, true},
		"the owner's bit counts":   {0o011, Command{UID: 70002, GID: 71000}, false},
		"the group":                {0o010, Command{UID: 1, GID: 71000}, true},
		"a further group":          {0o010, Command{UID: 1, GID: 1, Groups: []uint32{1, 71000}}, true},
		"the group's bit counts":   {0o101, Command{UID: 1, GID: 71000}, false},
		"the others":               {0o001, Command{UID: 1, GID: 1}, true},
		"the others have no right": {0o110, Command{UID: 1, GID: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.c.mayExecute(info); got != c.want {
				t.Errorf("got %v for %v", got, info.Mode())
			}
		})
	}
}

func TestResolveTimes(t *testing.T) {
	task, r := plainTask("/bin/true"), resolver(&Users{})
	task.Cwd, task.Timeout, task.StopSignal = "/", time.Hour, "INT"
	j, err := task.Resolve(context.Background(), r)
	if err != nil || j.Timeout != time.Hour || j.StopSignal != 2 {
		t.Errorf("got %s, %d, %v", j.Timeout, j.StopSignal, err)
	}
	r.Timeout = time.Second
	if j, err = task.Resolve(context.Background(), r); err != nil || j.Timeout != time.Second {
		t.Errorf("got %s, %v; want the request's", j.Timeout, err)
	}
	if got := j.Steps[0].Command.String(); got != "/bin/true" {
		t.Errorf("got %q", got)
	}
}

// TestFilesOfTheUser: where the user of a task may place a file of variables, or a link, om reads it with the rights
// of that user: who may write a folder that root's service names must not see root's files.
func TestFilesOfTheUser(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	for at := dir; at != os.TempDir(); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	secret := write(t, dir, "shadow", "SECRET=of root\n", 0o600)
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, home+"/link"); err != nil {
		t.Fatal(err)
	}
	write(t, home, "own", "A=own\n", 0o600)
	for _, path := range []string{home, home + "/link", home + "/own"} {
		if err := os.Lchown(path, 70002, 70002); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		path string
		ok   bool
	}{
		"root's own, for the user":         {secret, true},
		"the user's own":                   {home + "/own", true},
		"a link of the user to root's own": {home + "/link", false},
	} {
		for _, set := range []func(*Task){
			func(k *Task) { k.EnvironmentFile = []string{c.path} },
			func(k *Task) { k.Configs = []FileVar{{Name: "X", Path: c.path}} },
			func(k *Task) { k.Secrets = []FileVar{{Name: "X", Path: c.path}} },
		} {
			u := accounts(t)
			k, r := plainTask("/bin/true"), resolver(u)
			k.Cwd, k.User, r.EUID = "/", "adm", 0
			set(&k)
			j, err := k.Resolve(context.Background(), r)
			refused, _ := errors.AsType[*ResolveError](err)
			if c.ok && err != nil || !c.ok && (refused == nil || refused.Code != codeNotPermitted || len(j.Steps) > 0) {
				t.Errorf("%s: got %+v, %v", name, j.Steps, err)
			}
		}
	}
}
