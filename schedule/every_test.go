package schedule_test

import (
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// startRow is a text, its canonical form, and its first starts in Paris from a moment on.
type startRow struct{ text, canonical, from, want string }

func (r *startRow) test(t *testing.T) {
	t.Helper()
	zone := zonesOf(t, "Europe/Paris")[0]
	s, err := schedule.Parse(r.text, schedule.Options{Zone: zone, Zones: loadZone})
	if err != nil {
		t.Errorf("%s: %v", r.text, err)
		return
	}
	now, err := time.Parse(time.RFC3339, r.from)
	if err != nil {
		t.Fatal(err)
	}
	last := time.Time{}
	var got []string
	for range strings.Fields(r.want) {
		next, ok := s.Next(last, now)
		if !ok {
			got = append(got, "never")
			break
		}
		got = append(got, next.Format(time.RFC3339))
		last, now = next, next
	}
	if s.String() != r.canonical || strings.Join(got, " ") != r.want {
		t.Errorf("%s from %s:\n got %s: %s\nwant %s: %s", r.text, r.from, s, strings.Join(got, " "), r.canonical, r.want)
	}
}

func TestEveryAndAt(t *testing.T) {
	const eve = "2026-03-29T00:00:00+01:00" // of the short day
	for _, r := range []startRow{
		{"every 90s", "every 1m30s", eve, "2026-03-29T00:00:00+01:00 2026-03-29T00:01:30+01:00"},
		{"every: 90s", "every 1m30s", "2026-03-29T00:00:01+01:00", "2026-03-29T00:01:30+01:00"},
		{"every 1h", "every 1h", "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00"},
		{"every 1d from 02:30", "every 1d from 02:30", eve, "2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00"},
		{"every 2d", "every 2d", eve, "2026-03-30T00:00:00+02:00 2026-04-01T00:00:00+02:00"},
		{"every 36h from 2020-01-01 02:00", "every 1d12h from 2020-01-01 02:00", eve, "2026-03-30T03:00:00+02:00 2026-03-31T15:00:00+02:00"},
		{"every 2w from 2020-01-05T12:00", "every 14d from 2020-01-05 12:00", eve, "2026-04-05T12:00:00+02:00 2026-04-19T12:00:00+02:00"},
		{"every 7d from 2027-01-01", "every 7d from 2027-01-01 00:00", eve, "2027-01-01T00:00:00+01:00 2027-01-08T00:00:00+01:00"},
		{"every 1h from 2027-01-01T00:10:00+05:30", "every 1h from 2026-12-31T18:40:00Z", eve, "2026-12-31T19:40:00+01:00"},
		{"every 10m after end", "every 10m after end", eve, "2026-03-29T00:00:00+01:00 2026-03-29T00:10:00+01:00"},
		{"every 10m from 2027-01-01 after end", "every 10m from 2027-01-01 00:00 after end", eve, "2027-01-01T00:00:00+01:00 2027-01-01T00:10:00+01:00"},
		{"at 2026-03-29 02:30", "at 2026-03-29 02:30", eve, "2026-03-29T03:00:00+02:00 never"},
		{"at: 2026-10-25 02:30:10, 2027-01-01", "at 2026-10-25 02:30:10, 2027-01-01 00:00", eve, "2026-10-25T02:30:10+02:00 2027-01-01T00:00:00+01:00 never"},
		{"at 2026-10-25T01:30:00Z", "at 2026-10-25T01:30:00Z", eve, "2026-10-25T02:30:00+01:00 never"},
		{"at 2026-10-25T03:30:00+02:00 America/New_York", "at 2026-10-25T01:30:00Z America/New_York", eve, "2026-10-24T21:30:00-04:00 never"},
		{"at 2026-12-24 18:00 Asia/Tokyo", "at 2026-12-24 18:00 Asia/Tokyo", eve, "2026-12-24T18:00:00+09:00 never"},
		{"at 2020-02-29 18:00", "at 2020-02-29 18:00", eve, "never"},
	} {
		r.test(t)
	}
}

func TestEveryAndAtRefused(t *testing.T) {
	for text, offset := range map[string]int{
		"every": 5, "every 5": 7, "every 0m": 6, "every 70y": 8, "every 61w 2d": 10, "every 4000w": 6, "every 1h from": 13, "every 1h from 25:00": 14, "every 1h after start": 15,
		"every 1d from 02:30 after end": 29, "every 1h from 2026-02-29": 14, "at": 2, "at 2026-1-1": 3, "at 2026-02-29": 3, "at 02:30": 3, "at 1969-12-31": 3, "at 2200-01-01": 3,
		"at 2026-01-01 2:3:4:5": 18, "at 2026-01-01, ": 14, "at 2026-01-01 UTC, 2027-01-01": 14, "at 2026-01-01 Mars/Olympus": 14, "at 2026-01-01 02:30 Europe / Paris": 20,
	} {
		_, err := schedule.Parse(text, schedule.Options{Zones: loadZone})
		e, ok := err.(*schedule.SyntaxError) //nolint:errorlint // it is that type
		if !ok || e.Offset != offset {
			t.Errorf("%q: %v, wanted an error at %d", text, err, offset)
		}
	}
}
