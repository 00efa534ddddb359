package soak_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/state"
	"om/task"
)

// TestByHand kills a run by hand before each of its calls, and lets each fail. A run that began is on record, and
// what is said of its end is so.
func TestByHand(t *testing.T) {
	t.Parallel()
	all := map[string]unix.Errno{"kill": 0, "EIO": unix.EIO, "ENOSPC": unix.ENOSPC}
	for name, errno := range all {
		t.Run(name, func(t *testing.T) {
			s := newSweep(t, harm{name: name + " in a run by hand", who: program, errno: errno})
			s.write("etc/hand.conf", fmt.Sprintf("[task#0]\ncommand = sh -c \"echo $OM_RUN_ID; echo $OM_RUN_ID >>%s/hands\"\ncwd = /\nnotify_command = true\nnotify_on = ok failed lost\n", s.dir))
			s.write("hands", "")
			n, step := s.stride(9)
			rounds, begun := 1, map[string]int{}
			for ; s.byHand(n, begun); n += step {
				rounds++
			}
			s.Logf("%s: %d rounds of %d calls: %d runs, %d begun", s.name, rounds, n-1, len(s.handRuns()), len(begun))
		})
	}
}

func (s *sweep) handRuns() []task.Run {
	s.Helper()
	db := s.record()
	defer func() { _ = db.Close() }()
	runs, err := db.Runs(context.Background(), state.Query{Service: "hand"})
	if err = errors.Join(err, db.Check(context.Background())); err != nil {
		s.Fatal(err)
	}
	return runs
}

// byHand is one run, and what a tick makes of it. begun counts how often each run began.
func (s *sweep) byHand(n int, begun map[string]int) bool {
	s.Helper()
	s.later(time.Second)
	before := s.handRuns()
	said, err := s.behind(s.strike(n), "hand", "run", "-q")
	s.checkMessage(said, err)
	s.mend()
	text, readErr := os.ReadFile(filepath.Join(s.dir, "hands"))
	if readErr != nil {
		s.Fatal(readErr)
	}
	now := map[string]int{}
	for line := range strings.Lines(string(text)) {
		now[strings.TrimSpace(line)]++
	}
	runs := s.handRuns()
	for id, times := range now {
		if !slices.ContainsFunc(runs, func(r task.Run) bool { return r.ID == id }) || times > 1 {
			s.Errorf("run %s began %d times, and is on record: %v", id, times, runs)
		}
	}
	if len(now) > len(begun)+1 || len(runs) > len(before)+1 || err == nil && len(runs) != len(before)+1 {
		s.Errorf("%d runs and %d begun, before it was %d and %d", len(runs), len(now), len(before), len(begun))
	}
	if len(runs) > len(before) {
		r := runs[0]
		if !r.State.Final() || r.State == task.Complete && now[r.ID] == 0 || err == nil && r.State != task.Complete {
			s.Errorf("run %s is %s %q, began %d times, and om ended with %v", r.ID, r.State, r.Reason, now[r.ID], err)
		}
	}
	if s.Failed() {
		s.Fatalf("seed %d: %s at call %d, %v; om said %s", s.seed, s.name, n, s.hit, said)
	}
	maps.Copy(begun, now)
	return s.hit != nil
}
