package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"om/state"
	"om/task"
)

// carryOut records what was decided, a transaction for each record, and hands over the runs.
func (s *scheduler) carryOut(ctx context.Context, p *plan) error {
	if len(p.items) == 0 {
		return nil
	}
	if err := s.notePeak(ctx); err != nil {
		return err
	}
	byRecord := map[record][]*view{}
	var own []*view
	for _, v := range p.items {
		v.recheck(ctx)
		switch {
		case v.l.db == nil || v.l.db == s.node || v.broken != nil:
			byRecord[s.node] = append(byRecord[s.node], v)
		default:
			byRecord[v.l.db] = append(byRecord[v.l.db], v)
			own = append(own, v)
		}
	}
	var errs []error
	for db, views := range byRecord {
		errs = append(errs, s.record(ctx, db, views))
	}
	errs = append(errs, s.noteNext(ctx, own))
	return errors.Join(errs...)
}

// record enters the decisions of one record, and starts what they start.
func (s *scheduler) record(ctx context.Context, db record, views []*view) error {
	views, err := s.withHolder(ctx, views)
	if err != nil {
		s.report.problem("%v", err)
	}
	turns := make([]state.Turn, len(views))
	for i, v := range views {
		turns[i] = state.Turn{Before: v.before, After: v.after, Slots: v.slots, Run: v.run, Limit: v.limit}
	}
	found := dead{Engine: s.Engine}
	taken, err := db.Decide(ctx, turns, found.alive)
	if buried := found.bury(ctx, db); buried != nil {
		s.report.problem("%v", buried)
	}
	if errors.Is(err, task.ErrInvalid) && len(views) > 1 {
		return s.eachAlone(ctx, db, views)
	}
	if err != nil {
		for _, v := range views {
			v.letLocks(ctx)
			v.undecided()
		}
		return err
	}
	var jobs []task.Job
	var started []*view
	for i, v := range views {
		if taken[i].Stale {
			s.tellStale(ctx, db, v, turns[i])
		}
		if s.outcome(ctx, v, taken[i]) {
			jobs, started = append(jobs, *v.job), append(started, v)
		}
	}
	return s.hand(ctx, db, jobs, started)
}

// tellStale sees to it that a look that was stale is not so for ever.
func (s *scheduler) tellStale(ctx context.Context, db record, v *view, stale state.Turn) {
	after := v.before
	if v.after.Digest != v.before.Digest {
		after = v.cached
	}
	after.Next = s.now.Add(time.Second)
	past, err := s.movePast(ctx, db, stale, after)
	if err != nil {
		s.report.problem("%s: %v", v.before.Task, err)
	}
	if past != "" {
		v.after.Next = after.Next
		s.report.problem("%s", past)
	}
}

// eachAlone is record where one of many turns was refused: the others are entered all the same.
func (s *scheduler) eachAlone(ctx context.Context, db record, views []*view) error {
	for _, v := range views {
		if err := s.record(ctx, db, []*view{v}); err != nil {
			s.delayed(v.before.Task, "put off: "+task.Text(err))
			s.report.problem("%s: %v", v.before.Task, err)
		}
	}
	return nil
}

// withHolder gives the runs to the supervisor that will hold them. Where there is none, what would start is left
// undecided, and the rest goes on.
func (s *scheduler) withHolder(ctx context.Context, views []*view) (ready []*view, err error) {
	var hands *Hands
	for _, v := range views {
		if v.run != nil && v.job != nil {
			if hands == nil && err == nil {
				hands, err = s.supervisor()
			}
			if err != nil {
				s.delayed(v.before.Task, "put off: "+task.Text(err))
				v.letLocks(ctx)
				v.undecided()
				continue
			}
			v.run.PID, v.run.PIDStart, v.run.BootID = hands.PID, hands.PIDStart, s.bootID
			if lost := v.keepLocks(ctx); lost != nil {
				s.delayed(v.before.Task, "put off: "+task.Text(lost))
				s.report.problem("%s: %v", v.before.Task, lost)
				v.undecided()
				continue
			}
		}
		ready = append(ready, v)
	}
	return ready, err
}

// undecided has the task looked at again in a moment: nothing of what was decided is on record. The node's record is told of
// that where the service has its own, see noteNext; in its own the cursor stays where it was.
func (v *view) undecided() {
	v.after.Next = v.now.Add(time.Second)
}

// outcome tells the report what became of a turn, and says whether its job is to be started.
func (s *scheduler) outcome(ctx context.Context, v *view, t state.Taken) bool {
	if t.Run.ID == "" {
		v.letLocks(ctx)
	}
	if t.Stale {
		return false
	}
	s.tellGivenUp(ctx, v, t.Run)
	told := neighbors(v.slots)
	s.tellSlots(&v.t, told, s.now)
	s.tellIdle(ctx, v)
	for _, slot := range told {
		if slot.Decision != task.SlotRun {
			s.report.Slots = append(s.report.Slots, slot)
		}
	}
	if t.By != nil {
		slot := task.Slot{Task: v.before.Task, At: v.run.Slot, Last: v.run.Slot, Count: 1, Decision: task.SlotSkip, Reason: t.By.Error()}
		s.report.Slots = append(s.report.Slots, slot)
		s.tellSlots(&v.t, []task.Slot{slot}, s.now)
	}
	if t.Run.ID == "" {
		return false
	}
	s.report.Started = append(s.report.Started, t.Run)
	if v.job == nil { // it could not begin, and has its end
		s.tellEnd(ctx, v.l.db, v.l.svc, &v.t, t.Run)
	}
	return v.job != nil
}

// give gives jobs that are claimed to their supervisor. What it refused has not begun. Where it did not answer nobody
// knows: its runs are those of a supervisor that died, or will.
func (s *scheduler) give(ctx context.Context, h handover) error {
	err := h.hands.Give(h.jobs...)
	if err == nil {
		for _, v := range h.started {
			s.tellStart(&v.t, *v.run)
			s.tellLate(&v.t, *v.run)
		}
		return nil
	}
	if i := slices.Index(s.crew, h.hands); i >= 0 {
		s.dismiss(i)
	}
	err = fmt.Errorf("supervisor: %w", err)
	if silent(err) {
		return err
	}
	outcomes := make([]task.Outcome, len(h.jobs))
	for i, j := range h.jobs {
		outcomes[i] = task.Outcome{RunID: j.RunID, State: task.Lost, Reason: "its supervisor did not take it: " + err.Error(), StartedAt: s.now, EndedAt: s.Now()}
	}
	for i, v := range h.started {
		v.letLocks(ctx)
		s.tellEnd(ctx, h.db, v.l.svc, &v.t, ended(*v.run, outcomes[i]))
	}
	return errors.Join(err, h.db.Settle(context.WithoutCancel(ctx), outcomes))
}

// silent says that a supervisor did not answer, for it is dead or stopped.
func silent(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.ETIMEDOUT)
}

// noteNext keeps in the node's record when services with their own record are due. While runs of one go on it is
// looked at again each minute: their supervisor may be killed.
func (s *scheduler) noteNext(ctx context.Context, views []*view) error {
	turns := make([]state.Turn, len(views))
	for i, v := range views {
		after := v.cached
		after.Next = v.after.Next
		running, err := v.l.db.Running(ctx, v.before.Task.Service, v.before.Task.RID)
		if err != nil {
			return err
		}
		if by := s.now.Add(fullTurn); len(running) > 0 && (after.Next.IsZero() || by.Before(after.Next)) {
			after.Next = by
		}
		turns[i] = state.Turn{Before: v.cached, After: after}
	}
	if len(turns) == 0 {
		return nil
	}
	if _, err := s.node.Decide(ctx, turns, s.alive); err != nil {
		return err
	}
	return s.noteRetries(ctx, views)
}

// noteRetries keeps the attempts that another process has planned since these were looked at: what noteNext wrote has
// taken the place of what that one did.
func (s *scheduler) noteRetries(ctx context.Context, views []*view) error {
	done := map[*looked]bool{}
	for _, v := range views {
		if done[v.l] {
			continue
		}
		done[v.l] = true
		cursors, err := v.l.db.Cursors(ctx, v.before.Task.Service)
		if err != nil {
			return err
		}
		for _, c := range cursors {
			if at := c.Retry.At; !at.IsZero() {
				if err = s.node.Hasten(ctx, []task.ID{c.Task}, at); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
