package chart_test

import (
	"strings"
	"testing"
	"time"

	"om/chart"
)

func paris(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

// night is a picture with a span of each kind, over the night in which clocks are set forward.
func night(tb testing.TB) chart.Gantt {
	tb.Helper()
	zone := paris(tb)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, zone) }
	return chart.Gantt{
		Title: "web, from 2026-03-28 12:00 to 2026-03-29 16:00 (Europe/Paris)",
		Axis:  chart.Axis{From: at(28, 12, 0), To: at(29, 16, 0), Zone: zone},
		Lanes: []chart.Lane{
			{Label: "web/task#backup", Spans: []chart.Span{
				{Start: at(28, 14, 0), End: at(28, 15, 30), Kind: chart.OnTime},
				{Due: at(28, 20, 0), Start: at(28, 21, 0), End: at(28, 23, 0), Kind: chart.Late, Note: "the host was down"},
				{Start: at(29, 5, 0), End: at(29, 6, 0), Kind: chart.Failed, Note: "exit 3"},
				{Start: at(29, 15, 0), End: at(29, 16, 0), Kind: chart.Running},
			}},
			{Label: "web/task#report", Spans: []chart.Span{
				{Start: at(28, 13, 0), End: at(28, 18, 0), Kind: chart.OnTime},
				{Start: at(28, 15, 0), End: at(28, 16, 0), Kind: chart.ByHand},
				{Start: at(28, 15, 30), End: at(28, 17, 0), Kind: chart.Cancelled},
				{Start: at(29, 0, 0), End: at(29, 0, 0), Kind: chart.Missed},
				{Start: at(29, 4, 0), End: at(29, 8, 0), Kind: chart.Missed, Count: 5},
				{Start: at(29, 10, 0), End: at(29, 10, 0), Kind: chart.Skipped},
				{Start: at(29, 12, 0), End: at(29, 12, 0), Kind: chart.Waiting},
			}},
			{Label: "café/夜の仕事 <b>&\x1b[2J"},
		},
		More: "and 3 more tasks: --rid and --tags choose",
	}
}

// TestOverlapping: runs that overlap are told as such, in both pictures, and not where there are none.
func TestOverlapping(t *testing.T) {
	g := night(t)
	if text := g.Text(chart.Screen{Width: 100}); strings.Contains(text, "overlapping") {
		t.Error("none overlap:\n" + text)
	}
	g.Lanes[1].Spans[1].Overlaps = true
	var svg strings.Builder
	if err := g.Picture().WriteSVG(&svg); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{g.Text(chart.Screen{Width: 100}), svg.String()} {
		if !strings.Contains(text, "overlapping 1 (at once)") {
			t.Error("the legend does not say so:\n" + text)
		}
	}
	if !strings.Contains(svg.String(), "to 2026-03-28 16:00:00, overlapping<") {
		t.Error("the run does not say so:\n" + svg.String())
	}
}
