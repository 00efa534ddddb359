package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"om/resource"
	"om/service"
	"om/state"
	"om/task"
)

// prober looks at the resources of s; db may be nil where the runs of its tasks do not matter.
func (e *Engine) prober(ctx context.Context, s *service.Service, db record) (resource.Prober, error) {
	var last map[string]task.Run
	if db != nil {
		var err error
		if last, err = db.LastEnded(ctx, s.Path); err != nil {
			return resource.Prober{}, err
		}
	}
	return resource.Prober{
		Now:  e.Now,
		Exec: e.check(s),
		LastRun: func(rid string) (task.Run, bool) {
			run, ok := last[rid]
			return run, ok
		},
		Tasks: s.Task,
	}, nil
}

// seen looks at what the requirements need, and at nothing else.
func (e *Engine) seen(ctx context.Context, s *service.Service, db record, reqs []task.Requirement) ([]task.Seen, error) {
	if len(reqs) == 0 {
		return nil, nil
	}
	if e.sim != nil {
		return e.sim.seen(ctx, s, reqs)
	}
	p, err := e.prober(ctx, s, db)
	if err != nil {
		return nil, err
	}
	return see(ctx, p, s, reqs), nil
}

func see(ctx context.Context, p resource.Prober, s *service.Service, reqs []task.Requirement) []task.Seen {
	seen := resource.Requirements(reqs, p.Probe(ctx, resource.Needed(reqs, s.Resources)))
	for i, r := range reqs {
		if !seen[i].Known && slices.Contains(s.Quarantined(), r.Subject) {
			seen[i] = task.Seen{Known: true, Status: task.Undef, Detail: "its section in " + s.File + " is wrong"}
		}
	}
	return seen
}

// holderUp refuses to touch the service's own record unless the filesystem that holds it is up.
func (e *Engine) holderUp(ctx context.Context, s *service.Service) error {
	holder, ok := holder(s)
	if !ok {
		return nil
	}
	obs := resource.Prober{Now: e.Now, Exec: e.check(s)}.Probe(ctx, []task.Resource{holder})
	if st := obs[0].Status; st != task.Up && st != task.StdbyUp {
		return task.Errorf(errElsewhere, "service %s: state %s is on %s, which is %s here", s.Path, s.StateFile, holder.RID, st)
	}
	return nil
}

// errElsewhere says that the filesystem with the record of a service is not here: it may be on another node.
var errElsewhere = task.Kind(task.ErrTaken, "elsewhere")

// holder is the filesystem resource that the service's record lives on, if one is declared.
func holder(s *service.Service) (task.Resource, bool) {
	var best task.Resource
	for _, r := range s.Resources {
		mnt := filepath.Clean(r.Keywords["mnt"])
		if r.Group == "fs" && mnt != "." && within(s.StateFile, mnt) && len(mnt) > len(best.Keywords["mnt"]) {
			best = r
		}
	}
	return best, best.RID != ""
}

func within(file, dir string) bool {
	return dir == "/" || strings.HasPrefix(filepath.Clean(file), dir+"/")
}

// check runs the check command of a resource as a task is run, without a record: as its user, under
// the probe's deadline, the whole tree ended with it.
func (e *Engine) check(s *service.Service) resource.Exec {
	return func(ctx context.Context, r task.Resource, command string) (int, string, error) {
		t := task.Task{
			ID: task.ID{Service: s.Path, RID: r.RID}, File: s.File, Line: r.Line, Command: command,
			User: r.Keywords["user"], Shell: "auto", Umask: 0o022, StopSignal: "SIGTERM", Leftover: task.LeftoverKill, Cwd: "/",
			Log: task.LogNone,
		}
		job, err := t.Resolve(ctx, e.resolver(task.Run{ID: state.NewID(e.Now()), Task: t.ID, Origin: task.API}))
		if err != nil {
			return 0, "", err
		}
		return capture(ctx, job)
	}
}

// mostSaid is how much of the output of a check is kept.
const mostSaid = 4096

// capture runs a job, and returns the exit code and the beginning of what it wrote. The rest is thrown away.
func capture(ctx context.Context, job task.Job) (int, string, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return 0, "", err
	}
	said := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(io.LimitReader(out, mostSaid))
		_, _ = io.Copy(io.Discard, out)
		_ = out.Close()
		said <- string(text)
	}()
	o, err := task.Supervise(ctx, job, task.Live{Stdout: in, Stderr: in})
	_ = in.Close()
	text := <-said
	switch {
	case err != nil:
		return 0, "", err
	case o.Signal != "" || o.State == task.Cancelled || o.State == task.TimedOut:
		return 0, text, fmt.Errorf("the check ended as %s", o.Summary())
	}
	return o.ExitCode, text, nil
}
