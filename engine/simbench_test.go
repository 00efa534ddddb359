package engine

import (
	"fmt"
	"runtime"
	"slices"
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
// task after the other, by one goroutine. Of both the processor time counts, of all threads: in the whole of a simulation, and
// without the reading of the files. Medians of the rounds.
func BenchmarkSimulate(b *testing.B) {
	for _, span := range []struct {
		name   string
		months int
	}{{"month", 1}, {"year", 12}} {
		e, req := monthOf(b, 10_000)
		req.To = req.From.AddDate(0, span.months, 0)
		cals := bareOf(b, e, req)
		for _, told := range []bool{true, false} {
			name := span.name + map[bool]string{true: "/told", false: "/summary"}[told]
			b.Run(name, func(b *testing.B) {
				all := map[string][]float64{}
				for b.Loop() {
					simulateOnce(b, e, req, cals, told, all)
				}
				for unit, values := range all {
					slices.Sort(values)
					b.ReportMetric(values[len(values)/2], unit)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// simulateOnce is a round of both sides.
func simulateOnce(b *testing.B, e *Engine, req SimulateRequest, cals []*schedule.Schedule, told bool, all map[string][]float64) {
	b.Helper()
	bare := stepBare(cals, req)
	var read time.Duration // when all is read
	e.Now = func() time.Time { return req.From }
	req.begun = func() { read = processor() }
	slots := 0
	each := func(*Simulated) error { slots++; return nil }
	if !told {
		each = nil
	}
	begin, began := time.Now(), processor()
	report, err := e.Simulate(b.Context(), req, each)
	ended := processor()
	if err != nil || report.Runs != bare.slots || told && slots != bare.slots {
		b.Fatal(err, report.Runs, slots, bare.slots)
	}
	note := func(unit string, x float64) { all[unit] = append(all[unit], x) }
	note("s-wall", time.Since(begin).Seconds())
	note("s-cpu", (ended - began).Seconds())
	note("s-cpu-read", (read - began).Seconds())
	note("ns/slot", float64((ended-read).Nanoseconds())/float64(bare.slots))
	note("ns/list", float64(listBare(cals, req).Nanoseconds())/float64(bare.slots))
	note("ns/bare", float64(bare.took.Nanoseconds())/float64(bare.slots))
	note("%-of-bare", 100*float64(bare.took)/float64(ended-read))
	note("slots", float64(bare.slots))
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

// bareOf are the schedules of a request.
func bareOf(tb testing.TB, e *Engine, req SimulateRequest) (cals []*schedule.Schedule) {
	tb.Helper()
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
	return cals
}

// stepBare steps through the slots of a request.
func stepBare(cals []*schedule.Schedule, req SimulateRequest) (all bareSteps) {
	began := processor()
	for _, cal := range cals {
		for at, ok := cal.Next(req.From, req.From); ok && at.Before(req.To); at, ok = cal.Next(at, at) {
			all.slots++
		}
	}
	all.took = processor() - began
	return all
}

// listBare has the slots of a request listed by the package, which is cheaper than to step through them.
func listBare(cals []*schedule.Schedule, req SimulateRequest) time.Duration {
	began := processor()
	var list []int64
	for _, cal := range cals {
		list = cal.Slots(list[:0], req.From.Unix(), req.To.Unix())
	}
	return processor() - began
}

// TestSimulateCost holds what a simulation costs: of the slots that tasks have in a month few are looked at one by one, and what
// is allocated does not grow with their number.
func TestSimulateCost(t *testing.T) {
	e, req := monthOf(t, 100)
	cost := func(months int) (slots int, allocated uint64) {
		req.To = req.From.AddDate(0, months, 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := e.Simulate(t.Context(), req, func(*Simulated) error { slots++; return nil })
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		return slots, after.Mallocs - before.Mallocs
	}
	slots, allocated := cost(1)
	more, longer := cost(7)
	if bare := stepBare(bareOf(t, e, req), req); bare.slots != more {
		t.Errorf("%d decisions, and the schedules have %d slots", more, bare.slots)
	}
	t.Logf("%d slots: %d allocations; %d slots: %d", slots, allocated, more, longer)
	if each := float64(longer-min(allocated, longer)) / float64(more-slots); each > 0.1 {
		t.Errorf("%.2f allocations for each slot, wanted a tenth at most", each)
	}
}
