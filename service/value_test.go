package service_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"om/service"
	"om/task"
)

// field returns a field of task#0 by its name.
func field(s *service.Service, name string) any {
	t, _ := s.Task("task#0")
	return reflect.ValueOf(t).FieldByName(name).Interface()
}

func TestValues(t *testing.T) {
	const minute, hour = time.Minute, time.Hour
	for _, c := range []struct {
		line, field string
		want        any
	}{
		{"timeout = 90", "Timeout", 90 * time.Second},
		{"timeout = 1.5", "Timeout", 1500 * time.Millisecond},
		{"timeout = 1w2d3h4m5s", "Timeout", 9*24*hour + 3*hour + 4*minute + 5*time.Second},
		{"timeout = 1Y2D", "Timeout", 367 * 24 * hour},
		{"timeout = 1.5h", "Timeout", 90 * minute},
		{"timeout = 500ms", "Timeout", 500 * time.Millisecond},
		{"timeout = 1m30s", "Timeout", 90 * time.Second},
		{"timeout = 0", "Timeout", time.Duration(0)},
		{"timeout = 0s", "Timeout", time.Duration(0)},
		{"timeout = None", "Timeout", time.Duration(0)},
		{"timeout =", "Timeout", time.Duration(0)},
		{"run_timeout = 10", "Timeout", 10 * time.Second},
		{"confirmation = yes", "Confirmation", true},
		{"confirmation = Y", "Confirmation", true},
		{"confirmation = ON", "Confirmation", true},
		{"confirmation = True", "Confirmation", true},
		{"confirmation = t", "Confirmation", true},
		{"confirmation = 1", "Confirmation", true},
		{"confirmation = no", "Confirmation", false},
		{"confirmation = Off", "Confirmation", false},
		{"confirmation = FALSE", "Confirmation", false},
		{"confirmation = f", "Confirmation", false},
		{"confirmation = 0", "Confirmation", false},
		{"confirmation = none", "Confirmation", false},
		{"confirmation =", "Confirmation", false},
		{"log_head = 0", "LogHead", int64(0)},
		{"log_head = 4096", "LogHead", int64(4096)},
		{"log_head = 64k", "LogHead", int64(64 << 10)},
		{"log_head = 64 KB", "LogHead", int64(64 << 10)},
		{"log_head = 64KiB", "LogHead", int64(64 << 10)},
		{"log_head = 1.5M", "LogHead", int64(3 << 19)},
		{"log_head = 2T", "LogHead", int64(2 << 40)},
		{"log_head = 1P", "LogHead", int64(1 << 50)},
		{"log_head = 10b", "LogHead", int64(10)},
		{"log = true", "Log", task.LogFile},
		{"log = off", "Log", task.LogNone},
		{"log = none", "Log", task.LogNone},
		{"log = journal", "Log", task.LogJournal},
		{"umask = 0o22", "Umask", defaultTask().Umask},
		{"stop_signal = 15", "StopSignal", "SIGTERM"},
		{"stop_signal = sighup", "StopSignal", "SIGHUP"},
		{"stop_signal = RTMIN", "", "a signal"},
		{"overlap = replace(term)", "Overlap", task.Overlap("replace(term)")},
		{"check =", "Check", task.CheckNone},
		{"check = last", "", "last_run or last_run_warn"},
		{"shell = /bin/bash", "Shell", "/bin/bash"},
		{"user = 1000", "User", "1000"},
		{`user = DOMAIN\alice`, "User", `DOMAIN\alice`},
		{"tags = a\tb  c", "Tags", []string{"a", "b", "c"}},
		{"tags =", "Tags", []string{}},
		{"environment = A= B='1 2' C=\"x\\\"y\"", "Environment", []string{"A=", "B=1 2", `C=x"y`}},
		{"environment_file = a -b /c", "EnvironmentFile", []string{"/etc/om/a", "-/etc/om/b", "/c"}},
		{"secrets_environment = A=b c/*", "Secrets", []task.FileVar{{Name: "A", Path: "/etc/om/b"}, {Path: "/etc/om/c/*"}}},
		{"limit_cpu = 90", "Limits", []task.Limit{{Name: "cpu", Value: 90}}},
		{"limit_core = unlimited", "Limits", []task.Limit{{Name: "core", Value: task.Unlimited}}},
		{"limit_as = 1G\nlimit_nofile = 64", "Limits", []task.Limit{{Name: "as", Value: 1 << 30}, {Name: "nofile", Value: 64}}},
		{"retcodes = 0:up 3:warn", "RetCodes", map[int]task.Status{0: task.Up, 3: task.Warn}},
		{"requires = impossible", "Requires", []task.Requirement{{Subject: "impossible", States: []task.Status{task.Up, task.StdbyUp}, Impossible: true}}},
		{"ionice = realtime:0", "IOClass", "realtime:0"},
		{"nice = -20", "Nice", -20},
		{"oom_score_adj = 0", "HasOOMScore", true},
		{"not_before = 2027-01-01 12:30", "Type", "host"},
		{"timezone = UTC", "Timezone", "UTC"},

		{"timeout = -5", "", "a duration; not negative"},
		{"timeout = 5 m", "", "a duration"},
		{"timeout = 10min", "", "a duration"},
		{"timeout = 5x", "", "a duration"},
		{"timeout = 1h30", "", "the last number has no unit"},
		{"timeout = 1e3", "", "a duration"},
		{"timeout = 1.2.3", "", "a duration"},
		{"timeout = 300y", "", "at most 292 years"},
		{"timeout = 99999999999999", "", "at most 292 years"},
		{"timeout = 5m # why", "", "a comment needs a line of its own"},
		{"confirmation = ye", "", `true or false; did you mean "yes"?`},
		{"confirmation = 2", "", "true or false"},
		{"log_head = 1Q", "", "a size"},
		{"log_head = -1", "", "a size"},
		{"log_head = K", "", "a size"},
		{"log_head = 9E", "", "too large"},
		{"log_head = unlimited", "", "a size"},
		{"limit_cpu = 0", "", "full seconds"},
		{"limit_nofile = many", "", "a number or a size"},
		{"max_parallel = 1.5", "", "a whole number"},
		{"umask = 8", "", "an octal mode"},
		{"umask = 01000", "", "an octal mode"},
		{"umask =", "", "an octal mode"},
		{"user = a b", "", "one name or number"},
		{"user = www-data:www-data", "", "write user = www-data and group = www-data"},
		{"user = -x", "", "not begin with a dash"},
		{"subset = a b", "", "one word"},
		{"cwd = srv", "", "an absolute path"},
		{"environment = 'A=1", "", "a closing single quote"},
		{"environment = =1", "", "NAME=VALUE"},
		{"requires = task#0(upp)", "", `did you mean "up"?`},
		{"requires = fs#0", "", "a resource of this file, avail or overall"},
		{"requires = task#O(up)", "", `did you mean "task#0"?`},
		{"retcodes = 0:up 0:down", "", "has a state already"},
		{"retcodes = 300:up", "", "CODE:STATE"},
		{"not_after = 2027-02-30", "", "a moment"},
		{"timezone = Atlantis", "", "REGION/CITY"},
		{"timezone = ../../etc/passwd", "", "a time zone"},
		{"dst_gap = skipp", "", `did you mean "skip"?`},
		{"queue = x", "", "a keyword of task"},
	} {
		t.Run(c.line, func(t *testing.T) {
			s := service.Parse("/etc/om/testmd.conf", "testmd", []byte("[task#0]\ncommand = x\n"+c.line+"\n"), service.Node{Name: "n1"})
			var told []string
			for _, p := range s.Problems {
				told = append(told, p.Wanted+"; "+p.Hint)
			}
			if c.field != "" {
				if got := field(s, c.field); !reflect.DeepEqual(got, c.want) || len(told) > 0 {
					t.Errorf("%s is %#v, want %#v; problems %q", c.field, got, c.want, told)
				}
				return
			}
			for part := range strings.SplitSeq(fmt.Sprint(c.want), "; ") {
				if got := strings.Join(told, "\n"); !strings.Contains(got, part) || len(s.Tasks) > 0 {
					t.Errorf("problems %q, want one with %q and no task", got, part)
				}
			}
		})
	}
}

func TestParseDuration(t *testing.T) {
	if got, err := service.ParseDuration("1d2h"); got != 26*time.Hour || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	_, err := service.ParseDuration("soon")
	if want := `"soon": wanted a duration`; !errors.Is(err, task.ErrInvalid) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func defaultTask() task.Task {
	s := service.Parse("t.conf", "testmd", []byte("[task#0]\ncommand = x\n"), service.Node{Name: "n1"})
	return s.Tasks[0]
}

// TestDefaults writes the default of every keyword into a file: the task must be as without them.
func TestDefaults(t *testing.T) {
	want := defaultTask()
	for _, k := range service.KeywordsOf("task") {
		if k.Default == "" {
			continue
		}
		s := service.Parse("t.conf", "testmd", []byte("[task#0]\ncommand = x\n"+k.Name+" = "+k.Default+"\n"), service.Node{Name: "n1"})
		if len(s.Tasks) != 1 || len(s.Problems) > 0 {
			t.Errorf("%s = %s: %v", k.Name, k.Default, s.Problems)
			continue
		}
		got := s.Tasks[0]
		if k.Name == "retcodes" { // none stands for the default
			got.RetCodes = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %s makes another task:\n%+v\n%+v", k.Name, k.Default, got, want)
		}
	}
	if want.MaxParallel != 1 || want.StopTimeout != 10*time.Second || want.Umask != 0o022 || want.KeepRuns != 100 {
		t.Errorf("defaults: %+v", want)
	}
}

func TestCommandAdvice(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{"command = /bin/true", ""},
		{"command = id -u && /bin/true", "it runs under sh -c"},
		{"command = a | b", "it runs under sh -c"},
		{"command = a ; b", "it runs under sh -c"},
		{"command = sh -c 'a && b'", ""},
		{`command = sh -c "a | b > c; echo $x"`, ""},
		{"command = echo $HOME > f", "gets $ > as written"},
		{"command = ls *.txt", "gets * as written"},
		{"command = echo '$HOME'", ""},
		{`command = echo \$HOME`, ""},
		{"command = a && b\nshell = sh", ""},
		{"command = a && b\nshell = none", ""},
		{"command = a > b\nshell = none", "gets > as written"},
		{"command = don't\nshell = sh", ""},
		{"command = don't", "a closing single quote"},
		{"command = x\non_error = mail && y", "it runs under sh -c"},
		{"command = ${x}", "gets $ as written"},
		{"command = {nosuch}", ""},
	} {
		s := one(c.lines + "\n")
		var told string
		for _, p := range s.Problems {
			told += p.String()
		}
		if c.want == "" && told != "" || !strings.Contains(told, c.want) {
			t.Errorf("%q: told %q, want %q", c.lines, told, c.want)
		}
	}
}

func TestRunOn(t *testing.T) {
	const text = "[DEFAULT]\nnodes = n1 n2\nrun_schedule = @1d\n[task#0]\ncommand = x\n"
	for _, c := range []struct {
		name, text string
		asks       bool
	}{
		{"several nodes and no resource", text, true},
		{"told", text + "run_on = n1\n", false},
		{"a resource to follow", text + "[fs#0]\nmnt = /srv\n", false},
		{"one node", strings.Replace(text, "n1 n2", "n1", 1), false},
		{"no schedule", text + "schedule =\n", false},
	} {
		s := service.Parse("t.conf", "testmd", []byte(c.text), service.Node{Name: "n1"})
		asked := len(s.Problems) == 1 && s.Problems[0].Severity == service.Warning && strings.Contains(s.Problems[0].Wanted, "run_on")
		if asked != c.asks || !asked && len(s.Problems) > 0 || len(s.Tasks) != 1 {
			t.Errorf("%s: problems %v", c.name, s.Problems)
		}
	}
}
