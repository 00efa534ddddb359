package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"om/notice"
	"om/task"
)

// told is a way of delivery that notes what it is given, and answers as it is told to.
type told struct {
	mu     sync.Mutex
	got    []string
	flying map[string]int
	most   int // in flight at once
	answer func(e *notice.Entry, try int) error
	takes  time.Duration
	faults []string
}

func (w *told) deliver(ctx context.Context, e *notice.Entry, t *notice.Target) error {
	w.mu.Lock()
	if w.flying == nil {
		w.flying = map[string]int{}
	}
	lane := e.Event.Task + " " + t.To
	if w.flying[lane]++; w.flying[lane] > 1 {
		w.faults = append(w.faults, "two at once for "+lane)
	}
	w.flying["all"]++
	w.most = max(w.most, w.flying["all"])
	w.got = append(w.got, fmt.Sprint(e.Event.Task, " ", name(e), " ", t.Tries))
	w.mu.Unlock()
	var err error
	select {
	case <-time.After(w.takes):
		if w.answer != nil {
			err = w.answer(e, t.Tries)
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flying[lane]--
	w.flying["all"]--
	return err
}

// count is how many tries there were until now.
func (w *told) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

func name(e *notice.Entry) string {
	if e.Event.Run != nil {
		return e.Event.Run.Reason
	}
	var all []string
	for _, part := range e.Event.Events {
		all = append(all, part.Run.Reason)
	}
	return strings.Join(all, "+")
}

// event is event number i of a task, told to addresses; its reason is its name.
func event(tk, name string, at time.Time, kind string, to ...string) notice.Entry {
	id := sha256.Sum256([]byte(tk + name))
	run := task.Run{ID: fmt.Sprintf("01a2fa2a-36c8-7aaa-8aaa-%012x", id[:6]), Task: task.ID{Service: "web", RID: tk}, State: task.Failed, Reason: name}
	e := notice.Entry{Event: notice.OfRun("n1", task.EventFailed, run, at)}
	for _, address := range to {
		e.Targets = append(e.Targets, notice.Target{Kind: kind, To: address})
	}
	return e
}

func newDrainer(dir string, ways map[string]deliver) *drainer {
	return &drainer{
		spool: &notice.Spool{Dir: dir}, now: time.Now, log: slog.New(slog.DiscardHandler), ways: ways,
		pace: loadPace(&notice.Spool{Dir: dir}), expire: tryTimeout, zones: sync.OnceValue(newZones),
	}
}

func put(t *testing.T, d *drainer, entries ...notice.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := d.spool.Put(e); err != nil {
			t.Fatal(err)
		}
	}
}

// drainFor drains for a while, or once where that is 0.
func drainFor(t *testing.T, d *drainer, span time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if span > 0 {
		ctx, stop = context.WithTimeout(ctx, span)
		defer stop()
	}
	if d.hurry = 0; span == 0 {
		d.hurry = untilNext
	}
	if err := d.drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func dead(t *testing.T, d *drainer) []notice.Entry {
	t.Helper()
	s := &notice.Spool{Dir: filepath.Join(d.spool.Dir, "dead")}
	names, _ := s.Names()
	var all []notice.Entry
	for _, name := range names {
		e, err := s.Read(name)
		if err != nil {
			t.Error(err)
		}
		all = append(all, e)
	}
	return all
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestOrder: the events of a task come to a target in order and one at a time, also when one has to be tried
// again; others do not wait for them.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &told{takes: time.Second, answer: func(e *notice.Entry, try int) error {
			if name(e) == "first" && try < 3 {
				return &failure{err: errors.New("no"), own: true}
			}
			return nil
		}}
		d := newDrainer(dir, map[string]deliver{notice.Webhook: w.deliver})
		now := time.Now()
		put(t, d,
			event("task#0", "third", now.Add(2*time.Second), notice.Webhook, "https://a/"),
			event("task#0", "first", now, notice.Webhook, "https://a/"),
			event("task#0", "second", now.Add(time.Second), notice.Webhook, "https://a/"),
			event("task#1", "other", now, notice.Webhook, "https://a/"))
		drainFor(t, d, time.Hour)
		want(t, "faults", w.faults, []string(nil))
		want(t, "other task", strings.Contains(strings.Join(w.got[:2], "|"), "task#1 other 1"), true)
		var lane []string
		for _, g := range w.got {
			if strings.HasPrefix(g, "task#0") {
				lane = append(lane, g[len("task#0 "):])
			}
		}
		want(t, "in order", lane, []string{"first 1", "first 2", "first 3", "second 1", "third 1"})
		want(t, "left", d.spool.Empty(), true)
	})
}

// TestTries: five tries, further and further apart, then the event is among the dead with the last error; the
// target that had it does not get it again.
func TestTries(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		bad := &told{answer: func(_ *notice.Entry, try int) error {
			at = append(at, time.Since(begin).Round(time.Second))
			return fmt.Errorf("refused for the time %d", try)
		}}
		good := &told{}
		d := newDrainer(dir, map[string]deliver{notice.Webhook: bad.deliver, notice.Mail: good.deliver})
		e := event("task#0", "x", begin, notice.Webhook, "https://a/")
		e.Targets = append(e.Targets, notice.Target{Kind: notice.Mail, To: "ops@x"})
		put(t, d, e)
		drainFor(t, d, 20*time.Hour)
		want(t, "tries", len(at), 5)
		for i, least := range []time.Duration{0, 30 * time.Second, 2 * time.Minute, 8 * time.Minute, 32 * time.Minute} {
			if i > 0 && (at[i]-at[i-1] < least || at[i]-at[i-1] > least*5/4+lookEvery) {
				t.Errorf("try %d came after %v", i+1, at[i]-at[i-1])
			}
		}
		want(t, "delivered to the other", len(good.got), 1)
		over := dead(t, d)
		if len(over) != 1 || over[0].Targets[0].Error != "refused for the time 5" || over[0].Targets[1].Over != notice.Delivered {
			t.Errorf("got %+v", over)
		}
		want(t, "left", d.spool.Empty(), true)
		counted := notice.Failures{Tries: map[string]int{notice.Webhook: 5}, GivenUp: map[string]int{notice.Webhook: 1}}
		want(t, "counted", d.spool.Failures(), counted)
	})
}

// TestForever: what can't get better is not tried again, what is too old not at all.
func TestForever(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &told{answer: func(*notice.Entry, int) error { return &failure{err: errors.New("gone"), forever: true} }}
		d := newDrainer(dir, map[string]deliver{notice.Webhook: w.deliver})
		now := time.Now()
		put(t, d, event("task#0", "gone", now, notice.Webhook, "https://a/"), event("task#1", "old", now.Add(-25*time.Hour), notice.Webhook, "https://a/"))
		drainFor(t, d, 0)
		want(t, "tried", w.got, []string{"task#0 gone 1"})
		over := dead(t, d)
		if len(over) != 2 || !strings.Contains(over[0].Targets[0].Error, "within 24h") || over[1].Targets[0].Error != "gone" {
			t.Errorf("got %+v", over)
		}
		counted := notice.Failures{Tries: map[string]int{notice.Webhook: 1}, GivenUp: map[string]int{notice.Webhook: 2}}
		want(t, "counted", d.spool.Failures(), counted)
	})
}

// TestBetweenTries: a process that dies in a try has used it up, and the next one waits as long as the first
// would have.
func TestBetweenTries(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		tries := func(d *drainer) int {
			names, _ := d.spool.Names()
			e, err := d.spool.Read(names[0])
			if err != nil {
				t.Fatal(err)
			}
			return e.Targets[0].Tries
		}
		crash := errors.New("killed here")
		for life := 1; life <= 5; life++ {
			var w told
			d := newDrainer(dir, map[string]deliver{notice.Webhook: w.deliver})
			if life == 1 {
				put(t, d, event("task#0", "x", time.Now(), notice.Webhook, "https://a/"))
			}
			names, _ := d.spool.Names()
			path := filepath.Join(dir, names[0])
			var during []byte // the spool as it is in the middle of a try
			w.answer = func(*notice.Entry, int) error {
				want(t, "written before", tries(d), life)
				during, _ = os.ReadFile(path)
				return crash
			}
			drainFor(t, d, 0)
			want(t, "tried", len(w.got), 1)
			_ = os.WriteFile(path, during, 0o600)
			drainFor(t, newDrainer(dir, d.ways), 0) // at once: it is not its time
			want(t, "not again at once", len(w.got), 1)
			time.Sleep(time.Hour)
		}
	})
}

// TestHostsApart: a host that hangs has two tries in flight and no more, is left alone after that, and keeps
// nothing from others; once ends all the same.
func TestHostsApart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		hang, good := &told{takes: time.Hour}, &told{}
		d := newDrainer(dir, map[string]deliver{notice.Webhook: hang.deliver, notice.Mail: good.deliver})
		begin := time.Now()
		for i := range 200 {
			put(t, d, event(fmt.Sprint("task#", i), "x", begin, notice.Webhook, "https://hangs/"), event(fmt.Sprint("task#", i), "y", begin.Add(time.Second), notice.Mail, "ops@x"))
		}
		drainFor(t, d, 0)
		want(t, "at once", hang.most, 2)
		want(t, "mails", len(good.got), 200)
		if took := time.Since(begin); took > 11*time.Second || len(hang.got) > 4 {
			t.Errorf("once took %v, with %d tries", took, len(hang.got))
		}
		drainFor(t, d, 48*time.Hour) // everything has an end
		want(t, "left", d.spool.Empty(), true)
		want(t, "given up", len(dead(t, d)), 200)
		want(t, "at once", hang.most, 2)
	})
}

// TestPace: five pings a minute and target, and a start or a success that a later end makes superfluous is
// left out.
func TestPace(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		w := &told{answer: func(*notice.Entry, int) error { at = append(at, time.Now()); return nil }}
		d := newDrainer(dir, map[string]deliver{notice.Ping: w.deliver})
		now := time.Now()
		for i := range 40 {
			e := event("task#0", fmt.Sprint(i), now.Add(time.Duration(i)*time.Second), notice.Ping, "https://hc/uuid")
			if i%2 == 0 {
				e.Event.Type = task.EventStarted
			} else if i < 39 {
				e.Event.Type = task.EventOK
			}
			put(t, d, e)
		}
		put(t, d, event("task#1", "other", now, notice.Ping, "https://hc/other"))
		for range 10 { // as om tick starts it
			drainFor(t, newDrainer(dir, d.ways), 0)
			time.Sleep(20 * time.Second)
		}
		for i := range at {
			if i >= 6 && at[i].Sub(at[i-6]) < 55*time.Second { // with the other's
				t.Errorf("pings at %v", at)
			}
		}
		last := w.got[len(w.got)-1]
		if last != "task#0 39 1" || !d.spool.Empty() || len(w.got) > 10 {
			t.Errorf("got %q, left: %v", w.got, !d.spool.Empty())
		}
	})
}

// TestWakes: what comes while the daemon's deliverer is at work is delivered when it is woken.
func TestWakes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var w told
		wake := make(chan struct{}, 1)
		d := newDrainer(dir, map[string]deliver{notice.Mail: w.deliver})
		d.wake = wake
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { _ = d.drain(ctx) })
		time.Sleep(time.Second)
		put(t, d, event("task#0", "x", time.Now(), notice.Mail, "ops@x"))
		wake <- struct{}{}
		time.Sleep(time.Millisecond)
		want(t, "at once", w.count(), 1)
		put(t, d, event("task#0", "y", time.Now(), notice.Mail, "ops@x"))
		time.Sleep(lookEvery)
		want(t, "by itself", w.count(), 2)
		stop()
		wg.Wait()
	})
}

// TestLeftovers: an event that is all told, for who told it was ended just then, or that is for nobody, goes out of the spool; what
// is no event is set aside.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := &heard{begin: time.Now()}
		d := h.drainer(dir)
		told := waits("web", "task#0", "told", time.Now(), notice.Wait{})
		told.Targets[0].Over = notice.Delivered
		put(t, d, told)
		for name, text := range map[string]string{"0-nobody": `{"event":{"type":"ok"},"targets":[]}`, "0-empty": "", "0-cut": `{"event":{"type":"o`, "0-null": "null"} {
			if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		drainFor(t, d, 0)
		wantHeard(t, h)
		want(t, "left", d.spool.Empty(), true)
		names, _ := (&notice.Spool{Dir: filepath.Join(dir, "dead")}).Names()
		want(t, "set aside", names, []string{"0-cut.json", "0-empty.json"})
	})
}
