package migrate_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"om/migrate"
	"om/service"
)

func exporter(host string) migrate.Exporter {
	loc, _ := time.LoadLocation(host)
	n := node()
	return migrate.Exporter{Node: n, Host: loc, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Users: true, Self: "root"}
}

// TestExportGolden exports the service of each archive as a crontab and as units, strictly and with losses.
func TestExportGolden(t *testing.T) {
	files, err := filepath.Glob("../testdata/export/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { exportGolden(t, file) })
	}
}

func exportGolden(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	x := exporter("UTC")
	x.Lossy = strings.Contains(file, "lossy")
	s := service.Parse("s.conf", "s", archive.Files[0].Data, x.Node)
	for _, p := range s.Problems {
		if p.Severity == service.Error {
			t.Fatal(p)
		}
	}
	table, refused, err := x.Crontab([]*service.Service{s})
	if err != nil {
		t.Fatal(err)
	}
	units, refused2, err := x.Units([]*service.Service{s})
	if err != nil {
		t.Fatal(err)
	}
	got := []txtar.File{archive.Files[0], {Name: "crontab", Data: []byte(table)}, {Name: "not in the crontab", Data: []byte(reasons(refused))}}
	for _, u := range units {
		got = append(got, txtar.File{Name: u.Name, Data: []byte(u.Text)})
	}
	got = append(got, txtar.File{Name: "not in units", Data: []byte(reasons(refused2))})
	if update() {
		if err := os.WriteFile(file, txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: got}), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(txtar.Format(&txtar.Archive{Files: archive.Files})), string(txtar.Format(&txtar.Archive{Files: got}))); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
	verify(t, units)
}

func reasons(refused []migrate.Refusal) (text string) {
	for _, r := range refused {
		text += fmt.Sprintf("%s (written: %t)\n", r.Task, r.Written)
		for _, reason := range r.Reasons {
			text += "  " + reason + "\n"
		}
	}
	return text
}

// verify has systemd read the units: what it does not know is told.
func verify(t *testing.T, units []migrate.UnitFile) {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil || len(units) == 0 {
		return
	}
	folder := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, u := range units {
		file := filepath.Join(folder, u.Name)
		if err := os.WriteFile(file, []byte(u.Text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	out, _ := exec.Command(program, args...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, folder) && !strings.Contains(line, "is not executable") {
			t.Errorf("systemd: %s", strings.ReplaceAll(line, folder+"/", ""))
		}
	}
}

// TestThereAndBack: what was imported and is exported starts at the same times, and has the same commands, as before.
func TestThereAndBack(t *testing.T) {
	table := strings.Join([]string{
		"SHELL=/bin/bash", `FOO=" a"`, "MAILTO=a@b.c",
		`5 0 * * * root date +\%F; echo "it's" {name}`,
		"*/10 8-18 * * 1-5 www-data true", "0 0 13 * 5 root a", "@reboot root b", "10~20 3 * * * root c",
		"FOO=b", "CRON_TZ=America/New_York", "30 2 * * * root d", "RANDOM_DELAY=15", "@daily root cat%in%put", "HOME=/srv", "59 23 31 12 * root e f", "",
	}, "\n")
	p := prover(t, "Europe/Paris", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
	first, text := draftTable(t, p, table)
	x := migrate.Exporter{Node: p.Node, Host: p.Host, Now: p.From, Users: true, Self: "root"}
	back, refused, err := x.Crontab([]*service.Service{service.Parse("s.conf", "s", text, p.Node)})
	if err != nil || len(refused) > 0 {
		t.Fatalf("%v %+v", err, refused)
	}
	second, _ := draftTable(t, p, back)
	if len(first.Jobs) != len(second.Jobs) {
		t.Fatalf("%d jobs, then %d\n%s", len(first.Jobs), len(second.Jobs), back)
	}
	for i := range first.Jobs {
		for _, keyword := range []string{"schedule", "user", "spread", "notify_mail", "dst_gap", "dst_overlap", "catchup", "overlap"} {
			a, b := value(&first.Jobs[i], keyword), value(&second.Jobs[i], keyword)
			if a != b && !(keyword == "schedule" && a == "CRON_TZ=America/New_York @daily") {
				t.Errorf("job %d: %s = %s, and then %s\n%s", i, keyword, a, b, back)
			}
		}
	}
}

func draftTable(t *testing.T, p *migrate.Prover, table string) (migrate.Draft, []byte) {
	t.Helper()
	c := migrate.CronTable{Service: "s", File: "tab", Text: table, Users: true, Host: p.Host, Zones: p.Zones, Now: p.From}
	d := c.Draft()
	text, err := d.Write(p.Node)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, &d, text)
	return d, text
}

// TestUnitsThereAndBack: what is exported as units is the same task when it is imported.
func TestUnitsThereAndBack(t *testing.T) {
	archive, err := txtar.ParseFile("../testdata/export/plain.txtar")
	if err != nil {
		t.Fatal(err)
	}
	x := exporter("UTC")
	s := service.Parse("s.conf", "s", archive.Files[0].Data, x.Node)
	units, _, err := x.Units([]*service.Service{s})
	if err != nil || len(units) != 2 {
		t.Fatalf("%d units, %v", len(units), err)
	}
	back := timerOf([]txtar.File{{Name: units[0].Name, Data: []byte(units[0].Text)}, {Name: units[1].Name, Data: []byte(units[1].Text)}})
	d := back.Draft()
	text, err := d.Write(x.Node)
	if err != nil || len(d.Jobs) != 1 {
		t.Fatalf("%d jobs, %v, %v", len(d.Jobs), d.Losses, err)
	}
	valid(t, &d, text)
	for keyword, want := range map[string]string{
		"schedule": "Mon..Fri *-*-* 02:30:00", "dst_gap": "skip", "catchup": "last", "spread": "1h", "user": "backup", "trigger_user": "root",
		"group": "adm", "extra_groups": "disk", "cwd": "/srv", "nice": "5", "ionice": "best-effort:6", "oom_score_adj": "-5", "no_new_privs": "true",
		"limit_nofile": "1024", "limit_core": "unlimited", "timeout": "1m30s", "stop_timeout": "1m", "stop_signal": "SIGINT", "leftover": "kill",
		"retcodes": "0:up 3:up", "log": "none", "environment": "'A=b c' B=100%", "command": "/bin/echo 'a b' 100% '$X' ';'",
		"blocking_pre_run": "{ /bin/a '$X' || :; } && b 'c d' '&&' e", "blocking_post_run": "{ f || :; } && g", "run_requires": "condition#s-1(up)",
	} {
		if got := value(&d.Jobs[0], keyword); got != want {
			t.Errorf("%s = %s, want %s", keyword, got, want)
		}
	}
}
