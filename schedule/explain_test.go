package schedule_test

import (
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// TestExplain tells of each part what it says, why, and until when.
func TestExplain(t *testing.T) {
	const newYork = "America/New_York"
	for _, r := range []struct {
		text, zone, last, at string
		want                 []string // "yes" or "no", the text of the part, the reason, and until when
	}{
		{"09:00", "UTC", "", "2026-03-28T12:00:00Z", []string{"no 09:00: 12:00 is not one of its times, until 2026-03-29T09:00:00Z"}},
		{"09:00", "UTC", "", "2026-03-28T09:00:00Z", []string{"yes 09:00: 09:00 is one of its times, until 2026-03-28T09:00:02Z"}},
		{"02:00-04:00 mon-fri", "UTC", "", "2026-03-30T03:00:00Z", []string{"yes 02:00-04:00 mon-fri: 03:00 is between 02:00 and 04:00, until 2026-03-30T04:00:01Z"}},
		{"02:00-04:00 mon-fri", "UTC", "", "2026-03-28T03:00:00Z", []string{"no 02:00-04:00 mon-fri: Saturday, 28 March 2026, is not one of its days, until 2026-03-30T02:00:00Z"}},
		{"02:00-04:00", "UTC", "2026-03-28T02:00:00Z", "2026-03-28T03:00:00Z", []string{"no 02:00-04:00: the last run was 1 hour before, and one run in the range is enough, until 2026-03-29T02:00:00Z"}},
		{"02:00 * 1 *", "UTC", "", "2026-03-28T02:00:00Z", []string{"no 02:00 * 1: week 13 is not one of its weeks, until 2027-01-04T02:00:00Z"}},
		{"02:00 * * feb", "UTC", "", "2026-03-28T02:00:00Z", []string{"no 02:00 * * feb: March is not one of its months, until 2027-02-01T02:00:00Z"}},
		{"@10m", "UTC", "2026-03-28T11:55:00Z", "2026-03-28T12:00:00Z", []string{"no @10m: the last run was 5 minutes before, and its interval is 10 minutes, until 2026-03-28T12:05:00Z"}},
		{"@10m", "UTC", "2026-03-28T11:45:00Z", "2026-03-28T12:00:00Z", []string{"yes @10m: 12:00 is a time of one of its days, 15 minutes after the last run"}},
		{"@10m", "UTC", "2026-03-28T12:00:00Z", "2026-03-28T12:00:00Z", []string{"no @10m: the last run was not before it, until 2026-03-28T12:10:00Z"}},
		{"* mon-fri", "UTC", "", "2026-03-30T12:00:00Z", []string{"yes * mon-fri: 12:00 is a time of one of its days, until 2026-04-04T00:00:00Z"}},
		{"~00:00-06:00", "UTC", "", "2026-03-28T00:00:01Z", []string{"yes ~00:00-06:00: 00:00:01 is between 00:00 and 06:00, until 2026-03-28T06:00:01Z"}},
		{`["02:00-04:00", "! 03:00-03:30 sat", "09:00"]`, "UTC", "", "2026-03-28T03:10:00Z", []string{
			"yes 02:00-04:00: 03:10 is between 02:00 and 04:00, until 2026-03-28T04:00:01Z",
			"no ! 03:00-03:30 sat: it covers 2026-03-28 03:10, until 2026-03-28T03:30:00Z",
			"no 09:00: 03:10 is not one of its times, until 2026-03-28T09:00:00Z",
		}},
		{`["02:00-04:00", "! * sun"]`, "UTC", "", "2026-03-28T03:10:00Z", []string{"yes 02:00-04:00: ", "yes ! * sun: it does not cover 2026-03-28 03:10, until 2026-03-29T00:00:00Z"}},
		{"", "UTC", "", "2026-03-28T03:10:00Z", []string{"no : it is empty: it never runs"}},
		{"! 12:00-13:00", "UTC", "", "2026-03-28T03:10:00Z", []string{"yes ! 12:00-13:00: it does not cover 2026-03-28 03:10, until 2026-03-28T12:00:00Z"}},
		{"30 2 * * *", newYork, "", "2026-03-08T03:00:00-04:00", []string{"yes 30 2 * * *: 02:30 was left out by a clock change: the first instant after it, until 2026-03-08T03:00:01-04:00"}},
		{"30 1 * * *", newYork, "", "2026-11-01T01:30:00-05:00", []string{"no 30 1 * * *: clocks show 01:30 twice on this day, and dst_overlap chooses the other, until 2026-11-02T01:30:00-05:00"}},
		{"01:30", newYork, "", "2026-11-01T01:30:00-05:00", []string{"no 01:30: clocks show 01:30 twice"}},
		{"0 2 13 * 5", "UTC", "", "2026-03-28T02:00:00Z", []string{"no 0 2 13 * 5: Saturday, 28 March 2026, is not one of its days, until 2026-04-03T02:00:00Z"}},
		{"7 15", "UTC", "2026-03-25T10:00:00Z", "2026-03-28T02:00:00Z", []string{"no 7 15: the period since the last run is over on 2026-04-01, until 2026-04-01T00:15:00Z"}},
		{"7 15", "UTC", "2026-03-20T10:00:00Z", "2026-03-28T02:00:00Z", []string{"yes 7 15: its period is over"}},
		{"every 90s", "UTC", "", "2026-03-28T02:00:01Z", []string{"no every 1m30s: it is not on its grid of 1 minute 30 seconds, until 2026-03-28T02:01:30Z"}},
		{"every 10m after end", "UTC", "2026-03-28T02:00:00Z", "2026-03-28T02:05:00Z", []string{"no every 10m after end: the pause of 10 minutes after the last run is not over, until 2026-03-28T02:10:00Z"}},
		{"@reboot", "UTC", "", "2026-03-28T02:00:00Z", []string{"no @reboot: it is not known when the host was started"}},
		{"at 2026-03-28T02:00:00Z", "UTC", "", "2026-03-28T02:05:00Z", []string{"no at 2026-03-28T02:00:00Z: its moment is 2026-03-28 02:00"}},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{Zone: zonesOf(t, r.zone)[0]})
		if err != nil {
			t.Fatal(err)
		}
		clauses := s.Explain(lastOf(t, r.last), instantOf(t, r.at))
		if len(clauses) != len(r.want) {
			t.Errorf("%s: %+v", r.text, clauses)
			continue
		}
		for i, c := range clauses {
			if got := said(c); !strings.HasPrefix(got, r.want[i]) || strings.Contains(r.want[i], "Z") && got != r.want[i] {
				t.Errorf("%s after %q at %s:\n got %s\nwant %s", r.text, r.last, r.at, got, r.want[i])
			}
		}
	}
}

// lastOf is the last run, "" for none.
func lastOf(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	return instantOf(t, text)
}

func said(c schedule.Clause) string {
	answer := "no "
	if c.Allows {
		answer = "yes "
	}
	text := answer + c.Text + ": " + c.Reason
	if !c.Until.IsZero() {
		text += ", until " + c.Until.Format(time.RFC3339)
	}
	return text
}

// TestExplainLimits has the keywords around a schedule among the parts.
func TestExplainLimits(t *testing.T) {
	s, err := schedule.Parse("@10m", schedule.Options{NotBefore: instantOf(t, "2026-05-01T00:00:00Z"), NotAfter: instantOf(t, "2026-06-01T00:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string][2]string{
		"2026-04-01T00:00:00Z": {"no not_before: no slot before 2026-05-01 00:00, until 2026-05-01T00:00:00Z", "yes not_after: no slot after 2026-06-01 00:00, until 2026-06-01T00:00:01Z"},
		"2026-05-01T00:00:00Z": {"yes not_before: no slot before 2026-05-01 00:00", "yes not_after: no slot after 2026-06-01 00:00, until 2026-06-01T00:00:01Z"},
		"2026-07-01T00:00:00Z": {"yes not_before: no slot before 2026-05-01 00:00", "no not_after: no slot after 2026-06-01 00:00"},
	} {
		c := s.Explain(time.Time{}, instantOf(t, at))
		if len(c) != 3 || said(c[1]) != want[0] || said(c[2]) != want[1] {
			t.Errorf("at %s: %+v", at, c)
		}
	}
}

// TestStart tells why it is that instant.
func TestStart(t *testing.T) {
	for _, r := range []struct {
		text, last, now, reason string
		interval                time.Duration
	}{
		{"09:00", "", "2026-03-28T08:00:00Z", "09:00 is one of its times", 0},
		{"09:00", "", "2026-03-29T00:30:00Z", "09:00 is one of its times", 0},
		{"02:30", "", "2026-03-29T00:30:00Z", "02:30 was left out by a clock change: the first instant after it", 0},
		{"30 2 * * *", "", "2026-03-29T00:30:00Z", "02:30 was left out by a clock change: the first instant after it", 0},
		{"02:00-04:00", "", "2026-03-28T12:00:00Z", "02:00 was left out by a clock change: the first instant after it", 0},
		{"02:00-04:00", "", "2026-03-29T12:00:00Z", "the begin of its range", 0},
		{"02:00-04:00", "", "2026-03-28T02:00:00Z", "no run before, and 03:00 is in its range", 0},
		{"@10m", "2026-03-28T11:55:00Z", "2026-03-28T12:00:00Z", "10 minutes after the last run", 10 * time.Minute},
		{"08:00-18:00@1h", "2026-03-28T11:55:00Z", "2026-03-28T22:00:00Z", "the begin of its range", time.Hour},
		{"~00:00-06:00", "", "2026-03-29T12:00:00Z", "the moment that was chosen in its range", 0},
		{"every 90s", "", "2026-03-28T12:00:00Z", "on its grid of 1 minute 30 seconds", 90 * time.Second},
		{"every 10m after end", "2026-03-28T11:55:00Z", "2026-03-28T12:00:00Z", "10 minutes after the last run", 10 * time.Minute},
		{"7 15", "2026-03-27T11:55:00Z", "2026-03-28T12:00:00Z", "its period is over", 7 * 24 * time.Hour},
		{"period week full; interval 6h", "", "2026-03-28T12:00:00Z", "no run before, and 13:00 is in its range", 6 * time.Hour},
		{"at 2026-12-24T18:00:00Z", "", "2026-03-28T12:00:00Z", "its moment", 0},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{Zone: zonesOf(t, "Europe/Paris")[0], Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		start, ok := s.Start(lastOf(t, r.last), instantOf(t, r.now))
		if !ok || start.Reason != r.reason || start.Interval != r.interval {
			t.Errorf("%s after %q from %s: %+v, wanted %q, %v", r.text, r.last, r.now, start, r.reason, r.interval)
		}
	}
}

// TestFarInstants asks of years that have no slots: there is an answer, and no panic.
func TestFarInstants(t *testing.T) {
	for _, text := range samples() {
		s, err := schedule.Parse(text, schedule.Options{Zone: zonesOf(t, "Europe/Paris")[0], Zones: loadZone})
		if err != nil {
			t.Fatal(err)
		}
		for _, year := range []int{-9999, 1, 1900, 1969, 1970, 2199, 2200, 2500, 99999} {
			for _, at := range []time.Time{time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(year, 12, 31, 23, 59, 59, 0, time.UTC)} {
				s.Explain(time.Time{}, at)
				s.Level(at)
				s.Latest(at.AddDate(-1, 0, 0), at)
				if next, ok := s.Next(time.Time{}, at); ok && (next.Year() > 2199 || next.Unix() < 0) {
					t.Errorf("%s: a start in %v", text, next)
				}
				s.Start(at, at)
			}
		}
	}
}

// TestDescribe has sentences that people will read. The manual has more.
func TestDescribe(t *testing.T) {
	for text, want := range map[string]string{
		"02:00-04:00@10m mon-sat": "every 10 minutes between 02:00 and 04:00, Monday to Saturday, Europe/Paris",
		"09:00":                   "at 09:00 every day, Europe/Paris",
		"":                        "never",
		"@0":                      "never",
		"! 09:00":                 "never",
		"10:00 fri:last":          "at 10:00, on the last day of the month if it is a Friday, Europe/Paris",
		"10:00 fri#last,mon#1":    "at 10:00, on the last Friday of the month or on the first Monday of the month, Europe/Paris",
		"22:00-02:00 sat":         "once before 02:00 and once after 22:00, on Saturday, Europe/Paris",
		`["@1h", "! 12:00-13:00", "! * sat,sun"]`:   "every hour, Europe/Paris; not between 12:00 and 13:00; not on Saturday and Sunday",
		`["02:00 mon", "03:00 tue"]`:                "at 02:00, on Monday; and at 03:00, on Tuesday, Europe/Paris",
		"~00:00-06:00":                              "once at a moment chosen for the task between 00:00 and 06:00 every day, Europe/Paris",
		"*/10 8-18 * * mon-fri":                     "every 10 minutes from 08:00 to 18:59, Monday to Friday, Europe/Paris",
		"5,35 */3 * * *":                            "at the minutes 5 and 35 of each hour in the hours 0, 3, 6, 9, 12, 15, 18 and 21, Europe/Paris",
		"0 */6 * * *":                               "at 00:00, 06:00, 12:00 and 18:00 every day, Europe/Paris",
		"0 */2 * * *":                               "every 2 hours, Europe/Paris",
		"0 2 13 * fri":                              "at 02:00, on the 13th of the month or on Friday, Europe/Paris",
		"CRON_TZ=Asia/Tokyo 0 9 * * *":              "at 09:00 every day, Asia/Tokyo",
		"2026..2030/2-02-* 01:30":                   "at 01:30, in February, in 2026, 2028 and 2030, Europe/Paris",
		"@monthly 30":                               "once a month, 30 minutes after midnight or after the start of the host, Europe/Paris",
		"every 14d from 2026-01-05 18:00":           "at 18:00 every 14 days, counted from 2026-01-05, Europe/Paris",
		"at 2026-12-24, 2026-12-31 18:00":           "once at 2026-12-24 00:00 and 2026-12-31 18:00, Europe/Paris",
		"period week full incr*5 skip; start 21:00": "at 21:00: full on Sunday, incr on Monday to Friday, nothing on Saturday, a run may begin within 12 hours, Europe/Paris",
	} {
		s, err := schedule.Parse(text, schedule.Options{Zone: zonesOf(t, "Europe/Paris")[0], Zones: loadZone})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Describe(); got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestDecided: a late run of an interval puts off the next, one of a point does not.
func TestDecided(t *testing.T) {
	slot, now := instantOf(t, "2026-03-28T03:00:00Z"), instantOf(t, "2026-03-28T12:00:00Z")
	for text, want := range map[string]string{
		"03:00": "2026-03-28T03:00:00Z", "0 3 * * *": "2026-03-28T03:00:00Z", "03:00-13:00": "2026-03-28T03:00:00Z", "every 1h": "2026-03-28T03:00:00Z",
		"@1h": "2026-03-28T12:00:00Z", "02:00-14:00@30m": "2026-03-28T12:00:00Z", "every 1h after end": "2026-03-28T12:00:00Z",
		`["@1h", "03:00"]`: "2026-03-28T12:00:00Z",
	} {
		s, err := schedule.Parse(text, schedule.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Decided(slot, now).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, wanted %s", text, got, want)
		}
	}
}

// TestExplainSpread: a point that spread puts off is not one that clocks show twice.
func TestExplainSpread(t *testing.T) {
	const spread = 15 * time.Minute
	for _, r := range []struct{ text, zone, at, want string }{
		{"09:00", "UTC", "2026-03-28T09:00:00Z", "no 09:00: 09:00 is put off to 09:"},
		{"0 9 * * *", "UTC", "2026-03-28T09:00:00Z", "no 0 9 * * *: 09:00 is put off to 09:"},
		{"*/10 * * * *", "UTC", "2026-03-28T09:00:00Z", "no */10 * * * *: 09:00 is put off to 09:"},
		{"09:00", "UTC", "2026-03-28T09:01:00Z", "no 09:00: 09:01 is not one of its times"},
		{"01:30", "America/New_York", "2026-11-01T01:30:00-05:00", "no 01:30: clocks show 01:30 twice"},
		{"01:30", "America/New_York", "2026-11-02T01:30:00-05:00", "no 01:30: 01:30 is put off to 01:"},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{Zone: zonesOf(t, r.zone)[0], Spread: spread, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		at := instantOf(t, r.at)
		got := said(s.Explain(time.Time{}, at)[0])
		if !strings.HasPrefix(got, r.want) {
			t.Errorf("%s at %s: %s, wanted %s", r.text, r.at, got, r.want)
		}
		if strings.Contains(r.want, "put off") {
			start, _ := s.Start(time.Time{}, at)
			if shown := start.At.Format(time.TimeOnly); !strings.Contains(got, shown) {
				t.Errorf("%s at %s: %s, and the start is at %s", r.text, r.at, got, shown)
			}
		}
	}
}

// TestBacklogWaits: an interval has one slot outstanding, which is due while a run may start, whatever the policy.
func TestBacklogWaits(t *testing.T) {
	for _, r := range []struct {
		text, last, now string
		policy          schedule.CatchupPolicy
		due             string
		missed          int
	}{
		{"@1h", "2026-03-28T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupNone, "2026-03-28T03:00:00Z", 0},
		{"@1h", "2026-03-28T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupLast, "2026-03-28T03:00:00Z", 0},
		{"@1h", "2026-03-28T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupAll, "2026-03-28T03:00:00Z", 0},
		{"@10m", "2025-03-28T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupDefault, "2025-03-28T02:10:00Z", 0},
		{"every 1h after end", "2026-03-28T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupNone, "2026-03-28T03:00:00Z", 0},
		{"08:00-18:00@1h", "2026-03-27T12:30:00Z", "2026-03-28T12:00:00Z", schedule.CatchupNone, "2026-03-28T08:00:00Z", 0},
		{"02:00-04:00@10m", "2026-03-27T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupNone, "", 1},
		{"02:00-04:00@10m", "2026-03-27T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupLast, "", 1},
		{"09:00", "2026-03-27T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupNone, "", 2},
		{"09:00", "2026-03-27T02:00:00Z", "2026-03-28T12:00:00Z", schedule.CatchupLast, "2026-03-28T09:00:00Z", 1},
		{"every 1h", "2026-03-28T02:00:00Z", "2026-03-28T12:30:00Z", schedule.CatchupNone, "", 10},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := s.Backlog(instantOf(t, r.last), instantOf(t, r.now), schedule.Catchup{Policy: r.policy})
		due := ""
		for _, at := range b.Due {
			due += at.Format(time.RFC3339)
		}
		if due != r.due || b.Missed != r.missed {
			t.Errorf("%s after %s, at %s, policy %d: due %q, missed %d; wanted %q, %d", r.text, r.last, r.now, r.policy, due, b.Missed, r.due, r.missed)
		}
	}
}
