package engine

import (
	"sync"
	"time"

	"om/service"
	"om/task"
)

// begun is what the plan of a task comes to: where the cursor of one begins that is new, or has another schedule, and when it
// is due first. at is zero where that is not known, or another moment for each task with the plan.
type begun struct {
	digest   string
	at, next time.Time
}

// beginnings are those of tasks that were read: the tasks of a host mostly share few schedules.
type beginnings struct {
	mu  sync.RWMutex
	now time.Time
	all map[string]begun // by the texts of plans
}

// maxBeginnings bounds what a host keeps whose tasks all differ.
const maxBeginnings = 10_000

// of returns what is known of the plans of a service's tasks, in their order. The digests are.
func (b *beginnings) of(svc *service.Service, now time.Time) []begun {
	all := make([]begun, len(svc.Tasks))
	var room [256]byte
	b.mu.RLock()
	defer b.mu.RUnlock()
	for i := range all {
		text := appendPlan(room[:0], svc, &svc.Tasks[i])
		if first, known := b.all[string(text)]; known && b.now.Equal(now) {
			all[i] = first
		} else {
			all[i].digest = digestOf(text)
		}
	}
	return all
}

func (b *beginnings) keep(svc *service.Service, t *task.Task, now time.Time, first begun) {
	text := string(appendPlan(nil, svc, t))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil || !b.now.Equal(now) {
		b.all, b.now = map[string]begun{}, now
	}
	if len(b.all) < maxBeginnings {
		b.all[text] = first
	}
}

// begin puts the cursor of a task that is new, or has another schedule, behind every slot up to now: none of them fires by
// itself. usual is for a task of which nothing else is known.
func (s *scheduler) begin(svc *service.Service, t *task.Task, c *task.Cursor, first begun, usual bool) {
	if usual && !first.at.IsZero() {
		c.At, c.Next = first.at, first.next
		return
	}
	cal := s.known(t)
	c.At = later(s.seen(cal), s.ahead[t.ID])
	s.takeUp(c)
	c.Next = nextLook(svc, t, cal, *c)
	// What is spread, or drawn, is another moment for each task with the same plan.
	if usual && cal != nil && t.Spread == 0 && !t.Random && !cal.Seeded() {
		s.firsts.keep(svc, t, s.now, begun{c.Digest, c.At, c.Next})
	}
}
