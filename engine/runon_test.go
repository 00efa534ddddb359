package engine

import (
	"strings"
	"testing"
	"time"

	"om/task"
)

// TestRunOn: on which of three nodes a slot runs, by the keyword run_on and where the service is active. The others
// record nothing, and can say why.
func TestRunOn(t *testing.T) {
	const (
		nodes  = "[DEFAULT]\nnodes = n1 n2 n3\n"
		active = "[app#0]\ncheck = test {nodename} = n2\n" // on n2 alone
		each   = "[app#0]\ncheck = true\n"
	)
	for _, c := range []struct {
		name, head, on string
		runs           string // the nodes
		why            string // what explain says elsewhere
	}{
		{"the default", nodes + active, "", "n2", "the service is not active here: its avail is down"},
		{"active", nodes + active, "active", "n2", "the service is not active here: its avail is down"},
		{"any", nodes + active, "any", "n1", "run_on = any: of several nodes, n1 is the one that runs it"},
		{"any, without a resource", nodes, "any", "n1", "n1 is the one that runs it"},
		{"any, by flex_primary", nodes + "flex_primary = n3\n" + active, "any", "n3", "n3 is the one that runs it"},
		{"all nodes", nodes + active, "all-nodes", "n1 n2 n3", ""},
		{"a list", nodes + active, "n1 n3", "n1 n3", "run_on = n1 n3 does not have this node"},
		{"a scope", nodes + active, "flex_primary", "n1", "run_on = flex_primary does not have this node"},
		{"a pattern", nodes + active, "n[23]", "n2 n3", "does not have this node"},
		{"nothing to follow", nodes, "", "", "run_on says where its tasks run"},
		{"flex, active on each", nodes + "topology = flex\n" + each, "", "n1 n2 n3", ""},
		{"flex, active on one", nodes + "topology = flex\n" + active, "", "n2", "its avail is down"},
		{"flex, once", nodes + "topology = flex\n" + each, "flex_primary", "n1", "does not have this node"},
		{"a pattern for nodes", "[DEFAULT]\nnodes = n*\n", "", "", "run_on says where its tasks run"},
		{"a pattern for nodes, on each", "[DEFAULT]\nnodes = n*\n", "all-nodes", "n1 n2 n3", ""},
		{"a node and another site", "[DEFAULT]\nnodes = n1\ndrpnodes = n2 n3\n", "", "n1", "run_on says where its tasks run"},
		{"one node", "[DEFAULT]\n", "any", "n1 n2 n3", ""}, // each has its own service of that name
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.head + everyMinute
			if c.on != "" {
				text += "run_on = " + c.on + "\n"
			}
			for _, node := range []string{"n1", "n2", "n3"} {
				runs := strings.Contains(c.runs, node)
				if started, why := slotOn(t, node, text); started != runs || !runs && !strings.Contains(why, c.why) {
					t.Errorf("%s: it started: %v; explain says %q", node, started, why)
				}
			}
		})
	}
}

// slotOn has a slot come on a node, and says whether it was started and what explain says.
func slotOn(t *testing.T, node, text string) (started bool, why string) {
	t.Helper()
	v := newVirtual(t, map[string]string{"s": text})
	v.Node.Name = node
	line := &timeline{now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	v.Now, v.after = func() time.Time { return line.now }, line.after
	v.tickAt()
	line.goTo(line.now.Add(time.Minute))
	x, err := v.Explain(t.Context(), "s", "task#0", line.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range x.Checks {
		if check.Name == "active" && !check.Pass {
			why = check.Detail
		}
	}
	started = len(v.tickAt().Started) > 0
	slots, cursors := v.onRecord()
	id := task.ID{Service: "s", RID: "task#0"}
	if n := len(slots[id]); started && n != 1 || !started && n > 0 {
		t.Errorf("%s recorded %+v", node, slots[id])
	}
	if at := cursors[id].At; at.Before(line.now.Add(-time.Minute)) {
		t.Errorf("%s: the cursor stays at %s: what it passed over would be made up for later", node, at)
	}
	return started, why
}
