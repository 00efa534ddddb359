package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// at is a clock that moves a second each time it is looked at.
func at() func() time.Time {
	now := time.Date(2027, 3, 28, 1, 0, 0, 120, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func TestOutputFormat(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"a line":            {"one\n", "2027-03-28T01:00:01.00000012Z stdout F one\n"},
		"no newline at end": {"one\ntwo", "2027-03-28T01:00:01.00000012Z stdout F one\n2027-03-28T01:00:01.00000012Z stdout P two\n"},
		"an empty line":     {"\n", "2027-03-28T01:00:01.00000012Z stdout F \n"},
		"binary":            {"a\x00b\r\xff\n", "2027-03-28T01:00:01.00000012Z stdout F a\x00b\r\xff\n"},
	} {
		t.Run(name, func(t *testing.T) {
			k := sink{path: filepath.Join(t.TempDir(), "o"), head: 100, tail: 100}
			k.write(Stdout, []byte(c.in), at()(), new([]byte))
			if lost := k.finish(new([]byte)); lost != 0 {
				t.Errorf("lost %d", lost)
			}
			got, err := os.ReadFile(k.path)
			if err != nil || string(got) != c.want {
				t.Errorf("got %q, %v\nwant %q", got, err, c.want)
			}
		})
	}
}

// Collectors read the format with a buffer of 16 KiB for a record's text.
func TestLongLinesArePieces(t *testing.T) {
	line := strings.Repeat("x", 100_000) + "\n"
	k := sink{path: filepath.Join(t.TempDir(), "o"), head: 1 << 20}
	k.write(Stdout, []byte(line), at()(), new([]byte))
	k.finish(new([]byte))
	var pieces, full int
	var text bytes.Buffer
	for r, err := range ReadOutput(k.path) {
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Bytes) > 16<<10 {
			t.Errorf("a record of %d bytes", len(r.Bytes))
		}
		pieces++
		text.Write(r.Bytes)
		if r.Full {
			full++
			text.WriteByte('\n')
		}
	}
	if text.String() != line || pieces != 7 || full != 1 {
		t.Errorf("%d bytes in %d pieces, %d of them full; want %d in 7, one full", text.Len(), pieces, full, len(line))
	}
}

func TestHeadAndTail(t *testing.T) {
	k := sink{path: filepath.Join(t.TempDir(), "o"), head: 10, tail: 10}
	now := at()
	for i := range 10 {
		k.write([]string{Stdout, Stderr}[i%2], fmt.Appendf(nil, "line %d\n", i), now(), new([]byte))
	}
	if lost := k.finish(new([]byte)); lost != 50 {
		t.Errorf("lost %d of 70, want all but 20", lost)
	}
	got, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	want := `2027-03-28T01:00:01.00000012Z stdout F line 0
2027-03-28T01:00:02.00000012Z stderr P lin
2027-03-28T01:00:09.00000012Z stderr F:gap 50 bytes left out
2027-03-28T01:00:09.00000012Z stdout F 8
2027-03-28T01:00:10.00000012Z stderr F line 9
`
	want = strings.Replace(want, "stdout F 8", "stdout F  8", 1)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := os.Stat(k.path + tailSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the ring is left: %v", err)
	}
}

// readBack reads both streams merged in order, with a mark where bytes are lost.
func readBack(tb testing.TB, path string) (pieces [][]byte, lost []int64) {
	tb.Helper()
	pieces = [][]byte{nil}
	for r, err := range ReadOutput(path) {
		if err != nil {
			tb.Fatalf("read: %v", err)
		}
		if r.Lost > 0 {
			lost, pieces = append(lost, r.Lost), append(pieces, nil)
			continue
		}
		last := &pieces[len(pieces)-1]
		*last = append(*last, r.Bytes...)
		if r.Full {
			*last = append(*last, '\n')
		}
	}
	return pieces, lost
}

// FuzzOutput: what goes in comes out, byte for byte, but for one gap whose size is told; from the
// ring of a run in progress as from the finished file.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("one\ntwo\n"), uint16(3), uint16(100), uint16(100))
	f.Add([]byte("\x00\n\n\xffno newline"), uint16(1), uint16(2), uint16(3))
	f.Add(bytes.Repeat([]byte("0123456789\n"), 300), uint16(7), uint16(20), uint16(50))
	f.Add(bytes.Repeat([]byte("x"), 40_000), uint16(9000), uint16(100), uint16(17_000))
	f.Add([]byte("om\x01om\x01om\x01"), uint16(2), uint16(0), uint16(4))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, in []byte, chunk, head, tail uint16) {
		k := sink{path: filepath.Join(dir, newRunID()), head: int64(head), tail: int64(tail)}
		defer func() { _ = RemoveOutput(k.path) }()
		now, scratch := at(), []byte(nil)
		size := max(int(chunk), 4, len(in)/500) // of smaller pieces the ring may keep less
		for i := 0; i < len(in); i += size {
			k.write([]string{Stdout, Stderr}[i/size%2], in[i:min(i+size, len(in))], now(), &scratch)
		}
		checkOutput(t, "in progress", k.path, in, -1, int(head), int(tail))
		lost := k.finish(&scratch)
		checkOutput(t, "finished", k.path, in, lost, int(head), int(tail))
	})
}

func checkOutput(t *testing.T, when, path string, in []byte, lost int64, head, tail int) {
	t.Helper()
	pieces, gaps := readBack(t, path)
	first, last := pieces[0], pieces[len(pieces)-1]
	if len(gaps) == 0 {
		end := in
		if lost > 0 || lost < 0 && tail == 0 { // a run in progress does not tell what it drops at the end
			end = in[:min(len(first), len(in))]
		}
		if !bytes.Equal(first, end) {
			t.Fatalf("%s: got %q, want %q", when, first, end)
		}
		return
	}
	if len(gaps) != 1 || !bytes.HasPrefix(in, first) || !bytes.HasSuffix(in, last) {
		t.Fatalf("%s: gaps %v between %q and %q of %q", when, gaps, first, last, in)
	}
	if got := len(first) + int(gaps[0]) + len(last); got != len(in) {
		t.Fatalf("%s: %d bytes told of, want %d", when, got, len(in))
	}
	if len(first) < min(head, len(in)) || len(last) < min(tail, len(in)-len(first)) && when == "finished" {
		t.Fatalf("%s: kept %d and %d, want %d and %d", when, len(first), len(last), head, tail)
	}
	if lost >= 0 && lost != gaps[0] {
		t.Fatalf("%s: lost %d, the file says %d", when, lost, gaps[0])
	}
}

// FuzzReadOutput: no file makes the reader fail but with an error, or read for ever.
func FuzzReadOutput(f *testing.F) {
	f.Add([]byte("2027-03-28T01:00:01Z stdout F one\n"), []byte{})
	f.Add([]byte("2027-03-28T01:00:01Z stderr F:gap 12 bytes left out\n2027-03-28T01:00:01Z stdout P x\n"), []byte(ringMagic))
	f.Add([]byte("rubbish"), []byte(ringMagic+"\x40\x00\x00\x00\x00\x00\x00\x00"))
	path := filepath.Join(f.TempDir(), "o")
	f.Fuzz(func(t *testing.T, file, ring []byte) {
		if os.WriteFile(path, file, 0o600) != nil || os.WriteFile(path+tailSuffix, ring, 0o600) != nil {
			t.Fatal("can't write")
		}
		var size int
		for r, err := range ReadOutput(path) {
			if err != nil && !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			size += len(r.Bytes)
		}
		if size > len(file)+len(ring) {
			t.Fatalf("%d bytes out of %d", size, len(file)+len(ring))
		}
	})
}

// A reader that follows sees every byte once, whether it reads it in the file, in the ring, or after
// the ring was moved into the file.
func TestFollow(t *testing.T) {
	k := sink{path: filepath.Join(t.TempDir(), "o"), head: 50, tail: 500}
	now, scratch := at(), []byte(nil)
	var want, got bytes.Buffer
	o := output{path: k.path, yield: func(r Record, err error) bool {
		if err != nil || r.Lost > 0 {
			t.Fatalf("got %+v, %v", r, err)
		}
		got.Write(r.Bytes)
		if r.Full {
			got.WriteByte('\n')
		}
		return true
	}}
	defer o.close()
	for i := range 100 {
		line := fmt.Sprintf("this is line %d\n", i)
		want.WriteString(line)
		k.write(Stdout, []byte(line), now(), &scratch)
		if i%7 == 0 {
			o.pass()
		}
	}
	k.finish(&scratch)
	o.pass()
	if got.String() != want.String() {
		t.Errorf("got %q\nwant %q", &got, &want)
	}
}

func TestFollowOutputEnds(t *testing.T) {
	j := shell(t, "for i in 1 2 3; do echo $i; sleep 0.15; done")
	ended := make(chan struct{})
	j.Started = func(int) {}
	go func() {
		defer close(ended)
		if _, err := Supervise(context.Background(), j, Live{}); err != nil {
			t.Error(err)
		}
	}()
	over := func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
	var got []string
	for r, err := range FollowOutput(context.Background(), j.Output, over) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(r.Bytes))
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadOutputOfNothing(t *testing.T) {
	for r, err := range ReadOutput(filepath.Join(t.TempDir(), "none")) {
		t.Errorf("got %+v, %v, want nothing", r, err)
	}
}

// TestOutputInItsPlace: what stands in the place of an output and is no file of its own is neither written to nor read,
// nor waited for; the run goes on without.
func TestOutputInItsPlace(t *testing.T) {
	for name, place := range map[string]func(path, precious string) error{
		"a link":             func(path, precious string) error { return os.Symlink(precious, path) },
		"a link to nowhere":  func(path, precious string) error { return os.Symlink(precious+".new", path) },
		"a pipe":             func(path, _ string) error { return unix.Mkfifo(path, 0o600) },
		"a folder":           func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"a link at its tail": func(path, precious string) error { return os.Symlink(precious, path+tailSuffix) },
		"a pipe at its tail": func(path, _ string) error { return unix.Mkfifo(path+tailSuffix, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			precious := filepath.Join(t.TempDir(), "precious")
			if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			j := shell(t, "seq 30000; echo $((1+1)) >&2")
			j.Head, j.Tail = 100, 1000
			if err := place(j.Output, precious); err != nil {
				t.Fatal(err)
			}
			o, err := Supervise(context.Background(), j, Live{})
			if err != nil || o.State != Complete {
				t.Errorf("%+v, %v", o, err)
			}
			for r := range ReadOutput(j.Output) { // it may say that it can't
				if bytes.Contains(r.Bytes, []byte("precious")) {
					t.Errorf("read %q", r.Bytes)
				}
			}
			text, err := os.ReadFile(precious)
			if _, made := os.Lstat(precious + ".new"); err != nil || string(text) != "precious" || made == nil {
				t.Errorf("now it has %.20q, %v; %v", text, err, made)
			}
		})
	}
}

func TestReadOutputBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o")
	if err := os.WriteFile(path, []byte("2027-03-28T01:00:01Z stdout F one\nwhat is this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, err := range ReadOutput(path) {
		errs = append(errs, err)
	}
	if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], ErrInvalid) {
		t.Errorf("got %v, want one record and an error that is ErrInvalid", errs)
	}
}

// Where the disk is full the run goes on, and the count says what was dropped.
func TestDiskFull(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("can't mount a small filesystem: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	j := shell(t, "yes 0123456789abcdef | head -c 500000; echo the end; exit 4")
	j.Output = filepath.Join(dir, "o")
	o, out, _ := supervised(t, j)
	if o.State != Failed || o.ExitCode != 4 {
		t.Errorf("got %+v, want the command's own end", o)
	}
	if o.OutputBytes != 500008 || o.OutputLost < 400_000 || o.OutputLost > 500_008 {
		t.Errorf("%d bytes, %d lost", o.OutputBytes, o.OutputLost)
	}
	if len(o.Notes) != 1 || !strings.Contains(o.Notes[0], "could not be kept in "+j.Output+": is its disk full?") {
		t.Errorf("notes %q, want one of what could not be kept", o.Notes)
	}
	if kept := int64(len(out)); kept != o.OutputBytes-o.OutputLost {
		t.Errorf("%d bytes can be read, want %d", kept, o.OutputBytes-o.OutputLost)
	}
}

// The supervisor is killed while its run writes: what it kept can be read, to the last bytes.
func TestOutputOutlivesSupervisor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o")
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	run := newRunID()
	supervisor := exec.Command(os.Args[0])
	supervisor.Env = append(os.Environ(), "OM_TEST_RUN="+run, "OM_TEST_OUTPUT="+path,
		"OM_TEST_SUPERVISE=i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; read x < "+fifo)
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = EndTree(context.Background(), run, int(unix.SIGKILL), 0) })
	eventually(t, "the last line is kept", func() bool {
		out, _, _ := outputOf(t, path)
		return strings.HasSuffix(out, "line 1999\n")
	})
	_ = supervisor.Process.Kill()
	_ = supervisor.Wait()
	pieces, gaps := readBack(t, path)
	if len(gaps) != 1 || len(pieces[0]) != 1000 || !bytes.HasPrefix(pieces[0], []byte("line 0\n")) {
		t.Fatalf("head of %d bytes, gaps %v", len(pieces[0]), gaps)
	}
	if n := len(pieces[1]); n < 5000 || !bytes.HasSuffix(pieces[1], []byte("line 1998\nline 1999\n")) {
		t.Errorf("tail of %d bytes: %q", n, pieces[1][max(0, n-50):])
	}
}

func TestRemoveOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o")
	for _, suffix := range []string{"", ".tail", ".cancel"} {
		if err := os.WriteFile(path+suffix, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := RemoveOutput(path); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
