package engine

import (
	"testing"
	"time"
)

// TestExplainUnseen: where a service was not active nobody looked at what its tasks require, and nothing is said of it.
func TestExplainUnseen(t *testing.T) {
	v, line := atMinute(t, "[app#0]\ncheck = false\n"+everyMinute+"run_requires = app#0(up)\n")
	v.tickAt()
	x, err := v.ExplainSlot(t.Context(), "s", "task#0", line.now.Truncate(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, c := range x.Checks {
		said[c.Name] = c.Pass
	}
	if pass, known := said["active"]; pass || !known {
		t.Errorf("%+v: wanted that the service was not active", x.Checks)
	}
	for _, name := range [...]string{"requirement", "wait"} {
		if _, known := said[name]; known {
			t.Errorf("%+v: wanted nothing of %s", x.Checks, name)
		}
	}
}
