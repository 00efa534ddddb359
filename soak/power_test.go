package soak_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// film is all that a disk was told while om lived on it, and what could be known from outside at each moment.
type film struct {
	*sweep

	base   map[string][]byte // the files that were there before
	frames []frame
	runs   map[int]string // of commands, by process
	placed int            // the frame from which on the cursors last
}

// frame is a change of the disk, or something that is seen without looking at it.
type frame struct {
	change

	clock   time.Time
	probe   string // what a command wrote
	began   int    // the process that becomes a command
	promise *promise
}

// promise is what om has said: it holds from then on, until something else is said of the same.
type promise struct {
	of    string
	holds func(*state.DB) error
}

func newFilm(t *testing.T) *film {
	t.Helper()
	f := &film{sweep: newSweep(t, harm{}), runs: map[int]string{}}
	f.write("etc/hand.conf", fmt.Sprintf("[task#0]\ncommand = sh -c \"echo $OM_RUN_ID >>%s/hands\"\ncwd = /\nnotify_command = true\nnotify_on = ok\n", f.dir))
	f.write("etc/cold.conf", "[task#0]\ncommand = true\ncwd = /\n")
	return f
}

// take keeps what a call does, and lets it pass.
func (f *film) take(c *call) verdict {
	x := frame{clock: f.at}
	var err error
	switch {
	case c.name == "write" && filepath.Dir(c.path) == f.dir: // a probe
		var text []byte
		text, err = c.data()
		x.probe = string(text)
		if words := strings.Fields(x.probe); len(words) > 4 {
			f.runs[c.pid] = words[4]
		} else if len(words) == 1 {
			f.runs[c.pid], x.probe = words[0], ""
		}
	case c.name == "execve" && c.path != c.self:
		x.began = c.pid
	case c.path != f.state && !strings.HasPrefix(c.path, f.state+"/") || strings.HasSuffix(c.path, "-shm"):
		return verdict{}
	default:
		if x.change, err = changeOf(c); x.what == "" {
			return verdict{}
		}
	}
	if err != nil {
		f.Errorf("%v: %v", c, err)
	}
	f.frames = append(f.frames, x)
	return verdict{}
}

// takeUntil is take with a harm at the nth call.
func (f *film) takeUntil(n int, h harm) func(*call) verdict {
	f.harm = h
	strike := f.strike(n)
	return func(c *call) verdict {
		if v := strike(c); v.kill != nil {
			return v
		}
		return f.take(c)
	}
}

// says keeps a promise.
func (f *film) says(of string, holds func(*state.DB) error) {
	f.frames = append(f.frames, frame{clock: f.at, promise: &promise{of, holds}})
}

// do runs om, whose end is a good one.
func (f *film) do(args ...string) {
	f.Helper()
	if said, err := f.behind(f.take, args...); err != nil {
		f.Fatalf("om %s: %v: %s", strings.Join(args, " "), err, said)
	}
}

// live is a life with all that is written in one: a new record, runs, some lost, by hand and by schedule, their ends,
// services that are frozen and thawed, and a log that is emptied.
func (f *film) live(minutes int, chance *rand.Rand) {
	f.Helper()
	f.restore(nil, nil)
	f.write("probes", "")
	f.frames, f.runs, f.harm, f.hit, f.at = nil, map[int]string{}, harm{}, nil, sweepBegin()
	f.do("tick", "-q")
	f.note()
	for minute := 1; minute <= minutes; minute++ {
		f.at = f.at.Truncate(time.Minute).Add(time.Minute + 4*time.Second)
		switch minute % 8 {
		case 3:
			_, _ = f.behind(f.takeUntil(1+chance.IntN(20), harm{name: "supervisor", who: supervisor}), "tick", "-q")
		case 5:
			_, _ = f.behind(f.takeUntil(1+chance.IntN(60), harm{name: "om", who: program}), "tick", "-q")
		default:
			f.do("tick", "-q")
		}
		if minute == 1 {
			f.placed = len(f.frames)
		}
		switch minute % 8 {
		case 2, 7:
			f.do("hand", "run", "-q")
			f.says("hand", ranByHand(minute/4+1))
		case 3, 5:
			f.says("frozen", nil)
			verb := map[int]string{3: "freeze", 5: "thaw"}[minute%8]
			f.do("cold", verb)
			f.says("frozen", frozen(minute%8 == 3))
			for range 2 {
				f.later(5 * time.Second)
				f.do("tick", "-q")
			}
		}
	}
}

func ranByHand(least int) func(*state.DB) error {
	return func(db *state.DB) error {
		runs, err := db.Runs(context.Background(), state.Query{Service: "hand", State: []task.RunState{task.Complete}})
		if err == nil && len(runs) < least {
			err = fmt.Errorf("%d runs by hand are complete, and om said so of %d", len(runs), least)
		}
		return err
	}
}

func frozen(want bool) func(*state.DB) error {
	return func(db *state.DB) error {
		_, is, err := db.Frozen(context.Background(), "cold")
		if err == nil && is != want {
			err = fmt.Errorf("frozen: %v, and om said it is %v", is, want)
		}
		return err
	}
}

// moment is what must be so after a power loss.
type moment struct {
	*disk
	clock    time.Time
	probes   strings.Builder
	began    []string                 // runs of which a process existed
	ends     map[string]task.RunState // of runs, that were in a journal durably
	promises map[string]*promise
}

// play goes through the first frames.
func (f *film) play(n int) *moment {
	f.Helper()
	m := &moment{disk: newDisk(f.state, f.base), ends: map[string]task.RunState{}, promises: map[string]*promise{}}
	for _, x := range f.frames[:n] {
		m.clock = x.clock
		m.probes.WriteString(x.probe)
		if run := f.runs[x.began]; run != "" {
			m.began = append(m.began, run)
		}
		if x.promise != nil {
			m.promises[x.promise.of] = x.promise
		}
		if err := m.do(x.change); err != nil {
			f.Fatal(err)
		}
		if x.what == "sync" && filepath.Base(filepath.Dir(x.path)) == "journal" {
			maps.Copy(m.ends, endsIn(m.names[x.path].lasts))
		}
	}
	return m
}

// cut lets the power go after the first frames, starts om on what is left on the disk, and looks.
func (f *film) cut(n int, chance *rand.Rand) {
	f.Helper()
	defer func() {
		if f.Failed() {
			f.Logf("seed %d: power loss after %d of %d frames, of which these are the last\n%s", f.seed, n, len(f.frames), f.tail(n))
		}
	}()
	m := f.play(n)
	folders, files := m.cut(chance)
	f.harm, f.hit = harm{}, nil
	f.restore(folders, files)
	f.write("probes", m.probes.String())
	f.at = m.clock
	f.mend()
	db := f.record()
	defer func() { _ = db.Close() }()
	if err := db.Check(context.Background()); err != nil {
		f.Error(err)
	}
	for _, p := range m.promises {
		if p.holds != nil {
			if err := p.holds(db); err != nil {
				f.Error(err)
			}
		}
	}
	for _, id := range m.began {
		if _, err := db.Run(context.Background(), id); err != nil {
			f.Errorf("run %s had a process, and is FORGOTTEN: %v", id, err)
		}
	}
	for id, end := range m.ends {
		if r, err := db.Run(context.Background(), id); err != nil || r.State != end {
			f.Errorf("run %s was %s, and is %q: %s: %v", id, end, r.State, r.Reason, err)
		}
	}
	f.account(n)
}

// restore makes the state folder what was found on the disk.
func (f *film) restore(folders []string, files map[string][]byte) {
	f.Helper()
	err := os.RemoveAll(f.state)
	for _, folder := range append([]string{f.state}, folders...) {
		err = errors.Join(err, os.MkdirAll(folder, 0o700))
	}
	for path, text := range files {
		err = errors.Join(err, os.WriteFile(path, text, 0o600))
	}
	if err != nil {
		f.Fatal(err)
	}
}

// account holds the slots, the runs and the probes against each other, as after a kill of everything.
func (f *film) account(n int) {
	f.Helper()
	h := f.read()
	for id, r := range h.runs {
		h.killed[r.PID] = true
		if r.Task.Service == "hand" {
			delete(h.runs, id)
		}
	}
	h.checkMarks()
	h.checkRuns()
	for id := range h.tasks {
		h.loose[id] = n < f.placed // the cursors may be lost with all else, and be placed later
		h.checkSlots(id)
		h.checkOrder(id)
	}
	h.checkLeft()
}

// tail tells the last frames before one.
func (f *film) tail(n int) string {
	var b strings.Builder
	for i := max(0, n-25); i < min(n+3, len(f.frames)); i++ {
		x := f.frames[i]
		switch {
		case x.probe != "":
			fmt.Fprintf(&b, "%d: probe %s", i, x.probe)
		case x.began != 0:
			fmt.Fprintf(&b, "%d: process %d becomes run %s\n", i, x.began, f.runs[x.began])
		case x.promise != nil:
			fmt.Fprintf(&b, "%d: om has said: %s\n", i, x.promise.of)
		default:
			fmt.Fprintf(&b, "%d: %s %s %s at %d, %d bytes\n", i, x.what, strings.TrimPrefix(x.path, f.state), strings.TrimPrefix(x.to, f.state), x.at, len(x.data))
		}
	}
	return b.String()
}

// TestPowerLoss lets the power go after changes that om makes on a disk, with all, none or any part of what was not
// synced, and starts om again: the record is whole, no run whose process existed is forgotten, none whose end was on
// the disk has another, what om has said is so, and each slot is accounted for.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	f := newFilm(t)
	for life := uint64(0); life == 0 || time.Since(begin).Minutes() < *minutes && !t.Failed(); life++ {
		f.live(9, f.random(life<<32))
		cuts, lost := f.cuts(25, f.random(life<<32+1)), 0
		for ; lost < len(cuts) && !t.Failed() && (*minutes == 0 || time.Since(begin).Minutes() < *minutes); lost++ {
			var chance *rand.Rand // nil for nothing that was not synced
			if lost%2 > 0 {
				chance = f.random(life<<32 + 2 + uint64(cuts[lost]))
			}
			f.cut(cuts[lost], chance)
		}
		t.Logf("%d power losses in a life of %d changes", lost, len(f.frames))
	}
}

// cuts chooses some moments, or where there is time all: first those when something was promised, or a process
// began, and then by chance.
func (f *film) cuts(some int, chance *rand.Rand) []int {
	telling := func(n int) bool { return n > 0 && (f.frames[n-1].promise != nil || f.frames[n-1].began != 0) }
	all := chance.Perm(len(f.frames) + 1)
	slices.SortStableFunc(all, func(a, b int) int {
		switch {
		case telling(a) == telling(b):
			return 0
		case telling(a):
			return -1
		}
		return 1
	})
	if *minutes > 0 {
		return all
	}
	// A third of those that tell, as there are many.
	first := slices.IndexFunc(all, func(n int) bool { return !telling(n) })
	return append(all[:min(some/slow/3, first)], all[first:min(first+some/slow, len(all))]...)
}
