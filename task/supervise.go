package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Supervise runs a job to its end: its steps one after the other, each in a session of its own,
// under the time limit, their output kept and copied to live. When ctx is done the run is ended as
// at its time limit, and is cancelled with the cause of ctx as its reason.
//
// Whatever the command does is in the outcome, also that it could not be started. The error is for
// what keeps om from starting anything; the outcome then says no more than the error does.
func Supervise(ctx context.Context, j Job, live Live) (Outcome, error) {
	s, err := NewSupervisor()
	if err != nil {
		return Outcome{RunID: j.RunID, State: Failed, Reason: err.Error(), ExitCode: codeInternal}, err
	}
	s.shared = true
	defer s.Close()
	if err := s.Start(ctx, j, live); err != nil {
		return Outcome{RunID: j.RunID, State: Failed, Reason: err.Error(), ExitCode: codeInternal}, err
	}
	o, _ := s.Wait()
	return o, nil
}

// capture runs one command of our own, with nothing of a task around it, and returns its exit code
// and its output. It gives context.DeadlineExceeded where the command was not done in time.
func capture(ctx context.Context, c Command, timeout time.Duration) (int, string, error) {
	fd, err := unix.MemfdCreate("om-capture", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, "", fmt.Errorf("memory file: %w", err)
	}
	memory := os.NewFile(uintptr(fd), "memory")
	defer memory.Close()
	c.UID, c.GID, c.Umask = uint32(unix.Geteuid()), uint32(unix.Getegid()), 0o022
	id := "capture/" + strconv.Itoa(unix.Getpid())
	c.Env = append(c.Env, runVariable+id)
	o, err := Supervise(ctx, Job{
		RunID: id, Steps: []Step{{Name: stepCommand, Blocking: true, Command: c}}, Timeout: timeout,
		StopSignal: int(unix.SIGKILL), Leftover: LeftoverKill, Log: LogNone, Now: func() time.Time { return time.Time{} },
	}, Live{Stdout: memory})
	switch {
	case err != nil:
		return 0, "", err
	case o.State == TimedOut:
		return 0, "", context.DeadlineExceeded
	case o.State == Cancelled:
		return 0, "", context.Cause(ctx)
	case o.ExitCode == codeMissing && o.Reason != "":
		return 0, "", fmt.Errorf("%s: %w", o.Reason, os.ErrNotExist)
	case o.Signal != "" || o.Reason != "":
		return 0, "", errors.New(o.Summary())
	}
	text, err := io.ReadAll(io.NewSectionReader(memory, 0, 1<<20))
	return o.ExitCode, string(text), err
}
