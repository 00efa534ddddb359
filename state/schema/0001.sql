-- The record, version 1. Times are microseconds since 1970 in UTC, durations microseconds; NULL is
-- "not yet" or "none". Comments stay outside the statements: SQLite keeps the text of each one and
-- reads it again at every start.

-- A run: one execution of a task. It has ended if and only if it has the time of its end.
CREATE TABLE run(id TEXT PRIMARY KEY,service TEXT NOT NULL,rid TEXT NOT NULL,slot INTEGER,
origin TEXT NOT NULL,state TEXT NOT NULL,attempt INTEGER NOT NULL,
node TEXT NOT NULL,boot_id TEXT NOT NULL,pid INTEGER NOT NULL,pid_start INTEGER NOT NULL,child_pid INTEGER NOT NULL,
queued_at INTEGER,started_at INTEGER,ended_at INTEGER,
exit_code INTEGER NOT NULL,signal TEXT NOT NULL,reason TEXT NOT NULL,
user TEXT NOT NULL,asked_by TEXT NOT NULL,terminal TEXT NOT NULL,confirmed_by TEXT NOT NULL,forced TEXT NOT NULL,
argv_digest TEXT NOT NULL,output TEXT NOT NULL,output_bytes INTEGER NOT NULL,output_lost INTEGER NOT NULL,
max_rss INTEGER NOT NULL,cpu INTEGER NOT NULL,leftover INTEGER NOT NULL,
CHECK((ended_at IS NULL)=(state IN('queued','running')))) STRICT,WITHOUT ROWID;

-- The history of a task, newest first. Written once, when the run begins.
CREATE INDEX run_task ON run(service,rid,id);

-- What is in progress: the rows that a claim counts.
CREATE INDEX run_open ON run(service,rid) WHERE ended_at IS NULL;

-- No slot starts twice, whoever claims it.
CREATE UNIQUE INDEX run_slot ON run(service,rid,slot,attempt) WHERE slot IS NOT NULL;

-- A slot, or several in a row that met the same end, and the one decision about it.
CREATE TABLE slot(service TEXT,rid TEXT,slot INTEGER,slot_last INTEGER NOT NULL,count INTEGER NOT NULL,
decision TEXT NOT NULL,reason TEXT NOT NULL,run_id TEXT,PRIMARY KEY(service,rid,slot)) STRICT,WITHOUT ROWID;

-- Where the schedule of a task is: the newest slot decided, and when to look again.
CREATE TABLE task_state(service TEXT,rid TEXT,cursor_slot INTEGER,next_at INTEGER,last_run_id TEXT,
last_success_at INTEGER,PRIMARY KEY(service,rid)) STRICT,WITHOUT ROWID;
CREATE INDEX task_due ON task_state(next_at) WHERE next_at IS NOT NULL;

-- The texts that a service's file had before it was changed. The text is last: listing skips it.
CREATE TABLE config(service TEXT NOT NULL,version INTEGER NOT NULL,at INTEGER NOT NULL,changed_by TEXT NOT NULL,
digest TEXT NOT NULL,size INTEGER NOT NULL,text BLOB NOT NULL,UNIQUE(service,version)) STRICT;

-- Frozen services; the empty name is the node.
CREATE TABLE frozen(service TEXT PRIMARY KEY,since INTEGER NOT NULL,frozen_by TEXT NOT NULL) STRICT,WITHOUT ROWID;

-- Runs that a person asked for and that did not happen.
CREATE TABLE decline(id TEXT PRIMARY KEY,service TEXT NOT NULL,rid TEXT NOT NULL,at INTEGER NOT NULL,
origin TEXT NOT NULL,kind TEXT NOT NULL,reason TEXT NOT NULL,asked_by TEXT NOT NULL,node TEXT NOT NULL) STRICT,WITHOUT ROWID;

-- Facts about the record itself.
CREATE TABLE meta(key TEXT PRIMARY KEY,value TEXT NOT NULL) STRICT,WITHOUT ROWID;
