package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"time"

	"om/notice"
	"om/task"
)

// How deliveries are tried.
const (
	tryTimeout = 10 * time.Second
	maxTries   = 5
	firstWait  = 30 * time.Second // before the second try; then four times as long each time
	maxAge     = 24 * time.Hour
	maxAfter   = time.Hour // that a server may ask us to wait
	atOnce     = 16        // deliveries in flight, in all
	atOnceEach = 2         // to one host, and commands
	lookEvery  = 5 * time.Second
	coolMost   = 5 // doublings of a second that a host which does not answer is left alone
)

// deliver hands one event to one target. It must end when ctx does.
type deliver func(ctx context.Context, e *notice.Entry, t *notice.Target) error

// failure says what a failed try means for those that follow.
type failure struct {
	err     error
	forever bool          // it will not get better: the server says so
	own     bool          // it is about this target, not about the host
	after   time.Duration // when the server wants to be asked again
}

// Error is the error of the try.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap gives that error.
func (f *failure) Unwrap() error { return f.err }

// drainer delivers what is in a spool. One goroutine looks after the spool and decides; those that deliver
// only deliver.
type drainer struct {
	spool  *notice.Spool
	now    func() time.Time
	log    *slog.Logger
	ways   map[string]deliver // by kind of target
	pace   *pace
	wake   <-chan struct{} // a reason to look at once; may be nil
	expire time.Duration   // that a try may take

	entries map[string]*notice.Entry // what is in the spool, by file
	busy    map[string]int           // tries in flight, by host
	flying  map[lane]bool
	cool    map[string]cooling
	results chan result
}

// lane is what is told in order: the events of a task to a target.
type lane struct {
	task   task.ID
	target string
}

// cooling is a host that does not answer.
type cooling struct {
	until    time.Time
	failures int
}

type result struct {
	name  string // of the entry
	index int    // of the target
	lane  lane
	host  string
	err   error
}

// drain delivers until ctx is done or, with once, until there is nothing that can be tried now. It waits for
// the tries that are in flight: each has its timeout.
func (d *drainer) drain(ctx context.Context, once bool) error {
	d.entries, d.flying = map[string]*notice.Entry{}, map[lane]bool{}
	d.busy, d.cool = map[string]int{}, map[string]cooling{}
	d.results = make(chan result, atOnce)
	d.spool.Sweep(d.now().Add(-time.Hour))
	for {
		if err := d.refresh(); err != nil {
			return err
		}
		next := d.startAll(ctx)
		if len(d.flying) == 0 && (once || ctx.Err() != nil) {
			return d.pace.save(d.spool, d.now())
		}
		d.wait(ctx, next)
	}
}

// wait returns when a try has ended, when something is due, or when it is time to look again.
func (d *drainer) wait(ctx context.Context, next time.Time) {
	pause := lookEvery
	if !next.IsZero() {
		pause = min(pause, max(next.Sub(d.now()), time.Millisecond))
	}
	done := ctx.Done()
	if ctx.Err() != nil {
		done, pause = nil, lookEvery // only the tries in flight are waited for
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case r := <-d.results:
		d.settle(r)
		for len(d.results) > 0 {
			d.settle(<-d.results)
		}
	case <-d.wake:
	case <-timer.C:
	case <-done:
	}
}

// refresh reads what is new in the spool, and forgets what is gone.
func (d *drainer) refresh() error {
	names, err := d.spool.Newest()
	if err != nil {
		return err
	}
	if n, err := d.spool.CountDropped(); n > 0 {
		d.log.Error("events were dropped: the spool was full", "events", n)
		d.unwritten(err)
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
		if d.entries[name] != nil {
			continue
		}
		e, err := d.spool.Read(name)
		if err != nil {
			d.log.Error("an event can't be read", "error", err)
			continue
		}
		d.entries[name] = &e
	}
	for name := range d.entries {
		if !there[name] {
			delete(d.entries, name)
		}
	}
	return nil
}

// startAll starts what can be tried now, and says when there is more; zero for not before something happens.
func (d *drainer) startAll(ctx context.Context) (next time.Time) {
	if ctx.Err() != nil {
		return next
	}
	names := slices.Sorted(maps.Keys(d.entries))
	d.thin(names)
	taken := map[lane]bool{}
	for _, name := range names {
		e := d.entries[name]
		if e == nil {
			continue // it was superfluous
		}
		for i := range e.Targets {
			if e.Targets[i].Over != "" {
				continue
			}
			if due := d.start(ctx, e, i, taken); !due.IsZero() && (next.IsZero() || due.Before(next)) {
				next = due
			}
		}
		if e.Done() {
			d.finish(e)
		}
	}
	return next
}

func laneOf(e *notice.Entry, t *notice.Target) lane {
	return lane{task.ID{Service: e.Event.Service, RID: e.Event.Task}, t.Key()}
}

// start tries one target of one event, if it is its turn, and says when it may be, where that is known. The
// first event of a lane takes it.
func (d *drainer) start(ctx context.Context, e *notice.Entry, i int, taken map[lane]bool) (due time.Time) {
	t, now := &e.Targets[i], d.now()
	l := laneOf(e, t)
	if taken[l] {
		return due
	}
	if now.Sub(e.Event.Timestamp) > maxAge && !d.flying[l] {
		d.over(e, i, notice.Dead, "not delivered within "+maxAge.String())
		return due
	}
	taken[l] = true
	host := hostOf(t)
	if d.flying[l] || len(d.flying) >= atOnce || d.busy[host] >= atOnceEach {
		return due
	}
	due = later(t.Next, d.cool[host].until)
	if t.Kind == notice.Ping {
		due = later(due, d.pace.next(t.Key(), now))
	}
	if due.After(now) {
		return due
	}
	d.try(ctx, e, i, l, host)
	return time.Time{}
}

// thin leaves out pings that have to wait for the pace, and that a later one makes superfluous: a start or a
// success, once a later run has ended. A failure is never left out.
func (d *drainer) thin(names []string) {
	ended := map[lane]bool{}
	for _, name := range slices.Backward(names) {
		e := d.entries[name]
		for i := range e.Targets {
			if t := &e.Targets[i]; d.waitsForPace(e, t) {
				l := laneOf(e, t)
				if ended[l] && passing(e.Event.Type) {
					d.over(e, i, notice.Delivered, "left out: a later one says more")
				}
				ended[l] = ended[l] || e.Event.Type != task.EventStarted
			}
		}
		if e.Done() {
			d.finish(e)
		}
	}
}

// waitsForPace says that a target is a ping that may not be made yet.
func (d *drainer) waitsForPace(e *notice.Entry, t *notice.Target) bool {
	if t.Kind != notice.Ping || t.Over != "" || d.flying[laneOf(e, t)] {
		return false
	}
	now := d.now()
	return d.pace.next(t.Key(), now).After(now)
}

// passing says that nobody misses an event once there is a later end.
func passing(kind string) bool {
	return kind == task.EventStarted || kind == task.EventOK || kind == task.EventRecovered
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// try begins a delivery. That it was tried is written before, so that an event that ends this process is not
// tried for ever.
func (d *drainer) try(ctx context.Context, e *notice.Entry, i int, l lane, host string) {
	t := &e.Targets[i]
	t.Tries++
	t.Next = d.now().Add(backoff(e.Name, t.Tries))
	if err := d.spool.Save(e); err != nil && len(e.Targets) > 1 { // a single one needs no more than its removal
		d.log.Error("the spool can't be written", "error", err)
		t.Tries--
		return
	}
	way := d.ways[t.Kind]
	if t.Kind == notice.Ping {
		d.pace.note(t.Key(), d.now())
	}
	d.flying[l] = true
	d.busy[host]++
	event, target := *e, *t // what is delivered is not changed meanwhile
	go func() {
		r := result{name: e.Name, index: i, lane: l, host: host}
		tryCtx, stop := context.WithTimeout(context.WithoutCancel(ctx), d.expire)
		defer stop()
		if r.err = fmt.Errorf("no way to deliver to %q", target.Kind); way != nil {
			r.err = way(tryCtx, &event, &target)
		}
		d.results <- r
	}()
}

// backoff is the wait after the nth try, a little different for each event.
func backoff(name string, tries int) time.Duration {
	wait := firstWait << (2 * min(tries-1, maxTries))
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return wait + wait/4*time.Duration(h.Sum32()%100)/100
}

// settle enters how a try ended.
func (d *drainer) settle(r result) {
	delete(d.flying, r.lane)
	if d.busy[r.host]--; d.busy[r.host] <= 0 {
		delete(d.busy, r.host)
	}
	var f *failure
	if r.err != nil && !errors.As(r.err, &f) {
		f = &failure{err: r.err}
	}
	d.judge(r.host, f)
	e := d.entries[r.name]
	if e == nil {
		return // it was dropped meanwhile
	}
	t := &e.Targets[r.index]
	if f != nil {
		d.unwritten(d.spool.CountFailure(t.Kind, true, false))
	}
	switch {
	case f == nil:
		d.over(e, r.index, notice.Delivered, "")
	case f.forever || t.Tries >= maxTries:
		d.over(e, r.index, notice.Dead, notice.Line(f.Error()))
	default:
		t.Error = notice.Line(f.Error())
		t.Next = later(t.Next, d.now().Add(min(f.after, maxAfter)))
		d.log.Warn("not delivered", d.about(e, t, "again", t.Next.UTC().Format(time.RFC3339))...)
	}
	if e.Done() {
		d.finish(e)
	} else {
		d.unwritten(d.spool.Save(e))
	}
}

// unwritten tells of a spool that can't be written.
func (d *drainer) unwritten(err error) {
	if err != nil {
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

// over ends the tries of a target.
func (d *drainer) over(e *notice.Entry, i int, how, why string) {
	t := &e.Targets[i]
	t.Over = how
	if why != "" {
		t.Error = why
	}
	if how == notice.Dead {
		d.unwritten(d.spool.CountFailure(t.Kind, false, true))
		d.log.Error("given up", d.about(e, t)...)
	} else {
		d.log.Info("delivered", d.about(e, t)...)
	}
}

func (d *drainer) about(e *notice.Entry, t *notice.Target, more ...any) []any {
	fields := []any{
		"event", e.Event.Type, "id", e.Event.ID, "service", e.Event.Service, "task", e.Event.Task,
		"kind", t.Kind, "host", hostOf(t), "tries", t.Tries,
	}
	if t.Error != "" {
		fields = append(fields, "error", t.Error)
	}
	return append(fields, more...)
}

// finish takes an event out of the spool.
func (d *drainer) finish(e *notice.Entry) {
	delete(d.entries, e.Name)
	var err error
	if slices.ContainsFunc(e.Targets, func(t notice.Target) bool { return t.Over == notice.Dead }) {
		err = d.spool.Bury(e)
	} else {
		err = d.spool.Remove(e.Name)
	}
	d.unwritten(err)
}
