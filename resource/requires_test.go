package resource_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"om/resource"
	"om/task"
)

// TestRequires replays testdata/requires.txt as a run meets it: the value is parsed, what it needs is
// probed, and the task decided.
func TestRequires(t *testing.T) {
	rows := readRows(t)
	for _, row := range rows {
		t.Run(row.id, func(t *testing.T) {
			for _, origin := range row.origins() {
				if got := row.outcome(origin); got != row.want {
					t.Errorf("%q with %s, origin %s: %s, want %s", row.requires, strings.Join(row.there, ", "), origin, got, row.want)
				}
			}
		})
	}
}

// TestRequiresIsComplete: a row that is lost is not a row that passes.
func TestRequiresIsComplete(t *testing.T) {
	ids := make(map[string]bool)
	for _, row := range readRows(t) {
		ids[row.id] = true
	}
	for n := range 85 {
		delete(ids, fmt.Sprintf("R%03d", n+1))
	}
	for n := range 18 {
		delete(ids, fmt.Sprintf("T%02d", n+1))
	}
	if got := len(readRows(t)); got != 111 || len(ids) != 0 {
		t.Errorf("%d rows, want 111; ids beyond R001..R085 and T01..T18: %v", got, slices.Collect(maps.Keys(ids)))
	}
}

type row struct {
	id, requires string
	there        []string
	want         string
}

func readRows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile("testdata/requires.txt")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			t.Fatalf("%q: wanted four cells", line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, row{cells[0], cells[1], strings.Split(cells[2], ", "), cells[3]})
	}
	return rows
}

// has reports whether a bare word stands in the row.
func (r row) has(word string) bool { return slices.Contains(r.there, word) }

// at returns what the row says of a resource.
func (r row) at(rid string) string {
	for _, word := range r.there {
		if name, state, ok := strings.Cut(word, "="); ok && name == rid {
			return state
		}
	}
	return "never"
}

func (r row) origins() []task.Origin {
	switch {
	case r.has("scheduled"):
		return []task.Origin{task.Scheduled}
	case r.id[0] == 'T':
		return []task.Origin{task.Manual}
	}
	return []task.Origin{task.Manual, task.Scheduled}
}

func (r row) outcome(origin task.Origin) string {
	reqs, err := task.ParseRequires(r.requires)
	if err != nil {
		return "invalid 78"
	}
	obs := r.prober().Probe(context.Background(), resource.Needed(reqs, r.resources()))
	seen := resource.Requirements(reqs, obs)
	d := task.Decide(r.task(reqs), task.Facts{Origin: origin, Seen: seen})
	for i, req := range reqs {
		if seen[i].Known || req.Impossible {
			continue
		}
		if d.Run() {
			return "runs in spite of an unknown " + req.Subject
		}
		return "invalid 78"
	}
	if d.Run() {
		return "runs"
	}
	return "declined 75"
}

func (r row) task(reqs []task.Requirement) task.Task {
	t := task.Task{
		ID: task.ID{Service: "svc", RID: "task#a"}, Requires: reqs,
		Disable: r.has("disable"), Optional: r.has("optional"), Confirmation: r.has("confirmation"),
	}
	if r.has("triggers") {
		t.PreRun, t.BlockingPreRun, t.PostRun, t.OnError = "pre", "bpre", "post", "err"
	}
	return t
}

func (r row) resources() []task.Resource {
	check := map[string]string{"check": "state", "retcodes": "0:up 1:down 2:warn 3:n/a 4:undef"}
	return []task.Resource{
		{RID: "app#st", Group: "app", Keywords: check, Optional: true, Disable: r.at("app#st") == "disabled"},
		{RID: "app#sb", Group: "app", Keywords: check, Standby: true},
		{RID: "task#a", Group: "task"},
		{RID: "task#src", Group: "task"},
		{RID: "task#nochk", Group: "task"},
	}
}

// prober has a check command that exits with the code of the state in the row, and tasks whose last
// run the row tells.
func (r row) prober() resource.Prober {
	return resource.Prober{
		Exec: func(_ context.Context, res task.Resource, _ string) (int, string, error) {
			state := strings.TrimPrefix(r.at(res.RID), "stdby ")
			return slices.Index([]string{"up", "down", "warn", "n/a", "undef"}, state), "", nil
		},
		Tasks: func(rid string) (task.Task, bool) {
			if rid == "task#nochk" {
				return task.Task{}, true
			}
			return task.Task{Check: task.CheckLastRun}, true
		},
		LastRun: func(rid string) (task.Run, bool) {
			text, ran := strings.CutPrefix(r.at(rid), "exit ")
			code, err := strconv.Atoi(text)
			if !ran || err != nil {
				return task.Run{}, false
			}
			if code == 0 {
				return task.Run{State: task.Complete}, true
			}
			return task.Run{State: task.Failed, ExitCode: code}, true
		},
	}
}
