package schedule_test

import (
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// faultRow is a schedule that others get wrong, or a day on which they do: the starts from an instant on.
type faultRow struct {
	name, zone, expr string
	gap              schedule.Gap
	overlap          schedule.Overlap
	from             string
	want             string // separated by blanks
}

// TestFaults holds the known faults of other schedulers.
func TestFaults(t *testing.T) {
	for _, r := range []faultRow{
		{name: "an hour late on the short day", zone: "Europe/Paris", expr: "10:00", from: "2027-03-28T00:00:00+01:00", want: "2027-03-28T10:00:00+02:00"},
		{name: "the same as a cron line", zone: "Europe/Paris", expr: "0 10 * * *", from: "2027-03-28T00:00:00+01:00", want: "2027-03-28T10:00:00+02:00"},
		{name: "the same as a calendar", zone: "Europe/Paris", expr: "*-*-* 10:00", from: "2027-03-28T00:00:00+01:00", want: "2027-03-28T10:00:00+02:00"},
		{name: "the long day has an hour more", zone: "Europe/Paris", expr: "09:00", from: "2026-10-25T00:00:00+02:00", want: "2026-10-25T09:00:00+01:00 2026-10-26T09:00:00+01:00"},
		{name: "its last hour lives", zone: "Europe/Paris", expr: "@10m", from: "2026-10-25T22:59:00+01:00", want: "2026-10-25T22:59:00+01:00 2026-10-25T23:09:00+01:00"},
		{name: "no midnight in Santiago", zone: "America/Santiago", expr: "00:00", from: "2026-09-05T12:00:00-04:00", want: "2026-09-06T01:00:00-03:00 2026-09-07T00:00:00-03:00"},
		{name: "ten is there in Santiago", zone: "America/Santiago", expr: "0 10 * * *", from: "2026-09-05T12:00:00-04:00", want: "2026-09-06T10:00:00-03:00"},
		{name: "no midnight in Havana", zone: "America/Havana", expr: "@daily", from: "2026-03-07T12:00:00-05:00", want: "2026-03-08T01:00:00-04:00 2026-03-09T00:00:00-04:00"},
		{name: "two of 00:30 in Havana", zone: "America/Havana", expr: "00:30", from: "2026-11-01T00:00:00-04:00", want: "2026-11-01T00:30:00-04:00 2026-11-02T00:30:00-05:00"},
		{name: "no midnight in Cairo", zone: "Africa/Cairo", expr: "00:00", from: "2026-04-23T12:00:00+02:00", want: "2026-04-24T01:00:00+03:00"},
		{name: "no 00:30 in Beirut", zone: "Asia/Beirut", expr: "00:30", from: "2026-03-28T12:00:00+02:00", want: "2026-03-29T01:00:00+03:00"},
		{name: "lost by robfig", zone: "America/New_York", expr: "30 2 * * *", from: "2026-03-08T00:00:00-05:00", want: "2026-03-08T03:00:00-04:00 2026-03-09T02:30:00-04:00"},
		{name: "run twice by robfig", zone: "America/New_York", expr: "30 1 * * *", from: "2026-11-01T00:00:00-04:00", want: "2026-11-01T01:30:00-04:00 2026-11-02T01:30:00-05:00"},
		{name: "the second of two", zone: "America/New_York", expr: "30 1 * * *", overlap: schedule.OverlapSecond, from: "2026-11-01T00:00:00-04:00", want: "2026-11-01T01:30:00-05:00 2026-11-02T01:30:00-05:00"},
		{name: "both of two", zone: "America/New_York", expr: "30 1 * * *", overlap: schedule.OverlapBoth, from: "2026-11-01T00:00:00-04:00", want: "2026-11-01T01:30:00-04:00 2026-11-01T01:30:00-05:00 2026-11-02T01:30:00-05:00"},
		{name: "a gap skipped", zone: "America/New_York", expr: "30 2 * * *", gap: schedule.GapSkip, from: "2026-03-08T00:00:00-05:00", want: "2026-03-09T02:30:00-04:00"},
		{name: "a gap shifted", zone: "America/New_York", expr: "30 2 * * *", gap: schedule.GapShift, from: "2026-03-08T00:00:00-05:00", want: "2026-03-08T03:30:00-04:00 2026-03-09T02:30:00-04:00"},
		{name: "each hour, the long day", zone: "America/New_York", expr: "0 * * * *", from: "2026-11-01T00:30:00-04:00", want: "2026-11-01T01:00:00-04:00 2026-11-01T01:00:00-05:00 2026-11-01T02:00:00-05:00"},
		{name: "each hour, the short day", zone: "America/New_York", expr: "0 * * * *", from: "2026-03-08T00:30:00-05:00", want: "2026-03-08T01:00:00-05:00 2026-03-08T03:00:00-04:00"},
		{name: "each hour of the window that is not there", zone: "America/New_York", expr: "02:00-02:59@5m", from: "2026-03-08T00:30:00-05:00", want: "2026-03-09T02:00:00-04:00"},
		{name: "through both hours", zone: "America/New_York", expr: "01:00-01:59@40m", from: "2026-11-01T00:00:00-04:00", want: "2026-11-01T01:00:00-04:00 2026-11-01T01:40:00-04:00 2026-11-01T01:20:00-05:00"},
		{name: "a range in the gap", zone: "America/New_York", expr: "02:10-02:40", from: "2026-03-08T00:30:00-05:00", want: "2026-03-08T03:00:00-04:00 2026-03-09T02:10:00-04:00"},
		{name: "a range out of the gap", zone: "America/New_York", expr: "02:10-05:00", from: "2026-03-08T00:30:00-05:00", want: "2026-03-08T03:00:00-04:00 2026-03-09T02:10:00-04:00"},
		{name: "once a day on the long one", zone: "America/New_York", expr: "00:00-06:00", from: "2026-11-01T00:00:00-04:00", want: "2026-11-01T00:00:00-04:00 2026-11-02T00:00:00-05:00"},
		{name: "@1d is a day", zone: "America/New_York", expr: "@1d", from: "2026-10-31T09:00:00-04:00", want: "2026-10-31T09:00:00-04:00 2026-11-01T09:00:00-05:00 2026-11-02T09:00:00-05:00"},
		{name: "half an hour missing", zone: "Australia/Lord_Howe", expr: "02:10", from: "2026-10-03T12:00:00+10:30", want: "2026-10-04T02:30:00+11:00 2026-10-05T02:10:00+11:00"},
		{name: "half an hour twice", zone: "Australia/Lord_Howe", expr: "01:40", from: "2026-04-05T00:00:00+11:00", want: "2026-04-05T01:40:00+11:00 2026-04-06T01:40:00+10:30"},
		{name: "cadence of half hours", zone: "Australia/Lord_Howe", expr: "*/10 * * * *", from: "2026-04-05T01:45:00+11:00", want: "2026-04-05T01:50:00+11:00 2026-04-05T01:30:00+10:30 2026-04-05T01:40:00+10:30"},
		{name: "a day that was not", zone: "Pacific/Apia", expr: "10:00", from: "2011-12-29T12:00:00-10:00", want: "2011-12-31T00:00:00+14:00 2011-12-31T10:00:00+14:00"},
		{name: "a day that was not, skipped", zone: "Pacific/Apia", expr: "10:00", gap: schedule.GapSkip, from: "2011-12-29T12:00:00-10:00", want: "2011-12-31T10:00:00+14:00"},
		{name: "and each day", zone: "Pacific/Apia", expr: "0 */8 * * *", from: "2011-12-29T12:00:00-10:00", want: "2011-12-29T16:00:00-10:00 2011-12-31T00:00:00+14:00 2011-12-31T08:00:00+14:00"},
		{name: "Ramadan begins", zone: "Africa/Casablanca", expr: "02:30", from: "2026-02-15T00:00:00+01:00", want: "2026-02-15T02:30:00+01:00 2026-02-16T02:30:00Z"},
		{name: "Ramadan ends", zone: "Africa/Casablanca", expr: "02:30", from: "2026-03-22T00:00:00Z", want: "2026-03-22T03:00:00+01:00 2026-03-23T02:30:00+01:00"},
		{name: "week 53", expr: "09:00 * 53", from: "2026-12-27T00:00:00Z", want: "2026-12-28T09:00:00Z 2026-12-29T09:00:00Z 2026-12-30T09:00:00Z 2026-12-31T09:00:00Z 2027-01-01T09:00:00Z 2027-01-02T09:00:00Z 2027-01-03T09:00:00Z 2032-12-27T09:00:00Z"},
		{name: "alive in week 53", expr: "@10m", from: "2027-01-01T00:00:00Z", want: "2027-01-01T00:00:00Z"},
		{name: "an exclusion after", expr: `["*@10m","!12:00-13:00"]`, from: "2026-01-01T11:55:00Z", want: "2026-01-01T11:55:00Z 2026-01-01T13:00:00Z"},
		{name: "an exclusion before", expr: `["!12:00-13:00","*@10m"]`, from: "2026-01-01T11:55:00Z", want: "2026-01-01T11:55:00Z 2026-01-01T13:00:00Z"},
		{name: "no leak at the end of the day", expr: `["@1h", "! * sat,sun"]`, from: "2026-01-02T22:30:00Z", want: "2026-01-02T22:30:00Z 2026-01-02T23:30:00Z 2026-01-05T00:00:00Z"},
		{name: "the evening range runs", expr: "08:00-09:00,18:00-19:00", from: "2026-01-01T00:00:00Z", want: "2026-01-01T08:00:00Z 2026-01-01T18:00:00Z 2026-01-02T08:00:00Z"},
		{name: "Friday alone", expr: "* fri", from: "2026-01-02T10:00:00Z", want: "2026-01-02T10:00:00Z 2026-01-09T00:00:00Z"},
		{name: "nights begin in the evening", expr: "22:00-02:00", from: "2026-01-01T03:00:00Z", want: "2026-01-01T22:00:00Z 2026-01-02T22:00:00Z"},
		{name: "leap days beyond two years", expr: "0 0 29 2 *", from: "2096-03-01T00:00:00Z", want: "2104-02-29T00:00:00Z"},
	} {
		t.Run(r.name, r.test)
	}
}

func (r *faultRow) test(t *testing.T) {
	o := schedule.Options{Gap: r.gap, Overlap: r.overlap}
	if r.zone != "" {
		o.Zone = zonesOf(t, r.zone)[0]
	}
	s, err := schedule.Parse(r.expr, o)
	if err != nil {
		t.Fatal(err)
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
			break
		}
		got = append(got, next.Format(time.RFC3339))
		last, now = next, next
	}
	if strings.Join(got, " ") != r.want {
		t.Errorf("%s in %s from %s:\n got %s\nwant %s", r.expr, r.zone, r.from, strings.Join(got, " "), r.want)
	}
}

// TestNever: what has no instant is warned of, what has one is not, and neither is refused.
func TestNever(t *testing.T) {
	for text, never := range map[string]bool{
		"": true, "@0": true, "! 12:00-13:00": true, `["09:00", "! *"]`: true, `["09:00 mon", "! 08:00-10:00 mon-fri"]`: true, `["22:00-02:00", "! * * 1-53"]`: true,
		"09:00 * * feb%3": true, "period week skip": true, "period month full skip*30; skip first day every month": true,
		`["02:00-04:00", "! 02:00-04:00"]`: false, `["09:00", "! 10:00 *:30 * feb"]`: false,
		"09:00 mon#5 * feb": false, "09:00 *:29 * feb": false, "09:00 * 53": false, "09:00 * 5 jan-feb": false, "09:00 *:30,*:1 * feb": false, "@reboot": false, "at 2020-01-01": false, "*-*~*": false,
	} {
		s, err := schedule.Parse("om: "+text, schedule.Options{})
		if schedule.NotationOf(text) != schedule.OpenSVC {
			s, err = schedule.Parse(text, schedule.Options{})
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		warned := false
		for _, w := range s.Warnings() {
			warned = warned || w.Text == "it never runs"
		}
		if _, ok := s.Next(time.Time{}, time.Time{}); warned != never || ok == never && text != "@reboot" {
			t.Errorf("%s: warned of %v, and has an instant: %v", text, warned, ok)
		}
	}
	for gap, warned := range map[schedule.Gap]bool{schedule.GapSkip: true, schedule.GapAfter: false} {
		s, err := schedule.Parse("at 2026-03-29 02:30", schedule.Options{Zone: zonesOf(t, "Europe/Paris")[0], Gap: gap})
		if err != nil || len(s.Warnings()) > 0 != warned {
			t.Errorf("a moment in a gap, policy %d: %v", gap, err)
		}
	}
	early, late := instantOf(t, "2026-01-01T00:00:00Z"), instantOf(t, "2027-01-01T00:00:00Z")
	for _, o := range []schedule.Options{{NotBefore: late, NotAfter: early}, {NotBefore: early, NotAfter: late}} {
		if s, err := schedule.Parse("09:00", o); err != nil || len(s.Warnings()) == 1 != o.NotBefore.Equal(late) {
			t.Errorf("%+v: %v, %v", o, s.Warnings(), err)
		}
	}
}

// TestRefused holds what others accept, or end their process for.
func TestRefused(t *testing.T) {
	for text, offset := range map[string]int{
		"99:99": 0, "09:60": 3, "24:00": 0, "* 9": 2, "* * 99": 4, "* * 54": 4, "10:00 mon:32": 10, "10:00 *:0": 8, "09:00 -1": 6, "* * * %0": 7, "* * * 13": 6,
		"@": 1, "09:00@": 6, "@ 10": 1, "@1y": 2, "@1H": 2, "@10min": 4, "@1h30": 5, "@-5m": 1, "@1.5h": 2, "~~09:00": 1, "09:00 jan": 6, "* * * mon": 6, `["09:00" "10:00"]`: 9,
		"TZ=UTC": 6, "CRON_TZ=UTC": 11, "TZ=UTC ": 6, "@every 0s": 7, "@every -5m": 7, ",, * * * *": 0, "0 0 31 2 *": 4, "0 0 30 feb *": 4, "60 * * * *": 0,
		"1-234/5678 * * * *": 2, "*-02-30": 5, "09:00 *:30 * feb": 6, "09:00 *:31 * apr,jun": 6, "09:00 * 20 dec": 8, "09:00 fri:31 * feb": 6, "09:00 *:1 20": 6,
		`["09:00", "10:00 *:-31 * feb"]`: 17, "at 2026-02-30 10:00": 3, "every 0s": 6, "0 15": 0,
	} {
		_, err := schedule.Parse(text, schedule.Options{})
		e, ok := err.(*schedule.SyntaxError) //nolint:errorlint // it is that type
		if !ok || e.Offset != offset {
			t.Errorf("%q: %v, wanted an error at %d", text, err, offset)
		}
	}
}
