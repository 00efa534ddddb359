package engine

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"om/task"
)

// everyMetric is the text of a node that has all metrics, and each of them with all of its labels.
func everyMetric(t *testing.T) map[string]family {
	t.Helper()
	h := newHall(t, map[string]string{"a.conf": "[task#0]\ncommand = true\ncwd = /\nschedule = *:00\n"})
	h.tick(0)
	m, err := h.loadMeter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := h.now.Add(-time.Minute)
	run := task.Run{ID: "x", Task: task.ID{Service: "a", RID: "task#0"}, State: task.Complete, Origin: task.Scheduled, Slot: at, StartedAt: at, EndedAt: at}
	m.run(run)
	g := m.task(run.Task)
	g.next, g.Skips, g.Missed, g.Expired = h.now, map[string]int{"other": 1}, map[string]int{"other": 1}, 1
	x := exposition{node: "n1", now: h.now}
	all, err := readExposition(string(x.text(m)))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// labelsOf lists the sets of labels that a metric has.
func labelsOf(f family) (sets []string) {
	for sample := range f.samples {
		sets = append(sets, names(sample))
	}
	slices.Sort(sets)
	return slices.Compact(sets)
}

// names are those of the labels of a sample.
func names(sample string) string {
	var all []string
	for _, m := range regexp.MustCompile(`[{,]([a-z_]+)="`).FindAllStringSubmatch(sample, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestRules: the alerts that are shipped are right for Prometheus, do what their tests say, and are about metrics that om writes.
func TestRules(t *testing.T) {
	folder := filepath.Join("..", "docs", "prometheus")
	all := everyMetric(t)
	for _, name := range []string{"om.rules.yml", "om.rules.test.yml"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range regexp.MustCompile(`\bom_\w+`).FindAllString(string(text), -1) {
			if _, known := all[metric]; !known {
				t.Errorf("%s: om writes no %s", name, metric)
			}
		}
		for _, series := range regexp.MustCompile(`series: '(\w+)(\{.*?\})'`).FindAllStringSubmatch(string(text), -1) {
			if sets := labelsOf(all[series[1]]); !slices.Contains(sets, names(series[2])) {
				t.Errorf("%s: %s%s has other labels than om writes: %q", name, series[1], series[2], sets)
			}
		}
	}
	page, err := os.ReadFile(filepath.Join("..", "man", "om-metrics.7"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(filepath.Join(folder, "om.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !strings.Contains(string(page), ".It Ic "+m[1]+"\n") {
			t.Errorf("om-metrics.7 has no alert %s", m[1])
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool to ask:", err)
	}
	for _, args := range [][]string{{"check", "rules", "om.rules.yml"}, {"test", "rules", "om.rules.test.yml"}} {
		ask := exec.Command(promtool, args...)
		ask.Dir = folder
		if out, err := ask.CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
}

// TestMetricsManual: om-metrics(7) has each metric with its kind and labels, and each reason.
func TestMetricsManual(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "man", "om-metrics.7"))
	if err != nil {
		t.Fatal(err)
	}
	all := everyMetric(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var labels []string
		for _, set := range labelsOf(all[name]) {
			for _, l := range strings.Fields(set) {
				if l != "node" && l != "le" && !slices.Contains(labels, l) {
					labels = append(labels, l)
				}
			}
		}
		slices.Sort(labels)
		line := fmt.Sprintf(".It Ic %s Pq %s", name, strings.Join(append([]string{all[name].kind}, labels...), ", "))
		if !strings.Contains(string(page), line+"\n") {
			t.Errorf("om-metrics.7 has no %q", line)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\.It Ic (om_\w+)`).FindAllStringSubmatch(string(page), -1) {
		if _, known := all[m[1]]; !known {
			t.Errorf("om-metrics.7: om writes no %s", m[1])
		}
	}
	for _, kind := range slices.Concat(skipKinds(), missedKinds()) {
		if !strings.Contains(string(page), ".It Cm "+kind.name+"\n") {
			t.Errorf("om-metrics.7 has not the reason %q", kind.name)
		}
	}
}
