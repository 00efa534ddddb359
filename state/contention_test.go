package state_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"om/state"
	"om/task"
)

// TestProcessesNeverExceedTheLimit lets 8 processes claim 200 runs each of one task, and counts in
// shared memory how many run at once.
func TestProcessesNeverExceedTheLimit(t *testing.T) {
	const processes, runs = 8, 200
	for _, limit := range []int{1, 2} {
		dir := t.TempDir()
		path, shared := filepath.Join(dir, "om.db"), filepath.Join(dir, "shared")
		if err := os.WriteFile(shared, make([]byte, 16), 0o600); err != nil {
			t.Fatal(err)
		}
		// The record is not there yet: all of them make it.
		all(t, processes, func() *exec.Cmd { return process(t, "compete", path, shared, strconv.Itoa(limit), strconv.Itoa(runs)) })
		counters, err := os.ReadFile(shared)
		if err != nil {
			t.Fatal(err)
		}
		if n := overlaps(counters); n > 0 {
			t.Errorf("limit %d was exceeded %d times", limit, n)
		}
		d := openAt(t, live(path))
		n, err := d.Number("SELECT count(*) FROM run WHERE state='complete'")
		if err = errors.Join(err, d.Check(context.Background())); err != nil || n != processes*runs {
			t.Errorf("limit %d: %d runs, %v; want %d", limit, n, err, processes*runs)
		}
	}
}

// all runs n processes at once.
func all(t *testing.T, n int, prepare func() *exec.Cmd) {
	t.Helper()
	var wait sync.WaitGroup
	for range n {
		cmd := prepare()
		wait.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wait.Wait()
}

func TestProcessesMakeTheRecordTogether(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "new", "om.db")
		all(t, 8, func() *exec.Cmd { return process(t, "open", path) })
		d := openAt(t, options(path))
		ended(t, d, "task#0", task.Complete)
		if left, err := filepath.Glob(path + "*"); err != nil || len(left) != 3 {
			t.Errorf("left %v, %v", left, err)
		}
	}
}

// A run whose holder is killed is lost, and the next claim of the task knows; one that lives is not.
func TestHolderIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, live(path))
	holder := process(t, "claim", path, "task#0")
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = holder.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 37)
	if _, err = io.ReadFull(out, line); err != nil {
		t.Fatal(err)
	}
	held := string(bytes.TrimSpace(line))
	ctx := context.Background()
	if lost, err := d.Recover(ctx, state.Alive); err != nil || len(lost) > 0 {
		t.Errorf("lost %s, %v while it runs", ids(lost), err)
	}
	if _, err = d.Claim(ctx, ours("task#0"), 1, state.Alive); !errors.Is(err, task.ErrTaken) {
		t.Errorf("got %v, want taken", err)
	}
	if err = holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed, as asked
	in.Close()
	if _, err = d.Claim(ctx, ours("task#0"), 1, state.Alive); err != nil {
		t.Error(err)
	}
	if got := get(t, d, held).State; got != task.Lost {
		t.Errorf("the run of the killed holder is %s", got)
	}
	// The process that was thought dead comes too late.
	if out, err := run(t, "settling", path, held); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if got := get(t, d, held).State; got != task.Lost {
		t.Errorf("a lost run became %s", got)
	}
}

// TestBarriers counts what a run costs: one barrier for the claim, one for its end.
func TestBarriers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "om.db")
	d := openAt(t, live(path))
	d.Close()
	for n := range 3 {
		log := filepath.Join(dir, "log"+strconv.Itoa(n))
		cmd := process(t, "once", path)
		cmd.Args = append(append(strace(t, "fsync,fdatasync,sync_file_range,msync", "", log), cmd.Path), path)
		cmd.Path, cmd.Err = exec.LookPath("strace")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		trace, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(trace), "sync("); got != 2 {
			t.Errorf("run %d: %d barriers, want 2:\n%s", n, got, trace)
		}
	}
}

// The log stays short, however many runs there are and whoever looks on.
func TestTidyKeepsTheLogShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, options(path))
	look := openAt(t, options(path))
	ctx := context.Background()
	for range 300 {
		ended(t, d, "task#0", task.Complete)
		if _, err := look.Runs(ctx, state.Query{Limit: 1}); err != nil {
			t.Fatal(err)
		}
		if err := d.Tidy(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := os.Stat(path + "-wal"); err != nil || s.Size() > 120*4120 {
		t.Errorf("the log has %d bytes, %v", s.Size(), err)
	}
	for range 100 {
		ended(t, d, "task#1", task.Complete)
	}
	if s, err := os.Stat(path + "-wal"); err != nil || s.Size() < 1<<20 {
		t.Fatalf("the log has only %d bytes, %v", s.Size(), err)
	}
	if err := d.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	if s, err := os.Stat(path + "-wal"); err != nil || s.Size() > 2*4120+32 {
		t.Errorf("a big log does not give its space back: it has %d bytes, %v", s.Size(), err)
	}
	if err := d.Check(ctx); err != nil {
		t.Error(err)
	}
}

// Goroutines share a record too.
func TestGoroutines(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				r, err := d.Claim(ctx, ours("task#0"), 1, state.Alive)
				if errors.Is(err, task.ErrTaken) {
					continue
				}
				if err = errors.Join(err, d.Settle(ctx, []task.Outcome{outcome(r, task.Complete)})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if running, err := d.Running(ctx, "", ""); err != nil || len(running) > 0 {
		t.Errorf("%d runs left in progress, %v", len(running), err)
	}
}
