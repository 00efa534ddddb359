package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"om/schedule"
	"om/state"
	"om/task"
)

// rejudge decides again what was decided of each row, from what is stored of it alone, and then with one stored fact
// changed: that must come to something else.
func (o *oracle) rejudge(rows []task.Slot) {
	o.Helper()
	for _, s := range rows {
		if s.Evidence == "" {
			o.Errorf("%+v: its evidence was not kept", s)
			continue
		}
		o.follows(s.Task, s.Evidence, s.Decision, s.Reason)
	}
}

// follows checks that a decision follows from its evidence, and from each fact of it.
func (o *oracle) follows(id task.ID, evidence string, decision task.SlotDecision, reason string) {
	o.Helper()
	ev, err := task.ParseEvidence(id, evidence)
	if err != nil {
		o.Errorf("%s: %v", id, err)
		return
	}
	if again := ev.String(); again != evidence {
		o.Errorf("%s: evidence %q reads as %q", id, evidence, again)
	}
	anywhere := &Engine{Node: o.Node}
	j := anywhere.judge(ev)
	if j.decision != decision || decision != task.SlotMissed && j.reason != reason {
		o.Errorf("%s: decided %s: %s, and of %q follows %s: %s: %+v", id, decision, reason, evidence, j.decision, j.reason, j.checks)
		return
	}
	if no := slices.ContainsFunc(j.checks, func(c task.Check) bool { return !c.Pass && !c.Forced }); no == (decision == task.SlotRun) {
		o.Errorf("%s: decided %s, and the checks are %+v", id, decision, j.checks)
	}
	for name, change := range changes(j) {
		other, err := task.ParseEvidence(id, evidence)
		if err != nil {
			o.Fatal(err)
		}
		change(other)
		if k := anywhere.judge(other); k.decision == j.decision && k.reason == j.reason {
			o.Errorf("%s: decided %s: %s of %q, and with %s still", id, decision, reason, evidence, name)
		}
		o.mutants["of the past: "+name]++
	}
}

// changes are the facts of which each, if it had been another one, would have led to something else.
func changes(j judged) map[string]func(*task.Evidence) {
	all := map[string]func(*task.Evidence){}
	switch {
	case j.Kind == task.EvidenceMissed:
		all["a look in time"] = func(e *task.Evidence) { e.At = e.Slot }
		all["another cursor"] = func(e *task.Evidence) { e.Since = e.Slot }
	case j.Kind == task.EvidenceGone:
		all["its schedule"] = func(e *task.Evidence) { e.Kind = task.EvidenceExpired; e.Until = e.At.Add(time.Hour) }
	case j.Kind == task.EvidenceExpired:
		all["no end of its wait"] = func(e *task.Evidence) {
			e.Task.Plan.Deadline, e.Task.Plan.RunTimes, e.Until, e.Next = 0, 0, e.At.Add(time.Hour), time.Time{}
		}
	case j.decision == task.SlotRun:
		starts(j, all)
	default:
		all["what was in its way gone"] = free
		if strings.HasPrefix(j.reason, "overlap: its queue is full") {
			all["a place in its queue"] = func(e *task.Evidence) { e.Waiting = 0 }
		}
	}
	if j.Kind == "" && j.Waited == "" && j.Attempt == 0 {
		all["another schedule"] = func(e *task.Evidence) { e.Task.Schedule = "at 2001-01-01T00:00:00Z" }
		all["a cursor past it"] = func(e *task.Evidence) { e.Since = e.Slot }
		all["another moment"] = func(e *task.Evidence) { e.At = e.Slot.Add(-time.Second) }
	}
	return all
}

// starts are changes that keep a run from being started.
func starts(j judged, all map[string]func(*task.Evidence)) {
	all["the service frozen"] = func(e *task.Evidence) { e.Facts.Frozen = "since then" }
	all["the node frozen"] = func(e *task.Evidence) { e.Facts.NodeFrozen = "since then" }
	all["another node"] = func(e *task.Evidence) { e.Facts.Elsewhere = "nodes = n9" }
	all["no active instance"] = func(e *task.Evidence) { e.Away = "the service is not active here" }
	all["a run in progress"] = func(e *task.Evidence) { e.Facts.Running = []string{"x"} }
	all["an earlier slot"] = func(e *task.Evidence) { e.Behind = true }
	all["another start"] = func(e *task.Evidence) { e.Beside = "x" }
	all["a run since"] = func(e *task.Evidence) { e.Taken = "x" }
	if len(j.Task.Requires) > 0 {
		all["its requirement down"] = func(e *task.Evidence) { e.Facts.Seen[0].Status = task.Down }
	}
	if locks := j.Task.Plan.LockList(); len(locks) > 0 {
		all["its lock held"] = func(e *task.Evidence) { e.Facts.Held = []task.Held{{Lock: locks[0]}} }
	}
	if j.Origin == task.Catchup && j.Waited == "" && j.Attempt == 0 && schedule.NotationOf(j.Task.Schedule) == schedule.Cron { // an interval's waits
		all["no catch-up"] = func(e *task.Evidence) { e.Catchup.Policy = 2 }
	}
	if j.Task.Plan.RunTimes > 0 && j.Waited == "" && j.Attempt == 0 {
		all["its runs made"] = func(e *task.Evidence) { e.Runs = e.Task.Plan.RunTimes }
	}
}

// free takes away what keeps a run from being started.
func free(e *task.Evidence) {
	e.Facts.Frozen, e.Facts.NodeFrozen, e.Facts.Elsewhere, e.Away = "", "", "", ""
	e.Facts.Running, e.Facts.Held, e.Behind, e.Beside, e.Taken, e.HasRun = nil, nil, false, "", "", false
	for i, r := range e.Task.Requires {
		e.Facts.Seen[i] = task.Seen{Known: true, Status: r.States[0]}
	}
	if e.Kind == task.EvidencePassed {
		e.Kind = ""
	}
}

// past asks explain of all that is on record by now.
func (o *oracle) past() {
	o.Helper()
	rows, _ := o.onRecord()
	n := 0
	for id, all := range rows {
		for _, s := range all {
			n++
			o.follows(id, s.Evidence, s.Decision, s.Reason)
			x, err := o.ExplainSlot(o.Context(), id.Service, id.RID, s.At)
			if err != nil || x.Unkept != "" || x.Decided.Decision != string(s.Decision) || x.Run != (s.Decision == task.SlotRun) || !x.Run && !strings.HasSuffix(x.Verdict, s.Reason) {
				o.Errorf("%+v: explain says %+v, %v", s, x, err)
			}
		}
	}
	db, err := o.NodeRecord(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	runs, err := db.Runs(o.Context(), state.Query{})
	if err != nil {
		o.Fatal(err)
	}
	attempts := 0
	for _, run := range runs {
		x, err := o.ExplainRun(o.Context(), run.Task.Service, run.ID)
		if err != nil || x.Unkept != "" || !x.Run || x.Decided.Run != run.ID || x.Verdict != startedBy(run.Origin) {
			o.Errorf("%+v: explain says %+v, %v", run, x, err)
		}
		if run.Attempt > 1 {
			attempts++
			o.follows(run.Task, run.Evidence, task.SlotRun, string(run.Origin))
		}
	}
	o.Logf("%d rows, %d runs of which %d are other attempts", n, len(runs), attempts)
}

// TestEvidenceOfAYoungerOm: what is added to evidence later is passed over, and what is damaged is said.
func TestEvidenceOfAYoungerOm(t *testing.T) {
	id := task.ID{Service: "s", RID: "task#0"}
	ev, err := task.ParseEvidence(id, "a5\n?new\nt2\n\nscron:* * * * *")
	if err != nil || ev.Slot.UnixMicro() != 3 || ev.Task.Schedule != "cron:* * * * *" {
		t.Errorf("%+v, %v", ev, err)
	}
	for _, bad := range []string{"", "t2", "ax", "a5\nk1 2", "a5\nrfs#0(", "a5\nrfs#0(up)\tup"} {
		if _, err := task.ParseEvidence(id, bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// TestEvidenceOfWhatIsGone: what waits when its task goes expires, and why follows too.
func TestEvidenceOfWhatIsGone(t *testing.T) {
	v, line := seenNow(t, everyMinute+"overlap = queue-all\n")
	v.last["task#0"] = time.Hour
	v.minutes(line, 2)
	if err := os.WriteFile(filepath.Join(v.ConfigDir, "s.conf"), []byte("[task#0]\ncommand = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	v.minutes(line, 7) // it does not come back
	rows, _ := v.onRecord()
	all := rows[task.ID{Service: "s", RID: "task#0"}]
	if len(all) != 2 || all[1].Decision != task.SlotExpired {
		t.Fatalf("%+v", all)
	}
	o := &oracle{virtual: v, mutants: map[string]int{}}
	o.rejudge(all)
	x, err := v.ExplainSlot(t.Context(), "s", "task#0", all[1].At)
	if err != nil || !strings.HasSuffix(x.Verdict, "until its task had no schedule any more") || x.Checks[0].Pass {
		t.Errorf("%+v, %v", x, err)
	}
}
