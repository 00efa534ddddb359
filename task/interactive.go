package task

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// passthrough joins a person's terminal to the one that an interactive command has: keys go one way
// as they are typed, output the other, and the size follows. The person's terminal is raw meanwhile,
// so that Ctrl-C is a key for the command.
type passthrough struct {
	person  int // the person's terminal, opened by us
	input   int // the command's terminal, to write keys to
	saved   unix.Termios
	size    unix.Winsize
	pending []byte // keys that the command's terminal does not take now
}

// openTerminal gives the run a terminal in place of its pipes.
func (r *run) openTerminal(stdin *os.File) error {
	if !isTerminal(stdin) {
		return fmt.Errorf("%s is interactive: wanted a terminal on standard input: %w", r.job.ID.RID, ErrInvalid)
	}
	master, slave, err := openPTY()
	if err != nil {
		return err
	}
	r.out[0].read, r.out[0].write = master, slave
	t := &passthrough{person: reopenTerminal(stdin)}
	if t.input, err = unix.FcntlInt(uintptr(master), unix.F_DUPFD_CLOEXEC, 3); err != nil {
		_ = unix.Close(t.person)
		return fmt.Errorf("terminal: %w", err)
	}
	if err := t.raw(slave); err != nil {
		t.free()
		return fmt.Errorf("terminal: %w", err)
	}
	r.terminal = t
	r.s.interactive = append(r.s.interactive, r)
	// The command's user must be able to open its terminal by name, as pagers do.
	_ = unix.Fchown(slave, int(r.job.Steps[0].Command.UID), -1)
	r.out[0].tap = openTap(stdin)
	return errors.Join(r.s.watch(master, r.slot, fromStdout, unix.EPOLLIN), r.s.watch(t.person, r.slot, fromPerson, unix.EPOLLIN))
}

// openPTY makes a terminal; master does not block.
func openPTY() (master, slave int, err error) {
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	if master, err = unix.Open("/dev/ptmx", flags|unix.O_NONBLOCK, 0); err != nil {
		return -1, -1, fmt.Errorf("/dev/ptmx: %w", err)
	}
	number, err := unix.IoctlGetUint32(master, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = unix.Open("/dev/pts/"+strconv.Itoa(int(number)), flags, 0)
	}
	if err != nil {
		_ = unix.Close(master)
		return -1, -1, fmt.Errorf("terminal: %w", err)
	}
	return master, slave, nil
}

// reopenTerminal opens a terminal again, so that not to block is our business alone.
func reopenTerminal(f *os.File) int {
	fd := descriptor(f)
	const flags = unix.O_RDWR | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if again, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), flags, 0); err == nil {
		return again
	}
	again, _ := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	return again
}

// raw gives the command's terminal the settings of the person's, and takes them off that one.
func (t *passthrough) raw(slave int) error {
	now, err := unix.IoctlGetTermios(t.person, unix.TCGETS)
	if err != nil {
		return err
	}
	t.saved = *now
	if err := unix.IoctlSetTermios(slave, unix.TCSETS, now); err != nil {
		return err
	}
	if size, err := unix.IoctlGetWinsize(t.person, unix.TIOCGWINSZ); err == nil {
		t.size = *size
		_ = unix.IoctlSetWinsize(slave, unix.TIOCSWINSZ, size)
	}
	now.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	now.Oflag &^= unix.OPOST
	now.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	now.Cflag = now.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(t.person, unix.TCSETS, now)
}

// typed hands keys to the command. A terminal that is gone ends the run.
func (t *passthrough) typed(r *run) {
	var keys [4096]byte
	n, err := unix.Read(t.person, keys[:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if n <= 0 {
		r.s.ignore(t.person)
		if r.phase == running {
			r.stop(Cancelled, "the terminal is gone")
		}
		return
	}
	t.pending = append(t.pending, keys[:n]...)
	if !t.push() {
		r.s.ignore(t.person)
		_ = r.s.watch(t.input, r.slot, toCommand, unix.EPOLLOUT)
	}
}

// deliver goes on where the command's terminal had no room for keys.
func (t *passthrough) deliver(r *run) {
	if !t.push() {
		return
	}
	r.s.ignore(t.input)
	_ = r.s.watch(t.person, r.slot, fromPerson, unix.EPOLLIN)
}

// push writes pending keys and reports whether none is left.
func (t *passthrough) push() bool {
	for len(t.pending) > 0 {
		n, err := unix.Write(t.input, t.pending)
		if errors.Is(err, unix.EAGAIN) {
			return false
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			t.pending = nil // nobody is there to read them
			return true
		}
		t.pending = t.pending[max(n, 0):]
	}
	return true
}

// resize gives the command's terminal the size that the person's has now; the kernel tells the
// command.
func (t *passthrough) resize() {
	size, err := unix.IoctlGetWinsize(t.person, unix.TIOCGWINSZ)
	if err == nil && *size != t.size {
		t.size = *size
		_ = unix.IoctlSetWinsize(t.input, unix.TIOCSWINSZ, size)
	}
}

// close gives the person's terminal back as it was.
func (t *passthrough) close(r *run) {
	r.s.interactive = slices.DeleteFunc(r.s.interactive, func(other *run) bool { return other == r })
	_ = unix.IoctlSetTermios(t.person, unix.TCSETS, &t.saved)
	t.free()
}

func (t *passthrough) free() {
	_ = unix.Close(t.person)
	_ = unix.Close(t.input)
}
