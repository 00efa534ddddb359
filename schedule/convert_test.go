package schedule_test

import (
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// TestConvertMeansTheSame converts each sample to each notation, and compares the starts of two years, clock
// changes among them.
func TestConvertMeansTheSame(t *testing.T) {
	texts := append(samples(), "* * * * *", "*:00/7:30", "0 0 1,15,L * *", "15,45 */2 * jan,jul mon-fri", "0 12 * * 1-3,0", "0 9 * * 5L", "0 9 */2 * 1-5",
		"09:00,12:00,18:00 mon-fri", "00:00,01:00,23:00:30 sat", "09:00 mon#2,fri#2", "09:00 fri#5", "23:59:59 *:31", "10:00 mon-wed:1,mon-wed:15 * dec-feb", "01:30 *:-3,*:-2",
		"0-23/1 3 * * *", "*-02~03 05:00", "Sat,Sun 10..12:30", "*:*:0/20", "@every 90m", "every 1d", "at 2026-10-25T00:30:00Z", "0 2 13 * fri", "H(0-29)/10 H * * *", "@reboot")
	converted := 0
	for _, zone := range zonesOf(t, "UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago") {
		for _, text := range texts {
			o := schedule.Options{Zone: zone, Zones: loadZone, Seed: 7, Boot: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
			s, err := schedule.Parse(text, o)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for _, to := range []schedule.Notation{schedule.OpenSVC, schedule.Cron, schedule.Calendar} {
				other, err := s.Convert(to)
				if err != nil {
					if !strings.Contains(err.Error(), " ") {
						t.Errorf("%s to %s: %v", text, to, err)
					}
					continue
				}
				c, err := schedule.Parse(other, o)
				if err != nil || c.Notation() != to || c.String() != other {
					t.Fatalf("%s to %s: %q, %v", text, to, other, err)
				}
				sameStarts(t, s, c)
				converted++
			}
		}
	}
	if converted < 300 {
		t.Errorf("only %d conversions", converted)
	}
}

func sameStarts(t *testing.T, a, b *schedule.Schedule) {
	t.Helper()
	var last time.Time
	for _, from := range []string{"2026-01-01", "2026-03-07", "2026-03-28", "2026-04-04", "2026-09-05", "2026-10-03", "2026-10-24", "2026-10-31", "2028-02-28"} {
		now, _ := time.ParseInLocation(time.DateOnly, from, a.Zone().Location())
		for range 200 {
			next, ok := a.Next(last, now)
			same, okToo := b.Next(last, now)
			if ok != okToo || !next.Equal(same) {
				t.Errorf("%s and %s in %s: after %v the next are %v and %v", a, b, a.Zone().Name(), now, next, same)
				return
			}
			if !ok {
				break
			}
			last, now = next, next
		}
		last = time.Time{}
	}
}

// TestConvert has the texts that people will read.
func TestConvert(t *testing.T) {
	for _, r := range []struct {
		text string
		to   schedule.Notation
		want string // or a part of the error, behind an exclamation mark
	}{
		{"30 2 * * 1-5", schedule.Calendar, "Mon..Fri *-*-* 02:30:00"},
		{"30 2 * * 1-5", schedule.OpenSVC, "02:30 mon-fri"},
		{"02:30 mon-fri", schedule.Cron, "30 2 * * 1-5"},
		{"@daily", schedule.OpenSVC, "00:00"},
		{"*/10 * * * *", schedule.Calendar, "*-*-* *:00/10:00"},
		{"09:00,12:30", schedule.Cron, "!2 lines, and the notation has one: one at 09:00, one at 12:30"},
		{"09:00 fri:13", schedule.Cron, "!match both"},
		{"0 2 13 * 5", schedule.OpenSVC, `["02:00 *:13", "02:00 fri"]`},
		{"0 2 13 * 5", schedule.Calendar, "!match either"},
		{"0 9 * * 5#2", schedule.Calendar, "Fri *-*-08..14 09:00:00"},
		{"0 9 L * *", schedule.Calendar, "*-*~01 09:00:00"},
		{"0 9 LW * *", schedule.Calendar, "!nearest one"},
		{"@10m", schedule.Cron, "!counted from the last run"},
		{"*/10 * * * *", schedule.OpenSVC, "!elapsed time"},
		{"02:00-04:00", schedule.Cron, "!any time of a range"},
		{`["09:00", "! * sat"]`, schedule.Cron, "!exclusion"},
		{"09:00 * 1", schedule.Calendar, "!ISO weeks"},
		{"", schedule.Cron, "!never runs"},
		{"7 15", schedule.Cron, "!no last run"},
		{"period week full", schedule.OpenSVC, "!actions"},
		{"every 90s", schedule.Cron, "@every 1m30s"},
		{"every 90s from 2026-01-01 00:10", schedule.Cron, "!grid"},
		{"every 90s from 2026-01-01 00:10", schedule.Calendar, "!grid"},
		{"CRON_TZ=Asia/Tokyo 0 9 * * *", schedule.Calendar, "*-*-* 09:00:00 Asia/Tokyo"},
		{"CRON_TZ=Asia/Tokyo 0 9 * * *", schedule.OpenSVC, "!keyword timezone"},
		{"at 2026-12-24 18:00", schedule.Calendar, "2026-12-24 18:00:00"},
		{"at 2026-12-24T18:00:00+01:00", schedule.Calendar, "2026-12-24 17:00:00 UTC"},
		{`["02:00 mon","03:00 tue"]`, schedule.Cron, "!one at 02:00 on Monday, one at 03:00 on Tuesday"},
		{"01:01,02:02,03:03,04:04,05:05,06:06", schedule.Cron, "!6 lines, and the notation has one: one at 01:01, one at 02:02, one at 03:03, one at 04:04, and 2 more"},
		{"*/15 8-18 * * mon-fri", schedule.OpenSVC, "!the nearest is 08:00-18:45@15m mon-fri, an interval"},
		{"30 */2 * jan *", schedule.OpenSVC, "!the nearest is @2h * * jan, an interval"},
		{"30 8-18/2 * * *", schedule.OpenSVC, "08:30,10:30,12:30,14:30,16:30,18:30"},
		{"*/7 * * * *", schedule.OpenSVC, "!points of the day do not"},
		{"@10m", schedule.Calendar, "!the nearest is *-*-* *:00/10:00, at times"},
		{"08:00-18:00@1h mon-fri", schedule.Cron, "!the nearest is 0 8-18 * * 1-5, at times"},
		{"02:00-04:00@10m", schedule.Cron, "!the nearest is */10 2,3 * * *, at times"},
		{"02:00-04:00 mon-fri", schedule.Cron, "!the nearest is 0 2 * * 1-5, its begin alone"},
		{"02:00-04:00 mon-fri", schedule.Calendar, "!the nearest is Mon..Fri *-*-* 02:00:00, its begin alone"},
		{"22:00-02:00", schedule.Cron, "!the nearest is 0 22 * * *, its begin alone"},
		{"@7m", schedule.Cron, "!and the notation has no last run"},
		{"@2h *:1", schedule.Cron, "!the nearest is 0 */2 1 * *, at times"},
		{"7 15", schedule.OpenSVC, "!the nearest is @7d, counted"},
		{"7 15", schedule.Calendar, "!the nearest is weekly, at times"},
		{"@monthly 15", schedule.Cron, "!the nearest is @monthly, at times"},
		{"3 15", schedule.Cron, "!and the notation has no last run"},
		{"every 90s", schedule.OpenSVC, "!the nearest is @1m30s, counted"},
		{"every 1h after end", schedule.OpenSVC, "!the nearest is @1h, counted"},
		{"every 10m from 2026-01-01 00:05", schedule.Calendar, "!the nearest is *-*-* *:00/10:00, which"},
		{"H 2 * * *", schedule.OpenSVC, "!number chosen for each task"},
		{"H(0-29)/10 2 * * *", schedule.Calendar, "!number chosen for each task"},
		{"CRON_TZ=Pacific/Honolulu 0 9 * * *", schedule.Calendar, "*-*-* 09:00:00 Pacific/Honolulu"},
		{"09:00", schedule.Anacron, "!om, cron or calendar"},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{Zones: loadZone})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Convert(r.to)
		if err != nil && strings.Contains(err.Error(), "the nearest is ") {
			_, near, _ := strings.Cut(err.Error(), "the nearest is ")
			if near, _, _ = strings.Cut(near, ", "+near[strings.LastIndex(near, ", ")+2:]); near != "" {
				if n, bad := schedule.Parse(near, schedule.Options{}); bad != nil || n.Notation() != r.to {
					t.Errorf("%s to %s: the nearest, %s, is none: %v", r.text, r.to, near, bad)
				}
			}
		}
		if part, refused := strings.CutPrefix(r.want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s to %s: %q, %v: wanted an error with %q", r.text, r.to, got, err, part)
			}
		} else if got != r.want {
			t.Errorf("%s to %s: %q, %v: wanted %q", r.text, r.to, got, err, r.want)
		}
	}
}
