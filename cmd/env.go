package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/engine"
	"om/schedule"
	"om/service"
	"om/task"
)

// Env is the process that om runs in, as main found it.
type Env struct {
	Args                  []string // argv, with the name om was called by
	Stdin, Stdout, Stderr *os.File
	Getenv                func(string) string
	Environ               func() []string
	Now                   func() time.Time
	Version, Commit, Date string // of the commit that the program was built from
}

// app is one call of om.
type app struct {
	Env
	selector string // the services meant: a path, a glob, a list; "" for the node
	global   global
	eng      *engine.Engine
	compact  bool // JSON is one line

	lenient   bool  // a wrong node.conf stops nothing: the defaults stand for it
	nodeWrong error // what was wrong with it then

	lacking error // what could not be read of what was asked for: it is told, and the exit code says so at the end
}

// global holds the flags that every verb takes.
type global struct {
	configDir, stateDir, output, color string
	quiet, utc                         bool
}

// engine makes the engine on first use, so that verbs that need none do not pay for it.
func (a *app) engine() (*engine.Engine, error) {
	if a.eng != nil {
		return a.eng, nil
	}
	config, state, err := a.folders()
	if err != nil {
		return nil, err
	}
	node, err := a.node(config)
	if err != nil {
		return nil, err
	}
	users := &task.Users{}
	a.eng = &engine.Engine{
		ConfigDir: config, StateDir: state, Node: node, Now: a.Now, Program: a.Version, EUID: os.Geteuid(),
		By: a.caller(users), Terminal: terminalName(a.Stdin), Users: users, Warn: a.doubt,
		Untold: a.untold, Trouble: a.trouble,
	}
	return a.eng, nil
}

// folders finds the configuration and the state.
func (a *app) folders() (config, state string, err error) {
	config, err = a.folder(a.global.configDir, "OM_CONFIG_DIR", "/etc/om", "XDG_CONFIG_HOME", ".config")
	if err == nil {
		state, err = a.folder(a.global.stateDir, "OM_STATE_DIR", "/var/lib/om", "XDG_STATE_HOME", ".local/state")
	}
	return config, state, err
}

// node reads node.conf.
func (a *app) node(config string) (service.Node, error) {
	host, err := a.nodeName()
	if err != nil {
		return service.Node{}, err
	}
	node, err := service.LoadNode(config, host)
	if a.lenient && errors.Is(err, task.ErrInvalid) {
		a.nodeWrong = err
		node, err = service.ParseNode("", nil, host)
	}
	if err != nil {
		return node, err
	}
	if name := a.Getenv("OM_NODENAME"); name != "" {
		node.Name = name
	}
	node.Zones = service.ZoneStamp()
	if tz := a.zoneVariable(); tz != nil {
		node.Zones = "TZ=" + strings.ReplaceAll(*tz, " ", "_") + ":" + node.Zones
	}
	node.Schedules = schedule.NewParser(a.zoneNamed)
	return node, nil
}

// zoneVariable is the variable TZ, nil where it is not set: empty, it means UTC.
func (a *app) zoneVariable() *string {
	for _, word := range a.Environ() {
		if value, ok := strings.CutPrefix(word, "TZ="); ok {
			return &value
		}
	}
	return nil
}

// zoneNamed finds a time zone; the host's, "Local", under its own name where that can be told.
func (a *app) zoneNamed(name string) (*time.Location, error) {
	if name != "Local" {
		return service.LoadZone(name)
	}
	if tz := a.zoneVariable(); tz != nil {
		return service.ZoneOf(*tz, a.Now()), nil
	}
	return service.HostZone(), nil
}

// untold tells the one who is here of those who are not told.
func (a *app) untold(id task.ID, err error) {
	fmt.Fprintf(a.Stderr, "om: %s: nobody is told: %s\n", id, visible(err.Error()))
}

// trouble tells the one who is here what went wrong beside what was asked for.
func (a *app) trouble(err error) {
	fmt.Fprintf(a.Stderr, "om: %s\n", visible(task.Text(err)))
}

// folder finds the configuration or the state: the flag, the variable, root's place, or the user's
// by the XDG base directory specification.
func (a *app) folder(flag, variable, root, xdg, home string) (string, error) {
	dir := flag
	if dir == "" {
		dir = a.Getenv(variable)
	}
	switch {
	case dir != "":
		return filepath.Abs(dir)
	case os.Geteuid() == 0:
		return root, nil
	case filepath.IsAbs(a.Getenv(xdg)):
		return filepath.Join(a.Getenv(xdg), "om"), nil
	case a.Getenv("HOME") != "":
		return filepath.Join(a.Getenv("HOME"), home, "om"), nil
	}
	return "", task.Errorf(task.ErrInvalid, "neither %s, %s nor HOME is set", variable, xdg)
}

func (a *app) nodeName() (string, error) {
	if name := a.Getenv("OM_NODENAME"); name != "" {
		return name, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("hostname: %w", err)
	}
	return strings.ToLower(name), nil
}

// caller names who asks: the user of the process, and through whom they became it.
func (a *app) caller(users *task.Users) string {
	name := users.Name(os.Getuid())
	if who := a.Getenv("SUDO_USER"); who != "" && os.Getuid() == 0 && who != name {
		return who + " as " + name
	}
	return name
}

// reader is engine for verbs that only look: a record that can't be written is read.
func (a *app) reader() (*engine.Engine, error) {
	e, err := a.engine()
	if e != nil {
		e.Reading = true
	}
	return e, err
}

// named lists what the selector means. A path stands for itself, so that who asks for a service that is not there is
// told so.
func (a *app) named() ([]string, error) {
	if task.ValidPath(a.selector) {
		return []string{a.selector}, nil
	}
	return a.services()
}

// namedWith is named, and refuses a selection of tasks that none of these services has.
func (a *app) namedWith(e *engine.Engine, sel engine.Selection) ([]string, error) {
	paths, err := a.named()
	if err != nil {
		return nil, err
	}
	return paths, e.Known(context.Background(), sel, paths...)
}

// selecting makes a verb of c that does something to what a selector means, which may stand behind it too.
func (a *app) selecting(c *cobra.Command, do func() error) {
	c.ValidArgsFunction = a.completeSelector
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := a.oneSelector(verbOf(c), args); err != nil {
			return err
		}
		return do()
	}
}

// oneSelector takes the selector that may stand behind a verb.
func (a *app) oneSelector(verb string, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "":
		return usage("om %s \"\": wanted a selector; without one all services are meant", verb)
	case len(args) > 1:
		return usage("om %s takes one selector, not %q and %q: several services are a list, as in web,db", verb, args[0], args[1])
	case len(args) == 1 && a.selector != "":
		return usage("om %s takes one selector, not %q and %q", verb, a.selector, args[0])
	case len(args) == 1:
		a.selector = args[0]
	}
	return nil
}

// listed lists all services. Namespaces that can't be looked into stop nothing: they are told of, and in the exit code.
func (a *app) listed(e *engine.Engine) ([]string, error) {
	all, err := e.Services()
	if !errors.As(err, new(*service.UnreadError)) {
		return all, err
	}
	if a.lacking == nil && !onlyPaths(a.selector) {
		a.tell(err)
		a.lacking = err
	}
	return all, nil
}

// onlyPaths says that a selector names each service that it means.
func onlyPaths(selector string) bool {
	for word := range strings.SplitSeq(selector, ",") {
		if !task.ValidPath(strings.TrimSpace(word)) {
			return false
		}
	}
	return true
}

// services lists what the selector means; none is an error.
func (a *app) services() ([]string, error) {
	e, err := a.engine()
	if err != nil {
		return nil, err
	}
	all, err := a.listed(e)
	if err != nil {
		return nil, err
	}
	away := ""
	if len(all) == 0 {
		away = e.Away(context.Background())
	}
	if away != "" {
		return nil, task.Errorf(task.ErrNotFound, "%s: nothing is started until it is back", away)
	}
	if len(all) == 0 && !a.global.quiet && a.lacking == nil {
		fmt.Fprintf(a.Stderr, "no services in %s\n", e.ConfigDir)
	}
	if a.selector == "" {
		return all, nil
	}
	return engine.Match(a.selector, all)
}

// service is services where exactly one will do. A plain path is not looked for among all.
func (a *app) service() (*engine.Engine, string, error) {
	e, err := a.engine()
	if err != nil {
		return nil, "", err
	}
	if task.ValidPath(a.selector) {
		return e, a.selector, nil
	}
	paths, err := a.services()
	if err != nil {
		return nil, "", err
	}
	if len(paths) != 1 {
		return nil, "", usage("%q means %d services (%s); this verb takes one", a.selector, len(paths), strings.Join(paths, " "))
	}
	return e, paths[0], nil
}
