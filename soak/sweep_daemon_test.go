package soak_test

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"om/state"
	"om/task"
)

// loop lets the daemon's loop do what is to be done, and ends it then.
func (s *sweep) loop(pass func(*call) verdict) (stderr string, err error) {
	s.Helper()
	d := s.startLoop(pass)
	d.untilDone()
	_ = d.Process.Signal(syscall.SIGTERM)
	<-d.ended
	s.listen(d.Cmd)
	s.buried(d.gate)
	return fmt.Sprint(d.Stderr), d.err
}

// daemon is a loop at work.
type daemon struct {
	*sweep
	*exec.Cmd

	gate  *gate
	err   error // once it has ended
	ended chan struct{}
}

func (s *sweep) startLoop(pass func(*call) verdict) *daemon {
	s.Helper()
	s.clock = "clock"
	s.setNow(s.at)
	d := &daemon{sweep: s, ended: make(chan struct{})}
	d.Cmd, d.gate = s.gated(pass, "loop")
	go func() {
		d.err = d.Wait()
		d.gate.wait()
		close(d.ended)
	}()
	return d
}

// untilDone lets time pass until the slots of the minute have runs that have ended, or the daemon has. Now and then
// something happens in its folder, which makes it look at everything.
func (d *daemon) untilDone() {
	d.Helper()
	minute := d.at.Truncate(d.period)
	for i := 1; i < 4000; i++ {
		select {
		case <-d.ended:
			return
		case <-time.After(5 * time.Millisecond):
		}
		if d.done(minute) {
			return
		}
		if i%20 == 0 {
			if d.at.Before(minute.Add(d.period - 20*time.Second)) {
				d.later(2 * time.Second)
				d.setNow(d.at)
			}
			d.write("etc/poke", "")
		}
	}
	d.Errorf("the daemon got stuck: %v; it said %s", d.look(minute), d.Stderr)
}

func (s *sweep) done(minute time.Time) bool {
	s.Helper()
	db := s.serviceRecord()
	defer func() { _ = db.Close() }()
	runs, err := db.Runs(context.Background(), state.Query{Limit: 3 * len(s.meant())})
	if err != nil {
		s.Fatal(err)
	}
	ended := map[string]bool{}
	for _, r := range slices.Backward(runs) {
		if r.Slot.Equal(minute) { // the last attempt counts
			ended[r.Task.RID] = r.State.Final() && (r.State != task.Failed || r.Attempt == 2)
		}
	}
	return len(ended) == len(s.meant()) && !slices.Contains(slices.Collect(maps.Values(ended)), false)
}

// oneDaemon lets the calls of one daemon fail, one in each minute. It goes on by itself.
func (s *sweep) oneDaemon(step int) {
	pass := let
	var mu sync.Mutex
	d := s.startLoop(func(c *call) verdict {
		mu.Lock()
		defer mu.Unlock()
		return pass(c)
	})
	s.later(s.period)
	s.setNow(s.at)
	d.untilDone() // it is at work
	n, step := s.stride(step)
	rounds := 0
	for ; ; n += step {
		s.at = s.at.Truncate(s.period).Add(s.period + 4*time.Second)
		mu.Lock()
		pass = s.strike(n)
		mu.Unlock()
		s.setNow(s.at)
		s.write("etc/sweep.conf", fmt.Sprintf("%s# edited for round %d\n", s.text, n))
		d.untilDone()
		mu.Lock()
		hit := s.hit
		pass = let
		mu.Unlock()
		s.checkFates(s.at.Truncate(s.period), nil)
		if s.Failed() {
			s.Fatalf("seed %d: %s at call %d, %v; it said %s", s.seed, s.name, n, hit, d.Stderr)
		}
		if rounds++; hit == nil {
			break
		}
	}
	s.checkRead()
	_ = d.Process.Signal(syscall.SIGTERM)
	<-d.ended
	s.clock = ""
	s.listen(d.Cmd)
	s.checkMessage(fmt.Sprint(d.Stderr), d.err)
	s.mend()
	s.Logf("%s: %d rounds of %d calls", s.name, rounds, n-1)
	s.check()
}
