package migrate_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"om/migrate"
)

// debianPackages ship crontabs and timers, and are small.
func debianPackages() []string {
	return []string{
		"apt", "certbot", "cron-daemon-common", "anacron", "e2fsprogs", "logrotate", "man-db", "mdadm", "sysstat", "dpkg", "php-common", "ntpsec", "munin-node", "cron",
	}
}

// unpacked fetches packages of Debian, as far as the archive has them, and unpacks them into one folder. all says that it
// has all of them.
func unpacked(t *testing.T) (root string, all bool) {
	t.Helper()
	for _, program := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s to fetch Debian's packages with", program)
		}
	}
	folder, root := t.TempDir(), t.TempDir()
	// A network that answers nothing is none.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	fetch := func(names ...string) ([]byte, error) {
		c := exec.CommandContext(ctx, "apt-get", append([]string{"download", "-q", "-o", "Acquire::http::Timeout=10", "-o", "Acquire::Retries=0"}, names...)...)
		c.Dir, c.Env = folder, append(os.Environ(), "LC_ALL=C")
		return c.CombinedOutput()
	}
	out, err := fetch(debianPackages()...)
	all = err == nil
	if unknown := regexp.MustCompile("(?m)^E: (Unable to locate|Can't (find|select))").Match(out); unknown {
		for _, name := range debianPackages() {
			if said, err := fetch(name); err != nil {
				t.Logf("%s can't be fetched: %s", name, strings.TrimSpace(string(said)))
			}
		}
	}
	files, _ := filepath.Glob(filepath.Join(folder, "*.deb"))
	if len(files) == 0 {
		t.Skipf("no package of Debian can be fetched: there is no network, or no archive: %.200s", out)
	}
	for _, file := range files {
		if out, err := exec.Command("dpkg-deb", "-x", file, root).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", file, out)
		}
	}
	return root, all
}

// TestDebian imports the crontabs and the timers that Debian's packages ship, and proves them over a year in a zone whose
// clocks change. Its cron says which tables it takes.
func TestDebian(t *testing.T) {
	root, all := unpacked(t)
	h := migrate.Host{Root: root}
	t.Run("crontab", func(t *testing.T) { debianReads(t, root) })
	p := prover(t, "Europe/Paris", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
	tables, _, err := h.SystemCrontabs()
	if err != nil {
		t.Fatal(err)
	}
	for i := range tables {
		d := tables[i].Draft()
		proveDebian(t, p, root, &d)
	}
	if table, err := h.Anacrontab(""); err == nil {
		d := table.Draft()
		proveDebian(t, p, root, &d)
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("timers are imported, and not proved: there is no systemd-analyze")
		p = nil
	}
	timers := 0
	for _, folder := range []string{"lib/systemd/system", "usr/lib/systemd/system"} {
		if _, err := os.Stat(filepath.Join(root, folder)); err != nil {
			continue
		}
		found, err := h.Timers([]string{filepath.Join(root, folder)})
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			d := found[i].Draft()
			proveDebian(t, p, root, &d)
			timers++
		}
	}
	if all && (len(tables) < 4 || timers < 6) {
		t.Errorf("%d crontabs and %d timers: there are more in these packages", len(tables), timers)
	}
}

// proveDebian makes sure that no job of a file is left out, and that each difference is explained.
func proveDebian(t *testing.T, p *migrate.Prover, root string, d *migrate.Draft) {
	t.Helper()
	source := strings.ReplaceAll(d.Source, root, "")
	text, err := d.Write(node())
	if err != nil {
		t.Errorf("%s: %v", source, err)
		return
	}
	valid(t, d, text)
	for _, l := range d.AllLosses() {
		if l.Job {
			t.Errorf("%s", strings.ReplaceAll(l.String(), root, ""))
		}
	}
	if p == nil {
		return
	}
	proofs, err := p.Prove(d, text)
	if err != nil {
		t.Errorf("%s: %v", source, err)
	}
	for _, proof := range proofs {
		if !proof.Explained() {
			t.Errorf("%s: %s %s: %s", source, proof.Task, proof.Schedule, said(&proof))
		}
		t.Logf("%s: %s: %d starts, %d in om%s", source, proof.Schedule, proof.Theirs, proof.Ours, map[bool]string{true: ": " + proof.Unproved}[proof.Unproved != ""])
	}
}
