package soak_test

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"om/task"
)

// TestCrowd runs eight ticks at once, round after round, each with slots that are due.
func TestCrowd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rounds := 200
	if *minutes > 0 {
		rounds = int(*minutes * 300)
	}
	at := time.Date(2027, 3, 27, 22, 0, 30, 0, time.UTC)
	until := at.Add(time.Duration(rounds) * time.Minute)
	limit := "log = none\nnot_after = " + until.Format("2006-01-02T15:04:05Z") + "\n"
	w.write("etc/crowd.conf", fmt.Sprintf("[task#free]\ncommand = %s\nschedule = cron:* * * * *\noverlap = allow\n%s", w.probing("0", 0), limit)+
		fmt.Sprintf("[task#one]\ncommand = %s\nschedule = cron:*/3 * * * *\nlock = crowd\noverlap = queue-all\n%s", w.probing("0", 0), limit)+
		fmt.Sprintf("[task#two]\ncommand = %s\nschedule = cron:*/3 * * * *\nlock = crowd\noverlap = queue-all\n%s", w.probing("0", 0), limit))
	w.setNow(at)
	w.settle()
	for range rounds {
		at = at.Add(time.Minute)
		w.setNow(at)
		ticks := make([]*exec.Cmd, 8)
		for i := range ticks {
			ticks[i] = w.process("om", "tick", "-q")
			if err := ticks[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range ticks {
			if err := c.Wait(); err != nil {
				t.Errorf("at %s: %v: %s", short(at), err, c.Stderr)
			}
			w.listen(c)
		}
	}
	w.did("crowds")
	w.healAt(at)
	h := w.check()
	for _, s := range h.slots[task.ID{Service: "crowd", RID: "task#free"}] {
		if s.Decision != task.SlotRun {
			t.Errorf("a slot that nothing was in the way of: %s", row(s))
		}
	}
	if n := len(h.slots[task.ID{Service: "crowd", RID: "task#free"}]); n != rounds {
		t.Errorf("%d slots in %d rounds", n, rounds)
	}
}

// healAt is heal for a world whose clock stands still.
func (w *world) healAt(at time.Time) {
	w.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		at = at.Add(31 * time.Second)
		w.setNow(at)
		w.om("tick", "-q")
		w.quiet(deadline)
		w.om("tick", "-q")
		if w.settled() {
			return
		}
	}
	w.Error("after a minute there are slots that wait, or runs in progress")
}
