package schedule_test

import (
	"slices"
	"testing"
	"time"

	"om/schedule"
)

// TestCatchupBounds: which of the slots that passed are run late, on both sides of each bound.
func TestCatchupBounds(t *testing.T) {
	const (
		hourly, often, daily = "calendar:*:00", "calendar:*:0/30", "09:00"
		irregular            = "cron:0,59 9 * * *" // the gap to the next slot is the period: 59 minutes, then a day less that
	)
	last := schedule.Catchup{Policy: schedule.CatchupLast}
	within := schedule.Catchup{Policy: schedule.CatchupLast, Window: 20 * time.Minute}
	none := schedule.Catchup{Policy: schedule.CatchupNone}
	all := schedule.Catchup{Policy: schedule.CatchupAll}
	for name, r := range map[string]struct {
		text, last, now string
		c               schedule.Catchup
		due             []string // of 2 March, the oldest first
		missed          int
	}{
		"by default the newest, an hour apart":         {hourly, "2T08:30", "2T10:59:59", schedule.Catchup{}, []string{"10:00:00"}, 1},
		"by default none, less apart":                  {often, "2T08:30", "2T09:20", schedule.Catchup{}, nil, 1},
		"by default none, for the next comes soon":     {irregular, "2T08:30", "2T09:20", schedule.Catchup{}, nil, 1},
		"by default the newest, for the next does not": {irregular, "2T08:30", "2T10:20", schedule.Catchup{}, []string{"09:59:00"}, 1},
		"on time with any policy":                      {daily, "2T08:30", "2T09:01", none, []string{"09:00:00"}, 0},
		"not on time any more":                         {daily, "2T08:30", "2T09:01:01", none, nil, 1},
		"last is until the next slot":                  {daily, "1T08:30", "2T08:59:59", last, []string{"1T09:00:00"}, 0},
		"the next slot takes its place":                {daily, "1T08:30", "2T09:00", last, []string{"09:00:00"}, 1},
		"in the window":                                {daily, "2T08:30", "2T09:20", within, []string{"09:00:00"}, 0},
		"out of the window":                            {daily, "2T08:30", "2T09:20:01", within, nil, 1},
		"all are ten at most, the newest of them": {often, "1T12:00", "2T12:10", all, []string{
			"07:30:00", "08:00:00", "08:30:00", "09:00:00", "09:30:00", "10:00:00", "10:30:00", "11:00:00", "11:30:00", "12:00:00",
		}, 38},
	} {
		s, err := schedule.Parse(r.text, schedule.Options{Zone: zonesOf(t, "UTC")[0]})
		if err != nil {
			t.Fatal(err)
		}
		b := s.Backlog(inMarch(t, r.last), inMarch(t, r.now), r.c)
		var want []time.Time
		for _, due := range r.due {
			want = append(want, inMarch(t, due))
		}
		if !slices.EqualFunc(b.Due, want, time.Time.Equal) || b.Missed != r.missed {
			t.Errorf("%s: %+v, wanted %v, %d missed", name, b, want, r.missed)
		}
	}
}

// inMarch reads a time of a day of March 2027, by default the second.
func inMarch(t *testing.T, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"2T15:04:05", "2T15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.AddDate(2027, 2, 0)
		}
	}
	at, err := time.Parse("15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return at.AddDate(2027, 2, 1)
}
