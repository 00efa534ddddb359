package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// runs are the starts from a moment on, each being the last run of the next, and the first after last.
func runs(t *testing.T, s *schedule.Schedule, last, now string, n int) string {
	t.Helper()
	before, at := time.Time{}, instantOf(t, now)
	if last != "" {
		before = instantOf(t, last)
	}
	var got []string
	for range n {
		next, ok := s.Next(before, at)
		if !ok {
			got = append(got, "never")
			break
		}
		got = append(got, next.Format(time.RFC3339))
		before, at = next, next
	}
	return strings.Join(got, " ")
}

func TestAnacronNext(t *testing.T) {
	const paris, newYork, lordHowe, apia, santiago = "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Santiago"
	for _, r := range []struct{ text, zone, boot, last, now, want string }{
		// Without a last run the period is over; with one it is counted in days, whatever the time of the run.
		{"7 15", "UTC", "", "", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z 2026-03-08T00:15:00Z 2026-03-15T00:15:00Z"},
		{"7 15", "UTC", "", "", "2026-03-01T00:00:00Z", "2026-03-01T00:15:00Z 2026-03-08T00:15:00Z"},
		{"7 15", "UTC", "", "2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z", "2026-03-08T00:15:00Z"},
		{"7 15", "UTC", "", "2026-03-01T23:59:59Z", "2026-03-20T17:00:00Z", "2026-03-20T17:00:00Z 2026-03-27T00:15:00Z"},
		{"1 0", "UTC", "", "2026-03-01T23:59:59Z", "2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z 2026-03-03T00:00:00Z"},
		{"@weekly 5", "UTC", "", "2026-03-04T10:00:00Z", "2026-03-04T10:00:00Z", "2026-03-11T00:05:00Z 2026-03-18T00:05:00Z"},
		{"36500 5", "UTC", "", "2026-03-04T10:00:00Z", "2026-03-04T10:00:00Z", "2126-02-08T00:05:00Z never"},
		// A month is over on the same day of the next one, or on its last.
		{"@monthly 0", "UTC", "", "2026-01-30T10:00:00Z", "2026-01-30T10:00:00Z", "2026-02-28T00:00:00Z 2026-03-28T00:00:00Z"},
		{"@monthly 0", "UTC", "", "2028-01-31T10:00:00Z", "2028-01-31T10:00:00Z", "2028-02-29T00:00:00Z 2028-03-29T00:00:00Z"},
		{"@monthly 0", "UTC", "", "2026-12-31T10:00:00Z", "2026-12-31T10:00:00Z", "2027-01-31T00:00:00Z 2027-02-28T00:00:00Z"},
		{"@yearly 30", "UTC", "", "2028-02-29T10:00:00Z", "2028-02-29T10:00:00Z", "2029-02-28T00:30:00Z 2030-02-28T00:30:00Z"},
		{"@yearly 30", "UTC", "", "2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z", "2027-12-01T00:30:00Z 2028-12-01T00:30:00Z"},
		// The delay begins with the range of hours, whose end is not a part of it.
		{"@daily 5 START_HOURS_RANGE=3-22", "UTC", "", "2026-03-01T10:00:00Z", "2026-03-02T00:00:00Z", "2026-03-02T03:05:00Z 2026-03-03T03:05:00Z"},
		{"@daily 5 START_HOURS_RANGE=3-22", "UTC", "", "2026-03-01T10:00:00Z", "2026-03-02T21:59:59Z", "2026-03-02T21:59:59Z 2026-03-03T03:05:00Z"},
		{"@daily 5 START_HOURS_RANGE=3-22", "UTC", "", "2026-03-01T10:00:00Z", "2026-03-02T22:00:00Z", "2026-03-03T03:05:00Z"},
		{"7 5 START_HOURS_RANGE=3-22", "UTC", "", "2026-03-01T10:00:00Z", "2026-03-08T22:00:00Z", "2026-03-09T03:05:00Z 2026-03-16T03:05:00Z"},
		// The delay begins with the host, too.
		{"@daily 5", "UTC", "2026-03-02T08:00:00Z", "2026-03-01T10:00:00Z", "2026-03-02T00:00:00Z", "2026-03-02T08:05:00Z 2026-03-03T00:05:00Z"},
		{"@daily 5", "UTC", "2026-03-02T08:00:00Z", "2026-03-01T10:00:00Z", "2026-03-02T08:04:00Z", "2026-03-02T08:05:00Z 2026-03-03T00:05:00Z"},
		{"@daily 5", "UTC", "2026-03-02T08:00:00Z", "2026-03-01T10:00:00Z", "2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z 2026-03-03T00:05:00Z"},
		{"@daily 5", "UTC", "2026-03-02T08:00:00Z", "2026-03-02T07:00:00Z", "2026-03-02T08:00:00Z", "2026-03-03T00:05:00Z"},
		{"@daily 15 START_HOURS_RANGE=3-22", "UTC", "2026-03-02T01:00:00Z", "", "2026-03-02T01:00:00Z", "2026-03-02T03:15:00Z"},
		{"@daily 15 START_HOURS_RANGE=3-22", "UTC", "2026-03-02T21:50:00Z", "", "2026-03-02T21:50:00Z", "2026-03-03T03:15:00Z"},
		{"@daily 15", "UTC", "2026-03-02T23:50:00Z", "", "2026-03-02T23:50:00Z", "2026-03-03T00:15:00Z"},
		// Clock changes: a day is a day. Where a range of hours, or a day, is left out, the next day is as good.
		{"1 15", paris, "", "2026-03-28T12:00:00+01:00", "2026-03-28T12:00:00+01:00", "2026-03-29T00:15:00+01:00 2026-03-30T00:15:00+02:00"},
		{"1 150", paris, "", "2026-03-28T12:00:00+01:00", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00"},
		{"1 15 START_HOURS_RANGE=2-3", paris, "", "2026-03-28T12:00:00+01:00", "2026-03-28T12:00:00+01:00", "2026-03-30T02:15:00+02:00 2026-03-31T02:15:00+02:00"},
		{"1 150", paris, "", "2026-10-24T12:00:00+02:00", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00"},
		{"1 15 START_HOURS_RANGE=1-2", newYork, "", "2026-10-31T12:00:00-04:00", "2026-11-01T01:50:00-04:00", "2026-11-01T01:50:00-04:00 2026-11-02T01:15:00-05:00"},
		{"7 150", newYork, "", "2026-03-01T12:00:00-05:00", "2026-03-01T12:00:00-05:00", "2026-03-08T03:00:00-04:00 2026-03-15T02:30:00-04:00"},
		{"1 130", lordHowe, "", "2026-10-03T12:00:00+10:30", "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00 2026-10-05T02:10:00+11:00"},
		{"1 0", santiago, "", "2026-09-05T12:00:00-04:00", "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00 2026-09-07T00:00:00-03:00"},
		{"1 15", apia, "", "2011-12-29T12:00:00-10:00", "2011-12-29T12:00:00-10:00", "2011-12-31T00:15:00+14:00 2012-01-01T00:15:00+14:00"},
		{"2 15", apia, "", "2011-12-29T12:00:00-10:00", "2011-12-29T12:00:00-10:00", "2011-12-31T00:15:00+14:00 2012-01-02T00:15:00+14:00"},
		{"@monthly 15", apia, "", "2011-11-30T12:00:00-10:00", "2011-12-29T12:00:00-10:00", "2011-12-31T00:15:00+14:00 2012-01-31T00:15:00+14:00"},
	} {
		o := schedule.Options{Zone: zonesOf(t, r.zone)[0]}
		if r.boot != "" {
			o.Boot = instantOf(t, r.boot)
		}
		s, err := schedule.Parse(r.text, o)
		if err != nil {
			t.Errorf("%s: %v", r.text, err)
			continue
		}
		if got := runs(t, s, r.last, r.now, len(strings.Fields(r.want))); got != r.want {
			t.Errorf("%s in %s, started %s, last %s, from %s:\n got %s\nwant %s", r.text, r.zone, r.boot, r.last, r.now, got, r.want)
		}
	}
}

// TestAnacronAllows has the minutes around the end of the delay.
func TestAnacronAllows(t *testing.T) {
	s, err := schedule.Parse("1 15 START_HOURS_RANGE=3-22", schedule.Options{Boot: instantOf(t, "2026-03-03T08:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		last, at string
		want     bool
	}{
		{"2026-03-03T09:00:00Z", "2026-03-03T21:00:00Z", false},
		{"2026-03-03T09:00:00Z", "2026-03-04T03:00:00Z", false},
		{"2026-03-03T09:00:00Z", "2026-03-04T03:14:59Z", false},
		{"2026-03-03T09:00:00Z", "2026-03-04T03:15:00Z", true},
		{"2026-03-03T09:00:00Z", "2026-03-04T21:59:59Z", true},
		{"2026-03-03T09:00:00Z", "2026-03-04T22:00:00Z", false},
		{"2026-03-02T09:00:00Z", "2026-03-03T08:14:59Z", false},
		{"2026-03-02T09:00:00Z", "2026-03-03T08:15:00Z", true},
	} {
		if got := s.Allows(instantOf(t, r.last), instantOf(t, r.at)); got != r.want {
			t.Errorf("after %s, at %s: %v", r.last, r.at, got)
		}
	}
}

// TestAnacronLatest has one slot outstanding at most, that of the newest day. It is none that was missed: where
// no run may start any more that day, the period stays over, and so the next day has a slot.
func TestAnacronLatest(t *testing.T) {
	for _, r := range []struct{ text, last, now, slot string }{
		{"7 15", "2026-03-01T23:00:00Z", "2026-03-08T00:14:59Z", ""},
		{"7 15", "2026-03-01T23:00:00Z", "2026-03-08T00:15:00Z", "2026-03-08T00:15:00Z"},
		{"7 15 START_HOURS_RANGE=3-22", "2026-03-01T23:00:00Z", "2026-03-08T21:59:59Z", "2026-03-08T03:15:00Z"},
		{"7 15 START_HOURS_RANGE=3-22", "2026-03-01T23:00:00Z", "2026-03-08T23:00:00Z", ""},
		{"7 15 START_HOURS_RANGE=3-22", "2026-03-01T23:00:00Z", "2026-03-09T03:14:59Z", ""},
		{"7 15 START_HOURS_RANGE=3-22", "2026-03-01T23:00:00Z", "2026-03-09T03:15:00Z", "2026-03-09T03:15:00Z"},
		{"7 15", "2026-03-01T23:00:00Z", "2027-03-08T00:14:00Z", ""},
		{"7 15", "2026-03-01T23:00:00Z", "2027-03-08T12:00:00Z", "2027-03-08T00:15:00Z"},
		{"@monthly 15", "2026-01-31T23:00:00Z", "2026-03-27T23:00:00Z", "2026-03-27T00:15:00Z"},
		{"@monthly 15", "2026-01-31T23:00:00Z", "2026-02-27T23:00:00Z", ""},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{})
		if err != nil {
			t.Fatal(err)
		}
		slot, missed, ok := s.Latest(instantOf(t, r.last), instantOf(t, r.now))
		if got := slot.Format(time.RFC3339); ok != (r.slot != "") || ok && got != r.slot || missed != 0 {
			t.Errorf("%s after %s, at %s: %s, %d, %v: wanted %q", r.text, r.last, r.now, got, missed, ok, r.slot)
		}
		backlog := s.Backlog(instantOf(t, r.last), instantOf(t, r.now), schedule.Catchup{})
		if ok != (len(backlog.Due) == 1) || backlog.Missed != 0 {
			t.Errorf("%s after %s, at %s: the backlog is %v", r.text, r.last, r.now, backlog)
		}
	}
}

// TestAnacronRandom has the part of RANDOM_DELAY that a seed chooses: a whole number of minutes, up to all of it.
func TestAnacronRandom(t *testing.T) {
	seen := map[time.Duration]bool{}
	begin := instantOf(t, "2026-03-02T03:15:00Z")
	for seed := range schedule.Seed(2000) {
		for range 2 {
			s, err := schedule.Parse("1 15 START_HOURS_RANGE=3-22 RANDOM_DELAY=45", schedule.Options{Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			next, _ := s.Next(instantOf(t, "2026-03-01T12:00:00Z"), instantOf(t, "2026-03-01T12:00:00Z"))
			delay := next.Sub(begin)
			if delay < 0 || delay > 45*time.Minute || delay%time.Minute != 0 {
				t.Fatalf("seed %d: %v", seed, next)
			}
			seen[delay] = true
		}
	}
	if len(seen) != 46 {
		t.Errorf("%d of 46 minutes were chosen", len(seen))
	}
	one, _ := schedule.Parse("1 15 RANDOM_DELAY=45", schedule.Options{Seed: 7})
	two, _ := schedule.Parse("1 15 RANDOM_DELAY=45", schedule.Options{Seed: 7})
	at := instantOf(t, "2026-03-01T00:00:00Z")
	a, _ := one.Next(time.Time{}, at)
	if b, _ := two.Next(time.Time{}, at); !a.Equal(b) {
		t.Errorf("the same seed chose %v and %v", a, b)
	}
}

func TestAnacronString(t *testing.T) {
	for text, want := range map[string]string{
		"7 15": "7 15", " 007\t015 ": "7 15", "anacron: 7d 15": "7 15", "anacron: 1day 0": "1 0", "anacron: 7days 15": "7 15", "36500 1439": "36500 1439",
		"@daily 5": "@daily 5", "@Weekly 5": "@weekly 5", "@monthly 5": "@monthly 5", "@yearly 5": "@yearly 5", "@annually 5": "@yearly 5",
		"7 15 RANDOM_DELAY=45 START_HOURS_RANGE=03-22": "7 15 START_HOURS_RANGE=3-22 RANDOM_DELAY=45",
		"7 15 RANDOM_DELAY=0 START_HOURS_RANGE=0-24":   "7 15",
		"7 15 START_HOURS_RANGE=23-24":                 "7 15 START_HOURS_RANGE=23-24",
	} {
		s, err := schedule.Parse(text, schedule.Options{})
		if err != nil || s.String() != want || s.Notation() != schedule.Anacron {
			t.Errorf("%q: %v, %v: wanted %q", text, s, err, want)
		}
	}
}

func TestAnacronRefused(t *testing.T) {
	for text, offset := range map[string]int{
		"0 15": 0, "36501 15": 0, "9999999999 15": 0, "anacron: 7sd 15": 9, "anacron: -7 15": 9, "anacron: days 15": 9, "anacron:": 8, "anacron: 7": 10, "@hourly 5": 0,
		"anacron: 7 x": 11, "anacron: 7 -5": 11, "7 1440": 2, "7 999999999": 2, "7 60 START_HOURS_RANGE=3-4": 2, "7 30 START_HOURS_RANGE=3-4 RANDOM_DELAY=30": 2,
		"7 15 START_HOURS_RANGE=22-3": 23, "7 15 START_HOURS_RANGE=3-25": 23, "7 15 START_HOURS_RANGE=3-3": 23, "7 15 START_HOURS_RANGE=3": 23, "7 15 START_HOURS_RANGE=": 23, "7 15 START_HOURS_RANGE": 22,
		"7 15 RANDOM_DELAY=1440": 18, "7 15 RANDOM_DELAY=x": 18, "7 15 RANDOM_DELAY": 17, "7 15 cron.daily": 5, "7 15 start_hours_range=3-22": 5,
		"7 15 RANDOM_DELAY=1 RANDOM_DELAY=2": 20, "7 15 START_HOURS_RANGE=3-4 START_HOURS_RANGE=3-4": 27,
	} {
		_, err := schedule.Parse(text, schedule.Options{})
		if e, ok := errors.AsType[*schedule.SyntaxError](err); !ok || e.Offset != offset || e.Want == "" {
			t.Errorf("%q: %v, wanted an error at %d", text, err, offset)
		}
	}
}

func FuzzParseAnacron(f *testing.F) {
	for i, text := range []string{
		"7 15", "7d 15", "7days 15", "@daily 5", "@weekly 5", "@monthly 5", "@annually 5", "36500 1439", "0 15", "7 15 START_HOURS_RANGE=3-22",
		"1 15 START_HOURS_RANGE=2-3", "7 15 RANDOM_DELAY=45 START_HOURS_RANGE=0-24", "7 60 START_HOURS_RANGE=3-4", "7 15 RANDOM_DELAY",
	} {
		f.Add(text, int64(1774744200+i*997), int64(i*400111), int64(i*5003), uint8(i*7))
	}
	zones := zonesOf(f, "UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia")
	f.Fuzz(func(t *testing.T, text string, at, ago, up int64, choice uint8) {
		now := time.Unix(1+at&(1<<32-1), 0)
		o := schedule.Options{
			Zone: zones[int(choice)%len(zones)], Seed: schedule.Seed(choice), Gap: schedule.Gap(choice % 3), Overlap: schedule.Overlap(choice / 3 % 3),
			Boot: now.Add(-time.Duration(up&(1<<20-1)) * time.Second),
		}
		laws(t, "anacron: "+text, o, now.Add(-time.Duration(ago&(1<<26-1))*time.Second), now)
	})
}
