package resource_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/resource"
	"om/task"
)

// daemon starts a process that lives until the test ends or its stdin closes.
func daemon(t *testing.T, env string, argv ...string) (pid int, end func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh")
	cmd.Args = append([]string{argv[0], "-c", "read end"}, argv[1:]...)
	cmd.Env = []string{env}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		stdin.Close()
		_ = cmd.Wait() // read fails at the end of its input, and so does the shell
	}
	t.Cleanup(end)
	return cmd.Process.Pid, end
}

func app(keywords ...string) task.Resource {
	r := task.Resource{RID: "app#0", Group: "app", Type: "simple", Keywords: map[string]string{}}
	for i := 0; i < len(keywords); i += 2 {
		r.Keywords[keywords[i]] = keywords[i+1]
	}
	return r
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAppWithNothingToSee(t *testing.T) { expect(t, resource.Prober{}, app(), task.NA) }

func TestPidFile(t *testing.T) {
	pid, end := daemon(t, "A=b", "om-test-daemon", "one")
	path := t.TempDir() + "/pid"
	r := app("pid_file", path)
	expect(t, resource.Prober{}, r, task.Down, "info: there is no pid file "+path)
	write(t, path, strconv.Itoa(pid)+"\n/var/lib/data\n")
	expect(t, resource.Prober{}, r, task.Up)
	write(t, path, fmt.Sprintf("  %d", pid))
	expect(t, resource.Prober{}, r, task.Up)
	r.Standby = true
	expect(t, resource.Prober{}, r, task.StdbyUp)
	end()
	expect(t, resource.Prober{}, r, task.StdbyDown, fmt.Sprintf("info: process %d of pid file %s has ended", pid, path))
}

func TestPidFileThatIsNone(t *testing.T) {
	path := t.TempDir() + "/pid"
	for _, text := range []string{"", "\n", "soon", "-1", "0", "1 2"} {
		write(t, path, text)
		expect(t, resource.Prober{}, app("pid_file", path), task.Warn, "warn: pid file "+path, "wanted a process id")
	}
	expect(t, resource.Prober{}, app("pid_file", t.TempDir()), task.Undef, "is a directory")
}

// TestPidFileOfSomebody: the user of a service neither keeps om waiting nor learns by it what a file holds.
func TestPidFileOfSomebody(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/secret", "root:hunter2:0:0\n")
	if err := errors.Join(syscall.Mkfifo(dir+"/pipe", 0o600), os.Symlink("secret", dir+"/link"), os.Symlink("/dev/zero", dir+"/zero")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "zero", "link"} {
		obs := resource.Prober{}.Probe(t.Context(), []task.Resource{app("pid_file", dir+"/"+name)})[0]
		if obs.Status != task.Warn || strings.Contains(fmt.Sprint(obs), "hunter2") {
			t.Errorf("%s: %+v", name, obs)
		}
	}
}

// TestPidFileOfZombie: it has a pid and does nothing any more.
func TestPidFileOfZombie(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/bin/true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	path := write(t, t.TempDir()+"/pid", strconv.Itoa(cmd.Process.Pid))
	expect(t, resource.Prober{}, app("pid_file", path), task.Down, "has ended")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestPidFileOlderThanProcess: a pid file can't name a process that came after it, but for what
// clocks are off.
func TestPidFileOlderThanProcess(t *testing.T) {
	pid, _ := daemon(t, "A=b", "om-test-daemon")
	path := write(t, t.TempDir()+"/pid", strconv.Itoa(pid))
	for _, tt := range []struct {
		age  time.Duration
		want task.Status
	}{{0, task.Up}, {-time.Hour, task.Up}, {time.Second / 2, task.Up}, {10 * time.Second, task.Down}, {24 * time.Hour, task.Down}} {
		at := time.Now().Add(-tt.age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		var words []string
		if tt.want == task.Down {
			words = []string{fmt.Sprintf("info: process %d is another one: it started after its pid file", pid)}
		}
		expect(t, resource.Prober{}, app("pid_file", path), tt.want, words...)
	}
}

// TestPidFileOfReusedPid makes the kernel give the pid of a process that has ended to another.
func TestPidFileOfReusedPid(t *testing.T) {
	if !inside(t, unix.CLONE_NEWPID|unix.CLONE_NEWNS) {
		return
	}
	privateMounts(t)
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Skipf("a /proc of our own: %v", err)
	}
	pid, end := daemon(t, "A=b", "om-test-daemon")
	path := write(t, t.TempDir()+"/pid", strconv.Itoa(pid))
	at := time.Now().Add(-time.Minute) // the first one wrote it a while ago
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	end()
	expect(t, resource.Prober{}, app("pid_file", path), task.Down, "has ended")
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
		t.Skipf("the next pid: %v", err)
	}
	if other, _ := daemon(t, "A=b", "om-test-stranger"); other != pid {
		t.Skipf("the kernel gave pid %d, not %d again", other, pid)
	}
	expect(t, resource.Prober{}, app("pid_file", path), task.Down, "is another one")
	expect(t, resource.Prober{}, app("pid_file", path, "match", "om-test-daemon"), task.Down, "match does not describe it")
	expect(t, resource.Prober{}, app("pid_file", path, "match", "om-test-stranger"), task.Up)
}

// TestPidFileWithMatch: what the process is counts more than when it began.
func TestPidFileWithMatch(t *testing.T) {
	pid, _ := daemon(t, "A=b", "om-test-daemon", "one")
	path := write(t, t.TempDir()+"/pid", strconv.Itoa(pid))
	old := time.Unix(1e9, 0)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	expect(t, resource.Prober{}, app("pid_file", path, "match", "om-test-daemon one"), task.Up)
	expect(t, resource.Prober{}, app("pid_file", path, "match", "env:A=b"), task.Up)
	expect(t, resource.Prober{}, app("pid_file", path, "match", "om-test-daemon two"), task.Down, "match does not describe it")
	expect(t, resource.Prober{}, app("pid_file", path, "match", "env:"), task.Undef, `warn: match: "env:": wanted env:NAME=VALUE`)
}

func TestMatch(t *testing.T) {
	_, end := daemon(t, "OM_TEST_SERVICE=testmd", "/opt/om/om-test-match", "--config", "/etc/a b")
	tests := []struct {
		match string
		want  task.Status
	}{
		{"om-test-match", task.Up},
		{"/opt/*/om-test-match", task.Up},
		{"om-test-match --config '/etc/a b'", task.Up},
		{"om-test-match --config /etc/a?b env:OM_TEST_SERVICE=testmd", task.Up},
		{"env:OM_TEST_SERVICE=testmd", task.Up},
		{"env:OM_TEST_SERVICE=test*", task.Up},
		{"om-test-match --other", task.Down},
		{"om-test-match env:OM_TEST_SERVICE=other", task.Down},
		{"env:OM_TEST_SERVICE=other", task.Down},
	}
	for _, tt := range tests {
		if o := one(t, resource.Prober{}, app("match", tt.match)); o.Status != tt.want {
			t.Errorf("%s: %s %q, want %s", tt.match, o.Status, o.Log, tt.want)
		}
	}
	end()
	for _, tt := range tests {
		if o := one(t, resource.Prober{}, app("match", tt.match)); o.Status != task.Down {
			t.Errorf("%s: %s after its end", tt.match, o.Status)
		}
	}
}

// TestMatchNotItself: om is not the process it looks for, though it knows its name.
func TestMatchNotItself(t *testing.T) {
	if o := one(t, resource.Prober{}, app("match", filepath.Base(os.Args[0])+" "+os.Args[1])); o.Status != task.Down {
		t.Errorf("%s, want down", o.Status)
	}
}

// TestMatchOfOthers: a user who may not read an environment is told that there are some.
func TestMatchOfOthers(t *testing.T) {
	if os.Getuid() == 0 {
		nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if !again(t, nobody) {
			return
		}
	}
	expect(t, resource.Prober{}, app("match", "env:OM_TEST_SERVICE=of-others"), task.Down, "info: the environments of", "may not be read")
}

// TestCheckThatHangs runs a real command that waits for ever on a fifo nobody writes to. The command
// is gone when the probe returns, not some time after.
func TestCheckThatHangs(t *testing.T) {
	fifo := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	var ended error
	p := resource.Prober{Exec: func(ctx context.Context, _ task.Resource, command string) (int, string, error) {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
		ended = cmd.Run()
		return cmd.ProcessState.ExitCode(), "", ended
	}}
	go func() {
		defer interrupt()
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the command has opened it to read
		if err == nil {
			t.Cleanup(func() { _ = f.Close() })
		}
	}()
	o := p.Probe(ctx, []task.Resource{app("check", "exec cat "+fifo)})[0]
	if want := "warn: check exec cat "; o.Status != task.Undef || len(o.Log) != 1 || !strings.HasPrefix(o.Log[0], want) || !strings.HasSuffix(o.Log[0], ": interrupted") {
		t.Errorf("%s %q, want undef and %q", o.Status, o.Log, want)
	}
	var killed *exec.ExitError
	if !errors.As(ended, &killed) || killed.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the check ended with %v, want it killed before the probe returns", ended)
	}
}

// TestCheckByHand runs real commands through the exit codes.
func TestCheckByHand(t *testing.T) {
	p := resource.Prober{Exec: func(ctx context.Context, _ task.Resource, command string) (int, string, error) {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
		out, err := cmd.CombinedOutput()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = nil
		}
		return cmd.ProcessState.ExitCode(), string(out), err
	}}
	expect(t, p, app("check", "true"), task.Up)
	expect(t, p, app("check", "false"), task.Down)
	expect(t, p, app("check", "echo almost; exit 3", "retcodes", "0:up 3:warn"), task.Warn, `info: check: "almost"`)
}

func BenchmarkMatch(b *testing.B) {
	p := resource.Prober{}
	rs := []task.Resource{app("match", "om-test-nobody-is-called-so")}
	for b.Loop() {
		p.Probe(b.Context(), rs)
	}
}
