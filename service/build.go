package service

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"om/task"
)

// defaults is a task with nothing but defaults: those of the keyword table, which a test compares.
func defaults() task.Task {
	return task.Task{
		Type: "host", Shell: "auto", Umask: 0o022, StopSignal: "SIGTERM", StopTimeout: 10 * time.Second,
		Leftover: task.LeftoverKeep, Log: task.LogFile, LogHead: 1 << 20, LogTail: 1 << 20, MaxParallel: 1,
		Overlap: task.OverlapSkip, RequiresMaxAge: 30 * time.Second, Optional: true,
		DSTGap: "after", DSTOverlap: "first", SpreadBy: "node",
		KeepRuns: 100, KeepDays: 90, KeepFailedDays: 365,
		Plan:   task.Plan{CatchupLimit: 10, Delivery: task.AtMostOnce, LostRetry: 1, RetryDelay: 30 * time.Second, RequiresWait: -1, RequirementLost: "let"},
		Notify: task.Notify{On: task.Told, Renotify: 24 * time.Hour, Group: 10 * time.Second},
	}
}

// service reads [DEFAULT]: what it says of the service, and what tasks begin with.
func (b *builder) service() {
	base := &b.Tasks[0]
	*base = defaults()
	base.ID.Service, base.File = b.Path, b.File
	b.node.defaults(base)
	for _, sec := range b.file.sections {
		if sec.name != "DEFAULT" {
			continue
		}
		for i := range sec.entries {
			b.inherit(sec, &sec.entries[i])
		}
		b.poisoned = b.poisoned || sec.bad
		sec.bad = sec.bad || len(b.spoiled) > 0
	}
	base.Disable = b.Disable
}

// spoiled is what tasks can't inherit, for it is wrong in [DEFAULT]: those that have it themselves are well.
type spoiled struct {
	name string // of the keyword of tasks
	e    *entry
}

// spoil tells what is wrong with a default. It is no reason to leave out what does not inherit it.
func (b *builder) spoil(name string, e *entry, p Problem) {
	bad := e.home.bad
	b.report(e.home, p)
	e.home.bad, e.wrong = bad, true
	b.spoiled = append(b.spoiled, spoiled{name, e})
}

// leftOut tells of a task whose inherited value is wrong: what is wrong is told once, in its place.
func (b *builder) leftOut(sec *section, e *entry) {
	b.report(sec, Problem{Line: sec.line, Wanted: "left out: it inherits " + e.name() + ", which is wrong in [DEFAULT]"})
}

// inherit takes one keyword of [DEFAULT]. What tasks inherit goes into their base, unless its
// references have to be seen from each task.
func (b *builder) inherit(sec *section, e *entry) {
	r := e.inherited()
	switch {
	case r != nil && e.rank > rankNone && strings.Contains(e.value, "{"):
		b.deferred = append(b.deferred, e)
	case r != nil && e.rank > rankNone:
		if err := b.store(r, e.value, r.at(&b.Tasks[0])); err != nil {
			b.spoil(r.name, e, problemOf(e, err))
		}
	default:
		if value, ok := b.value(sec, e, nil); ok {
			b.set(e.name(), value)
		}
	}
}

// inherited is the row of tasks, or of any resource, that inherits e, which stands in [DEFAULT].
func (e *entry) inherited() *row {
	switch {
	case e.row == nil:
		return nil
	case e.row.name == "run_schedule":
		return find(taskRows[:], "schedule")
	case find(serviceRows[:], e.row.name) != nil:
		return nil
	}
	return e.row
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
		e.wrong = true
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
	for _, x := range b.spoiled {
		if !b.poisoned && b.best(sec, x.name) == nil {
			b.leftOut(sec, x.e)
		}
	}
	model := b.before
	if sec.alike(model) {
		b.Tasks = append(b.Tasks, b.Tasks[len(b.Tasks)-1])
	} else {
		model = nil
		b.Tasks = append(b.Tasks, b.Tasks[0])
	}
	t := &b.Tasks[len(b.Tasks)-1]
	t.ID.RID, t.Line = sec.name, sec.line
	b.fill(sec, t, model)
	b.commands(sec, t)
	b.requirements(sec, t)
	b.adviseSchedule(sec, t)
	b.runsOn(sec, t)
	b.repeats(sec, t)
	b.idle(sec, t)
	t.Disable = t.Disable || b.Disable
	if sec.bad {
		b.Tasks = b.Tasks[:len(b.Tasks)-1]
		return
	}
	b.before = sec
	b.Resources = append(b.Resources, b.taskResource(sec, t))
}

// alike reports whether sec has the very keywords of another section, in the same order and for this
// node. Then a task can begin as a copy of the other, and only what differs is read: the tasks of a
// file mostly are alike.
func (sec *section) alike(other *section) bool {
	if other == nil || len(other.entries) != len(sec.entries) {
		return false
	}
	for i := range sec.entries {
		e, o := &sec.entries[i], &other.entries[i]
		if e.row == nil || e.row != o.row || e.rank == rankNone || o.rank == rankNone {
			return false
		}
	}
	return true
}

// fill puts the values of sec in t, after what it inherits. What is as in model is there already.
func (b *builder) fill(sec *section, t *task.Task, model *section) {
	for _, e := range b.deferred {
		r := e.inherited()
		if b.best(sec, r.name) != nil {
			continue
		}
		x := expansion{Service: b.Service, left: maxReferences}
		text, err := x.entry(nil, sec, e)
		if err == nil {
			err = b.store(r, text, r.at(t))
		}
		if err != nil {
			b.blame(sec, e, err, x.local)
		}
	}
	for i := range sec.entries {
		e := &sec.entries[i]
		if model != nil && e.value == model.entries[i].value && strings.IndexByte(e.value, '{') < 0 {
			continue
		}
		b.value(sec, e, t)
	}
}

// blame reports what is wrong with a value that a task has or inherits. What it inherits is told once, for [DEFAULT],
// unless it is wrong for this task alone: it refers to what the task has.
func (b *builder) blame(sec *section, e *entry, err error, local bool) {
	switch {
	case e.home == sec:
		b.fault(sec, e, err, Error)
	case local:
		p := problemOf(e, err)
		p.Line, p.Hint = sec.line, cmp.Or(p.Hint, "it is inherited from [DEFAULT]")
		b.report(sec, p)
	default:
		b.fault(e.home, e, err, Error)
		b.leftOut(sec, e)
	}
}

// taskResource is the resource that a task is. Its driver looks at the task itself for all but what to
// call it.
func (b *builder) taskResource(sec *section, t *task.Task) task.Resource {
	r := flags(sec, t)
	r.Type = t.Type
	label := ""
	if e := b.best(sec, "label"); e != nil {
		label, _ = b.evaluated(sec, e)
	}
	if label != "" || t.Description != "" {
		r.Keywords = map[string]string{"description": t.Description, "label": label}
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
	b.Tasks = append(b.Tasks, task.Task{}) // for a moment, to hold the flags
	t := &b.Tasks[len(b.Tasks)-1]
	defer func() { b.Tasks = b.Tasks[:len(b.Tasks)-1] }()
	chosen := b.inheritFlags(sec, t)
	keywords := make(map[string]string, len(sec.entries))
	for i := range sec.entries {
		e := &sec.entries[i]
		value, ok := b.value(sec, e, t)
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
	probeTimes(keywords)
	r := flags(sec, t)
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

// probeTimes writes the times that a look has in Go's notation, which is what drivers read.
func probeTimes(keywords map[string]string) {
	for _, name := range [...]string{"check_timeout", "status_timeout", "timeout"} {
		text, ok := keywords[name]
		if d, err := ParseDuration(text); ok && err == nil {
			keywords[name] = d.String()
		}
	}
}

// commands checks the commands of a task: it must have one, and a person should know what no shell
// will do with the characters in them.
func (b *builder) commands(sec *section, t *task.Task) {
	given := false
	for i := range sec.entries {
		e := &sec.entries[i]
		if e.rank == rankNone || e.row == nil || e.row.kind != kindCommand || e.row.field == nil {
			continue
		}
		given = given || e.row.name == "command"
		if text, ok := e.row.field(t).(*string); ok && !e.wrong { // else the text is another's
			b.command(sec, e, *text, t.Shell)
		}
	}
	if given {
		return
	}
	p := Problem{Line: sec.line, Keyword: "command", Wanted: "wanted a command"}
	if sec.has("command") {
		p.Hint = "none of its scopes is for node " + b.node.Name
	}
	b.report(sec, p)
}

func (b *builder) command(sec *section, e *entry, text, shell string) {
	if e.row.name == "command" && (e.value == "" || !sec.bad && strings.TrimSpace(text) == "") {
		b.report(sec, Problem{Line: int(e.line), Keyword: e.key, Text: e.value, Wanted: "wanted a command"})
	}
	if shell != "auto" && shell != "none" || plainCommand(text) {
		return
	}
	p := Problem{Line: int(e.line), Keyword: e.key, Text: text, Severity: Warning}
	if shell == "auto" && task.NeedsShell(text) {
		p.Wanted, p.Hint = "it runs under sh -c, for there is an unquoted && || | or ; in it", "shell = sh or shell = none says which is meant"
		b.report(sec, p)
		return
	}
	if err := checkCommand(text); err != nil {
		b.fault(sec, e, err, Error)
		return
	}
	if hints := task.ShellHints(text); len(hints) > 0 {
		p.Wanted = fmt.Sprintf("no shell runs it, and the command gets %s as written", strings.Join(hints, " "))
		p.Hint = "shell = sh gives it to a shell; quotes show that it is meant"
		b.report(sec, p)
	}
}

// checkCommand splits a command, whose first word is the name of a program.
func checkCommand(text string) error {
	words, err := split(text)
	if err == nil && len(words) > 0 && words[0] == "" {
		err = wanted(text, "the name of a program, and its first word is empty")
	}
	return err
}

// plainCommand reports whether no character of text means anything to a shell or to the split into
// words, which is so for most commands.
func plainCommand(text string) bool {
	for i := range len(text) {
		switch text[i] {
		case '\'', '"', '\\', '|', '&', ';', '<', '>', '$', '*', '`':
			return false
		}
	}
	return true
}

// requirements checks that what a task requires is in the file.
func (b *builder) requirements(sec *section, t *task.Task) {
	e := b.effective(sec, "run_requires")
	if e == nil || e.wrong {
		return
	}
	for _, r := range t.Requires {
		if r.Subject == "avail" || r.Subject == "overall" || r.Impossible || b.file.section(r.Subject) != nil {
			continue
		}
		local := strings.Contains(e.value, "{") // then another task may require something else by it
		b.blame(sec, e, fault{r.Subject, "wanted a resource of this file, avail or overall", b.file.near(r.Subject, b.Sections)}, local)
	}
}
