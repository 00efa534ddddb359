package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"om/migrate"
)

// importOptions are the flags that all imports have.
type importOptions struct {
	to              string
	root            string
	dryRun, replace bool
	strict          bool
	proveOptions
}

func importVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "import crontab|anacrontab|systemd|opensvc",
		Long: `Make service files of the jobs of another scheduler. What can't be carried is told, and stands as a comment above
the task. The other scheduler's files stay as they are: take the jobs out of them, or both run them.`,
		RunE: wantedVerb("crontab, anacrontab, systemd or opensvc"),
	}
	c.AddCommand(a.importCrontabVerb(), a.importAnacrontabVerb(), a.importSystemdVerb(), a.importOpenSVCVerb())
	return c
}

// importCodes is the chapter of exit codes that differs from that of other verbs.
const importCodes = `Exit codes: 0 all jobs are carried, and what --prove finds different is explained; 1 a job is left out, a

difference is not explained, or with --strict anything is not carried; 2 wrong command line; 66 nothing to import;
77 not permitted; 78 bad configuration.`

func addImport(c *cobra.Command, o *importOptions) {
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "the service to make, by default named after the file")
	f.StringVar(&o.root, "root", "", "read the files of the host under this folder")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the service file, or with --prove the proof, and write nothing")
	f.BoolVar(&o.replace, "replace", false, "replace the service where it is there; its present version is kept")
	f.BoolVar(&o.strict, "strict", false, "exit with 1 where anything is not carried")
	_ = c.MarkFlagDirname("root")
}

func addProve(c *cobra.Command, o *proveOptions) {
	f := c.Flags()
	f.BoolVar(&o.prove, "prove", false, "compare when the other scheduler starts each job with when om does")
	f.IntVar(&o.months, "months", 12, "how many months are compared")
	f.Var(&o.from, "from", "since when, instead of the present")
	f.StringArrayVar(&o.down, "down", nil, "the host is off: FROM..TO")
}

func (a *app) importCrontabVerb() *cobra.Command {
	var o importOptions
	var user string
	var system, users bool
	c := &cobra.Command{
		Use: "crontab FILE | - | --user USER | --system", Short: "Import crontabs",
		Long: `Import a crontab: a file, - for standard input, that of a user, or with --system /etc/crontab, those of /etc/cron.d
and those of all users. The lines of /etc/crontab and /etc/cron.d name a user; --user-column says so of another file.

` + importCodes,
		Example: `  om import crontab --dry-run /etc/cron.d/sysstat
  crontab -l | om import crontab - --to mine`,
		RunE: func(_ *cobra.Command, args []string) error {
			tables, losses, err := a.crontabs(migrate.Host{Root: o.root}, args, user, system)
			if err != nil {
				return err
			}
			var drafts []migrate.Draft
			for i := range tables {
				if err := a.zoned(&tables[i]); err != nil {
					return err
				}
				tables[i].Users = tables[i].Users || users
				drafts = append(drafts, tables[i].Draft())
			}
			return a.importDrafts(drafts, losses, o)
		},
		ValidArgsFunction: filesAllowed,
	}
	addImport(c, &o)
	addProve(c, &o.proveOptions)
	f := c.Flags()
	f.StringVar(&user, "user", "", "the user whose crontab it is")
	f.BoolVar(&system, "system", false, "all crontabs of the host")
	f.BoolVar(&users, "user-column", false, "each line names its user, as in /etc/crontab")
	return c
}

func (a *app) importAnacrontabVerb() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use: "anacrontab [FILE]", Short: "Import an anacrontab",
		Long: "Import an anacrontab, by default /etc/anacrontab.\n\n" + importCodes,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("om import anacrontab: wanted one file, not %q", args)
			}
			h := migrate.Host{Root: o.root}
			table, err := h.Anacrontab(strings.Join(args, ""))
			if err != nil {
				return err
			}
			if table.Zone, err = a.foreignZone(); err != nil {
				return err
			}
			return a.importDrafts([]migrate.Draft{table.Draft()}, nil, o)
		},
		ValidArgsFunction: filesAllowed,
	}
	addImport(c, &o)
	addProve(c, &o.proveOptions)
	return c
}

func (a *app) importSystemdVerb() *cobra.Command {
	var o importOptions
	var system, keep bool
	c := &cobra.Command{
		Use: "systemd TIMER|FILE|FOLDER ... | --system", Short: "Import timers of systemd with their services",
		Long: `Import timers and the services that they start: by name, as files, all of a folder, or with --system all that are
enabled. Each timer makes a service of its own, or with --to a task of that one.

` + importCodes,
		Example: `  om import systemd logrotate.timer --dry-run
  om import systemd --system --keep-units --to timers`,
		RunE: func(_ *cobra.Command, args []string) error {
			timers, err := timersOf(migrate.Host{Root: o.root}, args, system)
			if err != nil {
				return err
			}
			zone, err := a.foreignZone()
			if err != nil {
				return err
			}
			for i := range timers {
				timers[i].Zone, timers[i].KeepUnits = zone, keep
			}
			return a.importDrafts(timerDrafts(timers, o.to), nil, o)
		},
		ValidArgsFunction: filesAllowed,
	}
	addImport(c, &o)
	addProve(c, &o.proveOptions)
	f := c.Flags()
	f.BoolVar(&system, "system", false, "all timers that are enabled")
	f.BoolVar(&keep, "keep-units", false, "have systemctl start the services, and carry the timers alone")
	return c
}

func (a *app) importOpenSVCVerb() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use: "opensvc [FILE|FOLDER ...]", Short: "Import services of OpenSVC",
		Long: `Import the files of OpenSVC's services, by default all of /etc/opensvc. They stay as they are, but for what om refuses,
which becomes comments, and for keywords that make om do what the agents do.

` + importCodes,
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := migrate.Host{Root: o.root}.OpenSVC(args)
			if err != nil {
				return err
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			var drafts []migrate.Draft
			zone, err := a.foreignZone()
			if err != nil {
				return err
			}
			for i := range files {
				files[i].Zone = zone
				drafts = append(drafts, files[i].Draft(e.Node))
			}
			return a.importDrafts(drafts, nil, o)
		},
		ValidArgsFunction: filesAllowed,
	}
	addImport(c, &o)
	addProve(c, &o.proveOptions)
	return c
}

func timersOf(h migrate.Host, args []string, system bool) ([]migrate.Timer, error) {
	switch {
	case system && len(args) > 0:
		return nil, usage("--system is all timers that are enabled: it takes no names")
	case system:
		return h.EnabledTimers()
	case len(args) == 0:
		return nil, usage("om import systemd: wanted timers, files or folders, or --system")
	}
	return h.Timers(args)
}

// timerDrafts makes a draft for each timer, or one for all where the service is named.
func timerDrafts(timers []migrate.Timer, to string) (drafts []migrate.Draft) {
	for i := range timers {
		t := &timers[i]
		if to != "" && i > 0 {
			t.Path = to
			drafts[0].AddTimer(t)
			continue
		}
		if to != "" {
			t.Path = to
		}
		drafts = append(drafts, t.Draft())
	}
	return drafts
}

// filesAllowed lets the shell complete the names of files.
func filesAllowed(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// crontabs reads what the command line names.
func (a *app) crontabs(h migrate.Host, args []string, user string, system bool) ([]migrate.CronTable, []migrate.Loss, error) {
	switch {
	case system && len(args) == 0 && user == "":
		return h.SystemCrontabs()
	case system:
		return nil, nil, usage("--system is all crontabs of the host: it takes neither a file nor --user")
	case len(args) == 0 && user != "":
		c, err := h.UserCrontab(user)
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; crontab -l | om import crontab - reads one's own", err)
		}
		return []migrate.CronTable{c}, nil, err
	case len(args) == 0:
		return nil, nil, usage("om import crontab: wanted a file, - for standard input, --user USER or --system")
	}
	var all []migrate.CronTable
	for _, file := range args {
		c, err := a.crontab(h, file)
		if err != nil {
			return nil, nil, err
		}
		if user != "" {
			c.User = user
		}
		all = append(all, c)
	}
	return all, nil, nil
}

func (a *app) crontab(h migrate.Host, file string) (migrate.CronTable, error) {
	if file != "-" {
		return h.Crontab(file)
	}
	text, err := io.ReadAll(a.Stdin)
	return migrate.CronTable{Text: string(text), File: "standard input", Service: "crontab", Vixie: h.Vixie()}, err
}

// zoned tells a crontab of the zones of this host.
func (a *app) zoned(c *migrate.CronTable) (err error) {
	if c.Host, err = a.zoneNamed("Local"); err != nil {
		return err
	}
	c.Zones, c.Now = a.zoneNamed, a.Now()
	c.Zone, err = a.foreignZone()
	return err
}

// foreignZone is the zone of the host, which other schedulers go by, where node.conf names another; else "".
func (a *app) foreignZone() (string, error) {
	e, err := a.engine()
	if err != nil {
		return "", err
	}
	host, err := a.zoneNamed("Local")
	if own := e.Node.Timezone; err == nil && own != "" && own != host.String() {
		return host.String(), nil
	}
	return "", err
}
