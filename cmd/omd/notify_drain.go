package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"time"

	"om/notice"
	"om/schedule"
)

// How deliveries are tried.
const (
	tryTimeout  = 10 * time.Second
	maxTries    = 5
	firstWait   = 30 * time.Second // before the second try; then four times as long each time
	maxAge      = 24 * time.Hour
	maxAfter    = time.Hour // that a server may ask us to wait
	atOnce      = 16        // deliveries in flight, in all
	atOnceEach  = 2         // to one host, and commands
	lookEvery   = 5 * time.Second
	longestWait = 4 * time.Hour // between two tries, with what the server asks for
	coolMost    = 5             // doublings of a second that a host which does not answer is left alone
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
	zones  func() *schedule.Parser
	// With more than 0 a drain ends when nothing can be tried now, and does not wait for what gathers within that time: it is
	// told at once.
	hurry time.Duration

	hours    map[string]*schedule.Hours // by their text; nil for one that can't be read
	hoursOf  *schedule.Parser           // that read them
	quietNow map[string]time.Time       // the ends of those that are now, by their text; zero where they are not
	plans    map[string]plan            // of entries, by file
	asleep   int                        // entries that wait for the end of quiet hours
	noted    int                        // of them, as told to whoever writes the metrics
	entries  map[string]*notice.Entry   // what is in the spool, by file
	grumbled time.Time                  // when it was said last that the spool cannot be written
	busy     map[string]int             // tries in flight, by host
	flying   map[lane]bool
	cool     map[string]cooling
	results  chan result
}

// drain delivers until ctx is done or, in a hurry, until there is nothing that can be tried now. It waits for the tries that
// are in flight: each has its timeout.
func (d *drainer) drain(ctx context.Context) error {
	d.entries, d.flying = map[string]*notice.Entry{}, map[lane]bool{}
	d.plans, d.hours, d.noted = map[string]plan{}, map[string]*schedule.Hours{}, -1
	d.busy, d.cool = map[string]int{}, map[string]cooling{}
	d.results = make(chan result, atOnce)
	d.spool.Sweep(d.now().Add(-time.Hour))
	for {
		if err := d.refresh(); err != nil {
			return err
		}
		next := d.startAll(ctx)
		d.noteAsleep()
		if len(d.flying) == 0 && (d.hurry > 0 || ctx.Err() != nil) {
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
		d.log.Error("events were dropped", "reason", "the spool is full", "events", n)
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
		d.entries[name], d.plans[name] = &e, d.planOf(&e)
		if e.Done() { // who delivered it last was ended before it was out
			d.finish(&e)
		}
	}
	for name := range d.entries {
		if !there[name] {
			d.forget(name)
		}
	}
	return nil
}

func (d *drainer) forget(name string) {
	delete(d.entries, name)
	delete(d.plans, name)
}

// noteAsleep says how many events wait for nothing but the end of quiet hours.
func (d *drainer) noteAsleep() {
	if d.asleep != d.noted {
		d.noted = d.asleep
		d.unwritten(d.spool.NoteHeld(d.asleep))
	}
}

// startAll starts what can be tried now, and says when there is more; zero for not before something happens.
func (d *drainer) startAll(ctx context.Context) (next time.Time) {
	if ctx.Err() != nil {
		return next
	}
	names := slices.Sorted(maps.Keys(d.entries))
	d.thin(names)
	taken := map[lane]bool{}
	for _, m := range d.gather(names) {
		if due := d.start(ctx, m, taken); !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return next
}

// start tries a message, if it is its turn, and says when it may be, where that is known. The first of a lane takes it.
func (d *drainer) start(ctx context.Context, m *message, taken map[lane]bool) (due time.Time) {
	turn := true
	for _, p := range m.parts {
		turn = turn && !taken[p.lane()] && !d.flying[p.lane()]
	}
	for _, p := range m.parts {
		taken[p.lane()] = true
	}
	t, now, host := m.target(), d.now(), hostOf(m.target())
	if !turn || d.tooOld(m, now) || len(d.flying) >= atOnce || d.busy[host] >= atOnceEach {
		return due
	}
	if due = later(m.due, d.mayTry(t, now)); due.After(now) {
		return due
	}
	d.try(ctx, m, host)
	return time.Time{}
}

// try begins a delivery.
func (d *drainer) try(ctx context.Context, m *message, host string) {
	if err := d.stamp(m); err != nil {
		d.unwritten(err)
		return
	}
	entry, target := m.entry(), *m.target() // what is delivered is not changed meanwhile
	if target.Kind == notice.Ping {
		d.pace.note(target.Key(), d.now())
	}
	for _, p := range m.parts {
		d.flying[p.lane()] = true
	}
	d.busy[host]++
	way := d.ways[target.Kind]
	go func() {
		r := result{message: m, host: host}
		tryCtx, stop := context.WithTimeout(context.WithoutCancel(ctx), d.expire)
		defer stop()
		if r.err = fmt.Errorf("no way to deliver to %q", target.Kind); way != nil {
			r.err = way(tryCtx, &entry, &target)
		}
		d.results <- r
	}()
}

// stamp writes down that a message is tried before it is, so that an event that ends this process is not tried for ever, and
// which events are in it, so that it is the same one when it is tried again.
func (d *drainer) stamp(m *message) error {
	id := m.target().Message
	if id == "" && len(m.parts) > 1 {
		id = notice.SummaryID(m.target(), m.entries())
	}
	for i, p := range m.parts {
		t := p.target()
		before := *t
		t.Tries, t.Message = m.target().Tries, id
		if i == 0 {
			t.Tries++
		}
		t.Next = d.now().Add(backoff(m.parts[0].e.Name, t.Tries))
		err := d.spool.Save(p.e)
		if err != nil && len(p.e.Targets) > 1 && d.hurry > 0 { // the next omd notify --once would tell all of them again, each minute
			*t = before
			return err
		}
	}
	return nil
}

// backoff is the wait after the nth try, a little different for each event.
func backoff(name string, tries int) time.Duration {
	wait := firstWait << (2 * min(tries-1, maxTries))
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return wait + wait/4*time.Duration(h.Sum32()%100)/100
}
