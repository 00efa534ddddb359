package chart_test

import (
	"testing"
	"time"

	"om/chart"
)

// week is a picture of the days around a clock change.
func week(tb testing.TB) chart.Heat {
	tb.Helper()
	zone := paris(tb)
	h := chart.Heat{Title: "all services, 2026-03-27 to 2026-04-02 (Europe/Paris)", Maps: []chart.HeatMap{{Name: "starts", Sum: true}, {Name: "at once"}}, Notes: []string{"* clocks +1h at Sun 29 Mar 02:00"}}
	for d := range 7 {
		day := chart.HeatDay{Date: time.Date(2026, 3, 27+d, 0, 0, 0, 0, zone)}
		for hour := range 24 {
			x := &day.Hours[hour]
			x.Minutes = 60
			x.Counts = []int{(hour * hour * (d + 1)) % 17, hour % 3}
			if hour == 0 {
				x.Counts = []int{4120, 40}
			}
			if hour == 5 {
				x.Counts = []int{420, 17}
			}
			if d == 2 && hour == 2 {
				x.Minutes, x.Counts = 0, nil
			}
			if d == 6 && hour == 3 {
				x.Minutes = 120 // another change: hours that are longer look otherwise
			}
		}
		if d == 2 {
			day.Shift = "clocks +1h"
		}
		h.Days = append(h.Days, day)
	}
	return h
}
