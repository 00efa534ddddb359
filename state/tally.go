package state

import "context"

// Tally counts the services whose files were read, and the tasks that are due some time.
func (d *DB) Tally(ctx context.Context) (services, tasks int, err error) {
	err = d.read(ctx, 2, func(r row) error {
		services, tasks = int(r.num(0)), int(r.num(1))
		return nil
	}, "SELECT (SELECT count(*) FROM stamp),(SELECT count(*) FROM task_state WHERE due_at IS NOT NULL)+(SELECT ifnull(sum(due),0) FROM placed)")
	return services, tasks, err
}
