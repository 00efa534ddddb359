package service

import (
	"fmt"
	"slices"
)

// strict reports whether a wrong value puts a section of the group in quarantine. It never does in a
// group that om has no driver for: OpenSVC's files stay usable.
func strict(group string) bool {
	switch group {
	case "DEFAULT", "env", "subset", "task", "fs", "ip", "app", "node", "notify", "impersonate", "metrics", "labels":
		return true
	}
	return false
}

// severity is what a wrong value does to sec.
func (sec *section) severity() Severity {
	if sec.lenient {
		return Warning
	}
	return Error
}

// bind decides which entries of sec count on this node, and tells of keywords and scopes that are not
// known.
func (b *builder) bind(sec *section) {
	twice := false
	for i := range sec.entries {
		e := &sec.entries[i]
		e.rank = rankPlain
		if e.scoped() {
			twice = true
			e.rank = b.place.rank(e.scope())
			b.scope(sec, e)
		}
		switch {
		case e.row == nil:
			b.unknown(sec, e)
		case e.row.name != e.name():
			twice = true
		}
	}
	if twice {
		b.shadow(sec)
	}
}

// shadow leaves the best of the entries of the same keyword, and tells of a keyword that is written
// under two names.
func (b *builder) shadow(sec *section) {
	for i := range sec.entries {
		for j := range i {
			e, other := &sec.entries[i], &sec.entries[j]
			if e.name() != other.name() && (e.row == nil || e.row != other.row) {
				continue
			}
			if e.name() != other.name() {
				b.report(sec, Problem{
					Line: int(e.line), Keyword: e.key, Text: e.value, Severity: sec.severity(),
					Wanted: "wanted " + other.name() + " or " + e.name() + ", which are the same, and not both",
				})
			}
			if e.rank > other.rank {
				e, other = other, e
			}
			e.rank = rankNone
		}
	}
}

// scope tells of a scope that is not allowed, and of one that is probably a slip.
func (b *builder) scope(sec *section, e *entry) {
	p := Problem{Line: int(e.line), Keyword: e.key, Text: e.scope(), Severity: sec.severity()}
	switch {
	case e.scope() == "":
		p.Wanted = `wanted a node or a list of nodes behind the "@"`
	case e.row != nil && e.row.plain:
		p.Wanted = "wanted no scope: " + e.name() + " is the same on all nodes"
	default:
		p.Severity = Warning
		p.Wanted, p.Hint = b.place.doubt(e.scope())
	}
	if p.Wanted != "" {
		b.report(sec, p)
	}
}

// unknown tells of a keyword that neither om nor OpenSVC's agents know in sec.
func (b *builder) unknown(sec *section, e *entry) {
	if sec.name == "env" || sec.lenient || foreign(sec.group, e.name()) || isContainer(sec) {
		return
	}
	p := Problem{Line: int(e.line), Keyword: e.key, Text: e.value, Wanted: "wanted a keyword of " + sec.group}
	if sec.index == "" {
		p.Wanted = "wanted a keyword of [" + sec.name + "]"
	}
	p.Hint = b.file.near(e.name(), func() []string { return names(sec.group) })
	if sec.group == "DEFAULT" || sec.group == "node" {
		p.elsewhere(e.name())
	}
	if r := lookup("task", e.name()); r != nil && sec.name == "DEFAULT" {
		b.spoil(r.name, e, p)
		return
	}
	b.report(sec, p)
}

// elsewhere settles what a keyword of [DEFAULT] is that is not known there. OpenSVC has many, so that
// one which is like no other is only a warning.
func (p *Problem) elsewhere(name string) {
	r := lookup("task", name)
	switch {
	case r != nil && r.from != "":
		p.Hint = fmt.Sprintf("write %s", r.inherits())
	case r != nil:
		p.Hint = "it is a keyword of [task#0]"
	case p.Hint == "":
		p.Severity = Warning
	}
}

// names lists the keywords of a group and their other names.
func names(group string) []string {
	var all []string
	for _, k := range KeywordsOf(group) {
		all = append(append(all, k.Name), k.Aliases...)
	}
	return all
}

// isContainer reports whether sec is a task of one of OpenSVC's container drivers.
func isContainer(sec *section) bool {
	e := sec.entry("type")
	return sec.group == "task" && e != nil && slices.Contains([]string{"docker", "podman", "oci"}, e.value)
}
