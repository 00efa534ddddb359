package state_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"om/state"
	"om/task"
)

func BenchmarkOpen(b *testing.B) {
	o := options(filepath.Join(b.TempDir(), "om.db"))
	openAt(b, o).Close()
	for b.Loop() {
		d, err := state.Open(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}

// What each page in the log costs the next one to open the record.
func BenchmarkOpenWithLog(b *testing.B) {
	for _, runs := range []int{0, 10, 20, 40, 80, 160} {
		b.Run(strconv.Itoa(runs)+"runs", func(b *testing.B) {
			o := options(filepath.Join(b.TempDir(), "om.db"))
			d := openAt(b, o)
			for range runs {
				ended(b, d, "task#0", task.Complete)
			}
			frames, err := d.Frames()
			if err != nil {
				b.Fatal(err)
			}
			d.Close()
			for b.Loop() {
				if d, err = state.Open(context.Background(), o); err != nil {
					b.Fatal(err)
				}
				d.Close()
			}
			b.ReportMetric(float64(frames), "frames")
		})
	}
}

func BenchmarkClaimAndSettle(b *testing.B) {
	d := open(b)
	r := ours("task#0")
	for b.Loop() {
		c, err := d.Claim(context.Background(), r, 1, state.Alive)
		if err != nil {
			b.Fatal(err)
		}
		settle(b, d, outcome(c, task.Complete))
	}
}

// Without barriers: what the code costs.
func BenchmarkClaimInMemory(b *testing.B) {
	d := quick(b)
	r := ours("task#0")
	for b.Loop() {
		if _, err := d.Claim(context.Background(), r, 0, nil); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := d.Exec("DELETE FROM run"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// The end of 1,000 runs in one transaction.
func BenchmarkSettle1000(b *testing.B) {
	d := open(b)
	for b.Loop() {
		b.StopTimer()
		if err := d.Exec("DELETE FROM run;" + manyRuns(10, 100) + ";UPDATE run SET state='running',ended_at=NULL"); err != nil {
			b.Fatal(err)
		}
		runs, err := d.Running(context.Background(), "", "")
		if err != nil || len(runs) != 1000 {
			b.Fatal(len(runs), err)
		}
		var all []task.Outcome
		for _, r := range runs {
			all = append(all, outcome(r, task.Complete))
		}
		b.StartTimer()
		settle(b, d, all...)
	}
}

func BenchmarkHistoryOf100000(b *testing.B) {
	d := open(b)
	if err := d.Exec(manyRuns(100, 1000)); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	for name, f := range map[string]func() error{
		"newest20":  func() error { _, err := d.Runs(ctx, state.Query{Limit: 20}); return err },
		"ofService": func() error { _, err := d.Runs(ctx, state.Query{Service: "svc3", Limit: 20}); return err },
		"ofTask": func() error {
			_, err := d.Runs(ctx, state.Query{Service: "svc3", RID: []string{"task#3"}, Limit: 20})
			return err
		},
		"failures": func() error {
			_, err := d.Runs(ctx, state.Query{State: []task.RunState{task.Failed}, Limit: 20})
			return err
		},
		"lastEnded": func() error { _, err := d.LastEnded(ctx, "svc3"); return err },
		"running":   func() error { _, err := d.Running(ctx, "", ""); return err },
		"recover":   func() error { _, err := d.Recover(ctx, state.Alive); return err },
		"expired":   func() error { return noneExpired(ctx, d) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func noneExpired(ctx context.Context, d *state.DB) error {
	for _, err := range d.Expired(ctx, state.Retention{Of: func(task.ID) state.Keep { return state.Keep{Runs: 1000} }, Budget: 1 << 40}) {
		return err
	}
	return nil
}

// BenchmarkProcess runs fresh processes, turn by turn: one that does nothing, one that opens, claims,
// settles and ends, and the sqlite3 command doing the same with an insert and an update.
func BenchmarkProcess(b *testing.B) {
	dir := b.TempDir()
	path := filepath.Join(dir, "om.db")
	openAt(b, live(path)).Close()
	tidy := func() {
		d := openAt(b, live(path))
		if err := d.Tidy(context.Background()); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
	const rows = "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;CREATE TABLE IF NOT EXISTS run(id INTEGER PRIMARY KEY,state TEXT);"
	cli := filepath.Join(dir, "cli.db")
	sides := []struct {
		name    string
		prepare func() *exec.Cmd
	}{
		{"nothing", func() *exec.Cmd { return process(b, "nothing") }},
		{"open", func() *exec.Cmd { return process(b, "open", path) }},
		{"once", func() *exec.Cmd { return process(b, "once", path) }},
	}
	if _, err := exec.LookPath("sqlite3"); err == nil {
		sides = append(sides, struct {
			name    string
			prepare func() *exec.Cmd
		}{"sqlite3", func() *exec.Cmd {
			return exec.Command("sqlite3", cli, rows+"INSERT INTO run(state)VALUES('running');UPDATE run SET state='complete' WHERE id=last_insert_rowid()")
		}})
	}
	times, faults := make([][]float64, len(sides)), make([][]float64, len(sides))
	for b.Loop() {
		for i, side := range sides {
			cmd := side.prepare()
			began := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%s: %v: %s", side.name, err, out)
			}
			times[i] = append(times[i], float64(time.Since(began).Microseconds()))
			faults[i] = append(faults[i], float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Minflt))
		}
		tidy()
	}
	for i, side := range sides {
		b.ReportMetric(median(times[i])/1000, side.name+"-ms")
		b.ReportMetric(median(faults[i]), side.name+"-faults")
	}
	b.ReportMetric(0, "ns/op")
}

func median(x []float64) float64 { slices.Sort(x); return x[len(x)/2] }

// manyCursors are the cursors of as many services with 10 tasks each, due in an hour.
func manyCursors(services int, digest string) map[string][]task.Cursor {
	all := make(map[string][]task.Cursor, services)
	for s := range services {
		name := "svc" + strconv.Itoa(s)
		for i := range 10 {
			c := at("task#"+strconv.Itoa(i), 60)
			c.Task.Service, c.Digest = name, digest
			all[name] = append(all[name], c)
		}
	}
	return all
}

func BenchmarkPlace100000(b *testing.B) {
	ctx := context.Background()
	d := open(b)
	for name, prepare := range map[string]func(){
		"new":     func() { _ = d.Exec("DELETE FROM task_state;DELETE FROM placed") },
		"changed": func() {},
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				b.StopTimer()
				n++
				all := manyCursors(10_000, "0123456789abcdef0123456789abcdef"+strconv.Itoa(n))
				prepare()
				b.StartTimer()
				if err := d.Place(ctx, all); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The questions of a scheduler that has 100,000 tasks, and nothing to do.
func BenchmarkDueOf100000(b *testing.B) {
	ctx := context.Background()
	d := open(b)
	if err := d.Place(ctx, manyCursors(10_000, "0123456789abcdef0123456789abcdef")); err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"none":    func() error { _, err := d.Due(ctx, minute(0), 1000); return err },
		"1000":    func() error { _, err := d.Due(ctx, minute(99), 1000); return err },
		"tasks":   func() error { _, err := d.DueTasks(ctx, minute(99)); return err },
		"nextDue": func() error { _, err := d.NextDue(ctx); return err },
		"service": func() error { _, err := d.Cursors(ctx, "svc77"); return err },
		"all":     func() error { _, err := d.Cursors(ctx, ""); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Turns of 1,000 tasks in one transaction: with runs, and with slots that join the row before.
func BenchmarkDecide1000(b *testing.B) {
	for _, kind := range []task.SlotDecision{task.SlotRun, task.SlotSkip} {
		b.Run(string(kind), func(b *testing.B) {
			ctx := context.Background()
			d := open(b)
			if err := d.Place(ctx, manyCursors(100, "d")); err != nil {
				b.Fatal(err)
			}
			n := 60
			for b.Loop() {
				b.StopTimer()
				n++
				due, err := d.Due(ctx, minute(n), 0)
				if err != nil || len(due) != 1000 {
					b.Fatal(len(due), err)
				}
				var turns []state.Turn
				for _, c := range due {
					t := state.Turn{Before: c, After: c, Slots: []task.Slot{slot(kind, n, "")}, Limit: 1}
					t.After.At, t.After.Next = minute(n), minute(n+1)
					if kind == task.SlotRun {
						r := ours(c.Task.RID)
						t.Run = &r
					}
					turns = append(turns, t)
				}
				b.StartTimer()
				got, err := d.Decide(ctx, turns, nil)
				b.StopTimer()
				if err != nil || got[999].Stale || got[999].By != nil {
					b.Fatal(got[999], err)
				}
				if err = d.Exec("UPDATE run SET state='complete',ended_at=1 WHERE ended_at IS NULL"); err != nil {
					b.Fatal(err)
				}
				if err = d.Tidy(ctx); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/turn")
		})
	}
}
