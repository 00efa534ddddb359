package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"om/service"
)

// checkFine is the check of schedules that are finer than ticks.
const checkFine = "fine"

// doctorFine looks for tasks whose slots are closer together than ticks, where no daemon is at work.
func (e *Engine) doctorFine(svc *service.Service) []Finding {
	var found []Finding
	for i := range svc.Tasks {
		t := &svc.Tasks[i]
		if neverScheduled(svc, t) != "" {
			continue
		}
		if gap := e.Node.Finer(t.Schedule); gap > 0 {
			found = append(found, of(t, findWarning, checkFine, fmt.Sprintf("its slots are %s apart, and ticks a minute: only omd serves it in time", gap), fixFine))
		}
	}
	if len(found) == 0 || e.loopAtWork() {
		return nil
	}
	return found
}

const fixFine = "systemctl enable --now om.service"

// loopAtWork says that a daemon holds the state folder. It looks at the locks of the host and takes none: a tick that came
// at that moment would decide nothing.
func (e *Engine) loopAtWork() bool {
	holder, err := os.ReadFile(filepath.Join(e.StateDir, "tick.lock"))
	pid, isLoop := strings.CutPrefix(string(holder), loopRole+" (process ")
	if err != nil || !isLoop {
		return false
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(locks)) { // 1: FLOCK  ADVISORY  WRITE 4711 fe:00:10266562 0 EOF
		if f := strings.Fields(line); len(f) > 4 && f[1] == "FLOCK" && f[4]+")" == pid {
			return true
		}
	}
	return false
}

// Gathered says once what was found of several tasks and is the same for all: that only a daemon serves them.
func Gathered(found []Finding) []Finding {
	var tasks, services []string
	rest := slices.DeleteFunc(slices.Clone(found), func(f Finding) bool {
		if f.Check != checkFine {
			return false
		}
		tasks, services = append(tasks, f.Service+"/"+f.Task), append(services, f.Service)
		return true
	})
	if len(tasks) < 2 {
		return found
	}
	const named = 3
	list := strings.Join(tasks[:min(len(tasks), named)], ", ")
	if more := len(tasks) - named; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	one := Finding{findWarning, checkFine, "", "", "the slots of these tasks are less than a minute apart, and ticks a minute: only omd serves them in time: " + list, fixFine}
	if len(slices.Compact(services)) == 1 {
		one.Service = services[0]
	}
	return append(rest, one)
}
