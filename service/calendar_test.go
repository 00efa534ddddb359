package service_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"om/schedule"
	"om/service"
	"om/task"
)

// TestScheduleProblems: what validation says of a schedule, and which tasks are left.
func TestScheduleProblems(t *testing.T) {
	for _, c := range []struct{ name, text, want, tasks string }{
		{"right", "[task#0]\ncommand = x\nschedule = 02:00-04:00@10m mon-sat\n", "", "task#0"},
		{"none", "[task#0]\ncommand = x\nschedule =\n", "", "task#0"},
		{"wrong", "[task#0]\ncommand = x\nschedule = 09:00 foo\n", `error: t.conf:3: [task#0] schedule: "foo": wanted a weekday: mon to sun, or 1 to 7, at offset 6 of "09:00 foo"`, ""},
		{"with a hint", "[task#0]\ncommand = x\nschedule = 24:00\n", `"24": wanted an hour from 00 to 23, at offset 0 of "24:00"; the end of the day is 23:59:59`, ""},
		{"the others stay", "[task#0]\ncommand = x\nschedule = 99:99\n[task#1]\ncommand = x\nschedule = 09:00\n", `"99": wanted an hour`, "task#1"},
		{"after references", "[DEFAULT]\n[env]\nhour = 25\n[task#0]\ncommand = x\nschedule = {env.hour}:00\n", `"25": wanted an hour from 00 to 23, at offset 0 of "25:00"`, ""},
		{"for this node", "[task#0]\ncommand = x\nschedule = 09:00\nschedule@n1 = 9\n", `schedule@n1: "9": wanted`, ""},
		{"for another node", "[task#0]\ncommand = x\nschedule = 09:00\nschedule@n2 = 9\n", `warning: t.conf:4: [task#0] schedule@n2: "9": wanted`, "task#0"},
		{"inherited", "[DEFAULT]\nrun_schedule = @10x\n[task#0]\ncommand = x\n", `[DEFAULT] run_schedule: "x": wanted a unit`, ""},
		{"misread", "[task#0]\ncommand = x\nschedule = 10:00 fri:last\n", `warning: t.conf:3: [task#0] schedule: "10:00 fri:last": fri:last is a day that is both`, "task#0"},
		{"misread by all", "[DEFAULT]\nrun_schedule = * fri\n[task#0]\ncommand = x\n[task#1]\ncommand = x\n", `warning: t.conf:2: [DEFAULT] run_schedule: "* fri": * means once a day`, "task#0 task#1"},
		{"a comment behind", "[task#0]\ncommand = x\nschedule = 09:00 mon # daily\n", "a comment needs a line of its own", ""},
		{"a keyword around it", "[task#0]\ncommand = x\nschedule = 09:00\ndst_gap = shfit\n", `dst_gap: "shfit": wanted after, skip or shift; did you mean "shift"?`, ""},
		{"all is left out", "[task#0]\ncommand = x\nschedule = [\"09:00\", \"! 08:00-10:00\"]\n", `warning: t.conf:3: [task#0] schedule: "[\"09:00\", \"! 08:00-10:00\"]": it never runs`, "task#0"},
		{"no time between", "[task#0]\ncommand = x\nschedule = 09:00\nnot_before = 2027-01-01\nnot_after = 2026-12-31\n", `warning: t.conf:5: [task#0] not_after: "2026-12-31": it never runs: not_before is 2027-01-01, and later`, "task#0"},
		{"limits of one task", "[DEFAULT]\nrun_schedule = 09:00\n[task#0]\ncommand = x\nnot_before = 2026-01-01\nnot_after = 2026-12-31\n", "", "task#0"},
		{"a person", "[task#0]\ncommand = x\nschedule = 09:00\nconfirmation = true\n", `warning: t.conf:4: [task#0] confirmation: "true": a task that asks or shows something to a person is never scheduled`, "task#0"},
		{"a terminal", "[task#0]\ncommand = x\nschedule = 09:00\ninteractive = true\n", `warning: t.conf:4: [task#0] interactive: "true": a task that asks`, "task#0"},
		{"a person, and a schedule for all", "[DEFAULT]\nrun_schedule = 09:00\n[task#0]\ncommand = x\nconfirmation = true\n", "", "task#0"},
		{"the start of the host", "[task#0]\ncommand = x\nschedule = @reboot\n", "", "task#0"},
		{"spread too far", "[task#0]\ncommand = x\nschedule = 09:00\nspread = 31d\n", `spread: "31d": wanted 30 days at most`, ""},
		{"one of several lines", "[task#0]\ncommand = x\nschedule =\n  [\"09:00\",\n   # a comment\n   \"10:00 foo\"]\n", `"foo": wanted a weekday: mon to sun, or 1 to 7, at offset 7 of "\"10:00 foo\"]"`, ""},
		{"too long", "[task#0]\ncommand = x\nschedule = 09:00 " + strings.Repeat("mon,", 1100) + "mon\n", "wanted a schedule of at most 4096 bytes", ""},
	} {
		s := service.Parse("t.conf", "testmd", []byte(c.text), service.Node{Name: "n1"})
		var told, tasks []string
		for _, p := range s.Problems {
			told = append(told, p.Severity.String()+": "+p.String())
		}
		for _, t := range s.Tasks {
			tasks = append(tasks, t.ID.RID)
		}
		if all := strings.Join(told, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) || len(told) > 1 && !strings.HasPrefix(c.name, "inherited") {
			t.Errorf("%s: told %q, want %q", c.name, all, c.want)
		}
		if got := strings.Join(tasks, " "); got != c.tasks {
			t.Errorf("%s: tasks %q, want %q", c.name, got, c.tasks)
		}
	}
}

// TestCalendar: the keywords around a schedule are part of its meaning.
func TestCalendar(t *testing.T) {
	for _, c := range []struct{ keywords, now, want string }{
		{"schedule = 02:30", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"schedule = 02:30\ndst_gap = skip", "2026-03-28T12:00:00+01:00", "2026-03-30T02:30:00+02:00"},
		{"schedule = 02:30\ndst_gap = shift", "2026-03-28T12:00:00+01:00", "2026-03-29T03:30:00+02:00"},
		{"schedule = 02:30\ndst_overlap = second", "2026-10-25T00:00:00+02:00", "2026-10-25T02:30:00+01:00"},
		{"schedule = 02:30\ndst_overlap = both", "2026-10-25T02:31:00+02:00", "2026-10-25T02:30:00+01:00"},
		{"schedule = 02:30\ntimezone = Asia/Tokyo", "2026-01-01T00:00:00+09:00", "2026-01-01T02:30:00+09:00"},
		{"schedule = 02:30\nnot_before = 2026-02-01", "2026-01-01T00:00:00+01:00", "2026-02-01T02:30:00+01:00"},
		{"schedule = 02:30\nnot_after = 2026-01-01 02:00", "2026-01-01T00:00:00+01:00", "never"},
		{"schedule = 02:30\nnot_after = 2026-01-01T01:30:00Z", "2026-01-01T00:00:00+01:00", "2026-01-01T02:30:00+01:00"},
		{"schedule = @reboot", "2026-01-01T00:00:00+01:00", "2026-01-02T08:00:00+01:00"},
	} {
		s := service.Parse("t.conf", "testmd", []byte("[task#0]\ncommand = x\n"+c.keywords+"\n"), service.Node{Name: "n1", Timezone: "Europe/Paris"})
		if len(s.Tasks) != 1 {
			t.Errorf("%s: %v", c.keywords, s.Problems)
			continue
		}
		n := service.Node{Name: "n1", Boot: time.Date(2026, 1, 2, 7, 0, 0, 0, time.UTC)}
		calendar, err := n.Calendar(&s.Tasks[0], n.Seed(&s.Tasks[0]))
		if err != nil {
			t.Errorf("%s: %v", c.keywords, err)
			continue
		}
		now, _ := time.Parse(time.RFC3339, c.now)
		got := "never"
		if next, ok := calendar.Next(time.Time{}, now); ok {
			got = next.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.keywords, got, c.want)
		}
	}
}

func TestCalendarRefuses(t *testing.T) {
	var syntax *schedule.SyntaxError
	n := service.Node{Name: "n1"}
	if _, err := n.Calendar(&task.Task{Schedule: "09:0"}, 0); err != nil {
		t.Error("one digit will do:", err)
	}
	if _, err := n.Calendar(&task.Task{Schedule: "9"}, 0); !errors.As(err, &syntax) || syntax.Offset != 0 {
		t.Errorf("a wrong text: %v", err)
	}
	for _, c := range []task.Task{{Timezone: "Mars/Base"}, {NotBefore: "soon"}, {NotAfter: "2026-13-01"}} {
		if _, err := n.Calendar(&c, 0); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestSeed: spread differs by node, service and task; with spread_by = service not by node.
func TestSeed(t *testing.T) {
	base := task.Task{ID: task.ID{Service: "testmd", RID: "task#0"}}
	seed := func(node string, change func(*task.Task)) schedule.Seed {
		c := base
		change(&c)
		n := service.Node{Name: node}
		return n.Seed(&c)
	}
	same := func(*task.Task) {}
	byService := func(t *task.Task) { t.SpreadBy = "service" }
	one := seed("n1", same)
	for name, other := range map[string]schedule.Seed{
		"node": seed("n2", same), "service": seed("n1", func(t *task.Task) { t.ID.Service = "other" }),
		"task": seed("n1", func(t *task.Task) { t.ID.RID = "task#1" }), "spread_by": seed("n1", byService),
	} {
		if other == one {
			t.Errorf("another %s has the same seed", name)
		}
	}
	if seed("n1", same) != one || seed("n1", byService) != seed("n2", byService) {
		t.Error("the same names have another seed")
	}
}

// TestParseMoment: what clocks show in a gap is the end of it, and what they show twice the first.
func TestParseMoment(t *testing.T) {
	for _, c := range []struct{ zone, text, want string }{
		{"UTC", "2026-01-02", "2026-01-02T00:00:00Z"},
		{"UTC", "2026-01-02 03:04", "2026-01-02T03:04:00Z"},
		{"UTC", "2026-01-02 03:04:05", "2026-01-02T03:04:05Z"},
		{"UTC", "2026-01-02T03:04", "2026-01-02T03:04:00Z"},
		{"UTC", "2026-01-02T03:04:05", "2026-01-02T03:04:05Z"},
		{"UTC", "2026-01-02T03:04:05+09:00", "2026-01-01T18:04:05Z"},
		{"Europe/Paris", "2026-03-29 01:59:59", "2026-03-29T01:59:59+01:00"},
		{"Europe/Paris", "2026-03-29 02:30", "2026-03-29T03:00:00+02:00"},
		{"Europe/Paris", "2026-10-25 02:30", "2026-10-25T02:30:00+02:00"},
		{"America/New_York", "2026-11-01 01:30", "2026-11-01T01:30:00-04:00"},
		{"America/New_York", "2026-03-08 02:30", "2026-03-08T03:00:00-04:00"},
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"},
		{"Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-05T01:45:00+11:00"},
		{"Pacific/Apia", "2011-12-30 12:00", "2011-12-31T00:00:00+14:00"},
		{"Asia/Tokyo", "0001-01-01", "0001-01-01T00:00:00+09:18"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := service.ParseMoment(c.text, zone)
		if err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("%s %s: got %s, %v, want %s", c.zone, c.text, got.Format(time.RFC3339), err, c.want)
		}
	}
	for _, text := range []string{"", "soon", "2026-02-30", "25:00", "2026-01-02 24:00", "2026-01-02T03:04:05+0900"} {
		if _, err := service.ParseMoment(text, time.UTC); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
