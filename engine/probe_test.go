package engine

import (
	"path/filepath"
	"strings"
	"testing"

	"om/service"
	"om/task"
)

// TestCheckKeepsTheBeginning: of what a check writes the beginning is kept, and the rest nowhere.
func TestCheckKeepsTheBeginning(t *testing.T) {
	h := newHall(t, nil)
	svc := &service.Service{Path: "s", File: filepath.Join(h.ConfigDir, "s.conf")}
	code, text, err := h.check(svc)(t.Context(), task.Resource{RID: "app#0", Keywords: map[string]string{}},
		"/bin/sh -c 'echo first; head -c 20000000 /dev/zero | tr \\\\0 x; echo last >&2; exit 3'")
	if err != nil || code != 3 || len(text) != mostSaid || !strings.HasPrefix(text, "first\nxx") {
		t.Errorf("code %d, %d bytes, %v", code, len(text), err)
	}
	if _, text, err = h.check(svc)(t.Context(), task.Resource{RID: "app#0", Keywords: map[string]string{}}, "/bin/echo little"); err != nil || text != "little\n" {
		t.Errorf("%q, %v", text, err)
	}
}
