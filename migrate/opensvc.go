package migrate

import (
	"slices"
	"strings"

	"om/service"
)

// An OpenSVC is the file of a service of OpenSVC's agents. It is a service file of om's, and is taken over as it is but for
// what om refuses, and for keywords that make om do what the agents do.
type OpenSVC struct {
	Text string
	File string // where it was read
	Path string // of the service
	Zone string // the zone that the agent goes by, where that of the node is another; "" for the same
}

// Draft makes a service file of it.
func (o *OpenSVC) Draft(node service.Node) Draft {
	d := Draft{Service: o.Path, Source: o.File, Engine: "opensvc"}
	text := o.withoutFaults(&d, node)
	s := service.Parse(o.File, o.Path, []byte(text), node)
	doc := service.NewDocument([]byte(text))
	d.agentJobs(s)
	set := func(section string, k Keyword) {
		if _, has := s.Raw("DEFAULT", k.Name); has {
			return
		}
		if err := doc.Set(section, k.Name, k.Value); err != nil {
			d.Losses = append(d.Losses, Loss{Place{File: o.File}, false, k.Name + " = " + k.Value, err.Error()})
		}
	}
	for _, k := range o.keywords(s) {
		set("DEFAULT", k)
	}
	shared, own := agentCatchups(d.Jobs)
	if shared != "" {
		set("DEFAULT", Keyword{"catchup", shared})
	}
	for _, section := range own {
		set(section, Keyword{"catchup", "last"})
	}
	d.unlike(o.File, s)
	head := comment("# Imported from " + o.File + ".")
	for _, l := range d.Losses {
		if l.Line == 0 {
			head += lossComment(l)
		}
	}
	d.text = []byte(head + "\n" + strings.TrimPrefix(string(doc.Bytes()), "\ufeff"))
	return d
}

// keywords are those that make om do what the agents do: they go by the clocks of the host, draw the place in a range with ~
// each time, and run triggers as root.
func (o *OpenSVC) keywords(s *service.Service) (all []Keyword) {
	drawn, user, triggers := false, false, false
	for i := range s.Tasks {
		t := &s.Tasks[i]
		drawn = drawn || strings.Contains(t.Schedule, "~")
		user = user || t.User != "" && t.User != "root"
		triggers = triggers || t.PreRun+t.BlockingPreRun+t.PostRun+t.BlockingPostRun+t.OnError != ""
	}
	if o.Zone != "" {
		all = append(all, Keyword{"timezone", o.Zone})
	}
	if drawn {
		all = append(all, Keyword{"random", "true"})
	}
	if user && triggers {
		all = append(all, Keyword{"trigger_user", "root"})
	}
	return all
}

// withoutFaults makes comments of what om refuses: of the keyword in [DEFAULT] and [env], else of the section. Leaving
// something out may bring other faults.
func (o *OpenSVC) withoutFaults(d *Draft, node service.Node) string {
	lines := strings.SplitAfter(o.Text, "\n")
	reasons := map[int]string{} // above which line
	for range lines {
		problems := o.faults(strings.Join(lines, ""), node)
		for _, p := range problems {
			if at, l := o.leaveOut(lines, p); !slices.Contains(d.Losses, l) {
				d.Losses = append(d.Losses, l)
				reasons[at] += lossComment(l)
			}
		}
		if len(problems) == 0 {
			break
		}
	}
	var b strings.Builder
	for i, line := range lines {
		b.WriteString(reasons[i] + line)
	}
	return b.String()
}

// faults are the errors of a file: those of [DEFAULT] and [env] first, for others may be theirs.
func (o *OpenSVC) faults(text string, node service.Node) []service.Problem {
	var shared, all []service.Problem
	for _, p := range service.Parse(o.File, o.Path, []byte(text), node).Problems {
		if p.Severity != service.Error {
			continue
		}
		all = append(all, p)
		if p.Section == "DEFAULT" || p.Section == "env" || p.Section == "" {
			shared = append(shared, p)
		}
	}
	if len(shared) > 0 {
		return shared
	}
	return all
}

// leaveOut makes comments of the lines that a problem is about, and returns the first of them.
func (o *OpenSVC) leaveOut(lines []string, p service.Problem) (from int, l Loss) {
	to := len(lines)
	switch {
	case p.Line == 0:
	case p.Section == "DEFAULT", p.Section == "env", p.Section == "":
		from, to = keywordLines(lines, p.Line-1)
	default:
		from, to = sectionLines(lines, p.Line-1)
	}
	for k := from; k < to; k++ {
		lines[k] = commented(lines[k])
	}
	group, _, _ := strings.Cut(p.Section, "#")
	what := strings.TrimSpace("[" + p.Section + "] " + p.Keyword)
	return from, Loss{Place{o.File, p.Line}, group == "task" || p.Line == 0, what, "om refuses it: " + wantedOf(p)}
}

func wantedOf(p service.Problem) string {
	if p.Hint != "" {
		return p.Wanted + "; " + p.Hint
	}
	return p.Wanted
}

// keywordLines are those of a keyword: its own, and those that are indented more.
func keywordLines(lines []string, at int) (from, to int) {
	indent := indentOf(lines[at])
	to = at + 1
	for to < len(lines) && (strings.TrimSpace(lines[to]) == "" || indentOf(lines[to]) > indent) {
		to++
	}
	return at, to
}

// sectionLines are those of the section that a line is in, with its header.
func sectionLines(lines []string, at int) (from, to int) {
	header := func(i int) bool { return strings.HasPrefix(lines[i], "[") }
	for from = at; from > 0 && !header(from); from-- {
	}
	for to = from + 1; to < len(lines) && !header(to); to++ {
	}
	return from, to
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// commented makes a comment of a line, if it is none.
func commented(line string) string {
	body := strings.TrimRight(strings.TrimLeft(line, " \t"), " \t\r\n")
	if (body == "" || body[0] == '#' || body[0] == ';') && writable(body) {
		return line
	}
	return comment("# " + strings.TrimRight(line, "\r\n"))
}

// unlike tells what om does not do that the agents do.
func (d *Draft) unlike(file string, s *service.Service) {
	lose := func(what, why string) { d.Losses = append(d.Losses, Loss{Place{File: file}, false, what, why}) }
	for _, key := range s.Keys("DEFAULT") {
		name, _, _ := strings.Cut(key, "@")
		if name != "run_schedule" && strings.HasSuffix(name, "_schedule") {
			lose(key, "om runs tasks, and has no such action")
		}
	}
	for _, name := range s.Sections() {
		switch group, _, ok := strings.Cut(name, "#"); {
		case !ok || slices.Contains([]string{"task", "fs", "ip", "app", "subset", "env"}, group):
		case group == "sync":
			lose("["+name+"]", "om runs tasks, and synchronizes nothing")
		default:
			if check, _ := s.Raw(name, "check"); check == "" {
				lose("["+name+"]", "om has no driver for it, and its state is undef: the keyword check gives it one")
			}
		}
	}
	if len(s.Tasks) == 0 {
		return
	}
	lose("the environment of the agent", "a task has that of its user, and what environment and its like say")
	if slices.ContainsFunc(s.Sections(), func(name string) bool {
		_, own := s.Raw(name, "cwd")
		return strings.HasPrefix(name, "task#") && !own
	}) {
		lose("the folder of tasks without cwd", "the agents use their own, om the home of the user")
	}
}
