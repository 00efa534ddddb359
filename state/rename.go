package state

import (
	"context"
	"database/sql/driver"
)

// RenameService gives all that the record has of a service to another path. What it has of a former service of that
// path stays, and joins it; cursors of such a one go. It is on the disk before it returns.
func (d *DB) RenameService(ctx context.Context, from, to string) error {
	return d.write(ctx, "rename", durable, func(context.Context) error {
		if err := d.spread(from, to); err != nil {
			return err
		}
		return d.eachExec([]driver.Value{from, to},
			"UPDATE OR IGNORE run SET service=?2 WHERE service=?1",
			"UPDATE OR IGNORE slot SET service=?2 WHERE service=?1",
			"UPDATE OR REPLACE task_state SET service=?2 WHERE service=?1",
			"UPDATE config SET version=version+(SELECT ifnull(max(version),0) FROM config WHERE service=?2),service=?2 WHERE service=?1",
			"UPDATE OR REPLACE frozen SET service=?2 WHERE service=?1",
			"UPDATE decline SET service=?2 WHERE service=?1",
			"UPDATE OR REPLACE stamp SET service=?2 WHERE service=?1",
			"UPDATE OR REPLACE good SET service=?2 WHERE service=?1",
			"UPDATE hold SET service=?2 WHERE service=?1",
		)
	})
}
