package service

import (
	"fmt"
	"slices"
	"strings"

	"om/task"
)

// Change is one word of a command that sets a keyword, as OpenSVC's agents write it:
// "task#0.command=/bin/true", "task#0.tags+=nightly".
type Change struct {
	Section  string // "DEFAULT" where the word names none; a group, as "task", is all sections of it
	Keyword  string // with its scope
	Operator string // "=" sets; "+=" adds a word; "|=" adds it where it is missing; "-=" removes it
	Value    string
}

// ParseChange reads "section.keyword@scope=value" and its like. The error wraps task.ErrInvalid.
func ParseChange(text string) (Change, error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		return Change{}, task.Errorf(task.ErrInvalid, "%q: wanted SECTION.KEYWORD=VALUE, or += |= -=", text)
	}
	c := Change{Operator: "=", Value: value}
	if n := len(key) - 1; n > 0 && strings.IndexByte("+-|", key[n]) >= 0 {
		key, c.Operator = key[:n], key[n:]+"="
	}
	var err error
	c.Section, c.Keyword, err = ParseKey(key)
	return c, err
}

// ParseKey reads "section.keyword@scope": "task#0.command", "env.a.b", "nodes" for DEFAULT.nodes. The
// error wraps task.ErrInvalid.
func ParseKey(text string) (section, keyword string, err error) {
	plain, scope, scoped := strings.Cut(text, "@")
	i := strings.IndexByte(plain, '.')
	if strings.Contains(plain, "#") {
		i = strings.LastIndexByte(plain, '.')
	}
	section, keyword = "DEFAULT", plain
	if i >= 0 {
		section, keyword = plain[:i], plain[i+1:]
	}
	if scoped {
		keyword += "@" + scope
	}
	if section == "" || keyword == "" || keyword[0] == '@' {
		return "", "", fmt.Errorf("%q: wanted SECTION.KEYWORD: %w", text, task.ErrInvalid)
	}
	return section, keyword, writable(section, keyword)
}

// Apply makes a change. Where its section is a group that is no section, it is made in each section of
// the group; task.ErrNotFound is for a group without any.
func (d *Document) Apply(c Change) error {
	sections, err := d.Select(c.Section)
	if err != nil {
		return err
	}
	for _, section := range sections {
		if err := d.apply(section, c); err != nil {
			return err
		}
	}
	return nil
}

// Select returns the sections that a word means: itself, or all sections of the group it names.
func (d *Document) Select(word string) ([]string, error) {
	if strings.Contains(word, "#") || word == "DEFAULT" || word == "env" || d.Has(word) {
		return []string{word}, nil
	}
	var all []string
	for _, p := range d.parts() {
		if group, _, ok := strings.Cut(p.name, "#"); ok && group == word && !slices.Contains(all, p.name) {
			all = append(all, p.name)
		}
	}
	if len(all) == 0 {
		return nil, task.Errorf(task.ErrNotFound, "section %q: no such section, and no section %s#...", word, word)
	}
	return all, nil
}

func (d *Document) apply(section string, c Change) error {
	old, _ := d.Get(section, c.Keyword)
	words := strings.Fields(old)
	has := slices.Contains(words, c.Value)
	switch {
	case c.Operator == "=":
		return d.Set(section, c.Keyword, c.Value)
	case c.Operator == "-=" && !has, c.Operator == "|=" && has:
		return nil
	case c.Operator == "-=":
		words = slices.DeleteFunc(words, func(w string) bool { return w == c.Value })
		return d.Set(section, c.Keyword, strings.Join(words, " "))
	case old == "":
		return d.Set(section, c.Keyword, c.Value)
	}
	return d.Set(section, c.Keyword, old+" "+c.Value)
}
