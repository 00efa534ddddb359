package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// history is what is on record.
type history struct {
	ID    string    `json:"id"`
	Task  string    `json:"task"`
	Slot  time.Time `json:"slot"`
	State string    `json:"state"`
}

func (h *house) history() []history {
	h.Helper()
	var all []history
	text := h.om("history", "-n", "0", "-o", "json")
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		h.Fatalf("%v: %s", err, text)
	}
	return all
}

// TestRuns: a new task does not fire by itself; then each of its slots starts once, on time, and its end is logged.
// Neither the command nor its environment is.
func TestRuns(t *testing.T) {
	h := newHouse(t)
	h.write("a.conf", "[task#0]\ncommand = /bin/sh -c 'exit 3' hunter2\nenvironment = PASSWORD=hunter2\nschedule = @1s\nlog = none\ncwd = /\n")
	s := h.start(nil, "--log-level", "debug")
	s.logs("msg=ready")
	s.logs(`level=INFO msg=started service=a task=task#0 slot=\S+ run=\S+ reason=schedule attempt=1`)
	s.logs(`level=WARN msg=ended service=a task=task#0 slot=\S+ run=\S+ state=error exit_code=3 seconds=`)
	h.write("b.conf", "[task#0]\ncommand = true\nschedule = @1s\ncwd = /\n")
	s.logs(`msg="config read" service=b`)
	s.logs(`msg=started service=b`)

	h.write("b.conf", "[task#0]\ncommand = true\nschedule = hunter2\ncwd = /\n")
	s.logs(`level=ERROR msg="config rejected" service=b reason=".*b.conf:3: \[task#0\] schedule: \\"…\\": wanted .*" last_good=true`)
	begun := strings.Count(s.out.String(), "msg=started service=b")
	s.await("run of the last good version", func() bool { return strings.Count(s.out.String(), "msg=started service=b") > begun+1 })
	if status := h.om("b", "print", "status"); !strings.Contains(status, "the schedule goes by the last version of the file that had no errors") {
		t.Errorf("the status does not say what is scheduled:\n%s", status)
	}
	if err := os.Remove(filepath.Join(h.dir, "etc", "b.conf")); err != nil {
		t.Fatal(err)
	}
	s.logs(`msg="config removed" service=b`)
	s.signal(syscall.SIGTERM)
	s.ends(0)
	if log := s.out.String(); strings.Contains(log, "hunter2") {
		t.Errorf("the log has what is secret:\n%s", log)
	}
}

// TestKilled: kill -9 of the daemon ends no run. The next one records how they ended, and starts no slot twice.
func TestKilled(t *testing.T) {
	h := newHouse(t)
	out := h.dir + "/out"
	h.write("a.conf", "[task#0]\ncommand = sh -c 'echo $OM_SLOT begin >>"+out+"; sleep 1.5; echo $OM_SLOT end >>"+out+"'\nschedule = @1s\noverlap = allow\ncwd = /\n")
	var rounds []*started
	for range 4 {
		s := h.start(nil)
		s.logs("msg=ready")
		s.logs("(?s)msg=started.*msg=started")
		s.signal(syscall.SIGKILL)
		s.ends(-1)
		rounds = append(rounds, s)
	}
	h.write("a.conf", "[task#0]\ncommand = true\ncwd = /\n")
	last := h.start(nil)
	last.logs("msg=ready")
	last.await("end of all runs", func() bool { return !strings.Contains(h.om("history", "-o", "json"), `"running"`) })
	last.signal(syscall.SIGTERM)
	last.ends(0)

	slots := map[time.Time]bool{}
	runs := h.history()
	for _, run := range runs {
		if run.State != "complete" || slots[run.Slot] {
			t.Errorf("run %+v: it is not complete, or its slot ran twice", run)
		}
		slots[run.Slot] = true
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := strings.Count(string(text), "begin"), strings.Count(string(text), "end\n")
	if len(runs) < 8 || begun != len(runs) || ended != begun {
		t.Errorf("%d runs on record, %d began, %d ended", len(runs), begun, ended)
	}
	if n := strings.Count(rounds[1].out.String(), "msg=started"); n < 2 {
		t.Errorf("the second daemon started %d runs", n)
	}
}

// TestDrain: SIGUSR2 starts nothing more, waits for the runs, asks systemd for the time, and ends; SIGTERM does not wait.
func TestDrain(t *testing.T) {
	m, h := newManager(t), newHouse(t)
	h.write("a.conf", "[task#0]\ncommand = sleep 2\nschedule = @1s\noverlap = allow\ncwd = /\n")
	s := h.start([]string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=600000"})
	s.logs("msg=started")
	s.signal(syscall.SIGUSR2)
	s.await("draining", func() bool { return m.count("STATUS=draining: ") > 0 })
	begun := strings.Count(s.out.String(), "msg=started")
	s.ends(0)
	log := s.out.String()
	if got := strings.Count(log, "msg=started"); got != begun {
		t.Errorf("%d runs were started while it drained", got-begun)
	}
	if got := strings.Count(log, "msg=ended"); got != begun {
		t.Errorf("%d runs, and %d ends are logged:\n%s", begun, got, log)
	}
	begins := regexp.MustCompile(`msg="drain begins: nothing more is started" running=(\d+)`).FindStringSubmatch(log)
	over := regexp.MustCompile(`msg="drain is over, and omd ends" ended=(\d+) running=0`).FindStringSubmatch(log)
	if begins == nil || over == nil || begins[1] != over[1] || begins[1] == "0" {
		t.Errorf("the drain is logged as %q and %q:\n%s", begins, over, log)
	}
	if m.count("STOPPING=1") != 1 || m.count("EXTEND_TIMEOUT_USEC=30000000") < 2 {
		t.Errorf("systemd was told:\n%s", m.all())
	}
}

// TestDrainTells: how the last runs ended is told before a daemon that drains ends.
func TestDrainTells(t *testing.T) {
	h := newHouse(t)
	told := h.dir + "/told"
	h.write("a.conf", "[task#0]\ncommand = sh -c 'sleep 1; exit 3'\nschedule = @1s\nnotify_command = cp /proc/self/environ "+told+"\n")
	s := h.start(nil)
	s.logs("msg=started")
	s.signal(syscall.SIGUSR2)
	s.ends(0)
	if text, err := os.ReadFile(told); err != nil || !strings.Contains(string(text), "OM_EVENT=failed") {
		t.Errorf("told %q, %v; the log:\n%s", text, err, s.out.String())
	}
}

// TestSupervisorKilled: its runs are lost, that is told at once, and the next slot gets another supervisor.
func TestSupervisorKilled(t *testing.T) {
	h := newHouse(t)
	h.write("a.conf", "[task#0]\ncommand = sleep 300\nschedule = @1s\ncwd = /\n")
	s := h.start(nil)
	s.logs("msg=started")
	run := h.history()[0]
	var shown struct {
		Supervisor int `json:"supervisor_pid"`
	}
	if err := json.Unmarshal([]byte(h.om("show", run.ID, "-o", "json")), &shown); err != nil || shown.Supervisor < 2 {
		t.Fatalf("supervisor %d: %v", shown.Supervisor, err)
	}
	if err := syscall.Kill(shown.Supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.om("a", "kill") // what it left
	s.signal(syscall.SIGHUP)
	s.logs(`level=(ERROR|WARN) msg=(lost|ended) service=a task=task#0 slot=\S+ run=` + run.ID)
	s.logs("(?s)msg=started.*msg=started")
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(shown.Supervisor) + "/stat"); err == nil && strings.Contains(string(text), ") Z ") {
		t.Errorf("supervisor %d is a zombie", shown.Supervisor)
	}
	s.signal(syscall.SIGTERM)
	s.ends(0)
	h.om("a", "kill")
}

// TestMetricsFile: the daemon and om tick write the file that node.conf names.
func TestMetricsFile(t *testing.T) {
	h := newHouse(t)
	file := h.dir + "/om.prom"
	h.write("node.conf", "[metrics]\ntextfile = "+file+"\n")
	h.write("a.conf", "[task#0]\ncommand = true\nschedule = @1s\ncwd = /\n")
	s := h.start(nil)
	s.logs("(?s)msg=ended.*msg=ended")
	text := func() string { b, _ := os.ReadFile(file); return string(b) }
	s.signal(syscall.SIGHUP)
	s.await("next slot", func() bool {
		return regexp.MustCompile(`(?m)^om_task_next_slot_timestamp_seconds\{node="n1",service="a",task="task#0"\} \d`).MatchString(text())
	})
	s.signal(syscall.SIGTERM)
	s.ends(0)
	s.await("runs that are counted, which are as old as they must be", func() bool {
		h.om("tick")
		return regexp.MustCompile(`result="complete"\} [1-9]`).MatchString(text())
	})
	got := text()
	for _, want := range []string{
		`om_task_runs_total\{node="n1",service="a",task="task#0",result="complete"\} [1-9]`,
		`om_task_last_exit_code\{node="n1",service="a",task="task#0"\} 0`,
		`om_task_expected_interval_seconds\{node="n1",service="a",task="task#0"\} 1`,
		`om_config_last_load_success\{node="n1",service="a"\} 1`,
		`om_task_start_delay_seconds_bucket\{node="n1",le="\+Inf"\} [1-9]`,
	} {
		if !regexp.MustCompile("(?m)^" + want + "$").MatchString(got) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info, err)
	}
}

// TestFolderExchanged: a daemon follows the folder of the files when it is away and back, when another takes its place
// and when a link leads to another; what is changed in the new one is seen. The minute of a full turn is not waited for.
func TestFolderExchanged(t *testing.T) {
	h := newHouse(t)
	etc := h.dir + "/etc"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	text := func(name string) string { return "[task#0]\ncommand = true\n# " + name + "\n" }
	h.write("a.conf", text("first"))
	s := h.start(nil)
	s.logs("msg=ready")
	seen := func(service string) { t.Helper(); s.logs(`msg="config read" service=` + service + `\b`) }

	must(os.Rename(etc, h.dir+"/away"))
	s.logs(`msg="nothing is decided" reason=".*/etc is not there, and 1 services were in it"`)
	must(os.Rename(h.dir+"/away", etc))
	h.write("b.conf", text("back"))
	seen("b")

	for _, name := range []string{"x", "y"} {
		must(os.Mkdir(h.dir+"/"+name, 0o755))
		must(os.WriteFile(h.dir+"/"+name+"/c"+name+".conf", []byte(text(name)), 0o644))
	}
	must(os.Rename(etc, h.dir+"/away"))
	must(os.Rename(h.dir+"/x", etc))
	seen("cx")
	h.write("dx.conf", text("in another folder"))
	seen("dx")

	must(os.Rename(etc, h.dir+"/x"))
	must(os.Symlink(h.dir+"/x", etc))
	h.write("ex.conf", text("behind a link"))
	seen("ex")
	must(os.Symlink(h.dir+"/y", h.dir+"/new"))
	must(os.Rename(h.dir+"/new", etc))
	seen("cy")
	h.write("dy.conf", text("behind another link"))
	seen("dy")

	must(os.Mkdir(h.dir+"/prod", 0o755))
	must(os.Symlink(h.dir+"/prod", etc+"/prod"))
	must(os.WriteFile(h.dir+"/prod/f.conf", []byte(text("in a namespace")), 0o644))
	seen("prod/f")
	s.logs(`msg="config removed" service=b\b`)
	if log := s.out.String(); strings.Contains(log, "msg=problem") {
		t.Errorf("something went wrong:\n%s", log)
	}
}

// ran counts the runs of a service that are complete, as its record has them.
func (h *house) ran(service string) int {
	h.Helper()
	return strings.Count(h.om(service, "history", "--state", "complete", "-n", "0", "-o", "json"), `"id":`)
}

// TestOwnRecordExchanged: a daemon goes by the record that is at the path of a service's own, not by the one that was.
// While there is none nothing is started, and the daemon still knows of its runs.
func TestOwnRecordExchanged(t *testing.T) {
	h := newHouse(t)
	own := h.dir + "/own"
	h.write("a.conf", "[DEFAULT]\nstate = "+own+"/om.db\n[task#0]\ncommand = true\nschedule = @1s\nlog = none\n")
	h.om("a", "state", "init")
	s := h.start(nil)
	s.await("two runs", func() bool { return h.ran("a") >= 2 })
	if err := os.Rename(own, h.dir+"/away"); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", h.dir+"/away", own).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := h.ran("a")
	s.await("runs in the record that is there now", func() bool { return h.ran("a") >= before+2 })
	s.signal(syscall.SIGTERM)
	s.ends(0)
}

// TestOwnRecordLetGo: between turns a daemon does not keep the filesystem busy that a service brings, so that the
// service can move to another node; when it comes back its tasks go on.
func TestOwnRecordLetGo(t *testing.T) {
	h := newHouse(t)
	disk, mnt := h.dir+"/disk", h.dir+"/mnt"
	mount := func() error { return syscall.Mount(disk, mnt, "", syscall.MS_BIND, "") }
	for _, dir := range []string{disk, mnt} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := mount(); err != nil {
		t.Skipf("no mount here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(mnt, syscall.MNT_DETACH) })
	h.write("a.conf", "[DEFAULT]\nstate = "+mnt+"/om.db\n[fs#0]\nmnt = "+mnt+"\n[task#0]\ncommand = true\nschedule = @1s\nlog = none\n")
	h.om("a", "state", "init")
	s := h.start(nil)
	for range 2 {
		before := h.ran("a")
		s.await("two runs", func() bool { return h.ran("a") >= before+2 })
		s.await("moment at which nothing is open there", func() bool { return syscall.Unmount(mnt, 0) == nil })
		s.logs("msg=started")
		if err := mount(); err != nil {
			t.Fatal(err)
		}
	}
	s.signal(syscall.SIGUSR2)
	s.ends(0)
}
