// Package confirm asks a person whether a dangerous task may run, and takes nothing but a full
// "yes" for one.
//
// It knows terminals, deadlines and signals. It does not know what a task is, and whatever
// happens, it leaves the terminal as it found it.
package confirm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrAborted says that the answer was not a full "yes", or that nobody could be asked.
	ErrAborted = errors.New("run aborted")
	// ErrTimeout says that there was no answer in time.
	ErrTimeout = errors.New("timeout waiting for confirmation")
	// ErrNoTerminal is the reason of an ErrAborted: nobody is there to ask.
	ErrNoTerminal = errors.New("stdin is not a terminal: use --confirm")
	// ErrBackground is the reason of an ErrAborted: the terminal is another process group's.
	ErrBackground = errors.New("om is in the background: bring it to the foreground (fg) or use --confirm")
)

// Asker asks a person for a full "yes".
type Asker struct {
	// In is where the answer comes from, usually stdin. It must be a terminal.
	In *os.File
	// Out is where the question is shown, usually stdout. Where Out is not a terminal, as in
	// "om testmd run | tee log", the question is shown on In.
	Out *os.File
	// Timeout is how long an answer may take; 0 is 30 seconds.
	Timeout time.Duration
	// Getenv returns TERM; nil is a terminal without abilities.
	Getenv func(string) string
}

// Ask shows the question for rid and returns nil for a full "yes" ended by Enter. Spaces around it
// are ignored; case matters. What was typed before the question is shown is discarded, so nobody
// confirms what they have not read.
//
// The error is ErrTimeout or an ErrAborted: that itself after another answer, Ctrl-C, Ctrl-D, a
// signal (HUP, INT, QUIT, TERM) or the end of ctx; wrapped, with the reason, where nobody can be
// asked or the terminal fails. The cursor is then at the start of a line.
func (a Asker) Ask(ctx context.Context, rid string) error {
	ctx, ignore := ended(ctx)
	defer ignore()
	t, err := a.open()
	if err != nil {
		return aborted(err)
	}
	defer t.leave()
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), ErrTimeout)
	defer cancel()

	answer, err := t.ask(ctx, question(rid), a.capable())
	if err != nil {
		return aborted(err)
	}
	if strings.Trim(answer, " \t\r") != "yes" {
		return ErrAborted
	}
	return nil
}

// question returns the three documented lines; the answer follows on the last.
func question(rid string) string {
	return "This task run requires confirmation.\n" +
		"Please make sure you fully understand its role and effects before confirming the run.\n" +
		"Do you really want to run " + rid + " (yes/no) > "
}

// aborted makes one of the errors that Ask promises of err.
func aborted(err error) error {
	if errors.Is(err, ErrTimeout) {
		return err
	}
	for _, person := range []error{ErrAborted, io.EOF, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, person) {
			return ErrAborted
		}
	}
	return fmt.Errorf("%w: %w", ErrAborted, err)
}

// ended returns a context that ends with the signals that would else end the process, and leave
// the terminal without echo.
func ended(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{unix.SIGTERM}
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	return signal.NotifyContext(ctx, signals...)
}

func (a Asker) open() (*tty, error) {
	if _, ok := Terminal(a.In); !ok {
		return nil, ErrNoTerminal
	}
	out := a.In
	if _, ok := Terminal(a.Out); ok {
		out = a.Out
	}
	return enter(a.In, out)
}

func (a Asker) timeout() time.Duration {
	if a.Timeout > 0 {
		return a.Timeout
	}
	return 30 * time.Second
}

// capable reports whether the terminal says of itself that it understands escape sequences.
func (a Asker) capable() bool {
	if a.Getenv == nil {
		return false
	}
	name := a.Getenv("TERM")
	return name != "" && name != "dumb" && name != "unknown"
}
