package engine

import (
	"bytes"
	"context"
	"slices"

	"om/service"
	"om/task"
)

// midSave says that a file may be half of what it is to be: it was changed just now, and lacks what was there, or ends in
// the middle of a line, which the version before it did not. Who saves a file may empty it first, and write as slowly as the
// network is. It is called by several goroutines.
func (s *scheduler) midSave(f *scanned, now service.Stamp, had []task.Cursor) bool {
	age := s.Now().Sub(f.stamp.CTime)
	if len(had) == 0 || age < 0 || age >= fullTurn {
		return false
	}
	if s.justNow(f.stamp.CTime) && slices.ContainsFunc(had, func(c task.Cursor) bool { return !hasCursor(f.cursors, c.Task) }) {
		return true
	}
	was, _, err := s.node.StampOf(context.Background(), now.Path)
	if err != nil || was.Good == nil {
		return false
	}
	cut := !endsLine(f.svc.Text) && endsLine(was.Good)
	return cut || s.justNow(f.stamp.CTime) && was.Inode == now.Inode && len(f.svc.Text) < len(was.Good)
}

// endsLine says that a text is empty, or ends with the end of a line.
func endsLine(text []byte) bool { return len(text) == 0 || bytes.HasSuffix(text, []byte("\n")) }
