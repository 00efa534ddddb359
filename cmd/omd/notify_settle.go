package main

import (
	"errors"
	"slices"
	"time"

	"om/notice"
)

// cooling is a host that does not answer.
type cooling struct {
	until    time.Time
	failures int
}

type result struct {
	message *message
	host    string
	err     error
}

// settle enters how a try ended.
func (d *drainer) settle(r result) {
	for _, p := range r.message.parts {
		delete(d.flying, p.lane())
	}
	if d.busy[r.host]--; d.busy[r.host] <= 0 {
		delete(d.busy, r.host)
	}
	var f *failure
	if r.err != nil && !errors.As(r.err, &f) {
		f = &failure{err: r.err}
	}
	d.judge(r.host, f)
	if f != nil {
		d.unwritten(d.spool.CountFailure(r.message.target().Kind, true, false))
	}
	for i, p := range r.message.parts {
		if d.entries[p.e.Name] == p.e { // else it was dropped meanwhile
			d.enter(p, f, i == 0)
		}
	}
}

// enter enters for one event how its try ended.
func (d *drainer) enter(p part, f *failure, first bool) {
	t := p.target()
	switch {
	case f == nil:
		d.over(p, notice.Delivered, "")
	case f.forever || t.Tries >= maxTries:
		d.over(p, notice.Dead, notice.Line(f.Error()))
	default:
		t.Error = notice.Line(f.Error())
		t.Next = later(t.Next, d.now().Add(min(f.after, maxAfter)))
		if first {
			d.log.Warn("not delivered", d.about(p, "again", t.Next.UTC().Format(time.RFC3339))...)
		}
		d.unwritten(d.spool.Save(p.e))
	}
}

// unwritten tells of a spool that can't be written, once a minute.
func (d *drainer) unwritten(err error) {
	if now := d.now(); err != nil && now.Sub(d.grumbled).Abs() >= time.Minute {
		d.grumbled = now
		d.log.Error("the spool can't be written", "error", err)
	}
}

// judge leaves a host alone for a while that does not answer as it should.
func (d *drainer) judge(host string, f *failure) {
	if f == nil || f.own {
		delete(d.cool, host)
		return
	}
	c := d.cool[host]
	c.failures++
	c.until = d.now().Add(time.Second << min(c.failures, coolMost))
	d.cool[host] = c
}

// over ends the tries of a target, and with the last one those of the event.
func (d *drainer) over(p part, how, why string) {
	t := p.target()
	t.Over = how
	if why != "" {
		t.Error = why
	}
	if how == notice.Dead {
		d.unwritten(d.spool.CountFailure(t.Kind, false, true))
		d.log.Error("given up", d.about(p)...)
	} else {
		d.log.Info("delivered", d.about(p)...)
	}
	if p.e.Done() {
		d.finish(p.e)
	} else {
		d.unwritten(d.spool.Save(p.e))
	}
}

func (d *drainer) about(p part, more ...any) []any {
	e, t := &p.e.Event, p.target()
	fields := []any{
		"event", e.Type, "id", e.ID, "service", e.Service, "task", e.Task,
		"kind", t.Kind, "host", hostOf(t), "tries", t.Tries,
	}
	if t.Message != "" {
		fields = append(fields, "message", t.Message)
	}
	if t.Error != "" {
		fields = append(fields, "error", t.Error)
	}
	return append(fields, more...)
}

// finish takes an event out of the spool.
func (d *drainer) finish(e *notice.Entry) {
	d.forget(e.Name)
	var err error
	if slices.ContainsFunc(e.Targets, func(t notice.Target) bool { return t.Over == notice.Dead }) {
		err = d.spool.Bury(e)
	} else {
		err = d.spool.Remove(e.Name)
	}
	d.unwritten(err)
}
