package engine

import (
	"testing"
	"time"

	"om/task"
)

// TestEvents: what a run was like, by when it began and how it ended.
func TestEvents(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	slot := now.Add(-2 * time.Hour)
	s := &scheduler{now: now, period: time.Minute}
	for _, tt := range []struct {
		name    string
		slot    time.Time
		late    time.Duration
		state   task.RunState
		want    Class
		wasLate bool
	}{
		{"at its slot", slot, 0, task.Complete, ClassOnTime, false},
		{"as soon as a timer may see it", slot, 2 * time.Minute, task.Complete, ClassOnTime, false},
		{"later", slot, 2*time.Minute + time.Second, task.Complete, ClassLate, true},
		{"by hand", time.Time{}, 0, task.Complete, ClassByHand, false},
		{"by hand, failed", time.Time{}, 0, task.Failed, ClassFailed, false},
		{"late and failed", slot, time.Hour, task.TimedOut, ClassFailed, true},
		{"lost", slot, 0, task.Lost, ClassFailed, false},
		{"killed", slot, 0, task.Killed, ClassFailed, false},
		{"cancelled", slot, 0, task.Cancelled, ClassCancelled, false},
		{"in progress", slot, 0, task.Running, ClassRunning, false},
	} {
		r := task.Run{State: tt.state, Slot: tt.slot, QueuedAt: slot.Add(tt.late), StartedAt: slot.Add(tt.late)}
		if tt.state.Final() {
			r.EndedAt = r.StartedAt.Add(time.Minute)
		}
		e := s.runEvent(r)
		if e.Class != tt.want || e.Late != tt.wasLate || (e.Note != "") != (tt.want == ClassFailed) {
			t.Errorf("%s: %+v", tt.name, e)
		}
		if want := now; tt.state == task.Running && !e.End.Equal(want) {
			t.Errorf("%s: it ends at %s, want %s", tt.name, e.End, want)
		}
	}
	never := s.runEvent(task.Run{State: task.Failed, QueuedAt: slot, EndedAt: slot})
	if !never.Start.Equal(slot) || !never.End.Equal(slot) {
		t.Errorf("a run that never began: %+v", never)
	}
	future := s.runEvent(task.Run{State: task.Running, QueuedAt: now.Add(time.Hour), StartedAt: now.Add(time.Hour)})
	if future.End.Before(future.Start) {
		t.Errorf("a run of a clock that was ahead: %+v", future)
	}
}

// TestOverlaps: runs of one task that were in progress at once, whichever of the earlier ones ends last.
func TestOverlaps(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }
	a, b := task.ID{Service: "s", RID: "task#a"}, task.ID{Service: "s", RID: "task#b"}
	all := []Event{
		{Task: a, Class: ClassOnTime, Start: at(0), End: at(10)},
		{Task: a, Class: ClassOnTime, Start: at(1), End: at(2)},
		{Task: a, Class: ClassMissed, Start: at(3), End: at(20)},
		{Task: a, Class: ClassFailed, Start: at(9), End: at(11)},
		{Task: a, Class: ClassOnTime, Start: at(11), End: at(12)},
		{Task: b, Class: ClassOnTime, Start: at(11), End: at(12)},
	}
	markOverlaps(all)
	for i, want := range []bool{false, true, false, true, false, false} {
		if all[i].Overlaps != want {
			t.Errorf("event %d: overlaps is %v, want %v", i, all[i].Overlaps, want)
		}
	}
}
