package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// gated is a node with an app whose check is a file, and what else text says. The file is a script.
func gated(t *testing.T, text string) (v *virtual, line *timeline, gate func(script string)) {
	t.Helper()
	file := filepath.Join(inMemory(t), "gate")
	gate = func(script string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	gate("exit 0")
	if !strings.Contains(text, "avail") { // else the service is not active with it
		text = "optional = true\n" + text
	}
	v, line = atMinute(t, "[app#gate]\ncheck = sh "+file+"\nretcodes = 0:up 1:down 3:undef\n"+text)
	v.obey()
	return v, line, gate
}

// obey has runs go on until they are told to end, by the file that is left for their supervisor.
func (v *virtual) obey() {
	v.give = func(jobs []task.Job) error {
		for _, j := range jobs {
			now := v.Now()
			v.starts = append(v.starts, start{j.ID, j.Slot, now, attemptOf(j), j.Origin})
			go v.untilTold(j, now)
		}
		return nil
	}
}

func (v *virtual) untilTold(j task.Job, began time.Time) {
	for v.Context().Err() == nil {
		text, err := os.ReadFile(j.Cancel)
		if err != nil || len(text) == 0 {
			time.Sleep(time.Millisecond)
			continue
		}
		ended, _ := json.Marshal(task.Ended{ID: j.ID, Record: j.Record, Outcome: task.Outcome{
			RunID: j.RunID, State: task.Cancelled, Signal: "SIGTERM", Reason: string(text), StartedAt: began, EndedAt: began,
		}})
		journals, _ := filepath.Glob(filepath.Join(v.journals(), "*.jsonl"))
		v.put(journals[0], string(ended))
		return
	}
}

const follower = everyMinute + "run_requires = app#gate\n"

// TestRequirementLost: of a run in progress a tick ends what has lost its requirements, where the task asks for that,
// and nothing that it could not see.
func TestRequirementLost(t *testing.T) {
	for _, c := range []struct {
		name, text, code string
		want             string
	}{
		{"term", follower + "on_requirement_lost = term\n", "exit 1", "requirement lost: app#gate is down"},
		{"let", follower, "exit 1", ""},
		{"holds", follower + "on_requirement_lost = term\n", "exit 0", ""},
		{"requires nothing", everyMinute + "on_requirement_lost = term\n", "exit 1", ""},
		{"undef", follower + "on_requirement_lost = term\n", "exit 3", ""},
		{"the probe fails", follower + "on_requirement_lost = term\n", "kill -9 $$", ""},
		{"the probe times out", strings.Replace(follower, "task#0]\n", "task#0]\non_requirement_lost = term\n", 1), "sleep 30", ""},
		{"avail, of which a part was not seen", strings.Replace(follower, "= app#gate", "= avail(up)\non_requirement_lost = term", 1), "kill -9 $$", ""},
		{"avail", strings.Replace(follower, "= app#gate", "= avail(up)\non_requirement_lost = term", 1), "exit 1", "requirement lost: avail is down (app#gate down)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, line, gate := gated(t, c.text)
			if strings.Contains(c.code, "sleep") { // the time that the check has
				text, err := os.ReadFile(filepath.Join(v.ConfigDir, "s.conf"))
				if err == nil {
					err = os.WriteFile(filepath.Join(v.ConfigDir, "s.conf"), []byte(strings.Replace(string(text), "retcodes", "check_timeout = 1s\nretcodes", 1)), 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			v.tickAt()
			gate(c.code)
			line.goTo(line.now.Add(time.Second))
			v.tickAt()
			r := v.newest()
			if c.want == "" && r.State != task.Running || c.want != "" && (r.State != task.Cancelled || !strings.HasPrefix(r.Reason, c.want)) {
				t.Errorf("the run is %s: %s", r.State, r.Reason)
			}
		})
	}
}

// slowly is a node with two tasks that require the apps a and b, whose checks are scripts in a folder: a look at which the
// file slow is left there takes ten seconds.
func slowly(t *testing.T, a, b string) (v *virtual, line *timeline, dir string) {
	t.Helper()
	dir = inMemory(t)
	text := ""
	for name, script := range map[string]string{"a": a, "b": b} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("cd "+dir+"\n"+script), 0o644); err != nil {
			t.Fatal(err)
		}
		text += "[app#" + name + "]\noptional = true\ncheck = sh " + dir + "/" + name + "\n" +
			strings.Replace(everyMinute, "task#0", "task#"+name, 1) + "run_requires = app#" + name + "\n"
	}
	v, line = atMinute(t, text)
	v.Now = func() time.Time {
		if os.Remove(filepath.Join(dir, "slow")) == nil {
			line.now = line.now.Add(10 * time.Second)
		}
		return line.now
	}
	return v, line, dir
}

// TestStartDoesNotWaitForOthers: what is decided after a slow look is handed over before the next task is looked at.
func TestStartDoesNotWaitForOthers(t *testing.T) {
	v, _, dir := slowly(t, "touch slow", "test -e given")
	v.give = func([]task.Job) error { return os.WriteFile(filepath.Join(dir, "given"), nil, 0o644) }
	if r := v.tickAt(); len(r.Started) != 2 {
		t.Errorf("started %+v, decided %+v", r.Started, r.Slots)
	}
}

// TestRecheckBeforeTheStart: a start that had to wait for a slow look is looked at again before it is claimed. One whose
// requirements were lost meanwhile is not started, and its slot decided in a moment.
func TestRecheckBeforeTheStart(t *testing.T) {
	for _, b := range []string{"touch slow", "touch slow lost"} {
		v, line, _ := slowly(t, "test ! -e lost", b)
		lost := strings.Contains(b, "lost")
		var started []string
		for _, run := range v.tickAt().Started {
			started = append(started, run.Task.RID)
		}
		if want := map[bool]string{false: "task#a task#b", true: "task#b"}[lost]; strings.Join(started, " ") != want {
			t.Errorf("started %v, wanted %s", started, want)
		}
		id := task.ID{Service: "s", RID: "task#a"}
		if slots, _ := v.onRecord(); len(slots[id]) != 0 && lost {
			t.Errorf("it decided %+v", slots[id])
		}
		line.goTo(line.now.Add(2 * time.Second))
		v.tickAt()
		if slots, _ := v.onRecord(); len(slots[id]) != 1 || lost != strings.HasPrefix(slots[id][0].Reason, "requirement: ") {
			t.Errorf("then it decided %+v", slots[id])
		}
	}
}

// TestNoAttemptAfterALoss: a run that lost its requirements is not tried again; its next slot waits or is skipped, as any
// whose requirements do not hold, and runs once they do.
func TestNoAttemptAfterALoss(t *testing.T) {
	v, line, gate := gated(t, follower+"on_requirement_lost = term\nretries = 3\nretry_delay = 1s\n")
	v.tickAt()
	gate("exit 1")
	for range 3 {
		line.goTo(line.now.Add(time.Minute))
		v.tickAt()
	}
	slots, _ := v.onRecord()
	skips := slots[task.ID{Service: "s", RID: "task#0"}]
	if len(v.starts) != 1 || len(skips) == 0 || !strings.HasPrefix(skips[len(skips)-1].Reason, "requirement: ") {
		t.Errorf("started %+v, decided %+v", v.starts, skips)
	}
	gate("exit 0")
	line.goTo(line.now.Add(time.Minute))
	if v.tickAt(); len(v.starts) != 2 || v.starts[1].attempt != "1" {
		t.Errorf("started %+v", v.starts)
	}
}

// claimed is a run of a person, which this process holds.
func (v *virtual) claimed(forced string) task.Run {
	v.Helper()
	db, err := v.NodeRecord(v.Context())
	if err != nil {
		v.Fatal(err)
	}
	run := task.Run{ID: state.NewID(v.Now()), Task: task.ID{Service: "s", RID: "task#0"}, Origin: task.Manual, State: task.Running, Forced: forced}
	if err = hold(&run); err == nil {
		run, err = db.Claim(v.Context(), run, 0, v.alive)
	}
	if err != nil {
		v.Fatal(err)
	}
	return run
}

// TestLossOfARunByHand: a tick ends runs of people too, but not those of who insisted.
func TestLossOfARunByHand(t *testing.T) {
	v, _, gate := gated(t, strings.Replace(follower, "schedule", "on_requirement_lost = term\nschedule", 1))
	plain, forced := v.claimed(""), v.claimed("frozen requirement")
	if err := task.MakeJournals(v.journals()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.options().Detach(v.journals()); err != nil { // the journal of this process
		t.Fatal(err)
	}
	go v.untilTold(task.Job{ID: plain.Task, RunID: plain.ID, Cancel: filepath.Join(v.StateDir, "output", "s", "task#0", plain.ID+".cancel")}, v.Now())
	gate("exit 1")
	v.tickAt()
	db, err := v.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]task.RunState{plain.ID: task.Cancelled, forced.ID: task.Running} {
		if run, err := db.Run(t.Context(), id); err != nil || run.State != want {
			t.Errorf("forced %q: it is %s, %v", run.Forced, run.State, err)
		}
	}
}

// guardLoop is a loop whose turns are made by hand.
func (v *virtual) guardLoop() *loop {
	v.Helper()
	if err := task.MakeJournals(v.journals()); err != nil {
		v.Fatal(err)
	}
	watch, err := watchFolders(v.ConfigDir, v.journals())
	if err != nil {
		v.Fatal(err)
	}
	v.Cleanup(watch.close)
	return &loop{Engine: v.Engine, o: LoopOptions{TickOptions: v.options()}, watch: watch, open: map[string]bool{}, rhythm: fullTurn}
}

func (v *virtual) turn(l *loop, wake int) TickReport {
	v.Helper()
	r := TickReport{At: v.Now()}
	if err := l.turn(v.Context(), &r, wake); err != nil {
		v.Fatal(err)
	}
	return r
}

// TestLoopGuardsItsRuns: a loop looks as often as requires_max_age says, holds nothing up for that, and asks no resource
// where no run in progress has to be looked after.
func TestLoopGuardsItsRuns(t *testing.T) {
	const minutely = "run_requires = app#gate\non_requirement_lost = term\nrequires_max_age = 5s\n"
	v, line, gate := gated(t, everyMinute+minutely+"[task#1]\ncommand = true\ncwd = /\nlog = none\n")
	l := v.guardLoop()
	var verdicts atomic.Int32
	l.guard.wake = func() { verdicts.Add(1) }
	v.turn(l, wakeAll)
	began := line.now
	if next := l.guard.next(); len(v.starts) != 1 || !next.Equal(began.Add(5*time.Second)) {
		t.Fatalf("%d starts; the next look is at %s", len(v.starts), next)
	}
	gate("exit 1")
	line.goTo(began.Add(4 * time.Second))
	v.turn(l, wakeDue)
	l.guard.wait(func() {})
	if verdicts.Load() > 0 {
		t.Error("it looked before it was due")
	}
	line.goTo(began.Add(5 * time.Second))
	if pause, wake := l.pause(&TickReport{}, nil, time.Now()); pause > time.Second || wake != wakeDue {
		t.Errorf("it would wait for %s", pause)
	}
	v.turn(l, wakeDue)
	l.guard.wait(func() {})
	if verdicts.Load() != 1 {
		t.Fatalf("%d verdicts", verdicts.Load())
	}
	v.turn(l, wakeDue)
	l.endings.wait(func() {})
	if r := v.newest(); r.State != task.Cancelled || !strings.Contains(r.Reason, "app#gate is down") {
		t.Errorf("the run is %s: %s", r.State, r.Reason)
	}
	line.goTo(began.Add(10 * time.Second))
	v.turn(l, wakeAll)
	if next := l.guard.next(); !next.IsZero() {
		t.Errorf("no run goes on, and the next look is at %s", next)
	}
}

// TestGuardFollowsTheFile: a run is looked after as its task is now.
func TestGuardFollowsTheFile(t *testing.T) {
	v, line, _ := gated(t, follower)
	l := v.guardLoop()
	v.turn(l, wakeAll)
	if next := l.guard.next(); len(l.guard.runs) != 1 || !next.IsZero() {
		t.Fatalf("%d runs; the next look is at %s", len(l.guard.runs), next)
	}
	file := filepath.Join(v.ConfigDir, "s.conf")
	for _, word := range []string{"term", "let"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(string(text)+"\n# "+word+"\non_requirement_lost@n1 = "+word+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if word == "let" {
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "= term", "= let")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		line.goTo(line.now.Add(time.Second))
		r := v.turn(l, wakeAll)
		l.guard.wait(func() {})
		if next := l.guard.next(); next.IsZero() != (word == "let") || len(r.Problems) > 0 {
			t.Errorf("%s: the next look is at %s; %v", word, next, r.Problems)
		}
	}
}

// TestServiceThatLeaves: a run of a service whose record is on its own filesystem ends when that leaves the node, for
// another node may have the service then. The reason arrives in the record when it can be reached again.
func TestServiceThatLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		more string
		ends bool
	}{
		"at most once":  {"", true},
		"at least once": {"delivery = at-least-once\nidempotent = true\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(inMemory(t), "own")
			mounted := folder + ".mounted"
			if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(mounted, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			v := newVirtual(t, map[string]string{"s": "[DEFAULT]\nstate = " + folder + "/om.db\n[fs#0]\nmnt = " + folder + "\ncheck = test -e " + mounted + "\n" + everyMinute + c.more})
			line := &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
			v.Now, v.after = func() time.Time { return line.now }, line.after
			v.obey()
			if err := v.InitState(t.Context(), "s"); err != nil {
				t.Fatal(err)
			}
			v.tickAt()
			l := v.guardLoop()
			line.goTo(line.now.Add(time.Minute))
			if v.turn(l, wakeAll); len(v.starts) != 1 {
				t.Fatalf("started %+v", v.starts)
			}
			id := v.running()[0].ID
			command := exec.Command("sleep", "60")
			command.Env = []string{"OM_RUN_ID=" + id}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			over := make(chan error, 1)
			go func() { over <- command.Wait() }()
			defer func() { _ = command.Process.Kill() }()
			l.letOwn()
			if err := errors.Join(os.Remove(mounted), os.Rename(folder, folder+".away"), os.Mkdir(folder, 0o700)); err != nil {
				t.Fatal(err)
			}
			line.goTo(line.now.Add(time.Minute))
			for range 2 {
				v.turn(l, wakeAll)
				l.guard.wait(func() {})
			}
			l.endings.wait(func() {})
			if problems := strings.Join(l.endings.problems(), " "); strings.Contains(problems, "it was ended: the service has left this node") != c.ends {
				t.Errorf("it told %q", problems)
			}
			if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
				t.Errorf("under the mount point are %v, %v", entries, err)
			}
			if err := errors.Join(os.Remove(folder), os.Rename(folder+".away", folder), os.WriteFile(mounted, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			if c.ends {
				<-over
				v.awaitEnded(id)
			} else if run := v.ownRun(id); run.State != task.Running {
				t.Errorf("it is %s: %s", run.State, run.Reason)
			}
		})
	}
}

func (v *virtual) ownRun(id string) task.Run {
	v.Helper()
	v.Trouble = func(err error) { v.Log(err) }
	v.Fold(context.Background())
	db, err := v.recordOf(context.Background(), "s")
	if err != nil {
		v.Fatal(err)
	}
	run, err := db.Run(context.Background(), id)
	if err != nil {
		v.Fatal(err)
	}
	return run
}

// awaitEnded waits until the end of a run that was told to end is on record.
func (v *virtual) awaitEnded(id string) {
	v.Helper()
	for v.Context().Err() == nil {
		run := v.ownRun(id)
		if run.State.Final() {
			if run.State != task.Cancelled || !strings.Contains(run.Reason, "the service has left this node") {
				v.Errorf("it is %s: %s", run.State, run.Reason)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
}
