package task

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		codes   map[int]Status
		state   RunState
		code    int
		signal  string
		summary string
	}{
		"success":                   {"exit 0", nil, Complete, 0, "", "complete"},
		"failure":                   {"exit 1", nil, Failed, 1, "", "error: exit code 1"},
		"not listed":                {"exit 42", nil, Failed, 42, "", "error: exit code 42"},
		"listed as up":              {"exit 3", map[int]Status{0: Up, 3: Up}, Complete, 3, "", "complete: exit code 3"},
		"listed as warn":            {"exit 3", map[int]Status{0: Up, 3: Warn}, Complete, 3, "", "complete: exit code 3"},
		"listed as down":            {"exit 3", map[int]Status{0: Up, 3: Down}, Failed, 3, "", "error: exit code 3"},
		"zero is not listed":        {"exit 0", map[int]Status{3: Up}, Failed, 0, "", "error"},
		"a signal that om sent not": {"kill -SEGV $$", nil, Killed, 0, "SIGSEGV", "killed by SIGSEGV"},
		"the shell's 128 + n":       {"sh -c 'kill -9 $$'; exit $?", nil, Failed, 137, "", "error: exit code 137"},
	} {
		t.Run(name, func(t *testing.T) {
			j := shell(t, c.script)
			j.RetCodes = c.codes
			o, _, _ := supervised(t, j)
			if o.State != c.state || o.ExitCode != c.code || o.Signal != c.signal || o.Summary() != c.summary {
				t.Errorf("got %s %d %q, %q", o.State, o.ExitCode, o.Signal, o.Summary())
			}
			if o.RunID != j.RunID || o.StartedAt.IsZero() || o.EndedAt.Before(o.StartedAt) || o.CPU <= 0 {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// step is a trigger or the command of a test: name and script.
type step struct{ name, script string }

func TestSteps(t *testing.T) {
	say := func(name string, code int) step {
		return step{name, fmt.Sprintf("echo %s; exit %d", name, code)}
	}
	for name, c := range map[string]struct {
		steps   []step
		said    string
		summary string
		code    int
		notes   []string
	}{
		"all succeed": {
			[]step{say("pre_run", 0), say("blocking_pre_run", 0), say("command", 0), say("post_run", 0), say("blocking_post_run", 0), say("on_error", 0)},
			"pre_run blocking_pre_run command post_run blocking_post_run", "complete", 0, nil,
		},
		"a trigger fails that does not matter": {
			[]step{say("pre_run", 3), say("command", 0), say("post_run", 4)},
			"pre_run command post_run", "complete", 0,
			[]string{"pre_run: error: exit code 3, ignored", "post_run: error: exit code 4, ignored"},
		},
		"a trigger before it fails that matters": {
			[]step{say("blocking_pre_run", 3), say("command", 0), say("post_run", 0), say("on_error", 0)},
			"blocking_pre_run on_error", "error: blocking_pre_run: error: exit code 3", 3, nil,
		},
		"a trigger after it fails that matters": {
			[]step{say("command", 0), say("post_run", 0), say("blocking_post_run", 9), say("on_error", 0)},
			"command post_run blocking_post_run on_error", "error: blocking_post_run: error: exit code 9", 9, nil,
		},
		"the command fails": {
			[]step{say("pre_run", 0), say("command", 5), say("post_run", 0), say("blocking_post_run", 0), say("on_error", 0)},
			"pre_run command on_error", "error: exit code 5", 5, nil,
		},
		"on_error fails too": {
			[]step{say("command", 5), say("on_error", 6)},
			"command on_error", "error: exit code 5", 5,
			[]string{"on_error: error: exit code 6, ignored"},
		},
		"the command is killed": {
			[]step{{"command", "kill -9 $$"}, say("post_run", 0), say("on_error", 0)},
			"on_error", "killed by SIGKILL", 137, nil,
		},
		"a trigger takes too long": {
			[]step{{"pre_run", "echo pre_run; exec sleep 60"}, say("command", 0)},
			"pre_run command", "complete", 0,
			[]string{"pre_run: timeout: time limit of 300ms, ignored"},
		},
		"a trigger that matters takes too long": {
			[]step{{"blocking_pre_run", "exec sleep 60"}, say("command", 0), say("on_error", 0)},
			"on_error", "timeout: blocking_pre_run: timeout: time limit of 300ms", 124, nil,
		},
		"the command takes too long": {
			[]step{{"command", "exec sleep 60"}, say("post_run", 0), say("on_error", 0)},
			"on_error", "timeout: time limit of 300ms", 124, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := shell(t, "")
			j.Steps, j.Timeout = nil, 300*time.Millisecond
			for _, s := range c.steps {
				j.addStep(s.name, s.script)
			}
			o, out, _ := supervised(t, j)
			if said := strings.Join(strings.Fields(out), " "); said != c.said {
				t.Errorf("ran %q, want %q", said, c.said)
			}
			if o.Summary() != c.summary || o.Code() != c.code {
				t.Errorf("got %q, %d; want %q, %d", o.Summary(), o.Code(), c.summary, c.code)
			}
			if diff := cmp.Diff(c.notes, o.Notes); diff != "" {
				t.Errorf("notes (-want +got)\n%s", diff)
			}
		})
	}
}
