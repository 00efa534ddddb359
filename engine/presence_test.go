package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// pair are two nodes of a service that is active where the file of that name is. Each has a record of its own.
type pair struct {
	*testing.T

	line  *timeline
	nodes [2]*virtual
	dir   string
	at    int // the node that has the service
}

func newPair(t *testing.T, keywords string) *pair {
	t.Helper()
	p := &pair{T: t, dir: t.TempDir(), line: &timeline{now: time.Date(2027, 3, 1, 1, 50, 0, 0, time.UTC)}}
	text := "[DEFAULT]\nnodes = n1 n2\n[app#0]\ncheck = test -e " + p.dir + "/{nodename}\n[task#0]\ncommand = true\nlog = none\n" + keywords
	p.nodes[0] = newVirtual(t, map[string]string{"s": text})
	p.nodes[1] = secondNode(t, p.nodes[0], p.line, "n2")
	p.move(0)
	p.minutes(2)
	return p
}

// move moves the service to a node; -1 for none.
func (p *pair) move(to int) {
	p.Helper()
	p.at = to
	for i := range p.nodes {
		file := filepath.Join(p.dir, fmt.Sprintf("n%d", i+1))
		err := os.RemoveAll(file)
		if i == to {
			err = os.WriteFile(file, nil, 0o644)
		}
		if err != nil {
			p.Fatal(err)
		}
	}
}

// until has time pass up to a moment, and a tick of each node in its second of each minute.
func (p *pair) until(at time.Time, nodes ...int) {
	for p.line.now.Before(at) {
		p.line.goTo(p.line.now.Add(time.Second))
		for _, i := range nodes {
			if p.line.now.Second() == 10+40*i {
				p.nodes[i].tickAt()
			}
		}
	}
}

func (p *pair) minutes(n int) { p.until(p.line.now.Add(time.Duration(n)*time.Minute), 0, 1) }

// starts are how many runs of a slot were started on each node.
func (p *pair) starts(slot time.Time) (n [2]int) {
	for i, v := range p.nodes {
		for _, s := range v.starts {
			if s.slot.Equal(slot) {
				n[i]++
			}
		}
	}
	return n
}

// decidedOn is what the record of a node says of a slot.
func (p *pair) decidedOn(i int, slot time.Time) (task.SlotDecision, string) {
	p.Helper()
	slots, err := p.nodes[i].Slots(p.Context(), "s", state.Query{})
	if err != nil {
		p.Fatal(err)
	}
	for _, s := range slots {
		if !slot.Before(s.At) && !slot.After(s.Last) {
			return s.Decision, s.Reason
		}
	}
	return "", ""
}

func onDay(d, hour, minute, second int) time.Time {
	return time.Date(2027, 3, d, hour, minute, second, 0, time.UTC)
}

const daily = "schedule = cron:0 2 * * *\ncatchup = last\n"

// A service without a record that goes along moves between a slot and the next tick of the node that it comes to: the
// slot ran on the one that it left, and does not run twice. Who may run twice runs.
func TestMovesBetweenSlotAndTick(t *testing.T) {
	for keywords, runs := range map[string]int{"": 0, "delivery = at-least-once\nidempotent = true\n": 1} {
		p := newPair(t, daily+keywords)
		slot := onDay(1, 2, 0, 0)
		p.until(onDay(1, 2, 0, 20), 0, 1)
		p.move(1)
		x, err := p.nodes[1].Explain(t.Context(), "s", "task#0", onDay(1, 2, 0, 50))
		if err != nil || x.Run != (runs > 0) {
			t.Errorf("%q: explain: %+v, %v", keywords, x, err)
		}
		p.minutes(3)
		if got := p.starts(slot); got != [2]int{1, runs} {
			t.Errorf("%q: starts %v", keywords, got)
		}
		if d, why := p.decidedOn(1, slot); runs == 0 && (d != task.SlotMissed || why != elsewhereText) {
			t.Errorf("%s %q", d, why)
		}
		p.until(onDay(2, 2, 5, 0), 0, 1)
		if got := p.starts(onDay(2, 2, 0, 0)); got != [2]int{0, 1} {
			t.Errorf("%q: starts of the next slot %v", keywords, got)
		}
	}
}

// The slots of a time in which nobody looked may have run elsewhere too: the service may have been there and come back.
func TestWasElsewhereMeanwhile(t *testing.T) {
	p := newPair(t, daily)
	p.until(onDay(2, 1, 0, 0), 0, 1)
	p.move(1) // n1 is down
	p.until(onDay(2, 3, 0, 0), 1)
	p.move(0) // and is back
	p.minutes(5)
	if got := p.starts(onDay(2, 2, 0, 0)); got != [2]int{0, 1} {
		t.Errorf("starts %v", got)
	}
	if d, why := p.decidedOn(0, onDay(2, 2, 0, 0)); d != task.SlotMissed || why != elsewhereText {
		t.Errorf("%s %q", d, why)
	}
	p.until(onDay(3, 2, 5, 0), 0, 1)
	if got := p.starts(onDay(3, 2, 0, 0)); got != [2]int{1, 0} {
		t.Errorf("starts of the next slot %v", got)
	}
}

// A service that has moved a while before its slot runs where it is, and an edit, a thaw and a new file make no difference.
func TestSeenBeforeItsSlot(t *testing.T) {
	for name, act := range map[string]func(p *pair) error{
		"moved": func(p *pair) error { p.move(1); return nil },
		"edited": func(p *pair) error {
			text, err := os.ReadFile(filepath.Join(p.nodes[0].ConfigDir, "s.conf"))
			p.nodes[0].file("s", strings.Replace(string(text), "0 2 *", "0 3 *", 1))
			return err
		},
		"thawed": func(p *pair) error {
			if err := p.nodes[0].Freeze(p.Context(), "s"); err != nil {
				return err
			}
			p.minutes(3)
			return p.nodes[0].Thaw(p.Context(), "s")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, daily)
			p.until(onDay(2, 1, 40, 0), 0, 1)
			if err := act(p); err != nil {
				t.Fatal(err)
			}
			p.until(onDay(2, 3, 5, 0), 0, 1)
			slot := onDay(2, 2, 0, 0)
			if name == "edited" {
				slot = onDay(2, 3, 0, 0)
			}
			if got := p.starts(slot); got[p.at] != 1 || got[1-p.at] != 0 {
				t.Errorf("starts %v", got)
			}
			for i := range p.nodes {
				if d, why := p.decidedOn(i, slot); d == task.SlotMissed {
					t.Errorf("node %d: %s", i, why)
				}
			}
		})
	}
}

// Ticks that come every five minutes only, and say so or not, still run what is due.
func TestPresenceWithRareTicks(t *testing.T) {
	for _, period := range []time.Duration{time.Minute, 5 * time.Minute} {
		p := newPair(t, daily)
		for p.line.now.Before(onDay(2, 2, 30, 0)) {
			p.line.goTo(p.line.now.Add(5 * time.Minute))
			for _, v := range p.nodes {
				v.every = period
				v.tickAt()
			}
		}
		if got := p.starts(onDay(2, 2, 0, 0)); got != [2]int{1, 0} {
			d, why := p.decidedOn(0, onDay(2, 2, 0, 0))
			t.Errorf("period %s: starts %v, %s: %s", period, got, d, why)
		}
	}
}

// However a service moves, and ticks are late or do not come, no slot runs on both nodes; where it stays each slot runs.
func TestMovesAtRandom(t *testing.T) {
	random, n := seeded(t)
	p := newPair(t, "schedule = cron:*/3 * * * *\ncatchup = all\noverlap = allow\n")
	stays := map[time.Time]int{} // slots before and after which it does not move, and ticks come, and where it is
	begin := p.line.now
	next := begin.Add(time.Minute)
	var ticked [2]time.Time
	late := [2]map[time.Time]bool{{}, {}} // minutes without a tick that is not long ago
	for range n {
		to := random.IntN(3) - 1
		p.move(to)
		began := next
		next = next.Add(time.Duration(1+random.IntN(25*60)) * time.Second)
		for p.line.now.Before(next) {
			p.line.goTo(p.line.now.Add(time.Second))
			for i, v := range p.nodes {
				if at := p.line.now.Second(); at == 10+40*i && random.IntN(8) > 0 || random.IntN(100) == 0 {
					v.tickAt()
					ticked[i] = p.line.now
				}
				late[i][p.line.now.Truncate(time.Minute)] = p.line.now.Sub(ticked[i]) > 2*time.Minute
			}
		}
		for slot := began.Truncate(3 * time.Minute); slot.Before(next); slot = slot.Add(3 * time.Minute) {
			seen := to >= 0 && slot.Sub(began) > 10*time.Minute && next.Sub(slot) > 8*time.Minute
			for at := slot.Add(-10 * time.Minute); seen && at.Before(slot.Add(8*time.Minute)); at = at.Add(time.Minute) {
				seen = !late[to][at]
			}
			if seen {
				stays[slot] = to
			}
		}
	}
	p.minutes(10)
	for slot := begin.Truncate(3 * time.Minute); slot.Before(next); slot = slot.Add(3 * time.Minute) {
		got := p.starts(slot)
		if got[0]+got[1] > 1 {
			t.Errorf("slot %s was started %v times", slot, got)
		}
		if at, stays := stays[slot]; stays && got[at] != 1 {
			d, why := p.decidedOn(at, slot)
			t.Errorf("slot %s was started %v times, and it was on node %d: %s %s", slot, got, at, d, why)
		}
	}
	t.Logf("%d slots had to run", len(stays))
}

// seeded is a source of chance that is told, and how often to try: more often with a seed of its own.
func seeded(t *testing.T) (*rand.Rand, int) {
	t.Helper()
	from, n := *seed, 150
	if from == 0 {
		from, n = uint64(time.Now().UnixNano()), 25
	}
	t.Logf("-seed=%d", from)
	return rand.New(rand.NewPCG(from, 0)), n
}
