package engine

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"
)

// BootTime returns when this host was started, to the second, by its clock as it is set now.
func BootTime() (time.Time, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, err
	}
	return bootTime(string(stat))
}

// bootTime reads the line btime of /proc/stat.
func bootTime(stat string) (time.Time, error) {
	for line := range strings.Lines(stat) {
		text, ok := strings.CutPrefix(line, "btime ")
		if !ok {
			continue
		}
		seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || seconds <= 0 {
			break
		}
		return time.Unix(seconds, 0), nil
	}
	return time.Time{}, errors.New("/proc/stat: it does not say when this host was started")
}
