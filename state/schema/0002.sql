-- The record, version 2: schedules. Times are as in version 1, but those of files, which are nanoseconds.

-- A cursor knows of what schedule it is, how often that ran, and the attempt that is waited for. It is
-- due when there is a slot to decide or an attempt to make. Nothing ever wrote the columns that go.
DROP INDEX task_due;
ALTER TABLE task_state DROP COLUMN last_run_id;
ALTER TABLE task_state DROP COLUMN last_success_at;
ALTER TABLE task_state ADD COLUMN digest TEXT NOT NULL DEFAULT '';
ALTER TABLE task_state ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_state ADD COLUMN retry_at INTEGER;
ALTER TABLE task_state ADD COLUMN retry_slot INTEGER;
ALTER TABLE task_state ADD COLUMN retry_attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_state ADD COLUMN retry_since INTEGER;
ALTER TABLE task_state ADD COLUMN retry_previous TEXT NOT NULL DEFAULT '';
ALTER TABLE task_state ADD COLUMN due_at INTEGER AS(min(ifnull(next_at,retry_at),ifnull(retry_at,next_at)));
CREATE INDEX task_due ON task_state(due_at) WHERE due_at IS NOT NULL;

-- The slots that wait for their decision: few of many.
CREATE INDEX slot_pending ON slot(service,rid,slot) WHERE decision='pending';

-- What was seen of a service's file, and the last text of it that could be used: it is, while the file can't be.
CREATE TABLE stamp(service TEXT PRIMARY KEY,mtime INTEGER,ctime INTEGER,size INTEGER NOT NULL,inode INTEGER NOT NULL,
error TEXT NOT NULL) STRICT,WITHOUT ROWID;
CREATE TABLE good(service TEXT PRIMARY KEY,text BLOB NOT NULL) STRICT;

-- The places of named locks, and the processes that hold the runs that have them.
CREATE TABLE hold(name TEXT,run_id TEXT,service TEXT NOT NULL,rid TEXT NOT NULL,node TEXT NOT NULL,boot_id TEXT NOT NULL,
pid INTEGER NOT NULL,pid_start INTEGER NOT NULL,PRIMARY KEY(name,run_id)) STRICT,WITHOUT ROWID;
