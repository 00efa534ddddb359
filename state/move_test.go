package state_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"om/state"
	"om/task"

	"golang.org/x/sys/unix"
)

// The files of a record, moved to another node with the filesystem that holds them, go on there.
func TestRecordMovesWithItsFilesystem(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	ctx := context.Background()
	there := openAt(t, options(from+"/om.db"))
	done := ended(t, there, "task#0", task.Failed)
	cut := ours("task#1") // the node died while it ran: its boot is over
	cut.BootID = "00000000-0000-0000-0000-000000000000"
	cut = claim(t, there, cut)
	if err := errors.Join(there.Freeze(ctx, "testmd", "alice"), there.Close()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", from+"/om.db", from+"/om.db-wal", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	o := options(to + "/om.db")
	o.Node, o.Create = "n2", false
	here := openAt(t, o)
	lost, err := here.Recover(ctx, state.Alive)
	if err != nil || ids(lost) != cut.ID || !strings.Contains(lost[0].Reason, "on n1") {
		t.Errorf("lost %+v, %v; want %s", lost, err, cut.ID)
	}
	last, err := here.LastEnded(ctx, "testmd")
	if err != nil || last["task#0"].ID != done.ID || last["task#1"].ID != cut.ID {
		t.Errorf("last runs: %+v, %v", last, err)
	}
	if _, frozen, err := here.Frozen(ctx, "testmd"); err != nil || !frozen {
		t.Errorf("frozen: %v, %v", frozen, err)
	}
	r, err := here.Claim(ctx, ours("task#1"), 1, state.Alive)
	if err != nil || r.Node != "n2" {
		t.Errorf("claimed on %s, %v", r.Node, err)
	}
	if err = here.Check(ctx); err != nil {
		t.Error(err)
	}
}

// The filesystem can be unmounted as soon as the record is closed.
func TestCloseLetsGoOfTheFilesystem(t *testing.T) {
	cmd := process(t, "unmount", t.TempDir())
	inNamespace(cmd)
	out, err := cmd.CombinedOutput()
	if os.Getuid() != 0 && err != nil {
		t.Skipf("a mount namespace is wanted: %v: %s", err, out)
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func unmount(args []string) error {
	if err := unix.Mount("tmpfs", args[0], "tmpfs", 0, "size=4m"); err != nil {
		return err
	}
	if err := once([]string{filepath.Join(args[0], "om.db")}); err != nil {
		return err
	}
	return unix.Unmount(args[0], 0)
}

// TestPidIsReused gives the pid of a dead holder to another process, in a pid namespace of its own.
func TestPidIsReused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("wants root, to say which pid is next")
	}
	cmd := process(t, "reuse", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "skip:") {
		t.Skip(string(out))
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// reuse is the first process of a pid namespace.
func reuse(args []string) error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("skip: /proc of a pid namespace: %w", err)
	}
	path := filepath.Join(args[0], "om.db")
	first, err := holding(path, "task#0")
	if err != nil {
		return err
	}
	pid := first.Process.Pid
	began, err := state.ProcessStart(pid)
	if err = errors.Join(err, first.Process.Kill()); err != nil {
		return err
	}
	_ = first.Wait() // killed, as asked
	second, err := withPid(path, pid, began)
	if err != nil {
		return err
	}
	defer second.Process.Kill()
	return with(live(path), func(ctx context.Context, d *state.DB) error {
		runs, err := d.Running(ctx, "testmd", "task#0")
		if err != nil || len(runs) != 1 || runs[0].PID != pid {
			return fmt.Errorf("before: %+v, %w", runs, err)
		}
		lost, err := d.Recover(ctx, state.Alive)
		if err != nil || ids(lost) != runs[0].ID {
			return fmt.Errorf("lost %s, want %s: %w", ids(lost), runs[0].ID, err)
		}
		running, err := d.Running(ctx, "", "")
		if err != nil || len(running) != 1 || running[0].PID != pid {
			return fmt.Errorf("after: %+v, %w", running, err)
		}
		return nil
	})
}

// holding starts a process that claims a task and waits.
func holding(path, rid string) (*exec.Cmd, error) {
	cmd := exec.Command("/proc/self/exe", path, rid)
	cmd.Env = append(os.Environ(), "OM_STATE_TEST_ROLE=claim")
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err = cmd.Start(); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(out, make([]byte, 37))
	return cmd, err
}

// withPid starts processes until one has the pid, and began at another time than the one before it:
// the kernel counts in hundredths of a second.
func withPid(path string, pid int, not uint64) (*exec.Cmd, error) {
	for n := range 1000 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(itoa(pid-1)), 0); err != nil {
			return nil, fmt.Errorf("skip: the next pid cannot be chosen: %w", err)
		}
		cmd, err := holding(path, "task#1-"+itoa(n))
		if err != nil {
			return nil, err
		}
		began, err := state.ProcessStart(cmd.Process.Pid)
		if err == nil && cmd.Process.Pid == pid && began != not {
			return cmd, nil
		}
		if err = errors.Join(err, endAndSettle(path, cmd)); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("skip: 1000 processes, and none got the pid")
}

// endAndSettle ends a process that was not the one, and the runs that it held.
func endAndSettle(path string, cmd *exec.Cmd) error {
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // killed, as asked
	return with(live(path), func(ctx context.Context, d *state.DB) error {
		return d.Exec("UPDATE run SET state='lost',ended_at=1 WHERE rid<>'task#0' AND ended_at IS NULL")
	})
}
