package engine

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"om/service"
	"om/state"
	"om/task"
)

// factLeft has, by service, what is kept of tasks that were taken out of their files, or edited.
const factLeft = "left"

// grace is how long it is kept. Who saves a file may write slowly, and who deletes a service may make it again at once: it
// is the same then.
const grace = 5 * time.Minute

// mostLeft is of how many tasks it is kept: who takes out more does not save a file.
const mostLeft = 1000

// leftTask is a task as it was.
type leftTask struct {
	When   time.Time // it was taken out, or edited
	Out    bool      // it is out of its file, or has no schedule there: nothing says that this is meant
	State  string    // the service's own record; "" for the node's
	Cursor task.Cursor
}

// leftOver returns what is kept of tasks, as it is on record.
func (s *scheduler) leftOver(ctx context.Context) (map[string][]leftTask, error) {
	if s.left != nil {
		return s.left, nil
	}
	text, err := s.node.Fact(ctx, factLeft)
	all := map[string][]leftTask{}
	if err == nil && text != "" {
		_ = json.Unmarshal([]byte(text), &all) // what is damaged is not kept
	}
	if err == nil {
		s.left = all
	}
	return all, err
}

// leftOf is what is kept of a task, where that is still of use. Several goroutines ask.
func (s *scheduler) leftOf(id task.ID) (l leftTask, ok bool) {
	s.leftMu.RLock()
	defer s.leftMu.RUnlock()
	for _, l := range s.left[id.Service] {
		if l.Cursor.Task == id {
			return l, s.now.Sub(l.When) <= grace
		}
	}
	return l, false
}

// anyLeft says that something is kept of tasks of a service. Several goroutines ask.
func (s *scheduler) anyLeft(service string) bool {
	s.leftMu.RLock()
	defer s.leftMu.RUnlock()
	return len(s.left[service]) > 0
}

// setLeft keeps something else of a task; nothing where that is nil.
func (s *scheduler) setLeft(id task.ID, as *leftTask) {
	s.leftMu.Lock()
	defer s.leftMu.Unlock()
	all := slices.DeleteFunc(slices.Clone(s.left[id.Service]), func(l leftTask) bool { return l.Cursor.Task == id })
	if as != nil {
		all = append(all, *as)
	}
	if s.left[id.Service] = all; len(all) == 0 {
		delete(s.left, id.Service)
	}
}

// bare are the tasks of a service that have no schedule.
func bare(svc *service.Service) (all []task.ID) {
	for i := range svc.Tasks {
		if svc.Tasks[i].Schedule == "" {
			all = append(all, svc.Tasks[i].ID)
		}
	}
	return all
}

// keepTaken keeps what tasks have that are out of their files now, or edited. cursors are the new ones.
func (s *scheduler) keepTaken(ctx context.Context, had, cursors map[string][]task.Cursor) error {
	before := 0
	for _, all := range s.left {
		before += len(all)
	}
	n := before
	for path, placed := range cursors {
		for _, c := range had[path] {
			i := slices.IndexFunc(placed, func(p task.Cursor) bool { return p.Task == c.Task })
			if i >= 0 && placed[i].Digest == c.Digest || c.Next.IsZero() && c.Runs == 0 || n >= mostLeft {
				continue
			}
			s.keepTask(ctx, c, i < 0 || slices.Contains(s.bare, c.Task))
			n++
		}
	}
	if n == before {
		return nil
	}
	return s.keepLeft(ctx)
}

// keepTask keeps what a task has, as it was first where it was kept before. out says that it is out of its file.
func (s *scheduler) keepTask(ctx context.Context, c task.Cursor, out bool) {
	l, kept := s.leftOf(c.Task)
	if !kept {
		l = leftTask{When: s.now, State: s.stateOf(ctx, c.Task.Service), Cursor: c}
	}
	if out != l.Out {
		l.When, l.Out = s.now, out
	}
	s.setLeft(c.Task, &l)
}

// stateOf is the own record of a service as it was read last.
func (s *scheduler) stateOf(ctx context.Context, path string) string {
	stamp, known, err := s.node.StampOf(ctx, path)
	if err != nil || !known || stamp.Good == nil {
		return ""
	}
	svc, err := s.lastGood(path, stamp.Good)
	if err != nil {
		return ""
	}
	return svc.StateFile
}

// keepLeft puts down what is kept.
func (s *scheduler) keepLeft(ctx context.Context) error {
	text, err := json.Marshal(s.left)
	if err != nil {
		return err
	}
	return s.node.SetFact(ctx, factLeft, string(text))
}

// takeUp completes the cursor of a task that is seen for the first time, where it is as it was a moment ago: what it
// counted goes on.
func (s *scheduler) takeUp(c *task.Cursor) {
	l, kept := s.leftOf(c.Task)
	if !kept || l.Cursor.Digest != c.Digest {
		return
	}
	c.Runs = l.Cursor.Runs
	if l.Out {
		c.Retry = l.Cursor.Retry
	}
}

// cameBack are the tasks of a service that were out of its file, and are as they were.
func (s *scheduler) cameBack(svc *service.Service, cursors []task.Cursor) (back []task.Task) {
	if !s.anyLeft(svc.Path) {
		return nil
	}
	for i := range svc.Tasks {
		t := &svc.Tasks[i]
		if l, kept := s.leftOf(t.ID); kept && slices.ContainsFunc(cursors, func(c task.Cursor) bool { return c.Task == t.ID && c.Digest == l.Cursor.Digest }) {
			back = append(back, *t)
		}
	}
	return back
}

// welcome accounts for the slots that came while a task was out of its file: they are not run, for nothing that is new
// in a file runs by itself.
func (s *scheduler) welcome(ctx context.Context, batch []scanned) error {
	var back []task.Task
	for _, f := range batch {
		back = append(back, f.back...)
	}
	for i := range back {
		t := &back[i]
		if l, kept := s.leftOf(t.ID); kept {
			if err := s.missed(ctx, t, l); err != nil {
				s.report.problem("%s: %v", t.ID, err)
			}
			s.setLeft(t.ID, nil)
		}
	}
	if len(back) == 0 {
		return nil
	}
	return s.keepLeft(ctx)
}

const outText = "its task was not in the file of the service, or its section had errors"

// missed enters the slots that came while a task was out of its file into the record that has its cursor.
func (s *scheduler) missed(ctx context.Context, t *task.Task, l leftTask) error {
	cal, err := s.calendar(t)
	if err != nil || !l.Out {
		return err
	}
	db, from := s.node, l.Cursor.At
	if l.State != "" {
		if db = s.look(ctx, t.ID.Service).db; db == nil {
			return nil // it is another node's
		}
	}
	before, err := cursorIn(ctx, db, t.ID)
	if err != nil || before.At.IsZero() {
		return err
	}
	if db != s.node {
		from = before.At
	}
	newest, older, ok := cal.Latest(from, s.now)
	if !ok {
		return nil
	}
	slot := passedBy(t, cal, from, newest, older, outText)
	after := before
	after.At = later(after.At, cal.Decided(newest, s.now))
	taken, err := db.Decide(ctx, []state.Turn{{Before: before, After: after, Slots: []task.Slot{slot}}}, s.alive)
	if err == nil && !taken[0].Stale {
		s.report.Slots = append(s.report.Slots, slot)
		s.tellSlots(t, []task.Slot{slot}, s.now)
	}
	return err
}

// endGrace gives up what is kept of tasks that did not come back: what waited waits no longer.
func (s *scheduler) endGrace(ctx context.Context) error {
	all, err := s.leftOver(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	n := 0
	for _, tasks := range maps.Clone(all) {
		for _, l := range tasks {
			if age := s.now.Sub(l.When); age >= 0 && age <= grace {
				continue
			}
			if err := s.giveUp(ctx, l); err != nil {
				return err
			}
			s.setLeft(l.Cursor.Task, nil)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return s.keepLeft(ctx)
}

// giveUp ends the wait of the slots of a task that is out of its file for good. Its service's own record forgets the task,
// too, where it is here: else a task of that name would go on there one day, and make up for all that time.
func (s *scheduler) giveUp(ctx context.Context, l leftTask) error {
	id := l.Cursor.Task
	if !l.Out {
		return nil
	}
	if svc := s.look(ctx, id.Service).svc; svc != nil {
		if t, known := svc.Task(id.RID); known && neverScheduled(svc, &t) == "" {
			return nil // it is another by now
		}
	}
	if l.State == "" {
		return s.abandonAll(ctx, s.node, id)
	}
	db, err := s.Record(ctx, &service.Service{Path: id.Service, StateFile: l.State})
	if err != nil {
		return nil //nolint:nilerr // it is another node's, or gone
	}
	if err = s.abandonAll(ctx, db, id); err != nil {
		return err
	}
	return db.Forget(ctx, id)
}
