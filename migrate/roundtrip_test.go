package migrate_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"om/migrate"
	"om/service"
	"om/task"
)

// pickOf returns one of the words, by chance.
func pickOf(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// crontabByChance writes settings and lines of all kinds, each with a user. HOME is not among them, nor input for another
// shell than sh: such lines go back as commands that do the same.
func crontabByChance(r *rand.Rand, n int) string {
	var b strings.Builder
	shell, input := "SHELL=/bin/bash", "true"
	if r.IntN(2) == 0 {
		shell, input = "SHELL=/bin/sh", "cat%one%two"
	}
	for range n {
		for range r.IntN(3) {
			b.WriteString(pickOf(r, shell, `A="b c"`, "A='d \"e'", "A=f", "MAILTO=x@y.z", "MAILTO=\"\"", "MAILTO=root,a@b.c",
				"PATH=/opt/bin:/bin", "CRON_TZ=America/New_York", "CRON_TZ=UTC", `CRON_TZ=""`, "RANDOM_DELAY=15", "RANDOM_DELAY=0", "# a comment", "") + "\n")
		}
		when := pickOf(r, "@reboot", "@daily", "@hourly", "10~20 3 * * *", "0 0 13 * 5", "*/7 8-18/2 * jan-mar mon-fri", "30 2 * * *", "0,30 1-3 * * *", "5 4 1,15 * *", "")
		if when == "" {
			when = strings.TrimSuffix(lines(r, 1), " a\n")
		}
		fmt.Fprintf(&b, "%s %s %s\n", when, pickOf(r, "root", "www-data", "nobody"),
			pickOf(r, "true", `date +\%F`, `echo "it's" {name} ${HOME} $A`, input, `a && b | c > /dev/null 2>&1`, `printf 'a\tb' # c`, `echo a\\b`, "cat%", `test x = 'y z' || exit 3`))
	}
	return b.String()
}

// tasksOf are the tasks of a service file, without their names and places, and with schedules in one form.
func tasksOf(t *testing.T, n service.Node, text []byte) (all []task.Task) {
	t.Helper()
	s := service.Parse("s.conf", "s", text, n)
	for _, p := range s.Problems {
		if p.Severity == service.Error {
			t.Fatalf("%v\n%s", p, text)
		}
	}
	for i := range s.Tasks {
		one := s.Tasks[i]
		cal, err := n.Calendar(&one, n.Seed(&one))
		if err != nil {
			t.Fatal(err)
		}
		one.ID, one.File, one.Line, one.Description, one.Schedule = task.ID{}, "", 0, "", cal.String()
		one.User = cmp.Or(one.User, "root")
		one.Environment = slices.DeleteFunc(slices.Sorted(slices.Values(one.Environment)), func(v string) bool {
			return v == "RANDOM_DELAY=0" || v == "MAILTO=" || v == "CRON_TZ=" // as if there were none
		})
		all = append(all, one)
	}
	return all
}

// TestCrontabThereAndBackByChance: a table that is imported, exported and imported again makes the same tasks, whatever it
// says; and what is written is proved against the first table's times.
func TestCrontabThereAndBackByChance(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 30 {
		table := crontabByChance(r, 6)
		p := prover(t, "Europe/Paris", "2026-03-01T00:00:00Z", "2026-04-10T00:00:00Z")
		_, text := draftTable(t, p, table)
		x := migrate.Exporter{Node: p.Node, Host: p.Host, Now: p.From, Users: true, Self: "root"}
		back, refused, err := x.Crontab([]*service.Service{service.Parse("s.conf", "s", text, p.Node)})
		if err != nil || len(refused) > 0 {
			t.Fatalf("%v %+v\n%s", err, refused, table)
		}
		_, again := draftTable(t, p, back)
		if diff := gocmp.Diff(tasksOf(t, p.Node, text), tasksOf(t, p.Node, again)); diff != "" {
			t.Fatalf("%s\n%s\n%s", table, back, diff)
		}
	}
}

// unitTask writes a task that units can say, by chance.
func unitTask(r *rand.Rand) string {
	text := "[task#s]\n"
	for _, words := range [][]string{
		{
			"schedule = Mon..Fri *-*-* 02:30\ndst_gap = skip", "schedule = *:0/15\ndst_gap = skip", "schedule = daily\ndst_gap = skip",
			"schedule = *-*-1,15 03:00:30\ndst_gap = skip", "schedule = Sat *-*~7/1 10:00 Europe/Berlin\ndst_gap = skip", "schedule = @reboot",
			"schedule = every 30m after end", "schedule = @1h",
		},
		{"command = /bin/echo 'a b' 100% '$X' ';'", "command = /bin/true", "command = /bin/sh -c 'echo \"$1\"' - x"},
		{"", "user = nobody"},
		{"", "group = adm\nextra_groups = disk"},
		{"cwd = /", "cwd = /srv"},
		{"", "umask = 077"},
		{"", "nice = 5"},
		{"", "oom_score_adj = -5"},
		{"", "no_new_privs = true"},
		{"", "timeout = 90s"},
		{"stop_timeout = 90s", "stop_timeout = 1m"},
		{"", "stop_signal = SIGINT"},
		{"", "retcodes = 0:up 3:up"},
		{"", "environment = A=1 'B=c d' C=100%"},
		{"", "ionice = idle"},
		{"", "limit_nofile = 1024"},
		{"", "spread = 1h"},
		{"", "log = none"},
	} {
		if line := pickOf(r, words...); line != "" {
			text += line + "\n"
		}
	}
	if strings.Contains(text, "@reboot") {
		text += "catchup = last\n"
	} else {
		text += pickOf(r, "catchup = none", "catchup = last") + "\n"
	}
	return text + "leftover = kill\nshell = none\n"
}

// TestUnitsThereAndBackByChance: a task that is exported as units is the same when it is imported, or it is refused.
func TestUnitsThereAndBackByChance(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	written := 0
	for range 300 {
		text := unitTask(r)
		x := exporter("UTC")
		x.Self = "root"
		s := service.Parse("s.conf", "s", []byte(text), x.Node)
		units, refused, err := x.Units([]*service.Service{s})
		if err != nil {
			t.Fatal(err)
		}
		if len(refused) > 0 {
			continue
		}
		written++
		back := timerOf([]txtar.File{{Name: units[0].Name, Data: []byte(units[0].Text)}, {Name: units[1].Name, Data: []byte(units[1].Text)}})
		d := back.Draft()
		again, err := d.Write(x.Node)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(tasksOf(t, x.Node, []byte(text)), tasksOf(t, x.Node, again)); diff != "" {
			t.Fatalf("%s\n%s%s\n%s", text, units[0].Text, units[1].Text, diff)
		}
	}
	if written < 100 {
		t.Errorf("%d of 300 were written", written)
	}
}
