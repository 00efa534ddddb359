package engine

import (
	"slices"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// presence is how long a service was seen to be active here, by one look after the other: from the first of them to the
// last.
type presence struct{ Since, Last time.Time }

// single says that a slot of a task may be decided by one node alone, and that no record tells this one what others
// decided: the service follows its resources from node to node, and leaves its record behind. Of a slot that came
// before the service was seen active here nobody knows whether it ran there, and it may not run twice.
func (e *Engine) single(svc *service.Service, t *task.Task) bool {
	on := t.Plan.RunOn
	return e.sim == nil && svc.Several() && svc.StateFile == "" && svc.Topology == "failover" &&
		(len(on) == 0 || on[0] == service.OnActive) && t.Plan.Delivery != task.AtLeastOnce && slices.ContainsFunc(svc.Resources, followed)
}

// lapse is how long nobody may have looked for a service to count as active all the while: longer than some ticks take
// that are late or ended, and shorter than a node takes that dies and comes back.
func (s *scheduler) lapse() time.Duration {
	return max(s.leastLapse(), 4*min(s.last.Pace, time.Hour))
}

// leastLapse is the lapse where ticks come soon after each other: how far apart the last two were says nothing of the next.
func (s *scheduler) leastLapse() time.Duration { return 4 * max(fullTurn, s.options.Period) }

// present notes that a service was seen active here, or not, at the end of a look.
func (s *scheduler) present(path string, active bool, now time.Time) {
	if !active {
		delete(s.last.Here, path)
		return
	}
	p, known := s.last.Here[path]
	if away := now.Sub(p.Last) - s.jump; !known || away > s.lapse() || away < -s.lapse() {
		p.Since = now
	}
	p.Last = now
	if s.last.Here == nil {
		s.last.Here = map[string]presence{}
	}
	s.last.Here[path] = p
}

// since is from when on the slots of a task are this node's: zero for any, or now where nobody has looked yet.
func (s *scheduler) since(svc *service.Service, t *task.Task) time.Time {
	if !s.single(svc, t) {
		return time.Time{}
	}
	p := s.last.Here[svc.Path]
	if p.Since.IsZero() {
		return s.now
	}
	return earlier(p.Since, s.now.Add(time.Second)) // the clock may have been set back
}

// maybeElsewhere are the slots after a cursor that may have run on another node: from the first to the last of them.
func (s *scheduler) maybeElsewhere(svc *service.Service, t *task.Task, cal *schedule.Schedule, cursor time.Time) (all task.Slot, ok bool) {
	since := s.since(svc, t)
	if !since.After(cursor) {
		return all, false
	}
	newest, older, ok := cal.Latest(cursor, earlier(s.now, since.Add(-time.Microsecond)))
	if !ok {
		return all, false
	}
	return passedBy(t, cal, cursor, newest, older, elsewhereText), true
}

// passedBy are the slots after a cursor up to the newest of them, and so many older ones, as missed for one reason.
func passedBy(t *task.Task, cal *schedule.Schedule, cursor, newest time.Time, older int, why string) task.Slot {
	first, found := cal.Next(cursor, cursor)
	if !found || older == 0 {
		first = newest
	}
	return task.Slot{Task: t.ID, At: first.UTC(), Last: newest.UTC(), Count: older + 1, Decision: task.SlotMissed, Reason: why}
}

const elsewhereText = "it may have run on another node: the service was seen active here only after it (state = PATH is a record that goes along)"

// leaveElsewhere decides about the slots that may have run on another node.
func (v *view) leaveElsewhere() {
	slot, ok := v.maybeElsewhere(v.l.svc, &v.t, v.cal, v.after.At)
	if !ok || ranOut(&v.t, v.after.Runs) {
		return
	}
	v.slots = append(v.slots, slot)
	v.after.At = v.cal.Decided(slot.Last, v.since(v.l.svc, &v.t))
	v.after.Retry = task.Retrying{}
}

// sharp is how long before a slot a loop looks for the last time whether the service is here.
const sharp = 3 * time.Second

// lookBefore is when to look at a task whose next slot comes at a moment: before it, too, where it has to be seen by
// then whether the service is active here. Ticks come about as far apart as the last two did, and one of them may not come.
func (v *view) lookBefore(slot time.Time) time.Time {
	if slot.IsZero() || !v.single(v.l.svc, &v.t) || v.away == "" && slot.Sub(v.now) < v.leastLapse()/2 {
		return slot
	}
	pace := max(fullTurn, v.options.Period)
	apart := pace
	if since := v.now.Sub(v.last.At); !v.last.At.IsZero() {
		apart = max(pace, min(since, time.Hour))
	}
	switch first, last := slot.Add(-2*apart-sharp), slot.Add(-sharp); {
	case first.After(v.now):
		return first
	case last.After(v.now):
		return earlier(last, v.now.Add(pace))
	}
	return slot
}

// seeFirst has a task looked at now, though its slot is to come, where it has to be seen by then whether its service is
// active here: nobody has looked yet.
func (e *Engine) seeFirst(svc *service.Service, t *task.Task, next, now time.Time) time.Time {
	if next.IsZero() || !e.single(svc, t) {
		return next
	}
	return earlier(next, now)
}
