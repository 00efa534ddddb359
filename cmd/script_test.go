package cmd_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"om/cmd"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"om": om, "testmd": om, "await": await, "alive": alive})
}

// om is the program as main makes it, but for the clock, which a script may set: NOW=2026-01-02T03:04:05Z.
func om() {
	now := time.Now
	if at, err := time.Parse(time.RFC3339, os.Getenv("NOW")); err == nil {
		now = func() time.Time { return at }
	}
	os.Exit(cmd.Main(cmd.Env{
		Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ, Now: now, Version: "test", Commit: "c0ffee", Date: "2026-11-25T17:30:38Z",
	}))
}

// await runs a command again and again until it succeeds: runs that a tick has started go on by themselves.
func await() {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if exec.Command(os.Args[1], os.Args[2:]...).Run() == nil {
			os.Exit(0)
		}
	}
	os.Exit(1)
}

// alive says whether a process of this script's has a command line: one whose environment has MARK=$WORK. With -9 it kills
// those. There may be no pgrep, and others may run the same test.
func alive() {
	words := os.Args[1:]
	killed := len(words) > 0 && words[0] == "-9"
	if killed {
		words = words[1:]
	}
	line := strings.ReplaceAll(strings.Join(words, " "), " ", "\x00") + "\x00"
	folders, _ := filepath.Glob("/proc/[0-9]*")
	code := 1
	for _, folder := range folders {
		args, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		environ, _ := os.ReadFile(filepath.Join(folder, "environ"))
		if string(args) != line || !strings.Contains("\x00"+string(environ), "\x00MARK="+os.Getenv("WORK")+"\x00") {
			continue
		}
		code = 0
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil && killed {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	os.Exit(code)
}

// TestScripts runs every script of testdata/script, each in a folder of its own with etc for the
// configuration and state for the record. The first word of a script's name is the verb it is about.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup:               setup,
		Condition:           condition,
	})
}

func setup(env *testscript.Env) error {
	docs, err := filepath.Abs(filepath.Join("..", "docs"))
	if err != nil {
		return err
	}
	for _, dir := range []string{"etc", "home"} {
		if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
			return err
		}
	}
	for name, value := range map[string]string{
		"OM_CONFIG_DIR": filepath.Join(env.WorkDir, "etc"),
		"OM_STATE_DIR":  filepath.Join(env.WorkDir, "state"),
		"OM_NODENAME":   "n1",
		"HOME":          filepath.Join(env.WorkDir, "home"),
		"TZ":            "UTC",
		"TERM":          "dumb",
		"DOCS":          docs,
		"GORACE":        "atexit_sleep_ms=0", // else each om sleeps for a second under the race detector
	} {
		env.Setenv(name, value)
	}
	return nil
}

func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "loop":
		_, err := os.Stat("/dev/loop-control")
		return os.Geteuid() == 0 && err == nil, nil
	}
	return false, nil
}
