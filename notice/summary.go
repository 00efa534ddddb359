package notice

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"om/task"
)

// SummaryID names the message that tells several events to a target: the same for the same events, whenever it is told.
func SummaryID(t *Target, parts []Entry) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%s", t.Kind, t.To)
	for i := range parts {
		fmt.Fprintf(sum, "\x00%s", parts[i].Event.ID)
	}
	return hex.EncodeToString(sum.Sum(nil)[:12]) + "-" + task.EventSummary
}

// Summary makes one event of several, the oldest first. It is of the service and the task that they have in common.
func Summary(id string, parts []Entry) Event {
	first := &parts[0].Event
	e := Event{ID: id, Type: task.EventSummary, Timestamp: first.Timestamp, Node: first.Node, Service: first.Service, Task: first.Task}
	count := map[string]int{}
	var kinds []string
	for i := range parts {
		part := &parts[i].Event
		if part.Service != e.Service {
			e.Service, e.Task = "", ""
		}
		if part.Task != e.Task {
			e.Task = ""
		}
		if part.Timestamp.After(e.Timestamp) {
			e.Timestamp = part.Timestamp
		}
		if count[part.Type]++; count[part.Type] == 1 {
			kinds = append(kinds, part.Type)
		}
		e.Events = append(e.Events, *part)
	}
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", count[kind], kind)
	}
	e.Summary = Line(fmt.Sprintf("%d events since %s: %s", len(parts), first.Timestamp.UTC().Format(time.RFC3339), strings.Join(kinds, ", ")))
	return e
}
