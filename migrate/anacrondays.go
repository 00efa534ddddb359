package migrate

import (
	"strconv"
	"time"
)

// anacronDays is on which days anacron runs a job, by the rules of its daemon: a number of days after the last one, and
// for @monthly and @yearly as many as the month or the year before had, or as this one has.
type anacronDays struct{ period string }

// starts appends the days, as their midnight, of a job that ran on the day before from. A day on which the host is off
// all the time has none.
func (a *anacronDays) starts(p *Prover, all []start) []start {
	last := dayOf(p.From.Add(-time.Second).In(p.Host))
	end := dayOf(p.To.In(p.Host))
	for day := last.AddDate(0, 0, 1); day.Before(end); day = day.AddDate(0, 0, 1) {
		if a.due(int(day.Sub(last)/(24*time.Hour)), day) && !p.offOn(day) {
			all = append(all, start{midnight(day, p.Host), 1})
			last = day
		}
	}
	return all
}

// dayOf is the date of an instant, as its midnight in UTC.
func dayOf(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

func midnight(day time.Time, zone *time.Location) int64 {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone).Unix()
}

// offOn says that the host is off all day.
func (p *Prover) offOn(day time.Time) bool {
	begin, end := midnight(day, p.Host), midnight(day.AddDate(0, 0, 1), p.Host)
	for _, d := range p.Down {
		if d.From.Unix() <= begin && d.To.Unix() >= end {
			return true
		}
	}
	return false
}

// days makes the starts of om days, those before the last.
func (p *Prover) days(all []start) []start {
	end := midnight(dayOf(p.To.In(p.Host)), p.Host)
	var days []start
	for _, s := range all {
		if at := midnight(dayOf(time.Unix(s.at, 0).In(p.Host)), p.Host); at < end {
			days = append(days, start{at, s.count})
		}
	}
	return days
}

// due says that a job is to be run on a day, so many after the last.
func (a *anacronDays) due(days int, today time.Time) bool {
	switch a.period {
	case "@daily":
		return days >= 1
	case "@weekly":
		return days >= 7
	case "@monthly":
		before := today.AddDate(0, 0, -today.Day())
		this := time.Date(today.Year(), today.Month()+1, 0, 0, 0, 0, 0, time.UTC)
		return days >= before.Day() || days == this.Day()
	case "@yearly", "@annually":
		return days >= yearDays(today.Year()-1) || days == yearDays(today.Year())
	}
	n, err := strconv.Atoi(a.period)
	return err == nil && days >= n
}

func yearDays(year int) int {
	return time.Date(year, time.December, 31, 0, 0, 0, 0, time.UTC).YearDay()
}

// cause says why om runs a job on another day.
func (a *anacronDays) cause() string {
	if a.period == "@monthly" || a.period == "@yearly" || a.period == "@annually" {
		return "months and years are not alike: anacron counts the days that the last one had, or this one has, and om goes to the same date"
	}
	return ""
}
