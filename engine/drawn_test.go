package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"om/task"
)

// drawnWidth is how many columns time has, and mostDrawn how many tasks are drawn.
const (
	drawnWidth = 100
	mostDrawn  = 80
)

// draw is a picture of the slots of the node's record: a row for each task, r for a run, s for a skip, m for missed, x for
// expired, ? for one that waits. Of several in a column the last is shown.
func (v *virtual) draw() string {
	slots, _ := v.onRecord()
	var from, to time.Time
	var ids []task.ID
	for id, rows := range slots {
		ids = append(ids, id)
		if from.IsZero() || rows[0].At.Before(from) {
			from = rows[0].At
		}
		to = later(to, rows[len(rows)-1].Last)
	}
	slices.SortFunc(ids, func(a, b task.ID) int { return strings.Compare(a.String(), b.String()) })
	column := func(at time.Time) int {
		return int(float64(drawnWidth-1) * float64(at.Sub(from)) / float64(max(to.Sub(from), 1)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "from %s to %s\n", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	for _, id := range ids[:min(len(ids), mostDrawn)] {
		line := []byte(strings.Repeat(".", drawnWidth))
		for _, s := range slots[id] {
			for i := column(s.At); i <= column(s.Last); i++ {
				line[i] = map[task.SlotDecision]byte{task.SlotRun: 'r', task.SlotSkip: 's', task.SlotMissed: 'm', task.SlotExpired: 'x', task.SlotPending: '?'}[s.Decision]
			}
		}
		fmt.Fprintf(&b, "%-20s %s\n", id, line)
	}
	return b.String()
}
