package soak_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
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
	supervises := cmd.Supervises(os.Args)
	switch name := filepath.Base(os.Args[0]); {
	case supervises, name == "om":
	case name == "gated":
		fmt.Fprintln(os.Stderr, enterGate())
		os.Exit(1)
	case name == "node":
		if err := nodeRole(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case name == "loop":
		if err := loop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	default:
		code := m.Run()
		if built.path != "" {
			_ = os.RemoveAll(filepath.Dir(built.path))
		}
		os.Exit(code)
	}
	code := cmd.Main(cmd.Env{
		Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ, Now: worldClock(time.Now), Version: version,
	})
	if supervises { // whose environment can't tell the race detector not to sleep now
		syscall.Exit(code)
	}
	os.Exit(code)
}

// version is that of om and omd: of two versions each would read all files again after the other.
const version = "test"

// built is the daemon, made on first use.
var built struct {
	once sync.Once
	path string
	err  error
}

// daemon is the real omd, but for its clock. Who can't build it, a user without a home, has this binary's loop.
func (w *world) daemon() (path string, ok bool) {
	w.Helper()
	built.once.Do(func() {
		if built.path, built.err = buildDaemon(); built.err != nil {
			w.Logf("the loop stands for the daemon: %v", built.err)
		}
	})
	return built.path, built.err == nil
}

func buildDaemon() (string, error) {
	dir, err := os.MkdirTemp("", "om-soak")
	if err != nil {
		return "", err
	}
	overlay, err := withClock(dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "omd")
	args := []string{"build", "-tags", "osusergo,netgo,sqlite_omit_load_extension", "-ldflags", "-X main.version=" + version, "-overlay", overlay, "-o", path}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "om/cmd/omd")...).CombinedOutput()
	if err != nil {
		return path, fmt.Errorf("go build om/cmd/omd: %w\n%s", err, out)
	}
	return path, nil
}

// withClock writes what go build is to take instead of files of omd, and returns the list of them.
func withClock(dir string) (string, error) {
	folder, err := filepath.Abs(filepath.Join("..", "cmd", "omd"))
	if err != nil {
		return "", err
	}
	replaced := map[string]string{}
	for _, f := range []struct{ from, to, old, now string }{
		{filepath.Join(folder, "main.go"), "main.go", "Now: time.Now", "Now: worldClock(time.Now)"},
		{"clock_test.go", "soak_clock.go", "package soak_test", "package main"},
	} {
		text, err := os.ReadFile(f.from)
		if err != nil {
			return "", err
		}
		if strings.Count(string(text), f.old) != 1 {
			return "", fmt.Errorf("%s does not have %q once", f.from, f.old)
		}
		replaced[filepath.Join(folder, f.to)] = filepath.Join(dir, f.to)
		if err = os.WriteFile(filepath.Join(dir, f.to), []byte(strings.Replace(string(text), f.old, f.now, 1)), 0o644); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, list, 0o644)
}

// loop is the daemon, without what it has around engine.Loop.
func loop() error {
	e, err := engineIn(os.Getenv("OM_CONFIG_DIR"), os.Getenv("OM_STATE_DIR"))
	if err != nil {
		return err
	}
	e.Now = worldClock(time.Now)
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
		ConfigDir: config, StateDir: state, Node: node, Now: time.Now, Program: version, EUID: os.Geteuid(),
		By: "soak", Users: &task.Users{},
	}, nil
}
