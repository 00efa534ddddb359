package cmd

// The times that flags take. All of them are read here.

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"om/service"
	"om/task"
)

// momentText is a flag that takes what the keyword not_before takes. Its zone is known later.
type momentText string

func (m *momentText) String() string { return string(*m) }
func (m *momentText) Type() string   { return "time" }

// Set checks a moment. An empty one is none.
func (m *momentText) Set(text string) error {
	if _, err := service.ParseMoment(text, time.UTC); err != nil && text != "" {
		return errors.New(strings.TrimPrefix(task.Text(err), strconv.Quote(text)+": "))
	}
	*m = momentText(text)
	return nil
}

// in is the moment on the clocks of a zone, zero for none.
func (m momentText) in(zone *time.Location) (time.Time, error) {
	if m == "" {
		return time.Time{}, nil
	}
	return service.ParseMoment(string(m), zone)
}

// present is the moment of a flag, else the clock's.
func (a *app) present(m momentText, zone *time.Location) (time.Time, error) {
	if m == "" {
		return a.Now(), nil
	}
	return m.in(zone)
}

// agoHelp is what a flag about the past takes.
const agoHelp = "how long ago (24h, 7d), or a time as in 2026-12-31, 2026-12-31 18:00 or RFC 3339"

// ago reads the time of the past that a flag has: how long ago, or a moment on the clocks of the host; "" is none.
func (a *app) ago(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := service.ParseDuration(text); err == nil {
		return a.Now().Add(-d), nil
	}
	zone := time.Local
	if a.global.utc {
		zone = time.UTC
	}
	if t, err := service.ParseMoment(text, zone); err == nil {
		return t, nil
	}
	return time.Time{}, usage("%s %q: wanted %s", flag, text, agoHelp)
}
