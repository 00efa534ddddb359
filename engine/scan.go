package engine

import (
	"context"
	"encoding/hex"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"om/schedule"
	"om/service"
	"om/state"
	"om/task"
)

// factScan is the digest of all stamps at the last scan, and what otherwise has.
const factScan = "scan"

// scan reads the files that were changed since the last scan, and places the cursors of their tasks. With
// every stamp as it was, it reads nothing.
func (s *scheduler) scan(ctx context.Context) error {
	digest, err := service.Digest(s.ConfigDir)
	if err != nil {
		return err
	}
	digest += " " + s.otherwise()
	before, err := s.node.Fact(ctx, factScan)
	if err != nil || before == digest {
		return err
	}
	stamps, err := service.Stamps(s.ConfigDir) // what changes from here on has another digest at the next scan
	if err != nil {
		return err
	}
	known, err := s.node.Stamps(ctx)
	if err != nil {
		return err
	}
	all := !strings.HasSuffix(before, " "+s.otherwise())
	set, cursors, err := s.changed(ctx, stamps, known, all)
	if err != nil {
		return err
	}
	gone := slices.Sorted(maps.Keys(known)) // those that are still there were taken out of it
	for _, path := range gone {
		cursors[path] = nil
	}
	s.report.Removed = gone
	if err := s.abandon(ctx, cursors); err != nil {
		return err
	}
	if err := s.node.Place(ctx, cursors); err != nil {
		return err
	}
	if err := s.node.SetStamps(ctx, set, gone); err != nil {
		return err
	}
	return s.node.SetFact(ctx, factScan, digest)
}

// abandon ends the wait of slots whose task is gone or has no slots any more. cursors are the new ones of the
// services that were changed.
func (s *scheduler) abandon(ctx context.Context, cursors map[string][]task.Cursor) error {
	if len(cursors) == 0 {
		return nil
	}
	waiting, err := s.node.Pending(ctx, task.ID{})
	if err != nil {
		return err
	}
	turns := map[task.ID]*state.Turn{}
	for _, slot := range waiting {
		placed, changed := cursors[slot.Task.Service]
		if !changed || slices.ContainsFunc(placed, func(c task.Cursor) bool { return c.Task == slot.Task && !c.Next.IsZero() }) {
			continue
		}
		if turns[slot.Task] == nil {
			before, err := s.cursor(ctx, slot.Task)
			if err != nil {
				return err
			}
			turns[slot.Task] = &state.Turn{Before: before, After: before}
		}
		slot.Decision, slot.Reason, slot.RunID = task.SlotExpired, slot.Reason+", until its task had no schedule any more", ""
		turns[slot.Task].Slots = append(turns[slot.Task].Slots, slot)
		s.report.Slots = append(s.report.Slots, slot)
	}
	for _, turn := range turns {
		if _, err := s.node.Decide(ctx, []state.Turn{*turn}, s.alive); err != nil {
			return err
		}
	}
	return nil
}

// cursor is that of a task as it is on record; without a time where there is none.
func (s *scheduler) cursor(ctx context.Context, id task.ID) (task.Cursor, error) {
	all, err := s.node.Cursors(ctx, id.Service)
	for _, c := range all {
		if c.Task == id {
			return c, err
		}
	}
	return task.Cursor{Task: id}, err
}

// otherwise is what files are read with besides their text: where it has changed, all are read again, by a newer
// om too, and after a start of the host, which schedules may wait for.
func (s *scheduler) otherwise() string {
	return strings.Join([]string{s.Program, s.Node.Name, s.Node.Timezone, s.bootID}, " ")
}

// changed reads each service whose stamp is not the known one, and takes those that are there out of known.
func (s *scheduler) changed(ctx context.Context, stamps []service.Stamp, known map[string]state.Stamp, all bool) ([]state.Stamp, map[string][]task.Cursor, error) {
	var set []state.Stamp
	cursors := map[string][]task.Cursor{}
	cursorsOf, err := s.knownCursors(ctx, len(known) == 0 || all)
	if err != nil {
		return nil, nil, err
	}
	for _, now := range stamps {
		was, had := known[now.Path]
		delete(known, now.Path)
		s.aliveNow()
		if had && !all && sameStamp(was, now) {
			continue
		}
		stamp := state.Stamp{Service: now.Path, MTime: time.Unix(0, now.MTime), CTime: time.Unix(0, now.CTime), Size: now.Size, Inode: now.Inode}
		svc, err := s.readChanged(ctx, &stamp)
		if err != nil {
			return nil, nil, err
		}
		set = append(set, stamp)
		s.report.Changed = append(s.report.Changed, now.Path)
		if svc == nil {
			continue // its cursors stay as they are, and nothing of it runs
		}
		placed, err := cursorsOf(now.Path)
		if err != nil {
			return nil, nil, err
		}
		cursors[now.Path] = s.place(svc, placed)
	}
	return set, cursors, nil
}

// knownCursors returns how to find the cursors of a service: one by one, or where many are looked for all at once.
func (s *scheduler) knownCursors(ctx context.Context, many bool) (func(path string) ([]task.Cursor, error), error) {
	if !many {
		return func(path string) ([]task.Cursor, error) { return s.node.Cursors(ctx, path) }, nil
	}
	all, err := s.node.Cursors(ctx, "")
	if err != nil {
		return nil, err
	}
	of := map[string][]task.Cursor{}
	for _, c := range all {
		of[c.Task.Service] = append(of[c.Task.Service], c)
	}
	return func(path string) ([]task.Cursor, error) { return of[path], nil }, nil
}

func sameStamp(was state.Stamp, now service.Stamp) bool {
	return was.MTime.UnixNano() == now.MTime && was.CTime.UnixNano() == now.CTime && was.Size == now.Size && was.Inode == now.Inode
}

// readChanged reads a service, and puts into the stamp what is wrong with its file. The version that is
// scheduled is the file as it is, or where that has errors the last one that had none; nil for neither.
func (s *scheduler) readChanged(ctx context.Context, stamp *state.Stamp) (*service.Service, error) {
	svc, err := s.Load(stamp.Service)
	switch {
	case err != nil:
		stamp.Error = err.Error()
	case len(svc.Quarantined()) == 0:
		stamp.Good = svc.Text
		return svc, nil
	default:
		stamp.Error = firstProblem(svc)
	}
	was, known, err := s.node.StampOf(ctx, stamp.Service)
	s.reject(stamp.Service, stamp.Error, svc, known && was.Good != nil)
	if err != nil || !known || was.Good == nil {
		return svc, err
	}
	return s.lastGood(stamp.Service, was.Good), nil
}

// lastGood is the service as its file was when it had no errors.
func (s *scheduler) lastGood(path string, text []byte) *service.Service {
	file, err := service.File(s.ConfigDir, path)
	if err != nil {
		return nil
	}
	return service.Parse(file, path, text, s.Node)
}

// reject tells that a file has errors. What goes to logs has nothing of its text.
func (s *scheduler) reject(path, problem string, svc *service.Service, lastGood bool) {
	r := Rejection{Service: path, Place: problem, LastGood: lastGood}
	if svc != nil {
		r.Place = placeOf(svc)
	}
	s.report.Rejected = append(s.report.Rejected, r)
}

func placeOf(svc *service.Service) string {
	for _, p := range svc.Problems {
		if p.Severity == service.Error {
			return p.Place()
		}
	}
	return svc.File
}

func firstProblem(svc *service.Service) string {
	for _, p := range svc.Problems {
		if p.Severity == service.Error {
			return p.String()
		}
	}
	return "it has errors"
}

// place returns the cursors of a service's tasks: a task whose schedule is as it was keeps its own, another
// begins now, so that neither a new nor a changed schedule fires by itself.
func (s *scheduler) place(svc *service.Service, had []task.Cursor) []task.Cursor {
	s.remember(svc)
	var cursors []task.Cursor
	for i := range svc.Tasks {
		t := &svc.Tasks[i]
		if t.Schedule == "" && !hasCursor(had, t.ID) {
			continue
		}
		c := task.Cursor{Task: t.ID, Digest: planDigest(svc, t), At: s.seen(t)}
		for _, old := range had {
			if old.Task == t.ID && old.Digest == c.Digest {
				c = old
			}
		}
		look := c.Next // it may be for a slot that waits
		c.Next = s.nextLook(svc, t, c)
		if !look.IsZero() && neverScheduled(svc, t) == "" && (c.Next.IsZero() || look.Before(c.Next)) {
			c.Next = look
		}
		if !c.Next.IsZero() {
			s.measureTask(t, c.At)
		}
		cursors = append(cursors, c)
	}
	return cursors
}

func hasCursor(cursors []task.Cursor, id task.ID) bool {
	return slices.ContainsFunc(cursors, func(c task.Cursor) bool { return c.Task == id })
}

// planDigest tells whether two versions of a task have the same slots.
func planDigest(svc *service.Service, t *task.Task) string {
	h := fnv.New128a()
	var room [256]byte
	text := room[:0]
	for _, word := range [...]string{
		t.Schedule, t.Timezone, t.DSTGap, t.DSTOverlap, t.NotBefore, t.NotAfter, t.SpreadBy, svc.Elsewhere(), svc.StateFile,
	} {
		text = append(append(text, word...), 0)
	}
	for _, word := range t.Plan.RunOn {
		text = append(append(text, word...), 1)
	}
	text = strconv.AppendInt(text, int64(t.Spread), 10)
	text = strconv.AppendInt(append(text, 0), int64(t.Plan.RunTimes), 10)
	for _, yes := range [...]bool{t.Random, t.Disable, t.Confirmation, t.Interactive} {
		text = strconv.AppendBool(append(text, 0), yes)
	}
	_, _ = h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
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
func (s *scheduler) seen(t *task.Task) time.Time {
	cal, err := s.calendar(t)
	if err != nil {
		return s.now
	}
	return cal.Seen(s.now)
}

// nextLook is when the task of a cursor is due: zero for never.
func (e *Engine) nextLook(svc *service.Service, t *task.Task, c task.Cursor) time.Time {
	if neverScheduled(svc, t) != "" || t.Plan.RunTimes > 0 && c.Runs >= t.Plan.RunTimes {
		return time.Time{}
	}
	cal, err := e.calendar(t)
	if err != nil {
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

// calendar is the schedule of a task on this node.
func (e *Engine) calendar(t *task.Task) (*schedule.Schedule, error) {
	return e.Node.Calendar(t, e.Node.Seed(t))
}
