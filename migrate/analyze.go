package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"om/task"
)

// analyzeDeadline is how long systemd-analyze may take for one expression: a year of minutes takes it seconds.
const analyzeDeadline = 2 * time.Minute

// mostAsked is how many times of an expression are asked for: those of a year of minutes, and some more.
const mostAsked = 1 << 20

// calendarStarts appends when systemd starts a timer: systemd-analyze is asked for as many times as om has, and for
// more until they are enough.
func (p *Prover) calendarStarts(j *Job, many int, all []start) ([]start, error) {
	text := j.clock.calendar
	if many > mostAsked {
		return nil, fmt.Errorf("%s: OnCalendar=%s: it has %d starts, more than systemd-analyze is asked for: compare fewer months", j.Place, text, many)
	}
	for n := many + 16; ; n *= 2 {
		found, enough, err := p.askCalendar(text, n, all)
		if err != nil {
			return nil, fmt.Errorf("%s: OnCalendar=%s: %w", j.Place, text, err)
		}
		if enough || n > 4*mostAsked {
			return p.offCalendar(j, found), nil
		}
	}
}

// offCalendar is off, with what a persistent timer makes up for.
func (p *Prover) offCalendar(j *Job, all []start) (left []start) {
	policy, _ := j.get("catchup")
	for _, d := range p.Down {
		missed := false
		for _, s := range all {
			missed = missed || s.at >= d.From.Unix() && s.at < d.To.Unix()
		}
		if missed && policy == "last" && d.To.Before(p.To) {
			all = insert(all, d.To.Unix())
		}
	}
	return p.off(all)
}

// insert puts a start in its place.
func insert(all []start, at int64) (with []start) {
	for i, s := range all {
		if s.at >= at {
			return append(append(append(with, all[:i]...), start{at, 1}), all[i:]...)
		}
	}
	return append(append(with, all...), start{at, 1})
}

// askCalendar asks for n times. It is enough where the last is behind the end, or there are no more.
func (p *Prover) askCalendar(text string, n int, all []start) (starts []start, enough bool, err error) {
	program, err := analyzer()
	if err != nil {
		return nil, false, err
	}
	argv := []string{
		program, "calendar", "--iterations=" + strconv.Itoa(n),
		"--base-time=@" + strconv.FormatInt(p.From.Add(-time.Second).Unix(), 10), "--", text,
	}
	out, err := output(argv, []string{"TZ=" + zoneVariable(p.Host), "LC_ALL=C", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", "PATH=" + task.DefaultPath})
	if err != nil {
		return nil, false, err
	}
	count := 0
	for _, at := range elapses(out) {
		if count++; at.Before(p.To) && !at.Before(p.From) {
			all = append(all, start{at.Unix(), 1})
		}
		enough = enough || !at.Before(p.To)
	}
	return all, enough || count < n, nil
}

// zoneVariable is the value of TZ for a zone. That of a host whose zone has no name is where it is by itself.
func zoneVariable(zone *time.Location) string {
	if zone == time.Local || zone.String() == "Local" {
		return ":/etc/localtime"
	}
	return zone.String()
}

// analyzer finds systemd-analyze.
func analyzer() (string, error) {
	for _, folder := range strings.Split(task.DefaultPath, ":") {
		file := folder + "/systemd-analyze"
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return file, nil
		}
	}
	return "", errors.New("there is no systemd-analyze here to compare with (package systemd)")
}

// elapses reads what systemd-analyze prints: a line in the zone of the expression for each time, and one in UTC below it
// where that is another. "Next elapse: Sun 2026-03-29 03:00:00 CEST", "(in UTC): Sun 2026-03-29 01:00:00 UTC".
func elapses(out string) (all []time.Time) {
	fresh := false
	for line := range strings.Lines(out) {
		head, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case head == "Next elapse", strings.HasPrefix(head, "Iter. #"), strings.HasPrefix(head, "Iteration #"):
			fresh = true
		case head != "(in UTC)":
			continue
		}
		at, err := time.Parse("Mon 2006-01-02 15:04:05 MST", strings.TrimSpace(text))
		if err != nil || !strings.HasSuffix(text, " UTC") || !fresh {
			continue
		}
		all, fresh = append(all, at), false
	}
	return all
}

// output runs a program, and returns what it prints. Its own words are the error where it fails.
func output(argv, env []string) (string, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return "", err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	process, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Env: env, Files: []*os.File{null, w, w}})
	if err = errors.Join(err, w.Close()); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), analyzeDeadline)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = process.Kill() })
	defer stop()
	text, err := io.ReadAll(r)
	state, err2 := process.Wait()
	switch err = errors.Join(err, err2); {
	case errors.Is(err, fs.ErrClosed):
		return "", err
	case err != nil:
		return "", err
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s took longer than %s", argv[0], analyzeDeadline)
	case !state.Success():
		return "", fmt.Errorf("%s: %s", argv[0], strings.TrimSpace(string(text)))
	}
	return string(text), nil
}
