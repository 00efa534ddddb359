package migrate

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// endless is the time span infinity.
const endless = time.Duration(math.MaxInt64)

// readSpan reads a time span of systemd.time(7): numbers with units, which are added, and seconds without one.
func readSpan(text string) (total time.Duration, ok bool) {
	text = strings.TrimSpace(text)
	if text == "infinity" {
		return endless, true
	}
	for rest := text; rest != ""; {
		n := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		value, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, false
		}
		rest = strings.TrimLeft(rest[n:], " \t")
		n = len(rest) - len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzMµμ"))
		unit := spanUnit(rest[:n])
		rest = strings.TrimLeft(rest[n:], " \t")
		if sum := float64(total) + value*float64(unit); unit == 0 || sum >= math.MaxInt64 {
			return 0, false
		}
		total += time.Duration(value * float64(unit))
	}
	return total, text != ""
}

func spanUnit(name string) time.Duration {
	const day = 24 * time.Hour
	switch name {
	case "", "s", "sec", "second", "seconds":
		return time.Second
	case "us", "usec", "µs", "μs":
		return time.Microsecond
	case "ms", "msec":
		return time.Millisecond
	case "m", "min", "minute", "minutes":
		return time.Minute
	case "h", "hr", "hour", "hours":
		return time.Hour
	case "d", "day", "days":
		return day
	case "w", "week", "weeks":
		return 7 * day
	case "M", "month", "months":
		return 2629800 * time.Second
	case "y", "year", "years":
		return 31557600 * time.Second
	}
	return 0
}

// spanText writes a duration as keywords have it, in seconds and more; a part of a second is one.
func spanText(d time.Duration) string {
	seconds := int64((d + time.Second - 1) / time.Second)
	if seconds == 0 {
		return "0"
	}
	text := ""
	for _, unit := range []struct {
		name string
		size int64
	}{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}} {
		if n := seconds / unit.size; n > 0 {
			text += strconv.FormatInt(n, 10) + unit.name
			seconds %= unit.size
		}
	}
	return text
}
