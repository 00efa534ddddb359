package schedule

import "strings"

// The days that cron lines of other programs have, and robfig/cron has not: L, L-3, LW and 15W in the day
// of the month, 5L and 5#2 in the weekday.

// readDay reads an item that is one of them, and says whether it is.
func (r *cronReader) readDay(p part) (known bool, err error) {
	switch r.index {
	case cronMonthday:
		return r.readMonthday(p)
	case cronWeekday:
		return r.readWeekday(p)
	}
	return false, nil
}

func (r *cronReader) readMonthday(p part) (bool, error) {
	last := len(p.text) - 1
	switch {
	case strings.EqualFold(p.text, "L"):
		r.set.fromEnd |= 1
		r.text = append(r.text, 'L')
	case strings.EqualFold(p.text, "LW"):
		r.set.nearest |= 1
		r.text = append(r.text, 'L', 'W')
	case strings.HasPrefix(p.text, "L-") || strings.HasPrefix(p.text, "l-"):
		days := p.from(len("L-"))
		n, ok := number(days.text)
		if !ok || n < 1 || n > 30 {
			return false, days.wanted("how many days before the last of the month: 1 to 30")
		}
		r.set.fromEnd |= 1 << n
		r.text = appendInt(append(r.text, 'L', '-'), n)
	case p.text[last]|0x20 == 'w':
		n, ok := number(p.text[:last])
		if !ok || n < 1 || n > 31 {
			return false, p.to(last).wantedHint("a day of the month: 1 to 31", "15W is the working day nearest to the 15th")
		}
		r.set.nearest |= 1 << n
		r.text = append(appendInt(r.text, n), 'W')
	default:
		return false, nil
	}
	return true, nil
}

func (r *cronReader) readWeekday(p part) (bool, error) {
	const lastOne = 6 // see daySet.nth
	name, nth, numbered := p.next('#')
	last := len(p.text) - 1
	n := lastOne
	switch {
	case numbered:
		ok := false
		if n, ok = number(nth.text); !ok || n < 1 || n > 5 {
			return false, nth.wantedHint("which one of the month: 1 to 5", "the last is written 5L")
		}
	case last > 0 && p.text[last]|0x20 == 'l':
		name = p.to(last)
	default:
		return false, nil
	}
	day, err := r.value(name)
	if err != nil {
		return false, err
	}
	r.set.nth |= 1 << (7*(n-1) + (day+6)%7)
	r.text = appendInt(r.text, day%7)
	if n == lastOne {
		r.text = append(r.text, 'L')
		return true, nil
	}
	r.text = appendInt(append(r.text, '#'), n)
	return true, nil
}
