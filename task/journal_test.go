package task

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestLogModes(t *testing.T) {
	if _, err := os.Stat(journalSocket); err == nil {
		t.Skip("there is a journal here, and this test is about hosts without one")
	}
	for mode, kept := range map[LogMode]string{LogFile: "text\n", LogBoth: "text\n", LogNone: "", LogJournal: ""} {
		t.Run(string(mode), func(t *testing.T) {
			j := shell(t, "echo text")
			j.Log = mode
			o, out, _ := supervised(t, j)
			if out != kept || o.OutputBytes != 5 {
				t.Errorf("kept %q, want %q; %d bytes", out, kept, o.OutputBytes)
			}
			if told := len(o.Notes) == 1; told != (mode == LogJournal || mode == LogBoth) {
				t.Errorf("notes %q", o.Notes)
			}
		})
	}
}

// The messages that journald gets, read back by the rules of its protocol.
func TestJournal(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	w, err := openJournal(socket, &Job{ID: ID{"testmd", "task#0"}, RunID: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	w.write(0, []byte("one\ntw"))
	w.write(1, []byte("err\x00or\n"))
	w.write(0, []byte("o\nno newline"))
	w.write(1, []byte(strings.Repeat("x", 40_000)))
	w.close()
	var got []string
	room := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, room)
		if err != nil {
			break
		}
		f := fields(t, room[:n])
		if f["SYSLOG_IDENTIFIER"] != "om" || f["OM_SERVICE"] != "testmd" || f["OM_TASK"] != "task#0" || f["OM_RUN_ID"] != "r1" {
			t.Errorf("fields %q", f)
		}
		m := f["MESSAGE"]
		if len(m) > 100 {
			m = fmt.Sprint(len(m), " bytes")
		}
		got = append(got, f["PRIORITY"]+" "+m)
	}
	want := []string{"6 one", "4 err\x00or", "6 two", "4 16384 bytes", "4 16384 bytes", "6 no newline", "4 7232 bytes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// fields reads a message of the journal's native protocol: NAME, newline, length, value, newline.
func fields(t *testing.T, m []byte) map[string]string {
	t.Helper()
	all := map[string]string{}
	for len(m) > 0 {
		name, rest, ok := strings.Cut(string(m), "\n")
		if !ok || len(rest) < 8 {
			t.Fatalf("broken message %q", m)
		}
		size := binary.LittleEndian.Uint64([]byte(rest))
		all[name] = rest[8 : 8+size]
		m = []byte(rest[8+size+1:])
	}
	return all
}
