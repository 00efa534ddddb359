package engine

import (
	"slices"

	"om/service"
	"om/task"
)

// asElsewhere says that a cursor is of the schedule that a task has on another node of its service: keywords may have a
// scope, as in schedule@n1. It is no other schedule then, and goes on with the service. Nodes that only a pattern or a
// label names can't be asked after.
func (e *Engine) asElsewhere(svc *service.Service, c task.Cursor) bool {
	for _, name := range svc.Others() {
		there := service.Node{Name: name, Timezone: e.Node.Timezone, Schedules: e.Node.Schedules, Boot: e.Node.Boot}
		other := service.Parse(svc.File, svc.Path, svc.Text, there)
		if t, known := other.Task(c.Task.RID); known && planDigest(other, &t) == c.Digest {
			return true
		}
	}
	return false
}

// takenOver is the cursor of a task where the record of its service has one that is of another schedule: mine, as of
// when this node saw the file first, and after what was decided by then. What was counted goes on where the schedule is
// another only because the node is.
func (e *Engine) takenOver(svc *service.Service, recorded, mine task.Cursor) task.Cursor {
	mine.At = later(mine.At, recorded.At)
	if e.asElsewhere(svc, recorded) {
		mine.Runs, mine.Retry = recorded.Runs, recorded.Retry
	}
	return mine
}

// inRecord is the cursor of a task in a record, where that has one of its schedule, here or on another node.
func (e *Engine) inRecord(svc *service.Service, mine task.Cursor, recorded []task.Cursor) task.Cursor {
	i := slices.IndexFunc(recorded, func(c task.Cursor) bool { return c.Task == mine.Task })
	switch {
	case i < 0:
		return mine
	case recorded[i].Digest == mine.Digest:
		return recorded[i]
	case svc.StateFile != "" && e.asElsewhere(svc, recorded[i]):
		c := recorded[i]
		c.Digest = mine.Digest
		return c
	}
	return mine
}
