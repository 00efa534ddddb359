package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestMaxRSS: the peak of a command is told where it is above that of om, which another test may have made large.
func TestMaxRSS(t *testing.T) {
	var own unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &own); err != nil {
		t.Fatal(err)
	}
	size := 300_000_000 + own.Maxrss*1024
	j := shell(t, fmt.Sprintf(`python3 -c 'x = b"x" * %d'`, size))
	j.Steps[0].Command.Env = append(j.Steps[0].Command.Env, "PATH="+os.Getenv("PATH"))
	o, _, errs := supervised(t, j)
	if o.MaxRSS < size-50e6 || o.MaxRSS > size+200e6 {
		t.Errorf("got %d, want about %d: %q", o.MaxRSS, size, errs)
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
	eventually(t, "the run goes on", func() bool { return len(Processes(j.RunID)) > 0 })
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

// Runs side by side in one process, as in the foreground: the end of one must not end another that has
// only just started, whatever the moment.
func TestParallelRunsAreLeftAlone(t *testing.T) {
	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				j := shell(t, "exit 0")
				j.Log = LogNone
				if o, err := Supervise(context.Background(), j, Live{}); err != nil || o.State != Complete {
					t.Errorf("got %+v, %v; want complete", o, err)
					return
				}
			}
		})
	}
	for range 10 {
		j := shell(t, "trap '' TERM; (env -i setsid sleep 60 &); while :; do sleep 0.01; done")
		j.Timeout, j.StopTimeout = 30*time.Millisecond, 50*time.Millisecond
		s, err := NewSupervisor()
		if err != nil {
			t.Fatal(err)
		}
		s.base, s.shared = "", true
		if err := s.Start(context.Background(), j, Live{}); err != nil {
			t.Fatal(err)
		}
		if o, _ := s.Wait(); o.State != TimedOut {
			t.Errorf("got %+v, want timeout", o)
		}
		s.Close()
	}
	close(stop)
	group.Wait()
	// Whose the orphans are could not be told while others ran.
	session, _ := unix.Getsid(0)
	for _, p := range processes() {
		if p.ppid == os.Getpid() && p.session != session {
			_ = p.signal(unix.SIGKILL)
		}
	}
}
