package engine

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"om/schedule"
	"om/service"
	"om/state"
	"om/task"
)

// scanned is a file that was read again.
type scanned struct {
	stamp   state.Stamp
	svc     *service.Service // nil where neither its errors nor metrics ask for it
	err     error            // why it can't be used at all
	again   bool             // it may be in the middle of a save
	cursors []task.Cursor    // nil where they stay as they are, and nothing of it runs
	back    []task.Task      // that were out of it for a moment
	bare    []task.ID        // tasks without a schedule, where they had one
}

// readAhead reads files on all processors, batch by batch, some batches ahead of who takes them. Until batches is closed the
// scheduler is looked at.
func (s *scheduler) readAhead(ctx context.Context, changed []service.Stamp, had map[string][]task.Cursor) <-chan []scanned {
	if s.Node.Schedules == nil { // else each of the readers would make one
		s.Node.Schedules = schedule.NewParser(service.LoadZone)
	}
	batches := make(chan []scanned, 4)
	go func() {
		defer close(batches)
		for some := range slices.Chunk(changed, readBatch) {
			if ctx.Err() != nil {
				return
			}
			select {
			case batches <- s.readFiles(some, had):
			case <-ctx.Done():
				return
			}
		}
	}()
	return batches
}

func (s *scheduler) readFiles(stamps []service.Stamp, had map[string][]task.Cursor) []scanned {
	files := make([]scanned, len(stamps))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(stamps)) {
		readers.Go(func() {
			var r service.Reader
			for i := next.Add(1) - 1; i < int64(len(stamps)); i = next.Add(1) - 1 {
				files[i] = s.readFile(&r, stamps[i], had[stamps[i].Path])
				if files[i].svc != nil {
					r.Keep()
				}
			}
		})
	}
	readers.Wait()
	return files
}

// readFile reads a service. Several goroutines do, each with a reader: it changes nothing of the scheduler.
func (s *scheduler) readFile(r *service.Reader, now service.Stamp, had []task.Cursor) scanned {
	f := scanned{stamp: state.Stamp{
		Service: now.Path, MTime: time.Unix(0, now.MTime), CTime: time.Unix(0, now.CTime), Size: now.Size, Inode: now.Inode,
	}}
	f.svc, f.err = s.load(r, now.Path)
	if f.err != nil || len(f.svc.Quarantined()) > 0 {
		return f
	}
	f.cursors = s.place(f.svc, had)
	if s.midSave(&f, now, had) {
		f.again, f.stamp.CTime = true, time.Time{}
		f.cursors, f.svc = nil, nil // the version of before goes on
		return f
	}
	f.back = s.cameBack(f.svc, f.cursors)
	if len(had) > 0 {
		f.bare = bare(f.svc)
	}
	f.stamp.Good = f.svc.Text
	if s.Node.Metrics == "" {
		f.svc = nil
	}
	return f
}

// load is Load, but judges each folder once: the files of a folder share all that is above them.
func (s *scheduler) load(r *service.Reader, path string) (*service.Service, error) {
	svc, err := r.Read(s.ConfigDir, path, s.Node)
	if err == nil && s.EUID == 0 {
		err = s.judgeFolder(svc)
	}
	if err != nil {
		return nil, err
	}
	return svc, nil
}

func (s *scheduler) judgeFolder(svc *service.Service) error {
	if svc.Linked {
		return task.Trusted(svc.File)
	}
	folder := filepath.Dir(svc.File)
	verdict, known := s.trusted.Load(folder)
	if !known {
		verdict = task.Trusted(folder)
		s.trusted.Store(folder, verdict)
	}
	err, _ := verdict.(error)
	return err
}

// judge puts into the stamp what is wrong with the file. What is scheduled then is the last version that had no
// errors or, where there is none, what is right in it.
func (s *scheduler) judge(ctx context.Context, f *scanned, had []task.Cursor) error {
	if f.err != nil {
		f.stamp.Error, f.stamp.CTime = task.Text(f.err), time.Time{} // no stamp: it is looked at again
	} else {
		f.stamp.Error = firstProblem(f.svc)
	}
	was, known, err := s.node.StampOf(ctx, f.stamp.Service)
	if err != nil {
		return err
	}
	lastGood := known && was.Good != nil
	if !known || f.err == nil || was.Error != f.stamp.Error { // else it was told before
		s.report.Rejected = append(s.report.Rejected, Rejection{f.stamp.Service, task.Redacted(f.stamp.Error), f.err != nil, lastGood})
	}
	if was.Good != nil {
		f.svc, _ = s.lastGood(f.stamp.Service, was.Good)
	}
	if f.svc != nil {
		f.cursors = s.place(f.svc, had)
	}
	return nil
}

func firstProblem(svc *service.Service) string {
	for _, p := range svc.Problems {
		if p.Severity == service.Error {
			return p.String()
		}
	}
	return "it has errors"
}
