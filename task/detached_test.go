package task

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// supervisorIn starts a detached supervisor with its journal in folder: this binary.
func supervisorIn(tb testing.TB, folder string) *Hands {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	h, err := Detached([]string{exe, "__supervise", folder})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = h.Close()
		_ = unix.Kill(h.PID, unix.SIGKILL)
		_, _ = unix.Wait4(h.PID, nil, 0, nil)
	})
	return h
}

// collector settles as the engine does: by the id of the run, idempotently.
type collector struct {
	mu    sync.Mutex
	ended map[string]Ended
	calls int
	twice []string // runs that were told with two ends
}

func (c *collector) settle(batch []Ended) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.ended == nil {
		c.ended = map[string]Ended{}
	}
	for _, e := range batch {
		if had, ok := c.ended[e.Outcome.RunID]; ok && !reflect.DeepEqual(had, e) {
			c.twice = append(c.twice, e.Outcome.RunID)
		}
		c.ended[e.Outcome.RunID] = e
	}
	return nil
}

func (c *collector) fold(tb testing.TB, folder string) {
	tb.Helper()
	if err := Fold(folder, c.settle, func(err error) { tb.Error(err) }); err != nil {
		tb.Fatal(err)
	}
	if len(c.twice) > 0 {
		tb.Errorf("told with two ends: %v", c.twice)
	}
}

// awaitOutcomes folds until n runs have ended.
func (c *collector) await(tb testing.TB, folder string, n int) {
	tb.Helper()
	eventually(tb, fmt.Sprintf("%d outcomes", n), func() bool { c.fold(tb, folder); return len(c.ended) >= n })
}

func journals(tb testing.TB, folder string) []string {
	tb.Helper()
	paths, err := filepath.Glob(folder + "/*")
	if err != nil {
		tb.Fatal(err)
	}
	return paths
}

func awaitDeath(tb testing.TB, pid int) {
	tb.Helper()
	eventually(tb, "the supervisor is gone", func() bool { p, ok := readProcess(pid); return !ok || p.dead() && threads(pid) <= 1 })
}

// A command has its three streams and no descriptor of the supervisor or of other runs, however many there are.
func TestDetachedDescriptors(t *testing.T) {
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	jobs := make([]Job, 50)
	for i := range jobs {
		jobs[i] = shell(t, "sleep 0.2; echo $(ls /proc/self/fd) $(readlink /proc/self/fd/0) >&2; echo out")
	}
	if err := h.Give(jobs...); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, len(jobs))
	for _, j := range jobs {
		out, errs, _ := outputOf(t, j.Output)
		if out != "out\n" || errs != "0 1 2 3 /dev/null\n" { // 3 is the folder that ls reads
			t.Fatalf("output %q, %q", out, errs)
		}
	}
}

func TestDetachedOutcomes(t *testing.T) {
	folder := t.TempDir() + "/outcomes"
	h := supervisorIn(t, folder)
	good := shell(t, "echo hello; echo oops >&2")
	good.Record = "/srv/testmd/om\xff.db"
	bad, killed := shell(t, "exit 3"), shell(t, "kill -SEGV $$")
	deaf := shell(t, "trap '' TERM; sh -c 'trap \"\" TERM; sleep 60' & while :; do sleep 0.1; done")
	deaf.Timeout = 200 * time.Millisecond
	missing := shell(t, "")
	missing.Steps[0].Command = ownCommand("/does/not/exist")
	if err := h.Give(good, bad, killed); err != nil {
		t.Fatal(err)
	}
	if err := h.Give(deaf, missing); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, 5)
	for id, want := range map[string]string{
		good.RunID: "complete", bad.RunID: "error: exit code 3", killed.RunID: "killed by SIGSEGV",
		deaf.RunID: "timeout: time limit of 200ms", missing.RunID: `error: "/does/not/exist": no such file or directory`,
	} {
		if got := c.ended[id].Outcome.Summary(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if e := c.ended[good.RunID]; e.Record != good.Record || e.ID != good.ID || e.Outcome.OutputBytes != 11 {
		t.Errorf("got %+v", e)
	}
	if out, errs, _ := outputOf(t, good.Output); out != "hello\n" || errs != "oops\n" {
		t.Errorf("output %q, %q", out, errs)
	}
	if left := Processes(deaf.RunID); len(left) > 0 {
		t.Errorf("left of the deaf tree: %v", left)
	}
	awaitDeath(t, h.PID)
	c.fold(t, folder)
	if left := journals(t, folder); len(left) > 0 {
		t.Errorf("journals left: %v", left)
	}
	if _, ok := readProcess(h.PID); ok {
		t.Error("Fold has not buried the supervisor")
	}
}

// TestStoppedSupervisor: nobody waits half a minute for a supervisor that was stopped. When it goes on, it starts what
// it was given.
func TestStoppedSupervisor(t *testing.T) {
	folder := t.TempDir() + "/outcomes"
	h := supervisorIn(t, folder)
	if err := unix.Kill(h.PID, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is stopped", func() bool { return Stopped(h.PID) })
	j := shell(t, "exit 0")
	begin := time.Now()
	if err := h.Give(j); !errors.Is(err, unix.ETIMEDOUT) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > answerSeconds*time.Second {
		t.Errorf("it was waited for %s", took)
	}
	if err := errors.Join(h.Close(), unix.Kill(h.PID, unix.SIGCONT)); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, 1)
	if got := c.ended[j.RunID].Outcome.State; got != Complete {
		t.Errorf("got %s", got)
	}
}

// What the supervisor is made of: its own session, no descriptor and no variable of ours.
func TestDetachedIsAlone(t *testing.T) {
	t.Setenv("OM_SECRET_OF_OURS", "x")
	t.Setenv("LANG", "C.UTF-8")
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	p, ok := readProcess(h.PID)
	if !ok || p.session != h.PID || p.start != h.PIDStart {
		t.Errorf("got %+v, want a session of its own and start %d", p, h.PIDStart)
	}
	proc := "/proc/" + strconv.Itoa(h.PID)
	if cwd, _ := os.Readlink(proc + "/cwd"); cwd != "/" {
		t.Errorf("cwd %q", cwd)
	}
	environ, _ := os.ReadFile(proc + "/environ")
	for word := range strings.SplitSeq(strings.Trim(string(environ), "\x00"), "\x00") {
		if name, _, _ := strings.Cut(word, "="); !slices.Contains([]string{"PATH", "TZ", "LANG", "OM_RUN_ID"}, name) {
			t.Errorf("variable %q", word)
		}
	}
	sockets := 0
	for i := range 100 {
		if to, _ := os.Readlink(proc + "/fd/" + strconv.Itoa(i)); strings.HasPrefix(to, "socket:") {
			sockets++
		}
	}
	if sockets != 1 {
		t.Errorf("%d sockets, want 1", sockets)
	}
	if info, err := os.Stat(journals(t, folder)[0]); err != nil || info.Mode() != 0o600 {
		t.Errorf("journal %v, %v", info, err)
	}
	// A supervisor that got no job leaves nothing.
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	awaitDeath(t, h.PID)
	if left := journals(t, folder); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A run of ours must not take our supervisor for an orphan that outlived its command, nor overlook its own
// orphans because of it.
func TestDetachedIsNoOrphan(t *testing.T) {
	s, err := NewSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.base = ""
	j := shell(t, "env -i setsid sleep 60 >/dev/null 2>&1 & sleep 0.1")
	j.Leftover = LeftoverKill
	h := supervisorIn(t, t.TempDir())
	if s.reap(); s.orphaned() { // the dead of other tests first
		t.Error("every run would look at all processes of the host because of the supervisor")
	}
	if err := s.Start(context.Background(), j, Live{}); err != nil {
		t.Fatal(err)
	}
	if o, _ := s.Wait(); o.Leftover != 1 {
		t.Errorf("%d processes left over, want the sleep alone: %+v", o.Leftover, o)
	}
	if err := h.Give(shell(t, "true")); err != nil {
		t.Errorf("the supervisor is gone: %v", err)
	}
}

func TestDetachedErrors(t *testing.T) {
	for _, argv := range [][]string{nil, {"om"}, {"/does/not/exist"}, {"/bin/true"}} {
		if _, err := Detached(argv); err == nil {
			t.Errorf("Detached(%q): want an error", argv)
		}
	}
	exe, _ := os.Executable()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Detached([]string{exe, "__supervise", file + "/folder"}); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("got %v, want the reason", err)
	}
	h := supervisorIn(t, t.TempDir())
	if err := h.Give(Job{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	if err := unix.Kill(h.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := h.Give(shell(t, "true")); err == nil {
		t.Error("a dead supervisor took a job")
	}
}

// fill sets every field of v to something of its own, texts to bytes that are no UTF-8.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString([...]string{"\xff\xfe <&>\u2028é" + strconv.Itoa(*n), "\x00" + strconv.Itoa(*n)}[*n%2])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(1<<31 - int64(*n))
	case reflect.Uint32:
		v.SetUint(1<<32 - uint64(*n))
	case reflect.Uint64:
		v.SetUint(Unlimited - uint64(*n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[int]Status{0: Up, 75: StdbyDown, 255: NA}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, *n, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	}
}

func TestJobRoundTrip(t *testing.T) {
	n := 0
	var full Job
	fill(reflect.ValueOf(&full).Elem(), &n)
	empty := Job{RetCodes: map[int]Status{}, Notes: []string{}, Steps: []Step{{Command: Command{Env: []string{}, Limits: []Limit{}}}}}
	everything := make([]byte, 0, 255)
	for b := 1; b < 256; b++ {
		everything = append(everything, byte(b))
	}
	words := Job{Steps: []Step{{Command: Command{Argv: []string{"sh", string(everything), ""}, Env: []string{"A=" + string(everything)}}}}}
	for _, want := range []Job{full, {}, empty, words} {
		before := want.mapped(strings.Clone)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Job
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("(-want +got)\n%s", cmp.Diff(want, got))
		}
		if !reflect.DeepEqual(before, want) {
			t.Error("writing a job has changed it")
		}
	}
	if err := json.Unmarshal([]byte(`{"NewIdea":1}`), &Job{}); err == nil {
		t.Error("a field that nobody knows: want an error")
	}
}

func TestEndedRoundTrip(t *testing.T) {
	n := 0
	var want Ended
	fill(reflect.ValueOf(&want).Elem(), &n)
	want.Outcome.State, want.Holder = Complete, Holder{} // that is the name of the journal
	line := appendEnded(nil, want)
	got, err := parseEnded(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v (-want +got)\n%s", err, cmp.Diff(want, got))
	}
	if bytes.Count(line, []byte("\n")) != 1 {
		t.Errorf("got %q, want one line", line)
	}
}

// A command gets its arguments and variables byte for byte.
func TestDetachedBytes(t *testing.T) {
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	j := shell(t, `printf %s "$1$X"`)
	c := &j.Steps[0].Command
	c.Argv = append(c.Argv, "sh", "\xff\x01\xc3")
	c.Env = append(c.Env, "X=\xfe é\n")
	if err := h.Give(j); err != nil {
		t.Fatal(err)
	}
	var o collector
	o.await(t, folder, 1)
	if out, _, _ := outputOf(t, j.Output); out != "\xff\x01\xc3\xfe é\n" {
		t.Errorf("got %q", out)
	}
}

// giveForTest is a giver that a test can kill: it starts a supervisor, tells its pid, gives a job when told to
// on its standard input, whole or cut, and then only waits.
func giveForTest(folder string) {
	exe, _ := os.Executable()
	h, err := Detached([]string{exe, "__supervise", folder})
	fmt.Println(h.PID, err)
	var word string
	if _, err := fmt.Scanln(&word); err != nil {
		return
	}
	var jobs []Job
	if err := json.Unmarshal([]byte(os.Getenv("OM_TEST_JOBS")), &jobs); err != nil {
		fmt.Println(err)
		return
	}
	if word == "give" {
		fmt.Println(h.Give(jobs...))
	} else {
		var text bytes.Buffer
		for _, j := range jobs {
			line, _ := json.Marshal(j)
			text.Write(append(line, '\n'))
		}
		cut, _ := strconv.Atoi(word)
		fmt.Println(h.send(text.Bytes()[:min(cut, text.Len())]))
	}
	_, _ = fmt.Scanln(&word)
}

// giver starts giveForTest and returns what was said of its supervisor.
func giver(t *testing.T, folder string, jobs ...Job) (cmd *exec.Cmd, pid int, say func(string) string) {
	t.Helper()
	text, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OM_TEST_GIVE="+folder, "OM_TEST_JOBS="+string(text))
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line := func() string {
		var text []byte
		for b := make([]byte, 1); ; text = append(text, b[0]) {
			if n, err := out.Read(b); n == 0 || err != nil || b[0] == '\n' {
				return string(text)
			}
		}
	}
	if _, err := fmt.Sscan(line(), &pid); err != nil {
		t.Fatal(err)
	}
	return cmd, pid, func(word string) string { fmt.Fprintln(in, word); return line() }
}

func TestGiverExits(t *testing.T) {
	folder, dir := t.TempDir(), t.TempDir()
	j := shell(t, "while ! test -e "+dir+"/go; do sleep 0.01; done; exit 4")
	cmd, pid, say := giver(t, folder, j)
	if got := say("give"); got != "<nil>" {
		t.Fatal(got)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, 1)
	if got := c.ended[j.RunID].Outcome.Summary(); got != "error: exit code 4" {
		t.Errorf("got %q", got)
	}
	awaitDeath(t, pid)
}

// The giver is killed before it gives, or at any byte of what it gives: nothing starts.
func TestGiverIsCut(t *testing.T) {
	folder, dir := t.TempDir(), t.TempDir()
	a, b := shell(t, "echo a >>"+dir+"/ran"), shell(t, "echo b >>"+dir+"/ran")
	text, _ := json.Marshal(a)
	cuts := []int{-1, 0, 1, len(text) - 1, len(text), len(text) + 1, len(text) + 100, 1 << 20}
	for _, cut := range cuts {
		cmd, pid, say := giver(t, folder, a, b)
		if cut >= 0 {
			if got := say(strconv.Itoa(cut)); got != "<nil>" {
				t.Fatal(got)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		awaitDeath(t, pid)
	}
	if text, err := os.ReadFile(dir + "/ran"); err == nil {
		t.Errorf("half of a Give was started: %q", text)
	}
	var c collector
	c.fold(t, folder)
	if len(c.ended) > 0 || len(journals(t, folder)) > 0 {
		t.Errorf("got %v, left %v", c.ended, journals(t, folder))
	}
}

// What is no job is refused, and the supervisor goes on.
func TestGiveNonsense(t *testing.T) {
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	j := shell(t, "true")
	line, _ := json.Marshal(j)
	if err := h.send(append(line, "\n{\n\n"...)); err != nil {
		t.Fatal(err)
	}
	if err := h.answer(); err == nil || !strings.Contains(err.Error(), "job 2 of 2") {
		t.Errorf("got %v, want what is wrong", err)
	}
	if err := h.Give(j); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, 1)
	if c.ended[j.RunID].Outcome.State != Complete {
		t.Errorf("got %+v", c.ended)
	}
}

func TestSupervisorKilled(t *testing.T) {
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	quick, slow := shell(t, "exit 0"), shell(t, "sleep 60")
	if err := h.Give(quick, slow); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, 1)
	eventually(t, "the slow one runs", func() bool { return len(Processes(slow.RunID)) > 0 })
	if err := unix.Kill(h.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitDeath(t, h.PID)
	half := appendEnded(nil, slow.ended(Outcome{RunID: slow.RunID, State: Complete}))
	path := journals(t, folder)[0]
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(half[:len(half)-1]); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	c = collector{}
	c.fold(t, folder)
	if len(c.ended) != 0 { // the quick one was folded before
		t.Errorf("half a line was taken: %v", c.ended)
	}
	if left := journals(t, folder); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// The shell may just become the sleep: then it can't be told for a moment.
	eventually(t, "the run's processes are found", func() bool { return len(Processes(slow.RunID)) > 0 })
	if err := EndTree(context.Background(), slow.RunID, int(unix.SIGKILL), time.Second); err != nil {
		t.Error(err)
	}
}

// The supervisor is asked to end: its runs are ended as at a time limit, and told as cancelled.
func TestSupervisorIsAskedToEnd(t *testing.T) {
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	meek, deaf := shell(t, "sleep 60"), shell(t, "trap '' TERM; while :; do sleep 0.1; done")
	deaf.StopTimeout = time.Hour
	if err := h.Give(meek, deaf); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both run", func() bool { return len(Processes(meek.RunID)) > 0 && len(Processes(deaf.RunID)) > 1 })
	if err := unix.Kill(h.PID, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, 1)
	if err := h.Give(shell(t, "true")); err == nil || !strings.Contains(err.Error(), "takes no more") {
		t.Errorf("got %v, want that it takes no more", err)
	}
	if _, ok := c.ended[meek.RunID]; !ok {
		t.Errorf("got %v, want the meek one", c.ended)
	}
	if err := unix.Kill(h.PID, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.await(t, folder, 2)
	for _, e := range c.ended {
		if e.Outcome.Summary() != "cancelled: signal SIGTERM" {
			t.Errorf("got %+v", e.Outcome)
		}
	}
	awaitDeath(t, h.PID)
}

func TestManyJobs(t *testing.T) {
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	const n = 1000
	jobs := make([]Job, n)
	for i := range jobs {
		jobs[i] = shell(t, "")
		jobs[i].Steps[0].Command = ownCommand("/bin/true")
	}
	began := time.Now()
	if err := h.Give(jobs...); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	awaitDeath(t, h.PID)
	t.Logf("%d runs in %v", n, time.Since(began))
	text, err := os.ReadFile(journals(t, folder)[0])
	if err != nil || bytes.Count(text, []byte("\n")) != n+1 {
		t.Errorf("%d lines, %v", bytes.Count(text, []byte("\n")), err)
	}
	var c collector
	c.fold(t, folder)
	for _, j := range jobs {
		if c.ended[j.RunID].Outcome.State != Complete {
			t.Errorf("%s: got %+v", j.RunID, c.ended[j.RunID])
		}
	}
	if len(journals(t, folder)) > 0 {
		t.Error("the journal is left")
	}
	for _, j := range jobs {
		if dir := cgroupBase() + "/" + leafPrefix + j.RunID; unix.Access(dir, unix.F_OK) == nil {
			t.Errorf("the cgroup %s is left", dir)
		}
	}
}

// A disk that is full: outcomes are kept until it has room.
func TestJournalDiskFull(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=64k,mode=700"); err != nil {
		t.Skipf("only root can mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(folder, unix.MNT_DETACH) })
	h := supervisorIn(t, folder)
	path := journals(t, folder)[0]
	filler := folder + "/filler"
	_ = os.WriteFile(filler, make([]byte, 1<<20), 0o600) // as much as fits
	const n = 60
	jobs := make([]Job, n)
	for i := range jobs {
		jobs[i] = shell(t, "exit 0")
	}
	if err := h.Give(jobs...); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the runs are over", func() bool {
		return !slices.ContainsFunc(jobs, func(j Job) bool { return len(Processes(j.RunID)) > 0 })
	})
	<-time.After(300 * time.Millisecond)
	if p, ok := readProcess(h.PID); !ok || p.dead() {
		t.Fatal("the supervisor has ended with outcomes that are not written")
	}
	text, _ := os.ReadFile(path)
	if count := bytes.Count(text, []byte("\n")); count > n || text[len(text)-1] != '\n' {
		t.Errorf("%d lines on a full disk, the last %q", count, text[max(0, len(text)-50):])
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	awaitDeath(t, h.PID)
	var c collector
	c.fold(t, folder)
	if len(c.ended) != n {
		t.Errorf("%d outcomes, want %d", len(c.ended), n)
	}
}

// Somebody removes the journal of a living supervisor: what ends later is told in a new one.
func TestJournalRemoved(t *testing.T) {
	folder := t.TempDir() + "/a"
	h := supervisorIn(t, folder)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := h.Give(shell(t, "true")); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.await(t, folder, 1)
}

// writeJournal makes the journal of a supervisor of another boot, long dead.
func writeJournal(tb testing.TB, folder string, pid int, text string) string {
	tb.Helper()
	path := filepath.Join(folder, owner{"11111111-2222-3333-4444-555555555555", pid, 7}.fileName())
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func ended(runID string) string {
	return string(appendEnded(nil, Ended{ID: ID{"s", "task#0"}, Outcome: Outcome{RunID: runID, State: Complete, EndedAt: time.Unix(1, 0).UTC()}}))
}

func TestFold(t *testing.T) {
	folder := t.TempDir()
	var c collector
	c.fold(t, folder+"/absent")
	c.fold(t, folder)
	hole := "\x00\x00\x00" + ended("lost")[30:] // a block that was not written before the host crashed
	good := writeJournal(t, folder, 1, ledgerHead+ended("a")+hole+ended("b")+`{"ID":{"Service`)
	unborn := writeJournal(t, folder, 2, "")
	half := writeJournal(t, folder, 3, ledgerHead[:10])
	c.fold(t, folder)
	if len(c.ended) != 2 || c.calls != 1 {
		t.Errorf("got %v in %d calls", c.ended, c.calls)
	}
	for _, path := range []string{good, unborn, half} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	writeJournal(t, folder, 9, ledgerHead+ended("e"))
	c.fold(t, folder)
	if len(c.ended) != 3 || c.ended["e"].Holder != (Holder{"11111111-2222-3333-4444-555555555555", 9, 7}) {
		t.Errorf("got %v", c.ended)
	}
}

// What is no journal of ours is told and harms nothing: the others are folded all the same, and the runs of a supervisor
// that is dead are not waited for.
func TestFoldStrange(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	boot := func(pid int) string { return owner{"b", pid, 8}.fileName() }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	state := `{"ID":{},"Outcome":{"RunID":"x","EndedAt":"2026-01-01T00:00:00Z","State":"running"}}` + "\n"
	long := `{"ID":{"Service":"` + strings.Repeat("x", maxFolded) + "\"}}\n"
	aside := []string{
		writeJournal(t, folder, 1, "root:x:0:0\n"), writeJournal(t, folder, 2, ledgerHead+ended("c")+"what\n"+ended("d")),
		writeJournal(t, folder, 3, ledgerHead+state), writeJournal(t, folder, 4, ledgerHead+long+ended("lost")),
		writeJournal(t, folder, 5, ledgerHead+`{"Outcome":{"RunID":"no end","State":"complete"}}`+"\n"),
		writeJournal(t, folder, 6, strings.Repeat("\x00", 100)),
	}
	left := []string{in("notes.txt"), in(boot(11)), in(boot(12)), in(boot(13)), in("folder")}
	must(os.WriteFile(left[0], []byte("hi\n"), 0o600))
	must(os.Symlink("/etc/passwd", left[1]))
	must(unix.Mkfifo(left[2], 0o600))
	must(os.Mkdir(left[3], 0o700))
	must(os.Mkdir(left[4], 0o700))
	if os.Geteuid() == 0 {
		left = append(left, in(boot(14)))
		must(os.WriteFile(in(boot(14)), []byte(ledgerHead+ended("theirs")), 0o600))
		must(os.Chown(in(boot(14)), 1000, 1000))
	}
	huge := writeJournal(t, folder, 7, ledgerHead+ended("before"))
	must(os.Truncate(huge, 1<<40)) // sparse
	writeJournal(t, folder, 8, ledgerHead+ended("e"))

	var c collector
	var told []string
	strange := func(err error) { told = append(told, err.Error()) }
	for round := range 2 {
		told = nil
		if err := Fold(folder, c.settle, strange); err != nil {
			t.Error(err)
		}
		want := len(left)
		if round == 0 {
			want += len(aside) + 1 // huge
		}
		if len(told) != want {
			t.Errorf("round %d: told %d times, want %d: %.200q", round, len(told), want, told)
		}
	}
	for _, path := range append(aside, huge) {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still in the way", path)
		}
		if _, err := os.Lstat(path + damagedSuffix); err != nil {
			t.Error(err)
		}
	}
	for _, path := range left {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	if got := slices.Sorted(maps.Keys(c.ended)); !slices.Equal(got, []string{"before", "c", "d", "e"}) {
		t.Errorf("folded %q", got)
	}
}

// A long journal is read in parts, each line once.
func TestFoldLong(t *testing.T) {
	folder := t.TempDir()
	var text strings.Builder
	text.WriteString(ledgerHead)
	n := 0
	for ; text.Len() < 2*maxFolded+maxFolded/2; n++ {
		e := Ended{ID: ID{"s", "task#0"}, Outcome: Outcome{RunID: strconv.Itoa(n), State: Failed, EndedAt: time.Unix(1, 0).UTC(), Reason: strings.Repeat("x", 32<<10)}}
		text.Write(appendEnded(nil, e))
	}
	path := writeJournal(t, folder, 1, text.String())
	var c collector
	c.fold(t, folder)
	if len(c.ended) != n || c.calls != 3 {
		t.Errorf("%d outcomes in %d calls, want %d", len(c.ended), c.calls, n)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it is left")
	}
}

// FuzzFold: whatever stands in a journal, what is settled is an outcome, and no line is passed over.
func FuzzFold(f *testing.F) {
	for _, text := range []string{
		"", ledgerHead, ledgerHead + ended("a"), ledgerHead + ended("a") + ended("\xff\x00") + `{"ID`, "x\n", ledgerHead + "\n\n" + ended("b"),
		ledgerHead + `{"Outcome":{"RunID":"a","State":"complete","EndedAt":"9999-01-01T00:00:00Z","ExitCode":1e3}}` + "\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := folded{text: text, size: int64(len(text))}
		batch, wrong := r.outcomes(Holder{PID: 1})
		if r.end < 0 || r.end > r.size || r.end > 0 && text[r.end-1] != '\n' {
			t.Fatalf("read to %d of %d", r.end, r.size)
		}
		lines := -1 // the first has the version
		for line := range bytes.Lines(text[:r.end]) {
			if bytes.IndexByte(line, 0) < 0 { // one that has is of a block that was lost
				lines++
			}
		}
		lines = max(lines, 0)
		if len(batch) > lines || len(batch) < lines && wrong == nil {
			t.Errorf("%d outcomes of %d lines, %v", len(batch), lines, wrong)
		}
		for _, e := range batch {
			o := e.Outcome
			if o.RunID == "" || !o.State.Final() || o.EndedAt.IsZero() || e.Holder.PID != 1 {
				t.Errorf("%+v is no outcome", e)
			}
			again, err := parseEnded(bytes.TrimSuffix(appendEnded(nil, e), []byte("\n")))
			again.Holder = e.Holder
			if err == nil && again.Outcome.RunID != o.RunID {
				t.Errorf("%q comes back as %q", o.RunID, again.Outcome.RunID)
			}
		}
	})
}

// Where settle fails all is left for the next time.
func TestFoldAgain(t *testing.T) {
	folder := t.TempDir()
	writeJournal(t, folder, 1, ledgerHead+ended("a"))
	no := errors.New("database is locked")
	if err := Fold(folder, func([]Ended) error { return no }, nil); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	var c collector
	c.fold(t, folder)
	if len(c.ended) != 1 {
		t.Errorf("got %v", c.ended)
	}
}

// Several processes fold while a supervisor writes.
func TestFoldTogether(t *testing.T) {
	folder := t.TempDir()
	h := supervisorIn(t, folder)
	const n = 100
	var all collector
	var group sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for {
				if err := Fold(folder, all.settle, func(err error) { t.Error(err) }); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range n / 10 {
		var jobs []Job
		for range 10 {
			jobs = append(jobs, shell(t, "exit 0"))
		}
		if err := h.Give(jobs...); err != nil {
			t.Fatal(err)
		}
	}
	_ = h.Close()
	awaitDeath(t, h.PID)
	close(done)
	group.Wait()
	all.fold(t, folder)
	if len(all.ended) != n {
		t.Errorf("%d outcomes, want %d", len(all.ended), n)
	}
}

// The supervisor is killed at any moment: what was taken is told once or not at all, never half, and nothing
// that was not taken is told.
func TestSupervisorKilledAnywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	moments := rand.New(rand.NewPCG(seed, 0))
	rounds := 50
	if testing.Short() {
		rounds = 10
	}
	told, taken := 0, 0
	for range rounds {
		folder := t.TempDir()
		ran := filepath.Join(folder, "ran")
		h := supervisorIn(t, folder+"/j")
		kill := time.AfterFunc(time.Duration(moments.IntN(120_000))*time.Microsecond, func() { _ = unix.Kill(h.PID, unix.SIGKILL) })
		given := map[string]bool{}
		for range 10 {
			var jobs []Job
			for range 1 + moments.IntN(5) {
				j := shell(t, "echo $OM_RUN_ID >>"+ran)
				jobs = append(jobs, j)
			}
			err := h.Give(jobs...)
			for _, j := range jobs {
				given[j.RunID] = err == nil
			}
			if err != nil {
				break
			}
		}
		_ = h.Close()
		awaitDeath(t, h.PID)
		kill.Stop()
		var c collector
		c.fold(t, folder+"/j")
		text, _ := os.ReadFile(ran)
		lines := strings.Fields(string(text))
		for id, e := range c.ended {
			if _, ok := given[id]; !ok || e.Outcome.State != Complete || !slices.Contains(lines, id) {
				t.Errorf("run %s: %+v", id, e)
			}
		}
		slices.Sort(lines)
		if len(slices.Compact(slices.Clone(lines))) != len(lines) {
			t.Errorf("started twice: %v", lines)
		}
		for _, ok := range given {
			if ok {
				taken++
			}
		}
		told += len(c.ended)
		if left := journals(t, folder+"/j"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	t.Logf("%d rounds: %d jobs taken, %d told", rounds, taken, told)
}

// A daemon that an earlier run left to us, with nothing in its environment, is no orphan of the next run.
func TestEarlierOrphanIsLeftAlone(t *testing.T) {
	folder := t.TempDir()
	s, err := NewSupervisor() // it makes us the parent of orphans
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := supervisorIn(t, folder)
	file := t.TempDir() + "/pid"
	if err := h.Give(shell(t, "env -i setsid sh -c 'echo $$ >"+file+".new; mv "+file+".new "+file+"; exec sleep 60' & while ! test -e "+file+"; do sleep 0.01; done")); err != nil {
		t.Fatal(err)
	}
	_ = h.Close()
	awaitDeath(t, h.PID)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	eventually(t, "it is a child of ours", func() bool { p, _ := readProcess(pid); return p.ppid == os.Getpid() })
	<-time.After(30 * time.Millisecond) // starts are told in hundredths of a second
	j := shell(t, "exit 0")
	j.Leftover = LeftoverKill
	s.base = ""
	if err := s.Start(context.Background(), j, Live{}); err != nil {
		t.Fatal(err)
	}
	if o, _ := s.Wait(); o.Leftover != 0 {
		t.Errorf("got %+v, want nothing left over", o)
	}
	if p, ok := readProcess(pid); !ok || p.dead() {
		t.Error("it was killed")
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	_, _ = unix.Wait4(pid, nil, 0, nil)
}

// Barriers and writes of the journal fail for a while: each outcome is told once, whole, when they work again,
// and is followed by a barrier.
func TestJournalFails(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil || exec.Command(strace, "-o", "/dev/null", "true").Run() != nil {
		t.Skip("strace does not work here")
	}
	exe, _ := os.Executable()
	for _, fault := range []string{"fdatasync:error=EIO:when=2..4", "pwrite64:error=ENOSPC:when=2..4", "fdatasync:delay_enter=1"} {
		folder, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
		h, err := Detached([]string{strace, "-f", "-o", log, "-e", "trace=fdatasync,pwrite64,ftruncate", "-e", "inject=" + fault, exe, "__supervise", folder})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for range 3 {
			j := shell(t, "exit 0")
			j.Log = LogNone
			want = append(want, j.RunID)
			if err := h.Give(j); err != nil {
				t.Fatal(err)
			}
		}
		_ = h.Close()
		awaitDeath(t, h.PID)
		var told []string
		for _, path := range journals(t, folder) {
			text, _ := os.ReadFile(path)
			for line := range strings.Lines(strings.TrimPrefix(string(text), ledgerHead)) {
				e, err := parseEnded([]byte(line))
				if err != nil {
					t.Error(err)
				}
				told = append(told, e.Outcome.RunID)
			}
		}
		slices.Sort(told)
		if slices.Sort(want); !slices.Equal(told, want) {
			t.Errorf("%s: told %v, want %v", fault, told, want)
		}
		trace, _ := os.ReadFile(log)
		calls := strings.Count(string(trace), "pwrite64(")
		if last := strings.LastIndex(string(trace), "pwrite64("); calls < 2 || !strings.Contains(string(trace[last:]), "fdatasync(") {
			t.Errorf("%s: no barrier after the last of %d writes:\n%s", fault, calls, trace)
		}
		_, _ = unix.Wait4(h.PID, nil, 0, nil)
	}
}
