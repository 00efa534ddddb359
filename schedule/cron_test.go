package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// TestCronNext steps from slot to slot. The wanted ones are in RFC 3339, separated by spaces; "never" for the end.
func TestCronNext(t *testing.T) {
	for _, row := range []struct{ text, zone, now, want string }{
		{"30 2 * * *", "America/New_York", "2026-03-07T12:00:00-05:00", "2026-03-08T03:00:00-04:00 2026-03-09T02:30:00-04:00"},
		{"30 2 * * *", "America/New_York", "2026-10-31T12:00:00-04:00", "2026-11-01T02:30:00-05:00 2026-11-02T02:30:00-05:00"},
		{"30 1 * * *", "America/New_York", "2026-03-07T12:00:00-05:00", "2026-03-08T01:30:00-05:00 2026-03-09T01:30:00-04:00"},
		{"30 1 * * *", "America/New_York", "2026-10-31T12:00:00-04:00", "2026-11-01T01:30:00-04:00 2026-11-02T01:30:00-05:00"},
		{"0,30 1-2 * * *", "America/New_York", "2026-03-08T00:00:00-05:00", "2026-03-08T01:00:00-05:00 2026-03-08T01:30:00-05:00 2026-03-08T03:00:00-04:00 2026-03-09T01:00:00-04:00"},
		{"0,30 1 * * *", "America/New_York", "2026-11-01T00:00:00-04:00", "2026-11-01T01:00:00-04:00 2026-11-01T01:30:00-04:00 2026-11-02T01:00:00-05:00"},
		{"*/30 1 * * *", "America/New_York", "2026-11-01T00:00:00-04:00", "2026-11-01T01:00:00-04:00 2026-11-01T01:30:00-04:00 2026-11-01T01:00:00-05:00 2026-11-01T01:30:00-05:00 2026-11-02T01:00:00-05:00"},
		{"*/30 2 * * *", "America/New_York", "2026-03-07T12:00:00-05:00", "2026-03-09T02:00:00-04:00"},
		{"? 2 * * *", "America/New_York", "2026-03-07T12:00:00-05:00", "2026-03-09T02:00:00-04:00"},
		{"0 * * * *", "America/New_York", "2026-03-08T00:30:00-05:00", "2026-03-08T01:00:00-05:00 2026-03-08T03:00:00-04:00"},
		{"@hourly", "America/New_York", "2026-11-01T00:30:00-04:00", "2026-11-01T01:00:00-04:00 2026-11-01T01:00:00-05:00 2026-11-01T02:00:00-05:00"},
		{"0-59 1 * * *", "America/New_York", "2026-11-01T01:58:00-04:00", "2026-11-01T01:58:00-04:00 2026-11-01T01:59:00-04:00 2026-11-02T01:00:00-05:00"},
		{"0 10 * * *", "Europe/Paris", "2027-03-27T12:00:00+01:00", "2027-03-28T10:00:00+02:00 2027-03-29T10:00:00+02:00"},
		{"30 2 * * *", "Europe/Paris", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00"},
		{"30 2 * * *", "Europe/Paris", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00"},
		{"30 2 29 3 *", "Europe/Paris", "2026-01-01T00:00:00+01:00", "2026-03-29T03:00:00+02:00 2027-03-29T02:30:00+02:00"},
		{"15 30 2 * * *", "Europe/Paris", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T02:30:15+02:00"},
		{"*/10 * * * *", "Europe/Paris", "2026-03-29T01:50:00+01:00", "2026-03-29T01:50:00+01:00 2026-03-29T03:00:00+02:00"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00 2026-10-05T02:15:00+11:00"},
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00+11:00", "2026-04-05T01:45:00+11:00 2026-04-06T01:45:00+10:30"},
		{"*/15 1 * * *", "Australia/Lord_Howe", "2026-04-05T01:30:00+11:00", "2026-04-05T01:30:00+11:00 2026-04-05T01:45:00+11:00 2026-04-05T01:30:00+10:30 2026-04-05T01:45:00+10:30 2026-04-06T01:00:00+10:30"},
		{"0 0 * * *", "America/Santiago", "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00 2026-09-07T00:00:00-03:00"},
		{"0 0 * * *", "America/Santiago", "2026-04-04T12:00:00-03:00", "2026-04-05T00:00:00-04:00 2026-04-06T00:00:00-04:00"},
		{"30 23 * * *", "America/Santiago", "2026-04-04T12:00:00-03:00", "2026-04-04T23:30:00-03:00 2026-04-05T23:30:00-04:00"},
		{"@daily", "America/Havana", "2026-03-07T12:00:00-05:00", "2026-03-08T01:00:00-04:00 2026-03-09T00:00:00-04:00"},
		{"@midnight", "America/Havana", "2026-10-31T12:00:00-04:00", "2026-11-01T00:00:00-04:00 2026-11-02T00:00:00-05:00"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-29T13:00:00-10:00", "2011-12-31T00:00:00+14:00 2011-12-31T12:00:00+14:00"},
		{"0 0 13 * 5", "UTC", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00Z 2026-11-13T00:00:00Z 2026-11-20T00:00:00Z 2026-11-27T00:00:00Z 2026-12-04T00:00:00Z 2026-12-11T00:00:00Z 2026-12-13T00:00:00Z"},
		{"0 0 13 * */5", "UTC", "2026-01-01T00:00:00Z", "2026-02-13T00:00:00Z 2026-03-13T00:00:00Z 2026-09-13T00:00:00Z 2026-11-13T00:00:00Z 2026-12-13T00:00:00Z"},
		{"0 0 */2 * mon", "UTC", "2026-11-01T00:00:00Z", "2026-11-09T00:00:00Z 2026-11-23T00:00:00Z 2026-12-07T00:00:00Z"},
		{"0 0 1-31/2 * mon", "UTC", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z 2026-11-02T00:00:00Z 2026-11-03T00:00:00Z 2026-11-05T00:00:00Z"},
		{"0 0 15 * ?", "UTC", "2026-11-01T00:00:00Z", "2026-11-15T00:00:00Z 2026-12-15T00:00:00Z"},
		{"0 0 * * fri-sun", "UTC", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z 2026-11-06T00:00:00Z 2026-11-07T00:00:00Z 2026-11-08T00:00:00Z 2026-11-13T00:00:00Z"},
		{"0 0 * * 1-7/3", "UTC", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z 2026-11-02T00:00:00Z 2026-11-05T00:00:00Z 2026-11-08T00:00:00Z"},
		{"0 0 * * 7", "UTC", "2026-11-02T00:00:00Z", "2026-11-08T00:00:00Z 2026-11-15T00:00:00Z"},
		{"@weekly", "UTC", "2026-11-02T00:00:00Z", "2026-11-08T00:00:00Z 2026-11-15T00:00:00Z"},
		{"@monthly", "UTC", "2026-11-02T00:00:00Z", "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z"},
		{"@annually", "UTC", "2026-11-02T00:00:00Z", "2027-01-01T00:00:00Z 2028-01-01T00:00:00Z"},
		{"0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z 2108-02-29T00:00:00Z"},
		{"0 0 29 2 */6", "UTC", "2026-01-01T00:00:00Z", "2032-02-29T00:00:00Z 2048-02-29T00:00:00Z 2060-02-29T00:00:00Z"},
		{"0 0 1 1 *", "UTC", "2198-12-31T00:00:00Z", "2199-01-01T00:00:00Z never"},
		{"5/25 3 * * *", "UTC", "2026-11-01T00:00:00Z", "2026-11-01T03:05:00Z 2026-11-01T03:30:00Z 2026-11-01T03:55:00Z 2026-11-02T03:05:00Z"},
		{"*/20 30 2 * * *", "UTC", "2026-11-01T00:00:00Z", "2026-11-01T02:30:00Z 2026-11-01T02:30:20Z 2026-11-01T02:30:40Z 2026-11-02T02:30:00Z"},
		{"0 0 L * *", "UTC", "2028-01-01T00:00:00Z", "2028-01-31T00:00:00Z 2028-02-29T00:00:00Z 2028-03-31T00:00:00Z 2028-04-30T00:00:00Z"},
		{"0 0 L-3,1 * *", "UTC", "2026-02-02T00:00:00Z", "2026-02-25T00:00:00Z 2026-03-01T00:00:00Z 2026-03-28T00:00:00Z"},
		{"0 0 l-30 * *", "UTC", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z 2026-05-01T00:00:00Z"},
		{"0 0 LW * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-30T00:00:00Z 2026-02-27T00:00:00Z 2026-03-31T00:00:00Z"},
		{"0 0 15W * *", "UTC", "2026-08-01T00:00:00Z", "2026-08-14T00:00:00Z 2026-09-15T00:00:00Z 2026-10-15T00:00:00Z 2026-11-16T00:00:00Z"},
		{"0 0 1w * *", "UTC", "2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z 2026-09-01T00:00:00Z"},
		{"0 0 31W * *", "UTC", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z 2026-07-31T00:00:00Z"},
		{"0 0 * * 5#2", "UTC", "2026-08-01T00:00:00Z", "2026-08-14T00:00:00Z 2026-09-11T00:00:00Z"},
		{"0 0 * * mon#5", "UTC", "2026-08-01T00:00:00Z", "2026-08-31T00:00:00Z 2026-11-30T00:00:00Z"},
		{"0 0 * * friL", "UTC", "2026-08-01T00:00:00Z", "2026-08-28T00:00:00Z 2026-09-25T00:00:00Z"},
		{"0 0 * * 7L,1", "UTC", "2026-08-20T00:00:00Z", "2026-08-24T00:00:00Z 2026-08-30T00:00:00Z 2026-08-31T00:00:00Z"},
		{"0 0 L * 5L", "UTC", "2026-08-01T00:00:00Z", "2026-08-28T00:00:00Z 2026-08-31T00:00:00Z 2026-09-25T00:00:00Z 2026-09-30T00:00:00Z"},
		{"0 0 * * 0-6,5#2", "UTC", "2026-08-01T00:00:00Z", "2026-08-01T00:00:00Z 2026-08-02T00:00:00Z"},
		{"@every 1h30m", "UTC", "2026-01-01T00:10:00Z", "2026-01-01T01:30:00Z 2026-01-01T03:00:00Z"},
		{"@every 24h", "Europe/Paris", "2026-07-01T00:10:00+02:00", "2026-07-01T01:00:00+02:00 2026-07-02T01:00:00+02:00"},
		{"@every 24h", "America/New_York", "2026-12-01T12:00:00-05:00", "2026-12-02T00:00:00-05:00"},
		{"CRON_TZ=Asia/Tokyo 0 9 * * *", "Europe/Paris", "2026-07-01T00:00:00+02:00", "2026-07-01T09:00:00+09:00 2026-07-02T09:00:00+09:00"},
		{"TZ=UTC @every 24h", "Europe/Paris", "2026-07-01T00:10:00+02:00", "2026-07-01T00:00:00Z"},
		{"@reboot", "UTC", "2026-07-01T00:00:00Z", "never"},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{Zone: schedule.NewZone(location(t, row.zone)), Zones: loadZone})
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		if got := steps(s, instantOf(t, row.now), len(strings.Fields(row.want))); got != row.want {
			t.Errorf("%s in %s from %s:\n got %s\nwant %s", row.text, row.zone, row.now, got, row.want)
		}
	}
}

// steps feeds each answer of Next back as the last run.
func steps(s *schedule.Schedule, now time.Time, n int) string {
	var all []string
	for last := (time.Time{}); len(all) < n; {
		next, ok := s.Next(last, now)
		if !ok {
			all = append(all, "never")
			break
		}
		all = append(all, next.Format(time.RFC3339))
		last, now = next, next
	}
	return strings.Join(all, " ")
}

func instantOf(tb testing.TB, text string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

// TestCronPolicies has the other choices for clock changes, which a line with a star in its hours or
// minutes does not have.
func TestCronPolicies(t *testing.T) {
	const spring, autumn = "2026-03-28T12:00:00+01:00", "2026-10-24T12:00:00+02:00"
	for _, row := range []struct {
		text, now string
		gap       schedule.Gap
		overlap   schedule.Overlap
		want      string
	}{
		{"30 2 * * *", spring, schedule.GapSkip, schedule.OverlapFirst, "2026-03-30T02:30:00+02:00"},
		{"30 2 * * *", spring, schedule.GapShift, schedule.OverlapFirst, "2026-03-29T03:30:00+02:00 2026-03-30T02:30:00+02:00"},
		{"30 2 * * *", autumn, schedule.GapAfter, schedule.OverlapSecond, "2026-10-25T02:30:00+01:00 2026-10-26T02:30:00+01:00"},
		{"30 2 * * *", autumn, schedule.GapAfter, schedule.OverlapBoth, "2026-10-25T02:30:00+02:00 2026-10-25T02:30:00+01:00 2026-10-26T02:30:00+01:00"},
		{"H(30-30) H(2-2) * * *", autumn, schedule.GapAfter, schedule.OverlapSecond, "2026-10-25T02:30:00+01:00 2026-10-26T02:30:00+01:00"},
		{"*/60 2 * * *", spring, schedule.GapShift, schedule.OverlapFirst, "2026-03-30T02:00:00+02:00"},
		{"*/60 2 * * *", autumn, schedule.GapAfter, schedule.OverlapSecond, "2026-10-25T02:00:00+02:00 2026-10-25T02:00:00+01:00 2026-10-26T02:00:00+01:00"},
	} {
		o := schedule.Options{Zone: schedule.NewZone(location(t, "Europe/Paris")), Gap: row.gap, Overlap: row.overlap}
		s, err := schedule.Parse(row.text, o)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		if got := steps(s, instantOf(t, row.now), len(strings.Fields(row.want))); got != row.want {
			t.Errorf("%s, gap %d, overlap %d:\n got %s\nwant %s", row.text, row.gap, row.overlap, got, row.want)
		}
	}
}

func TestCronReboot(t *testing.T) {
	boot := instantOf(t, "2026-07-01T08:00:00Z")
	s, err := schedule.Parse("@reboot", schedule.Options{Boot: boot})
	if err != nil {
		t.Fatal(err)
	}
	if got := steps(s, boot.Add(-time.Hour), 2); got != "2026-07-01T08:00:00Z never" || len(s.Warnings()) != 0 {
		t.Errorf("got %s, warnings %v", got, s.Warnings())
	}
	if slot, missed, ok := s.Latest(boot.Add(-time.Hour), boot.Add(time.Hour)); !ok || missed != 0 || !slot.Equal(boot) {
		t.Errorf("the latest after the start is %v, %d missed, %v", slot, missed, ok)
	}
}

// TestCronErrors has what is refused, with the place and a part of the message.
func TestCronErrors(t *testing.T) {
	for _, row := range []struct {
		text   string
		offset int
		part   string
	}{
		{"cron:", 5, "five fields"},
		{"cron: 0 2 * *", 13, "five fields"},
		{"cron: 0 2 * *  ", 13, "five fields"},
		{"TZ=UTC", 6, "five fields"},
		{"CRON_TZ=UTC", 11, "five fields"},
		{"TZ=", 3, "a time zone"},
		{"CRON_TZ= 0 2 * * *", 8, "a time zone"},
		{"TZ=Europe/Pariz 0 2 * * *", 3, "unknown time zone"},
		{"0 0 2 * * * 2026", 12, "years and commands"},
		{"0 2 * * * /usr/bin/backup", 10, "commands are no part"},
		{",, * * * *", 0, "a minute: 0 to 59"},
		{"1, * * * *", 2, "a minute: 0 to 59"},
		{"0 0 * * 1,,2", 10, "a weekday"},
		{"60 * * * *", 0, "the one after 59 is 0"},
		{"0 24 * * *", 2, "midnight is 0"},
		{"60 0 0 * * *", 0, "a second: 0 to 59"},
		{"0 0 0 * *", 4, "a day of the month"},
		{"0 0 32 * *", 4, "a day of the month"},
		{"0 0 * 13 *", 6, "a month: 1 to 12"},
		{"0 0 * 0 *", 6, "a month: 1 to 12"},
		{"0 0 * * 8", 8, "a weekday: 0 to 7"},
		{"0 0 * january *", 6, "three letters"},
		{"0 0 * * fri-sunday", 12, "three letters"},
		{"0 0 * * jan", 8, "a weekday"},
		{"0 0 * mon *", 6, "a month"},
		{"+5 * * * *", 0, "a minute"},
		{"-5 * * * *", 0, "a minute"},
		{"cron: 5- * * * *", 8, "a minute"},
		{"1-2-3 * * * *", 2, "a minute"},
		{"*5 * * * *", 0, "a minute"},
		{"*-5 * * * *", 0, "a minute"},
		{"*/0 * * * *", 2, "a number above 0"},
		{"*/ * * * *", 2, "a number above 0"},
		{"*/2/3 * * * *", 2, "a number above 0"},
		{"*/9999999999 * * * *", 2, "a number above 0"},
		{"/5 * * * *", 0, "a minute"},
		{"1-234/5678 * * * *", 2, "a minute"},
		{"0~30 2 * * *", 0, "H(0-29)"},
		{"0 22-2 * * *", 2, "written 22-23,0-2"},
		{"0 23-0 * * *", 2, "written 23,0"},
		{"0 0 * nov-feb *", 6, "written 11-12,1-2"},
		{"0 0 * * fri-mon", 8, "written 5-7,1"},
		{"0 0 * * 5-0", 8, "written 5-7"},
		{"0 0 31 2 *", 4, "a day that one of its months has"},
		{"0 0 30 feb *", 4, "a day that one of its months has"},
		{"0 0 31 4,6,9,11 *", 4, "a day that one of its months has"},
		{"0 0 L-29,31W 2 *", 4, "a day that one of its months has"},
		{"0 0 L-31 * *", 6, "1 to 30"},
		{"0 0 L-0 * *", 6, "1 to 30"},
		{"0 0 32W * *", 4, "1 to 31"},
		{"0 0 1-15W * *", 4, "nearest to the 15th"},
		{"0 0 W * *", 4, "nearest to the 15th"},
		{"L 0 * * *", 0, "a minute"},
		{"0 0 15W W *", 8, "stand in a day field"},
		{"0 0 * * L", 8, "written 5L"},
		{"0 0 * * 8L", 8, "a weekday"},
		{"0 0 * * 5#6", 10, "1 to 5"},
		{"0 0 * * 5#0", 10, "1 to 5"},
		{"0 0 * * #2", 8, "a weekday"},
		{"0 0 * * 1-5#2", 8, "a weekday"},
		{"H( * * * *", 1, "H(0-29)"},
		{"H5 * * * *", 1, "H(0-29)"},
		{"H() * * * *", 2, "a range"},
		{"H(5) * * * *", 2, "a range"},
		{"H(9-5) * * * *", 2, "lower end first"},
		{"H(0-60) * * * *", 4, "a minute"},
		{"H/0 * * * *", 2, "a number above 0"},
		{"0 0 H(1-31) * *", 8, "up to 28"},
		{"@every 0s", 7, "above 0"},
		{"@every -5m", 7, "above 0"},
		{"@every 1500ms", 7, "whole seconds"},
		{"@every 1x", 8, "a unit"},
		{"@every", 6, "a time such as"},
		{"@every 876001h", 7, "60 years"},
		{"@fortnightly", 0, "@weekly"},
		{"@daily at noon", 7, "nothing more"},
		{"@reboot now", 8, "nothing more"},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{Zones: loadZone})
		e, ok := errors.AsType[*schedule.SyntaxError](err)
		switch {
		case !ok:
			t.Errorf("%s: got %v, error %v", row.text, s, err)
		case e.Offset != row.offset || !strings.Contains(e.Error(), row.part):
			t.Errorf("%s: got %v; wanted offset %d and %q", row.text, e, row.offset, row.part)
		}
	}
	if _, err := schedule.Parse("TZ=Europe/Paris 0 2 * * *", schedule.Options{}); err == nil {
		t.Error("a zone is known without Options.Zones")
	}
	if s, err := schedule.Parse("TZ=UTC 0 2 * * *", schedule.Options{}); err != nil || s.Zone().Name() != "UTC" {
		t.Errorf("UTC is not known without Options.Zones: %v", err)
	}
}

func TestCronString(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"cron:  0\t2 * *  * ", "0 2 * * *"},
		{"05 02 ? jan,DEC Mon-fri", "5 2 * 1,12 1-5"},
		{"0 30 2 * * *", "30 2 * * *"},
		{"00 30 2 * * *", "30 2 * * *"},
		{"0,0 30 2 * * *", "0,0 30 2 * * *"},
		{"15 30 2 * * *", "15 30 2 * * *"},
		{"*/1 0-23/1 5-5 * *", "* 0-23 5 * *"},
		{"5/15 20/2 * * *", "5-59/15 20-23/2 * * *"},
		{"0 0 * * sun", "0 0 * * 0"},
		{"0 0 * * 7,sat-sun,sun-tue,7-7", "0 0 * * 0,6-7,0-2,0"},
		{"0 0 l,lw,l-3,015w * *", "0 0 L,LW,L-3,15W * *"},
		{"0 0 * * friL,7#1,sunl", "0 0 * * 5L,0#1,0L"},
		{"h H(00-07) h/5 H/1 H(5-7)", "H H(0-7) H/5 H/1 H(5-7)"},
		{"H H H(3-3) * *", "H H H(3-3) * *"},
		{"@midnight", "@daily"},
		{"@Annually", "@yearly"},
		{"@hourly", "@hourly"},
		{"@reboot", "@reboot"},
		{"@every 90m", "@every 1h30m"},
		{"@every 1.5h", "@every 1h30m"},
		{"@every 1d", "@every 24h"},
		{"@every 5000ms", "@every 5s"},
		{"TZ=UTC 0 2 * * *", "CRON_TZ=UTC 0 2 * * *"},
		{"CRON_TZ=Europe/Paris   @midnight", "CRON_TZ=Europe/Paris @daily"},
		{"TZ=Europe/Paris @every 60m", "CRON_TZ=Europe/Paris @every 1h"},
		{"TZ=UTC 0 0 2 * * *", "CRON_TZ=UTC 0 2 * * *"},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{Zones: loadZone})
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		again, err := schedule.Parse(s.String(), schedule.Options{Zones: loadZone})
		if s.String() != row.want || err != nil || again.String() != row.want || s.Notation() != schedule.Cron {
			t.Errorf("%s: got %s, wanted %s; again %v, %v", row.text, s, row.want, again, err)
		}
	}
}

func TestCronWarnings(t *testing.T) {
	for _, row := range []struct {
		text   string
		offset int
		part   string // "" for no warning
	}{
		{"0 2 * * *", 0, ""},
		{"*/15 */6 * */3 *", 0, ""},
		{"0 0 13 * *", 0, ""},
		{"0 0 * * 5", 0, ""},
		{"0 0 13 * 5", 4, "match either"},
		{"0 0 L * H", 4, "match either"},
		{"0 0 1-31/2 * 5", 4, "match either"},
		{"0 0 */30 * 5", 4, "begins anew each month"},
		{"*/45 * * * *", 0, "written @every 45m"},
		{"*/90 * * * *", 0, "written @every 90m"},
		{"0 ?/5 * * *", 2, "written @every 5h"},
		{"*/7 * * * * *", 0, "written @every 7s"},
		{"0 0 * * */2", 8, "begins anew each week"},
		{"@reboot", 0, ""},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{})
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		switch all := s.Warnings(); {
		case row.part == "" && len(all) == 0:
		case row.part == "" || len(all) == 0 || all[0].Offset != row.offset || !strings.Contains(all[0].Text, row.part):
			t.Errorf("%s: got %v; wanted offset %d and %q", row.text, all, row.offset, row.part)
		}
	}
	s, err := schedule.Parse("0 0 */2 * 5", schedule.Options{})
	if err != nil || len(s.Warnings()) != 2 || !strings.Contains(s.Warnings()[1].Text, "match both") {
		t.Errorf("*/2 with a weekday is not warned of: %v, %v", s.Warnings(), err)
	}
}

// TestCronHash looks at what H chooses: always the same, in its range, and each number about as often.
func TestCronHash(t *testing.T) {
	now := instantOf(t, "2026-01-01T00:00:00Z")
	for _, row := range []struct {
		text      string
		of        func(time.Time) int
		low, high int
	}{
		{"H H(2-5) * * *", time.Time.Minute, 0, 59},
		{"H(0-29) 0 * * *", time.Time.Minute, 0, 29},
		{"H(30-44)/15 0 * * *", time.Time.Minute, 30, 44},
		{"H/15 0 * * *", time.Time.Minute, 0, 14},
		{"0 H * * *", time.Time.Hour, 0, 23},
		{"0 H(2-5) * * *", time.Time.Hour, 2, 5},
		{"H 0 0 * * *", time.Time.Second, 0, 59},
		{"0 0 H * *", time.Time.Day, 1, 28},
		{"0 0 H/10 * *", time.Time.Day, 1, 10},
		{"0 0 1 H *", func(at time.Time) int { return int(at.Month()) }, 1, 12},
		{"0 0 * * H", func(at time.Time) int { return int(at.Weekday()) }, 0, 6},
		{"0 0 * * H(5-7)", func(at time.Time) int { return int(at.Weekday()+1) % 7 }, 0, 6},
	} {
		counts := map[int]int{}
		const each = 200
		size := row.high - row.low + 1
		if row.text == "0 0 * * H(5-7)" {
			size = 3 // Friday is 6, Saturday 0, Sunday 1
		}
		for i := range each * size {
			s, err := schedule.Parse(row.text, schedule.Options{Seed: schedule.NewSeed("node", "service", string(rune('a'+i)))})
			if err != nil {
				t.Fatalf("%s: %v", row.text, err)
			}
			next, ok := s.Next(time.Time{}, now)
			if n := row.of(next); !ok || n < row.low || n > row.high {
				t.Fatalf("%s: got %v", row.text, next)
			}
			counts[row.of(next)]++
		}
		for n, count := range counts {
			if count < each/2 || count > each*2 {
				t.Errorf("%s: %d is chosen %d times, of about %d", row.text, n, count, each)
			}
		}
		if len(counts) != size {
			t.Errorf("%s: %d numbers are chosen, not %d", row.text, len(counts), size)
		}
	}
}

// TestCronHashSteps counts what a step after an H leaves.
func TestCronHashSteps(t *testing.T) {
	from := instantOf(t, "2026-01-01T00:00:00Z")
	for _, row := range []struct {
		text   string
		window time.Duration
		want   int
	}{
		{"H/15 0 * * *", time.Hour, 4},
		{"H(0-29)/10 0 * * *", time.Hour, 3},
		{"H/1 0 * * *", time.Hour, 60},
		{"H/90 0 * * *", time.Hour, 1},
		{"H(0-29),H(30-59) 0 * * *", time.Hour, 2},
		{"0 0 H/14 * *", 31 * 24 * time.Hour, 2},
		{"0 0 H/1 * *", 31 * 24 * time.Hour, 28},
	} {
		for seed := range schedule.Seed(50) {
			s, err := schedule.Parse(row.text, schedule.Options{Seed: seed})
			if err != nil {
				t.Fatalf("%s: %v", row.text, err)
			}
			if _, missed, _ := s.Latest(from.Add(-time.Second), from.Add(row.window-time.Second)); missed+1 != row.want {
				t.Errorf("%s with seed %d: %d slots, not %d", row.text, seed, missed+1, row.want)
			}
		}
	}
}

// TestCronLong makes sure that a canonical form which would be too long to be read again is refused.
func TestCronLong(t *testing.T) {
	text := strings.Repeat("0/2,", 1000) + "0 * * * *"
	if s, err := schedule.Parse(text, schedule.Options{}); err == nil {
		t.Errorf("the canonical form has %d bytes", len(s.String()))
	}
}

// FuzzParseCron holds the laws against lines of cron.
func FuzzParseCron(f *testing.F) {
	for i, text := range []string{
		"30 2 * * *", "*/15 8-18 * * mon-fri", "0 0 13 * 5", "0 0 */2 * 1-7/2", "0 0 29 2 1", "1-234/5678 * * * *", "0 0 L-3,15W,LW * 5#2,friL",
		"H/15 H(0-7) H H H(5-7)", "*/7 59 23 31 12 ?", "5/15 20/2 * * *", "@every 1.5h", "@every -5m", "@reboot", "@Midnight", "TZ=UTC", "TZ=Asia/Tokyo @weekly", ",, * * * *",
	} {
		f.Add(text, int64(1774744200+i*997), int64(i*4111), uint8(i))
	}
	zones := zonesOf(f, "UTC", "Europe/Paris", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia")
	f.Fuzz(func(t *testing.T, text string, at, ago int64, choice uint8) {
		now := time.Unix(1+at&(1<<32-1), 0)
		if _, err := schedule.Parse("cron: "+text, schedule.Options{}); err != nil && strings.Contains(err.Error(), "robfig") {
			t.Fatalf("%q: robfig/cron can't read what was found to be right: %v", text, err)
		}
		laws(t, "cron: "+text, schedule.Options{
			Zone: zones[int(choice)%len(zones)], Zones: loadZone, Seed: schedule.Seed(choice),
			Gap: schedule.Gap(choice / 8 % 3), Overlap: schedule.Overlap(choice / 24 % 3),
		}, now.Add(-time.Duration(ago&(1<<26-1))*time.Second), now)
	})
}

func BenchmarkParseCron(b *testing.B) {
	zone := schedule.NewZone(location(b, "Europe/Paris"))
	for _, text := range []string{"30 2 * * *", "*/15 8-18 * * mon-fri", "H H 1 * *", "0 0 29 2 *", "@daily", "@every 1h30m"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := schedule.Parse(text, schedule.Options{Zone: zone}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
