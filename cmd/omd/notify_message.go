package main

import (
	"encoding/json"
	"math"
	"time"

	"om/notice"
	"om/schedule"
	"om/service"
)

// What a message about several events holds at most. What is left goes into the next one.
const (
	mostParts     = 200
	mostPartBytes = 128 << 10
)

// message is what a target is told in one try: an event, or several that came together.
type message struct {
	parts []part    // the oldest first
	due   time.Time // before which it is not told; zero for now
	bytes int
}

// part is an event, and the one of its targets that is meant.
type part struct {
	e *notice.Entry
	i int
}

func (p part) target() *notice.Target { return &p.e.Targets[p.i] }

func (p part) lane() lane { return laneOf(p.e, p.target()) }

// target is that of the first event; that of the others differs in nothing but the tries.
func (m *message) target() *notice.Target { return m.parts[0].target() }

// entries copies the events, so that they can be handed over while the spool goes on.
func (m *message) entries() []notice.Entry {
	all := make([]notice.Entry, len(m.parts))
	for i, p := range m.parts {
		all[i] = *p.e
	}
	return all
}

// entry is what is handed over: the event, or the summary of several.
func (m *message) entry() notice.Entry {
	all := m.entries()
	if m.target().Message == "" {
		return all[0]
	}
	return notice.Entry{Event: notice.Summary(m.target().Message, all), Parts: all, Name: all[0].Name}
}

// plan is what is known of an event in the spool for as long as it is there.
type plan struct {
	from  time.Time // when it may be told first
	held  bool      // for its quiet hours
	bytes int
}

// maxGroup bounds what an entry says of the time in which others may join it.
const maxGroup = 24 * time.Hour

// planOf reads why an event waits. One that is of a time which has not come, for the clock was set back, does not.
func (d *drainer) planOf(e *notice.Entry) plan {
	text, _ := json.Marshal(&e.Event) // it was read from such a text
	p := plan{from: e.Event.Timestamp, bytes: len(text)}
	if d.ahead(p.from) {
		p.from = d.now()
		return p
	}
	p.from = p.from.Add(min(max(e.Wait.Group, 0), maxGroup))
	for _, at := range [...]time.Time{e.Event.Timestamp, p.from} {
		if end, quiet := d.quiet(e.Wait.Quiet, at); quiet {
			p.from, p.held = later(p.from, end), true
		}
	}
	return p
}

// ahead says that a moment can't have been, or is too far off to have been meant: the clock was set back.
func (d *drainer) ahead(at time.Time) bool { return at.After(d.now().Add(time.Minute)) }

// quiet says whether a moment is in quiet hours, and when they end. Those that can't be read are none: an event is rather told.
func (d *drainer) quiet(text string, at time.Time) (end time.Time, quiet bool) {
	if text == "" {
		return end, false
	}
	if zones := d.zones(); zones != d.hoursOf {
		d.hoursOf = zones
		clear(d.hours)
	}
	hours, known := d.hours[text]
	if !known {
		hours, _ = service.ReadQuiet(text, d.hoursOf)
		d.hours[text] = hours
	}
	if hours == nil {
		return end, false
	}
	return hours.Covers(at)
}

// untilQuiet is when quiet hours end that are now; zero where they are not.
func (d *drainer) untilQuiet(text string) time.Time {
	end, known := d.quietNow[text]
	if !known {
		var quiet bool
		if end, quiet = d.quiet(text, d.now()); !quiet {
			end = time.Time{}
		}
		d.quietNow[text] = end
	}
	return end
}

// newZones finds zones by their names; the host's is "Local".
func newZones() *schedule.Parser { return schedule.NewParser(service.LoadZone) }

// gather makes messages of what is to be told, the oldest first. What is tried already stays as it is, what waits for its
// quiet hours is left out, and what is new joins what else there is for its target: of its service or, after quiet hours, of all.
func (d *drainer) gather(names []string) []*message {
	g := gathering{drainer: d, open: map[string]*message{}, busy: d.occupied(names)}
	d.asleep, d.quietNow = 0, map[string]time.Time{}
	for _, name := range names {
		e := d.entries[name]
		if e == nil {
			continue
		}
		asleep := false
		for i := range e.Targets {
			if e.Targets[i].Over == "" {
				asleep = g.add(part{e, i}) || asleep
			}
		}
		if asleep {
			d.asleep++
		}
	}
	return g.all
}

// occupied are the lanes in which something is tried.
func (d *drainer) occupied(names []string) map[lane]bool {
	busy := map[lane]bool{}
	for _, name := range names {
		e := d.entries[name]
		for i := 0; e != nil && i < len(e.Targets); i++ {
			if t := &e.Targets[i]; t.Over == "" && t.Tries > 0 {
				busy[laneOf(e, t)] = true
			}
		}
	}
	return busy
}

// gathering is gather at work.
type gathering struct {
	*drainer

	all  []*message
	open map[string]*message // that others can join, by what they have in common
	busy map[lane]bool
}

// add puts one event for one target where it belongs, and says whether it waits for quiet hours to end.
func (g *gathering) add(p part) (asleep bool) {
	t, wait := p.target(), &p.e.Wait
	if t.Kind == notice.Ping {
		g.alone(p, time.Time{})
		return false
	}
	wakes := g.untilQuiet(wait.Quiet)
	asleep = wakes.After(g.now())
	switch about := g.plans[p.e.Name]; {
	case t.Message != "":
		g.join(t.Key()+" "+t.Message, p, wakes, math.MaxInt)
	case t.Tries > 0:
		g.alone(p, wakes)
	case asleep, g.busy[p.lane()]:
	case about.held:
		g.join(t.Key(), p, time.Time{}, mostPartBytes)
	case wait.Group > 0:
		g.join(t.Key()+"/"+p.e.Event.Service, p, g.begin(about), mostPartBytes)
	default:
		g.alone(p, time.Time{})
	}
	return asleep
}

// begin is when the time is over in which others may join an event; zero for now. Nobody waits for it who is in a hurry, nor where
// the clock was set back since it was planned.
func (g *gathering) begin(p plan) time.Time {
	if wait := p.from.Sub(g.now()); wait <= g.hurry || wait > maxGroup {
		return time.Time{}
	}
	return p.from
}

func (g *gathering) alone(p part, due time.Time) {
	g.all = append(g.all, &message{parts: []part{p}, due: due})
}

// join adds an event to the message of those that have the same key. A new one is begun where it is full. The message is due
// when the first of its events is.
func (g *gathering) join(key string, p part, due time.Time, most int) {
	m, size := g.open[key], g.plans[p.e.Name].bytes
	if m == nil || len(m.parts) >= mostParts || m.bytes+size > most {
		m = &message{due: due}
		g.open[key] = m
		g.all = append(g.all, m)
	}
	m.parts = append(m.parts, p)
	m.bytes += size
	if due.Before(m.due) {
		m.due = due
	}
}
