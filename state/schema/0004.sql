-- The record, version 4: the cursors of a service about whose tasks nothing was decided yet, in one row.

-- A service is here or in task_state. cursors is a JSON array of [rid, digest, cursor_slot, next_at]; due_at is the earliest
-- next_at, and due how many tasks have one.
CREATE TABLE placed(service TEXT PRIMARY KEY,due_at INTEGER,due INTEGER NOT NULL,cursors TEXT NOT NULL) STRICT,WITHOUT ROWID;
CREATE INDEX placed_due ON placed(due_at);
