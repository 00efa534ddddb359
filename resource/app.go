package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"om/task"
)

func appLabel(r task.Resource) string {
	switch {
	case r.Keywords["pid_file"] != "":
		return brief("pid file " + r.Keywords["pid_file"])
	case r.Keywords["match"] != "":
		return brief("match " + r.Keywords["match"])
	}
	return typeOf(r)
}

// lookApp looks for a process: the one that the keyword pid_file names, or any that the keyword match
// describes. With both, the process in the pid file must be the one described. With neither (and no
// check, which is the generic driver's) there is nothing to see: n/a.
func lookApp(_ context.Context, l *look) finding {
	m, err := parseMatch(l.Keywords["match"])
	if err != nil {
		return unseen("%v", err)
	}
	switch {
	case l.Keywords["pid_file"] != "":
		return l.lookPidFile(l.Keywords["pid_file"], m)
	case l.Keywords["match"] != "":
		return l.lookMatch(m)
	}
	return is(task.NA)
}

func (l *look) lookPidFile(path string, m match) finding {
	l.begin("read %s", path)
	pid, written, err := readPidFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return is(task.Down, info("there is no pid file %s", path))
	case errors.Is(err, task.ErrInvalid):
		return is(task.Warn, warn("%v", err))
	case err != nil:
		return unseen("%v", err)
	}
	l.begin("look at process %d", pid)
	p, err := readProcess(pid)
	switch {
	case gone(err), p.ended:
		return is(task.Down, info("process %d of pid file %s has ended", pid, path))
	case err != nil:
		return unseen("%v", err)
	case l.Keywords["match"] != "":
		return p.described(m)
	}
	return p.named(written)
}

// readPidFile returns the process id in the first line of a file, and when the file was written. The user of a service
// places it: a pipe is not waited for, and nothing is told of what a link may lead to.
func readPidFile(path string) (pid int, written time.Time, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, time.Time{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, time.Time{}, err
	}
	if mode := st.Mode(); !mode.IsRegular() && !mode.IsDir() { // which tells itself
		return 0, time.Time{}, fmt.Errorf("pid file %s: it is no file: %w", path, task.ErrInvalid)
	}
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return 0, time.Time{}, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil || pid <= 0 {
		return 0, time.Time{}, fmt.Errorf("pid file %s: wanted a process id in its first line: %w", path, task.ErrInvalid)
	}
	return pid, st.ModTime(), nil
}

// named judges the process in a pid file by time: it must have started before the file was written,
// or its pid is used again by another process.
func (p process) named(written time.Time) finding {
	after, err := p.startedAfter(written)
	switch {
	case err != nil:
		return unseen("start of process %d: %v", p.pid, err)
	case after:
		return is(task.Down, info("process %d is another one: it started after its pid file was written", p.pid))
	}
	return is(task.Up)
}

// described judges the process in a pid file by what it is.
func (p process) described(m match) finding {
	ok, err := m.holds(p.pid)
	switch {
	case ok:
		return is(task.Up)
	case err != nil && !gone(err):
		return unseen("%v", err)
	}
	return is(task.Down, info("process %d is another one: match does not describe it", p.pid))
}

func (l *look) lookMatch(m match) finding {
	pids, err := processes()
	if err != nil {
		return unseen("%v", err)
	}
	closed := 0
	for _, pid := range pids {
		l.begin("look at process %d", pid)
		ok, err := m.holds(pid)
		if ok {
			return is(task.Up)
		}
		if errors.Is(err, fs.ErrPermission) {
			closed++
		}
	}
	if closed > 0 {
		return is(task.Down, info("the environments of %d processes of other users may not be read", closed))
	}
	return is(task.Down)
}
