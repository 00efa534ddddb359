package task

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
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
			"pre_run command post_run", "complete", 0, []string{"pre_run: error: exit code 3, ignored", "post_run: error: exit code 4, ignored"},
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
			"command on_error", "error: exit code 5", 5, []string{"on_error: error: exit code 6, ignored"},
		},
		"the command is killed": {
			[]step{{"command", "kill -9 $$"}, say("post_run", 0), say("on_error", 0)},
			"on_error", "killed by SIGKILL", 137, nil,
		},
		"a trigger takes too long": {
			[]step{{"pre_run", "echo pre_run; exec sleep 60"}, say("command", 0)},
			"pre_run command", "complete", 0, []string{"pre_run: timeout: time limit of 300ms, ignored"},
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
		"a cwd that is closed to the user": {func(c *Command) { c.Dir, c.Impersonate, c.UID, c.GID, c.Groups = private, true, 70001, 70001, []uint32{70001} }, 78, fmt.Sprintf("cwd %q: permission denied", private)},
		"groups that are not sorted":       {func(c *Command) { c.Impersonate, c.UID, c.GID, c.Groups = true, 70001, 70001, []uint32{9, 3} }, 77, "user tester: the identity taken on is not the one asked for: operation not permitted"},
		"an identity that is not ours":     {func(c *Command) { c.UID = 70001 }, 77, "user tester: the identity taken on is not the one asked for: operation not permitted"},
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
	if o.State != Killed || o.Signal != "SIGXCPU" && o.Signal != "SIGKILL" || o.CPU < 900*time.Millisecond {
		t.Errorf("got %+v, want killed for its CPU time", o)
	}
}

func TestMaxRSS(t *testing.T) {
	j := shell(t, `python3 -c 'x = b"x" * 300_000_000'`)
	j.Steps[0].Command.Env = append(j.Steps[0].Command.Env, "PATH="+os.Getenv("PATH"))
	o, _, errs := supervised(t, j)
	if o.MaxRSS < 250e6 || o.MaxRSS > 500e6 {
		t.Errorf("got %d, want about 300 MB: %q", o.MaxRSS, errs)
	}
}

func TestStartedIsTold(t *testing.T) {
	j := shell(t, "echo $$")
	j.addStep("post_run", "echo post")
	var told []string
	j.Started = func(pid int) { told = append(told, fmt.Sprint(pid)) }
	_, out, _ := supervised(t, j)
	if len(told) != 1 || !strings.HasPrefix(out, told[0]+"\n") {
		t.Errorf("told %v of %q", told, out)
	}
}

func TestLogModes(t *testing.T) {
	if _, err := os.Stat(journalSocket); err == nil {
		t.Skip("there is a journal here, and this test is about hosts without one")
	}
	for mode, kept := range map[LogMode]string{LogFile: "text\n", LogBoth: "text\n", LogNone: "", LogJournal: ""} {
		t.Run(string(mode), func(t *testing.T) {
			j := shell(t, "echo text")
			j.Log = mode
			o, out, _ := supervised(t, j)
			if out != kept || o.OutputBytes != 5 {
				t.Errorf("kept %q, want %q; %d bytes", out, kept, o.OutputBytes)
			}
			if told := len(o.Notes) == 1; told != (mode == LogJournal || mode == LogBoth) {
				t.Errorf("notes %q", o.Notes)
			}
		})
	}
}

// The messages that journald gets, read back by the rules of its protocol.
func TestJournal(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	w, err := openJournal(socket, &Job{ID: ID{"testmd", "task#0"}, RunID: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	w.write(0, []byte("one\ntw"))
	w.write(1, []byte("err\x00or\n"))
	w.write(0, []byte("o\nno newline"))
	w.write(1, []byte(strings.Repeat("x", 40_000)))
	w.close()
	var got []string
	room := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, room)
		if err != nil {
			break
		}
		f := fields(t, room[:n])
		if f["SYSLOG_IDENTIFIER"] != "om" || f["OM_SERVICE"] != "testmd" || f["OM_TASK"] != "task#0" || f["OM_RUN_ID"] != "r1" {
			t.Errorf("fields %q", f)
		}
		m := f["MESSAGE"]
		if len(m) > 100 {
			m = fmt.Sprint(len(m), " bytes")
		}
		got = append(got, f["PRIORITY"]+" "+m)
	}
	want := []string{"6 one", "4 err\x00or", "6 two", "4 16384 bytes", "4 16384 bytes", "6 no newline", "4 7232 bytes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// fields reads a message of the journal's native protocol: NAME, newline, length, value, newline.
func fields(t *testing.T, m []byte) map[string]string {
	t.Helper()
	all := map[string]string{}
	for len(m) > 0 {
		name, rest, ok := strings.Cut(string(m), "\n")
		if !ok || len(rest) < 8 {
			t.Fatalf("broken message %q", m)
		}
		size := binary.LittleEndian.Uint64([]byte(rest))
		all[name] = rest[8 : 8+size]
		m = []byte(rest[8+size+1:])
	}
	return all
}

func TestRunIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(run{}); size > 1024 {
		t.Errorf("a run takes %d bytes, want at most 1024", size)
	}
}

// One supervisor, many runs: all end as they should, on few threads.
func TestManyRuns(t *testing.T) {
	s, err := NewSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 200
	want := map[string]string{}
	dir := t.TempDir()
	for i := range n {
		script := fmt.Sprintf("echo out %d; read x < %s/fifo; exit %d", i, dir, i%3)
		summary := [...]string{"complete", "error: exit code 1", "error: exit code 2"}[i%3]
		if i%10 == 9 {
			script, summary = "exec sleep 60", "timeout: time limit of 1s"
		}
		j := shell(t, script)
		j.Output = filepath.Join(dir, j.RunID)
		j.Timeout = time.Minute
		if i%10 == 9 {
			j.Timeout = time.Second
		}
		want[j.RunID] = summary
		if i == 0 {
			if err := unix.Mkfifo(dir+"/fifo", 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Start(context.Background(), j, Live{}); err != nil {
			t.Fatal(err)
		}
	}
	if threads := threadCount(t); threads > runtime.GOMAXPROCS(0)+8 {
		t.Errorf("%d threads for %d runs", threads, n)
	}
	fifo, err := os.OpenFile(dir+"/fifo", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	if _, err := fifo.WriteString(strings.Repeat("\n", n)); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for {
		o, ok := s.Wait()
		if !ok {
			break
		}
		got[o.RunID] = o.Summary()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A supervisor that is closed leaves its runs to themselves, and frees what it holds.
func TestCloseWithRuns(t *testing.T) {
	s, err := NewSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	j := shell(t, "sleep 60")
	if err := s.Start(context.Background(), j, Live{}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if len(Processes(j.RunID)) == 0 {
		t.Error("the run was ended")
	}
	if err := EndTree(context.Background(), j.RunID, int(unix.SIGTERM), time.Second); err != nil {
		t.Error(err)
	}
	if _, ok := s.Wait(); ok {
		t.Error("a run ended that nobody waits for")
	}
}

// The person behind a pager gives up: what it has not read is dropped.
func TestCancelWhileDraining(t *testing.T) {
	_, w := pipe(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	j := shell(t, "head -c 100000 /dev/zero")
	j.Started = func(pid int) {
		go func() {
			eventually(t, "the command is gone", func() bool { _, ok := readProcess(pid); return !ok })
			cancel(errors.New("enough"))
		}()
	}
	o, err := Supervise(ctx, j, Live{Stdout: w})
	if err != nil {
		t.Fatal(err)
	}
	if o.OutputBytes != 100_000 || o.State != Complete {
		t.Errorf("got %+v, want complete and all of the output", o)
	}
}

func TestJobIsChecked(t *testing.T) {
	j := shell(t, "true")
	j.Now = nil
	if o, err := Supervise(context.Background(), j, Live{}); !errors.Is(err, ErrInvalid) || o.State != Failed {
		t.Errorf("got %+v, %v; want ErrInvalid", o, err)
	}
	if _, err := plainTask("true").Resolve(context.Background(), Resolver{}); err == nil {
		t.Error("a Resolver without Now and Users: want an error")
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

func threadCount(t *testing.T) int {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(threads)
}

// Nothing stays open after a run.
func TestDescriptorsAreClosed(t *testing.T) {
	open := func() []string {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			to, _ := os.Readlink("/proc/self/fd/" + e.Name())
			names = append(names, e.Name()+" "+to)
		}
		return names
	}
	r, w := pipe(t)
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	before := open()
	for _, script := range []string{"echo hi", "yes", "exit 3"} {
		j := shell(t, script)
		j.Timeout, j.Head = 50*time.Millisecond, 10
		if _, err := Supervise(ctx, j, Live{Stdout: w}); err != nil {
			t.Fatal(err)
		}
	}
	after := open()
	slices.Sort(before)
	slices.Sort(after)
	if len(after) != len(before) {
		t.Errorf("descriptors (-before +after)\n%s", cmp.Diff(before, after))
	}
}
