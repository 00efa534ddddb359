package cmd

import (
	"fmt"
	"slices"
	"strings"

	"om/engine"
	"om/task"
)

// rehearsal is what a dry run says of one task.
type rehearsal struct {
	Service string       `json:"service"`
	Task    string       `json:"task"`
	Run     bool         `json:"run"`
	Checks  []task.Check `json:"checks"`
	Confirm bool         `json:"confirmation"`
	Error   string       `json:"error,omitempty"`
	Steps   []stepView   `json:"steps"`
}

// stepView is one command of a task, complete.
type stepView struct {
	Step    string   `json:"step"`
	Argv    []string `json:"argv"`
	Path    string   `json:"path"`
	User    string   `json:"user"`
	UID     uint32   `json:"uid"`
	GID     uint32   `json:"gid"`
	Groups  []uint32 `json:"groups"`
	Cwd     string   `json:"cwd"`
	Umask   string   `json:"umask"`
	Limits  []string `json:"limits"`
	Timeout string   `json:"timeout"`
	Env     []string `json:"environment"`
	Notes   []string `json:"notes,omitempty"`
}

func rehearsalOf(r engine.Result) rehearsal {
	v := rehearsal{
		Service: r.Task.ID.Service, Task: r.Task.ID.RID, Run: r.Err == nil && r.Decision.Run(),
		Checks: r.Decision.Checks, Confirm: r.Task.Confirmation, Steps: []stepView{},
	}
	if r.Err != nil {
		v.Error = task.Text(r.Err)
	}
	if r.Job == nil {
		return v
	}
	for _, s := range r.Job.Steps {
		v.Steps = append(v.Steps, stepOf(s, *r.Job, r.Task))
	}
	return v
}

func stepOf(s task.Step, j task.Job, t task.Task) stepView {
	c := s.Command
	v := stepView{
		Step: s.Name, Argv: c.Argv, Path: c.Path, User: c.User, UID: c.UID, GID: c.GID, Groups: c.Groups,
		Cwd: c.Dir, Umask: fmt.Sprintf("%04o", c.Umask), Env: hideSecrets(c.Env, t), Limits: []string{}, Timeout: "none",
	}
	if j.Timeout > 0 {
		v.Timeout = j.Timeout.String()
	}
	for _, l := range c.Limits {
		v.Limits = append(v.Limits, l.String())
	}
	if s.Name == "command" {
		v.Notes = notes(t)
	}
	return v
}

// notes are what a person should know about how the command is taken.
func notes(t task.Task) []string {
	if (t.Shell == "auto" || t.Shell == "") && task.NeedsShell(t.Command) {
		return []string{"shell = auto: an unquoted && || | or ; makes it run under sh -c"}
	}
	if t.Shell != "auto" && t.Shell != "" && t.Shell != "none" {
		return nil
	}
	var out []string
	for _, h := range task.ShellHints(t.Command) {
		out = append(out, fmt.Sprintf("%s is passed on as it is: there is no shell (shell = sh gives one)", h))
	}
	return out
}

// hideSecrets keeps the values off the screen that may be secrets: what a rehearsal says is copied to others.
func hideSecrets(env []string, t task.Task) []string {
	mayShow := t.MayShow()
	out := make([]string, len(env))
	for i, word := range env {
		name, _, _ := strings.Cut(word, "=")
		if !mayShow(name) {
			word = name + "=***"
		}
		out[i] = word
	}
	return out
}

// text is the rehearsal for people.
func (v rehearsal) text() string {
	var b strings.Builder
	verdict := "would run"
	if !v.Run {
		verdict = "would not run"
	}
	fmt.Fprintf(&b, "%s/%s: %s\n", v.Service, v.Task, verdict)
	for _, c := range v.Checks {
		fmt.Fprintf(&b, "  %-6s %-12s %s\n", checkMark(c), c.Name, oneLine(c.Detail))
	}
	if v.Confirm {
		b.WriteString("  ask    confirmation a person must say yes first\n")
	}
	if v.Error != "" {
		fmt.Fprintf(&b, "  NO     %s\n", strings.ReplaceAll(v.Error, "\n", "\n         "))
	}
	for i, s := range v.Steps {
		if i > 0 && slices.Equal(s.Env, v.Steps[i-1].Env) {
			s.Env = []string{"as of " + v.Steps[0].Step}
		}
		s.print(&b)
	}
	return visible(b.String())
}

func checkMark(c task.Check) string {
	switch {
	case c.Pass:
		return "ok"
	case c.Forced:
		return "forced"
	}
	return "NO"
}

func (s stepView) print(b *strings.Builder) {
	fmt.Fprintf(b, "  %s\n", s.Step)
	fmt.Fprintf(b, "    argv     %s\n", task.Quote(s.Argv))
	fmt.Fprintf(b, "    path     %s\n", s.Path)
	fmt.Fprintf(b, "    user     %s uid=%d gid=%d groups=%v\n", s.User, s.UID, s.GID, s.Groups)
	fmt.Fprintf(b, "    cwd      %s\n", s.Cwd)
	fmt.Fprintf(b, "    umask    %s\n", s.Umask)
	fmt.Fprintf(b, "    timeout  %s\n", s.Timeout)
	for _, l := range s.Limits {
		fmt.Fprintf(b, "    limit    %s\n", l)
	}
	for _, e := range s.Env {
		fmt.Fprintf(b, "    env      %s\n", oneLine(e))
	}
	for _, n := range s.Notes {
		fmt.Fprintf(b, "    note     %s\n", n)
	}
}
