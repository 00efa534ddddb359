package engine

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"om/schedule"
	"om/service"
	"om/state"
	"om/task"
)

// withOwnRecord is a virtual node with a service that has its own record, in a folder, and has been seen.
func withOwnRecord(t *testing.T, text string) (v *virtual, line *timeline, folder string) {
	t.Helper()
	folder = filepath.Join(inMemory(t), "own")
	v = newVirtual(t, map[string]string{"s": "[DEFAULT]\nstate = " + folder + "/om.db\n" + text})
	line = &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	v.Now, v.after = func() time.Time { return line.now }, line.after
	if err := v.InitState(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	return v, line, folder
}

// ownSlots are what the own record of the service has, the newest first.
func (v *virtual) ownSlots() []task.Slot {
	v.Helper()
	all, err := v.Slots(v.Context(), "s", state.Query{})
	if err != nil {
		v.Fatal(err)
	}
	return all
}

// running are the runs in progress.
func (v *virtual) running() []task.Run {
	v.Helper()
	db, err := v.recordOf(v.Context(), "s")
	if err != nil {
		v.Fatal(err)
	}
	all, err := db.Running(v.Context(), "", "")
	if err != nil {
		v.Fatal(err)
	}
	return all
}

// A thaw skips the slots of a service with its own record there, and not a second time in the node's.
func TestThawOfAnOwnRecord(t *testing.T) {
	ctx := context.Background()
	v, line, _ := withOwnRecord(t, everyMinute)
	v.minutes(line, 3)
	for _, path := range []string{"s", ""} {
		if err := v.Freeze(ctx, path); err != nil {
			t.Fatal(err)
		}
		line.goTo(line.now.Add(2 * time.Minute))
		if err := v.Thaw(ctx, path); err != nil {
			t.Fatal(err)
		}
		v.tickAt()
	}
	if slots, _ := v.onRecord(); len(slots) > 0 {
		t.Errorf("the node's record has %+v", slots)
	}
	own, n := v.ownSlots(), map[task.SlotDecision]int{}
	for _, s := range own {
		n[s.Decision] += s.Count
	}
	if n[task.SlotRun] != 3 || n[task.SlotSkip] != 4 || len(n) != 2 {
		t.Errorf("%+v", own)
	}
}

// A thaw accounts for the slots of a service whose own record has nothing of it yet.
func TestThawOfAnEmptyOwnRecord(t *testing.T) {
	v, line, _ := withOwnRecord(t, everyMinute)
	if err := v.Freeze(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	line.goTo(line.now.Add(2 * time.Minute))
	if err := v.Thaw(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 1)
	if all := v.ownSlots(); len(all) != 2 || all[1].Decision != task.SlotSkip || all[1].Count != 2 {
		t.Errorf("%+v", all)
	}
}

// A run in a service's own record whose supervisor died is found lost, and repeated, soon: not when its next slot comes.
func TestLostInAnOwnRecord(t *testing.T) {
	v, line, _ := withOwnRecord(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\ndelivery = at-least-once\nidempotent = true\nretry_delay = 1s\n")
	v.give = func([]task.Job) error { return nil } // it has them
	line.goTo(line.now.Add(time.Minute))
	o := v.options()
	detach := o.Detach
	o.Detach = func(journals string) (*Hands, error) {
		h, err := detach(journals)
		h.PID, h.PIDStart = 1<<22+1, 1 // and is no more
		return h, err
	}
	if _, err := v.Tick(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := len(v.running()); n != 1 {
		t.Fatalf("%d runs in progress", n)
	}
	v.give = nil
	v.minutes(line, 3)
	if len(v.starts) != 1 || v.starts[0].attempt != "2" {
		t.Errorf("%+v", v.starts)
	}
}

// Another attempt of a task whose service has its own record is made when it is due, not when the next slot is.
func TestRetryInAnOwnRecord(t *testing.T) {
	v, line, _ := withOwnRecord(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 12 * * *\nretries = 2\nretry_delay = 10s\n")
	v.fails["task#0"] = 1
	v.minutes(line, 4)
	if len(v.starts) != 2 {
		t.Errorf("%d starts: %+v", len(v.starts), v.starts)
	}
}

// A service with another schedule on each node goes on where it comes to, after what the other node decided.
func TestScopedScheduleAfterAFailover(t *testing.T) {
	folder := filepath.Join(inMemory(t), "own")
	v := newVirtual(t, map[string]string{"s": "[DEFAULT]\nnodes = n1 n2\nstate = " + folder + "/om.db\n[task#0]\ncommand = true\nlog = none\nrun_on = all-nodes\n" +
		"schedule@n1 = cron:*/2 * * * *\nschedule@n2 = cron:*/3 * * * *\n"})
	line := &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	second := &virtual{TB: t, last: v.last, fails: v.fails, every: v.every, Engine: &Engine{
		ConfigDir: v.ConfigDir, StateDir: v.StateDir + "2", EUID: v.EUID, Program: "test", By: "test", Users: &task.Users{},
		Node: service.Node{Name: "n2", Timezone: "UTC", Schedules: schedule.NewParser(time.LoadLocation)},
	}}
	t.Cleanup(second.Close)
	for _, n := range []*virtual{v, second} {
		n.Now, n.after, n.sinceBoot = func() time.Time { return line.now }, line.after, line.up
	}
	second.tickAt() // the record is not there
	if err := v.InitState(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 10)
	line.goTo(line.now.Add(10 * time.Second))
	v.tickAt() // the last run has ended
	for range 12 {
		line.goTo(line.now.Add(time.Minute))
		second.tickAt()
	}
	if len(v.starts) != 5 || len(second.starts) != 4 {
		t.Errorf("%d and %d starts, want 5 and 4: %+v", len(v.starts), len(second.starts), second.starts)
	}
	for _, slot := range v.ownSlots() {
		if slot.Decision != task.SlotRun {
			t.Errorf("%+v", slot)
		}
	}
}
