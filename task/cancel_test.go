package task

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCancel(t *testing.T) {
	for where, base := range bases() {
		t.Run(where, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			j := shell(t, "trap '' TERM; echo on; while :; do sleep 0.05; done")
			j.addStep("post_run", "echo post")
			j.addStep(stepOnError, "echo told")
			j.Started = func(int) {
				go func() {
					for range FollowOutput(ctx, j.Output, func() bool { return false }) {
						cancel(errors.New("by alice"))
						return
					}
				}()
			}
			o := superviseBelow(t, base, ctx, j)
			if o.State != Cancelled || o.Reason != "by alice" || o.Signal != "SIGKILL" {
				t.Errorf("got %+v, want cancelled by alice", o)
			}
			if out, _, _ := outputOf(t, j.Output); out != "on\ntold\n" {
				t.Errorf("output %q, want that on_error ran and nothing else", out)
			}
			nothingLeft(t, j, base)
		})
	}
	t.Run("before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errors.New("too late"))
		j := shell(t, "echo ran")
		o := superviseBelow(t, "", ctx, j)
		if o.State != Cancelled || o.Reason != "too late" || o.OutputBytes != 0 {
			t.Errorf("got %+v, want cancelled and nothing run", o)
		}
	})
}

// What om kill does while the supervisor lives: leave word, end the tree.
func TestCancelMarker(t *testing.T) {
	for name, script := range map[string]string{
		"dies":         "echo on; exec sleep 60",
		"ends in good": "trap 'exit 0' TERM; echo on; while :; do sleep 0.05; done",
	} {
		t.Run(name, func(t *testing.T) {
			j := shell(t, script)
			j.Cancel = filepath.Join(t.TempDir(), "word")
			done := make(chan error)
			j.Started = func(int) {
				go func() {
					for range FollowOutput(context.Background(), j.Output, func() bool { return false }) {
						break
					}
					if err := os.WriteFile(j.Cancel, []byte("by bob\n"), 0o600); err != nil {
						t.Error(err)
					}
					done <- EndTree(context.Background(), j.RunID, int(unix.SIGTERM), time.Second)
				}()
			}
			o, _, _ := supervised(t, j)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if o.State != Cancelled || o.Reason != "by bob" {
				t.Errorf("got %+v, want cancelled by bob", o)
			}
			if _, err := os.Stat(j.Cancel); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the word is still there: %v", err)
			}
		})
	}
}

// Word that is there before anything runs.
func TestCancelMarkerComesFirst(t *testing.T) {
	j := shell(t, "echo ran")
	if err := os.WriteFile(j.Output+cancelSuffix, []byte("by carol"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, out, _ := supervised(t, j)
	if o.State != Cancelled || o.Reason != "by carol" || out != "" || o.EndedAt.IsZero() {
		t.Errorf("got %+v, %q; want cancelled, nothing run, and an end", o, out)
	}
}

// What om kill does after the supervisor was killed.
func TestEndTreeWithoutSupervisor(t *testing.T) {
	run := newRunID()
	output := filepath.Join(t.TempDir(), "output")
	supervisor := exec.Command(os.Args[0])
	supervisor.Env = append(os.Environ(), "OM_TEST_SUPERVISE=(setsid sh -c 'trap \"\" TERM; echo on; while :; do sleep 0.05; done' &); sleep 60",
		"OM_TEST_RUN="+run, "OM_TEST_OUTPUT="+output)
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command writes", func() bool { _, err := os.Stat(output); return err == nil })
	if err := supervisor.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = supervisor.Wait()
	if n := len(Processes(run)); n < 2 {
		t.Errorf("%d processes of the run live, want two or more", n)
	}
	if err := EndTree(context.Background(), run, int(unix.SIGTERM), 200*time.Millisecond); err != nil {
		t.Error(err)
	}
	if left := Processes(run); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if base := cgroupBase(); base != "" {
		if _, err := os.Stat(base + "/" + leafPrefix + run); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the cgroup is left: %v", err)
		}
	}
}
