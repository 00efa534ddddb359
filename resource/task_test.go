package resource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"om/resource"
	"om/task"
)

func TestTask(t *testing.T) {
	listed := map[int]task.Status{0: task.Up, 1: task.Down, 2: task.Warn, 7: task.NA, 127: task.Warn}
	ended := func(s task.RunState, code int, signal string) *task.Run {
		return &task.Run{State: s, ExitCode: code, Signal: signal}
	}
	tests := []struct {
		name  string
		check task.CheckMode
		codes map[int]task.Status
		last  *task.Run
		want  task.Status
		log   []string
	}{
		{"no check", task.CheckNone, nil, ended(task.Failed, 1, ""), task.NA, nil},
		{"never ran", task.CheckLastRun, nil, nil, task.NA, []string{"info: never ran"}},
		{"succeeded", task.CheckLastRun, nil, ended(task.Complete, 0, ""), task.Up, nil},
		{"failed", task.CheckLastRun, nil, ended(task.Failed, 1, ""), task.Down, []string{"info: last run: error: exit code 1"}},
		{"not listed", task.CheckLastRun, nil, ended(task.Failed, 3, ""), task.Warn, []string{"info: last run: error: exit code 3"}},
		{"listed warn", task.CheckLastRun, listed, ended(task.Complete, 2, ""), task.Warn, []string{"info: last run: complete: exit code 2"}},
		{"listed n/a", task.CheckLastRun, listed, ended(task.Failed, 7, ""), task.NA, []string{"info: last run: error: exit code 7"}},
		{"126", task.CheckLastRun, nil, ended(task.Failed, 126, ""), task.Down, []string{"info: last run: error: exit code 126"}},
		{"127", task.CheckLastRun, nil, ended(task.Failed, 127, ""), task.Down, []string{"info: last run: error: exit code 127"}},
		{"127 where it is listed", task.CheckLastRun, listed, ended(task.Complete, 127, ""), task.Warn, []string{"info: last run: complete: exit code 127"}},
		{"a signal", task.CheckLastRun, nil, ended(task.Killed, 0, "SIGSEGV"), task.Down, []string{"info: last run: killed by SIGSEGV"}},
		{"a timeout", task.CheckLastRun, nil, ended(task.TimedOut, 0, ""), task.Down, []string{"info: last run: timeout"}},
		{"a timeout with exit 0", task.CheckLastRun, nil, ended(task.TimedOut, 0, "SIGTERM"), task.Down, []string{"info: last run: timeout by SIGTERM"}},
		{"lost", task.CheckLastRun, nil, ended(task.Lost, 0, ""), task.Warn, []string{"info: last run: lost"}},
		{"never started", task.CheckLastRun, nil, &task.Run{State: task.Failed, Reason: "user bob: unknown"}, task.Down, []string{"info: last run: error: user bob: unknown"}},
		{"cancelled and nothing before", task.CheckLastRun, nil, ended(task.Cancelled, 0, "SIGTERM"), task.NA, []string{"info: never ran"}},
		{"warn: never ran", task.CheckLastRunWarn, nil, nil, task.NA, []string{"info: never ran"}},
		{"warn: succeeded", task.CheckLastRunWarn, nil, ended(task.Complete, 0, ""), task.NA, nil},
		{"warn: failed", task.CheckLastRunWarn, nil, ended(task.Failed, 1, ""), task.NA, []string{"warn: last run: error: exit code 1"}},
		{"warn: lost", task.CheckLastRunWarn, nil, ended(task.Lost, 0, ""), task.NA, []string{"warn: last run: lost"}},
	}
	for _, tt := range tests {
		p := resource.Prober{
			Tasks: func(rid string) (task.Task, bool) {
				return task.Task{Check: tt.check, RetCodes: tt.codes}, rid == "task#0"
			},
			LastRun: func(string) (task.Run, bool) {
				if tt.last == nil {
					return task.Run{}, false
				}
				return *tt.last, true
			},
		}
		// The keyword check of a task is not a command.
		o := one(t, p, task.Resource{RID: "task#0", Group: "task", Keywords: map[string]string{"check": string(tt.check)}})
		if o.Status != tt.want || !cmp.Equal(o.Log, tt.log) {
			t.Errorf("%s: %s %q, want %s %q", tt.name, o.Status, o.Log, tt.want, tt.log)
		}
	}
}

func TestTaskWithoutFacts(t *testing.T) {
	r := task.Resource{RID: "task#0", Group: "task"}
	if o := one(t, resource.Prober{}, r); o.Status != task.NA || o.Log != nil {
		t.Errorf("without tasks: %s %q", o.Status, o.Log)
	}
	p := resource.Prober{Tasks: func(string) (task.Task, bool) { return task.Task{Check: task.CheckLastRun}, true }}
	if o := one(t, p, r); o.Status != task.NA {
		t.Errorf("without runs: %s %q", o.Status, o.Log)
	}
	p.Tasks = func(string) (task.Task, bool) { return task.Task{}, false }
	if o := one(t, p, r); o.Status != task.Undef || !cmp.Equal(o.Log, []string{"warn: there is no task task#0"}) {
		t.Errorf("an unknown task: %s %q", o.Status, o.Log)
	}
}
