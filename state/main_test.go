package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// TestMain is also every other process of these tests: the test binary runs itself with a role.
func TestMain(m *testing.M) {
	role, ok := roles()[os.Getenv("OM_STATE_TEST_ROLE")]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func roles() map[string]func(args []string) error {
	return map[string]func([]string) error{
		"once":      once,
		"compete":   compete,
		"die":       die,
		"hold":      hold,
		"open":      openOnly,
		"history":   printHistory,
		"full":      fillDisk,
		"limited":   underFileLimit,
		"claim":     claimOnly,
		"settling":  settleOnly,
		"readonly":  readOnlyMount,
		"migrating": migrating,
		"unmount":   unmount,
		"reuse":     reuse,
		"sameturns": sameTurns,
		"nothing":   func([]string) error { return nil },
	}
}

// process prepares the test binary to run as another process with a role.
func process(tb testing.TB, role string, args ...string) *exec.Cmd {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), "OM_STATE_TEST_ROLE="+role)
	return cmd
}

// asNobody lets a process run as a user with no rights; the test binary is copied to where it can be read.
func asNobody(tb testing.TB, cmd *exec.Cmd) *exec.Cmd {
	tb.Helper()
	text, err := os.ReadFile(cmd.Path)
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "om-state-bin-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	cmd.Path = filepath.Join(dir, "test")
	if err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(cmd.Path, text, 0o755)); err != nil {
		tb.Fatal(err)
	}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

func itoa(n int) string { return strconv.Itoa(n) }

// run runs a role to its end and returns what it printed.
func run(tb testing.TB, role string, args ...string) (string, error) {
	tb.Helper()
	out, err := process(tb, role, args...).CombinedOutput()
	return string(out), err
}

// start is the time at which the tests begin; each call of clock's function is a second later.
func start() time.Time { return time.Date(2027, 3, 28, 0, 59, 58, 123456000, time.UTC) }

func clock() func() time.Time {
	var seconds atomic.Int64
	return func() time.Time { return start().Add(time.Duration(seconds.Add(1)) * time.Second) }
}

func options(path string) state.Options {
	boot, _ := state.BootID()
	return state.Options{Path: path, Create: true, Now: clock(), Node: "n1", BootID: boot}
}

// open opens a record in a folder of its own.
func open(tb testing.TB) *state.DB {
	tb.Helper()
	return openAt(tb, options(filepath.Join(tb.TempDir(), "om.db")))
}

func openAt(tb testing.TB, o state.Options) *state.DB {
	tb.Helper()
	d, err := state.Open(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return d
}

func id(rid string) task.ID { return task.ID{Service: "testmd", RID: rid} }

// ours is a run of a task that this process holds.
func ours(rid string) task.Run {
	at, err := state.ProcessStart(os.Getpid())
	if err != nil {
		panic(err)
	}
	return task.Run{Task: id(rid), Origin: task.Manual, PID: os.Getpid(), PIDStart: at, User: "alice", By: "root"}
}

// gone is a run of a task whose process never was: no pid is that high.
func gone(rid string) task.Run {
	r := ours(rid)
	r.PID = 1 << 30
	return r
}

func claim(tb testing.TB, d *state.DB, r task.Run) task.Run {
	tb.Helper()
	r, err := d.Claim(context.Background(), r, 0, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func outcome(r task.Run, s task.RunState) task.Outcome {
	return task.Outcome{RunID: r.ID, State: s, EndedAt: r.StartedAt.Add(time.Second)}
}

func settle(tb testing.TB, d *state.DB, outcomes ...task.Outcome) {
	tb.Helper()
	if err := d.Settle(context.Background(), outcomes); err != nil {
		tb.Fatal(err)
	}
}

// ended enters a run that has ended in a state.
func ended(tb testing.TB, d *state.DB, rid string, s task.RunState) task.Run {
	tb.Helper()
	r := claim(tb, d, ours(rid))
	settle(tb, d, outcome(r, s))
	return r
}

func get(tb testing.TB, d *state.DB, id string) task.Run {
	tb.Helper()
	r, err := d.Run(context.Background(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func ids(runs []task.Run) string {
	var all []string
	for _, r := range runs {
		all = append(all, r.ID)
	}
	return strings.Join(all, " ")
}

// content reads the files of a record that hold rows.
func content(tb testing.TB, path string) []byte {
	tb.Helper()
	db, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil && !os.IsNotExist(err) {
		tb.Fatal(err)
	}
	return bytes.Join([][]byte{db, log}, []byte("|"))
}
