package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"om/service"
	"om/state"
	"om/task"
)

// Create makes the file of a new service. A text with errors is refused, with the problems in the error; so is the path of a
// service that is there (fs.ErrExist).
func (e *Engine) Create(path string, text []byte) error {
	file, err := service.File(e.ConfigDir, path)
	if err != nil {
		return err
	}
	doubts, err := e.validate(&service.Service{Path: path, File: file}, text)
	if err != nil {
		return err
	}
	if err = service.Create(file, text); errors.Is(err, fs.ErrExist) {
		return thereAlready(file)
	}
	for _, p := range doubts {
		e.warn(p)
	}
	return err
}

// thereAlready is an error of the kind fs.ErrExist.
func thereAlready(file string) error {
	return task.Errorf(fs.ErrExist, "%s is there already; nothing was changed", file)
}

// Delete removes the file of a service; its last text stays in the record as a version that was replaced, and so do its
// runs. While one goes on it is refused (task.ErrTaken).
func (e *Engine) Delete(ctx context.Context, path string) error {
	unlock, err := e.lockFile(path)
	if err != nil {
		return err
	}
	defer unlock()
	svc, err := e.Load(path)
	if err != nil {
		return err
	}
	if _, err := e.idle(ctx, svc); err != nil {
		return err
	}
	if err := e.keep(ctx, svc); err != nil {
		return err
	}
	return os.Remove(svc.File)
}

// idle returns the record of a service, and an error where a run of it goes on.
func (e *Engine) idle(ctx context.Context, svc *service.Service) (*state.DB, error) {
	db, err := e.Record(ctx, svc)
	if err != nil {
		return nil, err
	}
	if err = e.bury(ctx, db); err != nil {
		return nil, err
	}
	running, err := db.Running(ctx, svc.Path, "")
	if err != nil {
		return nil, err
	}
	if len(running) > 0 {
		return nil, task.Errorf(task.ErrTaken, "run %s of %s goes on: wait for its end, or om %s kill; nothing was changed", running[0].ID, running[0].Task, svc.Path)
	}
	return db, nil
}

// Rename gives a service another path. Its runs, slots, cursors, versions and outputs go with it, so that no slot is run twice
// and none is lost. The record goes first: who is killed before the file has followed does the same again. While a
// run goes on it is refused (task.ErrTaken), and so is the path of a service that is there.
func (e *Engine) Rename(ctx context.Context, from, to string) error {
	unlock, err := e.lockFile(from)
	if err != nil {
		return err
	}
	defer unlock()
	svc, err := e.Load(from)
	if err != nil {
		return err
	}
	file, err := service.File(e.ConfigDir, to)
	if err != nil {
		return err
	}
	if _, err = os.Lstat(file); err == nil {
		return thereAlready(file)
	}
	if _, err = e.validate(&service.Service{Path: to, File: file}, svc.Text); err != nil && len(svc.Quarantined()) == 0 {
		return err // a name that it refers to
	}
	db, err := e.idle(ctx, svc)
	if err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err = e.renameRecord(ctx, db, from, to); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, svc.File, unix.AT_FDCWD, file, unix.RENAME_NOREPLACE)
	if err != nil {
		err = errors.Join(fmt.Errorf("%s: %w", file, err), e.renameRecord(ctx, db, to, from))
	}
	return err
}

// renameRecord renames a service in its record, the node's record and among the outputs.
func (e *Engine) renameRecord(ctx context.Context, db *state.DB, from, to string) error {
	node, err := e.NodeRecord(ctx)
	if err != nil {
		return err
	}
	for _, db := range []*state.DB{db, node} {
		if err := db.RenameService(ctx, from, to); err != nil {
			return err
		}
	}
	if err := node.SetFact(ctx, factScan, ""); err != nil { // the next tick looks at both names
		return err
	}
	old, now := filepath.Join(e.StateDir, "output", from), filepath.Join(e.StateDir, "output", to)
	return moveFolder(old, now)
}

// moveFolder moves what is in a folder into another, which may be there.
func moveFolder(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, entry := range entries {
		old, now := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		err := os.Rename(old, now)
		if errors.Is(err, fs.ErrExist) && entry.IsDir() { // of a service that had this path before
			err = moveFolder(old, now)
		}
		if err != nil {
			return err
		}
	}
	return os.Remove(from)
}

// lockFile keeps others from changing the file of a service meanwhile.
func (e *Engine) lockFile(path string) (unlock func(), err error) {
	file, err := service.File(e.ConfigDir, path)
	if err != nil {
		return nil, err
	}
	return lock(filepath.Join(e.ConfigDir, "."+filepath.Base(file)+".lock"))
}
