package schedule

import "time"

// Gap is the shortest time between the first slots of some day; 0 where there are not two. A schedule that has slots close to
// each other mostly has them there. The Parser keeps it: the files of a fleet have the same schedules.
func (p *Parser) Gap(s *Schedule) time.Duration {
	p.mu.Lock()
	gap, known := p.gaps[s]
	p.mu.Unlock()
	if known {
		return gap
	}
	gap = shortestGap(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gaps == nil || len(p.gaps) >= maxShared {
		p.gaps = map[*Schedule]time.Duration{}
	}
	p.gaps[s] = gap
	return gap
}

func shortestGap(s *Schedule) (shortest time.Duration) {
	const slots = 4
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	last, ok := s.Next(at, at)
	for range slots {
		if !ok {
			break
		}
		var next time.Time
		if next, ok = s.Next(last, last); ok && (shortest == 0 || next.Sub(last) < shortest) {
			shortest = next.Sub(last)
		}
		last = next
	}
	return shortest
}
