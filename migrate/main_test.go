package migrate_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"om/migrate"
	"om/schedule"
	"om/service"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	os.Exit(m.Run())
}

func update() bool { return flag.Lookup("update").Value.(flag.Getter).Get().(bool) }

// node is the one that imports in these tests. Schedules without a zone go by that of tests, UTC.
func node() service.Node {
	return service.Node{Name: "n1", Schedules: schedule.NewParser(func(name string) (*time.Location, error) {
		if name == "Local" {
			return time.UTC, nil
		}
		return service.LoadZone(name)
	})}
}

// TestGolden imports the first file of each archive of testdata/migrate, and compares the service file and the losses.
// What is imported is told by the begin of the archive's name.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("../testdata/migrate/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	inputs := archive.Files[:0:0]
	for _, f := range archive.Files {
		if f.Name != "service" && f.Name != "losses" {
			inputs = append(inputs, f)
		}
	}
	d := draftOf(t, filepath.Base(file), inputs)
	text, err := d.Write(node())
	if err != nil {
		t.Fatal(err)
	}
	valid(t, d, text)
	losses := ""
	for _, l := range d.AllLosses() {
		losses += l.String() + "\n"
	}
	got := append(inputs, txtar.File{Name: "service", Data: text}, txtar.File{Name: "losses", Data: []byte(losses)})
	if update() {
		if err := os.WriteFile(file, txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: got}), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(txtar.Format(&txtar.Archive{Files: archive.Files})), string(txtar.Format(&txtar.Archive{Files: got}))); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// draftOf imports what an archive holds.
func draftOf(t *testing.T, name string, files []txtar.File) *migrate.Draft {
	t.Helper()
	first := files[0]
	switch kind, _, _ := strings.Cut(name, "-"); kind {
	case "crontab":
		c := migrate.CronTable{Text: string(first.Data), File: first.Name, Service: "s", Users: strings.HasPrefix(first.Name, "etc/")}
		d := c.Draft()
		return &d
	case "opensvc":
		o := migrate.OpenSVC{Text: string(first.Data), File: first.Name, Path: "s"}
		d := o.Draft(node())
		return &d
	case "systemd":
		t := timerOf(files)
		t.KeepUnits = strings.Contains(name, "-keep")
		d := t.Draft()
		return &d
	case "anacrontab":
		a := migrate.AnacronTable{Text: string(first.Data), File: first.Name, Service: "s"}
		d := a.Draft()
		return &d
	}
	t.Fatalf("%s: what is that?", name)
	return nil
}

// timerOf reads the units of an archive: a timer, a service, and drop-ins of them in folders.
func timerOf(files []txtar.File) migrate.Timer {
	units := map[string]*migrate.Unit{}
	for _, f := range files {
		name, _, _ := strings.Cut(f.Name, ".d/")
		if units[name] == nil {
			units[name] = &migrate.Unit{Name: name}
		}
		units[name].Add(f.Name, string(f.Data))
	}
	timer := units[files[0].Name]
	t := migrate.Timer{Timer: timer, Path: "s", System: true, Target: migrate.TimerTarget(timer)}
	if strings.HasSuffix(t.Target, ".service") {
		if t.Service = units[t.Target]; t.Service == nil {
			t.Service = &migrate.Unit{Name: t.Target}
		}
	}
	return t
}

// valid makes sure that a service file that was written has no errors, and has all jobs.
func valid(tb testing.TB, d *migrate.Draft, text []byte) {
	tb.Helper()
	s := service.Parse("s.conf", d.Service, text, node())
	for _, p := range s.Problems {
		if p.Severity == service.Error {
			tb.Errorf("%s\n%s", p, text)
		}
	}
	if len(s.Tasks) != d.Tasks() {
		tb.Errorf("%d tasks for %d jobs\n%s", len(s.Tasks), d.Tasks(), text)
	}
	for _, j := range d.Jobs {
		for _, k := range j.Keywords {
			if got, err := s.Eval("task#"+j.Index, k.Name); err != nil || got != k.Value {
				tb.Errorf("task#%s %s is %q, not %q (%v)", j.Index, k.Name, got, k.Value, err)
			}
		}
	}
}

func ExampleCronTable() {
	c := migrate.CronTable{Service: "mine", File: "tab", Text: "# the date\n30 2 * * 1-5 date +\\%F\n"}
	d := c.Draft()
	text, err := d.Write(service.Node{Name: "n1"})
	fmt.Println(string(text), err)
	// Output:
	// # Imported from tab.
	// # not carried: mail to the user of a job: cron mails what a job prints; om keeps it (om SERVICE logs), and tells whom notify_mail names
	//
	// # the date
	// [task#0]
	// schedule = 30 2 * * 1-5
	// catchup = none
	// overlap = allow
	// shell = sh
	// command = date +%F
	// environment = SHELL=/bin/sh PATH=/usr/bin:/bin
	//  <nil>
}
