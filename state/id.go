package state

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"om/task"

	"golang.org/x/sys/unix"
)

// lastID is the time of the newest id, in 1/4096 ms: ids of one process never repeat and never go
// back, whatever its clocks do.
var lastID atomic.Uint64 //nolint:gochecknoglobals // there is one sequence of ids in a process

// NewID returns a new UUIDv7 (RFC 9562, method 3: the twelve bits after the milliseconds are a
// fraction of one). The ids of a process sort as they were made, also where now repeats or goes back.
func NewID(now time.Time) string {
	tick := uint64(max(now.UnixMilli(), 0))<<12 | uint64(now.Nanosecond()%1e6)<<12/1e6
	for {
		last := lastID.Load()
		tick = max(tick, last+1)
		if lastID.CompareAndSwap(last, tick) {
			break
		}
	}
	var u [16]byte
	random(u[8:])
	binary.BigEndian.PutUint64(u[:], tick>>12<<16|0x7000|tick&0xfff)
	u[8] = u[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[0:8], u[0:4])
	hex.Encode(text[9:13], u[4:6])
	hex.Encode(text[14:18], u[6:8])
	hex.Encode(text[19:23], u[8:10])
	hex.Encode(text[24:36], u[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// random fills b from the kernel's generator: the one that crypto/rand asks, without the six page faults
// of its own state. The kernel interrupts such short requests only before its generator is ready.
func random(b []byte) {
	for n := 0; n < len(b); {
		got, err := unix.Getrandom(b[n:], 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			got, _ = rand.Read(b[n:]) // a kernel, or a filter, without the call
		}
		n += max(got, 0)
	}
}

// BootID returns the kernel's name for the time since this host started, a UUID.
func BootID() (string, error) {
	id, err := readProc("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// ProcessStart returns when a process began, in clock ticks since the host started (field 22 of
// /proc/PID/stat). It is fs.ErrNotExist where there is no such process, or only what is left of one
// until its parent asks how it ended.
func ProcessStart(pid int) (uint64, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	stat, err := readProc(path)
	if errors.Is(err, unix.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return 0, err
	}
	state, start, err := parseStat(stat)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if state == 'Z' || state == 'X' {
		return 0, fs.ErrNotExist
	}
	return start, nil
}

// readProc reads the beginning of a file that never blocks. os.ReadFile would set up the poller of the
// runtime for it, at a third of the cost of opening the record.
func readProc(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	text := make([]byte, 1024)
	n, err := unix.Read(fd, text)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return text[:n], nil
}

// parseStat finds the state and the start time in "1234 (any (name)) S 1 ... 5678 ...".
func parseStat(stat []byte) (state byte, start uint64, err error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const startField = 22 - 3 // the first field after the name is the third
	if len(fields) <= startField || len(fields[0]) != 1 {
		return 0, 0, fmt.Errorf("%q: wanted 22 fields: %w", stat, task.ErrInvalid)
	}
	start, err = strconv.ParseUint(string(fields[startField]), 10, 64)
	return fields[0][0], start, err
}

// Alive reports whether the process that holds a run is there still: the same boot of this host, the
// same process id, the same start. It fits Claim and Recover. A process that may not be looked at is
// believed to be the one; so is one on a host that cannot tell its boot.
func Alive(r task.Run) bool {
	boot, err := BootID()
	if err != nil {
		return true
	}
	if r.BootID != boot {
		return false
	}
	start, err := ProcessStart(r.PID)
	if errors.Is(err, fs.ErrNotExist) {
		// With hidepid the folders of others seem absent; a signal knows better.
		return errors.Is(unix.Kill(r.PID, 0), unix.EPERM)
	}
	return err != nil || start == r.PIDStart
}
