package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The programs under test, built once.
var omd, om string

func TestMain(m *testing.M) {
	os.Exit(withPrograms(m))
}

func withPrograms(m *testing.M) int {
	dir, err := os.MkdirTemp("", "omd")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if os.Geteuid() == 0 {
		_ = os.Chmod(dir, 0o755) // tasks of other users find what is in it
	}
	omd, om = filepath.Join(dir, "omd"), filepath.Join(dir, "om")
	args := []string{"build", "-tags", "osusergo,netgo,sqlite_omit_load_extension", "-o", dir}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "om/cmd/omd", "om/cmd/om")...).CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		return 1
	}
	return m.Run()
}

// house is a configuration and a record of their own.
type house struct {
	*testing.T

	dir string
	env []string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { awaitSupervisors(t, dir) })
	h := &house{T: t, dir: dir, env: []string{
		"OM_CONFIG_DIR=" + dir + "/etc", "OM_STATE_DIR=" + dir + "/state", "OM_NODENAME=n1", "HOME=" + dir, "TZ=UTC", "GORACE=atexit_sleep_ms=0",
		"PATH=" + filepath.Dir(omd) + ":/usr/bin:/bin",
	}}
	if err := os.Mkdir(dir+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

// awaitSupervisors waits until no supervisor writes below a folder: the last runs of a daemon go on when it has ended.
func awaitSupervisors(t *testing.T, dir string) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(lines, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(text), "__supervise") && strings.Contains(string(text), dir)
		}) {
			return
		}
	}
	t.Error("a supervisor does not end")
}

// write puts a file into the configuration, at once.
func (h *house) write(name, text string) {
	h.Helper()
	file := filepath.Join(h.dir, "etc", name)
	if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
		h.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		h.Fatal(err)
	}
}

// om runs om to its end.
func (h *house) om(args ...string) string {
	h.Helper()
	c := exec.Command(om, args...)
	c.Env = h.env
	out, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		h.Fatal(err)
	}
	return string(out)
}

// started is a daemon that runs.
type started struct {
	*house

	cmd *exec.Cmd
	out lines // what it logs
}

// lines is a log that is looked at while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (h *house) start(env []string, args ...string) *started {
	h.Helper()
	s := &started{house: h, cmd: exec.Command(omd, args...)}
	s.cmd.Env = append(append([]string{}, h.env...), env...)
	s.cmd.Stderr = &s.out
	if err := s.cmd.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	return s
}

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// await waits until ok, and fails with what the daemon logged.
func (s *started) await(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("no %s in %s; the log:\n%s", what, patience, s.out.String())
		}
	}
}

func (s *started) logs(pattern string) {
	s.Helper()
	re := regexp.MustCompile(pattern)
	s.await(fmt.Sprintf("log line %q", pattern), func() bool { return re.MatchString(s.out.String()) })
}

func (s *started) signal(sig syscall.Signal) {
	s.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.Fatal(err)
	}
}

// ends waits for the end of the daemon.
func (s *started) ends(want int) {
	s.Helper()
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			s.Fatal(err)
		}
		if got := s.cmd.ProcessState.ExitCode(); got != want {
			s.Fatalf("exit code %d, want %d; the log:\n%s", got, want, s.out.String())
		}
	case <-time.After(patience):
		s.Fatalf("it does not end; the log:\n%s", s.out.String())
	}
}

// manager is the end of the notify socket that systemd has.
type manager struct {
	*testing.T

	conn *net.UnixConn
	path string
	mu   sync.Mutex
	got  []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{T: t, path: filepath.Join(t.TempDir(), "notify")}
	var err error
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	go m.read()
	return m
}

func (m *manager) read() {
	buf := make([]byte, 8192)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			return
		}
		m.mu.Lock()
		scan := bufio.NewScanner(bytes.NewReader(buf[:n]))
		for scan.Scan() {
			m.got = append(m.got, scan.Text())
		}
		m.mu.Unlock()
	}
}

// count says how many lines begin so.
func (m *manager) count(prefix string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, line := range m.got {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

func (m *manager) all() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.got, "\n")
}
