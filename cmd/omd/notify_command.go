package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"om/notice"
	"om/task"
)

// maxSaid is how much of what a command writes is kept, for the error.
const maxSaid = 1 << 10

// commands delivers by running a program, as the user of om. os/exec will do here: a few at once, for seconds.
type commands struct {
	home string
}

// run runs the command of a target with the event in its environment and on its standard input. Its whole
// process group ends with ctx.
func (c *commands) run(ctx context.Context, e *notice.Entry, t *notice.Target) error {
	argv, err := commandLine(t)
	if err != nil {
		return &failure{err: err, forever: true}
	}
	input, err := json.Marshal(e.Event)
	if err != nil {
		return err
	}
	said := &limited{most: maxSaid}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = "/", c.environment(&e.Event), bytes.NewReader(append(input, '\n'))
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it left something that goes on
		return nil
	case ctx.Err() != nil:
		err = errors.New("it did not end in time")
	}
	return &failure{err: fmt.Errorf("%w: %s", err, notice.Line(said.String())), own: true}
}

// commandLine splits the command as the keyword shell says.
func commandLine(t *notice.Target) ([]string, error) {
	switch shell := t.Shell; {
	case shell == "sh", (shell == "auto" || shell == "") && task.NeedsShell(t.To):
		return []string{"/bin/sh", "-c", t.To}, nil
	case shell != "auto" && shell != "none" && shell != "":
		return []string{shell, "-c", t.To}, nil
	}
	argv, err := task.Split(t.To)
	if err == nil && (len(argv) == 0 || argv[0] == "") {
		err = errors.New("the command is empty")
	}
	return argv, err
}

// environment is all that the command gets: each variable always, empty where the event has nothing of it.
func (c *commands) environment(e *notice.Event) []string {
	var r notice.Run
	var attempt, code, took string
	if e.Run != nil {
		r = *e.Run
		attempt = strconv.Itoa(r.Attempt)
	}
	if r.ExitCode != nil {
		code = strconv.Itoa(*r.ExitCode)
	}
	if r.Seconds != nil {
		took = strconv.FormatFloat(*r.Seconds, 'f', 3, 64)
	}
	slot, last, count, reason := moment(r.Slot), "", "", cmp.Or(r.Reason, e.Reason)
	if s := e.Slots; s != nil {
		slot, last, count, reason = moment(s.First), moment(s.Last), strconv.Itoa(s.Count), s.Reason
	}
	failures, since, events := "", "", ""
	if len(e.Events) > 0 {
		events = strconv.Itoa(len(e.Events))
	}
	if f := e.Streak; f != nil {
		failures, since = strconv.Itoa(f.Runs), moment(f.Since)
	}
	return []string{
		"PATH=" + task.DefaultPath, "HOME=" + c.home, "LANG=C.UTF-8",
		"OM_EVENT=" + e.Type, "OM_EVENT_ID=" + e.ID, "OM_NODE=" + e.Node, "OM_SERVICE=" + e.Service, "OM_TASK=" + e.Task,
		"OM_SUMMARY=" + e.Summary, "OM_REASON=" + reason,
		"OM_RUN_ID=" + r.ID, "OM_STATE=" + r.State, "OM_EXIT_CODE=" + code, "OM_SIGNAL=" + r.Signal, "OM_ORIGIN=" + r.Origin,
		"OM_ATTEMPT=" + attempt, "OM_STARTED_AT=" + moment(r.Started), "OM_ENDED_AT=" + moment(r.Ended), "OM_DURATION=" + took,
		"OM_SLOT=" + slot, "OM_SLOT_LAST=" + last, "OM_SLOT_COUNT=" + count,
		"OM_EVENT_COUNT=" + events, "OM_FAILURES=" + failures, "OM_FAILING_SINCE=" + since,
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// limited keeps the beginning of what is written, and takes the rest. The buffer has a name: what it could do else, read all that
// there is, is not to be asked of it.
type limited struct {
	buf  bytes.Buffer
	most int
}

// Write keeps what there is room for.
func (l *limited) Write(p []byte) (int, error) {
	if room := l.most - l.buf.Len(); room > 0 {
		l.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (l *limited) String() string { return l.buf.String() }
