package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
)

// TestWidth holds what om prints on a terminal against its width: no line of a table is longer, however
// long the values are, and what tells entries apart is still there.
func TestWidth(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long ", 60)
	text := fmt.Sprintf("[task#0]\ncommand = /bin/echo %s\ncwd = /\ntags = a b\nschedule = 02:00-04:00 mon-sat\ndescription = first\n  second %s\n", long, long)
	if err := os.WriteFile(filepath.Join(dir, "etc", "service.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := omIn(t, dir, "service", "run").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	for _, cols := range []int{20, 40, 80, 132, 400} {
		for _, args := range [][]string{{"ls"}, {"history"}, {"print", "keywords"}, {"service", "print", "status"}} {
			out := onScreen(t, dir, cols, args...)
			for line := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
				if n := utf8.RuneCountInString(line); n > max(cols, leastOf(args)) {
					t.Errorf("om %v on %d columns: a line of %d: %q", args, cols, n, line)
				}
			}
			if want := map[string]string{"ls": "task#0", "history": "complete", "service": "last run complete"}[args[0]]; cols >= 80 && !strings.Contains(out, want) {
				t.Errorf("om %v on %d columns: no %q in\n%s", args, cols, want, out)
			}
		}
	}
	if out := onScreen(t, dir, 80, "service", "print", "status"); strings.Count(out, "\n") != 2 {
		t.Errorf("a description of two lines: wanted a line for the service and one for its task, got\n%s", out)
	}
}

// leastOf is the width below which om does not go: in a status, when the last run was is never cut.
func leastOf(args []string) int {
	if args[len(args)-1] == "status" {
		return 80
	}
	return 0
}

// onScreen is what om prints on a terminal that is cols wide, without colors.
func onScreen(t *testing.T, dir string, cols int, args ...string) string {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pty: %v", err)
	}
	defer screen.Close()
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 24, Cols: uint16(cols)}); err != nil {
		t.Fatal(err)
	}
	om := omIn(t, dir, args...)
	om.Env, om.Stdout = append(om.Env, "NO_COLOR=1"), tty
	return read(t, screen, tty, om)
}

// read starts om and returns what it writes to tty until it ends.
func read(t *testing.T, screen, tty *os.File, om *exec.Cmd) string {
	t.Helper()
	if err := om.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	var b strings.Builder
	buf := make([]byte, 1<<16)
	for {
		n, err := screen.Read(buf)
		b.Write(buf[:n])
		if err != nil { // EIO: nobody has the terminal any more
			break
		}
	}
	if err := om.Wait(); err != nil {
		t.Errorf("om %v: %v", om.Args, err)
	}
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}
