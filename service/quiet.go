package service

import (
	"cmp"

	"om/schedule"
	"om/task"
)

// parseQuiet checks quiet hours. Their zone, where it is written, is looked up; else any will do.
func (b *builder) parseQuiet(text string) (string, error) {
	ranges, zone := task.SplitQuiet(text)
	if ranges == "" {
		return "", nil
	}
	if _, err := b.parseTimezone(cmp.Or(zone, "UTC")); err != nil {
		return "", err
	}
	if _, err := schedule.ParseHours(ranges, nil); err != nil {
		return "", scheduleFault(ranges, err)
	}
	return text, nil
}

// ReadQuiet makes quiet hours of a text that names their zone: see task.Notify.QuietFor.
func ReadQuiet(text string, zones *schedule.Parser) (*schedule.Hours, error) {
	ranges, name := task.SplitQuiet(text)
	zone, err := zones.Zone(name)
	if err != nil {
		return nil, err
	}
	return schedule.ParseHours(ranges, zone)
}
