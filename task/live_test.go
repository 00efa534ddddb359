package task

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// superviseLive runs j with its output copied to out and errs.
func superviseLive(t *testing.T, j Job, out, errs *os.File) Outcome {
	t.Helper()
	o, err := Supervise(context.Background(), j, Live{Stdout: out, Stderr: errs})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// pipe makes a pipe for a test.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

const anyBytes = `printf 'a\000b\377\r\nno newline'; printf 'err\n' >&2`

func TestLiveFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("before "); err != nil {
		t.Fatal(err)
	}
	j := shell(t, anyBytes)
	superviseLive(t, j, f, nil)
	got, _ := os.ReadFile(f.Name())
	if want := "before a\x00b\xff\r\nno newline"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if out, errs, _ := outputOf(t, j.Output); out != "a\x00b\xff\r\nno newline" || errs != "err\n" {
		t.Errorf("kept %q and %q", out, errs)
	}
}

// A pager reads slowly, and must get all of it though the command has long ended.
func TestLiveSlowPipe(t *testing.T) {
	r, w := pipe(t)
	got := make(chan []byte)
	go func() {
		var all bytes.Buffer
		var room [1000]byte
		for {
			n, err := r.Read(room[:])
			all.Write(room[:n])
			if err != nil {
				got <- all.Bytes()
				return
			}
		}
	}()
	j := shell(t, "yes 0123456789abcde | head -c 3000000")
	o := superviseLive(t, j, w, nil)
	_ = w.Close()
	want := bytes.Repeat([]byte("0123456789abcde\n"), 3_000_000/16)
	if text := <-got; !bytes.Equal(text, want) {
		t.Errorf("%d bytes came through, want %d", len(text), len(want))
	}
	if o.State != Complete || o.OutputBytes != 3_000_000 {
		t.Errorf("got %+v", o)
	}
}

// Nobody reads: the time limit counts all the same.
func TestLiveFullPipe(t *testing.T) {
	_, w := pipe(t)
	j := shell(t, "yes")
	j.Timeout = 200 * time.Millisecond
	start := time.Now()
	o := superviseLive(t, j, w, w)
	if took := time.Since(start); o.State != TimedOut || took > 20*time.Second { // it would be for ever
		t.Errorf("%s after %s, want timeout in time", o.State, took)
	}
}

// The output was all written, and nobody reads: a run with a time limit ends when that is over.
func TestLiveFullPipeAfterTheEnd(t *testing.T) {
	_, w := pipe(t)
	j := shell(t, "head -c 100000 /dev/zero")
	j.Timeout = 500 * time.Millisecond
	start := time.Now()
	o := superviseLive(t, j, w, nil)
	if took := time.Since(start); o.State != Complete || took > 3*time.Second {
		t.Errorf("%+v after %s, want complete", o, took)
	}
	if len(o.Notes) != 1 || !strings.Contains(o.Notes[0], "did not take all") {
		t.Errorf("notes %q, want one on the live output", o.Notes)
	}
	if o.OutputBytes != 100_000 || o.OutputLost != 0 {
		t.Errorf("kept %d of %d", o.OutputBytes-o.OutputLost, o.OutputBytes)
	}
}

func TestLiveBrokenPipe(t *testing.T) {
	r, w := pipe(t)
	_ = r.Close()
	j := shell(t, "echo one; sleep 0.1; echo two; exit 5")
	o := superviseLive(t, j, w, nil)
	out, _, _ := outputOf(t, j.Output)
	if o.ExitCode != 5 || out != "one\ntwo\n" {
		t.Errorf("got %+v, kept %q; want that the run goes on", o, out)
	}
	if len(o.Notes) != 1 || !strings.Contains(o.Notes[0], "broken pipe") {
		t.Errorf("notes %q, want one on the pipe", o.Notes)
	}
}

// A terminal that Ctrl-S has stopped.
func TestLiveStoppedTerminal(t *testing.T) {
	person, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer person.Close()
	defer terminal.Close()
	if err := unix.IoctlSetInt(int(terminal.Fd()), unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	j := shell(t, "yes")
	j.Timeout = 200 * time.Millisecond
	start := time.Now()
	o := superviseLive(t, j, terminal, terminal)
	if took := time.Since(start); o.State != TimedOut || took > 20*time.Second { // it would be for ever
		t.Errorf("%s after %s, want timeout in time", o.State, took)
	}
	flags, err := unix.FcntlInt(terminal.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, %v: the terminal of the user's shell must stay blocking", flags, err)
	}
}

// A file that can't be opened again (a socket) is written to only when it is ready.
func TestLiveBorrowed(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	defer far.Close()
	got := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, far)
		got <- n
	}()
	superviseLive(t, shell(t, "head -c 1000000 /dev/zero"), near, near)
	_ = near.Close()
	if n := <-got; n != 1_000_000 {
		t.Errorf("%d bytes came through, want 1000000", n)
	}
}

// Output of any size needs no more memory than a little.
func TestMuchOutputNeedsLittleMemory(t *testing.T) {
	f, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	j := shell(t, "head -c 200000000 /dev/zero")
	before := residentPages(t)
	o := superviseLive(t, j, f, nil)
	if grown := (residentPages(t) - before) * int64(os.Getpagesize()); grown > 8<<20 {
		t.Errorf("200 MB of output took %d bytes of memory", grown)
	}
	if o.OutputBytes != 200_000_000 || o.OutputLost != 200_000_000-2<<20 {
		t.Errorf("got %+v, want all but the first and the last MiB lost", o)
	}
	if info, err := os.Stat(j.Output); err != nil || info.Size() > 3<<20 {
		t.Errorf("the file: %v, %v; want about 2 MiB", info, err)
	}
}

func residentPages(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// A command that ends before it reads what it might have read.
func TestStdinIsNull(t *testing.T) {
	o, out, _ := supervised(t, shell(t, "readlink /proc/self/fd/0; cat; echo end"))
	if o.State != Complete || out != "/dev/null\nend\n" {
		t.Errorf("%s, %q", o.State, out)
	}
}
