package service

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"om/task"
)

// service reads [DEFAULT]: what it says of the service, and what tasks begin with.
func (b *builder) service() {
	b.base.ID.Service, b.base.File = b.Path, b.File
	for i := range taskRows {
		if r := &taskRows[i]; r.def != "" && r.field != nil {
			_ = b.store(r, r.def, r.field(&b.base)) // a test has every default
		}
	}
	b.node.defaults(&b.base)
	for _, sec := range b.file.sections {
		if sec.name != "DEFAULT" {
			continue
		}
		for i := range sec.entries {
			b.inherit(sec, &sec.entries[i])
		}
		b.poisoned = b.poisoned || sec.bad
	}
	b.base.Disable = b.Disable
}

// inherit takes one keyword of [DEFAULT]. What tasks inherit goes into their base, unless its
// references have to be seen from each task.
func (b *builder) inherit(sec *section, e *entry) {
	r := findInherited(e.name())
	switch {
	case r != nil && e.rank > rankNone && strings.Contains(e.value, "{"):
		b.deferred = append(b.deferred, e)
	case r != nil && e.rank > rankNone:
		if err := b.store(r, e.value, r.at(&b.base)); err != nil {
			b.fault(sec, e, err, Error)
		}
	default:
		if value, ok := b.value(sec, e, nil); ok {
			b.set(e.name(), value)
		}
	}
}

// set keeps what [DEFAULT] says of the service itself.
func (b *builder) set(name, value string) {
	switch name {
	case "app":
		b.App = value
	case "comment":
		b.Comment = value
	case "disable":
		b.Disable, _ = parseBool(value)
	case "env":
		b.Env = value
	case "id":
		b.ID = value
	case "state":
		b.StateFile = value
	case "topology":
		b.Topology = value
	}
}

// at returns where the value of r goes in t, nil where it stays text.
func (r *row) at(t *task.Task) any {
	if r.field == nil || t == nil {
		return nil
	}
	return r.field(t)
}

// value evaluates e, checks it, and puts it in its place in t. It reports false where e does not count
// on this node or is wrong; the value is then that of the file.
func (b *builder) value(sec *section, e *entry, t *task.Task) (string, bool) {
	if e.rank == rankNone && strings.Contains(e.value, "{") {
		return e.value, false
	}
	if e.rank == rankNone {
		t = nil
	}
	text, err := b.evaluated(sec, e)
	if err == nil && e.row != nil && (e.row.field != nil || !sec.lenient) {
		err = b.store(e.row, text, e.row.at(t))
	}
	if err != nil {
		b.fault(sec, e, err, e.severity())
		return e.value, false
	}
	return text, e.rank > rankNone
}

// severity is what a wrong value does: one that is for other nodes is only warned of.
func (e *entry) severity() Severity {
	if e.rank == rankNone {
		return Warning
	}
	return e.home.severity()
}

// task builds a task, and the resource that it is.
func (b *builder) task(sec *section) {
	if isContainer(sec) {
		e := sec.entry("type")
		b.report(sec, Problem{Line: int(e.line), Keyword: e.key, Text: e.value, Wanted: "wanted host", Hint: "a host task reaches a container by " + e.value + " exec"})
		return
	}
	if b.poisoned {
		b.report(sec, Problem{Line: sec.line, Wanted: "left out: [DEFAULT] has an error, and a task may inherit it"})
	}
	b.Tasks = append(b.Tasks, b.base)
	t := &b.Tasks[len(b.Tasks)-1]
	t.ID.RID, t.Line = sec.name, sec.line
	b.fill(sec, t)
	b.commands(sec, t)
	b.requirements(sec, t)
	t.Disable = t.Disable || b.Disable
	if sec.bad {
		b.Tasks = b.Tasks[:len(b.Tasks)-1]
		return
	}
	b.before = sec
	b.Resources = append(b.Resources, taskResource(sec, t))
}

// fill puts the values of sec in t, after what it inherits.
func (b *builder) fill(sec *section, t *task.Task) {
	for _, e := range b.deferred {
		r := findInherited(e.name())
		if b.best(sec, r.name) != nil {
			continue
		}
		text, err := b.evaluated(sec, e)
		if err == nil {
			err = b.store(r, text, r.at(t))
		}
		if err != nil {
			b.fault(sec, e, err, Error)
		}
	}
	for i := range sec.entries {
		e := &sec.entries[i]
		if b.alike(i, e) {
			share(e.row.at(t), e.row.at(&b.Tasks[len(b.Tasks)-2]))
			continue
		}
		b.value(sec, e, t)
	}
}

// alike reports whether the task before has, in the same place, the same keyword with the same value,
// so that there is nothing to parse anew.
func (b *builder) alike(i int, e *entry) bool {
	if b.before == nil || i >= len(b.before.entries) || e.row == nil || e.rank == rankNone {
		return false
	}
	p := &b.before.entries[i]
	limit := e.row.kind == kindLimit || e.row.kind == kindLimitTime // several make one list
	return p.row == e.row && p.rank > rankNone && p.value == e.value && !limit && strings.IndexByte(e.value, '{') < 0
}

// share copies a value between two tasks. Lists are shared, with no room to append to.
func share(to, from any) {
	switch to := to.(type) {
	case *string:
		*to = *from.(*string)
	case *bool:
		*to = *from.(*bool)
	case *int:
		*to = *from.(*int)
	case *int64:
		*to = *from.(*int64)
	case *time.Duration:
		*to = *from.(*time.Duration)
	case *fs.FileMode:
		*to = *from.(*fs.FileMode)
	case *[]string:
		*to = slices.Clip(*from.(*[]string))
	case *[]task.FileVar:
		*to = slices.Clip(*from.(*[]task.FileVar))
	case *[]task.Requirement:
		*to = slices.Clip(*from.(*[]task.Requirement))
	case *map[int]task.Status:
		*to = *from.(*map[int]task.Status)
	}
}

// taskResource is the resource that a task is. Its driver looks at the task itself for all but the label.
func taskResource(sec *section, t *task.Task) task.Resource {
	r := flags(sec, t)
	r.Type = t.Type
	if t.Description != "" {
		r.Keywords = map[string]string{"description": t.Description}
	}
	return r
}

// flags begins a resource with what every resource has.
func flags(sec *section, t *task.Task) task.Resource {
	return task.Resource{
		RID: sec.name, Group: sec.group, Line: sec.line, Optional: t.Optional, Disable: t.Disable,
		Standby: t.Standby, Monitor: t.Monitor, Tags: t.Tags, Subset: t.Subset,
	}
}

// resource builds a resource that is no task.
func (b *builder) resource(sec *section) {
	var t task.Task
	chosen := b.inheritFlags(sec, &t)
	keywords := make(map[string]string, len(sec.entries))
	for i := range sec.entries {
		e := &sec.entries[i]
		value, ok := b.value(sec, e, &t)
		if !ok && e.rank == rankNone {
			continue
		}
		name := e.name()
		if e.row != nil {
			name = e.row.name
		}
		keywords[name] = value
		chosen = chosen || name == "optional"
	}
	if sec.bad {
		return
	}
	if !chosen {
		t.Optional = sec.group == "sync" || slices.Contains(t.Tags, "noaction")
	}
	probeTimeout(keywords)
	r := flags(sec, &t)
	r.Type, r.Keywords = keywords["type"], keywords
	b.Resources = append(b.Resources, r)
}

// inheritFlags gives t what a resource inherits from [DEFAULT], and reports whether optional is among
// it. What is wrong there is told once, for [DEFAULT].
func (b *builder) inheritFlags(sec *section, t *task.Task) (optional bool) {
	def := b.file.section("DEFAULT")
	if def == nil {
		return false
	}
	for i := range def.entries {
		e := &def.entries[i]
		r := find(resourceRows[:], e.name())
		if r == nil || r.from == "" || e.rank == rankNone {
			continue
		}
		text, err := b.evaluated(sec, e)
		if err == nil {
			err = b.store(r, text, r.at(t))
		}
		optional = optional || err == nil && r.name == "optional"
	}
	return optional
}

// probeTimeout leaves the time that a look has under the one name that drivers read, in Go's notation.
func probeTimeout(keywords map[string]string) {
	for _, name := range [...]string{"check_timeout", "status_timeout", "timeout"} {
		text, ok := keywords[name]
		if d, err := parseDuration(text); ok && err == nil {
			keywords["timeout"] = d.String()
			return
		}
	}
}

// commands checks the commands of a task: it must have one, and a person should know what no shell
// will do with the characters in them.
func (b *builder) commands(sec *section, t *task.Task) {
	e := b.best(sec, "command")
	switch {
	case e == nil:
		b.report(sec, Problem{Line: sec.line, Keyword: "command", Wanted: "wanted a command for node " + b.node.Name})
	case strings.TrimSpace(t.Command) == "" && strings.TrimSpace(e.value) == "":
		b.report(sec, Problem{Line: int(e.line), Keyword: e.key, Text: e.value, Wanted: "wanted a command"})
	}
	for i := range sec.entries {
		e := &sec.entries[i]
		if e.rank == rankNone || e.row == nil || e.row.kind != kindCommand || e.row.field == nil {
			continue
		}
		if text, ok := e.row.field(t).(*string); ok {
			b.command(sec, e, *text, t.Shell)
		}
	}
}

func (b *builder) command(sec *section, e *entry, text, shell string) {
	if shell != "auto" && shell != "none" || !strings.ContainsAny(text, "'\"\\|&;<>$*`") {
		return
	}
	p := Problem{Line: int(e.line), Keyword: e.key, Text: text, Severity: Warning}
	if shell == "auto" && task.NeedsShell(text) {
		p.Wanted, p.Hint = "it runs under sh -c, for there is an unquoted && || | or ; in it", "shell = sh or shell = none says which is meant"
		b.report(sec, p)
		return
	}
	if _, err := split(text); err != nil {
		b.fault(sec, e, err, Error)
		return
	}
	if hints := task.ShellHints(text); len(hints) > 0 {
		p.Wanted = fmt.Sprintf("no shell runs it, and the command gets %s as written", strings.Join(hints, " "))
		p.Hint = "shell = sh gives it to a shell; quotes show that it is meant"
		b.report(sec, p)
	}
}

// requirements checks that what a task requires is in the file.
func (b *builder) requirements(sec *section, t *task.Task) {
	for _, r := range t.Requires {
		if r.Subject == "avail" || r.Subject == "overall" || r.Impossible || b.file.section(r.Subject) != nil {
			continue
		}
		e := b.effective(sec, "run_requires")
		b.fault(sec, e, fault{r.Subject, "wanted a resource of this file, avail or overall", didYouMean(r.Subject, b.Sections())}, Error)
	}
}

// advise warns where nothing says which node a schedule is for.
func (b *builder) advise() {
	if len(b.Nodes) < 2 || len(b.Resources) > len(b.Tasks) {
		return
	}
	for i := range b.Tasks {
		t := &b.Tasks[i]
		sec := b.file.section(t.ID.RID)
		if t.Schedule != "" && b.effective(sec, "run_on") == nil {
			b.report(sec, Problem{
				Line: sec.line, Wanted: "wanted the keyword run_on: the service has several nodes and no resource to follow", Severity: Warning,
				Hint: "run_on = " + b.Nodes[0] + " runs it there",
			})
		}
	}
}
