package cmd_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/task"
)

// record is what history says of a run.
type record struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	ExitCode *int   `json:"exit_code"`
}

// TestKilledAnywhere kills om with SIGKILL at random moments of a run, and holds its record against what
// the task itself wrote: a run that is complete did all its work, one that did nothing and is not on record
// never began, and none is told twice. The seed is printed; it stands for the moments.
func TestKilledAnywhere(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("etc/s.conf", "[task#0]\ncommand = sh -c \"echo begin $OM_RUN_ID >>began; echo end $OM_RUN_ID >>ended\"\ncwd = "+dir+"\nmax_parallel = 50\n")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	moments := rand.New(rand.NewPCG(seed, 0))
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for range rounds {
		c := omIn(t, dir, "s", "run", "-q")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(moments.IntN(40_000))*time.Microsecond, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		kill.Stop()
	}
	awaitQuiet(t, dir)
	runs := historyOf(t, dir)
	began, ended := lines(t, dir, "began"), lines(t, dir, "ended")
	seen := map[string]bool{}
	for _, r := range runs {
		if seen[r.ID] {
			t.Errorf("run %s is told twice", r.ID)
		}
		seen[r.ID] = true
		switch {
		case r.State == "complete" && (!ended["end "+r.ID] || r.ExitCode == nil || *r.ExitCode != 0):
			t.Errorf("run %s is complete, and its task did not end", r.ID)
		case r.State != "complete" && r.State != "lost":
			t.Errorf("run %s is %s", r.ID, r.State)
		}
	}
	for line := range began {
		if id := strings.TrimPrefix(line, "begin "); !seen[id] {
			t.Errorf("run %s began and is not on record", id)
		}
	}
	for _, r := range runs {
		task.Sweep(r.ID) // of the last ones that were killed nobody else does
	}
	t.Logf("%d rounds: %d on record, %d began, %d ended", rounds, len(runs), len(began), len(ended))
	if out, err := omIn(t, dir, "state", "check").CombinedOutput(); err != nil {
		t.Errorf("state check: %v\n%s", err, out)
	}
	if out, err := omIn(t, dir, "s", "run", "-q").CombinedOutput(); err != nil {
		t.Errorf("a run after all this: %v\n%s", err, out)
	}
}

// omIn is om as this test binary, with its folders in dir.
func omIn(tb testing.TB, dir string, args ...string) *exec.Cmd {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	c := exec.Command(exe)
	c.Args = append([]string{"om"}, args...)
	c.Env = append(os.Environ(), "OM_CONFIG_DIR="+filepath.Join(dir, "etc"), "OM_STATE_DIR="+filepath.Join(dir, "state"), "OM_NODENAME=n1")
	return c
}

// awaitQuiet waits until no task of a killed om is left: such a run stays in progress until then.
func awaitQuiet(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		left := 0
		for _, r := range historyOf(t, dir) {
			if r.State == "running" {
				left++
			}
		}
		if left == 0 {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatal("runs go on after 20 s")
}

func historyOf(t *testing.T, dir string) []record {
	t.Helper()
	out, err := omIn(t, dir, "s", "history", "-n", "0", "-o", "json").Output()
	if err != nil {
		t.Fatalf("history: %v", err)
	}
	var runs []record
	if err := json.Unmarshal(out, &runs); err != nil {
		t.Fatalf("history: %v\n%s", err, out)
	}
	return runs
}

func lines(t *testing.T, dir, name string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		all[strings.TrimSpace(line)] = true
	}
	return all
}
