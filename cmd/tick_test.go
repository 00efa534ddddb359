package cmd

import (
	"testing"
	"time"
)

// TestTickHasADeadline: a tick that hangs ends before the unit of the timer ends it.
func TestTickHasADeadline(t *testing.T) {
	ctx, end := patiently()
	defer end()
	at, ok := ctx.Deadline()
	if left := time.Until(at); !ok || left > 5*time.Minute || left < 4*time.Minute {
		t.Errorf("it has %s, %t", left, ok)
	}
}
