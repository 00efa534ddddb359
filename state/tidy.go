package state

import (
	"context"
	"os"
)

const (
	// tidyFrames is how many pages the log may hold before Tidy empties it. The next program to open
	// the record reads them all, 2.7 us each; emptying costs three barriers, about 1 ms.
	tidyFrames = 96
	// bigLog is the size, in bytes, from which the emptied log gives its space back.
	bigLog = 1 << 20
)

// Tidy empties the log into the database file, if it has grown enough for the barriers that costs.
// Call it when nobody waits: after a run has been settled, and after each batch of Remove. It gives
// way to whoever reads or writes; then the log is emptied another time.
func (d *DB) Tidy(ctx context.Context) error {
	if !d.wal {
		return nil
	}
	frames, err := d.checkpoint(ctx, "NOOP")
	if err != nil || frames < tidyFrames {
		return err
	}
	return d.settleLog(ctx)
}

// settleLog empties the log, and begins it anew with a row of no importance: who writes first to an
// emptied log pays for a barrier more, which the next claim need not.
func (d *DB) settleLog(ctx context.Context) error {
	if !d.wal {
		return nil
	}
	mode := "PASSIVE"
	if s, err := os.Stat(d.o.Path + "-wal"); err == nil && s.Size() > bigLog {
		mode = "TRUNCATE"
	}
	d.step("tidy: checkpoint")
	if _, err := d.checkpoint(ctx, mode); err != nil {
		return err
	}
	return d.write(ctx, "tidy", relaxed, func(context.Context) error {
		return d.setFact("tidied", d.o.Now().UTC().Format("2006-01-02T15:04:05Z"))
	})
}

// checkpoint copies what it can of the log into the database file, in one of SQLite's ways, and
// returns how many pages the log has.
func (d *DB) checkpoint(ctx context.Context, mode string) (frames int64, err error) {
	err = d.read(ctx, 3, func(v row) error { frames = v.num(1); return nil }, "PRAGMA wal_checkpoint("+mode+")")
	return frames, err
}
