package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"om/confirm"
	"om/engine"
	"om/service"
	"om/task"
)

func createVerb(a *app) *cobra.Command {
	var o newText
	c := &cobra.Command{
		Use: "create [--from FILE|SERVICE | --template NAME [--set NAME=VALUE]] task#0.command=/bin/date ...",
		Long: `Make the file of a new service: of keywords, SECTION.KEYWORD[@SCOPE]=VALUE as om set takes them, of the text of a file (- is
standard input), of that of another service or of a template, with the keywords changed. A text with errors makes no file.`,
		Example: `  om testmd create task#0.command=/bin/date 'task#0.schedule=02:00-04:00 mon-fri'
  om web2 create --from web1 task#0.user=web2
  om web create --template backup --set source=/srv/web task#0.timeout=1h`,
		RunE: func(_ *cobra.Command, args []string) error { o.kws = append(o.kws, args...); return a.create(o) },
	}
	c.Flags().StringArrayVar(&o.kws, "kw", nil, "SECTION.KEYWORD=VALUE")
	c.Flags().StringVar(&o.from, "from", "", "a file with the text to begin with, - for standard input, or a service")
	a.addTemplate(c, &o.template, &o.values)
	c.ValidArgsFunction = a.completeKeys
	return c
}

// newText is what a new service begins with, and the keywords that change it.
type newText struct {
	from, template string
	values, kws    []string
}

func (o *newText) check(path string) error {
	switch {
	case o.from != "" && o.template != "":
		return usage("om %s create: wanted --from or --template", path)
	case o.template == "" && len(o.values) > 0:
		return usage("om %s create: --set is for --template", path)
	case o.from == "" && o.template == "" && len(o.kws) == 0:
		return usage("om %s create: wanted keywords (task#0.command=/bin/date), --from or --template", path)
	}
	return nil
}

func (a *app) create(o newText) error {
	e, path, err := a.newService(a.selector)
	if err != nil {
		return err
	}
	if err = o.check(path); err != nil {
		return err
	}
	changes, err := changesOf("create", o.kws)
	if err != nil {
		return err
	}
	d, err := a.begun(e, o)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err = d.Apply(c); err != nil {
			return err
		}
	}
	file, err := service.File(e.ConfigDir, path)
	if err != nil {
		return err
	}
	return a.did(e.Create(path, d.Bytes()), file, "made: om "+path+" print schedule")
}

// begun is the text that a new service begins with.
func (a *app) begun(e *engine.Engine, o newText) (*service.Document, error) {
	if o.template != "" {
		return a.fromTemplate(o.template, o.values)
	}
	text, err := a.fromText(e, o.from)
	return service.NewDocument(text), err
}

// newService refuses what can't be the path of a new service: a pattern, or a verb, which could not be selected.
func (a *app) newService(path string) (*engine.Engine, string, error) {
	e, err := a.engine()
	if err != nil {
		return nil, "", err
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case !task.ValidPath(path):
		return nil, "", usage("%q: wanted NAME or NAMESPACE/NAME, of letters, digits and - _ . :", path)
	case isVerb(name):
		return nil, "", usage("%q: wanted a name that is no verb of om", name)
	}
	return e, path, nil
}

// fromText is the text of a file, of standard input or of another service.
func (a *app) fromText(e *engine.Engine, from string) ([]byte, error) {
	switch from {
	case "":
		return nil, nil
	case "-":
		return io.ReadAll(a.Stdin)
	}
	if task.ValidPath(from) {
		svc, err := e.Load(from)
		if err == nil {
			return svc.Text, nil
		}
		if !errors.Is(err, task.ErrNotFound) {
			return nil, err
		}
	}
	return os.ReadFile(from)
}

func deleteVerb(a *app) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "delete [--confirm]",
		Long: `Delete the file of the service, so that none of its tasks runs any more. The record keeps its runs, and the text
as a version: om SERVICE config restore brings it back. A person is asked first, or --confirm is given. While a run goes on nothing is
deleted.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.delete(yes) },
	}
	c.Flags().BoolVar(&yes, "confirm", false, "do not ask")
	return c
}

func (a *app) delete(yes bool) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	svc, err := e.Load(path)
	if err != nil {
		return err
	}
	if !yes {
		if err := a.agree(fmt.Sprintf("This deletes %s with %s.", svc.File, counted(len(svc.Tasks), "task"))); err != nil {
			return err
		}
	}
	return a.did(e.Delete(context.Background(), path), path, "deleted: om "+path+" config restore brings it back")
}

// agree asks a person on the terminal for a full yes.
func (a *app) agree(about string) error {
	if _, ok := confirm.Terminal(a.Stdin); !ok {
		return usage("stdin is not a terminal: use --confirm")
	}
	answer, err := a.question(bufio.NewReader(a.Stdin), about+" Do you want that (yes/no)", "no")
	if err == nil && answer != "yes" {
		err = errors.New("nothing was changed")
	}
	return err
}

func renameVerb(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "rename NEW",
		Long: `Give the service another name, or put it into another namespace. What the record has of it goes with it: its runs and
their output, its slots, the versions of its file. No slot is run twice and none is lost. While a run goes on nothing
is renamed.`,
		Example: "  om testmd rename prod/testmd",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("om rename: wanted one new name")
			}
			return a.rename(args[0])
		},
	}
}

func (a *app) rename(to string) error {
	_, from, err := a.service()
	if err != nil {
		return err
	}
	e, to, err := a.newService(to)
	if err != nil {
		return err
	}
	return a.did(e.Rename(context.Background(), from, to), from, "is "+to+" now")
}

// nextSteps tells what was made, and what to type now.
func (a *app) nextSteps(e *engine.Engine, path string) error {
	svc, err := e.Load(path)
	if err != nil {
		return err
	}
	rid := "task#0"
	if len(svc.Tasks) > 0 {
		rid = svc.Tasks[0].ID.RID
	}
	if err = a.printf("%s is made. Now\n  om %-30s runs its first task\n  om %-30s changes the file\n", svc.File, path+" run --rid "+rid, path+" edit"); err != nil {
		return err
	}
	planned, err := e.Schedules(context.Background(), path, engine.Selection{})
	if err != nil || len(planned) == 0 {
		return err
	}
	return a.printf("It is due next at %s, where om tick or om daemon is at work (om doctor tells)\n", planned[0].Next.In(time.Local).Format(time.RFC3339))
}
