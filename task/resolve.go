package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// DefaultPath is the PATH of a command whose task does not set one.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Resolver has what resolving a task needs from outside.
type Resolver struct {
	Users      *Users
	EUID, EGID int   // of this process
	Groups     []int // of this process, for display
	// Allow is the node's policy on whom root's om may run as; nil allows anyone. It is asked about
	// everybody whom a task names, root too.
	Allow func(User) error
	// Now reads the clock. It is required.
	Now func() time.Time

	RunID   string
	Slot    time.Time      // the scheduled instant; zero for a manual run
	Host    *time.Location // the zone of the host, for tasks that name none; nil is time.Local
	Attempt int
	Origin  Origin
	Missed  int    // slots that went by unrun before this one
	Level   string // the action of the slot's day in a NetWorker calendar; "" in other schedules
	// Extra has "NAME=value" words that come last in the environment.
	Extra []string
	// Timeout replaces the task's own; 0 keeps it.
	Timeout time.Duration
	// Namespace is the service's; "" is taken from its path, "root" where that has none.
	Namespace string
	Node      string
	// Locale is the value of LANG; "" is that of the host's locale configuration, else C.UTF-8.
	Locale string

	// Interactive gives the command the terminal, as the keyword does; Live.Stdin must be one.
	Interactive bool
	Live        Live
}

// Resolve completes the task into a job in which nothing is left to look up: who runs it, with which
// groups, environment, limits, directory and program. The error is a *ResolveError.
func (t Task) Resolve(ctx context.Context, r Resolver) (Job, error) {
	if r.Now == nil || r.Users == nil {
		return Job{}, resolveError(codeInternal, "%s: Resolver lacks Now or Users", t.ID)
	}
	j := Job{
		ID: t.ID, RunID: r.RunID, Origin: r.Origin, Slot: r.Slot, Now: r.Now,
		Timeout: cmp.Or(r.Timeout, t.Timeout), StopTimeout: t.StopTimeout, StopSignal: SignalNumber(cmp.Or(t.StopSignal, "SIGTERM")),
		Leftover: t.Leftover, RetCodes: t.RetCodes, Log: t.Log, Head: t.LogHead, Tail: t.LogTail,
		Interactive: t.Interactive || r.Interactive,
	}
	s := resolution{Task: t, Resolver: r, ctx: ctx, job: &j}
	if err := s.settings(); err != nil {
		return j, asResolveError(err)
	}
	if err := s.steps(); err != nil {
		return j, asResolveError(err)
	}
	return j, nil
}

// resolution is one call of Resolve.
type resolution struct {
	Task
	Resolver
	ctx  context.Context
	job  *Job
	vars []string // the task's own part of the environment, the same for each step
}

// settings checks what is the same for each step.
func (s *resolution) settings() error {
	if s.PAM != "" {
		return setting("pam = %s: this om is built without PAM", s.PAM)
	}
	if s.job.StopSignal == 0 {
		return setting("stop_signal = %s: no such signal", s.StopSignal)
	}
	if s.job.Interactive && !isTerminal(s.Live.Stdin) {
		return notPermitted("%s is interactive: wanted a terminal on standard input", s.ID.RID)
	}
	if err := checkLimits(s.Limits); err != nil {
		return err
	}
	if _, err := ioPriority(s.IOClass); err != nil {
		return err
	}
	if s.Nice < -20 || s.Nice > 19 {
		return setting("nice = %d: wanted -20 to 19", s.Nice)
	}
	return nil
}

// steps resolves the command and the triggers, in the order in which they run.
func (s *resolution) steps() error {
	who, err := s.identity(account{s.User, s.Group, s.ExtraGroups, s.Home})
	if err != nil {
		return err
	}
	s.job.User = who.user.Name
	if s.vars, err = s.ownVariables(who.user); err != nil {
		return err
	}
	trigger := who
	if s.TriggerUser != "" && s.TriggerUser != s.User {
		if trigger, err = s.identity(account{name: s.TriggerUser}); err != nil {
			return within("trigger_user", err)
		}
	}
	for _, step := range []struct {
		name, text string
		who        identity
	}{
		{"pre_run", s.PreRun, trigger},
		{"blocking_pre_run", s.BlockingPreRun, trigger},
		{stepCommand, s.Command, who},
		{"post_run", s.PostRun, trigger},
		{"blocking_post_run", s.BlockingPostRun, trigger},
		{stepOnError, s.OnError, trigger},
	} {
		err := s.step(step.name, step.text, step.who)
		if err != nil && optionalStep(step.name) {
			s.job.Notes = append(s.job.Notes, fmt.Sprintf("left out: %v", asResolveError(err)))
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// optionalStep reports whether the run goes on without a step: a trigger whose failure changes nothing
// must not keep the command from running because its program is gone.
func optionalStep(name string) bool {
	return name == "pre_run" || name == "post_run" || name == stepOnError
}

func (s *resolution) step(name, text string, who identity) error {
	if text == "" && name != stepCommand {
		return nil
	}
	c, err := s.command(text, who)
	if err != nil && name != stepCommand {
		return within(name, err)
	}
	if err != nil {
		return err
	}
	blocking := name == stepCommand || name == "blocking_pre_run" || name == "blocking_post_run"
	s.job.Steps = append(s.job.Steps, Step{Name: name, Blocking: blocking, Command: c})
	return nil
}

// command completes one command line, to be run as who.
func (s *resolution) command(text string, who identity) (Command, error) {
	c := Command{
		User: who.user.Name, UID: who.user.UID, GID: who.user.GID, Groups: who.user.Groups, Impersonate: who.impersonate,
		Dir: cmp.Or(s.Cwd, who.user.Home), Umask: s.Umask, Limits: s.Limits, Nice: s.Nice, IOClass: s.IOClass,
		OOMScoreAdjust: s.OOMScoreAdjust, HasOOMScore: s.HasOOMScore, NoNewPrivs: s.NoNewPrivs,
		Env: s.environment(who.user),
	}
	if err := s.directory(c.Dir, who.user); err != nil {
		return c, err
	}
	if err := s.program(&c, text, who.user); err != nil {
		return c, err
	}
	return c, nil
}

// directory refuses a working directory that is not there; whether the user may enter it is seen
// at the start, as the user.
func (s *resolution) directory(dir string, u User) error {
	what := fmt.Sprintf("cwd %q", dir)
	if s.Cwd == "" {
		what += fmt.Sprintf(", the home of %s (cwd = DIR sets another)", u.Name)
	}
	if !filepath.IsAbs(dir) {
		return setting("%s: wanted an absolute path", what)
	}
	info, err := os.Stat(dir)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return setting("%s: %s", what, cause(err))
	}
	if err == nil && !info.IsDir() {
		return setting("%s: not a directory", what)
	}
	return nil
}

// program sets the path and the arguments of c from its text, by the keyword shell.
func (s *resolution) program(c *Command, text string, u User) error {
	shell := cmp.Or(s.Shell, "auto")
	words, err := Split(text)
	switch {
	case s.Login:
		return s.loginShell(c, text, u)
	case shell == "auto" && NeedsShell(text), shell == "sh":
		c.Argv = []string{"/bin/sh", "-c", text}
	case shell != "auto" && shell != "none":
		c.Argv = []string{shell, "-c", text}
	case err != nil:
		return setting("%q: %s", text, err)
	case len(words) == 0:
		return setting("%q: there is no word in it", text)
	default:
		c.Argv = words
	}
	c.Path, err = lookup(c.Argv[0], c)
	return err
}

// loginShell runs text through the login shell of the user, which reads the profile files: a '-'
// before its name tells it so.
func (s *resolution) loginShell(c *Command, text string, u User) error {
	shell := cmp.Or(u.Shell, "/bin/sh")
	if base := filepath.Base(shell); base == "nologin" || base == "false" {
		return setting("login = true: the shell of %s is %s", u.Name, shell)
	}
	if s.Shell == "none" {
		words, err := Split(text)
		if err != nil {
			return setting("%q: %s", text, err)
		}
		text = "exec " + Quote(words)
	}
	c.Argv = []string{"-" + filepath.Base(shell), "-c", text}
	var err error
	c.Path, err = lookup(shell, c)
	return err
}

// cause strips the operation and the path off a file error: they are in the message already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
