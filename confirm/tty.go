package confirm

import (
	"context"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a terminal may take to say where its cursor is. A slower one is asked in
// plain lines.
const patience = 250 * time.Millisecond

// cursorQuery asks a terminal where its cursor is; it answers ESC [ row ; column R.
const cursorQuery = "\x1b[6n"

// tty is the terminal of one question, and the state it was found in. Its files are used by
// number: os.File.Fd would change the mode of a description shared with other processes.
type tty struct {
	in, out int
	found   unix.Termios
	mask    unix.Sigset_t // the signals that were blocked
}

// enter takes the terminal over from whoever had it. In the background it refuses to: the first
// read would stop the process, perhaps for ever.
func enter(in, out *os.File) (*tty, error) {
	t := &tty{in: number(in), out: number(out)}
	found, err := unix.IoctlGetTermios(t.in, unix.TCGETS)
	if err != nil {
		return nil, ErrNoTerminal
	}
	t.found = *found
	if !t.foreground() {
		return nil, ErrBackground
	}
	t.unstoppable()
	return t, nil
}

// leave puts the terminal back into the state it was found in, unless it is another's by now.
func (t *tty) leave() {
	if t.foreground() {
		t.mode(func(*unix.Termios) {})
	}
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &t.mask, nil)
	runtime.UnlockOSThread()
}

// unstoppable has a read fail, not stop the process, when a shell takes the terminal back. The
// signals are blocked on this thread alone: Go cannot undo signal.Ignore, and the command to come
// would inherit it.
func (t *tty) unstoppable() {
	runtime.LockOSThread()
	var stops unix.Sigset_t
	stops.Val[0] = 1<<(unix.SIGTTIN-1) | 1<<(unix.SIGTTOU-1)
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &stops, &t.mask)
}

// foreground reports whether the terminal is this process group's, or nobody's: one that is not
// the controlling terminal has no job control.
func (t *tty) foreground() bool {
	group, err := unix.IoctlGetInt(t.in, unix.TIOCGPGRP)
	return err != nil || group == 0 || group == unix.Getpgrp()
}

// mode sets the state in which the terminal was found, changed.
func (t *tty) mode(change func(*unix.Termios)) {
	m := t.found
	change(&m)
	_ = unix.IoctlSetTermios(t.in, unix.TCSETS, &m)
}

// silent gives each key at once, without showing it.
func silent(m *unix.Termios) {
	m.Lflag &^= unix.ECHO | unix.ICANON
	m.Cc[unix.VMIN], m.Cc[unix.VTIME] = 1, 0
}

// plain has the kernel show and edit a line, also where an earlier program left it otherwise. Ctrl-C
// must not flush the output (NOFLSH): the kernel does that after the signal, when the message that
// the run was aborted may be written already.
func plain(m *unix.Termios) {
	m.Lflag |= unix.ECHO | unix.ICANON | unix.ISIG | unix.NOFLSH
	m.Iflag |= unix.ICRNL
}

// discard drops what has been typed and not read.
func (t *tty) discard() {
	if t.foreground() {
		_ = unix.IoctlSetInt(t.in, unix.TCFLSH, unix.TCIFLUSH)
	}
}

// ask shows text and returns the line typed after it. A terminal that tells its cursor gets
// survey's editor, any other the kernel's.
func (t *tty) ask(ctx context.Context, text string, capable bool) (string, error) {
	s, err := t.stream(ctx)
	if err != nil {
		return "", err
	}
	defer s.close()
	read := edit
	if !capable || !t.tells(ctx) {
		t.mode(plain)
		read = line
	}
	t.discard()
	_, err = s.Write([]byte(text))
	answer := ""
	if err == nil {
		answer, err = read(s)
	}
	if err != nil {
		s.newline()
		t.discard() // half an answer must not reach who reads the terminal next
	}
	return answer, err
}

// tells reports whether the terminal tells its cursor. survey waits for that for ever.
func (t *tty) tells(ctx context.Context) bool {
	t.mode(silent)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := t.stream(ctx)
	if err != nil {
		return false
	}
	defer s.close()
	if _, err := s.Write([]byte(cursorQuery)); err != nil {
		return false
	}
	var seen string
	for chunk := make([]byte, 64); ; {
		n, err := s.Read(chunk)
		if err != nil {
			return false
		}
		seen += string(chunk[:n])
		if _, ok := cutReport(seen); ok {
			return true
		}
	}
}

// line reads a line that the kernel edits and echoes. A slow terminal may tell its cursor only
// now: that is no part of the answer.
func line(s *stream) (string, error) {
	var typed []byte
	for b := make([]byte, 1); ; {
		if _, err := s.Read(b); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			answer, _ := cutReport(string(typed))
			return answer, nil
		}
		typed = append(typed, b[0])
	}
}

// cutReport removes the first report of a cursor from text.
func cutReport(text string) (rest string, found bool) {
	const begin = "\x1b["
	for i := 0; ; i += len(begin) {
		j := strings.Index(text[i:], begin)
		if j < 0 {
			return text, false
		}
		i += j
		report, after, ok := strings.Cut(text[i+len(begin):], "R")
		if ok && strings.Trim(report, "0123456789;") == "" {
			return text[:i] + after, true
		}
	}
}
