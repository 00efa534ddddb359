package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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

func TestResolveRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		euid   int
		change func(*Task, *Resolver)
		code   int
		reason string
	}{
		"an unknown user":        {0, func(t *Task, _ *Resolver) { t.User = "nosuch" }, 78, `user "nosuch": not found`},
		"an unknown group":       {0, func(t *Task, _ *Resolver) { t.Group = "nosuch" }, 78, `group "nosuch": not found`},
		"an unknown extra group": {0, func(t *Task, _ *Resolver) { t.User, t.ExtraGroups = "plain", []string{"nosuch"} }, 78, `group "nosuch": not found`},
		"a number without group": {0, func(t *Task, _ *Resolver) { t.User = "79999" }, 78, "user 79999 has no entry among the users: wanted group and home beside it"},
		"a broken entry":         {0, func(t *Task, _ *Resolver) { t.User = "odd" }, 78, `user odd: number "many" in its entry: invalid`},
		"an expired account":     {0, func(t *Task, _ *Resolver) { t.User = "expired" }, 77, "user expired: the account has expired"},
		"whom the node forbids": {0, func(t *Task, r *Resolver) {
			t.User, r.Allow = "plain", func(u User) error { return errors.New("not " + u.Name) }
		}, 77, "not plain"},
		"somebody else":             {70001, func(t *Task, _ *Resolver) { t.User = "adm" }, 77, "user adm: only root may run a task as somebody else, and this is plain"},
		"root":                      {70001, func(t *Task, _ *Resolver) { t.User = "root" }, 77, "user root: only root may run a task as somebody else, and this is plain"},
		"another group, not root":   {70001, func(t *Task, _ *Resolver) { t.Group = "backup" }, 77, "group backup: only root may change the group, and this process has 70001"},
		"a group that is not mine":  {70001, func(t *Task, _ *Resolver) { t.ExtraGroups = []string{"backup"} }, 77, "group backup: user plain is not in it"},
		"a missing home":            {0, func(t *Task, _ *Resolver) { t.User = "homeless" }, 78, `cwd "HOME/nowhere", the home of homeless (cwd = DIR sets another): no such file or directory`},
		"a missing cwd":             {0, func(t *Task, _ *Resolver) { t.Cwd = "/srv/nosuch" }, 78, `cwd "/srv/nosuch": no such file or directory`},
		"a cwd that is a file":      {0, func(t *Task, _ *Resolver) { t.Cwd = "/etc/passwd" }, 78, `cwd "/etc/passwd": not a directory`},
		"a relative cwd":            {0, func(t *Task, _ *Resolver) { t.Cwd = "tmp" }, 78, `cwd "tmp": wanted an absolute path`},
		"a missing command":         {0, func(t *Task, _ *Resolver) { t.Command = "/bin/nosuch x" }, 127, `"/bin/nosuch": no such file or directory`},
		"a command with no name":    {0, func(t *Task, _ *Resolver) { t.Command = `"" x` }, 127, `"": wanted the name of a program`},
		"a command not in PATH":     {0, func(t *Task, _ *Resolver) { t.Command = "nosuch x" }, 127, `"nosuch": command not found in PATH ` + DefaultPath},
		"a command, own PATH":       {0, func(t *Task, _ *Resolver) { t.Command, t.Environment = "ls", []string{"PATH=/srv"} }, 127, `"ls": command not found in PATH /srv`},
		"a folder as command":       {0, func(t *Task, _ *Resolver) { t.Command = "/etc" }, 126, `"/etc": is a directory`},
		"a command without x":       {0, func(t *Task, _ *Resolver) { t.Command = "/etc/passwd" }, 126, `"/etc/passwd": user root may not execute it (mode -rw-r--r--)`},
		"an empty command":          {0, func(t *Task, _ *Resolver) { t.Command = " " }, 78, `" ": there is no word in it`},
		"an unclosed quote":         {0, func(t *Task, _ *Resolver) { t.Command = "echo 'a" }, 78, `"echo 'a": offset 5: "'a": wanted a closing single quote: invalid`},
		"a missing trigger":         {0, func(t *Task, _ *Resolver) { t.BlockingPreRun = "nosuch" }, 127, `blocking_pre_run: "nosuch": command not found in PATH ` + DefaultPath},
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

// A trigger whose failure would change nothing does not keep the command from running.
func TestMissingTriggerIsLeftOut(t *testing.T) {
	task := plainTask("/bin/true")
	task.Cwd, task.PreRun, task.OnError = "/", "nosuch", "/bin/echo 'unclosed"
	j, err := task.Resolve(context.Background(), resolver(&Users{}))
	if err != nil || len(j.Steps) != 1 || j.Steps[0].Name != stepCommand {
		t.Errorf("got %+v, %v; want the command alone", j.Steps, err)
	}
	want := []string{
		`left out: pre_run: "nosuch": command not found in PATH ` + DefaultPath,
		`left out: on_error: "/bin/echo 'unclosed": offset 10: "'unclosed": wanted a closing single quote: invalid`,
	}
	if diff := cmp.Diff(want, j.Notes); diff != "" {
		t.Errorf("notes (-want +got)\n%s", diff)
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
