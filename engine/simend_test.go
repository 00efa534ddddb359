package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"om/service"
)

// TestSimulateToAnEnd: a simulation ends although the next slots of its tasks, of which some wait for others, are after its
// end.
func TestSimulateToAnEnd(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2027, 3, 26, 11, 0, 0, 0, time.UTC)
	e := &Engine{ConfigDir: filepath.Join(dir, "etc"), StateDir: filepath.Join(dir, "state"), Now: func() time.Time { return now }, Node: service.Node{Name: "n1"}}
	if err := os.MkdirAll(e.ConfigDir, 0o755); err != nil {
		t.Fatal(err)
	}
	const text = "[DEFAULT]\ncwd = /\ntimezone = UTC\n[task#0]\ncommand = true\nschedule = cron:30 1 * * *\n[task#a]\ncommand = true\nschedule = cron:0 22 * * *\nlock = tape\n" +
		"[task#b]\ncommand = true\nschedule = cron:0 22 * * *\nlock = tape\n"
	if err := os.WriteFile(filepath.Join(e.ConfigDir, "s.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	runs := 0
	req := SimulateRequest{Paths: []string{"s"}, From: now, To: time.Date(2027, 4, 9, 0, 0, 0, 0, time.UTC)}
	report, err := e.Simulate(context.Background(), req, func(told *Simulated) error {
		x := *told
		if x.Decision == SimRun {
			runs++
		}
		return nil
	})
	if err != nil || runs != 13+14 || report.Skipped != 14 {
		t.Errorf("%d runs, %d skipped, %v; want 27 and 14", runs, report.Skipped, err)
	}
}
