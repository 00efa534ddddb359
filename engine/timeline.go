package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"om/state"
	"om/task"
)

// Class is what a run, or a slot without one, was like.
type Class string

// The classes.
const (
	ClassOnTime    Class = "on time"
	ClassLate      Class = "late"    // it began after its slot, and ended well
	ClassByHand    Class = "by hand" // it had no slot
	ClassRunning   Class = "in progress"
	ClassCancelled Class = "cancelled"
	ClassFailed    Class = "failed"
	ClassMissed    Class = "missed"
	ClassExpired   Class = "expired"
	ClassSkipped   Class = "skipped"
	ClassWaiting   Class = "waiting"
)

// Event is a run, or a slot (or several in a row) that had none.
type Event struct {
	Task       task.ID
	Class      Class
	Run        string    // its id; of a slot the run that was in its way
	Slot       time.Time // zero for a run by hand
	Start, End time.Time // of a run in progress up to now; of slots the first and the last
	Late       bool      // it began after its slot, however it ended
	Overlaps   bool      // another run of the task was in progress when it began
	Count      int       // how many slots; 1 for a run
	Note       string    // how it ended, or why it did not run
}

// maxEvents is how many runs, and how many slots, a timeline has at most: the newest.
const maxEvents = 200_000

// Past is what happened in a period.
type Past struct {
	Events []Event // in the order of tasks, then of time
	Cut    bool    // there is more than fits: what is missing is older
}

// Timeline gathers what happened to the tasks that sel picks of a service ("" for all of the node's record) between two
// moments. A task that is gone counts unless sel asks for tags or subsets, which are in the files.
func (e *Engine) Timeline(ctx context.Context, path string, sel Selection, from, to time.Time) (Past, error) {
	var p Past
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return p, err
	}
	if err = e.bury(ctx, db); err != nil {
		return p, err
	}
	s, err := e.looker(ctx, e.Now())
	if err != nil {
		return p, err
	}
	picked := picker{services: services{Engine: e}, sel: sel, ids: map[task.ID]task.ID{}, picked: map[task.ID]bool{}}
	q := sel.Query(state.Query{Service: path, Before: to, Open: from})
	q.Limit = maxEvents
	err = db.EachRun(ctx, q, func(r task.Run) {
		r.Task = picked.same(r.Task)
		p.Events = append(p.Events, s.runEvent(r))
	})
	if err != nil {
		return p, err
	}
	p.Cut = len(p.Events) >= maxEvents
	q.Open, q.Since = time.Time{}, from
	slots, err := db.Slots(ctx, q, task.SlotSkip, task.SlotMissed, task.SlotExpired, task.SlotPending)
	for _, x := range slots {
		x.Task = picked.same(x.Task)
		p.Events = append(p.Events, slotEvent(x))
	}
	p.Cut = p.Cut || len(slots) >= maxEvents
	// Now, for who looks at the files looks at the record too.
	p.Events = slices.DeleteFunc(p.Events, func(e Event) bool { return !picked.picks(ctx, e.Task) })
	slices.SortStableFunc(p.Events, byTask)
	markOverlaps(p.Events)
	return p, err
}

// picker remembers which tasks a selection picks.
type picker struct {
	services
	sel    Selection
	ids    map[task.ID]task.ID
	picked map[task.ID]bool
}

// same is an id that all events of a task share.
func (p *picker) same(id task.ID) task.ID {
	known, ok := p.ids[id]
	if !ok {
		known = id
		p.ids[id] = id
	}
	return known
}

func (p *picker) picks(ctx context.Context, id task.ID) bool {
	ok, known := p.picked[id]
	if !known {
		if ok = len(p.sel.Pick([]task.Task{{ID: id}})) > 0; p.sel.Tags+p.sel.Subsets != "" {
			ok = p.inFile(ctx, id)
		}
		p.picked[id] = ok
	}
	return ok
}

// inFile says whether the file of a task's service has it, and the selection picks it there.
func (p *picker) inFile(ctx context.Context, id task.ID) bool {
	_, t, err := p.task(ctx, id)
	return err == nil && t != nil && len(p.sel.Pick([]task.Task{*t})) > 0
}

// byTask orders events by their task, and then by time.
func byTask(x, y Event) int {
	return cmp.Or(cmp.Compare(x.Task.Service, y.Task.Service), task.CompareRID(x.Task.RID, y.Task.RID), x.Start.Compare(y.Start))
}

// runEvent is a run as it is now.
func (s *scheduler) runEvent(r task.Run) Event {
	e := Event{Task: r.Task, Run: r.ID, Slot: r.Slot, Start: r.StartedAt, End: r.EndedAt, Count: 1}
	if e.Start.IsZero() {
		e.Start = r.QueuedAt
	}
	if e.End.IsZero() {
		e.End = s.now
	}
	if e.End.Before(e.Start) {
		e.End = e.Start
	}
	e.Late = !r.Slot.IsZero() && e.Start.Sub(r.Slot) > s.onTime()
	switch {
	case !r.State.Final():
		e.Class = ClassRunning
	case r.State == task.Cancelled:
		e.Class = ClassCancelled
	case r.State != task.Complete:
		e.Class, e.Note = ClassFailed, r.Summary()
	case r.Slot.IsZero():
		e.Class = ClassByHand
	case e.Late:
		e.Class = ClassLate
	default:
		e.Class = ClassOnTime
	}
	return e
}

func slotEvent(s task.Slot) Event {
	class := map[task.SlotDecision]Class{
		task.SlotSkip: ClassSkipped, task.SlotMissed: ClassMissed, task.SlotExpired: ClassExpired, task.SlotPending: ClassWaiting,
	}[s.Decision]
	return Event{Task: s.Task, Class: class, Run: s.RunID, Slot: s.At, Start: s.At, End: s.Last, Count: s.Count, Note: s.Reason}
}

// isRun says that an event is a run.
func (e Event) isRun() bool {
	switch e.Class {
	case ClassMissed, ClassExpired, ClassSkipped, ClassWaiting:
		return false
	}
	return true
}

// markOverlaps marks the runs that began while another one of their task was in progress. The events are in order.
func markOverlaps(all []Event) {
	var id task.ID
	var until time.Time
	for i := range all {
		e := &all[i]
		if e.Task != id {
			id, until = e.Task, time.Time{}
		}
		if !e.isRun() {
			continue
		}
		e.Overlaps = e.Start.Before(until)
		if e.End.After(until) {
			until = e.End
		}
	}
}
