package state_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// lived runs the role die, ended at a step or by a tracer, and returns what it told and how it ended.
func lived(t *testing.T, tracer []string, args ...string) ([]string, error) {
	t.Helper()
	cmd := process(t, "die", args...)
	if tracer != nil {
		cmd.Args = append(append(slices.Clone(tracer), cmd.Path), args...)
		cmd.Path, cmd.Err = exec.LookPath(tracer[0])
	}
	out, err := cmd.Output()
	return strings.Split(strings.TrimSpace(string(out)), "\n"), err
}

// truth compares the record at path with what a process told before its end. Whatever was told is
// there; what was not told may be there, but no run is left in progress, and the next life works.
func truth(t *testing.T, path string, told []string) {
	t.Helper()
	ctx := context.Background()
	d := openAt(t, live(path))
	if _, err := d.Recover(ctx, state.Alive); err != nil {
		t.Error(err)
	}
	runs, err := d.Runs(ctx, state.Query{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]task.RunState{}
	for _, r := range runs {
		got[r.Task.RID] = r.State
	}
	for _, rid := range []string{"task#0", "task#1", "task#2", "task#3", "task#4"} {
		s, there := got[rid]
		claimed, settled := slices.Contains(told, "claimed "+rid), slices.Contains(told, "settled "+rid)
		switch {
		case settled && s != task.Complete:
			t.Errorf("%s was settled, and is %q", rid, s)
		case claimed && !there:
			t.Errorf("%s was started, and there is no row", rid)
		case there && !s.Final():
			t.Errorf("%s is %q though its process is gone", rid, s)
		case slices.Contains(told, "inserted "+rid) && s != task.Failed:
			t.Errorf("%s was inserted, and is %q", rid, s)
		}
	}
	_, frozen, err := d.Frozen(ctx, "testmd")
	if err != nil || slices.Contains(told, "frozen") && !frozen {
		t.Errorf("frozen: %v, %v", frozen, err)
	}
	kept, err := d.Configs(ctx, "testmd")
	if err != nil || slices.Contains(told, "kept") && len(kept) != 1 {
		t.Errorf("%d texts, %v", len(kept), err)
	}
	agree(t, d, slices.Contains(told, "decided"))
	if err = errors.Join(d.Check(ctx), life(ctx, d, func(string) {})); err != nil {
		t.Errorf("the next life: %v", err)
	}
	agree(t, d, true)
}

// agree looks for half a turn: cursors, slots and runs say the same, and the turns of both tasks, which
// were entered together, are there together.
func agree(t *testing.T, d *state.DB, decided bool) {
	t.Helper()
	at := map[string]int{}
	for _, c := range cursors(t, d, "testmd") {
		n := int(c.At.Sub(minute(0)) / time.Minute)
		at[c.Task.RID] = n
		sums, total := counts(t, d, c.Task.RID), 0
		for _, x := range sums {
			total += x
		}
		if total != n || sums[task.SlotRun] != c.Runs {
			t.Errorf("%s has decided %d slots, and there are %v; %d ran", c.Task, n, sums, c.Runs)
		}
	}
	if at["task#4"] != at["task#5"] || decided && at["task#4"] == 0 {
		t.Errorf("half a transaction: %v, decided: %v", at, decided)
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM run WHERE slot IS NOT NULL":                                           at["task#4"] / 2,
		"SELECT count(*) FROM slot s JOIN run r ON r.id=s.run_id AND r.slot=s.slot AND r.rid=s.rid": at["task#4"] / 2,
		"SELECT count(*) FROM slot WHERE decision='run'":                                            at["task#4"] / 2,
	} {
		if n, err := d.Number(query); err != nil || int(n) != want {
			t.Errorf("%s: %d, %v; want %d", query, n, err, want)
		}
	}
}

// TestKilledAtEachStep ends a process by SIGKILL at each durable step, of the creation too, and knows
// exactly what must be there then.
func TestKilledAtEachStep(t *testing.T) {
	all, err := lived(t, nil, filepath.Join(t.TempDir(), "om.db"))
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for i, line := range all {
		step, ok := strings.CutPrefix(line, "step ")
		if !ok {
			continue
		}
		steps++
		t.Run(step, func(t *testing.T) {
			path := filepath.Join(quickDir(t), "om.db")
			told, err := lived(t, nil, path, strconv.Itoa(steps))
			if err == nil || !slices.Equal(told, all[:i+1]) {
				t.Fatalf("told %q, ended with %v; want %q", told, err, all[:i+1])
			}
			exact(t, path, told)
			truth(t, path, told)
		})
	}
	if steps < 40 {
		t.Errorf("only %d steps: %q", steps, all)
	}
}

// exact is the model: a transaction is there if and only if its commit has been done.
func exact(t *testing.T, path string, told []string) {
	t.Helper()
	claims, settled := 0, 0
	for _, line := range told {
		switch line {
		case "step claim: done", "step decide: done":
			claims++
		case "step settle: done":
			settled++
		case "step insert: done":
			claims, settled = claims+1, settled+1
		}
	}
	if !slices.Contains(told, "step migrate 0: done") {
		return // there is no table to look into
	}
	d := openAt(t, live(path))
	rows, err := d.Number("SELECT count(*) FROM run")
	final, err2 := d.Number("SELECT count(*) FROM run WHERE ended_at IS NOT NULL")
	if err = errors.Join(err, err2); err != nil || rows != int64(claims) || final != int64(settled) {
		t.Errorf("%d runs, %d of them ended, %v; want %d and %d", rows, final, err, claims, settled)
	}
	lost, err := d.Recover(context.Background(), state.Alive)
	if err != nil || len(lost) != claims-settled {
		t.Errorf("%d runs lost, %v; want %d", len(lost), err, claims-settled)
	}
}

// strace returns the beginning of a command that traces some system calls and does something at the
// nth of them, or skips the test where that cannot be.
func strace(tb testing.TB, calls, inject, log string) []string {
	tb.Helper()
	if err := exec.Command("strace", "-f", "-e", "inject=getpid:error=EPERM:when=999", "-o", os.DevNull, "true").Run(); err != nil {
		tb.Skipf("strace that can inject faults is wanted: %v", err)
	}
	cmd := []string{"strace", "-f", "-o", log, "-e", "trace=" + calls}
	if inject != "" {
		cmd = append(cmd, "-e", "inject="+calls+":"+inject)
	}
	return cmd
}

// TestKilledAtEachCall ends a process at each write and each barrier that SQLite asks the kernel for.
func TestKilledAtEachCall(t *testing.T) {
	sweepCalls(t, []string{"pwrite64", "fsync", "ftruncate"}, "signal=KILL")
}

// TestFailureOfEachCall lets each write and each barrier fail once. What had no error is there.
func TestFailureOfEachCall(t *testing.T) {
	sweepCalls(t, []string{"pwrite64"}, "error=ENOSPC")
	sweepCalls(t, []string{"fsync", "ftruncate"}, "error=EIO")
}

// sweepCalls injects something at the first, second, ... call until a life has no such call any more.
func sweepCalls(t *testing.T, calls []string, what string) {
	t.Helper()
	if testing.Short() {
		t.Skip("a sweep of some hundred processes")
	}
	for _, call := range calls {
		t.Run(call+" "+what, func(t *testing.T) {
			strace(t, call, "", os.DevNull)
			n := 1
			for ; n < 500; n++ {
				if !injected(t, call, what, n) {
					break
				}
			}
			t.Logf("%d calls", n-1)
			if n < 2 || n == 500 {
				t.Errorf("%d calls: wanted some, and an end", n-1)
			}
		})
	}
}

// injected reports whether a life had an nth call to inject something at.
func injected(t *testing.T, call, what string, n int) bool {
	t.Helper()
	dir := quickDir(t)
	path, log := filepath.Join(dir, "om.db"), filepath.Join(dir, "log")
	told, err := lived(t, strace(t, call, fmt.Sprintf("%s:when=%d", what, n), log), path)
	trace, readErr := os.ReadFile(log)
	if readErr != nil {
		t.Fatal(readErr)
	}
	// A call that ends in SIGKILL is not written down as injected; its end is.
	hit := strings.Contains(string(trace), "INJECTED") || strings.Contains(string(trace), "killed by SIGKILL")
	if !hit && err != nil {
		t.Errorf("call %d: nothing was injected, and %v", n, err)
	}
	truth(t, path, told)
	if t.Failed() {
		t.Errorf("at call %d of %s; told %q", n, call, told)
		return false
	}
	return hit
}
