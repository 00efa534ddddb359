package schedule_test

import (
	"testing"
	"time"

	"om/schedule"
)

// A label is what a clock shows, to the minute, and what follows from it.
type label struct {
	y, mo, d, h, mi int
	weekday         int // 1: Monday
	week            int // ISO
	last            int // the day of the month counted from the end: 1 for the last
}

// labelOf returns the label of a local time, in seconds since 1970 as if it were UTC.
func labelOf(local int64) label {
	t := time.Unix(local, 0).UTC()
	l := label{weekday: (int(t.Weekday())+6)%7 + 1}
	var mo time.Month
	l.y, mo, l.d = t.Date()
	l.mo = int(mo)
	l.h, l.mi, _ = t.Clock()
	_, l.week = t.ISOWeek()
	l.last = time.Date(l.y, mo+1, 0, 0, 0, 0, 0, time.UTC).Day() - l.d + 1
	return l
}

func (l *label) at(h, mi int) bool { return l.h == h && l.mi == mi }

// An oracleRow says what a schedule means, in Go, minute by minute.
type oracleRow struct {
	expr  string
	fixed bool // a clock change neither loses nor repeats it
	has   func(l *label) bool
}

func oracleRows() []oracleRow {
	return []oracleRow{
		{"02:30", true, func(l *label) bool { return l.at(2, 30) }},
		{"00:00,12:10 mon-fri", true, func(l *label) bool { return (l.at(0, 0) || l.at(12, 10)) && l.weekday <= 5 }},
		{"10:00 fri:13", true, func(l *label) bool { return l.at(10, 0) && l.weekday == 5 && l.d == 13 }},
		{"10:00 fri:last", true, func(l *label) bool { return l.at(10, 0) && l.weekday == 5 && l.last == 1 }},
		{"10:00 fri#last", true, func(l *label) bool { return l.at(10, 0) && l.weekday == 5 && l.last <= 7 }},
		{"10:00 mon#2", true, func(l *label) bool { return l.at(10, 0) && l.weekday == 1 && l.d >= 8 && l.d <= 14 }},
		{"01:30 *:-2,sun", true, func(l *label) bool { return l.at(1, 30) && (l.last == 2 || l.weekday == 7) }},
		{"09:00 * 53", true, func(l *label) bool { return l.at(9, 0) && l.week == 53 }},
		{"09:00 * 52-1", true, func(l *label) bool { return l.at(9, 0) && (l.week >= 52 || l.week == 1) }},
		{"09:00 *:29 * feb", true, func(l *label) bool { return l.at(9, 0) && l.d == 29 && l.mo == 2 }},
		{"09:00 * * %3+1", true, func(l *label) bool { return l.at(9, 0) && (l.mo+1)%3 == 0 }},
		{`["03:00", "! * sat,sun", "! 02:00-04:00 * * aug"]`, true, func(l *label) bool { return l.at(3, 0) && l.weekday <= 5 && l.mo != 8 }},
		{"30 2 * * *", true, func(l *label) bool { return l.at(2, 30) }},
		{"0 0 13 * 5", true, func(l *label) bool { return l.at(0, 0) && (l.d == 13 || l.weekday == 5) }},
		{"0 0 */2 * 5", true, func(l *label) bool { return l.at(0, 0) && l.d%2 == 1 && l.weekday == 5 }},
		{"0 12 L * *", true, func(l *label) bool { return l.at(12, 0) && l.last == 1 }},
		{"15 1 29 2 *", true, func(l *label) bool { return l.at(1, 15) && l.d == 29 && l.mo == 2 }},
		{"0 9 * * 5#3", true, func(l *label) bool { return l.at(9, 0) && l.weekday == 5 && l.d >= 15 && l.d <= 21 }},
		{"0 9 15W * *", true, func(l *label) bool {
			return l.at(9, 0) && (l.weekday <= 5 && l.d == 15 || l.weekday == 5 && l.d == 14 || l.weekday == 1 && l.d == 16)
		}},
		{"*/10 * * * *", false, func(l *label) bool { return l.mi%10 == 0 }},
		{"*/20 2 * * *", false, func(l *label) bool { return l.h == 2 && l.mi%20 == 0 }},
		{"5 * * * sun", false, func(l *label) bool { return l.mi == 5 && l.weekday == 7 }},
		{"0 */6 * 1-3 *", false, func(l *label) bool { return l.mi == 0 && l.h%6 == 0 && l.mo <= 3 }},
		{"Mon..Fri *-*-* 02:00:00", true, func(l *label) bool { return l.at(2, 0) && l.weekday <= 5 }},
		{"*-*~1 00:30", true, func(l *label) bool { return l.at(0, 30) && l.last == 1 }},
		{"*:0/15", false, func(l *label) bool { return l.mi%15 == 0 }},
		{"quarterly", true, func(l *label) bool { return l.at(0, 0) && l.d == 1 && l.mo%3 == 1 }},
		{"2024..2030/2-02,04-* 01:30", true, func(l *label) bool {
			return l.at(1, 30) && l.y >= 2024 && l.y <= 2030 && l.y%2 == 0 && (l.mo == 2 || l.mo == 4)
		}},
		{"every 1d from 2020-01-01 02:30", true, func(l *label) bool { return l.at(2, 30) }},
		{"every 1w from 2020-01-05 01:30", true, func(l *label) bool { return l.at(1, 30) && l.weekday == 7 }},
		{"at 2026-03-29 02:30", true, func(l *label) bool { return l.at(2, 30) && l.y == 2026 && l.mo == 3 && l.d == 29 }},
		{"at 2026-10-25 02:30, 2027-04-04 02:10", true, func(l *label) bool {
			return l.at(2, 30) && l.y == 2026 && l.mo == 10 && l.d == 25 || l.at(2, 10) && l.y == 2027 && l.mo == 4 && l.d == 4
		}},
		{"period week full incr*5 skip; skip last day every quarter; full 12/31/2026; start 01:30; restart 1m", true, func(l *label) bool {
			if l.y == 2026 && l.mo == 12 && l.d == 31 {
				return l.at(1, 30)
			}
			return l.at(1, 30) && l.weekday != 6 && !(l.mo%3 == 0 && l.last == 1)
		}},
	}
}

// TestOracle compares each instant of ten years, in four zones, with what is found by looking at each
// minute and its label on the clock.
func TestOracle(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Paris", "Australia/Lord_Howe", "America/Santiago"} {
		t.Run(name, func(t *testing.T) { t.Parallel(); oracle(t, name, oracleRows()) })
	}
}

// A stepper is a schedule and the next instant that it gives.
type stepper struct {
	oracleRow
	s     *schedule.Schedule
	next  int64
	count int
}

func (st *stepper) step(last time.Time, now int64) {
	next, ok := st.s.Next(last, time.Unix(now, 0))
	if st.next = next.Unix(); !ok {
		st.next = -1
	}
}

func oracle(t *testing.T, name string, rows []oracleRow) {
	t.Helper()
	loc := location(t, name)
	from := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []*stepper
	for _, r := range rows {
		s, err := schedule.Parse(r.expr, schedule.Options{Zone: schedule.NewZone(loc)})
		if err != nil {
			t.Fatalf("%s: %v", r.expr, err)
		}
		st := &stepper{oracleRow: r, s: s}
		st.step(time.Time{}, from.Unix())
		all = append(all, st)
	}
	walk(t, loc, from.Unix(), from.AddDate(10, 0, 0).Unix(), all)
	for _, st := range all {
		if st.count == 0 {
			t.Errorf("%s: nothing was compared", st.expr)
		}
	}
}

// walk looks at each minute, and at what the clock of the zone shows then and has shown before.
func walk(t *testing.T, loc *time.Location, from, to int64, all []*stepper) {
	t.Helper()
	var l label
	high := from - 60 + offsetAt(loc, from)
	for at := from; at < to; at += 60 {
		shown := at + offsetAt(loc, at)
		if minute := shown / 60 % 1440; minute == 0 || at == from || shown != high+60 {
			l = labelOf(shown)
		} else {
			l.h, l.mi = int(minute/60), int(minute%60)
		}
		for _, st := range all {
			want := st.has(&l) && (!st.fixed || shown > high)
			if !want && st.fixed && shown > high+60 {
				want = st.lost(high, shown)
			}
			if !st.agrees(at, want) {
				t.Fatalf("%s: at %v: run %v, wanted %v; next is %v", st.expr, time.Unix(at, 0).In(loc), !want, want, time.Unix(st.next, 0).In(loc))
			}
		}
		high = max(high, shown)
	}
}

func offsetAt(loc *time.Location, u int64) int64 {
	_, offset := time.Unix(u, 0).In(loc).Zone()
	return int64(offset)
}

// lost says that one of the labels that the clock left out, between a and b, is a time of the row.
func (st *stepper) lost(a, b int64) bool {
	for m := a + 60; m < b; m += 60 {
		if l := labelOf(m); st.has(&l) {
			return true
		}
	}
	return false
}

// agrees compares the next instant with what is wanted at a minute, and steps over it.
func (st *stepper) agrees(at int64, want bool) bool {
	if (st.next == at) != want {
		return false
	}
	if want {
		st.count++
		st.step(time.Unix(at, 0), at)
	}
	return true
}

// civil is what a clock shows, as if it were UTC.
func civil(t time.Time) time.Time {
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	return time.Date(y, mo, d, h, mi, s, 0, time.UTC)
}

func location(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}
