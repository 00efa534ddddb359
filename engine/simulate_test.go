package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"om/task"
)

// simulated is a service with tasks of all kinds, in a zone with summer time.
const simulated = `[DEFAULT]
cwd = /
[task#night]
command = true
schedule = 02:30
timezone = Europe/Paris
[task#hour]
command = true
schedule = cron:0 0-3,12 * * *
timezone = America/New_York
[task#window]
command = true
schedule = 01:00-05:00
timezone = Europe/Paris
[task#month]
command = true
schedule = cron:15 3 1 * *
timezone = Europe/Paris
[task#gap]
command = true
schedule = cron:15,45 2 * * *
timezone = Europe/Paris
dst_gap = skip
dst_overlap = both
[task#shift]
command = true
schedule = 02:10
timezone = America/New_York
dst_gap = shift
[task#week]
command = true
schedule = calendar:Mon *-*-* 00:00:00 America/Havana
catchup = all
[task#long]
command = true
schedule = cron:0 0,6 * * *
timezone = Europe/Paris
overlap = queue-one
[task#skip]
command = true
schedule = cron:0 0,6,12 * * *
timezone = Europe/Paris
[task#fail]
command = true
schedule = cron:0 5 * * *
timezone = Europe/Paris
retries = 2
retry_delay = 1m
[task#a]
command = true
schedule = cron:0 4 * * *
lock = tape
[task#b]
command = true
schedule = cron:10 4 * * *
lock = tape
overlap = queue-all
`

// simulation is a year on the node.
func simulation(t *testing.T) *virtual {
	t.Helper()
	v := newVirtual(t, map[string]string{"s": simulated})
	v.last = map[string]time.Duration{
		"task#night": 3 * time.Second, "task#long": 6*time.Hour + 3*time.Minute + 10*time.Second, "task#skip": 6*time.Hour + 50*time.Minute, "task#fail": 10 * time.Second,
		"task#a": 11*time.Minute + 15*time.Second,
	}
	v.fails = map[string]int{"task#fail": 2}
	return v
}

// simulatedDays have the clock changes of Europe, of the United States and of Cuba; the short ones those of spring.
const (
	simulatedDays = 366
	shortDays     = 100
)

// firstDay is when the simulation begins.
func firstDay() time.Time { return time.Date(2027, 1, 25, 12, 0, 30, 0, time.UTC) }

// inTicks is the year under a timer that ticks each minute, late, doubled, beside another, ended on the way or not at all. Ticks
// without anything to do are left out.
func inTicks(t *testing.T, days int, random *rand.Rand) *virtual {
	t.Helper()
	v := simulation(t)
	line := &timeline{now: firstDay()}
	v.Now, v.after = func() time.Time { return line.now }, line.after
	next := v.tickAt().Next
	for end := firstDay().AddDate(0, 0, days); line.now.Before(end); {
		at := line.now.Truncate(time.Minute).Add(time.Minute)
		if len(line.todo) > 0 {
			slices.SortStableFunc(line.todo, func(a, b todo) int { return a.at.Compare(b.at) })
		}
		for !next.IsZero() && next.After(at) && (len(line.todo) == 0 || line.todo[0].at.After(at)) {
			at = at.Add(time.Minute)
		}
		at = at.Add(time.Duration(random.IntN(20)) * time.Second)
		if random.IntN(10) == 0 {
			at = at.Add(time.Minute) // one was left out
		}
		line.goTo(at)
		switch random.IntN(10) {
		case 0:
			v.cutTick(2 + random.Int64N(60))
		case 1:
			v.twoTicks(2 + random.Int64N(10))
		}
		next = v.tickAt().Next
		if random.IntN(5) == 0 {
			next = v.tickAt().Next // doubled
		}
	}
	return v
}

// cutTick is a tick that is ended when it has asked for the time so often.
func (v *virtual) cutTick(after int64) {
	v.Helper()
	ctx, cut := context.WithCancel(v.Context())
	defer v.atTime(after, cut)()
	o := v.options()
	o.Begin = func() (context.Context, context.CancelFunc) { return ctx, cut }
	if r, err := v.Tick(v.Context(), o); err != nil && !errors.Is(err, context.Canceled) {
		v.Errorf("a tick that was ended: %+v, %v", r, err)
	}
}

// twoTicks is a tick beside which another begins, and leaves all to it.
func (v *virtual) twoTicks(after int64) {
	v.Helper()
	defer v.atTime(after, func() {
		if r, err := v.Tick(v.Context(), v.options()); err != nil || r.Deferred == "" {
			v.Errorf("a tick beside another: %+v, %v", r, err)
		}
	})()
	v.tickAt()
}

// atTime does something when the time is asked for that often from now on, until it is undone.
func (v *virtual) atTime(times int64, do func()) (undo func()) {
	now := v.Now
	var n atomic.Int64
	v.Now = func() time.Time {
		if n.Add(1) == times {
			do()
		}
		return now()
	}
	return func() { v.Now = now }
}

// inLoop is the year under the daemon, in a bubble in which time goes on by itself.
func inLoop(t *testing.T, days int) *virtual {
	t.Helper()
	v := simulation(t)
	synctest.Test(t, func(t *testing.T) {
		turns := v.loopFor(t, time.Duration(days)*24*time.Hour, 6*time.Hour)
		time.Sleep(12 * time.Hour) // the ends of the last runs are written
		t.Logf("%d turns", turns)
	})
	return v
}

// loopFor has the loop go on for some time of a bubble, from the first day on, and returns how often it turned.
func (v *virtual) loopFor(t *testing.T, d, rhythm time.Duration) (turns int) {
	t.Helper()
	if v.Now == nil {
		shift := time.Until(firstDay())
		v.Now = func() time.Time { return time.Now().Add(shift) }
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "inotify"), events: make(chan int, 1)} // nobody reads it: that would stop the time
	defer w.close()
	v.woken.Store(w)
	v.after = func(d time.Duration, do func()) {
		go func() {
			time.Sleep(d)
			do()
			v.woken.Load().wake(wakeEnds) // that of the loop that is at work now
		}()
	}
	// It ends before what is due at its end: a turn that begins then would be cut short somewhere, by chance.
	const moment = time.Nanosecond
	ctx, stop := context.WithTimeout(t.Context(), d-moment)
	defer stop()
	if err := os.MkdirAll(v.journals(), 0o700); err != nil {
		t.Fatal(err)
	}
	l := &loop{Engine: v.Engine, watch: w, open: map[string]bool{}, rhythm: rhythm, o: LoopOptions{
		TickOptions: v.options(),
		Told: func(r Turn, err error) {
			turns++
			for _, p := range r.Problems {
				t.Errorf("%s: %s", v.Now(), p)
			}
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", v.Now(), err)
			}
		},
	}}
	l.endings.wake = func() { w.wake(wakeEnds) }
	if err := l.run(ctx); err != nil {
		t.Error(err)
	}
	l.endings.wait(func() {})
	time.Sleep(moment)
	return turns
}

// decisions are what was decided about each slot, up to a moment.
func decisions(slots map[task.ID][]task.Slot, before time.Time) map[string]string {
	all := map[string]string{}
	for id, rows := range slots {
		for _, s := range rows {
			if s.At.Before(before) {
				all[fmt.Sprintf("%s %s", id, s.At.UTC().Format(time.RFC3339))] = fmt.Sprintf("%s up to %s (%d)", s.Decision, s.Last.UTC().Format(time.RFC3339), s.Count)
			}
		}
	}
	return all
}

// TestTicksAndLoop runs the same scenario under ticks and under the daemon's loop, over a year with the days on
// which clocks are set: both decide the same about each slot, and account for all.
func TestTicksAndLoop(t *testing.T) {
	days := simulatedDays
	if testing.Short() {
		days = shortDays
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./engine -run TestTicksAndLoop -args -seed %d", *seed, *seed)
	ticks, loop := inTicks(t, days, rand.New(rand.NewPCG(*seed, 0))), inLoop(t, days)
	before := firstDay().AddDate(0, 0, days-1)
	a, _ := ticks.onRecord()
	b, cursors := loop.onRecord()
	one, other := decisions(a, before), decisions(b, before)
	for _, key := range slices.Sorted(maps.Keys(one)) {
		if one[key] != other[key] {
			t.Errorf("%s: %s under ticks, %q under the loop", key, one[key], other[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(other)) {
		if one[key] == "" {
			t.Errorf("%s: %s under the loop only", key, other[key])
		}
	}
	tasks, cals := loop.nexts("s")
	_, early := simulation(t), 0
	for id := range tasks {
		account(t, cals[id], b[id], firstDay(), cursors[id].At)
	}
	for _, v := range []*virtual{ticks, loop} {
		starts := map[string]int{}
		for _, s := range v.starts {
			key := fmt.Sprintf("%s %s attempt %s", s.task, s.slot, s.attempt)
			if starts[key]++; starts[key] > 1 {
				t.Errorf("%s was started twice", key)
			}
			if s.at.Before(s.slot) {
				early++
			}
			if late := s.at.Sub(s.slot); v == loop && s.attempt == "1" && s.task.RID == "task#night" && late > time.Second {
				t.Errorf("%s was started %s late by the loop", key, late)
			}
		}
		t.Logf("%d slots, %d starts", len(one), len(v.starts))
	}
	if early > 0 {
		t.Errorf("%d runs were started before their slot", early)
	}
}
