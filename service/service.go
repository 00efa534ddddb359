package service

import (
	"slices"
	"strings"

	"om/task"
)

// Service is what a service's file says on this node: scopes are chosen, references replaced, values
// typed. Sections with errors are left out of Tasks and Resources.
type Service struct {
	Path      string // "testmd", or "prod/testmd" in namespace prod
	Name      string // "testmd"
	Namespace string // "prod"; "" for none
	File      string
	Text      []byte // the file as it was read
	Linked    bool   // File is a symbolic link

	Tasks     []task.Task     // in the order of their resource ids
	Resources []task.Resource // tasks too, in the order of the file
	Problems  []Problem       // by line

	Disable   bool     // DEFAULT.disable: every task is disabled then
	Nodes     []string // DEFAULT.nodes, in lower case; empty for this node alone
	StateFile string   // DEFAULT.state: the service's own record; "" for the node's
	App       string
	Env       string // DEFAULT.env: "PRD"
	Topology  string
	Comment   string

	node  Node
	file  *file
	place place
	known *memory // while the service is being built
}

// Task returns the task with the given resource id. It reports false for one that is not in the file
// or in quarantine.
func (s *Service) Task(rid string) (task.Task, bool) {
	for i := range s.Tasks {
		if s.Tasks[i].ID.RID == rid {
			return s.Tasks[i], true
		}
	}
	return task.Task{}, false
}

// ID is what {id} stands for: DEFAULT.id, or a UUID made from the path, the same on each node.
func (s *Service) ID() string {
	if e := s.best(s.file.section("DEFAULT"), "id"); e != nil {
		return e.value
	}
	return idOf(s.Path)
}

// Quarantined lists the sections that have errors, as they are written, in the order of the file.
// What they declare is left out.
func (s *Service) Quarantined() []string {
	var names []string
	for _, sec := range s.file.sections {
		if sec.bad && !slices.Contains(names, sec.name) {
			names = append(names, sec.name)
		}
	}
	return names
}

// Sections lists the sections of the file in its order, each once.
func (s *Service) Sections() []string {
	names := make([]string, 0, len(s.file.sections))
	seen := make(map[string]bool, len(s.file.sections))
	for _, sec := range s.file.sections {
		if !seen[sec.name] {
			names, seen[sec.name] = append(names, sec.name), true
		}
	}
	return names
}

// Keys lists the keywords of a section as they are written, with their scopes, in the order of the file.
func (s *Service) Keys(name string) []string {
	var keys []string
	if sec := s.file.section(name); sec != nil {
		for i := range sec.entries {
			keys = append(keys, sec.entries[i].key)
		}
	}
	return keys
}

// Raw returns the value of a keyword as it is written: the keyword with its scope, exactly. It reports
// false where the section does not have it.
func (s *Service) Raw(name, key string) (string, bool) {
	sec := s.file.section(name)
	if sec == nil {
		return "", false
	}
	e := sec.entry(key)
	if e == nil {
		return "", false
	}
	return e.value, true
}

// Eval returns the value that a keyword has on this node: the scope chosen, else inherited from
// [DEFAULT], else its default, with references replaced. A keyword with a scope, "command@n2", is that
// very line. A known keyword without a value is "". The error is for a section or a keyword that is not
// known (task.ErrNotFound) and for a reference that leads nowhere (task.ErrInvalid).
func (s *Service) Eval(name, key string) (string, error) {
	sec := s.file.section(name)
	if sec == nil {
		return "", notFound("section", name, name, s.Sections())
	}
	r := lookup(sec.group, key)
	switch {
	case strings.Contains(key, "@"):
		if e := sec.entry(key); e != nil {
			return s.evaluated(sec, e)
		}
	case r != nil && sec.group != "DEFAULT":
		key = r.name
	}
	if e := s.effective(sec, key); e != nil {
		return s.evaluated(sec, e)
	}
	if r == nil {
		return "", notFound("keyword", name+"."+key, key, append(s.Keys(name), names(sec.group)...))
	}
	return r.def, nil
}
