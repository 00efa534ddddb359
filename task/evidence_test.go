package task_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"om/task"
)

// everything is evidence of which nothing is as usual.
func everything() *task.Evidence {
	at := time.Date(2026, 11, 25, 2, 0, 7, 512000, time.UTC)
	ago := func(d time.Duration) time.Time { return at.Add(-d) }
	all := &task.Evidence{
		Kind: task.EvidenceExpired, At: at, Slot: ago(7 * time.Second), Since: ago(time.Hour), Origin: task.Retry, Attempt: 3, Previous: task.Lost,
		Waited: "requirement: requires fs#0 up, it is down", File: "0123456789ab", Seed: 1 << 63, Boot: ago(time.Minute),
		Catchup: task.CatchupRule{Policy: 3, Limit: 4, Window: time.Hour, OnTime: time.Minute}, Missed: 5, Looked: ago(2 * time.Second), Runs: 2,
		Away: "run_on = n2 does not have this node", Unsynced: true, Until: at.Add(time.Hour), Next: ago(time.Second), Waiting: 2, Beside: "x", Behind: true,
		Task: &task.Task{
			ID: task.ID{Service: "s", RID: "task#0"}, Schedule: "02:00-04:00@30m", Timezone: "Europe/Paris", DSTGap: "skip", DSTOverlap: "both",
			NotBefore: "2026-01-01", NotAfter: "2027-01-01", Spread: time.Minute, Random: true, MaxParallel: 3, Overlap: task.OverlapQueueAll,
		},
		Facts: task.Facts{
			Now: at, Origin: task.Retry, Force: true, Frozen: "since then by root", NodeFrozen: "since then", Elsewhere: "nodes = n2", Running: []string{"a", "b"},
			Held: []task.Held{{Lock: task.Lock{Name: "tape"}, By: []task.Run{{ID: "c", Task: task.ID{Service: "o", RID: "task#1"}}}}, {Lock: task.Lock{Name: "disk"}}},
			Seen: []task.Seen{{Known: true, Status: task.Down, Detail: "not mounted"}, {}},
		},
	}
	all.Task.Plan = task.Plan{Deadline: time.Hour, RunTimes: 5, Locks: "tape disk:2"}
	all.Task.Requires, _ = task.ParseRequires("fs#0(up,stdby up) app#x(down)")
	return all
}

func TestEvidence(t *testing.T) {
	want := everything()
	got, err := task.ParseEvidence(want.Task.ID, want.String())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// TestEvidenceIsShort: what is as usual is left out.
func TestEvidenceIsShort(t *testing.T) {
	at := time.Date(2026, 11, 25, 2, 0, 0, 512000, time.UTC)
	e := task.Evidence{
		At: at, Slot: at.Truncate(time.Second), Since: at.Add(-24 * time.Hour), Origin: task.Scheduled, File: "0123456789ab",
		Catchup: task.CatchupRule{Limit: 10, OnTime: time.Minute},
		Task:    &task.Task{Schedule: "02:00", DSTGap: "after", DSTOverlap: "first", MaxParallel: 1, Overlap: task.OverlapSkip},
	}
	const want = "a1795572000000512\nt512\nc86400000000\nv0123456789ab\ns02:00"
	if got := e.String(); got != want {
		t.Errorf("%q", got)
	}
}

// TestEvidenceHasNoSecrets: nothing of what a task runs, or runs with, is in it, and no line ends early.
func TestEvidenceHasNoSecrets(t *testing.T) {
	e := everything()
	e.Task.Command, e.Task.PreRun, e.Task.OnError = "mysql -psecret", "secret", "secret"
	e.Task.Environment, e.Task.User = []string{"A=secret"}, "secret"
	e.Task.Secrets = []task.FileVar{{Name: "secret", Path: "secret"}}
	e.Facts.Seen[0].Detail = "two\nfplines\tof it"
	text := e.String()
	if strings.Contains(text, "secret") || !strings.Contains(text, "\ttwo fplines of it\n") {
		t.Errorf("%q", text)
	}
}

// TestTakenSince: what became of a start at its claim is added, where there is something to add to.
func TestTakenSince(t *testing.T) {
	e := everything()
	by := []task.Run{{ID: "x"}, {ID: "y"}}
	got, err := task.ParseEvidence(e.Task.ID, task.TakenSince(e.String(), by, true))
	if err != nil || got.Taken != "x y" || !got.HasRun {
		t.Errorf("%+v, %v", got, err)
	}
	if text := task.TakenSince("", by, true); text != "" {
		t.Errorf("%q", text)
	}
}
