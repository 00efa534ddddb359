package soak_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"om/cmd"
	"om/engine"
	"om/schedule"
	"om/service"
	"om/task"
)

var (
	seed    = flag.Uint64("seed", 0, "of the nemesis; 0 for another each time")
	minutes = flag.Float64("minutes", 0, "how long each test goes on; 0 for a short one")
)

// TestMain makes this binary om, or the daemon's loop, where it is called so.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "__supervise", filepath.Base(os.Args[0]) == "om":
		os.Exit(cmd.Main(cmd.Env{
			Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			Getenv: os.Getenv, Environ: os.Environ, Now: clock(), Version: "test",
		}))
	case filepath.Base(os.Args[0]) == "gated":
		fmt.Fprintln(os.Stderr, enterGate())
		os.Exit(1)
	case filepath.Base(os.Args[0]) == "loop":
		if err := loop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// clock is what a process of a world takes for the time: NOW, which stands still or is a file that tells it, or
// the host's with an OFFSET.
func clock() func() time.Time {
	if file := os.Getenv("NOW"); filepath.IsAbs(file) {
		return func() time.Time {
			text, _ := os.ReadFile(file)
			at, _ := time.Parse(time.RFC3339, string(text))
			return at
		}
	}
	if at, err := time.Parse(time.RFC3339, os.Getenv("NOW")); err == nil {
		return func() time.Time { return at }
	}
	offset, _ := time.ParseDuration(os.Getenv("OFFSET"))
	return func() time.Time { return time.Now().Add(offset) }
}

// loop is the daemon, without what it has around engine.Loop.
func loop() error {
	e, err := engineIn(os.Getenv("OM_CONFIG_DIR"), os.Getenv("OM_STATE_DIR"))
	if err != nil {
		return err
	}
	e.Now = clock()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	return e.Loop(ctx, engine.LoopOptions{
		Died:        died,
		TickOptions: engine.TickOptions{Detach: engine.Detached(program, "__supervise"), Period: time.Minute},
		Told: func(r engine.Turn, err error) {
			if err != nil {
				fmt.Fprintln(os.Stderr, "loop:", err)
			}
			for _, p := range r.Problems {
				fmt.Fprintln(os.Stderr, "loop:", p)
			}
		},
	})
}

// engineIn is the engine that om makes for these folders.
func engineIn(config, state string) (*engine.Engine, error) {
	node, err := service.LoadNode(config, "n1")
	if err != nil {
		return nil, err
	}
	node.Schedules = schedule.NewParser(time.LoadLocation)
	return &engine.Engine{
		ConfigDir: config, StateDir: state, Node: node, Now: time.Now, Program: "test", EUID: os.Geteuid(),
		By: "soak", Users: &task.Users{},
	}, nil
}
