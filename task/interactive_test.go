package task

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// screen is a person at a terminal: what it shows, and keys to type.
type screen struct {
	t        *testing.T
	keyboard *os.File // the master side
	terminal *os.File // what om has as its standard streams
	mu       sync.Mutex
	shown    bytes.Buffer
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	keyboard, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	keyboard = pollable(t, keyboard)
	s := &screen{t: t, keyboard: keyboard, terminal: terminal}
	t.Cleanup(func() { _, _ = keyboard.Close(), terminal.Close() })
	go func() {
		var room [1000]byte
		for {
			n, err := keyboard.Read(room[:])
			s.mu.Lock()
			s.shown.Write(room[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// pollable makes f one whose Close ends a Read.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// resize changes the size of the person's terminal.
func (s *screen) resize(rows, cols uint16) {
	s.t.Helper()
	size := unix.Winsize{Row: rows, Col: cols}
	if err := unix.IoctlSetWinsize(descriptor(s.terminal), unix.TIOCSWINSZ, &size); err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) await(text string) {
	s.t.Helper()
	eventually(s.t, "the screen shows "+text, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(s.shown.String(), text)
	})
}

func (s *screen) keys(text string) {
	s.t.Helper()
	if _, err := s.keyboard.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// settings are those of the person's terminal.
func (s *screen) settings() unix.Termios {
	s.t.Helper()
	now, err := unix.IoctlGetTermios(descriptor(s.terminal), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return *now
}

// interact runs an interactive job on the screen.
func (s *screen) interact(j Job) <-chan Outcome {
	j.Interactive = true
	done := make(chan Outcome, 1)
	go func() {
		o, err := Supervise(context.Background(), j, Live{Stdin: s.terminal, Stdout: s.terminal, Stderr: s.terminal})
		if err != nil {
			s.t.Error(err)
		}
		done <- o
	}()
	return done
}

func TestInteractive(t *testing.T) {
	s := newScreen(t)
	s.resize(33, 99)
	before := s.settings()
	j := shell(t, `tty; stty size; echo controlled > /dev/tty; printf 'name? '; read name; echo "hello $name"
trap 'stty size' WINCH; trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done`)
	done := s.interact(j)
	s.await("33 99")
	s.await("controlled")
	s.await("name? ")
	if now := s.settings(); now.Lflag&unix.ICANON != 0 {
		t.Error("the person's terminal is not raw")
	}
	s.keys("alice\r")
	s.await("hello alice")
	s.await("ready")
	s.resize(12, 34)
	s.await("12 34")
	s.keys("\x03")
	o := <-done
	s.await("interrupted")
	if o.State != Failed || o.ExitCode != 9 {
		t.Errorf("got %+v, want the code of the command's own handler", o)
	}
	if after := s.settings(); after != before {
		t.Errorf("the terminal is left as %+v, want %+v", after, before)
	}
	out, _, _ := outputOf(t, j.Output)
	for _, want := range []string{"name? alice", "hello alice", "interrupted"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not kept: %q", want, out)
		}
	}
}

// A command reads late what was typed early.
func TestInteractiveTypeAhead(t *testing.T) {
	s := newScreen(t)
	done := s.interact(shell(t, "stty raw -echo; echo late; sleep 0.3; head -c 100000 | tr -d '\n' | wc -c"))
	s.await("late")
	go func() { _, _ = s.keyboard.WriteString(strings.Repeat("x", 100_000)) }()
	if o := <-done; o.State != Complete {
		t.Errorf("got %s", o.Summary())
	}
	s.await("100000")
}

// A command that does not read what is typed must not hold up anything.
func TestInteractiveDeaf(t *testing.T) {
	s := newScreen(t)
	j := shell(t, "stty raw -echo; echo deaf; exec sleep 60")
	j.Timeout = time.Second
	done := s.interact(j)
	s.await("deaf")
	go func() { _, _ = s.keyboard.WriteString(strings.Repeat("x", 500_000)) }()
	if o := <-done; o.State != TimedOut {
		t.Errorf("got %+v, want timeout", o)
	}
}

func TestInteractiveHangup(t *testing.T) {
	s := newScreen(t)
	j := shell(t, "trap '' HUP; echo on; while :; do sleep 0.05; done")
	done := s.interact(j)
	s.await("on")
	_ = s.keyboard.Close()
	if o := <-done; o.State != Cancelled || o.Reason != "the terminal is gone" {
		t.Errorf("got %+v, want cancelled", o)
	}
}

func TestInteractiveNeedsATerminal(t *testing.T) {
	j := shell(t, "true")
	j.Interactive = true
	r, _ := pipe(t)
	for name, f := range map[string]*os.File{"none": nil, "a pipe": r} {
		if _, err := Supervise(context.Background(), j, Live{Stdin: f}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

// The command's user can open its terminal by name.
func TestInteractiveAsSomebodyElse(t *testing.T) {
	needRoot(t)
	s := newScreen(t)
	j := shell(t, `echo "by name" > $(tty)`)
	c := &j.Steps[0].Command
	c.UID, c.GID, c.Groups, c.Impersonate = 70001, 70001, []uint32{70001}, true
	if o := <-s.interact(j); o.State != Complete {
		t.Errorf("got %s", o.Summary())
	}
	s.await("by name")
}
