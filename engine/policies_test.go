package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// TestOverlapKinds: what becomes of the slots that come while a run goes on, by the keyword overlap: how many wait, and that a
// skip names the run in its way, and the slots that wait where these are why.
func TestOverlapKinds(t *testing.T) {
	const slots = 6
	full := map[string]string{
		"skip": "overlap: task#0 is already running: ", "queue-one": "overlap: its queue is full (1 slot waits): task#0 is already running: ",
		"queue-all(1)": "overlap: its queue is full (1 slot waits): ", "queue-all(3)": "overlap: its queue is full (3 slots wait): ",
	}
	for overlap, waiting := range map[string]int{"skip": 0, "queue-one": 1, "queue-all(1)": 1, "queue-all(3)": 3, "queue-all": slots - 1} {
		t.Run(overlap, func(t *testing.T) {
			v, line := atMinute(t, everyMinute+"overlap = "+overlap+"\n")
			v.last["task#0"] = time.Hour
			v.minutes(line, slots)
			got := v.decided("task#0")
			want := map[task.SlotDecision]int{task.SlotRun: 1, task.SlotPending: waiting, task.SlotSkip: slots - 1 - waiting, task.SlotMissed: 1}
			for decision, n := range want {
				if got[decision] != n {
					t.Errorf("%d are %s, want %d", got[decision], decision, n)
				}
			}
			if len(v.starts) != 1 {
				t.Fatalf("%d starts", len(v.starts))
			}
			by := v.newest().ID
			rows, _ := v.onRecord()
			for _, s := range rows[v.starts[0].task] {
				if s.Decision == task.SlotSkip && (s.RunID != by || !strings.HasPrefix(s.Reason, full[overlap])) {
					t.Errorf("slot %s was skipped for run %q, want %q: %s, want %s", s.At, s.RunID, by, s.Reason, full[overlap])
				}
			}
		})
	}
	v, line := atMinute(t, everyMinute+"overlap = allow\n")
	v.last["task#0"] = time.Hour
	v.minutes(line, slots)
	if len(v.starts) != slots {
		t.Errorf("allow: %d starts, want %d", len(v.starts), slots)
	}
}

// TestLockPlaces: as many runs at once as a lock has places, of whatever tasks; the others are skipped.
func TestLockPlaces(t *testing.T) {
	for places, want := range map[string]int{"": 1, ":1": 1, ":2": 2, ":3": 3} {
		text := ""
		for i := range 4 {
			text += fmt.Sprintf("[task#%d]\ncommand = true\nlog = none\nschedule = cron:* * * * *\nlock = tape%s\n", i, places)
		}
		v, line := atMinute(t, text)
		for i := range 4 {
			v.last[fmt.Sprintf("task#%d", i)] = time.Hour
		}
		v.minutes(line, 3)
		if len(v.starts) != want {
			t.Errorf("lock = tape%s: %d runs at once, want %d", places, len(v.starts), want)
		}
	}
}

// TestRequiresWait: a slot waits for its requirements as long as requires_wait says and no longer; where nothing is said a point
// does not wait, and a range to its end. It gives way to the next slot, and to its deadline.
func TestRequiresWait(t *testing.T) {
	for text, last := range map[string]int{ // the last tick, a minute apart from 12:02:30, at which it is started
		"schedule = cron:2 12 * * *":                                             0,
		"schedule = cron:2 12 * * *\nrequires_wait = 5m":                         4,
		"schedule = 12:02-12:12":                                                 9,
		"schedule = 12:02-12:12\nrequires_wait = 0s":                             0,
		"schedule = cron:2 12 * * *\nrequires_wait = 15m\ndeadline = 4m":         3,
		"schedule = cron:2,5 12 * * *\nrequires_wait = 99m":                      2,
		"schedule = cron:2,5 12 * * *\nrequires_wait = 99m\noverlap = queue-all": 11, // which keeps its place
	} {
		for at := range 12 {
			v, line, gate := gated(t, "[task#0]\ncommand = true\ncwd = /\nlog = none\nrun_requires = app#gate\n"+text+"\n")
			v.give = nil
			gate("exit 1")
			v.minutes(line, at)
			gate("exit 0")
			v.minutes(line, 1)
			slot := time.Date(2027, 3, 1, 12, 2, 0, 0, time.UTC)
			started := slices.ContainsFunc(v.starts, func(s start) bool { return s.slot.Equal(slot) })
			if started != (at <= last) {
				t.Errorf("%q: started at tick %d: %t, want up to %d", text, at, started, last)
			}
		}
	}
}

// TestCommandKnowsWhatItMissed: a command is told which slot it is for, that this is made up for, and how many were missed.
func TestCommandKnowsWhatItMissed(t *testing.T) {
	v, line := atMinute(t, "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:0 * * * *\ntimezone = Europe/Paris\n")
	line.goTo(line.now.Add(3*time.Hour + 30*time.Minute))
	v.tickAt()
	line.goTo(line.now.Add(29 * time.Minute))
	v.tickAt()
	var told []string
	for _, j := range v.jobs {
		for _, name := range []string{"OM_SLOT", "OM_SLOT_LOCAL", "OM_CATCHUP", "OM_MISSED_COUNT"} {
			told = append(told, variable(j, name))
		}
	}
	want := []string{
		"2027-03-01T15:00:00Z", "2027-03-01T16:00:00+01:00", "1", "2",
		"2027-03-01T16:00:00Z", "2027-03-01T17:00:00+01:00", "", "",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestDeadlineAlone: a deadline bounds a run that has no timeout.
func TestDeadlineAlone(t *testing.T) {
	v, _ := atMinute(t, everyMinute+"deadline = 10m\n")
	v.tickAt()
	if len(v.jobs) != 1 || v.jobs[0].Timeout != 10*time.Minute {
		t.Errorf("jobs %+v", v.jobs)
	}
}

// TestActiveWithAWarning: a service whose avail is warn is active, one that is down is not.
func TestActiveWithAWarning(t *testing.T) {
	for code, starts := range map[int]int{0: 1, 1: 0, 2: 1} {
		v, _ := atMinute(t, fmt.Sprintf("[app#0]\ncheck = sh -c 'exit %d'\nretcodes = 0:up 1:down 2:warn\n%s", code, everyMinute))
		v.tickAt()
		if len(v.starts) != starts {
			t.Errorf("a check that exits with %d: %d starts, want %d", code, len(v.starts), starts)
		}
	}
}

// TestNoAttemptAfterAPerson: what a person started and failed is not tried again.
func TestNoAttemptAfterAPerson(t *testing.T) {
	v, _ := atMinute(t, "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:0 * * * *\nretries = 3\n")
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := task.ID{Service: "s", RID: "task#0"}
	for _, slot := range []time.Time{{}, v.Now().Truncate(time.Hour)} {
		run := task.Run{
			ID: state.NewID(v.Now()), Task: id, Slot: slot, Origin: task.Manual, State: task.Failed, Attempt: 1, ExitCode: 1,
			QueuedAt: v.Now(), StartedAt: v.Now(), EndedAt: v.Now(),
		}
		if err := db.Insert(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		if err := v.afterRun(t.Context(), db, &services{Engine: v.Engine}, run); err != nil {
			t.Fatal(err)
		}
		_, cursors := v.onRecord()
		if r := cursors[id].Retry; r.At.IsZero() != slot.IsZero() {
			t.Errorf("slot %s: %+v", slot, r)
		}
	}
}
