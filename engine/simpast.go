package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"om/service"
	"om/state"
	"om/task"
)

// past is what is on record when a simulation begins.
type past struct {
	db      *state.DB // nil where there is none that counts
	cursors map[string][]task.Cursor
	present bool // the simulation begins where the record is
	ahead   bool // it begins later
}

// readPast opens the node's record where it says something about the time that is simulated.
func (m *simulator) readPast(ctx context.Context, host *Engine) (past, error) {
	var p past
	now := host.Now()
	if m.engine.Node.Name != host.Node.Name {
		m.report.assume("the record of %s is not here: its schedules begin at %s, and nothing is frozen", m.engine.Node.Name, stamp(m.req.From))
		return p, nil
	}
	db, err := m.openPast(ctx, filepath.Join(host.StateDir, "om.db"))
	if errors.Is(err, task.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		m.report.assume("there is no record: the schedules begin at %s", stamp(m.req.From))
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p.db = db
	away := m.req.From.Sub(now)
	p.present, p.ahead = away.Abs() <= simPresent, away > simPresent
	switch {
	case p.present:
		m.report.assume("the schedules begin where the record is now")
	case p.ahead:
		m.report.assume("the slots up to %s count as decided; run counts and freezes are those of now", stamp(m.req.From))
	default:
		m.report.assume("the schedules begin at %s, which is in the past: what is on record since counts for nothing", stamp(m.req.From))
		return p, nil
	}
	if p.cursors, err = cursorsIn(ctx, db, ""); err != nil {
		return p, err
	}
	m.db.freezes, err = db.AllFrozen(ctx)
	return p, err
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }

// openPast opens a record for reading alone.
func (m *simulator) openPast(ctx context.Context, path string) (*state.DB, error) {
	if m.engine.EUID == 0 {
		if err := task.Trusted(path); err != nil {
			return nil, err
		}
	}
	return state.Open(ctx, state.Options{Path: path, ReadOnly: true, Now: m.engine.Now})
}

func cursorsIn(ctx context.Context, db *state.DB, service string) (map[string][]task.Cursor, error) {
	all, err := db.Cursors(ctx, service)
	by := map[string][]task.Cursor{}
	for _, c := range all {
		by[c.Task.Service] = append(by[c.Task.Service], c)
	}
	return by, err
}

// ownPast opens the record that a service has of its own; nil where it has none, or that is not here.
func (m *simulator) ownPast(ctx context.Context, svc *service.Service) *state.DB {
	if svc.StateFile == "" {
		return nil
	}
	own, err := m.openPast(ctx, svc.StateFile)
	if err == nil {
		return own
	}
	m.report.assume("service %s: its record can't be read here, and it is simulated as if it came without a history: %s", svc.Path, task.Text(err))
	return nil
}

// takes is how long runs of a task are assumed to take.
func (m *simulator) takes(ctx context.Context, db *state.DB, t *task.Task) (time.Duration, error) {
	id := t.ID
	fixed, said := saidOf(m.req.Take, id)
	if said && (m.req.Percentile == 0 || m.req.Take[id.String()] != 0 || m.req.Take[id.RID] != 0) {
		return fixed, nil
	}
	if db != nil {
		took, err := db.Took(ctx, id, lastRuns)
		if err != nil {
			return 0, err
		}
		if len(took) > 0 {
			slices.Sort(took)
			m.measured++
			return percentile(took, m.req.Percentile), nil
		}
	}
	m.unknown++
	if said {
		return fixed, nil
	}
	take := unknownTake
	for _, most := range [...]time.Duration{t.Timeout, t.Plan.Deadline} {
		if most > 0 {
			take = min(take, most)
		}
	}
	return take, nil
}

// resume enters what goes on in a record: slots that wait, and runs in progress, of the tasks that are simulated.
func (m *simulator) resume(ctx context.Context, host *Engine, db *state.DB) error {
	pending, err := db.Pending(ctx, task.ID{}, 0)
	if err != nil {
		return err
	}
	for _, slot := range pending {
		if k := m.db.tasks[slot.Task]; k != nil {
			m.db.enter(k, []task.Slot{slot})
			m.waited[simSlot{slot.Task, slot.At.Unix()}] = slot.Reason
		}
	}
	running, err := db.Running(ctx, "", "")
	if err != nil {
		return err
	}
	for _, run := range running {
		k := m.db.tasks[run.Task]
		if k == nil || !host.alive(run) {
			continue
		}
		run.BootID, run.PID, run.PIDStart = m.holder.BootID, m.holder.PID, m.holder.PIDStart
		m.db.claim(k, run)
		known := m.tasks[run.Task]
		end := known.end(run.Task, run.ID, run.StartedAt, known.limit)
		end.at = max(end.at, m.req.From.UnixMicro())
		m.willEnd(end)
	}
	return nil
}

// resumeNode is resume for what only the node's record has: locks, and the clock at the last tick.
func (m *simulator) resumeNode(ctx context.Context, host *Engine, db *state.DB) error {
	if err := m.resume(ctx, host, db); err != nil {
		return err
	}
	holds, err := db.Holds(ctx)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if k := m.db.runs[h.Run.ID]; k != nil {
			m.db.holds = append(m.db.holds, h)
		}
	}
	text, err := db.Fact(ctx, factTick)
	var last clockReading
	if err != nil || text == "" || json.Unmarshal([]byte(text), &last) != nil {
		return err
	}
	if boot, err := state.BootID(); err == nil && last.Boot == boot {
		last.Boot = m.holder.BootID
	}
	m.s.last = last
	return nil
}

// remember enters how the tasks ended last that others of a service require.
func (m *simulator) remember(ctx context.Context, svc *service.Service, db *state.DB) error {
	required := func(t task.Task) bool {
		return slices.ContainsFunc(t.Requires, func(r task.Requirement) bool { return strings.HasPrefix(r.Subject, "task#") })
	}
	if db == nil || !slices.ContainsFunc(svc.Tasks, required) {
		return nil
	}
	last, err := db.LastEnded(ctx, svc.Path)
	for _, run := range last {
		k := m.db.tasks[run.Task]
		if k == nil {
			k = m.db.add(task.Cursor{Task: run.Task})
		}
		k.ended = append(k.ended, run)
	}
	return err
}
