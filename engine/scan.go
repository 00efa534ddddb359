package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

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
	found, err := service.Stamps(s.ConfigDir) // what changes from here on has another digest at the next scan
	if err != nil {
		return ignoreMissing(err)
	}
	err = s.readAll(ctx, &found, before)
	s.tellRejected(s.report.Rejected)
	return err
}

// unread tells of files that no tick has read as they are.
func (s *scheduler) unread(ctx context.Context) error {
	found, err := service.Stamps(s.ConfigDir)
	if err != nil {
		return ignoreMissing(err)
	}
	known, err := s.node.Stamps(ctx)
	if err != nil {
		return err
	}
	var paths []string
	for _, now := range found.Stamps {
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

// readAll is scan where something was changed: before is the digest of the last scan.
func (s *scheduler) readAll(ctx context.Context, found *service.Stamped, before string) error {
	for _, m := range found.Mirrors {
		s.report.problem("%s: it is the folder %s too: what is in it is left out, for each service would run twice: remove it", m.Folder, m.Of)
	}
	known, err := s.node.Stamps(ctx)
	if err != nil {
		return err
	}
	all := !strings.HasSuffix(before, " "+s.otherwise())
	folders := s.foldersOf(found.Stamps) // before the next takes from them
	changed := slices.DeleteFunc(found.Stamps, func(now service.Stamp) bool {
		was, had := known[now.Path]
		delete(known, now.Path)
		return had && !all && sameStamp(was, now)
	})
	usable, err := s.rescan(ctx, changed)
	if err != nil {
		return err
	}
	away, err := s.setAside(ctx, known, folders, found.Unread) // what is still there was taken out of known
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
	digest := found.Digest + " " + s.otherwise()
	if !usable || s.report.again || away {
		digest = "again " + s.otherwise() // what mends it may be no change of a file: chmod of a folder
	}
	return s.node.SetFact(ctx, factScan, digest)
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
	usable = true
	batches := s.readAhead(ctx, changed, had)
	defer func() { // who reads ahead of an error may not meet the next turn's settings
		cancel()
		for range batches {
			s.aliveNow()
		}
	}()
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

func sameStamp(was state.Stamp, now service.Stamp) bool {
	return was.MTime.UnixNano() == now.MTime && was.CTime.UnixNano() == now.CTime && was.Size == now.Size && was.Inode == now.Inode
}
