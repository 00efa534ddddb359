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
	"golang.org/x/sys/unix"
)

// What can't be started is told as the step that failed, and a shell's exit code.
func TestStartFails(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/nonexistent/python\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("just text"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Command)
		code   int
		reason string
	}{
		"a missing cwd":         {func(c *Command) { c.Dir = "/srv/x" }, 78, `cwd "/srv/x": no such file or directory`},
		"a missing command":     {func(c *Command) { c.Path = "/bin/nosuch" }, 127, `"/bin/nosuch": no such file or directory`},
		"a missing interpreter": {func(c *Command) { c.Path = script }, 127, `"` + script + `": the interpreter it names: no such file or directory`},
		"not a program":         {func(c *Command) { c.Path = text }, 126, `"` + text + `": exec format error`},
		"no execute permission": {func(c *Command) { c.Path = "/etc/passwd" }, 126, `"/etc/passwd": permission denied`},
		"a NUL in an argument":  {func(c *Command) { c.Argv = []string{"a\x00b"} }, 126, `"/bin/sh": "a\x00b" has a NUL in it: invalid`},
	} {
		t.Run(name, func(t *testing.T) {
			j := shell(t, "true")
			c.change(&j.Steps[0].Command)
			j.addStep(stepOnError, "echo told")
			o, out, _ := supervised(t, j)
			if o.State != Failed || o.ExitCode != c.code || o.Reason != c.reason {
				t.Errorf("got %s %d: %s\nwant error %d: %s", o.State, o.ExitCode, o.Reason, c.code, c.reason)
			}
			if out != "told\n" {
				t.Errorf("on_error: %q", out)
			}
		})
	}
}

func TestStartFailsForRoot(t *testing.T) {
	needRoot(t)
	var nofile unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &nofile); err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Command)
		code   int
		reason string
	}{
		"a cwd that is closed to the user": {func(c *Command) {
			c.Dir, c.Impersonate, c.UID, c.GID, c.Groups = private, true, 70001, 70001, []uint32{70001}
		}, 78, fmt.Sprintf("cwd %q: permission denied", private)},
		"groups that are not sorted":   {func(c *Command) { c.Impersonate, c.UID, c.GID, c.Groups = true, 70001, 70001, []uint32{9, 3} }, 77, "user tester: the identity taken on is not the one asked for: operation not permitted"},
		"an identity that is not ours": {func(c *Command) { c.UID = 70001 }, 77, "user tester: the identity taken on is not the one asked for: operation not permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			j := shell(t, "echo ran")
			c.change(&j.Steps[0].Command)
			o, out, _ := supervised(t, j)
			if o.State != Failed || o.ExitCode != c.code || o.Reason != c.reason || out != "" {
				t.Errorf("got %s %d: %s, %q\nwant error %d: %s", o.State, o.ExitCode, o.Reason, out, c.code, c.reason)
			}
		})
	}
}

// Raising a hard limit needs a capability that root has only outside of most containers.
func TestLimitAboveTheHardOne(t *testing.T) {
	j := shell(t, "ulimit -Sn 40; ulimit -Hn 50; exec "+os.Args[0])
	env := &j.Steps[0].Command.Env
	*env = append(*env, "OM_TEST_SUPERVISE=echo ran", "OM_TEST_LIMIT=60", "OM_TEST_RUN=inner", "OM_TEST_OUTPUT="+j.Output+"2")
	_, out, _ := supervised(t, j)
	want := "limit_nofile=60 is above the hard limit 50: operation not permitted"
	if ran, _, _ := outputOf(t, j.Output+"2"); ran == "ran\n" {
		t.Skip("this process may raise hard limits")
	}
	if !strings.Contains(out, want) {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestSurroundings(t *testing.T) {
	task := plainTask(`echo "umask $(umask)"; ulimit -Sc; ulimit -Hc; ulimit -n; ulimit -St; nice; ionice; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status`)
	task.Cwd, task.Umask, task.Nice, task.IOClass = "/", 0o027, 5, "best-effort:6"
	task.OOMScoreAdjust, task.HasOOMScore, task.NoNewPrivs = 321, true, true
	task.Limits = []Limit{{"core", 0}, {"nofile", 77}, {"cpu", 3600}}
	j, err := task.Resolve(context.Background(), resolver(&Users{}))
	if err != nil {
		t.Fatal(err)
	}
	j.Output = filepath.Join(t.TempDir(), "o")
	o, out, _ := supervised(t, j)
	want := "umask 0027\n0\n0\n77\n3600\n5\nbest-effort: prio 6\n321\nNoNewPrivs:\t1\n"
	if o.State != Complete || out != want {
		t.Errorf("%s\n%s", o.Summary(), cmp.Diff(want, out))
	}
}

func TestFewDescriptorsAreEnough(t *testing.T) {
	j := shell(t, "")
	c := &j.Steps[0].Command
	c.Path, c.Argv = "/bin/true", []string{"true"}
	c.Limits, c.HasOOMScore = []Limit{{"nofile", 4}}, true
	if o, _, _ := supervised(t, j); o.State != Complete {
		t.Errorf("got %s", o.Summary())
	}
}

func TestCPULimit(t *testing.T) {
	j := shell(t, "while :; do :; done")
	j.Steps[0].Command.Limits = []Limit{{"cpu", 1}}
	o, _, _ := supervised(t, j)
	// The kernel counts ticks for the limit, and what it tells is scaled to the time on the processor: less, on a busy host.
	if o.State != Killed || o.Signal != "SIGXCPU" && o.Signal != "SIGKILL" || o.CPU < 400*time.Millisecond {
		t.Errorf("got %+v, want killed for its CPU time", o)
	}
}

func TestLimitNames(t *testing.T) {
	seen := map[int]string{}
	for _, name := range LimitNames() {
		n := limitResource(name)
		if n < 0 || seen[n] != "" && name != "vmem" {
			t.Errorf("%s is limit %d, as is %q", name, n, seen[n])
		}
		seen[n] = name
	}
	if limitResource("files") >= 0 {
		t.Error("files is no limit")
	}
	if got := (Limit{"core", Unlimited}).String(); got != "core=unlimited" {
		t.Errorf("got %q", got)
	}
}

func TestIOPriority(t *testing.T) {
	for class, want := range map[string]int{
		"": 0, "idle": 3 << 13, "best-effort": 2<<13 | 4, "best-effort:0": 2 << 13, "best-effort:7": 2<<13 | 7, "realtime:3": 1<<13 | 3,
	} {
		if got, err := ioPriority(class); got != want || err != nil {
			t.Errorf("%q: got %d, %v", class, got, err)
		}
	}
	for _, class := range []string{"idle:1", "best-effort:8", "best-effort:", "best-effort:-1", "Idle", ":1"} {
		if got, err := ioPriority(class); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %d, %v; want ErrInvalid", class, got, err)
		}
	}
}
