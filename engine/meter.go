package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"om/notice"
	"om/schedule"
	"om/service"
	"om/task"
)

// meter gathers the metrics. What it has counted is kept in a file between ticks: the record forgets runs that
// are past retention, and a counter does not.
type meter struct {
	Records map[string]*metered // by the path of the record
	Tasks   map[string]*gauge   // by the name of the task
	Configs map[string]bool     // whether the file of a service has no errors
	Delays  delays
	Jumps   int `json:",omitempty"` // of the clock
}

// gauge is what is known of one task.
type gauge struct {
	Service, RID string

	Runs     map[task.RunState]int `json:",omitempty"` // that have ended
	Attempts int                   `json:",omitempty"` // processes started
	Skips    map[string]int        `json:",omitempty"`
	Missed   map[string]int        `json:",omitempty"`
	Expired  int                   `json:",omitempty"`
	Leftover int                   `json:",omitempty"` // processes that outlived commands

	Last     string    `json:",omitempty"` // the newest run that has ended
	Started  time.Time `json:",omitzero"`
	Ended    time.Time `json:",omitzero"`
	Code     int       `json:",omitempty"`
	Success  time.Time `json:",omitzero"`
	Interval float64   `json:",omitempty"` // seconds between slots: see measure
	Away     bool      `json:",omitempty"` // its service was not active here when it was due last

	running int
	next    time.Time
}

// delays is a histogram of how late runs began after their slots.
type delays struct {
	Counts [len(delayBounds{}) + 1]int
	Sum    float64
}

type delayBounds [9]float64

func bounds() delayBounds { return delayBounds{0.1, 0.5, 1, 2, 5, 15, 60, 300, 3600} }

func (d *delays) add(seconds float64) {
	list := bounds()
	i, _ := slices.BinarySearch(list[:], seconds)
	d.Counts[i]++
	d.Sum += seconds
}

// settling is how long after it was made a run may be entered in the record.
const settling = 5 * time.Second

func (e *Engine) meterFile() string { return filepath.Join(e.StateDir, "metrics.json") }

// loadMeter reads what was counted. Where there is nothing, or nothing that can be read, it begins with what is on
// record.
func (e *Engine) loadMeter(ctx context.Context) (*meter, error) {
	m := &meter{}
	text, err := os.ReadFile(e.meterFile())
	if err == nil && json.Unmarshal(text, m) == nil && m.whole() {
		return m, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	*m = meter{Records: map[string]*metered{}, Tasks: map[string]*gauge{}, Configs: map[string]bool{}}
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	stamps, err := db.Stamps(ctx)
	for path, stamp := range stamps {
		m.Configs[path] = stamp.Error == ""
	}
	return m, err
}

// whole says that the file had all its parts.
func (m *meter) whole() bool {
	ok := m.Records != nil && m.Tasks != nil && m.Configs != nil
	for _, g := range m.Tasks {
		ok = ok && g != nil
	}
	for _, r := range m.Records {
		ok = ok && r != nil
	}
	return ok
}

func (m *meter) task(id task.ID) *gauge {
	name := id.String()
	g := m.Tasks[name]
	if g == nil {
		g = &gauge{Service: id.Service, RID: id.RID, Runs: map[task.RunState]int{}, Skips: map[string]int{}, Missed: map[string]int{}}
		m.Tasks[name] = g
	}
	return g
}

// take adds what a tick did.
func (m *meter) take(r *TickReport) {
	for _, path := range r.Changed {
		m.Configs[path] = true
	}
	for _, bad := range r.Rejected {
		m.Configs[bad.Service] = false
	}
	for _, path := range r.Removed {
		delete(m.Configs, path)
	}
	if r.Clock != "" {
		m.Jumps++
	}
	m.keep(r)
	for id, interval := range r.intervals {
		m.task(id).Interval = interval.Seconds()
	}
	for id, away := range r.away {
		m.task(id).Away = away
	}
	for _, slot := range r.Slots {
		m.slot(slot)
	}
}

// keep drops the tasks that services have no more.
func (m *meter) keep(r *TickReport) {
	if len(r.Removed)+len(r.tasks) == 0 {
		return
	}
	have := maps.Clone(r.tasks)
	if have == nil {
		have = map[string][]string{}
	}
	for _, path := range r.Removed {
		have[path] = nil
	}
	maps.DeleteFunc(m.Tasks, func(_ string, g *gauge) bool {
		rids, read := have[g.Service]
		return read && !slices.Contains(rids, g.RID)
	})
}

func (m *meter) slot(s task.Slot) {
	g := m.task(s.Task)
	switch s.Decision {
	case task.SlotSkip:
		count(&g.Skips, skipReason(s.Reason), s.Count)
	case task.SlotMissed:
		count(&g.Missed, missedReason(s.Reason), s.Count)
	case task.SlotExpired:
		g.Expired += s.Count
	case task.SlotRun, task.SlotPending:
	}
}

func count(counts *map[string]int, reason string, n int) {
	if *counts == nil {
		*counts = map[string]int{}
	}
	(*counts)[reason] += n
}

// gather counts what records have that was not counted, and looks at what goes on and is due.
func (m *meter) gather(ctx context.Context, s *scheduler) error {
	for _, g := range m.Tasks {
		g.running, g.next = 0, time.Time{}
	}
	var errs []error
	for path, db := range s.recordsByPath(ctx) {
		errs = append(errs, m.record(ctx, path, db, s.Now(), s.report.Started))
	}
	return errors.Join(append(errs, m.plans(ctx, s.node))...)
}

// plans looks at what is due, but for what will not be started as things are.
func (m *meter) plans(ctx context.Context, node record) error {
	frozen, err := node.AllFrozen(ctx)
	if err != nil {
		return err
	}
	cursors, err := node.Due(ctx, time.UnixMicro(math.MaxInt64/2), math.MaxInt32)
	_, all := frozen[""]
	for _, c := range cursors {
		g := m.task(c.Task)
		if _, one := frozen[c.Task.Service]; !all && !one && !g.Away {
			g.next = c.Next
		}
	}
	return err
}

// remember notes what metrics need of a service that was read, with the cursors that its tasks have.
func (s *scheduler) remember(svc *service.Service, cursors []task.Cursor) {
	if s.Node.Metrics == "" || svc == nil {
		return
	}
	if s.report.tasks == nil {
		s.report.tasks = map[string][]string{}
	}
	rids := make([]string, len(svc.Tasks))
	for i := range svc.Tasks {
		rids[i] = svc.Tasks[i].ID.RID
	}
	s.report.tasks[svc.Path] = rids
	for _, c := range cursors {
		if t, known := svc.Task(c.Task.RID); known && !c.Next.IsZero() {
			s.measureTask(&t, c.At)
		}
	}
}

// measure notes how far the slots of a task are apart: the longer of the time from the last to the next and from that to the
// one after, so that a schedule for working days does not promise a run a day over a weekend.
func (s *scheduler) measure(id task.ID, cal *schedule.Schedule, at time.Time) {
	if s.Node.Metrics == "" || cal == nil {
		return
	}
	first, ok := cal.Next(at, at)
	if !ok {
		return
	}
	second, ok := cal.Next(first, first)
	if !ok {
		return
	}
	if s.report.intervals == nil {
		s.report.intervals = map[task.ID]time.Duration{}
	}
	s.report.intervals[id] = second.Sub(first)
	if before := first.Sub(at); !at.IsZero() {
		s.report.intervals[id] = max(before, second.Sub(first))
	}
}

// noteAway notes for metrics whether scheduled runs of a task are for this node.
func (v *view) noteAway(away bool) {
	if v.Node.Metrics == "" {
		return
	}
	if v.report.away == nil {
		v.report.away = map[task.ID]bool{}
	}
	v.report.away[v.before.Task] = away
}

// meterTick writes the metrics after a tick.
func (s *scheduler) meterTick(ctx context.Context) {
	if s.Node.Metrics == "" {
		return
	}
	m, err := s.loadMeter(ctx)
	if err == nil {
		m.take(s.report)
		err = s.writeMeter(ctx, m, nil)
	}
	if err != nil {
		s.report.problem("metrics: %v", err)
	}
}

// writeMeter counts, and writes both what was counted and the file for others. nodeErr is what is wrong with node.conf.
func (s *scheduler) writeMeter(ctx context.Context, m *meter, nodeErr error) error {
	if err := m.gather(ctx, s); err != nil {
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := replaceFile(s.meterFile(), text, 0o600); err != nil {
		return err
	}
	x := exposition{node: s.Node.Name, now: s.Now(), bytes: recordBytes(s.StatePath("")), nodeOK: nodeErr == nil}
	spool := &notice.Spool{Dir: s.Spool()}
	names, _ := spool.Names() // what is wrong with it who delivers tells
	x.queue, x.held, x.untold = len(names), min(spool.Held(), len(names)), spool.Failures()
	return s.writeTextfile(x.text(m))
}

// writeTextfile writes the file for others. Where somebody else may rename a folder on its way, root's om would write
// to whatever they put there.
func (s *scheduler) writeTextfile(text []byte) error {
	if s.EUID == 0 {
		if err := task.Trusted(s.Node.Metrics); err != nil {
			return fmt.Errorf("textfile = %s: %w", s.Node.Metrics, err)
		}
	}
	return replaceFile(s.Node.Metrics, text, 0o644)
}

func recordBytes(path string) (sum int64) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// replaceFile puts text in the place of a file at once: who reads it sees all of it, or what was before.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// A loop writes the metrics no more often than this, and spends no more than a fiftieth of its time on it: slots wait
// meanwhile.
const (
	between = 15 * time.Second
	share   = 50
)

// meter counts a turn, and writes the metrics at the turn of each minute, or sooner where there is one.
func (l *loop) meter(ctx context.Context, turn *Turn) {
	if l.Node.Metrics == "" {
		l.metrics = nil
		return
	}
	if err := l.meterTurn(ctx, turn); err != nil {
		turn.problem("metrics: %v", err)
	}
}

func (l *loop) meterTurn(ctx context.Context, turn *Turn) (err error) {
	if l.metrics == nil {
		if l.metrics, err = l.loadMeter(ctx); err != nil {
			return err
		}
	}
	l.metrics.take(&turn.TickReport)
	begin := l.Now()
	if since := begin.Sub(l.metered); since >= 0 && since < max(between, share*l.meterTook) && !turn.Reloaded {
		return nil
	}
	s, err := l.scheduler(ctx, l.o.TickOptions, &turn.TickReport)
	if err != nil {
		return err
	}
	err = s.writeMeter(ctx, l.metrics, turn.Node)
	l.metered = l.Now()
	l.meterTook = l.metered.Sub(begin)
	return err
}

// measureTask is measure for a task whose schedule is not at hand.
func (s *scheduler) measureTask(t *task.Task, at time.Time) {
	if cal, err := s.calendar(t); err == nil {
		s.measure(t.ID, cal, at)
	}
}
