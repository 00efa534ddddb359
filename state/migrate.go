package state

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"om/task"
)

// schemaVersion is the schema that this program reads and writes: one more for each file in schema/.
const schemaVersion = 4

// applicationID marks the file for those who look at it from outside: "om" and a one, see file(1).
const applicationID = 0x6f6d0001

//go:embed schema/*.sql
var schema embed.FS

// migrations returns the text of each step, in order: the first makes version 1 out of nothing.
func migrations() ([]string, error) {
	files, err := schema.ReadDir("schema")
	steps := make([]string, len(files))
	for i, f := range files {
		var text []byte
		if text, err = schema.ReadFile("schema/" + f.Name()); err != nil {
			return nil, err
		}
		steps[i] = string(text)
	}
	return steps, err
}

// migrate brings the schema from version from to the newest, each step in a transaction of its own, or
// all of them in one where there is nothing yet.
// Another process may be doing the same: a step that it has done is left out.
func (d *DB) migrate(ctx context.Context, from int, journal string) error {
	steps, err := d.o.migrations()
	if err != nil {
		return err
	}
	if from < 0 || from > len(steps) {
		return versionError(from, len(steps))
	}
	// Before the first row: what is not finished is empty then, and has the right journal.
	if err = d.setJournal(ctx, journal); err != nil || from == len(steps) {
		return err
	}
	backup, err := d.backup(ctx, from)
	if err != nil {
		return err
	}
	defer os.Remove(backup) //nolint:errcheck // it has been renamed, or is of no use
	if from == 0 {
		// All at once: a process that found a new record between two steps would make a copy of it.
		err = d.migrateStep(ctx, 0, len(steps), strings.Join(steps, ";\n"), "")
		from = len(steps)
	}
	for v := from; v < len(steps) && err == nil; v++ {
		err = d.migrateStep(ctx, v, v+1, steps[v], backup)
		backup = "" // it is a copy of the first version
	}
	if err != nil {
		return err
	}
	return d.settleLog(ctx)
}

// migrateStep brings the schema from version v to the version to.
func (d *DB) migrateStep(ctx context.Context, v, to int, step, backup string) error {
	return d.write(ctx, fmt.Sprintf("migrate %d", v), durable, func(context.Context) error {
		got, err := d.c.number("PRAGMA user_version")
		if err != nil || int(got) != v {
			return err
		}
		if err = d.keepBackup(v, backup); err != nil {
			return err
		}
		_, err = d.c.exec(fmt.Sprintf("%s;PRAGMA user_version=%d;PRAGMA application_id=%d", step, to, applicationID))
		return err
	})
}

// keepBackup gives the copy its name, now that no other process can change what it is a copy of: when
// another has made the step meanwhile, it gets none, as it may be a copy of either version. In the
// file of another program, which has tables and no version of ours, it refuses to go on.
func (d *DB) keepBackup(v int, backup string) error {
	if v == 0 {
		tables, err := d.c.number("SELECT count(*) FROM sqlite_schema")
		if err == nil && tables > 0 {
			err = fmt.Errorf("it is a database of another program: wanted a record of om: %w", task.ErrInvalid)
		}
		return err
	}
	if backup == "" {
		return nil
	}
	err := os.Rename(backup, fmt.Sprintf("%s.v%d.bak", d.o.Path, v))
	if err == nil {
		err = syncPath(filepath.Dir(d.o.Path))
	}
	d.step(fmt.Sprintf("migrate %d: copied", v))
	return err
}

// backup copies the record as it is, while others may go on with it, to a file with a name of its
// own that only the owner reads. An empty record needs none.
func (d *DB) backup(ctx context.Context, version int) (string, error) {
	if version == 0 {
		return "", nil
	}
	d.sweepBackups()
	f, err := os.CreateTemp(filepath.Dir(d.o.Path), d.unfinished()+"*")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	name := f.Name()
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err == nil {
		err = d.patiently(ctx, func() (err error) { _, err = d.c.exec("VACUUM INTO ?", name); return err })
	}
	if err == nil {
		err = syncPath(name)
	}
	if err != nil {
		_ = os.Remove(name) // what it is good for is told by err
		return "", fmt.Errorf("copy before the migration: %w", err)
	}
	return name, nil
}

// unfinished is how the name of a copy begins that is being made: none that a person would give to theirs.
func (d *DB) unfinished() string { return "." + filepath.Base(d.o.Path) + ".migrating-" }

// sweepBackups removes the copies of processes that were killed while they made them: nobody holds their lock. One that
// is being made just now may not have it yet.
func (d *DB) sweepBackups() {
	const grace = time.Minute
	folder, prefix := filepath.Dir(d.o.Path), d.unfinished()
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(e.Name(), prefix) || d.o.Now().Sub(info.ModTime()) < grace {
			continue
		}
		f, err := os.Open(filepath.Join(folder, e.Name()))
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.Remove(f.Name()) // else the next migration does it
		}
		_ = f.Close()
	}
}

// syncPath makes a file durable, or the names in a folder.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func versionError(got, known int) error {
	if got < 0 {
		return fmt.Errorf("its schema is version %d: wanted a record of om: %w", got, task.ErrInvalid)
	}
	return fmt.Errorf("its schema is version %d, made by a newer om: wanted at most %d: it is left as it is: %w", got, known, task.ErrInvalid)
}
