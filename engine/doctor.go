package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"om/service"
	"om/state"
	"om/task"
)

// Finding is something that a doctor's look at the node or a service has found.
type Finding struct {
	Severity string `json:"severity"` // error: tasks don't run as they should; warning: some day they may not
	Check    string `json:"check"`    // the word of doctorChecks
	Service  string `json:"service"`  // "" for the node
	Task     string `json:"task"`
	Detail   string `json:"detail"`
	Fix      string `json:"fix"` // the command that mends it, or shows more; "" where there is none
}

const (
	findError   = "error"
	findWarning = "warning"
)

// staleTick is how old the last tick may be: ticks come once a minute, and so does the full turn of a daemon.
const staleTick = 3 * time.Minute

// DoctorNode looks at what all services depend on: the clock, ticks, the state folder, node.conf.
func (e *Engine) DoctorNode(ctx context.Context) ([]Finding, error) {
	var found []Finding
	if !e.synchronized() {
		found = append(found, Finding{findWarning, "clock", "", "", "nothing keeps the clock of this host: slots are as wrong as it is", "timedatectl set-ntp true"})
	}
	ticks, err := e.doctorTicks(ctx)
	found = append(found, ticks...)
	found = slices.Concat(found, e.doctorState(), e.doctorFiles(ctx), e.doctorNotify())
	for _, p := range e.Node.Problems {
		found = append(found, ofProblem("", p))
	}
	return found, err
}

// doctorTicks looks whether a timer or a daemon is at work.
func (e *Engine) doctorTicks(ctx context.Context) ([]Finding, error) {
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	text, err := db.Fact(ctx, factTick)
	if err != nil {
		return nil, err
	}
	f := Finding{findError, "tick", "", "", "no tick was ever made here: nothing is started by its schedule", "systemctl enable --now om-tick.timer"}
	if text != "" {
		var last clockReading
		if err := json.Unmarshal([]byte(text), &last); err != nil {
			return nil, fmt.Errorf("the clock at the last tick: %w", err)
		}
		age := e.Now().Sub(last.At)
		if age <= staleTick {
			return nil, nil
		}
		f.Detail = fmt.Sprintf("the last tick was %s ago, at %s: nothing is started by its schedule", age.Round(time.Second), last.At.UTC().Format(time.RFC3339))
	}
	return []Finding{f}, nil
}

// Of a filesystem that holds a record so much must be free.
const (
	leastFree      = 64 << 20
	leastFreeShare = 20 // one of so many parts
)

// doctorState looks at the folder of the record, and the room that is left there.
func (e *Engine) doctorState() []Finding {
	var found []Finding
	if e.EUID == 0 {
		if err := task.Trusted(e.StateDir); err != nil {
			found = append(found, Finding{findError, "state", "", "", err.Error(), "chown -R root:root " + e.StateDir + " && chmod go-w " + e.StateDir})
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(e.StateDir, &fs); err != nil {
		return append(found, Finding{findError, "state", "", "", fmt.Sprintf("%s: %v", e.StateDir, err), "om state check"})
	}
	free, size := fs.Bavail*uint64(fs.Bsize), fs.Blocks*uint64(fs.Bsize) //nolint:gosec // not negative
	if free < leastFree || fs.Bavail < fs.Blocks/leastFreeShare {
		found = append(found, Finding{
			findWarning, "disk", "", "", fmt.Sprintf("%d MiB of %d MiB are free for %s: no run is started without a record of it", free>>20, size>>20, e.StateDir),
			"om state clean",
		})
	}
	return found
}

func ofProblem(path string, p service.Problem) Finding {
	fix := "om validate"
	if path != "" {
		fix = "om " + path + " edit"
	}
	return Finding{p.Severity.String(), "file", path, "", p.String(), fix}
}

// DoctorService looks at a service: its file, whether its tasks could run here, and how they did.
func (e *Engine) DoctorService(ctx context.Context, path string) ([]Finding, error) {
	svc, err := e.Load(path)
	if err != nil {
		return []Finding{{findError, "file", path, "", err.Error(), "om " + path + " validate"}}, nil
	}
	var found []Finding
	for _, p := range svc.Problems {
		if !p.Fine { // which is looked at below
			found = append(found, ofProblem(path, p))
		}
	}
	found = append(found, e.doctorFine(svc)...)
	if _, err = e.Record(ctx, svc); errors.Is(err, task.ErrNotFound) {
		return append(found, Finding{findError, "state", path, "", "none of its tasks is started: " + task.Text(err), "om " + path + " state init"}), nil
	}
	planned := map[string]Planned{}
	all, err := e.Schedules(ctx, path, Selection{})
	if err != nil {
		return append(found, Finding{findError, "state", path, "", err.Error(), "om " + path + " print status"}), nil
	}
	for _, p := range all {
		planned[p.Task] = p
	}
	secrets := regexp.MustCompile(secret)
	for i := range svc.Tasks {
		t := &svc.Tasks[i]
		found = append(found, e.doctorIdentity(ctx, t)...)
		found = append(found, doctorText(t, secrets)...)
		found = append(found, doctorTimeout(svc, t)...)
		if p, ok := planned[t.ID.RID]; ok && neverScheduled(svc, t) == "" {
			past, err := e.doctorPast(ctx, svc, t, p)
			if err != nil {
				return found, err
			}
			found = append(found, past...)
		}
	}
	return found, nil
}

func of(t *task.Task, severity, check, detail, fix string) Finding {
	return Finding{severity, check, t.ID.Service, t.ID.RID, detail, strings.NewReplacer("SERVICE", t.ID.Service, "RID", t.ID.RID).Replace(fix)}
}

// doctorIdentity looks whether the task could be started now: its user, its program, its folder.
func (e *Engine) doctorIdentity(ctx context.Context, t *task.Task) []Finding {
	job, err := e.rehearse(ctx, *t)
	if err != nil {
		return []Finding{of(t, findError, "identity", "it can't run on this node: "+err.Error(), "om SERVICE run --rid RID --dry-run")}
	}
	var found []Finding
	for _, step := range job.Steps {
		err := step.Command.MayEnter()
		if err == nil {
			continue
		}
		f := of(t, findError, "cwd", fmt.Sprintf("user %s can't enter its working directory %s: %v", step.Command.User, step.Command.Dir, err), "om SERVICE set RID.cwd=/")
		if step.Blocking {
			return append(found, f)
		}
		f.Severity, f.Detail = findWarning, "its "+step.Name+" can't run: "+f.Detail
		found = append(found, f)
	}
	return found
}

// secret is what passwords look like in an argument that everybody can read in ps(1).
const secret = `(?i)(?:pass(?:word|wd)?|secret|token|api[-_]?key)[=:]\s*[^\s$]|://[^/\s:@$]+:[^/\s@$]+@`

// doctorText looks at what the section says.
func doctorText(t *task.Task, secrets *regexp.Regexp) []Finding {
	var found []Finding
	for _, command := range [...]string{t.Command, t.PreRun, t.PostRun, t.BlockingPreRun, t.BlockingPostRun, t.OnError} {
		if secrets.MatchString(command) {
			found = append(found, of(t, findWarning, "secret", "its command line has a secret in it, which everybody can read in ps(1): secrets_environment keeps it in a file",
				"om SERVICE edit"))
			break
		}
	}
	return found
}

// doctorTimeout looks for a task that one run of it may stop for ever.
func doctorTimeout(svc *service.Service, t *task.Task) []Finding {
	bounded := t.Timeout > 0 || t.Plan.Deadline > 0
	if bounded || t.MaxParallel > 1 || t.Overlap != task.OverlapSkip || neverScheduled(svc, t) != "" {
		return nil
	}
	return []Finding{of(t, findWarning, "timeout", "it has no timeout: one run that hangs keeps all later ones from being started", "om SERVICE set RID.timeout=1h")}
}

// looksBack is how many runs of a task are looked at.
const looksBack = 100

// doctorPast looks at how a task did.
func (e *Engine) doctorPast(ctx context.Context, svc *service.Service, t *task.Task, p Planned) ([]Finding, error) {
	db, err := e.Record(ctx, svc)
	if err != nil {
		return nil, err
	}
	runs, err := db.Runs(ctx, state.Query{Service: t.ID.Service, RID: []string{t.ID.RID}, Limit: looksBack})
	if err != nil {
		return nil, err
	}
	var found []Finding
	if len(runs) == 0 && !p.Slot.IsZero() {
		slots, err := db.Slots(ctx, state.Query{Service: t.ID.Service, RID: []string{t.ID.RID}, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(slots) > 0 {
			found = append(found, of(t, findWarning, "never", fmt.Sprintf("it never ran: its last slot, %s, is %s: %s", slots[0].Last.Format(time.RFC3339), slots[0].Decision, slots[0].Reason), "om SERVICE explain --rid RID"))
		}
	}
	found = append(found, doctorFailures(t, runs)...)
	return append(found, e.doctorPace(t, p, runs)...), nil
}

// manyFailures is how many runs in a row must have failed for that to be told.
const manyFailures = 3

// doctorFailures tells of a task that fails and fails. runs are the newest first. One that was ended because a person or a
// slot asked for that did not fail.
func doctorFailures(t *task.Task, runs []task.Run) []Finding {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r task.Run) bool { return !r.State.Final() || r.State == task.Cancelled })
	n := slices.IndexFunc(runs, func(r task.Run) bool { return r.State == task.Complete })
	if n < 0 {
		n = len(runs)
	}
	if n < manyFailures {
		return nil
	}
	detail := fmt.Sprintf("its last %d runs failed, the first of them at %s: %s", n, runs[n-1].QueuedAt.UTC().Format(time.RFC3339), runs[0].Summary())
	return []Finding{of(t, findError, "failing", detail, "om SERVICE logs --rid RID")}
}

// whatOverlaps is what becomes of runs that take longer than the time between two slots; "" where they may.
func whatOverlaps(t *task.Task) string {
	switch kind, _ := t.Overlap.Overlapping(); kind {
	case task.OverlapAllow:
		return ""
	case task.OverlapQueueOne, task.OverlapQueueAll:
		return "slots wait for each other"
	case task.OverlapReplaceTerm, task.OverlapReplaceKill:
		return "runs are ended before they are done"
	}
	return "slots are skipped"
}

// doctorPace compares how long runs take with how often they are due.
func (e *Engine) doctorPace(t *task.Task, p Planned, runs []task.Run) []Finding {
	cal, err := e.calendar(t)
	what := whatOverlaps(t)
	if err != nil || p.Next.IsZero() || what == "" || cal.AfterEnd() {
		return nil
	}
	after, ok := cal.Next(p.Next, p.Next)
	var took []time.Duration
	for _, r := range runs {
		if r.State == task.Complete && !r.StartedAt.IsZero() {
			took = append(took, r.EndedAt.Sub(r.StartedAt))
		}
	}
	if !ok || len(took) < 5 {
		return nil
	}
	slices.Sort(took)
	period, long := after.Sub(p.Next), took[len(took)*95/100]
	if long < period {
		return nil
	}
	detail := fmt.Sprintf("one run in 20 takes %s or more, and it is due each %s: %s", long.Round(time.Second), period, what)
	return []Finding{of(t, findWarning, "period", detail, "om SERVICE history --rid RID --skipped")}
}

// doctorFiles looks at the folder of the files: what can't be read is the finding of each service.
func (e *Engine) doctorFiles(ctx context.Context) []Finding {
	if away := e.Away(ctx); away != "" {
		return []Finding{{findError, "file", "", "", away + ": nothing is started until it is back", "findmnt --target " + e.ConfigDir}}
	}
	info, err := os.Stat(e.ConfigDir)
	switch {
	case err != nil:
		return []Finding{{findError, "file", "", "", err.Error(), "mkdir -p " + e.ConfigDir}}
	case !info.IsDir():
		return []Finding{{findError, "file", "", "", e.ConfigDir + ": it is no folder", "ls -ld " + filepath.Dir(e.ConfigDir)}}
	}
	var found []Finding
	for _, p := range service.FolderProblems(e.ConfigDir) {
		found = append(found, ofProblem("", p))
	}
	return found
}
