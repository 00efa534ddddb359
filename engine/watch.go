package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// watcher tells by inotify of changes in folders.
type watcher struct {
	file             *os.File
	config, journals string
	events           chan int

	name         []byte       // of the folder of the files, in the one above
	above, ended atomic.Int32 // the watches of that one, and of the journals
	watched      map[int]bool // the folders of files; what was looked at last
}

const (
	fileChanges = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CREATE | unix.IN_ATTRIB |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	nameChanges    = unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CREATE
	journalChanges = unix.IN_MODIFY | unix.IN_CLOSE_WRITE
)

func watchFolders(config, journals string) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &watcher{
		file: os.NewFile(uintptr(fd), "inotify"), config: config, journals: journals, name: []byte(filepath.Base(config)), events: make(chan int, 1),
	}
	if err = w.follow(); w.ended.Load() < 0 { // what else can't be watched the first turn tells
		_ = w.file.Close()
		return nil, errors.Join(err, fmt.Errorf("%s: it can't be watched", journals))
	}
	go w.read()
	return w, nil
}

// follow watches the folders that are there now: that of the files and those of the namespaces, behind links too, the
// one above, in which the first may be exchanged, and that of the journals. A folder that is not there is met by the
// full turns.
func (w *watcher) follow() error {
	ended, err := w.add(w.journals, journalChanges)
	w.ended.Store(int32(ended)) //nolint:gosec // small
	above, failed := w.add(filepath.Dir(w.config), nameChanges)
	w.above.Store(int32(above)) //nolint:gosec // small
	err = errors.Join(err, failed)
	folders := []string{w.config}
	entries, _ := os.ReadDir(w.config)
	for _, e := range entries {
		if e.IsDir() || e.Type()&fs.ModeSymlink != 0 {
			folders = append(folders, filepath.Join(w.config, e.Name()))
		}
	}
	now := map[int]bool{}
	for _, folder := range folders {
		wd, failed := w.add(folder, fileChanges|unix.IN_ONLYDIR)
		now[wd] = true
		err = errors.Join(err, failed)
	}
	w.forget(now)
	return err
}

// forget gives up watching what is no folder of files any more: it may be elsewhere now.
func (w *watcher) forget(now map[int]bool) {
	for wd := range w.watched {
		if !now[wd] && wd != int(w.above.Load()) && wd != int(w.ended.Load()) {
			_ = w.control(func(fd int) error { _, err := unix.InotifyRmWatch(fd, uint32(wd)); return err }) //nolint:gosec // small
		}
	}
	delete(now, -1)
	w.watched = now
}

// add watches a folder; -1 where it is none. Watches of one folder are one, which tells of what any asks for.
func (w *watcher) add(folder string, mask uint32) (wd int, err error) {
	wd = -1
	err = w.control(func(fd int) (err error) {
		wd, err = unix.InotifyAddWatch(fd, folder, mask|unix.IN_MASK_ADD)
		return err
	})
	switch {
	case err == nil:
		return wd, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return -1, nil
	}
	return -1, fmt.Errorf("inotify: %s: %w: changes are seen within a minute", folder, err)
}

func (w *watcher) control(do func(fd int) error) error {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	return errors.Join(err, failed)
}

// read turns events into wakes, many into one. It ends when the file is closed.
func (w *watcher) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return
		}
		if wake, ok := w.strongest(buf[:n]); ok {
			w.wake(wake)
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // what comes together is looked at once
	}
}

// strongest says what the events ask for, if anything.
func (w *watcher) strongest(buf []byte) (wake int, ok bool) {
	for len(buf) >= unix.SizeofInotifyEvent {
		wd, size := int32(binary.NativeEndian.Uint32(buf)), int(binary.NativeEndian.Uint32(buf[12:])) //nolint:gosec // as it was written
		name, rest := buf[unix.SizeofInotifyEvent:][:size], buf[unix.SizeofInotifyEvent+size:]
		switch {
		case binary.NativeEndian.Uint32(buf[4:])&unix.IN_IGNORED != 0: // no watch any more: that has its own event
		case wd == w.ended.Load():
			wake, ok = max(wake, wakeEnds), true
		case wd != w.above.Load(), bytes.Equal(bytes.TrimRight(name, "\x00"), w.name):
			wake, ok = wakeAll, true
		}
		buf = rest
	}
	return wake, ok
}

// wake leaves a wake, or makes the one that is there stronger.
func (w *watcher) wake(wake int) {
	for {
		select {
		case w.events <- wake:
			return
		case before := <-w.events:
			wake = max(before, wake)
		}
	}
}

func (w *watcher) close() { _ = w.file.Close() }
