package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/ini.v1"
)

// newFleet is a folder of services with ten tasks each, of which none is due.
func newFleet(tb testing.TB, services int) bench {
	tb.Helper()
	bin, err := built()
	if err != nil {
		tb.Fatal(err)
	}
	f := bench{bin, tb.TempDir()}
	for i := range services {
		var text strings.Builder
		for k := range 10 {
			fmt.Fprintf(&text, "[task#%d]\ncommand = /srv/svc%d/bin/job%d.sh --full\nuser = root\nschedule = %d %d 1 1 *\n\n", k, i, k, i%60, k)
		}
		f.write(tb, fmt.Sprintf("etc/svc%05d.conf", i), text.String())
	}
	f.write(tb, "stamp", "")
	return f
}

func (b bench) tick() *exec.Cmd { return b.om("tick", "--quiet") }

// BenchmarkTick: a tick where no file was changed and nothing is due, against find DIR -newer FILE, which looks at the
// same files.
func BenchmarkTick(b *testing.B) {
	for _, services := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("%d_tasks", services*10), func(b *testing.B) {
			f := newFleet(b, services)
			b.Run("unchanged", func(b *testing.B) {
				f.mustRun(b, f.tick())
				for b.Loop() {
					om, find := pair(b, f.tick, func() *exec.Cmd { return exec.Command("find", f.path("etc"), "-newer", f.path("stamp")) })
					report(b, om, find)
					b.ReportMetric(float64(f.peak(b, "tick", "--quiet")>>10), "kB")
				}
			})
			b.Run("first", func(b *testing.B) { benchmarkFirst(b, f) })
			b.Run("beside_daemon", func(b *testing.B) { benchmarkDeferred(b, f) })
			b.Run("daemon_ready", func(b *testing.B) { benchmarkReady(b, f) })
			b.Run("work", func(b *testing.B) { benchmarkWork(b, f) })
		})
	}
}

// benchmarkFirst: a tick that reads all files, against ini.v1 alone on the same files.
func benchmarkFirst(b *testing.B, f bench) {
	b.Helper()
	var om, bare time.Duration
	for b.Loop() {
		if err := os.RemoveAll(f.path("state")); err != nil {
			b.Fatal(err)
		}
		om += measure(b, f.tick()).wall
		files, err := filepath.Glob(f.path("etc/*.conf"))
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		for _, file := range files {
			if _, err := ini.Load(file); err != nil {
				b.Fatal(err)
			}
		}
		bare += time.Since(begin)
	}
	b.ReportMetric(float64(om)/float64(bare), "x-ini")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(om.Milliseconds())/float64(b.N), "om-ms")
}

// benchmarkDeferred: a tick while the daemon is up, which has nothing to do, against an empty Go program.
func benchmarkDeferred(b *testing.B, f bench) {
	b.Helper()
	daemon := f.command(filepath.Join("..", "bin", "omd"))
	if err := daemon.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	})
	for out := ""; !strings.Contains(out, "daemon"); { // it holds the state folder
		text, _ := f.om("tick").CombinedOutput()
		out = string(text)
	}
	for b.Loop() {
		om, empty := pair(b, f.tick, func() *exec.Cmd { return exec.Command(filepath.Join(f.bin, "empty")) })
		report(b, om, empty)
	}
}

// benchmarkReady: from the start of a daemon that was there before until it is ready.
func benchmarkReady(b *testing.B, f bench) {
	b.Helper()
	for b.Loop() {
		var took []float64
		for range 3 {
			begin := time.Now()
			d := f.watch(b)
			d.await(b, "READY=1")
			took = append(took, float64(time.Since(begin).Milliseconds()))
			d.end()
		}
		b.ReportMetric(middle(took), "ready-ms")
		b.ReportMetric(0, "ns/op")
	}
}

// benchmarkWork: how much longer than one with nothing to do a tick takes where ten files of ten tasks were changed, and
// where a hundred tasks are due, beside however many others.
func benchmarkWork(b *testing.B, f bench) {
	b.Helper()
	const files = 10
	for b.Loop() {
		f.mustRun(b, f.tick())
		idle := f.ticks(b, func() {})
		changed := f.ticks(b, func() { f.often(b, files, "@1d") })
		f.often(b, files, "@1s")
		f.mustRun(b, f.tick())
		busy := f.ticks(b, func() { time.Sleep(1100 * time.Millisecond) })
		b.ReportMetric(idle/1000, "idle-ms")
		b.ReportMetric((changed-idle)/1000, "changed-ms")
		b.ReportMetric((busy-idle)/1000, "due-ms")
		b.ReportMetric(0, "ns/op")
	}
}

// often gives some services ten tasks each that run /bin/true, with a schedule.
func (b bench) often(tb testing.TB, services int, schedule string) {
	tb.Helper()
	for i := range services {
		var text strings.Builder
		for k := range 10 {
			fmt.Fprintf(&text, "[task#%d]\ncommand = /bin/true\nschedule = %s\n\n", k, schedule)
		}
		b.write(tb, fmt.Sprintf("etc/svc%05d.conf", i), text.String())
	}
}

// ticks is the median time of ticks in microseconds, before each of which something is done.
func (b bench) ticks(tb testing.TB, before func()) float64 {
	tb.Helper()
	var took []float64
	for range 7 {
		before()
		took = append(took, float64(measure(tb, b.tick()).wall.Microseconds()))
	}
	return middle(took)
}
