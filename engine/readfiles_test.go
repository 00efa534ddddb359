package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"om/schedule"
	"om/task"
)

// unplaced is a record that takes no cursors, and tells who waits for that.
type unplaced struct {
	record
	refused chan struct{}
}

var errUnplaced = errors.New("no space left")

func (u unplaced) Place(context.Context, map[string][]task.Cursor) error {
	close(u.refused)
	return errUnplaced
}

// TestScanLeavesNobodyReading: a scan that fails while files are read ahead returns once nobody reads: a loop goes on to its
// next turn, which may have other settings.
func TestScanLeavesNobodyReading(t *testing.T) {
	v := newVirtual(t, nil)
	v.Now = func() time.Time { return time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC) }
	for i := range 2 * readBatch {
		zone := "Europe/Paris"
		if i >= readBatch {
			zone = "Asia/Tokyo" // of the second batch, which is read while the first is recorded
		}
		text := fmt.Sprintf("[task#0]\ncommand = /bin/true\nschedule = 0 1 * * *\ntimezone = %s\n", zone)
		if err := os.WriteFile(filepath.Join(v.ConfigDir, fmt.Sprintf("s%04d.conf", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := make(chan struct{})
	var reading atomic.Int32
	v.Node.Schedules = schedule.NewParser(func(name string) (*time.Location, error) {
		if name == "Asia/Tokyo" {
			reading.Add(1)
			select {
			case <-refused:
				time.Sleep(20 * time.Millisecond) // a file that takes longer than the way back
			case <-time.After(10 * time.Second):
			}
			defer reading.Add(-1)
		}
		return time.LoadLocation(name)
	})
	s, err := v.scheduler(t.Context(), v.options(), &TickReport{At: v.Now()})
	if err != nil {
		t.Fatal(err)
	}
	s.node = unplaced{s.node, refused}
	if err := s.scan(t.Context()); !errors.Is(err, errUnplaced) {
		t.Fatalf("the scan says %v", err)
	}
	if reading.Load() != 0 {
		t.Error("a file is still read")
	}
	v.Node.Timezone = "Europe/Berlin" // as a loop does before its next turn: the race detector sees who reads it
}
