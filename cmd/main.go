package cmd

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"om/task"
)

// Main runs om and returns its exit code.
func Main(env Env) int {
	if len(env.Args) > 1 && env.Args[1] == superviseVerb {
		return supervise(env)
	}
	a := &app{Env: env}
	err := a.run()
	a.tell(err)
	if err == nil {
		err = a.lacking // which is told
	}
	return exitCode(err)
}

func (a *app) run() error {
	r := routeOf(a.Args, isVerb)
	if r.verb == cobra.ShellCompRequestCmd || r.verb == cobra.ShellCompNoDescRequestCmd {
		return a.complete(r)
	}
	a.selector = r.selector
	if slices.Contains(r.args, "--version") && r.verb == "" {
		r = route{verb: "version", args: []string{"version"}}
	}
	if err := a.known(r); err != nil {
		return err
	}
	root := a.root(a.wanted(r))
	root.SetArgs(slices.Clip(r.args))
	return root.Execute()
}

// known refuses verbs that do not exist, or not where they stand, and says what was meant.
func (a *app) known(r route) error {
	if slices.Contains(r.args, "--help") || slices.Contains(r.args, "-h") {
		return nil
	}
	if r.verb == "" {
		return a.noVerb(r)
	}
	v, ok := find(r.verb)
	switch {
	case !ok:
		return usage("%q is no verb%s; om help lists them", r.verb, didYouMean(r.verb, names(r.selector != "")))
	case r.selector != "" && !v.service:
		return usage("om %s takes no service", v.name)
	case r.selector == "" && !v.node:
		return usage("om %s needs a service: om SERVICE %s", v.name, v.name)
	}
	return nil
}

// noVerb is for a command line with no verb in it: help, or a word that is none.
func (a *app) noVerb(r route) error {
	if r.selector == "" {
		return nil
	}
	if near := didYouMean(r.selector, names(false)); near != "" {
		return usage("%q is no verb of om%s", r.selector, near)
	}
	return usage("what about service %q? om %s run, om %s print status; om help lists the verbs", r.selector, r.selector, r.selector)
}

func didYouMean(word string, list []string) string {
	if near := task.Nearest(word, list); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// wanted is the verbs to build commands for: the one that is called; for a help, which lists them, all of
// them by name.
func (a *app) wanted(r route) []verb {
	v, ok := find(r.verb)
	if ok && v.name != "help" {
		return []verb{v}
	}
	all := verbs()
	for i := range all {
		if name := all[i].name; name != "help" {
			all[i].build = func(*app) *cobra.Command { return &cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}} }
		}
	}
	return all
}

// root builds the command tree, as much of it as is wanted.
func (a *app) root(wanted []verb) *cobra.Command {
	root := &cobra.Command{
		Use:         "om [SERVICE] VERB",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: calledFor(wanted)},
		Short:       "run the tasks of services",
		Long: `om runs the tasks that services carry in their own files, as the right user, where and when the
service's resources allow it, and keeps a record of what happened.

  om SERVICE VERB    acts on a service: "testmd", "prod/testmd", a glob ("prod/*") or a list ("a,b")
  om VERB            acts on this node

` + exitCodes,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(&cobra.Command{Hidden: true, Use: "no-help"})
	a.addGlobals(root)
	for _, v := range wanted {
		root.AddCommand(a.build(v))
	}
	return root
}

// flagError adds the flag that was meant to the error of one that does not exist.
func flagError(c *cobra.Command, err error) error {
	word, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return usageError{err.Error()}
	}
	var known []string
	add := func(f *pflag.Flag) { known = append(known, f.Name) }
	c.Flags().VisitAll(add)
	c.InheritedFlags().VisitAll(add)
	if near := task.Nearest(word, known); near != "" {
		return usage("om %s has no --%s, did you mean --%s?", verbOf(c), word, near)
	}
	return usage("om %s has no --%s", verbOf(c), word)
}

// verbOf is the words of a command behind om: schedule next.
func verbOf(c *cobra.Command) string {
	if p := c.Parent(); p != nil && p.HasParent() {
		return verbOf(p) + " " + c.Name()
	}
	return c.Name()
}

// calledFor is how the verbs that are built are called, for usage lines.
func calledFor(vs []verb) string {
	switch {
	case len(vs) != 1:
		return "om"
	case vs[0].node && vs[0].service:
		return "om [SERVICE]"
	case vs[0].service:
		return "om SERVICE"
	}
	return "om"
}

func (a *app) addGlobals(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.global.configDir, "config-dir", "", "folder of the service files (OM_CONFIG_DIR)")
	f.StringVar(&a.global.stateDir, "state-dir", "", "folder of the record (OM_STATE_DIR)")
	f.StringVar(&a.global.color, "color", "auto", "auto, always or never")
	f.StringVarP(&a.global.output, "output", "o", "table", "table, plain, json, yaml, jsonl or csv")
	f.BoolVarP(&a.global.quiet, "quiet", "q", false, "errors and results only")
	f.BoolVar(&a.global.utc, "utc", false, "print times in UTC")
	f.StringP("service", "s", "", "the service, where it can't stand first")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.checkGlobals() }
}

func (a *app) checkGlobals() error {
	if !slices.Contains(formats(), a.global.output) {
		return usage("--output %q: wanted one of %s", a.global.output, strings.Join(formats(), ", "))
	}
	if !slices.Contains([]string{"auto", "always", "never"}, a.global.color) {
		return usage("--color %q: wanted auto, always or never", a.global.color)
	}
	return nil
}

// build makes the cobra command of a verb. Its help ends with the exit codes.
func (a *app) build(v verb) *cobra.Command {
	c := v.build(a)
	c.Short = v.short
	c.Long = strings.TrimSpace(v.short + ".\n\n" + c.Long + "\n\n" + exitCodes)
	c.ValidArgsFunction = orNoFiles(c.ValidArgsFunction)
	return c
}

// tell prints what went wrong, once, as people read it.
func (a *app) tell(err error) {
	var code codeError
	if err == nil || errors.As(err, &code) {
		return
	}
	fmt.Fprintf(a.Stderr, "om: %s\n", strings.ReplaceAll(visible(task.Text(err)), "\n", "\n    "))
	if hint := hint(err); hint != "" {
		fmt.Fprintf(a.Stderr, "hint: %s\n", hint)
	}
}

// interruptible is a context that ends with Ctrl-C, a hang-up or a termination, and says which.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}
