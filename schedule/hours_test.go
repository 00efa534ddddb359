package schedule_test

import (
	"strings"
	"testing"
	"time"

	"om/schedule"
)

func zoneOf(t *testing.T, name string) (*schedule.Zone, *time.Location) {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return schedule.NewZone(loc), loc
}

// TestHours: what ranges cover, and when that ends. 2 March 2026 is a Monday; clocks in Paris go forward on 29 March and back
// on 25 October.
func TestHours(t *testing.T) {
	const office = `["*", "! 08:00-18:00 mon-fri"]`
	for _, c := range []struct{ text, at, want string }{
		{"22:00-06:00", "2026-03-02 21:59:59", ""},
		{"22:00-06:00", "2026-03-02 22:00", "2026-03-03 06:00"},
		{"22:00-06:00", "2026-03-03 05:59:59", "2026-03-03 06:00"},
		{"22:00-06:00", "2026-03-03 06:00", ""},
		{"22:00-06:00 mon-fri", "2026-03-06 23:00", "2026-03-07 00:00"}, // cut at midnight, as in a schedule
		{"22:00-06:00 mon-fri", "2026-03-02 01:00", "2026-03-02 06:00"},
		{`["22:00-06:00 mon-fri", "* sat,sun"]`, "2026-03-06 23:00", "2026-03-09 06:00"},
		{"18:00-23:59:59,00:00-06:00", "2026-03-02 20:00", "2026-03-03 06:00"},
		{"* sat,sun", "2026-03-07 00:00", "2026-03-09 00:00"},
		{office, "2026-03-02 12:00", ""},
		{office, "2026-03-02 07:00", "2026-03-02 08:00"},
		{office, "2026-03-06 18:00", "2026-03-09 08:00"},
		{"22:00-23:00,23:00-23:30", "2026-03-02 22:10", "2026-03-02 23:30"},
		{"* * * dec", "2026-12-01 00:00", "2027-01-01 00:00"},
		{"22:00-06:00", "2026-03-28 22:00", "2026-03-29 06:00"}, // seven hours
		{"22:00-06:00", "2026-10-24 22:00", "2026-10-25 06:00"}, // nine
		{"01:00-02:30", "2026-03-29 01:00", "2026-03-29 03:00"}, // its end is left out
	} {
		zone, loc := zoneOf(t, "Europe/Paris")
		read := func(text string) time.Time {
			at, err := time.ParseInLocation("2006-01-02 15:04:05", (text + ":00")[:19], loc)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		h, err := schedule.ParseHours(c.text, zone)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		until, ok := h.Covers(read(c.at))
		if ok != (c.want != "") || ok && !until.Equal(read(c.want)) {
			t.Errorf("%s at %s: %v until %v, want %s", c.text, c.at, ok, until, c.want)
		}
	}
}

// TestHoursTwice: on the day that clocks are set back, a range is that of what they show, both times.
func TestHoursTwice(t *testing.T) {
	zone, _ := zoneOf(t, "Europe/Paris")
	h, err := schedule.ParseHours("02:00-02:30", zone)
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC) // 02:00 for the first time
	for minutes, want := range map[int]bool{-1: false, 0: true, 29: true, 30: false, 60: true, 89: true, 90: false} {
		if _, ok := h.Covers(midnight.Add(time.Duration(minutes) * time.Minute)); ok != want {
			t.Errorf("%d minutes after: %v, want %v", minutes, ok, want)
		}
	}
}

// TestHoursMinutes: stepping from end to end tells the same as asking for each minute.
func TestHoursMinutes(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Paris", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia"} {
		zone, _ := zoneOf(t, name)
		for _, text := range []string{"22:00-06:00 mon-fri", `["*", "! 08:00-18:00 mon-fri", "! 12:00-13:00"]`, "00:00-00:30,01:45-02:15,23:00-23:59:59"} {
			h, err := schedule.ParseHours(text, zone)
			if err != nil {
				t.Fatal(err)
			}
			var until time.Time
			for u := int64(1772300000) / 60 * 60; u < 1804000000; u += 5 * 60 {
				at := time.Unix(u, 0)
				end, ok := h.Covers(at)
				if covered := at.Before(until); covered && (!ok || !end.Equal(until)) {
					t.Fatalf("%s in %s at %v: %v until %v, and before it was until %v", text, name, at, ok, end, until)
				}
				if until = at; ok {
					until = end
				}
			}
		}
	}
}

// TestHoursRefused: what is no range of time is refused, with where it stands.
func TestHoursRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "offset 0: the end: wanted ranges of time",
		"22:00":                      "no end",
		"22:00-06:00@10m":            "neither @ nor ~",
		"~22:00-06:00":               "neither @ nor ~",
		"@10m":                       "neither @ nor ~",
		"*":                          "wanted ranges that end",
		"! 08:00-18:00":              "left out of something",
		"22:00-06:00 mun":            `offset 12: "mun"`,
		"25:00-06:00":                "offset 0",
		"0 22 * * *":                 "offset",
		`["22:00-06:00"`:             "wanted",
		"00:00-12:00,12:00-23:59:59": "wanted ranges that end",
		strings.Repeat("1", 5000):    "4096",
		"22:00-06:00 mon-fri 1 jan":  "", // as in a schedule
	} {
		_, err := schedule.ParseHours(text, nil)
		if got := "x"; want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			if err != nil {
				got = err.Error()
			}
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
