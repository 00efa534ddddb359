package schedule

import "time"

// Until returns the end of the time range that the slot is of, before which a run for it may begin; ok is
// false for a slot that is an instant.
func (s *Schedule) Until(slot time.Time) (end time.Time, ok bool) {
	u := slot.Unix()
	for i := range s.clauses {
		c := &s.clauses[i]
		if c.kind != window || c.is(point) {
			continue
		}
		local := s.windowEnd(c, u)
		if local <= never {
			continue
		}
		if reached := s.zone.time(s.zone.reach(u, local)); !ok || reached.After(end) {
			end, ok = reached, true
		}
	}
	return end, ok
}
