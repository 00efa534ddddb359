package engine

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"om/service"
	"om/state"
	"om/task"
)

// StatePath is the file of the record that has the runs of path ("" is the node's), for messages.
func (e *Engine) StatePath(path string) string {
	if path != "" {
		if s, err := e.Load(path); err == nil && s.StateFile != "" {
			return s.StateFile
		}
	}
	return filepath.Join(e.StateDir, "om.db")
}

// InitState creates the record of path where it is missing, if its filesystem is up.
func (e *Engine) InitState(ctx context.Context, path string) error {
	if path == "" {
		_, err := e.NodeRecord(ctx)
		return err
	}
	s, err := e.Load(path)
	if err != nil {
		return err
	}
	return e.initState(ctx, s)
}

// CheckState verifies the record of path.
func (e *Engine) CheckState(ctx context.Context, path string) error {
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return err
	}
	return db.Check(ctx)
}

// ExportState writes the record of path as JSON lines.
func (e *Engine) ExportState(ctx context.Context, path string, w io.Writer) error {
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return err
	}
	return db.Export(ctx, w)
}

// ImportState adds the rows that ExportState wrote to the record of path.
func (e *Engine) ImportState(ctx context.Context, path string, r io.Reader) error {
	db, err := e.recordOf(ctx, path)
	if err != nil {
		return err
	}
	return db.Import(ctx, r)
}

// keptVersions is how many replaced texts of each service's file are kept.
const keptVersions = 100

// retention is what to keep: what a task says of itself, else what the node says.
func (e *Engine) retention() state.Retention {
	days := 24 * time.Hour
	rules := map[string]*service.Service{}
	return state.Retention{
		Of: func(id task.ID) state.Keep {
			keep := state.Keep{Runs: e.Node.KeepRuns, Age: time.Duration(e.Node.KeepDays) * days, FailedAge: time.Duration(e.Node.KeepFailedDays) * days}
			s, ok := rules[id.Service]
			if !ok {
				s, _ = service.Read(e.ConfigDir, id.Service, e.Node) // gone or unreadable: the node's rules
				rules[id.Service] = s
			}
			if s == nil {
				return keep
			}
			if t, ok := s.Task(id.RID); ok {
				keep = state.Keep{Runs: t.KeepRuns, Age: time.Duration(t.KeepDays) * days, FailedAge: time.Duration(t.KeepFailedDays) * days}
			}
			return keep
		},
		Budget: e.Node.OutputBudget, Declines: time.Duration(e.Node.KeepDays) * days, Configs: keptVersions,
	}
}

// unlink removes the output file of a run and what belongs to it, and returns the bytes it held.
func (e *Engine) unlink(s *service.Service, r state.Expiry) int64 {
	output, err := e.outputPath(s, task.Run{ID: r.ID, Task: r.Task})
	if err != nil || r.Output == "" {
		return 0
	}
	var bytes int64
	if info, err := os.Stat(output); err == nil {
		bytes = info.Size()
	}
	_ = task.RemoveOutput(output)
	return bytes
}

// tidyTime is how long a foreground run may spend on the record after its task has ended.
const tidyTime = 200 * time.Millisecond

// tidy empties the log of the record where it has grown, and after one run in sixteen removes what is
// past retention. Nothing depends on it: what it does not get done is left to the next.
func (r *runner) tidy(results []Result) {
	ctx, stop := context.WithTimeout(context.Background(), tidyTime)
	defer stop()
	for _, res := range results {
		if id := res.Run.ID; id != "" && id[len(id)-1] == '0' {
			_, _, _ = r.Clean(ctx, r.svc.Path)
			return
		}
	}
	_ = r.db.Tidy(ctx)
}
