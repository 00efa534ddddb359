// om lives for milliseconds: it does not read the limits of its cgroup at each start, to know how many
// processors it may use, nor look for changes of them.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command om runs the tasks of services. See man/om.1.
package main

import (
	"os"
	"time"

	"om/cmd"
)

// The version is set by the Makefile from git, the date that of the commit.
var version, commit, date = "devel", "", ""

func main() {
	os.Exit(cmd.Main(cmd.Env{
		Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ, Now: time.Now, Version: version, Commit: commit, Date: date,
	}))
}
