package schedule

// parseEvery reads "every 90s [from T] [after end]": a grid of instants that does not move, or a pause after
// the end of each run. Periods of whole days are days on the local clock.
func (s *Schedule) parseEvery(p part) error {
	word, rest := p.word()
	if word.text == "every" {
		word, rest = rest.word()
	}
	period, err := word.duration(0)
	if err != nil {
		return err
	}
	if period == 0 {
		return word.wanted("a time of at least 1s")
	}
	e := every{period: int32(period)} //nolint:gosec // below maxPause
	if err := e.read(rest); err != nil {
		return err
	}
	s.text = e.text()
	return s.addEvery(&e)
}

// every is what the notation says.
type every struct {
	period   int32
	from     moment
	hasFrom  bool
	afterEnd bool
}

func (e *every) read(p part) (err error) {
	for p.text != "" {
		word, rest := p.word()
		switch {
		case word.text == "from" && !e.hasFrom && !e.afterEnd:
			e.hasFrom = true
			if e.from, p, err = rest.moment(); err != nil {
				return err
			}
		case word.text == "after" && !e.afterEnd:
			e.afterEnd = true
			if word, p = rest.word(); word.text != "end" {
				return word.wanted(`"end", as in "after end"`)
			}
		default:
			return word.wanted(`"from" and a moment, or "after end"`)
		}
	}
	if e.afterEnd && e.hasFrom && !e.from.dated {
		return p.wantedHint("a date after from", "a pause after the end of a run has no place in the day")
	}
	return nil
}

func (e *every) text() string {
	text := appendDuration([]byte("every "), int(e.period))
	if e.hasFrom {
		text = e.from.append(append(text, " from "...))
	}
	if e.afterEnd {
		text = append(text, " after end"...)
	}
	return string(text)
}

func (s *Schedule) addEvery(e *every) error {
	if e.period%day == 0 && !e.afterEnd {
		s.addDaily(e)
		return nil
	}
	c := clause{kind: grid, pause: e.period}
	if e.afterEnd {
		c.flags = once
	}
	anchor := e.from.at
	if !e.from.exact {
		anchor = s.zone.anchor(e.from.at, e.from.dated)
	}
	if e.afterEnd && !e.hasFrom {
		anchor = never
	}
	c.seconds = uint64(anchor) //nolint:gosec // and back, see anchor
	s.clauses = []clause{c}
	return nil
}

// anchor is the instant of a local time. A time of the day alone is one of the first day there is, by the
// offset that the zone had then, so that the grid is the same in each year.
func (z *Zone) anchor(local int64, dated bool) int64 {
	if dated {
		return z.instant(local)
	}
	return local - int64(z.offsets[0])
}

// addDaily adds the clause for a period of whole days: a time of the day, on each nth day.
func (s *Schedule) addDaily(e *every) {
	local := e.from.at
	if e.from.exact {
		local = s.zone.local(e.from.at)
	}
	if e.from.dated {
		start := e.from.at
		if !e.from.exact {
			start = s.zone.instant(local)
		}
		s.rare().from = max(s.rare().from, start)
	}
	n := floorDay(local)
	set := everyDay()
	set.step = e.period / day
	set.phase = int32(mod(n, int64(set.step))) //nolint:gosec // below step
	s.sets = []daySet{set}
	s.clauses = []clause{instantOf(newDates(s.sets, 0, 1), int(local-n*day))}
}

// instantOf is the clause of one second of the day, on some dates.
func instantOf(d dates, t int) clause {
	return clause{kind: ticks, flags: fixed, dates: d, hours: 1 << (t / 3600), minutes: 1 << (t / 60 % 60), seconds: 1 << (t % 60)}
}
