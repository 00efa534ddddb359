package soak_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDisk fills the disk of the record and makes it read-only, while tasks are due and are at work.
func TestDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount")
	}
	w := newWorld(t)
	w.lenient = true
	if err := os.MkdirAll(w.state, 0o700); err != nil {
		t.Fatal(err)
	}
	rounds := 12
	if *minutes > 0 {
		rounds = int(*minutes * 60)
	}
	size := fmt.Sprintf("size=%dk,mode=0700", 2048+16*rounds) // the record itself has room
	if err := unix.Mount("tmpfs", w.state, "tmpfs", 0, size); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() {
		w.end()
		w.quiet(time.Now().Add(5 * time.Second))
		if err := unix.Unmount(w.state, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	at := time.Date(2027, 3, 27, 22, 0, 30, 0, time.UTC)
	limit := "not_after = " + at.Add(time.Duration(rounds)*time.Minute).Format("2006-01-02T15:04:05Z") + "\n"
	w.write("etc/disk.conf", fmt.Sprintf("[task#0]\ncommand = %s\nschedule = cron:* * * * *\n%s", w.probing("0", 0), limit)+
		fmt.Sprintf("[task#1]\ncommand = %s\nschedule = cron:* * * * *\nlog = none\nlock = disk\noverlap = queue-all\n%s", w.probing("0.2", 0), limit)+
		fmt.Sprintf("[task#2]\ncommand = %s\nschedule = cron:* * * * *\nlog = none\nlock = disk\ndelivery = at-least-once\nidempotent = true\n%s", w.probing("0.2", 0), limit))
	w.setNow(at)
	w.settle()
	n := &nemesis{world: w, Rand: w.random(0), typical: 20 * time.Millisecond}
	for i := range rounds {
		at = at.Add(time.Minute)
		w.setNow(at)
		switch {
		case i%2 == 0 && n.IntN(2) == 0: // full, while runs are at work
			n.tick()
			n.full(func() { pause(n.moment(20)); n.tick(); n.tick() })
		case i%2 == 0: // full, before they begin
			n.full(n.tick)
		default:
			w.quiet(time.Now().Add(5 * time.Second))
			n.readOnly(size, func() { n.tick(); n.tick() })
		}
		n.tick()
	}
	w.healAt(at)
	w.check()
}

// full does f while the disk of the record is full, but for so much as is free by chance.
func (n *nemesis) full(f func()) {
	n.Helper()
	n.did("full")
	path := filepath.Join(n.state, "filler")
	filler, err := os.Create(path)
	if err != nil {
		n.Fatal(err)
	}
	block := make([]byte, 1024)
	for err == nil {
		_, err = filler.Write(block)
	}
	if free := int64(n.IntN(20) * 4096); n.IntN(2) == 0 {
		if info, err := filler.Stat(); err == nil {
			_ = filler.Truncate(max(0, info.Size()-free))
		}
	}
	f()
	if err := os.Remove(path); err != nil {
		n.Fatal(err)
	}
	_ = filler.Close()
}

// readOnly does f while the record can't be written.
func (n *nemesis) readOnly(size string, f func()) {
	n.Helper()
	n.did("read-only")
	if err := unix.Mount("tmpfs", n.state, "", unix.MS_REMOUNT|unix.MS_RDONLY, size); err != nil {
		n.Fatal(err)
	}
	f()
	if err := unix.Mount("tmpfs", n.state, "", unix.MS_REMOUNT, size); err != nil {
		n.Fatal(err)
	}
}
