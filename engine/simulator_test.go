package engine

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"om/schedule"
	"om/task"
)

// mixed are services with tasks of all kinds, for days in spring on which the clocks of Europe are set.
func mixed() map[string]string {
	section := func(rid, schedule, more string) string {
		return "[" + rid + "]\ncommand = true\nlog = none\nschedule = " + schedule + "\n" + more + "\n"
	}
	const head = "[DEFAULT]\ncwd = /\n"
	return map[string]string{
		"a": head + "timezone = Europe/Paris\n" +
			section("task#night", "30 2 * * *", "") +
			section("task#shift", "cron:10,50 2 * * *", "dst_gap = shift") +
			section("task#gap", "cron:15,45 2 * * *", "dst_gap = skip") +
			section("task#window", "01:00-05:00", "") +
			section("task#inside", `["08:00-18:00@2h mon-sat", "! 12:00-14:00"]`, "") +
			section("task#spread", "cron:0 * * * *", "spread = 20m") +
			section("task#until", "cron:0 */2 * * *", "not_before = 2027-03-28 03:00\nnot_after = 2027-03-28 23:00") +
			section("task#five", "cron:*/30 * * * *", "run_times = 5") +
			section("task#off", "cron:* * * * *", "disable = true") +
			section("task#ask", "cron:* * * * *", "confirmation = true"),
		"b": head +
			section("task#fail", "cron:7 */3 * * *", "retries = 2\nretry_delay = 1m") +
			section("task#window", "cron:3 */4 * * *", "retries = 9\nretry_delay = 4m\nretry_window = 9m") +
			section("task#dead", "cron:*/10 * * * *", "overlap = queue-all(3)\ndeadline = 15m") +
			section("task#one", "cron:*/5 * * * *", "overlap = queue-one") +
			section("task#skip", "cron:*/5 * * * *", "") +
			section("task#allow", "cron:*/20 * * * *", "overlap = allow") +
			section("task#tape", "cron:*/15 * * * *", "lock = tape") +
			section("task#pool", "cron:1-59/15 * * * *", "lock = tape:1 pool:2\noverlap = queue-all") +
			section("task#drain", "cron:2-59/15 * * * *", "lock = pool\noverlap = queue-one") +
			section("task#all", "cron:0 */2 * * *", "catchup = all\ncatchup_limit = 4") +
			section("task#none", "cron:0 */2 * * *", "catchup = none") +
			section("task#last", "cron:*/9 * * * *", "catchup = last\ncatchup_window = 20m") +
			section("task#every", "every 50m", "") +
			section("task#after", "every 20m after end", "") +
			section("task#state", "cron:11 * * * *", "check = last_run") +
			section("task#needs", "cron:21 * * * *", "run_requires = task#state(up)") +
			section("task#waits", "cron:5 */6 * * *", "run_requires = task#broken(up)\nrequires_wait = 2h") +
			section("task#broken", "cron:0 3 * * *", "check = last_run\nretries = 1"),
	}
}

// mixedTakes and mixedFails are how long runs take, and which fail.
func mixedTakes() map[string]time.Duration {
	return map[string]time.Duration{
		"task#fail": 20 * time.Second, "task#dead": 17 * time.Minute, "task#one": 12*time.Minute + 13*time.Second, "task#skip": 6 * time.Minute, "task#allow": time.Hour,
		"task#tape": 11 * time.Minute, "task#pool": 9*time.Minute + 500*time.Millisecond, "task#drain": 4 * time.Minute, "task#all": 30 * time.Minute, "task#after": 5 * time.Minute,
		"": 10 * time.Second,
	}
}

func mixedFails() []string { return []string{"task#fail", "b/task#window", "task#broken"} }

func mixedBegin() time.Time { return time.Date(2027, 3, 27, 22, 30, 30, 0, time.UTC) }

// mixedUp is how long the loop is up before and after a time in which it is down.
const (
	mixedUp   = 10*time.Hour + 10*time.Second
	mixedDown = 7*time.Hour + 7*time.Minute
	mixedRest = 7 * time.Hour
)

// inBubble gives a node the time of a bubble.
func (v *virtual) inBubble() {
	shift := time.Until(mixedBegin())
	v.Now = func() time.Time { return time.Now().Add(shift) }
	v.sinceBoot = func() time.Duration { return time.Hour + v.Now().Sub(mixedBegin()) }
}

// mixedNode is a node with these services, whose runs are no processes.
func mixedNode(t *testing.T) *virtual {
	t.Helper()
	v := newVirtual(t, mixed())
	v.every = loopPeriod
	for path := range mixed() {
		v.Now = mixedBegin
		_, cals := v.nexts(path)
		for id := range cals {
			takes, _ := saidOf(mixedTakes(), id)
			v.last[id.RID] = max(takes, v.last[id.RID])
			if named(mixedFails(), id) && id.Service == "b" {
				v.fails[id.RID] = 9
			}
		}
	}
	return v
}

// mixedLoop is the daemon's loop over these days, with its own record.
func mixedLoop(t *testing.T) *virtual {
	t.Helper()
	v := mixedNode(t)
	synctest.Test(t, func(t *testing.T) {
		v.inBubble()
		turns := v.loopFor(t, mixedUp, fullTurn)
		time.Sleep(mixedDown)
		turns += v.loopFor(t, mixedRest, fullTurn)
		time.Sleep(12 * time.Hour) // the ends of the last runs are written
		t.Logf("%d turns", turns)
	})
	return v
}

// eachSlot has what was decided about each slot, one by one.
func eachSlot(t *testing.T, cals map[task.ID]*schedule.Schedule, all map[string]string, s task.Slot) {
	t.Helper()
	at := s.At
	for range s.Count {
		key := fmt.Sprintf("%s %s", s.Task, at.UTC().Format(time.RFC3339))
		if was, known := all[key]; known {
			t.Errorf("%s: %s, and %s", key, was, s.Decision)
		}
		all[key] = string(s.Decision) + " " + anyRun().ReplaceAllString(s.Reason, "$1 RUN")
		at, _ = cals[s.Task].Next(at, at)
	}
}

func anyRun() *regexp.Regexp {
	return regexp.MustCompile(`\b(running:|run) [-0-9a-fTZ:]+`)
}

// TestSimulateIsWhatTheLoopDoes holds a simulation against the daemon's loop with the record that it writes: both decide the
// same about each slot, for the same reason, and start the same runs at the same times, over days with a clock change and a
// time in which the daemon is down.
func TestSimulateIsWhatTheLoopDoes(t *testing.T) {
	loop := mixedLoop(t)
	v := newVirtual(t, mixed())
	v.Now = mixedBegin
	cals := map[task.ID]*schedule.Schedule{}
	for path := range mixed() {
		_, some := v.nexts(path)
		maps.Copy(cals, some)
	}
	decided, starts := map[string]string{}, map[string]string{}
	down := mixedBegin().Add(mixedUp)
	end := down.Add(mixedDown + mixedRest)
	kinds := map[string]int{}
	report, err := v.Simulate(t.Context(), SimulateRequest{
		Paths: []string{"b", "a"}, From: mixedBegin(), To: end, Down: []Span{{down, down.Add(mixedDown)}}, Take: mixedTakes(), Fail: mixedFails(),
	}, func(told *Simulated) error {
		x := *told
		kinds[x.Decision]++
		id := task.ID{Service: x.Service, RID: x.Task}
		if x.Decision == SimRun {
			starts[fmt.Sprintf("%s %s attempt %d", id, x.Slot.Format(time.RFC3339), x.Attempt)] = x.Start.Format(time.RFC3339Nano)
			x.Reason, _, _ = strings.Cut(x.Reason, ", after it waited")
		}
		if x.Attempt < 2 {
			eachSlot(t, cals, decided, task.Slot{Task: id, At: x.Slot, Last: x.Last, Count: x.Count, Decision: task.SlotDecision(x.Decision), Reason: x.Reason})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d decisions: %v; %+v", len(decided), kinds, report)
	slots, _ := loop.onRecord()
	want := map[string]string{}
	for _, rows := range slots {
		for _, s := range rows {
			eachSlot(t, cals, want, s)
		}
	}
	same(t, "slot", want, decided)
	begun := map[string]string{}
	for _, s := range loop.starts {
		begun[fmt.Sprintf("%s %s attempt %s", s.task, s.slot.UTC().Format(time.RFC3339), s.attempt)] = s.at.UTC().Format(time.RFC3339Nano)
	}
	for _, all := range []map[string]string{begun, starts} { // when an attempt comes is by chance, and how many fit into a time
		for key := range all {
			if !strings.HasSuffix(key, " attempt 1") {
				all[key] = ""
			}
		}
		maps.DeleteFunc(all, func(key, at string) bool { return at == "" && strings.HasPrefix(key, "b/task#window ") })
	}
	same(t, "start", begun, starts)
	for _, kind := range []string{SimRun, SimSkip, SimMissed, SimExpired} {
		if kinds[kind] == 0 {
			t.Errorf("nothing was decided as %s: the comparison says little", kind)
		}
	}
}

// TestSimulateFromRecord begins a simulation where the record is, with slots that wait, runs that go on, attempts that are
// due and locks that are held, and holds it against what the loop does from there on.
func TestSimulateFromRecord(t *testing.T) {
	v := mixedNode(t)
	before, decided := map[string]string{}, map[string]string{}
	cals := map[task.ID]*schedule.Schedule{}
	for path := range mixed() {
		_, some := v.nexts(path)
		maps.Copy(cals, some)
	}
	record := func(into map[string]string) (pending int) {
		slots, _ := v.onRecord()
		for _, rows := range slots {
			for _, s := range rows {
				if s.Decision == task.SlotPending {
					pending++
					continue
				}
				eachSlot(t, cals, into, s)
			}
		}
		return pending
	}
	synctest.Test(t, func(t *testing.T) {
		v.inBubble()
		v.loopFor(t, 4*time.Hour+5*time.Minute+30*time.Second, fullTurn)
		pending := record(before)
		from := v.Now()
		report, err := v.Simulate(t.Context(), SimulateRequest{Paths: []string{"a", "b"}, From: from, To: from.Add(3 * time.Hour), Take: mixedTakes(), Fail: mixedFails()}, func(told *Simulated) error {
			x := *told
			if x.Attempt < 2 && x.Decision != SimPending {
				x.Reason, _, _ = strings.Cut(x.Reason, ", after it waited")
				eachSlot(t, cals, decided, task.Slot{Task: task.ID{Service: x.Service, RID: x.Task}, At: x.Slot, Last: x.Last, Count: x.Count, Decision: task.SlotDecision(x.Decision), Reason: x.Reason})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d slots wait; %+v", pending, report)
		if pending == 0 {
			t.Error("nothing waits: the comparison says little")
		}
		v.loopFor(t, 3*time.Hour, fullTurn)
		time.Sleep(12 * time.Hour)
	})
	want := map[string]string{}
	record(want)
	for key := range before {
		delete(want, key)
	}
	same(t, "slot", want, decided)
}

// same compares what the loop did with what was simulated.
func same(t *testing.T, what string, loop, sim map[string]string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(loop)) {
		if loop[key] != sim[key] {
			t.Errorf("%s %s: %q by the loop, and %q in the simulation", what, key, loop[key], sim[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(sim)) {
		if _, known := loop[key]; !known {
			t.Errorf("%s %s: %q in the simulation only", what, key, sim[key])
		}
	}
}

// everyNotation are services with the schedules of cron and systemd that differ in how they treat clocks.
func everyNotation() map[string]string {
	text := "[DEFAULT]\ncwd = /\n"
	n := 0
	for _, zone := range []string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "UTC"} {
		for i, gap := range []string{"after", "skip", "shift"} {
			for _, overlap := range []string{"first", "second", "both"}[i:][:1] {
				for _, when := range []string{
					"30 2 * * *", "15,45 1,2,3 * * *", "*/7 * * * *", "0 */2 * * 1-5", "H H * * *", "0 0 13 * 5", "Mon..Fri *-*-* 02:00/17:10", "*:0/15", "*-*~1 00:30", "hourly", "@daily",
				} {
					text += fmt.Sprintf("[task#%d]\ncommand = true\nschedule = %s\ntimezone = %s\ndst_gap = %s\ndst_overlap = %s\n", n, when, zone, gap, overlap)
					if n%5 == 0 {
						text += "spread = 40m\n"
					}
					n++
				}
			}
		}
	}
	files := mixed()
	files["c"] = text
	return files
}

// TestRepeatedDecisions holds a simulation in which decisions are repeated against one in which each is made.
func TestRepeatedDecisions(t *testing.T) {
	v := newVirtual(t, everyNotation())
	v.Now = mixedBegin
	for _, takes := range []time.Duration{10 * time.Second, 7 * time.Minute, 61 * time.Minute, 25 * time.Hour} {
		begin := mixedBegin().Add(-30 * time.Second)
		req := SimulateRequest{Paths: []string{"a", "b", "c"}, From: begin, To: begin.AddDate(0, 0, 3), Take: mixedTakes(), Fail: mixedFails()}
		req.Take[""] = takes
		req.Down = []Span{{begin.Add(29 * time.Hour), begin.Add(40 * time.Hour)}, {begin.AddDate(0, 0, 2), begin.AddDate(0, 0, 2).Add(time.Minute)}}
		all, report := bothWays(t, v, req)
		t.Logf("%s: %d decisions, %+v", takes, len(all), report)
	}
}
