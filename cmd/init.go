package cmd

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"om/confirm"
	"om/service"
	"om/task"
)

// firstService is what om init asks for, or a template in place of the command.
type firstService struct {
	name, command, schedule, user string
	template                      string
	values                        []string
}

func initVerb(a *app) *cobra.Command {
	var o firstService
	c := &cobra.Command{
		Use: "init [--name NAME --command COMMAND --schedule SCHEDULE | --template NAME]",
		Long: `Make a service with one task. What no flag says is asked for on the terminal: its name, the command, and when
it runs; with --template its name, and the parameters that the template wants.`,
		Example: `  om init
  om init --template backup
  om init --name web --command "/srv/web/bin/purge.sh --older 30d" --schedule "02:00-04:00 mon-fri" --user web`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.init(o) },
	}
	f := c.Flags()
	f.StringVar(&o.name, "name", "", "the name of the service, or NAMESPACE/NAME")
	f.StringVar(&o.command, "command", "", "the command of its task")
	f.StringVar(&o.schedule, "schedule", "", "when it runs; none for by hand only")
	f.StringVar(&o.user, "user", "", "the user that it runs as, by default the owner of the file")
	a.addTemplate(c, &o.template, &o.values)
	return c
}

func (a *app) init(o firstService) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := a.askFor(&o); err != nil {
		return err
	}
	e, path, err := a.newService(o.name)
	if err != nil {
		return err
	}
	d, err := a.first(o)
	if err != nil {
		return err
	}
	if err := e.Create(path, d.Bytes()); err != nil {
		return err
	}
	return a.nextSteps(e, path)
}

func (o *firstService) check() error {
	switch {
	case o.template == "" && len(o.values) > 0:
		return usage("om init: --set is for --template")
	case o.template != "" && o.command+o.schedule+o.user != "":
		return usage("om init: --template says command, schedule and user: om set changes them afterwards")
	}
	return nil
}

// first is the text of the first service.
func (a *app) first(o firstService) (*service.Document, error) {
	if o.template != "" {
		return a.fromTemplate(o.template, o.values)
	}
	d := service.NewDocument(nil)
	if o.schedule == "none" {
		o.schedule = ""
	}
	for _, kw := range [...][2]string{{"command", o.command}, {"user", o.user}, {"schedule", o.schedule}} {
		if kw[1] == "" {
			continue
		}
		if err := d.Set("task#0", kw[0], kw[1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// asked is a question of om init, and where its answer goes.
type asked struct {
	answer         *string
	text, fallback string
	wrong          func(string) error
	parameter      string // of the template; "" for what the command line has a flag for
}

// questions lists what no flag said.
func (a *app) questions(o *firstService) ([]asked, error) {
	all := []asked{{&o.name, "Name of the service", "", a.wrongName, ""}}
	if o.template == "" {
		all = append(all,
			asked{&o.command, "Command of its task", "", func(s string) error { return wantedOne(s, "a command") }, ""},
			asked{&o.schedule, "When does it run (02:00-04:00 mon-fri, */5 * * * *, every 1h, none)", "none", a.wrongSchedule, ""},
		)
		return slices.DeleteFunc(all, func(q asked) bool { return *q.answer != "" }), nil
	}
	e, err := a.engine()
	if err != nil {
		return nil, err
	}
	t, err := service.ReadTemplate(e.ConfigDir, o.template)
	if err != nil {
		return nil, err
	}
	for _, p := range t.Missing(o.values) {
		all = append(all, asked{new(string), cmp.Or(strings.TrimSuffix(p.Description, "."), p.Name), "", func(s string) error { return wantedValue(s, p) }, p.Name})
	}
	return slices.DeleteFunc(all, func(q asked) bool { return *q.answer != "" }), nil
}

// askFor asks for what no flag said. What is wrong is asked for again.
func (a *app) askFor(o *firstService) error {
	all, err := a.questions(o)
	if err != nil || len(all) == 0 {
		return err
	}
	if _, ok := confirm.Terminal(a.Stdin); !ok {
		if o.template != "" {
			return usage("om init: stdin is not a terminal: wanted --name, and --set for %s", unsaid(all))
		}
		return usage("om init: stdin is not a terminal: wanted --name, --command and --schedule (none for by hand only)")
	}
	in := bufio.NewReader(a.Stdin)
	for _, q := range all {
		for *q.answer == "" {
			answer, err := a.question(in, q.text, q.fallback)
			if err != nil {
				return err
			}
			if err := q.wrong(answer); err != nil {
				a.tell(err)
				continue
			}
			*q.answer = answer
		}
		if q.parameter != "" {
			o.values = append(o.values, q.parameter+"="+*q.answer)
		}
	}
	return nil
}

// unsaid lists the parameters that are asked for.
func unsaid(all []asked) string {
	var names []string
	for _, q := range all {
		if q.parameter != "" {
			names = append(names, q.parameter)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "its parameters")
}

func wantedOne(answer, what string) error {
	if answer == "" {
		return usage("wanted %s", what)
	}
	return nil
}

// wantedValue refuses an answer that the parameter can't have.
func wantedValue(answer string, p service.Parameter) error {
	if answer == "" {
		return wantedOne(answer, p.Name)
	}
	if err := p.Check(answer); err != nil {
		return usageError{task.Text(err)}
	}
	return nil
}

func (a *app) wrongName(name string) error {
	_, _, err := a.newService(name)
	return err
}

func (a *app) wrongSchedule(text string) error {
	if text == "none" {
		return nil
	}
	_, err := a.calendar(calendarOptions{Task: task.Task{DSTGap: "after", DSTOverlap: "first", SpreadBy: "node"}}, []string{text})
	return err
}

// question reads one line after a question; an empty one is the fallback.
func (a *app) question(in *bufio.Reader, text, fallback string) (string, error) {
	if fallback != "" {
		text += " [" + fallback + "]"
	}
	if err := a.printf("%s: ", text); err != nil {
		return "", err
	}
	line, err := in.ReadString('\n')
	if errors.Is(err, io.EOF) {
		return "", errors.New("nobody answered; nothing was changed")
	}
	if line = strings.TrimSpace(line); line == "" {
		line = fallback
	}
	return line, err
}
