package task

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Commands that have ended before their time limit are no timeouts, also where the supervisor hears of them only after it, as
// one does that was stopped, or has more to hear of than it is told at once.
func TestEndedInTime(t *testing.T) {
	s, err := NewSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var pids []int
	for range 3 * len(s.events) {
		j := shell(t, "exit 7")
		j.Timeout, j.Log = time.Hour, LogNone
		j.Started = func(pid int) { pids = append(pids, pid) }
		if err := s.Start(t.Context(), j, Live{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range pids {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range s.runs { // an hour later
		r.wait(1)
	}
	for o, more := s.Wait(); more; o, more = s.Wait() {
		if o.Summary() != "error: exit code 7" {
			t.Errorf("%s", o.Summary())
		}
	}
}
