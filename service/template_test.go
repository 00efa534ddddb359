package service_test

import (
	"errors"
	"strings"
	"testing"

	"om/schedule"
	"om/service"
	"om/task"
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
			if p.Value != "" && p.Check(p.Value) != nil {
				t.Errorf("%s: %s has the value %q: %v", tmpl.Name, p.Name, p.Value, p.Check(p.Value))
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

// TestParameterKinds: what would make a template do harm is refused, however it is written.
func TestParameterKinds(t *testing.T) {
	for kind, values := range map[string]struct{ good, bad string }{
		"number":            {"0 7 007 100000", "-1 +1 1.5 100001 x 1d 99999999999999999999"},
		"folder":            {"/ /srv/web /home {}", "srv ./srv ~ -x srv/web"},
		"folder of its own": {"/srv/web /tmp /data /home/ann/tmp /srv/{name} /var/log/web /mnt", "/ // /. /.. /etc /etc/ //etc /etc/om /srv /srv/ /srv/. /srv/../etc /usr/local/x /data/../x /var /var/lib /dev/shm srv {env.x}/y"},
		"folder of its own, or HOST:FOLDER": {
			"/srv/web backup:/srv/web root@backup:web backup::web rsync://backup/web /srv/a:b",
			"/ /etc backup:/ backup:/etc backup: backup:. backup:~ backup:~ann web",
		},
		"nmber": {"", "1 /"},
	} {
		p := service.Parameter{Name: "x", Kind: kind}
		for value := range strings.FieldsSeq(values.good) {
			if value = strings.Replace(value, "{}", "/a b", 1); p.Check(value) != nil {
				t.Errorf("%s: %q: %v", kind, value, p.Check(value))
			}
		}
		for value := range strings.FieldsSeq(values.bad) {
			if err := p.Check(value); !errors.Is(err, task.ErrInvalid) {
				t.Errorf("%s: %q: %v", kind, value, err)
			}
		}
	}
	if err := (service.Parameter{Name: "x"}).Check("/"); err != nil {
		t.Error("of no kind:", err)
	}
}
