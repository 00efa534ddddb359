package task_test

import (
	"testing"

	"om/task"
)

// TestNearest: a hint is what was meant, or none.
func TestNearest(t *testing.T) {
	words := []string{"run", "lock", "logs", "user", "print", "status", "freeze", "validate", "timeout", "run_requires"}
	for word, want := range map[string]string{
		"zork": "", "xyz": "", "r": "", "rn": "run", "lokc": "lock", "log": "logs", "pritn": "print", "stat": "status", "satus": "status", "sttaus": "status",
		"freez": "freeze", "valdate": "validate", "tiemout": "timeout", "timout": "timeout", "run_requirse": "run_requires", "frobnicate": "",
	} {
		if got := task.Nearest(word, words); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}
