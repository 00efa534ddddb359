package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"om/engine"
	"om/service"
)

// daemonName is the program that the daemon is.
const daemonName = "omd"

func daemonVerb(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "daemon [ARGUMENT ...]",
		Long: `Become omd, the daemon, with the arguments as they are: see omd(8) and om daemon --help. It is a program of its own
beside om, or in PATH.`,
		Example: `  om daemon --log-format json`,
		// all flags are omd's
		DisableFlagParsing: true,
		RunE:               func(_ *cobra.Command, args []string) error { return a.daemon(args) },
	}
}

// daemon turns this process into the daemon. It returns only where there is none.
func (a *app) daemon(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	beside := filepath.Join(filepath.Dir(self), daemonName)
	for _, file := range append([]string{beside}, candidates(daemonName, a.Getenv("PATH"))...) {
		if info, missing := os.Stat(file); missing != nil || !info.Mode().IsRegular() || unix.Access(file, unix.X_OK) != nil {
			continue
		}
		if err = unix.Exec(file, append([]string{daemonName}, args...), a.Environ()); err != nil {
			return &internalError{fmt.Sprintf("%s: %v", file, err)}
		}
	}
	return &internalError{fmt.Sprintf("there is no %s: neither %s nor in PATH: it is installed with om, and om tick does the same from a timer", daemonName, beside)}
}

// candidates lists where a program may be.
func candidates(name, path string) (files []string) {
	for dir := range strings.SplitSeq(path, ":") {
		if filepath.IsAbs(dir) {
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files
}

// internalError is a fault of the installation.
type internalError struct{ text string }

func (e *internalError) Error() string { return e.text }

// Daemon is what the daemon needs of the command line: the same folders, variables, node.conf, and exit codes.
type Daemon struct{ a *app }

// NewDaemon reads the environment as om does. A folder that is "" is found as om finds it.
func NewDaemon(env Env, configDir, stateDir string) *Daemon {
	return &Daemon{&app{Env: env, global: global{configDir: configDir, stateDir: stateDir, color: "never"}}}
}

// Engine makes the engine.
func (d *Daemon) Engine() (*engine.Engine, error) {
	e, err := d.a.engine()
	if err == nil {
		e.Warn, e.Trouble = nil, nil // there is nobody to be told
	}
	return e, err
}

// Folders are those of the configuration and of the state, and the name of the host.
func (d *Daemon) Folders() (config, state, host string, err error) {
	if config, state, err = d.a.folders(); err != nil {
		return "", "", "", err
	}
	host, err = d.a.nodeName()
	return config, state, host, err
}

// Node reads node.conf again.
func (d *Daemon) Node() (service.Node, error) { return d.a.node(d.a.eng.ConfigDir) }

// Detach starts supervisors that are this program, called with the word that Supervises knows.
func (d *Daemon) Detach() (func(string) (*engine.Hands, error), error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return engine.Detached(program, superviseVerb), nil
}

// Supervises says whether a program is called to be a supervisor: Main does it.
func Supervises(args []string) bool { return len(args) > 1 && args[1] == superviseVerb }

// ExitCode is the exit code of an error.
func ExitCode(err error) int { return exitCode(err) }

// Fault marks an error of the command line.
func Fault(err error) error { return usageError{err.Error()} }
