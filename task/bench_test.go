package task

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkTrue: what supervising costs, beside starting and waiting for the same program.
func BenchmarkTrue(b *testing.B) {
	c := ownCommand("/bin/true")
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			pid, err := c.spawn(descriptors{in: 0, out: 1, err: 2, leaf: -1})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("supervised", func(b *testing.B) {
		j := shell(b, "")
		j.Steps[0].Command = c
		for b.Loop() {
			if o, err := Supervise(context.Background(), j, Live{}); err != nil || o.State != Complete {
				b.Fatal(o, err)
			}
		}
	})
}

// BenchmarkOutput: 100 MB through cat into a file, and through om into a file and the record. Run
// both in turn: -count 15.
func BenchmarkOutput(b *testing.B) {
	const size = 100_000_000
	dir := b.TempDir()
	script := "yes 'a line of output as programs write them, some eighty bytes long, and then some' | head -c " + strconv.Itoa(size)
	target := filepath.Join(dir, "copy")
	run := func(b *testing.B, j Job, live *os.File) {
		b.Helper()
		b.SetBytes(size)
		for b.Loop() {
			if err := os.Truncate(target, 0); err != nil {
				b.Fatal(err)
			}
			if o, err := Supervise(context.Background(), j, Live{Stdout: live}); err != nil || o.State != Complete {
				b.Fatal(o, err)
			}
		}
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.Run("cat", func(b *testing.B) { run(b, shell(b, script+" | cat > "+target), nil) })
	b.Run("om", func(b *testing.B) { run(b, shell(b, script), f) })
}

// BenchmarkResolve: a task of another user, on a host with the usual files.
func BenchmarkResolve(b *testing.B) {
	task := plainTask("/bin/echo 'a b' c")
	task.Cwd = "/"
	for b.Loop() {
		if _, err := task.Resolve(context.Background(), resolver(&Users{})); err != nil {
			b.Fatal(err)
		}
	}
}

// A thousand live children cost few threads and little memory each.
func TestManyChildrenAreCheap(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a thousand processes")
	}
	const n = 1000
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Cur < 5*n {
		t.Skipf("%d open files are allowed, too few for %d runs", files.Cur, n)
	}
	s, err := NewSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	gate, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	before := heapBytes()
	for range n {
		j := shell(t, "read x < "+fifo)
		j.Timeout = time.Minute
		if err := s.Start(context.Background(), j, Live{}); err != nil {
			t.Fatal(err)
		}
	}
	if each := (heapBytes() - before) / n; each > 8<<10 {
		t.Errorf("%d bytes of memory for each run, want at most 8 KiB", each)
	}
	if threads := threadCount(t); threads > 10 {
		t.Errorf("%d threads for %d runs, want at most 10", threads, n)
	}
	if _, err := gate.WriteString(strings.Repeat("\n", n)); err != nil {
		t.Fatal(err)
	}
	for range n {
		if o, ok := s.Wait(); !ok || o.State != Complete {
			t.Fatalf("got %+v, %v", o, ok)
		}
	}
	_ = gate.Close()
}

// A detached supervisor with three thousand living children: few threads, little memory each. What it holds
// includes the garbage of taking the jobs.
func TestManyDetachedAreCheap(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three thousand processes")
	}
	const n = 3000
	if most := runsAtOnce(); most < n {
		t.Skipf("the limit of open files allows %d runs, too few", most)
	}
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	gate, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	before := statusOf(t, h.PID, "RssAnon")
	jobs := make([]Job, n)
	for i := range jobs {
		jobs[i] = shell(t, "read x < "+fifo)
		jobs[i].Timeout = time.Hour
	}
	began := time.Now()
	if err := h.Give(jobs...); err != nil {
		t.Fatal(err)
	}
	taken := time.Since(began)
	children := "/proc/" + strconv.Itoa(h.PID) + "/task"
	for childrenOf(children) < n {
		_, _ = unix.Poll(nil, 100) // looking slows it down
		if time.Since(began) > time.Minute {
			t.Fatalf("%d of %d run after a minute", childrenOf(children), n)
		}
	}
	started := time.Since(began)
	each := (statusOf(t, h.PID, "RssAnon") - before) << 10 / n
	threads := statusOf(t, h.PID, "Threads")
	t.Logf("%d jobs taken in %v, started in %v; %d bytes each, %d threads", n, taken, started, each, threads)
	if each > 8<<10 && !raceDetector {
		t.Errorf("%d bytes of memory for each run, want at most 8 KiB", each)
	}
	if threads > 10 {
		t.Errorf("%d threads for %d runs, want at most 10", threads, n)
	}
	began = time.Now()
	if _, err := gate.WriteString(strings.Repeat("\n", n)); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, n)
	t.Logf("ended and told in %v", time.Since(began))
	_ = gate.Close()
}

// statusOf reads a number of /proc/PID/status.
func statusOf(tb testing.TB, pid int, name string) int64 {
	tb.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		tb.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), name+":")
	n, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// childrenOf counts the children of the threads in a folder /proc/PID/task.
func childrenOf(folder string) int {
	threads, _ := os.ReadDir(folder)
	n := 0
	for _, t := range threads {
		text, _ := os.ReadFile(folder + "/" + t.Name() + "/children")
		n += len(strings.Fields(string(text)))
	}
	return n
}

// BenchmarkDetached: starting a supervisor until it holds runs, its journal durable, and letting it go.
func BenchmarkDetached(b *testing.B) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	folder := b.TempDir()
	for b.Loop() {
		h, err := Detached([]string{exe, "__supervise", folder})
		if err != nil {
			b.Fatal(err)
		}
		_ = h.Close()
		_, _ = unix.Wait4(h.PID, nil, 0, nil)
	}
}

// BenchmarkServe: a run of /bin/true through a supervisor, of a thousand that are given at once, until all
// outcomes are durable.
func BenchmarkServe(b *testing.B) {
	const n = 1000
	folder := b.TempDir()
	h := supervisorIn(b, folder)
	jobs := make([]Job, n)
	rounds := 0
	for b.Loop() {
		for i := range jobs {
			jobs[i] = shell(b, "")
			jobs[i].Steps[0].Command = ownCommand("/bin/true")
		}
		if err := h.Give(jobs...); err != nil {
			b.Fatal(err)
		}
		var c collector
		for len(c.ended) < n {
			c.fold(b, folder)
			_, _ = unix.Poll(nil, 1)
		}
		rounds++
	}
	b.ReportMetric(float64(rounds*n)/b.Elapsed().Seconds(), "outcomes/s")
}

// heapBytes is the memory in use, rubbish left out.
func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
