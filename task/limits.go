package task

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// LimitNames lists the limits that a task may have, in the order of the manual. vmem is another
// name of as.
func LimitNames() []string {
	return []string{
		"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
		"nproc", "rss", "rtprio", "sigpending", "stack", "vmem",
	}
}

// limitResource returns the number that setrlimit(2) has for the limit name, or -1.
func limitResource(name string) int {
	switch name {
	case "as", "vmem":
		return unix.RLIMIT_AS
	case "core":
		return unix.RLIMIT_CORE
	case "cpu":
		return unix.RLIMIT_CPU
	case "data":
		return unix.RLIMIT_DATA
	case "fsize":
		return unix.RLIMIT_FSIZE
	case "locks":
		return unix.RLIMIT_LOCKS
	case "memlock":
		return unix.RLIMIT_MEMLOCK
	case "msgqueue":
		return unix.RLIMIT_MSGQUEUE
	}
	return limitOfUser(name)
}

func limitOfUser(name string) int {
	switch name {
	case "nice":
		return unix.RLIMIT_NICE
	case "nofile":
		return unix.RLIMIT_NOFILE
	case "nproc":
		return unix.RLIMIT_NPROC
	case "rss":
		return unix.RLIMIT_RSS
	case "rtprio":
		return unix.RLIMIT_RTPRIO
	case "sigpending":
		return unix.RLIMIT_SIGPENDING
	case "stack":
		return unix.RLIMIT_STACK
	}
	return -1
}

// String returns "nofile=1024", or "core=unlimited".
func (l Limit) String() string {
	if l.Value == Unlimited {
		return l.Name + "=unlimited"
	}
	return l.Name + "=" + strconv.FormatUint(l.Value, 10)
}

// checkLimits refuses names that are no limit.
func checkLimits(limits []Limit) error {
	for _, l := range limits {
		if limitResource(l.Name) < 0 {
			return fmt.Errorf("limit_%s: wanted one of %s: %w", l.Name, strings.Join(LimitNames(), ", "), ErrInvalid)
		}
	}
	return nil
}

// ioPriority turns "idle", "best-effort:7" or "realtime:0" into what ioprio_set(2) takes; "" is 0.
func ioPriority(class string) (int, error) {
	word, level, leveled := strings.Cut(class, ":")
	n := 4
	if leveled {
		var err error
		if n, err = strconv.Atoi(level); err != nil || n < 0 || n > 7 {
			return 0, ioError(class)
		}
	}
	switch {
	case class == "":
		return 0, nil
	case word == "realtime":
		return 1<<13 | n, nil
	case word == "best-effort":
		return 2<<13 | n, nil
	case word == "idle" && !leveled:
		return 3 << 13, nil
	}
	return 0, ioError(class)
}

func ioError(class string) error {
	return fmt.Errorf("io class %q: wanted idle, best-effort, best-effort:0 to 7, realtime or realtime:0 to 7: %w", class, ErrInvalid)
}
