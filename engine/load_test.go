package engine

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"om/task"
)

var (
	hours = flag.Int("hours", 4, "of the load")
	load  = flag.Int("load", 30, "tasks that are due each minute")
)

// TestLoad has the daemon's loop run tasks for hours, as many each minute as are asked for: make soak asks for 2,000 and three
// days. Each is started once, on time; and what the record and the process use grows by no more than the slots that are kept.
func TestLoad(t *testing.T) {
	files, each := map[string]string{}, 20 // tasks in a service, which are due together
	services := (*load + each - 1) / each
	for i := range services {
		var text strings.Builder
		for j := range min(each, *load-i*each) {
			fmt.Fprintf(&text, "[task#%d]\ncommand = true\ncwd = /\nlog = none\nschedule = calendar:*:*:%02d\nkeep_runs = 2\n", j, i*60/services)
		}
		files[fmt.Sprintf("s%d", i)] = text.String()
	}
	v := newVirtual(t, files)
	v.Node.KeepDays, v.Node.KeepRuns = 0, 2
	var sizes []size
	var delays []time.Duration
	synctest.Test(t, func(t *testing.T) {
		shift := time.Until(firstDay())
		v.Now = func() time.Time { return time.Now().Add(shift) }
		for range 4 {
			v.loopFor(t, time.Duration(*hours)*time.Hour/4, time.Minute)
			time.Sleep(time.Second) // the ends of the last runs are written
			delays = append(delays, v.delays()...)
			sizes = append(sizes, v.size())
		}
	})
	slices.Sort(delays)
	half, last := sizes[1], sizes[3]
	t.Logf("%d starts in %d h; start delay p50 %s, p99 %s, most %s; after a half %+v, in the end %+v", len(delays), *hours,
		delays[len(delays)/2], delays[len(delays)*99/100], delays[len(delays)-1], half, last)
	if want := *load * 60 * *hours; len(delays) < want-*load || len(delays) > want+*load {
		t.Errorf("%d starts, wanted %d", len(delays), want)
	}
	if delays[0] < 0 || delays[len(delays)-1] > time.Second {
		t.Errorf("runs were started from %s to %s after their slot", delays[0], delays[len(delays)-1])
	}
	// Slots are kept for days, and delays by this test.
	if grown := int64(len(delays)/2*slotSize + 1<<20); last.record > half.record+grown || last.files > half.files || last.heap > half.heap+uint64(grown) {
		t.Errorf("after a half of the time %+v, in the end %+v", half, last)
	}
	slots, cursors := v.onRecord()
	for name := range files {
		_, cals := v.nexts(name)
		for id, cal := range cals {
			account(t, cal, slots[id], slots[id][0].At.Add(-time.Second), cursors[id].At) // those before are past retention
		}
	}
}

// slotSize is how much the record may grow for each slot: 109 bytes, of 480,000.
const slotSize = 160

// delays are how late after their slots runs were started. No slot has two.
func (v *virtual) delays() (all []time.Duration) {
	v.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	type key struct {
		id   task.ID
		slot int64
	}
	once := map[key]bool{}
	for _, s := range v.starts {
		if k := (key{s.task, s.slot.Unix()}); once[k] {
			v.Errorf("slot %s of %s was started twice", s.slot, s.task)
		} else {
			once[k] = true
		}
		all = append(all, s.at.Sub(s.slot))
	}
	return all
}
