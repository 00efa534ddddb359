package task

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SignalNumber returns the number of a signal given as "SIGTERM", "TERM" or "15"; 0 if there is none.
func SignalNumber(name string) int {
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= 64 {
		return n
	}
	name = strings.ToUpper(name)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	for n := range 65 { // unix.SignalNum builds a map first
		if unix.SignalName(unix.Signal(n)) == name {
			return n
		}
	}
	return 0
}

// SignalName returns "SIGTERM" for 15, and "SIG35" for a number with no name.
func SignalName(n int) string {
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return name
	}
	return "SIG" + strconv.Itoa(n)
}
