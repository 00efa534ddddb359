package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"om/notice"
	"om/service"
	"om/state"
	"om/task"
)

// Engine holds what every story needs: where things are, who asks, and what time it is.
type Engine struct {
	// ConfigDir has the service files and node.conf; StateDir the record and the kept output.
	ConfigDir, StateDir string
	// Node is this node's settings.
	Node service.Node
	// Now reads the clock.
	Now func() time.Time
	// Program is the version of om.
	Program string
	// EUID is the effective user of this process: root's om checks who owns the files.
	EUID int
	// By and Terminal say who asks and from where, for the record.
	By, Terminal string
	// Users looks up the users and groups of this host.
	Users *task.Users

	// Warn is told what a change of a file brings that is doubtful and no error; nil is for nobody.
	Warn func(service.Problem)

	// Synchronized says whether something keeps the clock of the host; nil is for the kernel's word.
	Synchronized func() bool

	// Untold is told why somebody is not told of a task's runs; nil is for nobody.
	Untold func(task.ID, error)

	// Trouble is told what went wrong beside what was asked for; nil is for nobody.
	Trouble func(error)

	// Reading opens a record that can't be written for reading alone.
	Reading bool

	asks     int        // how many questions records are asked again and again; 0 for the usual
	mu       sync.Mutex // of what follows
	records  map[string]*state.DB
	owners   map[string]*service.Service // by the record that each has of its own, and that was opened once
	unlocked []string                    // runs whose locks could not be given back yet
	settled  [2]map[uint64]bool          // runs whose end needs nothing more: see noteSettled
	freed    bool                        // runs that have ended gave locks back
	waiting  map[string]bool             // what was told of ends that wait
	spool    *notice.Spool               // of events, on first use

	sinceBoot func() time.Duration // how long the host is up; nil for its own clock

	sim *simulator // what takes the place of the host and the record; nil but in a simulation
}

// Load reads the service at path; files that others could have written are refused. A service with
// problems is returned with them; the error is for one that can't be read at all.
func (e *Engine) Load(path string) (*service.Service, error) {
	s, err := service.Read(e.ConfigDir, path, e.Node)
	if err == nil && e.EUID == 0 {
		err = task.Trusted(s.File)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Services lists the paths of all services, in natural order; where namespaces can't be looked into those of the others, with a
// *service.UnreadError.
func (e *Engine) Services() ([]string, error) { return service.List(e.ConfigDir) }

// nodeRecord is the record of this node that decisions are about: a simulation has another.
func (e *Engine) nodeRecord(ctx context.Context) (record, error) {
	if e.sim != nil {
		return e.sim.db, nil
	}
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	return db, nil
}

// NodeRecord opens the record of this node.
func (e *Engine) NodeRecord(ctx context.Context) (*state.DB, error) {
	return e.open(ctx, state.Options{Path: filepath.Join(e.StateDir, "om.db"), Create: true})
}

// Record opens the record that holds the runs of s: the service's own where it names one (keyword
// state), else the node's. A service's own record is opened only while the filesystem that holds it is
// up, and is never created here: InitState does that.
func (e *Engine) Record(ctx context.Context, s *service.Service) (*state.DB, error) {
	if s.StateFile == "" {
		return e.NodeRecord(ctx)
	}
	if err := e.holderUp(ctx, s); err != nil {
		return nil, err
	}
	db, err := e.open(ctx, state.Options{Path: s.StateFile})
	if err == nil {
		e.noteOwner(s)
	}
	switch {
	case errors.Is(err, task.ErrNotFound):
		return nil, fmt.Errorf("service %s: %w (om %s state init creates it)", s.Path, err, s.Path)
	case err != nil:
		return nil, fmt.Errorf("service %s: %w", s.Path, err)
	}
	return db, nil
}

// initState creates the service's own record, where its filesystem is up.
func (e *Engine) initState(ctx context.Context, s *service.Service) error {
	if s.StateFile == "" {
		_, err := e.NodeRecord(ctx)
		return err
	}
	if err := e.holderUp(ctx, s); err != nil {
		return err
	}
	_, err := e.open(ctx, state.Options{Path: s.StateFile, Create: true})
	return err
}

func (e *Engine) open(ctx context.Context, o state.Options) (*state.DB, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if db, ok := e.records[o.Path]; ok {
		return db, nil
	}
	if e.EUID == 0 {
		if err := task.TrustedAlone(o.Path); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
	}
	boot, err := state.BootID()
	if err != nil {
		return nil, err
	}
	o.Now, o.Node, o.BootID, o.Statements = e.Now, e.Node.Name, boot, e.asks
	db, err := state.Open(ctx, o)
	if e.Reading && errors.Is(err, task.ErrPermission) {
		o.ReadOnly, o.Create = true, false
		db, err = state.Open(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	if e.records == nil {
		e.records = map[string]*state.DB{}
	}
	e.records[o.Path] = db
	return db, nil
}

// How many questions records are asked again and again: by a run by hand, and by a loop.
const (
	runAsks  = 2
	loopAsks = 64
)

// asksOf says how many before the records are opened.
func (e *Engine) asksOf(questions int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asks = questions
}

// noteOwner notes that a service has a record of its own.
func (e *Engine) noteOwner(s *service.Service) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.owners == nil {
		e.owners = map[string]*service.Service{}
	}
	e.owners[s.StateFile] = s
}

// recordsByPath returns the records that this process has opened, those that can be reached now: they have its runs.
func (e *Engine) recordsByPath(ctx context.Context) map[string]*state.DB {
	e.mu.Lock()
	owners := maps.Clone(e.owners)
	e.mu.Unlock()
	for _, s := range owners {
		_, _ = e.Record(ctx, s) // else it is on another node now
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.records)
}

// letOwn lets go of the records that services have of their own: their filesystems may be unmounted, and what is at
// the path the next time may be another file.
func (e *Engine) letOwn() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for path := range e.owners {
		if db := e.records[path]; db != nil && path != filepath.Join(e.StateDir, "om.db") {
			_ = db.Close()
			delete(e.records, path)
		}
	}
}

// Close lets go of the records that are open. A process that is about to end may leave it out.
func (e *Engine) Close() {
	for _, db := range e.records {
		_ = db.Close()
	}
	e.records = nil
}

// outputPath is the file that keeps what a run wrote, from what the run is and from nothing that the
// record says of it: root's om reads and removes it.
func (e *Engine) outputPath(s *service.Service, run task.Run) (string, error) {
	_, _, ok := task.SplitRID(run.Task.RID)
	if !ok || !task.ValidPath(run.Task.Service) || len(run.ID) != 36 || strings.ContainsAny(run.ID, "/.") {
		return "", task.Errorf(task.ErrInvalid, "run %q of %q: it is no run of om", run.ID, run.Task)
	}
	if s == nil {
		s = &service.Service{Path: run.Task.Service}
	}
	return filepath.Join(e.outputDir(s, run.Task.RID), run.ID+".log"), nil
}

// outputDir is where the output of the runs of a task is kept: beside the record that has the runs.
func (e *Engine) outputDir(s *service.Service, rid string) string {
	if s.StateFile != "" {
		return filepath.Join(s.StateFile+".output", rid)
	}
	return filepath.Join(e.StateDir, "output", s.Path, rid)
}
