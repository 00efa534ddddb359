package engine

import (
	"sync"
	"time"

	"om/service"
	"om/task"
)

// begun is where the cursor of a task begins that is new, or has another schedule, and when it is due first.
type begun struct{ at, next time.Time }

// beginnings are those of tasks that were read: the tasks of a host mostly share few schedules.
type beginnings struct {
	mu  sync.RWMutex
	now time.Time
	all map[string]begun // by the digests of plans
}

// maxBeginnings bounds what a host keeps whose tasks all differ.
const maxBeginnings = 10_000

func (b *beginnings) known(digest string, now time.Time) (begun, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	at, known := b.all[digest]
	return at, known && b.now.Equal(now)
}

func (b *beginnings) keep(digest string, now time.Time, at begun) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil || !b.now.Equal(now) {
		b.all, b.now = map[string]begun{}, now
	}
	if len(b.all) < maxBeginnings {
		b.all[digest] = at
	}
}

// begin puts the cursor of a task that is new, or has another schedule, behind every slot up to now: none of them fires by
// itself.
func (s *scheduler) begin(svc *service.Service, t *task.Task, c *task.Cursor) {
	ahead := s.ahead[t.ID]
	_, left := s.leftOf(t.ID)
	usual := ahead.IsZero() && !left && s.sim == nil
	if at, known := s.firsts.known(c.Digest, s.now); known && usual {
		c.At, c.Next = at.at, at.next
		return
	}
	cal := s.known(t)
	c.At = later(s.seen(cal), ahead)
	s.takeUp(c)
	c.Next = nextLook(svc, t, cal, *c)
	// What is spread, or drawn, is another moment for each task with the same plan.
	if usual && cal != nil && t.Spread == 0 && !t.Random && !cal.Seeded() {
		s.firsts.keep(c.Digest, s.now, begun{c.At, c.Next})
	}
}
