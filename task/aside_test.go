package task

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What is set aside comes back as it was, each supervisor's word for itself, until it is dropped. What is no end is told,
// and hides none.
func TestAside(t *testing.T) {
	a := Aside(t.TempDir() + "/ends")
	at := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	first := Ended{
		ID: ID{"testmd", "task#0"}, Record: "/srv/testmd/om\xff.db", Holder: Holder{"11111111-1111-4111-8111-111111111111", 7, 8},
		Outcome: Outcome{RunID: "01a21318-7e6a-74ee-92b5-ecb2193db69e", State: Failed, ExitCode: 3, StartedAt: at, EndedAt: at},
	}
	other, none := first, first
	other.Holder.PID = 9
	none.Outcome.RunID = "../../run"
	for range 2 {
		if err := a.Put(first, other, none); err != nil {
			t.Fatal(err)
		}
	}
	ends, err := a.Ends()
	if err != nil || !reflect.DeepEqual(ends, []Ended{first, other}) {
		t.Fatalf("%+v, %v", ends, err)
	}
	run := Run{ID: first.Outcome.RunID, BootID: first.Holder.BootID, PID: 7, PIDStart: 8}
	if !a.Has(run) || a.Has(Run{ID: run.ID, BootID: run.BootID, PID: 1, PIDStart: 8}) {
		t.Error("the end of a run is that of its own supervisor")
	}
	strange := filepath.Join(string(a), "01a2."+owner{run.BootID, 7, 8}.fileName())
	us, err := self()
	if err != nil {
		t.Fatal(err)
	}
	half, left := filepath.Join(string(a), "."+us.fileName()+".1"), filepath.Join(string(a), "."+owner{us.boot, 1 << 30, 1}.fileName()+".1")
	for _, path := range []string{strange, filepath.Join(string(a), "notes"), half, left} {
		if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ends, err = a.Ends()
	if len(ends) != 2 || err == nil || !strings.Contains(err.Error(), "notes") || !strings.Contains(err.Error(), "01a2.") || strings.Contains(err.Error(), us.fileName()) {
		t.Errorf("%+v, %v", ends, err)
	}
	if _, err := os.Lstat(half); err != nil {
		t.Errorf("what is being written: %v", err)
	}
	if _, err := os.Lstat(left); err == nil {
		t.Error("what a process was writing that is dead is left")
	}
	for range 2 {
		if err := a.Drop(first); err != nil {
			t.Fatal(err)
		}
	}
	if ends, _ = a.Ends(); len(ends) != 1 || a.Has(run) {
		t.Errorf("left %+v", ends)
	}
}
