package cmd

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"om/task"
)

//go:embed demo/shop.conf
var demoFiles embed.FS

func demoVerb(a *app) *cobra.Command {
	var keep string
	c := &cobra.Command{
		Use: "demo [--keep DIR]",
		Long: `Show what om does, in less than a minute: a service with four tasks in a temporary folder. One is run, one is declined
for what it requires is down, one asks before it does anything, and one is due within seconds. Each command is printed, and run as a
person would. Nothing else of this host is read or changed, and the folder is removed at the end.`,
		Example: `  om demo
  om demo --keep /tmp/shop`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.demo(keep) },
	}
	c.Flags().StringVar(&keep, "keep", "", "a folder that is not there, or empty: the demo is made in it, and stays")
	return c
}

// demo is one show: where it is made, and the program that is shown.
type demo struct {
	*app
	program string
	dir     string
	env     []string // of the commands: the folders of the demo, and else that of this process
}

func (a *app) demo(keep string) (err error) {
	// Whoever reads may go away (SIGPIPE): what was made is taken away all the same.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	d := &demo{app: a}
	if d.program, err = os.Executable(); err != nil {
		return err
	}
	if err = writableName(cmp.Or(keep, os.TempDir())); err != nil {
		return err
	}
	if d.dir, err = demoFolder(keep); err != nil {
		return err
	}
	d.env = slices.DeleteFunc(d.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OM_CONFIG_DIR=") || strings.HasPrefix(v, "OM_STATE_DIR=")
	})
	d.env = append(d.env, "OM_CONFIG_DIR="+filepath.Join(d.dir, "etc"), "OM_STATE_DIR="+filepath.Join(d.dir, "state"))
	if keep == "" {
		defer d.remove()
	}
	if err = d.make(); err == nil {
		err = d.show(ctx)
	}
	if ctx.Err() != nil {
		return errors.New("the demo was ended before its end")
	}
	if err == nil {
		err = d.goodbye(keep)
	}
	return err
}

// writableName refuses a folder that the file of the demo can't name: what is in quotes there, or what references begin with.
func writableName(dir string) error {
	full, err := filepath.Abs(dir)
	if err == nil && (oneLine(full) != full || strings.ContainsAny(full, `"\{}`) || strings.TrimSpace(full) != full) {
		err = usage(`the demo can't be made in %q: wanted a folder without control characters, a blank at the end, or one of " \ { }`, full)
	}
	return err
}

// demoFolder makes the folder of the demo. What is in one that is there already stays as it is: it must be empty.
func demoFolder(keep string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "om-demo-")
	}
	dir, err := filepath.Abs(keep)
	if err != nil {
		return "", err
	}
	if err = os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = usage("--keep %s: wanted a folder that is not there, or an empty one", keep)
	}
	return dir, err
}

// make writes the service and its data.
func (d *demo) make() error {
	text, err := demoFiles.ReadFile("demo/shop.conf")
	if err != nil {
		return err
	}
	for _, folder := range []string{"etc", "data"} {
		if err := os.Mkdir(filepath.Join(d.dir, folder), 0o755); err != nil {
			return err
		}
	}
	text = bytes.ReplaceAll(text, []byte("DEMO"), []byte(d.dir))
	for name, text := range map[string][]byte{"etc/shop.conf": text, "etc/node.conf": []byte("[node]\nwait_time_sync = 0\n"), "data/orders": []byte("1 book\n")} {
		if err := os.WriteFile(filepath.Join(d.dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// show runs the commands. Each must end as it is meant to: a demo that goes wrong says so.
func (d *demo) show(ctx context.Context) error {
	for _, step := range []struct {
		about, command string
		code           int
		then           func(context.Context) error
	}{
		{"A service is a file. This one has a folder of data, a web server, and four tasks:", "shop print config", 0, nil},
		{"It has no errors:", "shop validate", 0, nil},
		{"A task is run by hand. Its output is on the terminal, and kept:", "shop run --rid task#backup", 0, nil},
		{"What a task requires is looked at first. The web server is down: nothing runs, and the exit code is 75:", "shop run --rid task#report", exitDeclined, nil},
		{"One that is dangerous asks a person, and there is none at this terminal:", "shop run --rid task#wipe", exitFailed, nil},
		{"Unless it is said beforehand:", "shop run --rid task#wipe --confirm", 0, nil},
		{"A tick, which a timer or the daemon makes, starts what is due. What is new is not due before its next slot:", "tick", 0, d.untilDue},
		{"Three seconds later it is:", "tick", 0, d.untilIdle},
		{"The state of each resource, and what each task did last:", "shop print status", 0, nil},
		{"When each task is due, and what is in its way:", "shop print schedule", 0, nil},
		{"What ran, what did not, and why:", "shop history --skipped", 0, nil},
		{"What the last backup wrote:", "shop logs --rid task#backup", 0, nil},
		{"Why a task is not started, check by check:", "shop explain --rid task#report", 0, nil},
	} {
		if err := d.printf("\n# %s\n$ om %s\n", step.about, step.command); err != nil {
			return err
		}
		code, err := d.run(ctx, d.Stdout, d.Stdout, strings.Fields(step.command)...)
		if err == nil && code != step.code {
			err = fmt.Errorf("om %s: exit code %d, and the demo wanted %d", step.command, code, step.code)
		}
		if err == nil && code != 0 {
			err = d.printf("(exit code %d)\n", code)
		}
		if err == nil && step.then != nil {
			err = step.then(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// run runs om as a process of its own, as a person would, with nothing to read. A signal that ends the demo ends it too.
func (d *demo) run(ctx context.Context, out, messages *os.File, args ...string) (code int, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	p, err := os.StartProcess(d.program, append([]string{"om"}, args...), &os.ProcAttr{
		Env: d.env, Files: []*os.File{null, out, messages},
	})
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.Signal(syscall.SIGTERM) })
	defer stop()
	state, err := p.Wait()
	if err != nil {
		return 0, err
	}
	if how, ok := state.Sys().(syscall.WaitStatus); ok && how.Signaled() && ctx.Err() == nil {
		return 0, fmt.Errorf("om %s: %s", strings.Join(args, " "), how.Signal())
	}
	return state.ExitCode(), ctx.Err()
}

// untilDue waits for the next slot of the task that has one each three seconds.
func (d *demo) untilDue(ctx context.Context) error {
	return wait(ctx, 3*time.Second)
}

// untilIdle waits until what the tick started has ended, as it does by itself.
func (d *demo) untilIdle(ctx context.Context) error {
	for range 200 {
		running, err := d.said(ctx, "shop", "history", "--state", "running", "-o", "plain")
		if err != nil || running == "" {
			return err
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("what the tick started does not end")
}

// said runs om, and returns what it printed.
func (d *demo) said(ctx context.Context, args ...string) (string, error) {
	file, err := os.Create(filepath.Join(d.dir, "said"))
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err = d.run(ctx, file, d.Stderr, args...); err != nil {
		return "", err
	}
	text, err := os.ReadFile(file.Name())
	return string(text), errors.Join(err, os.Remove(file.Name()))
}

func wait(ctx context.Context, t time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(t):
		return nil
	}
}

func (d *demo) goodbye(keep string) error {
	if keep != "" {
		return d.printf("\nThis was om in %s, which stays. Go on with\n  export OM_CONFIG_DIR=%s OM_STATE_DIR=%s\n  om shop edit\n",
			d.dir, task.Quote([]string{filepath.Join(d.dir, "etc")}), task.Quote([]string{filepath.Join(d.dir, "state")}))
	}
	return d.printf(`
That was all in a folder which is gone now (om demo --keep DIR makes one that stays). Next:
  om init               makes your first service
  om template ls        lists what a service may begin with
  om help               lists the verbs; man om, man om.conf
`)
}

// remove ends what still runs, and takes the folder away. A supervisor that is about to end may write to it once more.
func (d *demo) remove() {
	ctx := context.Background()
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		_, _ = d.run(ctx, null, null, "shop", "kill", "--quiet")
		null.Close()
	}
	for range 40 {
		_ = os.RemoveAll(d.dir)
		_ = wait(ctx, 25*time.Millisecond)
		if _, err := os.Lstat(d.dir); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}
