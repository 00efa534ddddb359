package resource_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"om/resource"
	"om/task"
)

func TestCheck(t *testing.T) {
	const fixture = "0:up 1:down 2:warn 3:n/a 4:undef"
	tests := []struct {
		name     string
		retcodes string
		code     int
		output   string
		err      error
		standby  bool
		want     task.Status
		log      []string
	}{
		{"default 0", "", 0, "ok", nil, false, task.Up, nil},
		{"default 1", "", 1, "", nil, false, task.Down, nil},
		{"default 2 is not listed", "", 2, "", nil, false, task.Warn, []string{"warn: check: exit code 2 is not in retcodes"}},
		{"listed warn", fixture, 2, "", nil, false, task.Warn, nil},
		{"listed n/a", fixture, 3, "", nil, false, task.NA, nil},
		{"listed undef", fixture, 4, "", nil, false, task.Undef, nil},
		{"not listed", fixture, 5, "", nil, false, task.Warn, []string{"warn: check: exit code 5 is not in retcodes"}},
		{"standby up", fixture, 0, "", nil, true, task.StdbyUp, nil},
		{"standby down", fixture, 1, "", nil, true, task.StdbyDown, nil},
		{"standby warn", fixture, 2, "", nil, true, task.Warn, nil},
		{"what a check says that is not up", "", 1, "\n db is\x1b[31m down\nmore", nil, false, task.Down, []string{`info: check: "db is\x1b[31m down"`}},
		{"no exit code", "", 0, "", errors.New("fork/exec /x: no such file"), false, task.Undef, []string{"warn: check: fork/exec /x: no such file"}},
		{"bad retcodes", "0=up", 0, "", nil, false, task.Undef, []string{`warn: retcodes: "0=up": wanted CODE:STATE as in 0:up, the state one of up, down, warn, n/a, undef: invalid`}},
	}
	for _, tt := range tests {
		p := resource.Prober{Exec: func(_ context.Context, _ task.Resource, command string) (int, string, error) {
			if command != "look" {
				t.Errorf("%s: ran %q", tt.name, command)
			}
			return tt.code, tt.output, tt.err
		}}
		r := checkOnly("disk#0", "retcodes", tt.retcodes)
		r.Standby = tt.standby
		o := one(t, p, r)
		if o.Status != tt.want || !cmp.Equal(o.Log, tt.log) {
			t.Errorf("%s: %s %q, want %s %q", tt.name, o.Status, o.Log, tt.want, tt.log)
		}
	}
}

// TestCheckReplacesTheDriver in every group: here of a mount that is not there.
func TestCheckReplacesTheDriver(t *testing.T) {
	p := resource.Prober{Exec: func(context.Context, task.Resource, string) (int, string, error) { return 0, "", nil }}
	for _, rid := range []string{"fs#0", "ip#0", "app#0", "container#0"} {
		if o := one(t, p, checkOnly(rid, "mnt", "/nowhere")); o.Status != task.Up || o.Label != "check look" {
			t.Errorf("%s: %s %q", rid, o.Status, o.Label)
		}
	}
}

func TestCheckWithoutExec(t *testing.T) {
	o := one(t, resource.Prober{}, checkOnly("app#0"))
	if o.Status != task.Undef || len(o.Log) != 1 || !strings.HasPrefix(o.Log[0], "warn: ") {
		t.Errorf("%s %q, want undef and a warning", o.Status, o.Log)
	}
}

// TestStandbyOfUnseen: a standby that could not be seen is not "stdby" anything.
func TestStandbyOfUnseen(t *testing.T) {
	r := checkOnly("app#0")
	r.Standby = true
	if o := one(t, resource.Prober{}, r); o.Status != task.Undef || !o.Standby {
		t.Errorf("%s, standby %t", o.Status, o.Standby)
	}
}
