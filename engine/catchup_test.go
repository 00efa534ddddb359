package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"om/task"
)

// TestCatchup leaves a node down for a time, and holds what it makes up for against the rules, written down here
// a second time.
func TestCatchup(t *testing.T) {
	downs := []time.Duration{
		time.Minute, 3 * time.Minute, 20 * time.Minute, 59 * time.Minute, 3 * time.Hour, 26 * time.Hour,
		8 * 24 * time.Hour, 40 * 24 * time.Hour, 400 * 24 * time.Hour,
	}
	schedules := []string{
		"cron:* * * * *", "cron:*/5 * * * *", "cron:0 * * * *", "cron:30 2 * * *", "cron:15 4 * * 1", "cron:0 0 1 * *", "calendar:*-*-* *:07:30",
	}
	policies := []string{"", "catchup = none", "catchup = last", "catchup = all", "catchup = all\ncatchup_limit = 3\ncatchup_window = 6h", "catchup = last\ncatchup_window = 40m"}
	var text strings.Builder
	for i, s := range schedules {
		for j, p := range policies {
			fmt.Fprintf(&text, "[task#s%dp%d]\ncommand = true\ncwd = /\nlog = none\ntimezone = Europe/Paris\nschedule = %s\n%s\n", i, j, s, p)
		}
	}
	for _, down := range downs {
		// With many at once the number of starts is told exactly; with few, later slots take the place of some.
		for _, parallel := range []int{1000, 3} {
			t.Run(fmt.Sprintf("%s-%d", down, parallel), func(t *testing.T) { catchup(t, text.String(), down, parallel) })
		}
	}
}

// catchup leaves a node down once.
func catchup(t *testing.T, text string, down time.Duration, parallel int) {
	t.Helper()
	v := newVirtual(t, map[string]string{"s": text})
	v.Node.StartupParallel = parallel
	line := &timeline{now: time.Date(2027, 2, 27, 9, 41, 10, 0, time.UTC)}
	v.Now, v.after = func() time.Time { return line.now }, line.after
	v.tickAt()
	_, begin := v.onRecord()
	line.goTo(line.now.Add(down))
	back := line.now
	idle := 0
	for i := 0; i < 150; i++ {
		before := allocations()
		r := v.tickAt()
		if n := allocations() - before; i == 0 && n > mostPerTask*uint64(strings.Count(text, "[task#")) {
			t.Errorf("the first tick asked for memory %d times, after %s", n, down)
		}
		most := 0
		for _, run := range r.Started {
			if run.Origin == task.Catchup {
				most++
			}
		}
		if most > parallel {
			t.Errorf("at %s %d runs of the past were started", v.Now(), most)
		}
		if idle++; most > 0 {
			idle = 0
		}
		if idle == 3 {
			break
		}
		line.goTo(line.now.Add(31 * time.Second))
	}
	slots, end := v.onRecord()
	tasks, cals := v.nexts("s")
	for id, x := range tasks {
		cal, from := cals[id], begin[id].At
		account(t, cal, slots[id], from, end[id].At)
		var of []start
		for _, s := range v.starts {
			if s.task == id {
				of = append(of, s)
			}
		}
		m := model{t: t, task: x, starts: of, from: from, back: back, end: line.now}
		for at, ok := cal.Next(from, from); ok && !at.After(line.now); at, ok = cal.Next(at, at) {
			m.slots = append(m.slots, at)
		}
		next, ok := cal.Next(line.now, line.now)
		if ok {
			m.slots = append(m.slots, next)
		}
		m.check()
		if n := m.past(); parallel == 1000 && n != m.wanted(x.Plan.Catchup) {
			t.Errorf("%s: %d slots of the past were started, wanted %d: %q, %+v", id, n, m.wanted(x.Plan.Catchup), x.Schedule, x.Plan)
		}
	}
}

// model is the rules of catching up, by counting.
type model struct {
	t               *testing.T
	task            task.Task
	slots           []time.Time // from the first to the one after the end
	starts          []start
	from, back, end time.Time
}

// onTimeTicks is how late a slot may be seen and still be on time, with ticks a minute apart.
const onTimeTicks = 2 * time.Minute

func (m *model) check() {
	p, policy := m.task.Plan, m.task.Plan.Catchup
	index := map[int64]int{}
	for i, s := range m.slots {
		index[s.Unix()] = i
	}
	last := -1
	for _, s := range m.starts {
		i, ok := index[s.slot.Unix()]
		switch {
		case !ok:
			m.t.Errorf("%s: started for %s, which is no slot", s.task, s.slot)
			return
		case i <= last:
			m.t.Errorf("%s: slot %s was started after a later one", s.task, s.slot)
		}
		last = i
		of := policy
		if of == "" {
			if of = "none"; i+1 < len(m.slots) && m.slots[i+1].Sub(m.slots[i]) >= time.Hour {
				of = "last"
			}
		}
		late := s.at.Sub(s.slot)
		newest := i+1 == len(m.slots) || m.slots[i+1].After(s.at)
		switch {
		case of != "all" && !newest:
			m.t.Errorf("%s (%s): slot %s was started at %s, when it was not the newest", s.task, of, s.slot, s.at)
		case of == "none" && late > onTimeTicks:
			m.t.Errorf("%s (none): slot %s was made up for at %s", s.task, s.slot, s.at)
		case p.CatchupWindow > 0 && late > max(p.CatchupWindow, onTimeTicks) && of != "all":
			m.t.Errorf("%s: slot %s was started %s late, the window is %s", s.task, s.slot, late, p.CatchupWindow)
		}
	}
}

// past is how many slots of before the node came back were started.
func (m *model) past() (n int) {
	for _, s := range m.starts {
		if !s.slot.After(m.back) {
			n++
		}
	}
	return n
}

// wanted is how many of the slots before the node came back are started: the newest, or as many as are
// made up for.
func (m *model) wanted(policy string) int {
	p := m.task.Plan
	var past []time.Time
	for _, s := range m.slots {
		if !s.After(m.back) {
			past = append(past, s)
		}
	}
	if len(past) == 0 {
		return 0
	}
	newest, next := past[len(past)-1], m.slots[len(past)]
	late := m.back.Sub(newest)
	if policy == "" {
		if policy = "none"; next.Sub(newest) >= time.Hour {
			policy = "last"
		}
	}
	in := func(s time.Time) bool { return p.CatchupWindow == 0 || m.back.Sub(s) <= p.CatchupWindow }
	switch {
	case late <= onTimeTicks && policy != "all":
		return 1
	case policy == "none", late > onTimeTicks && !in(newest):
		return 0
	case policy == "last":
		return 1
	}
	n := 1
	for n < len(past) && n < p.CatchupLimit && in(past[len(past)-1-n]) {
		n++
	}
	return n
}

// mostPerTask is how often the first tick may ask for memory for each task, however many slots were missed: 337 times after 400
// days, and 335 after 40.
const mostPerTask = 500

// allocations is how often this process has asked for memory: it grows with what is looked at.
func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
