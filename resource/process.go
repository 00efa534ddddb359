package resource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ticks is the unit of times in /proc/PID/stat: a hundredth of a second on every Linux.
const ticks = time.Second / 100

// process is what /proc/PID/stat says of one process.
type process struct {
	pid   int
	ended bool          // it is a zombie: only its exit code is left
	start time.Duration // since the boot of this host
}

// readProcess returns an error that is gone where there is no such process.
func readProcess(pid int) (process, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	// The name, in parentheses, may hold blanks and parentheses itself.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return process{}, fmt.Errorf("/proc/%d/stat: %q: wanted at least 22 fields", pid, text)
	}
	start, err := strconv.ParseInt(fields[19], 10, 64)
	return process{pid, fields[0] == "Z" || fields[0] == "X", time.Duration(start) * ticks}, err
}

// bootTime is when this host was booted by its present wall clock, in whole seconds, as the kernel
// counts the start of processes from it.
func bootTime() (time.Time, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, err
	}
	_, after, _ := strings.Cut(string(text), "\nbtime ")
	line, _, _ := strings.Cut(after, "\n")
	seconds, err := strconv.ParseInt(line, 10, 64)
	return time.Unix(seconds, 0), err
}

// startedAfter reports whether p started after t, the time of a file. The slack covers a clock tick,
// the coarse clock of file times and small steps of the wall clock since; no pid is used again that
// soon.
func (p process) startedAfter(t time.Time) (bool, error) {
	const slack = 2 * time.Second
	boot, err := bootTime()
	return boot.Add(p.start).After(t.Add(slack)), err
}

// argvOf returns the arguments of a process, none for a zombie or a thread of the kernel.
func argvOf(pid int) ([]string, error) { return words(pid, "cmdline") }

// environOf returns the environment a process was started with, which its user and root may read.
func environOf(pid int) ([]string, error) { return words(pid, "environ") }

func words(pid int, file string) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}

// processes lists the pids of all processes but this one.
func processes() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		pid, notOne := strconv.Atoi(name)
		if notOne == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// gone reports whether err says that a process ended while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}
