package task

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// linger is how long the end of a run waits for a writer that outlives the command and holds its
// output open.
const linger = 300 * time.Millisecond

// phase is where a run is in its life:
//
//	running -> (next step -> running)* -> draining -> over
//	running -> stopping -> killing -> (on_error -> running) -> draining -> over
//	running -> draining: with leftover = kill by way of stopping and killing
type phase uint8

const (
	running  phase = iota // the step's command lives
	stopping              // the tree has got the stop signal
	killing               // and SIGKILL
	draining              // all processes are settled; output is still on its way
	over
)

// run is one job under a supervisor.
type run struct {
	s        *Supervisor
	slot     int
	job      *Job
	ctx      context.Context
	unlisten func() bool
	terminal *passthrough
	journal  *journal

	step     int
	phase    phase
	heard    bool // the context's end has been dealt with
	dead     bool // the command has been waited for
	grown    bool // the pipes have been made larger
	stuck    bool // processes are left that SIGKILL did not end
	lingered bool // nobody waits for writers any more
	pid      int
	pidfd    int
	status   unix.WaitStatus
	halt     RunState // why om ends the tree: TimedOut, Cancelled, or "" after a normal end
	because  string
	tries    int

	deadline instant // of what the phase waits for
	until    instant // the end of the phase's patience

	out     [2]channel
	sink    sink
	tree    tree
	outcome Outcome
}

// open prepares what all steps share: output, cgroup, the ear for the end of the context.
func (r *run) open(live Live) error {
	j := r.job
	r.tree = tree{runID: j.RunID, leaf: newLeaf(r.s.base, j.RunID), mains: make([]int, 0, 1), since: ticks()}
	r.pidfd = -1
	r.out = [2]channel{closedChannel(), closedChannel()}
	if err := r.openOutput(live); err != nil {
		return err
	}
	var err error
	r.unlisten, err = r.s.listen(r.ctx)
	return err
}

// release frees what the run holds.
func (r *run) release() {
	r.s.runs[r.slot] = nil
	r.s.live--
	if r.unlisten != nil {
		r.unlisten()
	}
	r.forget()
	if r.terminal != nil {
		r.terminal.close(r)
	}
	for i := range r.out {
		r.out[i].close(r.s)
	}
	if r.journal != nil {
		r.journal.close()
	}
	r.s.emptied.add(r.tree.leaf.release(r.s.base))
	r.s.mind(r.s.emptied.again)
}

// begin starts step i.
func (r *run) begin(i int) {
	r.step, r.phase, r.dead, r.halt, r.because, r.deadline = i, running, false, "", "", 0
	step := &r.job.Steps[i]
	if reason, asked := r.asked(); asked {
		r.dead, r.because = true, reason
		r.cancelStep(0, "")
		return
	}
	r.tree.leaf.renew(r.s.base, r.job.RunID)
	pid, err := r.spawn(&step.Command)
	if err != nil {
		r.unstarted(step, err)
		return
	}
	r.pid = pid
	r.tree.mains = append(r.tree.mains, pid)
	if err := r.watchCommand(); err != nil {
		r.orphan(err)
		return
	}
	if r.job.last(i) {
		r.closeWriters()
	}
	if step.Name == stepCommand && r.job.Started != nil {
		r.job.Started(pid)
	}
	if r.job.Timeout > 0 {
		r.wait(monotonic().after(r.job.Timeout))
	}
}

// spawn starts a command in the leaf, or without it where the kernel refuses that.
func (r *run) spawn(c *Command) (int, error) {
	d := descriptors{in: r.s.null, out: r.out[0].write, err: r.out[1].write, leaf: r.tree.leaf.descriptor(), low: r.s.low}
	if r.terminal != nil {
		d.in, d.err, d.tty, d.low = d.out, d.out, true, [2]int{}
	}
	pid, err := c.spawn(d)
	var failed *startError
	if errors.As(err, &failed) && failed.atTable() {
		r.s.low, d.low = [2]int{}, [2]int{}
		pid, err = c.spawn(d)
	}
	if errors.As(err, &failed) && failed.atCgroup() {
		r.tree.leaf.remove()
		d.leaf = -1
		return c.spawn(d)
	}
	return pid, err
}

func (r *run) watchCommand() error {
	fd, err := unix.PidfdOpen(r.pid, 0)
	if err != nil {
		return fmt.Errorf("pidfd: %w", err)
	}
	r.pidfd = fd
	return r.s.watch(fd, r.slot, fromCommand, unix.EPOLLIN)
}

// unstarted goes on after a command that could not be started.
func (r *run) unstarted(step *Step, err error) {
	r.dead, r.outcome.EndedAt = true, r.job.Now()
	code := codeInternal
	var failed *startError
	if errors.As(err, &failed) {
		code = failed.code()
	}
	r.failed(step, Failed, code, "", err.Error())
}

// orphan ends a command that can't be watched.
func (r *run) orphan(err error) {
	r.tree.kill(r.pid)
	_, _ = unix.Wait4(r.pid, &r.status, 0, nil)
	r.forget()
	r.unstarted(&r.job.Steps[r.step], err)
}

// exited deals with the end of the command, and says whether it has come.
func (r *run) exited() bool {
	if r.pidfd < 0 {
		return false
	}
	var usage unix.Rusage
	pid, err := unix.Wait4(r.pid, &r.status, unix.WNOHANG, &usage)
	if err == nil && pid == 0 || errors.Is(err, unix.EINTR) {
		return false
	}
	r.dead = true
	r.outcome.EndedAt = r.job.Now()
	r.account(&usage)
	r.forget()
	for i := range r.out {
		r.readable(i)
	}
	switch {
	case r.phase != running:
		r.check(monotonic())
	case err != nil: // somebody else in this process waits for every child
		r.failed(&r.job.Steps[r.step], Lost, 0, "", "wait: "+err.Error())
	default:
		r.finished()
	}
	return true
}

// forget stops watching the command.
func (r *run) forget() {
	if r.pidfd >= 0 {
		r.s.ignore(r.pidfd)
		_ = unix.Close(r.pidfd)
	}
	r.pidfd = -1
}

// account adds what the command used. The kernel counts our own memory as the child's until it runs
// the program: a peak below ours can't be told.
func (r *run) account(usage *unix.Rusage) {
	var ours unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ours) == nil && usage.Maxrss > ours.Maxrss {
		r.outcome.MaxRSS = max(r.outcome.MaxRSS, usage.Maxrss<<10)
	}
	r.outcome.CPU += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// wait sets the deadline of the phase.
func (r *run) wait(at instant) {
	r.deadline = at
	r.s.mind(at)
}

// overdue deals with a deadline that has passed.
func (r *run) overdue(now instant) {
	switch r.phase {
	case running:
		if !r.exited() { // in time, and nobody looked: this process was stopped, or had much to do
			r.stop(TimedOut, "time limit of "+r.job.Timeout.String())
		}
	case draining:
		r.drain(now)
	default:
		r.check(now)
	}
}

// cancelled ends the run because its context is done.
func (r *run) cancelled() {
	if r.heard {
		return
	}
	r.heard = true
	switch r.phase {
	case running:
		r.stop(Cancelled, context.Cause(r.ctx).Error())
	case draining:
		r.drain(monotonic())
	}
}

// hurried kills a run whose context is done, and what it still does after that.
func (r *run) hurried(because string) {
	now := monotonic()
	if r.phase == running {
		r.stop(Cancelled, "signal "+because)
	}
	if r.phase == stopping {
		r.until = now
		r.check(now)
	}
}

// group is the process group of the command, 0 once it may be somebody else's.
func (r *run) group() int {
	if r.dead {
		return 0
	}
	return r.pid
}

// stop asks the whole tree to end.
func (r *run) stop(halt RunState, because string) {
	now := monotonic()
	r.phase, r.halt, r.because, r.tries = stopping, halt, because, 0
	r.until = now.after(r.job.StopTimeout)
	r.tree.stop(unix.Signal(r.job.StopSignal), r.group())
	r.check(now)
}

// check sees whether the tree has ended, and goes on to SIGKILL when it was asked long enough.
func (r *run) check(now instant) {
	if r.dead && r.tree.gone() {
		r.treeEnded(0)
		return
	}
	overdue := r.until.due(now)
	switch {
	case r.phase == stopping && overdue:
		r.phase, r.tries, r.until = killing, 0, now.after(lastPatience)
		r.tree.kill(r.group())
	case r.phase == killing && overdue:
		r.treeEnded(len(r.tree.members()))
		return
	case r.phase == killing:
		r.tree.kill(r.group())
	}
	pause := min(5*time.Millisecond<<r.tries, 100*time.Millisecond)
	r.tries = min(r.tries+1, 5)
	if r.phase == stopping && !r.dead {
		pause = r.job.StopTimeout // the command's end is an event
	}
	r.wait(min(r.until, monotonic().after(pause)))
}

// treeEnded goes on when no process is left, or only some that nothing ends.
func (r *run) treeEnded(stuck int) {
	if stuck > 0 {
		r.stuck, r.outcome.Leftover = true, stuck
		r.because = strings.TrimPrefix(fmt.Sprintf("%s, "+stuckText+" %d processes", r.because, stuck), ", ")
	}
	if !r.dead {
		r.outcome.EndedAt = r.job.Now()
		r.forget()
	}
	if r.halt == "" {
		r.drainOut()
		return
	}
	code, signal := r.exit()
	if r.halt == Cancelled {
		r.cancelStep(code, signal)
		return
	}
	r.failed(&r.job.Steps[r.step], r.halt, code, signal, r.because)
}

// fail sets how the run ends.
func (r *run) fail(state RunState, reason string) {
	r.outcome.State, r.outcome.Reason = state, reason
}

func (r *run) note(format string, args ...any) {
	r.outcome.Notes = append(r.outcome.Notes, fmt.Sprintf(format, args...))
}

// next begins step i, or concludes the run where only on_error is left.
func (r *run) next(i int) {
	if i < len(r.job.Steps) && r.job.Steps[i].Name != stepOnError {
		r.begin(i)
		return
	}
	r.conclude()
}

// conclude looks for processes that outlive the steps.
func (r *run) conclude() {
	r.halt = ""
	r.closeWriters()
	if !r.stuck {
		r.outcome.Leftover = r.leftovers()
	}
	switch {
	case r.outcome.Leftover == 0, r.stuck:
	case r.job.Leftover == LeftoverKill:
		r.note("processes that outlived the command and were ended: %d", r.outcome.Leftover)
		r.stop("", "")
		return
	default:
		r.note("processes that outlived the command and go on (leftover = keep): %d", r.outcome.Leftover)
	}
	r.drainOut()
}

// leftovers counts the living processes of the run. Most runs have none, and then a question or
// two to the kernel tells so.
func (r *run) leftovers() int {
	hadLeaf := r.tree.leaf.dir != ""
	if r.tree.leaf.remove() && hadLeaf || !r.s.orphaned() {
		return 0
	}
	r.s.reap()
	for range 10 {
		if n := len(r.tree.members()); n > 0 || !r.tree.starting {
			return n
		}
		_, _ = unix.Poll(nil, 1) // it starts a program: in a moment we know whose it is
	}
	return 0
}
