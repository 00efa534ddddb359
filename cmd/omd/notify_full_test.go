package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"om/notice"
)

// TestFullDisk: what is in the spool when its disk is full is told, each event once, and what is given up is not tried again. Only
// omd notify --once, which is started again each minute, leaves for later what it could not strike off.
func TestFullDisk(t *testing.T) {
	for _, c := range []struct {
		name         string
		hurry        time.Duration
		told, stayed int
	}{{"daemon", 0, 5, 0}, {"once", untilNext, 0, 1}} {
		t.Run(c.name, func(t *testing.T) {
			dir := fullDisk(t)
			h := &heard{begin: time.Now(), fails: func(e *notice.Entry) error {
				if e.Event.Service == "gone" {
					return &failure{err: errors.New("gone"), forever: true, own: true}
				}
				return nil
			}}
			d := h.drainer(dir)
			begin := time.Now()
			two := waits("two", "task#0", "x", begin, notice.Wait{})
			two.Targets = append(two.Targets, notice.Target{Kind: notice.Mail, To: "ops@x"})
			put(t, d, two)
			if c.hurry == 0 { // what is struck off makes room
				for i := range 3 { // one message
					put(t, d, waits("web", fmt.Sprint("task#", i), "x", begin.Add(-time.Minute), notice.Wait{Group: time.Second}))
				}
				put(t, d, waits("gone", "task#0", "x", begin, notice.Wait{}), waits("db", "task#0", "x", begin, notice.Wait{}))
			}
			fill(t, dir)
			d.hurry = c.hurry
			ctx, stop := context.WithTimeout(context.Background(), patience)
			defer stop()
			watch := &notice.Spool{Dir: dir}
			left := func() int {
				names, err := watch.Names()
				if err != nil {
					t.Error(err)
				}
				return len(names)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = d.drain(ctx) // on a full disk it can't note the pace of pings
			}()
			for c.hurry == 0 && left() > c.stayed && ctx.Err() == nil { // the daemon goes on until it is told to end
				time.Sleep(time.Millisecond)
			}
			if c.hurry == 0 {
				stop()
			}
			<-ended
			want(t, "left", left(), c.stayed)
			if len(h.got) != c.told {
				t.Errorf("told %q", h.got)
			}
		})
	}
}

// fullDisk mounts a small file system, which fill fills.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=200k,mode=700"); err != nil {
		t.Skip("a disk to fill can't be mounted:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
