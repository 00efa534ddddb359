package soak_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"om/state"
	"om/task"
)

// head is what the file of the service begins with: where it has its record, and is on one node of two.
func (s *sweep) head() string {
	if !s.carried {
		return ""
	}
	s.own["sweep"] = filepath.Join(s.dir, "own", "om.db")
	text := "[DEFAULT]\nstate = " + s.own["sweep"] + "\n"
	if !s.moves {
		return text
	}
	s.write("on-n1", "")
	return text + fmt.Sprintf("nodes = n1 n2\n[app#here]\ncheck@n1 = test -e %[1]s/on-n1\ncheck@n2 = test -e %[1]s/on-n2\n", s.dir)
}

// found lets each node see the service for the first time, and makes its record.
func (s *sweep) found() {
	s.Helper()
	if s.carried {
		if err := os.Mkdir(filepath.Join(s.dir, "own"), 0o700); err != nil {
			s.Fatal(err)
		}
		s.om("sweep", "state", "init")
	}
	if s.moves {
		s.move()
		s.om("tick", "-q")
		s.move()
	}
	s.om("tick", "-q")
}

// serviceRecord is the record with the runs of the service.
func (s *sweep) serviceRecord() *state.DB {
	s.Helper()
	path := s.own["sweep"]
	if path == "" {
		return s.record()
	}
	db, err := state.Open(context.Background(), state.Options{Path: path, ReadOnly: true, Now: time.Now})
	if err != nil {
		s.Fatal(err)
	}
	return db
}

// onDisk says that a file is one of those of the node or of the service.
func (s *sweep) onDisk(path string) bool {
	return strings.HasPrefix(path, s.state+"/") || s.carried && strings.HasPrefix(path, filepath.Join(s.dir, "own")+"/")
}

// move makes the other node the one that is looked at, and that the service is on. What is in the folder of the one that
// died nobody sees until it is its turn again.
func (s *sweep) move() {
	s.Helper()
	from := s.node
	s.others = map[string]string{filepath.Join(s.state, "om.db"): from}
	s.node = map[string]string{"n1": "n2", "n2": "n1"}[from]
	s.state = filepath.Join(s.dir, map[string]string{"n1": "state", "n2": "state2"}[s.node])
	if err := os.Rename(filepath.Join(s.dir, "on-"+from), filepath.Join(s.dir, "on-"+s.node)); err != nil {
		s.Fatal(err)
	}
}

// other is what another node sees of a service whose node died: what is on its record, and no end that is in a journal. So
// what was in progress is lost.
func (s *sweep) other(seen map[string]sight) map[string]sight {
	for rid, v := range seen {
		v.ends = map[string]task.RunState{}
		seen[rid] = v
		for _, r := range v.runs {
			if !r.State.Final() {
				s.killed[r.PID] = true
			}
		}
	}
	return seen
}
