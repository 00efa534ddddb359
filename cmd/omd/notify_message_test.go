package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"om/notice"
	"om/task"
)

// heard is a way of delivery that notes when it is given what, and fails as it is told to.
type heard struct {
	mu    sync.Mutex
	begin time.Time
	got   []string
	ids   []string
	fails func(e *notice.Entry) error
}

func (h *heard) deliver(_ context.Context, e *notice.Entry, t *notice.Target) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := time.Since(h.begin).Round(time.Second)
	h.got = append(h.got, fmt.Sprint(at, " ", t.Kind, " ", e.Event.Service, "/", e.Event.Task, " ", name(e)))
	h.ids = append(h.ids, e.Event.ID)
	if h.fails != nil {
		return h.fails(e)
	}
	return nil
}

func (h *heard) drainer(dir string) *drainer {
	ways := map[string]deliver{}
	for _, kind := range notice.Kinds() {
		ways[kind] = h.deliver
	}
	return newDrainer(dir, ways)
}

// waits is an event of a service that people are told, and a ping.
func waits(service, tk, name string, at time.Time, w notice.Wait) notice.Entry {
	e := event(tk, service+name, at, notice.Webhook, "https://a/")
	e.Event.Service, e.Event.Run.Reason, e.Wait = service, name, w
	return e
}

func pinged1(e notice.Entry) notice.Entry {
	e.Targets = append(slices.Clone(e.Targets), notice.Target{Kind: notice.Ping, To: "https://hc/" + e.Event.Service + e.Event.Task})
	return e
}

// wantHeard compares what was told, in any order.
func wantHeard(t *testing.T, h *heard, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	got := slices.Sorted(slices.Values(h.got))
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestGroup: what happens to a service within a time becomes one message for each target, and a single event stays what it is.
// Pings are neither put off nor put together.
func TestGroup(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		h := &heard{begin: now}
		d := h.drainer(dir)
		w := notice.Wait{Group: 10 * time.Second}
		for i := range 3 {
			put(t, d, pinged1(waits("web", fmt.Sprint("task#", i), fmt.Sprint("w", i), now.Add(time.Duration(i)*time.Second), w)))
		}
		put(t, d, waits("db", "task#0", "d0", now, w), waits("mq", "task#0", "m0", now, notice.Wait{}))
		drainFor(t, d, time.Minute)
		put(t, d, waits("web", "task#0", "late", now.Add(time.Minute), w))
		drainFor(t, h.drainer(dir), time.Hour)
		wantHeard(
			t, h, "0s ping web/task#0 w0", "0s ping web/task#1 w1", "0s ping web/task#2 w2", "0s webhook mq/task#0 m0",
			"10s webhook db/task#0 d0", "10s webhook web/ w0+w1+w2", "1m10s webhook web/task#0 late",
		)
		want(t, "left", d.spool.Empty(), true)
	})
}

// TestGroupHurry: a tick does not wait for what gathers within a minute, and leaves the rest to the next.
func TestGroupHurry(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		h := &heard{begin: now}
		d := h.drainer(dir)
		for i, name := range []string{"a", "b"} {
			at := now.Add(time.Duration(i) * time.Millisecond)
			put(t, d, waits("web", "task#"+name, name, at, notice.Wait{Group: 10 * time.Second}))
			put(t, d, waits("db", "task#"+name, name, at, notice.Wait{Group: 10 * time.Minute}))
		}
		for range 12 {
			drainFor(t, h.drainer(dir), 0)
			time.Sleep(time.Minute)
		}
		wantHeard(t, h, "0s webhook web/ a+b", "9m0s webhook db/ a+b")
	})
}

// TestGroupAgain: a message that has to be told again is the same one, whoever tells it, and what came meanwhile is not in it. A
// task whose events wait for it does not keep others from theirs.
func TestGroupAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		h := &heard{begin: now, fails: func(e *notice.Entry) error { return &failure{err: errors.New("no"), own: true} }}
		d := h.drainer(dir)
		w := notice.Wait{Group: time.Second}
		put(t, d, waits("web", "task#0", "a", now, w), waits("web", "task#1", "b", now.Add(1000), w))
		drainFor(t, d, 2*time.Second)
		put(t, d, waits("web", "task#0", "c", now.Add(2*time.Second), w), waits("web", "task#2", "d", now.Add(3*time.Second), w))
		drainFor(t, h.drainer(dir), 10*time.Second)
		h.fails = nil
		drainFor(t, h.drainer(dir), time.Hour)
		if len(h.got) != 5 || h.got[0] != "1s webhook web/ a+b" || !strings.HasSuffix(h.got[1], "web/task#2 d") {
			t.Fatalf("told %q", h.got)
		}
		again := slices.IndexFunc(h.got[1:], func(s string) bool { return strings.HasSuffix(s, " web/ a+b") }) + 1
		if h.ids[again] != h.ids[0] || !strings.HasSuffix(h.ids[0], "-summary") || !strings.HasSuffix(h.got[4], "web/task#0 c") && !strings.HasSuffix(h.got[3], "web/task#0 c") {
			t.Errorf("told %q with %q", h.got, h.ids)
		}
		want(t, "left", d.spool.Empty(), true)
	})
}

// TestGroupBounded: thousands of events of a service become messages of a size that servers take, each event in one of them.
func TestGroupBounded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		told, messages := map[string]int{}, 0
		h := &heard{begin: now, fails: func(e *notice.Entry) error {
			messages++
			if len(e.Event.Events) > mostParts || len(e.Parts) != len(e.Event.Events) {
				t.Errorf("%d events", len(e.Event.Events))
			}
			for _, part := range e.Event.Events {
				told[part.ID]++
			}
			return nil
		}}
		d := h.drainer(dir)
		const events = 1000
		for i := range events {
			put(t, d, waits("web", fmt.Sprint("task#", i), fmt.Sprint(i), now.Add(time.Duration(i)*time.Millisecond), notice.Wait{Group: time.Minute}))
		}
		drainFor(t, d, time.Hour)
		if len(told) != events || messages > 20 || !d.spool.Empty() {
			t.Errorf("%d events in %d messages", len(told), messages)
		}
		for id, n := range told {
			if n != 1 {
				t.Errorf("%s: %d times", id, n)
			}
		}
	})
}

// TestQuiet: in quiet hours nothing but what is urgent is told, and pings; at their end all of it is, once, by whoever is there
// then. That takes no event's time to be told. The clock begins on a Saturday.
func TestQuiet(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		h := &heard{begin: now}
		d := h.drainer(dir)
		weekend := notice.Wait{Quiet: "* sat,sun UTC", Group: 10 * time.Second}
		paris := notice.Wait{Quiet: "00:00-06:00 Europe/Paris"} // it is one there
		put(
			t, d, pinged1(waits("web", "task#0", "w0", now, weekend)), waits("db", "task#0", "d0", now.Add(time.Minute), weekend),
			waits("web", "task#1", "urgent", now.Add(time.Second), notice.Wait{}), waits("mq", "task#0", "m0", now, paris), waits("mq", "task#1", "m1", now.Add(1000), paris),
			waits("db", "task#0", "d1", now.Add(24*time.Hour), weekend), waits("bad", "task#0", "b0", now, notice.Wait{Quiet: "nonsense Nowhere/City"}),
		)
		drainFor(t, d, 30*time.Second)
		wantHeard(t, h, "0s ping web/task#0 w0", "0s webhook web/task#1 urgent", "0s webhook bad/task#0 b0")
		want(t, "held", d.spool.Held(), 5)
		for range 50 {
			drainFor(t, h.drainer(dir), time.Hour)
		}
		wantHeard(
			t, h, "0s ping web/task#0 w0", "0s webhook web/task#1 urgent", "0s webhook bad/task#0 b0",
			"5h0m0s webhook mq/ m0+m1", "48h0m0s webhook / w0+d0+d1",
		)
		want(t, "left", d.spool.Empty(), true)
		want(t, "held", d.spool.Held(), 0)
		want(t, "dead", len(dead(t, d)), 0)
	})
}

// TestQuietComes: what was tried in vain before quiet hours is tried again after them, for it is not to be heard in between.
func TestQuietComes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		h := &heard{begin: now, fails: func(*notice.Entry) error { return errors.New("no") }}
		d := h.drainer(dir)
		put(t, d, waits("web", "task#0", "a", now, notice.Wait{Quiet: "00:01-23:30 UTC"}), waits("web", "task#1", "b", now, notice.Wait{Quiet: "00:01-23:30 UTC", Group: time.Second}), waits("web", "task#2", "c", now, notice.Wait{Quiet: "00:01-23:30 UTC", Group: time.Second}))
		drainFor(t, d, time.Minute)
		before := len(h.got)
		h.fails = nil
		drainFor(t, h.drainer(dir), 30*time.Hour)
		for _, got := range h.got[before:] {
			if !strings.HasPrefix(got, "23h30m0s ") {
				t.Errorf("told %s", got)
			}
		}
		if len(h.got) != before+2 || !d.spool.Empty() || len(dead(t, d)) > 0 {
			t.Errorf("told %q", h.got)
		}
	})
}

// TestClockSetBack: an event of a time that has not come, or whose next try is of one, is told now.
func TestClockSetBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		h := &heard{begin: now}
		d := h.drainer(dir)
		year := now.AddDate(1, 0, 0)
		put(
			t, d, waits("web", "task#0", "future", year, notice.Wait{Group: time.Hour, Quiet: "12:00-13:00 UTC"}),
			waits("db", "task#0", "future", year, notice.Wait{}), pinged1(waits("mq", "task#0", "future", year, notice.Wait{})),
		)
		tried := waits("web", "task#1", "tried", now, notice.Wait{})
		tried.Targets[0].Tries, tried.Targets[0].Next = 1, year
		put(t, d, tried)
		drainFor(t, d, 0)
		wantHeard(
			t, h, "0s webhook web/task#0 future", "0s webhook web/task#1 tried", "0s webhook db/task#0 future", "0s webhook mq/task#0 future",
			"0s ping mq/task#0 future",
		)
	})
}

// TestCrashInMessage: a process that dies in a try of several events has used it up for all of them, and the next one tells the
// same message; one that dies while it takes them out of the spool tells the rest under the same name.
func TestCrashInMessage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		h := &heard{begin: now}
		d := h.drainer(dir)
		w := notice.Wait{Group: time.Second}
		put(t, d, waits("web", "task#0", "a", now, w), waits("web", "task#1", "b", now.Add(1000), w), waits("web", "task#2", "c", now.Add(2000), w))
		var during map[string][]byte
		h.fails = func(*notice.Entry) error {
			during = spoolFiles(t, d)
			return nil
		}
		drainFor(t, d, time.Minute)
		restore := func(files map[string][]byte) {
			for path, text := range files {
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		h.fails = nil
		restore(during)
		drainFor(t, h.drainer(dir), time.Hour)
		restore(during)
		first := slices.Sorted(func(yield func(string) bool) {
			for path := range during {
				if !yield(path) {
					return
				}
			}
		})[0]
		if err := os.Remove(first); err != nil {
			t.Fatal(err)
		}
		drainFor(t, h.drainer(dir), time.Hour)
		if len(h.got) != 3 || h.ids[1] != h.ids[0] || h.ids[2] != h.ids[0] || !strings.HasSuffix(h.got[1], " a+b+c") || !strings.HasSuffix(h.got[2], " b+c") {
			t.Errorf("told %q with %q", h.got, h.ids)
		}
	})
}

func spoolFiles(t *testing.T, d *drainer) map[string][]byte {
	t.Helper()
	names, err := d.spool.Names()
	if err != nil {
		t.Error(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		path := filepath.Join(d.spool.Dir, name)
		if all[path], err = os.ReadFile(path); err != nil {
			t.Error(err)
		}
	}
	return all
}

// TestPingServerDown: while a server does not answer, of the pings for it only those that it must know of stay in the spool.
func TestPingServerDown(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		down := true
		h := &heard{begin: now, fails: func(*notice.Entry) error {
			if down {
				return errors.New("down")
			}
			return nil
		}}
		for i := range 120 {
			e := event("task#0", fmt.Sprint(i), time.Now(), notice.Ping, "https://hc/uuid")
			if e.Event.Type = task.EventStarted; i%2 == 1 {
				e.Event.Type = task.EventOK
			}
			d := h.drainer(dir)
			put(t, d, e)
			drainFor(t, d, 0)
			if names, _ := d.spool.Names(); len(names) > 4 {
				t.Fatalf("%d are left after %d", len(names), i)
			}
			time.Sleep(10 * time.Second)
		}
		down = false
		h.got = nil
		drainFor(t, h.drainer(dir), time.Hour)
		if last := h.got[len(h.got)-1]; len(h.got) > 2 || !strings.HasSuffix(last, "task#0 119") {
			t.Errorf("told %q", h.got)
		}
	})
}

// TestSummary: what a mail, a webhook and a command are told of several events.
func TestSummary(t *testing.T) {
	var p post
	url, got := server(t)
	n := newNotifier(t)
	nodeConf(t, n, "smtp = "+p.serve(t, nil), "from = om@example.com")
	said, output := filepath.Join(n.Home, "said"), filepath.Join(n.Home, "out.log")
	writeOutput(t, output, strings.Repeat("x", 100_000)+"\nthe end\n")
	to := []notice.Target{
		{Kind: notice.Mail, To: "ops@example.com"},
		{Kind: notice.Webhook, To: url},
		{Kind: notice.Command, To: `echo "$OM_EVENT $OM_EVENT_COUNT $OM_SERVICE $OM_TASK: $OM_SUMMARY" >` + said + "; wc -l >>" + said, Shell: "sh"},
	}
	var all []notice.Entry
	for i := range 3 {
		e := ended(task.Failed, 3, output, to...)
		e.Event.ID = fmt.Sprintf("%d-failed", i)
		if i == 2 {
			e.Event.Type, e.Event.Run.State = task.EventRecovered, string(task.Complete)
		}
		e.Event.Timestamp = e.Event.Timestamp.Truncate(time.Second).Add(time.Duration(i) * time.Millisecond)
		e.Event.Task, e.Wait = fmt.Sprint("task#", i), notice.Wait{Group: time.Second}
		all = append(all, e)
	}
	once(t, n, all...)
	if len(p.mails) != 1 || len(got()) != 1 {
		t.Fatalf("%d mails, %d webhooks", len(p.mails), len(got()))
	}
	since := all[0].Event.Timestamp.Format(time.RFC3339)
	_, subject, body := open(t, p.mails[0].text)
	want(t, "subject", subject, "[om] n1 web: 3 events since "+since+": 2 failed, 1 recovered")
	if strings.Count(body, "\nthe end\n") != 3 || strings.Count(body, since+"  n1 web task#") != 3 || len(body) > 32<<10 {
		t.Errorf("body %s", body)
	}
	var event notice.Event
	if err := json.Unmarshal(got()[0].body, &event); err != nil || event.Type != task.EventSummary || len(event.Events) != 3 || event.Events[2].Task != "task#2" {
		t.Errorf("%v in %s", err, got()[0].body)
	}
	want(t, "id", got()[0].header.Get("webhook-id"), event.ID)
	text, err := os.ReadFile(said)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "command", string(text), "summary 3 web : 3 events since "+since+": 2 failed, 1 recovered\n1\n")
}

// TestSummarySize: a mail about many long events stays small, and names each.
func TestSummarySize(t *testing.T) {
	var all []notice.Entry
	for i := range mostParts {
		run := task.Run{ID: fmt.Sprint(i), Task: task.ID{Service: "web", RID: fmt.Sprint("task#", i)}, State: task.Failed, Reason: strings.Repeat("long ", 1000)}
		all = append(all, notice.Entry{Event: notice.OfRun("n1", task.EventFailed, run, time.Now())})
	}
	text := summaryBody(t.Context(), &notice.Entry{Event: notice.Summary("x", all), Parts: all})
	if len(text) > 300<<10 || !strings.Contains(text, "n1 web task#199  failed") || !strings.Contains(text, "no room for more") {
		t.Errorf("%d bytes: %.2000s", len(text), text)
	}
}
