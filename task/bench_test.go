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

// heapBytes is the memory in use, rubbish left out.
func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
