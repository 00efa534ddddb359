package service_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"om/service"
)

// TestTasksDoNotMix makes files of many tasks that are mostly alike, as those are read the fast way, and
// compares each task with the same task in a file of its own.
func TestTasksDoNotMix(t *testing.T) {
	const head = "[DEFAULT]\nuser = backup\ncwd = /srv/{rindex}\nlimit_core = 0\nenvironment = D=1\n[env]\ne = {rid}\n[fs#data]\nmnt = /\n"
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		var sections []string
		for i := range 12 {
			sections = append(sections, fmt.Sprintf("[task#%d]\n%s", i, similar(random, sections)))
		}
		all := service.Parse("f", "testmd", []byte(head+strings.Join(sections, "")), service.Node{Name: "n1"})
		for i, section := range sections {
			rid := fmt.Sprintf("task#%d", i)
			alone := service.Parse("f", "testmd", []byte(head+section), service.Node{Name: "n1"})
			want, okAlone := alone.Task(rid)
			got, ok := all.Task(rid)
			got.Line = want.Line
			if ok != okAlone || !reflect.DeepEqual(got, want) {
				t.Fatalf("round %d, %s:\n%s\namong others %t %+v\nalone %t %+v", round, rid, strings.Join(sections, ""), ok, got, okAlone, want)
			}
			for _, key := range alone.Keys(rid) {
				a, _ := alone.Raw(rid, key)
				if b, _ := all.Raw(rid, key); a != b {
					t.Fatalf("round %d, %s.%s: %q, alone %q", round, rid, key, b, a)
				}
			}
		}
	}
}

// similar returns the lines of the last section, some of them changed, or new ones.
func similar(random *rand.Rand, sections []string) string {
	values := []string{
		"command = a", "command = {rid}", "command = {env.e} x", "command = `b`", "command = sh -c 'x\n    y'", "command = a\n    b",
		"disable = true", "disable = false", "timeout = 5", "timeout = 1h", "run_timeout = 7", "timeout@n1 = 9", "timeout@n2 = 8", "user = root",
		"limit_core = 5", "limit_nofile = 10", "limit_nofile = 20", "oom_score_adj = 3", "environment = A=1 'B=2 3'", "environment = A={rid}",
		"requires = fs#data(up)", "requires = fs#nosuch", "tags = a b", "tags = c", "cwd = /", "log = none", "interactive = maybe",
		"retcodes = 0:up 5:warn", "secrets_environment = A=b", "unknown_to_all = 1", "comment = x", "timezone = UTC",
	}
	var lines []string
	if len(sections) > 0 && random.IntN(5) > 0 {
		_, body, _ := strings.Cut(sections[len(sections)-1], "\n")
		lines = strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		if random.IntN(2) > 0 {
			return body
		}
	}
	for range random.IntN(4) {
		lines = append(lines, values[random.IntN(len(values))])
	}
	return strings.Join(lines, "\n") + "\n"
}
