package state_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// steps returns the migrations up to a version, and then some that only this test knows.
func steps(tb testing.TB, version int, more ...string) []string {
	tb.Helper()
	all, err := state.Migrations()
	if err != nil {
		tb.Fatal(err)
	}
	return append(slices.Clone(all[:version]), more...)
}

// copyOf is where the copy of a version is.
func copyOf(path string, version int) string { return fmt.Sprintf("%s.v%d.bak", path, version) }

// later are two steps that a later om might take.
func later() []string {
	return []string{
		"ALTER TABLE run ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;CREATE INDEX run_fence ON run(fence)",
		"CREATE TABLE lease(service TEXT PRIMARY KEY,term INTEGER NOT NULL)STRICT,WITHOUT ROWID;UPDATE run SET fence=7",
	}
}

func TestSchemaVersionCountsTheSteps(t *testing.T) {
	all, err := state.Migrations()
	if err != nil || len(all) != state.SchemaVersion {
		t.Errorf("%d steps, %v; want %d", len(all), err, state.SchemaVersion)
	}
}

// firstColumns are the columns of a run in the first schema.
const firstColumns = `id,service,rid,slot,origin,state,attempt,node,boot_id,pid,pid_start,child_pid,queued_at,started_at,ended_at,exit_code,signal,
	reason,user,asked_by,terminal,confirmed_by,forced,argv_digest,output,output_bytes,output_lost,max_rss,cpu,leftover`

// Every schema that om ever had opens, is brought up to date, and loses nothing.
func TestEveryReleasedSchemaOpens(t *testing.T) {
	for version := 1; version <= state.SchemaVersion; version++ {
		path := filepath.Join(t.TempDir(), "om.db")
		old := openAt(t, options(path).WithMigrations(steps(t, version)...))
		if err := old.Exec(`INSERT INTO run(` + firstColumns + `)VALUES('0195d8a0-0000-7000-8000-000000000001','testmd','task#0',1,'schedule','complete',1,
			'n1','b',1,2,3,4,5,6,0,'','','u','by','tty','conf','forced','digest','out',7,8,9,10,0)`); err != nil {
			t.Fatal(err)
		}
		old.Close()
		d := openAt(t, options(path))
		r := get(t, d, "0195d8a0")
		if r.Task != id("task#0") || r.State != task.Complete || r.EndedAt.UnixMicro() != 6 || r.MaxRSS != 9 {
			t.Errorf("version %d: %+v", version, r)
		}
		if n, err := d.Number("PRAGMA user_version"); err != nil || n != state.SchemaVersion {
			t.Errorf("version %d is now %d, %v", version, n, err)
		}
		if r.Evidence != "" || r.ClockUnsynced {
			t.Errorf("version %d: %q, %v", version, r.Evidence, r.ClockUnsynced)
		}
	}
}

// Decisions of before the third schema are without their evidence. A program of before that still writes leaves it out
// too, and takes none from what it does not write.
func TestEvidenceIsNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	old := openAt(t, options(path).WithMigrations(steps(t, 2)...))
	const ofBefore = "REPLACE INTO slot(service,rid,slot,slot_last,count,decision,reason,run_id)VALUES('testmd','task#0',%d,%[1]d,1,'skip','frozen',NULL)"
	if err := old.Exec(fmt.Sprintf(ofBefore, 1)); err != nil {
		t.Fatal(err)
	}
	d := openAt(t, options(path))
	kept := slot(task.SlotSkip, 1, "frozen")
	kept.Evidence = "a1"
	decide(t, d, state.Turn{After: at("task#0", 1), Slots: []task.Slot{kept}})
	if err := old.Exec(fmt.Sprintf(ofBefore, 2)); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, s := range slots(t, d, state.Query{}) {
		got += s.Evidence + ";"
	}
	if got != ";a1;" { // the first row of before was joined by the new one, the second is its own
		t.Errorf("%q", got)
	}
}

func TestMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, options(path))
	r := claim(t, d, ours("task#0")) // in progress, and held by a process that stays
	done := ended(t, d, "task#1", task.Complete)

	newer := openAt(t, options(path).WithMigrations(steps(t, state.SchemaVersion, later()...)...))
	if n, err := newer.Number("SELECT sum(fence) FROM run"); err != nil || n != 14 {
		t.Errorf("fences are %d, %v", n, err)
	}
	if n, err := newer.Number("PRAGMA user_version"); err != nil || n != state.SchemaVersion+2 {
		t.Errorf("version %d, %v", n, err)
	}
	settle(t, d, outcome(r, task.Complete)) // by the program of before
	if get(t, newer, r.ID).State != task.Complete || get(t, newer, done.ID).State != task.Complete {
		t.Error("a run was not adopted")
	}

	// The copy is the record as it was.
	backups, err := filepath.Glob(path + ".*")
	if err != nil || !slices.Equal(backups, []string{copyOf(path, state.SchemaVersion)}) {
		t.Fatalf("beside it: %v, %v", backups, err)
	}
	if s, err := os.Stat(backups[0]); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %v, %v", s.Mode().Perm(), err)
	}
	old := openAt(t, options(backups[0]))
	if get(t, old, r.ID).State != task.Running || get(t, old, done.ID).State != task.Complete {
		t.Error("the copy is not the record as it was")
	}

	// Back again: the program of before refuses, and changes nothing.
	before := content(t, path)
	_, err = state.Open(context.Background(), options(path))
	if !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), fmt.Sprintf("version %d", state.SchemaVersion+2)) || !bytes.Equal(before, content(t, path)) {
		t.Errorf("downgrade: %v", err)
	}
}

// TestMigrationSweeps: copies that killed migrations left are removed by the next one; those that are being made are not.
func TestMigrationSweeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	ended(t, openAt(t, options(path)), "task#0", task.Complete)
	name := filepath.Join(filepath.Dir(path), ".om.db.migrating-")
	left, made, fresh, theirs := name+"1", name+"2", name+"3", path+".bak-before"
	for _, file := range []string{left, made, fresh, theirs} {
		if err := os.WriteFile(file, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(made)
	if err == nil {
		defer f.Close()
		err = errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_EX), os.Chtimes(fresh, time.Time{}, clock()()))
	}
	if err != nil {
		t.Fatal(err)
	}
	openAt(t, options(path).WithMigrations(steps(t, state.SchemaVersion, later()...)...))
	if all, err := filepath.Glob(name + "*"); err != nil || !slices.Equal(all, []string{made, fresh}) {
		t.Errorf("left %v, %v", all, err)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Error(err)
	}
}

func TestMigrationThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, options(path))
	r := ended(t, d, "task#0", task.Complete)
	bad := steps(t, state.SchemaVersion, later()[0], "CREATE TABLE half(x INTEGER)STRICT;CREATE TABLE run(x)")
	_, err := state.Open(context.Background(), options(path).WithMigrations(bad...))
	if err == nil || !strings.Contains(err.Error(), "run already exists") {
		t.Fatalf("got %v", err)
	}
	if n, err := d.Number("SELECT count(*) FROM sqlite_schema WHERE name='half'"); err != nil || n != 0 {
		t.Errorf("half a step is there: %d, %v", n, err)
	}
	if n, err := d.Number("PRAGMA user_version"); err != nil || n != state.SchemaVersion+1 {
		t.Errorf("version %d, %v: the step before it is whole", n, err)
	}
	good := openAt(t, options(path).WithMigrations(steps(t, state.SchemaVersion, later()...)...))
	if get(t, good, r.ID).State != task.Complete {
		t.Error("the run is gone")
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".om.db.migrating-*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// migrating opens a record with the later steps, and is killed at the step that args[1] counts.
func migrating(args []string) error {
	all, err := state.Migrations()
	if err != nil {
		return err
	}
	return with(killedAt(live(args[0]).WithMigrations(append(all, later()...)...), args[1:]), func(context.Context, *state.DB) error { return nil })
}

// TestMigrationInterrupted kills a migration at each step, and lets another process go on.
func TestMigrationInterrupted(t *testing.T) {
	for n := 1; ; n++ {
		path := filepath.Join(t.TempDir(), "om.db")
		d := openAt(t, live(path))
		r := claim(t, d, ours("task#0"))
		out, err := run(t, "migrating", path, itoa(n))
		if err == nil {
			if n < 5 {
				t.Errorf("only %d steps: %s", n, out)
			}
			return
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Exited() {
			t.Fatalf("step %d: %v: %s", n, err, out)
		}
		version, err := d.Number("PRAGMA user_version")
		if err != nil || version < state.SchemaVersion || version > state.SchemaVersion+2 {
			t.Errorf("step %d: version %d, %v", n, version, err)
		}
		if version > state.SchemaVersion {
			if get(t, openAt(t, options(copyOf(path, state.SchemaVersion))), r.ID).State != task.Running {
				t.Errorf("step %d: migrated, and there is no copy", n)
			}
		}
		if out, err = run(t, "migrating", path); err != nil {
			t.Errorf("step %d, again: %v: %s", n, err, out)
		}
		if fences, err := d.Number("SELECT sum(fence) FROM run"); err != nil || fences != 7 {
			t.Errorf("step %d: fences are %d, %v", n, fences, err)
		}
		settle(t, d, outcome(r, task.Complete))
	}
}

func TestProcessesMigrateTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, live(path))
	ended(t, d, "task#0", task.Complete)
	all(t, 8, func() *exec.Cmd { return process(t, "migrating", path) })
	if fences, err := d.Number("SELECT sum(fence) FROM run"); err != nil || fences != 7 {
		t.Errorf("fences are %d, %v", fences, err)
	}
	// One that comes between the two steps copies the version between them: each copy is of what its name says.
	left, err := filepath.Glob(path + ".*")
	if err != nil || !slices.Contains(left, copyOf(path, state.SchemaVersion)) {
		t.Errorf("beside it: %v, %v", left, err)
	}
	for _, file := range left {
		version, err := copyVersion(file)
		if err != nil || file != copyOf(path, int(version)) {
			t.Errorf("%s is of version %d, %v", file, version, err)
		}
	}
}

// copyVersion reads the schema version out of a file's header: 4 bytes at 60, see the file format of SQLite.
func copyVersion(file string) (uint32, error) {
	head, err := os.ReadFile(file)
	if err != nil || len(head) < 64 {
		return 0, errors.Join(err, errors.New("no database"))
	}
	return binary.BigEndian.Uint32(head[60:]), nil
}

// The first schema had cursors too, of which nothing was due. What it exported can be imported.
func TestCursorsOfTheFirstSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	old := openAt(t, options(path).WithMigrations(steps(t, 1)...))
	if err := old.Exec(`INSERT INTO task_state VALUES('testmd','task#0',5,7,NULL,3),('testmd','task#1',NULL,NULL,'x',NULL);
		INSERT INTO slot VALUES('testmd','task#0',1,5,3,'skip','frozen',NULL)`); err != nil {
		t.Fatal(err)
	}
	old.Close()
	d := openAt(t, options(path))
	want := task.Cursor{Task: id("task#0"), At: time.UnixMicro(5).UTC(), Next: time.UnixMicro(7).UTC()}
	if diff := cmp.Diff([]task.Cursor{want, {Task: id("task#1")}}, cursors(t, d, "testmd")); diff != "" {
		t.Error(diff)
	}
	if due, err := d.Due(context.Background(), start(), 9); err != nil || len(due) != 1 {
		t.Errorf("due: %v, %v", due, err)
	}
	if n := counts(t, d, "task#0")[task.SlotSkip]; n != 3 {
		t.Errorf("%d slots", n)
	}
	if n, err := openAt(t, options(copyOf(path, 1)).WithMigrations(steps(t, 1)...)).Number("SELECT count(*) FROM task_state"); err != nil || n != 2 {
		t.Errorf("the copy has %d cursors, %v", n, err)
	}
	exported := `{"record":"om","schema":1}
{"table":"task_state","service":"a","rid":"b","cursor_slot":1,"next_at":2,"last_run_id":null,"last_success_at":3}
`
	if err := d.Import(context.Background(), strings.NewReader(exported)); err != nil || len(cursors(t, d, "a")) != 1 {
		t.Errorf("imported %v, %v", cursors(t, d, "a"), err)
	}
}

// A new record is made in one step: whoever comes to it while it is made copies nothing.
func TestNewRecordIsMadeInOneStep(t *testing.T) {
	o, names := options(filepath.Join(t.TempDir(), "om.db")), []string{}
	o.Step = func(name string) { names = append(names, name) }
	openAt(t, o)
	if n := strings.Count(strings.Join(names, "\n"), "migrate"); n != 3 { // begin, commit, done
		t.Errorf("steps %q", names)
	}
}
