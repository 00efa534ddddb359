package state_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"om/state"
	"om/task"

	"golang.org/x/sys/unix"
)

// The other processes of these tests. Each takes the path of the record first.

// live are the options of a process with the wall clock.
func live(path string) state.Options {
	o := options(path)
	o.Now = time.Now
	return o
}

// with opens the record, runs f and closes it.
func with(o state.Options, f func(context.Context, *state.DB) error) error {
	ctx := context.Background()
	d, err := state.Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, d), d.Close())
}

// once opens the record, claims and settles a run: what a foreground run does.
func once(args []string) error {
	return with(live(args[0]), func(ctx context.Context, d *state.DB) error {
		r, err := d.Claim(ctx, ours("task#0"), 1, state.Alive)
		if err != nil {
			return err
		}
		return d.Settle(ctx, []task.Outcome{outcome(r, task.Complete)})
	})
}

// claimOnly claims runs of args[1] until it is ended; it says so and waits.
func claimOnly(args []string) error {
	return with(live(args[0]), func(ctx context.Context, d *state.DB) error {
		r, err := d.Claim(ctx, ours(args[1]), 1, state.Alive)
		if err != nil {
			return err
		}
		fmt.Println(r.ID)
		_, err = io.ReadAll(os.Stdin)
		return err
	})
}

// settleOnly settles the run args[1].
func settleOnly(args []string) error {
	return with(live(args[0]), func(ctx context.Context, d *state.DB) error {
		r, err := d.Run(ctx, args[1])
		if err != nil {
			return err
		}
		return d.Settle(ctx, []task.Outcome{outcome(r, task.Complete)})
	})
}

func openOnly(args []string) error {
	return with(live(args[0]), func(context.Context, *state.DB) error { return nil })
}

// printHistory looks on: it prints the ids of all runs.
func printHistory(args []string) error {
	o := live(args[0])
	o.ReadOnly, o.Create = true, false
	return with(o, func(ctx context.Context, d *state.DB) error {
		runs, err := d.Runs(ctx, state.Query{})
		fmt.Println(ids(runs))
		return err
	})
}

// hold keeps the record locked for writing until its input ends.
func hold(args []string) error {
	return with(live(args[0]), func(_ context.Context, d *state.DB) error {
		if err := d.Exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		fmt.Println("held")
		_, err := io.ReadAll(os.Stdin)
		return err
	})
}

// compete claims args[3] runs with the limit args[2]. args[1] is a file that all share: how many run
// now, and how often that was more than the limit.
func compete(args []string) error {
	limit, _ := strconv.Atoi(args[2])
	runs, _ := strconv.Atoi(args[3])
	f, err := os.OpenFile(args[1], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	shared, err := unix.Mmap(int(f.Fd()), 0, 16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	running := (*atomic.Int64)(unsafe.Pointer(&shared[0]))
	overlaps := (*atomic.Int64)(unsafe.Pointer(&shared[8]))
	o := live(args[0])
	o.Patience = time.Minute
	return with(o, func(ctx context.Context, d *state.DB) error {
		for range runs {
			r, err := d.Claim(ctx, ours("task#0"), limit, state.Alive)
			for errors.Is(err, task.ErrTaken) {
				runtime.Gosched()
				r, err = d.Claim(ctx, ours("task#0"), limit, state.Alive)
			}
			if err != nil {
				return err
			}
			if running.Add(1) > int64(limit) {
				overlaps.Add(1)
			}
			running.Add(-1)
			if err = errors.Join(d.Settle(ctx, []task.Outcome{outcome(r, task.Complete)}), d.Tidy(ctx)); err != nil {
				return err
			}
		}
		return nil
	})
}

func overlaps(shared []byte) int64 { return int64(binary.NativeEndian.Uint64(shared[8:])) }

// life is one of everything that is written, in the life of a service. It tells what it knows: an
// operation that has returned without an error.
func life(ctx context.Context, d *state.DB, tell func(string)) error {
	var failed error
	did := func(what string, err error) bool {
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", what, err))
			return false
		}
		tell(what)
		return true
	}
	for _, rid := range []string{"task#0", "task#1"} {
		r, err := d.Claim(ctx, ours(rid), 1, state.Alive)
		if did("claimed "+rid, err) {
			did("noted "+rid, d.NoteChild(ctx, r.ID, 77))
			did("settled "+rid, d.Settle(ctx, []task.Outcome{outcome(r, task.Complete)}))
		}
	}
	final := task.Run{ID: state.NewID(start()), Task: id("task#2"), State: task.Failed, EndedAt: start()}
	did("inserted task#2", d.Insert(ctx, final))
	did("frozen", d.Freeze(ctx, "testmd", "alice"))
	did("kept", d.KeepConfig(ctx, "testmd", []byte("text"), "alice"))
	did("tidied", d.Compact(ctx))
	r, err := d.Claim(ctx, ours("task#3"), 1, state.Alive)
	if did("claimed task#3", err) {
		did("settled task#3", d.Settle(ctx, []task.Outcome{outcome(r, task.Complete)}))
	}
	taken, err := twoMinutes(ctx, d)
	if did("decided", err) {
		did("settled task#4", d.Settle(ctx, []task.Outcome{outcome(taken, task.Complete)}))
	}
	return failed
}

// twoMinutes decides the next two slots of two tasks: one missed and one that runs, and two skipped.
func twoMinutes(ctx context.Context, d *state.DB) (task.Run, error) {
	before := map[string]task.Cursor{}
	all, err := d.Cursors(ctx, "testmd")
	for _, c := range all {
		before[c.Task.RID] = c
	}
	n := 0
	if was, ok := before["task#4"]; ok {
		n = int(was.At.Sub(minute(0)) / time.Minute)
	}
	run, after := ours("task#4"), at("task#4", n+2)
	after.Runs = before["task#4"].Runs + 1
	got, decideErr := d.Decide(ctx, []state.Turn{
		{Before: before["task#4"], After: after, Run: &run, Slots: []task.Slot{slot(task.SlotMissed, n+1, "node down"), slot(task.SlotRun, n+2, "")}},
		{Before: before["task#5"], After: at("task#5", n+2), Slots: []task.Slot{slot(task.SlotSkip, n+1, "frozen"), slot(task.SlotSkip, n+2, "frozen")}},
	}, state.Alive)
	if err = errors.Join(err, decideErr); err != nil {
		return task.Run{}, err
	}
	if got[0].Run.ID == "" || got[1].Stale {
		return task.Run{}, fmt.Errorf("decided %+v", got)
	}
	return got[0].Run, nil
}

// die lives a life and is killed at the step that args[1] counts. It tells on standard output.
func die(args []string) error {
	// One thread for all, so that a tracer that counts by thread counts all.
	runtime.LockOSThread()
	return with(killedAt(live(args[0]), args[1:]), func(ctx context.Context, d *state.DB) error {
		return life(ctx, d, func(what string) { fmt.Println(what) })
	})
}

// killedAt prints each step, and ends the process at the one that args[0], if there is one, counts.
func killedAt(o state.Options, args []string) state.Options {
	steps := 0
	o.Step = func(name string) {
		fmt.Println("step " + name)
		if steps++; slices.Equal(args, []string{strconv.Itoa(steps)}) {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	return o
}

// fillDisk has a filesystem of 1 MB in a mount namespace of its own, mounted at args[0].
func fillDisk(args []string) error {
	dir := args[0]
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		return err
	}
	path, ballast := filepath.Join(dir, "om.db"), filepath.Join(dir, "ballast")
	fill := func() {
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return
		}
		defer f.Close()
		for size := 1 << 16; size > 0; size /= 2 {
			for {
				if n, err := f.Write(make([]byte, size)); err != nil || n < size {
					break
				}
			}
		}
	}
	fill()
	err := openOnly([]string{path})
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		return fmt.Errorf("creation on a full disk: %w", err)
	}
	if err = os.Remove(ballast); err != nil {
		return err
	}
	return with(live(path), func(ctx context.Context, d *state.DB) error {
		var before []task.Run
		for range 20 {
			r, err := d.Claim(ctx, ours("task#0"), 0, state.Alive)
			if err != nil {
				return fmt.Errorf("claim after creation: %w", err)
			}
			before = append(before, r)
		}
		fill()
		return errors.Join(untilItFails(ctx, d, "no space left"), tryLater(ctx, d, before, ballast))
	})
}

// untilItFails claims until the disk takes no more, and looks at what is there then.
func untilItFails(ctx context.Context, d *state.DB, want string) error {
	for n := 1; n < 1000; n++ {
		_, err := d.Claim(ctx, ours("task#1"), 0, nil)
		if err == nil {
			continue
		}
		runs, listErr := d.Runs(ctx, state.Query{RID: []string{"task#1"}})
		switch {
		case !strings.Contains(err.Error(), want):
			return fmt.Errorf("claim %d: %w", n, err)
		case listErr != nil || len(runs) != n-1:
			return fmt.Errorf("%d claims had no error, and %d runs are there: %w", n-1, len(runs), listErr)
		}
		fmt.Println(err)
		return nil
	}
	return errors.New("1000 claims fit on a full disk")
}

// tryLater settles runs on a full disk until one has no room, for the first may find what a claim left, and that
// one again when there is room.
func tryLater(ctx context.Context, d *state.DB, runs []task.Run, ballast string) (err error) {
	var r task.Run
	var end []task.Outcome
	for _, r = range runs {
		end = []task.Outcome{outcome(r, task.Complete)}
		if err = d.Settle(ctx, end); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		return fmt.Errorf("settle on a full disk: %w", err)
	}
	if got, err := d.Run(ctx, r.ID); err != nil || got.State != task.Running {
		return fmt.Errorf("half settled: %s, %w", got.State, err)
	}
	if err = os.Remove(ballast); err != nil {
		return err
	}
	if err = errors.Join(d.Settle(ctx, end), d.Compact(ctx), d.Check(ctx)); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if got, err := d.Run(ctx, r.ID); err != nil || got.State != task.Complete {
		return fmt.Errorf("after settling again: %s, %w", got.State, err)
	}
	return nil
}

// underFileLimit may not write beyond 200 kB into any file.
func underFileLimit(args []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	return with(live(args[0]), func(ctx context.Context, d *state.DB) error {
		limit := unix.Rlimit{Cur: 200_000, Max: unix.RLIM_INFINITY}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		if err := untilItFails(ctx, d, "it may not grow: file too large"); err != nil {
			return err
		}
		limit.Cur = unix.RLIM_INFINITY
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		_, err := d.Claim(ctx, ours("task#1"), 0, nil)
		return errors.Join(err, d.Check(ctx))
	})
}

// readOnlyMount makes the folder of a record read-only for itself, and looks for the run args[1].
func readOnlyMount(args []string) error {
	dir := filepath.Dir(args[0])
	err := errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount(dir, dir, "", unix.MS_BIND, ""),
		unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if err != nil {
		return err
	}
	o := live(args[0])
	if _, err = state.Open(context.Background(), o); !errors.Is(err, task.ErrPermission) {
		return fmt.Errorf("opened for writing: %w", err)
	}
	o.ReadOnly = true
	return with(o, func(ctx context.Context, d *state.DB) error {
		_, err := d.Run(ctx, args[1])
		return err
	})
}
