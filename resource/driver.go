package resource

import (
	"context"
	"fmt"
	"strings"

	"om/task"
)

// driver knows how to see the state of one group of resources.
type driver struct {
	group string
	label func(r task.Resource) string // a few words for people; pure
	look  func(ctx context.Context, l *look) finding
}

// drivers lists every driver; the next one is one line here and one file.
func drivers() []driver {
	return []driver{
		{"app", appLabel, lookApp},
		{"fs", fsLabel, lookFS},
		{"ip", ipLabel, lookIP},
		{"task", taskLabel, lookTask},
	}
}

// Groups lists the groups that have a driver of their own, sorted. A resource of any other group
// shows a state only through the keyword check.
func Groups() []string {
	var groups []string
	for _, d := range drivers() {
		groups = append(groups, d.group)
	}
	return groups
}

// driverOf returns the driver that looks at r. The keyword check, where a resource has it, says the
// state alone: who wrote it knows better than a driver. A task's check is another keyword, with the
// same name.
func driverOf(r task.Resource) driver {
	if r.Keywords["check"] != "" && r.Group != "task" {
		return driver{r.Group, checkLabel, lookCheck}
	}
	for _, d := range drivers() {
		if d.group == r.Group {
			return d
		}
	}
	return driver{r.Group, noLabel, lookNowhere}
}

func noLabel(r task.Resource) string { return typeOf(r) }

func lookNowhere(_ context.Context, l *look) finding {
	return is(task.Undef, info("there is no driver for %s, and no keyword check", typeOf(l.Resource)))
}

// finding is what a look found: a state, and what people should know about it.
type finding struct {
	status task.Status
	log    []string
}

func is(s task.Status, log ...string) finding { return finding{s, log} }

// unseen is the finding of a look that failed.
func unseen(format string, args ...any) finding { return is(task.Undef, warn(format, args...)) }

// warn is a line of log that makes the service's overall state warn.
func warn(format string, args ...any) string { return warning + fmt.Sprintf(format, args...) }

// info is a line of log that explains, and changes no state.
func info(format string, args ...any) string { return "info: " + fmt.Sprintf(format, args...) }

const warning = "warn: "

func isWarning(line string) bool { return strings.HasPrefix(line, warning) }

// brief cuts text to its first line and to what fits a label.
func brief(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	runes := []rune(text)
	if len(runes) > 60 {
		text = string(runes[:59]) + "…"
	}
	return strings.TrimSpace(text)
}
