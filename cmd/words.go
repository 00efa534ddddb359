package cmd

// Everything om says to people besides tables. Results go to stdout and all of this to stderr; errors
// start with "om:", in lower case and with no full stop; a hint is a line of its own.

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"om/confirm"
	"om/engine"
	"om/schedule"
	"om/task"
)

// logLine is a line of the action log, as OpenSVC prints it: time, resource, level, text.
func logLine(at time.Time, rid string, level engine.Level, text string) string {
	return fmt.Sprintf("%s %-11s %-7s %s\n", strings.Replace(at.Format("15:04:05.000"), ".", ",", 1), rid, level, text)
}

// note prints a log line on stderr; -q leaves out those that are no problem.
func (a *app) note(rid string, level engine.Level, text string) {
	if a.global.quiet && level == engine.Info {
		return
	}
	line := logLine(a.Now(), visible(rid), level, strings.ReplaceAll(visible(text), "\n", "\n    "))
	if level != engine.Info {
		line = a.paint(a.Stderr, levelColor(level), line)
	}
	fmt.Fprint(a.Stderr, line)
}

// levelColor is that of a note.
func levelColor(level engine.Level) string {
	if level == engine.Warning {
		return yellow
	}
	return red
}

// hint is the next thing to try, where there is one.
func hint(err error) string {
	var declined *task.DeclinedError
	var syntax *schedule.SyntaxError
	switch {
	case errors.As(err, &declined):
		return declineHint(declined.Decision)
	case errors.As(err, &syntax):
		return syntax.Hint
	}
	return ""
}

func declineHint(d task.Decision) string {
	d.Checks = append([]task.Check{}, d.Checks...)
	for _, c := range d.Blockers() {
		if c.Name == "enabled" || c.Name == "attended" {
			return ""
		}
	}
	return "--force runs it all the same, and is recorded"
}

// The colors of states, as ANSI escapes.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	gray   = "90"
)

// paint colors text where out is a terminal that can, or --color=always says so.
func (a *app) paint(out *os.File, color, text string) string {
	if color == "" || !a.colored(out) {
		return text
	}
	body := strings.TrimRight(text, "\n")
	return "\x1b[" + color + "m" + body + "\x1b[0m" + text[len(body):]
}

func (a *app) colored(out *os.File) bool {
	switch a.global.color {
	case "always":
		return true
	case "never":
		return false
	}
	if a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb" {
		return false
	}
	_, ok := confirm.Terminal(out)
	return ok
}

// terminalName is the terminal that f is, "" for none.
func terminalName(f *os.File) string {
	name, _ := confirm.Terminal(f)
	return name
}

func statusColor(s task.Status) string {
	switch s {
	case task.Up, task.StdbyUp:
		return green
	case task.Down, task.StdbyDown:
		return red
	case task.Warn:
		return yellow
	}
	return gray
}

func stateColor(s task.RunState) string {
	switch s {
	case task.Complete:
		return green
	case task.Running, task.Queued, task.Cancelled:
		return yellow
	}
	return red
}

// when prints a time as RFC 3339 with its offset, in the zone of the host or UTC; "" for none.
func (a *app) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return a.zone(t).Format("2006-01-02T15:04:05Z07:00")
}

// whenThere is a time of a schedule, on the clocks of its zone.
func (a *app) whenThere(t time.Time) string {
	if a.global.utc {
		return a.when(t)
	}
	return t.Format(time.RFC3339)
}

func (a *app) zone(t time.Time) time.Time {
	if a.global.utc {
		return t.UTC()
	}
	return t.Local()
}
