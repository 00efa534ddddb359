package service_test

import (
	"testing"

	"om/schedule"
	"om/service"
)

// TestTemplates: each template that om brings along makes a service with no problem, whose tasks have a schedule, a limit and
// a description; and each of its parameters is told of.
func TestTemplates(t *testing.T) {
	all, err := service.Templates(t.TempDir())
	if err != nil || len(all) < 8 {
		t.Fatal(len(all), err)
	}
	for _, tmpl := range all {
		var values []string
		for _, p := range tmpl.Parameters {
			if p.Description == "" {
				t.Errorf("%s: %s is not described", tmpl.Name, p.Name)
			}
			if p.Value == "" {
				values = append(values, p.Name+"=/srv/of this")
			}
		}
		if tmpl.Description == "" {
			t.Errorf("%s is not described", tmpl.Name)
		}
		d, err := tmpl.Fill(values)
		if err != nil {
			t.Errorf("%s: %v", tmpl.Name, err)
			continue
		}
		svc := service.Parse("/etc/om/s.conf", "s", d.Bytes(), service.Node{Name: "n1", Schedules: schedule.NewParser(service.LoadZone)})
		for _, p := range svc.Problems {
			t.Errorf("%s: %s", tmpl.Name, p)
		}
		for _, task := range svc.Tasks {
			if task.Schedule == "" || task.Timeout == 0 || task.Description == "" {
				t.Errorf("%s: %s has schedule %q, timeout %s, description %q", tmpl.Name, task.ID.RID, task.Schedule, task.Timeout, task.Description)
			}
		}
	}
}
