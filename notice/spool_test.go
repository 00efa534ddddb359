package notice_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"om/notice"
	"om/task"
)

func entry(i int) notice.Entry {
	run := task.Run{ID: fmt.Sprintf("01a2fa2a-36c8-7aaa-8aaa-%012d", i), Task: task.ID{Service: "web", RID: "task#0"}, State: task.Failed, ExitCode: 3}
	return notice.Entry{
		Event:   notice.OfRun("n1", task.EventFailed, run, time.Unix(int64(i), 0)),
		Targets: []notice.Target{{Kind: notice.Mail, To: "ops@example.com"}},
	}
}

func put(t *testing.T, s *notice.Spool, e notice.Entry) {
	t.Helper()
	if err := s.Put(e); err != nil {
		t.Fatal(err)
	}
}

// TestSpool: what is put in comes out as it was, the oldest first, and the same event is there once.
func TestSpool(t *testing.T) {
	s := &notice.Spool{Dir: filepath.Join(t.TempDir(), "spool")}
	if !s.Empty() {
		t.Error("a spool that is not there has something in it")
	}
	for _, i := range []int{3, 1, 2, 1} {
		put(t, s, entry(i))
	}
	put(t, s, notice.Entry{Event: entry(9).Event})
	names, err := s.Names()
	if err != nil || len(names) != 3 || s.Empty() {
		t.Fatalf("got %q, %v", names, err)
	}
	for i, name := range names {
		e, err := s.Read(name)
		if want := entry(i + 1); err != nil || e.Event.ID != want.Event.ID || e.Targets[0] != want.Targets[0] || *e.Event.Run.ExitCode != 3 {
			t.Errorf("got %+v, %v", e, err)
		}
		if info, err := os.Stat(filepath.Join(s.Dir, name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("got %v, %v", info.Mode(), err)
		}
	}
	if info, err := os.Stat(s.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

// TestSpoolBounds: a spool that nobody empties drops the oldest, by whomever it is filled, and counts them.
func TestSpoolBounds(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for p := range 4 {
		wg.Go(func() {
			s := &notice.Spool{Dir: dir}
			for i := range 1500 {
				if err := s.Put(entry(p*1500 + i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s := &notice.Spool{Dir: dir}
	put(t, s, entry(10000))
	names, _ := s.Names()
	if len(names) > 4096 || len(names) < 3000 || s.Dropped() < 6001-4096 {
		t.Errorf("got %d events, %d dropped", len(names), s.Dropped())
	}
	if last := names[len(names)-1]; !strings.Contains(last, "000000010000") {
		t.Errorf("the newest is %s", last)
	}
	if dropped := s.Dropped(); s.Failures().Dropped != dropped {
		t.Errorf("%d are counted, %d dropped", s.Failures().Dropped, dropped)
	} else if n, err := s.CountDropped(); n != dropped || err != nil || s.Dropped() != 0 || s.Failures().Dropped != dropped {
		t.Errorf("counted %d, %v; then %d dropped, %d counted", n, err, s.Dropped(), s.Failures().Dropped)
	}
	if s.Forget() != nil || s.Dropped() != 0 {
		t.Error("the count stays")
	}
}

// TestSpoolDead: what can't be delivered or read is set aside, and bounded.
func TestSpoolDead(t *testing.T) {
	s := &notice.Spool{Dir: t.TempDir()}
	for i := range 300 {
		e := entry(i)
		put(t, s, e)
		names, _ := s.Names()
		e.Name, e.Targets[0].Error = names[0], "refused"
		if err := s.Bury(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "x.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("x.json"); err == nil {
		t.Error("a broken event is read")
	}
	dead, _ := (&notice.Spool{Dir: filepath.Join(s.Dir, "dead")}).Names()
	if !s.Empty() || len(dead) != 256 || dead[255] != "x.json" {
		t.Errorf("got %d dead", len(dead))
	}
}

// TestSpoolHuge: an event that is too large is refused, and one with a hostile id stays in the folder.
func TestSpoolHuge(t *testing.T) {
	s := &notice.Spool{Dir: filepath.Join(t.TempDir(), "spool")}
	e := entry(1)
	e.Targets[0].To = strings.Repeat("x", 40<<10)
	if err := s.Put(e); err == nil {
		t.Error("40 KiB were taken")
	}
	e = entry(1)
	e.Event.ID = "../../../etc/x"
	put(t, s, e)
	if names, _ := s.Names(); len(names) != 1 || strings.Contains(names[0], "/") {
		t.Errorf("got %q", names)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, ".new-*")); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// TestSpoolStrange: what is no event is set aside and never waited for, whatever stands in its place, and keeps no event
// from being put in or taken out.
func TestSpoolStrange(t *testing.T) {
	s := &notice.Spool{Dir: t.TempDir()}
	at := func(name string) string { return filepath.Join(s.Dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(syscall.Mkfifo(at("0pipe.json"), 0o600))
	must(os.MkdirAll(at("0folder.json/full"), 0o700))
	must(os.Symlink("/dev/zero", at("0link.json")))
	must(os.WriteFile(at("0huge.json"), nil, 0o600))
	must(os.Truncate(at("0huge.json"), 1<<40))
	must(os.WriteFile(at("0less.json"), []byte(`{"targets":[{"kind":"mail","to":"x","tries":-9}]}`), 0o600))
	must(os.WriteFile(at("0binary.json"), []byte("\x00\xff\n"), 0o600))
	must(os.WriteFile(at("0gone.json"), nil, 0o000))
	must(os.WriteFile(at("no event"), []byte("hi"), 0o600))
	must(syscall.Mkfifo(at("pace"), 0o600))
	put(t, s, entry(1))
	names, err := s.Newest()
	if err != nil || len(names) != 8 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		e, err := s.Read(name)
		if wrong := name[0] == '0' && name[1] > '9'; wrong != (err != nil) || e.Name != name {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	if names, err = s.Names(); err != nil || len(names) != 1 {
		t.Errorf("left %q, %v", names, err)
	}
	if text := s.Noted("pace"); text != nil {
		t.Errorf("a pipe has %q", text)
	}
}

// TestSpoolFlood: as many events as there are, no more are kept than a spool holds, and new ones find room, also where
// what is oldest can't be removed.
func TestSpoolFlood(t *testing.T) {
	s := &notice.Spool{Dir: t.TempDir()}
	for i := range 6_000 {
		if err := os.WriteFile(filepath.Join(s.Dir, fmt.Sprintf("%016x-x.json", i)), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, "!first.json/full"), 0o700); err != nil {
		t.Fatal(err)
	}
	names, err := s.Newest()
	if err != nil || len(names) != 4096 || names[4095] != "000000000000176f-x.json" || s.Dropped() != 6_001-4096 {
		t.Errorf("%d names, %d dropped, %v", len(names), s.Dropped(), err)
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, "!second.json/full"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := entry(1)
	e.Event.Timestamp = time.Now()
	put(t, &notice.Spool{Dir: s.Dir}, e)
	if names, err = s.Names(); err != nil || len(names) > 4096 || !strings.Contains(names[len(names)-1], "01a2fa2a") {
		t.Errorf("%d names, %v", len(names), err)
	}
}

// FuzzSpoolRead: whatever stands in the file of an event, it is one or is set aside.
func FuzzSpoolRead(f *testing.F) {
	for _, text := range []string{"", "{}", "null", "[]", `{"targets":[{"tries":-1}]}`, `{"event":{"timestamp":"x"}}`, `{"name":"../x","targets":null}`} {
		f.Add([]byte(text))
	}
	if text, err := json.Marshal(entry(1)); err == nil {
		f.Add(text)
	}
	s := &notice.Spool{Dir: f.TempDir()}
	f.Fuzz(func(t *testing.T, text []byte) {
		const name = "1-x.json"
		path := filepath.Join(s.Dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := s.Read(name)
		if _, gone := os.Stat(path); (gone != nil) != (err != nil) || e.Name != name {
			t.Errorf("%v, and the file: %v; name %q", err, gone, e.Name)
		}
		for _, target := range e.Targets {
			if err == nil && target.Tries < 0 {
				t.Errorf("%+v", target)
			}
		}
	})
}

// TestLock: one takes events out at a time.
func TestLock(t *testing.T) {
	s := &notice.Spool{Dir: t.TempDir()}
	first, err := s.Lock()
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if second, err := s.Lock(); err != nil || second != nil {
		t.Error("two have it")
	}
	_ = first.Close()
	third, err := s.Lock()
	if err != nil || third == nil {
		t.Fatal(third, err)
	}
	_ = third.Close()
}

// TestOfSlots: the same slots have the same id, and others another.
func TestOfSlots(t *testing.T) {
	at := time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)
	slot := task.Slot{Task: task.ID{Service: "web", RID: "task#0"}, At: at, Last: at.Add(time.Hour), Count: 2, Decision: task.SlotMissed, Reason: "nobody\nlooked"}
	a, b := notice.OfSlots("n1", task.EventMissed, slot, at), notice.OfSlots("n1", task.EventMissed, slot, at.Add(time.Minute))
	other := slot
	other.At = at.Add(time.Minute)
	if c := notice.OfSlots("n1", task.EventMissed, other, at); a.ID != b.ID || a.ID == c.ID || a.Slots.Reason != "nobody looked" || a.Slots.Count != 2 {
		t.Errorf("got %+v %+v %+v", a, b, c)
	}
}

// TestTargets: a task's keywords make its targets, one for each address.
func TestTargets(t *testing.T) {
	tk := &task.Task{Shell: "auto", Notify: task.Notify{Command: "page", Mail: "b@x a@x, b@x", Webhook: "https://w/", WebhookSecret: "/s", Ping: "https://p/"}}
	var got []string
	for _, target := range append(notice.People(tk), notice.Pings(tk)...) {
		got = append(got, target.Kind+" "+target.To+" "+target.Secret)
	}
	want := "command page |mail a@x |mail b@x |webhook https://w/ /s|ping https://p/ "
	if strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
	if notice.People(&task.Task{}) != nil || notice.Pings(&task.Task{}) != nil {
		t.Error("nobody is somebody")
	}
}
