package schedule_test

import (
	"slices"
	"testing"
	"time"

	"om/schedule"
)

// TestSlots holds the lists of slots against the steps of Next, in zones with changes of all kinds, from many begins to many ends.
func TestSlots(t *testing.T) {
	zones := zonesOf(t, "UTC", "Europe/Paris", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Antarctica/Troll", "Africa/Monrovia")
	begins := []int64{-1, 0, 63593069, 951782400, 1774744200, 1325239199, 7258118399 - 40*86400}
	texts := append(samples(), "*/20 * * * * *", "30 0 2 * * *", "0 0 */2 * *", "0-5,30 2 1 */2 *", "*-*-* *:*:0/30", "*-2-29 12:00")
	several := 0
	for i, text := range texts {
		for choice := range 72 {
			o := schedule.Options{
				Zone: zones[choice%len(zones)], Zones: loadZone, Seed: schedule.Seed(choice), Gap: schedule.Gap(choice / 8 % 3), Overlap: schedule.Overlap(choice / 24 % 3), Random: choice%7 == 0, //nolint:gosec // small
			}
			if choice%5 == 4 {
				o.Spread = time.Duration(choice) * 9 * time.Hour
			}
			last := begins[(i+choice)%len(begins)] + int64(choice*choice*3571)
			if _, end := time.Unix(last, 0).In(o.Zone.Location()).ZoneBounds(); choice%4 > 0 && !end.IsZero() {
				last = end.Unix() + int64(choice-36)*1800 - 1 // near a clock change
			}
			if choice%3 == 1 {
				o.Boot = time.Unix(last-5000, 0)
			}
			if choice%11 == 3 {
				o.NotBefore, o.NotAfter = time.Unix(last+40*86400, 0), time.Unix(last+400*86400, 0)
			}
			s, err := schedule.Parse(text, o)
			if err != nil {
				t.Fatal(err)
			}
			steps := stepped(s, last, 100)
			for n := 1; n < len(steps); n = n*2 + 1 {
				for _, until := range [2]int64{steps[n], steps[n] - 1} {
					want := steps[:n+1]
					if n > 0 && steps[n-1] >= until {
						want = steps[:n]
					}
					if got := s.Slots(nil, last, until); !slices.Equal(got, want) {
						t.Fatalf("%q in %s after %d up to %d, choice %d:\n%v, wanted\n%v", text, o.Zone.Name(), last, until, choice, got, want)
					}
					several++
				}
			}
			if end := int64(1) << 33; len(steps) < 100 {
				if got := s.Slots(nil, last, end); !slices.Equal(got, steps) {
					t.Fatalf("%q in %s after %d, choice %d: %v, wanted %v and no more", text, o.Zone.Name(), last, choice, got, steps)
				}
			}
		}
	}
	if several < 10_000 {
		t.Errorf("%d lists: that says little", several)
	}
}

// stepped are so many steps of Next.
func stepped(s *schedule.Schedule, last int64, most int) (all []int64) {
	for at := time.Unix(last, 0); len(all) < most; {
		next, ok := s.Next(at, at)
		if !ok || !next.After(at) {
			break
		}
		all, at = append(all, next.Unix()), next
	}
	return all
}

// BenchmarkSlots: an instant of a list, for those of BenchmarkNext.
func BenchmarkSlots(b *testing.B) {
	zone := schedule.NewZone(location(b, "Europe/Paris"))
	for _, text := range []string{"13 * * * *", "30 2 * * *", "10 4 * * 1", "0 4 1 * *"} {
		s := parsed(b, text, schedule.Options{Zone: zone})
		b.Run(text, func(b *testing.B) {
			var list []int64
			n := 0
			for b.Loop() {
				list = s.Slots(list[:0], 1774744200, 1774744200+90*86400)
				n += len(list)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/slot")
		})
	}
}
