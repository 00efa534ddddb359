package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/state"
	"om/task"
)

// gathering is so many tasks that are due at once, and what each supervisor was given, in turn.
type gathering struct {
	*virtual
	line  *timeline
	n     int
	hands [][]string // the runs, by the supervisor
	known []int      // how many runs were on record when the last one was given some
	fails map[int]error
}

func newGathering(t *testing.T, n int) *gathering {
	t.Helper()
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "[task#%d]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:* * * * *\n", i)
	}
	c := &gathering{n: n, fails: map[int]error{}}
	c.virtual, c.line = atMinute(t, text.String())
	return c
}

// tick has them started by supervisors of which the i-th fails as c.fails says.
func (c *gathering) tick() error {
	c.Helper()
	o := c.options()
	detach := o.Detach
	o.Detach = func(journals string) (*Hands, error) {
		h, err := detach(journals)
		if err != nil {
			return nil, err
		}
		i, give := len(c.hands), h.Give
		c.hands = append(c.hands, nil)
		if errors.Is(c.fails[i], unix.EPIPE) {
			h.PID, h.PIDStart = 1<<30, 1
		}
		h.Give = func(jobs ...task.Job) error {
			if i == crewSize()-1 {
				c.known = append(c.known, len(c.runs()))
			}
			for _, j := range jobs {
				c.hands[i] = append(c.hands[i], j.RunID)
			}
			if err := c.fails[i]; err != nil {
				return err
			}
			return give(jobs...)
		}
		return h, nil
	}
	_, err := c.Tick(context.Background(), o)
	if err != nil && len(c.fails) == 0 {
		c.Fatal(err)
	}
	return err
}

func (c *gathering) runs() []task.Run {
	c.Helper()
	db, err := c.NodeRecord(context.Background())
	if err != nil {
		c.Fatal(err)
	}
	runs, err := db.Runs(context.Background(), state.Query{Limit: 10 * c.n})
	if err != nil {
		c.Fatal(err)
	}
	return runs
}

// TestHandover: each run of a crowd is given once, to the supervisor that the record names, and the last supervisor has
// nothing to do before all is decided.
func TestHandover(t *testing.T) {
	c := newGathering(t, 200)
	_ = c.tick()
	given := map[string]bool{}
	for _, runs := range c.hands {
		for _, id := range runs {
			if given[id] {
				t.Errorf("run %s was given twice", id)
			}
			given[id] = true
		}
	}
	if len(given) != c.n || len(c.starts) != c.n {
		t.Errorf("%d runs were given and %d started, of %d", len(given), len(c.starts), c.n)
	}
	for _, n := range c.known {
		if n != c.n {
			t.Errorf("the last supervisor was given runs when %d of %d were decided", n, c.n)
		}
	}
	if crewSize() > 1 && len(c.hands[0]) == c.n {
		t.Error("one supervisor was given all")
	}
}

// TestHandoverRefused: what a supervisor refuses that had it held back is lost, and told; the others' runs start, and the
// next slots do.
func TestHandoverRefused(t *testing.T) {
	c := newGathering(t, 200)
	last := crewSize() - 1
	c.fails[last] = errors.New("no memory")
	if err := c.tick(); err == nil || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("%v, wanted what the supervisor says", err)
	}
	c.checkFates(task.Lost, last)
	clear(c.fails)
	c.goOn()
}

// TestHandoverDied: what was held back for a supervisor that is dead by then is marked lost by the next tick, and never run twice.
func TestHandoverDied(t *testing.T) {
	c := newGathering(t, 200)
	last := crewSize() - 1
	c.fails[last] = unix.EPIPE
	if err := c.tick(); !errors.Is(err, unix.EPIPE) {
		t.Errorf("%v, wanted that the supervisor does not answer", err)
	}
	clear(c.fails)
	c.goOn()
	c.checkFates(task.Lost, last)
}

// goOn has all tasks run in the next minute.
func (c *gathering) goOn() {
	c.Helper()
	before := len(c.starts)
	c.line.goTo(c.line.now.Add(time.Minute))
	hands := c.hands
	c.hands, c.known = nil, nil
	_ = c.tick()
	c.hands = hands
	if n := len(c.starts) - before; n != c.n {
		c.Errorf("%d of %d tasks run in the next minute", n, c.n)
	}
}

// checkFates holds that the runs of the first slot which a supervisor had are lost, and the others are not.
func (c *gathering) checkFates(fate task.RunState, of int) {
	c.Helper()
	lost := map[string]bool{}
	for _, id := range c.hands[of] {
		lost[id] = true
	}
	first := 0
	for _, r := range c.runs() {
		if r.Slot.Equal(time.Date(2027, 3, 1, 12, 1, 0, 0, time.UTC)) {
			first++
			if lost[r.ID] != (r.State == fate) {
				c.Errorf("run %s of %s: %s %s; its supervisor had it: %v", r.ID, r.Task, r.State, r.Reason, lost[r.ID])
			}
		}
	}
	if first != c.n || len(lost) == 0 {
		c.Errorf("%d of %d runs are on record, of which %d were given to supervisor %d", first, c.n, len(lost), of)
	}
}
