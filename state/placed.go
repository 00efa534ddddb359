package state

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"om/task"
)

// The cursors of a service are one row of placed until the first decision about one of its tasks, and rows of task_state
// from then on: of a host's tasks most are read more often than they run. Whoever changes one of them spreads that row first,
// in the transaction of the change.
const (
	// placedFrom has the columns of a cursor: a rid that is empty, and then all of a service, packed.
	placedFrom = "SELECT service,'',cursors,NULL,NULL,0,NULL,NULL,0,NULL,'' FROM placed"
	placedInto = "INTO placed(service,due_at,due,cursors)VALUES(?,?,?,?)"
	spread     = "INSERT OR IGNORE INTO task_state(service,rid,digest,cursor_slot,next_at)" +
		"SELECT service,j.value->>0,j.value->>1,j.value->>2,j.value->>3 FROM placed,json_each(placed.cursors) j"
)

// packed is what a row of placed holds of the cursors of a service. ok is false for those that need rows of their own.
func packed(service string, cursors []task.Cursor) (values []driver.Value, ok bool) {
	text := append(make([]byte, 0, 96*len(cursors)), '[')
	var first time.Time
	due := 0
	for _, c := range cursors {
		if c.Runs != 0 || c.Retry != (task.Retrying{}) || !plain(c.Task.RID) || !plain(c.Digest) || c.At.IsZero() {
			return nil, false
		}
		if !c.Next.IsZero() {
			due++
			if first.IsZero() || c.Next.Before(first) {
				first = c.Next
			}
		}
		text = appendPacked(text, c)
	}
	text[len(text)-1] = ']' // for the last comma
	return []driver.Value{service, instant(first), int64(due), string(text)}, true
}

// plain says that a word is the same between the quotes of JSON.
func plain(word string) bool {
	for i := range len(word) {
		if c := word[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == ']' {
			return false
		}
	}
	return true
}

func appendPacked(text []byte, c task.Cursor) []byte {
	text = append(append(text, `["`...), c.Task.RID...)
	text = append(append(append(text, `","`...), c.Digest...), `",`...)
	text = append(strconv.AppendInt(text, c.At.UnixMicro(), 10), ',')
	if c.Next.IsZero() {
		text = append(text, "null"...)
	} else {
		text = strconv.AppendInt(text, c.Next.UnixMicro(), 10)
	}
	return append(text, "],"...)
}

// unpack adds to cursors those that packed wrote.
func unpack(all []task.Cursor, service, text string) ([]task.Cursor, error) {
	for rest := strings.TrimPrefix(text, "["); rest != ""; {
		one, more, _ := strings.Cut(rest, "]")
		rest = strings.TrimLeft(more, ",]")
		rid, one, named := strings.Cut(strings.TrimPrefix(one, `["`), `","`)
		digest, times, digested := strings.Cut(one, `",`)
		at, next, timed := strings.Cut(times, ",")
		atMicro, bad := strconv.ParseInt(at, 10, 64)
		nextMicro, worse := strconv.ParseInt(next, 10, 64)
		if !named || !digested || !timed || bad != nil || worse != nil && next != "null" {
			return nil, fmt.Errorf("the cursors of %s: wanted an array of [rid, digest, time, time]: %w", service, task.ErrInvalid)
		}
		c := task.Cursor{Task: task.ID{Service: service, RID: rid}, Digest: digest, At: time.UnixMicro(atMicro).UTC()}
		if worse == nil {
			c.Next = time.UnixMicro(nextMicro).UTC()
		}
		all = append(all, c)
	}
	return all, nil
}

// placeFresh enters the cursors of a service of which the record has none. It says whether that was so. empty is for a
// record that has no cursors in rows of their own.
func (d *DB) placeFresh(service string, cursors []task.Cursor, empty bool) (bool, error) {
	if len(cursors) == 0 {
		return false, nil
	}
	values, ok := packed(service, cursors)
	if !ok {
		return false, nil
	}
	if !empty {
		rows, err := d.c.number("SELECT EXISTS(SELECT 1 FROM task_state WHERE service=?)", service)
		if err != nil || rows > 0 {
			return false, err
		}
	}
	n, err := d.c.exec("INSERT OR IGNORE "+placedInto, values...)
	return n > 0, err
}

// placeAgain enters the cursors of a service in place of those that the record had, as Place does, where these were in
// placed. It says whether they were, and can stay there.
func (d *DB) placeAgain(service string, had map[string]task.Cursor, cursors []task.Cursor) (bool, error) {
	n, err := d.c.number("SELECT count(*) FROM placed WHERE service=?", service)
	if err != nil || n == 0 {
		return false, err
	}
	if len(cursors) == 0 {
		_, err = d.c.exec("DELETE FROM placed WHERE service=?", service)
		return true, err
	}
	now := slices.Clone(cursors)
	for i, c := range now {
		if was, known := had[c.Task.RID]; known && was.Digest == c.Digest {
			was.Next = c.Next
			now[i] = was
		}
	}
	values, ok := packed(service, now)
	if !ok {
		return false, d.spread(service)
	}
	_, err = d.c.exec("REPLACE "+placedInto, values...)
	return true, err
}

// spread gives each cursor of some services a row of its own.
func (d *DB) spread(services ...string) error {
	for _, service := range services {
		n, err := d.c.number("SELECT count(*) FROM placed WHERE service=?", service)
		if err == nil && n > 0 {
			err = d.eachExec([]driver.Value{service}, spread+" WHERE service=?1", "DELETE FROM placed WHERE service=?1")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// spreadAll is spread for all services.
func (d *DB) spreadAll() error {
	d.makeRoom()
	return d.eachExec(nil, spread, "DELETE FROM placed")
}

// spreadTwins is spread for the services that have both, as after an import: the rows that are there already stay.
func (d *DB) spreadTwins() error {
	const twins = " WHERE service IN(SELECT service FROM task_state)"
	return d.eachExec(nil, spread+twins, "DELETE FROM placed"+twins)
}

// spreadOf is spread for what turns are about.
func (d *DB) spreadOf(turns []Turn) error {
	tasks := make([]task.ID, len(turns))
	for i, t := range turns {
		tasks[i] = t.After.Task
	}
	return d.spreadThose(tasks)
}

// spreadThose is spread for the services of some tasks.
func (d *DB) spreadThose(tasks []task.ID) error {
	some, err := d.c.number("SELECT EXISTS(SELECT 1 FROM placed)")
	if err != nil || some == 0 {
		return err
	}
	names := make([]string, 0, len(tasks))
	for _, id := range tasks {
		names = append(names, id.Service)
	}
	slices.Sort(names)
	return d.spread(slices.Compact(names)...)
}
