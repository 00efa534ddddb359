package service

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"om/schedule"
	"om/task"
)

// Parse reads the text of the service at path, as node n sees it; file is its name in messages. It does no
// I/O, but for looking up time zones, and it does not fail: what is wrong is in Problems, and
// sections with errors are left out of the rest. So is a task that inherits a wrong value from [DEFAULT]; another
// error there leaves every task out, for it can't be told what they inherit. The lists in tasks and the text are shared, and not to be changed in place.
func Parse(file, path string, text []byte, n Node) *Service {
	var r Reader
	return r.parse(file, path, text, n)
}

// builder makes the values of a Service from what was read.
type builder struct {
	*Service
	deferred     []*entry           // what tasks inherit that has references
	poisoned     bool               // [DEFAULT] has an error that any task may inherit
	spoiled      []spoiled          // the values of [DEFAULT] that are wrong
	before       *section           // the section of the last of Tasks
	zone         string             // the last time zone that was found
	calendar     *schedule.Schedule // the last schedule that was read, of the text calendarText
	calendarText string
	warned       *entry // the last whose schedule was warned of
	warnedOn     *entry // the last whose run_on was
	warnedTwice  *entry // the last whose delivery was
	fine         *entry // the last whose schedule was looked at for slots that ticks do not serve
}

func (b *builder) build(in *room) {
	tasks := 0
	var before *section
	for _, sec := range b.file.sections {
		sec.lookup(before)
		if sec.group == "task" {
			before = sec
			tasks++
		}
	}
	b.locate()
	b.known = &memory{}
	for _, sec := range b.file.sections {
		b.bind(sec)
	}
	in.tasks = slices.Grow(in.tasks[:0], tasks+2) // the first is what the others begin with; see resource for the last
	in.resources = slices.Grow(in.resources[:0], len(b.file.sections))
	b.Tasks, b.Resources = in.tasks[:1], in.resources
	b.service()
	for _, sec := range b.file.sections {
		b.section(sec)
	}
	b.Tasks = b.Tasks[1:]
	b.sort()
	b.advise()
}

// lookup finds the row of each keyword. The tasks of a file are mostly alike, so the place in the task
// before is tried first.
func (sec *section) lookup(before *section) {
	for i := range sec.entries {
		e := &sec.entries[i]
		if before != nil && before.group == sec.group && i < len(before.entries) && before.entries[i].name() == e.name() {
			e.row = before.entries[i].row
			continue
		}
		e.row = lookup(sec.group, e.name())
	}
}

// sort puts the tasks in order, which they mostly are.
func (b *builder) sort() {
	for i := 1; i < len(b.Tasks); i++ {
		if task.CompareRID(b.Tasks[i-1].ID.RID, b.Tasks[i].ID.RID) > 0 {
			slices.SortStableFunc(b.Tasks, func(a, b task.Task) int { return task.CompareRID(a.ID.RID, b.ID.RID) })
			return
		}
	}
}

// section builds what one section declares.
func (b *builder) section(sec *section) {
	switch {
	case sec.group == "DEFAULT", sec.name == "env", sec.again:
	case !strings.Contains(sec.name, "#"):
		b.unknownSection(sec)
	case sec.group == "subset":
		for i := range sec.entries {
			b.value(sec, &sec.entries[i], nil)
		}
	default:
		b.rid(sec)
	}
}

// rid builds a task or another resource.
func (b *builder) rid(sec *section) {
	_, _, ok := task.SplitRID(sec.name)
	switch {
	case !ok && sec.bad: // its header is wrong
	case !ok:
		b.report(sec, Problem{Line: sec.line, Text: sec.name, Wanted: "wanted GROUP#INDEX as in task#0, without blanks, slashes, brackets or quotes"})
	case sec.group == "task":
		b.task(sec)
	default:
		b.unknownGroup(sec)
		b.resource(sec)
	}
}

func (b *builder) unknownSection(sec *section) {
	p := Problem{Line: sec.line, Text: sec.name, Wanted: "wanted [DEFAULT], [env] or a resource as in [task#0]", Severity: Warning}
	lower := strings.ToLower(sec.name)
	for _, g := range groups() {
		if index, ok := strings.CutPrefix(lower, g); ok {
			p.Hint = fmt.Sprintf("did you mean %q?", g+"#"+cmp.Or(strings.TrimLeft(index, "_-.:/@ "), "0"))
		}
	}
	if p.Hint == "" {
		p.Hint = didYouMean(lower, []string{"default", "env"})
		p.Hint = strings.Replace(p.Hint, "default", "DEFAULT", 1)
	}
	if p.Hint != "" {
		p.Severity = Error
	}
	b.report(sec, p)
}

// unknownGroup tells of a group that is probably a slip. One that nobody knows has a state through the
// keyword check alone.
func (b *builder) unknownGroup(sec *section) {
	if slices.Contains(groups(), sec.group) || sec.has("check") {
		return
	}
	p := Problem{Line: sec.line, Text: sec.name, Wanted: "there is no driver for " + sec.group + ": the keyword check can give it a state", Severity: Warning}
	if near := task.Nearest(strings.ToLower(sec.group), groups()); near != "" {
		p.Wanted, p.Severity = "wanted a group of resources", Error
		p.Hint = fmt.Sprintf("did you mean %q?", near+"#"+sec.index)
	}
	b.report(sec, p)
}

// report adds a problem of sec.
func (b *builder) report(sec *section, p Problem) { b.file.report(sec, p) }

// fault reports what is wrong with the value of e, as seen from sec.
func (b *builder) fault(sec *section, e *entry, err error, s Severity) {
	p := problemOf(e, err)
	p.Severity = s
	b.report(sec, p)
}

// problemOf is what is wrong with the value of e, where it stands.
func problemOf(e *entry, err error) Problem {
	f := faultOf(err, e.value)
	if strings.Contains(e.value, " #") || strings.Contains(e.value, " ;") {
		f.hint = cmp.Or(f.hint, "a comment needs a line of its own")
	}
	return Problem{Line: int(e.line), Keyword: e.key, Text: f.text, Wanted: f.wanted, Hint: f.hint}
}
