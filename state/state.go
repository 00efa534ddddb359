package state

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"om/task"

	"golang.org/x/sys/unix"
)

// Options say which record to open, and how.
type Options struct {
	// Path of the database file. Its log and its index lie beside it, as Path-wal and Path-shm.
	Path string
	// ReadOnly opens it for one who only looks; such a record is neither made nor migrated.
	ReadOnly bool
	// Create makes the folder (0700) and the file (0600) where they are absent. Without it an absent
	// record is a task.ErrNotFound: the record of a service is never made under an empty mount point.
	Create bool
	// Now is the clock. It must be set.
	Now func() time.Time
	// Node and BootID are who this is; Claim writes them where the run does not say.
	Node, BootID string
	// Statements is how many are kept compiled: many for who asks the same often, few for who hardly asks twice; 0 is 8.
	Statements int
	// Patience is how long to wait for another process that has the record locked; 0 is 5 s.
	Patience time.Duration
	// Step, if set, is called with a name before and after each durable step. It is for tests that
	// end the process there.
	Step func(name string)

	schema     int
	migrations func() ([]string, error)
	filesystem func(folder string) (uint32, error)
}

// DB is an open record. Its methods may be called by several goroutines; one at a time gets its turn.
type DB struct {
	o   Options
	wal bool // whether the journal is a write-ahead log
	mu  sync.Mutex
	c   *conn // nil once closed
}

// Open opens the record, makes it where it is absent and may be made, and brings an older schema up
// to date (with a copy of the old one beside it, Path.vN.bak).
//
// The errors say what is wrong in words. They are a task.ErrNotFound where there is no record, a
// task.ErrPermission where it may not be read or written, a task.ErrTaken where another process has it
// locked for longer than Patience, and a task.ErrInvalid where it is no record of om, has a newer
// schema than this program knows, or lies on a network filesystem; then it is left as it is.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Now == nil {
		return nil, errors.New("state: wanted a clock in Now")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, err
	}
	o.Path = path
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	if o.migrations == nil {
		o.schema, o.migrations = schemaVersion, migrations
	}
	if o.filesystem == nil {
		o.filesystem = filesystem
	}
	d := &DB{o: o}
	if err = d.open(ctx); err != nil {
		return nil, errors.Join(d.fault(err), d.Close())
	}
	return d, nil
}

func (d *DB) open(ctx context.Context) error {
	journal, err := d.journal()
	if err != nil {
		return err
	}
	if d.o.ReadOnly {
		return d.openReadOnly(ctx)
	}
	err = d.dial(ctx)
	if errors.Is(err, fs.ErrNotExist) && d.o.Create {
		if err = d.create(); err == nil {
			err = d.dial(ctx)
		}
	}
	if err != nil {
		return err
	}
	version, err := d.version(ctx)
	if err != nil {
		return err
	}
	if version != d.o.schema {
		return d.migrate(ctx, version, journal)
	}
	return d.setJournal(ctx, journal)
}

// journal chooses the journal before anything is opened or made on a filesystem that is refused.
func (d *DB) journal() (string, error) {
	folder := filepath.Dir(d.o.Path)
	magic, err := d.o.filesystem(folder)
	if errors.Is(err, fs.ErrNotExist) && d.o.Create && !d.o.ReadOnly {
		if err = os.MkdirAll(folder, 0o700); err == nil {
			magic, err = d.o.filesystem(folder)
		}
	}
	if err != nil {
		return "", err
	}
	return journalFor(magic)
}

// openReadOnly opens what is there, and refuses a schema that the queries were not written for.
func (d *DB) openReadOnly(ctx context.Context) error {
	if err := d.isFile(); err != nil {
		return err
	}
	err := d.patiently(ctx, func() (err error) {
		d.c, err = dialReadOnly(d.o.Path)
		return err
	})
	if err != nil {
		return err
	}
	version, err := d.version(ctx)
	switch {
	case err != nil:
		return err
	case version == 0:
		return fs.ErrNotExist
	case version < 0, version > d.o.schema:
		return versionError(version, d.o.schema)
	case version < d.o.schema:
		return fmt.Errorf("its schema is version %d: wanted %d: its owner brings it up to date with any om command: %w",
			version, d.o.schema, task.ErrInvalid)
	}
	return nil
}

// dial connects to the file. An absent file or folder is a fs.ErrNotExist. SQLite would also open
// what it cannot write, and say so only when a run is claimed.
func (d *DB) dial(ctx context.Context) error {
	if err := d.isFile(); err != nil {
		return err
	}
	if err := unix.Faccessat(unix.AT_FDCWD, d.o.Path, unix.R_OK|unix.W_OK, unix.AT_EACCESS); err != nil {
		return err
	}
	return d.patiently(ctx, func() (err error) {
		statements := usualStatements
		if n := d.o.Statements; n > 0 {
			statements = fmt.Sprintf("&_stmt_cache_size=%d", n)
		}
		d.c, err = dial(d.o.Path, "mode=rw"+statements)
		return err
	})
}

func (d *DB) version(ctx context.Context) (version int, err error) {
	var n int64
	err = d.patiently(ctx, func() (err error) {
		n, err = d.c.number("PRAGMA user_version")
		return err
	})
	return int(n), err
}

// setJournal gives the record the journal that its filesystem carries. It is stored in the file, so
// there is something to change only in a new file, or one that came from elsewhere.
func (d *DB) setJournal(ctx context.Context, want string) error {
	newLog := d.logIsNew()
	err := d.patiently(ctx, func() error {
		mode, err := d.c.word("PRAGMA journal_mode")
		if err == nil && mode != want {
			d.step("journal: " + want)
			mode, err = d.c.word("PRAGMA journal_mode=" + want)
		}
		d.wal = mode == "wal"
		return err
	})
	if err != nil || !newLog || !d.wal {
		return err
	}
	// Reading makes the log. Its name must last before anything is written to it.
	if _, err = d.version(ctx); err != nil {
		return err
	}
	return syncPath(filepath.Dir(d.o.Path))
}

// logIsNew reports whether nothing has been written to the log yet. Whoever finds it so syncs its
// folder before writing; so who finds something in it knows that its name lasts.
func (d *DB) logIsNew() bool {
	s, err := os.Stat(d.o.Path + "-wal")
	return err != nil || s.Size() == 0
}

// Close ends the connection. It writes nothing, so it takes no barrier: what the log holds stays
// there for the next one to open the record. The filesystem can be unmounted then. A second Close
// does nothing; any other call after Close is an error.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.c == nil {
		return nil
	}
	c := d.c
	d.c = nil
	return c.close()
}

// barrier says whether a transaction is on the disk when it has ended.
type barrier string

const (
	durable barrier = "FULL"   // it is
	relaxed barrier = "NORMAL" // it survives the end of the process; a power cut may undo it whole
)

// write runs f in a transaction of its own, which no other process writes beside. What f does is
// undone if it returns an error. f gets a context that does not end: ctx bounds only the wait.
func (d *DB) write(ctx context.Context, name string, b barrier, f func(context.Context) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.c == nil {
		return d.fault(fs.ErrClosed)
	}
	if b == relaxed {
		if _, err := d.c.exec("PRAGMA synchronous=NORMAL"); err != nil {
			return d.fault(err)
		}
		defer d.c.exec("PRAGMA synchronous=FULL") //nolint:errcheck // it cannot fail outside a transaction
	}
	d.step(name + ": begin")
	begin := func() error { _, err := d.c.exec("BEGIN IMMEDIATE"); return err }
	if err := d.patiently(ctx, begin); err != nil {
		return d.fault(err)
	}
	err := f(context.WithoutCancel(ctx))
	if err == nil {
		d.step(name + ": commit")
		_, err = d.c.exec("COMMIT")
	}
	if err != nil {
		// SQLite has undone it already after some errors, and then says so; nothing is left to do.
		d.c.exec("ROLLBACK") //nolint:errcheck // see above
		return d.fault(err)
	}
	d.step(name + ": done")
	return nil
}

// read runs a query, width columns wide, and calls each for its rows.
func (d *DB) read(ctx context.Context, width int, each func(row) error, query string, args ...driver.Value) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.c == nil {
		return d.fault(fs.ErrClosed)
	}
	return d.fault(d.patiently(ctx, func() error {
		return d.c.query(ctx, width, each, query, args...)
	}))
}

func (d *DB) step(name string) {
	if d.o.Step != nil {
		d.o.Step(name)
	}
}
