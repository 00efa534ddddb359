// Command omd is the daemon of om: it does what om tick does, without waiting for a timer. See man/omd.8.
package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"om/cmd"
)

// The version is set by the Makefile from git, the date that of the commit.
var version, commit, date = "devel", "", ""

func main() {
	env := cmd.Env{
		Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ, Now: time.Now, Version: version, Commit: commit, Date: date,
	}
	if cmd.Supervises(os.Args) {
		os.Exit(cmd.Main(env))
	}
	s := signals{
		stop: make(chan os.Signal, 1), reload: make(chan os.Signal, 1), drain: make(chan os.Signal, 1), died: make(chan os.Signal, 1),
	}
	signal.Notify(s.died, syscall.SIGCHLD)
	signal.Notify(s.stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.drain, syscall.SIGUSR2)
	if len(os.Args) > 1 && os.Args[1] == "notify" {
		os.Exit(notify(env, s, os.Args[2:]))
	}
	os.Exit(run(env, s))
}
