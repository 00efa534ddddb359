package cmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"om/task"
)

func linkVerb(a *app) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "link [--dir DIR]",
		Long: `Make a command named after the service: a link to om that selects the service by its own name, so that
"testmd run" is "om testmd run".`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.link(dir) },
	}
	c.Flags().StringVar(&dir, "dir", "", "where to put it (default: the folder of om)")
	return c
}

func (a *app) link(dir string) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	if _, err = e.Load(path); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if dir == "" {
		dir = filepath.Dir(self)
	}
	name := filepath.Join(dir, filepath.Base(path))
	if old, linkErr := os.Readlink(name); linkErr == nil && old == self {
		return a.did(nil, name, "links to "+self+" already")
	}
	err = os.Symlink(self, name)
	if errors.Is(err, fs.ErrExist) {
		return task.Errorf(task.ErrTaken, "%s is there already and is no link to %s; nothing was changed", name, self)
	}
	return a.did(err, name, "links to "+self)
}
