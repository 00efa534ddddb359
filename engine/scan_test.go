package engine

import (
	"errors"
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
		if !strings.Contains(r.Deferred, "is empty and another folder than before (is it not mounted?), and 1 services were in it") || len(r.Removed)+len(r.Slots) > 0 {
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

// TestFolderOfTheSameFileSystem: a folder of files that another of the same file system was mounted on is empty when that is
// unmounted, as one is that was removed and made anew.
func TestFolderOfTheSameFileSystem(t *testing.T) {
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\nschedule = *:00\n"})
	h.tick(0)
	if err := errors.Join(os.Rename(h.ConfigDir, h.ConfigDir+".away"), os.Mkdir(h.ConfigDir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Hour); !strings.Contains(r.Deferred, notMounted) || len(r.Removed)+len(r.Slots) > 0 {
		t.Errorf("deferred %q, %+v", r.Deferred, r)
	}
	if err := errors.Join(os.Remove(h.ConfigDir), os.Rename(h.ConfigDir+".away", h.ConfigDir)); err != nil {
		t.Fatal(err)
	}
	if r := h.tick(time.Minute); r.Deferred != "" || len(r.Started) != 1 {
		t.Errorf("back: %+v", r)
	}
}

// TestNamespaceAway: while a namespace is not mounted, or is a link to what is not there, its services wait, and are not
// forgotten; the others go on. One that is removed is gone with them.
func TestNamespaceAway(t *testing.T) {
	text := "[task#0]\ncommand = true\nschedule = *:00\ncatchup = all\nrun_times = 2\n"
	for name, c := range map[string]struct {
		leave func(folder string) error
		says  string
	}{
		"not mounted": {func(folder string) error { return os.Mkdir(folder, 0o755) }, "/prod " + notMounted},
		"link":        {func(folder string) error { return os.Symlink("nowhere", folder) }, "/prod: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, map[string]string{"a.conf": text})
			folder := filepath.Join(h.ConfigDir, "prod")
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			h.write("prod/b.conf", text)
			h.tick(0)
			for _, run := range h.tick(time.Hour).Started {
				h.end(run, task.Complete, 0, time.Minute)
			}
			if err := errors.Join(os.Rename(folder, folder+".away~"), c.leave(folder)); err != nil {
				t.Fatal(err)
			}
			r := h.tick(time.Hour)
			if len(r.Removed) > 0 || len(r.Started) != 1 || r.Started[0].Task.Service != "a" || r.Deferred != "" ||
				len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "namespace prod: ") || !strings.Contains(r.Problems[0], c.says+": 1 services were in it, and are kept") {
				t.Errorf("away: %+v", r)
			}
			h.tick(time.Hour)
			if err := errors.Join(os.Remove(folder), os.Rename(folder+".away~", folder)); err != nil {
				t.Fatal(err)
			}
			started := 0
			for range 3 {
				r = h.tick(time.Minute)
				for _, run := range r.Started {
					if run.Task.Service == "prod/b" {
						started++
						h.end(run, task.Complete, 0, time.Second)
					}
				}
			}
			if started != 1 || len(r.Problems) > 0 {
				t.Errorf("back: %d starts, want the second of two: %+v", started, r)
			}
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
			if r := h.tick(time.Hour); len(r.Removed) != 1 || len(r.Problems) > 0 {
				t.Errorf("removed: %+v", r)
			}
		})
	}
}

// TestLinkToNowhere: while what the file of a service is a link to is not there, its last version goes on.
func TestLinkToNowhere(t *testing.T) {
	h := newHall(t, nil)
	volume := filepath.Join(filepath.Dir(h.ConfigDir), "volume")
	if err := errors.Join(os.Mkdir(volume, 0o755), os.Symlink(volume+"/a.conf", filepath.Join(h.ConfigDir, "a.conf"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(volume+"/a.conf", []byte("[task#0]\ncommand = true\nschedule = *:00\nrun_times = 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.tick(0)
	started := 0
	for i := range 5 {
		var err error
		switch i {
		case 1:
			err = os.Rename(volume, volume+".away")
		case 3:
			err = os.Rename(volume+".away", volume)
		}
		if err != nil {
			t.Fatal(err)
		}
		r := h.tick(time.Hour)
		if started += len(r.Started); len(r.Removed)+len(r.Problems) > 0 || (i == 1) != (len(r.Rejected) == 1 && r.Rejected[0].LastGood) {
			t.Errorf("%d: %+v", i, r)
		}
		for _, run := range r.Started {
			h.end(run, task.Complete, 0, time.Minute)
		}
	}
	if started != 2 {
		t.Errorf("%d starts of what runs twice", started)
	}
}

// TestNamespaceUnreadable: a namespace that this user may not read is told, and stops no service: the last versions of what is in
// it go on.
func TestNamespaceUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	text := "[task#0]\ncommand = true\nschedule = *:00\n"
	h := newHall(t, map[string]string{"a.conf": text})
	folder := filepath.Join(h.ConfigDir, "prod")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	h.write("prod/b.conf", text)
	h.tick(0)
	if err := os.Chmod(folder, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(folder, 0o755) })
	h.write("a.conf", text+"# changed\n")
	for range 2 {
		r := h.tick(time.Hour)
		if len(r.Started) != 2 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "permission denied: 1 services were in it, and are kept") {
			t.Errorf("%+v", r)
		}
		for _, run := range r.Started {
			h.end(run, task.Complete, 0, time.Minute)
		}
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

// counted is a task that runs three times, and has a queue.
const counted = "[task#0]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:* * * * *\nrun_times = 3\n" +
	"[task#1]\ncommand = true\ncwd = /\nlog = none\nschedule = cron:* * * * *\noverlap = queue-all\n"

// saving is a virtual node whose task#0 has run three times, and whose task#1 has a queue. The clock is that of the files.
func saving(t *testing.T) (v *virtual, line *timeline, file string) {
	t.Helper()
	v = newVirtual(t, map[string]string{"s": counted})
	line = &timeline{now: time.Now().Add(-10 * time.Minute)}
	v.Now, v.after, v.sinceBoot = func() time.Time { return line.now }, line.after, line.up
	v.last["task#1"] = time.Hour
	v.tickAt()
	v.minutes(line, 9)
	if n := v.startsOf("task#0"); n != 3 {
		t.Fatalf("%d starts", n)
	}
	line.goTo(time.Now())
	return v, line, filepath.Join(v.ConfigDir, "s.conf")
}

// changed is when a file was changed or, where there is none, its folder.
func changed(t *testing.T, file string) time.Time {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err == nil {
		return time.Unix(st.Ctim.Unix())
	}
	info, err := os.Stat(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

func (v *virtual) startsOf(rid string) (n int) {
	for _, s := range v.starts {
		if s.task.RID == rid {
			n++
		}
	}
	return n
}

// A file that is saved by removing or emptying it first is the same service to a tick that comes in between: what was counted
// stays, and what waits.
func TestSavedInTwoSteps(t *testing.T) {
	for name, first := range map[string]func(file string) error{
		"removed": os.Remove,
		"emptied": func(file string) error { return os.Truncate(file, 0) },
		"one left": func(file string) error {
			return os.WriteFile(file, []byte(counted[:strings.Index(counted, "[task#1]")]), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			v, line, file := saving(t)
			if err := first(file); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second has the same files
				line.goTo(changed(t, file).Add(time.Second))
				if r := v.tickAt(); len(r.Removed)+len(r.Changed)+len(r.Rejected) > 0 || !r.again {
					t.Errorf("in between: %+v", r)
				}
			}
			if err := os.WriteFile(file, []byte(counted+"# saved\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if r := v.tickAt(); len(r.Changed) != 1 || r.again {
				t.Errorf("after: %+v", r)
			}
			v.minutes(line, 3)
			slots, _ := v.onRecord()
			for _, s := range slots[task.ID{Service: "s", RID: "task#1"}] {
				if s.Decision == task.SlotExpired {
					t.Errorf("%+v", s)
				}
			}
			if n := v.startsOf("task#0"); n != 3 {
				t.Errorf("%d starts of what runs three times", n)
			}
		})
	}
}

// What stays removed or emptied counts, a moment later, though other files of the folder change all the time.
func TestRemovedForGood(t *testing.T) {
	for name, c := range map[string]struct {
		first            func(file string) error
		removed, changed int
	}{
		"removed": {os.Remove, 1, 0},
		"emptied": {func(file string) error { return os.Truncate(file, 0) }, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			v, line, file := saving(t)
			if err := c.first(file); err != nil {
				t.Fatal(err)
			}
			line.goTo(changed(t, file).Add(time.Second))
			v.tickAt()
			line.goTo(line.now.Add(3 * time.Second))
			if err := os.Chtimes(v.ConfigDir, line.now, line.now); err != nil {
				t.Fatal(err)
			}
			r := v.tickAt()
			if len(r.Removed) != c.removed || len(r.Changed) != c.changed || r.again {
				t.Errorf("%+v", r)
			}
			if slots, cursors := v.onRecord(); len(cursors) > 0 || len(slots) != 2 {
				t.Errorf("%+v, %+v", slots, cursors)
			}
			if len(r.Slots) > 0 {
				t.Errorf("it may come back, and %+v", r.Slots)
			}
			line.goTo(line.now.Add(grace + time.Second))
			r = v.tickAt()
			counts := map[task.SlotDecision]int{}
			for _, s := range r.Slots {
				counts[s.Decision] += s.Count
			}
			if counts[task.SlotExpired] == 0 || len(counts) != 1 {
				t.Errorf("%v", counts)
			}
		})
	}
}

// A loop looks soon again at files of which something was taken just now.
func TestPauseAgain(t *testing.T) {
	h := newHall(t, nil)
	l := &loop{Engine: h.Engine, rhythm: fullTurn, rescan: time.Now().Add(aMoment)}
	if pause, wake := l.pause(&TickReport{}, nil, time.Now()); pause > aMoment || wake != wakeAll {
		t.Errorf("%s, %d", pause, wake)
	}
	if pause, wake := l.pause(&TickReport{Next: h.now}, nil, time.Now()); pause > 0 || wake != wakeDue {
		t.Errorf("%s, %d", pause, wake)
	}
	l.rescan = time.Now().Add(-time.Second)
	if pause, wake := l.pause(&TickReport{Next: h.now}, nil, time.Now()); pause > 0 || wake != wakeAll {
		t.Errorf("what is due all the time keeps it from looking: %s, %d", pause, wake)
	}
}
