package service

import (
	"cmp"
	"slices"
	"strings"

	"om/task"
)

// Keyword is what the keyword tables say of one keyword.
type Keyword struct {
	Name     string   `json:"name"`
	Aliases  []string `json:"aliases,omitempty"`
	Section  string   `json:"section"`           // the group it is valid in: "task", "fs", "DEFAULT"; "*" is any resource
	Kind     Kind     `json:"kind"`              // what its value must be
	Default  string   `json:"default,omitempty"` // the value where none is given
	Choices  []string `json:"choices,omitempty"` // the values there are, where they can be listed
	Scopable bool     `json:"scopable"`          // keyword@scope is allowed
	Inherit  string   `json:"inherit,omitempty"` // the keyword of [DEFAULT] that is used where the section has none
	Text     string   `json:"text"`              // one paragraph for people
	Example  string   `json:"example,omitempty"`
}

// Keywords returns all keywords of service files and of node.conf, by section and name.
func Keywords() []Keyword {
	var all []Keyword
	for _, t := range tables() {
		for i := range t.rows {
			all = append(all, t.rows[i].keyword(t.section))
		}
	}
	slices.SortStableFunc(all, func(a, b Keyword) int {
		return cmp.Or(cmp.Compare(a.Section, b.Section), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// KeywordsOf returns the keywords that a section of the group may have, by name: "task", "fs",
// "DEFAULT", "node". A group without a driver has those of any resource. [DEFAULT] has the keywords
// that others inherit, too.
func KeywordsOf(group string) []Keyword {
	var all []Keyword
	own, generic := schema(group)
	for _, rows := range [][]row{own, generic} {
		for i := range rows {
			if !slices.ContainsFunc(all, func(k Keyword) bool { return k.Name == rows[i].name }) {
				all = append(all, rows[i].keyword(group))
			}
		}
	}
	if group == "DEFAULT" {
		all = append(all, inherited(all)...)
	}
	slices.SortFunc(all, func(a, b Keyword) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// inherited returns what [DEFAULT] may hold for tasks and other resources, under the name it has there.
func inherited(have []Keyword) []Keyword {
	var all []Keyword
	for _, rows := range [][]row{taskRows[:], resourceRows[:]} {
		for i := range rows {
			k := rows[i].keyword("DEFAULT")
			k.Name, k.Inherit = rows[i].inherits(), ""
			same := func(have Keyword) bool { return have.Name == k.Name }
			if k.Name != "" && !slices.ContainsFunc(have, same) && !slices.ContainsFunc(all, same) {
				all = append(all, k)
			}
		}
	}
	return all
}

// row is a Keyword as the tables hold it: constants only, laid out by the linker, so that the tables
// cost nothing until they are read.
type row struct {
	name    string
	aliases string // words
	kind    Kind
	def     string
	choices string // words
	from    string // the keyword of [DEFAULT] it inherits: same, or its name; "" if none
	least   int    // of an integer
	most    int
	plain   bool // not scopable
	text    string
	example string
	field   func(t *task.Task) any // where the value goes; nil if it stays text
}

// same in row.from is the keyword of the same name.
const same = "="

func (r *row) inherits() string {
	if r.from == same {
		return r.name
	}
	return r.from
}

func (r *row) keyword(section string) Keyword {
	return Keyword{
		Name: r.name, Aliases: strings.Fields(r.aliases), Section: section, Kind: r.kind, Default: r.def,
		Choices: r.words(), Scopable: !r.plain, Inherit: r.inherits(), Text: r.text, Example: r.example,
	}
}

// words lists the values that can be listed.
func (r *row) words() []string {
	if r.kind == kindBool {
		return []string{"true", "false"}
	}
	return strings.Fields(r.choices)
}

// table is the rows of one group of sections.
type table struct {
	section string
	rows    []row
}

func tables() []table {
	return []table{
		{"task", taskRows[:]},
		{"*", resourceRows[:]},
		{"fs", fsRows[:]},
		{"ip", ipRows[:]},
		{"app", appRows[:]},
		{"DEFAULT", serviceRows[:]},
		{"subset", subsetRows[:]},
		{"node", nodeRows[:]},
		{"notify", notifyRows[:]},
		{"impersonate", impersonateRows[:]},
		{"metrics", metricsRows[:]},
	}
}

// schema returns the rows of a group, its own and those of any resource.
func schema(group string) (own, generic []row) {
	switch group {
	case "task":
		return taskRows[:], resourceRows[:]
	case "fs":
		return fsRows[:], resourceRows[:]
	case "ip":
		return ipRows[:], resourceRows[:]
	case "app":
		return appRows[:], resourceRows[:]
	case "DEFAULT":
		return serviceRows[:], nil
	case "subset":
		return subsetRows[:], nil
	case "node":
		return nodeRows[:], nil
	case "notify":
		return notifyRows[:], nil
	case "impersonate":
		return impersonateRows[:], nil
	case "metrics":
		return metricsRows[:], nil
	case "env", "labels":
		return nil, nil
	}
	return nil, resourceRows[:]
}

// lookup returns the row of the keyword name in sections of group, nil if there is none.
func lookup(group, name string) *row {
	own, generic := schema(group)
	if r := find(own, name); r != nil {
		return r
	}
	if r := find(generic, name); r != nil {
		return r
	}
	if r := findAlias(own, name); r != nil {
		return r
	}
	if group == "DEFAULT" {
		return findInherited(name)
	}
	return findAlias(generic, name)
}

// find returns the row called name; rows are sorted by name. Most steps are settled by the first
// letter.
func find(rows []row, name string) *row {
	if name == "" {
		return nil
	}
	low, high := 0, len(rows)
	for low < high {
		mid := int(uint(low+high) >> 1)
		at := rows[mid].name
		if at[0] < name[0] || at[0] == name[0] && at < name {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(rows) && rows[low].name == name {
		return &rows[low]
	}
	return nil
}

func findAlias(rows []row, name string) *row {
	for i := range rows {
		if rows[i].aliases != "" && hasWord(rows[i].aliases, name) {
			return &rows[i]
		}
	}
	return nil
}

// findInherited returns the row that inherits the keyword name of [DEFAULT]. The one that inherits
// another name, schedule, is not among them.
func findInherited(name string) *row {
	for _, rows := range [...][]row{taskRows[:], resourceRows[:]} {
		r := find(rows, name)
		if r == nil {
			r = findAlias(rows, name)
		}
		if r != nil && r.from == same {
			return r
		}
	}
	return nil
}

// hasWord reports whether word is one of the words of list.
func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}
