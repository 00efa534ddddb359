package migrate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"om/service"
)

// Write returns the text of the service file. It is read back as node has it: a value that om refuses is left
// out, and becomes a loss. The error is for a task that would not be read as it was meant, and is om's own fault.
func (d *Draft) Write(node service.Node) ([]byte, error) {
	if d.text != nil {
		return d.text, nil
	}
	d.dropUnwritable()
	for {
		p := page{Draft: d, common: d.common(), node: node}
		text, err := p.settle()
		if err != nil || !p.repair(text) {
			return text, err
		}
	}
}

// dropUnwritable takes out what a file can't hold.
func (d *Draft) dropUnwritable() {
	p := page{Draft: d}
	for i := len(d.Jobs) - 1; i >= 0; i-- {
		jobs := len(d.Jobs)
		for _, k := range slices.Clone(d.Jobs[i].Keywords) {
			if len(d.Jobs) == jobs && !writable(k.Value) {
				p.refused(i, service.Problem{Keyword: k.Name, Wanted: "wanted UTF-8 without control characters: put the command in a script"})
			}
		}
	}
}

// settle writes the file, and hides those braces from the reader that it would take for references.
func (p *page) settle() ([]byte, error) {
	text := p.write()
	if p.braced = p.misread(text); len(p.braced) == 0 {
		return text, nil
	}
	text = p.write()
	for spot := range p.misread(text) {
		return nil, fmt.Errorf("%s: [%s] %s can't be written so that it is read as it was meant", p.Source, spot.section, spot.keyword)
	}
	return text, nil
}

// page is a draft while it is written.
type page struct {
	*Draft
	node   service.Node
	common []Keyword     // of all jobs: they are written once, in [DEFAULT]
	braced map[spot]bool // the values of which each brace is hidden from the reader
	opened bool          // [env] is needed
}

type spot struct{ section, keyword string }

// brace is how a brace is written that must not begin a reference: as a reference to one.
const brace = "{env.brace}"

// order is that of the keywords in a section.
func order() []string {
	return []string{
		"description", "schedule", "timezone", "dst_gap", "dst_overlap", "spread", "catchup", "overlap", "lock", "run_requires",
		"user", "group", "extra_groups", "home", "cwd", "umask", "shell",
		"trigger_user", "pre_run", "blocking_pre_run", "command", "post_run", "blocking_post_run", "on_error",
		"environment_file", "environment", "nice", "ionice", "timeout", "stop_timeout", "stop_signal", "leftover", "retcodes", "notify_mail",
	}
}

// common returns the keywords that all jobs have, with the value that most of them have, where several do.
func (d *Draft) common() (all []Keyword) {
	for _, k := range service.KeywordsOf("task") {
		count := map[string]int{}
		have, best := 0, ""
		for i := range d.Jobs {
			value, ok := d.Jobs[i].get(k.Name)
			if !ok {
				continue
			}
			have++
			if count[value]++; count[value] > count[best] {
				best = value
			}
		}
		if k.Inherit == k.Name && have == len(d.Jobs) && count[best] > 1 {
			all = append(all, Keyword{k.Name, best})
		}
	}
	return all
}

func (p *page) write() []byte {
	var b strings.Builder
	p.opened = false
	for _, line := range append([]string{"# Imported from " + p.Source + "."}, p.Head...) {
		b.WriteString(comment(line))
	}
	for _, l := range p.Losses {
		if !l.Job {
			b.WriteString(p.lossComment(l))
		}
	}
	if len(p.common) > 0 {
		b.WriteString("\n[DEFAULT]\n")
		p.section(&b, "DEFAULT", p.common)
	}
	body := p.jobs()
	if p.opened {
		b.WriteString("\n[env]\n# a brace that begins no reference\nbrace = {\n")
	}
	b.WriteString(body)
	if len(p.Tail) > 0 {
		b.WriteByte('\n')
	}
	for _, line := range p.Tail {
		b.WriteString(comment(line))
	}
	return []byte(b.String())
}

func (p *page) jobs() string {
	var b strings.Builder
	written := map[string]bool{}
	for i := range p.Jobs {
		j := &p.Jobs[i]
		for _, n := range j.Needs {
			name := "condition#" + n.Index
			if written[name] {
				continue
			}
			written[name] = true
			b.WriteString("\n" + comment("# "+n.What) + "[" + name + "]\n")
			p.section(&b, name, needKeywords(n))
		}
		b.WriteByte('\n')
		for _, line := range j.Comments {
			b.WriteString(comment(line))
		}
		for _, l := range j.Losses {
			b.WriteString(p.lossComment(l))
		}
		b.WriteString("[task#" + j.Index + "]\n")
		p.section(&b, "task#"+j.Index, p.own(j))
	}
	return b.String()
}

// needKeywords are those of the resource that a condition is. It says nothing of where the service is.
func needKeywords(n Need) []Keyword {
	all := []Keyword{{"check", n.Check}, {"optional", "true"}}
	if n.User != "" {
		all = append(all, Keyword{"user", n.User})
	}
	return all
}

// own returns the keywords of a job that [DEFAULT] does not have.
func (p *page) own(j *Job) []Keyword {
	return slices.DeleteFunc(slices.Clone(j.Keywords), func(k Keyword) bool { return slices.Contains(p.common, k) })
}

// section writes keywords in order.
func (p *page) section(b *strings.Builder, name string, keywords []Keyword) {
	rank := order()
	at := func(k Keyword) int {
		if i := slices.Index(rank, k.Name); i >= 0 {
			return i
		}
		return len(rank)
	}
	keywords = slices.Clone(keywords)
	slices.SortStableFunc(keywords, func(x, y Keyword) int { return at(x) - at(y) })
	for _, k := range keywords {
		value := k.Value
		if p.braced[spot{name, k.Name}] {
			value = hideBraces(value)
			p.opened = true
		}
		b.WriteString(strings.TrimRight(k.Name+" = "+value, " ") + "\n")
	}
}

// hideBraces writes braces so that none of them begins a reference. That of ${ never does.
func hideBraces(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if value[i] == '{' && (i == 0 || value[i-1] != '$') {
			b.WriteString(brace)
			continue
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// comment is a line of a comment. What a file must not hold is left out of it.
func comment(line string) string {
	line = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
	if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != ';' {
		line = "# " + line
	}
	return line + "\n"
}

// lossComment is a loss as a comment, with its place: a line where there is one file.
func (p *page) lossComment(l Loss) string {
	if l.Line > 0 && l.File != p.Source {
		return comment("# " + filepath.Base(l.File) + ":" + strconv.Itoa(l.Line) + ": " + l.Text())
	}
	return lossComment(l)
}

func lossComment(l Loss) string {
	if l.Line > 0 {
		return comment(fmt.Sprintf("# line %d: %s", l.Line, l.Text()))
	}
	return comment("# " + l.Text())
}

// misread returns the values that are not read as they were meant.
func (p *page) misread(text []byte) map[spot]bool {
	wrong := map[spot]bool{}
	s := p.parse(text)
	check := func(section, written, keyword, value string) {
		if got, err := s.Eval(section, keyword); err != nil || got != value {
			wrong[spot{written, keyword}] = true
		}
	}
	for i := range p.Jobs {
		j := &p.Jobs[i]
		for _, k := range j.Keywords {
			written := "task#" + j.Index
			if slices.Contains(p.common, k) {
				written = "DEFAULT"
			}
			check("task#"+j.Index, written, k.Name, k.Value)
		}
		for _, n := range j.Needs {
			check("condition#"+n.Index, "condition#"+n.Index, "check", n.Check)
		}
	}
	return wrong
}

func (p *page) parse(text []byte) *service.Service {
	return service.Parse(p.Service+".conf", p.Service, text, p.node)
}

// repair turns what om refuses into losses, and reports whether there was any. What is wrong in [DEFAULT] comes first: tasks
// that inherit it are refused for that alone.
func (p *page) repair(text []byte) (changed bool) {
	problems := p.parse(text).Problems
	for _, shared := range []bool{true, false} {
		for _, q := range problems {
			if q.Severity == service.Error && (q.Section == "DEFAULT") == shared {
				changed = p.repairOne(q) || changed
			}
		}
		if changed {
			break
		}
	}
	return changed
}

// repairOne is repair for one problem.
func (p *page) repairOne(q service.Problem) (changed bool) {
	for i := len(p.Jobs) - 1; i >= 0; i-- {
		if q.Section == "DEFAULT" || q.Section == "task#"+p.Jobs[i].Index {
			p.refused(i, q)
			changed = true
		}
	}
	return changed
}

// refused takes a keyword out of a job, or the job out of the draft where it would do something else without it.
func (p *page) refused(i int, q service.Problem) {
	j := &p.Jobs[i]
	why := "om refuses it: " + q.Wanted
	if q.Hint != "" {
		why += "; " + q.Hint
	}
	value, ok := j.get(q.Keyword)
	value = strings.ToValidUTF8(value, "?")
	if ok && slices.Contains([]string{"notify_mail", "description", "spread"}, q.Keyword) {
		j.lose(q.Keyword+" = "+value, why)
		j.Keywords = slices.DeleteFunc(j.Keywords, func(k Keyword) bool { return k.Name == q.Keyword })
		return
	}
	loss := Loss{j.Place, true, strings.TrimSpace(q.Keyword + " " + value), why}
	p.Losses = append(append(p.Losses, j.Losses...), loss)
	comments := append(slices.Clone(j.Comments), strings.TrimSpace(p.lossComment(loss)))
	if i+1 < len(p.Jobs) {
		p.Jobs[i+1].Comments = append(comments, p.Jobs[i+1].Comments...)
	} else {
		p.Tail = append(comments, p.Tail...)
	}
	p.Jobs = slices.Delete(p.Jobs, i, i+1)
}
