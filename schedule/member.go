package schedule

import "strings"

// A member is one expression of a schedule with a meaning of its own: of OpenSVC's list one inclusion or one
// exclusion, and all of a text in another notation. Describe and Explain speak of members.
type member struct {
	Schedule

	text    string
	since   string // what the last run is called
	exclude bool
	ranges  []timeRange // of OpenSVC
	days    []daySet
}

// members returns the expressions in the order of the canonical text.
func (s *Schedule) members() []member {
	if s.notation != OpenSVC {
		return []member{{Schedule: *s, text: s.text, days: s.sets}}
	}
	body, _ := look(whole(s.text))
	texts, _ := list(body) // it has been read once
	all := make([]member, 0, len(texts))
	for _, text := range texts {
		all = append(all, s.member(text))
	}
	return all
}

// member reads an expression of the canonical text again, alone.
func (s *Schedule) member(p part) member {
	m := member{Schedule: *s, text: p.text}
	m.clauses, m.sets, m.limits = nil, nil, nil
	body, exclude := strings.CutPrefix(p.text, "! ")
	m.exclude = exclude
	e, _, err := m.parseExpression(whole(body), nil)
	if err != nil {
		return m
	}
	m.ranges, m.days = e.ranges, m.sets[e.lo:e.hi]
	if exclude {
		m.cover(&e)
	} else {
		_ = m.build(p, []expression{e}) // as one part of the list it was small enough
	}
	return m
}

// cover makes the windows that an exclusion covers.
func (m *member) cover(e *expression) {
	for _, x := range appendExclusions(nil, e) {
		if d := newDates(m.sets, x.lo, x.hi); !d.never() {
			m.clauses = append(m.clauses, clause{kind: window, dates: d, begin: x.begin, end: x.end})
		}
	}
}

// early lets a run start from the begin of each window on, as Allows does: a member is asked when it
// allows a start, not when it has its slot.
func (m *member) early() {
	m.random = false
	clauses := make([]clause, len(m.clauses))
	copy(clauses, m.clauses)
	for i := range clauses {
		if c := &clauses[i]; c.kind == window && c.pauses() {
			c.shift = 0
		}
	}
	m.clauses = clauses
}
