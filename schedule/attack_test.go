package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// A generator makes lists in OpenSVC's notation, with what they mean. Its times are near those at which
// clocks change, and half of its days are those.
type generator struct {
	*rand.Rand

	hot     []int    // seconds of the day
	days    [][2]int // days and months
	slots   bool     // no intervals
	points  bool     // points alone, and exclusions
	repeats bool     // no seconds, so that times come again
}

// A wroteDay is a part of the days field.
type wroteDay struct {
	weekdays [8]bool // 1: Monday
	monthday int     // 0 for any, below it from the end
	nth      int     // 0 for any, 9 the last
}

// A wroteRange is a range: from begin to end, both included.
type wroteRange struct {
	kind       int // 0: whole day, 1: point, 2: range
	begin, end int
	pause      int
	every      bool
}

// A wrote is an expression.
type wrote struct {
	exclude bool
	ranges  []wroteRange
	days    []wroteDay
	months  [13]bool
	text    string
}

const noRun = int64(-1 << 60)

func (g *generator) time() int {
	switch {
	case len(g.hot) > 0 && g.IntN(3) > 0:
		return g.hot[g.IntN(len(g.hot))]
	case g.repeats:
		return 3600 * g.IntN(4)
	case g.IntN(4) == 0:
		return g.IntN(86400)
	}
	return g.IntN(144) * 600
}

func clockText(t int) string {
	if t%60 == 0 {
		return fmt.Sprintf("%02d:%02d", t/3600, t/60%60)
	}
	return fmt.Sprintf("%02d:%02d:%02d", t/3600, t/60%60, t%60)
}

func (g *generator) timeRange(exclude bool) (r wroteRange, text string) {
	switch k := g.IntN(10); {
	case k < 2 && (exclude || !g.slots):
		r.end, r.pause, text = 86399, 86400, "*"
	case k < 5 || g.points && !exclude:
		r.kind, r.begin, r.pause = 1, g.time(), 2
		r.end, text = r.begin, clockText(r.begin)
	default:
		r.kind, r.begin, r.end = 2, g.time(), g.time()
		if r.begin > r.end && g.IntN(3) > 0 {
			r.begin, r.end = r.end, r.begin
		}
		text = clockText(r.begin) + "-" + clockText(r.end)
		if r.pause = (r.end-r.begin+86400)%86400 + 1; r.begin == r.end {
			r.kind, r.pause = 1, 2
		}
	}
	if !exclude && !g.slots && g.IntN(2) == 0 {
		r.every = true
		r.pause = []int{1, 2, 3, 60, 600, 601, 3600, 5400, 7200, 14400, 86399, 86400, 172800, 100000}[g.IntN(14)]
		text += "@" + strconv.Itoa(r.pause) + "s"
	}
	return r, text
}

func (g *generator) expression(exclude bool) (x wrote) {
	x.exclude = exclude
	var ranges []string
	for i := 0; i == 0 || g.IntN(3) == 0; i++ {
		r, text := g.timeRange(exclude)
		x.ranges, ranges = append(x.ranges, r), append(ranges, text)
	}
	day := wroteDay{weekdays: [8]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true}}
	for m := range x.months {
		x.months[m] = true
	}
	days, months := "*", ""
	switch k := g.IntN(8); {
	case k < 3 && len(g.days) > 0:
		on := g.days[g.IntN(len(g.days))]
		day.monthday, days, months = on[0], "*:"+strconv.Itoa(on[0]), " * "+strconv.Itoa(on[1])
		x.months = [13]bool{}
		x.months[on[1]] = true
	case k == 3:
		a := 1 + g.IntN(7)
		day.weekdays = [8]bool{}
		day.weekdays[a], days = true, strconv.Itoa(a)
	case k == 4:
		day.weekdays, days = [8]bool{6: true, 7: true}, "sat,sun"
	case k == 5:
		day.weekdays, day.nth, days = [8]bool{7: true}, 9, "sun#last"
	case k == 6:
		day.monthday = -1 - g.IntN(3)
		days = "*:" + strconv.Itoa(day.monthday)
	}
	x.days = []wroteDay{day}
	if x.text = strings.Join(ranges, ",") + " " + days + months; exclude {
		x.text = "! " + x.text
	}
	return x
}

func (g *generator) list() (all []wrote, text string) {
	var texts []string
	for i := range 1 + g.IntN(4) {
		x := g.expression(i > 0 && g.IntN(2) == 0)
		all, texts = append(all, x), append(texts, strconv.Quote(x.text))
	}
	if len(all) == 1 {
		return all, "om: " + all[0].text
	}
	return all, "om: [" + strings.Join(texts, ", ") + "]"
}

func (x *wrote) on(d int64) bool {
	at := time.Unix(d*86400, 0).UTC()
	if !x.months[int(at.Month())] {
		return false
	}
	last := time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	for _, o := range x.days {
		switch {
		case !o.weekdays[(int(at.Weekday())+6)%7+1]:
		case o.nth == 9 && at.Day()+7 <= last:
		case o.monthday > 0 && at.Day() != o.monthday, o.monthday < 0 && at.Day() != last+1+o.monthday:
		default:
			return true
		}
	}
	return false
}

func excludedAt(all []wrote, d int64, t int) bool {
	for i := range all {
		if x := &all[i]; x.exclude && x.on(d) {
			for _, r := range x.ranges {
				if r.kind == 0 || r.kind == 1 && t == r.begin || r.begin > r.end && (t >= r.begin || t < r.end) || t >= r.begin && t < r.end {
					return true
				}
			}
		}
	}
	return false
}

// A wall is what the clocks of a zone show, with the rules for their changes.
type wall struct {
	loc     *time.Location
	gap     schedule.Gap
	overlap schedule.Overlap
	late    int64      // spread, of points
	changes [][3]int64 // the instant, the offset before and after
}

func wallOf(loc *time.Location, from, to int64) (w wall) {
	w.loc = loc
	for u := from; u < to; u += 1800 {
		a, b := offsetAt(loc, u), offsetAt(loc, u+1800)
		if a == b {
			continue
		}
		lo, hi := u, u+1800
		for hi-lo > 1 {
			if m := (lo + hi) / 2; offsetAt(loc, m) == a {
				lo = m
			} else {
				hi = m
			}
		}
		w.changes = append(w.changes, [3]int64{hi, a, b})
	}
	return w
}

// near keeps the changes between two instants.
func (w *wall) near(from, to int64) wall {
	n := *w
	n.changes = slices.DeleteFunc(slices.Clone(w.changes), func(c [3]int64) bool { return c[0] < from || c[0] > to })
	return n
}

func splitDay(local int64) (d int64, t int) {
	t = int((local%86400 + 86400) % 86400)
	return (local - int64(t)) / 86400, t
}

func (w *wall) excluded(all []wrote, u int64) bool {
	d, t := splitDay(u + offsetAt(w.loc, u))
	return excludedAt(all, d, t)
}

// free is the first second of a day, from lo to hi, that no exclusion covers; -1 for none.
func free(all []wrote, d int64, lo, hi int) int {
	if lo > hi {
		return -1
	}
	tries := []int{lo}
	for i := range all {
		for _, r := range all[i].ranges {
			for _, t := range []int{r.end, r.begin + 1, 0} {
				if all[i].exclude && t > lo && t <= hi {
					tries = append(tries, t)
				}
			}
		}
	}
	slices.Sort(tries)
	for _, t := range tries {
		if !excludedAt(all, d, t) {
			return t
		}
	}
	return -1
}

// A daySlot is the slot of a range on a day: at a second, in a part of the range that ends at hi.
type daySlot struct {
	t, hi int
	night bool // the range goes on the next day
}

func daySlots(all []wrote, x *wrote, r *wroteRange, d int64) (slots []daySlot) {
	if !x.on(d) {
		return nil
	}
	switch {
	case r.kind == 1:
		slots = append(slots, daySlot{r.begin, r.begin, false})
		if excludedAt(all, d, r.begin) {
			slots = nil
		}
		return slots
	case r.begin <= r.end:
		slots = append(slots, daySlot{free(all, d, r.begin, r.end), r.end, false})
	default:
		slots = append(slots, daySlot{free(all, d, r.begin, 86399), 86399, true})
		if !x.on(d-1) || free(all, d-1, r.begin, 86399) < 0 {
			slots = append(slots, daySlot{free(all, d, 0, r.end), r.end, false})
		}
	}
	return slices.DeleteFunc(slots, func(s daySlot) bool { return s.t < 0 })
}

// shown returns the instants at which the clocks show a local time.
func (w *wall) shown(local int64) (all []int64) {
	offsets := map[int64]bool{offsetAt(w.loc, local-2*86400): true, offsetAt(w.loc, local+2*86400): true}
	for _, c := range w.changes {
		offsets[c[1]], offsets[c[2]] = true, true
	}
	for o := range offsets {
		if offsetAt(w.loc, local-o) == o {
			all = append(all, local-o)
		}
	}
	slices.Sort(all)
	return all
}

// instants are those at which a slot runs, and moved says that a gap has moved it.
func (w *wall) instants(all []wrote, x *wrote, r *wroteRange, d int64, slot daySlot) (us []int64, moved bool) {
	local, late := d*86400+int64(slot.t), int64(0)
	if r.kind == 1 {
		late = w.late
	}
	us = w.shown(local)
	switch {
	case len(us) > 1 && (r.kind != 1 || w.overlap == schedule.OverlapFirst):
		us = us[:1]
	case len(us) > 1 && w.overlap == schedule.OverlapSecond:
		us = us[len(us)-1:]
	case len(us) == 0:
		moved = true
		us = w.lost(all, x, r, d, slot)
	}
	for i := range us {
		us[i] += late
	}
	if late > 0 || moved {
		us = slices.DeleteFunc(us, func(u int64) bool { return w.excluded(all, u) })
	}
	return us, moved
}

func (w *wall) lost(all []wrote, x *wrote, r *wroteRange, d int64, slot daySlot) []int64 {
	local := d*86400 + int64(slot.t)
	for _, c := range w.changes {
		was, is := c[0]+c[1], c[0]+c[2]
		if local < was || local >= is {
			continue
		}
		if r.kind != 1 {
			if t := free(all, d, max(slot.t, int(is-d*86400)), slot.hi); t >= 0 {
				return []int64{d*86400 + int64(t) - c[2]}
			}
			if slot.night && x.on(d+1) {
				if t := free(all, d+1, max(0, int(is-(d+1)*86400)), r.end); t >= 0 {
					return []int64{(d+1)*86400 + int64(t) - c[2]}
				}
			}
		}
		switch w.gap {
		case schedule.GapAfter:
			return []int64{c[0]}
		case schedule.GapShift:
			return []int64{local - c[1]}
		}
	}
	return nil
}

// slots returns the distinct slots of points and ranges from the instant a up to b.
func (w *wall) slots(all []wrote, a, b int64) (us []int64) {
	from, _ := splitDay(a)
	to, _ := splitDay(b)
	for i := range all {
		for k := range all[i].ranges {
			for d := from - 4 - w.late/86400; d <= to+3 && !all[i].exclude; d++ {
				for _, slot := range daySlots(all, &all[i], &all[i].ranges[k], d) {
					found, _ := w.instants(all, &all[i], &all[i].ranges[k], d, slot)
					us = append(us, found...)
				}
			}
		}
	}
	us = slices.DeleteFunc(us, func(u int64) bool { return u < a || u >= b })
	slices.Sort(us)
	return slices.Compact(us)
}

// allowed says whether a range lets a run start at the instant u.
func (w *wall) allowed(all []wrote, x *wrote, r *wroteRange, last, u int64) bool {
	local := u + offsetAt(w.loc, u)
	d, t := splitDay(local)
	civil := r.every && r.pause%86400 == 0 || !r.every && r.kind != 1
	rested := last == noRun || civil && local-last-offsetAt(w.loc, last) >= int64(r.pause) || !civil && u-last >= int64(r.pause)
	if last != noRun && u <= last || !rested {
		return false
	}
	if r.kind == 1 {
		return w.pointAllowed(all, x, r, last, u)
	}
	in := t >= r.begin && t <= r.end || r.begin > r.end && (t >= r.begin || t <= r.end)
	return in && x.on(d) && !excludedAt(all, d, t) || !r.every && r.kind == 2 && w.movedTo(all, x, r, last, u)
}

func (w *wall) pointAllowed(all []wrote, x *wrote, r *wroteRange, last, u int64) bool {
	d, _ := splitDay(u + offsetAt(w.loc, u))
	for n := d - 2; n <= d; n++ {
		for _, slot := range daySlots(all, x, r, n) {
			us, moved := w.instants(all, x, r, n, slot)
			if moved && r.every && r.pause%86400 == 0 && last != noRun && last+offsetAt(w.loc, last)+int64(r.pause) >= n*86400+int64(r.begin)+2 {
				continue // its pause was over after its time
			}
			sameOffset := offsetAt(w.loc, u-1) == offsetAt(w.loc, u)
			if slices.Contains(us, u) || !moved && r.begin < 86399 && slices.Contains(us, u-1) && sameOffset && !w.excluded(all, u) {
				return true
			}
		}
	}
	return false
}

// movedTo says that a range that a gap left out starts at the instant u, if the pause was over before its end.
func (w *wall) movedTo(all []wrote, x *wrote, r *wroteRange, last, u int64) bool {
	d, _ := splitDay(u + offsetAt(w.loc, u))
	for n := d - 2; n <= d; n++ {
		for _, slot := range daySlots(all, x, r, n) {
			us, moved := w.instants(all, x, r, n, slot)
			if !moved || !slices.Contains(us, u) {
				continue
			}
			end := slot.hi
			for end > slot.t && excludedAt(all, n, end) {
				end--
			}
			if last == noRun || n*86400+int64(end) >= last+offsetAt(w.loc, last)+int64(r.pause) {
				return true
			}
		}
	}
	return false
}

func (w *wall) allows(all []wrote, last, u int64) bool {
	for i := range all {
		for k := range all[i].ranges {
			if !all[i].exclude && w.allowed(all, &all[i], &all[i].ranges[k], last, u) {
				return true
			}
		}
	}
	return false
}

// next tries each instant at which the answer may become another one.
func (w *wall) next(all []wrote, last, now, days int64) (int64, bool) {
	from := max(now, last+1)
	offsets := map[int64]bool{offsetAt(w.loc, from): true, offsetAt(w.loc, from+days*86400): true}
	tries := []int64{from}
	for _, c := range w.changes {
		offsets[c[1]], offsets[c[2]] = true, true
		tries = append(tries, c[0])
	}
	times := []int{0}
	for i := range all {
		for _, r := range all[i].ranges {
			times = append(times, r.begin, r.end, r.end+1, r.begin+1)
			tries = append(tries, last+int64(r.pause))
			for _, c := range w.changes { // a pause on the local clock may end on the other side of them
				tries = append(tries, last+int64(r.pause)+c[1]-c[2])
			}
		}
	}
	first, _ := splitDay(from + offsetAt(w.loc, from))
	for d := first - 1; d < first+days; d++ {
		for o := range offsets {
			for _, t := range times {
				tries = append(tries, d*86400+int64(t)-o)
			}
		}
	}
	slices.Sort(tries)
	for _, u := range slices.Compact(tries) {
		if u >= from && w.allows(all, last, u) {
			return u, true
		}
	}
	return 0, false
}

// attackZones are zones whose clocks change in different ways, and the years looked at.
func attackZones() map[string][2]int {
	return map[string][2]int{
		"UTC": {2024, 2026}, "Europe/Paris": {2024, 2027}, "America/New_York": {2024, 2027}, "Australia/Lord_Howe": {2024, 2027},
		"America/Santiago": {2024, 2027}, "America/Havana": {2024, 2027}, "Africa/Casablanca": {2024, 2027}, "Pacific/Apia": {2010, 2013},
	}
}

// attack calls try for many lists and instants around the clock changes of each zone.
func attack(t *testing.T, lists int, g generator, try func(t *testing.T, g *generator, w *wall, zone *schedule.Zone, at int64)) {
	t.Helper()
	for name, years := range attackZones() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loc := location(t, name)
			zone := schedule.NewZone(loc)
			w := wallOf(loc, time.Date(years[0]-2, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(years[1], 1, 1, 0, 0, 0, 0, time.UTC).Unix())
			g := g
			g.Rand = rand.New(rand.NewPCG(uint64(len(name)), 7)) //nolint:gosec // the same cases each time
			g.hot = []int{0, 1800, 3600, 5400, 7199, 7200, 8100, 9000, 9900, 10799, 10800, 12600, 82800, 86399}
			at := []int64{time.Date(years[0], 6, 1, 0, 0, 0, 0, time.UTC).Unix()}
			for _, c := range w.changes {
				if c[0] < at[0]-150*86400 {
					continue // before it are the changes that are not asked about
				}
				at = append(at, c[0])
				day := time.Unix(c[0]-3600, 0).In(loc)
				g.days = append(g.days, [2]int{day.Day(), int(day.Month())})
			}
			for range lists {
				if try(t, &g, &w, zone, at[g.IntN(len(at))]); t.Failed() {
					return
				}
			}
		})
	}
}

// TestAttackSlots compares Latest with the slots of each day, one by one.
func TestAttackSlots(t *testing.T) {
	for name, g := range map[string]generator{"ranges": {slots: true}, "points": {slots: true, points: true}, "twins": {slots: true, repeats: true}} {
		t.Run(name, func(t *testing.T) {
			attack(t, 400, g, func(t *testing.T, g *generator, w *wall, zone *schedule.Zone, at int64) {
				t.Helper()
				all, text := g.list()
				o := schedule.Options{Zone: zone, Gap: schedule.Gap(g.IntN(3)), Overlap: schedule.Overlap(g.IntN(3)), Seed: schedule.Seed(g.IntN(99))}
				if g.points && g.IntN(2) == 0 {
					o.Spread = []time.Duration{15 * time.Minute, time.Hour, 100 * time.Hour}[g.IntN(3)]
				}
				s, err := schedule.Parse(text, o)
				if err != nil {
					t.Fatal(err)
				}
				for range 5 {
					now := at + (g.Int64N(60)-25)*900
					last := now - g.Int64N([]int64{40 * 900, 86400 * 30, 86400 * 400}[g.IntN(3)])
					now += g.Int64N(2)
					n := w.near(last-40*86400, now+10*86400)
					n.gap, n.overlap, n.late = o.Gap, o.Overlap, lateOf(t, o)
					us := n.slots(all, last+1, now+1)
					slot, missed, ok := s.Latest(time.Unix(last, 0), time.Unix(now, 0))
					if want := len(us) - 1; ok != (want >= 0) || ok && (slot.Unix() != us[want] || missed != want) {
						t.Fatalf("%s gap %d overlap %d spread %v after %v up to %v: %v, %d, %v, wanted %d: %v", text, o.Gap, o.Overlap, o.Spread,
							time.Unix(last, 0).In(w.loc), time.Unix(now, 0).In(w.loc), slot, missed, ok, want, instantsText(w.loc, us))
					}
					if g.points {
						nextSlots(t, text, s, last, us)
					}
				}
			})
		})
	}
}

// nextSlots steps over points by Next.
func nextSlots(t *testing.T, text string, s *schedule.Schedule, last int64, us []int64) {
	t.Helper()
	at := time.Unix(last, 0)
	for i, want := range us[:min(len(us), 20)] {
		if i > 0 && want-us[i-1] < 2 {
			return // in the pause of a point
		}
		next, ok := s.Next(at, at.Add(2*time.Second)) // not in the second second of a slot
		if i > 0 || want > last+2 {
			if !ok || next.Unix() != want {
				t.Fatalf("%s: after %v it is %v, wanted %v", text, at.In(next.Location()), next, time.Unix(want, 0).In(next.Location()))
			}
		}
		at = time.Unix(want, 0)
	}
}

// lateOf asks what spread is.
func lateOf(t *testing.T, o schedule.Options) int64 {
	t.Helper()
	o.Zone = nil
	s, err := schedule.Parse("00:00 *:1 * jan", o)
	if err != nil {
		t.Fatal(err)
	}
	next, _ := s.Next(time.Time{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return next.Unix() - time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
}

func instantsText(loc *time.Location, us []int64) (all []string) {
	for _, u := range us[max(0, len(us)-8):] {
		all = append(all, time.Unix(u, 0).In(loc).Format(time.RFC3339))
	}
	return all
}

// TestAttackNext compares Next and Allows with what each part of a list says of each instant that matters.
func TestAttackNext(t *testing.T) {
	attack(t, 500, generator{}, func(t *testing.T, g *generator, w *wall, zone *schedule.Zone, at int64) {
		t.Helper()
		all, text := g.list()
		o := schedule.Options{Zone: zone, Gap: schedule.Gap(g.IntN(3)), Overlap: schedule.Overlap(g.IntN(3))}
		s, err := schedule.Parse(text, o)
		if err != nil {
			t.Fatal(err)
		}
		const days = 40
		for range 5 {
			now := at + (g.Int64N(60)-30)*900
			last := []int64{noRun, now, now - g.Int64N(3*86400), now + g.Int64N(86400), now - g.Int64N(7200), now - g.Int64N(300)*600}[g.IntN(6)]
			before := time.Time{}
			if last != noRun {
				before = time.Unix(last, 0)
			}
			n := w.near(now-9*86400, now+(days+9)*86400)
			n.gap, n.overlap = o.Gap, o.Overlap
			next, ok := s.Next(before, time.Unix(now, 0))
			want, found := n.next(all, last, now, days)
			found = found && want < now+(days-2)*86400
			if found && (!ok || next.Unix() != want) || !found && ok && next.Unix() < now+(days-2)*86400 {
				t.Fatalf("%s gap %d overlap %d after %v from %v: %v, %v, wanted %v, %v", text, o.Gap, o.Overlap, before.In(w.loc), time.Unix(now, 0).In(w.loc), next, ok, time.Unix(want, 0).In(w.loc), found)
			}
			for _, u := range []int64{now, want, want + 1, want - 1, now + g.Int64N(86400)} {
				if u > now-86400 && s.Allows(before, time.Unix(u, 0)) != n.allows(all, last, u) {
					t.Fatalf("%s gap %d overlap %d after %v, at %v: allowed %v", text, o.Gap, o.Overlap, before.In(w.loc), time.Unix(u, 0).In(w.loc), s.Allows(before, time.Unix(u, 0)))
				}
			}
		}
	})
}
