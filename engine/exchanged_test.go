package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRecordIsExchanged: a loop whose record is removed, or exchanged for another, does not go on with the file that it has open.
func TestRecordIsExchanged(t *testing.T) {
	remove := func(t *testing.T, v *virtual) {
		t.Helper()
		for _, end := range [...]string{"", "-wal", "-shm"} {
			if err := os.Remove(filepath.Join(v.StateDir, "om.db"+end)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		do   func(*testing.T, *virtual)
		told string
	}{
		"removed": {remove, "om.db was removed"},
		"exchanged": {func(t *testing.T, v *virtual) {
			t.Helper()
			remove(t, v)
			other := v.beside()
			defer other.Close()
			if err := other.Freeze(t.Context(), ""); err != nil { // makes a record
				t.Error(err)
			}
		}, "om.db was exchanged"},
		"of another folder": {func(t *testing.T, v *virtual) {
			t.Helper()
			if err := os.Rename(v.StateDir, v.StateDir+".old"); err != nil {
				t.Error(err)
			}
		}, "state was removed or exchanged"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVirtual(t, map[string]string{"s": everyMinute})
			v.Now = func() time.Time { return time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC) } // nothing is due
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			told, first := "", true
			err := v.Loop(ctx, LoopOptions{TickOptions: v.options(), Told: func(turn Turn, err error) {
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				if first {
					first = false
					c.do(t, v)
					v.touch(t)
				}
				if told += strings.Join(turn.Problems, "\n"); told != "" {
					stop()
				}
			}})
			if err != nil || !strings.Contains(told, c.told) {
				t.Fatalf("%v; told: %q, wanted %q", err, told, c.told)
			}
			if name == "of another folder" {
				return
			}
			other := v.beside()
			defer other.Close()
			db, err := other.NodeRecord(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if cursors, err := db.Cursors(t.Context(), "s"); err != nil || len(cursors) != 1 {
				t.Errorf("the file that is there has the cursors %v (%v)", cursors, err)
			}
		})
	}
}

// beside is another process on the same folders.
func (v *virtual) beside() *Engine {
	return &Engine{ConfigDir: v.ConfigDir, StateDir: v.StateDir, Node: v.Node, EUID: v.EUID, Now: v.Now, By: "test", Program: "test", Users: v.Users}
}

// touch changes a file, which wakes a loop.
func (v *virtual) touch(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(v.ConfigDir, "z.conf"), []byte(everyMinute), 0o600); err != nil {
		t.Error(err)
	}
}
