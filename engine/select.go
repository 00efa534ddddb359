package engine

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"om/state"
	"om/task"
)

// Selection says which tasks of a service are meant. The three lists intersect; an empty one
// selects all (semantics of OpenSVC's agent 2.1).
type Selection struct {
	RID     string // "task#0,task#2", or a group: "task"
	Tags    string // "backup+nightly,purge": "+" is and, "," is or
	Subsets string // "a,b"
}

// String returns the selection as flags.
func (s Selection) String() string {
	var words []string
	for _, f := range []struct{ flag, value string }{{"--rid", s.RID}, {"--tags", s.Tags}, {"--subsets", s.Subsets}} {
		if f.value != "" {
			words = append(words, f.flag+" "+f.value)
		}
	}
	return strings.Join(words, " ")
}

// Selected is a task that a selection picked.
type Selected struct {
	Task  task.Task
	Named bool // by its own rid, not by a group, a tag or nothing at all
}

// Pick returns the tasks that the selection means, in the order given.
func (s Selection) Pick(tasks []task.Task) []Selected {
	var picked []Selected
	for _, t := range tasks {
		named, ok := s.rid(t.ID.RID)
		if ok && s.tags(t.Tags) && s.subset(t.Subset) {
			picked = append(picked, Selected{Task: t, Named: named})
		}
	}
	return picked
}

// Unknown returns the first rid that the selection names and that is neither a section of rids nor a
// group of one; "" if there is none.
func (s Selection) Unknown(rids []string) string {
	for _, word := range s.rids() {
		if !slices.ContainsFunc(rids, func(rid string) bool { return rid == word || strings.HasPrefix(rid, word+"#") }) {
			return word
		}
	}
	return ""
}

// Known refuses a selection with an rid that no task of the services has, as they are scheduled, nor a section that is wrong.
func (e *Engine) Known(ctx context.Context, s Selection, paths ...string) error {
	if s.RID == "" {
		return nil
	}
	var rids, bad []string
	for _, path := range paths {
		svc, _, err := e.Scheduled(ctx, path)
		switch {
		case err != nil && len(paths) == 1:
			return err
		case err != nil:
			continue // who looks at it says so
		}
		for _, section := range svc.Quarantined() {
			if len(paths) == 1 && s.Names(section) {
				return &QuarantineError{Service: svc, Section: section}
			}
			bad = append(bad, section)
		}
		for _, t := range svc.Tasks {
			rids = append(rids, t.ID.RID)
		}
	}
	word := s.Unknown(append(bad, rids...))
	switch {
	case word == "":
		return nil
	case len(paths) == 1:
		return unknownTo(paths[0], word, rids, bad)
	}
	return task.Errorf(task.ErrNotFound, "no task of any service matches --rid %s", word)
}

// unknownTo says that word means none of the tasks of a service, which are rids. bad are the sections of it that are wrong.
func unknownTo(path, word string, rids, bad []string) error {
	if len(rids) == 0 && len(bad) > 0 {
		return task.Errorf(task.ErrInvalid, "service %s: no task matches --rid %s, and its file has errors: om %[1]s validate tells them", path, word)
	}
	return task.Errorf(task.ErrNotFound, "service %s: no task matches --rid %s; its tasks: %v", path, word, rids)
}

// Names reports whether the selection picks rid by its own name.
func (s Selection) Names(rid string) bool {
	named, _ := s.rid(rid)
	return named
}

// Query narrows q to what the selection means. Where it names a group, every run is asked for, and Pick
// chooses among them.
func (s Selection) Query(q state.Query) state.Query {
	for _, word := range s.rids() {
		if !strings.Contains(word, "#") {
			q.RID, q.Limit = nil, 0
			return q
		}
		q.RID = append(q.RID, word)
	}
	return q
}

// rids are the words of RID.
func (s Selection) rids() (words []string) {
	if s.RID == "" {
		return nil
	}
	for word := range strings.SplitSeq(s.RID, ",") {
		words = append(words, strings.TrimSpace(word))
	}
	return words
}

func (s Selection) rid(rid string) (named, ok bool) {
	if s.RID == "" {
		return false, true
	}
	group, _, _ := strings.Cut(rid, "#")
	for _, word := range s.rids() {
		named = named || word == rid
		ok = ok || word == rid || word == group
	}
	return named, ok
}

func (s Selection) tags(tags []string) bool {
	if s.Tags == "" {
		return true
	}
	for any := range strings.SplitSeq(s.Tags, ",") {
		if hasAll(tags, any) {
			return true
		}
	}
	return false
}

func hasAll(tags []string, all string) bool {
	for tag := range strings.SplitSeq(all, "+") {
		if !slices.Contains(tags, strings.TrimSpace(tag)) {
			return false
		}
	}
	return true
}

func (s Selection) subset(subset string) bool {
	if s.Subsets == "" {
		return true
	}
	for word := range strings.SplitSeq(s.Subsets, ",") {
		if strings.TrimSpace(word) == subset && subset != "" {
			return true
		}
	}
	return false
}

// Match returns the services that selector means: a path, a glob on paths ("web*", "prod/*", "**"
// for all), or a comma list of these. "!" in front of a word takes away. An exact path that does not
// exist is an error; a glob that matches nothing is too.
func Match(selector string, all []string) ([]string, error) {
	var out []string
	for word := range strings.SplitSeq(selector, ",") {
		word = strings.TrimSpace(word)
		if rest, ok := strings.CutPrefix(word, "!"); ok {
			out = slices.DeleteFunc(or(out, all), func(p string) bool { return globs(rest, p) })
			continue
		}
		found := slices.DeleteFunc(slices.Clone(all), func(p string) bool { return !globs(word, p) })
		if len(found) == 0 {
			return nil, NoService(word, all)
		}
		out = append(out, found...)
	}
	return unique(out), nil
}

// or starts a selector that begins with a negation from all services.
func or(out, all []string) []string {
	if len(out) == 0 {
		return slices.Clone(all)
	}
	return out
}

func globs(pattern, p string) bool {
	if pattern == "**" || pattern == p {
		return true
	}
	ok, err := path.Match(pattern, p)
	return ok && err == nil
}

func unique(paths []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(paths, func(p string) bool {
		dup := seen[p]
		seen[p] = true
		return dup
	})
}

// NoService is the error for a service that is not there, with the nearest name if one is near.
func NoService(name string, all []string) error {
	hint := ""
	if near := task.Nearest(name, all); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return task.Errorf(task.ErrNotFound, "service %q: no such service%s", name, hint)
}
