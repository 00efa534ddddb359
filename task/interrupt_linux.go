package task

/*
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int om_bell = -1;

static void om_ring(int sig)
{
	int error = errno;
	unsigned char byte = sig;
	if (write(om_bell, &byte, 1) < 0) { } // full: it rings already
	errno = error;
}

// om_catch has sig written to bell, unless the process was started with it ignored (nohup).
static int om_catch(int sig, int bell)
{
	struct sigaction now;
	if (sigaction(sig, NULL, &now) < 0)
		return -1;
	if (now.sa_handler == SIG_IGN)
		return 0;
	om_bell = bell;
	memset(&now, 0, sizeof now);
	now.sa_handler = om_ring;
	now.sa_flags = SA_ONSTACK | SA_RESTART;
	sigfillset(&now.sa_mask);
	return sigaction(sig, &now, NULL);
}
*/
import "C"

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// CatchSignals returns a context that ends when this process is asked to end: by SIGINT, SIGTERM, SIGHUP
// or SIGQUIT, and its cause names the signal. It is for the rest of the life of the process, and for one call
// of it. It does what signal.NotifyContext does for a fifth of the time of a whole run: os/signal keeps a
// thread that each signal is passed through, and waits for it at each change.
func CatchSignals(ctx context.Context) (context.Context, error) {
	bell, err := catchSignals()
	if err != nil {
		return ctx, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go await(bell, cancel)
	return ctx, nil
}

// catchSignals returns a pipe that gives the number of each signal, a byte.
func catchSignals() (*os.File, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT} {
		if rc, err := C.om_catch(C.int(sig), C.int(ends[1])); rc != 0 {
			return nil, fmt.Errorf("sigaction %s: %w", unix.SignalName(sig), err)
		}
	}
	return os.NewFile(uintptr(ends[0]), "signals"), nil
}

func await(bell *os.File, cancel context.CancelCauseFunc) {
	var sig [1]byte
	if n, _ := bell.Read(sig[:]); n == 1 {
		cancel(fmt.Errorf("signal %s", SignalName(int(sig[0]))))
	}
}
