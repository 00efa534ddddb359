package engine

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"

	"om/service"
	"om/task"
)

func (e *Engine) scheduled(ctx context.Context, path string) (*service.Service, error) {
	if e.sim != nil {
		return e.sim.service(path)
	}
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	stamp, known, err := db.StampOf(ctx, path)
	if err == nil && known && stamp.Error != "" && stamp.Good != nil {
		return e.lastGood(path, stamp.Good)
	}
	if file, bad := service.File(e.ConfigDir, path); bad == nil && absent(file) {
		return nil, errAbsent
	}
	return e.accepted(path, stamp.Good)
}

// accepted is a service as its file is or, where that is not what was read last, as it was: it may be half of one, and the next
// scan tells. good is nil where nothing was.
func (e *Engine) accepted(path string, good []byte) (*service.Service, error) {
	svc, err := e.Load(path)
	if good != nil && (err != nil || !bytes.Equal(svc.Text, good)) {
		return e.lastGood(path, good)
	}
	return svc, err
}

// errAbsent says that the file of a service is not there. The scan says whether it is gone: it may be in the middle of being
// exchanged.
var errAbsent = task.Kind(task.ErrNotFound, "its file is not there")

func absent(file string) bool {
	_, err := os.Lstat(file)
	return errors.Is(err, fs.ErrNotExist)
}

// lastGood is the service as its file was when it had no errors.
func (e *Engine) lastGood(path string, text []byte) (*service.Service, error) {
	file, err := service.File(e.ConfigDir, path)
	if err != nil {
		return nil, err
	}
	return service.Parse(file, path, text, e.Node), nil
}

// Scheduled is a service as ticks schedule it, now or from the next one on: its file or, while that has errors, the last
// version that had none. instead is LastGood then, with the first of the errors.
func (e *Engine) Scheduled(ctx context.Context, path string) (svc *service.Service, instead string, err error) {
	svc, err = e.Load(path)
	if err == nil && len(svc.Quarantined()) == 0 || errors.Is(err, task.ErrNotFound) {
		return svc, "", err
	}
	wrong := wrongWith(svc, err)
	db, failed := e.NodeRecord(ctx)
	if failed != nil {
		return svc, "", err
	}
	stamp, known, failed := db.StampOf(ctx, path)
	if failed != nil || !known || stamp.Good == nil {
		return svc, "", err
	}
	svc, err = e.lastGood(path, stamp.Good)
	return svc, LastGood + ": " + wrong, err
}

// wrongWith says first what is wrong with a file that was read.
func wrongWith(svc *service.Service, err error) string {
	if err != nil {
		return task.Redacted(task.Text(err))
	}
	return task.Redacted(firstProblem(svc))
}
