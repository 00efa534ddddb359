package task

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "__supervise" {
		if err := Serve(os.Stdin, os.Stdin, os.Args[2], time.Now); err != nil {
			os.Exit(1)
		}
		return
	}
	if folder := os.Getenv("OM_TEST_GIVE"); folder != "" {
		giveForTest(folder)
		return
	}
	if command := os.Getenv("OM_TEST_SUPERVISE"); command != "" {
		superviseForTest(command)
		return
	}
	code := m.Run()
	sweepTests()
	os.Exit(code)
}

// sweepTests removes the cgroups of the supervisors that tests have killed: nobody looks for those runs. What is still
// in them ends in a moment.
func sweepTests() {
	dirs, _ := filepath.Glob(fmt.Sprintf("%s/%stest-%d-*", cgroupBase(), leafPrefix, os.Getpid()))
	for _, dir := range dirs {
		for tries := 0; !removed(dir) && tries < 100; tries++ {
			_, _ = unix.Poll(nil, 20)
		}
	}
}

// superviseForTest is what this binary does where a test needs a supervisor that it can kill.
func superviseForTest(command string) {
	j := Job{
		RunID: os.Getenv("OM_TEST_RUN"), Output: os.Getenv("OM_TEST_OUTPUT"), Log: LogFile, Head: 1000, Tail: 5000, Now: time.Now,
		StopSignal: int(unix.SIGTERM), StopTimeout: time.Second,
		Steps: []Step{{Name: stepCommand, Blocking: true, Command: ownCommand("/bin/sh", "-c", command)}},
	}
	c := &j.Steps[0].Command
	c.Env = append(c.Env, runVariable+j.RunID)
	if n, err := strconv.ParseUint(os.Getenv("OM_TEST_LIMIT"), 10, 64); err == nil {
		c.Limits = []Limit{{"nofile", n}}
	}
	o, err := Supervise(context.Background(), j, Live{})
	fmt.Println(o, err)
}

// ownCommand is a command that runs as who runs the test.
func ownCommand(argv ...string) Command {
	return Command{
		Path: argv[0], Argv: argv, Env: []string{"PATH=" + DefaultPath}, Dir: "/",
		User: "tester", UID: uint32(unix.Geteuid()), GID: uint32(unix.Getegid()), Umask: 0o022,
	}
}

var runs atomic.Int64 // makes run ids unique

// newRunID returns the id of a run that nothing else has.
func newRunID() string { return fmt.Sprintf("test-%d-%d", os.Getpid(), runs.Add(1)) }

// shell is a job that runs a script as who runs the test.
func shell(tb testing.TB, script string) Job {
	tb.Helper()
	j := Job{
		ID: ID{"testmd", "task#0"}, RunID: newRunID(), Now: time.Now, Log: LogFile, Head: 1 << 20, Tail: 1 << 20,
		Output: filepath.Join(tb.TempDir(), "output"), StopSignal: int(unix.SIGTERM), StopTimeout: 300 * time.Millisecond,
		Leftover: LeftoverKeep,
	}
	j.addStep(stepCommand, script)
	return j
}

func (j *Job) addStep(name, script string) {
	c := ownCommand("/bin/sh", "-c", script)
	c.Env = append(c.Env, runVariable+j.RunID)
	blocking := name == stepCommand || strings.HasPrefix(name, "blocking_")
	j.Steps = append(j.Steps, Step{Name: name, Blocking: blocking, Command: c})
}

// supervised runs j and returns the outcome and what it wrote to each stream.
func supervised(tb testing.TB, j Job) (Outcome, string, string) {
	tb.Helper()
	o, err := Supervise(context.Background(), j, Live{})
	if err != nil {
		tb.Fatalf("supervise: %v", err)
	}
	out, errs, _ := outputOf(tb, j.Output)
	return o, out, errs
}

// outputOf reads an output file: the bytes of each stream, and how many are said to be lost.
func outputOf(tb testing.TB, path string) (out, errs string, lost int64) {
	tb.Helper()
	var text [2]bytes.Buffer
	for r, err := range ReadOutput(path) {
		if err != nil {
			tb.Fatalf("read output: %v", err)
		}
		lost += r.Lost
		b := &text[0]
		if r.Stream == Stderr {
			b = &text[1]
		}
		b.Write(r.Bytes)
		if r.Full {
			b.WriteByte('\n')
		}
	}
	return text[0].String(), text[1].String(), lost
}

func needRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("only root can take on another identity")
	}
	if ids, err := os.ReadFile("/proc/self/uid_map"); err == nil && len(strings.Fields(string(ids))) == 3 && strings.Fields(string(ids))[2] == "1" {
		tb.Skip("the root of this user namespace has no other users")
	}
}

// eventually waits until ok, at most for ten seconds.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			tb.Fatalf("still not: %s", what)
		case <-poll.C:
		}
	}
}
