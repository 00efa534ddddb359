package confirm_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestExpect has a script answer, on a terminal that no one looks at.
func TestExpect(t *testing.T) {
	t.Parallel()
	shown := runTool(t, "", "expect", "-c", fmt.Sprintf(`
		set timeout 20
		spawn -noecho %s
		expect -ex "Do you really want to run task#0 (yes/no) > "
		send "yes\r"
		expect eof
		lassign [wait] pid spawned error code
		puts "code $code"`, os.Args[0]))
	if want := question + "yes\r\n" + confirmed + "code 0"; !strings.Contains(shown, want) {
		t.Errorf("shown %q\nwant  %q", shown, want)
	}
}

// TestScript has a person behind a pipe that script(1) turns into a terminal.
func TestScript(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip(err)
	}
	log := filepath.Join(t.TempDir(), "typescript")
	// the person types once the question is there
	shown := runTool(t, "", "sh", "-c", fmt.Sprintf(
		`(until grep -q "yes/no" %[1]s 2>/dev/null; do sleep 0.05; done; echo no) | script -qefc %[2]s %[1]s`, log, os.Args[0]))
	if want := question + "no\r\n" + no; !strings.Contains(shown, want) {
		t.Errorf("shown %q\nwant  %q", shown, want)
	}
}

// TestTmux compares a real screen with the documented transcripts.
func TestTmux(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip(err)
	}
	const three = "This task run requires confirmation.\n" +
		"Please make sure you fully understand its role and effects before confirming the run.\n" +
		"Do you really want to run task#0 (yes/no) >"
	for _, c := range []struct {
		name, timeout string
		keys          []string
		want          string
	}{
		{"no", "30s", []string{"no", "Enter"}, three + " no\nERROR run aborted"},
		{"timeout", "2s", nil, three + "\nERROR timeout waiting for confirmation"},
		{"yes", "30s", []string{"yes", "Enter"}, three + " yes\nINFO run confirmed"},
		{"edited", "30s", []string{"nox", "BSpace", "BSpace", "s", "Left", "e", "Left", "Left", "DC", "y", "Enter"}, three + " yes\nINFO run confirmed"},
		{"Ctrl-C", "30s", []string{"ye", "C-c"}, three + " ye\nERROR run aborted"},
		{"Ctrl-D", "30s", []string{"yes", "C-d"}, three + " yes\nERROR run aborted"},
		{"wrapped", "30s", []string{strings.Repeat("x", 70), "Enter"}, three + " " + strings.Repeat("x", 56) + "\n" + strings.Repeat("x", 14) + "\nERROR run aborted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			socket := filepath.Join(t.TempDir(), "tmux")
			tmux(t, socket, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "20", "sh", "-c",
				fmt.Sprintf("CONFIRM_ROLE=ask CONFIRM_TIMEOUT=%s %s; stty -a | grep -c ' echo '; sleep 60", c.timeout, os.Args[0]))
			t.Cleanup(func() { _ = exec.Command("tmux", "-S", socket, "kill-server").Run() })
			waitScreen(t, socket, "(yes/no) >")
			for _, key := range c.keys {
				tmux(t, socket, "send-keys", key)
			}
			got := waitScreen(t, socket, "\n1\n") // the terminal shows again what is typed
			if want := c.want + "\n1\n"; got != want {
				t.Errorf("screen:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func tmux(t *testing.T, socket string, args ...string) string {
	t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", socket}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// waitScreen returns the screen once it shows text.
func waitScreen(t *testing.T, socket, text string) string {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	screen := ""
	for deadline := time.After(patience); ; {
		screen = strings.TrimRight(tmux(t, socket, "capture-pane", "-p"), "\n") + "\n"
		if strings.Contains(screen, text) {
			return screen
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("no %q in\n%s", text, screen)
		}
	}
}
