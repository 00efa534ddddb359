package task

// #cgo CFLAGS: -O2 -Wall
// #cgo noescape om_spawn
// #cgo nocallback om_spawn
// #include "spawn_linux.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// descriptors are what a command gets as its standard streams.
type descriptors struct {
	in, out, err int
	tty          bool // in becomes its controlling terminal
	leaf         int  // directory of the cgroup it starts in, -1 for none
	low          [2]int
}

// spawn starts c in a session of its own and returns its pid once the program runs. If it can't be
// started no process is left; the error is a *startError.
//
// The child shares our memory until it runs the program, and this thread waits for that (vfork):
// a working directory that hangs, hangs us.
func (c *Command) spawn(d descriptors) (int, error) {
	text, err := c.strings()
	if err != nil {
		return -1, &startError{step: C.OM_EXEC, err: err, command: c}
	}
	raw := c.numbers()
	raw.in, raw.out, raw.err, raw.cgroup = C.int32_t(d.in), C.int32_t(d.out), C.int32_t(d.err), C.int32_t(d.leaf)
	raw.low = [2]C.int32_t{C.int32_t(d.low[0]), C.int32_t(d.low[1])}
	raw.tty = flag(d.tty)
	groups, limits := c.Groups, c.limits()
	pid := C.om_spawn(&raw, (*C.char)(unsafe.Pointer(unsafe.SliceData(text))),
		(*C.uint32_t)(unsafe.SliceData(groups)), unsafe.SliceData(limits))
	if pid < 0 {
		return -1, &startError{step: int(raw.failed), err: unix.Errno(raw.error), which: int(raw.which), command: c}
	}
	return int(pid), nil
}

// strings puts the path, the directory, the arguments and the environment in a row, each ended by a
// NUL, so that one pointer hands them to C.
func (c *Command) strings() ([]byte, error) {
	size := len(c.Path) + len(c.Dir) + 2
	for _, list := range [...][]string{c.Argv, c.Env} {
		for _, s := range list {
			size += len(s) + 1
		}
	}
	text := make([]byte, 0, size)
	for _, list := range [...][]string{{c.Path, c.Dir}, c.Argv, c.Env} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return nil, fmt.Errorf("%q has a NUL in it: %w", s, ErrInvalid)
			}
			text = append(append(text, s...), 0)
		}
	}
	return text, nil
}

func (c *Command) numbers() C.struct_om_command {
	raw := C.struct_om_command{
		umask: C.int32_t(c.Umask.Perm()), nice: C.int32_t(c.Nice), oom: C.int32_t(c.OOMScoreAdjust),
		uid: C.uint32_t(c.UID), gid: C.uint32_t(c.GID), ngroups: C.int32_t(len(c.Groups)),
		nlimits: C.int32_t(len(c.Limits)), nargs: C.int32_t(len(c.Argv)), nenv: C.int32_t(len(c.Env)),
		has_oom: flag(c.HasOOMScore), impersonate: flag(c.Impersonate), no_new_privs: flag(c.NoNewPrivs),
	}
	io, _ := ioPriority(c.IOClass) // Resolve has checked it
	raw.ioclass = C.int32_t(io)
	return raw
}

func flag(set bool) C.int32_t {
	if set {
		return 1
	}
	return 0
}

func (c *Command) limits() []C.struct_om_limit {
	list := make([]C.struct_om_limit, len(c.Limits))
	for i, l := range c.Limits {
		list[i] = C.struct_om_limit{resource: C.int32_t(limitResource(l.Name)), value: C.uint64_t(l.Value)}
	}
	return list
}

// startError says at which step a command could not be started.
type startError struct {
	step    int
	err     error
	which   int // index of the limit
	command *Command
}

// Error names the thing first: `cwd "/srv/x": no such file or directory`.
func (e *startError) Error() string { return e.what() + ": " + e.err.Error() }

// Unwrap gives the error of the system call.
func (e *startError) Unwrap() error { return e.err }

func (e *startError) what() string {
	c := e.command
	switch e.step {
	case C.OM_TABLE:
		return "descriptors"
	case C.OM_SESSION:
		return "setsid"
	case C.OM_TERMINAL:
		return "controlling terminal"
	case C.OM_STREAMS:
		return "standard streams"
	case C.OM_LIMIT:
		return c.limitFault(c.Limits[e.which])
	case C.OM_CGROUP:
		return "cgroup"
	case C.OM_NICE:
		return fmt.Sprintf("nice %d", c.Nice)
	case C.OM_IOCLASS:
		return fmt.Sprintf("io class %q", c.IOClass)
	case C.OM_OOM:
		return fmt.Sprintf("oom_score_adj %d", c.OOMScoreAdjust)
	case C.OM_CWD:
		return fmt.Sprintf("cwd %q", c.Dir)
	case C.OM_EXEC:
		return c.execFault(e.err)
	}
	return e.identity()
}

func (e *startError) identity() string {
	who := "user " + e.command.User + ": "
	switch e.step {
	case C.OM_GROUPS:
		return who + "setgroups"
	case C.OM_GID:
		return who + "setresgid"
	case C.OM_UID:
		return who + "setresuid"
	case C.OM_VERIFY:
		return who + "the identity taken on is not the one asked for"
	case C.OM_PRIVS:
		return who + "no_new_privs"
	}
	return "fork"
}

func (c *Command) limitFault(l Limit) string {
	var now unix.Rlimit
	if unix.Getrlimit(limitResource(l.Name), &now) != nil || l.Value <= now.Max {
		return "limit_" + l.String()
	}
	return fmt.Sprintf("limit_%s is above the hard limit %d", l, now.Max)
}

func (c *Command) execFault(err error) string {
	path := c.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.Dir, path)
	}
	switch _, statErr := os.Stat(path); {
	case errors.Is(err, unix.ENOENT) && statErr == nil:
		return fmt.Sprintf("%q: the interpreter it names", c.Path)
	case errors.Is(err, unix.EAGAIN):
		return fmt.Sprintf("%q: the user has as many processes as limit_nproc allows", c.Path)
	}
	return fmt.Sprintf("%q", c.Path)
}

// atCgroup reports whether the kernel refused to start it in the cgroup.
func (e *startError) atCgroup() bool { return e.step == C.OM_CGROUP }

// atTable reports whether this kernel has no way to share descriptors with a child only at first.
func (e *startError) atTable() bool { return e.step == C.OM_TABLE }

// code is the exit code of a command that could not be started, as shells and sysexits(3) have it.
func (e *startError) code() int {
	switch {
	case e.step == C.OM_EXEC && errors.Is(e.err, unix.ENOENT):
		return codeMissing
	case e.step == C.OM_EXEC:
		return codeNotExecutable
	case e.step >= C.OM_GROUPS && e.step <= C.OM_PRIVS:
		return codeNotPermitted
	case e.step >= C.OM_LIMIT && e.step <= C.OM_OOM, e.step == C.OM_CWD:
		return codeSetting
	}
	return codeInternal
}
