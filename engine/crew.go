package engine

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"om/state"
	"om/task"
)

// Hands is our end of a supervisor process that goes on without us: task.Hands, but in tests.
type Hands struct {
	PID      int
	PIDStart uint64
	Give     func(jobs ...task.Job) error
	Close    func() error
}

// Detached starts the program, with the words that make it a supervisor, as TickOptions.Detach does.
func Detached(argv ...string) func(journals string) (*Hands, error) {
	return func(journals string) (*Hands, error) {
		h, err := task.Detached(append(slices.Clip(argv), journals))
		if err != nil {
			return nil, err
		}
		return &Hands{h.PID, h.PIDStart, h.Give, h.Close}, nil
	}
}

// letGo lets the supervisors go on by themselves.
func (s *scheduler) letGo() {
	for i := range s.crew {
		s.dismiss(i)
	}
	s.crew = nil
}

func (s *scheduler) dismiss(i int) {
	if h := s.crew[i]; h != nil {
		if err := h.Close(); err != nil {
			s.report.problem("supervisor %d: %v", h.PID, err)
		}
	}
	s.crew[i] = nil
}

// errSupervisor says that there is no process to hold runs.
var errSupervisor = errors.New("no supervisor")

// mostAtOnce is how many supervisors are given runs at once, at most.
const mostAtOnce = 8

// nextSupervisor gives the turn to another supervisor, where there are processors for several: a supervisor has one
// thread to start processes, and that waits for each.
func (s *scheduler) nextSupervisor() { s.at = (s.at + 1) % crewSize() }

// supervisor is the process that runs are handed to, started on first use.
func (s *scheduler) supervisor() (*Hands, error) {
	if s.sim != nil {
		return &s.sim.hands, nil
	}
	for len(s.crew) <= s.at {
		s.crew = append(s.crew, nil)
	}
	if h := s.crew[s.at]; h != nil && state.Alive(task.Run{BootID: s.bootID, PID: h.PID, PIDStart: h.PIDStart}) && !task.Stopped(h.PID) {
		return h, nil
	}
	s.dismiss(s.at) // the daemon's was killed or stopped: what it is given is lost, or waits
	if err := task.MakeJournals(s.journals()); err != nil {
		return nil, err
	}
	hands, err := s.options.Detach(s.journals())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSupervisor, err)
	}
	s.crew[s.at] = hands
	return hands, nil
}

// journals is the folder of what supervisors leave.
func (e *Engine) journals() string { return filepath.Join(e.StateDir, "journal") }
