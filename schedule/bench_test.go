package schedule_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"om/schedule"
)

// A side is a cron line.
type side struct{ name, expr string }

// sides are cron lines that robfig/cron reads too.
func sides() []side {
	return []side{
		{"minutely", "* * * * *"},
		{"every10", "*/10 * * * *"},
		{"hourly", "5 * * * *"},
		{"workhours", "*/15 8-18 * * 1-5"},
		{"daily", "30 2 * * *"},
		{"weekly", "30 2 * * 1"},
		{"monthly", "30 2 1 * *"},
		{"yearly", "30 2 1 1 *"},
		{"leap", "0 0 29 2 *"},
		{"leapmonday", "0 0 29 2 1"},
	}
}

// instants are spread over two years, so that no branch is always the same.
func instants(zone *schedule.Zone) (all [64]time.Time) {
	for i := range all {
		all[i] = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 274 * time.Hour).Add(time.Duration(i*i*977) * time.Second).In(zone.Location())
	}
	return all
}

func parsed(b *testing.B, text string, o schedule.Options) *schedule.Schedule {
	b.Helper()
	s, err := schedule.Parse(text, o)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkBeside is Next beside that of robfig/cron, for the same lines, zone and instants.
func BenchmarkBeside(b *testing.B) {
	zone := zonesOf(b, "Europe/Paris")[0]
	at := instants(zone)
	for _, side := range sides() {
		s := parsed(b, side.expr, schedule.Options{Zone: zone})
		peer, err := cron.ParseStandard("CRON_TZ=Europe/Paris " + side.expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(side.name+"/om", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Next(time.Time{}, at[i%len(at)])
			}
		})
		b.Run(side.name+"/robfig", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				peer.Next(at[i%len(at)])
			}
		})
	}
}

// hard are the schedules that take the longest to search.
func hard() []string {
	return []string{
		"09:00 mon:29 9 feb", "09:00 sun:3 53", `["09:00", "! 08:00-10:00 * * jan-nov"]`, `["02:00-04:00", "! 02:30-03:00 mon", "! * *:last"]`,
		"0 0 29 2 1", "0 0 31 12 0#5", "*-02-29 12:00", "Sun *-02-29 12:00", "2099-*-* 12:00", "0 9 LW 2 *", "22:00-02:00 sat", "~00:00-06:00 mon-fri",
		"@10m", "09:00", "09:00,12:00,18:00 mon-fri", "every 90s", "every 1d from 02:30", "7 15", "period month full incr*30; start 02:10; interval 6h",
	}
}

// BenchmarkNext asks each sample, and the hard ones, for the next start.
func BenchmarkNext(b *testing.B) {
	zone := zonesOf(b, "Europe/Paris")[0]
	at := instants(zone)
	for _, text := range append(hard(), samples()...) {
		s := parsed(b, text, schedule.Options{Zone: zone, Zones: loadZone})
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Next(time.Time{}, at[i%len(at)])
			}
		})
	}
}

// BenchmarkLatest asks for the newest slot of a year of missed ones.
func BenchmarkLatest(b *testing.B) {
	zone := zonesOf(b, "Europe/Paris")[0]
	at := instants(zone)
	for _, text := range append(hard(), samples()...) {
		s := parsed(b, text, schedule.Options{Zone: zone, Zones: loadZone})
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				now := at[i%len(at)]
				s.Latest(now.AddDate(-1, 0, 0), now)
			}
		})
	}
}

// BenchmarkParse reads each sample.
func BenchmarkParse(b *testing.B) {
	p := schedule.NewParser(time.LoadLocation)
	zone, err := p.Zone("Europe/Paris")
	if err != nil {
		b.Fatal(err)
	}
	for _, text := range samples() {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := schedule.Parse(text, schedule.Options{Zone: zone, Zones: p.Zone}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParserShares reads one text again and again by a Parser that knows it.
func BenchmarkParserShares(b *testing.B) {
	p := schedule.NewParser(time.LoadLocation)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Parse("02:00-04:00 mon-sat", schedule.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkZone lays out a zone with two changes a year.
func BenchmarkZone(b *testing.B) {
	loc := location(b, "Europe/Paris")
	for b.Loop() {
		schedule.NewZone(loc)
	}
}

// BenchmarkSize reports how many bytes a parsed schedule keeps.
func BenchmarkSize(b *testing.B) {
	zone := zonesOf(b, "Europe/Paris")[0]
	for _, text := range []string{"02:00-04:00 mon-sat", "09:00 fri:last", "30 2 * * 1-5", "0 9 1 * *", "Mon..Fri *-*-* 02:00:00"} {
		b.Run(text, func(b *testing.B) {
			const n = 10000
			kept := make([]*schedule.Schedule, n)
			for b.Loop() {
				before := heap()
				for i := range kept {
					kept[i] = parsed(b, text, schedule.Options{Zone: zone})
				}
				b.ReportMetric(float64(heap()-before)/n, "B/schedule")
				clear(kept)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
