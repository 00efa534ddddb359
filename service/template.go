package service

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"om/task"
)

//go:embed template/*.template
var ownTemplates embed.FS

// templateExt is what files of templates end with: what ends with .conf in the folder of a namespace is a service.
const templateExt = ".template"

// Template is a text that a new service may begin with. Its parameters are the keys of its section [env]; those that have no
// value must be given one.
type Template struct {
	Name        string
	Description string // its first comment
	File        string // "" for one that om brings along
	Parameters  []Parameter
	Text        []byte
}

// ErrMissing is for a parameter of a template that must be given, and is not.
var ErrMissing = errors.New("missing")

// Templates lists the templates that om brings along and those in dir/templates, by name. One of dir takes the place
// of om's. Those that can't be read are left out, and told in the error; so is a folder that can't be looked into, and what
// takes the place of om's is not known then.
func Templates(dir string) ([]Template, error) {
	var errs []error
	var all []Template
	_, err := os.ReadDir(filepath.Join(dir, "templates"))
	away := err != nil && !errors.Is(err, fs.ErrNotExist)
	if away {
		errs = append(errs, unreadable(err))
	}
	for _, name := range templateNames(dir) {
		t, err := ReadTemplate(dir, name)
		if away && err != nil {
			text, _ := ownTemplates.ReadFile("template/" + name + templateExt)
			t, err = newTemplate(name, "", text), nil
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, t)
	}
	return all, errors.Join(errs...)
}

// ReadTemplate reads a template: NAME.template of dir/templates, or one that om brings along. As with the file of a service, one
// that somebody else could have written is refused (task.ErrPermission), for what it says will be run.
func ReadTemplate(dir, name string) (Template, error) {
	if !task.ValidName(name) {
		return Template{}, fmt.Errorf("template %q: wanted a name of letters, digits and - _ . : %w", name, task.ErrInvalid)
	}
	file := filepath.Join(dir, "templates", name+templateExt)
	o, err := open(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !o.link:
		text, missing := ownTemplates.ReadFile("template/" + name + templateExt)
		if missing != nil {
			return Template{}, notFound("template", name, name, templateNames(dir))
		}
		return newTemplate(name, "", text), nil
	case err != nil:
		return Template{}, fmt.Errorf("template %s: %w", name, err)
	}
	if err := o.check(dir, file, os.Geteuid()); err != nil {
		return Template{}, err
	}
	return newTemplate(name, file, o.text), nil
}

// templateNames lists the names of all templates, sorted. Files with other names are none.
func templateNames(dir string) []string {
	var names []string
	own, _ := ownTemplates.ReadDir("template")
	theirs, _ := os.ReadDir(filepath.Join(dir, "templates"))
	for _, entry := range append(own, theirs...) {
		if name, ok := strings.CutSuffix(entry.Name(), templateExt); ok && task.ValidName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// newTemplate finds the descriptions and parameters in a text.
func newTemplate(name, file string, text []byte) Template {
	t := Template{Name: name, File: file, Text: text}
	comment, kind, section, first := "", "", "", true
	lex := newLexer(strings.TrimPrefix(string(text), "\ufeff"))
	for n := (line{}); lex.next(&n); {
		switch {
		case n.kind == lineComment && section == "env" && strings.HasPrefix(n.body, "#:"):
			kind = strings.TrimSpace(n.body[2:])
			continue
		case n.kind == lineComment:
			comment = strings.TrimSpace(comment + " " + strings.TrimSpace(strings.TrimLeft(n.body, "#;")))
			continue
		case n.kind == lineHeader:
			section = n.name
		case n.kind == lineKeyword && section == "env":
			t.Parameters = append(t.Parameters, Parameter{n.name, comment, n.value, kind})
		}
		if first {
			t.Description, first = comment, comment == "" && n.kind == lineBlank
		}
		comment, kind = "", ""
	}
	return t
}

// Fill sets parameters of the template, NAME=VALUE each, and returns the text of a service. The error is for a parameter that it
// does not have or whose value is not of its kind (task.ErrInvalid), or for one that must be given and is not (ErrMissing).
func (t Template) Fill(values []string) (*Document, error) {
	d := NewDocument(t.Text)
	said := map[string]bool{}
	for _, v := range values {
		name, value, ok := strings.Cut(v, "=")
		switch {
		case !ok || !slices.Contains(t.names(), name):
			return nil, t.noSuch(v, name)
		case said[name]:
			return nil, task.Errorf(task.ErrInvalid, "template %s: %q: wanted one value of %s, and there is one before", t.Name, v, name)
		}
		said[name] = true
		if err := d.Set("env", name, value); err != nil {
			return nil, err
		}
	}
	if err := t.Check(values); err != nil {
		return nil, err
	}
	if missing := t.Missing(values); len(missing) > 0 {
		return nil, task.Errorf(ErrMissing, "template %s: wanted a value of %s", t.Name, missing[0].Name)
	}
	return d, nil
}

// Missing lists the parameters that must be given a value, and have none among values.
func (t Template) Missing(values []string) []Parameter {
	return slices.DeleteFunc(slices.Clone(t.Parameters), func(p Parameter) bool {
		return p.Value != "" || slices.ContainsFunc(values, func(v string) bool {
			value, ok := strings.CutPrefix(v, p.Name+"=")
			return ok && value != ""
		})
	})
}

func (t Template) names() []string {
	var names []string
	for _, p := range t.Parameters {
		names = append(names, p.Name)
	}
	return names
}

func (t Template) noSuch(word, name string) error {
	wanted := "it has no parameters"
	if all := t.names(); len(all) > 0 {
		wanted = "wanted NAME=VALUE, of " + strings.Join(all, ", ")
	}
	if near := task.Nearest(name, t.names()); near != "" && near != name {
		wanted += fmt.Sprintf("; did you mean %q?", near)
	}
	return task.Errorf(task.ErrInvalid, "template %s: %q: %s", t.Name, word, wanted)
}
