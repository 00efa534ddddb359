package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// digestLength is how many letters of the SHA-256 of a file are kept with a decision.
const digestLength = 12

// fileDigest tells the texts of a service's file apart.
func fileDigest(svc *service.Service) string {
	sum := sha256.Sum256(svc.Text)
	return hex.EncodeToString(sum[:digestLength/2])
}

// evidence is what a decision about a run by hand goes by.
func (r *runner) evidence(t *task.Task, f task.Facts) string {
	e := task.Evidence{At: f.Now, Origin: f.Origin, Task: t, Facts: f, File: fileDigest(r.svc)}
	return e.String()
}

// keeps says that what decisions go by is kept.
func (s *scheduler) keeps() bool { return s.sim == nil && !s.options.DryRun }

// trying begins the evidence of a decision about an attempt of a slot.
func (v *view) trying(a attempt) {
	v.because = nil
	if !v.keeps() {
		return
	}
	e := v.ofSlot(a.slot)
	e.Origin, e.Previous, e.Waited, e.Missed, e.Away, e.Unsynced = a.origin, a.previous, a.waited, a.missed, v.away, v.unsynced
	if a.number > 1 {
		e.Attempt = a.number
	}
	e.Runs = v.before.Runs
	if a.waited != "" {
		e.Runs = v.after.Runs
	}
	v.because = e
}

// ofSlot is evidence with what the slots of the task follow from.
func (v *view) ofSlot(slot time.Time) *task.Evidence {
	if v.l.digest == "" {
		v.l.digest = fileDigest(v.l.svc)
	}
	e := v.slotsFrom(&v.t, v.catchupOf(&v.t))
	e.At, e.Slot, e.Since, e.File = v.now, slot, v.after.At, v.l.digest
	return e
}

// slotsFrom is what the slots of a task follow from.
func (e *Engine) slotsFrom(t *task.Task, c schedule.Catchup) *task.Evidence {
	x := &task.Evidence{
		Origin: task.Scheduled, Task: t,
		Catchup: task.CatchupRule{Policy: int(c.Policy), Limit: c.Limit, Window: c.Window, OnTime: c.OnTime},
	}
	if t.Spread > 0 || t.Random || strings.ContainsAny(t.Schedule, "~HR") {
		x.Seed = uint64(e.Node.Seed(t))
	}
	if n := schedule.NotationOf(t.Schedule); n == schedule.Anacron || n == schedule.Cron && strings.Contains(t.Schedule, "@") {
		x.Boot = e.Node.Boot
	}
	return x
}

// goesBy notes what the decision goes by that is being made.
func (v *view) goesBy(note func(e *task.Evidence)) {
	if v.because != nil {
		note(v.because)
	}
}

// reasons is the evidence of the decision that was made.
func (v *view) reasons() string {
	if v.because == nil {
		return ""
	}
	return v.because.String()
}

// expiring begins the evidence of a slot that waited long enough.
func (v *view) expiring(slot task.Slot) {
	v.because = nil
	if !v.keeps() {
		return
	}
	e := v.ofSlot(slot.At)
	e.Kind, e.Waited, e.Runs = task.EvidenceExpired, slot.Reason, v.after.Runs
	if v.givesWay(slot) {
		e.Next, _ = v.cal.Next(v.before.At, v.before.At)
	}
	if strings.HasPrefix(slot.Reason, "requirement") {
		e.Until = v.waitsUntil(slot.At)
	}
	v.because = e
}

// missing is the evidence of slots that nobody decided in time, of which this is the last.
func (v *view) missing(from, last time.Time, n int) string {
	if !v.keeps() {
		return ""
	}
	e := v.ofSlot(last)
	e.Kind, e.Since, e.Missed, e.Looked = task.EvidenceMissed, from, n, v.last.At
	return e.String()
}

// abandoned is the evidence of a slot that waited when its task had no schedule any more.
func (s *scheduler) abandoned(slot task.Slot) string {
	if !s.keeps() {
		return ""
	}
	e := task.Evidence{Kind: task.EvidenceGone, At: s.now, Slot: slot.At, Origin: task.Scheduled, Waited: slot.Reason, Task: &task.Task{ID: slot.Task}}
	return e.String()
}

// passing is the evidence of slots that a thaw passes over.
func (e *Engine) passing(svc *service.Service, t *task.Task, f task.Facts, from, newest time.Time) string {
	x := e.slotsFrom(t, schedule.Catchup{})
	x.Kind, x.At, x.Slot, x.Since, x.Facts, x.File = task.EvidencePassed, f.Now, newest, from, f, fileDigest(svc)
	return x.String()
}
