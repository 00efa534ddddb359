package state

import "context"

// What the tests of package state_test reach that users of the package cannot.

// WithMigrations opens a record as another version of om would.
func (o Options) WithMigrations(steps ...string) Options {
	o.schema, o.migrations = len(steps), func() ([]string, error) { return steps, nil }
	return o
}

// OnFilesystem opens a record as if it lay on another filesystem.
func (o Options) OnFilesystem(magic uint32) Options {
	o.filesystem = func(string) (uint32, error) { return magic, nil }
	return o
}

// SchemaVersion is the schema that this program knows.
const SchemaVersion = schemaVersion

// Migrations are the steps that lead to it.
func Migrations() ([]string, error) { return migrations() }

// JournalFor is journalFor.
func JournalFor(magic uint32) (string, error) { return journalFor(magic) }

// LockHolder is lockHolder.
func LockHolder(locks, inode string) int { return lockHolder(locks, inode) }

// ParseStat is parseStat.
func ParseStat(stat []byte) (byte, uint64, error) { return parseStat(stat) }

// Number answers a query for one number.
func (d *DB) Number(query string) (int64, error) { return d.c.number(query) }

// Word answers a query for one text.
func (d *DB) Word(query string) (string, error) { return d.c.word(query) }

// Exec runs any statement.
func (d *DB) Exec(query string) error { _, err := d.c.exec(query); return err }

// Plan says how SQLite answers a query.
func (d *DB) Plan(query string) (plan string, err error) {
	err = d.c.query(context.Background(), 4, func(v row) error { plan += v.text(3) + "\n"; return nil }, "EXPLAIN QUERY PLAN "+query)
	return plan, err
}

// Compact is Tidy however little there is to do.
func (d *DB) Compact(ctx context.Context) error { return d.settleLog(ctx) }

// The queries that every start asks.
const (
	RunningTask = runningTask
	RunningAll  = runningAll
	DueCursors  = dueCursors
	DueTasks    = dueTasks
	NextDue     = nextDue
	PendingTask = pendingTask
	SlotUpTo    = slotUpTo
)

// Frames is how many pages the log has.
func (d *DB) Frames() (int64, error) { return d.checkpoint(context.Background(), "NOOP") }

// Spread gives each cursor a row of its own.
func (d *DB) Spread(ctx context.Context) error {
	return d.write(ctx, "spread", relaxed, func(context.Context) error { return d.spreadAll() })
}
