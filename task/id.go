package task

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// ID names a task: the service it belongs to and its section in the service's file.
type ID struct {
	// Service is the path of the service: "testmd", or "prod/testmd" in namespace prod.
	Service string
	// RID is the resource id, the name of the section: "task#0".
	RID string
}

// String returns "testmd/task#0", which ParseID reads back.
func (id ID) String() string { return id.Service + "/" + id.RID }

// ParseID reads "service/rid" or "namespace/service/rid". The error wraps ErrInvalid.
func ParseID(text string) (ID, error) {
	i := strings.LastIndexByte(text, '/')
	if i < 0 {
		return ID{}, fmt.Errorf("task id %q: wanted SERVICE/RID: %w", text, ErrInvalid)
	}
	id := ID{Service: text[:i], RID: text[i+1:]}
	if _, _, ok := SplitRID(id.RID); !ok {
		return ID{}, fmt.Errorf("task id %q: %q is not GROUP#INDEX: %w", text, id.RID, ErrInvalid)
	}
	if !ValidPath(id.Service) {
		return ID{}, fmt.Errorf("task id %q: %q is not a service path: %w", text, id.Service, ErrInvalid)
	}
	return id, nil
}

// SplitRID cuts "task#0" into its group "task" and its index "0". It reports false where either
// is empty or holds white space, a slash, a second '#', or a control character.
func SplitRID(rid string) (group, index string, ok bool) {
	group, index, ok = strings.Cut(rid, "#")
	if !ok || !ridWord(group) || !ridWord(index) || index == "." || index == ".." {
		return "", "", false
	}
	return group, index, true
}

// maxWord is how long the group and the index of a rid may be: together they name a folder.
const maxWord = 100

func ridWord(s string) bool {
	if s == "" || len(s) > maxWord {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || strings.IndexByte("/#,()[]@{}=\"", c) >= 0 {
			return false
		}
	}
	return true
}

// ValidPath reports whether path is a service path, "name" or "namespace/name", by the rules of
// ValidName.
func ValidPath(path string) bool {
	ns, name, ok := strings.Cut(path, "/")
	if !ok {
		return ValidName(path)
	}
	return ValidName(ns) && ValidName(name)
}

// ValidName reports whether name can name a service or a namespace: 1 to 63 letters, digits, '-',
// '_' and '.', the first a letter or a digit, and no two dots in a row (OpenSVC's rule, and '_').
func ValidName(name string) bool {
	if name == "" || len(name) > 63 || strings.Contains(name, "..") || !alphanumeric(name[0]) {
		return false
	}
	for i := range len(name) {
		if !alphanumeric(name[i]) && strings.IndexByte("-_.", name[i]) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// CompareRID orders resource ids as a person does: by group, then by index, numbers by value
// (task#2 before task#10) and before words.
func CompareRID(a, b string) int {
	ga, ia, _ := strings.Cut(a, "#")
	gb, ib, _ := strings.Cut(b, "#")
	na, ea := strconv.ParseUint(ia, 10, 64)
	nb, eb := strconv.ParseUint(ib, 10, 64)
	switch {
	case ga != gb:
		return cmp.Compare(ga, gb)
	case ea == nil && eb == nil && na != nb:
		return cmp.Compare(na, nb)
	case ea == nil && eb != nil:
		return -1
	case ea != nil && eb == nil:
		return 1
	}
	return cmp.Compare(ia, ib)
}
