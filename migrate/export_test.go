package migrate

import (
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
