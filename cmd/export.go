package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"om/migrate"
	"om/service"
	"om/task"
)

func exportVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "export crontab|systemd",
		Long: `Write the tasks that have a schedule for another scheduler. A task of which it can't say all is refused, with the
reasons; --lossy writes it all the same, with them as comments.`,
		RunE: wantedVerb("crontab or systemd"),
	}
	c.AddCommand(a.exportCrontabVerb(), a.exportSystemdVerb())
	return c
}

const exportCodes = `Exit codes: 0 all tasks are written; 1 a task is refused; 2 wrong command line; 66 no such service;
77 not permitted; 78 bad configuration.`

func (a *app) exportCrontabVerb() *cobra.Command {
	var lossy, users bool
	c := &cobra.Command{
		Use: "crontab", Short: "Write a crontab",
		Long: "Write the tasks as a crontab to the standard output: with --user-column, which is root's default, as /etc/crontab.\n\n" + exportCodes,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			x, services, err := a.exporter(lossy)
			if err != nil {
				return err
			}
			x.Users = users
			text, refused, err := x.Crontab(services)
			if err != nil {
				return err
			}
			return a.exported(refused, a.write(text))
		},
	}
	c.Flags().BoolVar(&lossy, "lossy", false, "write what is refused too, without what the other can't say")
	c.Flags().BoolVar(&users, "user-column", os.Geteuid() == 0, "each line names its user, as in /etc/crontab")
	return c
}

func (a *app) exportSystemdVerb() *cobra.Command {
	var lossy bool
	var to string
	c := &cobra.Command{
		Use: "systemd", Short: "Write timers and services of systemd",
		Long: "Write the tasks as timers and services of systemd, to the standard output or with --to as files of a folder.\n\n" + exportCodes,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			x, services, err := a.exporter(lossy)
			if err != nil {
				return err
			}
			files, refused, err := x.Units(services)
			if err != nil {
				return err
			}
			return a.exported(refused, a.writeUnits(files, to))
		},
	}
	c.Flags().BoolVar(&lossy, "lossy", false, "write what is refused too, without what the other can't say")
	c.Flags().StringVar(&to, "to", "", "the folder to write the files to")
	_ = c.MarkFlagDirname("to")
	return c
}

// exporter reads the services that are meant.
func (a *app) exporter(lossy bool) (*migrate.Exporter, []*service.Service, error) {
	e, err := a.reader()
	if err != nil {
		return nil, nil, err
	}
	paths, err := a.named()
	if err != nil {
		return nil, nil, err
	}
	host, err := a.zoneNamed("Local")
	if err != nil {
		return nil, nil, err
	}
	var services []*service.Service
	for _, path := range paths {
		s, err := e.Load(path)
		if err != nil {
			return nil, nil, err
		}
		services = append(services, s)
	}
	users := &task.Users{}
	return &migrate.Exporter{Node: e.Node, Host: host, Now: a.Now(), Lossy: lossy, Self: users.Name(os.Geteuid())}, services, nil
}

// exported tells what was refused.
func (a *app) exported(refused []migrate.Refusal, err error) error {
	for _, r := range refused {
		verdict := "refused"
		if r.Written {
			verdict = "written with losses"
		}
		fmt.Fprintf(a.Stderr, "%s: %s: %s: %s\n", a.paint(a.Stderr, yellow, "warning"), r.Task, verdict, visible(strings.Join(r.Reasons, "; ")))
	}
	if err == nil && len(refused) > 0 {
		return codeError(exitFailed)
	}
	return err
}

// writeUnits prints the files, or writes them to a folder in which there are none of these names.
func (a *app) writeUnits(files []migrate.UnitFile, to string) error {
	for _, f := range files {
		if to == "" {
			if err := a.printf("# %s\n%s\n", f.Name, f.Text); err != nil {
				return err
			}
			continue
		}
		path := filepath.Join(to, f.Name)
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		if _, err = file.WriteString(f.Text); err == nil {
			err = file.Close()
		}
		if err != nil {
			return err
		}
		if err := a.printf("%s\n", path); err != nil {
			return err
		}
	}
	return nil
}
