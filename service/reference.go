package service

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reference returns what {name} stands for. It reports false for what is no reference after all.
func (x *expansion) reference(l *link, name string) (value string, known bool, err error) {
	if x.left--; x.left < 0 {
		return "", false, fault{text: "{" + name + "}", wanted: fmt.Sprintf("wanted a value that needs at most %d references", maxReferences)}
	}
	if name[0] == '#' {
		value, known, err = x.plain(l, name[1:])
		return strconv.Itoa(len(strings.Fields(value))), known, err
	}
	if word, rest, ok := strings.Cut(name, ":"); ok {
		change := transformation(word)
		if change == nil {
			return "", false, nil
		}
		value, known, err = x.plain(l, rest)
		return change(value), known, err
	}
	if list, index, ok := strings.Cut(name, "["); ok {
		return x.indexed(l, list, index)
	}
	return x.plain(l, name)
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
func (x *expansion) indexed(l *link, list, index string) (string, bool, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
	if err != nil || n < 0 || !strings.HasSuffix(index, "]") {
		return "", false, nil
	}
	value, known, err := x.plain(l, list)
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
func (x *expansion) plain(l *link, name string) (string, bool, error) {
	if section, key, ok := splitReference(name); ok {
		value, err := x.dotted(l, section, key)
		return value, true, err
	}
	if strings.ContainsAny(name, ".#:[]") {
		return "", false, nil
	}
	if value, ok := x.builtin(name); ok {
		return value, true, nil
	}
	x.local = true
	if value, ok := l.sec.builtin(name); ok {
		return value, true, nil
	}
	var e *entry
	if l.e.home.group == "env" {
		e = x.best(l.e.home, name)
	}
	if e == nil {
		e = x.effective(l.sec, name)
	}
	if e == nil {
		e = x.best(x.file.section("DEFAULT"), name)
	}
	if e != nil {
		value, err := x.entry(l, l.sec, e)
		return value, true, err
	}
	if r := lookup(l.sec.group, name); r != nil && r.def != "" {
		return r.def, true, nil
	}
	return "", false, nil
}

// splitReference cuts "env.x" and "task#0.x" where the keyword begins.
func splitReference(name string) (section, key string, ok bool) {
	i := strings.IndexByte(name, '.')
	if i > 0 && strings.IndexByte(name, '#') >= 0 {
		i = strings.LastIndexByte(name, '.')
	}
	if i <= 0 || i == len(name)-1 || !letter(name[i+1]) || strings.Contains(name, "..") {
		return "", "", false
	}
	return name[:i], name[i+1:], span(name[i+1:], inKey) == len(name)-i-1
}

func inKey(c byte) bool { return letter(c) || decimal(c) || c == '-' }

// dotted is {section.key}.
func (x *expansion) dotted(l *link, section, key string) (string, error) {
	if section == "node" {
		return x.ofNode(key)
	}
	target := x.file.section(section)
	if target == nil {
		return "", fault{braced(section, key), "there is no section [" + section + "]", x.file.near(section, x.Sections)}
	}
	if section == "env" && target.bad {
		return "", fault{text: braced(section, key), wanted: "[env] has an error"}
	}
	if section == "env" {
		if e := x.best(target, key); e != nil {
			return x.entry(l, l.sec, e)
		}
		return "", fault{braced(section, key), "wanted a key of [env]", didYouMean(key, x.Keys("env"))}
	}
	if e := x.effective(target, key); e != nil {
		return x.entry(l, target, e)
	}
	r := lookup(target.group, key)
	if r != nil && r.def != "" {
		return r.def, nil
	}
	if r != nil {
		return "", fault{text: braced(section, key), wanted: "[" + section + "] has no " + key + " on this node"}
	}
	return "", fault{braced(section, key), "wanted a keyword of [" + section + "]", didYouMean(key, append(x.Keys(section), names(target.group)...))}
}

func braced(section, key string) string { return "{" + section + "." + key + "}" }

func (x *expansion) ofNode(key string) (string, error) {
	if key == "name" {
		return x.node.Name, nil
	}
	label, ok := strings.CutPrefix(key, "labels.")
	if value, has := x.node.Labels[label]; ok && has {
		return value, nil
	}
	return "", fault{text: braced("node", key), wanted: "wanted node.name or node.labels.NAME with a label of node.conf"}
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
		return x.ID(), true
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
