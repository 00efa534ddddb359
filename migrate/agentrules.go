package migrate

import "time"

// A stretch is one of instants, both ends with it.
type stretch struct{ from, to int64 }

// byRules is the next start by the rules alone: the first instant that a rule has, that none excludes, and that is as
// long after the last run as the interval says. It is what the agents are documented to do, and shares nothing with their search.
func (w *agentWalk) byRules(last, now, to int64) int64 {
	for d := w.date(now); d.begin < to; d = dateIn(d.date.AddDate(0, 0, 1), w.zone) {
		best := to
		for i := range w.rules {
			r := &w.rules[i]
			if r.exclude || !r.on(d.date, r.weeks) {
				continue
			}
			for _, x := range r.ranges {
				for _, part := range x.parts() {
					best = min(best, w.firstIn(d, part, max(now, last+x.interval), to))
				}
			}
		}
		if best < to {
			return best
		}
	}
	return to
}

// parts are those of a range in a day: two where it goes over midnight.
func (x agentRange) parts() []stretch {
	if x.begin <= x.end {
		return []stretch{{x.begin, x.end}}
	}
	return []stretch{{0, x.end}, {x.begin, daySeconds - 1}}
}

// firstIn is the first instant in a part of a day that is not excluded, from another one on; to for none.
func (w *agentWalk) firstIn(d agentDate, part stretch, from, to int64) int64 {
	from = max(from, d.at(part.from, w.zone))
	for moved := true; moved; {
		moved = false
		for i := range w.rules {
			r := &w.rules[i]
			if !r.exclude || !r.on(d.date, r.weeks) {
				continue
			}
			for _, x := range r.ranges {
				for _, out := range x.parts() {
					begin, end := d.at(out.from, w.zone), d.at(out.to, w.zone)
					if out.to == daySeconds-1 {
						end = d.end
					}
					if from >= begin && from < end {
						from, moved = end, true
					}
				}
			}
		}
	}
	if from > d.at(part.to, w.zone) {
		return to
	}
	return from
}

// at is when the clocks show a second of the day.
func (d *agentDate) at(second int64, zone *time.Location) int64 {
	if d.end-d.begin == daySeconds {
		return d.begin + second
	}
	return time.Date(d.date.Year(), d.date.Month(), d.date.Day(), 0, 0, int(second), 0, zone).Unix()
}

// check compares each start of om with what the rules say after the one before. The rules say nothing of clocks that are
// set in between.
func (w *agentWalk) check(p *Prover, ours []start) {
	last, now, to := p.From.Unix()-1, p.From.Unix(), p.To.Unix()
	for i := 0; i <= len(ours); i++ {
		is := start{to, 1}
		if i < len(ours) {
			is = ours[i]
		}
		want := w.byRules(last, now, to)
		for down := p.offAt(want); down != 0 && want < to; down = p.offAt(want) {
			want = w.byRules(last, down, to)
		}
		if (want != is.at || is.count != 1) && len(changes(p.Host, time.Unix(last, 0), time.Unix(max(want, is.at), 0))) == 0 {
			w.wrong = append(w.wrong, stretch{min(want, is.at), max(want, is.at)})
		}
		last, now = is.at, is.at
	}
}

// cause says why the agents start a task at an instant and om does not, or the contrary; "" where om does not
// do what the rules say, or the agents have not departed from them.
func (w *agentWalk) cause(at int64) (text string) {
	if w.fault != "" {
		return w.fault
	}
	if d := w.date(at); d.end-d.begin != daySeconds {
		return d.changed(w.zone)
	}
	for _, s := range w.wrong {
		if at >= s.from && at <= s.to {
			return ""
		}
	}
	best := int64(0)
	for _, n := range w.notes {
		if n.at <= at && n.at >= best {
			best, text = n.at, n.text
		}
	}
	return text
}
