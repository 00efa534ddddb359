package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"om/cmd"
	"om/engine"
	"om/task"
)

// signals are what the daemon is told from outside.
type signals struct{ stop, reload, drain, died chan os.Signal }

// options are the command line.
type options struct {
	configDir, stateDir string
	format              string
	level               slog.Level
	once                bool
	help, version       bool
}

const help = `usage: omd [FLAGS]
       omd notify [--once] [--test SERVICE/RID]

omd decides which tasks are due and starts them, at once: it wakes when a slot is due, when a run has ended and when a file
was changed. Runs do not depend on it. SIGHUP reads node.conf and all changed files again, SIGTERM ends omd and lets runs go
on, SIGUSR2 starts nothing more and ends omd after the last run. See omd(8).

omd notify delivers what is to be told of runs where no daemon does, with --once as far as that can be done now: om tick starts
it. See omd notify --help.

`

const exitCodes = `
Exit codes: 0 ended by a signal; 1 failed; 2 wrong command line; 75 another daemon has the state folder;
77 not permitted; 78 bad configuration.
`

func flags(o *options, level *string) *pflag.FlagSet {
	f := pflag.NewFlagSet("omd", pflag.ContinueOnError)
	f.SortFlags, f.Usage = false, func() {}
	f.StringVar(&o.configDir, "config-dir", "", "folder of the service files (OM_CONFIG_DIR)")
	f.StringVar(&o.stateDir, "state-dir", "", "folder of the record (OM_STATE_DIR)")
	f.StringVar(&o.format, "log-format", "", "text, json or journal (by default journal where stderr is it, else text)")
	f.StringVar(level, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&o.once, "once", false, "end after the first turn, as om tick does")
	f.BoolVar(&o.version, "version", false, "print the version")
	f.BoolVarP(&o.help, "help", "h", false, "print this help")
	return f
}

// parse reads the command line.
func parse(args []string) (o options, text string, err error) {
	var level string
	f := flags(&o, &level)
	if err = f.Parse(args); err != nil {
		return o, "", err
	}
	if f.NArg() > 0 {
		return o, "", fmt.Errorf("%q: wanted flags alone", f.Arg(0))
	}
	if !slices.Contains([]string{"", "text", "json", "journal"}, o.format) {
		return o, "", fmt.Errorf("--log-format %q: wanted text, json or journal", o.format)
	}
	if err = o.level.UnmarshalText([]byte(level)); err != nil {
		return o, "", fmt.Errorf("--log-level %q: wanted debug, info, warn or error", level)
	}
	return o, help + f.FlagUsages() + exitCodes, nil
}

// run is the daemon's life; it returns the exit code.
func run(env cmd.Env, s signals) int {
	o, text, err := parse(env.Args[1:])
	switch {
	case err != nil:
		fmt.Fprintf(env.Stderr, "omd: %s\n", task.Text(err))
		return cmd.ExitCode(cmd.Fault(err))
	case o.help:
		fmt.Fprint(env.Stdout, text)
		return 0
	case o.version:
		fmt.Fprintf(env.Stdout, "omd %s\n", env.Version)
		return 0
	}
	log := newLogger(env, o)
	if err = serve(env, s, o, log); err != nil {
		log.Error("omd ends", "reason", reasonOf(err))
	}
	return cmd.ExitCode(err)
}

// serve runs the loop until a signal ends it.
func serve(env cmd.Env, s signals, o options, log *slog.Logger) error {
	d := cmd.NewDaemon(env, o.configDir, o.stateDir)
	e, err := d.Engine()
	if err != nil {
		return err
	}
	defer e.Close()
	detach, err := d.Detach()
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	n, err := newHerald(env.Now)
	if err != nil {
		log.Warn("no watchdog", "reason", err.Error())
	}
	go func() {
		select {
		case sig := <-s.stop:
			n.stopping()
			end(stopped{sig})
		case <-ctx.Done():
		}
	}()
	t := &teller{log: log, said: map[string]time.Time{}}
	e.Untold = func(id task.ID, err error) {
		log.Warn("not told", "service", id.Service, "task", id.RID, "reason", reasonOf(err))
	}
	c := newCourier(env, e, log)
	log.Info("omd begins", "version", env.Version, "config", e.ConfigDir, "state", e.StateDir, "node", e.Node.Name)
	if _, gone := os.Stat(e.ConfigDir); errors.Is(gone, fs.ErrNotExist) {
		log.Warn("problem", "reason", e.ConfigDir+" is not there: no service is read")
	}
	err = e.Loop(ctx, engine.LoopOptions{
		TickOptions: engine.TickOptions{Detach: detach, Period: time.Second, Alive: n.alive},
		Reload:      s.reload, Drain: s.drain, Died: s.died, Renew: d.Node, Reloading: n.reloading, Pulse: n.pulse(),
		Waits: func(holder string) { log.Info("omd waits", "reason", holder+" is at work") },
		Told: func(turn engine.Turn, err error) {
			t.tell(turn, err)
			n.told(turn)
			c.told(ctx, e.Node)
			if o.once {
				end(nil)
			}
		},
	})
	cause := context.Cause(ctx)
	drained := err == nil && cause == nil
	end(nil)
	c.wait()
	if drained {
		c.last()
	}
	if err == nil || errors.Is(err, context.Canceled) {
		t.end(cause)
		return nil
	}
	return err
}

// stopped is the signal that ends the daemon and nothing else.
type stopped struct{ os.Signal }

// Error names the signal.
func (s stopped) Error() string { return s.String() }
