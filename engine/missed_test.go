package engine

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"om/task"
)

// missed lists the reasons of what a tick decided that was missed, by task.
func missed(r TickReport) map[string]string {
	why := map[string]string{}
	for _, s := range r.Slots {
		if s.Decision == task.SlotMissed {
			why[s.Task.RID] = s.Reason
		}
	}
	return why
}

// TestMissedByAnError: a slot that ticks looked at, and could not decide, is not missed because they were too far apart.
func TestMissedByAnError(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:1 12 * * *\ncatchup = none\n")
	broken := v.options()
	broken.Detach = func(string) (*Hands, error) { return nil, errors.New("no memory") }
	why := ""
	for range 4 {
		r, err := v.Tick(t.Context(), broken)
		if err != nil {
			t.Fatal(err)
		}
		why += missed(r)["task#0"]
		line.goTo(line.now.Add(time.Minute))
	}
	if why != "put off: no supervisor: no memory" {
		t.Errorf("it was missed because: %q", why)
	}
	line.goTo(line.now.Add(24 * time.Hour))
	if why := missed(v.tickAt())["task#0"]; !strings.HasPrefix(why, "no tick since 2027-03-01T") {
		t.Errorf("the next one was missed because: %q", why)
	}
}

// TestMissedBehindOthers: what has to wait until others are made up for was missed for the same reason as they.
func TestMissedBehindOthers(t *testing.T) {
	var text strings.Builder
	for _, rid := range []string{"a", "b", "c"} {
		text.WriteString("[task#" + rid + "]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:1 * * * *\ncatchup = last\n")
	}
	v, line := atMinute(t, text.String())
	v.Node.StartupParallel = 1
	v.tickAt()
	line.goTo(line.now.Add(5 * time.Hour))
	all := map[string]string{}
	for range 4 {
		for rid, why := range missed(v.tickAt()) {
			all[rid] = why
		}
		line.goTo(line.now.Add(31 * time.Second))
	}
	for _, rid := range []string{"task#a", "task#b", "task#c"} {
		if !strings.HasPrefix(all[rid], "no tick since 2027-03-01T") {
			t.Errorf("%s was missed because: %q", rid, all[rid])
		}
	}
}

// TestWhyMissed: the reason is what kept ticks from deciding about the slot, not about others.
func TestWhyMissed(t *testing.T) {
	at := func(minutes int) time.Time {
		return time.Date(2027, 3, 1, 12, minutes, 0, 0, time.UTC)
	}
	id := task.ID{Service: "s", RID: "task#0"}
	s := &scheduler{
		Engine: &Engine{}, now: at(20), options: TickOptions{Period: time.Minute},
		last: clockReading{At: at(19), Up: sinceBoot() - time.Minute, Late: map[string]delay{id.String(): {Until: at(9), Why: "late"}}},
		gap:  delay{at(14), "gap", at(11)},
	}
	for _, c := range []struct {
		slot time.Time
		want string
	}{
		{at(8), "late"},
		{at(9), "late"},
		{at(10), "gap"},
		{at(14), "gap"},
		{at(15), "put off: other slots of the past came first, or the tick was ended"},
		{at(19), "put off: other slots of the past came first, or the tick was ended"},
		{at(20), "tick too coarse"},
	} {
		if got := s.whyMissed(id, c.slot, false); got != c.want {
			t.Errorf("the slot of %s was missed because: %q, want %q", c.slot.Format("15:04"), got, c.want)
		}
		want := c.want
		if c.slot.Equal(at(10)) { // somebody looked after it, at 11, and it was not here to be decided
			want = notHere
		}
		if got := s.whyMissed(id, c.slot, true); got != want {
			t.Errorf("the slot of %s, of a service that moves, was missed because: %q, want %q", c.slot.Format("15:04"), got, want)
		}
	}
	s.stuck = "put off: no room" // nothing was on record of a daemon that could not write
	if got := s.whyMissed(id, at(20), false); got != s.stuck {
		t.Errorf("after a turn that failed: %q", got)
	}
	s.stuck = ""
	s.stalled("clock")
	if got := s.whyMissed(id, at(18), false); got != "clock" {
		t.Errorf("after a new gap: %q", got)
	}
	s.last.At, s.now = at(20), at(21)
	s.stalled("more")
	if s.gap != (delay{at(21), "clock", at(19)}) {
		t.Errorf("a gap that goes on is %+v", s.gap)
	}
	s.now = at(120)
	if r := s.reading(); len(r.Late) > 0 {
		t.Errorf("it remembers %v", r.Late)
	}
}

// TestMissedWhileDraining: a daemon that drains looks, and starts nothing.
func TestMissedWhileDraining(t *testing.T) {
	v, line := atMinute(t, everyMinute)
	l := &loop{Engine: v.Engine, o: LoopOptions{TickOptions: v.options()}, draining: true, open: map[string]bool{}}
	for range 3 {
		if err := l.turn(t.Context(), &TickReport{At: line.now}, wakeEnds); err != nil {
			t.Fatal(err)
		}
		line.goTo(line.now.Add(time.Minute))
	}
	if why := missed(v.tickAt())["task#0"]; why != "put off: the daemon was about to end" {
		t.Errorf("it was missed because: %q", why)
	}
}

// TestMissedUntilTheNextLook: who was put off is not looked at again at once, and misses what comes until then for the
// same reason.
func TestMissedUntilTheNextLook(t *testing.T) {
	v, line, folder := withOwnRecord(t, strings.ReplaceAll(everyMinute, "cron:* * * * *", "calendar:*:*:*"))
	tick := func() string {
		line.goTo(line.now.Add(time.Second))
		r, err := v.Tick(t.Context(), v.options())
		if err != nil {
			t.Fatal(err)
		}
		return missed(r)["task#0"]
	}
	tick()
	v.Close()
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	node, err := v.NodeRecord(t.Context())
	if err == nil { // it is looked at once more before its next slot
		err = node.Hasten(t.Context(), []task.ID{{Service: "s", RID: "task#0"}}, line.now)
	}
	if err == nil {
		_, err = v.Tick(t.Context(), v.options())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(folder+".away", folder); err != nil {
		t.Fatal(err)
	}
	why := ""
	for range 4 {
		why += tick()
	}
	if why != "the service was not here" {
		t.Errorf("it was missed because: %q", why)
	}
}
