package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// reasons counts the slots of a task by decision and reason.
func (v *virtual) reasons(rid string) map[string]int {
	v.Helper()
	slots, err := v.Slots(v.Context(), "s", state.Query{})
	if err != nil {
		v.Fatal(err)
	}
	n := map[string]int{}
	for _, s := range slots {
		if s.Task.RID == rid {
			n[string(s.Decision)+" "+s.Reason] += s.Count
		}
	}
	return n
}

// A service whose file is away, empty or half there for longer than a save takes, and comes back as it was, goes on as it did:
// what was counted, and what waits. The slots of between are missed, and not run.
func TestComesBack(t *testing.T) {
	cut := strings.Index(counted, "run_times")
	for name, first := range map[string]func(file string) error{
		"deleted": os.Remove,
		"emptied": func(file string) error { return os.Truncate(file, 0) },
		"without a task": func(file string) error {
			return os.WriteFile(file, []byte(counted[:strings.Index(counted, "[task#1]")]), 0o644)
		},
		"without the rest": func(file string) error { return os.WriteFile(file, []byte(counted[:cut]), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			v, line, file := saving(t)
			before := v.decided("task#1")
			if err := first(file); err != nil {
				t.Fatal(err)
			}
			line.goTo(changed(t, file).Add(3 * time.Second))
			v.tickAt()
			v.minutes(line, 3)
			starts := len(v.starts)
			if err := os.WriteFile(file, []byte(counted), 0o644); err != nil {
				t.Fatal(err)
			}
			v.minutes(line, 1)
			if n := v.startsOf("task#0"); n != 3 && name != "without the rest" {
				t.Errorf("%d starts of what runs three times", n)
			}
			if n := v.startsOf("task#1"); n != 1 {
				t.Errorf("%d starts of what is queued behind a run of an hour", n)
			}
			after := v.decided("task#1")
			if after[task.SlotExpired] > 0 || after[task.SlotPending] < before[task.SlotPending] || after[task.SlotMissed] == 0 {
				t.Errorf("%v, before %v: %v", after, before, v.reasons("task#1"))
			}
			v.last["task#1"] = time.Second
			v.minutes(line, 80)
			if n := v.startsOf("task#0"); n != starts-1 {
				t.Errorf("%d starts of what runs three times", n)
			}
			if n := v.decided("task#1"); n[task.SlotRun] < before[task.SlotPending] {
				t.Errorf("the queue: %v", n)
			}
		})
	}
}

// Who deletes a service and makes it again starts nothing by that, within the grace or after it, in either record; and what
// waited does not wait for ever.
func TestMadeAgain(t *testing.T) {
	for name, away := range map[string]time.Duration{"at once": 30 * time.Second, "a minute later": 70 * time.Second, "later": grace + time.Minute, "tomorrow": 24 * time.Hour} {
		for _, own := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				const text = "[task#0]\ncommand = true\nlog = none\nschedule = cron:1 * * * *\ncatchup = all\n" +
					"[task#1]\ncommand = true\nlog = none\nschedule = cron:* * * * *\noverlap = queue-all\n"
				folder := filepath.Join(inMemory(t), "own")
				head := "[DEFAULT]\n"
				if own {
					head += "state = " + folder + "/om.db\n"
				}
				v := newVirtual(t, map[string]string{"s": head + text})
				line := &timeline{now: time.Date(2027, 3, 1, 12, 55, 30, 0, time.UTC)}
				v.Now, v.after, v.sinceBoot = func() time.Time { return line.now }, line.after, line.up
				if err := v.InitState(t.Context(), "s"); err != nil {
					t.Fatal(err)
				}
				v.last["task#1"] = 5 * time.Minute
				v.tickAt()
				v.minutes(line, 5)
				line.goTo(line.now.Add(15 * time.Second)) // 13:00:45
				if err := os.Remove(filepath.Join(v.ConfigDir, "s.conf")); err != nil {
					t.Fatal(err)
				}
				v.tickAt()
				line.goTo(line.now.Add(away / 2))
				v.tickAt()
				line.goTo(line.now.Add(away - away/2))
				v.tickAt()
				v.file("s", head+text)
				starts := len(v.starts)
				v.tickAt()
				if n := v.startsOf("task#0"); n != 0 {
					t.Errorf("own %v: its slot was started: %+v", own, v.starts)
				}
				if away > grace {
					if got := v.byTask()["task#1"]; got[task.SlotPending] > 0 || got[task.SlotExpired] == 0 {
						t.Errorf("own %v: %v", own, got)
					}
					if len(v.starts) > starts {
						t.Errorf("own %v: started %+v", own, v.starts[starts:])
					}
				}
				v.minutes(line, 70)
				if n := v.startsOf("task#0"); n != map[bool]int{true: 2, false: 1}[away > time.Hour] {
					t.Errorf("own %v: %d starts of the next slots", own, n)
				}
				seen := map[string]bool{}
				for _, s := range v.starts {
					key := s.task.RID + s.slot.String()
					if seen[key] {
						t.Errorf("own %v: twice: %s", own, key)
					}
					seen[key] = true
				}
			})
		}
	}
}

// byTask counts the slots of the tasks of s in its record.
func (v *virtual) byTask() map[string]map[task.SlotDecision]int {
	v.Helper()
	all := map[string]map[task.SlotDecision]int{}
	slots, err := v.Slots(v.Context(), "s", state.Query{})
	if err != nil {
		v.Fatal(err)
	}
	for _, s := range slots {
		if all[s.Task.RID] == nil {
			all[s.Task.RID] = map[task.SlotDecision]int{}
		}
		all[s.Task.RID][s.Decision] += s.Count
	}
	return all
}

// A file that is cut in the middle of a line is waited for, for a minute, and so is one that was cut in place just now: what is
// run is the version before it.
func TestCutInTheMiddle(t *testing.T) {
	const text = "[task#0]\ncommand = /bin/echo all of it\nlog = none\nschedule = cron:* * * * *\nuser = root\n"
	for name, c := range map[string]struct {
		cut  string
		secs int
		old  bool
	}{
		"in a value":              {"[task#0]\nschedule = cron:* * * * *\nlog = none\ncommand = /bin/echo all o", 30, true},
		"in a value, for good":    {"[task#0]\nschedule = cron:* * * * *\nlog = none\ncommand = /bin/echo all o", 70, false},
		"behind a line":           {"[task#0]\ncommand = /bin/echo all of it\nlog = none\nschedule = cron:* * * * *\n", 1, true},
		"behind a line, for good": {"[task#0]\ncommand = /bin/echo all o\nlog = none\nschedule = cron:* * * * *\n", 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVirtual(t, map[string]string{"s": text})
			file := filepath.Join(v.ConfigDir, "s.conf")
			line := &timeline{now: time.Now().Add(-10 * time.Minute)}
			v.Now, v.after, v.sinceBoot = func() time.Time { return line.now }, line.after, line.up
			v.Users = nil
			v.tickAt()
			if err := os.WriteFile(file, []byte(c.cut), 0o644); err != nil {
				t.Fatal(err)
			}
			line.goTo(changed(t, file).Add(time.Duration(c.secs) * time.Second))
			s, err := v.scheduler(t.Context(), v.options(), &TickReport{At: line.now})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.readClock(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.scan(t.Context()); err != nil {
				t.Fatal(err)
			}
			tk, _ := s.look(t.Context(), "s").svc.Task("task#0")
			if old := tk.Command == "/bin/echo all of it" && tk.User == "root"; old != c.old {
				t.Errorf("%q as %q", tk.Command, tk.User)
			}
		})
	}
}
