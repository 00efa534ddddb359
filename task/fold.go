package task

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Ended is how a run under a detached supervisor ended, and what is needed to find it in the record.
type Ended struct {
	ID      ID
	Record  string // path of the state file that has the run, "" for the node's
	Outcome Outcome

	Holder Holder `json:"-"` // whose journal it stands in
}

// Holder is a process that holds runs: BootID, PID and PIDStart of a Run.
type Holder struct {
	BootID   string
	PID      int
	PIDStart uint64
}

// Of tells whether a run is held by h.
func (h Holder) Of(r Run) bool { return h == Holder{r.BootID, r.PID, r.PIDStart} }

// damagedSuffix is behind the name of a journal that was set aside.
const damagedSuffix = ".damaged"

// Fold reads the journals that detached supervisors write in a folder. It calls settle with the outcomes of
// each that it has not seen yet, and removes a journal when settle took them and its supervisor is dead. An
// outcome may come more than once: when settle failed, when two processes fold, when the host crashed. A line
// that a crash cut off, or left a hole in, is left out.
//
// The error is for what can't be settled now. strange, which may be nil, is told of what can't be read: a file that is
// no journal, or another user's, is left; a journal with lines that are no outcomes is set aside once its supervisor is
// dead, for else its runs would be waited for. None of that keeps the others from being folded.
func Fold(folder string, settle func([]Ended) error, strange func(error)) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("journals: %w", err)
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	return foldEach(folder, boot, entries, settle, strange)
}

func foldEach(folder, boot string, entries []fs.DirEntry, settle func([]Ended) error, strange func(error)) error {
	var errs []error
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), damagedSuffix) {
			continue
		}
		path := filepath.Join(folder, e.Name())
		wrong, err := fold(path, boot, settle)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // others fold too
			errs = append(errs, fmt.Errorf("journal %q: %w", path, err))
		}
		if wrong != nil && !errors.Is(wrong, fs.ErrNotExist) && strange != nil {
			strange(fmt.Errorf("journal %q: %w", path, wrong))
		}
	}
	return errors.Join(errs...)
}

// fold takes what is new in one journal; wrong tells of what is no outcome.
func fold(path, boot string, settle func([]Ended) error) (wrong, err error) {
	o, ok := parseOwner(filepath.Base(path))
	if !ok {
		return Errorf(ErrInvalid, "wanted a name of BOOT-PID-START%s: remove it", ledgerSuffix), nil
	}
	alive := o.alive(boot) // asked first: what is read after its death is all there is
	f, err := openFolded(path)
	if err != nil {
		return err, nil
	}
	defer f.close()
	for f.more() {
		batch, bad := f.outcomes(Holder{o.boot, o.pid, o.start})
		if wrong == nil {
			wrong = bad
		}
		if len(batch) > 0 {
			if err := settle(batch); err != nil {
				return wrong, err
			}
		}
		f.step()
	}
	switch {
	case f.err != nil:
		return f.err, nil
	case alive:
		f.mark()
		return wrong, nil
	case wrong == nil:
		return nil, unix.Unlink(path)
	}
	if err := unix.Rename(path, path+damagedSuffix); err != nil {
		return wrong, err
	}
	return Errorf(ErrInvalid, "%s; it is set aside as %s%s", wrong, filepath.Base(path), damagedSuffix), nil
}

// foldedMark is the extended attribute of a journal that says how much of it was folded. Where a filesystem has
// none, a journal is folded from its beginning each time.
const foldedMark = "user.om.folded"

// maxFolded is how much of a journal is read at a time, and so the longest line.
const maxFolded = 16 << 20

// folded is a journal that is read.
type folded struct {
	fd    int
	size  int64
	start int64  // where reading began
	from  int64  // of text
	end   int64  // of the last whole line of text
	text  []byte // what is at hand
	err   error  // why no more can be read
}

func openFolded(path string) (f folded, err error) {
	f.fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return f, err
	}
	if err := f.measure(); err != nil {
		f.close()
		return f, err
	}
	return f, nil
}

func (f *folded) close() { _ = unix.Close(f.fd) }

// measure refuses what is no file of ours, and finds where to begin.
func (f *folded) measure() error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return Errorf(ErrInvalid, "it is no file: remove it")
	}
	if int(st.Uid) != unix.Geteuid() {
		return Errorf(ErrPermission, "user %d has placed it: remove it", st.Uid)
	}
	f.size = st.Size
	var value [20]byte
	if n, err := unix.Fgetxattr(f.fd, foldedMark, value[:]); err == nil {
		f.start, _ = strconv.ParseInt(string(value[:n]), 10, 64)
	}
	if f.start < 0 || f.start > f.size {
		f.start = 0
	}
	f.from, f.end = f.start, f.start
	return nil
}

// more reads on, and tells whether there was something.
func (f *folded) more() bool {
	if f.err != nil || f.from >= f.size {
		return false
	}
	f.text = make([]byte, min(f.size-f.from, maxFolded))
	n, err := unix.Pread(f.fd, f.text, f.from)
	f.text, f.err = f.text[:max(n, 0)], err
	return n > 0
}

// step goes on behind the lines that were read. A line that has no end yet is the last.
func (f *folded) step() {
	if f.end == f.from {
		f.size = f.from
	}
	f.from = f.end
}

// outcomes reads the whole lines at hand. The error tells of the first that is none; the others count.
func (f *folded) outcomes(by Holder) (batch []Ended, wrong error) {
	rest := f.text
	if f.from == 0 {
		after, whole, err := cutHead(rest)
		if err != nil || !whole {
			return nil, err
		}
		rest = after
	}
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		rest = after
		if bytes.IndexByte(line, 0) >= 0 {
			continue // a block that was not synced before the host crashed: no line has such bytes
		}
		e, err := parseEnded(line)
		if err == nil {
			e.Holder = by
			batch = append(batch, e)
		} else if wrong == nil {
			wrong = err
		}
	}
	f.end = f.from + int64(len(f.text)-len(rest))
	if f.end == f.from && len(f.text) == maxFolded {
		wrong = Errorf(ErrInvalid, "a line of more than %d bytes", maxFolded)
	}
	return batch, wrong
}

// mark notes how much was folded. Nothing depends on it but the work of the next time.
func (f *folded) mark() {
	if f.end > f.start {
		_ = unix.Fsetxattr(f.fd, foldedMark, strconv.AppendInt(nil, f.end, 10), 0)
	}
}
