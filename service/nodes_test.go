package service_test

import (
	"strings"
	"testing"

	"om/service"
)

// told returns what is told of a service on a node, a line each.
func told(text, node string) (problems string, s *service.Service) {
	s = service.Parse("t.conf", "testmd", []byte(text), service.Node{Name: node})
	lines := make([]string, len(s.Problems))
	for i, p := range s.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n"), s
}

// TestRunOnValues: where a task runs is told when it is not as it may be meant, and refused when nobody can say.
func TestRunOnValues(t *testing.T) {
	const several, one = "[DEFAULT]\nnodes = n1 n2\n", "[DEFAULT]\n"
	for _, c := range []struct {
		name, head, on string
		want           string // what is told; "" for nothing
		left           int    // tasks
	}{
		{"active", several, "active", "", 1},
		{"all nodes", several, "all-nodes", "", 1},
		{"a node", several, "n2", "", 1},
		{"a scope", several, "flex_primary", "", 1},
		{"a pattern", several, "n*", "", 1},
		{"any of one", one, "any", "", 1},
		{"any", several, "any", "it runs on n1 alone, and nowhere while that is down; run_on = n1 says so", 1},
		{"any, by flex_primary", several + "flex_primary = n2\n", "any", "it runs on n2 alone", 1},
		{"any of a pattern", "[DEFAULT]\nnodes = n*\n", "any", "wanted the name of a node", 0},
		{"any of a label", "[DEFAULT]\nnodes = site=a\n", "any", "wanted the name of a node", 0},
		{"any of a pattern with a primary", "[DEFAULT]\nnodes = n*\nflex_primary = n3\n", "any", "it runs on n3 alone", 1},
		{"any and another", several, "any n1", "wanted active, any or all-nodes alone", 0},
		{"a slip", several, "activ", `did you mean "active"?`, 1},
		{"no node of it", several, "n9", "a node of the service", 1},
		{"no node of it, among others", several, "n1 n9", `"n9": wanted active`, 1},
		{"nodes that are not known", one, "n9", "", 1},
	} {
		for _, inherited := range []bool{false, true} {
			text := c.head + "[task#0]\ncommand = x\nschedule = @1d\nrun_on = " + c.on + "\n"
			if inherited {
				text = c.head + "run_on = " + c.on + "\n[task#0]\ncommand = x\nschedule = @1d\n"
			}
			got, s := told(text, "n1")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) || len(s.Tasks) != c.left {
				t.Errorf("%s: %d tasks, told %q, want %q", c.name, len(s.Tasks), got, c.want)
			}
		}
	}
}

// TestRunOnIsToldOnce: what tasks inherit is warned of once.
func TestRunOnIsToldOnce(t *testing.T) {
	got, _ := told("[DEFAULT]\nnodes = n1 n2\nrun_on = any\ndelivery = at-least-once\n[task#0]\ncommand = x\n[task#1]\ncommand = x\n", "n1")
	if n := strings.Count(got, "\n") + 1; n != 2 {
		t.Errorf("%d problems: %s", n, got)
	}
}

// TestNodes: what a service says of its other nodes.
func TestNodes(t *testing.T) {
	for _, c := range []struct {
		head, node     string
		several, alone bool
		one            string
	}{
		{"", "n1", false, true, ""},
		{"nodes = n1\n", "n1", false, true, "n1"},
		{"nodes = n1 n2\n", "n1", true, false, "n1"},
		{"nodes = n1 n2\n", "n2", true, false, "n1"},
		{"nodes = n1 n2\nflex_primary = N2\n", "n1", true, false, "n2"},
		{"nodes = n*\n", "n1", true, false, ""},
		{"nodes = dc=a\n", "n1", true, false, ""},
		{"nodes = n1\ndrpnodes = d1\n", "n1", true, true, "n1"},
		{"nodes = n1\ndrpnodes = d1\n", "d1", true, false, "n1"},
		{"nodes = n1\nencapnodes = c1\n", "c1", false, true, "n1"},
	} {
		_, s := told("[DEFAULT]\n"+c.head, c.node)
		if s.Several() != c.several || s.Alone() != c.alone || s.One() != c.one {
			t.Errorf("%q on %s: several %v, alone %v, one %q", c.head, c.node, s.Several(), s.Alone(), s.One())
		}
	}
}

// TestTopology: a record is not for several nodes that are active at once.
func TestTopology(t *testing.T) {
	for topology, want := range map[string]bool{"failover": false, "flex": true, "span": true} {
		got, _ := told("[DEFAULT]\nnodes = n1 n2\nstate = /srv/om.db\ntopology = "+topology+"\n[fs#0]\nmnt = /srv\n", "n1")
		if strings.Contains(got, "can't share a record") != want || !want && got != "" {
			t.Errorf("%s: %s", topology, got)
		}
	}
	if got, _ := told("[DEFAULT]\nnodes = n1 n2\ntopology = flex\n[fs#0]\nmnt = /srv\n", "n1"); got != "" {
		t.Errorf("without a record of its own: %s", got)
	}
}

// TestTooFine: a schedule that ticks each minute can't serve is warned of, in each notation.
func TestTooFine(t *testing.T) {
	for schedule, gap := range map[string]string{
		"cron:* * * * *":               "",
		"@1m":                          "",
		"every 60s":                    "",
		"calendar:*:*:30":              "",
		"calendar:12:00":               "",
		"@1d":                          "",
		"":                             "",
		"every 30s":                    "30s",
		"@10s":                         "10s",
		"calendar:*:*:*":               "1s",
		"calendar:*:*:0/20":            "20s",
		"calendar:06:00:00,30":         "30s",
		"calendar:mon *-*-1 *:*:05,15": "10s",
	} {
		got, s := told("[task#0]\ncommand = x\nschedule = "+schedule+"\n", "n1")
		want := "its slots are " + gap + " apart"
		if gap == "" && got != "" || gap != "" && !strings.Contains(got, want) || len(s.Tasks) != 1 {
			t.Errorf("%q: told %q", schedule, got)
		}
	}
}

// TestDeliveryAsks: what may run twice is to say that this does no harm.
func TestDeliveryAsks(t *testing.T) {
	for more, asks := range map[string]bool{
		"": false, "delivery = at-most-once\n": false, "delivery = at-least-once\n": true, "delivery = at-least-once\nidempotent = true\n": false,
		"delivery = at-least-once\nidempotent = false\n": true,
	} {
		got, _ := told("[task#0]\ncommand = x\n"+more, "n1")
		if strings.Contains(got, "idempotent = true says") != asks || !asks && got != "" {
			t.Errorf("%q: told %q", more, got)
		}
	}
}
