package state_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"om/state"
	"om/task"
)

// wants is a run with an id, about to be claimed.
func wants(rid, id string) task.Run { r := ours(rid); r.ID = id; return r }

func TestHold(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	take := func(r task.Run, words string) string {
		t.Helper()
		by, err := d.Hold(ctx, r, task.Plan{Locks: words}.LockList(), state.Alive)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, h := range by {
			ids = append(ids, h.Run.ID)
		}
		return strings.Join(ids, " ")
	}
	held := func() string {
		t.Helper()
		all, err := d.Holds(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, h := range all {
			words = append(words, h.Name+":"+h.Run.ID)
		}
		return strings.Join(words, " ")
	}
	for _, c := range []struct{ id, locks, by, held string }{
		{"a", "", "", ""},
		{"a", "disk, net:2", "", "disk:a net:a"},
		{"a", "disk, net:2", "", "disk:a net:a"}, // it has them already
		{"b", "net:2", "", "disk:a net:a net:b"},
		{"c", "net:2", "a b", "disk:a net:a net:b"},
		{"c", "net:3, disk", "a", "disk:a net:a net:b"}, // all or none
		{"c", "other other", "", "disk:a net:a net:b other:c"},
		{"d", "zero:0", "", "disk:a net:a net:b other:c zero:d"},
		{"e", "zero:-1", "d", "disk:a net:a net:b other:c zero:d"},
	} {
		if by := take(wants("task#0", c.id), c.locks); by != c.by || held() != c.held {
			t.Errorf("%s wants %s: blocked by %q, held: %s; want %q, %s", c.id, c.locks, by, held(), c.by, c.held)
		}
	}
	if err := errors.Join(d.Release(ctx), d.Release(ctx, "a", "nobody", "c")); err != nil || held() != "net:b zero:d" {
		t.Errorf("held: %s, %v", held(), err)
	}
	all, err := d.Holds(ctx)
	if err != nil || all[0].Run.Task != id("task#0") || all[0].Run.Node != "n1" || !state.Alive(all[0].Run) {
		t.Errorf("%+v, %v", all, err)
	}
}

// Whose process is gone or whose run has ended holds nothing, also where the lock is full all the same.
func TestHoldsThatAreOver(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	lock := []task.Lock{{Name: "disk", Places: 9}}
	dead := gone("task#0")
	dead.ID = "dead"
	done, mine := claim(t, d, ours("task#0")), claim(t, d, ours("task#0"))
	for _, r := range []task.Run{dead, done, mine} {
		if by, err := d.Hold(ctx, r, lock, nil); err != nil || by != nil {
			t.Fatal(by, err)
		}
	}
	settle(t, d, outcome(done, task.Complete))
	if all, err := d.Holders(ctx, "disk"); err != nil || len(all) != 2 || all[0].Run.ID == done.ID || all[1].Run.ID == done.ID {
		t.Errorf("holders %+v, %v; want all but the run that has ended", all, err)
	}
	if all, err := d.Holders(ctx, "net"); err != nil || len(all) > 0 {
		t.Errorf("holders %+v, %v of a lock that nobody holds", all, err)
	}
	lock[0].Places = 1
	by, err := d.Hold(ctx, wants("task#1", "x"), lock, state.Alive)
	if err != nil || len(by) != 1 || by[0].Run.ID != mine.ID || by[0].Name != "disk" || by[0].Run.Task != mine.Task {
		t.Errorf("blocked by %v, %v; want %s", by, err, mine.ID)
	}
	if all, err := d.Holds(ctx); err != nil || len(all) != 1 {
		t.Errorf("left %+v, %v", all, err)
	}
}

func TestHoldRefusesAHolderNobodyCanFind(t *testing.T) {
	d := open(t)
	for name, r := range map[string]task.Run{"no id": ours("task#0"), "no process": {ID: "x", Task: id("task#0")}} {
		if _, err := d.Hold(context.Background(), r, []task.Lock{{Name: "a", Places: 1}}, nil); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}
