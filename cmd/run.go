package cmd

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"om/confirm"
	"om/engine"
	"om/service"
	"om/task"
)

// runOptions are the flags of om SERVICE run.
type runOptions struct {
	engine.Selection
	force, confirm, dryRun, interactive bool
	env                                 []string
	timeout                             timeLimit
	parallel                            int
}

func runVerb(a *app) *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use: "run [--rid task#0,...] [--tags a+b,c]",
		Long: `Run the tasks of the service: all of them, or those that --rid, --tags and --subsets mean together.
Several run in the order of their rid. The run of one task exits with the command's own code (128 + n on
signal n, 124 on a timeout, 126 and 127 where it can't be started or found); of several, with 0 where all completed, 75
where all that did not were declined, else 1.`,
		Example: `  om testmd run --rid task#0
  om testmd run --tags backup+nightly
  om testmd run --rid task#0 --dry-run`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.runTasks(o) },
	}
	a.addSelection(c, &o.Selection)
	f := c.Flags()
	f.BoolVar(&o.force, "force", false, "override requirements, frozen, overlap and locks")
	f.BoolVar(&o.confirm, "confirm", false, "answer yes to confirmations")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would run, and run nothing")
	f.BoolVarP(&o.interactive, "interactive", "i", false, "give the command this terminal")
	f.StringArrayVar(&o.env, "env", nil, "NAME=VALUE for the command's environment")
	f.Var(&o.timeout, "timeout", "time limit instead of the task's own (90, 90s, 1h30m, 1d)")
	f.IntVar(&o.parallel, "parallel", 1, "how many tasks run at once")
	return c
}

// addSelection adds the three flags that select tasks, with completion by what the file has.
func (a *app) addSelection(c *cobra.Command, s *engine.Selection) {
	f := c.Flags()
	f.Var((*list)(&s.RID), "rid", "tasks or groups: task#0,task#2 or task")
	f.Var((*list)(&s.Tags), "tags", "tags: + is and, a comma is or")
	f.Var((*list)(&s.Subsets), "subsets", "subsets")
	_ = c.RegisterFlagCompletionFunc("rid", a.completeRIDs)
	_ = c.RegisterFlagCompletionFunc("tags", a.completeTags)
	_ = c.RegisterFlagCompletionFunc("subsets", a.completeSubsets)
}

// timeLimit is a flag that takes what the keyword timeout takes.
type timeLimit time.Duration

func (l *timeLimit) String() string {
	if *l == 0 {
		return ""
	}
	return time.Duration(*l).String()
}
func (l *timeLimit) Type() string { return "duration" }

// Set reads a duration as the files have it.
func (l *timeLimit) Set(text string) error {
	d, err := service.ParseDuration(text)
	*l = timeLimit(d)
	return err
}

// list is a flag whose values add up, with commas between them.
type list string

func (l *list) String() string { return string(*l) }
func (l *list) Type() string   { return "list" }

// Set adds a value.
func (l *list) Set(value string) error {
	if *l != "" {
		value = string(*l) + "," + value
	}
	*l = list(value)
	return nil
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("om %s takes no %q", verbOf(c), args[0])
	}
	return nil
}

// wantedVerb is for a verb that has others behind it, and was given none of them.
func wantedVerb(words string) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("om %s: wanted %s", verbOf(c), words)
		}
		var known []string
		for _, below := range c.Commands() {
			known = append(known, below.Name())
		}
		return usage("om %s %q: wanted %s%s", verbOf(c), args[0], words, didYouMean(args[0], known))
	}
}

func (o runOptions) check() error {
	for _, word := range o.env {
		if name, _, ok := strings.Cut(word, "="); !ok || name == "" {
			return usage("--env %q: wanted NAME=VALUE", word)
		}
	}
	switch {
	case o.parallel < 1:
		return usage("--parallel %d: wanted 1 or more", o.parallel)
	case o.interactive && o.parallel > 1:
		return usage("--interactive and --parallel: one terminal is for one task at a time")
	}
	return nil
}

// runTasks runs the tasks of every service that is selected, and turns the results into one exit code.
func (a *app) runTasks(o runOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if format := a.global.output; format != "table" && !o.dryRun {
		return usage("--output %s is for --dry-run: what a run prints is its tasks'; om %s history -o %s has the results", format, a.selector, format)
	}
	paths, err := a.named()
	if err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // nobody reads what om says: the tasks go on all the same
	var all []engine.Result
	var errs []error
	req := a.request(o)
	for _, path := range paths {
		results, err := e.Run(context.Background(), path, req)
		all = append(all, results...)
		if len(paths) == 1 && err != nil {
			return a.stopped(err)
		}
		errs = append(errs, err)
		if refused(err) {
			break
		}
	}
	if o.dryRun {
		return errors.Join(errors.Join(errs...), a.printRehearsal(all))
	}
	return a.several(errs, a.verdict(all))
}

// several adds the services that could not run at all to the verdict on the others: each is told, and
// what failed comes before what was declined.
func (a *app) several(errs []error, verdict error) error {
	code := exitCode(verdict)
	for _, err := range errs {
		if err == nil {
			continue
		}
		a.note("", engine.Error, task.Text(err))
		if c := exitCode(err); c != exitDeclined && c != exitNotFound || code != 0 && code != exitDeclined {
			code = exitFailed
		} else if code == 0 {
			code = c
		}
	}
	return codeError(code)
}

func (a *app) request(o runOptions) engine.Request {
	return engine.Request{
		Select: o.Selection, Origin: task.Manual, Force: o.force, DryRun: o.dryRun, Env: o.env,
		Timeout: time.Duration(o.timeout), Parallel: o.parallel, Interactive: o.interactive,
		Ask:   a.asker(o.confirm),
		Live:  task.Live{Stdin: a.Stdin, Stdout: a.Stdout, Stderr: a.Stderr},
		Note:  a.note,
		Done:  a.tellResult,
		Catch: sync.OnceValues(func() (context.Context, error) { return task.CatchSignals(context.Background()) }),
	}
}

// asker asks on the terminal, unless the command line has answered already.
func (a *app) asker(yes bool) func(context.Context, task.Task) (string, error) {
	return func(ctx context.Context, t task.Task) (string, error) {
		if yes {
			return "--confirm", nil
		}
		ask := confirm.Asker{In: a.Stdin, Out: a.Stdout, Timeout: 30 * time.Second, Getenv: a.Getenv}
		return "terminal " + terminalName(a.Stdin), ask.Ask(ctx, t.ID.RID)
	}
}

// stopped tells why nothing ran, in the documented words where a person did not confirm.
func (a *app) stopped(err error) error {
	if !refused(err) {
		return err
	}
	a.note("", engine.Error, "'run' action stopped on execution error: "+err.Error())
	if h := hint(err); h != "" {
		fmt.Fprintln(a.Stderr, "hint: "+h)
	}
	return codeError(exitFailed)
}

// refused tells a person's answer from other errors.
func refused(err error) bool {
	return errors.Is(err, confirm.ErrAborted) || errors.Is(err, confirm.ErrTimeout)
}

// verdict gives the exit code of the whole.
func (a *app) verdict(results []engine.Result) error {
	ran := slices.DeleteFunc(slices.Clone(results), func(r engine.Result) bool { return r.Skipped != "" })
	if len(results) == 1 {
		return codeError(resultCode(results[0]))
	}
	code := 0
	for _, r := range ran {
		switch c := resultCode(r); {
		case c == 0, r.Err == nil && r.Run.State == task.Complete:
		case c == exitDeclined && r.Run.ID == "" && code != exitFailed:
			code = exitDeclined
		default:
			code = exitFailed
		}
	}
	return codeError(code)
}

func (a *app) tellResult(r engine.Result) {
	rid := r.Task.ID.RID
	if r.Err != nil {
		a.note(rid, engine.Error, task.Text(reason(r.Err)))
		if h := hint(r.Err); h != "" {
			fmt.Fprintln(a.Stderr, "hint: "+h)
		}
		return
	}
	if r.Run.State.Final() && r.Run.State != task.Complete {
		a.note(rid, engine.Error, r.Run.Summary())
	}
}

// reason is an error without what the line says already: which task it is about.
func reason(err error) error {
	var declined *task.DeclinedError
	if errors.As(err, &declined) {
		return errors.New(declined.Decision.Blockers()[0].Detail)
	}
	return err
}

// resultCode is the exit code of one task's result.
func resultCode(r engine.Result) int {
	var unresolved *task.ResolveError
	switch {
	case r.Skipped != "":
		return 0
	case errors.As(r.Err, &unresolved):
		return unresolved.Code
	case r.Err != nil && !r.Run.State.Final():
		return exitCode(r.Err)
	case r.Err != nil && r.Run.Code() == 0:
		return exitFailed
	}
	return r.Run.Code()
}

// printRehearsal prints what a dry run found: per task the decision and the whole command.
func (a *app) printRehearsal(results []engine.Result) error {
	rows := make([]rehearsal, len(results))
	code := 0
	for i, r := range results {
		rows[i] = rehearsalOf(r)
		if r.Err != nil || !r.Decision.Run() {
			code = max(code, exitDeclined)
		}
		if r.Err != nil {
			code = resultCode(r)
		}
	}
	if a.global.output != "table" && a.global.output != "plain" {
		return errors.Join(a.list(listing{data: rows}), codeError(code))
	}
	for _, row := range rows {
		if err := a.write(row.text()); err != nil {
			return err
		}
	}
	return codeError(code)
}
