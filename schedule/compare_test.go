package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"om/schedule"
)

func TestCompare(t *testing.T) {
	tests := []struct{ was, now, want string }{
		{"30 2 * * *", "30 2 * * *", "[]"},
		{"30 2 * * *", "30 3 * * *", "[01T02:30>01T03:30 02T02:30>02T03:30 03T02:30>03T03:30]"},
		{"0 2 * * *", "0 2,14 * * *", "[>01T14:00 >02T14:00 >03T14:00]"},
		{"0 2,14 * * *", "0 14 2 * *", "[01T02:00> 01T14:00> 02T02:00> 03T02:00> 03T14:00>]"},
		{"0 1 * * *", "at 2026-03-02 12:00", "[01T01:00> 02T01:00>02T12:00 03T01:00>]"},
		{"at 2020-01-01 00:00", "at 2020-01-01 00:00", "[]"},
	}
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		got := []string{}
		collect := func(c schedule.Change) bool {
			got = append(got, brief(c.Old)+">"+brief(c.New))
			return true
		}
		schedule.Compare(mustParse(t, tt.was), mustParse(t, tt.now), from, from.AddDate(0, 0, 3), collect)
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s, then %s: got %v, want %s", tt.was, tt.now, got, tt.want)
		}
	}
}

func mustParse(t *testing.T, text string) *schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(text, schedule.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func brief(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("02T15:04")
}

// TestCompareStops: a caller that has seen enough is asked no more, also where there is no end.
func TestCompareStops(t *testing.T) {
	from, n := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 0
	schedule.Compare(mustParse(t, "0 0 * * *"), mustParse(t, "*/5 * * * *"), from, from.AddDate(100, 0, 0), func(schedule.Change) bool { n++; return n < 10 })
	if n != 10 {
		t.Errorf("called %d times", n)
	}
}

// FuzzCompare: the instants of one schedule, changed, are those of the other.
func FuzzCompare(f *testing.F) {
	f.Add("0 2 * * *", "30 2 * * 1-5")
	f.Add("02:00-04:00@30m mon", "every 7h")
	f.Fuzz(func(t *testing.T, one, other string) {
		was, err := schedule.Parse(one, schedule.Options{})
		if err != nil {
			t.Skip()
		}
		now, err := schedule.Parse(other, schedule.Options{})
		if err != nil {
			t.Skip()
		}
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		to := from.Add(36 * time.Hour)
		have := map[time.Time]bool{}
		each := func(s *schedule.Schedule, do func(time.Time)) {
			for at, ok := s.Next(s.Seen(from), from); ok && !at.After(to); at, ok = s.Next(at, at) {
				do(at.UTC())
			}
		}
		each(was, func(at time.Time) { have[at] = true })
		schedule.Compare(was, now, from, to, func(c schedule.Change) bool {
			delete(have, c.Old.UTC())
			if !c.New.IsZero() {
				have[c.New.UTC()] = true
			}
			return true
		})
		var want []time.Time
		each(now, func(at time.Time) { want = append(want, at) })
		if len(have) != len(want) || slices.ContainsFunc(want, func(at time.Time) bool { return !have[at] }) {
			t.Errorf("%q, then %q: %d instants, want %d", one, other, len(have), len(want))
		}
	})
}
