package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"om/task"
)

// EditOptions says how Edit goes about it.
type EditOptions struct {
	Editor  string     // a command line, without the file: "vi", "emacs -nw"
	Environ []string   // of the editor
	Streams []*os.File // of the editor: stdin, stdout, stderr
	Recover bool       // go on with the copy that was refused
	Discard bool       // throw that copy away, and edit nothing
}

// Edit runs an editor on a copy of the service's file, and puts the copy in the file's place where the
// editor ends well and the copy brings no new error. A copy that is refused is kept, and the error says
// where; until it is recovered or discarded a new edit is refused.
func (e *Engine) Edit(ctx context.Context, path string, o EditOptions) error {
	s, err := e.Load(path)
	if err != nil {
		return err
	}
	file := filepath.Join(filepath.Dir(s.File), "."+filepath.Base(s.File)+".edit")
	_, statErr := os.Lstat(file)
	kept := statErr == nil
	if err := o.fits(path, file, kept); err != nil {
		return err
	}
	if o.Discard {
		return os.Remove(file)
	}
	base := s.Text
	if kept {
		base = nil
	} else if err := writeNew(file, s.Text); err != nil {
		return err
	}
	if err := runEditor(o, file); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return e.adopt(ctx, path, file, base)
}

// fits refuses what can't be done with the copy that was kept, or with none.
func (o EditOptions) fits(path, file string, kept bool) error {
	switch {
	case o.Discard && !kept:
		return task.Errorf(task.ErrNotFound, "%s: there is no edit to discard", file)
	case o.Recover && !kept:
		return task.Errorf(task.ErrNotFound, "%s: there is no edit to recover", file)
	case kept && !o.Recover && !o.Discard:
		return task.Errorf(task.ErrTaken, "%s: an edit of it goes on, or was refused or broken off; om %s edit --recover goes on with it, --discard throws it away", file, path)
	}
	return nil
}

// adopt puts the edited copy in the place of the service's file, or keeps it and says why not: the copy
// is wrong, or the file is no longer the base that was copied (nil: any).
func (e *Engine) adopt(ctx context.Context, path, file string, base []byte) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	err = e.Replace(ctx, path, func(old []byte) ([]byte, error) {
		if base != nil && !bytes.Equal(old, base) {
			return nil, task.Errorf(task.ErrTaken, "service %s: its file was changed while you edited the copy", path)
		}
		return text, nil
	})
	if err != nil {
		return fmt.Errorf("%w\nyour edit is kept in %s: om %s edit --recover", err, file, path)
	}
	return os.Remove(file)
}

func writeNew(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return task.Errorf(task.ErrPermission, "%s: it may not be written here", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// runEditor gives the editor this process' terminal, in its own session: it is a person's program, not
// a task.
func runEditor(o EditOptions, file string) error {
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", o.Editor + ` "$1"`, "sh", file}, &os.ProcAttr{
		Env: o.Environ, Files: o.Streams,
	})
	if err != nil {
		return err
	}
	st, err := p.Wait()
	if err == nil && !st.Success() {
		err = fmt.Errorf("editor %q: %s; nothing was changed", o.Editor, st)
	}
	return err
}
