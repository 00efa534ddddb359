package task

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Aside is a folder with the ends of runs that can't be entered in the record that has them, a file each, until they
// can be: the journals that they came in need not wait for that.
type Aside string

// Put keeps ends. They are on the disk when it returns.
func (a Aside) Put(ends ...Ended) error {
	if len(ends) == 0 {
		return nil
	}
	if err := MakeJournals(string(a)); err != nil {
		return err
	}
	for _, e := range ends {
		if err := a.put(e); err != nil {
			return fmt.Errorf("end of run %s: %w", e.Outcome.RunID, err)
		}
	}
	return syncFolder(string(a))
}

func (a Aside) put(e Ended) error {
	path, err := a.path(e.Outcome.RunID, e.Holder)
	if err != nil {
		return nil //nolint:nilerr // there is no such run, so nothing waits for its end
	}
	o, err := self()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(string(a), "."+o.fileName()+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(appendEnded(nil, e))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// path is named after the run and the supervisor whose word it is, as a journal is.
func (a Aside) path(runID string, h Holder) (string, error) {
	if runID == "" || strings.ContainsAny(runID, "/.\x00") || len(runID) > 64 {
		return "", Errorf(ErrInvalid, "run %q: it is no run of om", runID)
	}
	return filepath.Join(string(a), runID+"."+owner{h.BootID, h.PID, h.PIDStart}.fileName()), nil
}

// Has says that the end of a run is kept.
func (a Aside) Has(r Run) bool {
	path, err := a.path(r.ID, Holder{r.BootID, r.PID, r.PIDStart})
	if err == nil {
		_, err = os.Lstat(path)
	}
	return err == nil
}

// Drop forgets ends.
func (a Aside) Drop(ends ...Ended) error {
	var errs []error
	for _, e := range ends {
		path, err := a.path(e.Outcome.RunID, e.Holder)
		if err == nil {
			err = os.Remove(path)
		}
		if !errors.Is(err, fs.ErrNotExist) { // others fold too
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Ends are those that are kept. The error tells of files that are none.
func (a Aside) Ends() (ends []Ended, err error) {
	entries, err := os.ReadDir(string(a))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	errs := []error{err}
	for _, entry := range entries {
		if rest, half := strings.CutPrefix(entry.Name(), "."); half {
			a.sweep(rest)
			continue
		}
		e, err := a.read(entry.Name())
		switch {
		case err == nil:
			ends = append(ends, e)
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, fmt.Errorf("%s: %w", filepath.Join(string(a), entry.Name()), err))
		}
	}
	return ends, errors.Join(errs...)
}

// sweep removes what a process was writing that was killed.
func (a Aside) sweep(name string) {
	text, _, _ := strings.Cut(name, ledgerSuffix)
	o, ok := parseOwner(text + ledgerSuffix)
	if boot, err := bootID(); ok && err == nil && !o.alive(boot) {
		_ = os.Remove(filepath.Join(string(a), "."+name))
	}
}

func (a Aside) read(name string) (e Ended, err error) {
	runID, rest, _ := strings.Cut(name, ".")
	o, ok := parseOwner(rest)
	if !ok {
		return e, Errorf(ErrInvalid, "wanted a name of RUN.BOOT-PID-START%s: remove it", ledgerSuffix)
	}
	f, err := openFolded(filepath.Join(string(a), name))
	if err != nil {
		return e, err
	}
	defer f.close()
	f.more()
	e, err = parseEnded(bytes.TrimSuffix(f.text, []byte("\n")))
	if err = errors.Join(f.err, err); err == nil && e.Outcome.RunID != runID {
		err = Errorf(ErrInvalid, "it is of run %q: remove it", e.Outcome.RunID)
	}
	e.Holder = Holder{o.boot, o.pid, o.start}
	return e, err
}
