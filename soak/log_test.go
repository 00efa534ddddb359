package soak_test

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	_ "github.com/mattn/go-sqlite3" // the record itself logs what is written to it

	"om/task"
)

// entry is something that was written to a record.
type entry struct {
	at   time.Time // by the host's clock
	kind string    // slot, gone, cursor, claim, end, taken, tick
	node string    // of a tick
	task.Slot
}

// watching makes a record log what is written to it, with the host's time: each change as it becomes durable, and
// by whom does not matter. So it is known what was decided when, which the record itself does not keep.
const watching = `CREATE TABLE soak_log(n INTEGER PRIMARY KEY,at INTEGER NOT NULL DEFAULT(CAST(unixepoch('subsec')*1000 AS INTEGER)),
kind TEXT NOT NULL,service TEXT,rid TEXT,slot INTEGER,slot_last INTEGER,count INTEGER,decision TEXT,reason TEXT,run_id TEXT);
CREATE TRIGGER soak_slot AFTER INSERT ON slot BEGIN INSERT INTO soak_log(kind,service,rid,slot,slot_last,count,decision,reason,run_id)
VALUES('slot',NEW.service,NEW.rid,NEW.slot,NEW.slot_last,NEW.count,NEW.decision,NEW.reason,NEW.run_id);END;
CREATE TRIGGER soak_gone AFTER DELETE ON slot BEGIN INSERT INTO soak_log(kind,service,rid,slot,slot_last,count,decision,reason,run_id)
VALUES('gone',OLD.service,OLD.rid,OLD.slot,OLD.slot_last,OLD.count,OLD.decision,OLD.reason,OLD.run_id);END;
CREATE TRIGGER soak_placed AFTER INSERT ON task_state BEGIN INSERT INTO soak_log(kind,service,rid,slot,reason)
VALUES('cursor',NEW.service,NEW.rid,NEW.cursor_slot,NEW.digest);END;
CREATE TRIGGER soak_packed AFTER INSERT ON placed BEGIN INSERT INTO soak_log(kind,service,rid,slot,reason)
SELECT 'cursor',NEW.service,value->>0,value->>2,value->>1 FROM json_each(NEW.cursors);END;
CREATE TRIGGER soak_moved AFTER UPDATE OF cursor_slot,digest ON task_state BEGIN INSERT INTO soak_log(kind,service,rid,slot,reason)
VALUES('cursor',NEW.service,NEW.rid,NEW.cursor_slot,NEW.digest);END;
CREATE TRIGGER soak_claim AFTER INSERT ON run BEGIN INSERT INTO soak_log(kind,service,rid,slot,count,run_id)
VALUES('claim',NEW.service,NEW.rid,NEW.slot,NEW.attempt,NEW.id);END;
CREATE TRIGGER soak_end AFTER UPDATE OF ended_at ON run BEGIN INSERT INTO soak_log(kind,service,rid,slot,count,run_id)
VALUES('end',NEW.service,NEW.rid,NEW.slot,NEW.attempt,NEW.id);END;
CREATE TRIGGER soak_taken AFTER UPDATE OF slot ON run BEGIN INSERT INTO soak_log(kind,service,rid,slot,count,run_id)
VALUES('taken',OLD.service,OLD.rid,OLD.slot,OLD.attempt,OLD.id);END;
CREATE TRIGGER soak_tick AFTER INSERT ON meta WHEN NEW.key='tick' BEGIN INSERT INTO soak_log(kind,reason)VALUES('tick',NEW.value);END;
INSERT INTO soak_log(kind,reason)SELECT 'tick',value FROM meta WHERE key='tick';
INSERT INTO soak_log(kind,service,rid,slot,reason)SELECT 'cursor',service,rid,cursor_slot,digest FROM task_state
UNION ALL SELECT 'cursor',service,value->>0,value->>2,value->>1 FROM placed,json_each(placed.cursors)`

// watch begins to log.
func (w *world) watch() {
	w.Helper()
	for _, path := range w.recordPaths() {
		w.query(path, watching, nil)
	}
	w.logs = true
}

// query asks a record, and calls each for the rows.
func (w *world) query(path, text string, each func(*sql.Rows) error) {
	w.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=10000&_synchronous=OFF")
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	if each == nil {
		if _, err = db.Exec(text); err != nil {
			w.Fatal(err)
		}
		return
	}
	rows, err := db.Query(text)
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err = each(rows); err != nil {
			w.Fatal(err)
		}
	}
	if err = rows.Err(); err != nil {
		w.Fatal(err)
	}
}

// readLog reads what the records have logged.
func (h *history) readLog() {
	h.Helper()
	if !h.logs {
		return
	}
	for _, path := range h.recordPaths() {
		h.query(path, "SELECT at,kind,ifnull(service,''),ifnull(rid,''),ifnull(slot,0),ifnull(slot_last,0),ifnull(count,0),ifnull(decision,''),ifnull(reason,''),"+
			"ifnull(run_id,'') FROM soak_log ORDER BY n", func(rows *sql.Rows) error {
			e := entry{node: h.nodeOf(path)}
			var at, slot, last int64
			err := rows.Scan(&at, &e.kind, &e.Task.Service, &e.Task.RID, &slot, &last, &e.Count, &e.Decision, &e.Reason, &e.RunID)
			e.at, e.At, e.Last = time.UnixMilli(at), time.UnixMicro(slot).UTC(), time.UnixMicro(last).UTC()
			if e.kind == "taken" {
				h.taken[e.RunID] = e.At
			}
			h.log = append(h.log, e)
			return err
		})
	}
	slices.SortStableFunc(h.log, func(a, b entry) int { return cmp.Compare(a.at.UnixMilli(), b.at.UnixMilli()) })
}

// tick is when a tick noted the clock, by the clock.
func (e entry) tick() time.Time {
	var r struct{ At time.Time }
	_ = json.Unmarshal([]byte(e.Reason), &r)
	return r.At
}

// life is when a run was claimed, and when its end was recorded.
type life struct{ claimed, ended time.Time }

// replayed is what is known of the past at an entry of the log.
type replayed struct {
	*history

	rows   map[task.ID]map[int64]entry // by the first instant
	lives  map[string]life
	placed map[task.ID]entry  // the cursors
	gone   map[task.ID]entry  // the last slots that waited and were taken away, to be told with others
	ticks  map[string][]entry // so far, by node
}

// replay goes through the log: each slot is decided once, and for a true reason.
func (h *history) replay() {
	r := &replayed{history: h, rows: map[task.ID]map[int64]entry{}, lives: map[string]life{}, placed: map[task.ID]entry{}, gone: map[task.ID]entry{}, ticks: map[string][]entry{}}
	for _, e := range h.log { // the end of each, which decisions of before may ask for
		l := r.lives[e.RunID]
		switch {
		case e.kind == "claim":
			l.claimed = e.at
			if h.runs[e.RunID].StartedAt.IsZero() { // it never began
				l.ended = e.at
			}
		case e.kind == "end" && l.ended.IsZero():
			l.ended = e.at
		default:
			continue
		}
		r.lives[e.RunID] = l
	}
	for _, e := range h.log {
		switch e.kind {
		case "slot":
			r.enter(e)
		case "gone":
			r.remove(e)
		case "cursor":
			r.placed[e.Task] = e
		case "taken":
			r.forget(e)
		case "tick":
			r.ticks[e.node] = append(r.ticks[e.node], e)
			r.awake(e)
		}
	}
}

// awake: after a tick no cursor is so far in the future that its task would sleep until the time of a wrong clock comes.
// One whose record was away at the tick is set back later.
func (r *replayed) awake(tick entry) {
	from, to := r.looked(tick.at)
	_, most := r.shownIn(from, to)
	for id, c := range r.placed {
		ahead := c.At.Sub(most)
		if ahead > mostWrong && !r.so("unmounted", id, from, to) {
			r.fault("%s: it SLEEPS for %s, after a tick at %s: the cursor is at %s", id, ahead, short(tick.tick()), short(c.At))
		}
	}
}

// forget: what is taken back is of the future, by a clock that was set back so far that it was wrong before.
func (r *replayed) forget(e entry) {
	from, to := r.looked(e.at)
	if least, _ := r.shownIn(from, to); !e.Last.After(least) && !e.At.After(least) || !r.wasSetBack(e.at) {
		r.fault("%s: at %s %s was taken back: %s", e.Task, short(r.shown(e.at)), e.kind, row(e.Slot))
	}
}

// enter takes a row, and judges what is new in it.
func (r *replayed) enter(e entry) {
	rows := r.rows[e.Task]
	if rows == nil {
		rows = map[int64]entry{}
		r.rows[e.Task] = rows
	}
	was, had := rows[e.At.Unix()]
	rows[e.At.Unix()] = e
	fresh, waited := e, was.Reason
	switch {
	case !had, was.Decision == task.SlotPending:
	case was.Decision != e.Decision || was.Reason != e.Reason || was.RunID != e.RunID:
		r.fault("%s: slot %s was decided TWICE, at %s: %s, and before %s", e.Task, short(e.At), short(e.at), row(e.Slot), row(was.Slot))
		return
	case e.Last.After(was.Last):
		fresh.Count, waited = e.Count-was.Count, r.gone[e.Task].Reason
		fresh.At, _ = r.calendar[e.Task](was.Last)
	default: // cut
		was.kind, was.at = "the end", e.at
		r.forget(was)
		return
	}
	if e.Decision == task.SlotPending && had && was.Reason == e.Reason {
		return // it goes on waiting
	}
	if wrong := r.judge(fresh, waited); wrong != "" {
		r.fault("%s: at %s: %s: NOT TRUE: %s", e.Task, short(r.shown(e.at)), row(fresh.Slot), wrong)
	}
}

// remove takes a row away: one that waited is told with the row before it now, and one of the future is taken for
// a clock that was wrong.
func (r *replayed) remove(e entry) {
	delete(r.rows[e.Task], e.At.Unix())
	if e.Decision == task.SlotPending {
		r.gone[e.Task] = e
		return
	}
	r.forget(e)
}

// wasSetBack says that the clock was set back so far before a moment that it counts as one that was wrong.
func (h *history) wasSetBack(at time.Time) bool {
	highest := time.Duration(0)
	for _, s := range h.set {
		if s.from.Before(at) && highest-s.ahead > mostWrong {
			return true
		}
		highest = max(highest, s.ahead)
	}
	return false
}

// mostWrong is how far the clock may be behind what was decided before that is decided again.
const mostWrong = 5 * time.Minute

// passedOver says that a slot came before a schedule began anew, which the nemesis made it.
func (h *history) passedOver(id task.ID, at time.Time) bool {
	var was entry
	for _, e := range h.log {
		if e.kind != "cursor" || e.Task != id {
			continue
		}
		if was.kind != "" && was.Reason != e.Reason && at.After(was.At) && !at.After(e.At) {
			return h.so("disabled", id, was.at.Add(-h.slack()), e.at)
		}
		was = e
	}
	return false
}
