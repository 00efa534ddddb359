package confirm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/confirm"
)

const (
	firstLines = "This task run requires confirmation.\r\n" +
		"Please make sure you fully understand its role and effects before confirming the run.\r\n"
	question  = firstLines + "Do you really want to run task#0 (yes/no) > "
	confirmed = "INFO run confirmed\r\n"
	no        = "ERROR run aborted\r\n"
	tooLate   = "ERROR timeout waiting for confirmation\r\n"
)

// TestAsk has each answer on each kind of terminal. want is what follows the question.
func TestAsk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, keys string
		only       kind
		want       string
	}{
		{name: "yes", keys: "yes\r", want: "yes\r\n" + confirmed},
		{name: "yes within spaces", keys: "  yes \r", want: "  yes \r\n" + confirmed},
		{name: "no", keys: "no\r", want: "no\r\n" + no},
		{name: "y", keys: "y\r", want: "y\r\n" + no},
		{name: "upper case", keys: "YES\r", want: "YES\r\n" + no},
		{name: "Enter alone", keys: "\r", want: "\r\n" + no},
		{name: "more than yes", keys: "yes please\r", want: "yes please\r\n" + no},
		{name: "Ctrl-D", keys: "\x04", want: "\r\n" + no},
		{name: "Ctrl-C", keys: "\x03", only: answering, want: "\r\n" + no},
		{name: "Ctrl-C", keys: "\x03", only: mute, want: "^C\r\n" + no},
		{name: "Ctrl-C", keys: "\x03", only: dumb, want: "^C\r\n" + no},
		{name: "yes, Ctrl-D", keys: "yes\x04", only: answering, want: "yes\r\n" + no},
		{name: "yes, Ctrl-D twice", keys: "yes\x04\x04", only: mute, want: "yes\r\n" + no},
		{name: "a key mended", keys: "yea\x7fs\r", only: mute, want: "yea\b \bs\r\n" + confirmed},
		{name: "a key mended", keys: "yea\x7fs\r", only: answering, want: "yeas\r\n" + confirmed},
		{name: "a key put in between", keys: "ys\x1b[De\r", only: answering, want: "yses\r\n" + confirmed},
		{name: "an R before the cursor is told", keys: "R\r", only: answering, want: "R\r\n" + no},
		{name: "an escape sequence that survey does not know", keys: "\x1bxyes\r", only: answering},
	} {
		for _, k := range []kind{answering, mute, dumb} {
			if c.only != "" && c.only != k {
				continue
			}
			t.Run(fmt.Sprintf("%s on a terminal that %s", c.name, k), func(t *testing.T) {
				t.Parallel()
				s := start(t, k, "ask", "30s", "")
				s.wait("(yes/no) > ")
				s.typed(c.keys)
				shown, code := s.ends()
				if want := question + c.want; c.want != "" && visible(shown) != want {
					t.Errorf("shown %q\nwant  %q", visible(shown), want)
				}
				if c.want == "" && !strings.Contains(shown, "ERROR run aborted") {
					t.Errorf("shown %q", shown)
				}
				if (code == 0) != strings.HasSuffix(c.want, confirmed) {
					t.Errorf("exit code %d", code)
				}
				if k == dumb && strings.Contains(shown, "\x1b") {
					t.Errorf("escape sequences on a dumb terminal: %q", shown)
				}
			})
		}
	}
}

// TestWhoEdits tells that survey drives a capable terminal, and no other: it takes the keys one
// by one and shows them itself.
func TestWhoEdits(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{answering, mute, dumb} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			s := start(t, k, "ask", "30s", "")
			s.wait("(yes/no) > ")
			s.typed("n")
			s.wait("> n") // survey's own queries come before the first key it shows
			canonical := s.mode().Lflag&unix.ICANON != 0
			s.typed("o\r")
			s.ends()
			if canonical == (k == answering) {
				t.Errorf("the kernel edits the line: %v", canonical)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{answering, mute, dumb} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			s := start(t, k, "ask", "700ms", "")
			shown, code := s.ends()
			if want := question + "\r\n" + tooLate; visible(shown) != want || code != 1 {
				t.Errorf("shown %q, code %d\nwant  %q", visible(shown), code, want)
			}
		})
	}
}

// TestFallsSilent: the terminal told its cursor, and then does no more. survey waits for that, and
// trips over it when the time is up.
func TestFallsSilent(t *testing.T) {
	t.Parallel()
	for k, keys := range map[kind]string{once: "yes\r", thrice: "ys\x1b[De\r"} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			s := start(t, k, "ask", "2s", "")
			s.wait("(yes/no) > ")
			s.typed(keys)
			shown, code := s.ends()
			if !strings.HasSuffix(visible(shown), "\r\n"+tooLate) || code != 1 {
				t.Errorf("shown %q, code %d", shown, code)
			}
		})
	}
}

// TestHalfAnAnswer: what was typed without Enter when the time is up does not become a command of
// the shell that reads the terminal next.
func TestHalfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{answering, mute, dumb} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			s := start(t, k, "ask and read on", "3s", "")
			s.wait("(yes/no) > ")
			s.typed("yes")
			s.wait("ERROR timeout")
			s.typed("ls\r")
			shown, code := s.ends()
			if want := question + "yes\r\n" + tooLate + "ls\r\n" + `next: "ls\n" <nil>` + "\r\n"; visible(shown) != want || code != 1 {
				t.Errorf("shown %q, code %d\nwant  %q", visible(shown), code, want)
			}
		})
	}
}

// TestTypedAhead: a paste before the question confirms nothing.
func TestTypedAhead(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{answering, mute, dumb} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			s := start(t, k, "ask", "1s", "yes\r")
			shown, code := s.ends()
			if !strings.HasSuffix(visible(shown), question+"\r\n"+tooLate) || code != 1 {
				t.Errorf("shown %q, code %d", shown, code)
			}
		})
	}
}

// TestLateReport: a terminal behind a slow line tells its cursor when nobody waits for it any
// more; that does not spoil the answer.
func TestLateReport(t *testing.T) {
	t.Parallel()
	s := start(t, late, "ask", "30s", "")
	s.wait("(yes/no) > ")
	s.wait("^[[3;47R")
	s.typed("yes\r")
	if shown, code := s.ends(); !strings.HasSuffix(shown, confirmed) || code != 0 {
		t.Errorf("shown %q, code %d", shown, code)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{answering, mute, dumb} {
		for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT} {
			t.Run(fmt.Sprintf("%s, %s", k, unix.SignalName(sig)), func(t *testing.T) {
				t.Parallel()
				s := start(t, k, "ask", "30s", "")
				s.wait("(yes/no) > ")
				s.typed("y")
				s.wait("> y")
				if err := s.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				shown, code := s.ends()
				if want := question + "y\r\n" + no; visible(shown) != want || code != 1 {
					t.Errorf("shown %q, code %d", shown, code)
				}
			})
		}
	}
}

// TestHangUp closes the terminal, with and without a session that is told of it.
func TestHangUp(t *testing.T) {
	for _, k := range []kind{answering, mute} {
		t.Run(string(k), func(t *testing.T) {
			s := newScreen(t, k)
			ended := make(chan error, 1)
			go func() {
				a := confirm.Asker{In: s.program, Out: s.program, Getenv: func(string) string { return k.term() }}
				ended <- a.Ask(context.Background(), "task#0")
			}()
			s.wait("(yes/no) > ")
			s.keys.Close()
			select {
			case err := <-ended:
				if !errors.Is(err, confirm.ErrAborted) {
					t.Error(err)
				}
			case <-time.After(patience):
				t.Fatal("it waits for ever")
			}
		})
	}
}

// TestContext: the caller ends the wait.
func TestContext(t *testing.T) {
	s := newScreen(t, answering)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		a := confirm.Asker{In: s.program, Out: s.program, Getenv: func(string) string { return "xterm" }}
		ended <- a.Ask(ctx, "task#0")
	}()
	s.wait("(yes/no) > ")
	cancel()
	if err := <-ended; err != confirm.ErrAborted { //nolint:errorlint // that very error, with no reason to it
		t.Error(err)
	}
	if s.mode() != s.found {
		t.Error("the terminal's state is not what it was")
	}
	if a := (confirm.Asker{In: s.program, Out: s.program}); a.Ask(ctx, "task#0") == nil {
		t.Error("a context that is done already has confirmed")
	}
}

// TestStopped: a terminal that Ctrl-S has stopped takes no question, and does not hold om up.
func TestStopped(t *testing.T) {
	s := newScreen(t, dumb)
	if err := unix.IoctlSetInt(int(s.program.Fd()), unix.TCXONC, 0); err != nil { // TCOOFF
		t.Fatal(err)
	}
	a := confirm.Asker{In: s.program, Out: s.program, Timeout: 300 * time.Millisecond}
	if err := a.Ask(context.Background(), "task#0"); !errors.Is(err, confirm.ErrTimeout) {
		t.Error(err)
	}
}

// TestInterruptKeepsScreen: Ctrl-C must not flush what om writes when the signal has reached it. The
// kernel's flush comes after the signal and races with that, so the test looks for the flag that
// forbids it.
func TestInterruptKeepsScreen(t *testing.T) {
	s := newScreen(t, dumb)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- confirm.Asker{In: s.program, Out: s.program}.Ask(ctx, "task#0") }()
	s.wait("(yes/no) > ")
	if s.mode().Lflag&unix.NOFLSH == 0 {
		t.Error("Ctrl-C flushes the output")
	}
	cancel()
	<-ended
	if s.mode() != s.found {
		t.Error("the terminal's state is not what it was")
	}
}

// TestLeftRaw: a program that ended badly has left the terminal without echo.
func TestLeftRaw(t *testing.T) {
	for _, k := range []kind{answering, dumb} {
		t.Run(string(k), func(t *testing.T) {
			s := newScreen(t, k)
			raw := s.mode()
			raw.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
			raw.Iflag &^= unix.ICRNL
			raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 0, 0
			if err := unix.IoctlSetTermios(int(s.program.Fd()), unix.TCSETS, &raw); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				a := confirm.Asker{In: s.program, Out: s.program, Getenv: func(string) string { return k.term() }}
				ended <- a.Ask(context.Background(), "task#0")
			}()
			s.wait("(yes/no) > ")
			s.typed("yes\r")
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if s.mode() != raw {
				t.Error("the terminal's state is not what it was")
			}
		})
	}
}

func TestBackground(t *testing.T) {
	t.Parallel()
	s := start(t, answering, "background", "30s", "")
	shown, code := s.ends()
	if want := "ERROR run aborted: om is in the background: bring it to the foreground (fg) or use --confirm\r\n"; shown != want || code != 1 {
		t.Errorf("shown %q, code %d\nwant  %q", shown, code, want)
	}
}

// TestSentToBackground takes the terminal away while om asks: it must neither stop nor take the
// keys that are meant for another.
func TestSentToBackground(t *testing.T) {
	for _, k := range []kind{answering, dumb} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			s := start(t, k, "shell", "30s", "")
			s.wait("(yes/no) > ")
			if err := s.cmd.Process.Signal(unix.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			s.wait("taken")
			s.typed("yes\r")
			s.wait("ERROR run aborted: terminal: input/output error")
			if err := s.restore(); err != nil { // the shell's business
				t.Fatal(err)
			}
			if _, code := s.ends(); code != 1 {
				t.Errorf("code %d", code)
			}
		})
	}
}

func (s *screen) restore() error {
	return unix.IoctlSetTermios(int(s.program.Fd()), unix.TCSETS, &s.found)
}

// TestOutputElsewhere has the terminal for stdin alone, as in "om testmd run | tee log".
func TestOutputElsewhere(t *testing.T) {
	s := newScreen(t, dumb)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ended := make(chan error, 1)
	go func() {
		ended <- confirm.Asker{In: s.program, Out: w}.Ask(context.Background(), "task#0")
	}()
	s.wait("(yes/no) > ")
	s.typed("yes\r")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("yes\n"); err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	null.Close()
	for name, in := range map[string]*os.File{"a pipe": r, "a closed file": null, "no file": nil} {
		err := confirm.Asker{In: in, Out: os.Stdout}.Ask(context.Background(), "task#0")
		if !errors.Is(err, confirm.ErrAborted) || !errors.Is(err, confirm.ErrNoTerminal) ||
			err.Error() != "run aborted: stdin is not a terminal: use --confirm" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTerminal(t *testing.T) {
	s := newScreen(t, dumb)
	if name, ok := confirm.Terminal(s.program); !ok || name != s.program.Name() {
		t.Errorf("%q, %v; want %q", name, ok, s.program.Name())
	}
	if name, ok := confirm.Terminal(nil); ok || name != "" {
		t.Errorf("no file: %q, %v", name, ok)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if name, ok := confirm.Terminal(null); ok || name != "" {
		t.Errorf("%s: %q, %v", os.DevNull, name, ok)
	}
}

// TestNothingLeft: no descriptor stays open.
func TestNothingLeft(t *testing.T) {
	s := newScreen(t, mute)
	before := descriptors(t)
	for range 3 {
		a := confirm.Asker{In: s.program, Out: s.program, Timeout: 300 * time.Millisecond, Getenv: func(string) string { return "xterm" }}
		if err := a.Ask(context.Background(), "task#0"); !errors.Is(err, confirm.ErrTimeout) {
			t.Error(err)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(all)
}

func runTool(t *testing.T, stdin string, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "CONFIRM_ROLE=ask", "CONFIRM_TIMEOUT=30s", "TERM=xterm")
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		t.Logf("%s: %v", name, err)
	}
	return out.String()
}
