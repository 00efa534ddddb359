package engine

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"
)

// oracle asks explain, before each tick, what that is going to decide, of a copy of what is on record and in the
// files; and then of copies with one thing changed.
type oracle struct {
	*virtual
	*rand.Rand

	line    *timeline
	up      string // a folder of files that resources look at
	off     bool   // s/task#off is disabled
	asked   int
	mutants map[string]int // by what was changed
}

// active is a service that may be active elsewhere.
func (o *oracle) active() string {
	return "[app#up]\ncheck = test -e " + filepath.Join(o.up, "up") + "\n[task#minute]\ncommand = true\nlog = none\nschedule = cron:* * * * *\n"
}

// questions has tasks of all kinds.
func (o *oracle) questions() string {
	section := func(rid, schedule, more string) string {
		return "[" + rid + "]\ncommand = true\nlog = none\nschedule = " + schedule + "\n" + more + "\n"
	}
	off := ""
	if o.off {
		off = "disable = true"
	}
	return "[app#gate]\noptional = true\ncheck = test -e " + filepath.Join(o.up, "gate") + "\n" +
		section("task#minute", "cron:* * * * *", "") +
		section("task#need", "cron:* * * * *", "run_requires = app#gate") +
		section("task#wait", "cron:*/2 * * * *", "run_requires = app#gate\nrequires_wait = 3m") +
		section("task#all", "cron:*/2 * * * *", "run_requires = app#gate\nrequires_wait = 10m\noverlap = queue-all") +
		section("task#one", "cron:* * * * *", "overlap = queue-one\nlock = a") +
		section("task#tape", "cron:*/3 * * * *", "lock = tape a:2\noverlap = queue-all") +
		section("task#pool", "cron:*/2 * * * *", "lock = tape") +
		section("task#fail", "cron:*/5 * * * *", "retries = 2\nretry_delay = 40s\nlock = retry") +
		section("task#five", "cron:*/4 * * * *", "run_times = 5") +
		section("task#catch", "cron:*/7 * * * *", "catchup = all\ncatchup_limit = 3") +
		section("task#hour", "cron:5 * * * *", "catchup = last") +
		section("task#window", "00:00-23:59@4m", "run_requires = app#gate") +
		section("task#every", "every 3m", "overlap = replace(kill)") +
		section("task#dead", "cron:*/2 * * * *", "overlap = queue-all\ndeadline = 3m") +
		section("task#off", "cron:* * * * *", off)
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./engine -run '^%s$' -args -seed %d", *seed, t.Name(), *seed)
	o := &oracle{Rand: rand.New(rand.NewPCG(*seed, 1)), up: inMemory(t), mutants: map[string]int{}}
	o.virtual = newVirtual(t, map[string]string{"s": o.questions(), "a": o.active()})
	o.line = &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	o.Now, o.after = func() time.Time { return o.line.now }, o.line.after
	o.last = map[string]time.Duration{"task#one": 100 * time.Second, "task#tape": 150 * time.Second, "task#pool": 70 * time.Second, "task#dead": 200 * time.Second}
	o.fails = map[string]int{"task#fail": 2}
	o.set("gate", true)
	o.set("up", true)
	return o
}

// set makes a resource up or down.
func (o *oracle) set(name string, up bool) {
	o.Helper()
	path := filepath.Join(o.up, name)
	err := os.Remove(path)
	if up {
		err = os.WriteFile(path, nil, 0o644)
	}
	if err != nil && !os.IsNotExist(err) {
		o.Fatal(err)
	}
}

// change does something that changes what is decided.
func (o *oracle) change() {
	o.Helper()
	var err error
	switch o.IntN(12) {
	case 0:
		err = o.Freeze(o.Context(), []string{"", "s"}[o.IntN(2)])
	case 1:
		err = o.Thaw(o.Context(), "")
	case 2:
		err = o.Thaw(o.Context(), "s")
	case 3, 4:
		o.set("gate", o.IntN(2) == 0)
	case 5:
		o.set("up", o.IntN(3) > 0)
	case 6:
		o.off = !o.off
		err = os.WriteFile(filepath.Join(o.ConfigDir, "s.conf"), []byte(o.questions()), 0o644)
	case 7:
		o.line.goTo(o.line.now.Add(time.Duration(o.IntN(20)) * time.Minute)) // no tick for a time
	}
	if err != nil {
		o.Fatal(err)
	}
}

// copied is an engine on a copy of the files and the record of another.
func (o *oracle) copied(from *Engine) *Engine {
	o.Helper()
	dir, err := os.MkdirTemp(o.up, "copy-")
	if err != nil {
		o.Fatal(err)
	}
	for _, folder := range []string{from.ConfigDir, from.StateDir} {
		if err = os.CopyFS(filepath.Join(dir, filepath.Base(folder)), os.DirFS(folder)); err != nil {
			o.Fatal(err)
		}
	}
	_ = os.Remove(filepath.Join(dir, "state", "om.db-shm")) // an index, made anew from the log
	at := o.line.now
	return &Engine{
		ConfigDir: filepath.Join(dir, "etc"), StateDir: filepath.Join(dir, "state"), EUID: o.EUID, Program: "test", By: "oracle", Users: &task.Users{},
		Node: o.Node, Now: func() time.Time { return at },
	}
}

func (o *oracle) drop(e *Engine) {
	e.Close()
	if err := os.RemoveAll(filepath.Dir(e.StateDir)); err != nil {
		o.Error(err)
	}
}

// tick ticks, and holds what was decided against what explain says of the copy from before.
func (o *oracle) tick() {
	o.Helper()
	db, err := o.NodeRecord(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	before := o.copied(o.Engine)
	defer o.drop(before)
	due, err := db.Due(o.Context(), o.line.now, 0)
	if err != nil {
		o.Fatal(err)
	}
	rows, _ := o.onRecord()
	r := o.tickAt()
	after, _ := o.onRecord()
	for _, c := range due {
		if !slices.Contains(r.Changed, c.Task.Service) { // else the tick saw another file
			o.ask(before, c.Task, r, fresh(rows[c.Task], after[c.Task]))
		}
		o.rejudge(fresh(rows[c.Task], after[c.Task]))
	}
}

// fresh are the rows that were not there before, or are other ones now.
func fresh(before, after []task.Slot) (rows []task.Slot) {
	for _, s := range after {
		if !slices.Contains(before, s) {
			rows = append(rows, s)
		}
	}
	return rows
}

func (o *oracle) ask(before *Engine, id task.ID, r TickReport, decided []task.Slot) {
	o.Helper()
	x, err := before.Explain(o.Context(), id.Service, id.RID, o.line.now)
	if err != nil {
		o.Fatal(err)
	}
	o.asked++
	started := slices.IndexFunc(r.Started, func(run task.Run) bool { return run.Task == id })
	switch {
	case started >= 0 && (!x.Run || !r.Started[started].Slot.Equal(x.Slot)):
		o.Errorf("%s: %s: slot %s was started, and explain says of slot %s: %s: %+v", o.line.now, id, r.Started[started].Slot, x.Slot, x.Verdict, x.Checks)
	case started >= 0:
		if o.IntN(8) == 0 {
			o.mutate(id, before, x)
		}
	case x.Run && !o.tookIts(id, r, decided):
		o.Errorf("%s: %s: explain says that its slot %s starts, and it was decided %+v", o.line.now, id, x.Slot, decided)
	case !x.Run && !said(x, decided):
		o.Errorf("%s: %s: explain says: %s: %+v, and it was decided %+v", o.line.now, id, x.Verdict, x.Checks, decided)
	}
}

// tookIts says that another task that the same tick looked at first has taken the lock, or the place among those that
// are made up for, which no explanation can know.
func (o *oracle) tookIts(id task.ID, r TickReport, decided []task.Slot) bool {
	for _, s := range decided {
		if strings.Contains(s.Reason, "lock ") && slices.ContainsFunc(r.Started, func(run task.Run) bool { return run.ID == s.RunID }) {
			return true
		}
	}
	return len(decided) == 0 && slices.ContainsFunc(r.Started, func(run task.Run) bool { return run.Origin == task.Catchup })
}

// said says that an explanation gives the reason that was recorded, where one was.
func said(x Explanation, decided []task.Slot) bool {
	for _, s := range decided {
		known := slices.ContainsFunc(x.Checks, func(c task.Check) bool {
			return !c.Pass && (strings.Contains(s.Reason, c.Detail) || c.Name == "lock" && strings.HasPrefix(c.Detail, strings.TrimPrefix(strings.TrimPrefix(s.Reason, "queued: "), "overlap: ")))
		})
		if s.Decision != task.SlotMissed && s.Decision != task.SlotExpired && !known && !strings.Contains(s.Reason, "an earlier slot waits") {
			return false
		}
	}
	return true
}

// mutant is one thing that is changed, and the check that must say so.
type mutant struct {
	name, check string
	do          func(e *Engine, id task.ID) error
}

func (o *oracle) all(t task.Task) []mutant {
	rewrite := func(e *Engine, old, text string) error {
		file := filepath.Join(e.ConfigDir, t.ID.Service+".conf")
		was, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, []byte(strings.ReplaceAll(string(was), old, text)), 0o644)
		}
		return err
	}
	in := "[" + t.ID.RID + "]\n"
	all := []mutant{
		{"the service is frozen", "thawed", func(e *Engine, id task.ID) error { return e.Freeze(o.Context(), id.Service) }},
		{"the node is frozen", "thawed", func(e *Engine, _ task.ID) error { return e.Freeze(o.Context(), "") }},
		{"the task is disabled", "scheduled", func(e *Engine, _ task.ID) error { return rewrite(e, in, in+"disable = true\n") }},
		{"it asks for a confirmation", "scheduled", func(e *Engine, _ task.ID) error { return rewrite(e, in, in+"confirmation = true\n") }},
		{"the service is another node's", "scheduled", func(e *Engine, _ task.ID) error { return rewrite(e, in, "[DEFAULT]\nnodes = n9\n"+in) }},
		{"another schedule", "due", func(e *Engine, _ task.ID) error {
			return rewrite(e, in+"command = true\nlog = none\nschedule = ", in+"command = true\nlog = none\nspread = 1s\nschedule = ")
		}},
		{"a run is in progress", "free", o.running1},
	}
	if t.ID.Service == "a" {
		all = append(all, mutant{"the service is not active", "active", func(e *Engine, _ task.ID) error { return rewrite(e, filepath.Join(o.up, "up"), "/nowhere") }})
	}
	if len(t.Requires) > 0 {
		all = append(all, mutant{"the requirement is down", "requirement", func(e *Engine, _ task.ID) error { return rewrite(e, filepath.Join(o.up, "gate"), "/nowhere") }})
	}
	if len(t.Plan.LockList()) > 0 {
		all = append(all, mutant{"the lock is held", "lock", o.holds})
	}
	return all
}

// claimOther claims a run that goes on as long as this process.
func (o *oracle) claimOther(e *Engine, id task.ID) (task.Run, *state.DB, error) {
	db, err := e.NodeRecord(o.Context())
	if err != nil {
		return task.Run{}, nil, err
	}
	pid := os.Getpid()
	start, err := state.ProcessStart(pid)
	if err != nil {
		return task.Run{}, nil, err
	}
	run, err := db.Claim(o.Context(), task.Run{Task: id, PID: pid, PIDStart: start}, 0, nil)
	return run, db, err
}

func (o *oracle) running1(e *Engine, id task.ID) error {
	_, _, err := o.claimOther(e, id)
	return err
}

func (o *oracle) holds(e *Engine, id task.ID) error {
	svc, err := e.Load(id.Service)
	if err != nil {
		return err
	}
	t, _ := svc.Task(id.RID)
	for _, l := range t.Plan.LockList() {
		for range l.Places {
			run, db, err := o.claimOther(e, task.ID{Service: id.Service, RID: "task#other"})
			if err != nil {
				return err
			}
			if _, err = db.Hold(o.Context(), run, []task.Lock{{Name: l.Name, Places: 1000}}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// waits says that a slot is pending in the record.
func (o *oracle) waits(e *Engine, id task.ID, slot time.Time) bool {
	o.Helper()
	db, err := e.NodeRecord(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	pending, err := db.Pending(o.Context(), id, 0)
	if err != nil {
		o.Fatal(err)
	}
	return slices.ContainsFunc(pending, func(s task.Slot) bool { return s.At.Equal(slot) })
}

// mutate changes one thing at a time, and expects explain to see that, and nothing else.
func (o *oracle) mutate(id task.ID, before *Engine, was Explanation) {
	o.Helper()
	svc, err := before.Load(id.Service)
	if err != nil {
		o.Fatal(err)
	}
	t, _ := svc.Task(id.RID)
	for _, m := range o.all(t) {
		e := o.copied(before)
		if err = m.do(e, id); err != nil {
			o.Fatalf("%s: %v", m.name, err)
		}
		x, err := e.Explain(o.Context(), id.Service, id.RID, o.line.now)
		if err != nil {
			o.Fatal(err)
		}
		no := slices.IndexFunc(x.Checks, func(c task.Check) bool { return c.Name == m.check && !c.Pass })
		if m.check == "due" && x.Run {
			// Another schedule does not stop a slot that waits already, and that the next by the old one would have
			// pushed out. It brings no other slot.
			if !o.waits(before, id, x.Slot) {
				o.Errorf("%s: %s: its slot was %s, and when %s slot %s starts, which does not wait: %+v", o.line.now, id, was.Slot, m.name, x.Slot, x.Checks)
			}
		} else if x.Run || no < 0 {
			o.Errorf("%s: %s: it would start, and when %s too: %s: %+v", o.line.now, id, m.name, x.Verdict, x.Checks)
		}
		o.mutants[m.name]++
		o.drop(e)
	}
}

// TestExplainIsWhatTheTickDoes asks before each tick, with all kinds of trouble.
func TestExplainIsWhatTheTickDoes(t *testing.T) {
	o := newOracle(t)
	o.tickAt()
	for range 40 {
		o.line.goTo(o.line.now.Add(time.Minute))
		o.change()
		o.tick()
	}
	o.past()
	t.Logf("%d questions, of copies with one thing changed: %v", o.asked, o.mutants)
	if o.asked < 100 {
		t.Errorf("only %d questions", o.asked)
	}
}
