package migrate

import (
	"io/fs"
	"strings"
	"time"
)

// CronStarts is when cron starts a line of five fields, each start for itself.
func CronStarts(host *time.Location, fields string, from, to time.Time) (all []time.Time) {
	times, _ := readCronTimes(strings.Fields(fields))
	for _, s := range times.starts(cronWakes(host, nil, from, to), nil) {
		for range s.count {
			all = append(all, time.Unix(s.at, 0).In(host))
		}
	}
	return all
}

// AgentNext is when OpenSVC's agents start a task next, what the rules say, and whether the agents are known to depart
// from them there. Instants are in UTC, those that are zero are never.
func AgentNext(expr string, last, now time.Time) (agents, rules time.Time, departs bool, fault string) {
	a := readAgentTimes(expr)
	w := agentWalk{agentTimes: a, zone: time.UTC}
	from := int64(0)
	if !last.IsZero() {
		from = last.Unix()
	}
	if at, ok := w.next(from, now.Unix()); ok {
		agents = time.Unix(at, 0).UTC()
	}
	if from == 0 {
		from = -1 << 40
	}
	to := now.AddDate(10, 0, 0).Unix()
	if at := w.byRules(from, now.Unix(), to); at != to {
		rules = time.Unix(at, 0).UTC()
	}
	return agents, rules, w.odd != "" || len(w.notes) > 0, a.fault
}

// Distrust is why cron would not read a file of /etc/cron.d.
func Distrust(info fs.FileInfo) string { return distrust(info) }
