package schedule

import "strings"

// parseWeeks reads ISO weeks.
func (s *Schedule) parseWeeks(p part) (weeks uint64, text []byte, err error) {
	if p.text == "" || p.text == "*" {
		return allWeeks, nil, nil
	}
	for i, more := 0, true; more; i++ {
		var item part
		item, p, more = p.next(',')
		if i > 0 {
			text = append(text, ',')
		}
		if item.text == "" || item.text == "*" {
			s.warn(item, "an empty week, or *, in a list means all weeks")
			weeks, text = allWeeks, append(text, '*')
			continue
		}
		first, last, isRange := item.next('-')
		a, err := first.week()
		if err != nil {
			return 0, nil, err
		}
		b := a
		text = appendInt(text, a+1)
		if isRange {
			if b, err = last.week(); err != nil {
				return 0, nil, err
			}
			text = appendInt(append(text, '-'), b+1)
		}
		weeks |= span(a, b, 53)
	}
	return weeks, text, nil
}

func (p part) week() (int, error) {
	n, ok := number(p.text)
	if !ok || n < 1 || n > 53 {
		hint := ""
		switch {
		case strings.Contains(p.text, "%"):
			hint = "only months take a modulo"
		case nameIndex(p.text, weekdayNames) >= 0:
			hint = "days are the second field"
		case nameIndex(p.text, monthNames) >= 0:
			hint = "months are the fourth field"
		}
		return 0, p.wantedHint("an ISO week: 1 to 53", hint)
	}
	return n - 1, nil
}

func (s *Schedule) parseMonths(p part) (months uint16, text []byte, err error) {
	if p.text == "" || p.text == "*" {
		return allMonths, nil, nil
	}
	for i, more := 0, true; more; i++ {
		var item part
		item, p, more = p.next(',')
		if i > 0 {
			text = append(text, ',')
		}
		set := uint16(0)
		if set, text, err = s.parseMonthItem(item, text); err != nil {
			return 0, nil, err
		}
		months |= set
	}
	return months, text, nil
}

// parseMonthItem reads a month or a range, and the modulo after it.
func (s *Schedule) parseMonthItem(p part, text []byte) (months uint16, _ []byte, err error) {
	names, modulo, has := p.next('%')
	switch {
	case names.text == "" && !has:
		s.warn(p, "an empty month means all months")
		return allMonths, append(text, '*'), nil
	case names.text == "" || names.text == "*":
		months = allMonths
		if !has {
			text = append(text, '*')
		}
	default:
		if months, text, err = s.parseMonthRange(names, text); err != nil {
			return 0, text, err
		}
	}
	if !has {
		return months, text, nil
	}
	return parseModulo(modulo, months, text)
}

func (s *Schedule) parseMonthRange(p part, text []byte) (months uint16, _ []byte, err error) {
	first, last, isRange := p.next('-')
	a, err := first.month()
	if err != nil {
		return 0, text, err
	}
	b := a
	text = append(text, shortName(a, monthNames)...)
	if isRange {
		if b, err = last.month(); err != nil {
			return 0, text, err
		}
		text = append(append(text, '-'), shortName(b, monthNames)...)
		s.adviseMonths(p, a, b)
	}
	return uint16(span(a, b, 12)), text, nil //nolint:gosec // twelve bits
}

// month reads one, 0 for January.
func (p part) month() (int, error) {
	if i := nameIndex(p.text, monthNames); i >= 0 {
		return i, nil
	}
	if n, ok := number(p.text); ok && n >= 1 && n <= 12 {
		return n - 1, nil
	}
	return 0, p.wanted(monthWant)
}

// parseModulo keeps the months n for which (n + shift) mod m is 0.
func parseModulo(p part, months uint16, text []byte) (uint16, []byte, error) {
	divisor, shift, has := p.next('+')
	m, ok := number(divisor.text)
	if !ok || m < 1 || m > 12 {
		return 0, text, divisor.wantedHint("a divisor from 1 to 12", "%2 keeps every second month")
	}
	text = appendInt(append(text, '%'), m)
	n := 0
	if has {
		if n, ok = number(shift.text); !ok || n > 12 {
			return 0, text, shift.wanted("a shift from 0 to 12")
		}
		text = appendInt(append(text, '+'), n)
	}
	for i := range 12 {
		if (i+1+n)%m != 0 {
			months &^= 1 << i
		}
	}
	return months, text, nil
}
