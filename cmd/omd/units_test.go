package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// install has make install, or another target, do its work with the programs under test.
func install(t *testing.T, target string, variables ...string) {
	t.Helper()
	program, err := exec.LookPath("make")
	if err != nil {
		t.Skip("no make to install with:", err)
	}
	c := exec.Command(program, append([]string{"-s", "-C", "../..", target, "BIN=" + filepath.Dir(omd)}, variables...)...)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=") })
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, out)
	}
}

// units are those that make install places.
func units(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	install(t, "install", "PREFIX="+dir, "DESTDIR=")
	files, err := filepath.Glob(filepath.Join(dir, "lib/systemd/system/*"))
	if err != nil || len(files) != 3 {
		t.Fatalf("units: %q, %v", files, err)
	}
	return files
}

// TestInstall: make install places what it says, for where it is to be in the end, and make uninstall takes all of it away.
func TestInstall(t *testing.T) {
	dir := t.TempDir()
	install(t, "install", "PREFIX=/opt/om", "DESTDIR="+dir)
	for file, has := range map[string]string{
		"lib/systemd/system/om.service":           "\nExecStart=/opt/om/bin/omd\n",
		"lib/systemd/system/om-tick.service":      "\nExecStart=/opt/om/bin/om tick --quiet\n",
		"lib/systemd/system/om-tick.timer":        "\nOnCalendar=*:*:00\n",
		"share/doc/om/om.crontab":                 "\n* * * * * root /opt/om/bin/om tick --quiet\n",
		"share/doc/om/om.rules.yml":               "\ngroups:\n",
		"share/man/man1/om.1":                     ".Dt OM 1\n",
		"share/man/man5/om.conf.5":                ".Dt OM.CONF 5\n",
		"share/man/man7/om-schedule.7":            ".Dt OM-SCHEDULE 7\n",
		"share/man/man7/om-import.7":              ".Dt OM-IMPORT 7\n",
		"share/man/man7/om-metrics.7":             ".Dt OM-METRICS 7\n",
		"share/man/man8/omd.8":                    ".Dt OMD 8\n",
		"share/bash-completion/completions/om":    "om",
		"share/zsh/site-functions/_om":            "om",
		"share/fish/vendor_completions.d/om.fish": "om",
		"bin/om":  "",
		"bin/omd": "",
	} {
		path := filepath.Join(dir, "opt/om", file)
		text, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || !strings.Contains(string(text), has) || strings.Contains(string(text[:min(len(text), 1<<16)]), "@PREFIX@") {
			t.Errorf("%s: %v, wanted %q in it", file, err, has)
			continue
		}
		if want := strings.HasPrefix(file, "bin/"); info.Mode()&0o111 != 0 != want {
			t.Errorf("%s is %s", file, info.Mode())
		}
	}
	install(t, "uninstall", "PREFIX=/opt/om", "DESTDIR="+dir)
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			t.Errorf("left: %s, %v", path, err)
		}
		return nil
	})
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

// TestUnitsSay: what makes a unit do its work is in it, and nothing takes it back: systemd-analyze misses none of it.
func TestUnitsSay(t *testing.T) {
	want := map[string][]string{
		"om.service": {
			"Type=notify", "NotifyAccess=main", "KillMode=process", "Restart=on-failure", "WatchdogSec=3min", "TimeoutStopSec=30s",
			`ExecReload=/bin/sh -c "kill -HUP $MAINPID"`, "WantedBy=multi-user.target",
		},
		"om-tick.service": {"Type=oneshot", "KillMode=process", "TimeoutStartSec=6min"}, // a tick has five minutes of its own
		"om-tick.timer":   {"OnCalendar=*:*:00", "AccuracySec=1s", "Persistent=false", "WantedBy=timers.target"},
	}
	for _, file := range units(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for _, setting := range want[filepath.Base(file)] {
			key, _, _ := strings.Cut(setting, "=")
			n := 0
			for _, line := range lines {
				if strings.HasPrefix(line, key+"=") {
					n++
				}
			}
			if n != 1 || !slices.Contains(lines, setting) {
				t.Errorf("%s: %q is not what it says of %s, once", filepath.Base(file), setting, key)
			}
		}
	}
}

// TestCrontab: the line is one of cron's.
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
