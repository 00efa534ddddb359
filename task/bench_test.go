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
	m := holdMany(t, n)
	t.Logf("%d jobs taken in %v, started in %v, ended and told in %v; %d bytes each, %d threads", n, m.taken, m.started, m.ended, m.each, m.threads)
	if m.each > 8<<10 && !raceDetector {
		t.Errorf("%d bytes of memory for each run, want at most 8 KiB", m.each)
	}
	if m.threads > 10 {
		t.Errorf("%d threads for %d runs, want at most 10", m.threads, n)
	}
}

// BenchmarkHold: three thousand children under one supervisor: its threads, its memory for each (what it grew by, and
// its share of all that it has, the program too), and how long starting and ending them takes.
func BenchmarkHold(b *testing.B) {
	const n = 3000
	for b.Loop() {
		m := holdMany(b, n)
		b.ReportMetric(float64(m.threads), "threads")
		b.ReportMetric(float64(m.each), "B/child")
		b.ReportMetric(float64(m.share)/n, "PSS/child")
		b.ReportMetric(m.started.Seconds()*1000, "start-ms")
		b.ReportMetric(m.ended.Seconds()*1000, "end-ms")
		b.ReportMetric(0, "ns/op")
	}
}

// held is what a supervisor takes that holds many runs.
type held struct {
	taken, started, ended time.Duration
	threads               int64
	each                  int64 // bytes that it grew by for each run
	share                 int64 // bytes of all its memory, parts of what it shares with others
}

// holdMany has a supervisor hold n runs at once, and end them.
func holdMany(tb testing.TB, n int) (m held) {
	tb.Helper()
	if most := runsAtOnce(); most < n {
		tb.Skipf("the limit of open files allows %d runs, too few", most)
	}
	folder := tb.TempDir()
	h := supervisorIn(tb, folder)
	fifo := filepath.Join(tb.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		tb.Fatal(err)
	}
	gate, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer gate.Close()
	before := statusOf(tb, h.PID, "RssAnon") << 10
	jobs := make([]Job, n)
	for i := range jobs {
		jobs[i] = shell(tb, "read x < "+fifo)
		jobs[i].Timeout = time.Hour
	}
	began := time.Now()
	if err := h.Give(jobs...); err != nil {
		tb.Fatal(err)
	}
	m.taken = time.Since(began)
	children := "/proc/" + strconv.Itoa(h.PID) + "/task"
	for childrenOf(children) < n {
		_, _ = unix.Poll(nil, 100) // looking slows it down
		if time.Since(began) > time.Minute {
			tb.Fatalf("%d of %d run after a minute", childrenOf(children), n)
		}
	}
	m.started = time.Since(began)
	m.each = (statusOf(tb, h.PID, "RssAnon")<<10 - before) / int64(n)
	m.threads = statusOf(tb, h.PID, "Threads")
	m.share = numberIn(tb, "/proc/"+strconv.Itoa(h.PID)+"/smaps_rollup", "Pss") << 10
	began = time.Now()
	if _, err := gate.WriteString(strings.Repeat("\n", n)); err != nil {
		tb.Fatal(err)
	}
	var c collector
	c.await(tb, folder, n)
	m.ended = time.Since(began)
	return m
}

// statusOf reads a number of /proc/PID/status.
func statusOf(tb testing.TB, pid int, name string) int64 {
	tb.Helper()
	return numberIn(tb, "/proc/"+strconv.Itoa(pid)+"/status", name)
}

// numberIn reads a number of a file of lines "name: number".
func numberIn(tb testing.TB, path, name string) int64 {
	tb.Helper()
	text, err := os.ReadFile(path)
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
