package engine

import (
	"context"
	"strings"
	"time"

	"om/task"
)

func (m *simulator) problem(at time.Time, text string) {
	if len(m.report.Problems) < mostProblems {
		m.report.Problems = append(m.report.Problems, at.Format(time.RFC3339)+": "+text)
	}
}

// tell tells what a turn decided.
func (m *simulator) tell() error {
	s := m.s
	for _, run := range s.report.Ended {
		if run.State != task.Cancelled {
			continue
		}
		m.report.Replaced++
		x := decisionOn(run.Task, run.Slot, SimReplaced, "a later slot was due")
		x.At, x.Attempt, x.Start, x.End, x.State = m.now, run.Attempt, run.StartedAt, run.EndedAt, run.State
		if err := m.told(&x); err != nil {
			return err
		}
	}
	for i, run := range s.report.Started {
		if err := m.tellRun(&run, &m.given[i]); err != nil {
			return err
		}
	}
	for i := range s.report.Slots {
		if err := m.tellSlot(&s.report.Slots[i]); err != nil {
			return err
		}
	}
	return nil
}

func decisionOn(id task.ID, slot time.Time, decision, reason string) Simulated {
	return Simulated{Service: id.Service, Task: id.RID, Slot: slot, Last: slot, Count: 1, Decision: decision, Reason: reason}
}

func (m *simulator) tellRun(run *task.Run, end *simEnd) error {
	x := decisionOn(run.Task, run.Slot, SimRun, string(run.Origin))
	x.At, x.Attempt, x.Start, x.End, x.State = m.now, run.Attempt, m.now, time.UnixMicro(end.at).UTC(), end.state
	if key := (simSlot{run.Task, run.Slot.Unix()}); len(m.waited) > 0 && m.waited[key] != "" {
		x.Reason += ", after it waited: " + m.waited[key]
		delete(m.waited, key)
	}
	x.Reason = m.named(x.Reason)
	return m.started(&x)
}

// started counts a run that begins, and tells of it.
func (m *simulator) started(x *Simulated) error {
	if x.Attempt > 1 {
		m.report.Retries++
	}
	m.countStarts(x.At, 1)
	return m.told(x)
}

// countStarts counts runs that begin at a moment, and go on now.
func (m *simulator) countStarts(at time.Time, n int) {
	m.report.Runs += n
	if m.open > m.report.MostRunning {
		m.report.MostRunning, m.report.MostAt = m.open, at
	}
	if hour := at.Unix() / 3600; hour != m.hour {
		m.hour, m.starts = hour, 0
	}
	if m.starts += n; m.starts > m.report.BusiestStarts {
		m.report.BusiestStarts, m.report.BusiestHour = m.starts, time.Unix(m.hour*3600, 0).UTC()
	}
}

// told tells who wants to know it.
func (m *simulator) told(x *Simulated) error {
	if m.each == nil {
		return nil
	}
	return m.each(x)
}

func (m *simulator) tellSlot(slot *task.Slot) error {
	key := simSlot{slot.Task, slot.At.Unix()}
	switch slot.Decision {
	case task.SlotRun:
		return nil
	case task.SlotPending:
		m.waited[key] = m.named(slot.Reason)
		return nil
	case task.SlotSkip:
		m.report.Skipped += slot.Count
	case task.SlotMissed:
		m.report.Missed += slot.Count
	case task.SlotExpired:
		m.report.Expired += slot.Count
	}
	delete(m.waited, key)
	x := decisionOn(slot.Task, slot.At.UTC(), string(slot.Decision), m.named(slot.Reason))
	x.At, x.Last, x.Count = m.now, slot.Last.UTC(), slot.Count
	return m.told(&x)
}

// named has a reason name runs by their slots: here their ids say nothing.
func (m *simulator) named(reason string) string {
	for {
		i := strings.Index(reason, simID)
		if i < simIDAt || len(reason) < i-simIDAt+idLength {
			return reason
		}
		id := reason[i-simIDAt:][:idLength]
		name := "an earlier one"
		if run, err := m.db.Run(context.Background(), id); err == nil {
			name = run.Slot.Format(time.RFC3339)
		}
		reason = strings.Replace(reason, id, name, 1)
	}
}
