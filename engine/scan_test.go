package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/task"
)

// TestUnusableFile: a file that others could have written is refused with what mends it, once; when it is mended it is
// scheduled, though it is the same file.
func TestUnusableFile(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
	if err := os.Chmod(h.ConfigDir, 0o777); err != nil {
		t.Fatal(err)
	}
	r := h.tick(0)
	if len(r.Rejected) != 1 || !r.Rejected[0].Unusable || !strings.Contains(r.Rejected[0].String(), "none of it is scheduled") ||
		!strings.Contains(r.Rejected[0].Reason, "chmod") {
		t.Errorf("rejected %v", r.Rejected)
	}
	h.want("om_config_last_load_success", `,service="a"`, 0)
	for range 2 {
		if r = h.tick(time.Hour); len(r.Rejected)+len(r.Changed)+len(r.Started) > 0 {
			t.Errorf("told again: %v, %v; started %v", r.Rejected, r.Changed, r.Started)
		}
		h.want("om_config_last_load_success", `,service="a"`, 0)
	}
	if err := os.Chmod(h.ConfigDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if r = h.tick(time.Minute); len(r.Changed) != 1 || len(r.Rejected)+len(r.Started) > 0 {
		t.Errorf("mended: changed %v, rejected %v, started %v", r.Changed, r.Rejected, r.Started)
	}
	h.want("om_config_last_load_success", `,service="a"`, 1)
	if r = h.tick(time.Hour); len(r.Changed) > 0 || len(r.Started) != 1 {
		t.Errorf("changed %v, started %v, want one run", r.Changed, r.Started)
	}
}

// TestUnusableLater: while a file can't be used, its last version goes on.
func TestUnusableLater(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
	h.tick(0)
	if err := os.Chmod(filepath.Join(h.ConfigDir, "a.conf"), 0o666); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Minute); len(r.Rejected) != 1 || !r.Rejected[0].LastGood {
		t.Errorf("rejected %v", r.Rejected)
	}
	if r := h.tick(time.Hour); len(r.Started) != 1 || len(r.Rejected) > 0 {
		t.Errorf("started %v, rejected %v", r.Started, r.Rejected)
	}
}

// TestFolderAway: while the folder of the files is away nothing is decided and nothing is forgotten; how runs end is
// told, and what was due is made up for when it is back.
func TestFolderAway(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\ncatchup = all\nnotify_command = true\nretries = 1\n"})
	h.tick(0)
	r := h.tick(time.Hour)
	if err := os.Rename(h.ConfigDir, h.ConfigDir+".away"); err != nil {
		t.Fatal(err)
	}
	h.end(r.Started[0], task.Complete, 0, time.Minute)
	db, err := h.NodeRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.afterRun(t.Context(), db, &services{Engine: h.Engine}, ended(r.Started[0], task.Outcome{State: task.Failed, EndedAt: h.now})); err != nil {
		t.Fatal(err)
	}
	all, err := db.Cursors(t.Context(), "a")
	if err != nil || len(all) != 1 || all[0].Retry.Attempt != 2 {
		t.Errorf("no other attempt is planned: %+v, %v", all, err)
	}
	for range 2 {
		r = h.tick(time.Hour)
		if want := h.ConfigDir + " is not there, and 1 services were in it"; r.Deferred != want || len(r.Removed)+len(r.Slots)+len(r.Problems) > 0 {
			t.Errorf("deferred %q, want %q; %+v", r.Deferred, want, r)
		}
	}
	if err := os.Rename(h.ConfigDir+".away", h.ConfigDir); err != nil {
		t.Fatal(err)
	}
	if r = h.tick(time.Minute); r.Deferred != "" || len(r.Changed) > 0 || len(r.Started) != 1 || !r.Started[0].Slot.Equal(h.now.Truncate(time.Hour).Add(-time.Hour)) {
		t.Errorf("back: %+v", r)
	}
}

// TestFolderUnmounted: what is left of a folder of files whose file system is unmounted is an empty one, which is no word
// about the services in it. Empty as it was, on the same file system, it is.
func TestFolderUnmounted(t *testing.T) {
	h := newHall(t, nil)
	mount(t, h.ConfigDir)
	file := filepath.Join(h.ConfigDir, "a.conf")
	if err := os.WriteFile(file, []byte("[task#0]\ncommand = true\nschedule = *:00\ncatchup = all\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.tick(0)
	unmounted := h.ConfigDir + ".mounted"
	for _, err := range []error{os.Mkdir(unmounted, 0o755), unix.Mount(h.ConfigDir, unmounted, "", unix.MS_BIND, ""), unix.Unmount(h.ConfigDir, 0)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	defer func() { _ = unix.Unmount(unmounted, unix.MNT_DETACH) }()
	for range 2 {
		r := h.tick(time.Hour)
		if !strings.Contains(r.Deferred, "is empty and on another file system than before (is it not mounted?), and 1 services were in it") || len(r.Removed)+len(r.Slots) > 0 {
			t.Errorf("deferred %q, %+v", r.Deferred, r)
		}
	}
	if err := unix.Mount(unmounted, h.ConfigDir, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Minute); r.Deferred != "" || len(r.Started) != 1 {
		t.Errorf("back: %+v", r)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Minute); r.Deferred != "" || len(r.Removed) != 1 {
		t.Errorf("emptied: %+v", r)
	}
}

// mount mounts an empty file system on a folder, for as long as the test runs.
func mount(t *testing.T, folder string) {
	t.Helper()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=64k,mode=755"); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(folder, unix.MNT_DETACH) })
}

// TestFolderEmptied: services whose files are gone are forgotten, and a host without the folder has nothing to do.
func TestFolderEmptied(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
	h.tick(0)
	if err := os.Remove(filepath.Join(h.ConfigDir, "a.conf")); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Hour); len(r.Removed) != 1 || r.Deferred != "" {
		t.Errorf("emptied: %+v", r)
	}
	if err := os.Remove(h.ConfigDir); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Hour); r.Deferred != "" || len(r.Problems) > 0 {
		t.Errorf("no folder: %+v", r)
	}
}

// TestPauseDeferred: a loop that may not decide what is due looks again at all of it, and not without a pause.
func TestPauseDeferred(t *testing.T) {
	h := newHall(t, nil)
	l := &loop{Engine: h.Engine, rhythm: fullTurn}
	pause, wake := l.pause(&TickReport{Deferred: "the clock", Next: h.now.Add(-time.Hour)}, nil, time.Now())
	if pause != time.Second || wake != wakeAll {
		t.Errorf("%s, %d", pause, wake)
	}
}
