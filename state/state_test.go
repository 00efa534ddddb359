package state_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"om/state"
	"om/task"

	"golang.org/x/sys/unix"
)

func TestCreationIsForTheOwnerAlone(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	folder := filepath.Join(t.TempDir(), "a", "b")
	d := openAt(t, options(filepath.Join(folder, "om.db")))
	ended(t, d, "task#0", task.Complete)
	for path, want := range map[string]fs.FileMode{folder: 0o700, folder + "/om.db": 0o600, folder + "/om.db-wal": 0o600, folder + "/om.db-shm": 0o600} {
		if s, err := os.Stat(path); err != nil || s.Mode().Perm() != want {
			t.Errorf("%s: %v, want %o", path, s.Mode().Perm(), want)
		}
	}
	if n, err := d.Number("PRAGMA application_id"); err != nil || n != 0x6f6d0001 {
		t.Errorf("application id %x, %v", n, err)
	}
}

func TestNothingIsMadeUnasked(t *testing.T) {
	dir := t.TempDir()
	for _, o := range []state.Options{
		{Path: dir + "/om.db"},
		{Path: dir + "/no/om.db"},
		{Path: dir + "/om.db", ReadOnly: true},
		{Path: dir + "/no/om.db", ReadOnly: true, Create: true},
	} {
		o.Now = clock()
		_, err := state.Open(context.Background(), o)
		if !errors.Is(err, task.ErrNotFound) || !strings.Contains(err.Error(), o.Path) {
			t.Errorf("%+v: got %v, want not found", o, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("made %v, %v", left, err)
	}
}

func TestPathsWithAnyLetter(t *testing.T) {
	for _, name := range []string{"a b.db", "100%.db", "%41.db", "what?.db", "x#y&z=1.db", "é'\".db", "-wal"} {
		path := filepath.Join(t.TempDir(), name)
		d := openAt(t, options(path))
		ended(t, d, "task#0", task.Complete)
		if _, err := os.Stat(path + "-wal"); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if err := d.Check(context.Background()); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	t.Chdir(t.TempDir())
	d := openAt(t, options("om.db"))
	t.Chdir("/")
	ended(t, d, "task#0", task.Complete)
	if err := d.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestReopen(t *testing.T) {
	o := options(filepath.Join(t.TempDir(), "om.db"))
	for n := range 3 {
		d, err := state.Open(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		ended(t, d, "task#0", task.Complete)
		runs, err := d.Runs(context.Background(), state.Query{})
		if err != nil || len(runs) != n+1 {
			t.Errorf("%d runs, %v; want %d", len(runs), err, n+1)
		}
		if err = errors.Join(d.Close(), d.Close()); err != nil {
			t.Error(err)
		}
		if s, err := os.Stat(o.Path + "-wal"); err != nil || s.Size() == 0 {
			t.Errorf("closing has taken the log away: %v", err)
		}
	}
}

func TestClosed(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, err1 := d.Claim(ctx, ours("task#0"), 0, nil)
	err2 := d.Settle(ctx, []task.Outcome{outcome(r, task.Complete)})
	_, err3 := d.Runs(ctx, state.Query{})
	for _, err := range []error{err1, err2, err3, d.Tidy(ctx)} {
		if err == nil || !strings.HasSuffix(err.Error(), "om.db: it is closed") {
			t.Errorf("got %v, want closed", err)
		}
	}
}

// What is no record of om is refused with the reason, and left as it is.
func TestRefused(t *testing.T) {
	if _, err := state.Open(context.Background(), state.Options{Path: "x"}); err == nil {
		t.Error("opened without a clock")
	}
	record := func(change string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			d := openAt(t, options(path))
			ended(t, d, "task#0", task.Complete)
			if err := d.Exec(change); err != nil {
				t.Fatal(err)
			}
			d.Close()
		}
	}
	write := func(text string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		make func(*testing.T, string)
		want string
		kind error
	}{
		"text":           {write(strings.Repeat("[task#0]\n", 1000)), "not a database", task.ErrInvalid},
		"short text":     {write("hello"), "not a database", task.ErrInvalid},
		"newer":          {record("PRAGMA user_version=5"), "version 5, made by a newer om: wanted at most 4", task.ErrInvalid},
		"newer, emptied": {record("PRAGMA user_version=99;PRAGMA wal_checkpoint(TRUNCATE)"), "version 99", task.ErrInvalid},
		"odd version":    {record("PRAGMA user_version=-3"), "version -3: wanted a record of om", task.ErrInvalid},
		"other program":  {record("PRAGMA user_version=0"), "another program", task.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "om.db")
			c.make(t, path)
			before := content(t, path)
			for _, readOnly := range []bool{false, true} {
				o := options(path)
				o.ReadOnly = readOnly
				_, err := state.Open(context.Background(), o)
				switch {
				case name == "other program" && readOnly && errors.Is(err, task.ErrNotFound):
				case !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), path) != 1:
					t.Errorf("read only %v: got %v, want %q", readOnly, err, c.want)
				}
				if !bytes.Equal(before, content(t, path)) {
					t.Errorf("read only %v: it has been changed", readOnly)
				}
			}
		})
	}
}

// What is no file is told as what it is, at once, and left as it is.
func TestNoFile(t *testing.T) {
	for what, place := range map[string]func(path string) error{
		"it is a folder: wanted a file":                   func(path string) error { return os.Mkdir(path, 0o700) },
		"it is a pipe: wanted a file":                     func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"it is a device: wanted a file":                   func(path string) error { return os.Symlink("/dev/null", path) },
		"it is a link to nowhere, where there is nothing": func(path string) error { return os.Symlink("nowhere", path) },
		"too many levels of symbolic links":               func(path string) error { return os.Symlink(path, path) },
	} {
		path := filepath.Join(t.TempDir(), "om.db")
		if err := place(path); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, readOnly := range []bool{false, true} {
			o := options(path)
			o.ReadOnly = readOnly
			_, err := state.Open(context.Background(), o)
			if err == nil || errors.Is(err, task.ErrNotFound) || !strings.HasPrefix(err.Error(), "state "+path+": ") || !strings.Contains(err.Error(), what) {
				t.Errorf("got %v, want %s", err, what)
			}
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s: now %v, %v", what, after, err)
		}
	}
	path := filepath.Join(t.TempDir(), "om.db")
	if err := os.Symlink(filepath.Join(t.TempDir(), "real.db"), path); err != nil {
		t.Fatal(err)
	}
	target, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	ended(t, openAt(t, options(target)), "task#0", task.Complete)
	ended(t, openAt(t, options(path)), "task#0", task.Complete) // a link to a record is one
}

func TestFileInPlaceOfTheFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(context.Background(), options(file+"/om.db")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("got %v, want not a directory", err)
	}
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, options(path))
	for range 50 {
		ended(t, d, "task#0", task.Complete)
	}
	if err := errors.Join(d.Compact(context.Background()), d.Check(context.Background()), d.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(text) / 2; i < len(text); i++ {
		text[i] ^= 0x5a
	}
	if err = os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	d = openAt(t, options(path))
	if err = d.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("check: got %v, want damage", err)
	}
	_, err = d.Runs(context.Background(), state.Query{})
	if err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), path) {
		t.Errorf("runs: got %v, want damage", err)
	}
}

// A log that a power cut left half-written ends before the half.
func TestTornLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, options(path))
	first := ended(t, d, "task#0", task.Complete)
	whole, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	second := claim(t, d, ours("task#0"))
	text, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	// The log may be longer than what is in use: find where the claim wrote.
	from, to := differ(whole, text)
	for cut := from; cut < to; cut += 997 {
		torn := append(bytes.Clone(text[:cut]), make([]byte, len(text)-cut)...)
		if err = os.WriteFile(path+"-wal", torn, 0o600); err != nil {
			t.Fatal(err)
		}
		d = openAt(t, options(path))
		runs, err := d.Runs(context.Background(), state.Query{})
		if err != nil || ids(runs) != first.ID {
			t.Errorf("cut at %d: %s, %v; want %s", cut, ids(runs), err, first.ID)
		}
		d.Close()
	}
	if err = os.WriteFile(path+"-wal", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if get(t, openAt(t, options(path)), second.ID).State != task.Running {
		t.Error("the whole log has no claim")
	}
}

// differ returns where b differs from a: from the first to after the last byte.
func differ(a, b []byte) (from, to int) {
	a = append(bytes.Clone(a), make([]byte, max(0, len(b)-len(a)))...)
	for from < len(b) && a[from] == b[from] {
		from++
	}
	to = len(b)
	for to > from && a[to-1] == b[to-1] {
		to--
	}
	return from, to
}

func TestFilesystems(t *testing.T) {
	for _, c := range []struct {
		name    string
		magic   uint32
		journal string
		refused string
	}{
		{"ext4", unix.EXT4_SUPER_MAGIC, "wal", ""},
		{"xfs", unix.XFS_SUPER_MAGIC, "wal", ""},
		{"btrfs", unix.BTRFS_SUPER_MAGIC, "wal", ""},
		{"tmpfs", unix.TMPFS_MAGIC, "wal", ""},
		{"overlay", unix.OVERLAYFS_SUPER_MAGIC, "wal", ""},
		{"unknown", 12345, "wal", ""},
		{"ocfs2", unix.OCFS2_SUPER_MAGIC, "delete", ""},
		{"gfs2", 0x01161970, "delete", ""},
		{"ceph", unix.CEPH_SUPER_MAGIC, "delete", ""},
		{"fuse", unix.FUSE_SUPER_MAGIC, "delete", ""},
		{"nfs", unix.NFS_SUPER_MAGIC, "", "NFS"},
		{"cifs", unix.CIFS_SUPER_MAGIC, "", "SMB"},
		{"smb2", unix.SMB2_SUPER_MAGIC, "", "SMB"},
		{"9p", unix.V9FS_MAGIC, "", "9P"},
		{"afs", unix.AFS_SUPER_MAGIC, "", "AFS"},
	} {
		dir := t.TempDir()
		o := options(dir + "/om.db").OnFilesystem(c.magic)
		d, err := state.Open(context.Background(), o)
		if c.refused != "" {
			left, _ := os.ReadDir(dir)
			if !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), c.refused) || len(left) > 0 {
				t.Errorf("%s: got %v, left %v", c.name, err, left)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		r := ended(t, d, "task#0", task.Complete)
		mode, err := d.Word("PRAGMA journal_mode")
		if err != nil || mode != c.journal {
			t.Errorf("%s: journal %q, %v; want %q", c.name, mode, err, c.journal)
		}
		if err = errors.Join(d.Tidy(context.Background()), d.Check(context.Background()), d.Close()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		// The file moves to another filesystem and takes its history along.
		for _, magic := range []uint32{unix.OCFS2_SUPER_MAGIC, unix.EXT4_SUPER_MAGIC} {
			d = openAt(t, o.OnFilesystem(magic))
			want, _ := state.JournalFor(magic)
			if mode, err = d.Word("PRAGMA journal_mode"); err != nil || mode != want || get(t, d, r.ID).State != task.Complete {
				t.Errorf("%s moved: journal %q, %v; want %q", c.name, mode, err, want)
			}
			d.Close()
		}
	}
}

func TestLockHolder(t *testing.T) {
	const locks = `1: POSIX  ADVISORY  READ 905 fe:00:258126 128 128
2: FLOCK  ADVISORY  WRITE 99 fe:00:258127 0 EOF
3: POSIX  ADVISORY  WRITE 1234 fe:00:258126 120 120
3: -> POSIX  ADVISORY  WRITE 77 fe:00:258199 120 120
`
	for inode, want := range map[string]int{"fe:00:258126": 1234, "fe:00:258127": 99, "fe:00:1": 0, "": 0} {
		if got := state.LockHolder(locks, inode); got != want {
			t.Errorf("%q: %d, want %d", inode, got, want)
		}
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, options(path))
	r := ended(t, d, "task#0", task.Complete)
	o := options(path)
	o.ReadOnly = true
	look := openAt(t, o)
	if get(t, look, r.ID).State != task.Complete {
		t.Error("the run is not there")
	}
	next := claim(t, d, ours("task#0")) // it sees what others write meanwhile
	if get(t, look, next.ID).State != task.Running {
		t.Error("the new run is not there")
	}
	_, err := look.Claim(context.Background(), ours("task#0"), 0, nil)
	if !errors.Is(err, task.ErrPermission) {
		t.Errorf("claim: got %v, want not permitted", err)
	}
}

// Another user may look on where the owner lets them, and is told why where not.
func TestAnotherUserLooks(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("wants root, to become another user")
	}
	for name, c := range map[string]struct {
		files        string // what is left of them: "all", "file alone" or "no index"
		folder, file fs.FileMode
		want         string // an error; "" for the history
	}{
		"everything readable":     {"all", 0o755, 0o644, ""},
		"nothing readable":        {"all", 0o755, 0o600, "permission denied"},
		"folder closed":           {"all", 0o700, 0o644, "permission denied"},
		"log emptied, no index":   {"file alone", 0o755, 0o644, ""},
		"log with rows, no index": {"no index", 0o755, 0o644, "newest rows are in om.db-wal"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := publicDir(t)
			path := filepath.Join(dir, "om.db")
			d := openAt(t, options(path))
			r := ended(t, d, "task#0", task.Complete)
			d.Close()
			switch c.files {
			case "file alone":
				alone(t, dir)
			case "no index":
				remove(t, path+"-shm")
			}
			modes(t, dir, c.folder, c.file)
			before := content(t, path)
			var out, complaint strings.Builder
			cmd := asNobody(t, process(t, "history", path))
			cmd.Stdout, cmd.Stderr = &out, &complaint
			err := cmd.Run()
			switch {
			case c.want == "" && (err != nil || strings.TrimSpace(out.String()) != r.ID):
				t.Errorf("got %s%s, %v; want %s", &out, &complaint, err, r.ID)
			case c.want != "" && (err == nil || !strings.Contains(complaint.String(), c.want)):
				t.Errorf("got %s%s, %v; want %q", &out, &complaint, err, c.want)
			}
			if !bytes.Equal(before, content(t, path)) {
				t.Error("looking has changed it")
			}
		})
	}
}

func TestReadOnlyMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("wants root, to mount")
	}
	for name, prepare := range map[string]func(*testing.T, string){"with a log": func(*testing.T, string) {}, "without": alone} {
		dir := t.TempDir()
		path := filepath.Join(dir, "om.db")
		d := openAt(t, options(path))
		r := ended(t, d, "task#0", task.Complete)
		d.Close()
		prepare(t, dir)
		cmd := process(t, "readonly", path, r.ID)
		inNamespace(cmd)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func modes(t *testing.T, dir string, folder, file fs.FileMode) {
	t.Helper()
	files, err := filepath.Glob(dir + "/om.db*")
	for _, f := range files {
		err = errors.Join(err, os.Chmod(f, file))
	}
	if err = errors.Join(err, os.Chmod(dir, folder)); err != nil {
		t.Fatal(err)
	}
}

// alone leaves nothing but the database file, as after a copy.
func alone(t *testing.T, dir string) {
	t.Helper()
	d := openAt(t, options(dir+"/om.db"))
	if err := errors.Join(d.Compact(context.Background()), d.Exec("PRAGMA wal_checkpoint(TRUNCATE)"), d.Close()); err != nil {
		t.Fatal(err)
	}
	remove(t, dir+"/om.db-wal", dir+"/om.db-shm")
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
}

// publicDir is a folder that every user can reach.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "om-state-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "om.db")
	d := openAt(t, options(path))
	r := claim(t, d, ours("task#0"))
	holder := process(t, "hold", path)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err = out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}

	o := options(path)
	o.Patience = 200 * time.Millisecond
	waiting := openAt(t, o) // opening needs no lock
	if get(t, waiting, r.ID).State != task.Running {
		t.Error("reading needs none either")
	}
	_, err = waiting.Claim(context.Background(), ours("task#0"), 0, nil)
	for _, want := range []string{"locked for 200ms", "process " + itoa(holder.Process.Pid) + " (", path} {
		if !errors.Is(err, task.ErrTaken) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, ok := errors.AsType[*state.TakenError](err); ok {
		t.Error("a locked record is told as a taken task")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err = d.Claim(ctx, ours("task#0"), 0, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}

	done := make(chan error)
	go func() { done <- d.Settle(context.Background(), []task.Outcome{outcome(r, task.Complete)}) }()
	if err = errors.Join(in.Close(), holder.Wait(), <-done); err != nil {
		t.Error(err)
	}
	if get(t, d, r.ID).State != task.Complete {
		t.Error("who waited has not settled")
	}
}

// Whoever must settle does, also after its context has ended: only waiting ends with it.
func TestEndedContextStillWrites(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Settle(ctx, []task.Outcome{outcome(r, task.Cancelled)}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, d, r.ID).State; got != task.Cancelled {
		t.Errorf("the run is %s", got)
	}
}
