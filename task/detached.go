package task

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// detachedRun stands in the environment of a detached supervisor where its runs have their id, so that
	// its parent does not take it for an orphan of a run.
	detachedRun = "supervisor"
	// answerSeconds is how long a supervisor may take to answer, each second of which we look whether it was
	// stopped. It answers at once otherwise.
	answerSeconds = 30
)

// Hands is our end of a detached supervisor. Its methods may be called by several goroutines.
type Hands struct {
	PID      int
	PIDStart uint64 // field 22 of /proc/PID/stat

	mu sync.Mutex
	fd int // -1 when closed
}

// Detached starts a supervisor that outlives us: a process with a session of its own, in "/", with no more
// of our environment than PATH, TZ and LANG, and none of our descriptors but one end of a socket, its standard
// input, by which jobs come and answers go. Its output is /dev/null. argv is the program by its absolute path and
// its arguments, which make it call Serve. It is ready to hold runs, and its journal is durable, when Detached
// returns.
func Detached(argv []string) (*Hands, error) {
	if len(argv) == 0 || !filepath.IsAbs(argv[0]) {
		return nil, fmt.Errorf("supervisor %q: wanted a program by its absolute path: %w", argv, ErrInvalid)
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("supervisor: socket: %w", err)
	}
	h := &Hands{fd: ends[0]}
	h.PID, err = spawnDetached(argv, ends[1])
	_ = unix.Close(ends[1])
	if err == nil {
		if err = h.meet(); err != nil {
			_ = unix.Kill(h.PID, unix.SIGKILL)
			_, _ = unix.Wait4(h.PID, nil, 0, nil)
		}
	}
	if err != nil {
		_ = h.Close()
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	return h, nil
}

// spawnDetached starts the process with in as its standard input.
func spawnDetached(argv []string, in int) (int, error) {
	null, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/null: %w", err)
	}
	defer unix.Close(null)
	c := Command{
		Path: argv[0], Argv: argv, Env: []string{runVariable + detachedRun}, Dir: "/",
		UID: uint32(unix.Geteuid()), GID: uint32(unix.Getegid()), Umask: 0o022,
	}
	for _, name := range [...]string{"PATH", "TZ", "LANG"} {
		if value, ok := unix.Getenv(name); ok {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	return c.spawn(descriptors{in: in, out: null, err: null, leaf: -1})
}

// meet waits until the supervisor is ready.
func (h *Hands) meet() error {
	p, _ := readProcess(h.PID)
	h.PIDStart = p.start
	patience := unix.Timeval{Sec: 1}
	for _, option := range [...]int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(h.fd, unix.SOL_SOCKET, option, &patience); err != nil {
			return fmt.Errorf("socket: %w", err)
		}
	}
	return h.answer()
}

// Give hands over jobs, all or none: when it returns nil the supervisor has them and starts them. After an
// error they may have been started only where the supervisor died or did not answer: they are then to be looked
// for as those of a dead supervisor are, and never to be given again. Jobs may hold secrets: they are on no disk.
func (h *Hands) Give(jobs ...Job) error {
	var text bytes.Buffer
	for _, j := range jobs {
		if j.Interactive || len(j.Steps) == 0 {
			return fmt.Errorf("job %s: wanted steps, and none that are interactive: %w", j.ID, ErrInvalid)
		}
		line, err := j.MarshalJSON() // through package json it would be written twice
		if err != nil {
			return fmt.Errorf("job %s: %w", j.ID, err)
		}
		text.Write(line)
		text.WriteByte('\n')
	}
	text.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.send(text.Bytes())
	if err == nil {
		err = h.answer()
	}
	if err != nil {
		return fmt.Errorf("supervisor %d: %w", h.PID, err)
	}
	return nil
}

// Close lets go: the supervisor goes on until its last run has ended, and then exits.
func (h *Hands) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fd < 0 {
		return nil
	}
	err := unix.Close(h.fd)
	h.fd = -1
	return err
}

func (h *Hands) send(text []byte) error {
	waited := 0
	for len(text) > 0 {
		n, err := unix.SendmsgN(h.fd, text, nil, nil, unix.MSG_NOSIGNAL)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN) && h.patient(&waited):
		case err != nil:
			return silent(err)
		}
		text = text[max(n, 0):]
	}
	return nil
}

// answer reads one line: an empty one is yes, any other says why not.
func (h *Hands) answer() error {
	var line []byte
	for waited := 0; ; {
		var c [1]byte
		n, err := unix.Read(h.fd, c[:])
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN) && h.patient(&waited):
			continue
		case err != nil:
			return silent(err)
		case n == 0:
			return fmt.Errorf("it has ended: %w", io.ErrUnexpectedEOF)
		case c[0] != '\n':
			line = append(line, c[0])
			continue
		case len(line) > 0:
			return errors.New(string(line))
		}
		return nil
	}
}

// patient says, after each second of silence, whether to wait for another.
func (h *Hands) patient(waited *int) bool {
	*waited++
	return *waited < answerSeconds && !Stopped(h.PID)
}

// Stopped says that a process was stopped, by SIGSTOP or a terminal, and does nothing until it is told to go on.
func Stopped(pid int) bool {
	p, ok := readProcess(pid)
	return ok && p.state == 'T'
}

// silent names the error of a supervisor that does not answer in time.
func silent(err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("it does not answer: %w", unix.ETIMEDOUT)
	}
	return err
}
