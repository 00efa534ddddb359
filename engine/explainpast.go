package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"om/service"
	"om/state"
	"om/task"
)

// ExplainSlot tells why a slot of a task was decided as it was: each check as it was then, of several slots that are on
// record as one as it was for the last of them.
func (e *Engine) ExplainSlot(ctx context.Context, path, rid string, slot time.Time) (Explanation, error) {
	x := Explanation{Service: path, Task: rid}
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return x, err
	}
	row, found, err := slotAt(ctx, db, task.ID{Service: path, RID: rid}, slot)
	if err == nil && !found {
		err = task.Errorf(task.ErrNotFound, "service %s: %s has no decision about the slot %s on record", path, rid, slot.Format(time.RFC3339))
	}
	if err != nil {
		return x, err
	}
	return x, e.explainRow(ctx, db, &x, row)
}

// slotAt is the row that has a slot.
func slotAt(ctx context.Context, db *state.DB, id task.ID, slot time.Time) (row task.Slot, found bool, err error) {
	all, err := db.Slots(ctx, state.Query{Service: id.Service, RID: []string{id.RID}, Since: slot, Before: slot.Add(time.Microsecond)})
	if err != nil || len(all) == 0 {
		return row, false, err
	}
	return all[0], true, nil
}

// ExplainRun tells why a run was started: each check as it was then. id may be the beginning of one.
func (e *Engine) ExplainRun(ctx context.Context, path, id string) (Explanation, error) {
	x := Explanation{Service: path}
	run, err := e.FindRun(ctx, path, id)
	if err != nil {
		return x, err
	}
	x.Service, x.Task = run.Task.Service, run.Task.RID
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return x, err
	}
	if !run.Slot.IsZero() && run.Evidence == "" {
		row, found, err := slotAt(ctx, db, run.Task, run.Slot)
		if err != nil {
			return x, err
		}
		if found && row.RunID == run.ID {
			return x, e.explainRow(ctx, db, &x, row)
		}
	}
	x.Slot = run.Slot
	x.Decided = &SlotSaid{Slot: run.Slot, Decision: string(task.SlotRun), Reason: string(run.Origin), Run: run.ID, State: string(run.State)}
	if run.Slot.IsZero() && run.Origin != task.Manual {
		x.Decided.Reason += ", while the clock was wrong: when that was set back its slot was to come again, and was taken from it"
	}
	return x, e.explainKept(ctx, &x, run.Task, run.Evidence)
}

func (e *Engine) explainRow(ctx context.Context, db record, x *Explanation, row task.Slot) error {
	said := e.said(ctx, db, row)
	x.Slot, x.Decided = row.Last, &said
	return e.explainKept(ctx, x, task.ID{Service: x.Service, RID: x.Task}, row.Evidence)
}

// explainKept tells what follows from the evidence of a decision, and the decision itself where none was kept.
func (e *Engine) explainKept(ctx context.Context, x *Explanation, id task.ID, evidence string) error {
	x.Run = x.Decided.Decision == string(task.SlotRun)
	x.Verdict = pastVerdict(task.SlotDecision(x.Decided.Decision), x.Decided.Reason)
	if evidence == "" {
		x.Checks, x.Unkept = []task.Check{}, "the checks of this decision were not kept: the om of that time did not keep them"
		return nil
	}
	ev, err := task.ParseEvidence(id, evidence)
	if err != nil {
		return err
	}
	j := e.judge(ev)
	x.At, x.Checks, x.NoClock, x.Schedule = ev.At, j.checks, ev.Unsynced, ev.Task.Schedule
	if j.decision != "" && j.decision != task.SlotMissed { // why nobody looked is on record alone
		x.Run, x.Verdict = j.decision == task.SlotRun, pastVerdict(j.decision, j.reason)
	}
	if x.Decided.Decision == string(task.SlotPending) {
		x.Waiting = []string{ev.Slot.UTC().Format(time.RFC3339) + " " + x.Decided.Reason}
	}
	if !ev.Slot.IsZero() {
		x.Late = ev.At.Sub(ev.Slot).Seconds()
	}
	if j.cal != nil && x.Schedule != "" {
		x.Zone = j.cal.Zone().Name()
		for _, clause := range clauses(j.cal, ev.Since, ev.Slot, false) {
			x.Clauses = append(x.Clauses, ClauseSaid(clause))
		}
		x.Next, _ = j.cal.Next(ev.Slot, ev.Slot)
	}
	if ev.File != "" {
		x.File, err = e.fileThen(ctx, x.Service, ev.File)
	}
	return err
}

// pastVerdict is the verdict in one line.
func pastVerdict(d task.SlotDecision, reason string) string {
	switch d {
	case task.SlotRun:
		return startedBy(task.Origin(reason))
	case task.SlotPending:
		return "it waits: " + reason
	case task.SlotSkip:
		return "not started: " + reason
	}
	return "not started, " + string(d) + ": " + reason
}

// startedBy is the verdict about a run that was started.
func startedBy(origin task.Origin) string {
	switch origin {
	case task.Scheduled:
		return "its schedule started it"
	case task.Catchup:
		return "its schedule started it, to make up for the slot"
	case task.Retry:
		return "its schedule started it again, after an attempt that failed"
	case task.Manual:
		return "started by hand"
	}
	return "started: " + string(origin)
}

func (e *Engine) said(ctx context.Context, db record, s task.Slot) SlotSaid {
	said := SlotSaid{Slot: s.At, Count: s.Count, Decision: string(s.Decision), Reason: s.Reason, Run: s.RunID}
	if !s.Last.Equal(s.At) {
		said.Last = s.Last
	}
	if run, err := db.Run(ctx, s.RunID); s.RunID != "" && err == nil {
		said.State = string(run.State)
	}
	return said
}

// fileThen says which version of a service's file a decision went by.
func (e *Engine) fileThen(ctx context.Context, path, digest string) (string, error) {
	svc, err := service.Read(e.ConfigDir, path, e.Node)
	if err == nil && fileDigest(svc) == digest {
		return "as it is now", nil
	}
	versions, err := e.Versions(ctx, path)
	if errors.Is(err, task.ErrNotFound) {
		err = nil
	}
	for _, v := range versions {
		if strings.HasPrefix(v.Digest, digest) {
			return fmt.Sprintf("version %d, which was replaced %s by %s", v.Version, v.At.UTC().Format(time.RFC3339), v.By), err
		}
	}
	return "a version that is not kept, SHA-256 " + digest + "...", err
}
