package task

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Ended is how a run under a detached supervisor ended, and what is needed to find it in the record.
type Ended struct {
	ID      ID
	Record  string // path of the state file that has the run, "" for the node's
	Outcome Outcome
}

// Fold reads the journals that detached supervisors write in a folder. It calls settle with the outcomes of
// each that it has not seen yet, and removes a journal when settle took them and its supervisor is dead. An
// outcome may come more than once: when settle failed, when two processes fold, when the host crashed. A line
// that a crash cut off, or left a hole in, is left out. A file that is no journal is left, and is the error; the others are folded
// all the same.
func Fold(folder string, settle func([]Ended) error) error {
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
	var errs []error
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if err := fold(path, boot, settle); err != nil && !errors.Is(err, fs.ErrNotExist) { // others fold too
			errs = append(errs, fmt.Errorf("journal %q: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// fold takes what is new in one journal.
func fold(path, boot string, settle func([]Ended) error) error {
	o, ok := parseOwner(filepath.Base(path))
	if !ok {
		return fmt.Errorf("wanted a name of BOOT-PID-START%s: %w", ledgerSuffix, ErrInvalid)
	}
	alive := o.alive(boot) // asked first: what is read after its death is all there is
	f, err := openFolded(path)
	if err != nil {
		return err
	}
	defer f.close()
	batch, wrong := f.outcomes()
	if len(batch) > 0 {
		if err := settle(batch); err != nil {
			return err
		}
	}
	switch {
	case wrong != nil:
		return wrong
	case alive:
		f.mark()
		return nil
	}
	return unix.Unlink(path)
}

// foldedMark is the extended attribute of a journal that says how much of it was folded. Where a filesystem has
// none, a journal is folded from its beginning each time.
const foldedMark = "user.om.folded"

// folded is a journal that is read.
type folded struct {
	fd   int
	from int64
	text []byte // what comes after from
	end  int64  // of its last whole line
}

func openFolded(path string) (f folded, err error) {
	f.fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return f, err
	}
	if err := f.read(); err != nil {
		f.close()
		return f, err
	}
	return f, nil
}

func (f *folded) close() { _ = unix.Close(f.fd) }

func (f *folded) read() error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return Errorf(ErrInvalid, "it is no file")
	}
	var value [20]byte
	if n, err := unix.Fgetxattr(f.fd, foldedMark, value[:]); err == nil {
		f.from, _ = strconv.ParseInt(string(value[:n]), 10, 64)
	}
	if f.from < 0 || f.from > st.Size {
		f.from = 0
	}
	f.end = f.from
	f.text = make([]byte, st.Size-f.from)
	n, err := unix.Pread(f.fd, f.text, f.from)
	if err != nil {
		return err
	}
	f.text = f.text[:n]
	return nil
}

// outcomes reads the whole lines. The error tells of the first that is none; the others count.
func (f *folded) outcomes() (batch []Ended, wrong error) {
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
			batch = append(batch, e)
		} else if wrong == nil {
			wrong = err
		}
	}
	f.end = f.from + int64(len(f.text)-len(rest))
	return batch, wrong
}

// mark notes how much was folded. Nothing depends on it but the work of the next time.
func (f *folded) mark() {
	if f.end > f.from {
		_ = unix.Fsetxattr(f.fd, foldedMark, strconv.AppendInt(nil, f.end, 10), 0)
	}
}
