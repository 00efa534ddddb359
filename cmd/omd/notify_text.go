package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"om/notice"
	"om/task"
)

// maxMailOutput is how much of the end of the output is in a mail.
const maxMailOutput = 16 << 10

// maxSummary is how long a mail about several events gets before nothing more is said of each.
const maxSummary = 128 << 10

// lastOutput is the end of what a run wrote, at most so many bytes; nothing where it is not kept, or no longer.
func lastOutput(ctx context.Context, path string, most int) []byte {
	if path == "" || most <= 0 {
		return nil
	}
	var last []byte
	for r, err := range task.ReadOutput(path) {
		if err != nil || ctx.Err() != nil {
			break
		}
		if r.Lost > 0 {
			last = append(last, fmt.Sprintf("[... %d bytes were not kept ...]\n", r.Lost)...)
		}
		last = append(last, r.Bytes...)
		if r.Full {
			last = append(last, '\n')
		}
		if len(last) > 2*most+4096 {
			last = append(last[:0], last[len(last)-most:]...)
		}
	}
	return last[max(0, len(last)-most):]
}

// subject says it all in a line.
func subject(e *notice.Event) string {
	what := e.Type
	switch {
	case e.Run != nil && e.Type == task.EventStarted:
	case e.Run != nil:
		what = fmt.Sprintf("%s (%s)%s", e.Type, ending(e.Run), duration(e.Run))
	case len(e.Events) > 0:
		what = e.Summary
	case e.Slots != nil:
		what = fmt.Sprintf("%s: %s since %s", e.Type, counted(e.Slots.Count, "slot"), moment(e.Slots.First))
	}
	if e.Reason != "" {
		what += ": " + e.Reason
	}
	return notice.Line(fmt.Sprintf("[om] %s: %s", subjectOf(e), what))
}

func ending(r *notice.Run) string {
	switch {
	case r.Signal != "":
		return r.State + ", " + r.Signal
	case r.ExitCode == nil || r.State == string(task.Lost) || r.State == string(task.Cancelled):
		return r.State
	}
	return fmt.Sprintf("%s, exit code %d", r.State, *r.ExitCode)
}

func duration(r *notice.Run) string {
	if r.Seconds == nil {
		return ""
	}
	d, step := time.Duration(*r.Seconds*float64(time.Second)), 10*time.Millisecond
	if d >= time.Minute {
		step = time.Second
	}
	return " after " + d.Round(step).String()
}

// summaryBody is the text of a mail about several events: a list of them, then each.
func summaryBody(ctx context.Context, e *notice.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", e.Event.Summary)
	for i := range e.Parts {
		part := &e.Parts[i].Event
		fmt.Fprintf(&b, "%s  %s  %s\n", moment(part.Timestamp), subjectOf(part), part.Summary)
	}
	for i := range e.Parts {
		if b.Len() > maxSummary {
			b.WriteString("\nOf the others there is no room for more than is listed above.\n")
			break
		}
		part := &e.Parts[i]
		fmt.Fprintf(&b, "\n-- %d of %d --\n\n%s", i+1, len(e.Parts), mailBody(&part.Event, lastOutput(ctx, part.Output, maxMailOutput/len(e.Parts))))
	}
	return b.String()
}

// subjectOf names the node, the service and the task, as far as there are any.
func subjectOf(e *notice.Event) string {
	return notice.Line(strings.Join(strings.Fields(e.Node+" "+e.Service+" "+e.Task), " "))
}

// mailBody is the text of a mail.
func mailBody(e *notice.Event, output []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", e.Summary)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name+":", notice.Line(value))
		}
	}
	line("node", e.Node)
	line("service", e.Service)
	line("task", e.Task)
	line("reason", e.Reason)
	line("tasks", strings.Join(e.Tasks, " "))
	if r := e.Run; r != nil {
		line("run", r.ID)
		line("state", r.State)
		line("reason", r.Reason)
		line("slot", moment(r.Slot))
		line("started", moment(r.Started))
		line("ended", moment(r.Ended))
		line("attempt", fmt.Sprint(r.Attempt))
	}
	if s := e.Slots; s != nil {
		line("slots", fmt.Sprintf("%d, %s to %s", s.Count, moment(s.First), moment(s.Last)))
		line("reason", s.Reason)
	}
	if f := e.Streak; f != nil {
		line("failures", fmt.Sprintf("%d in a row, since %s", f.Runs, moment(f.Since)))
	}
	if len(output) > 0 {
		fmt.Fprintf(&b, "\nThe end of its output:\n\n%s\n", printable(output))
	}
	return b.String()
}

// printable makes text of what a command wrote: what would steer a terminal is shown, and hurts nobody.
func printable(raw []byte) string {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(string(raw), "\ufffd") {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			fmt.Fprintf(&b, "\\x%02x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
