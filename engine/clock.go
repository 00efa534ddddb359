package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"om/task"
)

// factTick is the clock at the last tick, as JSON.
const factTick = "tick"

// clockReading is what the clocks of the host showed at a tick.
type clockReading struct {
	At   time.Time     // the time of the day
	Up   time.Duration // since the start of the host, suspended time too
	Boot string        // which start that was

	Pace time.Duration       `json:",omitzero"`  // since the tick before
	Here map[string]presence `json:",omitempty"` // services that are seen active here, before and at slots that only one node may decide

	// What later ticks have to know of slots that were due by then, and are not decided.
	Gap  delay            `json:",omitzero"`  // the last time that nobody looked, or could decide
	Late map[string]delay `json:",omitempty"` // tasks that were put off, by their names
}

// delay is why slots up to a moment were not decided in time.
type delay struct {
	Until time.Time
	Why   string
	From  time.Time `json:",omitzero"` // of a gap: when somebody looked before it
}

func (s *scheduler) reading() clockReading {
	for name, d := range s.last.Late {
		if s.now.Sub(d.Until) > time.Hour { // it is gone, or not scheduled any more
			delete(s.last.Late, name)
		}
	}
	r := clockReading{At: s.began, Up: s.up, Boot: s.bootID, Gap: s.gap, Late: s.last.Late, Here: s.last.Here}
	if !s.loops && !s.last.At.IsZero() {
		r.Pace = max(0, s.began.Sub(s.last.At))
	}
	for path, p := range r.Here {
		if s.now.Sub(p.Last) > 2*s.lapse() {
			delete(r.Here, path)
		}
	}
	return r
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// uptime is how long the host is up, suspended time too.
func (e *Engine) uptime() time.Duration {
	if e.sinceBoot != nil {
		return e.sinceBoot()
	}
	return sinceBoot()
}

func sinceBoot() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // can't fail with this clock
	return time.Duration(t.Nano())
}

// factBoot is the last start of the host, and when that was by the clock at the first look after it: what is
// due once after a start must not be due again when the clock is set.
const factBoot = "boot"

// startOf is when the host was started this time.
func (e *Engine) startOf(ctx context.Context, db record, bootID string, keep bool) (time.Time, error) {
	text, err := db.Fact(ctx, factBoot)
	if err != nil {
		return time.Time{}, err
	}
	if id, at, ok := strings.Cut(text, " "); ok && id == bootID {
		return time.Parse(time.RFC3339, at)
	}
	boot, err := BootTime()
	if err != nil || boot.After(e.Now()) || !keep {
		return boot, err
	}
	return boot, db.SetFact(ctx, factBoot, bootID+" "+boot.UTC().Format(time.RFC3339))
}

// factPeak is about the furthest time of the day that cursors were moved to.
const factPeak = "peak"

// peak is the furthest time of the day that there was, as far as is on record.
func (e *Engine) peak(ctx context.Context, node record) (time.Time, error) {
	text, err := node.Fact(ctx, factPeak)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, text)
}

// notePeak is to be called before cursors are moved to now: who is killed after that has noted no tick. It notes what
// makes a difference.
func (e *Engine) notePeak(ctx context.Context, node record, before, now time.Time) error {
	if now.Sub(before) < bigJump/2 {
		return nil
	}
	return node.SetFact(ctx, factPeak, now.UTC().Format(time.RFC3339))
}

// movesTo is notePeak for who is no tick.
func (e *Engine) movesTo(ctx context.Context, now time.Time) error {
	node, err := e.NodeRecord(ctx)
	if err != nil {
		return err
	}
	before, err := e.peak(ctx, node)
	if err != nil {
		return err
	}
	return e.notePeak(ctx, node, before, now)
}

// notePeak notes the time of this tick.
func (s *scheduler) notePeak(ctx context.Context) error {
	err := s.Engine.notePeak(ctx, s.node, s.peak, s.now)
	s.peak = later(s.peak, s.now)
	return err
}

// bigJump is how far the clock may be behind a cursor before that is taken for a clock that was wrong.
const bigJump = 5 * time.Minute

// readClock compares the clock with what it showed at ticks before. Where it is so far back that slots were decided
// that are in the future now, it was wrong then, and cursors go back with it: see rewind. It may have been set back in
// steps, each of them small.
func (s *scheduler) readClock(ctx context.Context) error {
	if err := s.readClockOnly(ctx); err != nil || s.peak.Sub(s.now) <= bigJump {
		s.noteForward()
		return err
	}
	ids, err := s.rewind(ctx, s.node)
	if err != nil {
		return err
	}
	s.report.Clock = fmt.Sprintf("set back from %s to %s", s.peak.Format(time.RFC3339), s.now.Format(time.RFC3339))
	s.report.problem("the clock was %s: %d cursors with it", s.report.Clock, len(ids))
	s.tellNode(task.EventClock, "", "the clock was "+s.report.Clock, ids, s.now)
	s.peak = s.now
	return s.Engine.notePeak(ctx, s.node, time.Time{}, s.now)
}

// rewind sets back the cursors of a record. A time of the day that ran by the wrong clock does not run again; a cadence goes on
// in elapsed time, or it would sleep until the time of the wrong clock comes.
func (s *scheduler) rewind(ctx context.Context, db record) ([]task.ID, error) {
	ran, err := db.RanAfter(ctx, s.now)
	if err != nil {
		return nil, err
	}
	again := slices.DeleteFunc(ran, func(id task.ID) bool { return !s.goesOn(ctx, id) })
	return db.Rewind(ctx, s.now, again)
}

// goesOn says that the schedule of a task counts elapsed time.
func (s *scheduler) goesOn(ctx context.Context, id task.ID) bool {
	svc, err := s.scheduled(ctx, id.Service)
	if err != nil {
		return false
	}
	t, known := svc.Task(id.RID)
	if !known || t.Schedule == "" {
		return false
	}
	cal, err := s.calendar(&t)
	return err == nil && cal.Cadence()
}

// rewindOwn does for a service's own record what readClock does for the node's: the node that it comes from may have
// had a wrong clock.
func (v *view) rewindOwn(ctx context.Context, cursors []task.Cursor) ([]task.Cursor, error) {
	if !slices.ContainsFunc(cursors, func(c task.Cursor) bool { return c.At.Sub(v.now) > bigJump }) {
		return cursors, nil
	}
	path := v.before.Task.Service
	ids, err := v.rewind(ctx, v.l.db)
	if err != nil {
		return nil, err
	}
	v.report.problem("service %s: the clock is behind its record: %d cursors are set back to %s", path, len(ids), v.now.Format(time.RFC3339))
	v.tellNode(task.EventClock, path, "the clock is behind the record of the service", ids, v.now)
	return v.l.db.Cursors(ctx, path)
}

// noteForward tells where the clock was set forward since the last tick.
func (s *scheduler) noteForward() {
	if s.jump > bigJump {
		s.report.Clock = fmt.Sprintf("set forward by %s to %s", s.jump.Round(time.Second), s.now.Format(time.RFC3339))
		s.tellNode(task.EventClock, "", "the clock was "+s.report.Clock, nil, s.now)
	}
}

// readClockOnly reads what the clocks showed at the last tick.
func (s *scheduler) readClockOnly(ctx context.Context) error {
	text, err := s.node.Fact(ctx, factTick)
	if err != nil {
		return err
	}
	if text != "" {
		_ = json.Unmarshal([]byte(text), &s.last) // nothing depends on it but a reason and a tolerance
	}
	if s.peak, err = s.Engine.peak(ctx, s.node); err != nil {
		return err
	}
	s.peak = later(s.peak, s.last.At)
	if s.last.Boot != s.bootID {
		s.last.Here = nil
	}
	s.sinceLast()
	return nil
}

// sinceLast tells how long the last tick is ago, and whether nobody looked since.
func (s *scheduler) sinceLast() {
	s.jump = 0
	if s.last.Boot == s.bootID && !s.last.At.IsZero() {
		s.jump = max(0, s.now.Sub(s.last.At)-(s.up-s.last.Up))
	}
	s.period = s.options.Period
	if since := s.now.Sub(s.last.At); !s.last.At.IsZero() && since > 0 && since < s.period {
		s.period = since
	}
	if s.gap = s.last.Gap; s.absent() {
		s.gap = delay{s.now, s.absence(), s.last.At}
	}
}

// absent says that nobody looked for longer than a daemon that has nothing to do.
func (s *scheduler) absent() bool {
	return !s.last.At.IsZero() && (s.last.Boot != s.bootID || s.now.Sub(s.last.At) > max(2*s.options.Period, 2*fullTurn))
}

// stalled notes that nothing could be decided now. What kept it from that before goes on to be the reason.
func (s *scheduler) stalled(why string) {
	if s.gap.Until.Before(s.last.At) || s.gap.Why == "" {
		s.gap.Why, s.gap.From = why, s.last.At
	}
	s.gap.Until = s.now
}

// mostLate bounds how many tasks are remembered that were put off.
const mostLate = 1000

// delayed notes why a task was put off.
func (s *scheduler) delayed(id task.ID, why string) { s.delayedUntil(id, s.now, why) }

// delayedUntil notes why a task was put off, and that nobody looks at it before a moment.
func (s *scheduler) delayedUntil(id task.ID, until time.Time, why string) {
	if s.last.Late == nil {
		s.last.Late = map[string]delay{}
	}
	if _, known := s.last.Late[id.String()]; known || len(s.last.Late) < mostLate {
		s.last.Late[id.String()] = delay{Until: until, Why: why}
	}
}

// whyMissed says why nobody decided about a slot in time: nobody looked or, where somebody did after it, what kept
// them from deciding. moves says that the service has a record that moves with it: it may have come later.
func (s *scheduler) whyMissed(id task.ID, slot time.Time, moves bool) string {
	late := s.last.Late[id.String()]
	switch {
	case slot.After(s.last.At):
		return s.absence()
	case !late.Until.Before(slot):
		return late.Why
	case moves && !slot.After(s.gap.From):
		return notHere
	case !s.gap.Until.Before(slot):
		return s.gap.Why
	}
	return "put off: other slots of the past came first, or the tick was ended"
}

// notHere is why slots of a service that was on another node, or on none, were not decided on this one.
const notHere = "the service was not here"

func (s *scheduler) noteClock(ctx context.Context) error {
	if s.now.Before(s.peak) { // which would be forgotten with the reading of before
		if err := s.Engine.notePeak(ctx, s.node, time.Time{}, s.peak); err != nil {
			return err
		}
	}
	text, err := json.Marshal(s.reading())
	if err != nil {
		return err
	}
	return s.node.SetFact(ctx, factTick, string(text))
}

// onTime is how long after its slot a run still is on time. What the clock was set forward by, where that is little, was
// no time in which anybody could have looked.
func (s *scheduler) onTime() time.Duration {
	most := max(time.Minute, 2*s.period)
	if s.jump <= bigJump {
		most += s.jump
	}
	return most
}

// hugeJump is from where a clock that is set forward is like a host that was down.
const hugeJump = 3 * time.Hour

// skippedOver says that slots since the last tick were left out by the clock, as by summer time.
func (s *scheduler) skippedOver() bool { return s.jump > bigJump && s.jump <= hugeJump }

// absence says why nobody looked between the last tick and this one.
func (s *scheduler) absence() string {
	gap := s.now.Sub(s.last.At)
	switch {
	case s.last.At.IsZero():
		return "no tick before"
	case s.last.Boot != s.bootID:
		return "the host was down"
	case s.jump > gap/2:
		return "the clock was set forward"
	case s.stuck != "":
		return s.stuck
	case gap > 2*s.options.Period:
		return "no tick since " + s.last.At.UTC().Format(time.RFC3339)
	}
	return "tick too coarse"
}

// untrusted says why the clock is not to be trusted yet: after its start the host has so long to
// set it. Runs that are started after that know that nothing did.
func (s *scheduler) untrusted() string {
	wait := s.Node.WaitTimeSync
	if s.unsynced = wait > 0 && !s.synchronized(); !s.unsynced {
		return ""
	}
	if up := sinceBoot(); up < wait {
		return fmt.Sprintf("the clock is not synchronized, and the host was started %s ago (wait_time_sync = %s)", up.Round(time.Second), wait)
	}
	return ""
}

// synchronized asks the kernel whether something keeps its clock.
func (e *Engine) synchronized() bool {
	if e.Synchronized != nil {
		return e.Synchronized()
	}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	const timeError = 5 // TIME_ERROR of adjtimex(2)
	return err == nil && state != timeError && t.Status&unix.STA_UNSYNC == 0
}

// soon is when to look again at what waits for something else than the clock.
func soon(now time.Time) time.Time { return now.Add(30 * time.Second) }
