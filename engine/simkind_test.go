package engine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"om/task"
)

// bothWays holds a simulation in which decisions are repeated against one in which each is made, and returns what was decided, in
// lines, and the summary.
func bothWays(t *testing.T, v *virtual, req SimulateRequest) (all []string, report SimulateReport) {
	t.Helper()
	ways, reports := [2][]string{}, [2]SimulateReport{}
	for k, exact := range []bool{true, false} {
		req.exact = exact
		at := time.Time{}
		r, err := v.Simulate(t.Context(), req, func(x *Simulated) error {
			if x.At.Before(at) {
				t.Errorf("%s is told after %s", x.At, at)
			}
			at = x.At
			ways[k] = append(ways[k], fmt.Sprintf("%s %s/%s %s %s %s %d %d %s %s %s %s", x.At.UTC().Format(time.RFC3339Nano), x.Service, x.Task, x.Decision, x.Slot.UTC(), x.Last.UTC(),
				x.Count, x.Attempt, x.Start.UTC(), x.End.UTC(), x.State, x.Reason))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(ways[k])
		reports[k] = r
	}
	alone, err := v.Simulate(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	one, other, summary := fmt.Sprintf("%+v", reports[0]), fmt.Sprintf("%+v", reports[1]), fmt.Sprintf("%+v", alone)
	if one != other || one != summary {
		t.Errorf("each is decided: %s\nthey are repeated: %s\nnobody is told: %s", one, other, summary)
	}
	for i := range max(len(ways[0]), len(ways[1])) {
		if i >= len(ways[0]) || i >= len(ways[1]) || ways[0][i] != ways[1][i] {
			t.Fatalf("decision %d of %d and %d\n%s\n%s", i, len(ways[0]), len(ways[1]), ways[0][min(i, len(ways[0])-1)], ways[1][min(i, len(ways[1])-1)])
		}
	}
	return ways[0], reports[0]
}

// kinds are services whose tasks differ in one keyword each, and services that differ in one.
func kinds() map[string]string {
	words := []string{
		"", "", "disable = true", "confirmation = true", "interactive = true", "optional = true", "standby = true", "monitor = true", "max_parallel = 2", "overlap = allow", "overlap = queue-one",
		"overlap = queue-all", "overlap = replace-term", "check = last_run", "run_requires = fs#0(up)", "requires_wait = 1h", "timeout = 5s", "timeout = 1h", "catchup = all", "catchup = none",
		"catchup_window = 1h", "catchup_limit = 1", "run_times = 3", "retries = 2", "deadline = 5s", "deadline = 1h", "lock = one", "lock = one", "run_on = n1", "run_on = n2", "run_on = any",
		"run_on = all-nodes", "run_on = active", "spread = 10m", "not_before = 2027-03-28 12:00", "not_after = 2027-03-28 12:00", "on_requirement_lost = term", "delivery = at-least-once", "user = nobody",
	}
	text := ""
	for i, word := range words {
		text += fmt.Sprintf("[task#%d]\ncommand = true\nschedule = %d */%d * * *\n%s\n", i, i%7, 1+i%4, word)
	}
	const fs = "[fs#0]\ntype = ext4\ndev = /dev/sda1\nmnt = /mnt\n"
	return map[string]string{
		"a": "[DEFAULT]\ncwd = /\n" + text, "b": "[DEFAULT]\ncwd = /\n" + text, "frozen": "[DEFAULT]\ncwd = /\n" + text,
		"off": "[DEFAULT]\ncwd = /\ndisable = true\n" + text, "away": "[DEFAULT]\ncwd = /\nnodes = n2\n" + text,
		"two": "[DEFAULT]\ncwd = /\nnodes = n1 n2\n" + text, "follows": "[DEFAULT]\ncwd = /\nnodes = n1 n2\n" + fs + text,
		"down": "[DEFAULT]\ncwd = /\nnodes = n1\n" + fs + text, "flex": "[DEFAULT]\ncwd = /\nnodes = n1 n2\ntopology = flex\n" + text,
	}
}

// TestKindsOfTasks: what is decided about a task is repeated for others only where it would be decided about them too.
func TestKindsOfTasks(t *testing.T) {
	v := newVirtual(t, kinds())
	v.Now = mixedBegin
	if _, err := v.NodeRecord(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Freeze(t.Context(), "frozen"); err != nil {
		t.Fatal(err)
	}
	paths, err := v.Services()
	if err != nil {
		t.Fatal(err)
	}
	for _, takes := range []time.Duration{time.Second, 10 * time.Second, 90 * time.Minute} {
		begin := mixedBegin()
		req := SimulateRequest{
			Paths: paths, From: begin, To: begin.AddDate(0, 0, 2), Take: map[string]time.Duration{"": takes, "b/task#1": 50 * time.Minute}, Fail: []string{"a/task#20"},
			States: map[string]task.Status{"down/fs#0": task.Down}, Down: []Span{{begin.Add(20 * time.Hour), begin.Add(23 * time.Hour)}},
		}
		all, report := bothWays(t, v, req)
		t.Logf("%s: %d decisions, %+v", takes, len(all), report)
		for _, path := range paths {
			runs := slices.ContainsFunc(all, func(line string) bool { return strings.Contains(line, " "+path+"/") && strings.Contains(line, " run ") })
			if idle := path == "off" || path == "away" || path == "frozen"; runs == idle {
				t.Errorf("service %s has runs: %v", path, runs)
			}
		}
	}
}

// TestLikenessKnowsAllFields: a field of a task is either part of what makes tasks alike, or among those that no decision about a calm task
// depends on.
func TestLikenessKnowsAllFields(t *testing.T) {
	free := strings.Fields(`
		ID File Line Description Type Command Shell
		Schedule Timezone DSTGap DSTOverlap NotBefore NotAfter Spread SpreadBy Random
		User Group ExtraGroups Umask Cwd Home Login PAM Environment EnvironmentFile Secrets Configs Limits Nice OOMScoreAdjust HasOOMScore IOClass NoNewPrivs
		Timeout StopSignal StopTimeout Leftover Snooze Log LogHead LogTail
		PreRun BlockingPreRun PostRun BlockingPostRun OnError TriggerUser RetCodes RequiresMaxAge Tags Subset KeepRuns KeepDays KeepFailedDays Notify
		Plan.Delivery Plan.Idempotent Plan.LostRetry Plan.Retries Plan.RetryDelay Plan.RetryOn Plan.RetryWindow Plan.Deadline Plan.RequiresWait Plan.RequirementLost`)
	var found []string
	look := func(prefix string, of func(*task.Task) reflect.Value) {
		for i := range of(&task.Task{}).NumField() {
			var changed task.Task
			name := prefix + of(&changed).Type().Field(i).Name
			if name == "Plan" {
				continue
			}
			change(of(&changed).Field(i))
			if reflect.DeepEqual(changed, task.Task{}) {
				t.Fatalf("%s was not changed", name)
			}
			if likenessOf(&changed) == likenessOf(&task.Task{}) {
				found = append(found, name)
			}
		}
	}
	look("", func(x *task.Task) reflect.Value { return reflect.ValueOf(x).Elem() })
	look("Plan.", func(x *task.Task) reflect.Value { return reflect.ValueOf(&x.Plan).Elem() })
	slices.Sort(free)
	slices.Sort(found)
	if !slices.Equal(free, found) {
		t.Errorf("the likeness of tasks does not have %v; no decision depends on these alone: %v", found, free)
	}
}

// change gives a field another value than none.
func change(f reflect.Value) {
	switch f.Kind() { //nolint:exhaustive // the others are numbers
	case reflect.String:
		f.SetString("x")
	case reflect.Bool:
		f.SetBool(true)
	case reflect.Slice:
		f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		if f.Type().Elem().Kind() == reflect.String {
			f.Index(0).SetString("x")
		}
	case reflect.Map:
		f.Set(reflect.MakeMap(f.Type()))
	case reflect.Struct:
		change(f.Field(0))
	case reflect.Uint32:
		f.SetUint(1)
	default:
		f.SetInt(1)
	}
}

// TestWindowsAreCounted: where nothing is decided in a window, its runs are counted all at once, and that is as if each was.
func TestWindowsAreCounted(t *testing.T) {
	const minutes = "[DEFAULT]\ncwd = /\n[task#a]\ncommand = true\nschedule = */7 * * * *\n[task#b]\ncommand = true\nschedule = 0 */3 * * *\n" +
		"[task#c]\ncommand = true\nschedule = 30 2 * * *\ntimezone = Europe/Paris\n[task#d]\ncommand = true\nschedule = 0 0 * * 1\n[task#e]\ncommand = true\nschedule = 0 */3 * * *\n"
	const odd = "[DEFAULT]\ncwd = /\n[task#x]\ncommand = true\nschedule = 5,20,35 */9 * * * *\n[task#y]\ncommand = true\nschedule = 15 * * * *\nspread = 30m\n[task#z]\ncommand = true\nschedule = 40 59 3 1 * *\n"
	v := newVirtual(t, map[string]string{"m": minutes, "o": odd})
	v.Now = mixedBegin
	for _, paths := range [][]string{{"m"}, {"o"}, {"m", "o"}} {
		for i, takes := range []time.Duration{time.Microsecond, 9 * time.Second, time.Minute, 6*time.Minute + 59*time.Second, 26 * time.Hour} {
			begin := mixedBegin().Add(time.Duration(i) * 10 * time.Second)
			req := SimulateRequest{Paths: paths, From: begin, To: begin.Add(7*24*time.Hour + 17*time.Second), Take: map[string]time.Duration{"": takes}}
			if paths[0] == "m" {
				req.Take["m/task#b"] = 2*time.Hour + time.Millisecond
			}
			all, report := bothWays(t, v, req)
			t.Logf("%v, %s: %d decisions, %d at once at %s, %d in the hour of %s", paths, takes, len(all), report.MostRunning, report.MostAt, report.BusiestStarts, report.BusiestHour)
		}
	}
}
