package cmd_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// person is a terminal with om on it and somebody who reads and types.
type person struct {
	tb  testing.TB
	tty *os.File
	om  *exec.Cmd
	saw bytes.Buffer
}

// sit starts om on a terminal of its own.
func sit(tb testing.TB, dir string, args ...string) *person {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	om := exec.Command(exe)
	om.Args = append([]string{"om"}, args...)
	om.Env = append(os.Environ(), "OM_CONFIG_DIR="+filepath.Join(dir, "etc"), "OM_STATE_DIR="+filepath.Join(dir, "state"), "TERM=xterm", "OM_NODENAME=n1")
	tty, err := pty.Start(om)
	if err != nil {
		tb.Skipf("no pty: %v", err)
	}
	tb.Cleanup(func() { tty.Close() })
	return &person{tb: tb, tty: tty, om: om}
}

// waitFor reads until text is on the screen.
func (p *person) waitFor(text string) {
	p.tb.Helper()
	buf := make([]byte, 4096)
	_ = p.tty.SetReadDeadline(time.Now().Add(20 * time.Second))
	for !strings.Contains(p.saw.String(), text) {
		n, err := p.tty.Read(buf)
		p.saw.Write(buf[:n])
		if err != nil {
			p.tb.Fatalf("waiting for %q: %v; saw %q", text, err, p.saw.String())
		}
	}
}

func (p *person) typeIn(text string) {
	p.tb.Helper()
	if _, err := p.tty.WriteString(text); err != nil {
		p.tb.Fatal(err)
	}
}

// end waits for om and returns its exit code and all that was on the screen.
func (p *person) end() (int, string) {
	buf := make([]byte, 4096)
	for {
		n, err := p.tty.Read(buf)
		p.saw.Write(buf[:n])
		if err != nil {
			break
		}
	}
	_ = p.om.Wait()
	escapes := regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]|\r`)
	return p.om.ProcessState.ExitCode(), escapes.ReplaceAllString(p.saw.String(), "")
}

func dangerous(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		tb.Fatal(err)
	}
	conf := "[DEFAULT]\ncwd = /\n\n[task#0]\ncommand = /bin/true\nconfirmation = true\n\n[task#1]\ncommand = sh -c \"exit 7\"\nconfirmation = true\n"
	if err := os.WriteFile(filepath.Join(dir, "etc", "testmd.conf"), []byte(conf), 0o644); err != nil {
		tb.Fatal(err)
	}
	return dir
}

const (
	question = `This task run requires confirmation.
Please make sure you fully understand its role and effects before confirming the run.
Do you really want to run task#0 (yes/no) > `
	stamp = `\d\d:\d\d:\d\d,\d\d\d`
)

// TestConfirmation plays the documented transcripts, to the letter but for the times.
func TestConfirmation(t *testing.T) {
	tests := []struct {
		name, answer string
		code         int
		after        string // what follows the question, as a regular expression
	}{
		{"no aborts the run with 1", "no\n", 1, `no\n` + stamp + `             ERROR   'run' action stopped on execution error: run aborted\n`},
		{"y is not a full yes", "y\n", 1, `y\n` + stamp + `             ERROR   'run' action stopped on execution error: run aborted\n`},
		{"yes runs it", "yes\n", 0, `yes\n` + stamp + ` task#0      INFO    run confirmed\n` + stamp + ` task#0      INFO    /bin/true\n`},
		{"ctrl-c", "\x03", 1, `(?s).*'run' action stopped on execution error: run aborted.*`},
		{"ctrl-d", "\x04", 1, `(?s).*'run' action stopped on execution error: run aborted.*`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := sit(t, dangerous(t), "testmd", "run", "--rid", "task#0")
			p.waitFor("(yes/no) > ")
			p.typeIn(tt.answer)
			code, screen := p.end()
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			want := regexp.MustCompile("^" + regexp.QuoteMeta(question) + tt.after + "$")
			if !want.MatchString(screen) {
				t.Errorf("the screen is\n%q\nwant\n%s", screen, want)
			}
		})
	}
}

// TestConfirmSeveral: all are asked before any runs, and one no stops them all.
func TestConfirmSeveral(t *testing.T) {
	t.Parallel()
	dir := dangerous(t)
	p := sit(t, dir, "testmd", "run")
	p.waitFor("task#0 (yes/no) > ")
	p.typeIn("yes\n")
	p.waitFor("task#1 (yes/no) > ")
	p.typeIn("no\n")
	code, screen := p.end()
	if code != 1 || strings.Contains(screen, "/bin/true") || !strings.Contains(screen, "run aborted") {
		t.Errorf("exit code %d, the screen is\n%s", code, screen)
	}
}

// TestConfirmedCode: a confirmed run ends with the command's own code, and the record says who confirmed.
func TestConfirmedCode(t *testing.T) {
	t.Parallel()
	dir := dangerous(t)
	p := sit(t, dir, "testmd", "run", "--rid", "task#1")
	p.waitFor("task#1 (yes/no) > ")
	p.typeIn("yes\n")
	if code, screen := p.end(); code != 7 {
		t.Errorf("exit code %d, want 7; the screen is\n%s", code, screen)
	}
	p = sit(t, dir, "testmd", "history", "-n", "1", "-o", "plain")
	_, screen := p.end()
	id, _, _ := strings.Cut(screen, "\t")
	p = sit(t, dir, "testmd", "show", id, "-o", "json")
	if _, screen := p.end(); !strings.Contains(screen, `"confirmed": "terminal /dev/pts/`) {
		t.Errorf("the record is\n%s", screen)
	}
}

// TestConfirmTimeout waits the documented 30 seconds.
func TestConfirmTimeout(t *testing.T) {
	if testing.Short() {
		t.Skip("waits 30 s")
	}
	t.Parallel()
	start := time.Now()
	p := sit(t, dangerous(t), "testmd", "run", "--rid", "task#0")
	code, screen := p.end()
	if code != 1 || time.Since(start) < 29*time.Second {
		t.Errorf("exit code %d after %s", code, time.Since(start))
	}
	want := regexp.MustCompile("^" + regexp.QuoteMeta(question) + `\n` + stamp + `             ERROR   'run' action stopped on execution error: timeout waiting for confirmation\n$`)
	if !want.MatchString(screen) {
		t.Errorf("the screen is\n%q\nwant\n%s", screen, want)
	}
}

// TestInit answers the three questions. What is wrong is asked for again.
func TestInit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := sit(t, dir, "init")
	p.waitFor("Name of the service: ")
	p.typeIn("a b\n")
	p.waitFor("wanted NAME or NAMESPACE/NAME")
	p.waitFor("Name of the service: ")
	p.typeIn("web\n")
	p.waitFor("Command of its task: ")
	p.typeIn("/bin/date\n")
	p.waitFor("none) [none]: ")
	p.typeIn("25:00-26:00\n")
	p.waitFor("om: ")
	p.waitFor("[none]: ")
	p.typeIn("02:00-04:00 mon-fri\n")
	code, screen := p.end()
	if code != 0 || !strings.Contains(screen, "om web run --rid task#0") || !strings.Contains(screen, "It is due next at ") {
		t.Errorf("exit code %d, the screen is\n%s", code, screen)
	}
	text, err := os.ReadFile(filepath.Join(dir, "etc", "web.conf"))
	if want := "[task#0]\ncommand = /bin/date\nschedule = 02:00-04:00 mon-fri\n"; err != nil || string(text) != want {
		t.Errorf("the file is %q, %v", text, err)
	}
	p = sit(t, dir, "web", "delete")
	p.waitFor("(yes/no) [no]: ")
	p.typeIn("y\n")
	if code, screen := p.end(); code != 1 || !strings.Contains(screen, "nothing was changed") {
		t.Errorf("exit code %d, the screen is\n%s", code, screen)
	}
}
