package schedule_test

import (
	"errors"
	"strings"
	"testing"

	"om/schedule"
)

// TestHints: what users type that is wrong, and what they are told to type. Where that is a schedule alone, behind
// the last colon and a blank, it is one.
func TestHints(t *testing.T) {
	for _, r := range [][2]string{
		{"every 1M", "a minute is m, as in 1m; a month has no interval, its first day is written 09:00 *:1"},
		{"@1M", "a minute is m, as in 1m; a month has no interval, its first day is written 09:00 *:1"},
		{"@1H", "in lower case"},
		{"every 5 minutes", "one word: every 5m"},
		{"every 5 min", "one word: every 5m"},
		{"every 1 hour", "one word: every 1h"},
		{"every 1h 30m", "one word: every 1h30m"},
		{"every 3 months", "months have no interval: the first of a month is 09:00 *:1"},
		{"every monday", "a day of the week is written 09:00 mon"},
		{"every monday at 02:00", "a day of the week is written 02:00 mon"},
		{"every day", "each day is written 09:00, or every 1d from 09:00"},
		{"every day at 2am", "each day is written 02:00, or every 1d from 02:00"},
		{"every day at 2:30 pm", "each day is written 14:30, or every 1d from 14:30"},
		{"every day at 12am", "each day is written 00:00, or every 1d from 00:00"},
		{"every day at noon", "each day is written 12:00, or every 1d from 12:00"},
		{"every monday at 7", "a day of the week is written 07:00 mon"},
		{"every day at 19pm", "each day is written 09:00, or every 1d from 09:00"},
		{"2am", "a time of the day is written 02:00"},
		{"2m", "an interval is written @2m"},
		{"1h30m", "an interval is written @1h30m"},
		{"*/2", "an interval is written @2, in minutes"},
		{"*/2 * * *", "a line of cron has five fields, as in 0 2 * * *: "},
		{"0 9 * *", "a line of cron has five fields, as in 0 2 * * *: "},
		{"every month", "each month is written 09:00 *:1"},
		{"every hour", "every 1h"},
		{"every 1d at 02:00", "every 1d from 02:00"},
		{"1 5 cron.daily run-parts --report /etc/cron.daily", "the name of the job and its command are no part of a schedule: write 1 5"},
		{"7\t25\tcron.weekly\tnice run-parts --report /etc/cron.weekly", "the name of the job and its command are no part of a schedule: write 7 25"},
		{"@monthly 45 cron.monthly nice run-parts /etc/cron.monthly", "the name of the job and its command are no part of a schedule: write @monthly 45"},
		{"anacron: 1 5 cron.daily x", "the name of the job and its command are no part of a schedule: write 1 5"},
		{"09:00..17:00 mon-fri", "a range is written with a dash: 09:00-17:00 mon-fri"},
		{"09:00-17:00/10 mon-fri", "an interval is written 09:00-17:00@10m mon-fri"},
		{"2-4 mon-sat", "times have minutes: 02:00-04:00 mon-sat"},
		{"*:0/10 Mon..Fri", "weekdays stand first: Mon..Fri *:0/10, and a range of the day is 09:00-17:00@10m mon-fri"},
		{"02:00-04:00 * mon-sat", "days are the second field: 02:00-04:00 mon-sat"},
		{"09:00 jan", "months are the fourth field: 09:00 * * jan"},
		{"09:00 mon jan", "months are the fourth field"},
		{"noon", "noon is 12:00"},
		{"foo", "a schedule is written 02:00-04:00 mon-fri"},
		{"fortnightly", "or a word: minutely"},
		{"mon#1", "a time stands first: 09:00 mon#1"},
		{"Mon-Fri 9:00-17:00", "times stand first: 9:00-17:00 mon-fri"},
		{"mon..fri 09:00-17:00", "times stand first: 09:00-17:00 mon-fri"},
		{"OnCalendar=daily", `without "OnCalendar=": daily`},
		{"schedule = 02:00", `without "schedule=": 02:00`},
		{"systemd: 02:00", "the prefix of systemd's notation is calendar: 02:00"},
		{"Cron: 0 9 * * *", "prefixes are lower case: cron: 0 9 * * *"},
		{"crontab: 0 9 * * *", "the prefixes are om, cron,"},
		{"18:00 fri last", "the last one of the month is written 18:00 fri#last"},
		{"18:00 5L", "the last one of the month is written 18:00 fri#last"},
		{"09:00 last", "a day of the month stands after a colon: 09:00 *:last"},
		{"09:00 25", "a day of the month stands after a colon: 09:00 *:25"},
		{"02:00-04:00 mon..sat", "a range of days has a dash: 02:00-04:00 mon-sat"},
		{"@every 90", "with a unit: @every 90s, or @every 90m"},
		{"2026-12-24T18:00:00Z", "a moment is written at 2026-12-24T18:00:00Z"},
		{"09:00 2026-12-24", "a moment is written at 2026-12-24 09:00"},
		{"Fri *-*~07..01", "the last is 1: 01..07"},
		{"period week full; full 30/12/2026", "the month is first: 12/30/2026"},
		{"02:00 README.md go.mod cmd docs engine man schedule", "put the schedule in quotes"},
		{"0 2 * * * run-parts --report /etc/cron.daily x y", "commands are no part of a schedule"},
		{"CRON_TZ=../x 0 9 * * *", "zones are named REGION/CITY"},
	} {
		_, err := schedule.Parse(r[0], schedule.Options{Zones: loadZone})
		bad, ok := errors.AsType[*schedule.SyntaxError](err)
		if !ok || !strings.Contains(bad.Hint, r[1]) {
			t.Errorf("%s: %v, wanted the hint %q", r[0], err, r[1])
			continue
		}
		_, text, found := strings.Cut(bad.Hint, ": ")
		if text = strings.TrimPrefix(text, "write "); !found || bad.Hint != r[1] || strings.ContainsAny(text, ";") || strings.Contains(text, ", ") || strings.HasPrefix(text, "the ") || strings.HasPrefix(text, "01..") || strings.HasPrefix(text, "12/") {
			continue
		}
		if _, err := schedule.Parse(text, schedule.Options{Zones: loadZone}); err != nil {
			t.Errorf("%s: the hint %q is none: %v", r[0], bad.Hint, err)
		}
	}
}

// TestNoHint: what looks like something else is read as what it is.
func TestNoHint(t *testing.T) {
	for text, notation := range map[string]schedule.Notation{
		"0 0 L * *": schedule.Cron, "0 0 15W * *": schedule.Cron, "0 0 LW jan mon": schedule.Cron, "0 0 H(1-9) * *": schedule.Cron, "@every 90s": schedule.Cron,
		"@weekly 5": schedule.Anacron, "1 5 RANDOM_DELAY=10": schedule.Anacron, "period week ful incr": schedule.NetWorker,
	} {
		if s, err := schedule.Parse(text, schedule.Options{}); err != nil || s.Notation() != notation || len(s.Warnings()) > 0 && text != "0 0 LW jan mon" {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	for text, warned := range map[string]bool{"1-5 09:00": true, "01-05 09:00": false, "12-24": false, "Mon 1-5 09:00": false, "9-1 09:00": false, "5-1 09:00": false} {
		if s, err := schedule.Parse(text, schedule.Options{}); err != nil || len(s.Warnings()) > 0 != warned {
			t.Errorf("%s: %v, %v", text, s.Warnings(), err)
		}
	}
}
