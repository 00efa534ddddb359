package soak_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// mixed writes tasks of all kinds, that are due up to an instant.
func (w *world) mixed(until time.Time) {
	limit := "not_after = " + until.UTC().Format("2006-01-02T15:04:05Z") + "\nlog = none\n"
	section := func(rid, schedule, seconds string, code int, more string) string {
		return "[" + rid + "]\ncommand = " + w.probing(seconds, code) + "\nschedule = " + schedule + "\n" + limit + more + "\n"
	}
	w.write("etc/mix.conf",
		section("task#once", "calendar:*:*:*", "0", 0, "")+
			section("task#again", "calendar:*:*:0/2", "0.1", 0, "delivery = at-least-once\nlost_retry = 2\nidempotent = true\nretry_delay = 1s\n")+
			section("task#repeat", "calendar:*:*:0/15", "0.5", 0, "delivery = at-least-once\nlost_retry = 9\nidempotent = true\nretry_delay = 1s\n")+
			section("task#long", "calendar:*:*:*", "1.3", 0, "")+
			section("task#one", "calendar:*:*:*", "0.4", 0, "overlap = queue-one\n")+
			section("task#all", "calendar:*:*:0/2", "0.3", 0, "overlap = queue-all\n")+
			section("task#some", "calendar:*:*:0/2", "1.5", 0, "overlap = queue-all(2)\n")+
			section("task#replace", "calendar:*:*:0/4", "3", 0, "overlap = replace(kill)\n")+
			section("task#fail", "calendar:*:*:0/5", "0", 1, "retries = 2\nretry_delay = 1s\n")+
			section("task#allow", "calendar:*:*:0/2", "2", 0, "overlap = allow\n")+
			section("task#every", "every 3s", "0", 0, "catchup = all\ncatchup_limit = 4\n")+
			section("task#grid", "calendar:*:*:0/3", "0", 0, "catchup = all\ncatchup_limit = 4\n")+
			section("task#five", "calendar:*:*:0/2", "0", 0, "run_times = 5\n")+
			section("task#deadline", "calendar:*:*:0/2", "0.2", 0, "overlap = queue-all\ndeadline = 5s\n")+
			section("task#off", "calendar:*:*:*", "0", 0, "disable = true\n"))
	w.write("etc/locks.conf",
		section("task#a", "calendar:*:*:0/2", "0.2", 0, "lock = tape\noverlap = queue-all\n")+
			section("task#b", "calendar:*:*:0/2", "0.2", 0, "lock = tape\n")+
			section("task#c", "calendar:*:*:0/3", "0.3", 0, "lock = tape pool:2\noverlap = queue-one\n")+
			section("task#d", "calendar:*:*:*", "0.3", 0, "lock = pool:2\n")+
			section("task#e", "calendar:*:*:*", "0.3", 0, "lock = pool:2\n")+
			section("task#f", "calendar:*:*:0/2", "0.3", 0, "lock = pool:2\noverlap = queue-all\n"))
	w.write("etc/cold.conf", section("task#0", "calendar:*:*:*", "0", 0, "")+section("task#all", "calendar:*:*:0/2", "0.6", 0, "overlap = queue-all\n"))
	w.good = section("task#0", "calendar:*:*:0/2", "0", 0, "")
	w.write("etc/broken.conf", w.good)
	w.write("etc/edited.conf", section("task#0", "calendar:*:*:0/2", "0", 0, "")+section("task#still", "calendar:*:*:0/2", "0", 0, ""))
	w.moved[task.ID{Service: "edited", RID: "task#0"}] = true
	w.write("etc/off.conf", section("task#0", "calendar:*:*:*", "0.1", 0, "")+section("task#1", "calendar:*:*:0/2", "0.6", 0, "overlap = queue-all\n"))
	w.write("gate", "")
	w.write("etc/gated.conf", w.watched("app#gate", "gate", "optional = true\n")+
		section("task#now", "calendar:*:*:*", "0", 0, "run_requires = app#gate\n")+
		section("task#soon", "calendar:*:*:0/3", "0.1", 0, "run_requires = app#gate\nrequires_wait = 2s\n")+
		section("task#all", "calendar:*:*:0/2", "0.2", 0, "run_requires = app#gate\nrequires_wait = 4s\noverlap = queue-all\n")+
		section("task#shut", "calendar:*:*:0/2", "0", 0, "run_requires = app#gate(down)\n"))
	w.write("up", "")
	w.write("etc/active.conf", w.watched("app#up", "up", "")+section("task#0", "calendar:*:*:*", "0", 0, "")+
		section("task#all", "calendar:*:*:0/2", "0.6", 0, "overlap = queue-all\n"))
	w.write("etc/own.conf", w.volume()+
		section("task#0", "calendar:*:*:*", "0", 0, "")+
		section("task#again", "calendar:*:*:0/3", "0.3", 0, "delivery = at-least-once\nlost_retry = 9\nidempotent = true\nretry_delay = 1s\n")+
		section("task#all", "calendar:*:*:0/2", "0.3", 0, "overlap = queue-all\nlock = tape\n")+
		section("task#fail", "calendar:*:*:0/5", "0", 1, "retries = 2\nretry_delay = 1s\n"))
}

// watched is a resource that is up while a file is there.
func (w *world) watched(rid, name, more string) string {
	return fmt.Sprintf("[%s]\ncheck = test -e %s\n%s\n", rid, filepath.Join(w.dir, name), more)
}

// volume says where a service has its record: for root on a filesystem that may be away.
func (w *world) volume() string {
	w.Helper()
	for _, name := range []string{"volume", "own"} {
		if err := os.MkdirAll(filepath.Join(w.dir, name), 0o700); err != nil {
			w.Fatal(err)
		}
	}
	w.own["own"] = filepath.Join(w.dir, "own", "om.db")
	text := "[DEFAULT]\nstate = " + w.own["own"] + "\n"
	if os.Geteuid() != 0 {
		return text
	}
	n := &nemesis{world: w}
	n.mountOwn()
	w.Cleanup(func() {
		w.end()
		w.quiet(time.Now().Add(5 * time.Second))
		n.unmountOwn()
	})
	return text + fmt.Sprintf("[fs#0]\ntype = bind\ndev = %s\nmnt = %s\noptional = true\n", filepath.Join(w.dir, "volume"), filepath.Join(w.dir, "own"))
}

// heal lets everything come to its end: the clock goes past the last slot, and on.
func (w *world) heal(until time.Time) {
	w.Helper()
	begin := time.Now()
	defer func() { w.Logf("healed in %s", time.Since(begin).Round(time.Second)) }()
	ahead := max(w.ahead(), time.Until(until))
	for deadline := time.Now().Add(60 * time.Second); ; {
		ahead += 31 * time.Second
		w.setClock(setting{ahead: ahead})
		w.om("tick", "-q")
		w.quiet(deadline)
		w.om("tick", "-q")
		if w.settled() {
			return
		}
		if time.Now().After(deadline) {
			w.Error("after a minute there are slots that wait, or runs in progress")
			return
		}
	}
}

// quiet waits until no process of the world is left.
func (w *world) quiet(deadline time.Time) {
	for len(w.processes()) > 0 && time.Now().Before(deadline) {
		pause(20 * time.Millisecond)
	}
}

// settled says that nothing waits and nothing is in progress.
func (w *world) settled() bool {
	w.Helper()
	calm := true
	w.records(func(db *state.DB) {
		running, err := db.Running(context.Background(), "", "")
		if err != nil {
			w.Fatal(err)
		}
		pending, err := db.Pending(context.Background(), task.ID{}, 0)
		if err != nil {
			w.Fatal(err)
		}
		next, err := db.NextDue(context.Background())
		if err != nil {
			w.Fatal(err)
		}
		calm = calm && len(running) == 0 && len(pending) == 0 && (next.IsZero() || next.After(w.shown(time.Now()).Add(time.Minute)))
	})
	journals, _ := filepath.Glob(filepath.Join(w.state, "journal", "*"))
	return calm && len(journals) == 0 && len(w.processes()) == 0
}

// TestKilled kills ticks, daemons and supervisors a thousand times at random instants, however long that takes, while they run
// tasks of all kinds, with people, files and resources that change meanwhile, and a disk that is slow, or full.
func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const kills = 1000
	limit := 25 * time.Second // that tasks are due
	if *minutes > 0 {
		limit = time.Duration(*minutes * float64(time.Minute))
	}
	w.clock = "clock"
	w.daemon() // to build it takes its time
	w.limit()
	until := time.Now().Add(limit).Truncate(time.Second)
	w.mixed(until)
	begin := time.Now()
	typical := w.settle()
	enough := func() bool { return w.kills() >= kills && (*minutes == 0 || time.Since(begin) > limit) }
	w.rage(typical, enough, (*nemesis).harm, (*nemesis).changes)
	t.Logf("%d kills in %s; a tick takes %s", w.kills(), time.Since(begin).Round(time.Second), typical)
	w.heal(until)
	w.check()
}

// settle lets om see its files for the first time, and notes what there is. It returns how long a tick takes.
func (w *world) settle() time.Duration {
	w.Helper()
	for name := range w.own {
		w.om(name, "state", "init")
	}
	begin := time.Now()
	w.om("tick", "-q")
	typical := time.Since(begin)
	w.note()
	w.watch()
	return typical
}
