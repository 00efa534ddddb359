package schedule_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// TestCalendarNext has the slots of expressions, in UTC but for those that name a zone.
func TestCalendarNext(t *testing.T) {
	for _, row := range []struct{ text, from, want string }{
		{"calendar: daily", "2026-01-01T00:00:01Z", "2026-01-02T00:00:00Z 2026-01-03T00:00:00Z"},
		{"calendar: minutely", "2026-01-01T00:00:01Z", "2026-01-01T00:01:00Z 2026-01-01T00:02:00Z"},
		{"calendar: hourly", "2026-01-01T00:00:01Z", "2026-01-01T01:00:00Z 2026-01-01T02:00:00Z"},
		{"weekly", "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z 2026-01-12T00:00:00Z"},
		{"monthly", "2026-01-01T00:00:01Z", "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z"},
		{"quarterly", "2026-01-01T00:00:01Z", "2026-04-01T00:00:00Z 2026-07-01T00:00:00Z 2026-10-01T00:00:00Z 2027-01-01T00:00:00Z"},
		{"semiannually", "2026-01-01T00:00:01Z", "2026-07-01T00:00:00Z 2027-01-01T00:00:00Z"},
		{"yearly", "2026-01-01T00:00:01Z", "2027-01-01T00:00:00Z 2028-01-01T00:00:00Z"},
		{"Mon..Fri 02:00", "2026-01-02T02:00:01Z", "2026-01-05T02:00:00Z 2026-01-06T02:00:00Z"},
		{"Sat,Sun *-*-* 02:00:05", "2026-01-01T00:00:00Z", "2026-01-03T02:00:05Z 2026-01-04T02:00:05Z 2026-01-10T02:00:05Z"},
		{"Fri *-*-13", "2026-01-01T00:00:00Z", "2026-02-13T00:00:00Z 2026-03-13T00:00:00Z 2026-11-13T00:00:00Z"},
		{"Mon *-05~07/1", "2026-01-01T00:00:00Z", "2026-05-25T00:00:00Z 2027-05-31T00:00:00Z"},
		{"*-*~*", "2026-01-01T00:00:01Z", "2026-01-02T00:00:00Z 2026-01-03T00:00:00Z"},
		{"*-02~*", "2026-02-28T00:00:00Z", "2026-02-28T00:00:00Z 2027-02-01T00:00:00Z"},
		{"*-*-~1", "2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z 2026-02-28T00:00:00Z"},
		{"*-02~03", "2027-12-01T00:00:00Z", "2028-02-27T00:00:00Z 2029-02-26T00:00:00Z"},
		{"*-*~01..05/2", "2026-02-01T00:00:00Z", "2026-02-24T00:00:00Z 2026-02-26T00:00:00Z 2026-02-28T00:00:00Z 2026-03-27T00:00:00Z"},
		{"*-*~07/3", "2026-02-01T00:00:00Z", "2026-02-22T00:00:00Z 2026-02-25T00:00:00Z 2026-02-28T00:00:00Z 2026-03-25T00:00:00Z"},
		{"*-02-29", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z 2108-02-29T00:00:00Z"},
		{"12-24 18:00", "2026-01-01T00:00:00Z", "2026-12-24T18:00:00Z 2027-12-24T18:00:00Z"},
		{"2026-12-24", "2026-01-01T00:00:00Z", "2026-12-24T00:00:00Z never"},
		{"2020-12-24", "2026-01-01T00:00:00Z", "never"},
		{"2026..2030/2-02-* 01:30", "2026-02-28T00:00:00Z", "2026-02-28T01:30:00Z 2028-02-01T01:30:00Z"},
		{"26,28-1-1", "2026-01-02T00:00:00Z", "2028-01-01T00:00:00Z never"},
		{"2198/1-12-31 23:59:59", "2026-01-01T00:00:00Z", "2198-12-31T23:59:59Z 2199-12-31T23:59:59Z never"},
		{"*:0/15", "2026-01-01T00:00:01Z", "2026-01-01T00:15:00Z 2026-01-01T00:30:00Z"},
		{"00/2:30", "2026-01-01T00:31:00Z", "2026-01-01T02:30:00Z 2026-01-01T04:30:00Z"},
		{"12,14:00", "2026-01-01T12:30:00Z", "2026-01-01T14:00:00Z 2026-01-02T12:00:00Z"},
		{"calendar: 12:00,15:30", "2026-01-01T12:01:00Z", "2026-01-01T12:15:30Z 2026-01-02T12:00:30Z"},
		{"*:*:0/20", "2026-01-01T00:00:21Z", "2026-01-01T00:00:40Z 2026-01-01T00:01:00Z"},
		{"calendar: @1780000000", "2026-01-01T00:00:00Z", "2026-05-28T20:26:40Z never"},
		{"02:00 Europe/Paris", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00+01:00 2026-01-02T02:00:00+01:00"},
		{"Mon *-*-* 02:00 Asia/Tokyo", "2026-01-01T00:00:00Z", "2026-01-05T02:00:00+09:00 2026-01-12T02:00:00+09:00"},
		{"daily America/New_York", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00-05:00 2026-01-02T00:00:00-05:00"},
		{"*-*-* 02:30 Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00"},
		{"*-*-* 02:30 Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00"},
		{"*-*-* 00/2:30 Europe/Paris", "2026-03-29T00:00:00Z", "2026-03-29T04:30:00+02:00 2026-03-29T06:30:00+02:00"},
		{"*-*-* 02:0/30 Europe/Paris", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00+02:00 2026-10-25T02:30:00+02:00 2026-10-25T02:00:00+01:00 2026-10-25T02:30:00+01:00 2026-10-26T02:00:00+01:00"},
		{"*-*-* 02:0..30/30 Europe/Paris", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00+02:00 2026-10-25T02:30:00+02:00 2026-10-26T02:00:00+01:00"},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{Zones: loadZone})
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		if got := steps(s, instantOf(t, row.from), len(strings.Fields(row.want))); got != row.want {
			t.Errorf("%s from %s:\n got %s\nwant %s", row.text, row.from, got, row.want)
		}
	}
}

// TestCalendarFaults has what is refused, where, and a part of what is said.
func TestCalendarFaults(t *testing.T) {
	for _, row := range []struct {
		text   string
		offset int
		part   string
	}{
		{"calendar:", 9, "weekdays, a date or a time"},
		{"calendar: 12", 10, "a time of the day has a colon"},
		{"calendar: *", 10, "a time of the day has a colon"},
		{"calendar: @-5", 11, "seconds since 1970"},
		{"calendar: @", 11, "seconds since 1970"},
		{"calendar: @7258118400", 11, "before the year 2200"},
		{"calendar: @1 02:00", 13, "nothing more"},
		{"calendar: 24:00", 10, "midnight is 00:00"},
		{"calendar: 12:", 13, "a minute: 0 to 59"},
		{"calendar: 12:00:", 16, "a second: 0 to 59"},
		{"calendar: 12:00:00:00", 16, "a second: 0 to 59"},
		{"calendar: 12:00:60", 16, "the one after 59 is 0"},
		{"fortnightly", 0, "or a word: minutely"},
		{"Mo 12:00", 0, "a weekday: Mon to Sun"},
		{"Dec 24", 0, "months are numbers"},
		{"Mon..", 5, "a weekday"},
		{"Mon-Wed-Fri", 4, "a weekday"},
		{"Mon,,Tue", 4, "a weekday"},
		{"Fri,Sat..Mon 12:00", 4, "Sat,Sun,Mon"},
		{"Mon Tue", 4, "a time zone"},
		{"Mon 12:00 13:00", 10, "nothing more"},
		{"daily 12:00", 6, "nothing more"},
		{"*-*-* 12", 8, "a colon and a minute"},
		{"*-*-* *-*-*", 11, "a colon and a minute"},
		{"*-*-*-12:00", 0, "a blank stands between"},
		{"2026-12-24T18:00 UTC", 0, "at 2026-12-24T18:00 UTC"},
		{"2026-12-24-10", 11, "a time of the day"},
		{"2026~12-24", 7, "~ only before the day"},
		{"2026-dec-24", 5, "months are numbers"},
		{"2026-13-24", 5, "a month: 1 to 12"},
		{"2026-12-32", 8, "a day of the month: 1 to 31"},
		{"2026-12-0", 8, "a day of the month"},
		{"2026-12~29", 8, "1, the last, to 28"},
		{"1969-12-24", 0, "a year: 1970 to 2199"},
		{"2200-12-24", 0, "a year: 1970 to 2199"},
		{"100-12-24", 0, "a year"},
		{"2026..2200-12-24", 6, "a year"},
		{"2030..2026-12-24", 0, "lower end first"},
		{"*-*-1..3..5", 7, "a day of the month"},
		{"*-*-1,,5", 6, "a day of the month"},
		{"*-*-1,*", 6, "a star stands alone"},
		{"*-*-*/2", 4, "as in 1/2"},
		{"*:*/15", 2, "as in 0/15"},
		{"*:/15", 2, "as in 0/15"},
		{"*:0/0", 4, "a number above 0"},
		{"*:0/60", 4, "at most 59 after 0"},
		{"*:0/x", 4, "a number above 0"},
		{"*:30/30", 5, "at most 29 after 30"},
		{"*-*~7/7", 6, "at most 6 after 7"},
		{"*:0/5/5", 4, "a number above 0"},
		{"*:0:30.5", 4, "whole seconds"},
		{"*:0:0/0.5", 6, "whole seconds"},
		{"*:0:30.", 7, "digits after the point"},
		{"*:0:30.0x", 7, "digits after the point"},
		{"*:0.0", 2, "a minute"},
		{"*:9999999999", 2, "a minute"},
		{"*-02-30", 5, "*-*~1"},
		{"02-30", 3, "*-*~1"},
		{"*-2,4,6-31 12:00", 8, "a day that one of its months has"},
		{"2027-02-29", 8, "a day that one of its months has"},
		{"Mon 2026-12-24", 0, "2026-12-24 is Thu"},
		{"02:00 Europe/Pariz", 6, "unknown time zone"},
		{"Mon 02:00 Local", 10, "a time zone"},
		{"Mon 02:00 localtime", 10, "another one on each host"},
		{"Mon 02:00 CEST", 10, "a time zone"},
		{"UTC", 0, "a weekday"},
		{"*:" + strings.Repeat("0,", 241) + "0", 2 + 2*241, "at most 241 members"},
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
	if _, err := schedule.Parse("02:00 Europe/Paris", schedule.Options{}); err == nil {
		t.Error("a zone is known without Options.Zones")
	}
}

// TestCalendarString has canonical forms, which tell their notation by their looks.
func TestCalendarString(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"*-02~*", "*-02-* 00:00:00"},
		{"calendar: 2:0", "*-*-* 02:00:00"},
		{"Mon", "Mon *-*-* 00:00:00"},
		{"FRIDAY,mon-wed,", "Mon..Wed,Fri *-*-* 00:00:00"},
		{"Mon,Tue,Sat..Sun", "Mon,Tue,Sat,Sun *-*-* 00:00:00"},
		{"Mon..Sun 12:00:30.000", "*-*-* 12:00:30"},
		{"*-*-~1", "*-*~01 00:00:00"},
		{"5-31..31", "*-05-31 00:00:00"},
		{"70,69-1-1", "1970,2069-01-01 00:00:00"},
		{"2026..2031/2-5~7/1 4:5", "2026..2030/2-05~07/1 04:05:00"},
		{"*:5,0/15,5,1..4/1", "*-*-* *:00/15,01..04,05:00"},
		{"*:0:0/1", "*-*-* *:00:*"},
		{"*:0:0..59", "*-*-* *:00:00..59"},
		{"*:*:*", "*-*-* *:*:*"},
		{"1..5/30:00", "*-*-* 01:00:00"},
		{"QUARTERLY utc", "*-01,04,07,10-01 00:00:00 UTC"},
		{"bi-annually", "*-01,07-01 00:00:00"},
		{"annually\tEurope/Paris", "*-01-01 00:00:00 Europe/Paris"},
		{"calendar: @1234567890 Europe/Paris", "2009-02-13 23:31:30 UTC"},
		{"2026-12~03", "2026-12~03 00:00:00"},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{Zones: loadZone})
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		again, err := schedule.Parse(s.String(), schedule.Options{Zones: loadZone})
		if s.String() != row.want || err != nil || again.String() != row.want || s.Notation() != schedule.Calendar {
			t.Errorf("%s: got %s, wanted %s; again %v, %v", row.text, s, row.want, again, err)
		}
	}
}

// TestLooks has the notations that texts are told to be by their looks. A text that is refused is told to
// be what it is by its error: that of the text with the prefix.
func TestLooks(t *testing.T) {
	for _, row := range []struct {
		text string
		want schedule.Notation
	}{
		{"02:00", schedule.OpenSVC},
		{"02:00:30", schedule.OpenSVC},
		{"02:00 mon-fri", schedule.OpenSVC},
		{"02:00 jan", schedule.OpenSVC},
		{"09:60", schedule.OpenSVC},
		{"09:00 * 53", schedule.OpenSVC},
		{"02:00,14:00", schedule.OpenSVC},
		{"~02:00-04:00", schedule.OpenSVC},
		{"@10m", schedule.OpenSVC},
		{"*", schedule.OpenSVC},
		{"* * *", schedule.OpenSVC},
		{"*@10m", schedule.OpenSVC},
		{"0 2 * * *", schedule.Cron},
		{"*/5 * * * *", schedule.Cron},
		{"@daily", schedule.Cron},
		{"02:00 Europe/Paris", schedule.Calendar},
		{"02:00 UTC", schedule.Calendar},
		{"02:00 utc", schedule.Calendar},
		{"12,14:00", schedule.Calendar},
		{"12:00,30", schedule.Calendar},
		{"12..14:00", schedule.Calendar},
		{"00/2:30", schedule.Calendar},
		{"*:0/15", schedule.Calendar},
		{"*:*:00", schedule.Calendar},
		{"Mon 02:00", schedule.Calendar},
		{"Mon..Fri", schedule.Calendar},
		{"2026-12-24 18:00", schedule.Calendar},
		{"2026-12~24 18:00", schedule.Calendar},
		{"12-24", schedule.Calendar},
		{"12~3", schedule.Calendar},
		{"*-12-24", schedule.Calendar},
		{"*-*-~1", schedule.Calendar},
		{"monthly", schedule.Calendar},
		{"daily UTC", schedule.Calendar},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{Zones: loadZone})
		if err == nil {
			if s.Notation() != row.want {
				t.Errorf("%s is told to be %s, not %s", row.text, s.Notation(), row.want)
			}
			continue
		}
		_, same := schedule.Parse(row.want.String()+": "+row.text, schedule.Options{Zones: loadZone})
		a, _ := errors.AsType[*schedule.SyntaxError](err)
		b, ok := errors.AsType[*schedule.SyntaxError](same)
		if !ok || a.Want != b.Want {
			t.Errorf("%s is told to be another notation than %s: %v, not %v", row.text, row.want, err, same)
		}
	}
}

func TestCalendarWarnings(t *testing.T) {
	for _, row := range []struct {
		text   string
		offset int
		part   string // "" for no warning
	}{
		{"*:0/15", 0, ""},
		{"*:0/45", 2, "every 45m"},
		{"0/5:00", 0, "every 5h"},
		{"*:*:0/7", 4, "every 7s"},
		{"*:0/45,3", 0, ""},
		{"*:10/45", 0, ""},
		{"*:0..59/45", 0, ""},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{})
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		switch all := s.Warnings(); {
		case row.part == "" && len(all) == 0:
		case row.part == "" || len(all) != 1 || all[0].Offset != row.offset || !strings.Contains(all[0].Text, row.part):
			t.Errorf("%s: got %v; wanted offset %d and %q", row.text, all, row.offset, row.part)
		}
	}
}

// TestCalendarLong makes sure that a canonical form which would be too long to be read again is refused.
func TestCalendarLong(t *testing.T) {
	var years, minutes []string
	for n := range 200 {
		years = append(years, fmt.Sprintf("70/%d", n+1))
		minutes = append(minutes, fmt.Sprintf("%d..%d", n/50, 5+n%50))
	}
	text := strings.Join(years, ",") + "-1-1 0:" + strings.Join(minutes, ",") + ":" + strings.Join(minutes, ",")
	if s, err := schedule.Parse(text, schedule.Options{}); err == nil || !strings.Contains(err.Error(), "with 1 written as 01") {
		t.Errorf("%d bytes: %v, %v", len(text), s, err)
	}
}

// FuzzParseCalendar holds the laws against calendar expressions.
func FuzzParseCalendar(f *testing.F) {
	for i, text := range []string{
		"Mon..Fri *-*-* 02:00:00", "*-*~1 00:30", "*-*-~07/2", "*:0/15", "quarterly", "2026..2030/2-02-* 01:30", "*-*-* 00/2:05:10 America/New_York", "@1234567890", "Mon,Wed,Fri-Sun, 12-24",
		"1..5,2..3,4/6:00,0:00.000", "*:*:0/1", "*-02-29", "Mon 2026-12-24", "70..99/2-1-1 UTC", "*-2,4-30..31", "12:00,15:00", "Fri *-*~28/27 23:59:59 Asia/Tokyo", "2199-12-31 23:59:59",
	} {
		f.Add(text, int64(1774744200+i*997), int64(i*4111), uint8(i))
	}
	zones := zonesOf(f, "UTC", "Europe/Paris", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia")
	f.Fuzz(func(t *testing.T, text string, at, ago int64, choice uint8) {
		now := time.Unix(1+at&(1<<32-1), 0)
		laws(t, "calendar: "+text, schedule.Options{
			Zone: zones[int(choice)%len(zones)], Zones: loadZone,
			Gap: schedule.Gap(choice / 8 % 3), Overlap: schedule.Overlap(choice / 24 % 3),
		}, now.Add(-time.Duration(ago&(1<<26-1))*time.Second), now)
	})
}

func BenchmarkParseCalendar(b *testing.B) {
	zone := schedule.NewZone(location(b, "Europe/Paris"))
	for _, text := range []string{"Mon..Fri *-*-* 02:00:00", "*:0/15", "quarterly", "*-*~1 00:30", "2026..2030/2-02-* 01:30", "2026-12-24 18:00"} {
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
