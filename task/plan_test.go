package task_test

import (
	"reflect"
	"testing"
	"time"

	"om/task"
)

func TestRetriable(t *testing.T) {
	for _, c := range []struct {
		name string
		plan task.Plan
		run  task.Run
		want bool
	}{
		{"none is asked for", task.Plan{}, task.Run{State: task.Failed, Attempt: 1}, false},
		{"a failure", task.Plan{Retries: 1}, task.Run{State: task.Failed, Attempt: 1}, true},
		{"the last one", task.Plan{Retries: 1}, task.Run{State: task.Failed, Attempt: 2}, false},
		{"a signal is a failure", task.Plan{Retries: 1, RetryOn: "fail"}, task.Run{State: task.Killed, Attempt: 1}, true},
		{"a success", task.Plan{Retries: 1}, task.Run{State: task.Complete, Attempt: 1}, false},
		{"a person said stop", task.Plan{Retries: 1}, task.Run{State: task.Cancelled, Attempt: 1}, false},
		{"not on this", task.Plan{Retries: 1, RetryOn: "timeout"}, task.Run{State: task.Failed, Attempt: 1}, false},
		{"on a code", task.Plan{Retries: 1, RetryOn: "timeout, 75"}, task.Run{State: task.Failed, ExitCode: 75, Attempt: 1}, true},
		{"on another code", task.Plan{Retries: 1, RetryOn: "75"}, task.Run{State: task.Failed, ExitCode: 1, Attempt: 1}, false},
		{"lost, and may have run", task.Plan{Retries: 3, Delivery: task.AtMostOnce, LostRetry: 1}, task.Run{State: task.Lost, Attempt: 1}, false},
		{"lost, and may run twice", task.Plan{Delivery: task.AtLeastOnce, LostRetry: 1}, task.Run{State: task.Lost, Attempt: 1}, true},
		{"lost twice", task.Plan{Delivery: task.AtLeastOnce, LostRetry: 1}, task.Run{State: task.Lost, Attempt: 2}, false},
	} {
		if got := c.plan.Retriable(c.run); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	p := task.Plan{RetryDelay: time.Minute}
	for attempt, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 4: 8 * time.Minute, 5: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := p.RetryAfter(attempt); got != want {
			t.Errorf("after attempt %d: %v, wanted %v", attempt, got, want)
		}
	}
}

func TestLockList(t *testing.T) {
	got := task.Plan{Locks: "tape:2, disk\tnet:1"}.LockList()
	if want := []task.Lock{{"tape", 2}, {"disk", 1}, {"net", 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, wanted %v", got, want)
	}
}

func TestOverlapping(t *testing.T) {
	for text, want := range map[task.Overlap]int{task.OverlapQueueAll: 0, "queue-all(5)": 5, task.OverlapSkip: 0} {
		kind, most := text.Overlapping()
		if most != want || (kind == task.OverlapQueueAll) != (text != task.OverlapSkip) {
			t.Errorf("%s: %s, %d", text, kind, most)
		}
	}
}
