package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	if gone, err := s.folderGone(ctx); gone != "" || err != nil {
		return err // that is no word about the services: see adrift
	}
	before, err := s.node.Fact(ctx, factScan)
	if err != nil {
		return err
	}
	if before != "" { // then most often nothing was changed, and a digest takes no memory
		now, failed := service.Digest(s.ConfigDir)
		if failed != nil || before == now+" "+s.otherwise() {
			return ignoreMissing(failed)
		}
	}
	stamps, unread, digest, err := service.Stamps(s.ConfigDir) // what changes from here on has another digest at the next scan
	if err != nil {
		return ignoreMissing(err)
	}
	err = s.readAll(ctx, stamps, unread, before, digest+" "+s.otherwise())
	s.tellRejected(s.report.Rejected)
	return err
}

// unread tells of files that no tick has read as they are.
func (s *scheduler) unread(ctx context.Context) error {
	stamps, _, _, err := service.Stamps(s.ConfigDir)
	if err != nil {
		return ignoreMissing(err)
	}
	known, err := s.node.Stamps(ctx)
	if err != nil {
		return err
	}
	var paths []string
	for _, now := range stamps {
		was, had := known[now.Path]
		again := was.CTime.IsZero() // what is wrong with it is on record
		if !had || !again && !sameStamp(was, now) {
			paths = append(paths, now.Path)
		}
	}
	if n := len(paths); n > 3 {
		paths = append(paths[:3], fmt.Sprintf("and %d more", n-3))
	}
	if len(paths) > 0 {
		s.report.problem("not read as they are now, so that nothing in them is due yet: %s (om tick reads them first)", strings.Join(paths, ", "))
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readAll is scan where something was changed: before is the digest of the last scan, digest that of stamps. unread are
// namespaces that can't be looked into.
func (s *scheduler) readAll(ctx context.Context, stamps []service.Stamp, unread map[string]error, before, digest string) error {
	for _, m := range service.Mirrors(s.ConfigDir) {
		s.report.problem("%s: it is the folder %s too: what is in it is left out, for each service would run twice: remove it", m.Folder, m.Of)
	}
	known, err := s.node.Stamps(ctx)
	if err != nil {
		return err
	}
	all := !strings.HasSuffix(before, " "+s.otherwise())
	folders := s.foldersOf(stamps) // before the next takes from stamps
	changed := slices.DeleteFunc(stamps, func(now service.Stamp) bool {
		was, had := known[now.Path]
		delete(known, now.Path)
		return had && !all && sameStamp(was, now)
	})
	usable, err := s.rescan(ctx, changed)
	if err != nil {
		return err
	}
	away, err := s.setAside(ctx, known, folders, unread) // what is still there was taken out of known
	if err != nil {
		return err
	}
	gone, err := s.gone(ctx, known)
	if err == nil {
		err = s.forget(ctx, gone)
	}
	if err != nil {
		return err
	}
	if !usable || s.report.again || away {
		digest = "again " + s.otherwise() // what mends it may be no change of a file: chmod of a folder
	}
	return s.node.SetFact(ctx, factScan, digest)
}

// scanned is a file that was read again.
type scanned struct {
	stamp   state.Stamp
	svc     *service.Service // nil where neither its errors nor metrics ask for it
	err     error            // why it can't be used at all
	again   bool             // it may be in the middle of a save
	cursors []task.Cursor    // nil where they stay as they are, and nothing of it runs
	back    []task.Task      // that were out of it for a moment
	bare    []task.ID        // tasks without a schedule, where they had one
}

// readBatch is how many files are read before what they say is recorded, while the next are read.
const readBatch = 200

// manyFiles is from how many on they are read as at first.
const manyFiles = 1000

// rescan reads files, and places the cursors of their tasks. usable says that each could be used, with errors or without.
func (s *scheduler) rescan(ctx context.Context, changed []service.Stamp) (usable bool, err error) {
	if _, err = s.leftOver(ctx); err != nil {
		return false, err
	}
	had, err := s.cursorsOf(ctx, changed)
	if err != nil {
		return false, err
	}
	if err := s.noteAhead(ctx, changed); err != nil {
		return false, err
	}
	if len(changed) > manyFiles { // what is read lives for moments, and is little
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	usable = true
	batches := s.readAhead(ctx, changed, had)
	for batch, more := receive(batches, s.aliveNow); more; batch, more = receive(batches, s.aliveNow) {
		if err := s.enter(ctx, batch, had); err != nil {
			return false, err
		}
		usable = usable && !slices.ContainsFunc(batch, func(f scanned) bool { return f.err != nil })
	}
	return usable, context.Cause(ctx)
}

// cursorsOf returns the cursors that services have, by service: asked for one by one, or where there are many all
// at once.
func (s *scheduler) cursorsOf(ctx context.Context, some []service.Stamp) (map[string][]task.Cursor, error) {
	had := map[string][]task.Cursor{}
	if len(some) > manyFiles {
		all, err := s.node.Cursors(ctx, "")
		for _, c := range all {
			had[c.Task.Service] = append(had[c.Task.Service], c)
		}
		return had, err
	}
	for _, stamp := range some {
		cursors, err := s.node.Cursors(ctx, stamp.Path)
		if err != nil {
			return nil, err
		}
		had[stamp.Path] = cursors
	}
	return had, nil
}

// noteAhead notes up to where slots of some services are decided that are to come: the clock was set back a little. A cursor
// that was put before them would meet them again.
func (s *scheduler) noteAhead(ctx context.Context, some []service.Stamp) error {
	s.ahead = nil
	if len(some) == 0 || !s.peak.After(s.now) {
		return nil
	}
	q := state.Query{Since: s.now, Before: s.peak.Add(time.Microsecond)}
	if len(some) == 1 {
		q.Service = some[0].Path
	}
	decided, err := s.node.Slots(ctx, q)
	s.ahead = make(map[task.ID]time.Time, len(decided))
	for _, slot := range decided {
		s.ahead[slot.Task] = later(s.ahead[slot.Task], slot.Last)
	}
	return err
}

// readAhead reads files on all processors, batch by batch, one batch ahead of who takes them.
func (s *scheduler) readAhead(ctx context.Context, changed []service.Stamp, had map[string][]task.Cursor) <-chan []scanned {
	if s.Node.Schedules == nil { // else each of the readers would make one
		s.Node.Schedules = schedule.NewParser(service.LoadZone)
	}
	batches := make(chan []scanned, 1)
	go func() {
		defer close(batches)
		for some := range slices.Chunk(changed, readBatch) {
			select {
			case batches <- s.readFiles(some, had):
			case <-ctx.Done():
				return
			}
		}
	}()
	return batches
}

func (s *scheduler) readFiles(stamps []service.Stamp, had map[string][]task.Cursor) []scanned {
	files := make([]scanned, len(stamps))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(stamps)) {
		readers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(stamps)); i = next.Add(1) - 1 {
				files[i] = s.readFile(stamps[i], had[stamps[i].Path])
			}
		})
	}
	readers.Wait()
	return files
}

// readFile reads a service. Several goroutines do: it changes nothing of the scheduler.
func (s *scheduler) readFile(now service.Stamp, had []task.Cursor) scanned {
	f := scanned{stamp: state.Stamp{
		Service: now.Path, MTime: time.Unix(0, now.MTime), CTime: time.Unix(0, now.CTime), Size: now.Size, Inode: now.Inode,
	}}
	f.svc, f.err = s.load(now.Path)
	if f.err != nil || len(f.svc.Quarantined()) > 0 {
		return f
	}
	f.cursors = s.place(f.svc, had)
	if s.midSave(&f, now, had) {
		f.again, f.stamp.CTime = true, time.Time{}
		f.cursors, f.svc = nil, nil // the version of before goes on
		return f
	}
	f.back = s.cameBack(f.svc, f.cursors)
	if len(had) > 0 {
		f.bare = bare(f.svc)
	}
	f.stamp.Good = f.svc.Text
	if s.Node.Metrics == "" {
		f.svc = nil
	}
	return f
}

// load is Load, but judges each folder once: the files of a folder share all that is above them.
func (s *scheduler) load(path string) (*service.Service, error) {
	svc, err := service.Read(s.ConfigDir, path, s.Node)
	if err == nil && s.EUID == 0 {
		err = s.judgeFolder(svc)
	}
	if err != nil {
		return nil, err
	}
	return svc, nil
}

func (s *scheduler) judgeFolder(svc *service.Service) error {
	if svc.Linked {
		return task.Trusted(svc.File)
	}
	folder := filepath.Dir(svc.File)
	verdict, known := s.trusted.Load(folder)
	if !known {
		verdict = task.Trusted(folder)
		s.trusted.Store(folder, verdict)
	}
	err, _ := verdict.(error)
	return err
}

// enter records what was read of files, and places the cursors of their tasks.
func (s *scheduler) enter(ctx context.Context, batch []scanned, had map[string][]task.Cursor) error {
	stamps := make([]state.Stamp, len(batch))
	cursors := make(map[string][]task.Cursor, len(batch))
	for i := range batch {
		s.aliveNow()
		f := &batch[i]
		path := f.stamp.Service
		s.report.again = s.report.again || f.again
		if f.stamp.Good == nil && !f.again {
			if err := s.judge(ctx, f, had[path]); err != nil {
				return err
			}
		}
		if f.err == nil && !f.again {
			s.report.Changed = append(s.report.Changed, path)
		}
		if !f.again {
			s.remember(f.svc, f.cursors)
		}
		s.bare = append(s.bare, f.bare...)
		stamps[i] = f.stamp
		if f.cursors != nil {
			cursors[path] = f.cursors
		}
	}
	if err := s.notePeak(ctx); err != nil {
		return err
	}
	err := s.settleFiles(ctx, had, cursors, stamps, nil)
	if s.bare = nil; err != nil {
		return err
	}
	return s.welcome(ctx, batch)
}

// settleFiles records what is known of files now, and the cursors of their tasks.
func (s *scheduler) settleFiles(ctx context.Context, had, cursors map[string][]task.Cursor, set []state.Stamp, gone []string) error {
	if err := s.keepTaken(ctx, had, cursors); err != nil {
		return err
	}
	if err := s.abandon(ctx, cursors); err != nil {
		return err
	}
	if err := s.node.Place(ctx, cursors); err != nil {
		return err
	}
	return s.node.SetStamps(ctx, set, gone)
}

// aMoment is how long a change of files has to be over before what it took away counts. Who saves a file may remove the old
// one first, or empty it.
const aMoment = 2 * time.Second

// justNow says that a file or a folder was changed less than aMoment ago.
func (s *scheduler) justNow(changed time.Time) bool {
	age := s.Now().Sub(changed)
	return age >= 0 && age < aMoment
}

// gone picks from services that have no file those that have had none for a moment. The others are looked at again.
func (s *scheduler) gone(ctx context.Context, absent map[string]state.Stamp) ([]string, error) {
	var gone []string
	var since []state.Stamp
	for _, path := range slices.Sorted(maps.Keys(absent)) {
		was := absent[path]
		noted := was.Inode == 0 // and then MTime is the moment
		switch {
		case noted && !s.justNow(was.MTime), !noted && !s.justNow(s.folderChanged(path)):
			gone = append(gone, path)
			continue
		case !noted:
			since = append(since, state.Stamp{Service: path, MTime: s.Now()})
		}
		s.report.again = true
	}
	if len(since) == 0 {
		return gone, nil
	}
	return gone, s.node.SetStamps(ctx, since, nil)
}

// forget is for services whose files are gone.
func (s *scheduler) forget(ctx context.Context, gone []string) error {
	s.report.Removed = gone
	if len(gone) == 0 {
		return nil
	}
	had, cursors := make(map[string][]task.Cursor, len(gone)), make(map[string][]task.Cursor, len(gone))
	for _, path := range gone {
		was, err := s.node.Cursors(ctx, path)
		if err != nil {
			return err
		}
		had[path], cursors[path] = was, nil
	}
	return s.settleFiles(ctx, had, cursors, nil, gone)
}

// otherwise is what files are read with besides their text: where it has changed, all are read again, by a newer
// om too, and after a start of the host, which schedules may wait for.
func (s *scheduler) otherwise() string {
	return strings.Join([]string{s.Program, s.Node.Name, s.Node.Timezone, s.bootID}, " ")
}

func sameStamp(was state.Stamp, now service.Stamp) bool {
	return was.MTime.UnixNano() == now.MTime && was.CTime.UnixNano() == now.CTime && was.Size == now.Size && was.Inode == now.Inode
}

// judge puts into the stamp what is wrong with the file. What is scheduled then is the last version that had no
// errors or, where there is none, what is right in it.
func (s *scheduler) judge(ctx context.Context, f *scanned, had []task.Cursor) error {
	if f.err != nil {
		f.stamp.Error, f.stamp.CTime = task.Text(f.err), time.Time{} // no stamp: it is looked at again
	} else {
		f.stamp.Error = firstProblem(f.svc)
	}
	was, known, err := s.node.StampOf(ctx, f.stamp.Service)
	if err != nil {
		return err
	}
	lastGood := known && was.Good != nil
	if !known || f.err == nil || was.Error != f.stamp.Error { // else it was told before
		s.report.Rejected = append(s.report.Rejected, Rejection{f.stamp.Service, task.Redacted(f.stamp.Error), f.err != nil, lastGood})
	}
	if was.Good != nil {
		f.svc, _ = s.lastGood(f.stamp.Service, was.Good)
	}
	if f.svc != nil {
		f.cursors = s.place(f.svc, had)
	}
	return nil
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
	cursors := make([]task.Cursor, 0, len(svc.Tasks))
	for i := range svc.Tasks {
		t := &svc.Tasks[i]
		if t.Schedule == "" && !hasCursor(had, t.ID) {
			continue
		}
		c := task.Cursor{Task: t.ID, Digest: planDigest(svc, t)}
		if k := slices.IndexFunc(had, func(old task.Cursor) bool { return old.Task == t.ID && old.Digest == c.Digest }); k >= 0 {
			c = had[k]
			c.Next = sooner(svc, t, s.nextLook(svc, t, c), c.Next)
		} else {
			s.begin(svc, t, &c)
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
	if notChosen(svc, t) {
		text = append(text, 2)
	}
	text = strconv.AppendInt(text, int64(t.Spread), 10)
	text = strconv.AppendInt(append(text, 0), int64(t.Plan.RunTimes), 10)
	for _, yes := range [...]bool{t.Random, t.Disable, t.Confirmation, t.Interactive} {
		text = strconv.AppendBool(append(text, 0), yes)
	}
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
