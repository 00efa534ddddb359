package resource_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"om/resource"
	"om/task"
)

// one probes one resource.
func one(t *testing.T, p resource.Prober, r task.Resource) task.Observation {
	t.Helper()
	obs := p.Probe(t.Context(), []task.Resource{r})
	if len(obs) != 1 {
		t.Fatalf("%d observations of one resource", len(obs))
	}
	return obs[0]
}

func checkOnly(rid string, more ...string) task.Resource {
	group, _, _ := task.SplitRID(rid)
	r := task.Resource{RID: rid, Group: group, Keywords: map[string]string{"check": "look"}}
	for i := 0; i < len(more); i += 2 {
		r.Keywords[more[i]] = more[i+1]
	}
	return r
}

// TestProbesRunAtOnce: no check ends before all have begun, so one after the other would never end.
func TestProbesRunAtOnce(t *testing.T) {
	const n = 50
	var all sync.WaitGroup
	all.Add(n)
	p := resource.Prober{Exec: func(_ context.Context, r task.Resource, _ string) (int, string, error) {
		all.Done()
		all.Wait()
		if r.RID == "app#7" {
			return 1, "", nil
		}
		return 0, "", nil
	}}
	rs := make([]task.Resource, n)
	for i := range rs {
		rs[i] = checkOnly(fmt.Sprintf("app#%d", i))
	}
	for i, o := range p.Probe(t.Context(), rs) {
		want := task.Up
		if i == 7 {
			want = task.Down
		}
		if o.RID != rs[i].RID || o.Status != want {
			t.Errorf("%d: %s is %s, want %s %s", i, o.RID, o.Status, rs[i].RID, want)
		}
	}
}

// TestProbesTakeTheTimeOfOne: in the virtual time of the bubble, to the millisecond.
func TestProbesTakeTheTimeOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := resource.Prober{Now: time.Now, Exec: func(ctx context.Context, _ task.Resource, _ string) (int, string, error) {
			select {
			case <-time.After(100 * time.Millisecond):
				return 0, "", nil
			case <-ctx.Done():
				return 0, "", ctx.Err()
			}
		}}
		rs := slices.Repeat([]task.Resource{checkOnly("app#0")}, 50)
		begun := time.Now()
		for _, o := range p.Probe(t.Context(), rs) {
			if o.Status != task.Up || o.Took != 100*time.Millisecond || !o.At.Equal(begun) {
				t.Errorf("%s after %v, begun %v", o.Status, o.Took, o.At.Sub(begun))
			}
		}
		if took := time.Since(begun); took != 100*time.Millisecond {
			t.Errorf("all took %v", took)
		}
	})
}

// TestHangingChecks: one that obeys its context and one that never does, each under its own deadline.
func TestHangingChecks(t *testing.T) {
	tests := []struct {
		name    string
		obeys   bool
		timeout string
		took    time.Duration
		log     string
	}{
		{"an obedient check under the default", true, "", 10 * time.Second, "warn: check look: no answer within 10s"},
		{"an obedient check under its own timeout", true, "3s", 3 * time.Second, "warn: check look: no answer within 3s"},
		{"a stuck check", false, "2s", 3 * time.Second, "warn: check look: no answer within 2s"},
		{"a timeout that is none", true, "soon", 10 * time.Second, "warn: check look: no answer within 10s"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			stuck := make(chan int)
			p := resource.Prober{Now: time.Now, Exec: func(ctx context.Context, _ task.Resource, _ string) (int, string, error) {
				if tt.obeys {
					<-ctx.Done()
					return 0, "", ctx.Err()
				}
				return <-stuck, "", nil
			}}
			o := one(t, p, checkOnly("app#0", "timeout", tt.timeout))
			if o.Status != task.Undef || o.Took != tt.took || !cmp.Equal(o.Log, []string{tt.log}) {
				t.Errorf("%s: %s after %v: %q", tt.name, o.Status, o.Took, o.Log)
			}
			close(stuck)
		})
	}
}

// TestDeadlineOfProber: the field replaces the default, a resource's timeout replaces both.
func TestDeadlineOfProber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := resource.Prober{Now: time.Now, Deadline: time.Minute, Exec: func(ctx context.Context, _ task.Resource, _ string) (int, string, error) {
			<-ctx.Done()
			return 0, "", ctx.Err()
		}}
		obs := p.Probe(t.Context(), []task.Resource{
			checkOnly("app#0"),
			checkOnly("app#1", "timeout", "2m"),
			checkOnly("app#2", "timeout", "2m", "status_timeout", "3m"),
			checkOnly("app#3", "timeout", "2m", "status_timeout", "3m", "check_timeout", "4m"),
		})
		for i, o := range obs {
			if want := time.Duration(i+1) * time.Minute; o.Took != want {
				t.Errorf("%s took %v, want %v", o.RID, o.Took, want)
			}
		}
	})
}

// TestOneHangsOthersDoNot: the rest is seen as it is.
func TestOneHangsOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := resource.Prober{Exec: func(ctx context.Context, r task.Resource, _ string) (int, string, error) {
			if r.RID == "app#1" {
				<-ctx.Done()
			}
			return 0, "", ctx.Err()
		}}
		var got []task.Status
		for _, o := range p.Probe(t.Context(), []task.Resource{checkOnly("app#0"), checkOnly("app#1"), checkOnly("disk#2")}) {
			got = append(got, o.Status)
		}
		if want := []task.Status{task.Up, task.Undef, task.Up}; !cmp.Equal(got, want) {
			t.Errorf("saw %v, want %v", got, want)
		}
	})
}

func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := resource.Prober{Now: time.Now, Exec: func(ctx context.Context, _ task.Resource, _ string) (int, string, error) {
			cancel()
			<-ctx.Done()
			return 0, "", ctx.Err()
		}}
		o := p.Probe(ctx, []task.Resource{checkOnly("app#0")})[0]
		if o.Status != task.Undef || o.Took != 0 || !cmp.Equal(o.Log, []string{"warn: check look: interrupted"}) {
			t.Errorf("%s after %v: %q", o.Status, o.Took, o.Log)
		}
	})
}

// TestHungLooksOnce: what is stuck is not looked at again before it comes back.
func TestHungLooksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int32
		stuck := make(chan int)
		p := resource.Prober{Hung: new(resource.Hung), Exec: func(context.Context, task.Resource, string) (int, string, error) {
			looks.Add(1)
			return <-stuck, "", nil
		}}
		r := checkOnly("app#0")
		for range 3 {
			if o := one(t, p, r); o.Status != task.Undef {
				t.Errorf("%s, want undef", o.Status)
			}
		}
		if n := looks.Load(); n != 1 {
			t.Errorf("%d looks at what hangs, want 1", n)
		}
		if o := one(t, p, r); !cmp.Equal(o.Log, []string{"warn: an earlier look still hangs"}) {
			t.Errorf("log %q", o.Log)
		}
		close(stuck)
		synctest.Wait()
		if o := one(t, p, r); o.Status != task.Up || looks.Load() != 2 {
			t.Errorf("%s after %d looks, want up after 2", o.Status, looks.Load())
		}
	})
}

func TestWhatIsNotLookedAt(t *testing.T) {
	p := resource.Prober{Exec: func(context.Context, task.Resource, string) (int, string, error) {
		t.Error("the check ran")
		return 0, "", nil
	}}
	r := checkOnly("app#0")
	r.Disable, r.Optional, r.Monitor, r.Tags, r.Subset, r.Type = true, true, true, []string{"a"}, "s", "forking"
	want := task.Observation{
		RID: "app#0", Type: "app.forking", Label: "check look", Status: task.NA,
		Disable: true, Optional: true, Monitor: true, Tags: []string{"a"}, Subset: "s",
	}
	if got := one(t, p, r); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestNoDriver(t *testing.T) {
	o := one(t, resource.Prober{}, task.Resource{RID: "disk#0", Group: "disk", Type: "lvm"})
	want := task.Observation{RID: "disk#0", Type: "disk.lvm", Label: "disk.lvm", Log: []string{"info: there is no driver for disk.lvm, and no keyword check"}}
	if !cmp.Equal(o, want) {
		t.Error(cmp.Diff(want, o))
	}
}

func TestGroups(t *testing.T) {
	if got, want := resource.Groups(), []string{"app", "fs", "ip", "task"}; !cmp.Equal(got, want) {
		t.Errorf("groups %v, want %v", got, want)
	}
}

func TestLabels(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := []struct {
		r    task.Resource
		want string
	}{
		{task.Resource{Group: "fs", Keywords: map[string]string{"mnt": "/srv", "dev": "/dev/sdb1", "type": "ext4"}}, "ext4 /dev/sdb1@/srv"},
		{task.Resource{Group: "fs", Keywords: map[string]string{"mnt": "/srv"}}, "@/srv"},
		{task.Resource{Group: "ip", Keywords: map[string]string{"ipname": "10.0.0.5/24", "ipdev": "eth0"}}, "10.0.0.5/24@eth0"},
		{task.Resource{Group: "ip", Keywords: map[string]string{"ipname": "db"}}, "db"},
		{task.Resource{Group: "app", Type: "simple"}, "app.simple"},
		{task.Resource{Group: "app", Keywords: map[string]string{"pid_file": "/run/x.pid", "match": "x"}}, "pid file /run/x.pid"},
		{task.Resource{Group: "app", Keywords: map[string]string{"match": "nginx"}}, "match nginx"},
		{task.Resource{Group: "app", Keywords: map[string]string{"check": "a\nb"}}, "check a"},
		{task.Resource{Group: "app", Keywords: map[string]string{"check": long}}, "check " + long[:59] + "…"},
		{task.Resource{Group: "fs", Keywords: map[string]string{"mnt": "/srv", "label": "data of the shop"}}, "data of the shop"},
		{task.Resource{Group: "task", Type: "host"}, "task.host"},
		{task.Resource{Group: "task", Keywords: map[string]string{"description": "nightly backup"}}, "nightly backup"},
	}
	for _, tt := range tests {
		tt.r.RID, tt.r.Disable = tt.r.Group+"#0", true
		if o := one(t, resource.Prober{}, tt.r); o.Label != tt.want {
			t.Errorf("%v: label %q, want %q", tt.r.Keywords, o.Label, tt.want)
		}
	}
}
