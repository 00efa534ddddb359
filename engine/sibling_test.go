package engine

import (
	"path/filepath"
	"testing"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// secondNode is another node that reads the same files as v, with a record of its own.
func secondNode(t *testing.T, v *virtual, line *timeline, name string) *virtual {
	t.Helper()
	second := &virtual{TB: t, last: v.last, fails: v.fails, every: v.every, Engine: &Engine{
		ConfigDir: v.ConfigDir, StateDir: v.StateDir + "-" + name, EUID: v.EUID, Program: "test", By: "test", Users: &task.Users{},
		Node: service.Node{Name: name, Timezone: "UTC", Schedules: schedule.NewParser(time.LoadLocation)},
	}}
	t.Cleanup(second.Close)
	for _, n := range []*virtual{v, second} {
		n.Now, n.after, n.sinceBoot = func() time.Time { return line.now }, line.after, line.up
	}
	return second
}

// takeOver has the nodes have the service in turns, n minutes each.
func takeOver(line *timeline, n int, nodes ...*virtual) {
	for _, v := range nodes {
		for range n {
			line.goTo(line.now.Add(time.Minute))
			v.tickAt()
		}
		line.goTo(line.now.Add(10 * time.Second)) // the last run ends, and the service moves
		v.tickAt()
		v.letOwn()
	}
}

// What run_times counts goes on where the service goes, though its schedule is another on each node; an edited schedule
// counts anew.
func TestRunTimesAfterAFailover(t *testing.T) {
	folder := filepath.Join(inMemory(t), "own")
	head := "[DEFAULT]\nnodes = n1 n2\nstate = " + folder + "/om.db\n[task#0]\ncommand = true\nlog = none\nrun_on = all-nodes\nrun_times = 5\n"
	v := newVirtual(t, map[string]string{"s": head + "schedule@n1 = cron:* * * * *\nschedule@n2 = cron:*/2 * * * *\n"})
	line := &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	second := secondNode(t, v, line, "n2")
	second.tickAt() // the record is not there
	if err := v.InitState(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	v.tickAt()
	takeOver(line, 3, v)
	takeOver(line, 2, second)
	all, err := second.Schedules(t.Context(), "s", Selection{})
	if err != nil || len(all) != 1 || all[0].Next.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	takeOver(line, 4, v, second, v)
	if len(v.starts)+len(second.starts) != 5 || len(second.starts) != 1 {
		t.Errorf("%d and %d starts: %+v, %+v", len(v.starts), len(second.starts), v.starts, second.starts)
	}
	v.file("s", head+"schedule@n1 = cron:* * * * *\nschedule@n2 = cron:*/2 * * * *\ntimezone = Asia/Tokyo\n")
	second.tickAt()
	takeOver(line, 3, v)
	takeOver(line, 9, second)
	if len(v.starts)+len(second.starts) != 10 {
		t.Errorf("after the edit %d and %d starts", len(v.starts), len(second.starts))
	}
}
