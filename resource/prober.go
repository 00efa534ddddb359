package resource

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"om/task"
)

// Prober looks at resources. Its zero value works: each field below says what is missed without it.
type Prober struct {
	// Now reads the clock for Observation.At and Took; without it they are zero.
	Now func() time.Time
	// Exec runs the check commands; without it a resource with a check is undef.
	Exec Exec
	// LastRun returns the newest run of a task of the service that has ended and was not cancelled;
	// without it no task ever ran.
	LastRun func(rid string) (task.Run, bool)
	// Tasks returns a task of the service, for its check and retcodes; without it tasks are n/a.
	Tasks func(rid string) (task.Task, bool)
	// Deadline is the time that a resource has to show its state, where none of its keywords
	// check_timeout, status_timeout and timeout says another; 0 is 10 seconds.
	Deadline time.Duration
	// Hung is shared by the Probers of a process that lives long: a resource whose last look is still
	// stuck in the kernel is not looked at again, so that it costs one thread and not one per look.
	Hung *Hung
}

// Exec runs the check command of r and returns its exit code and the first bytes of its output. The
// error is for a command that could not be started or gave no exit code. When ctx ends, so does the
// command with all its children.
type Exec func(ctx context.Context, r task.Resource, command string) (code int, output string, err error)

// grace is what a look has, after its deadline, to clean up behind itself (to kill a check
// command) before it is left behind.
const grace = time.Second

// Probe looks at every resource of rs at once and returns what it saw in the order of rs. A
// disabled resource is n/a and not looked at. It returns at the latest a second after the longest
// deadline or the end of ctx: a resource that showed nothing by then is undef, and its log says
// which step did not answer. Undef and not warn: it may neither make a service active where all
// the rest is down, as warn would, nor let it pass for up (see Aggregate).
func (p Prober) Probe(ctx context.Context, rs []task.Resource) []task.Observation {
	obs := make([]task.Observation, len(rs))
	table := sync.OnceValues(readMounts)
	var wg sync.WaitGroup
	for i, r := range rs {
		l := &look{Prober: p, Resource: r, mounts: table}
		wg.Go(func() { obs[i] = l.observe(ctx) })
	}
	wg.Wait()
	return obs
}

// look is one look at one resource.
type look struct {
	Prober
	task.Resource
	mounts func() (mounts, error) // read at most once for all the looks of a Probe
	step   atomic.Pointer[string] // what the look is waiting for, told when it is late
}

// begin notes the step that may hang.
func (l *look) begin(format string, args ...any) {
	step := fmt.Sprintf(format, args...) + ": "
	l.step.Store(&step)
}

// late is what a look has found that is over its deadline.
func (l *look) late(ctx context.Context) finding {
	step := ""
	if s := l.step.Load(); s != nil {
		step = *s
	}
	if ctx.Err() != nil {
		return unseen("%sinterrupted", step)
	}
	return unseen("%sno answer within %s", step, l.limit())
}

// limit is the time that the look has.
func (l *look) limit() time.Duration {
	text := cmp.Or(l.Keywords["check_timeout"], l.Keywords["status_timeout"], l.Keywords["timeout"])
	if own, err := time.ParseDuration(text); err == nil && own > 0 {
		return own
	}
	return cmp.Or(l.Deadline, 10*time.Second)
}

func (p Prober) now() time.Time {
	if p.Now == nil {
		return time.Time{}
	}
	return p.Now()
}

func (l *look) observe(ctx context.Context) task.Observation {
	d, r, begun := driverOf(l.Resource), l.Resource, l.now()
	f := is(task.NA)
	if !r.Disable {
		f = l.await(ctx, d)
	}
	if r.Standby {
		f.status = f.status.Standby()
	}
	return task.Observation{
		RID: r.RID, Type: typeOf(r), Label: cmp.Or(brief(r.Keywords["label"]), d.label(r)), Status: f.status, Log: f.log,
		At: begun, Took: l.now().Sub(begun),
		Optional: r.Optional, Disable: r.Disable, Standby: r.Standby, Monitor: r.Monitor,
		Tags: r.Tags, Subset: r.Subset,
	}
}

// await has d look, and leaves a look behind that does not come back.
func (l *look) await(parent context.Context, d driver) finding {
	if l.Hung.has(l) {
		return unseen("an earlier look still hangs")
	}
	ctx, cancel := context.WithTimeout(parent, l.limit())
	defer cancel()
	done := make(chan finding, 1)
	go func() { done <- d.look(ctx, l) }()
	select {
	case f := <-done:
		if ctx.Err() == nil {
			return f
		}
	case <-ctx.Done():
		l.leave(done)
	}
	return l.late(parent)
}

// leave gives the look its grace, and goes on without it.
func (l *look) leave(done <-chan finding) {
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
		l.Hung.add(l, done)
	}
}

// typeOf returns "fs", or "app.forking" where the driver has types.
func typeOf(r task.Resource) string {
	if kind := cmp.Or(r.Type, r.Keywords["type"]); kind != "" {
		return r.Group + "." + kind
	}
	return r.Group
}
