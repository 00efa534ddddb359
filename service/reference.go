package service

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
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
	x.chain = x.few[:0]
	return x.entry(sec, e)
}

// expansion replaces the references of one value.
type expansion struct {
	*Service
	left  int // references that may still be followed
	chain []link
	few   [4]link // where most chains have room
	local bool    // what was found depends on the section that asked
}

// link is a value that is being expanded.
type link struct {
	sec *section
	e   *entry
}

func (l link) String() string { return l.e.home.name + "." + l.e.name() }

func (x *expansion) entry(sec *section, e *entry) (string, error) {
	if strings.IndexByte(e.value, '{') < 0 {
		return e.value, nil
	}
	if text, ok := x.known.get(e); ok {
		return text, nil
	}
	at := link{sec, e}
	if i := slices.Index(x.chain, at); i >= 0 {
		return "", x.cycle(i)
	}
	outer := x.local
	x.local = false
	x.chain = append(x.chain, at)
	text, err := x.text(sec, e.home, e.value)
	x.chain = x.chain[:len(x.chain)-1]
	if err == nil && !x.local && e.home.group == "env" {
		x.known.put(e, text)
	}
	x.local = x.local || outer
	return text, err
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

// cycle names the links from the i-th on, which lead back to it.
func (x *expansion) cycle(i int) error {
	var path []string
	for _, l := range append(x.chain[i:], x.chain[i]) {
		path = append(path, l.String())
	}
	return fault{text: x.chain[i].e.value, wanted: "wanted references that end, and these go round: " + strings.Join(path, " -> ")}
}

// brace is a "{" that is not closed yet.
type brace struct {
	in, out int  // where it stands in the text and in the result
	literal bool // it is the shell's: ${
}

// text replaces the references of a value that stands in home, as seen from sec. Inner ones come
// first, and what replaced a reference is not read again.
func (x *expansion) text(sec, home *section, text string) (string, error) {
	var out []byte
	var few [4]brace
	open, done := few[:0], 0
	for i := strings.IndexByte(text, '{'); i < len(text); i++ {
		if text[i] == '{' {
			open = append(open, brace{i, len(out) + i - done, i > 0 && text[i-1] == '$'})
		}
		if text[i] != '}' || len(open) == 0 {
			continue
		}
		last := open[len(open)-1]
		open = open[:len(open)-1]
		if last.literal || doubled(text, last.in, i) {
			continue
		}
		name := x.name(text, out, last, i, done)
		if !referenceShaped(name) {
			continue
		}
		value, known, err := x.reference(sec, home, name)
		if err != nil {
			return "", err
		}
		if !known {
			continue
		}
		if last.out >= len(out) {
			out = append(out, text[done:last.in]...)
		}
		out = append(out[:last.out], value...)
		if done = i + 1; len(out) > maxExpanded {
			return "", fault{text: text, wanted: "wanted a value of at most 1 MiB once its references are replaced"}
		}
	}
	if done == 0 {
		return text, nil
	}
	return string(append(out, text[done:]...)), nil
}

// name is what stands between a brace and the "}" at last: of the text, or of the result where a
// reference in it has been replaced.
func (x *expansion) name(text string, out []byte, open brace, last, done int) string {
	switch {
	case open.in >= done:
		return text[open.in+1 : last]
	case len(out)-open.out+last-done > maxName:
		return ""
	}
	return string(out[open.out+1:]) + text[done:last]
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
		if c := name[i]; !letter(c) && !decimal(c) && strings.IndexByte("-#:[]", c) < 0 {
			return false
		}
	}
	return true
}

func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// reference returns what {name} stands for. It reports false for what is no reference after all.
func (x *expansion) reference(sec, home *section, name string) (value string, known bool, err error) {
	if x.left--; x.left < 0 {
		return "", false, fault{text: "{" + name + "}", wanted: fmt.Sprintf("wanted a value that needs at most %d references", maxReferences)}
	}
	if rest, ok := strings.CutPrefix(name, "#"); ok {
		value, known, err = x.plain(sec, home, rest)
		return strconv.Itoa(len(strings.Fields(value))), known, err
	}
	if word, rest, ok := strings.Cut(name, ":"); ok {
		change := transformation(word)
		if change == nil {
			return "", false, nil
		}
		value, known, err = x.plain(sec, home, rest)
		return change(value), known, err
	}
	if list, index, ok := strings.Cut(name, "["); ok {
		return x.indexed(sec, home, list, index)
	}
	return x.plain(sec, home, name)
}

func transformation(word string) func(string) string {
	switch word {
	case "upper":
		return strings.ToUpper
	case "lower":
		return strings.ToLower
	case "capitalize":
		return capitalize
	}
	return nil
}

func capitalize(text string) string {
	_, first := utf8.DecodeRuneInString(text)
	return strings.ToUpper(text[:first]) + strings.ToLower(text[first:])
}

// indexed is word n, from 0, of a value.
func (x *expansion) indexed(sec, home *section, list, index string) (string, bool, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
	if err != nil || n < 0 || !strings.HasSuffix(index, "]") {
		return "", false, nil
	}
	value, known, err := x.plain(sec, home, list)
	if err != nil || !known {
		return "", known, err
	}
	words := strings.Fields(value)
	if n >= len(words) {
		return "", false, fault{text: "{" + list + "[" + index + "}", wanted: fmt.Sprintf("wanted an index below %d", len(words))}
	}
	return words[n], true, nil
}

// plain is a reference without an index or a transformation.
func (x *expansion) plain(sec, home *section, name string) (string, bool, error) {
	if section, key, ok := splitReference(name); ok {
		value, err := x.dotted(sec, section, key)
		return value, true, err
	}
	if strings.ContainsAny(name, ".#:[]") {
		return "", false, nil
	}
	if value, ok := x.builtin(name); ok {
		return value, true, nil
	}
	x.local = true
	if value, ok := sec.builtin(name); ok {
		return value, true, nil
	}
	var e *entry
	if home.group == "env" {
		e = x.best(home, name)
	}
	if e == nil {
		e = x.effective(sec, name)
	}
	if e == nil {
		e = x.best(x.file.section("DEFAULT"), name)
	}
	if e != nil {
		value, err := x.entry(sec, e)
		return value, true, err
	}
	if r := lookup(sec.group, name); r != nil && r.def != "" {
		return r.def, true, nil
	}
	return "", false, nil
}

// splitReference cuts "env.x" and "task#0.x" where the keyword begins.
func splitReference(name string) (section, key string, ok bool) {
	i := strings.IndexByte(name, '.')
	if strings.Contains(name, "#") {
		i = strings.LastIndexByte(name, '.')
	}
	if i <= 0 {
		return "", "", false
	}
	section, key = name[:i], name[i+1:]
	ok = key != "" && letter(key[0]) && !strings.Contains(name, "..") && !strings.ContainsAny(key, "#:[]")
	return section, key, ok
}

// dotted is {section.key}.
func (x *expansion) dotted(sec *section, section, key string) (string, error) {
	whole := "{" + section + "." + key + "}"
	if section == "node" {
		return x.ofNode(whole, key)
	}
	target := x.file.section(section)
	if target == nil {
		return "", fault{whole, "there is no section [" + section + "]", didYouMean(section, x.Sections())}
	}
	if section == "env" {
		if e := x.best(target, key); e != nil {
			return x.entry(sec, e)
		}
		return "", fault{whole, "wanted a key of [env]", didYouMean(key, x.Keys("env"))}
	}
	if e := x.effective(target, key); e != nil {
		return x.entry(target, e)
	}
	r := lookup(target.group, key)
	if r != nil && r.def != "" {
		return r.def, nil
	}
	if r != nil {
		return "", fault{text: whole, wanted: "[" + section + "] has no " + key + " on this node"}
	}
	return "", fault{whole, "wanted a keyword of [" + section + "]", didYouMean(key, append(x.Keys(section), names(target.group)...))}
}

func (x *expansion) ofNode(whole, key string) (string, error) {
	if key == "name" {
		return x.node.Name, nil
	}
	label, ok := strings.CutPrefix(key, "labels.")
	if value, has := x.node.Labels[label]; ok && has {
		return value, nil
	}
	return "", fault{text: whole, wanted: "wanted node.name or node.labels.NAME with a label of node.conf"}
}

// builtin is what the service and the node are called.
func (x *expansion) builtin(name string) (string, bool) {
	switch name {
	case "name", "svcname", "short_name":
		return x.Name, true
	case "path", "svcpath":
		return x.Path, true
	case "namespace":
		if x.Namespace == "" {
			return "root", true
		}
		return x.Namespace, true
	case "id":
		return x.ID, true
	case "nodename":
		return x.node.Name, true
	case "short_nodename":
		short, _, _ := strings.Cut(x.node.Name, ".")
		return short, true
	}
	return "", false
}

// builtin is what the section is called, if it is a resource.
func (sec *section) builtin(name string) (string, bool) {
	if sec.index == "" {
		return "", false
	}
	switch name {
	case "rid":
		return sec.name, true
	case "rgroup":
		return sec.group, true
	case "rindex":
		return sec.index, true
	}
	return "", false
}

// idOf makes a UUID (version 8: of one's own making) from the path of a service, the same on each node.
func idOf(path string) string {
	h := fnv.New128a()
	_, _ = h.Write([]byte(path))
	u := h.Sum(nil)
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
