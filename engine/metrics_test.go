package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"om/notice"
	"om/service"
	"om/state"
	"om/task"
)

// family is what the strict reader of the text format knows of a metric.
type family struct {
	kind    string
	samples map[string]float64 // by name and labels
}

// readExposition reads the text format of Prometheus, as its specification says, and refuses what a lenient reader
// takes: a sample before its family, a family twice or in parts, the same sample twice, a label that is escaped wrongly.
func readExposition(text string) (map[string]family, error) {
	sample := regexp.MustCompile(`^([a-z_][a-z0-9_]*)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (\S+)$`)
	all := map[string]family{}
	name := ""
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if help, ok := strings.CutPrefix(line, "# HELP "); ok {
			var about string
			name, about, _ = strings.Cut(help, " ")
			kind, ok := strings.CutPrefix(lines[i+1], "# TYPE "+name+" ")
			if _, twice := all[name]; twice || !ok || about == "" {
				return nil, fmt.Errorf("line %d: %q: a family twice, or without a help and a type", i+1, line)
			}
			all[name] = family{kind, map[string]float64{}}
			i++
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || strings.HasSuffix(m[2], ",") {
			return nil, fmt.Errorf("line %d: %q is no sample", i+1, line)
		}
		of := m[1]
		if all[name].kind == "histogram" {
			of = regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(of, "")
		}
		value, err := strconv.ParseFloat(m[3], 64)
		key := strings.TrimPrefix(m[1], name) + "{" + m[2] + "}"
		if _, twice := all[name].samples[key]; of != name || twice || err != nil {
			return nil, fmt.Errorf("line %d: %q: not of %s, twice, or no number", i+1, line, name)
		}
		all[name].samples[key] = value
	}
	return all, nil
}

// hall is an engine with a clock of its own, whose runs begin and never end by themselves.
// The clock is ahead of those of other tests, and of other halls: the ids of a process never go back.
type hall struct {
	*testing.T
	*Engine

	now time.Time
}

var halls atomic.Int32 // ids are of a process too

func newHall(t *testing.T, files map[string]string) *hall {
	t.Helper()
	dir := t.TempDir()
	h := &hall{T: t, now: time.Date(2056, 3, int(halls.Add(1)), 0, 0, 30, 0, time.UTC)}
	h.Engine = &Engine{
		ConfigDir: filepath.Join(dir, "etc"), StateDir: filepath.Join(dir, "state"), Now: func() time.Time { return h.now },
		Program: "test", EUID: os.Geteuid(), Users: &task.Users{},
		Node: service.Node{Name: `n"1`, Timezone: "UTC", Metrics: filepath.Join(dir, "om.prom"), KeepRuns: 100, KeepDays: 90, KeepFailedDays: 90},
	}
	h.sinceBoot = func() time.Duration { return h.now.Sub(time.Unix(0, 0)) }
	if err := os.Mkdir(h.ConfigDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		h.write(name, text)
	}
	t.Cleanup(h.Close)
	return h
}

func (h *hall) write(name, text string) {
	h.Helper()
	if err := os.WriteFile(filepath.Join(h.ConfigDir, name), []byte(text), 0o644); err != nil {
		h.Fatal(err)
	}
}

// tick is a tick after a while, whose runs are held by this process.
func (h *hall) tick(after time.Duration) TickReport {
	h.Helper()
	h.now = h.now.Add(after)
	self, start := os.Getpid(), startOf(h.T)
	r, err := h.Tick(h.Context(), TickOptions{Period: time.Minute, Detach: func(string) (*Hands, error) {
		return &Hands{self, start, func(...task.Job) error { return nil }, func() error { return nil }}, nil
	}})
	if err != nil {
		h.Fatal(err)
	}
	return r
}

// startOf is field 22 of /proc/self/stat.
func startOf(t *testing.T) uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	n, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// end ends a run.
func (h *hall) end(run task.Run, s task.RunState, code int, after time.Duration) {
	h.Helper()
	db, err := h.NodeRecord(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	h.now = h.now.Add(after)
	if err := db.Settle(h.Context(), []task.Outcome{{RunID: run.ID, State: s, ExitCode: code, StartedAt: h.now.Add(-after), EndedAt: h.now}}); err != nil {
		h.Fatal(err)
	}
}

func (h *hall) metrics() map[string]family {
	h.Helper()
	text, err := os.ReadFile(h.Node.Metrics)
	if err != nil {
		h.Fatal(err)
	}
	all, err := readExposition(string(text))
	if err != nil {
		h.Fatalf("%v in\n%s", err, text)
	}
	return all
}

func (h *hall) want(name, labels string, want float64) {
	h.Helper()
	labels = `{node="n\"1"` + labels + "}"
	if got, ok := h.metrics()[name].samples[labels]; !ok || got != want {
		h.Errorf("%s%s is %v (%v), want %v; it has %v", name, labels, got, ok, want, h.metrics()[name].samples)
	}
}

const task0 = `,service="a",task="task#0"`

// TestMetrics: the metrics say what happened, tick by tick, and counters only grow, also when the record forgets.
func TestMetrics(t *testing.T) {
	h := newHall(t, map[string]string{
		"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n\n[task#1]\ncommand = true\ncwd = /\n",
		"b.conf": "[task#0]\ncommand = \"\nschedule = 02:00\n",
	})
	h.tick(0)
	first := h.now
	h.want("om_task_next_slot_timestamp_seconds", task0, float64(first.Truncate(time.Hour).Add(time.Hour).Unix()))
	h.want("om_task_expected_interval_seconds", task0, 3600)
	h.want("om_task_running", task0, 0)
	h.want("om_task_runs_total", task0+`,result="complete"`, 0)
	h.want("om_config_last_load_success", "", 1)
	h.want("om_config_last_load_success", `,service="a"`, 1)
	h.want("om_config_last_load_success", `,service="b"`, 0)

	r := h.tick(time.Hour - 28*time.Second) // 01:00:02
	h.want("om_task_running", task0, 1)
	h.end(r.Started[0], task.Failed, 3, 90*time.Second)
	h.tick(time.Minute)
	ended := h.now.Add(-time.Minute)
	h.want("om_task_running", task0, 0)
	h.want("om_task_runs_total", task0+`,result="error"`, 1)
	h.want("om_task_attempts_total", task0, 1)
	h.want("om_task_last_exit_code", task0, 3)
	h.want("om_task_last_run_timestamp_seconds", task0, float64(ended.Unix()))
	h.want("om_task_last_run_duration_seconds", task0, 90)
}

// TestMetricsCounters: what is skipped, missed and lost is counted by its kind; what is past retention stays counted.
func TestMetricsCounters(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n"})
	h.tick(0)
	r := h.tick(time.Hour) // 01:00:30
	h.tick(time.Hour)      // it goes on: skipped
	h.want("om_task_skips_total", task0+`,reason="overlap"`, 1)
	h.end(r.Started[0], task.Complete, 0, time.Minute)
	stands := h.sinceBoot()
	h.sinceBoot = func() time.Duration { return stands } // so the clock is set
	h.tick(5 * time.Hour)
	h.want("om_task_missed_slots_total", task0+`,reason="clock"`, 4)
	h.want("om_task_runs_total", task0+`,result="complete"`, 1)

	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runs, err := db.Runs(t.Context(), state.Query{})
	if err != nil || len(runs) != 2 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if err := db.Remove(t.Context(), []state.Expiry{{ID: runs[1].ID, Task: runs[1].Task}}); err != nil {
		t.Fatal(err)
	}
	h.tick(time.Minute)
	h.want("om_task_runs_total", task0+`,result="complete"`, 1)

	// A file that is no file of ours any more begins again with what is on record.
	for _, text := range []string{"{", "null", `{"Tasks":{}}`, `{"Records":{"x":null},"Tasks":{"a/task#0":null},"Configs":{}}`} {
		if err := os.WriteFile(h.meterFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h.tick(time.Minute)
		h.want("om_task_runs_total", task0+`,result="complete"`, 0)
	}

	// What is gone has no metrics.
	if err := os.Remove(filepath.Join(h.ConfigDir, "a.conf")); err != nil {
		t.Fatal(err)
	}
	h.tick(time.Minute)
	if got := h.metrics()["om_config_last_load_success"].samples; len(got) != 1 {
		t.Errorf("a service that is gone has %v", got)
	}
}

// TestMetricsTelling: what waits to be told, what was told in vain, and what runs left behind is counted; so is a clock that jumps.
func TestMetricsTelling(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\nnotify_command = false\nnotify_on = ok\n"})
	h.tick(0)
	h.want("om_notify_queue_length", "", 0)
	h.want("om_notify_given_up_total", `,kind="ping"`, 0)
	h.want("om_clock_jumps_total", "", 0)
	run := h.tick(time.Hour).Started[0]
	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end := task.Outcome{RunID: run.ID, State: task.Complete, StartedAt: h.now, EndedAt: h.now, Leftover: 3}
	if err := db.Settle(t.Context(), []task.Outcome{end}); err != nil {
		t.Fatal(err)
	}
	spool := &notice.Spool{Dir: h.Spool()}
	event := notice.Event{ID: "x", Timestamp: h.now, Type: task.EventOK}
	if err := errors.Join(
		spool.Put(notice.Entry{Event: event, Targets: []notice.Target{{Kind: notice.Ping}}}),
		spool.CountFailure(notice.Ping, true, false), spool.CountFailure(notice.Ping, true, true), spool.CountFailure(notice.Mail, true, false),
		spool.NoteHeld(7), // as of before
	); err != nil {
		t.Fatal(err)
	}
	stands := h.sinceBoot()
	h.sinceBoot = func() time.Duration { return stands } // so the clock is set
	h.tick(10 * time.Minute)
	h.want("om_notify_queue_length", "", 1)
	h.want("om_notify_held", "", 1)
	h.want("om_notify_failed_tries_total", `,kind="ping"`, 2)
	h.want("om_notify_given_up_total", `,kind="ping"`, 1)
	h.want("om_notify_given_up_total", `,kind="mail"`, 0)
	h.want("om_notify_dropped_total", "", 0)
	h.want("om_task_leftover_processes_total", task0, 3)
	h.want("om_clock_jumps_total", "", 1)
}

// TestMetricsInterval: the interval is the longest that may be between two runs about now.
func TestMetricsInterval(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = cron:0 9 * * mon-fri\n"})
	for h.now.Weekday() != time.Thursday {
		h.now = h.now.Add(24 * time.Hour)
	}
	h.tick(0)
	for _, days := range []float64{3, 3, 3, 3, 1, 1, 1} { // from Thursday to Wednesday, as of ten
		h.tick(0)
		h.now = h.now.Truncate(24 * time.Hour).Add(10 * time.Hour)
		for _, run := range h.tick(0).Started {
			h.end(run, task.Complete, 0, time.Second)
		}
		h.want("om_task_expected_interval_seconds", task0, days*86400)
		h.now = h.now.Add(14 * time.Hour)
	}
}

// TestMetricsNoPromise: a task that is not started here as things are has no next slot.
func TestMetricsNoPromise(t *testing.T) {
	h := newHall(t, map[string]string{
		"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n\n[task#1]\ncommand = true\ncwd = /\nschedule = *:00\ndisable = true\n",
		"b.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n\n[app#0]\ncheck = false\n",
		"c.conf": "[DEFAULT]\nnodes = n1 n2\n\n[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n",
	})
	h.By = "test"
	has := func(services string) {
		t.Helper()
		var got []string
		for labels := range h.metrics()["om_task_next_slot_timestamp_seconds"].samples {
			_, service, _ := strings.Cut(labels, `service="`)
			got = append(got, service[:1])
		}
		if slices.Sort(got); strings.Join(got, "") != services {
			t.Errorf("%q have a next slot, want %q", got, services)
		}
	}
	h.tick(0)
	has("ab") // whether b is active here is seen when it is due
	h.tick(time.Hour)
	has("a")
	if err := h.Freeze(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	h.tick(time.Minute)
	has("")
	if err := errors.Join(h.Thaw(t.Context(), "a"), h.Freeze(t.Context(), "")); err != nil {
		t.Fatal(err)
	}
	h.tick(time.Minute)
	has("")
	if err := h.Thaw(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	h.tick(time.Minute)
	has("a")
	h.write("b.conf", "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n\n[app#0]\ncheck = true\n")
	h.tick(time.Hour)
	has("ab")
}

// TestMetricsLint: the file is what Prometheus wants of one.
func TestMetricsLint(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n"})
	h.tick(0)
	h.end(h.tick(time.Hour).Started[0], task.Complete, 0, time.Minute)
	h.tick(time.Minute)
	all := h.metrics()
	for name, f := range all {
		if !strings.HasPrefix(name, "om_") || f.kind == "counter" != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s", name, f.kind)
		}
	}
	if info, err := os.Stat(h.Node.Metrics); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(h.Node.Metrics), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool to ask:", err)
	}
	file, err := os.Open(h.Node.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lint := exec.Command(promtool, "check", "metrics")
	lint.Stdin = file
	if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestMetricsClockSetBack: each run is counted once and at once, though its id is of a time that was before, or is of a
// process that knew a later one.
func TestMetricsClockSetBack(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\n"})
	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	enter := func(at time.Time) { // as another process does
		t.Helper()
		run := task.Run{
			ID: idAt(at) + "-7000-8000-000000000000", Task: task.ID{Service: "a", RID: "task#0"}, Origin: task.Manual, State: task.Complete,
			Attempt: 1, QueuedAt: at, StartedAt: at, EndedAt: at,
		}
		if err := db.Insert(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	want := func(n int) { t.Helper(); h.want("om_task_runs_total", task0+`,result="complete"`, float64(n)) }
	for n := range 3 {
		enter(h.now.Add(-time.Millisecond))
		h.tick(time.Minute)
		want(n + 1)
	}
	ahead := h.now
	h.now = h.now.Add(-time.Hour)
	h.tick(0)
	want(3)
	enter(ahead.Add(time.Second)) // of a daemon that was there before
	enter(h.now.Add(time.Second))
	h.tick(time.Minute)
	want(5)
	h.now = h.now.Add(-2 * time.Minute) // once more
	h.tick(0)
	enter(h.now.Add(time.Second))
	for range 30 {
		h.tick(3 * time.Minute)
		want(6)
	}
	m, err := h.loadMeter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for path, r := range m.Records {
		if len(r.Counted) > 0 {
			t.Errorf("%s: %d ids are kept for ever", path, len(r.Counted))
		}
	}
	enter(h.now)
	h.tick(time.Minute)
	want(7)
}

// TestMetricsUnwritable: a tick does not fail for them, and says so.
func TestMetricsUnwritable(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n"})
	h.Node.Metrics = "/nonexistent/om.prom"
	if r := h.tick(0); len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "metrics: ") {
		t.Errorf("problems: %q", r.Problems)
	}
}

// TestMetricsUntrusted: root's om writes to no place that another user may exchange. The slots are decided all the same.
func TestMetricsUntrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root's om has to fear what others place")
	}
	for name, c := range map[string]struct {
		spoil func(dir string) error
		mend  string
	}{
		"a folder that everybody writes to": {func(dir string) error { return os.Chmod(dir, 0o777) }, "chmod o-w DIR"},
		"a folder of somebody":              {func(dir string) error { return os.Chown(dir, 1000, 1000) }, "chown root DIR"},
		"a file of somebody": {func(dir string) error {
			return errors.Join(os.WriteFile(dir+"/om.prom", nil, 0o644), os.Chown(dir+"/om.prom", 1000, 1000))
		}, "chown root DIR/om.prom"},
		"a link of somebody": {func(dir string) error {
			return errors.Join(os.Symlink("/etc/motd", dir+"/om.prom"), os.Lchown(dir+"/om.prom", 1000, 1000))
		}, "chown root DIR/om.prom"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
			dir := filepath.Join(t.TempDir(), "textfile")
			h.Node.Metrics = filepath.Join(dir, "om.prom")
			if err := errors.Join(os.Mkdir(dir, 0o755), c.spoil(dir)); err != nil {
				t.Fatal(err)
			}
			h.tick(0)
			r := h.tick(time.Hour)
			want := "metrics: textfile = " + h.Node.Metrics + ": "
			mend := strings.ReplaceAll(c.mend, "DIR", dir)
			if len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0], want) || !strings.Contains(r.Problems[0], mend) {
				t.Errorf("problems: %q, want %s", r.Problems, mend)
			}
			if len(r.Started) != 1 {
				t.Errorf("started %v, want the run", r.Started)
			}
			if info, err := os.Lstat(h.Node.Metrics); err == nil && info.Size() > 100 {
				t.Error("it was written")
			}
		})
	}
}

func TestReasons(t *testing.T) {
	for text, want := range map[string]string{
		"requirement: requires fs#0 up, it is down": "requirement", "overlap: lock db is held": "lock",
		"overlap: task#0 is already running: x": "overlap", "the service is frozen since x: om s thaw": "frozen",
		"not active: the service is not active here: its avail is down": "not_active", "what": "other",
	} {
		if got := skipReason(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"the host was down": "host_down", "no tick since x": "no_tick", "no tick before": "no_tick",
		"the clock was set forward": "clock", "tick too coarse": "too_coarse", "x": "other",
		"put off: the clock of x": "put_off", "the service was not here": "not_active",
	} {
		if got := missedReason(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestDelays(t *testing.T) {
	var d delays
	for _, s := range []float64{0, 0.1, 0.2, 3600, 3601} {
		d.add(s)
	}
	if want := [10]int{2, 1, 0, 0, 0, 0, 0, 0, 1, 1}; d.Counts != want {
		t.Errorf("%v, want %v", d.Counts, want)
	}
}

// TestLockIsNoLink: what root's om locks and writes to is not what another user has linked to.
func TestLockIsNoLink(t *testing.T) {
	h := newHall(t, nil)
	if err := os.Mkdir(h.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(h.ConfigDir, "precious")
	h.write("precious", "precious")
	if err := os.Symlink(precious, filepath.Join(h.StateDir, "tick.lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Tick(t.Context(), TickOptions{Period: time.Minute}); err == nil {
		t.Error("a tick followed the link")
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "precious" {
		t.Errorf("now it has %q, %v", text, err)
	}
}
