package engine

import (
	"fmt"
	"sync"
	"time"

	"om/task"
)

// endings are the runs that are being ended, which takes as long as their stop_timeout.
type endings struct {
	wake   func() // is told of each that is over; nil for nobody
	group  sync.WaitGroup
	mu     sync.Mutex
	runs   map[string]bool
	over   bool // some are, since it was asked last
	failed []string
}

// begin ends a run in the background, once.
func (e *endings) begin(run task.Run, end func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runs[run.ID] {
		return
	}
	if e.runs == nil {
		e.runs = map[string]bool{}
	}
	e.runs[run.ID] = true
	e.group.Go(func() {
		e.note(run, end())
		if e.wake != nil {
			e.wake()
		}
	})
}

func (e *endings) note(run task.Run, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.runs, run.ID)
	e.over = true
	if err != nil {
		e.failed = append(e.failed, fmt.Sprintf("%s: run %s: %v", run.Task, run.ID, err))
	}
}

// some says that some are over since it was asked last. What ended them may have recorded the end too.
func (e *endings) some() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	over := e.over
	e.over = false
	return over
}

// idle says that no run is being ended: who ends one has its record open.
func (e *endings) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.runs) == 0
}

// problems returns what has failed since it was asked last.
func (e *endings) problems() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	failed := e.failed
	e.failed = nil
	return failed
}

// wait waits for all of them, and calls alive now and then.
func (e *endings) wait(alive func()) {
	done := make(chan struct{})
	go func() { e.group.Wait(); close(done) }()
	receive(done, alive)
}

// receive waits for what comes by a channel, or for its end, and calls alive now and then.
func receive[T any](c <-chan T, alive func()) (T, bool) {
	beat := time.NewTicker(2 * time.Second)
	defer beat.Stop()
	for {
		select {
		case x, open := <-c:
			return x, open
		case <-beat.C:
			alive()
		}
	}
}
