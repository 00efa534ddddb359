package cmd_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// watched is a daemon at work, and the socket on which it tells how it is.
type watched struct {
	*exec.Cmd

	socket *net.UnixConn
}

// watch starts the daemon as make build made it.
func (b bench) watch(tb testing.TB) *watched {
	tb.Helper()
	socket := filepath.Join(tb.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		tb.Fatal(err)
	}
	d := &watched{b.command(filepath.Join("..", "bin", "omd")), conn}
	d.Env = append(d.Env, "NOTIFY_SOCKET="+socket)
	if err := d.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.end(); _ = conn.Close() })
	return d
}

func (d *watched) end() {
	if d.ProcessState == nil {
		_ = d.Process.Signal(os.Interrupt)
		_ = d.Wait()
	}
}

// await waits until the daemon tells a line that matches.
func (d *watched) await(tb testing.TB, pattern string) []string {
	tb.Helper()
	re := regexp.MustCompile("(?m)^" + pattern)
	text := make([]byte, 8192)
	if err := d.socket.SetReadDeadline(time.Now().Add(3 * time.Minute)); err != nil {
		tb.Fatal(err)
	}
	for {
		n, err := d.socket.Read(text)
		if err != nil {
			tb.Fatalf("the daemon does not say %q: %v", pattern, err)
		}
		if found := re.FindStringSubmatch(string(text[:n])); found != nil {
			return found
		}
	}
}

// cpu is what a process has used so far.
func cpu(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	var sum time.Duration
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		tb.Fatalf("/proc/%d: no threads: %v", pid, err)
	}
	for _, file := range threads {
		text, _ := os.ReadFile(file)
		on, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(on, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// at has each service run its tasks once, at an instant.
func (b bench) at(tb testing.TB, services int, instant time.Time) {
	tb.Helper()
	var text strings.Builder
	for k := range 10 {
		fmt.Fprintf(&text, "[task#%d]\ncommand = /bin/true\nschedule = at:%s\n\n", k, instant.UTC().Format(time.RFC3339))
	}
	for i := range services {
		name := fmt.Sprintf("etc/due%05d.conf", i)
		b.write(tb, name+".new", text.String())
		if err := os.Rename(b.path(name+".new"), b.path(name)); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkDaemonRuns: runs of /bin/true that are due at one instant, until the last is settled, against starting
// as many and waiting for them with as many runners as there are cores.
func BenchmarkDaemonRuns(b *testing.B) {
	const services, rounds = 200, 5
	bin, err := built()
	if err != nil {
		b.Fatal(err)
	}
	f := bench{bin, b.TempDir()}
	f.at(b, services, time.Now().Add(-time.Hour))
	d := f.watch(b)
	d.await(b, "READY=1")
	for b.Loop() {
		var om, bare, ratio []float64
		for range rounds {
			om = append(om, burst(b, f, d, services))
			bare = append(bare, runners(b, services*10))
			ratio = append(ratio, 100*om[len(om)-1]/bare[len(bare)-1])
		}
		b.ReportMetric(middle(om), "om/s")
		b.ReportMetric(middle(bare), "bare/s")
		b.ReportMetric(middle(ratio), "%-of-bare")
		b.ReportMetric(0, "ns/op")
	}
}

// burst lets all tasks of the services be due at once, and returns how many a second were settled.
func burst(b *testing.B, f bench, d *watched, services int) float64 {
	b.Helper()
	instant := time.Now().Add(3 * time.Second).Truncate(time.Second)
	f.at(b, services, instant)
	d.await(b, "STATUS=.*, next "+regexp.QuoteMeta(instant.Local().Format(time.RFC3339)))
	if time.Now().After(instant) {
		b.Fatal("the files were read too late: the machine is too slow for this")
	}
	d.await(b, `STATUS=.*, [1-9]\d* running`)
	d.await(b, "STATUS=.*, 0 running")
	return float64(services*10) / time.Since(instant).Seconds()
}

// runners start /bin/true so often and wait for it, and return how often that was a second.
func runners(b *testing.B, n int) float64 {
	b.Helper()
	var wait sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	begin := time.Now()
	for range runtime.NumCPU() {
		wait.Go(func() {
			for left.Add(-1) >= 0 {
				pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Dir: "/"})
				if err == nil {
					_, err = syscall.Wait4(pid, nil, 0, nil)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	return float64(n) / time.Since(begin).Seconds()
}

func middle(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
