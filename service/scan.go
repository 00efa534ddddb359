package service

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// section is one section of a file, as read.
type section struct {
	name    string // as written
	ini     string // its name for the INI parser, unique in the file
	group   string // "task" of task#0; the whole name where there is no "#"
	index   string // "0" of task#0
	line    int    // of its header; 0 where the file begins without one
	entries []entry
	lenient bool // a group without a driver: no value in it is an error
	bad     bool // it has an error: what it declares is left out
	again   bool // the file has another section of its name above
}

// entry is one keyword of a section, as read.
type entry struct {
	key   string // as written: "command@n1"
	value string
	row   *row // what the keyword tables say of it; nil where they do not have it
	home  *section
	line  int32
	at    int32 // length of key without its scope
	rank  int8  // how well the scope fits this node; 0 if it does not, or another one fits better
	again bool  // the section before has the same line in the same place, and so the value
	wrong bool  // it gives no value: what a task has in its place is not its own
}

// name is the keyword without its scope: "command".
func (e *entry) name() string { return e.key[:e.at] }

// scoped reports whether the keyword has a scope.
func (e *entry) scoped() bool { return int(e.at) < len(e.key) }

// scope is what is behind the "@" of a keyword: "n1" of command@n1.
func (e *entry) scope() string {
	if !e.scoped() {
		return ""
	}
	return e.key[e.at+1:]
}

// entry returns the keyword written as key, nil if there is none.
func (sec *section) entry(key string) *entry {
	for i := range sec.entries {
		if sec.entries[i].key == key {
			return &sec.entries[i]
		}
	}
	return nil
}

// has reports whether there is a keyword called name, under any scope.
func (sec *section) has(name string) bool {
	return slices.ContainsFunc(sec.entries, func(e entry) bool { return e.name() == name })
}

// file is a file that was read: its sections, and what is wrong with it.
type file struct {
	path     string
	sections []*section
	problems []Problem
}

// section returns the section called name, nil if there is none.
func (f *file) section(name string) *section {
	for _, sec := range f.sections {
		if sec.name == name {
			return sec
		}
	}
	return nil
}

// What a file may have, far beyond what a person writes: the time that reading takes grows with the square
// of the first two, and one file must not hold up the others.
const (
	mostSections = 10_000 // of a file
	mostKeywords = 2_000  // of a section
	mostProblems = 1_000  // that are told of a file
)

// report adds a problem of sec, once. An error puts sec in quarantine.
func (f *file) report(sec *section, p Problem) {
	p.File = f.path
	if sec != nil {
		p.Section = sec.name
		sec.bad = sec.bad || p.Severity == Error
	}
	switch n := len(f.problems); {
	case n <= mostProblems && slices.Contains(f.problems, p):
	case n < mostProblems:
		f.problems = append(f.problems, p)
	case n == mostProblems:
		f.problems = append(f.problems, Problem{File: f.path, Line: p.Line, Severity: p.Severity, Wanted: "there are more problems than the " + strconv.Itoa(n) + " that are told"})
	default:
		f.problems[n-1].Severity = min(f.problems[n-1].Severity, p.Severity)
	}
}

// near is didYouMean while problems are still told: it takes its time.
func (f *file) near(word string, list func() []string) string {
	if len(f.problems) > mostProblems {
		return ""
	}
	return didYouMean(word, list())
}

// The INI parser takes some texts for syntax that are values here. Such a value is handed to it
// between two guards and with its newlines replaced, by bytes that are never part of UTF-8.
const (
	guard        = "\xff"
	guardNewline = "\xfe"
)

// scanner reads a file line by line for what the INI parser does not tell or gets wrong: the number of
// each line, duplicates, lines that are no INI, values that span lines or look like syntax.
type scanner struct {
	lexer
	*file
	in      *room
	all     []entry   // of all sections, one after the other
	pool    []section // for those to come
	suspect bool      // the text has bytes that are not UTF-8, or NUL
	full    bool      // there are as many sections as a file may have: what follows is not read

	clean []byte // the text for the INI parser, once it differs from the file's
	dirty bool

	// The last keyword, until it is known that no line continues it.
	held       bool
	force      bool   // a line of its value is not for the INI parser
	name       string // with its scope
	start, end int    // of its line
	block      block
	empty      int // blank lines since
}

// read reads the text of the file at path. What is wrong with it as INI is among its problems.
func (r *Reader) read(path string, text []byte) *file {
	in := r.here()
	f := &in.file
	*f = file{path: path, sections: in.order[:0]}
	if bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.HasPrefix(text, []byte("\xff\xfe")) {
		f.report(nil, Problem{Line: 1, Wanted: "wanted UTF-8, and it is UTF-16", Hint: "iconv -f UTF-16 -t UTF-8 converts it"})
		return f
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := r.values.of(f, in.scan(text)); err != nil {
		for _, sec := range f.sections {
			sec.bad = true
		}
		f.report(nil, Problem{Wanted: "wanted a file that can be read as INI: " + err.Error()})
	}
	in.order = f.sections
	return f
}

// scan reads the whole text into the file, but for the values, and returns what the INI parser is to read.
func (in *room) scan(raw []byte) []byte {
	text := string(raw)
	s := scanner{lexer: newLexer(text), file: &in.file, in: in, pool: in.sections}
	s.suspect = !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0
	in.entries = slices.Grow(in.entries[:0], min(strings.Count(text, "\n")+1, strings.Count(text, "=")))
	s.all = in.entries
	for n := (line{}); !s.full && s.next(&n); {
		s.take(&n)
	}
	s.release()
	if s.dirty {
		return s.clean
	}
	return raw
}

func (s *scanner) take(n *line) {
	if n.kind == lineBlank {
		s.empty++
		return
	}
	if s.suspect && n.kind != lineHeader && !s.encoded(n) {
		return
	}
	switch n.kind {
	case lineComment:
		return
	case lineMore:
		s.more(n)
	case lineHeader:
		s.release()
		s.header(n)
	case lineKeyword:
		s.release()
		s.keyword(n)
	case lineBad:
		s.release()
		s.differ(n.start)
		s.report(s.current(n), Problem{Line: n.num, Text: n.body, Wanted: n.fault, Hint: colonHint(n.body)})
	}
	s.empty = 0
}

// encoded reports whether n is UTF-8 without NUL; if not, it drops the line and says so. A header is not
// asked: whatever is in it, it begins a section.
func (s *scanner) encoded(n *line) bool {
	p := Problem{Line: n.num, Text: n.body, Hint: "iconv -f ISO-8859-1 -t UTF-8 converts Latin-1"}
	switch {
	case strings.IndexByte(n.body, 0) >= 0:
		p.Wanted, p.Hint = "wanted text, and there is a NUL in it", ""
	case !utf8.ValidString(n.body):
		p.Wanted = "wanted UTF-8"
	default:
		return true
	}
	if n.kind == lineComment {
		p.Severity = Warning
		s.report(nil, p)
		return false
	}
	if n.kind == lineMore {
		s.force = true
	} else {
		s.release()
		s.differ(n.start)
	}
	s.report(s.current(n), p)
	return false
}

// current returns the section that n stands in. A line before any header stands in [DEFAULT].
func (s *scanner) current(n *line) *section {
	if len(s.sections) == 0 {
		s.begin("DEFAULT", 0)
		s.report(s.sections[0], Problem{Line: n.num, Text: n.body, Wanted: "wanted a section first", Hint: `begin the file with "[DEFAULT]"`})
	}
	return s.sections[len(s.sections)-1]
}

// begin adds a section.
func (s *scanner) begin(name string, line int) *section {
	if len(s.pool) == 0 {
		s.in.sections = make([]section, max(16, 2*len(s.in.sections)))
		s.pool = s.in.sections
	}
	sec := &s.pool[0]
	s.pool = s.pool[1:]
	*sec = section{name: name, ini: name, line: line}
	sec.group, sec.index, _ = strings.Cut(name, "#")
	sec.lenient = !strict(sec.group)
	s.sections = append(s.sections, sec)
	return sec
}

// header opens a section. One that is wrong gets a name of its own for the INI parser: what stands
// below it must not end up in another section.
func (s *scanner) header(n *line) {
	if len(s.sections) == mostSections {
		s.full = true
		s.differ(n.start)
		s.report(nil, Problem{Line: n.num, Text: n.body, Wanted: "wanted at most " + strconv.Itoa(mostSections) + " sections, and this one and what follows is not read"})
		return
	}
	sec := s.begin(n.name, n.num)
	first := s.section(n.name)
	if first != sec {
		first.bad, sec.again = true, true
	}
	switch {
	case n.fault != "":
		s.report(sec, Problem{Line: n.num, Text: n.body, Wanted: n.fault})
	case sec.again:
		s.report(sec, Problem{Line: n.num, Text: n.body, Wanted: "wanted each section once, and it is on line " + strconv.Itoa(first.line) + " already"})
	}
	if sec.bad {
		sec.ini = guard + strconv.Itoa(len(s.sections))
	}
	if sec.bad || len(n.body) != len(n.name)+2 {
		s.differ(n.start)
	}
	if s.dirty {
		s.clean = append(append(append(s.clean, '['), sec.ini...), "]\n"...)
	}
}

// keyword holds a keyword until its value is complete.
func (s *scanner) keyword(n *line) {
	sec := s.current(n)
	if len(sec.entries) == mostKeywords {
		s.differ(n.start)
		s.report(sec, Problem{Line: n.num, Keyword: n.name, Wanted: "wanted at most " + strconv.Itoa(mostKeywords) + " keywords in a section"})
		return
	}
	if e := sec.entry(n.name); e != nil {
		s.differ(n.start)
		s.report(sec, Problem{Line: n.num, Keyword: n.name, Text: n.value, Wanted: "wanted each keyword once, and it is on line " + strconv.Itoa(int(e.line)) + " already"})
		return
	}
	at := strings.IndexByte(n.name, '@')
	if at < 0 {
		at = len(n.name)
	}
	s.all = append(s.all, entry{key: n.name, value: n.value, line: int32(n.num), at: int32(at), home: sec})
	k := len(sec.entries) + 1
	sec.entries = s.all[len(s.all)-k : len(s.all) : len(s.all)]
	s.held, s.name, s.start, s.end = true, n.name, n.start, n.end
	s.block.first, s.block.more = n.value, s.block.more[:0]
}

// more adds a line to the value of the held keyword.
func (s *scanner) more(n *line) {
	if !s.held {
		return
	}
	s.block.add(*n, s.empty)
	if n.name == "" {
		return
	}
	sec := s.current(n)
	name, _, _ := strings.Cut(n.name, "@")
	if n.name[0] == '[' || lookup(sec.group, name) != nil {
		s.report(sec, Problem{
			Line: n.num, Keyword: s.name, Text: n.body,
			Wanted: "it is indented and so continues the value above it", Hint: "begin it where " + s.name + " begins",
		})
	}
}

// release hands the held keyword to the INI parser, unless it has read the very line before: the tasks
// of a file are mostly alike.
func (s *scanner) release() {
	if !s.held {
		return
	}
	s.held = false
	e := &s.all[len(s.all)-1]
	alone := len(s.block.more) == 0 && !s.force
	switch {
	case alone && s.repeats(e):
		e.again = true
		s.differ(s.start)
	case alone && !trap(s.block.first):
		if s.dirty {
			s.clean = append(append(s.clean, s.text[s.start:s.end]...), '\n')
		}
	default:
		s.differ(s.start)
		value := strings.ReplaceAll(s.block.text(s.text), "\n", guardNewline)
		for _, part := range [...]string{s.name, "=", guard, value, guard, "\n"} {
			s.clean = append(s.clean, part...)
		}
		e.value, s.force = guard, false // no line repeats it
	}
}

// repeats reports whether e, the last keyword of the last section, stands in the section before in the
// same place.
func (s *scanner) repeats(e *entry) bool {
	last := len(s.sections) - 1
	if last < 1 {
		return false
	}
	before, at := s.sections[last-1].entries, len(s.sections[last].entries)-1
	return at < len(before) && before[at].key == e.key && before[at].value == e.value
}

// trap reports whether the INI parser would not return value as it is.
func trap(value string) bool {
	if value == "" {
		return false
	}
	first, last := value[0], value[len(value)-1]
	return first == '`' || first >= utf8.RuneSelf || last >= utf8.RuneSelf || strings.HasPrefix(value, `"""`)
}

// unguard returns the value that was handed to the INI parser.
func unguard(value string) string {
	if value == "" || value[0] != guard[0] {
		return value
	}
	return strings.ReplaceAll(value[1:len(value)-1], guardNewline, "\n")
}

// differ begins a text of its own for the INI parser; what begins at the offset is not in it yet.
func (s *scanner) differ(at int) {
	if s.dirty {
		return
	}
	s.clean = append(make([]byte, 0, (at+len(s.text))/2+64), s.text[:at]...)
	s.dirty = true
}

// colonHint tells who wrote "keyword: value" what to write.
func colonHint(body string) string {
	name, value, ok := strings.Cut(body, ":")
	if !ok || !plainName(name) || strings.Contains(name, "=") {
		return ""
	}
	return "write " + strconv.Quote(brief(name+" = "+strings.Trim(value, blanks)))
}
