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
		for _, args := range [][]string{{"ls"}, {"history"}, {"print", "schedule"}, {"print", "keywords"}, {"service", "print", "status"}, {"service", "timeline"}, {"calendar", "-q"}} {
			out := onScreen(t, dir, cols, args...)
			for line := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
				if n := utf8.RuneCountInString(line); n > max(cols, leastOf(args)) {
					t.Errorf("om %v on %d columns: a line of %d: %q", args, cols, n, line)
				}
			}
			if want := map[string]string{"ls": "task#0", "history": "complete", "status": "last run complete", "timeline": "task#0"}[args[len(args)-1]]; cols >= 80 && !strings.Contains(out, want) {
				t.Errorf("om %v on %d columns: no %q in\n%s", args, cols, want, out)
			}
		}
	}
	if out, err := omIn(t, dir, "service", "run").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(onScreen(t, dir, 60, "service", "history"), "\n")[1:3] {
		id, _, _ := strings.Cut(line, "…")
		seen[id] = true
		if out, err := omIn(t, dir, "service", "show", id).CombinedOutput(); err != nil || len(id) != 18 {
			t.Errorf("%q is no id: %s", id, out)
		}
	}
	if len(seen) != 2 {
		t.Errorf("ids: %v", seen)
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

// TestTerminalIsNotSteered: nothing that a file holds or a task wrote steers the terminal of who looks; who reads it with
// a program gets it as it is.
func TestTerminalIsNotSteered(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	const steer = "\x1b[2J\x1b]0;title\x07\u009b2J\u202e"
	text := "[env]\nword = s" + steer + "\n[task#0]\nshell = sh\ndescription = d" + steer + "\n" +
		"command = printf '\\033[2J\\033]0;t\\007\\302\\2332J\\377\\rover\\n\\033[31mred\\033[0m\\n'\n" +
		"[app#1]\nshell = sh\ncheck = printf '\\033[2J\\n  ok  enabled  not at all'; exit 1\n" +
		"[task#2]\ncommand = true\nrun_requires = app#1\n[task#" + steer + "]\ncommand = true\n"
	if err := os.WriteFile(filepath.Join(dir, "etc", "service.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	raw, err := omIn(t, dir, "-q", "service", "run", "--rid", "task#0").CombinedOutput()
	if err != nil || !strings.Contains(string(raw), "\x1b[2J") {
		t.Fatalf("%q, %v", raw, err)
	}
	for _, line := range []string{
		"ls", "history", "history --skipped", "service print status", "service print config", "service get --kw env.word",
		"service logs", "service logs -t", "-o csv service print status", "-o csv ls", "-o json ls", "-o yaml ls", "-o plain ls",
		"-o jsonl service print status", "service explain --rid task#2", "__complete service run --rid task",
	} {
		out := onScreen(t, dir, 200, strings.Fields(line)...)
		plain := strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(out)
		if i := strings.IndexFunc(plain, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u202e' }); i >= 0 {
			t.Errorf("om %s: steered by %q in\n%q", line, plain[i:min(i+6, len(plain))], out)
		}
		if !utf8.ValidString(out) || strings.Contains(out, "\n  ok  enabled  not at all") {
			t.Errorf("om %s: %q", line, out)
		}
	}
	if out := onScreen(t, dir, 200, "service", "logs"); !strings.Contains(out, "\x1b[31mred\x1b[0m") {
		t.Errorf("the color is gone: %q", out)
	}
	if out, err := omIn(t, dir, "-q", "service", "logs").Output(); err != nil || string(out) != string(raw) {
		t.Errorf("piped: %q, %v, want %q", out, err, raw)
	}
}

// TestScheduleOnANarrowScreen: what is in the way of a task is told in full below its row, where a line has no room for it.
func TestScheduleOnANarrowScreen(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "[task#0]\ncommand = true\ncwd = /\nschedule = 02:00-04:00 mon-sat\n"
	if err := os.WriteFile(filepath.Join(dir, "etc", "service.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := omIn(t, dir, "service", "freeze").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	for _, cols := range []int{60, 80, 300} {
		out := onScreen(t, dir, cols, "print", "schedule")
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if n := len(lines); (n == 2) != (cols == 300) || !strings.Contains(lines[1], "02:00-04:00 mon-sat") {
			t.Errorf("on %d columns:\n%s", cols, out)
		}
		if all := strings.Join(strings.Fields(out), " "); !strings.Contains(all, "the service is frozen since") || !strings.HasSuffix(all, ": om service thaw") {
			t.Errorf("on %d columns:\n%s", cols, out)
		}
	}
}
