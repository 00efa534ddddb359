package confirm_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// kind is how a terminal treats the question where its cursor is.
type kind string

const (
	answering kind = "answers"
	mute      kind = "never answers"
	late      kind = "answers after the question is shown"
	dumb      kind = "is dumb"
	once      kind = "answers once"
	thrice    kind = "answers three times" // what survey asks before the first key
)

// screen is a terminal with a program on it, and a person before it.
type screen struct {
	t             *testing.T
	kind          kind
	keys, program *os.File // the master and the slave
	cmd           *exec.Cmd
	found         unix.Termios

	mu     sync.Mutex
	shown  bytes.Buffer
	change chan struct{} // closed and made again when more is shown
	gone   chan struct{}
}

// start runs the test binary in a role on a terminal of its own.
func start(t *testing.T, k kind, role, timeout string, typedBefore string) *screen {
	t.Helper()
	s := newScreen(t, k)
	s.typed(typedBefore)
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), "CONFIRM_ROLE="+role, "CONFIRM_TIMEOUT="+timeout, "TERM="+k.term())
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = s.program, s.program, s.program
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

func newScreen(t *testing.T, k kind) *screen {
	t.Helper()
	keys, program, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo terminal:", err)
	}
	s := &screen{t: t, kind: k, keys: closable(t, keys), program: program, change: make(chan struct{}), gone: make(chan struct{})}
	t.Cleanup(func() {
		program.Close()
		s.keys.Close()
		<-s.gone
	})
	if err := pty.Setsize(program, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	s.found = s.mode()
	go s.watch()
	return s
}

// closable returns f as a file whose Close ends a Read.
func closable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.SetNonblock(fd, true), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

func (k kind) term() string {
	if k == dumb {
		return "dumb"
	}
	return "xterm"
}

// watch takes in what the program shows, and answers as a terminal does.
func (s *screen) watch() {
	defer close(s.gone)
	queries := 0
	for chunk := make([]byte, 4096); ; {
		n, err := s.keys.Read(chunk)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.shown.Write(chunk[:n])
		text := s.shown.String()
		close(s.change)
		s.change = make(chan struct{})
		s.mu.Unlock()
		for ; queries < strings.Count(text, "\x1b[6n") && s.answers(queries, text); queries++ {
			if _, err := s.keys.WriteString(report(text, queries)); err != nil && !errors.Is(err, os.ErrClosed) {
				s.t.Error(err) // a terminal that hangs up answers no more
			}
		}
	}
}

// answers reports whether query number n is answered once text is shown.
func (s *screen) answers(n int, text string) bool {
	switch s.kind {
	case answering:
		return true
	case once:
		return n < 1
	case thrice:
		return n < 3
	case late:
		return strings.Contains(text, "(yes/no) > ")
	}
	return false
}

// report answers query number n: the corner of the screen after a move to 999;999, else the end
// of the question.
func report(text string, n int) string {
	before := strings.SplitN(text, "\x1b[6n", n+2)[n]
	if strings.HasSuffix(before, "\x1b[999;999f") {
		return "\x1b[24;80R"
	}
	return "\x1b[3;47R"
}

// typed types keys.
func (s *screen) typed(keys string) {
	s.t.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		s.t.Error(err)
	}
}

// wait returns once text is shown, escape sequences apart.
func (s *screen) wait(text string) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		shown, change := visible(s.shown.String()), s.change
		s.mu.Unlock()
		if strings.Contains(shown, text) {
			return
		}
		select {
		case <-change:
		case <-deadline:
			s.t.Fatalf("no %q in %q", text, shown)
		}
	}
}

// ends returns what was shown in all and the program's exit code, and checks that the terminal is
// as it was.
func (s *screen) ends() (string, int) {
	s.t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			s.t.Fatal(err)
		}
	case <-time.After(patience):
		s.t.Fatalf("it does not end: %q", s.shown.String())
	}
	if diff := cmp.Diff(s.found, s.mode()); diff != "" {
		s.t.Errorf("the terminal's state is not what it was:\n%s", diff)
	}
	s.program.Close() // the last one: the master reads to the end
	<-s.gone
	return s.shown.String(), s.cmd.ProcessState.ExitCode()
}

func (s *screen) mode() unix.Termios {
	s.t.Helper()
	m, err := unix.IoctlGetTermios(int(s.program.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return *m
}

// visible removes the escape sequences.
func visible(text string) string {
	return regexp.MustCompile("\x1b(\\[[?0-9;]*[A-Za-z]|[78])").ReplaceAllString(text, "")
}
