package migrate_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"om/migrate"
)

// timer imports a timer and its service, with which nothing may be wrong.
func timer(tb testing.TB, timerText, serviceText string) migrate.Draft {
	tb.Helper()
	t := timerOf([]txtar.File{{Name: "a@b.timer", Data: []byte(timerText)}, {Name: "a@b.service", Data: []byte(serviceText)}})
	d := t.Draft()
	text, err := d.Write(node())
	if err != nil {
		tb.Fatalf("%v\n%s\n%s", err, timerText, serviceText)
	}
	valid(tb, &d, text)
	return d
}

const daily = "[Timer]\nOnCalendar=daily\n"

func TestUnitCommands(t *testing.T) {
	for _, row := range []struct{ name, unit, command, shell string }{
		{"words", "ExecStart=/bin/a  b\tc", "/bin/a b c", "none"},
		{"quotes", `ExecStart="/bin/a" 'b "c"' "d 'e'" f'g'`, `/bin/a 'b "c"' 'd '"'"'e'"'"'' fg`, "none"},
		{"escapes", `ExecStart=/bin/a \x41 \101 \u00e9 \s \" \\ \q`, `/bin/a A A 'é' ' ' '"' '\' '\q'`, "none"},
		{"nothing is expanded", "ExecStart=/bin/a *.gz ~ `b` >c | d && e", "/bin/a '*.gz' '~' '`b`' '>c' '|' d '&&' e", "none"},
		{"a specifier", "ExecStart=/bin/a %i %p %n %N 100%%", "/bin/a b a a@b.service a@b 100%", "none"},
		{"commands", "ExecStart=/bin/a ; /bin/b \\; c\nExecStart=/bin/d", "/bin/a && /bin/b ';' c && /bin/d", "sh"},
		{"undone", "ExecStart=/bin/a\nExecStart=\nExecStart=/bin/b", "/bin/b", "none"},
		{"ignored", "ExecStart=-/bin/a\nExecStart=/bin/b", "{ /bin/a || :; } && /bin/b", "sh"},
		{"ignored alone", "ExecStart=-/bin/a", "/bin/a || :", "sh"},
		{"a joined line", "ExecStart=/bin/a \\\n# no\n  b", "/bin/a b", "none"},
		{"a variable that is known", "Environment=\"A=b c\"\nExecStart=/bin/a $A ${A} x${A}y $B", `/bin/a b c 'b c' x'b c'y $B`, "sh"},
		{"quotes in one", "Environment=\"A='b c' d\"\nExecStart=/bin/a $A", "/bin/a 'b c' d", "none"},
		{"a variable of a file", "EnvironmentFile=/etc/default/a\nExecStart=/bin/a ${A} $B", `set -f; /bin/a "${A}" $B`, "sh"},
		{"a dollar sign", "ExecStart=/bin/a $$A $1 A$B $", `/bin/a '$A' '$1' 'A$B' '$'`, "none"},
		{"no variables", "ExecStart=:/bin/a $A ${B}", `/bin/a '$A' '${B}'`, "none"},
		{"an empty word", `ExecStart=/bin/a "" ''`, `/bin/a '' ''`, "none"},
		{"a reference of om", "ExecStart=/bin/a {name} {x.y}", "/bin/a '{name}' '{x.y}'", "none"},
		{"full privileges", "ExecStart=+/bin/a", "/bin/a", "none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			unit := row.unit
			d := timer(t, daily, "[Service]\nType=oneshot\n"+unit+"\n")
			if len(d.Jobs) != 1 {
				t.Fatal(d.Losses)
			}
			command := value(&d.Jobs[0], "command")
			if row.name == "a variable that is known" {
				row.command = "set -f; " + row.command
			}
			if command != row.command || value(&d.Jobs[0], "shell") != row.shell {
				t.Errorf("got %s (shell = %s), want %s (%s)", command, value(&d.Jobs[0], "shell"), row.command, row.shell)
			}
		})
	}
}

func TestUnitFaults(t *testing.T) {
	for _, row := range []struct{ unit, want string }{
		{"", "it has no ExecStart"},
		{`ExecStart=/bin/a "b`, "wanted a closing quote"},
		{"ExecStart=-", "wanted a program"},
		{"ExecStart=;", "wanted a command"},
		{`ExecStart=/bin/a \x01`, "control characters"},
		{"User=a b\nExecStart=/bin/a", "om refuses it: wanted one name or number"},
		{"UMask=9\nExecStart=/bin/a", "om refuses it"},
	} {
		t.Run(row.unit, func(t *testing.T) {
			d := timer(t, daily, "[Service]\n"+row.unit+"\n")
			if len(d.Jobs) != 0 {
				t.Fatalf("%d jobs", len(d.Jobs))
			}
			if l := d.Losses[len(d.Losses)-1]; !l.Job || !strings.Contains(l.Why, row.want) {
				t.Errorf("%+v: wanted %q", l, row.want)
			}
		})
	}
}

// TestUnitKept: what systemd can run and om can't is left with systemd.
func TestUnitKept(t *testing.T) {
	for _, row := range []struct{ unit, want string }{
		{"ExecStart=@/bin/a b", "another name of the program"},
		{"ExecStart=/bin/a %m", "%m: that is not known when a file is imported"},
		{"User=x\nExecStart=/bin/a\nExecStart=+/bin/b", "om runs all of them as one user"},
		{"User=x\nExecStartPre=+/bin/a\nExecStartPre=/bin/b\nExecStart=/bin/c", "om runs them all as one user"},
		{"DynamicUser=yes\nExecStart=/bin/a", "it has DynamicUser"},
	} {
		t.Run(row.unit, func(t *testing.T) {
			d := timer(t, daily, "[Service]\nEnvironment=A=b\n"+row.unit+"\n")
			if len(d.Jobs) != 1 || value(&d.Jobs[0], "command") != "systemctl start --wait a@b.service" || value(&d.Jobs[0], "environment") != "(none)" {
				t.Fatalf("%+v", d.Jobs)
			}
			if losses := d.AllLosses(); len(losses) != 1 || losses[0].Job || !strings.Contains(losses[0].Why, row.want) {
				t.Errorf("%+v: wanted %q", losses, row.want)
			}
		})
	}
}

func TestTimers(t *testing.T) {
	for _, row := range []struct{ name, timer, keyword, want string }{
		{"a point", "OnCalendar=02:30", "schedule", "calendar: 02:30"},
		{"an expression", "OnCalendar=Mon *-*-* 02:30", "schedule", "Mon *-*-* 02:30"},
		{"gaps are left out", "OnCalendar=02:30", "dst_gap", "skip"},
		{"persistent", "OnCalendar=daily\nPersistent=yes", "catchup", "last"},
		{"not persistent", "OnCalendar=daily\nPersistent=off", "catchup", "none"},
		{"a delay", "OnCalendar=daily\nRandomizedDelaySec=1h 30min", "spread", "1h30m"},
		{"a delay in seconds", "OnCalendar=daily\nRandomizedDelaySec=43200", "spread", "12h"},
		{"too long a delay", "OnCalendar=daily\nRandomizedDelaySec=2month", "spread", "(none)"},
		{"an interval", "OnUnitActiveSec=1h 5s", "schedule", "@1h5s"},
		{"after the end", "OnUnitInactiveSec=30min", "schedule", "every 30m after end"},
		{"with the host", "OnBootSec=2min", "schedule", "@reboot"},
		{"after the host", "OnBootSec=2min", "blocking_pre_run", "sleep 120"},
		{"at once", "OnBootSec=0", "blocking_pre_run", "(none)"},
		{"undone", "OnCalendar=daily\nOnBootSec=\nOnCalendar=weekly", "schedule", "weekly"},
		{"no span", "OnUnitActiveSec=soon", "schedule", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := timer(t, "[Timer]\n"+row.timer+"\n", "[Service]\nExecStart=/bin/a\n")
			if len(d.Jobs) != 1 {
				t.Fatalf("%d jobs: %v", len(d.Jobs), d.Losses)
			}
			if got := value(&d.Jobs[0], row.keyword); got != row.want {
				t.Errorf("%s is %q, not %q", row.keyword, got, row.want)
			}
		})
	}
}

// TestProveTimers compares with systemd-analyze.
func TestProveTimers(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze (package systemd) to compare with")
	}
	for _, row := range []struct{ name, host, from, to, timer, want string }{
		{"a year", "Europe/Paris", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "OnCalendar=Mon..Fri 02:30", "261 261"},
		{"in a gap", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "OnCalendar=02:30", "0 0"},
		{"twice", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "OnCalendar=02:30", "1 1"},
		{"a cadence", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "OnCalendar=*:0/15", "92 96 | 2026-10-25T02:00:00+01:00 4 0/4 DST overlap"},
		{"a zone of its own", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", "OnCalendar=02:30 Asia/Tokyo", "2 2"},
		{"a date", "UTC", "2026-10-24T12:00:00Z", "2027-10-26T12:00:00Z", "OnCalendar=2027-01-01 12:00", "1 1"},
		{"the past", "UTC", "2026-10-24T12:00:00Z", "2027-10-26T12:00:00Z", "OnCalendar=2025-01-01 12:00", "0 0"},
		{"put off", "UTC", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", "OnCalendar=daily\nRandomizedDelaySec=12h", "2 2"},
		{"half an hour", "Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "OnCalendar=01..02:15", "729 729"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := timer(t, "[Timer]\n"+row.timer+"\n", "[Service]\nExecStart=/bin/a\n")
			p := prover(t, row.host, row.from, row.to)
			text, err := d.Write(p.Node)
			if err != nil {
				t.Fatal(err)
			}
			proofs, err := p.Prove(&d, text)
			if err != nil {
				t.Fatal(err)
			}
			if got := said(&proofs[0]); got != row.want || !proofs[0].Explained() {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	p := prover(t, "UTC", "2026-01-01T12:00:00Z", "2026-01-09T12:00:00Z")
	p.Down = []migrate.Span{{From: moment(t, "2026-01-03T00:00:00Z"), To: moment(t, "2026-01-06T10:00:00Z")}}
	for text, want := range map[string]string{"OnCalendar=daily\nPersistent=true": "5 5", "OnCalendar=daily": "4 4"} {
		d := timer(t, "[Timer]\n"+text+"\n", "[Service]\nExecStart=/bin/a\n")
		file, err := d.Write(p.Node)
		if err != nil {
			t.Fatal(err)
		}
		proofs, err := p.Prove(&d, file)
		if err != nil || said(&proofs[0]) != want {
			t.Errorf("off: %s %v, want %s", said(&proofs[0]), err, want)
		}
	}
}

// FuzzUnits: a service file is made of any two units, and its tasks are read as they were meant.
func FuzzUnits(f *testing.F) {
	f.Add(daily+"RandomizedDelaySec=1h\n", "[Unit]\nConditionPathExists=|!/x\n[Service]\nEnvironment=A=b\nExecStart=-/bin/a ${A} \\\n ; +/bin/b %i\nUser=x\n")
	f.Add("[Timer]\nOnBootSec=5\nOnUnitActiveSec=1d\n# c\n", "[Service]\nExecStartPre=/bin/x\nExecStart=/bin/a \"{name}\"\nEnvironmentFile=-/x\nLimitNOFILE=1:2\n")
	f.Fuzz(func(t *testing.T, timerText, serviceText string) { timer(t, timerText, serviceText) })
}
