package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// units writes the units as make install does, for the programs under test.
func units(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	sources, err := filepath.Glob("../../docs/systemd/*")
	if err != nil || len(sources) != 3 {
		t.Fatalf("units: %q, %v", sources, err)
	}
	if err := os.Symlink(filepath.Dir(omd), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, filepath.Base(source))
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "@PREFIX@", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// TestUnits: systemd has nothing to say of the units.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze to ask:", err)
	}
	files := units(t)
	if out, err := exec.Command(analyze, append([]string{"verify", "--man=no", "--recursive-errors=no"}, files...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	for _, file := range files {
		if !strings.HasSuffix(file, ".service") {
			continue
		}
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", file).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Overall exposure level") {
			t.Errorf("security: %v\n%s", err, out)
		}
	}
}

// TestUnitsLetTasksBe: runs inherit what a unit sets: nothing takes away what tasks need, and a stop leaves them alone.
func TestUnitsLetTasksBe(t *testing.T) {
	forbidden := regexp.MustCompile(`(?m)^(NoNewPrivileges|User|DynamicUser|ProtectSystem|ProtectHome|PrivateTmp|PrivateDevices|PrivateMounts|PrivateNetwork|PrivateUsers|` +
		`ProtectKernel\w+|ProtectControlGroups|ProtectProc|RestrictSUIDSGID|RestrictNamespaces|SystemCallFilter|MemoryDenyWriteExecute|ReadOnlyPaths|RootDirectory)=`)
	for _, file := range units(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := forbidden.Find(text); found != nil {
			t.Errorf("%s has %s", filepath.Base(file), found)
		}
		if strings.HasSuffix(file, ".service") && !strings.Contains(string(text), "\nKillMode=process\n") {
			t.Errorf("%s ends the runs with it", filepath.Base(file))
		}
	}
}

// TestCrontab: the line is one of cron's, and calls what is installed.
func TestCrontab(t *testing.T) {
	text, err := os.ReadFile("../../docs/om.crontab")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 || lines[0] != "* * * * * root @PREFIX@/bin/om tick --quiet\n" {
		t.Errorf("lines %q", lines)
	}
}

// TestOmLinks: om links nothing that only the daemon needs.
func TestOmLinks(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "om/cmd/om").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, heavy := range []string{"net/http", "net/mail", "log/slog", "github.com/coreos/go-systemd/v22/daemon", "github.com/coreos/go-systemd/v22/journal"} {
		if strings.Contains("\n"+string(out), "\n"+heavy+"\n") {
			t.Errorf("om links %s", heavy)
		}
	}
}

// TestManual: each flag is in omd.8.
func TestManual(t *testing.T) {
	page, err := os.ReadFile("../../man/omd.8")
	if err != nil {
		t.Fatal(err)
	}
	var o options
	var level string
	flags(&o, &level).VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(string(page), "Fl -"+f.Name) {
			t.Errorf("omd.8 has no --%s", f.Name)
		}
	})
	for message, id := range messageIDs() {
		if !strings.Contains(string(page), ".It "+message+" Ta "+id+"\n") {
			t.Errorf("omd.8 does not say that %s is the MESSAGE_ID of %q", id, message)
		}
	}
	synopsis, _, _ := strings.Cut(string(page), ".Sh DESCRIPTION")
	for _, word := range []string{".Cm notify\n.Op Fl -once\n", ".Cm notify\n.Fl -test "} {
		if !strings.Contains(synopsis, word) {
			t.Errorf("the synopsis of omd.8 has no %q", word)
		}
	}
}
