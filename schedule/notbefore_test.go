package schedule_test

import (
	"testing"
	"time"

	"om/schedule"
)

// TestNotBeforeInterval: an interval goes by the last run also where not_before is later. Next, Latest and Backlog say the same of it.
func TestNotBeforeInterval(t *testing.T) {
	for _, r := range []struct{ text, last, notBefore, first string }{
		{"@10m", "2026-03-01T05:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"}, // it is over long since
		{"@10m", "2026-03-01T11:55:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z"}, // it is over later
		{"@10m", "2026-03-01T12:30:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:40:00Z"},
		{"@1d", "2026-03-01T05:00:00Z", "2026-03-01T12:00:00Z", "2026-03-02T05:00:00Z"},
		{"@1d", "2026-02-01T05:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"},
		{"*", "2026-02-01T05:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"},
		{"02:00-04:00@30m", "2026-02-28T03:59:00Z", "2026-03-01T03:00:00Z", "2026-03-01T03:00:00Z"},
		{"@every 1h", "2026-02-28T03:00:00Z", "2026-03-01T03:10:00Z", "2026-03-01T04:00:00Z"},
		{"7 0", "2026-02-01T05:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"},
		{"every 10m", "2026-03-01T05:00:00Z", "2026-03-01T12:01:00Z", "2026-03-01T12:10:00Z"},
		{"*/10 * * * *", "2026-03-01T05:00:00Z", "2026-03-01T12:01:00Z", "2026-03-01T12:10:00Z"},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{NotBefore: instantOf(t, r.notBefore)})
		if err != nil {
			t.Fatal(err)
		}
		last, first := instantOf(t, r.last), instantOf(t, r.first)
		if next, ok := s.Next(last, last); !ok || !next.Equal(first) {
			t.Errorf("%s after %s not before %s: next is %v", r.text, r.last, r.notBefore, next)
		}
		if slot, _, ok := s.Latest(last, first.Add(-time.Second)); ok {
			t.Errorf("%s after %s not before %s: %v is a slot a second before the first", r.text, r.last, r.notBefore, slot)
		}
		if slot, missed, ok := s.Latest(last, first); !ok || !slot.Equal(first) || missed > 0 {
			t.Errorf("%s after %s not before %s: the first slot is %v (%t), %d missed", r.text, r.last, r.notBefore, slot, ok, missed)
		}
		for _, policy := range []schedule.CatchupPolicy{schedule.CatchupDefault, schedule.CatchupLast, schedule.CatchupNone, schedule.CatchupAll} {
			if b := s.Backlog(last, first, schedule.Catchup{Policy: policy}); len(b.Due) != 1 || !b.Due[0].Equal(first) || b.Missed > 0 {
				t.Errorf("%s after %s not before %s, policy %d: %v", r.text, r.last, r.notBefore, policy, b)
			}
		}
	}
}
