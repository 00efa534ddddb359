package soak_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"om/task"
)

// world is one node, or the one of several that is looked at: its folders, its clock, what happened to it.
type world struct {
	*testing.T
	dir, etc, state string
	node            string
	others          map[string]string // records of other nodes: their names
	own             map[string]string // services with a record of their own: the file
	seed            uint64
	begin           time.Time
	ended           sync.Once

	mu      sync.Mutex
	now     time.Time // stands still, if set
	clock   string    // the file that tells now, where a process is to see it move
	set     []setting // how the clock was set, the first to the last
	logs    bool      // the records log what is written to them
	events  []event
	spans   []span
	killed  map[int]bool      // supervisors, by pid
	diedAt  map[int]time.Time // when, of those that are known
	said    map[string]int
	first   map[task.ID]time.Time // the cursors before anything was due
	moved   map[task.ID]bool      // tasks whose schedule is changed to another one
	counts  map[string]int        // of what the nemesis did
	good    string                // the text of what is broken now and then
	longest time.Duration         // that a process of om took, which nobody stopped
	limited bool                  // the record has a disk of its own, which can be filled
	lenient bool                  // the disk was full: what could not be started is no fault
	loose   map[task.ID]bool      // tasks whose slots can't be told from outside

	gates sync.WaitGroup // that are open

	powerless bool // the power was lost: so may be that a lock was given back
	places    []place
	dead      map[string]bool // boots of nodes that died, and holders in them
}

// setting is how a clock is set from a moment of the host's on.
type setting struct {
	from  time.Time
	still time.Time     // where it stands, if set
	ahead time.Duration // of the host's otherwise
}

// event is something that the nemesis did.
type event struct {
	at   time.Time
	what string
}

// span is something that was so for a time: surely so from since to until, and perhaps from from to to.
type span struct {
	what, whom              string
	from, since, until, end time.Time
}

// probe is the task: a line when it begins and one when it ends, each by one write to the end of one file, whose
// order is the order of all tasks; before them one, where a process of the run of the task before it is alive still.
// Arguments: file, seconds, exit code.
const probe = `read -r up rest </proc/uptime
mine="${1%/*}/pids/$OM_NODE.$OM_SERVICE.$OM_TASK"
if [ -s "$mine" ] && read -r pid run <"$mine" && [ "$run" != "$OM_RUN_ID" ] && [ -e "/proc/$pid" ] && grep -qs "OM_RUN_ID=$run" "/proc/$pid/environ"; then
	echo "beside $OM_SERVICE $OM_TASK $OM_SLOT $OM_RUN_ID $OM_ATTEMPT $pid $up $OM_NODE" >>"$1"
fi
echo "$$ $OM_RUN_ID" >"$mine"
echo "begin $OM_SERVICE $OM_TASK $OM_SLOT $OM_RUN_ID $OM_ATTEMPT $$ $up $OM_NODE" >>"$1"
[ "$2" = 0 ] || sleep "$2"
read -r up rest </proc/uptime
echo "end $OM_SERVICE $OM_TASK $OM_SLOT $OM_RUN_ID $OM_ATTEMPT $$ $up $OM_NODE" >>"$1"
exit "$3"
`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		T: t, dir: t.TempDir(), node: "n1", seed: *seed, begin: time.Now(), killed: map[int]bool{}, diedAt: map[int]time.Time{}, said: map[string]int{},
		first: map[task.ID]time.Time{}, moved: map[task.ID]bool{}, counts: map[string]int{}, own: map[string]string{}, loose: map[task.ID]bool{},
	}
	if w.seed == 0 {
		w.seed = uint64(time.Now().UnixNano())
	}
	w.etc, w.state = filepath.Join(w.dir, "etc"), filepath.Join(w.dir, "state")
	w.write("probe.sh", probe)
	w.write("probes", "")
	w.write("pids/none", "")
	w.write("etc/node.conf", "[node]\nkeep_runs = 10000000\nkeep_days = 36500\nkeep_failed_days = 36500\nstartup_parallel = 100\nwait_time_sync = 0s\ntimezone = UTC\n")
	t.Cleanup(w.end)
	t.Logf("seed %d: go test ./soak -run '^%s$' -args -seed %d", w.seed, t.Name(), w.seed)
	return w
}

// end leaves nothing behind, and draws what happened where that was wrong.
func (w *world) end() {
	for _, pid := range w.processes() {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	w.ended.Do(func() {
		if w.Failed() {
			w.Logf("seed %d, the histories are in %s\n%s", w.seed, w.keep(), w.picture())
		}
	})
}

// keep copies what there is to be looked at afterwards.
func (w *world) keep() string {
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("om-soak-%s-%d", w.Name(), w.seed))
	var b strings.Builder
	for _, e := range w.events {
		fmt.Fprintf(&b, "%s (shown %s) %s\n", e.at.UTC().Format(time.StampMilli), w.shown(e.at).UTC().Format(time.StampMilli), e.what)
	}
	for _, s := range w.spans {
		fmt.Fprintf(&b, "%s to %s: %s %s\n", s.from.UTC().Format(time.StampMilli), s.end.UTC().Format(time.StampMilli), s.what, s.whom)
	}
	err := os.MkdirAll(folder, 0o700)
	for _, path := range w.recordPaths() {
		for _, suffix := range []string{"", "-wal"} {
			text, _ := os.ReadFile(path + suffix)
			err = errors.Join(err, os.WriteFile(filepath.Join(folder, strings.ReplaceAll(strings.TrimPrefix(path, w.dir+"/"), "/", "-")+suffix), text, 0o600))
		}
	}
	probes, _ := os.ReadFile(filepath.Join(w.dir, "probes"))
	err = errors.Join(err, os.WriteFile(filepath.Join(folder, "nemesis"), []byte(b.String()), 0o600), os.WriteFile(filepath.Join(folder, "probes"), probes, 0o600))
	if err != nil {
		w.Log(err)
	}
	return folder
}

// random is a sequence of choices: another for each n.
func (w *world) random(n uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, n)) }

func (w *world) write(name, text string) {
	w.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.Fatal(err)
	}
	// In one step: a scan sees the one text or the other.
	err := os.WriteFile(path+".new", []byte(text), 0o644)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// probing is the command of a task that takes so long and ends with code, and its folder: a user may have no home.
func (w *world) probing(seconds string, code int) string {
	return fmt.Sprintf("sh %s %s %s %d\ncwd = /", filepath.Join(w.dir, "probe.sh"), filepath.Join(w.dir, "probes"), seconds, code)
}

// did notes what the nemesis does.
func (w *world) did(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event{time.Now(), what})
	word, _, _ := strings.Cut(what, " ")
	w.counts[word]++
}

func (w *world) kills() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for word, count := range w.counts {
		if strings.HasPrefix(word, "kill-") {
			n += count
		}
	}
	return n
}

// during does on, stay and off, and notes what was so meanwhile.
func (w *world) during(what, whom string, on, stay, off func()) {
	w.did(what)
	s := span{what: what, whom: whom, from: time.Now()}
	on()
	s.since = time.Now()
	stay()
	s.until = time.Now()
	off()
	s.end = time.Now()
	w.wasSo(s)
}

// wasSo keeps what was so for a time.
func (w *world) wasSo(s span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans = append(w.spans, s)
}

// setClock sets the clock of the world: to stand still, or ahead of the host's. Processes see it move where it is a file.
func (w *world) setClock(s setting) {
	w.Helper()
	text := s.ahead.String()
	if !s.still.IsZero() {
		text = s.still.Format(time.RFC3339)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.clock != "" {
		w.write(w.clock, text)
	}
	s.from, w.now = time.Now(), s.still
	w.set = append(w.set, s)
}

// setNow makes the clock of the world stand at an instant.
func (w *world) setNow(at time.Time) { w.setClock(setting{still: at}) }

// shown is what the clock of the world showed at a moment of the host's.
func (w *world) shown(at time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range slices.Backward(w.set) {
		switch {
		case at.Before(s.from):
		case !s.still.IsZero():
			return s.still
		default:
			return at.Add(s.ahead)
		}
	}
	return at
}

// ahead is how far the clock of the world is ahead of the host's.
func (w *world) ahead() time.Duration {
	now := time.Now()
	return w.shown(now).Sub(now)
}

// process is om or omd in this world.
func (w *world) process(name string, args ...string) *exec.Cmd {
	w.Helper()
	exe, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	if name == "omd" {
		path, ok := w.daemon()
		if ok {
			exe = path
		} else {
			name, args = "loop", nil
		}
	}
	c := exec.Command(exe)
	c.Args = append([]string{name}, args...)
	c.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC", "OM_CONFIG_DIR=" + w.etc, "OM_STATE_DIR=" + w.state, "OM_NODENAME=" + w.node, "HOME=" + w.dir,
		"GORACE=atexit_sleep_ms=0", // thousands of processes would sleep for a second at their end
	}
	c.Stderr = &bytes.Buffer{}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.clock != "":
		c.Env = append(c.Env, "NOW="+filepath.Join(w.dir, w.clock))
	case !w.now.IsZero():
		c.Env = append(c.Env, "NOW="+w.now.Format(time.RFC3339))
	}
	return c
}

// om runs om to its end, which must be a good one, and returns its output.
func (w *world) om(args ...string) string {
	w.Helper()
	c := w.process("om", args...)
	begin := time.Now()
	out, err := c.Output()
	w.took(time.Since(begin))
	w.listen(c)
	if err != nil {
		w.Fatalf("om %s: %v\n%s", strings.Join(args, " "), err, c.Stderr)
	}
	return string(out)
}

// took notes how long a process took.
func (w *world) took(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = max(w.longest, d)
}

// listen keeps what a process said went wrong.
func (w *world) listen(c *exec.Cmd) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(fmt.Sprint(c.Stderr)) {
		w.said[shape(line)]++
	}
}

// shape is a message without what differs each time.
func shape(line string) string {
	words := strings.Fields(line)
	for i, word := range words {
		if strings.ContainsAny(word, "0123456789") && !strings.Contains(word, "#") {
			words[i] = "N"
		}
	}
	return strings.Join(words, " ")
}

// supervisors are the living ones: those whose journals are there.
func (w *world) supervisors() (pids []int) {
	entries, _ := os.ReadDir(filepath.Join(w.state, "journal"))
	for _, e := range entries {
		words := strings.Split(strings.TrimSuffix(e.Name(), ".jsonl"), "-")
		if len(words) < 3 {
			continue
		}
		pid, err := strconv.Atoi(words[len(words)-2])
		if err == nil && strings.Contains(cmdline(pid), w.dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func cmdline(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
}

// processes are all of this world: supervisors, probes, what probes started, and om itself.
func (w *world) processes() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		if strings.Contains(cmdline(pid), w.dir) || bytes.Contains(environ, []byte(w.dir)) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}
