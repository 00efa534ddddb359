package schedule_test

import (
	"testing"

	"om/schedule"
)

func TestCadence(t *testing.T) {
	for text, want := range map[string]bool{
		"* * * * *":                    true,
		"*/10 * * * *":                 true,
		"30 */2 * * *":                 true,
		"15 * * * *":                   true,
		"30 2 * * *":                   false,
		"0,30 2,14 * * mon":            false,
		"@10m":                         true,
		"@every 1h30m":                 true,
		"02:00-04:00@10m":              true,
		"02:00-04:00":                  false,
		"02:30":                        false,
		"02:30,14:00":                  false,
		"*:00":                         true,
		"*:0/15":                       true,
		"*-*-* 02:30:00":               false,
		"@daily":                       false,
		"@reboot":                      false,
		"at 2026-11-25T02:00:00Z":      false,
		`["02:30", "!10:00-11:00@5m"]`: false,
		"02:30 mon-fri * jan-jun":      false,
	} {
		s, err := schedule.Parse(text, schedule.Options{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.Cadence(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
