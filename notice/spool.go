package notice

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What a spool holds at most. The oldest events make room for new ones.
const (
	maxEntries = 4096
	maxEntry   = 32 << 10 // bytes of one
	maxDead    = 256
	maxDropped = 1 << 20
)

// The names in the folder of a spool.
const (
	entrySuffix = ".json"
	tempPrefix  = ".new-"
	DeadFolder  = "dead" // of those that were given up
	droppedFile = "dropped"
	lockFile    = "lock"
)

// Entry is an event in the spool.
type Entry struct {
	Event   Event    `json:"event"`
	Output  string   `json:"output,omitempty"` // the file with the output of the run
	Targets []Target `json:"targets"`
	Wait    Wait     `json:"wait,omitzero"`

	Name  string  `json:"-"` // of its file
	Parts []Entry `json:"-"` // those that a summary tells, in the order of its events
}

// Done says whether nothing is left to try.
func (e *Entry) Done() bool {
	return !slices.ContainsFunc(e.Targets, func(t Target) bool { return t.Over == "" })
}

// Spool is a folder of events that are still to be told, one file each. Any number of processes may put
// some in; only one may take them out: see Lock.
type Spool struct {
	Dir string

	mu   sync.Mutex
	held int // entries there, as far as this process knows; 0 before it looked
}

// Put leaves an event. The same event replaces itself. Nothing is synchronized: an event is worth less than
// the time a disk takes.
func (s *Spool) Put(e Entry) error {
	if len(e.Targets) == 0 {
		return nil
	}
	e.Name = fmt.Sprintf("%016x-%s%s", max(e.Event.Timestamp.UnixMicro(), 0), safe(e.Event.ID), entrySuffix)
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	if err := s.makeRoom(); err != nil {
		return err
	}
	return s.Save(&e)
}

// safe keeps an id from being anything but a name in a folder.
func safe(id string) string {
	id = strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, id)
	return id[:min(len(id), 100)]
}

// Save writes an entry in its place, whole or not at all.
func (s *Spool) Save(e *Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(text) > maxEntry {
		return fmt.Errorf("an event of %d bytes is more than the spool takes", len(text))
	}
	return writeWhole(s.Dir, e.Name, text)
}

func writeWhole(dir, name string, text []byte) error {
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// makeRoom drops the oldest events where there are too many. The folder is read once a process, and again
// when it may be full.
func (s *Spool) makeRoom() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held > 0 && s.held < maxEntries {
		s.held++
		return nil
	}
	names, err := s.Names()
	if err != nil {
		return err
	}
	drop := 0
	if len(names) >= maxEntries {
		drop = len(names) - maxEntries + 1 + maxEntries/16 // some more, so that this is seldom
	}
	s.held = len(names) - drop + 1
	return s.drop(names[:drop])
}

// drop removes entries for want of room. What can't be removed, as a folder that somebody placed, is set aside.
func (s *Spool) drop(names []string) error {
	for _, name := range names {
		if err := s.Remove(name); err != nil {
			if err := s.bury(name); err != nil {
				return err
			}
		}
	}
	return s.countDropped(len(names))
}

// Newest lists the files of as many entries as a spool holds at most, the oldest first. Where there are more, for
// something else has filled it, the oldest are dropped.
func (s *Spool) Newest() ([]string, error) {
	names, err := s.Names()
	if over := len(names) - maxEntries; err == nil && over > 0 {
		err = s.drop(names[:over])
		names = names[over:]
	}
	return names, err
}

// countDropped adds to the file whose size is how many events were dropped: appending needs no lock.
func (s *Spool) countDropped(n int) error {
	if n == 0 {
		return nil
	}
	path := filepath.Join(s.Dir, droppedFile)
	if info, err := os.Lstat(path); err == nil && info.Size() > maxDropped {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Repeat(".", n))
	return errors.Join(err, f.Close())
}

// Dropped is how many events were dropped for want of room since Forget.
func (s *Spool) Dropped() int {
	info, err := os.Lstat(filepath.Join(s.Dir, droppedFile))
	if err != nil {
		return 0
	}
	return int(info.Size())
}

// Forget begins to count what is dropped from 0.
func (s *Spool) Forget() error { return ignoreGone(os.Remove(filepath.Join(s.Dir, droppedFile))) }

// Names lists the files of the entries, the oldest first.
func (s *Spool) Names() ([]string, error) {
	dir, err := os.Open(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	all, err := dir.Readdirnames(-1)
	names := all[:0]
	for _, name := range all {
		if strings.HasSuffix(name, entrySuffix) && name[0] != '.' {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// Empty says whether there is nothing to tell. It is cheap where there never was.
func (s *Spool) Empty() bool {
	names, err := s.Names()
	return err == nil && len(names) == 0
}

// Read reads an entry. One that can't be understood is set aside among the dead.
func (s *Spool) Read(name string) (Entry, error) {
	e, err := s.Look(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e, err
	case err != nil:
		return e, errors.Join(fmt.Errorf("%s: %w", name, err), s.bury(name))
	}
	return e, nil
}

// Look reads an entry, and leaves it where it is, whatever is wrong with it.
func (s *Spool) Look(name string) (Entry, error) {
	e := Entry{}
	text, err := s.read(name, maxEntry)
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	e.Name = name
	if err == nil && slices.ContainsFunc(e.Targets, func(t Target) bool { return t.Tries < 0 }) {
		err = errors.New("tries below 0")
	}
	return e, err
}

// read reads a file that has at most limit bytes. What is no file is not waited for.
func (s *Spool) read(name string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(filepath.Join(s.Dir, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("wanted a file of at most %d bytes", limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// Remove removes an entry.
func (s *Spool) Remove(name string) error { return ignoreGone(os.Remove(filepath.Join(s.Dir, name))) }

// Bury keeps an entry among the dead, with its last errors, for people to look at. On a full disk it is out of the spool all the
// same: it would be tried again.
func (s *Spool) Bury(e *Entry) error {
	err := s.Save(e)
	if buried := s.bury(e.Name); buried != nil {
		err = errors.Join(err, buried, s.Remove(e.Name))
	}
	return err
}

func (s *Spool) bury(name string) error {
	dead := filepath.Join(s.Dir, DeadFolder)
	if err := os.MkdirAll(dead, 0o700); err != nil {
		return err
	}
	if err := ignoreGone(os.Rename(filepath.Join(s.Dir, name), filepath.Join(dead, name))); err != nil {
		return err
	}
	names, err := (&Spool{Dir: dead}).Names()
	for len(names) > maxDead {
		err = errors.Join(err, ignoreGone(os.Remove(filepath.Join(dead, names[0]))))
		names = names[1:]
	}
	return err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Lock makes this process the one that takes events out; nil where another one does. Closing it gives that up.
func (s *Spool) Lock() (*os.File, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.Dir, lockFile), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fmt.Errorf("%s: %w", f.Name(), err)
}

// Sweep removes what a process that was killed left half written before a moment.
func (s *Spool) Sweep(before time.Time) {
	all, _ := filepath.Glob(filepath.Join(s.Dir, tempPrefix+"*"))
	for _, path := range all {
		if info, err := os.Lstat(path); err == nil && info.ModTime().Before(before) {
			_ = os.Remove(path)
		}
	}
}

// Note keeps a few words of who delivers, beside the events: name is no entry's.
func (s *Spool) Note(name string, text []byte) error { return writeWhole(s.Dir, name, text) }

// maxNote is how long such words may be.
const maxNote = 16 << 20

// Noted is what was kept so, nothing where that can't be read.
func (s *Spool) Noted(name string) []byte {
	text, err := s.read(name, maxNote)
	if err != nil {
		return nil
	}
	return text
}
