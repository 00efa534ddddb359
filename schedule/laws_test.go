package schedule_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// samples are schedules in all notations that have many instants and few, with and without exclusions.
func samples() []string {
	return []string{
		"", "*", "@10m", "09:00", "02:00-04:00", "22:00-02:00", "22:00-02:00 sat", "~00:00-06:00 mon-fri", "08:00-18:00@1h mon-fri",
		"09:00 fri:last", "09:00 fri#last,mon#1", "0:0 *:-01", "09:00 *:-2 * %2+1", "09:00 * 53", "09:00 *:29 * feb", "@1d sat", "00:00-06:00@361",
		`["@1h", "! 22:00-02:00"]`, `["~20:00-23:00", "09:00 mon", "! 21:00-22:00 * 1-26", "! * *:last"]`, `["09:00", "! 08:00-10:00 * * jan-nov"]`,
		"0 2 * * *", "30 1,2 * * *", "*/10 * * * *", "0 0 13 * 5", "0 0 29 2 1", "15 10 LW * *", "5,35 */3 * * 1#2", "*/7 30 2 * * *", "H H * * *",
		"@hourly", "@yearly", "CRON_TZ=Asia/Tokyo 0 9 * * 1-5",
		"Mon..Fri *-*-* 02:00:00", "*-*~1 00:30", "*:0/15", "quarterly", "2026..2030/2-02-* 01:30", "*-*-* 00/2:05:10 America/New_York",
		"7 15", "@monthly 20 START_HOURS_RANGE=3-22 RANDOM_DELAY=45",
		"every 90s", "every 1d from 02:30", "every 36h from 2020-01-01 02:00", "every 2w from 2020-01-05 12:00", "every 10m after end",
		"at 2026-03-29 02:30", "at 2026-10-25T02:30:00Z, 2027-01-01",
		"period week full incr*5 skip; full first friday every month; skip 12/25/2026; start 21:00; restart 12h", "period month full incr*30; start 02:10; interval 6h",
	}
}

func zonesOf(tb testing.TB, names ...string) (all []*schedule.Zone) {
	tb.Helper()
	for _, name := range names {
		all = append(all, schedule.NewZone(location(tb, name)))
	}
	return all
}

func loadZone(name string) (*schedule.Zone, error) {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	return schedule.NewZone(loc), nil
}

// FuzzLaws holds what is true of all schedules against texts of any kind.
func FuzzLaws(f *testing.F) {
	for i, text := range samples() {
		f.Add(text, int64(1774744200+i*997), int64(i*4111), uint8(i))
	}
	f.Add("@every 0s", int64(0), int64(0), uint8(0))
	f.Add("TZ=UTC", int64(0), int64(0), uint8(0))
	f.Add("1-234/5678", int64(0), int64(0), uint8(0))
	zones := zonesOf(f, "UTC", "Europe/Paris", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "Africa/Casablanca")
	f.Fuzz(func(t *testing.T, text string, at, ago int64, choice uint8) {
		now := time.Unix(1+at&(1<<32-1), 0)
		last := now.Add(-time.Duration(ago&(1<<26-1)) * time.Second)
		o := schedule.Options{
			Zone: zones[int(choice)%len(zones)], Zones: loadZone, Seed: schedule.Seed(choice),
			Gap: schedule.Gap(choice / 8 % 3), Overlap: schedule.Overlap(choice / 24 % 3), Random: choice >= 128,
		}
		if choice%5 == 4 {
			o.Spread = time.Duration(choice) * 20 * time.Minute
		}
		laws(t, text, o, last, now)
	})
}

func laws(t *testing.T, text string, o schedule.Options, last, now time.Time) {
	t.Helper()
	s, err := schedule.Parse(text, o)
	if err != nil {
		if e, ok := errors.AsType[*schedule.SyntaxError](err); !ok || e.Offset < 0 || e.Offset > len(text) || e.Want == "" {
			t.Fatalf("%q: the error tells too little: %#v", text, err)
		}
		return
	}
	again, err := schedule.Parse(s.String(), o)
	if err != nil || again.String() != s.String() || again.Notation() != s.Notation() {
		t.Fatalf("%q: its canonical form %q makes %v, %v", text, s, again, err)
	}
	if s.Describe() == "" {
		t.Fatalf("%q: no description", text)
	}
	neverLaw(t, text, s)
	if o.Spread == 0 { // a part alone does not know that its slot is excluded, and not its start
		explainLaws(t, text, s, last, now)
	}
	next, ok := s.Next(last, now)
	if start, found := s.Start(last, now); found != ok || !start.At.Equal(next) || ok && start.Reason == "" {
		t.Fatalf("%q: next is %v, %v, and the start %+v", text, next, ok, start)
	}
	same, okAgain := again.Next(last, now)
	if ok != okAgain || !next.Equal(same) {
		t.Fatalf("%q: next is %v, that of its canonical form %q %v", text, next, s, same)
	}
	if !ok {
		return
	}
	if next.Before(now) || !next.After(last) {
		t.Fatalf("%q: next after %v and from %v is %v", text, last, now, next)
	}
	if stays, _ := s.Next(last, next); !stays.Equal(next) {
		t.Fatalf("%q in %s: next from %v is %v, and from then %v", text, o.Zone.Name(), now, next, stays)
	}
	if !s.Allows(last, next) {
		t.Fatalf("%q: next is %v, and it is not allowed", text, next)
	}
	for _, c := range s.Explain(last, next) {
		if c.Exclude && !c.Allows {
			t.Fatalf("%q in %s: next is %v, and %q excludes it", text, o.Zone.Name(), next, c.Text)
		}
	}
	latestLaws(t, text, s, last, now)
}

// neverLaw: what has no instant at all is warned of, and nothing else is.
func neverLaw(t *testing.T, text string, s *schedule.Schedule) {
	t.Helper()
	warned := slices.ContainsFunc(s.Warnings(), func(w schedule.Warning) bool { return w.Text == "it never runs" })
	if _, ok := s.Next(time.Time{}, time.Unix(0, 0)); ok == warned && !strings.Contains(s.String(), "@reboot") {
		t.Fatalf("%q: an instant is %v, and the warnings are %v", text, ok, s.Warnings())
	}
}

// explainLaws holds Explain to Allows, at an instant and where an answer ends.
func explainLaws(t *testing.T, text string, s *schedule.Schedule, last, at time.Time) {
	t.Helper()
	ends := []time.Time{at}
	for i := 0; i < len(ends); i++ {
		allowed, forbidden := false, false
		for _, c := range s.Explain(last, ends[i]) {
			allowed = allowed || c.Allows && !c.Exclude
			forbidden = forbidden || !c.Allows && c.Exclude
			if c.Reason == "" || !c.Until.IsZero() && !c.Until.After(ends[i]) {
				t.Fatalf("%q in %s after %v, at %v: %+v", text, s.Zone().Name(), last, ends[i], c)
			}
			if i == 0 && !c.Until.IsZero() {
				ends = append(ends, c.Until)
			}
		}
		if got := allowed && !forbidden; got != s.Allows(last, ends[i]) && !afterGap(s, ends[i]) {
			t.Fatalf("%q in %s after %v, at %v: the clauses say %v, and Allows the other: %+v", text, s.Zone().Name(), last, ends[i], got, s.Explain(last, ends[i]))
		}
	}
}

// afterGap says that a clock change may have put off a slot of an excluded time to this instant.
func afterGap(s *schedule.Schedule, at time.Time) bool {
	_, offset := at.In(s.Zone().Location()).Zone()
	_, before := at.Add(-25 * time.Hour).In(s.Zone().Location()).Zone()
	return offset > before
}

func latestLaws(t *testing.T, text string, s *schedule.Schedule, last, now time.Time) {
	t.Helper()
	slot, missed, ok := s.Latest(last, now)
	if !ok {
		return
	}
	if !slot.After(last) || slot.After(now) || missed < 0 {
		t.Fatalf("%q in %s: latest after %v and up to %v is %v, missed %d", text, s.Zone().Name(), last, now, slot, missed)
	}
	if _, more, found := s.Latest(slot, now); found && more > 0 {
		t.Fatalf("%q in %s: the latest up to %v is %v, and there are %d more", text, s.Zone().Name(), now, slot, more)
	}
	if same, _, found := s.Latest(last, slot); !found || !same.Equal(slot) {
		t.Fatalf("%q in %s: the latest up to %v is %v, and up to that %v, %v", text, s.Zone().Name(), now, slot, same, found)
	}
	for policy := range schedule.CatchupAll + 1 {
		b := s.Backlog(last, now, schedule.Catchup{Policy: policy})
		if b.Missed < 0 || len(b.Due)+b.Missed != missed+1 {
			t.Fatalf("%q in %s: after %v and up to %v %d are missed, and the backlog is %+v", text, s.Zone().Name(), last, now, missed, b)
		}
		for i, due := range b.Due {
			if due.After(slot) || !due.After(last) || i > 0 && !due.After(b.Due[i-1]) {
				t.Fatalf("%q in %s: after %v and up to %v the backlog is %+v", text, s.Zone().Name(), last, now, b)
			}
		}
	}
}

// TestLatestSteps compares Latest, which jumps, with stepping from slot to slot by Next. It begins in the
// afternoon, when no window of the texts is open: a start in one that began before last is no slot.
func TestLatestSteps(t *testing.T) {
	texts := []string{
		"09:00", "02:30,14:00 mon-fri", "09:00 fri#last", "02:00-04:00", "02:10-02:50 sun", "22:00-02:00", "22:00-02:00 mon,tue,sat", "22:00-02:00 *:1,*:2,*:15",
		`["03:00", "! 02:00-04:00 sat,sun", "! * *:last"]`,
		`["01:00-05:00", "! 02:00-03:00"]`, `["01:00-05:00", "! 00:00-03:00 sat", "! 02:00-04:00 *:10,*:20"]`, `["22:00-04:00 mon-fri", "! 00:00-01:00 wed", "! 23:00-01:00 *:last"]`, "0 2 * * *", "30 1,2 * * *", "*/10 * * * *", "0 0 13 * 5", "15 2 LW * *", "5,35 */3 * * 1#2",
		"*/20 30 2 * * *", "*:0/15", "Mon *-*-* 02:30", "every 36h from 2020-01-01 02:00", "every 1d from 02:30", "at 2026-03-29 02:30, 2026-10-25 02:30",
		"period week full incr*5 skip; start 02:15; restart 1h",
		"30 2 25 10 *", "02:30 *:25 * oct", "*-10-25 02:30", "*/10 2 25 10 *", "*-03,10-25,29 *:0/15", "02:15-02:50 *:29 * mar", "01:30,02:30,03:30 *:29 * mar", "02:59:59", "01:59:59",
		"02:15,02:30,03:00", "09:00,09:00", `["02:30", "02:30 sun", "03:00 *:29"]`, `["02:30,03:30 sun", "02:30-02:30 *:29 * mar"]`,
		`["02:15", "! 03:00-04:00"]`, `["02:15", "! 03:00-03:10 *:29"]`, `["02:00-05:00", "! 03:00-04:00"]`, `["02:15-04:00", "! 02:45-02:50 sat"]`, `["00:00-06:40", "! 00:30-00:40,01:00-02:00 sun"]`,
		"~02:00-04:00", `["~00:00-05:00 sun", "! 01:30-02:30"]`, "~22:00-02:00",
	}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same cases each time
	compared := 0
	for _, zone := range zonesOf(t, "UTC", "Europe/Paris", "Australia/Lord_Howe", "America/Santiago", "America/New_York") {
		for _, text := range texts {
			for policy := range 9 {
				o := schedule.Options{Zone: zone, Gap: schedule.Gap(policy % 3), Overlap: schedule.Overlap(policy / 3), Random: r.IntN(2) == 0, Seed: schedule.Seed(r.IntN(100))}
				s, err := schedule.Parse(text, o)
				if err != nil {
					t.Fatal(err)
				}
				for range 12 {
					last := time.Date(2026, time.Month(1+r.IntN(12)), 1+r.IntN(28), 12+r.IntN(4), 1+r.IntN(59), 0, 0, zone.Location())
					compared += stepsTo(t, s, policy, last, last.Add(time.Duration(r.IntN(40*24*60))*time.Minute))
				}
				for _, change := range changesOf(zone.Location()) {
					if change.Year() == 2026 {
						last := time.Date(2026, change.Month(), change.Day()-1-r.IntN(9), 14, 1, 0, 0, zone.Location())
						compared += stepsTo(t, s, policy, last, change.Add(time.Duration(r.IntN(20)-6)*15*time.Minute))
					}
				}
			}
		}
	}
	if compared < 10000 {
		t.Errorf("only %d slots were compared", compared)
	}
}

// stepsTo is what Latest does, slowly. It returns how many slots there were.
func stepsTo(t *testing.T, s *schedule.Schedule, policy int, last, now time.Time) (count int) {
	t.Helper()
	newest := time.Time{}
	for at := last.Add(time.Second); ; at = newest.Add(time.Second) {
		next, ok := s.Next(newest, at)
		if !ok || next.After(now) || count > 9000 {
			break
		}
		newest = next
		count++
	}
	slot, missed, ok := s.Latest(last, now)
	if ok != (count > 0) || ok && (!slot.Equal(newest) || missed != count-1) {
		t.Errorf("%s in %s, policy %d, from %v to %v: latest is %v, missed %d; by steps %v, %d",
			s, s.Zone().Name(), policy, last, now, slot, missed, newest, count-1)
	}
	return count
}

// TestLatestFar asks after long absences.
func TestLatestFar(t *testing.T) {
	zone := zonesOf(t, "Europe/Paris")[0]
	last := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		text   string
		slot   string
		missed int
	}{
		{"* * * * *", "2027-01-01T01:00:00+01:00", 365*1440 - 1},
		{"@hourly", "2027-01-01T01:00:00+01:00", 365*24 - 1},
		{"09:00", "2026-12-31T09:00:00+01:00", 364},
		{"02:30", "2026-12-31T02:30:00+01:00", 364},
		{"0 0 29 2 *", "", 0},
		{"@10m", "2026-01-01T01:10:00+01:00", 0},
		{"08:00-18:00@1h", "2026-12-31T08:00:00+01:00", 0},
		{"every 1h", "2027-01-01T01:00:00+01:00", 365*24 - 1},
	} {
		s, err := schedule.Parse(row.text, schedule.Options{Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		slot, missed, ok := s.Latest(last, last.AddDate(1, 0, 0))
		if got := slot.Format(time.RFC3339); ok != (row.slot != "") || ok && (got != row.slot || missed != row.missed) {
			t.Errorf("%s: %s, %d, %v: wanted %s, %d", row.text, got, missed, ok, row.slot, row.missed)
		}
	}
}
