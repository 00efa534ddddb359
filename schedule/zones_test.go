package schedule_test

import (
	"archive/zip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// zoneNames are those of the time zone database that comes with Go.
func zoneNames(tb testing.TB) (names []string) {
	tb.Helper()
	r, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")) //nolint:staticcheck // the database of the toolchain that runs the test
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	return names
}

// TestAllZones compares, around each clock change of each zone from 1970 to 2037, three days before and
// after it, with what the labels of the clock say.
func TestAllZones(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	names := zoneNames(t)
	if len(names) < 500 {
		t.Fatalf("only %d zones", len(names))
	}
	changes := 0
	for _, name := range names {
		loc := location(t, name)
		specs := zoneSpecs(t, loc)
		for _, at := range changesOf(loc) {
			changes++
			for _, s := range specs {
				s.around(t, name, loc, at)
			}
			if t.Failed() {
				break
			}
		}
	}
	t.Logf("%d zones, %d changes", len(names), changes)
	if changes < 20000 {
		t.Errorf("only %d changes", changes)
	}
}

// changesOf returns the instants from 1970 to 2037 at which the offset of a zone changes.
func changesOf(loc *time.Location) (all []time.Time) {
	for t := time.Date(1970, 1, 4, 0, 0, 0, 0, time.UTC).In(loc); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || end.Year() > 2037 {
			return all
		}
		_, before := end.Add(-time.Second).Zone()
		if _, after := end.Zone(); after != before {
			all = append(all, end)
		}
		t = end
	}
}

// A zoneSpec is a schedule with a slot each day at some minutes of the day.
type zoneSpec struct {
	s     *schedule.Schedule
	times []int // minutes of the day
	fixed bool
}

func zoneSpecs(t *testing.T, loc *time.Location) []zoneSpec {
	t.Helper()
	zone := schedule.NewZone(loc)
	parse := func(text string) *schedule.Schedule {
		s, err := schedule.Parse(text, schedule.Options{Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	every20 := make([]int, 72)
	for i := range every20 {
		every20[i] = 20 * i
	}
	return []zoneSpec{
		{parse("00:00,00:30,02:30,10:00"), []int{0, 30, 150, 600}, true},
		{parse("10,40 0,1,23 * * *"), []int{10, 40, 70, 100, 1390, 1420}, true},
		{parse("*/20 * * * *"), every20, false},
	}
}

// around steps through six days around a clock change.
func (z *zoneSpec) around(t *testing.T, name string, loc *time.Location, change time.Time) {
	t.Helper()
	from, to := change.Add(-72*time.Hour), change.Add(72*time.Hour)
	want := z.instants(loc, from, to)
	last, now := time.Time{}, from
	for i := 0; ; i++ {
		next, ok := z.s.Next(last, now)
		switch {
		case !ok:
			t.Errorf("%s: %s: none after %v", name, z.s, now)
			return
		case !next.Before(to) && i == len(want):
			return
		case i == len(want) || !next.Equal(want[i]):
			t.Errorf("%s: %s around %v: number %d is %v, wanted %v", name, z.s, change, i, next, append(want, time.Time{})[i])
			return
		}
		last, now = next, next
	}
}

// instants walks over the stretches of a zone, of which it knows from package time, label by label.
func (z *zoneSpec) instants(loc *time.Location, from, to time.Time) (all []time.Time) {
	shown := civil(from.In(loc))
	at := from
	for at.Before(to) {
		_, end := at.In(loc).ZoneBounds()
		if end.IsZero() || end.After(to) {
			end = to
		}
		_, offset := at.In(loc).Zone()
		begin, stop := at.Add(time.Duration(offset)*time.Second).UTC(), end.Add(time.Duration(offset)*time.Second).UTC()
		if z.fixed && shown.Before(begin) && len(z.labels(shown, begin)) > 0 {
			all = append(all, at)
		}
		first := begin
		if z.fixed && shown.After(begin) {
			first = shown
		}
		for _, l := range z.labels(first, stop) {
			if u := l.Add(-time.Duration(offset) * time.Second); len(all) == 0 || !all[len(all)-1].Equal(u) {
				all = append(all, u)
			}
		}
		if stop.After(shown) || !z.fixed {
			shown = stop
		}
		at = end
	}
	return all
}

// labels returns the slots from a up to b on the clock.
func (z *zoneSpec) labels(a, b time.Time) (all []time.Time) {
	y, mo, d := a.Date()
	for day := time.Date(y, mo, d, 0, 0, 0, 0, time.UTC); day.Before(b); day = day.AddDate(0, 0, 1) {
		for _, m := range z.times {
			if l := day.Add(time.Duration(m) * time.Minute); !l.Before(a) && l.Before(b) {
				all = append(all, l)
			}
		}
	}
	return all
}
