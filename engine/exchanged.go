package engine

import "path/filepath"

// followRecord lets go of the node's record where its file was removed, or is another one: someone put back a copy. What a loop
// writes to the file that it has open nobody would ever read, while others write to the one that is there. It says what
// happened, and the turn opens what is there. Where the whole folder is another one, or away, the loop goes on with what it has: its
// lock and its journals are there.
func (l *loop) followRecord() (exchanged string) {
	path := l.StatePath("")
	now := identity(path)
	switch folder := identity(filepath.Dir(path)); {
	case l.record == "" || now == l.record || now == "unknown" || !l.endings.idle():
		return ""
	case folder != l.folder:
		return filepath.Dir(path) + " was removed or exchanged, and om is still at work in the folder that it was: start omd again"
	}
	l.letRecord(path)
	l.record = ""
	if now == "" {
		return path + " was removed: what was on record is gone, and schedules begin again now"
	}
	return path + " was exchanged: om goes on with what the file that is there has on record"
}

// noteRecord notes which file is open, once one is.
func (l *loop) noteRecord() {
	path := l.StatePath("")
	if l.record == "" && l.opened(path) {
		l.record, l.folder = identity(path), identity(filepath.Dir(path))
	}
}

func (e *Engine) opened(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.records[path] != nil
}

func (e *Engine) letRecord(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if db := e.records[path]; db != nil {
		_ = db.Close()
		delete(e.records, path)
	}
}
