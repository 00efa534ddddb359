package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"om/service"
)

// TestCourierGoesOn: a spool that can't be used keeps nobody from being told once it can be, though the daemon goes on all the while.
func TestCourierGoesOn(t *testing.T) {
	n := newNotifier(t)
	if err := errors.Join(os.Mkdir(n.StateDir, 0o700), os.WriteFile(spoolOf(n).Dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	n.Log = slog.New(slog.NewTextHandler(&log, nil))
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		c := &courier{n: n, wake: make(chan struct{}, 1)}
		c.told(ctx, service.Node{})
		time.Sleep(30 * time.Minute)
		if err := os.Remove(spoolOf(n).Dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		synctest.Wait()
		if _, err := os.Stat(filepath.Join(spoolOf(n).Dir, "lock")); err != nil {
			t.Error("nobody delivers: ", err)
		}
		stop()
		c.wait()
	})
	if said := strings.Count(log.String(), "nobody is told"); said != 1 {
		t.Errorf("said %d times: %s", said, log.String())
	}
}
