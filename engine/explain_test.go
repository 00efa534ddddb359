package engine

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"om/schedule"
	"om/task"
)

// TestNextSlot: the next slot is after the moment that is asked about and after the cursor. Where slots stand by
// themselves, and do not count from a run, it is the first of those.
func TestNextSlot(t *testing.T) {
	zones := schedule.NewParser(time.LoadLocation)
	paris, err := zones.Zone("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		text   string
		stands bool
	}{
		{"02:00", true},
		{"02:00-04:00", true},
		{"02:00-04:00@30m mon-fri", false},
		{"@10m", false},
		{"@1d", false},
		{"~22:00-02:00", true},
		{"*/7 * * * *", true},
		{"30 2 31 * *", true},
		{"every 90s", true},
		{"every 10m after end", false},
		{"1 15", false},
		{"at 2026-03-28T02:00:00Z", true},
		{"@0", true},
		{`["02:00-03:00", "! * mon"]`, true},
	} {
		cal, err := zones.Parse(c.text, schedule.Options{Zone: paris})
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			seen := time.Date(2026, 3, 20, 0, 0, random.IntN(20*86400), 0, time.UTC)
			at := seen.Add(time.Duration(random.IntN(10*86400)-86400) * time.Second)
			cursor := cal.Seen(seen)
			from := cursor
			if at.After(from) {
				from = at
			}
			next := nextSlot(cal, task.Cursor{At: cursor}, at)
			if !next.IsZero() && !next.After(from) {
				t.Errorf("%s with the cursor at %s: after %s comes %s", c.text, cursor, at, next)
			}
			until := from.AddDate(1, 0, 0)
			if !next.IsZero() {
				until = next.Add(-time.Second)
			}
			if slot, _, sooner := cal.Latest(from, until); c.stands && sooner {
				t.Errorf("%s with the cursor at %s: after %s comes %s, and not %s", c.text, cursor, at, slot, next)
			}
		}
	}
}

// TestNextSlotWithinASecond: the next slot is the first full second after a moment that is none, where one may be then.
func TestNextSlotWithinASecond(t *testing.T) {
	cal, err := schedule.NewParser(time.LoadLocation).Parse("every 10m after end", schedule.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cursor := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	want := cursor.Add(10 * time.Minute)
	for _, before := range []time.Duration{time.Nanosecond, time.Second / 2, time.Second, time.Minute} {
		if next := nextSlot(cal, task.Cursor{At: cursor}, want.Add(-before)); !next.Equal(want) {
			t.Errorf("%s before %s: %s", before, want, next)
		}
	}
}

// TestNextStartOfTheHost: what waits for a start of the host has no time, and is not over.
func TestNextStartOfTheHost(t *testing.T) {
	for text, want := range map[string]string{
		"schedule = @reboot\n":                         "it is due after the next start of the host",
		"schedule = @reboot\nnot_after = 2027-01-01\n": "its schedule has no more slots",
		"schedule = @0\n":                              "its schedule has no more slots",
	} {
		v, line := seenNow(t, "[task#0]\ncommand = true\ncwd = /\nlog = none\n"+text)
		all, err := v.Schedules(t.Context(), "s", Selection{})
		if err != nil || len(all) != 1 || all[0].Why != want || !all[0].Next.IsZero() {
			t.Errorf("%q: %+v, %v", text, all, err)
		}
		x, err := v.Explain(t.Context(), "s", "task#0", line.now)
		if err != nil || strings.HasSuffix(x.Verdict, want) != strings.Contains(want, "host") {
			t.Errorf("%q: %q, %v", text, x.Verdict, err)
		}
	}
}
