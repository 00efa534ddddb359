package task

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// process is one line of the process table.
type process struct {
	pid, ppid, group, session int
	state                     byte
	start                     uint64 // clock ticks since boot: pids are used again, pid and start are not
	// environ is where its environment ends in its memory. It is 0 while the process is between two
	// programs, and ours while it has not left our memory (vfork): what it will be is not known then.
	environ uint64
}

// ticks is now as process.start has it.
func ticks() uint64 {
	const perSecond = 100 // USER_HZ
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // can't fail with this clock
	return uint64(t.Nano()) / (1e9 / perSecond)
}

// dead reports whether the process has ended and only waits to be reaped.
func (p process) dead() bool { return p.state == 'Z' || p.state == 'X' }

// processes lists all processes of the host that we can see.
func processes() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	list := make([]process, 0, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			list = append(list, p)
		}
	}
	return list
}

// readProcess reads /proc/PID/stat; it reports false where there is no such process.
func readProcess(pid int) (process, bool) {
	var room [1024]byte
	text := readProc(pid, "stat", room[:])
	i := bytes.LastIndexByte(text, ')') // the name before it may hold anything
	if i < 0 {
		return process{}, false
	}
	f := bytes.Fields(text[i+1:])
	if len(f) < 49 {
		return process{}, false
	}
	number := func(at int) int {
		n, _ := strconv.Atoi(string(f[at]))
		return n
	}
	start, err := strconv.ParseUint(string(f[19]), 10, 64)
	environ, _ := strconv.ParseUint(string(f[48]), 10, 64)
	return process{pid, number(1), number(2), number(3), f[0][0], start, environ}, err == nil
}

// readFile reads a small file without the runtime's poller, which a short-lived process need not set
// up. The error is that of the system call alone; a file larger than limit is one.
func readFile(path string, limit int) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	switch err := unix.Fstat(fd, &st); {
	case err != nil:
		return nil, err
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil, unix.EISDIR
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, Errorf(ErrInvalid, "it is no file") // a pipe could keep us for ever
	}
	text := make([]byte, 0, 4<<10)
	for {
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return text, nil
		case len(text)+n > limit:
			return nil, fmt.Errorf("more than %d bytes: %w", limit, ErrInvalid)
		}
		text = text[:len(text)+n]
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
	}
}

// readProc reads as much of a file of a process as room takes.
func readProc(pid int, file string, room []byte) []byte {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/"+file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	have := 0
	for have < len(room) {
		n, err := unix.Read(fd, room[have:])
		if err != nil || n <= 0 {
			break
		}
		have += n
	}
	return room[:have]
}

// runOf returns the run that a process belongs to by its environment, "" where that does not say.
func runOf(pid int, room []byte) string {
	rest := readProc(pid, "environ", room)
	for len(rest) > 0 {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte{0})
		if id, ok := bytes.CutPrefix(word, []byte(runVariable)); ok {
			return string(id)
		}
	}
	return ""
}

// detached reports whether a process is a supervisor that Detached started.
func detached(pid int) bool {
	var room [4 << 10]byte
	return runOf(pid, room[:]) == detachedRun
}

// children lists the children of this process; exact is false where the kernel does not tell.
func children() (pids []int, exact bool) {
	const dir = "/proc/self/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil, false
	}
	for _, t := range threads {
		text, err := readFile(dir+"/"+t.Name()+"/children", 1<<20)
		if err != nil {
			return nil, false
		}
		for word := range bytes.FieldsSeq(text) {
			if pid, err := strconv.Atoi(string(word)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids, true
}

// signal sends a signal to exactly this process: one that has its pid by now is left alone.
func (p process) signal(sig unix.Signal) error {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if now, ok := readProcess(p.pid); !ok || now.start != p.start {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}
