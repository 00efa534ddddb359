package task

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	startsATurn    = 32 // jobs that are started before ended runs get their turn
	filesARun      = 6  // descriptors that a run holds
	firstPause     = 50 * time.Millisecond
	longestPause   = 5 * time.Second
	detachedCores  = 2 // one thread does the work: more only cost memory
	descriptorRoom = 64
)

// Serve is the life of a detached supervisor, a process of its own: it reads jobs from in, says on ack that it
// has them, runs them, and appends each outcome to its journal in the folder given, durably before anybody can
// learn of it; outcomes that come together share one barrier. What can't be written is kept and tried again.
// It returns when in is closed, no run is left and every outcome is durable.
//
// SIGTERM, SIGINT, SIGHUP or SIGQUIT ends its runs as their time limit does, and they are cancelled; a second
// one kills them. After the first no more jobs are taken.
// now reads the clock that the times of its runs are of.
func Serve(in, ack *os.File, journal string, now func() time.Time) error {
	runtime.GOMAXPROCS(detachedCores)
	v, err := newServer(journal, now)
	if err != nil {
		answer(ack, err)
		return err
	}
	defer v.close()
	answer(ack, nil)
	go v.receive(in, ack)
	v.serve()
	return nil
}

// server is a detached supervisor.
type server struct {
	*Supervisor
	ledger *ledger
	inbox  inbox
	ctx    context.Context
	cancel context.CancelCauseFunc
	now    func() time.Time
	most   int // runs at a time

	waiting []Job // given, and not started yet
	pending []byte
	writing bool         // a write is under way
	written chan written // how it ended
	retry   instant      // when pending is tried again, 0 for at once
	pause   time.Duration
}

func newServer(folder string, now func() time.Time) (*server, error) {
	s, err := NewSupervisor()
	if err != nil {
		return nil, err
	}
	v := &server{Supervisor: s, written: make(chan written, 1), now: func() time.Time { return now().UTC() }}
	v.ctx, v.cancel = context.WithCancelCause(context.Background())
	s.ear = v.ctx
	signals, err := catchSignals()
	if err == nil {
		err = s.openBell()
	}
	if err == nil {
		err = s.lowDescriptors()
	}
	if err == nil {
		v.ledger, err = createLedger(folder)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	go v.heed(signals)
	sweepOld(s.base, wallClock())
	v.most = runsAtOnce()
	return v, nil
}

func (v *server) close() {
	v.Close()
	v.ledger.close()
}

// runsAtOnce is how many runs the limit of open files allows.
func runsAtOnce() int {
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) != nil {
		return 100
	}
	return int(max(1, (min(files.Cur, 1<<30)-min(files.Cur, descriptorRoom))/filesARun))
}

// serve is the loop of the one thread that does the work.
func (v *server) serve() {
	for {
		jobs, signals, over := v.inbox.take()
		v.waiting = append(v.waiting, jobs...)
		for _, name := range signals {
			v.askedToEnd(name)
		}
		v.startSome()
		v.record()
		if over && len(v.waiting) == 0 && v.live == 0 && len(v.pending) == 0 && !v.writing {
			return
		}
		v.mind(v.retry)
		v.turn()
	}
}

// startSome starts jobs that wait. Where there are more it comes back after the next turn, which does not
// last then; where the limit is reached, after the end of a run.
func (v *server) startSome() {
	for range startsATurn {
		if len(v.waiting) == 0 || v.live >= v.most {
			return
		}
		j := v.waiting[0]
		v.waiting[0] = Job{}
		if v.waiting = v.waiting[1:]; len(v.waiting) == 0 {
			v.waiting = nil
		}
		v.start(j)
	}
	v.bell.ring()
}

func (v *server) start(j Job) {
	j.Now = v.now
	if err := v.Start(v.ctx, j, Live{}); err != nil {
		now := j.Now()
		o := Outcome{RunID: j.RunID, State: Failed, Reason: err.Error(), ExitCode: codeInternal, StartedAt: now, EndedAt: now}
		v.ended = append(v.ended, j.ended(o))
	}
}

// wallClock is the clock that the times of files are of.
func wallClock() time.Time {
	return time.Now().UTC() //nolint:forbidigo // no other clock is as good for that
}

// askedToEnd ends all runs, at the second signal at once.
func (v *server) askedToEnd(name string) {
	if v.ctx.Err() != nil {
		v.hurry(name)
		return
	}
	v.cancel(fmt.Errorf("signal %s", name))
	v.hear()
}

// record makes durable what has ended. Another thread waits for the disk: what ends meanwhile shares the next barrier,
// and jobs are started all the while.
func (v *server) record() {
	for _, e := range v.ended {
		v.pending = appendEnded(v.pending, e)
	}
	v.ended = nil
	v.land()
	if v.writing || len(v.pending) == 0 || v.retry != 0 && !v.retry.due(monotonic()) {
		return
	}
	lines := v.pending
	v.pending, v.retry, v.writing = nil, 0, true
	go func() {
		v.written <- written{lines, v.ledger.append(lines)}
		v.bell.ring()
	}()
}

// written is how a write to the journal ended.
type written struct {
	lines []byte
	err   error
}

// land takes the answer of the write that is under way, where it has come. Lines that are not in the journal are
// pending again.
func (v *server) land() {
	select {
	case w := <-v.written:
		v.writing = false
		if w.err == nil {
			v.pause = 0
			return
		}
		v.pending = append(w.lines, v.pending...)
		v.pause = min(max(2*v.pause, firstPause), longestPause)
		v.retry = monotonic().after(v.pause)
	default:
	}
}

// heed passes on signals from the pipe that they are written to.
func (v *server) heed(signals *os.File) {
	for {
		var sig [1]byte
		if n, _ := signals.Read(sig[:]); n != 1 {
			return
		}
		v.inbox.signal(SignalName(int(sig[0])))
		v.bell.ring()
	}
}

// receive reads jobs until no more can come.
func (v *server) receive(in, ack *os.File) {
	r := bufio.NewReader(in)
	for {
		lines, err := readBatch(r)
		if err != nil {
			break
		}
		jobs, err := decodeJobs(lines)
		if err == nil {
			err = v.inbox.put(jobs)
		}
		answer(ack, err)
		v.bell.ring()
	}
	v.inbox.close()
	v.bell.ring()
}

// readBatch reads the lines of one Give, which an empty line ends. What is cut off is none.
func readBatch(r *bufio.Reader) ([][]byte, error) {
	var lines [][]byte
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if len(line) == 1 {
			return lines, nil
		}
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
}

func decodeJobs(lines [][]byte) ([]Job, error) {
	jobs := make([]Job, len(lines))
	d := jobReader(bytes.Join(lines, []byte("\n")))
	for i := range jobs {
		if err := d.read(&jobs[i]); err != nil {
			return nil, fmt.Errorf("job %d of %d: %w", i+1, len(lines), err)
		}
	}
	return jobs, nil
}

// answer says yes by an empty line, or why not. That nobody is there to read it changes nothing.
func answer(ack *os.File, err error) {
	text := ""
	if err != nil {
		text = strings.ReplaceAll(err.Error(), "\n", " ")
	}
	_, _ = ack.WriteString(text + "\n")
}

// inbox is what other goroutines have for the server.
type inbox struct {
	mu      sync.Mutex
	jobs    []Job
	signals []string
	over    bool // no more jobs come
}

// put adds jobs, all or none.
func (b *inbox) put(jobs []Job) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return errors.New("it was asked to end, and takes no more jobs")
	}
	b.jobs = append(b.jobs, jobs...)
	return nil
}

// signal adds a signal, after which no jobs are taken.
func (b *inbox) signal(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signals = append(b.signals, name)
	b.over = true
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// take empties the inbox.
func (b *inbox) take() (jobs []Job, signals []string, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	jobs, signals, over = b.jobs, b.signals, b.over
	b.jobs, b.signals = nil, nil
	return jobs, signals, over
}
