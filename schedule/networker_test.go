package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"om/schedule"
)

func TestNetWorkerNext(t *testing.T) {
	const paris, newYork, lordHowe, apia, santiago = "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Santiago"
	for _, r := range []struct{ text, zone, now, want string }{ // 2026-03-01 is a Sunday
		{"period week full", "UTC", "2026-03-01T00:00:00Z", "2026-03-01T03:33:00Z 2026-03-02T03:33:00Z"},
		{"period week full incr*5 skip; start 21:00", "UTC", "2026-03-05T22:00:00Z", "2026-03-05T22:00:00Z 2026-03-06T21:00:00Z 2026-03-08T21:00:00Z"},
		{"period week full skip; start 21:00", "UTC", "2026-03-01T09:00:00Z", "2026-03-01T21:00:00Z 2026-03-03T21:00:00Z 2026-03-05T21:00:00Z 2026-03-07T21:00:00Z 2026-03-08T21:00:00Z"},
		{"period month full skip*30; start 01:00", "UTC", "2026-01-31T00:00:00Z", "2026-02-01T01:00:00Z 2026-03-01T01:00:00Z"},
		{"period month skip*30 full; start 01:00", "UTC", "2026-02-01T00:00:00Z", "2026-03-31T01:00:00Z 2026-05-31T01:00:00Z"},
		{"period month full skip*9; start 01:00", "UTC", "2026-03-12T00:00:00Z", "2026-03-21T01:00:00Z 2026-03-31T01:00:00Z 2026-04-01T01:00:00Z"},
		// Overrides: the later one wins.
		{"period week skip; full 12/31/2026", "UTC", "2026-03-01T00:00:00Z", "2026-12-31T03:33:00Z never"},
		{"period week skip; full 2028-02-29; incr 12/31/2026", "UTC", "2026-03-01T00:00:00Z", "2026-12-31T03:33:00Z 2028-02-29T03:33:00Z never"},
		{"period week full; skip 3/2/2026; skip 2026-03-03", "UTC", "2026-03-01T00:00:00Z", "2026-03-01T03:33:00Z 2026-03-04T03:33:00Z"},
		{"period week full; skip 3/2/2026; full 3/2/2026", "UTC", "2026-03-01T00:00:00Z", "2026-03-01T03:33:00Z 2026-03-02T03:33:00Z"},
		{"period week skip; full 3/2/2026; skip 3/2/2026; full 3/4/2026", "UTC", "2026-03-01T00:00:00Z", "2026-03-04T03:33:00Z never"},
		{"period week skip; full first friday every month", "UTC", "2026-03-01T00:00:00Z", "2026-03-06T03:33:00Z 2026-04-03T03:33:00Z"},
		{"period week skip; full second mon every month", "UTC", "2026-03-01T00:00:00Z", "2026-03-09T03:33:00Z 2026-04-13T03:33:00Z"},
		{"period week skip; full fifth sunday every month", "UTC", "2026-03-01T00:00:00Z", "2026-03-29T03:33:00Z 2026-05-31T03:33:00Z"},
		{"period week skip; full last saturday every month", "UTC", "2026-02-01T00:00:00Z", "2026-02-28T03:33:00Z 2026-03-28T03:33:00Z"},
		{"period week skip; full third day every month", "UTC", "2026-03-04T00:00:00Z", "2026-04-03T03:33:00Z 2026-05-03T03:33:00Z"},
		{"period week skip; full last day every month", "UTC", "2028-02-01T00:00:00Z", "2028-02-29T03:33:00Z 2028-03-31T03:33:00Z"},
		{"period week skip; full last day every quarter", "UTC", "2026-03-01T00:00:00Z", "2026-03-31T03:33:00Z 2026-06-30T03:33:00Z 2026-09-30T03:33:00Z 2026-12-31T03:33:00Z 2027-03-31T03:33:00Z"},
		{"period week skip; full fifth day every quarter", "UTC", "2026-03-01T00:00:00Z", "2026-04-05T03:33:00Z 2026-07-05T03:33:00Z 2026-10-05T03:33:00Z 2027-01-05T03:33:00Z"},
		{"period week skip; full fourth tuesday every quarter", "UTC", "2026-03-01T00:00:00Z", "2026-04-28T03:33:00Z 2026-07-28T03:33:00Z"},
		{"period week skip; full last friday every quarter", "UTC", "2026-03-01T00:00:00Z", "2026-03-27T03:33:00Z 2026-06-26T03:33:00Z"},
		{"period week skip; full first sunday every year", "UTC", "2026-03-01T00:00:00Z", "2027-01-03T03:33:00Z 2028-01-02T03:33:00Z"},
		{"period week skip; full last day every year", "UTC", "2026-03-01T00:00:00Z", "2026-12-31T03:33:00Z 2027-12-31T03:33:00Z"},
		{"period week skip; full last thursday every year", "UTC", "2026-03-01T00:00:00Z", "2026-12-31T03:33:00Z 2027-12-30T03:33:00Z"},
		{"period week skip; full first friday every week", "UTC", "2026-03-01T00:00:00Z", "2026-03-06T03:33:00Z 2026-03-13T03:33:00Z"},
		// The fifth of a quarter is in its first month or the next one.
		{"period week skip; full fifth friday every quarter", "UTC", "2026-01-01T00:00:00Z", "2026-01-30T03:33:00Z 2026-05-01T03:33:00Z 2026-07-31T03:33:00Z 2026-10-30T03:33:00Z"},
		{"period week skip; full fifth tuesday every quarter", "UTC", "2026-01-01T00:00:00Z", "2026-02-03T03:33:00Z 2026-05-05T03:33:00Z 2026-08-04T03:33:00Z 2026-11-03T03:33:00Z"},
		{"period week skip; full fifth wednesday every year", "UTC", "2026-01-01T00:00:00Z", "2026-02-04T03:33:00Z 2027-02-03T03:33:00Z 2028-02-02T03:33:00Z 2029-01-31T03:33:00Z"},
		// The window, in which a run may still begin.
		{"period week full incr*5 skip; start 21:00", "UTC", "2026-03-07T08:59:59Z", "2026-03-07T08:59:59Z 2026-03-08T21:00:00Z"},
		{"period week full incr*5 skip; start 21:00", "UTC", "2026-03-07T09:00:00Z", "2026-03-08T21:00:00Z"},
		{"period week full incr*5 skip; start 21:00", "UTC", "2026-03-08T02:00:00Z", "2026-03-08T21:00:00Z"},
		{"period week full; start 21:00; restart window 10m", "UTC", "2026-03-02T21:09:59Z", "2026-03-02T21:09:59Z 2026-03-03T21:00:00Z"},
		{"period week full; start 21:00; restart 10m", "UTC", "2026-03-02T21:10:00Z", "2026-03-03T21:00:00Z"},
		{"period week full; start 21:00; restart 24h", "UTC", "2026-03-02T20:59:59Z", "2026-03-02T20:59:59Z"},
		// More starts on a day, none of them on the next.
		{"period week full skip; start 02:10; interval 6h", "UTC", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z 2026-03-01T02:10:00Z 2026-03-01T08:10:00Z 2026-03-01T14:10:00Z 2026-03-01T20:10:00Z 2026-03-03T02:10:00Z"},
		{"period week full skip; start 20:00; interval 3h", "UTC", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z 2026-03-01T20:00:00Z 2026-03-01T23:00:00Z 2026-03-03T20:00:00Z"},
		{"period week full skip; start 20:00; interval 3h", "UTC", "2026-03-02T01:59:59Z", "2026-03-02T01:59:59Z 2026-03-03T20:00:00Z"},
		{"period week full skip; start 20:00; interval 3h", "UTC", "2026-03-02T02:00:00Z", "2026-03-03T20:00:00Z"},
		{"period week full; start 23:59; interval 1m", "UTC", "2026-03-01T00:00:00Z", "2026-03-01T23:59:00Z 2026-03-02T23:59:00Z"},
		{"period week full; start 00:00; interval 12h", "UTC", "2026-03-01T11:59:59Z", "2026-03-01T11:59:59Z"},
		// Clock changes: a slot that is left out runs after the gap, one that is there twice runs once.
		{"period week full; start 02:30; restart 1h", paris, "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00"},
		{"period week full; start 02:30; restart 10m", paris, "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00"},
		{"period week full; start 02:30; restart 10m", paris, "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00"},
		{"period week skip incr*6; start 02:30", paris, "2026-03-28T20:00:00+01:00", "2026-03-30T02:30:00+02:00"},
		{"period week full; start 21:00", paris, "2026-03-28T12:00:00+01:00", "2026-03-28T21:00:00+01:00 2026-03-29T21:00:00+02:00"},
		{"period week full; start 02:30; restart 1h", newYork, "2026-03-07T12:00:00-05:00", "2026-03-08T03:00:00-04:00 2026-03-09T02:30:00-04:00"},
		{"period week full; start 01:30; restart 1h", newYork, "2026-10-31T12:00:00-04:00", "2026-11-01T01:30:00-04:00 2026-11-02T01:30:00-05:00"},
		{"period week full; start 00:30; interval 1h; restart 5m", newYork, "2026-11-01T00:00:00-04:00", "2026-11-01T00:30:00-04:00 2026-11-01T01:30:00-04:00 2026-11-01T02:30:00-05:00"},
		{"period week full; start 02:10; restart 5m", lordHowe, "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00 2026-10-05T02:10:00+11:00"},
		{"period week full; start 01:40; restart 5m", lordHowe, "2026-04-04T12:00:00+11:00", "2026-04-05T01:40:00+11:00 2026-04-06T01:40:00+10:30"},
		{"period week full; start 00:10; restart 5m", santiago, "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00 2026-09-07T00:10:00-03:00"},
		{"period week full; start 10:00; restart 1h", apia, "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00 2011-12-31T10:00:00+14:00"},
		{"period week full; start 10:00; skip 2011-12-30; restart 1h", apia, "2011-12-29T12:00:00-10:00", "2011-12-31T10:00:00+14:00 2012-01-01T10:00:00+14:00"},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{Zone: zonesOf(t, r.zone)[0]})
		if err != nil {
			t.Errorf("%s: %v", r.text, err)
			continue
		}
		if got := runs(t, s, "", r.now, len(strings.Fields(r.want))); got != r.want {
			t.Errorf("%s in %s from %s:\n got %s\nwant %s", r.text, r.zone, r.now, got, r.want)
		}
	}
}

func TestNetWorkerLevel(t *testing.T) {
	const week = "period week full incr*2 5 incr*2 skip; start 21:00; "
	for _, r := range []struct{ text, zone, at, want string }{
		{week, "UTC", "2026-03-01T21:00:00Z", "full"},
		{week, "UTC", "2026-03-02T21:00:00Z", "incr"},
		{week, "UTC", "2026-03-04T21:00:00Z", "5"},
		{week, "UTC", "2026-03-07T21:00:00Z", "skip"},
		{week, "UTC", "2026-03-02T02:00:00Z", "full"},      // in Sunday's window
		{week, "UTC", "2026-03-02T08:59:59Z", "full"},      // until its end
		{week, "UTC", "2026-03-02T09:00:00Z", "incr"},      // by hand
		{week, "UTC", "2026-03-08T02:00:00Z", "full"},      // Saturday has none
		{week, "UTC", "2026-03-07T23:30:00-05:00", "full"}, // Sunday in the zone of the schedule
		{week + "9 3/1/2026", "UTC", "2026-03-01T21:00:00Z", "9"},
		{week + "9 3/1/2026; skip 3/1/2026", "UTC", "2026-03-01T21:00:00Z", "skip"},
		{week + "skip 3/1/2026; A.b-c_1 2026-03-01", "UTC", "2026-03-01T21:00:00Z", "A.b-c_1"},
		{week + "9 fifth friday every quarter; full first sun every month", "UTC", "2026-05-01T21:00:00Z", "9"},
		{week + "9 fifth friday every quarter; full first sun every month", "UTC", "2026-05-02T02:00:00Z", "9"},
		{week + "9 fifth friday every quarter; 8 first sun every month", "UTC", "2026-05-03T21:00:00Z", "8"},
		{"period month a b*2 c", "UTC", "2026-03-01T03:33:00Z", "a"},
		{"period month a b*2 c", "UTC", "2026-03-04T03:33:00Z", "c"},
		{"period month a b*2 c", "UTC", "2026-03-31T03:33:00Z", "b"},
		{"period week full skip; start 20:00; interval 3h", "UTC", "2026-03-02T01:00:00Z", "full"},
		{"period week skip", "UTC", "2026-03-02T01:00:00Z", "skip"},
		{"period week a b c d e f g; start 02:30; restart 5m", "Europe/Paris", "2026-03-29T03:00:00+02:00", "a"},
		{"period week a b c d e f g; start 23:30", "Europe/Paris", "2026-10-25T02:30:00+01:00", "g"},
		{"period week a b c d e f g; start 10:00; restart 1h", "Pacific/Apia", "2011-12-31T00:00:00+14:00", "f"}, // the slot of Friday 30, which was not
		{"period week a b c d e f g; start 10:00; restart 1h", "Pacific/Apia", "2011-12-31T10:00:00+14:00", "g"},
		{"period week a b c d e f g; start 00:10; restart 5m", "America/Santiago", "2026-09-06T01:00:00-03:00", "a"},
		{"0 2 * * *", "UTC", "2026-03-01T02:00:00Z", ""},
		{"@10m", "UTC", "2026-03-01T02:00:00Z", ""},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{Zone: zonesOf(t, r.zone)[0]})
		if err != nil {
			t.Errorf("%s: %v", r.text, err)
			continue
		}
		if got := s.Level(instantOf(t, r.at)); got != r.want {
			t.Errorf("%s in %s at %s: %q, wanted %q", r.text, r.zone, r.at, got, r.want)
		}
	}
}

// TestNetWorkerLatest has the newest slot, and those before it that were missed.
func TestNetWorkerLatest(t *testing.T) {
	for _, r := range []struct {
		text, last, now, slot string
		missed                int
	}{
		{"period week full incr*5 skip; start 21:00", "2026-03-01T21:00:00Z", "2026-03-02T20:59:59Z", "", 0},
		{"period week full incr*5 skip; start 21:00", "2026-03-01T21:00:00Z", "2026-03-08T08:00:00Z", "2026-03-06T21:00:00Z", 4},
		{"period week full; start 02:10; interval 6h", "2026-03-01T02:10:00Z", "2026-03-02T02:10:00Z", "2026-03-02T02:10:00Z", 3},
		{"period week full; skip 3/2/2026", "2026-03-01T04:00:00Z", "2027-03-01T03:33:00Z", "2027-03-01T03:33:00Z", 363},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{})
		if err != nil {
			t.Fatal(err)
		}
		slot, missed, ok := s.Latest(instantOf(t, r.last), instantOf(t, r.now))
		if got := slot.Format(time.RFC3339); ok != (r.slot != "") || ok && (got != r.slot || missed != r.missed) {
			t.Errorf("%s after %s, at %s: %s, %d, %v: wanted %q, %d", r.text, r.last, r.now, got, missed, ok, r.slot, r.missed)
		}
	}
}

func TestNetWorkerString(t *testing.T) {
	for text, want := range map[string]string{
		"period week full incr incr incr incr incr skip; start 21:00; interval 24h; restart 12h": "period week full incr*5 skip; start 21:00",
		"networker:  period\tweek  full*1 ;start 03:33; ":                                        "period week full",
		"period week SKIP Full*2 full":                                                           "period week skip Full*2 full",
		"period month full incr*30; restart window 1d; interval 90m":                             "period month full incr*30; interval 1h30m; restart 1d",
		"period week 1 2 3; override full 12/31/2026; SKIP 1/2/2026;9 2026-03-04":                "period week 1*1",
		"period week full; override full FIRST Fri Every Month":                                  "period week full; full first friday every month",
		"period week full; restart 10m; interval 1h; start 9:05; skip last day every quarter":    "period week full; skip last day every quarter; start 09:05; interval 1h; restart 10m",
		"period week full; Start 21:00:30; Restart Window 1h":                                    "period week full; start 21:00:30; restart 1h",
		"period week full; full last sun every year; skip fifth day every month":                 "period week full; full last sunday every year; skip fifth day every month",
	} {
		if strings.HasSuffix(want, "1*1") { // the row that says how dates are written
			want = "period week 1 2 3; full 2026-12-31; skip 2026-01-02; 9 2026-03-04"
		}
		s, err := schedule.Parse(text, schedule.Options{})
		if err != nil || s.String() != want || s.Notation() != schedule.NetWorker || len(s.Warnings()) != 0 {
			t.Errorf("%q: %v, %v: wanted %q", text, s, err, want)
		}
	}
}

// TestNetWorkerNever has calendars without a day: valid, with a warning.
func TestNetWorkerNever(t *testing.T) {
	for _, text := range []string{"period week skip", "period month skip*31", "period week full; skip first day every month; period", "period week full*3 skip; skip first monday every week"} {
		s, err := schedule.Parse(text, schedule.Options{})
		if err != nil {
			continue
		}
		_, ok := s.Next(time.Time{}, instantOf(t, "2026-03-01T00:00:00Z"))
		if ok == (len(s.Warnings()) == 1) {
			t.Errorf("%s: has a day: %v, warnings %v", text, ok, s.Warnings())
		}
	}
}

func TestNetWorkerRefused(t *testing.T) {
	for text, offset := range map[string]int{
		"period": 6, "networker:": 10, "networker: full": 11, "period day full": 7, "period year full": 7, "period week": 11, "period week ; start 21:00": 11,
		"period week full*8": 12, "period week a b c d e f g h": 26, "period month full*32": 13, "period week full*0": 17, "period week full*x": 17, "period week full*": 17, "period week *5": 12,
		"period week fu!l": 12, "period week full start 21:00": 17, "period week full Restart": 17, "period week override": 12, "period week period": 12,
		"period week full; period week full": 18, "period week full;; start 21:00": 17, "period week full; full": 22, "period week full; interval": 26, "period week full; override": 26,
		"period week full; override start 1/1/2026": 27, "period week full; x!y 1/1/2026": 18,
		"period week full; full 2/30/2026": 23, "period week full; full 2026-02-29": 23, "period week full; full 13/1/2026": 23, "period week full; full 31/12/2026": 23, "period week full; full 12/31/26": 23,
		"period week full; full 12/31": 23, "period week full; full 12/31/2026/1": 23, "period week full; full 2026-1-1": 23, "period week full; full 20260101": 23, "period week full; full 12/31/2026 1/1/2027": 34,
		"period week full; full 12/31/1969": 23, "period week full; full 12/31/2200": 23,
		"period week full; full sixth friday every month": 23, "period week full; full friday every month": 23, "period week full; full fri": 23, "period week full; full first": 28,
		"period week full; full first week every month": 29, "period week full; full first friday": 35, "period week full; full first friday each month": 36, "period week full; full first friday every": 41,
		"period week full; full first friday every decade": 42, "period week full; full first friday every month 2026": 48, "period week full; full first day every week": 39,
		"period week full; full last day every week": 38, "period week full; full second friday every week": 23,
		"period week full; start": 23, "period week full; start 21": 24, "period week full; start 24:00": 24, "period week full; start 21:60": 27, "period week full; start 21:00 daily": 30, "period week full; start 21:00; start 22:00": 31,
		"period week full; interval 59s": 27, "period week full; interval 25h": 27, "period week full; interval 1h 30m": 30, "period week full; interval 90": 29, "period week full; interval 1m": 27,
		"period week full; restart 30s": 26, "period week full; restart 25h": 26, "period week full; restart window": 32, "period week full; restart window 1h 2m": 36,
	} {
		_, err := schedule.Parse(text, schedule.Options{})
		if e, ok := errors.AsType[*schedule.SyntaxError](err); !ok || e.Offset != offset || e.Want == "" {
			t.Errorf("%q: %v, wanted an error at %d", text, err, offset)
		}
	}
}

func FuzzParseNetWorker(f *testing.F) {
	for i, text := range []string{
		"week full", "week full incr*5 skip; start 21:00; interval 24h; restart 12h", "month full incr*30; start 02:10; interval 6h", "week skip", "week skip; full 12/31/2026",
		"week 1 2 3; override full 2026-12-31; skip last day every quarter", "week full; full first friday every month; restart window 90m", "week skip; full fifth friday every quarter",
		"month full skip*9; skip first sun every year; A.b fifth day every year", "week full; start 23:00; interval 1m; restart 24h", "week full; full first mon every week", "week full;; start",
	} {
		f.Add(text, int64(1774744200+i*99700), int64(i*40111), uint8(i*11))
	}
	zones := zonesOf(f, "UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia")
	f.Fuzz(func(t *testing.T, text string, at, ago int64, choice uint8) {
		now := time.Unix(1+at&(1<<32-1), 0)
		o := schedule.Options{Zone: zones[int(choice)%len(zones)], Seed: schedule.Seed(choice), Gap: schedule.Gap(choice % 3), Overlap: schedule.Overlap(choice / 3 % 3)}
		text = "period " + text
		laws(t, text, o, now.Add(-time.Duration(ago&(1<<26-1))*time.Second), now)
		if s, err := schedule.Parse(text, o); err == nil {
			next, ok := s.Next(time.Time{}, now)
			if level := s.Level(next); ok && (level == "" || level == "skip") {
				t.Fatalf("%q: the start %v has the level %q", text, next, level)
			}
		}
	})
}
