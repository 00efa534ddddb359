package engine

import (
	"testing"
	"time"
)

// TestBootTime reads the line of the kernel, and no other.
func TestBootTime(t *testing.T) {
	for stat, want := range map[string]int64{
		"cpu  1 2\nbtime 1774700000\nprocesses 3\n": 1774700000,
		"btime 1774700000":                          1774700000,
		"cpu  1 2\n":                                0,
		"btime x\n":                                 0,
		"btime 0\n":                                 0,
		"":                                          0,
	} {
		got, err := bootTime(stat)
		if err == nil != (want > 0) || err == nil && got.Unix() != want {
			t.Errorf("%q: %v, %v", stat, got, err)
		}
	}
	if at, err := BootTime(); err != nil || time.Since(at) < 0 {
		t.Errorf("this host: %v, %v", at, err)
	}
}
