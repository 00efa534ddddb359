package soak_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"

	"om/state"
)

// old is a world with the record of an earlier om, which that om made itself: testdata/record.vN.sql is the dump of
// it. The runs in it that were in progress are held by a process that lives.
type old struct {
	*film

	version, newest int
	before          string   // a copy of it
	alive           []string // runs in progress
	holder          *exec.Cmd
}

// schemas are the versions that there were.
func schemas(t *testing.T) (newest int) {
	t.Helper()
	files, err := filepath.Glob("../state/schema/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d schemas, %v", len(files), err)
	}
	return len(files)
}

func newOld(t *testing.T, version int, h harm) *old {
	t.Helper()
	o := &old{film: newFilm(t), version: version, newest: schemas(t)}
	o.harm = h
	o.write("etc/old.conf", "[task#4]\ncommand = sleep 600\ncwd = /\n")
	o.holder = exec.Command("sleep", "600")
	if err := o.holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = o.holder.Process.Kill(), o.holder.Wait() })
	o.build()
	o.before = o.copyOf(o.path())
	o.base = map[string][]byte{}
	for _, name := range []string{"om.db", "om.db-wal"} {
		text, err := os.ReadFile(filepath.Join(o.state, name))
		if err != nil {
			t.Fatal(err)
		}
		o.base[filepath.Join(o.state, name)] = text
	}
	return o
}

func (o *old) path() string { return filepath.Join(o.state, "om.db") }

// build makes the record. It leaves the log as a program that was ended does.
func (o *old) build() {
	o.Helper()
	dump, err := os.ReadFile(fmt.Sprintf("testdata/record.v%d.sql", o.version))
	if err != nil {
		o.Fatalf("%v: the dump of a record that this version made is wanted: see docs/checklists/add-a-migration.md", err)
	}
	boot, err := state.BootID()
	if err != nil {
		o.Fatal(err)
	}
	began, err := state.ProcessStart(o.holder.Process.Pid)
	if err != nil {
		o.Fatal(err)
	}
	o.restore(nil, nil)
	db := o.open(o.path())
	o.exec(db, "PRAGMA journal_mode=WAL")
	o.exec(db, string(dump))
	o.exec(db, fmt.Sprintf("PRAGMA user_version=%d;PRAGMA application_id=0x6f6d0001", o.version))
	o.exec(db, "UPDATE run SET boot_id=?,pid=?,pid_start=? WHERE ended_at IS NULL", boot, o.holder.Process.Pid, int64(began))
	o.alive = o.words(db, "SELECT id FROM run WHERE ended_at IS NULL")
	text := map[string][]byte{}
	for _, name := range []string{"om.db", "om.db-wal"} {
		if text[name], err = os.ReadFile(filepath.Join(o.state, name)); err != nil {
			o.Fatal(err)
		}
	}
	_ = db.Close() // which empties the log
	o.restore(nil, map[string][]byte{o.path(): text["om.db"], o.path() + "-wal": text["om.db-wal"]})
}

func (o *old) open(path string) *sql.DB {
	o.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		o.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func (o *old) exec(db *sql.DB, query string, args ...any) {
	o.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		o.Fatalf("%.60s: %v", query, err)
	}
}

func (o *old) words(db *sql.DB, query string, args ...any) (all []string) {
	o.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		o.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err = rows.Scan(&text); err != nil {
			o.Fatal(err)
		}
		all = append(all, text)
	}
	if err = rows.Err(); err != nil {
		o.Fatal(err)
	}
	return all
}

// copyOf is a copy of a record, in a folder of its own: reading leaves traces.
func (o *old) copyOf(path string) string {
	o.Helper()
	copied := filepath.Join(o.TempDir(), "om.db")
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(copied+suffix, text, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			o.Fatal(err)
		}
	}
	return copied
}

// same wants a record to have the rows of before, and no others, in all tables but meta: what there is of them still.
func (o *old) same(path string) {
	o.Helper()
	then, now := o.open(o.before), o.open(o.copyOf(path))
	defer func() { _, _ = then.Close(), now.Close() }()
	for _, table := range o.words(then, "SELECT name FROM sqlite_schema WHERE type='table' AND name<>'meta'") {
		columns, left := o.words(then, "SELECT name FROM pragma_table_info(?)", table), o.words(now, "SELECT name FROM pragma_table_info(?)", table)
		columns = slices.DeleteFunc(columns, func(name string) bool { return !slices.Contains(left, name) })
		query := "SELECT concat_ws(char(10),'',quote(" + strings.Join(columns, "),quote(") + ")) FROM " + table + " ORDER BY 1"
		if had, has := o.words(then, query), o.words(now, query); !slices.Equal(had, has) {
			o.Errorf("%s: table %s has %d rows, and had %d, or others", path, table, len(has), len(had))
		}
	}
}

func (o *old) versionOf(path string) string {
	o.Helper()
	db := o.open(path + "?mode=ro")
	defer db.Close()
	return o.words(db, "PRAGMA user_version")[0]
}

// check goes on after an upgrade that was interrupted: nothing is lost, there is a copy of before, and the runs in
// progress are.
func (o *old) check() {
	o.Helper()
	if said, err := o.behind(let, "state", "check"); err != nil {
		o.Fatalf("om state check: %v: %s", err, said)
	}
	o.same(o.path())
	if got := o.versionOf(o.path()); got != fmt.Sprint(o.newest) {
		o.Errorf("the version is %s", got)
	}
	if backup := fmt.Sprintf("%s.v%d.bak", o.path(), o.version); o.version < o.newest {
		if o.same(backup); o.versionOf(backup) != fmt.Sprint(o.version) {
			o.Errorf("%s is of version %s", backup, o.versionOf(backup))
		}
	}
	o.adopted()
}

// adopted wants the runs in progress to be so still, and the program of before to be able to record their ends.
func (o *old) adopted() {
	o.Helper()
	if said, err := o.behind(let, "old", "history"); err != nil { // which marks those that are lost
		o.Errorf("om old history: %v: %s", err, said)
	}
	db := o.record()
	running, err := db.Running(context.Background(), "", "")
	_ = db.Close()
	if err != nil || len(running) != len(o.alive) {
		o.Errorf("%d runs in progress, and there were %d: %v", len(running), len(o.alive), err)
	}
	said, err := o.behind(let, "old", "run", "--rid", "task#4")
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 75 {
		o.Errorf("a run beside one in progress: %v: %s", err, said)
	}
	raw := o.open(o.path())
	defer raw.Close()
	for _, id := range o.alive { // the words of version 1
		o.exec(raw, "UPDATE run SET state=?,started_at=coalesce(?,started_at),ended_at=?,exit_code=?,signal=?,reason=?,"+
			"output_bytes=?,output_lost=?,max_rss=?,cpu=?,leftover=? WHERE id=? AND ended_at IS NULL",
			"complete", nil, time.Now().UnixMicro(), 0, "", "", 0, 0, 0, 0, 0, id)
	}
	if left := o.words(raw, "SELECT id FROM run WHERE ended_at IS NULL"); len(left) > 0 {
		o.Errorf("runs %v did not end", left)
	}
}

// TestUpgrade upgrades the record of each version that there was: at once, killed before each of its calls, on a disk
// that fails at each, and with the power lost after each change.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for version := 1; version < schemas(t); version++ {
		for _, h := range []harm{{name: "kill", who: program}, {name: "EIO", who: program, errno: unix.EIO}, {name: "ENOSPC", who: program, errno: unix.ENOSPC}} {
			t.Run(fmt.Sprintf("v%d %s", version, h.name), func(t *testing.T) { newOld(t, version, h).interrupt(23) })
		}
		t.Run(fmt.Sprintf("v%d power loss", version), func(t *testing.T) { newOld(t, version, harm{}).loss(10) })
	}
}

// interrupt interrupts the upgrade at its calls, and lets it be done again.
func (o *old) interrupt(step int) {
	n, step := o.stride(step)
	for ; ; n += step {
		o.restore(nil, o.base)
		said, err := o.behind(o.strike(n), "state", "check")
		o.checkMessage(said, err)
		o.check()
		if o.Failed() {
			o.Fatalf("seed %d: %s at call %d, %v; om said %s", o.seed, o.name, n, o.hit, said)
		}
		if o.hit == nil {
			o.Logf("%s: up to call %d", o.name, n-1)
			return
		}
	}
}

// loss lets the power go at some moments of the upgrade.
func (o *old) loss(some int) {
	o.restore(nil, o.base)
	o.frames = nil
	o.do("state", "check")
	cuts := o.cuts(some, o.random(1))
	for i, n := range cuts {
		m := o.play(n)
		chance := o.random(2 + uint64(n))
		if i%4 == 0 {
			chance = nil
		}
		o.restore(m.cut(chance))
		if o.check(); o.Failed() {
			o.Fatalf("seed %d: power loss after %d of %d frames, of which these are the last\n%s", o.seed, n, len(o.frames), o.tail(n))
		}
	}
	o.Logf("%d power losses among %d changes", len(cuts), len(o.frames))
}

// TestDowngrade wants the record of a later om to be left as it is, to the byte, whatever is asked.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	o := newOld(t, schemas(t)-1, harm{})
	o.do("state", "check")
	db := o.open(o.path())
	o.exec(db, fmt.Sprintf("CREATE TABLE later(x INTEGER)STRICT;PRAGMA user_version=%d", o.newest+1))
	_ = db.Close()
	journal := filepath.Join(o.state, "journal", "11111111-1111-4111-8111-111111111111-1-1.jsonl") // of a supervisor that is dead
	if err := errors.Join(os.Mkdir(filepath.Dir(journal), 0o700), os.WriteFile(journal, []byte("{\"om\":\"outcomes\",\"version\":1}\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	before := o.files()
	for _, args := range [][]string{
		{"tick"},
		{"tick", "--dry-run"},
		{"state", "check"},
		{"state", "export"},
		{"state", "init"},
		{"state", "clean"},
		{"old", "run", "--rid", "task#4"},
		{"old", "history"},
		{"old", "history", "--skipped"},
		{"old", "freeze"},
		{"thaw"},
		{"old", "explain", "--rid", "task#4"},
		{"old", "kill"},
		{"cold", "print", "schedule"},
	} {
		said, err := o.behind(let, args...)
		if err == nil || !strings.Contains(said, fmt.Sprintf("its schema is version %d, made by a newer om", o.newest+1)) {
			t.Errorf("om %s: %v: it said %q", strings.Join(args, " "), err, said)
		}
		if now := o.files(); now != before {
			t.Fatalf("om %s: the files were\n%sand are\n%s", strings.Join(args, " "), before, now)
		}
	}
	if said := o.daemonSays(); !strings.Contains(said, "made by a newer om") || o.files() != before {
		t.Errorf("the daemon said %q; the files are\n%s", said, o.files())
	}
}

// daemonSays is what the daemon's loop says of its first turn.
func (o *old) daemonSays() string {
	o.Helper()
	said := make(chan string, 100)
	c, g := o.gated(func(c *call) verdict {
		if c.name == "write" && c.args[0] == 2 {
			text, _ := c.data()
			said <- string(text)
		}
		return verdict{}
	}, "loop")
	defer g.wait()
	defer func() { _, _ = c.Process.Signal(syscall.SIGTERM), c.Wait() }()
	select {
	case text := <-said:
		return text
	case <-time.After(time.Minute):
		return "nothing for a minute"
	}
}

// files are those of the state folder, but what locks and shared memory leave.
func (o *old) files() string {
	o.Helper()
	var b strings.Builder
	err := filepath.WalkDir(o.state, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "tick.lock" || d.Name() == "om.db-shm" {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %d %x\n", path, len(text), sha256.Sum256(text))
		return err
	})
	if err != nil {
		o.Fatal(err)
	}
	return b.String()
}
