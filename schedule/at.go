package schedule

import (
	"slices"
	"strings"
)

// parseAt reads "at 2026-12-24 18:00": moments, separated by commas, and perhaps the zone of their clock.
func (s *Schedule) parseAt(p part, o *Options) error {
	if word, rest := p.word(); word.text == "at" {
		p = rest
	}
	text := []byte("at ")
	var all []moment
	for more := true; more; {
		var item part
		item, p, more = p.next(',')
		m, rest, err := item.moment()
		switch {
		case err != nil:
			return err
		case !m.dated:
			return item.wanted(momentWant)
		case len(s.clauses) >= maxClauses:
			return item.wanted("at most 255 moments")
		}
		if !slices.Contains(all, m) {
			if all = append(all, m); len(all) > 1 {
				text = append(text, ", "...)
			}
			text = m.append(text)
			s.addMoment(m)
		}
		if rest.text == "" {
			continue
		}
		if text, err = s.momentZone(rest, more, text, o); err != nil {
			return err
		}
	}
	s.text = string(text)
	s.dropTwins()
	return nil
}

// dropTwins leaves out the instants at which a time on the local clock is, so that none counts twice.
func (s *Schedule) dropTwins() {
	local := slices.Clone(s.clauses)
	local = slices.DeleteFunc(local, func(c clause) bool { return c.kind == single })
	s.clauses = slices.DeleteFunc(s.clauses, func(c clause) bool {
		return c.kind == single && slices.ContainsFunc(local, func(l clause) bool {
			u, ok := s.searchBack(&l, c.anchor()-1, c.anchor())
			return ok && u == c.anchor()
		})
	})
}

// momentZone reads what follows the last moment: a zone for all of them.
func (s *Schedule) momentZone(p part, more bool, text []byte, o *Options) ([]byte, error) {
	if more || strings.ContainsAny(p.text, " \t\r\n\v\f") {
		return nil, p.wantedHint("a comma, or the end", "a time zone stands once, at the end")
	}
	zone, err := p.cronZone(o)
	if err != nil {
		return nil, err
	}
	s.zone = zone
	return append(append(text, ' '), p.text...), nil
}

func (s *Schedule) addMoment(m moment) {
	if m.exact {
		s.clauses = append(s.clauses, clause{kind: single, seconds: uint64(m.at)}) //nolint:gosec // and back, see anchor
		return
	}
	n := floorDay(m.at)
	y, mo, d := date(n)
	set := everyDay()
	set.years, set.months, set.monthdays = new(yearSet), 1<<(mo-1), 1<<(d-1)
	set.years.add(y)
	s.sets = append(s.sets, set)
	s.clauses = append(s.clauses, instantOf(newDates(s.sets, len(s.sets)-1, len(s.sets)), int(m.at-n*day)))
}
