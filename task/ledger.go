package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	ledgerSuffix = ".jsonl"
	// ledgerHead is the first line of the journal of a detached supervisor; an outcome follows on each line.
	ledgerHead = `{"om":"outcomes","version":1}` + "\n"
)

// owner is the supervisor that a journal belongs to: its file is named after it.
type owner struct {
	boot  string
	pid   int
	start uint64
}

// self is this process as the owner of a journal.
func self() (owner, error) {
	boot, err := bootID()
	if err != nil {
		return owner{}, err
	}
	pid := unix.Getpid()
	p, ok := readProcess(pid)
	if !ok {
		return owner{}, fmt.Errorf("/proc/%d/stat: it can't be read", pid)
	}
	return owner{boot, pid, p.start}, nil
}

// bootID is the kernel's name for the time since this host started.
func bootID() (string, error) {
	const path = "/proc/sys/kernel/random/boot_id"
	text, err := readFile(path, 100)
	id := strings.TrimSpace(string(text))
	if err == nil && id == "" {
		err = ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return id, nil
}

func (o owner) fileName() string {
	return o.boot + "-" + strconv.Itoa(o.pid) + "-" + strconv.FormatUint(o.start, 10) + ledgerSuffix
}

// parseOwner undoes fileName.
func parseOwner(name string) (owner, bool) {
	text, ok := strings.CutSuffix(name, ledgerSuffix)
	text, start, ok1 := cutLast(text)
	boot, pid, ok2 := cutLast(text)
	o := owner{boot: boot}
	var err1, err2 error
	o.pid, err1 = strconv.Atoi(pid)
	o.start, err2 = strconv.ParseUint(start, 10, 64)
	return o, ok && ok1 && ok2 && err1 == nil && err2 == nil && o.fileName() == name
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// alive reports whether the supervisor lives, at the time that boot names, or can still write while it
// dies. One that is a child of ours and has ended is buried.
func (o owner) alive(boot string) bool {
	if o.boot != boot {
		return false
	}
	p, ok := readProcess(o.pid)
	if !ok || p.start != o.start {
		return false
	}
	if !p.dead() || threads(o.pid) > 1 {
		return true
	}
	_, _ = unix.Wait4(o.pid, nil, unix.WNOHANG, nil)
	return false
}

// threads counts the threads of a process: its first may be dead while others go on.
func threads(pid int) int {
	list, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	return len(list)
}

// ledger is the journal that a detached supervisor writes.
type ledger struct {
	path string
	fd   int
	size int64 // up to here it is durable
}

// createLedger makes the journal of this process in a folder, durably.
func createLedger(folder string) (*ledger, error) {
	o, err := self()
	if err != nil {
		return nil, err
	}
	l := &ledger{path: filepath.Join(folder, o.fileName()), fd: -1}
	if err := l.create(); err != nil {
		return nil, fmt.Errorf("journal %q: %w", l.path, err)
	}
	return l, nil
}

// create makes the file, and its folder where that is missing.
func (l *ledger) create() error {
	folder := filepath.Dir(l.path)
	fd, err := newFile(l.path)
	if errors.Is(err, unix.ENOENT) {
		if err = MakeJournals(folder); err == nil {
			fd, err = newFile(l.path)
		}
	}
	if err != nil {
		return err
	}
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
	}
	l.fd, l.size = fd, 0
	if err := errors.Join(l.put([]byte(ledgerHead)), syncFolder(folder)); err != nil {
		_ = unix.Unlink(l.path)
		return err
	}
	return nil
}

// MakeJournals makes the folder that supervisors leave their journals in, where it is missing. It lasts as they do.
func MakeJournals(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func newFile(path string) (int, error) {
	return unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
}

func syncFolder(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fsync(fd)
}

// append adds whole lines, durably, or none. A journal that was removed is made anew.
func (l *ledger) append(lines []byte) error {
	var st unix.Stat_t
	if err := unix.Fstat(l.fd, &st); err != nil {
		return err
	}
	switch {
	case st.Nlink == 0:
		if err := l.create(); err != nil {
			return err
		}
	case st.Size > l.size: // what failed before, and could not be cut off then
		if err := unix.Ftruncate(l.fd, l.size); err != nil {
			return err
		}
	}
	return l.put(lines)
}

func (l *ledger) put(text []byte) error {
	n, err := unix.Pwrite(l.fd, text, l.size)
	if err == nil && n < len(text) {
		err = unix.ENOSPC
	}
	if err == nil {
		err = unix.Fdatasync(l.fd)
	}
	if err != nil {
		_ = unix.Ftruncate(l.fd, l.size)
		return err
	}
	l.size += int64(n)
	return nil
}

// close ends the journal; one without an outcome goes.
func (l *ledger) close() {
	if l.size <= int64(len(ledgerHead)) {
		_ = unix.Unlink(l.path)
	}
	_ = unix.Close(l.fd)
}

// appendEnded adds the line of an outcome.
func appendEnded(dst []byte, e Ended) []byte {
	line, _ := json.Marshal(e.mapped(armored)) // texts, numbers, and times of this millennium
	return append(append(dst, line...), '\n')
}

// parseEnded reads what appendEnded wrote.
func parseEnded(line []byte) (Ended, error) {
	var e Ended
	err := json.Unmarshal(line, &e)
	e = e.mapped(bare)
	o := &e.Outcome
	if err == nil && (o.RunID == "" || !o.State.Final() || !slices.Contains(RunStates(), o.State) || o.EndedAt.IsZero()) {
		err = ErrInvalid
	}
	if err != nil {
		return e, fmt.Errorf("%q: wanted an outcome: %w", line[:min(len(line), 80)], err)
	}
	return e, nil
}

// cutHead takes the first line off a journal; whole is false where it was not written to its end.
func cutHead(text []byte) (rest []byte, whole bool, err error) {
	line, rest, whole := bytes.Cut(text, []byte("\n"))
	if whole && string(line)+"\n" != ledgerHead || len(line) > len(ledgerHead) {
		return nil, true, fmt.Errorf("%q: wanted %s: %w", line[:min(len(line), 80)], strings.TrimSpace(ledgerHead), ErrInvalid)
	}
	return rest, whole, nil
}
