package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"om/engine"
	"om/migrate"
	"om/task"
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

// importRow is what became of one foreign file, for programs.
type importRow struct {
	Service string     `json:"service"`
	File    string     `json:"file"`
	Source  string     `json:"source"`
	Written bool       `json:"written"`
	Tasks   int        `json:"tasks"`
	Text    string     `json:"text"`
	Losses  []lossRow  `json:"losses"`
	Proof   []proofRow `json:"proof"`
	engine  string
}

// lossRow is one thing that is not carried.
type lossRow struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Job  bool   `json:"job"`
	What string `json:"what"`
	Why  string `json:"why"`
}

// importDrafts writes the service files, all of them or none, and tells what became of each.
func (a *app) importDrafts(drafts []migrate.Draft, losses []migrate.Loss, o importOptions) error {
	drafts, losses = withJobs(drafts, losses)
	switch {
	case len(drafts) == 0:
		a.warnLosses(losses)
		return task.Errorf(task.ErrNotFound, "there is nothing to import")
	case o.to != "" && len(drafts) > 1:
		return usage("--to %q: it names one service, and there are %d files to import", o.to, len(drafts))
	case isVerb(o.to):
		return usage("--to %q: wanted a name that is no verb of om: this service could not be selected", o.to)
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	var p *migrate.Prover
	if o.prove {
		if p, err = a.prover(e, o.proveOptions); err != nil {
			return err
		}
	}
	rows := make([]importRow, len(drafts))
	for i := range drafts {
		d := &drafts[i]
		d.Service = cmp.Or(o.to, d.Service)
		if rows[i], err = a.importDraft(e, p, d); err != nil {
			return err
		}
		losses = append(losses, d.AllLosses()...)
	}
	if !o.dryRun {
		err = place(e, rows, o.replace)
	}
	told := a.imported(rows, losses, o)
	if err != nil {
		return err
	}
	return told
}

// withJobs leaves out what has no jobs. A service of OpenSVC's is one without tasks, too.
func withJobs(drafts []migrate.Draft, losses []migrate.Loss) ([]migrate.Draft, []migrate.Loss) {
	var all []migrate.Draft
	for i := range drafts {
		d := &drafts[i]
		lost := d.AllLosses()
		if d.Engine == "opensvc" || d.Tasks() > 0 || slices.ContainsFunc(lost, func(l migrate.Loss) bool { return l.Job }) {
			all = append(all, *d)
			continue
		}
		losses = append(losses, lost...)
		losses = append(losses, migrate.Loss{Place: migrate.Place{File: d.Source}, What: "the whole file", Why: "it has no job"})
	}
	return all, losses
}

func (a *app) warnLosses(losses []migrate.Loss) {
	for _, l := range losses {
		fmt.Fprintf(a.Stderr, "%s: %s\n", a.paint(a.Stderr, yellow, "warning"), visible(l.String()))
	}
}

// importDraft makes the text of one service file, and proves it.
func (a *app) importDraft(e *engine.Engine, p *migrate.Prover, d *migrate.Draft) (row importRow, err error) {
	if isVerb(d.Service) {
		d.Service += "-jobs" // it could not be selected
	}
	text, err := d.Write(e.Node)
	if err != nil {
		return row, err
	}
	row = importRow{
		Service: d.Service, File: filepath.Join(e.ConfigDir, d.Service+".conf"), Source: d.Source,
		Tasks: d.Tasks(), Text: string(text), Losses: []lossRow{}, engine: d.Engine,
	}
	for _, l := range d.AllLosses() {
		row.Losses = append(row.Losses, lossRow{l.File, l.Line, l.Job, l.What, l.Why})
	}
	row.Proof, err = a.proofs(p, d, text)
	return row, err
}

// place puts the files of services in their places, unless one of them is taken. Where one can't be made those that
// were are taken away again; what was replaced has its former version on record.
func place(e *engine.Engine, rows []importRow, replace bool) error {
	var errs []error
	seen := map[string]string{}
	for _, r := range rows {
		if other, twice := seen[r.File]; twice {
			errs = append(errs, fmt.Errorf("%s and %s would both be service %s: import one of them with --to", other, r.Source, r.Service))
		}
		seen[r.File] = r.Source
		if _, err := os.Lstat(r.File); err == nil && !replace {
			errs = append(errs, fmt.Errorf("%s is there already; nothing was changed: --replace replaces it, --to names another", r.File))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	made := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		err := e.Create(r.Service, []byte(r.Text))
		made[r.File] = err == nil
		if errors.Is(err, fs.ErrExist) && replace {
			err = e.Replace(context.Background(), r.Service, func([]byte) ([]byte, error) { return []byte(r.Text), nil })
		}
		if err != nil {
			return errors.Join(err, takeAway(rows[:i], made))
		}
		r.Written = true
	}
	return nil
}

// takeAway removes the files that were made.
func takeAway(rows []importRow, made map[string]bool) error {
	var errs []error
	for i := range rows {
		if r := &rows[i]; made[r.File] {
			errs = append(errs, os.Remove(r.File))
			r.Written = false
		}
	}
	return errors.Join(errs...)
}

// imported prints what became of the files.
func (a *app) imported(rows []importRow, losses []migrate.Loss, o importOptions) error {
	failed := o.strict && len(losses) > 0
	for _, r := range rows {
		failed = failed || slices.ContainsFunc(r.Proof, func(p proofRow) bool { return !p.Explained })
	}
	failed = failed || slices.ContainsFunc(losses, func(l migrate.Loss) bool { return l.Job })
	a.warnLosses(losses)
	if err := a.printImported(rows, o); err != nil {
		return err
	}
	a.hintTwice(rows)
	if failed {
		return codeError(exitFailed)
	}
	return nil
}

// hintTwice says that the other scheduler goes on.
func (a *app) hintTwice(rows []importRow) {
	if a.global.quiet || !slices.ContainsFunc(rows, func(r importRow) bool { return r.Written }) {
		return
	}
	ends := map[string]string{
		"cron": "take their lines out of its tables", "anacron": "take their lines out of its table", "systemd": "systemctl disable --now ends a timer",
		"opensvc": "take their schedules out of its files",
	}[rows[0].engine]
	fmt.Fprintf(a.Stderr, "hint: %s starts these jobs too: %s\n", rows[0].engine, ends)
}

func (a *app) printImported(rows []importRow, o importOptions) error {
	if a.global.output != "table" && a.global.output != "plain" {
		return a.list(listing{data: rows})
	}
	for i := range rows {
		if err := a.printImport(&rows[i], o); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printImport(r *importRow, o importOptions) error {
	switch {
	case o.dryRun && !o.prove:
		return a.write(r.Text)
	case r.Written:
		if err := a.printf("%s: %s, %s\n", r.Service, r.File, counted(r.Tasks, "task")); err != nil {
			return err
		}
	}
	return a.printProofs(r.Proof)
}
