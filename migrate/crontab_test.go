package migrate_test

import (
	"strings"
	"testing"

	"om/migrate"
	"om/task"
)

// imported makes a service file of a crontab, with which nothing may be wrong.
func imported(tb testing.TB, c migrate.CronTable) migrate.Draft {
	tb.Helper()
	c.Service, c.File = "s", "tab"
	d := c.Draft()
	text, err := d.Write(node())
	if err != nil {
		tb.Fatalf("%v\n%s", err, c.Text)
	}
	valid(tb, &d, text)
	return d
}

func value(j *migrate.Job, name string) string {
	for _, k := range j.Keywords {
		if k.Name == name {
			return k.Value
		}
	}
	return "(none)"
}

func TestCrontabLines(t *testing.T) {
	for _, row := range []struct{ name, line, keyword, want string }{
		{"blanks", "  5\t0  * * *\t  echo  a ", "schedule", "5 0 * * *"},
		{"the command after blanks", "  5\t0  * * *\t  echo  a ", "command", "echo  a"},
		{"a word", "@weekly a", "schedule", "@weekly"},
		{"not logged", "-5 0 * * * a", "command", "a"},
		{"a percent sign", `* * * * * date +\%F`, "command", "date +%F"},
		{"two backslashes quote no percent sign", `* * * * * a \\%b`, "command", `printf '%s\n' b | /bin/sh -c 'a \\'`},
		{"input", "* * * * * cat%a%b", "command", `printf '%s\n' a b | /bin/sh -c cat`},
		{"input that ends", "* * * * * cat%a%", "command", `printf '%s\n' a | /bin/sh -c cat`},
		{"a quoted sign in the input", `* * * * * cat%1\%%2`, "command", `printf '%s\n' 1% 2 | /bin/sh -c cat`},
		{"backslashes in the input", `* * * * * cat%\a\\b\`, "command", `printf '%s\n' '\a\\b\' | /bin/sh -c cat`},
		{"no input", "* * * * * cat%", "command", "cat"},
		{"an assignment is a command", "* * * * * A=b c", "command", "A=b c"},
		{"a comment of the shell", "* * * * * a # b", "command", "a # b"},
		{"a brace", "* * * * * awk '{print}' {rid}", "command", "awk '{print}' {rid}"},
		{"a section", "* * * * * [fs#0]", "command", "[fs#0]"},
		{"quotes", `* * * * * """x`, "command", `"""x`},
		{"a back-quote", "* * * * * `date`", "command", "`date`"},
		{"a drawn minute", "0~30 4 * * * a", "schedule", "H(0-30) 4 * * *"},
		{"any drawn minute", "~ * * * * a", "schedule", "H(0-59) * * * *"},
		{"drawn from", "30~ * * * * a", "schedule", "H(30-59) * * * *"},
		{"names", "0 0 * Jan-mar SUN,tue a", "schedule", "0 0 * Jan-mar SUN,tue"},
		{"Sunday twice", "0 0 * * 0-7 a", "schedule", "0 0 * * 0-7"},
		{"a step beyond the range", "*/90 */25 * * * a", "schedule", "*/90 */25 * * *"},
		{"zeros", "00 007 * * * a", "schedule", "00 007 * * *"},
		{"the start of the host", "@reboot a", "catchup", "last"},
		{"no schedule", "0 0 31 2,4 * a", "schedule", ""},
		{"a schedule by the weekday", "0 0 31 2,4 1 a", "schedule", "0 0 31 2,4 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := imported(t, migrate.CronTable{Text: row.line + "\n"})
			if len(d.Jobs) != 1 {
				t.Fatalf("%d jobs: %v", len(d.Jobs), d.Losses)
			}
			if got := value(&d.Jobs[0], row.keyword); got != row.want {
				t.Errorf("%s is %q, not %q", row.keyword, got, row.want)
			}
		})
	}
}

// TestCrontabFaults has lines that cron does not run.
func TestCrontabFaults(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{"60 * * * * a", `"60": wanted a number from 0 to 59`},
		{"* 24 * * * a", `"24": wanted a number from 0 to 23`},
		{"* * 0 * * a", `"0": wanted a number from 1 to 31`},
		{"* * * 13 * a", `"13": wanted a number from 1 to 12`},
		{"* * * * 8 a", `"8": wanted a number from 0 to 7`},
		{"* * * * fri-sun a", "wanted a range from a number to a greater one"},
		{"* * * * sunday a", "the first three letters of a name"},
		{"5/10 * * * * a", "a step stands behind a star or a range"},
		{"*/0 * * * * a", "wanted a step of 1 or more"},
		{"*/+5 * * * * a", "wanted a step of 1 or more"},
		{"1- * * * * a", "wanted a number from 0 to 59"},
		{"1,,2 * * * * a", "wanted a number from 0 to 59"},
		{"0~9,20~29 * * * * a", "one ~ in a field"},
		{"9~0 * * * * a", "wanted a range from a number to a greater one"},
		{"* * * * a", "wanted a number from 0 to 7"},
		{"* * * *", "wanted five times and dates"},
		{"* * * * *", "wanted a command"},
		{"* * * * * * a", "it begins with a star"},
		{"@sometimes a", "wanted @hourly"},
		{"@daily", "wanted a command"},
		{`A="b" c`, "wanted five times and dates"},
	} {
		t.Run(row.line, func(t *testing.T) {
			d := imported(t, migrate.CronTable{Text: row.line + "\n* * * * * good\n"})
			if len(d.Jobs) != 1 || len(d.AllLosses()) == 0 {
				t.Fatalf("%d jobs, losses %v", len(d.Jobs), d.AllLosses())
			}
			l := d.Losses[0]
			if !l.Job || l.Line != 1 || l.What != strings.TrimSpace(row.line) || !strings.Contains(l.Why, row.want) {
				t.Errorf("%+v: wanted %q", l, row.want)
			}
		})
	}
	if d := imported(t, migrate.CronTable{Text: "* * * * * no end"}); len(d.Jobs) != 0 {
		t.Error("cron does not read a last line without an end")
	}
	for _, command := range []string{"\xff", "a\x00b", "cat%\a"} {
		d := imported(t, migrate.CronTable{Text: "* * * * * " + command + "\n"})
		if len(d.Jobs) != 0 || !strings.Contains(d.Losses[len(d.Losses)-1].Why, "wanted UTF-8 without control characters") {
			t.Errorf("%q: %v", command, d.Losses)
		}
	}
	if d := imported(t, migrate.CronTable{Text: "* * * * * root\n", Users: true}); len(d.Jobs) != 0 {
		t.Error("a user is no command")
	}
}

func TestCrontabVariables(t *testing.T) {
	const base = "SHELL=/bin/sh PATH=/usr/bin:/bin"
	for _, row := range []struct{ name, lines, keyword, want string }{
		{"none", "", "environment", base},
		{"one", "A=b", "environment", base + " A=b"},
		{"blanks", " A = b c \t", "environment", base + " 'A=b c'"},
		{"quotes", `A = " b " `, "environment", base + " 'A= b '"},
		{"single quotes", `'A' = '"b"'`, "environment", base + ` 'A="b"'`},
		{"quotes inside", `A=b "c"`, "environment", base + ` 'A=b "c"'`},
		{"a dollar sign is none", "A=$HOME/x", "environment", base + " 'A=$HOME/x'"},
		{"empty", "A=", "environment", base + " A="},
		{"twice", "A=1\nB=2\nA=3", "environment", base + " B=2 A=3"},
		{"the path", "PATH=/x:$PATH", "environment", "SHELL=/bin/sh 'PATH=/x:$PATH'"},
		{"the shell", "SHELL=/bin/bash", "shell", "/bin/bash"},
		{"the shell in the environment", "SHELL=/bin/bash", "environment", "SHELL=/bin/bash PATH=/usr/bin:/bin"},
		{"the home", "HOME=/srv", "home", "/srv"},
		{"no home", "HOME=srv", "home", "(none)"},
		{"the user stays", "LOGNAME=x\nUSER=y", "environment", base},
		{"mail", "MAILTO=a@b.c,root", "notify_mail", "a@b.c root@localhost"},
		{"no mail", `MAILTO=""`, "notify_mail", ""},
		{"mail as ever", "", "notify_mail", "(none)"},
		{"mail to what is no address", "MAILTO=a<b", "notify_mail", "(none)"},
		{"a delay", "RANDOM_DELAY=45", "spread", "45m"},
		{"no delay", "RANDOM_DELAY=0", "spread", "(none)"},
		{"a delay that is none", "RANDOM_DELAY=x", "spread", "(none)"},
		{"a zone", "CRON_TZ=Europe/Paris", "schedule", "CRON_TZ=Europe/Paris 5 4 * * *"},
		{"TZ is for the command", "TZ=Europe/Paris", "schedule", "5 4 * * *"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := imported(t, migrate.CronTable{Text: row.lines + "\n5 4 * * * a\n"})
			if len(d.Jobs) != 1 {
				t.Fatal(d.Losses)
			}
			if got := value(&d.Jobs[0], row.keyword); got != row.want {
				t.Errorf("%s is %q, not %q", row.keyword, got, row.want)
			}
		})
	}
	if d := imported(t, migrate.CronTable{Text: "CRON_TZ=Nowhere/Else\n5 4 * * * a\n"}); len(d.Jobs) != 0 || !d.Losses[len(d.Losses)-1].Job {
		t.Error("a zone that nobody knows: there is no schedule")
	}
	d := imported(t, migrate.CronTable{Text: "* * * * * root /usr/local/bin/om tick --quiet\n", Users: true})
	if len(d.Jobs) != 0 || d.Losses[0].Job {
		t.Errorf("a tick of om is no task: %v", d.Losses)
	}
	d = imported(t, migrate.CronTable{Text: "MAILTO=a<b\n5 4 * * * a\n6 4 * * * b\n"})
	if len(d.Jobs) != 2 || value(&d.Jobs[1], "notify_mail") != "(none)" {
		t.Errorf("what is wrong in [DEFAULT] leaves no task out: %d jobs, %v", len(d.Jobs), d.AllLosses())
	}
	d = imported(t, migrate.CronTable{Text: "5 4 * * * bob a\n", Users: true, User: "joe"})
	if got := value(&d.Jobs[0], "user"); got != "bob" {
		t.Errorf("the user of the line counts: %q", got)
	}
	d = imported(t, migrate.CronTable{Text: "CRON_TZ=Asia/Tokyo\nRANDOM_DELAY=5\n5 4 * * * a\n", Vixie: true})
	if got := value(&d.Jobs[0], "schedule") + value(&d.Jobs[0], "spread"); got != "5 4 * * *(none)" || len(d.AllLosses()) != 3 {
		t.Errorf("Debian's cron knows neither variable: %q %v", got, d.AllLosses())
	}
	d = imported(t, migrate.CronTable{Text: "5 4 * * * a\n", Zone: "Europe/Paris"})
	if got := value(&d.Jobs[0], "schedule"); got != "CRON_TZ=Europe/Paris 5 4 * * *" {
		t.Errorf("cron's zone is written where that of the node is another: %q", got)
	}
}

// FuzzCrontab: a service file is made of any text, and its tasks are read as they were meant. The words of a command
// that a shell would see stay the same.
func FuzzCrontab(f *testing.F) {
	f.Add("# c\nSHELL=/bin/sh\n5 0 * * * a\n", false)
	f.Add("17 * * * * root cd / && run-parts\n@daily x y%z\\%\n", true)
	f.Add("A='b\n*/5 1-3,7 * jan mon-fri echo {name} ${x} {env.y} ; # [a]\n", false)
	f.Fuzz(func(t *testing.T, text string, users bool) {
		d := imported(t, migrate.CronTable{Text: text, Users: users, Vixie: strings.Contains(text, "\t")})
		for i := range d.Jobs {
			if words, err := task.Split(value(&d.Jobs[i], "environment")); err != nil || len(words) < 2 {
				t.Errorf("environment: %q %v", words, err)
			}
		}
	})
}
