package service_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"om/service"
	"om/task"
)

// folder makes a folder of configurations with the given files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "om")
	for name, text := range files {
		file := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(text), 0o644))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const good = "[task#0]\ncommand = /bin/true\n"

func TestList(t *testing.T) {
	dir := folder(t, map[string]string{
		"web10.conf": "", "web2.conf": "", "web02.conf": "", "node.conf": "", ".web.conf": "", "web.conf.bak": "", "a..b.conf": "",
		"prod/db.conf": "", "prod/node.conf": "", "prod/.x.conf": "", "prod/deep/x.conf": "", ".git/x.conf": "", "readme": "",
		"x.conf/y.conf": "", ".else/db.conf": "",
	})
	must(t, os.Symlink(filepath.Join(dir, "web2.conf"), filepath.Join(dir, "alias.conf")))
	must(t, os.Symlink(filepath.Join(dir, ".else"), filepath.Join(dir, "live")))
	got, err := service.List(dir)
	want := []string{"alias", "live/db", "prod/db", "prod/node", "web02", "web2", "web10"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := service.List(filepath.Join(dir, "nosuch")); err != nil || len(got) > 0 {
		t.Errorf("a folder that is not there: %q, %v", got, err)
	}
	if got, err := service.List(filepath.Join(dir, "readme")); err == nil {
		t.Errorf("a file: %q, want an error", got)
	}
}

func TestRead(t *testing.T) {
	dir := folder(t, map[string]string{"testmd.conf": good, "prod/web.conf": good, "huge.conf": strings.Repeat("#\n", 3<<20), "dir.conf/x": ""})
	s, err := service.Read(dir, "prod/web", service.Node{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Path != "prod/web" || s.Name != "web" || s.Namespace != "prod" || s.File != filepath.Join(dir, "prod/web.conf") || string(s.Text) != good {
		t.Errorf("got %+v", s)
	}
	if got, ok := s.Task("task#0"); !ok || got.ID.String() != "prod/web/task#0" || got.File != s.File || got.Line != 1 {
		t.Errorf("got %+v, %t", got, ok)
	}
	if _, ok := s.Task("task#1"); ok {
		t.Error("there is a task#1")
	}
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe.conf"), 0o644))
	must(t, os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "gone.conf")))
	for _, c := range []struct {
		path, text string
		kind       error
	}{
		{"testm", `service "testm": no such service; did you mean "testmd"?`, task.ErrNotFound},
		{"prod/nosuch", `no such service`, task.ErrNotFound},
		{"../testmd", "wanted NAME or NAMESPACE/NAME", task.ErrInvalid},
		{"a/b/c", "wanted NAME or NAMESPACE/NAME", task.ErrInvalid},
		{"node", "wanted NAME or NAMESPACE/NAME", task.ErrInvalid},
		{"", "wanted NAME or NAMESPACE/NAME", task.ErrInvalid},
		{"dir", "wanted a regular file", task.ErrInvalid},
		{"pipe", "wanted a regular file", task.ErrInvalid},
		{"huge", "of at most 4 MiB", task.ErrInvalid},
		{"gone", "gone.conf: it is a link to a file that is not there", task.ErrNotFound},
	} {
		if s, err := service.Read(dir, c.path, service.Node{}); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%q: got %v, %v, want %q", c.path, s, err, c.text)
		}
	}
}

// TestMirrors: nothing in a namespace that is the folder itself is a service.
func TestMirrors(t *testing.T) {
	dir := folder(t, map[string]string{"etc/web.conf": good, "etc/prod/db.conf": good, "else/app.conf": good})
	etc := filepath.Join(dir, "etc")
	before, err := service.Digest(etc)
	must(t, err)
	must(t, os.Symlink("../else", filepath.Join(etc, "linked")))
	must(t, os.Symlink("../etc", filepath.Join(etc, "mirror")))
	must(t, os.Symlink("mirror/./prod/..", filepath.Join(etc, "winding")))
	want := []string{"linked/app", "prod/db", "web"}
	if got, err := service.List(etc); err != nil || !slices.Equal(got, want) {
		t.Errorf("listed %v, %v, want %v", got, err, want)
	}
	found, err := service.Stamps(etc)
	must(t, err)
	for i, s := range found.Stamps {
		if s.Path != want[i] {
			t.Errorf("stamp %d is of %s, want %s", i, s.Path, want[i])
		}
	}
	mirrors := []service.Mirror{{filepath.Join(etc, "mirror"), etc}, {filepath.Join(etc, "winding"), etc}}
	if got := service.Mirrors(etc); !slices.Equal(got, mirrors) || !slices.Equal(found.Mirrors, mirrors) {
		t.Errorf("mirrors %v, with the stamps %v, want %v", got, found.Mirrors, mirrors)
	}
	if _, err := service.Read(etc, "mirror/web", service.Node{}); !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), "etc/mirror: it is the folder "+etc+" too") {
		t.Errorf("read: %v", err)
	}
	if _, err := service.Read(etc, "linked/app", service.Node{}); err != nil {
		t.Errorf("a link to another folder: %v", err)
	}
	if after, err := service.Digest(etc); err != nil || after == before || after != found.Digest {
		t.Errorf("the digest is %s, %v; before it was %s, and that of the stamps is %s", after, err, before, found.Digest)
	}
}

// TestTwins: of namespaces that are one folder one counts, by whatever order they are found in.
func TestTwins(t *testing.T) {
	dir := folder(t, map[string]string{"etc/web.conf": good, "etc/prod/db.conf": good, "else/app.conf": good})
	etc := filepath.Join(dir, "etc")
	for name, target := range map[string]string{"a": "prod", "b": "../else", "c": "b", "d": "../else/", "e": filepath.Join(etc, "prod")} {
		must(t, os.Symlink(target, filepath.Join(etc, name)))
	}
	want := []string{"b/app", "prod/db", "web"}
	if got, err := service.List(etc); err != nil || !slices.Equal(got, want) {
		t.Errorf("listed %v, %v, want %v", got, err, want)
	}
	found, err := service.Stamps(etc)
	must(t, err)
	var paths []string
	for _, s := range found.Stamps {
		paths = append(paths, s.Path)
	}
	if !slices.Equal(paths, want) || len(found.Unread) > 0 {
		t.Errorf("stamps of %v, unread %v, want %v", paths, found.Unread, want)
	}
	for _, name := range []string{"a/db", "c/app", "d/app", "e/db"} {
		if _, err := service.Read(etc, name, service.Node{}); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%s is read: %v", name, err)
		}
	}
	if _, err := service.Read(etc, "b/app", service.Node{}); err != nil {
		t.Errorf("b/app: %v", err)
	}
}

// TestListUnread: a namespace that can't be looked into is told, and the others are listed.
func TestListUnread(t *testing.T) {
	dir := folder(t, map[string]string{"web.conf": good, "prod/db.conf": good})
	must(t, os.Symlink("loop", filepath.Join(dir, "loop"))) // that stops root too
	got, err := service.List(dir)
	var unread *service.UnreadError
	if want := []string{"prod/db", "web"}; !errors.As(err, &unread) || !slices.Equal(got, want) {
		t.Errorf("listed %v, %v, want %v", got, err, want)
	}
	if found, err := service.Stamps(dir); err != nil || found.Unread["loop"] == nil {
		t.Errorf("stamps: unread %v, %v", found.Unread, err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
}

// TestOwnership gives files to others and opens them to others, one at a time.
func TestOwnership(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name, path string
		spoil      func(dir, file string) error
		want       string // "" where root's om takes it
		user       string // the same for the om of user 1000
	}{
		{"root's own", "web", func(string, string) error { return nil }, "", ""},
		{"of somebody", "web", func(_, file string) error { return os.Chown(file, 1000, 1000) }, "chown root:root FILE", ""},
		{"of somebody else", "web", func(_, file string) error { return os.Chown(file, 1001, 0) }, "chown root:root FILE", "chown 1000 FILE"},
		{"of a group", "web", func(_, file string) error { return os.Chown(file, 0, 1000) }, "", ""},
		{"open to its group", "web", func(_, file string) error { return os.Chmod(file, 0o664) }, "chmod go-w FILE", ""},
		{"open to all", "web", func(_, file string) error { return os.Chmod(file, 0o646) }, "chmod go-w FILE", "chmod o-w FILE"},
		{"in a folder of somebody", "web", func(dir, _ string) error { return os.Chown(dir, 1000, 0) }, "chown root:root DIR", ""},
		{"in a folder open to its group", "web", func(dir, _ string) error { return os.Chmod(dir, 0o775) }, "chmod go-w DIR", ""},
		{"in a folder open to all", "web", func(dir, _ string) error { return os.Chmod(dir, 0o1777) }, "chmod go-w DIR", "chmod o-w DIR"},
		{"in a namespace of somebody", "prod/web", func(dir, _ string) error { return os.Chown(dir+"/prod", 1000, 0) }, "chown root:root DIR/prod", ""},
		{"in a namespace in a folder of somebody", "prod/web", func(dir, _ string) error { return os.Chown(dir, 1000, 0) }, "chown root:root DIR", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"web.conf": good, "prod/web.conf": good})
			file := filepath.Join(dir, c.path+".conf")
			must(t, c.spoil(dir, file))
			inPlace := strings.NewReplacer("FILE", file, "DIR", dir)
			refused(t, service.CheckOwnership(dir, file, 0), inPlace.Replace(c.want))
			refused(t, service.CheckOwnership(dir+"/", file, 0), inPlace.Replace(c.want))
			refused(t, service.CheckOwnership(dir, file, 1000), inPlace.Replace(c.user))
			_, err := service.Read(dir, c.path, service.Node{})
			refused(t, err, inPlace.Replace(c.want))
		})
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if want != "" && (!errors.Is(err, task.ErrPermission) || !strings.Contains(err.Error(), want)) {
		t.Errorf("got %v, want one with %q", err, want)
	}
}

func TestOwnershipOfLink(t *testing.T) {
	needRoot(t)
	dir := folder(t, map[string]string{"web.conf": good})
	elsewhere := folder(t, map[string]string{"real.conf": good})
	must(t, os.Symlink(filepath.Join(elsewhere, "real.conf"), filepath.Join(dir, "link.conf")))
	if _, err := service.Read(dir, "link", service.Node{}); err != nil {
		t.Errorf("a link to a good place: %v", err)
	}
	must(t, os.Chown(elsewhere, 1000, 1000))
	_, err := service.Read(dir, "link", service.Node{})
	refused(t, err, "chown root:root "+elsewhere)
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := folder(t, map[string]string{"web.conf": good})
	must(t, os.Chmod(filepath.Join(dir, "web.conf"), 0))
	if _, err := service.Read(dir, "web", service.Node{}); !errors.Is(err, task.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestWrite(t *testing.T) {
	dir := folder(t, map[string]string{"old.conf": "old", "real.conf": "old"})
	old := filepath.Join(dir, "old.conf")
	must(t, os.Chmod(old, 0o600))
	must(t, os.Symlink("real.conf", filepath.Join(dir, "link.conf")))
	before, err := os.Stat(old)
	must(t, err)
	for _, name := range []string{"old.conf", "link.conf", "new.conf", "prod/new.conf"} {
		file := filepath.Join(dir, name)
		must(t, service.Write(file, []byte("new "+name)))
		if got, err := os.ReadFile(file); err != nil || string(got) != "new "+name {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	after, err := os.Stat(old)
	must(t, err)
	if after.Mode().Perm() != 0o600 || os.SameFile(before, after) {
		t.Errorf("mode %v, same file %t", after.Mode(), os.SameFile(before, after))
	}
	if info, err := os.Lstat(filepath.Join(dir, "link.conf")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "new.conf")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("a new file is %v, %v", info, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestWriteKeepsOwner(t *testing.T) {
	needRoot(t)
	dir := folder(t, map[string]string{"old.conf": "old"})
	file := filepath.Join(dir, "old.conf")
	must(t, os.Chown(file, 1000, 1001))
	must(t, service.Write(file, []byte("new")))
	info, err := os.Stat(file)
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 1000 || st.Gid != 1001 {
		t.Errorf("owned by %d:%d", st.Uid, st.Gid)
	}
}

func TestWriteFails(t *testing.T) {
	dir := folder(t, map[string]string{"old.conf/x": ""})
	file := filepath.Join(dir, "old.conf")
	if err := service.Write(file, []byte("new")); err == nil {
		t.Error("a folder was replaced")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

// TestWriteOnFullDisk fills a file system of 64 KiB: the old text must stay, with nothing beside it.
func TestWriteOnFullDisk(t *testing.T) {
	dir := folder(t, map[string]string{"x": ""})
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=755"); err != nil {
		t.Skipf("no mount here: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	file := filepath.Join(dir, "old.conf")
	must(t, os.WriteFile(file, []byte("old"), 0o644))
	if err := service.Write(file, make([]byte, 1<<20)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	got, err := os.ReadFile(file)
	left, _ := os.ReadDir(dir)
	if string(got) != "old" || err != nil || len(left) != 1 {
		t.Errorf("the file is %q, %v; beside it %v", got, err, left)
	}
}
