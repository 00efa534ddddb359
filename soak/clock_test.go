package soak_test

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// worldClock is the clock of the world that this process is in: NOW is the time at which it stands, or a file that has
// that, or how far it is ahead of the host's; it is read each time, as a clock that is set while a process runs. The
// real omd is built with this file, see daemon: nothing else in it is another one.
func worldClock(host func() time.Time) func() time.Time {
	word := os.Getenv("NOW")
	if len(os.Args) > 2 && os.Args[1] == "__supervise" { // it has none of our environment
		word = filepath.Join(filepath.Dir(filepath.Dir(os.Args[2])), "clock")
	}
	if !filepath.IsAbs(word) {
		return func() time.Time { return shownBy(word, host) }
	}
	return func() time.Time {
		text, _ := os.ReadFile(word) // where there is none it is the host's
		return shownBy(strings.TrimSpace(string(text)), host)
	}
}

// shownBy reads what a clock is said to show.
func shownBy(word string, host func() time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339, word); err == nil {
		return at
	}
	ahead, _ := time.ParseDuration(word)
	return host().Add(ahead)
}
