package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"om/service"
	"om/task"
)

func zoned(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestDiary counts starts and runs in progress as a plain count of each minute does, over days on which clocks are set.
func TestDiary(t *testing.T) {
	zone := zoned(t, "Europe/Paris")
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		from := time.Date(2026, 10, 24, 7, 0, 0, 0, zone)
		if seed%2 == 0 {
			from = time.Date(2026, 3, 28, 7, 0, 0, 0, zone)
		}
		to := from.AddDate(0, 0, 3)
		var runs []foreseen
		for range 60 {
			at := from.Add(time.Duration(random.Int64N(int64(to.Sub(from)))).Truncate(time.Minute))
			runs = append(runs, foreseen{Task: task.ID{Service: "s", RID: "task#0"}, Start: at, End: at.Add(time.Duration(1+random.IntN(300)) * time.Minute), Run: true})
		}
		slices.SortStableFunc(runs, func(x, y foreseen) int { return x.Start.Compare(y.Start) })
		d := newDiary(from, to, zone)
		for _, r := range runs {
			d.start(r)
		}
		d.advance(to)
		starts, most := map[string]int{}, map[string]int{}
		for at := from; at.Before(to); at = at.Add(time.Minute) {
			key, n := at.Format("2006-01-02 15"), 0
			for _, r := range runs {
				if r.Start.Equal(at) {
					starts[key]++
				}
				if !r.Start.After(at) && r.End.After(at) {
					n++
				}
			}
			most[key] = max(most[key], n)
		}
		for _, day := range d.Days {
			for h, hour := range day.Hours {
				key := day.Date.Format("2006-01-02 ") + fmt.Sprintf("%02d", h)
				if hour.Starts != starts[key] || hour.AtOnce != most[key] {
					t.Errorf("seed %d, %s: %+v, want %d starts, %d at once", seed, key, hour, starts[key], most[key])
				}
			}
		}
	}
}

// TestDiaryClocks: the hours of days on which clocks are set are as long as they are.
func TestDiaryClocks(t *testing.T) {
	for _, tt := range []struct {
		zone  string
		day   time.Time
		shift string
		hour  int
		long  int
	}{
		{"Europe/Paris", time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), "+1h", 2, 0},
		{"Europe/Paris", time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), "-1h", 2, 120},
		{"Australia/Lord_Howe", time.Date(2026, 4, 5, 0, 0, 0, 0, time.UTC), "-30m", 1, 90},
		{"America/Havana", time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC), "+1h", 0, 0},
		{"America/Havana", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "-1h", 0, 120},
		{"UTC", time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), "", 2, 60},
	} {
		zone := zoned(t, tt.zone)
		noon := time.Date(tt.day.Year(), tt.day.Month(), tt.day.Day(), 12, 0, 0, 0, zone)
		d := newDiary(noon, noon.Add(time.Hour), zone)
		if len(d.Days) != 1 || d.Days[0].Shift != tt.shift || d.Days[0].Hours[tt.hour].Minutes != tt.long {
			t.Errorf("%s %s: %d days, %q, hour %d has %d minutes", tt.zone, tt.day, len(d.Days), d.Days[0].Shift, tt.hour, d.Days[0].Hours[tt.hour].Minutes)
		}
	}
}

// TestDiaryReplaced: a run that is replaced is in progress no longer.
func TestDiaryReplaced(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDiary(from, from.Add(24*time.Hour), time.UTC)
	id := task.ID{Service: "s", RID: "task#0"}
	d.start(foreseen{Task: id, Start: from, End: from.Add(10 * time.Hour), Run: true})
	d.end(foreseen{Task: id, Start: from, End: from.Add(2 * time.Hour), Ended: true})
	d.start(foreseen{Task: id, Start: from.Add(2 * time.Hour), End: from.Add(3 * time.Hour), Run: true})
	d.advance(d.To)
	if d.AtOnce != 1 || d.Days[0].Hours[1].AtOnce != 1 || d.Days[0].Hours[3].AtOnce != 0 {
		t.Errorf("%d at once, hours %v", d.AtOnce, d.Days[0].Hours)
	}
}

// planOf is the decisions of some days as if nothing kept a task from running, each run as long as it is said.
func planOf(t *testing.T, n *service.Node, text string, took map[string]time.Duration, days int) *collider {
	t.Helper()
	svc := service.Parse("s.conf", "s", []byte(text), *n)
	c := newCollider(time.UTC, 3)
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	var all []foreseen
	for _, x := range svc.Tasks {
		c.add(x)
		cal, err := n.Calendar(&x, n.Seed(&x))
		if err != nil {
			t.Fatal(err)
		}
		for at, ok := cal.Next(from, from); ok && at.Before(from.AddDate(0, 0, days)); at, ok = cal.Next(at, at) {
			all = append(all, foreseen{Task: x.ID, Slot: at, Start: at, End: at.Add(took[x.ID.RID]), Run: true, Count: 1})
		}
	}
	slices.SortStableFunc(all, func(x, y foreseen) int { return x.Start.Compare(y.Start) })
	for _, f := range all {
		c.tell(f)
	}
	return c
}

// TestCollisions finds each kind, and what it proposes helps: with the values of its commands there is no such collision.
func TestCollisions(t *testing.T) {
	const text = `[DEFAULT]
cwd = /
timezone = UTC
[fs#0]
mnt = /
[task#0]
command = true
schedule = cron:0 2 * * *
[task#1]
command = true
schedule = cron:0 2 * * *
[task#2]
command = true
schedule = cron:0 2 * * *
[task#3]
command = true
schedule = cron:0 2 * * *
[task#often]
command = true
schedule = cron:*/2 * * * *
[task#long]
command = true
schedule = cron:30 5-20 * * *
[task#a]
command = true
schedule = cron:0 22 * * *
lock = tape
[task#b]
command = true
schedule = cron:10 22 * * *
lock = tape
[task#x]
command = true
schedule = cron:0 4 * * *
run_requires = fs#0(up)
[task#y]
command = true
schedule = cron:1 4 * * *
run_requires = fs#0(up)
`
	took := map[string]time.Duration{"task#long": 90 * time.Minute, "task#a": 12 * time.Minute, "task#b": 5 * time.Minute, "task#x": 3 * time.Minute}
	n := &service.Node{Name: "n1"}
	found := planOf(t, n, text, took, 7).collisions(n)
	want := []string{
		"stampede 02:00 [s/task#0 s/task#1 s/task#2 s/task#3 s/task#often] 7 5",
		"period cron:30 5-20 * * * [s/task#long] 105 2",
		"lock tape [s/task#a s/task#b] 7 2",
		"resource s/fs#0 [s/task#x s/task#y] 7 2",
	}
	var got []string
	mended := text
	for _, x := range found {
		got = append(got, fmt.Sprint(x.Kind, " ", x.What, " ", x.Tasks, " ", x.Times, " ", x.Most))
		for _, command := range x.Commands {
			for word := range strings.FieldsSeq(strings.ReplaceAll(command, "'", "")) {
				if rid, spread, ok := strings.Cut(word, ".spread="); ok {
					mended = strings.Replace(mended, "["+rid+"]\n", "["+rid+"]\nspread = "+spread+"\n", 1)
				}
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(mended, "[task#often]\nspread") {
		t.Error("a spread that is longer than half its period is proposed for task#often")
	}
	if strings.Count(mended, "spread = ") != 8 {
		t.Errorf("wanted a spread for eight tasks, got\n%s", mended)
	}
	for _, x := range planOf(t, n, mended, took, 7).collisions(n) {
		if x.Kind != LongerPeriod {
			t.Errorf("with what was proposed there is still %s of %s %s: %s", x.Kind, x.What, x.Tasks, x.Text)
		}
	}
}

// TestCollisionsAreBounded: minutes with the same tasks are one collision.
func TestCollisionsAreBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("[DEFAULT]\ncwd = /\ntimezone = UTC\n")
	for i := range 70 {
		fmt.Fprintf(&text, "[task#%d]\ncommand = true\nschedule = cron:*/5 * * * *\n", i)
	}
	n := &service.Node{Name: "n1"}
	found := planOf(t, n, text.String(), nil, 2).collisions(n)
	if len(found) != 1 || len(found[0].Tasks) != 70 || found[0].Times != 2*288-1 || found[0].What != "00:00, 00:05, 00:10 and 285 more minutes" {
		t.Errorf("%+v", found)
	}
}

// TestCalendar foresees what the engine itself will decide: a task that waits for the lock of another is skipped, and there is
// an end although nothing is due at it.
func TestCalendar(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2027, 3, 26, 11, 0, 0, 0, time.UTC)
	e := &Engine{ConfigDir: filepath.Join(dir, "etc"), StateDir: filepath.Join(dir, "state"), Now: func() time.Time { return now }, Node: service.Node{Name: "n1"}}
	if err := os.MkdirAll(e.ConfigDir, 0o755); err != nil {
		t.Fatal(err)
	}
	const text = "[DEFAULT]\ncwd = /\ntimezone = UTC\n[task#a]\ncommand = true\nschedule = cron:0 22 * * *\nlock = tape\n[task#b]\ncommand = true\nschedule = cron:0 22 * * *\nlock = tape\n"
	if err := os.WriteFile(filepath.Join(e.ConfigDir, "one.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cal, err := e.Calendar(context.Background(), CalendarRequest{Paths: []string{"one"}, From: now, To: now.AddDate(0, 0, 14), Zone: time.UTC, Many: 2})
	if err != nil || cal.Starts != 14 || cal.AtOnce != 1 || len(cal.Days) != 15 || cal.Days[0].Hours[22].Starts != 1 {
		t.Errorf("%d starts, %d at once, %d days, %v", cal.Starts, cal.AtOnce, len(cal.Days), err)
	}
	if len(cal.Collisions) != 1 || cal.Collisions[0].Kind != LockWanted || cal.Collisions[0].Times != 14 {
		t.Errorf("%+v", cal.Collisions)
	}
}
