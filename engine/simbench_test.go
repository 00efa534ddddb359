package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/schedule"
)

// month are services with so many tasks for a simulation of a month: of ten, one is due each hour, seven each day, and two
// each week.
func month(tasks int) map[string]string {
	files := map[string]string{}
	for i := range tasks / 10 {
		var text strings.Builder
		text.WriteString("[DEFAULT]\ncwd = /\ntimezone = Europe/Paris\n")
		for k := range 10 {
			minute, hour, weekday := fmt.Sprint((i*7+k*13)%60), fmt.Sprint((i+k*5)%24), "*"
			switch {
			case k == 0:
				hour = "*"
			case k > 7:
				weekday = fmt.Sprint((i + k) % 7)
			}
			fmt.Fprintf(&text, "[task#%d]\ncommand = /srv/svc%d/job%d.sh --full\nschedule = %s %s * * %s\n", k, i, k, minute, hour, weekday)
		}
		files[fmt.Sprintf("svc%04d", i)] = text.String()
	}
	return files
}

// monthOf is an engine with these services, and what is asked of it.
func monthOf(tb testing.TB, tasks int) (*Engine, SimulateRequest) {
	tb.Helper()
	e := newVirtual(tb, month(tasks)).Engine
	from := time.Date(2027, 3, 10, 12, 0, 30, 0, time.UTC)
	e.Now = func() time.Time { return from }
	paths, err := e.Services()
	if err != nil {
		tb.Fatal(err)
	}
	return e, SimulateRequest{Paths: paths, From: from, To: from.AddDate(0, 1, 0)}
}

// BenchmarkSimulate: a month, and a year, of 10,000 tasks, against the bare package schedule that steps through the slots of one
// task after the other. Of both the processor time counts: in the whole of a simulation, and without the reading of
// the files.
func BenchmarkSimulate(b *testing.B) {
	for months, name := range map[int]string{1: "month", 12: "year"} {
		b.Run(name, func(b *testing.B) {
			e, req := monthOf(b, 10_000)
			req.To = req.From.AddDate(0, months, 0)
			for b.Loop() {
				all := stepBare(b, e, req)
				begin, began := time.Now(), processor()
				var read time.Duration
				slots := 0
				if _, err := e.Simulate(b.Context(), req, func(Simulated) error {
					if slots++; slots == 1 {
						read = processor() - began
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
				took := processor() - began
				b.ReportMetric(time.Since(begin).Seconds(), "s-wall")
				b.ReportMetric(took.Seconds(), "s-cpu")
				b.ReportMetric(float64((took-read).Nanoseconds())/float64(slots), "ns/slot")
				b.ReportMetric(float64(all.took.Nanoseconds())/float64(all.slots), "ns/bare")
				b.ReportMetric(100*float64(all.took)/float64(took-read)*float64(slots)/float64(all.slots), "%-of-bare")
				b.ReportMetric(float64(slots), "slots")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// processor is the processor time of this process.
func processor() time.Duration {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

type bareSteps struct {
	took  time.Duration
	slots int
}

// stepBare steps through the slots of a request.
func stepBare(tb testing.TB, e *Engine, req SimulateRequest) (all bareSteps) {
	tb.Helper()
	var cals []*schedule.Schedule
	for _, path := range req.Paths {
		svc, err := e.Load(path)
		if err != nil {
			tb.Fatal(err)
		}
		for i := range svc.Tasks {
			cal, err := e.calendar(&svc.Tasks[i])
			if err != nil {
				tb.Fatal(err)
			}
			cals = append(cals, cal)
		}
	}
	began := processor()
	for _, cal := range cals {
		for at, ok := cal.Next(req.From, req.From); ok && at.Before(req.To); at, ok = cal.Next(at, at) {
			all.slots++
		}
	}
	all.took = processor() - began
	return all
}

// TestSimulateCost holds what a simulation costs: of the slots that tasks have in a month few are looked at one by one, and what
// is allocated does not grow with their number.
func TestSimulateCost(t *testing.T) {
	e, req := monthOf(t, 100)
	cost := func(months int) (slots int, allocated uint64) {
		req.To = req.From.AddDate(0, months, 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := e.Simulate(t.Context(), req, func(Simulated) error { slots++; return nil })
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		return slots, after.Mallocs - before.Mallocs
	}
	slots, allocated := cost(1)
	more, longer := cost(7)
	if bare := stepBare(t, e, req); bare.slots != more {
		t.Errorf("%d decisions, and the schedules have %d slots", more, bare.slots)
	}
	t.Logf("%d slots: %d allocations; %d slots: %d", slots, allocated, more, longer)
	if each := float64(longer-min(allocated, longer)) / float64(more-slots); each > 0.1 {
		t.Errorf("%.2f allocations for each slot, wanted a tenth at most", each)
	}
}
