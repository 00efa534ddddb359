package state_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"

	"github.com/google/go-cmp/cmp"
)

// The cursors of a service are one row until something is decided about one of its tasks.
func TestPlacedInOneRow(t *testing.T) {
	d := open(t)
	place(t, d, at("task#0", 3), at("task#1", 4), task.Cursor{Task: id("task#2"), Digest: "d", At: minute(1)})
	rows := func(want string) {
		t.Helper()
		got, err := d.Word("SELECT (SELECT count(*) FROM placed)||' '||(SELECT count(*) FROM task_state)")
		if err != nil || got != want {
			t.Errorf("placed and task_state have %s rows, %v; want %s", got, err, want)
		}
	}
	rows("1 0")
	if services, tasks, err := d.Tally(context.Background()); err != nil || services != 0 || tasks != 2 {
		t.Errorf("%d services, %d tasks, %v", services, tasks, err)
	}
	changed := at("task#0", 7) // as when its file was edited: it stays in one row
	changed.Digest = "other"
	place(t, d, changed, at("task#1", 9))
	rows("1 0")
	kept := at("task#1", 9) // of one with the same digest only Next is taken
	kept.At = minute(4)
	if diff := cmp.Diff([]task.Cursor{changed, kept}, cursors(t, d, "testmd")); diff != "" {
		t.Error(diff)
	}
	after := changed
	after.At, after.Next = minute(8), minute(9)
	decide(t, d, state.Turn{Before: changed, After: after, Slots: []task.Slot{slot(task.SlotSkip, 8, "frozen")}})
	rows("0 2")
	if diff := cmp.Diff([]task.Cursor{after, kept}, cursors(t, d, "testmd")); diff != "" {
		t.Error(diff)
	}
	place(t, d, after, kept, at("task#5", 9))
	rows("0 3")
	if err := d.Place(context.Background(), map[string][]task.Cursor{"testmd": nil}); err != nil {
		t.Fatal(err)
	}
	rows("0 0")
}

// Cursors that no tick could read are told by a check, and are not imported.
func TestPlacedIsChecked(t *testing.T) {
	for name, change := range map[string]string{
		"cut":          "cursors=substr(cursors,1,20)",
		"without end":  "cursors=substr(cursors,1,length(cursors)-1)",
		"nothing":      "cursors=''",
		"empty":        "cursors='[]'",
		"another time": "due_at=due_at+60000000",
		"never":        "due_at=NULL",
		"more due":     "due=due+1",
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			place(t, d, at("task#0", 3), task.Cursor{Task: id("task#2"), Digest: "d", At: minute(1)})
			if err := d.Check(context.Background()); err != nil {
				t.Fatal(err)
			}
			if err := d.Exec("UPDATE placed SET " + change); err != nil {
				t.Fatal(err)
			}
			if err := d.Check(context.Background()); !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), "testmd") {
				t.Errorf("the check says %v", err)
			}
			other := open(t)
			if err := other.Import(context.Background(), strings.NewReader(export(t, d))); !errors.Is(err, task.ErrInvalid) {
				t.Errorf("the import says %v", err)
			}
			if err := other.Check(context.Background()); err != nil {
				t.Errorf("after the import: %v", err)
			}
		})
	}
}

// What JSON would write otherwise has rows of its own.
func TestOddNamesAreNotPacked(t *testing.T) {
	d := open(t)
	odd := []task.Cursor{at(`task#"`, 1), at("task#é", 2), at(`task#\`, 3), at("task#]", 4)}
	place(t, d, odd...)
	if n, err := d.Number("SELECT count(*) FROM task_state"); err != nil || int(n) != len(odd) {
		t.Errorf("%d rows, %v", n, err)
	}
	if got := cursors(t, d, "testmd"); len(got) != len(odd) {
		t.Errorf("%v", got)
	}
}

func TestDamagedPlaced(t *testing.T) {
	for _, text := range []string{`[["task#0","d",1]]`, `[["task#0","d",x,2]]`, `[["task#0"]]`, `[1]`, `nonsense`} {
		d := open(t)
		if err := d.Exec("INSERT INTO placed VALUES('testmd',1,1,'" + text + "')"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Cursors(context.Background(), "testmd"); !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), "testmd") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// An import adds to what is there: cursors that the record has stay, in whichever table they are.
func TestImportOfPlaced(t *testing.T) {
	ctx := context.Background()
	from, to := open(t), open(t)
	place(t, from, at("task#0", 1), at("task#1", 1))
	mine := at("task#0", 5)
	place(t, to, mine)
	for range 2 {
		if err := to.Import(ctx, strings.NewReader(export(t, from))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]task.Cursor{mine, at("task#1", 1)}, cursors(t, to, "testmd")); diff != "" {
			t.Error(diff)
		}
	}
}

var seed = flag.Uint64("placed-seed", 0, "the seed of TestPlacedIsLikeRows; 0 for a new one")

// twins are two records that are given the same, one of which never packs.
type twins struct {
	*testing.T

	*rand.Rand
	packed, rows *state.DB
	now          int
}

// Whatever is done to cursors, it makes no difference that some are packed.
func TestPlacedIsLikeRows(t *testing.T) {
	n := *seed
	if n == 0 {
		n = rand.Uint64()
	}
	w := &twins{T: t, Rand: rand.New(rand.NewPCG(n, 1)), packed: quick(t), rows: quick(t)}
	for step := range 300 {
		name := w.step()
		if diff := cmp.Diff(w.all(w.rows), w.all(w.packed)); diff != "" {
			t.Fatalf("seed %d, step %d, %s:\n%s", n, step, name, diff)
		}
	}
}

// step does something to both.
func (w *twins) step() (name string) {
	ctx := context.Background()
	w.now += w.IntN(3)
	service := w.service()
	f := func(*state.DB) error { return nil }
	switch w.IntN(8) {
	case 0, 1, 2:
		name = "place " + service
		cursors := w.cursors(service)
		f = func(d *state.DB) error { return d.Place(ctx, map[string][]task.Cursor{service: cursors}) }
	case 3, 4:
		name = "decide"
		f = w.decision(ctx)
	case 5:
		name = "hasten"
		tasks := []task.ID{{Service: service, RID: "task#1"}, {Service: w.service(), RID: "task#0"}}
		at := minute(w.now + w.IntN(3))
		f = func(d *state.DB) error { return d.Hasten(ctx, tasks, at) }
	case 6:
		name = "rename " + service
		to := w.service()
		f = func(d *state.DB) error { return d.RenameService(ctx, service, to) }
	case 7:
		if w.IntN(5) == 0 {
			name = "rewind"
			w.now -= 3
			at := minute(w.now)
			f = func(d *state.DB) error { _, err := d.Rewind(ctx, at, nil); return err }
		}
	}
	if err := errors.Join(f(w.packed), f(w.rows), w.rows.Spread(ctx)); err != nil {
		w.Fatalf("%s: %v", name, err)
	}
	return name
}

func (w *twins) service() string { return []string{"a", "b/c", "d", "e"}[w.IntN(4)] }

// cursors are of some tasks of a service, as a scan finds them.
func (w *twins) cursors(service string) (all []task.Cursor) {
	for i := range w.IntN(4) {
		c := at(fmt.Sprintf("task#%d", i), w.now+w.IntN(3))
		c.Task.Service, c.Digest = service, fmt.Sprint("d", w.IntN(3))
		if w.IntN(4) == 0 {
			c.Next = time.Time{}
		}
		all = append(all, c)
	}
	return all
}

// decision is one about a task that is due.
func (w *twins) decision(ctx context.Context) func(*state.DB) error {
	return func(d *state.DB) error {
		tasks, err := d.DueTasks(ctx, minute(w.now))
		if err != nil || len(tasks) == 0 {
			return err
		}
		slices.SortFunc(tasks, func(a, b task.ID) int { return strings.Compare(a.String(), b.String()) }) // some are due at once
		due, err := d.CursorsOf(ctx, tasks[:1])
		if err != nil || len(due) != 1 {
			return errors.Join(err, fmt.Errorf("%d cursors of %v", len(due), tasks[0]))
		}
		t := state.Turn{Before: due[0], After: due[0]}
		t.After.At, t.After.Next = minute(w.now), minute(w.now+5)
		_, err = d.Decide(ctx, []state.Turn{t}, nil)
		return err
	}
}

// all is what a record answers.
func (w *twins) all(d *state.DB) (all []any) {
	w.Helper()
	ctx := context.Background()
	ask := func(answer any, err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, answer)
	}
	some, err := d.Cursors(ctx, "")
	ask(some, err)
	for _, c := range some {
		one, err := d.CursorsOf(ctx, []task.ID{c.Task})
		ask(one, err)
	}
	for _, service := range []string{"a", "b/c", "d", "e"} {
		of, err := d.Cursors(ctx, service)
		ask(of, err)
	}
	for _, n := range []int{w.now - 1, w.now, w.now + 1, w.now + 9} {
		due, err := d.Due(ctx, minute(n), 0)
		ask(byTask(due), err)
		tasks, err := d.DueTasks(ctx, minute(n))
		ask(len(tasks), err)
	}
	next, err := d.NextDue(ctx)
	ask(next, err)
	_, tasks, err := d.Tally(ctx)
	ask(tasks, err)
	return all
}

// byTask tells which cursors are due, and when; those of one moment in no order.
func byTask(due []task.Cursor) map[string]time.Time {
	all := map[string]time.Time{}
	for _, c := range due {
		all[c.Task.String()] = c.Next
	}
	return all
}
