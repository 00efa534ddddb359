package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"om/state"
	"om/task"
)

// size is what a node uses.
type size struct {
	record, output int64
	files          int
	heap           uint64
}

func (v *virtual) size() (s size) {
	v.Helper()
	for _, name := range []string{"om.db", "om.db-wal"} {
		if info, err := os.Stat(filepath.Join(v.StateDir, name)); err == nil {
			s.record += info.Size()
		}
	}
	_ = filepath.Walk(filepath.Join(v.StateDir, "output"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			s.output += info.Size()
		}
		return nil
	})
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		v.Fatal(err)
	}
	v.starts, v.jobs = nil, nil // they are the test's
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	s.files, s.heap = len(open), m.HeapAlloc
	return s
}

// TestRetention runs tasks for days under ticks: what the record, the outputs and the process use does not grow once
// there is as much as is kept.
func TestRetention(t *testing.T) {
	var text strings.Builder
	for i := range 8 {
		fmt.Fprintf(&text, "[task#%d]\ncommand = true\ncwd = /\nschedule = cron:*/30 * * * *\nkeep_runs = 10\n", i)
	}
	own := filepath.Join(inMemory(t), "own", "om.db")
	v := newVirtual(t, map[string]string{"s": text.String(), "o": "[DEFAULT]\nstate = " + own + "\n[task#0]\ncommand = true\ncwd = /\nschedule = cron:*/30 * * * *\nkeep_runs = 10\n"})
	v.Node.KeepDays, v.Node.KeepRuns = 1, 10
	line := &timeline{now: firstDay()}
	v.Now, v.after = func() time.Time { return line.now }, line.after
	if err := v.InitState(t.Context(), "o"); err != nil {
		t.Fatal(err)
	}
	day := func() {
		for range 48 {
			line.goTo(line.now.Add(30 * time.Minute))
			for _, run := range v.tickAt().Started { // what it wrote
				svc, err := v.Load(run.Task.Service)
				if err != nil {
					t.Fatal(err)
				}
				path, err := v.outputPath(svc, run)
				if err == nil {
					err = os.MkdirAll(filepath.Dir(path), 0o700)
				}
				if err == nil {
					err = os.WriteFile(path, make([]byte, 1000), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	v.tickAt()
	for range 2 {
		day()
	}
	before := v.size()
	for range 3 {
		day()
	}
	after := v.size()
	t.Logf("after 2 days %+v, after 5 %+v", before, after)
	if after.record > before.record*5/4 || after.output > before.output*5/4 || after.files > before.files || after.heap > before.heap+1<<20 {
		t.Errorf("after 2 days %+v, after 5 %+v", before, after)
	}
	for _, path := range []string{"s", "o"} {
		db, err := v.recordOf(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		runs, err := db.Runs(t.Context(), state.Query{Service: path})
		if err != nil {
			t.Fatal(err)
		}
		slots, err := db.Slots(t.Context(), state.Query{Service: path})
		if err != nil {
			t.Fatal(err)
		}
		tasks := map[string]int{"s": 8, "o": 1}[path]
		if most := (10 + 3) * tasks; len(runs) > most {
			t.Errorf("%s has %d runs on record, at most %d are to be kept", path, len(runs), most)
		}
		if most := (48 + 3) * tasks; len(slots) > most {
			t.Errorf("%s has %d slots on record, at most %d are to be kept", path, len(slots), most)
		}
	}
}

// TestStampede has many tasks due at once. Without spread they are started at once, each once; with it over the time
// that they are spread over.
func TestStampede(t *testing.T) {
	const tasks, spread = 150, 15 * time.Minute
	for name, more := range map[string]string{"at once": "", "spread": "spread = 15m\n"} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			for i := range tasks {
				fmt.Fprintf(&text, "[task#%d]\ncommand = true\ncwd = /\nlog = none\nschedule = 13:00\n%s", i, more)
			}
			v := newVirtual(t, map[string]string{"s": text.String()})
			synctest.Test(t, func(t *testing.T) {
				v.loopFor(t, 90*time.Minute, time.Minute)
				time.Sleep(time.Hour)
			})
			minutes, once := map[time.Time]int{}, map[task.ID]bool{}
			for _, s := range v.starts {
				if late := s.at.Sub(s.slot); late < 0 || late > time.Second || once[s.task] {
					t.Errorf("slot %s of %s was started %s late, for the first time: %v", s.slot, s.task, late, !once[s.task])
				}
				once[s.task] = true
				minutes[s.at.Truncate(time.Minute)]++
			}
			most := 0
			for _, n := range minutes {
				most = max(most, n)
			}
			if len(v.starts) != tasks {
				t.Errorf("%d starts", len(v.starts))
			}
			if fair := tasks / int(spread/time.Minute); more != "" && (most > 3*fair || len(minutes) < 15) || more == "" && most != tasks {
				t.Errorf("%d starts in %d minutes, at most %d in one", len(v.starts), len(minutes), most)
			}
			t.Logf("%d starts in %d minutes, at most %d in one", len(v.starts), len(minutes), most)
		})
	}
}
