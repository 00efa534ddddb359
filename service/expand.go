package service

import (
	"slices"
	"strings"
)

// What one value may cost: references followed, and bytes written.
const (
	maxReferences = 1000
	maxExpanded   = 1 << 20
	maxName       = 300 // of a reference
)

// best returns the entry of key in sec that fits this node best, nil if there is none.
func (s *Service) best(sec *section, key string) *entry {
	if sec == nil {
		return nil
	}
	var best *entry
	most := rankNone
	for i := range sec.entries {
		e := &sec.entries[i]
		if e.name() != key && (e.row == nil || e.row.name != key) {
			continue
		}
		if rank := s.place.rank(e.scope()); rank > most {
			best, most = e, rank
		}
	}
	return best
}

// effective returns the entry that gives key its value in sec: its own, or what it inherits.
func (s *Service) effective(sec *section, key string) *entry {
	e := s.best(sec, key)
	if e != nil || sec.group == "DEFAULT" {
		return e
	}
	if r := lookup(sec.group, key); r != nil && r.from != "" {
		return s.best(s.file.section("DEFAULT"), r.inherits())
	}
	return nil
}

// evaluated returns the value of e with its references replaced, as seen from sec: e may be inherited.
func (s *Service) evaluated(sec *section, e *entry) (string, error) {
	if strings.IndexByte(e.value, '{') < 0 {
		return e.value, nil
	}
	x := expansion{Service: s, left: maxReferences}
	return x.entry(nil, sec, e)
}

// expansion replaces the references of one value.
type expansion struct {
	*Service
	left  int  // references that may still be followed
	local bool // what was found depends on the section that asked
}

// link is a value that is being expanded, as seen from a section, and the one that refers to it.
type link struct {
	up  *link
	sec *section
	e   *entry
}

func (l *link) String() string { return l.e.home.name + "." + l.e.name() }

// entry returns the value of e, which up refers to.
func (x *expansion) entry(up *link, sec *section, e *entry) (string, error) {
	if strings.IndexByte(e.value, '{') < 0 {
		return e.value, nil
	}
	if text, ok := x.known.get(e); ok {
		return text, nil
	}
	l := link{up, sec, e}
	for k := up; k != nil; k = k.up {
		if k.sec == sec && k.e == e {
			return "", l.cycle()
		}
	}
	outer := x.local
	x.local = false
	text, err := x.text(&l)
	if err == nil && !x.local && e.home.group == "env" {
		x.known.put(e, text)
	}
	x.local = x.local || outer
	return text, err
}

// cycle names the links from the one that l repeats.
func (l *link) cycle() error {
	path := []string{l.String()}
	k := l.up
	for ; k.e != l.e || k.sec != l.sec; k = k.up {
		path = append(path, k.String())
	}
	path = append(path, k.String())
	slices.Reverse(path)
	return fault{text: l.e.value, wanted: "wanted references that end, and these go round: " + strings.Join(path, " -> ")}
}

// memory holds the values of [env] that do not depend on who asks. A nil one holds nothing.
type memory struct {
	entries []*entry
	texts   []string
}

func (m *memory) get(e *entry) (string, bool) {
	if m == nil {
		return "", false
	}
	if i := slices.Index(m.entries, e); i >= 0 {
		return m.texts[i], true
	}
	return "", false
}

func (m *memory) put(e *entry, text string) {
	if m != nil && len(m.entries) < 16 {
		m.entries, m.texts = append(m.entries, e), append(m.texts, text)
	}
}

// text replaces the references of a value. Inner ones come first, and what replaced a reference is not
// read again.
func (x *expansion) text(l *link) (string, error) {
	r := rewriting{text: l.e.value}
	for i := strings.IndexByte(r.text, '{'); i < len(r.text); i++ {
		name, ok := r.step(i)
		if !ok {
			continue
		}
		value, known, err := x.reference(l, name)
		if err != nil {
			return "", err
		}
		if !known {
			continue
		}
		if r.only(i) {
			return r.text[:r.last.in] + value + r.text[i+1:], nil
		}
		if r.replace(value, i); len(r.out) > maxExpanded {
			return "", fault{text: r.text, wanted: "wanted a value of at most 1 MiB once its references are replaced"}
		}
	}
	return r.result(), nil
}

// rewriting is a value while its references are replaced.
type rewriting struct {
	text string
	out  []byte  // what text[:done] has become
	done int     // how far out goes
	open []brace // not closed yet
	last brace   // the one closed last
}

// brace is a "{".
type brace struct {
	in, out int  // where it stands in the text and in the result
	literal bool // it is the shell's: ${
}

// step goes past the i-th byte. It returns what is between two braces, and true if that can be a
// reference.
func (r *rewriting) step(i int) (string, bool) {
	switch {
	case r.text[i] == '{':
		r.open = append(r.open, brace{i, len(r.out) + i - r.done, i > 0 && r.text[i-1] == '$'})
		return "", false
	case r.text[i] != '}' || len(r.open) == 0:
		return "", false
	}
	r.last = r.open[len(r.open)-1]
	r.open = r.open[:len(r.open)-1]
	if r.last.literal || doubled(r.text, r.last.in, i) {
		return "", false
	}
	name := r.name(i)
	return name, referenceShaped(name)
}

// name is what stands between the last brace and the "}" at end: of the text, or of the result where a
// reference in it has been replaced.
func (r *rewriting) name(end int) string {
	switch {
	case r.last.in >= r.done:
		return r.text[r.last.in+1 : end]
	case len(r.out)-r.last.out+end-r.done > maxName:
		return ""
	}
	return string(r.out[r.last.out+1:]) + r.text[r.done:end]
}

// only reports whether the reference that ends at i is the only one, which is so for most values.
func (r *rewriting) only(i int) bool {
	return r.done == 0 && len(r.open) == 0 && strings.IndexByte(r.text[i:], '{') < 0
}

// replace puts value in the place of the reference that ends at i.
func (r *rewriting) replace(value string, i int) {
	if r.last.out >= len(r.out) {
		r.out = append(r.out, r.text[r.done:r.last.in]...)
	}
	r.out = append(r.out[:r.last.out], value...)
	r.done = i + 1
}

func (r *rewriting) result() string {
	if r.done == 0 {
		return r.text
	}
	return string(append(r.out, r.text[r.done:]...))
}

// doubled reports whether the braces at first and last are the inner ones of {{...}}, which other
// tools use for templates.
func doubled(text string, first, last int) bool {
	return first > 0 && text[first-1] == '{' && strings.HasPrefix(text[last+1:], "}")
}

// referenceShaped reports whether name could be a reference: it begins as a name or as "#" does, and
// has no character that none has.
func referenceShaped(name string) bool {
	if len(name) == 0 || len(name) > maxName || name[0] != '#' && !letter(name[0]) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !inKey(c) && c != '#' && c != ':' && c != '[' && c != ']' {
			return false
		}
	}
	return true
}

func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}
