package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// superviseBelow is Supervise with leaves below base, "" for none.
func superviseBelow(t *testing.T, base string, ctx context.Context, j Job) Outcome {
	t.Helper()
	s, err := NewSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.base = base
	if err := s.Start(ctx, j, Live{}); err != nil {
		t.Fatal(err)
	}
	o, _ := s.Wait()
	return o
}

// bases are the places for leaves that exist here: with a cgroup and without one.
func bases() map[string]string {
	all := map[string]string{"no cgroup": ""}
	if base := cgroupBase(); base != "" && unix.Access(base, unix.W_OK) == nil {
		all["cgroup"] = base
	}
	return all
}

// A leaf that the kernel does not take processes into is done without.
func TestLeafRefused(t *testing.T) {
	base := t.TempDir() // not a cgroup
	j := shell(t, "echo ran")
	o := superviseBelow(t, base, context.Background(), j)
	if out, _, _ := outputOf(t, j.Output); o.State != Complete || out != "ran\n" {
		t.Errorf("got %s, %q", o.Summary(), out)
	}
	nothingLeft(t, j, base)
}

// What supervisors that were killed have left goes with the next one; what may be about to be used does not.
func TestSweepOld(t *testing.T) {
	base := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"om-old": time.Hour, "om-young": 0, "other": time.Hour} {
		dir := filepath.Join(base, name)
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chtimes(dir, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	sweepOld(base, now)
	left, err := os.ReadDir(base)
	if err != nil || len(left) != 2 || left[0].Name() != "om-young" || left[1].Name() != "other" {
		t.Errorf("left are %v, %v", left, err)
	}
}

// Below a cgroup that systemd manages only what it has delegated is ours.
func TestDelegated(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "user.slice", "own", "deeper")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if delegated(below, root) {
		t.Error("nothing is delegated yet")
	}
	if err := unix.Setxattr(filepath.Dir(below), "user.delegate", []byte("1"), 0); err != nil {
		t.Skipf("this filesystem has no extended attributes: %v", err)
	}
	if !delegated(below, root) || !delegated(filepath.Dir(below), root) || delegated(filepath.Join(root, "user.slice"), root) {
		t.Error("want that the mark counts for its cgroup and those below")
	}
}

// The command may make cgroups in its own; they go with it.
func TestNestedCgroups(t *testing.T) {
	base, ok := bases()["cgroup"]
	if !ok {
		t.Skip("no cgroup may be made here")
	}
	j := shell(t, "")
	leaf := base + "/" + leafPrefix + j.RunID
	j.Steps[0].Command.Argv[2] = "mkdir -p " + leaf + "/a/b && echo $$ > " + leaf + "/a/b/cgroup.procs && cat /proc/self/cgroup | tail -1"
	o := superviseBelow(t, base, context.Background(), j)
	if out, _, _ := outputOf(t, j.Output); o.State != Complete || !strings.HasSuffix(out, "/a/b\n") {
		t.Errorf("got %s, %q", o.Summary(), out)
	}
	nothingLeft(t, j, base)
}

func TestTimeoutLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		signal string
	}{
		"it ends on the stop signal":           {"exec sleep 60", "SIGTERM"},
		"it handles the stop signal":           {"trap 'exit 7' TERM; while :; do sleep 0.05; done", ""},
		"it ignores the stop signal":           {"trap '' TERM; while :; do sleep 0.05; done", "SIGKILL"},
		"it is stopped":                        {"kill -STOP $$", "SIGTERM"},
		"a child ignores the stop signal":      {"(trap '' TERM; while :; do sleep 0.05; done) & exec sleep 60", "SIGTERM"},
		"a child left the session":             {"setsid sleep 60 & sleep 60", "SIGTERM"},
		"a child forked twice":                 {"(setsid sh -c 'sleep 60 & sleep 61 &' &) ; sleep 60", "SIGTERM"},
		"a child has another environment":      {"(env -i setsid sh -c 'sleep 60 & sleep 61 &' &) ; sleep 60", "SIGTERM"},
		"a deaf child has another environment": {"(env -i setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' &) ; sleep 60", "SIGTERM"},
		"it writes all the time":               {"yes & yes >&2 & (setsid yes &); sleep 60", "SIGTERM"},
	} {
		for where, base := range bases() {
			t.Run(name+"/"+where, func(t *testing.T) {
				j := shell(t, c.script)
				j.Timeout = 200 * time.Millisecond
				start := time.Now()
				o := superviseBelow(t, base, context.Background(), j)
				took := time.Since(start)
				if o.State != TimedOut || o.Signal != c.signal {
					t.Errorf("got %s by %q, want timeout by %q: %+v", o.State, o.Signal, c.signal, o)
				}
				if most := j.Timeout + j.StopTimeout + time.Second; took > most {
					t.Errorf("took %s, want at most %s", took, most)
				}
				nothingLeft(t, j, base)
			})
		}
	}
}

// nothingLeft fails the test where a process or the cgroup of a run is left.
func nothingLeft(t *testing.T, j Job, base string) {
	t.Helper()
	if left := Processes(j.RunID); len(left) > 0 {
		t.Errorf("processes of the run are left: %v", left)
	}
	if _, err := os.Stat(base + "/" + leafPrefix + j.RunID); base != "" && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cgroup of the run is left: %v", err)
	}
	session, _ := unix.Getsid(0)
	for _, p := range processes() {
		if p.ppid == os.Getpid() && !p.dead() && p.session != session {
			t.Errorf("an orphan is left: %+v", p)
		}
	}
}

// The measured case: a child outside the session holds the output for six seconds.
func TestHeldPipeDoesNotHoldTheRun(t *testing.T) {
	for where, base := range bases() {
		t.Run("timeout/"+where, func(t *testing.T) {
			j := shell(t, "setsid sleep 6 & exec sleep 6")
			j.Timeout = time.Second
			start := time.Now()
			o := superviseBelow(t, base, context.Background(), j)
			if took := time.Since(start); o.State != TimedOut || took > 2*time.Second {
				t.Errorf("%s after %s, want timeout after 1 s, not 6 s", o.State, took)
			}
			nothingLeft(t, j, base)
		})
		t.Run("keep/"+where, func(t *testing.T) {
			j := shell(t, "setsid sh -c 'echo late; sleep 6' & echo begun; exit 0")
			start := time.Now()
			o := superviseBelow(t, base, context.Background(), j)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %s, want the linger, not 6 s", took)
			}
			if o.State != Complete || o.Leftover == 0 {
				t.Errorf("got %+v, want complete with leftovers", o)
			}
			if len(o.Notes) != 1 || !strings.Contains(o.Notes[0], "outlived the command and go on") {
				t.Errorf("notes %q, want one of what goes on", o.Notes)
			}
			if len(Processes(j.RunID)) == 0 {
				t.Errorf("leftover = keep ended the process")
			}
			if err := EndTree(context.Background(), j.RunID, int(unix.SIGTERM), time.Second); err != nil {
				t.Error(err)
			}
			if out, _, _ := outputOf(t, j.Output); out != "begun\nlate\n" {
				t.Errorf("output %q, want that of the child too", out)
			}
			nothingLeft(t, j, base)
		})
		t.Run("kill/"+where, func(t *testing.T) {
			j := shell(t, "(env -i setsid sleep 60 &); sleep 60 & exit 3")
			j.Leftover = LeftoverKill
			o := superviseBelow(t, base, context.Background(), j)
			if o.State != Failed || o.ExitCode != 3 || o.Leftover == 0 { // one may be too young to be counted
				t.Errorf("got %+v, want error 3 with leftovers", o)
			}
			nothingLeft(t, j, base)
		})
	}
}

func TestForkBomb(t *testing.T) {
	needRoot(t)
	for where, base := range bases() {
		t.Run(where, func(t *testing.T) {
			j := shell(t, "bomb() { while :; do bomb & done; }; bomb 2>/dev/null & exec sleep 60")
			j.Timeout = 300 * time.Millisecond
			c := &j.Steps[0].Command
			// A user of its own each time: the kernel counts processes that are still on their way out.
			c.UID, c.GID, c.Groups, c.Impersonate = 400000+uint32(os.Getpid())+uint32(runs.Load()), 54321, []uint32{54321}, true
			c.Limits = []Limit{{"nproc", 60}}
			start := time.Now()
			o := superviseBelow(t, base, context.Background(), j)
			if o.State != TimedOut {
				t.Errorf("got %+v, want timeout", o)
			}
			if took := time.Since(start); took > j.Timeout+j.StopTimeout+time.Second {
				t.Errorf("took %s", took)
			}
			nothingLeft(t, j, base)
		})
	}
}

// A process that even SIGKILL does not end: frozen by the first version of the freezer.
func TestStuck(t *testing.T) {
	const freezer = "/sys/fs/cgroup/freezer"
	if unix.Access(freezer+"/cgroup.procs", unix.W_OK) != nil {
		t.Skip("needs the freezer of cgroup v1, writable")
	}
	dir := fmt.Sprintf("%s/om-test-%d", freezer, os.Getpid())
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.WriteFile(dir+"/freezer.state", []byte("THAWED"), 0)
		eventually(t, "the freezer is empty", func() bool {
			var status unix.WaitStatus
			_, _ = unix.Wait4(-1, &status, unix.WNOHANG, nil)
			return os.Remove(dir) == nil
		})
	})
	j := shell(t, "echo $$ > "+dir+"/cgroup.procs; echo FROZEN > "+dir+"/freezer.state; sleep 60")
	j.Timeout = 200 * time.Millisecond
	start := time.Now()
	o := superviseBelow(t, cgroupBase(), context.Background(), j)
	if took := time.Since(start); took > j.Timeout+j.StopTimeout+1500*time.Millisecond {
		t.Errorf("took %s", took)
	}
	if o.State != TimedOut || !strings.Contains(o.Reason, "stuck") || o.Leftover != 1 {
		t.Errorf("got %+v, want timeout, stuck, one process left", o)
	}
}

func TestOrphansAreReaped(t *testing.T) {
	s, err := NewSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// Twenty orphans that die at once; the run goes on until it is told to end.
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	j := shell(t, "for i in 1 2 3 4 5 6 7 8 9 10; do (true &); (setsid true &); done; echo done; read x < "+fifo)
	var pid int
	j.Started = func(p int) { pid = p }
	if err := s.Start(context.Background(), j, Live{}); err != nil {
		t.Fatal(err)
	}
	for s.runs[0].sink.total == 0 {
		s.turn()
	}
	eventually(t, "only the command is our child", func() bool {
		s.reap()
		pids, exact := children()
		if !exact {
			t.Skip("this kernel does not list children")
		}
		return len(pids) == 1 && pids[0] == pid
	})
	if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	if o, _ := s.Wait(); o.State != Complete || o.Leftover != 0 {
		t.Errorf("got %+v, want complete", o)
	}
}

// A child that was there before om belongs to somebody else, such as the shell that ran exec om.
func TestForeignChildrenAreLeftAlone(t *testing.T) {
	foreign := exec.Command("/bin/true")
	if err := foreign.Start(); err != nil {
		t.Fatal(err)
	}
	living := exec.Command("/bin/sleep", "60")
	if err := living.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = living.Process.Kill(); _ = living.Wait() }()
	eventually(t, "the foreign child is dead", func() bool {
		p, ok := readProcess(foreign.Process.Pid)
		return ok && p.dead()
	})
	j := shell(t, "sleep 60 & sleep 60")
	j.Timeout = 100 * time.Millisecond
	superviseBelow(t, "", context.Background(), j)
	if err := foreign.Wait(); err != nil {
		t.Errorf("the foreign child: %v, want that we can still wait for it", err)
	}
	if err := living.Process.Signal(unix.Signal(0)); err != nil {
		t.Errorf("the living foreign child: %v", err)
	}
}

// A trigger that closes what it was given, floods the output, escapes and never ends takes its time limit and nothing
// else from the command.
func TestHostileTriggers(t *testing.T) {
	for name, script := range map[string]string{
		"closes its descriptors": "exec <&- >&- 2>&-; exit 0",
		"floods and never ends":  "trap '' TERM; yes & yes >&2 & (setsid yes &); while :; do sleep 0.05; done",
		"escapes and is deaf":    "(env -i setsid sh -c 'trap \"\" TERM HUP INT; while :; do sleep 0.05; done' &); exec sleep 60",
		"stops itself":           "kill -STOP $$",
		"stops its group":        "kill -STOP 0; exec sleep 60",
	} {
		t.Run(name, func(t *testing.T) {
			j := shell(t, "echo ran")
			command := j.Steps
			j.Steps, j.Head, j.Tail, j.Timeout = nil, 1<<10, 1<<10, time.Second
			j.addStep("pre_run", script)
			j.Steps = append(j.Steps, command...)
			o, out, _ := supervised(t, j)
			if o.State != Complete || !strings.HasSuffix(out, "ran\n") {
				t.Errorf("%s, and the output ends with %q", o.Summary(), out[max(0, len(out)-40):])
			}
			if info, err := os.Stat(j.Output); err != nil || info.Size() > 64<<10 {
				t.Errorf("kept %v, %v", info, err)
			}
			nothingLeft(t, j, "")
		})
	}
}
