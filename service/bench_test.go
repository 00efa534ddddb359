package service

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/ini.v1"

	"om/schedule"
)

// sample is the text of a service with ten tasks, as people write them.
func sample() []byte {
	var b strings.Builder
	b.WriteString("[DEFAULT]\nnodes = n1 n2\napp = shop\nuser = backup\nrun_schedule = @1d\n\n[env]\nroot = /srv/{name}\n\n" +
		"[fs#0]\nmnt = /srv/shop\ndev = /dev/vg/shop\ntype = ext4\n")
	for i := range 10 {
		fmt.Fprintf(&b, "\n# task number %d\n[task#%d]\ncommand = /usr/local/bin/job --number %d --root {env.root}\nschedule = ~01:00-05:00 mon-fri\n", i, i, i)
		b.WriteString("timeout = 2h\nrun_requires = fs#0(up)\ntags = nightly backup\nenvironment = PGHOST=/run/pg MODE=live\n")
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	text := sample()
	node := node()
	b.ReportAllocs()
	for b.Loop() {
		if s := Parse("shop.conf", "shop", text, node); len(s.Tasks) != 10 || len(s.Problems) != 0 {
			b.Fatal(s.Problems)
		}
	}
}

// node is one as om has it: what its files share is shared.
func node() Node { return Node{Name: "n1", Schedules: schedule.NewParser(time.LoadLocation)} }

func BenchmarkBareINI(b *testing.B) {
	text := sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ini.LoadSources(options(), text); err != nil {
			b.Fatal(err)
		}
	}
}

// unlike is sample where no line of a task is one of another task, or of another service.
func unlike(service int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "[DEFAULT]\nnodes = n1 n2\napp = shop%d\nuser = u%[1]d\nrun_schedule = @1d\n\n[env]\nroot = /srv/{name}/%[1]d\n\n[fs#0]\nmnt = /srv/%[1]d\ndev = /dev/vg/%[1]d\ntype = ext4\n", service)
	for i := range 10 {
		n := service*10 + i
		fmt.Fprintf(&b, "\n# task number %d\n[task#%d]\ncommand = /usr/local/bin/job --number %[1]d --root {env.root}\nschedule = %02[3]d:%02[4]d-23:%02[4]d mon-fri\n", n, i, n/60%23, n%60)
		fmt.Fprintf(&b, "timeout = %dm\nrun_requires = fs#0(up)\ntags = nightly%[1]d backup\nenvironment = PGHOST=/run/pg%[1]d MODE=live\n", n+1)
	}
	return []byte(b.String())
}

// BenchmarkFiles reads and validates files of ten tasks, as a tick does, and reads the same files with the INI parser
// alone; the two take turns. It reports medians: the time of each for a file, and how much longer ours
// takes (limit 1.6 for 10,000 files).
func BenchmarkFiles(b *testing.B) {
	b.Run("alike", func(b *testing.B) { benchmarkFiles(b, func(int) []byte { return sample() }) })
	b.Run("unlike", func(b *testing.B) { benchmarkFiles(b, unlike) })
}

func benchmarkFiles(b *testing.B, text func(service int) []byte) {
	b.Helper()
	const files = 500
	dir := b.TempDir()
	paths := make([]string, files)
	for i := range paths {
		paths[i] = fmt.Sprintf("s%d", i)
		if err := os.WriteFile(filepath.Join(dir, paths[i]+".conf"), text(i), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	var bare, ours []time.Duration
	var ratio []float64
	for b.Loop() {
		bare = append(bare, timed(func() { bareFiles(b, dir, paths) }))
		ours = append(ours, timed(func() { readFiles(b, dir, paths) }))
		ratio = append(ratio, float64(ours[len(ours)-1])/float64(bare[len(bare)-1]))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(bare).Nanoseconds())/files/1000, "ini-µs/file")
	b.ReportMetric(float64(median(ours).Nanoseconds())/files/1000, "om-µs/file")
	b.ReportMetric(median(ratio), "x")
}

func bareFiles(b *testing.B, dir string, paths []string) {
	b.Helper()
	for _, path := range paths {
		if _, err := ini.LoadSources(options(), filepath.Join(dir, path+".conf")); err != nil {
			b.Fatal(err)
		}
	}
}

func readFiles(b *testing.B, dir string, paths []string) {
	b.Helper()
	node := node()
	var r Reader
	for _, path := range paths {
		if s, err := r.Read(dir, path, node); err != nil || len(s.Tasks) != 10 || len(s.Problems) > 0 {
			b.Fatal(err, s)
		}
	}
}

func timed(do func()) time.Duration {
	begun := time.Now()
	do()
	return time.Since(begun)
}

func median[T cmp.Ordered](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}
