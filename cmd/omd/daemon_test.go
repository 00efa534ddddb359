package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNotify: systemd is told of the start, of what there is, of a reload and of the end, and its watchdog is fed by a
// loop that has nothing to do.
func TestNotify(t *testing.T) {
	m, h := newManager(t), newHouse(t)
	s := h.start([]string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=600000"})
	s.await("READY=1", func() bool { return m.count("READY=1") == 1 })
	s.await("STATUS=", func() bool { return m.count("STATUS=0 services, 0 tasks, 0 running, nothing due") == 1 })
	fed := m.count("WATCHDOG=1")
	begin := time.Now()
	s.await("ten times WATCHDOG=1", func() bool { return m.count("WATCHDOG=1") >= fed+10 })
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the watchdog was fed ten times in %s, and wants to be every 0.3 s", took)
	}

	s.signal(syscall.SIGHUP)
	s.await("the end of the reload", func() bool { return m.count("READY=1") == 2 })
	all := m.all()
	reload, again := strings.Index(all, "RELOADING=1\nMONOTONIC_USEC="), strings.LastIndex(all, "READY=1")
	if reload < 0 || again < reload {
		t.Errorf("no RELOADING=1 with MONOTONIC_USEC before the second READY=1:\n%s", all)
	}

	s.signal(syscall.SIGTERM)
	s.ends(0)
	s.await("STOPPING=1", func() bool { return m.count("STOPPING=1") == 1 })
	s.logs(`msg="omd ends, and runs go on" reason=terminated running=0`)
}

// TestDrainIdle: with no runs, a daemon that drains ends at once.
func TestDrainIdle(t *testing.T) {
	m, h := newManager(t), newHouse(t)
	s := h.start([]string{"NOTIFY_SOCKET=" + m.path})
	s.logs("msg=ready")
	s.signal(syscall.SIGUSR2)
	s.ends(0)
	s.await("STOPPING=1", func() bool { return m.count("STOPPING=1") == 1 && m.count("EXTEND_TIMEOUT_USEC=") == 1 })
	s.logs(`(?s)msg="drain begins: nothing more is started" running=0.*msg="drain is over, and omd ends" ended=0 running=0`)
}

// TestHeld: a second daemon and a tick say who has the state folder, and a daemon waits for neither.
func TestHeld(t *testing.T) {
	h := newHouse(t)
	s := h.start(nil)
	s.logs("msg=ready")
	who := fmt.Sprintf("the daemon (process %d)", s.cmd.Process.Pid)
	second := h.start(nil)
	second.ends(75)
	if log := second.out.String(); !strings.Contains(log, who) || strings.Contains(log, "omd waits") {
		t.Errorf("the second daemon does not say that %s holds the folder:\n%s", who, log)
	}
	if out := h.om("tick"); !strings.Contains(out, "nothing was decided: "+who+" is at work") {
		t.Errorf("om tick beside %s: %s", who, out)
	}
	s.signal(syscall.SIGKILL)
	s.ends(-1)
	again := h.start(nil)
	again.logs("msg=ready")
}

// TestHeldByTick: a daemon that waits for a tick says so, ends at once where it is asked to, and else goes on after it.
func TestHeldByTick(t *testing.T) {
	h := newHouse(t)
	if err := os.Mkdir(h.dir+"/state", 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(h.dir + "/state/tick.lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := lock.WriteString("a tick (process 4711)"); err != nil {
		t.Fatal(err)
	}
	asked, s := h.start(nil), h.start(nil)
	for _, waits := range []*started{asked, s} {
		waits.logs(`msg="omd waits" reason="a tick \(process 4711\) is at work"`)
	}
	asked.signal(syscall.SIGTERM)
	asked.ends(0)
	lock.Close()
	s.logs("msg=ready")
}

// TestReload: node.conf is read again; while it is broken the settings of before stay.
func TestReload(t *testing.T) {
	h := newHouse(t)
	h.write("node.conf", "[node]\nname = n1\n")
	s := h.start(nil)
	s.logs("msg=ready")
	h.write("node.conf", "[node]\nkeep_runs = hunter2\n")
	s.signal(syscall.SIGHUP)
	s.logs(`level=ERROR msg="config rejected" file=node.conf reason="the settings of before stay: .*node.conf:2: \[node\] keep_runs: .*wanted a whole number`)
	if log := s.out.String(); strings.Contains(log, "hunter2") || strings.Contains(log, "invalid") {
		t.Errorf("the log quotes the file, or is in om's own words:\n%s", log)
	}
	h.write("large.conf", strings.Repeat("#", 5<<20))
	s.logs(`msg="config rejected" service=large reason="[^"]*large.conf: wanted a regular file of at most 4 MiB" last_good=false`)
	s.signal(syscall.SIGHUP)
	h.write("node.conf", "[node]\nkeep_runs = 7\n")
	s.signal(syscall.SIGHUP)
	s.logs(`(?s)read again.*read again`)
	s.logs(`level=INFO msg="config read" file=node.conf reason="it has no errors any more: its settings are taken"`)
	if n := strings.Count(s.out.String(), `msg="config rejected" file=node.conf`); n != 1 {
		t.Errorf("told %d times that node.conf is broken, want once:\n%s", n, s.out.String())
	}
	h.write("node.conf", "[node]\nkeep_runs = hunter2\n")
	s.signal(syscall.SIGHUP)
	s.logs(`(?s)config read" file=node.conf.*config rejected" file=node.conf`)
	if n := strings.Count(s.out.String(), `msg="config read" file=node.conf`); n != 1 {
		t.Errorf("told %d times that node.conf is mended, want once:\n%s", n, s.out.String())
	}
	s.signal(syscall.SIGINT)
	s.ends(0)
}

// TestCommandLine: what is not understood is said, with the code for it.
func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"--help", 0, "usage: omd"},
		{"--help", 0, "omd notify [--once]"},
		{"notify --help", 0, "usage: omd notify [--once]"},
		{"notify --fast", 2, "usage: omd notify [--once]"},
		{"--version", 0, "omd "},
		{"--fast", 2, "unknown flag: --fast"},
		{"now", 2, `"now": wanted flags alone`},
		{"--log-format xml", 2, `--log-format "xml": wanted text, json or journal`},
		{"--log-level loud", 2, `--log-level "loud"`},
	} {
		out, err := exec.Command(omd, strings.Fields(c.args)...).CombinedOutput()
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		if code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("omd %s: code %d, want %d, and %q in %s", c.args, code, c.code, c.want, out)
		}
	}
}

// TestNodeConfBroken: a daemon does not begin with a node.conf that it can't read: it says who may run what.
func TestNodeConfBroken(t *testing.T) {
	h := newHouse(t)
	h.write("node.conf", "[impersonate\n")
	h.start(nil).ends(78)
}

// TestOmDaemon: om becomes omd, with its arguments.
func TestOmDaemon(t *testing.T) {
	h := newHouse(t)
	if out := h.om("--state-dir", h.dir+"/else", "daemon", "--once", "--log-format", "json"); !strings.Contains(out, `"msg":"ready"`) || !strings.Contains(out, h.dir+"/else") {
		t.Errorf("om daemon --once:\n%s", out)
	}
}

// TestNoFolder: a daemon whose folder of files is not there says so at once, and goes on.
func TestNoFolder(t *testing.T) {
	h := newHouse(t)
	if err := os.Remove(h.dir + "/etc"); err != nil {
		t.Fatal(err)
	}
	h.start(nil, "--once").ends(0)
	s := h.start(nil)
	s.logs(`level=WARN msg=problem reason="?` + h.dir + `/etc is not there: no service is read`)
	s.logs("msg=ready")
	s.signal(syscall.SIGTERM)
	s.ends(0)
}
