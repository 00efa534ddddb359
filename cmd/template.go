package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"om/service"
	"om/task"
)

func templateVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "template ls|show",
		Long: `List and print the templates of om SERVICE create --template and om init --template: those that om brings along, and
NAME.template files in the folder templates of the configuration, which win. A template is the file of a service; the keys of its
section [env] are its parameters, and those without a value must be given one. A line "#: KIND" above one says what its value must
be: number, folder, folder of its own (none of the system's), or folder of its own, or HOST:FOLDER.`,
		Example: `  om template ls
  om template show rsync
  om web create --template rsync --set source=/srv/web --set target=backup:/srv/web`,
		RunE: wantedVerb("ls or show"),
	}
	c.AddCommand(
		&cobra.Command{Use: "ls", Short: "List the templates", Args: noArgs, RunE: func(*cobra.Command, []string) error { return a.templates() }},
		&cobra.Command{
			Use: "show NAME", Short: "Print the text of a template", Args: oneArg("template: om template ls lists them"),
			ValidArgsFunction: a.completeTemplates, RunE: func(_ *cobra.Command, args []string) error { return a.showTemplate(args[0]) },
		},
	)
	return c
}

// templateRow is one template, for programs.
type templateRow struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Parameters  []parameterRow `json:"parameters"`
	File        string         `json:"file"` // "" for one that om brings along
}

type parameterRow struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Default     string `json:"default"`
	Required    bool   `json:"required"`
	Kind        string `json:"kind"` // "" for anything
}

func (a *app) templates() error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	all, broken := service.Templates(e.ConfigDir)
	rows := []templateRow{}
	l := listing{columns: []string{"TEMPLATE", "PARAMETERS", "DESCRIPTION"}, least: []int{0, 12, 12}}
	for _, t := range all {
		row := templateRow{t.Name, t.Description, []parameterRow{}, t.File}
		var words []string
		for _, p := range t.Parameters {
			row.Parameters = append(row.Parameters, parameterRow{p.Name, p.Description, p.Value, p.Value == "", p.Kind})
			words = append(words, parameterWord(p))
		}
		rows = append(rows, row)
		l.rows = append(l.rows, []string{t.Name, strings.Join(words, " "), t.Description})
	}
	l.data = rows
	if err := a.list(l); err != nil {
		return err
	}
	return broken
}

// parameterWord shows a parameter: source= where it must be said, [days] where it need not.
func parameterWord(p service.Parameter) string {
	if p.Value == "" {
		return p.Name + "="
	}
	return "[" + p.Name + "]"
}

func (a *app) showTemplate(name string) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	t, err := service.ReadTemplate(e.ConfigDir, name)
	if err != nil {
		return err
	}
	return a.write(a.shown(string(t.Text)))
}

// fromTemplate is the text of a new service, of a template with its parameters.
func (a *app) fromTemplate(name string, values []string) (*service.Document, error) {
	e, err := a.engine()
	if err != nil {
		return nil, err
	}
	t, err := service.ReadTemplate(e.ConfigDir, name)
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		if visible(v) != v {
			return nil, usage("--set %q: wanted a value with no control characters", v)
		}
	}
	d, err := t.Fill(values)
	switch missing := t.Missing(values); {
	case len(missing) > 0 && errors.Is(err, service.ErrMissing):
		return nil, usage("template %s: wanted %s", name, wantedOf(missing))
	case err != nil:
		return nil, usageError{task.Text(err)}
	}
	return d, nil
}

// wantedOf tells parameters that must be given: --set source=... (the folder to archive).
func wantedOf(missing []service.Parameter) string {
	var words []string
	for _, p := range missing {
		words = append(words, fmt.Sprintf("--set %s=... (%s)", p.Name, strings.TrimSuffix(p.Description, ".")))
	}
	return strings.Join(words, " ")
}

// addTemplate adds the flags of those verbs that make a service of a template.
func (a *app) addTemplate(c *cobra.Command, name *string, values *[]string) {
	c.Flags().StringVar(name, "template", "", "the template to begin with: om template ls lists them")
	c.Flags().StringArrayVar(values, "set", nil, "a parameter of the template, NAME=VALUE")
	_ = c.RegisterFlagCompletionFunc("template", a.completeTemplates)
	_ = c.RegisterFlagCompletionFunc("set", a.completeParameters)
}

func (a *app) completeTemplates(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	e, err := a.engine()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, _ := service.Templates(e.ConfigDir)
	var words []string
	for _, t := range all {
		words = append(words, t.Name+"\t"+visible(t.Description))
	}
	return beginning(words, typed), cobra.ShellCompDirectiveNoFileComp
}

// completeParameters offers the parameters of the template that is named before.
func (a *app) completeParameters(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	e, err := a.engine()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	name, _ := c.Flags().GetString("template")
	t, err := service.ReadTemplate(e.ConfigDir, name)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for _, p := range t.Parameters {
		words = append(words, visible(p.Name+"=")+"\t"+visible(p.Description))
	}
	return beginning(words, typed), cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}
