package schedule

// H in a cron line, as Jenkins has it: a number that the seed chooses, always the same for a task, so
// that many tasks with one line do not start together.

// readHash reads what stands after an H, before its step.
func (r *cronReader) readHash(p part, it *cronItem) (err error) {
	const want = "H, H/15, H(0-29) or H(0-29)/10"
	it.a, it.b = r.low, r.high
	if r.index == cronMonthday {
		it.b = 28
	}
	if p.text == "" {
		return nil
	}
	if n := len(p.text); p.text[0] != '(' || p.text[n-1] != ')' {
		return p.wanted(want)
	}
	p, it.bounds = p.cut(1, len(p.text)-1), true
	first, last, isRange := p.next('-')
	if !isRange {
		return p.wanted("a range, as in " + want)
	}
	if it.a, err = r.value(first); err != nil {
		return err
	}
	if it.b, err = r.value(last); err != nil {
		return err
	}
	switch {
	case it.a > it.b:
		return p.wanted("a range with its lower end first")
	case r.index == cronMonthday && it.b > 28:
		return last.wantedHint("a day of the month up to 28", "H chooses one that each month has")
	}
	return nil
}

// resolve puts in the number that an H stands for: with a step, that of the first, before the step is over.
func (r *cronReader) resolve(it *cronItem) {
	n := it.b - it.a + 1
	if it.step > 0 {
		n = min(n, it.step)
	}
	it.hash = false
	it.a += int(r.s.seed.at(int64(r.index)).below(int32(n))) //nolint:gosec // at most 60
	switch {
	case it.step == 0 && it.a == 7 && r.index == cronWeekday:
		it.a, it.b = 0, 0
	case it.step == 0:
		it.b = it.a
	case it.step == 1:
		it.step = 0
	}
}
