package engine

import (
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// otherwise is what files are read with besides their text: where it has changed, all are read again, by a newer
// om too, after a start of the host, which schedules may wait for, and where its time zone is another.
func (s *scheduler) otherwise() string {
	return strings.Join([]string{s.Program, s.Node.Name, s.Node.Timezone, s.Node.Zones, s.bootID}, " ")
}

// place returns the cursors of a service's tasks: a task whose schedule is as it was keeps its own, another
// begins now, so that neither a new nor a changed schedule fires by itself.
func (s *scheduler) place(svc *service.Service, had []task.Cursor) []task.Cursor {
	usual := s.sim == nil && len(s.ahead) == 0 && !s.anyLeft(svc.Path)
	firsts := s.firsts.of(svc, s.now)
	cursors := make([]task.Cursor, 0, len(svc.Tasks))
	for i := range svc.Tasks {
		t := &svc.Tasks[i]
		if t.Schedule == "" && !hasCursor(had, t.ID) {
			continue
		}
		c := task.Cursor{Task: t.ID, Digest: firsts[i].digest}
		if k := slices.IndexFunc(had, func(old task.Cursor) bool { return old.Task == t.ID && old.Digest == c.Digest }); k >= 0 {
			c = had[k]
			c.Next = sooner(svc, t, s.nextLook(svc, t, c), c.Next)
		} else {
			s.begin(svc, t, &c, firsts[i], usual)
		}
		c.Next = s.seeFirst(svc, t, c.Next, s.now)
		cursors = append(cursors, c)
	}
	return cursors
}

func hasCursor(cursors []task.Cursor, id task.ID) bool {
	return slices.ContainsFunc(cursors, func(c task.Cursor) bool { return c.Task == id })
}

// planDigest tells whether two versions of a task have the same slots.
func planDigest(svc *service.Service, t *task.Task) string { return digestOf(appendPlan(nil, svc, t)) }

// appendPlan appends to text all that the slots of a task hang on.
func appendPlan(text []byte, svc *service.Service, t *task.Task) []byte {
	for _, word := range [...]string{
		t.Schedule, t.Timezone, t.DSTGap, t.DSTOverlap, t.NotBefore, t.NotAfter, t.SpreadBy, svc.Elsewhere(), svc.StateFile,
	} {
		text = append(append(text, word...), 0)
	}
	for _, word := range t.Plan.RunOn {
		text = append(append(text, word...), 1)
	}
	if notChosen(svc, t) {
		text = append(text, 2)
	}
	text = strconv.AppendInt(text, int64(t.Spread), 10)
	text = strconv.AppendInt(append(text, 0), int64(t.Plan.RunTimes), 10)
	for _, yes := range [...]bool{t.Random, t.Disable, t.Confirmation, t.Interactive} {
		text = strconv.AppendBool(append(text, 0), yes)
	}
	return text
}

func digestOf(text []byte) string {
	h := fnv.New128a()
	_, _ = h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// notChosen says that run_on has its slots run on other nodes of the service, wherever that is active. Who is chosen by an
// edit begins then.
func notChosen(svc *service.Service, t *task.Task) bool {
	on := t.Plan.RunOn
	if len(on) == 0 || !svc.Several() || on[0] == service.OnActive || on[0] == service.OnAll {
		return false
	}
	if on[0] == service.OnAny {
		on = []string{svc.One()}
	}
	return !svc.On(on)
}

// neverScheduled says why a task has no slots though it may have a schedule; "" if it has.
func neverScheduled(svc *service.Service, t *task.Task) string {
	switch {
	case t.Schedule == "":
		return "it has no schedule"
	case svc.Disable:
		return "the service is disabled"
	case t.Disable:
		return "the task is disabled"
	case t.Confirmation:
		return "it asks for a confirmation, and is never scheduled"
	case t.Interactive:
		return "it is interactive, and is never scheduled"
	case svc.Elsewhere() != "":
		return svc.Elsewhere()
	}
	return ""
}

// seen is where the cursor of a task begins that is new, or has another schedule: every slot up to now is passed over.
func (s *scheduler) seen(cal *schedule.Schedule) time.Time {
	if cal == nil {
		return s.now
	}
	return cal.Seen(s.now)
}

// nextLook is when the task of a cursor is due: zero for never.
func (e *Engine) nextLook(svc *service.Service, t *task.Task, c task.Cursor) time.Time {
	return nextLook(svc, t, e.known(t), c)
}

// nextLook is that of a task with a schedule; nil for one that can't be read.
func nextLook(svc *service.Service, t *task.Task, cal *schedule.Schedule, c task.Cursor) time.Time {
	if cal == nil || neverScheduled(svc, t) != "" || ranOut(t, c.Runs) {
		return time.Time{}
	}
	next, ok := cal.Next(c.At, c.At)
	if !ok {
		next = time.Time{}
	}
	if at := c.Retry.At; !at.IsZero() && (next.IsZero() || at.Before(next)) {
		next = at
	}
	return next
}

// sooner is next, of nextLook, or a look that was planned before that: it may be for a slot that waits.
func sooner(svc *service.Service, t *task.Task, next, planned time.Time) time.Time {
	if !planned.IsZero() && neverScheduled(svc, t) == "" && (next.IsZero() || planned.Before(next)) {
		return planned
	}
	return next
}

// known is calendar, or nil where that can't be read.
func (e *Engine) known(t *task.Task) *schedule.Schedule {
	cal, err := e.calendar(t)
	if err != nil {
		return nil
	}
	return cal
}

// calendar is the schedule of a task on this node.
func (e *Engine) calendar(t *task.Task) (*schedule.Schedule, error) {
	if e.sim != nil {
		return e.sim.calendar(t)
	}
	return e.Node.Calendar(t, e.Node.Seed(t))
}
