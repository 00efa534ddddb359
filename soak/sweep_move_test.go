package soak_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"om/state"
)

// twoNodes makes a failover service of a sweep, which is active on the node whose file is there. The folder with its record
// is the disk that both have.
func (s *sweep) twoNodes() {
	s.own["sweep"] = filepath.Join(s.dir, "own", "om.db")
	s.text = fmt.Sprintf("[DEFAULT]\nnodes = n1 n2\nstate = %s\n[app#0]\ncheck = test -e %s/active-{nodename}\n", s.own["sweep"], s.dir) + s.text
	s.write("etc/sweep.conf", s.text)
	s.setNow(s.at)
	for _, node := range []string{"n2", "n1"} {
		s.node, s.state = node, filepath.Join(s.dir, "state-"+node)
		s.om("tick", "-q")
	}
	s.om("sweep", "state", "init")
	s.write("active-n1", "")
}

// move has the other node have the service, where there are two and this one died: all that it had in progress is dead, and
// the ends that it had not recorded are lost with it. It returns what it finds of the slots of a moment; nil where it stays.
func (s *sweep) move(at time.Time) map[string]sight {
	s.Helper()
	if !s.moves || s.hit == nil {
		return nil
	}
	db := s.record()
	defer func() { _ = db.Close() }()
	running, err := db.Running(context.Background(), "", "")
	if err != nil {
		s.Fatal(err)
	}
	for _, run := range running {
		s.killed[run.PID] = true
	}
	if err := os.Remove(filepath.Join(s.dir, "active-"+s.node)); err != nil {
		s.Fatal(err)
	}
	s.node = map[string]string{"n1": "n2", "n2": "n1"}[s.node]
	s.state = filepath.Join(s.dir, "state-"+s.node)
	s.write("active-"+s.node, "")
	return s.look(at)
}

// record is the one that has the slots.
func (s *sweep) record() *state.DB {
	s.Helper()
	if !s.moves {
		return s.world.record()
	}
	db, err := state.Open(context.Background(), state.Options{Path: s.own["sweep"], ReadOnly: true, Now: time.Now})
	if err != nil {
		s.Fatal(err)
	}
	return db
}
