package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"om/service"
	"om/state"
	"om/task"
)

// Change edits the file of the service at path: it reads it, lets edit change it, validates the
// result, keeps the version it replaces in the record, and puts the new one in its place in one step.
// A change that brings a new error is refused, with the problems in the error; one that leaves old ones
// as they were is not. Warn is told of new warnings. Two changes at a time wait for each other.
func (e *Engine) Change(ctx context.Context, path string, edit func(d *service.Document) error) error {
	return e.Replace(ctx, path, func(old []byte) ([]byte, error) {
		d := service.NewDocument(old)
		err := edit(d)
		return d.Bytes(), err
	})
}

// Replace is Change for an edit of the whole text.
func (e *Engine) Replace(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) error {
	if _, err := e.Load(path); err != nil { // before there is a lock for it
		return err
	}
	unlock, err := e.lockFile(path)
	if err != nil {
		return err
	}
	defer unlock()
	before, err := e.Load(path)
	if err != nil {
		return err
	}
	text, err := edit(before.Text)
	if err != nil || bytes.Equal(text, before.Text) {
		return err
	}
	doubts, err := e.validate(before, text)
	if err != nil {
		return err
	}
	if err := e.keep(ctx, before); err != nil {
		return err
	}
	if err := service.Write(before.File, text); err != nil {
		return err
	}
	for _, p := range doubts {
		e.warn(p)
	}
	return nil
}

func (e *Engine) warn(p service.Problem) {
	if e.Warn != nil {
		e.Warn(p)
	}
}

// keep puts the version about to be replaced in the node's record.
func (e *Engine) keep(ctx context.Context, s *service.Service) error {
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return err
	}
	return db.KeepConfig(ctx, s.Path, s.Text, e.By)
}

// validate refuses text as the new version of the service where it has an error that the present
// version has not, and returns its new warnings. The error lists every such problem and wraps
// task.ErrInvalid.
func (e *Engine) validate(present *service.Service, text []byte) (warnings []service.Problem, err error) {
	known := map[string]bool{}
	for _, p := range present.Problems {
		p.Line = 0
		known[p.String()] = true
	}
	var errs []error
	for _, p := range service.Parse(present.File, present.Path, text, e.Node).Problems {
		anywhere := p
		anywhere.Line = 0
		switch {
		case known[anywhere.String()]:
		case p.Severity == service.Error:
			errs = append(errs, errors.New(p.String()))
		default:
			warnings = append(warnings, p)
		}
	}
	if len(errs) == 0 {
		return warnings, nil
	}
	return nil, task.Errorf(task.ErrInvalid, "%v\nnothing was changed", errors.Join(errs...))
}

// Versions lists the versions of the service's file that were replaced, the newest first.
func (e *Engine) Versions(ctx context.Context, path string) ([]state.ConfigVersion, error) {
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	return db.Configs(ctx, path)
}

// Version returns the text of one replaced version.
func (e *Engine) Version(ctx context.Context, path string, version int) ([]byte, error) {
	db, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	return db.Config(ctx, path, version)
}

// lock takes an exclusive lock on file, which it makes, and waits for who holds it.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("it can't be changed here: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return func() { f.Close() }, nil
}
