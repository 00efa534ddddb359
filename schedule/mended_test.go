package schedule_test

import (
	"testing"
	"time"

	"om/schedule"
)

// A mendedRow is a schedule that was answered wrong once. What is empty is not asked.
type mendedRow struct {
	text, zone string // "" for Europe/Paris
	o          schedule.Options
	last, now  string
	next       string // from now on, after last; "none" for no such instant
	latest     string // "none" for no slot
	missed     int
}

// TestMended holds Next and Latest to what was wrong.
func TestMended(t *testing.T) {
	second, both := schedule.Options{Overlap: schedule.OverlapSecond}, schedule.Options{Overlap: schedule.OverlapBoth}
	skip, shift := schedule.Options{Gap: schedule.GapSkip}, schedule.Options{Gap: schedule.GapShift}
	for _, r := range []mendedRow{
		// the second pass of an overlap, with the next slot far away
		{text: "30 2 25 10 *", o: second, now: "2026-10-24T12:00:00+02:00", next: "2026-10-25T02:30:00+01:00"},
		{text: "02:30 *:25 * oct", o: second, now: "2026-10-24T12:00:00+02:00", next: "2026-10-25T02:30:00+01:00"},
		{text: "*-10-25 02:30", o: second, now: "2026-10-24T12:00:00+02:00", next: "2026-10-25T02:30:00+01:00"},
		{text: "02:30 * 43", o: second, now: "2026-10-24T12:00:00+02:00", next: "2026-10-25T02:30:00+01:00"},
		{text: "30 2 25 10 *", o: both, last: "2026-10-25T02:30:00+02:00", now: "2026-10-25T02:30:00+02:00", next: "2026-10-25T02:30:00+01:00"},
		{text: "01:45 sun#1 * apr", zone: "Australia/Lord_Howe", o: second, now: "2026-04-04T12:00:00+11:00", next: "2026-04-05T01:45:00+10:30"},
		{text: "*/10 2 25 10 *", last: "2026-10-25T00:50:00Z", now: "2026-10-25T00:51:00Z", next: "2026-10-25T02:00:00+01:00"},
		{text: "02:00-02:30@10m *:25 * oct", now: "2026-10-25T00:40:00Z", next: "2026-10-25T02:00:00+01:00"},
		{text: "*-10-25 02:0/10", last: "2026-10-25T00:50:00Z", now: "2026-10-25T00:51:00Z", next: "2026-10-25T02:00:00+01:00"},
		{text: "*/15 1 * 11 0#1", zone: "America/New_York", last: "2026-11-01T01:45:00-04:00", now: "2026-11-01T01:46:00-04:00", next: "2026-11-01T01:00:00-05:00"},
		// the slot before, while clocks show its hour again
		{text: "30 2 25 10 *", last: "2026-10-24T00:50:00Z", now: "2026-10-25T00:40:00Z", latest: "2026-10-25T02:30:00+02:00"},
		{text: "30 2 25 10 *", last: "2026-10-24T00:50:00Z", now: "2026-10-25T01:10:00Z", latest: "2026-10-25T02:30:00+02:00"},
		{text: "30 2 25 10 *", last: "2026-10-24T00:50:00Z", now: "2026-10-25T01:40:00Z", latest: "2026-10-25T02:30:00+02:00"},
		{text: "at 2026-10-25 02:30", last: "2026-10-24T00:50:00Z", now: "2026-10-25T01:10:00Z", latest: "2026-10-25T02:30:00+02:00"},
		{text: "02:30-02:50 *:25 * oct", last: "2026-10-24T00:50:00Z", now: "2026-10-25T01:10:00Z", latest: "2026-10-25T02:30:00+02:00"},
		{text: "30 2 25 10 *", o: both, last: "2026-10-24T00:50:00Z", now: "2026-10-25T01:10:00Z", latest: "2026-10-25T02:30:00+02:00"},
		// what a gap moves does not start in an exclusion
		{text: `["02:00-05:00", "! 03:00-04:00"]`, now: "2026-03-28T12:00:00+01:00", next: "2026-03-29T04:00:00+02:00"},
		{text: `["02:00-05:00", "! 03:00-04:00"]`, last: "2026-03-28T12:00:00+01:00", now: "2026-03-29T12:00:00+02:00", latest: "2026-03-29T04:00:00+02:00"},
		{text: `["02:00-05:00", "! 03:00-04:00"]`, last: "2026-03-29T03:30:00+02:00", now: "2026-03-29T12:00:00+02:00", latest: "2026-03-29T04:00:00+02:00"},
		{text: `["00:00-06:00", "! 01:00-02:00"]`, zone: "America/Havana", now: "2026-03-07T12:00:00-05:00", next: "2026-03-08T02:00:00-04:00"},
		{text: `["02:15", "! 03:00-04:00"]`, now: "2026-03-28T12:00:00+01:00", next: "2026-03-30T02:15:00+02:00"},
		{text: `["02:15", "! 03:00-04:00"]`, o: shift, now: "2026-03-28T12:00:00+01:00", next: "2026-03-30T02:15:00+02:00"},
		{text: `["02:15", "! 03:00-04:00"]`, last: "2026-03-28T12:00:00+01:00", now: "2026-03-29T12:00:00+02:00", latest: "none"},
		{text: `["02:15", "! 03:00-03:10"]`, o: shift, now: "2026-03-28T12:00:00+01:00", next: "2026-03-29T03:15:00+02:00"},
		{text: `["02:15", "! 03:00-04:00 mon"]`, now: "2026-03-28T12:00:00+01:00", next: "2026-03-29T03:00:00+02:00"},
		{text: `["02:10-02:50", "! 03:00-04:00"]`, now: "2026-03-28T12:00:00+01:00", next: "2026-03-30T02:10:00+02:00"},
		{text: `["~02:00-06:00", "! 02:30-02:40"]`, o: schedule.Options{Seed: 1}, now: "2026-03-28T12:00:00+01:00", next: "2026-03-29T04:41:05+02:00"},
		{text: `["09:00", "! 09:00:01-10:00"]`, now: "2026-03-28T09:00:01+01:00", next: "2026-03-29T09:00:00+02:00"},
		// random has its slot where Next has it
		{text: "~02:00-04:00", zone: "UTC", o: schedule.Options{Seed: 5, Random: true}, last: "2026-03-01T05:00:00Z", now: "2026-03-02T02:00:30Z", next: "2026-03-02T02:58:40Z", latest: "none"},
		{text: "~02:00-04:00", zone: "UTC", o: schedule.Options{Seed: 5, Random: true}, last: "2026-03-01T05:00:00Z", now: "2026-03-02T02:59:00Z", latest: "2026-03-02T02:58:40Z"},
		// spread does not put a point into an exclusion
		{text: `["09:00", "! 09:05-10:00"]`, zone: "UTC", o: spread(15 * time.Minute), now: "2026-03-01T00:00:00Z", next: "none"},
		{text: `["09:00", "! 09:05-10:00 mon-sat"]`, zone: "UTC", o: spread(15 * time.Minute), now: "2026-03-02T00:00:00Z", next: "2026-03-08T09:05:43Z"},
		{text: `["09:00", "! 09:05-10:00 mon-sat"]`, zone: "UTC", o: spread(15 * time.Minute), last: "2026-03-01T00:00:00Z", now: "2026-03-16T00:00:00Z", latest: "2026-03-15T09:05:43Z", missed: 2},
		{text: `["09:00", "! 09:05-10:00 *:last"]`, zone: "UTC", o: spread(15 * time.Minute), now: "2026-02-28T00:00:00Z", next: "2026-03-01T09:05:43Z"},
		{text: `["23:57", "! 00:00-06:00"]`, zone: "UTC", o: spread(15 * time.Minute), now: "2026-03-01T00:00:00Z", next: "none"},
		{text: `["23:57", "! 00:00-06:00 *:1"]`, zone: "UTC", o: spread(15 * time.Minute), now: "2026-02-28T12:00:00Z", next: "2026-03-02T00:02:43Z"},
		{text: `["01:57", "! 02:00-03:00"]`, o: spread(15 * time.Minute), now: "2026-02-28T12:00:00Z", next: "2026-03-29T03:02:43+02:00"},
		{text: `["01:57", "! 02:00-03:00"]`, o: spread(15 * time.Minute), last: "2026-02-28T12:00:00Z", now: "2026-06-28T12:00:00Z", latest: "2026-03-29T03:02:43+02:00"},
		{text: `["01:57", "! 03:00-04:00"]`, o: spread(15 * time.Minute), now: "2026-03-28T12:00:00Z", next: "2026-03-30T02:02:43+02:00"},
		// a point one second before the end of a gap
		{text: "02:59:59", last: "2026-03-28T12:00:00+01:00", now: "2026-03-29T12:00:00+02:00", latest: "2026-03-29T03:00:00+02:00"},
		{text: "02:59:59", o: skip, now: "2026-03-28T12:00:00+01:00", next: "2026-03-30T02:59:59+02:00"},
		{text: "02:59:59", o: skip, last: "2026-03-28T12:00:00+01:00", now: "2026-03-29T12:00:00+02:00", latest: "none"},
		{text: "02:59:59", o: shift, now: "2026-03-28T12:00:00+01:00", next: "2026-03-29T03:59:59+02:00"},
		{text: "02:59:59", o: shift, last: "2026-03-28T12:00:00+01:00", now: "2026-03-29T12:00:00+02:00", latest: "2026-03-29T03:59:59+02:00"},
		{text: "02:59:59", last: "2026-10-25T02:59:59+02:00", now: "2026-10-25T02:59:59+02:00", next: "2026-10-26T02:59:59+01:00"},
		{text: "01:59:59", o: second, last: "2026-10-25T01:59:59+02:00", now: "2026-10-25T02:30:00+02:00", next: "2026-10-26T01:59:59+01:00"},
		// an instant counts once
		{text: `["09:00","09:00 mon"]`, zone: "UTC", last: "2026-03-01T00:00:00Z", now: "2026-03-08T12:00:00Z", latest: "2026-03-08T09:00:00Z", missed: 7},
		{text: `["09:00 mon","09:00"]`, zone: "UTC", last: "2026-03-01T00:00:00Z", now: "2026-03-08T12:00:00Z", latest: "2026-03-08T09:00:00Z", missed: 7},
		{text: "09:00,09:00", zone: "UTC", last: "2026-03-01T00:00:00Z", now: "2026-03-03T12:00:00Z", latest: "2026-03-03T09:00:00Z", missed: 2},
		{text: `["02:00-04:00","02:00-03:00"]`, zone: "UTC", last: "2026-03-01T00:00:00Z", now: "2026-03-03T12:00:00Z", latest: "2026-03-03T02:00:00Z", missed: 2},
		{text: `["~02:00-04:00","~02:00-04:00 mon"]`, zone: "UTC", o: schedule.Options{Seed: 5, Random: true}, last: "2026-03-01T00:00:00Z", now: "2026-03-03T12:00:00Z", latest: "2026-03-03T03:40:23Z", missed: 2},
		{text: `["09:00,09:00", "! 09:05-10:00 sun"]`, zone: "UTC", o: spread(15 * time.Minute), last: "2026-03-01T00:00:00Z", now: "2026-03-03T12:00:00Z", latest: "2026-03-03T09:05:43Z", missed: 1},
		{text: "09:00,09:00-10:00", zone: "UTC", o: spread(15 * time.Minute), last: "2026-03-01T00:00:00Z", now: "2026-03-03T12:00:00Z", latest: "2026-03-03T09:05:43Z", missed: 2},
		{text: "at 2026-03-02 09:00, 2026-03-02 09:00", zone: "UTC", last: "2026-03-01T00:00:00Z", now: "2026-03-03T12:00:00Z", latest: "2026-03-02T09:00:00Z"},
		{text: "at 2026-03-02 09:00, 2026-03-02T08:00:00Z", last: "2026-03-01T00:00:00Z", now: "2026-03-03T12:00:00Z", latest: "2026-03-02T09:00:00+01:00"},
		{text: "at 2026-03-29 02:10, 2026-03-29 02:20", last: "2026-03-01T00:00:00Z", now: "2026-04-03T12:00:00Z", latest: "2026-03-29T03:00:00+02:00"},
		{text: "02:15,02:30,03:00", last: "2026-03-28T12:00:00Z", now: "2026-03-29T12:00:00Z", latest: "2026-03-29T03:00:00+02:00"},
		{text: "02:00-04:00,03:00", last: "2026-03-28T12:00:00Z", now: "2026-03-29T12:00:00Z", latest: "2026-03-29T03:00:00+02:00"},
		{text: "02:15,03:15", o: shift, last: "2026-03-28T12:00:00Z", now: "2026-03-29T12:00:00Z", latest: "2026-03-29T03:15:00+02:00"},
		{text: `["08:00-18:00@1h", "08:00"]`, zone: "UTC", last: "2026-03-01T12:00:00Z", now: "2026-03-02T12:00:00Z", latest: "2026-03-02T08:00:00Z"},
		{text: "12:32:03-10:00 fri", zone: "Pacific/Apia", last: "2011-11-15T00:41:00-10:00", now: "2011-12-31T03:15:00+14:00", latest: "2011-12-31T00:00:00+14:00", missed: 12},
		{text: "period week incr; start 00:10; interval 20m; restart 5m", last: "2026-03-29T00:50:00+01:00", now: "2026-03-29T03:55:00+02:00", latest: "2026-03-29T03:50:00+02:00", missed: 6}, // 01:10, 01:30, 01:50, 03:00, 03:10, 03:30, 03:50
		// a range of which an exclusion cuts off what is in the gap
		{text: `["02:15-04:00", "! 02:45-02:50 sat"]`, o: skip, last: "2026-03-28T12:00:00Z", now: "2026-03-29T12:00:00Z", latest: "2026-03-29T03:00:00+02:00"},
		{text: `["02:15-04:00", "! 02:45-02:50 sat"]`, o: shift, last: "2026-03-28T12:00:00Z", now: "2026-03-29T12:00:00Z", latest: "2026-03-29T03:00:00+02:00"},
		{text: `["02:15-04:00", "! 02:45-02:50 sat"]`, o: shift, now: "2026-03-28T12:00:00Z", next: "2026-03-29T03:00:00+02:00"},
		{text: `["00:00-06:40", "! 00:30-00:40 sat"]`, zone: "America/Santiago", o: skip, last: "2025-09-06T12:00:00Z", now: "2025-09-07T12:00:00Z", latest: "2025-09-07T01:00:00-03:00"},
		{text: `["01:00-02:50", "! 02:10-02:20"]`, last: "2026-03-29T01:00:00+01:00", now: "2026-03-29T01:00:00+01:00", next: "2026-03-30T01:00:00+02:00"},
		{text: "22:00-02:00", zone: "Pacific/Apia", o: skip, last: "2011-12-29T22:00:00-10:00", now: "2011-12-31T03:00:00+14:00", latest: "2011-12-31T00:00:00+14:00"},
		// a range in a gap whose pause ends there
		{text: "01:30-01:50,02:00-02:50", last: "2026-03-29T00:45:00Z", now: "2026-03-29T00:45:00Z", next: "2026-03-29T03:00:00+02:00"},
		{text: `["01:30-01:50,02:00-02:50", "! 02:10-02:20"]`, last: "2026-03-29T00:45:00Z", now: "2026-03-29T00:45:00Z", next: "2026-03-29T03:00:00+02:00"},
		{text: "1-1", zone: "America/Santiago", last: "1967-11-16T00:00:00Z", now: "1970-01-01T00:01:12Z", latest: "none"},
		{text: "01:30-01:50,02:00-02:50", last: "2026-03-29T00:45:00Z", now: "2026-03-29T01:00:00Z", latest: "2026-03-29T03:00:00+02:00"},
	} {
		r.test(t)
	}
}

// spread makes 5m43s of 15m.
func spread(d time.Duration) schedule.Options {
	return schedule.Options{Spread: d, Seed: schedule.NewSeed("n1", "x")}
}

func (r *mendedRow) test(t *testing.T) {
	t.Helper()
	if r.zone == "" {
		r.zone = "Europe/Paris"
	}
	r.o.Zone = zonesOf(t, r.zone)[0]
	s, err := schedule.Parse(r.text, r.o)
	if err != nil {
		t.Fatal(err)
	}
	last, now := lastOf(t, r.last), instantOf(t, r.now)
	if next, ok := s.Next(last, now); r.next != "" && got(next, ok) != r.next {
		t.Errorf("%s %+v: next after %q from %s is %s, wanted %s", r.text, r.o, r.last, r.now, got(next, ok), r.next)
	}
	if slot, missed, ok := s.Latest(last, now); r.latest != "" && (got(slot, ok) != r.latest || missed != r.missed) {
		t.Errorf("%s %+v: latest after %q up to %s is %s, missed %d: wanted %s, %d", r.text, r.o, r.last, r.now, got(slot, ok), missed, r.latest, r.missed)
	}
}

func got(at time.Time, ok bool) string {
	if !ok {
		return "none"
	}
	return at.Format(time.RFC3339)
}

// TestBacklog decides what is run late: inside the window that a slot has, and no other.
func TestBacklog(t *testing.T) {
	for _, r := range []struct {
		text, zone, last, now string
		o                     schedule.Options
		policy                schedule.CatchupPolicy
		due                   []string
		missed                int
	}{
		{text: "02:00-04:00", o: spread(time.Hour), last: "2026-03-01T01:00:00Z", now: "2026-03-02T02:00:30Z", policy: schedule.CatchupLast, missed: 1},
		{text: "~02:00-04:00", o: spread(0), last: "2026-03-01T01:00:00Z", now: "2026-03-02T02:00:30Z", policy: schedule.CatchupLast, missed: 1},
		{text: "02:00-04:00", last: "2026-03-01T01:00:00Z", now: "2026-03-02T03:00:00Z", policy: schedule.CatchupLast, due: []string{"2026-03-02T02:00:00Z"}, missed: 1},
		{text: "02:00-04:00", last: "2026-03-01T01:00:00Z", now: "2026-03-02T03:00:00Z", policy: schedule.CatchupAll, due: []string{"2026-03-02T02:00:00Z"}, missed: 1},
		{text: `["02:00-04:00", "! 02:30-03:00"]`, last: "2026-03-01T05:00:00Z", now: "2026-03-02T03:30:00Z", policy: schedule.CatchupLast, due: []string{"2026-03-02T02:00:00Z"}},
		{text: `["02:00-04:00", "! 02:30-03:00"]`, last: "2026-03-01T05:00:00Z", now: "2026-03-02T02:45:00Z", policy: schedule.CatchupLast, missed: 1},
		{text: "22:00-02:00", last: "2026-03-01T05:00:00Z", now: "2026-03-02T01:30:00Z", policy: schedule.CatchupLast, due: []string{"2026-03-01T22:00:00Z"}},
		{text: "22:00-02:00", last: "2026-03-01T05:00:00Z", now: "2026-03-02T02:30:00Z", policy: schedule.CatchupLast, missed: 1},
		{text: `["09:00","10:00-11:00"]`, last: "2026-03-01T05:00:00Z", now: "2026-03-02T12:00:00Z", policy: schedule.CatchupAll, due: []string{"2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z"}, missed: 2},
		{text: "~02:00-04:00", o: schedule.Options{Seed: 5, Random: true}, last: "2026-03-01T05:00:00Z", now: "2026-03-02T02:00:30Z", policy: schedule.CatchupLast},
		{text: "02:10-02:40", zone: "Europe/Paris", last: "2026-03-28T12:00:00Z", now: "2026-03-29T03:20:00+02:00", policy: schedule.CatchupLast, due: []string{"2026-03-29T01:00:00Z"}},
		{text: "02:10-02:40", zone: "Europe/Paris", last: "2026-03-28T12:00:00Z", now: "2026-03-29T03:40:00+02:00", policy: schedule.CatchupLast, missed: 1},
		{text: "02:10-04:00", zone: "Europe/Paris", last: "2026-03-28T12:00:00Z", now: "2026-03-29T03:40:00+02:00", policy: schedule.CatchupLast, due: []string{"2026-03-29T01:00:00Z"}},
	} {
		if r.zone == "" {
			r.zone = "UTC"
		}
		r.o.Zone = zonesOf(t, r.zone)[0]
		s, err := schedule.Parse(r.text, r.o)
		if err != nil {
			t.Fatal(err)
		}
		b := s.Backlog(instantOf(t, r.last), instantOf(t, r.now), schedule.Catchup{Policy: r.policy})
		same := len(b.Due) == len(r.due) && b.Missed == r.missed
		for i := range b.Due {
			same = same && b.Due[i].Equal(instantOf(t, r.due[i]))
		}
		if !same {
			t.Errorf("%s after %s at %s: %+v, wanted %v, %d missed", r.text, r.last, r.now, b, r.due, r.missed)
		}
	}
}

// TestParserSeeds: a Parser shares a schedule between those seeds that make the same of a text, and no others.
func TestParserSeeds(t *testing.T) {
	now := instantOf(t, "2026-03-01T00:00:00Z")
	for text, shared := range map[string]bool{
		"h h * * *": false, "H H * * *": false, `["\u007e00:00-06:00"]`: false, "~00:00-06:00": false, "1 5 RANDOM_DELAY=45": false,
		"@1h": true, "09:00 thu": true, "30 2 * * *": true, `["09:00", "! * sat"]`: true,
	} {
		p := schedule.NewParser(time.LoadLocation)
		var first *schedule.Schedule
		for seed := schedule.Seed(1); seed < 5; seed++ {
			s, err := p.Parse(text, schedule.Options{Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			alone, err := schedule.Parse(text, schedule.Options{Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			a, _ := s.Next(time.Time{}, now)
			if b, _ := alone.Next(time.Time{}, now); !a.Equal(b) {
				t.Errorf("%s with seed %d: %v, and alone %v", text, seed, a, b)
			}
			if first == nil {
				first = s
			}
			if again, _ := p.Parse(text, schedule.Options{Seed: seed}); again != s || seed > 1 && (s == first) != shared {
				t.Errorf("%s with seed %d: shared %v, wanted %v", text, seed, s == first, shared)
			}
		}
	}
	p := schedule.NewParser(time.LoadLocation)
	for _, part := range []time.Duration{0, time.Millisecond} {
		s, err := p.Parse("* * * * * *", schedule.Options{NotBefore: now.Add(part)})
		if err != nil {
			t.Fatal(err)
		}
		if next, _ := s.Next(time.Time{}, now); next.Before(now.Add(part)) {
			t.Errorf("not before %v: %v", now.Add(part), next)
		}
	}
}

// TestUntil holds the end of an answer where windows meet.
func TestUntil(t *testing.T) {
	for _, r := range []struct{ text, last, at, until string }{
		{"02:00-06:00,*", "2026-03-28T17:00:00Z", "2026-03-29T05:00:00Z", "2026-03-29T06:00:01Z"},
		{"06:20-03:00@172800s,07:50-14:03:14@2s,22:10-23:59:59", "2022-07-15T04:50:00Z", "2022-07-16T10:20:00Z", "2022-07-16T14:03:15Z"},
		{"00:00-12:00,11:00-23:59:58", "", "2026-03-29T05:00:00Z", "2026-03-29T23:59:59Z"},
		{"00:00-23:59:58@1s,23:00-01:00@1s", "", "2026-03-29T05:00:00Z", "2026-10-15T00:00:00Z"}, // 400 windows on, and it does not end there
	} {
		s, err := schedule.Parse(r.text, schedule.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := s.Explain(lastOf(t, r.last), instantOf(t, r.at))
		if len(c) != 1 || !c[0].Allows || got(c[0].Until.UTC(), !c[0].Until.IsZero()) != r.until {
			t.Errorf("%s after %q at %s: %+v, wanted %s", r.text, r.last, r.at, c, r.until)
		}
	}
}
