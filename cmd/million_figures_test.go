package cmd_test

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"om/state"
	"om/task"
)

// million is what a scheduler takes that has a million schedules.
type million struct {
	bytes      float64       // of memory for each
	idle, busy time.Duration // of a processor, in a second in which nothing is due, and in which one task is
	seen       time.Duration // until it is known which ten thousand are due
	decided    time.Duration // p99 of the time until each of them was decided about
}

// tenThousand are due at once, in services of ten tasks.
const tenThousand = 1000 * 10

// BenchmarkMillion: a daemon with a million schedules, against robfig/cron with as many. A decision of om is a row of
// the record that is on the disk before the run begins; robfig's calls a function that does nothing.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		om, other := daemonMillion(b), robfigMillion(b)
		b.ReportMetric(om.bytes, "om-B")
		b.ReportMetric(other.bytes, "robfig-B")
		b.ReportMetric(float64(om.idle.Microseconds()), "om-idle-µs")
		b.ReportMetric(float64(om.busy.Microseconds()), "om-busy-µs")
		b.ReportMetric(float64(other.busy.Microseconds()), "robfig-busy-µs")
		b.ReportMetric(float64(om.seen.Microseconds())/1000, "om-seen-ms")
		b.ReportMetric(float64(om.decided.Milliseconds()), "om-p99-ms")
		b.ReportMetric(float64(other.decided.Milliseconds()), "robfig-p99-ms")
		b.ReportMetric(0, "ns/op")
	}
}

const window = 10 * time.Second

func daemonMillion(b *testing.B) (m million) {
	b.Helper()
	bin, err := built()
	if err != nil {
		b.Fatal(err)
	}
	f := bench{bin, b.TempDir()}
	one := func(schedule string) {
		f.write(b, "etc/one.conf", "[task#0]\ncommand = /bin/true\nlog = none\nschedule = "+schedule+"\n")
	}
	one("@1d")
	before := f.resident(b)
	f.place(b, 100_000)
	f.mustRun(b, f.tick())

	d := f.watch(b)
	defer d.end()
	d.await(b, "READY=1")
	m.idle = spent(b, d.Process.Pid)
	one("@1s")
	d.await(b, `STATUS=.*, 1 running`)
	m.busy = spent(b, d.Process.Pid)
	m.bytes = float64(resident(b, d.Process.Pid)-before) / 1e6
	one("@1d")
	m.seen, m.decided = f.crowd(b, d)
	return m
}

// spent is what a process takes of a processor in a second.
func spent(b *testing.B, pid int) time.Duration {
	b.Helper()
	before := cpu(b, pid)
	time.Sleep(window)
	return (cpu(b, pid) - before) / time.Duration(window.Seconds())
}

// resident is the memory of a daemon that is ready.
func (b bench) resident(tb testing.TB) int64 {
	tb.Helper()
	d := b.watch(tb)
	defer d.end()
	d.await(tb, "READY=1")
	return resident(tb, d.Process.Pid)
}

func resident(tb testing.TB, pid int) int64 {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	kB, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return kB << 10
}

func (b bench) record(tb testing.TB) *state.DB {
	tb.Helper()
	db, err := state.Open(tb.Context(), state.Options{Path: b.path("state/om.db"), Now: time.Now, Node: "test", BootID: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// place enters cursors of services with ten tasks each, which are due in a month or later.
func (b bench) place(tb testing.TB, services int) {
	tb.Helper()
	db := b.record(tb)
	defer db.Close()
	now, some := time.Now(), map[string][]task.Cursor{}
	for i := range services {
		name := fmt.Sprintf("far%06d", i)
		for k := range 10 {
			some[name] = append(some[name], task.Cursor{
				Task: task.ID{Service: name, RID: fmt.Sprintf("task#%d", k)}, Digest: strings.Repeat("0", 32),
				At: now, Next: now.Add(30*24*time.Hour + time.Duration(10*i+k)*time.Second),
			})
		}
		if len(some) == 10_000 || i == services-1 {
			if err := db.Place(tb.Context(), some); err != nil {
				tb.Fatal(err)
			}
			clear(some)
		}
	}
}

// crowd lets ten thousand tasks be due at once.
func (b bench) crowd(tb testing.TB, d *watched) (seen, decided time.Duration) {
	tb.Helper()
	instant := time.Now().Add(20 * time.Second).Truncate(time.Second)
	b.at(tb, tenThousand/10, instant)
	d.await(tb, "STATUS=.*, next "+regexp.QuoteMeta(instant.Local().Format(time.RFC3339)))
	db := b.record(tb)
	defer db.Close()
	var took []float64
	for range 5 {
		begin := time.Now()
		due, err := db.DueTasks(tb.Context(), instant)
		if err != nil || len(due) != tenThousand || time.Now().After(instant) {
			tb.Fatalf("%d are due, %v; or the machine is too slow for this", len(due), err)
		}
		took = append(took, float64(time.Since(begin)))
	}
	d.await(tb, `STATUS=.*, [1-9]\d* running`)
	d.await(tb, "STATUS=.*, 0 running")
	runs, err := db.Runs(tb.Context(), state.Query{Since: instant})
	if err != nil {
		tb.Fatal(err)
	}
	var late []time.Duration
	for _, run := range runs {
		if run.Slot.Equal(instant) && run.State == task.Complete {
			late = append(late, run.QueuedAt.Sub(run.Slot))
		}
	}
	return time.Duration(middle(took)), p99(tb, late)
}

func p99(tb testing.TB, late []time.Duration) time.Duration {
	tb.Helper()
	if len(late) != tenThousand {
		tb.Fatalf("%d of %d were decided about", len(late), tenThousand)
	}
	slices.Sort(late)
	return late[len(late)*99/100]
}

func robfigMillion(b *testing.B) (m million) {
	b.Helper()
	before := heap()
	parser := cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	c := cron.New(cron.WithParser(parser), cron.WithLocation(time.UTC))
	instant := time.Now().Add(40 * time.Second).Truncate(time.Second).UTC()
	add := func(spec string, do func()) {
		if _, err := c.AddFunc(spec, do); err != nil {
			b.Fatal(err)
		}
	}
	var mu sync.Mutex
	var late []time.Duration
	for i := range 1_000_000 - tenThousand {
		month := (int(instant.Month())+5)%12 + 1
		add(fmt.Sprintf("%d %d %d %d %d *", i%60, i/60%60, i/3600%24, 1+i%28, month), func() {})
	}
	for range tenThousand {
		add(instant.Format("5 4 15 2 1 *"), func() {
			mu.Lock()
			defer mu.Unlock()
			late = append(late, time.Since(instant))
		})
	}
	m.bytes = float64(heap()-before) / 1e6
	add("* * * * * *", func() {})
	c.Start()
	defer c.Stop()
	time.Sleep(5 * time.Second) // all are sorted, a few times
	m.busy = spent(b, os.Getpid())
	if time.Now().After(instant) {
		b.Fatal("the machine is too slow for this")
	}
	time.Sleep(time.Until(instant) + 3*time.Second)
	mu.Lock()
	defer mu.Unlock()
	m.decided = p99(b, late)
	return m
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
