package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"om/resource"
	"om/service"
	"om/state"
	"om/task"
)

// Status is what om knows of a service on this node, at one moment.
type Status struct {
	Service   string           `json:"service"`
	Node      string           `json:"node"`
	At        time.Time        `json:"at"`
	Avail     task.Status      `json:"avail"`
	Overall   task.Status      `json:"overall"`
	Frozen    string           `json:"frozen,omitempty"`
	NodeFroze string           `json:"node_frozen,omitempty"`
	Disabled  bool             `json:"disabled,omitempty"`
	Elsewhere string           `json:"elsewhere,omitempty"` // why the service is not for this node
	Resources []ResourceStatus `json:"resources"`
	Problems  []string         `json:"problems,omitempty"`
}

// ResourceStatus is one resource or task of a Status.
type ResourceStatus struct {
	task.Observation
	Running     int      `json:"running,omitempty"`
	LastRun     *Brief   `json:"last_run,omitempty"`
	Quarantined []string `json:"quarantined,omitempty"` // the problems of its section, which is left out
}

// Brief is the newest ended run of a task, in short.
type Brief struct {
	ID       string        `json:"id"`
	State    task.RunState `json:"state"`
	ExitCode *int          `json:"exit_code"` // null where the command gave none
	EndedAt  time.Time     `json:"ended_at"`
	Reason   string        `json:"reason,omitempty"`
}

// Status probes every resource of the service and gathers what its tasks did last. A record that can't
// be read is a problem of the status, and the rest is told.
func (e *Engine) Status(ctx context.Context, path string) (Status, error) {
	s, err := e.Load(path)
	if err != nil {
		return Status{}, err
	}
	st := Status{Service: s.Path, Node: e.Node.Name, At: e.Now(), Disabled: s.Disable, Elsewhere: s.Elsewhere()}
	db, err := e.Record(ctx, s)
	if err != nil {
		st.Problems = append(st.Problems, task.Text(err))
		db = nil
	}
	if err = e.addFrozen(ctx, &st, db); err != nil {
		return st, err
	}
	var last record // none, not a nil one of its type
	if db != nil {
		last = db
	}
	p, err := e.prober(ctx, s, last)
	if err != nil {
		return st, err
	}
	st.addResources(s, p.Probe(ctx, s.Resources), db != nil)
	if db != nil {
		if err := st.addRuns(ctx, db); err != nil {
			return st, err
		}
	}
	st.addProblems(s)
	st.Problems = append(st.Problems, e.scheduledAs(ctx, s)...)
	return st, nil
}

// scheduledAs says where what is scheduled is not the file as it is.
func (e *Engine) scheduledAs(ctx context.Context, s *service.Service) []string {
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil // it is told where the runs are
	}
	stamp, known, err := db.StampOf(ctx, s.Path)
	if err != nil || !known || stamp.Error == "" || stamp.Good == nil {
		return nil
	}
	if len(s.Quarantined()) == 0 {
		return []string{"warning: the file was mended, and is scheduled again from the next tick on"}
	}
	return []string{"warning: " + LastGood}
}

// addFrozen tells what is frozen, and marks the runs that nobody will end as lost.
func (e *Engine) addFrozen(ctx context.Context, st *Status, db *state.DB) (err error) {
	if db == nil {
		return nil
	}
	if err = e.bury(ctx, db); err != nil {
		st.Problems = append(st.Problems, task.Text(err))
	}
	st.Frozen, st.NodeFroze, err = e.frozen(ctx, st.Service)
	return err
}

// addResources takes what was seen. A task is called by what it says of itself; without a record its
// state is not known.
func (st *Status) addResources(s *service.Service, obs []task.Observation, record bool) {
	st.Avail, st.Overall = resource.Aggregate(obs)
	for _, o := range obs {
		if t, ok := s.Task(o.RID); ok {
			o.Label = cmp.Or(t.Description, t.Command)
			if !record {
				o.Status, o.Log = task.Undef, []string{"warn: its runs are not known: the record can't be read"}
			}
		}
		st.Resources = append(st.Resources, ResourceStatus{Observation: o})
	}
}

// addRuns tells what each task did last and how many of its runs go on.
func (st *Status) addRuns(ctx context.Context, db *state.DB) error {
	running, err := db.Running(ctx, st.Service, "")
	if err != nil {
		return err
	}
	for i := range st.Resources {
		r := &st.Resources[i]
		for _, run := range running {
			r.addRunning(run)
		}
		if !strings.HasPrefix(r.RID, "task#") {
			continue
		}
		if r.LastRun, err = lastRun(ctx, db, task.ID{Service: st.Service, RID: r.RID}); err != nil {
			return err
		}
	}
	return nil
}

// addRunning counts a run in progress of this resource, and tells where nobody watches over it.
func (r *ResourceStatus) addRunning(run task.Run) {
	if run.Task.RID != r.RID {
		return
	}
	r.Running++
	if text := Orphaned(run); text != "" {
		r.Log = append(r.Log, "warn: "+text)
	}
}

// Orphaned says that nobody watches over a run that goes on; "" where somebody does.
func Orphaned(run task.Run) string {
	if run.State != task.Running || state.Alive(run) {
		return ""
	}
	return fmt.Sprintf("the supervisor of run %s is dead, its processes go on: om %s kill --run %s", run.ID, run.Task.Service, run.ID)
}

// lastRun is the newest ended run of a task, whatever its end; nil if there is none.
func lastRun(ctx context.Context, db record, id task.ID) (*Brief, error) {
	var ended []task.RunState
	for _, s := range task.RunStates() {
		if s.Final() {
			ended = append(ended, s)
		}
	}
	runs, err := db.Runs(ctx, state.Query{Service: id.Service, RID: []string{id.RID}, State: ended, Limit: 1})
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	run := runs[0]
	b := &Brief{ID: run.ID, State: run.State, EndedAt: run.EndedAt, Reason: run.Reason}
	if run.Exited() {
		b.ExitCode = &run.ExitCode
	}
	return b, nil
}

// addProblems puts what is wrong with the file in the status, under the section it is in.
func (st *Status) addProblems(s *service.Service) {
	bad := s.Quarantined()
	for _, p := range s.Problems {
		if !slices.Contains(bad, p.Section) {
			st.Problems = append(st.Problems, fmt.Sprintf("%s: %s", p.Severity, p))
		}
	}
	for _, section := range bad {
		r := ResourceStatus{Observation: task.Observation{RID: section, At: st.At}}
		for _, p := range s.Problems {
			if p.Section == section {
				r.Quarantined = append(r.Quarantined, p.String())
			}
		}
		st.Resources = append(st.Resources, r)
	}
	if len(bad) > 0 {
		st.Overall = st.Overall.Merge(task.Warn)
	}
}
