package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"om/service"
	"om/task"
)

// spreads are the values of the keyword spread that are tried, the smallest first.
func spreads() []time.Duration {
	return []time.Duration{
		30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour,
	}
}

// propose looks for the smallest spread with which the tasks of a collision would not have met at its first time, by the
// schedules that they have with it. No task gets one that is longer than half the time between two of its slots. Where none is
// enough, a stampede is given the one that leaves the fewest in a minute.
func (c *collider) propose(n *service.Node, x *Collision, enough func(starts []openRun) int, want int) {
	var best time.Duration
	least := enough(c.startsWith(n, x.who, x.from, 0))
	for _, spread := range spreads() {
		if least <= want {
			break
		}
		if left := enough(c.startsWith(n, x.who, x.from, spread)); left < least {
			best, least = spread, left
		}
	}
	if best == 0 || least > want && x.Kind != Stampede {
		return
	}
	x.Spread = shortest(best)
	x.Then = fmt.Sprintf("then at most %d at once", least)
	if x.Kind == Stampede {
		x.Then = fmt.Sprintf("then at most %d in a minute", least)
	}
	x.Commands = c.commands(x.who, best)
}

// shortest is a duration as people write it in a file.
func shortest(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// mayHave says whether there is room for a spread between the slots of a task, and it has none that is as long.
func (b *booked) mayHave(spread time.Duration) bool {
	return b.t.Spread < spread && (b.gap == 0 || spread <= b.gap/2)
}

// startsWith are the starts of some tasks from a moment on, had those this spread that may have it.
func (c *collider) startsWith(n *service.Node, who []int, from time.Time, spread time.Duration) (starts []openRun) {
	for _, i := range who {
		b := &c.tasks[i]
		t := b.t
		begin := from.Add(-t.Spread)
		if b.mayHave(spread) {
			t.Spread = spread
		}
		cal, err := n.Calendar(&t, n.Seed(&t))
		if err != nil {
			continue
		}
		if at, ok := cal.Next(begin.Add(-time.Second), begin); ok {
			starts = append(starts, openRun{t.ID, at, at.Add(max(b.took, time.Second))})
		}
	}
	slices.SortFunc(starts, func(x, y openRun) int { return x.start.Compare(y.start) })
	return starts
}

// inMinute is how many of some runs start in the same minute at most.
func inMinute(starts []openRun) int {
	var at []time.Time
	for _, r := range starts {
		at = append(at, r.start)
	}
	return most(at, time.Minute)
}

// atOnce is how many of some runs are in progress at once at most. They are in the order of their starts.
func atOnce(starts []openRun) (n int) {
	var open []openRun
	for _, r := range starts {
		open = slices.DeleteFunc(open, func(o openRun) bool { return !o.end.After(r.start) })
		open = append(open, r)
		n = max(n, len(open))
	}
	return n
}

// commands set the spread of the tasks that may have it, a command for each service.
func (c *collider) commands(who []int, spread time.Duration) (all []string) {
	var services []string
	words := map[string][]string{}
	for _, i := range who {
		t := &c.tasks[i].t
		if !c.tasks[i].mayHave(spread) {
			continue
		}
		if words[t.ID.Service] == nil {
			services = append(services, t.ID.Service)
			words[t.ID.Service] = []string{"om", t.ID.Service, "set"}
		}
		words[t.ID.Service] = append(words[t.ID.Service], t.ID.RID+".spread="+shortest(spread))
	}
	for _, name := range services {
		all = append(all, task.Quote(words[name]))
	}
	return all
}
