package schedule

import (
	"math"
	"strings"
	"time"
)

// A Gap says what becomes of a fixed time that a clock change leaves out: keyword dst_gap.
type Gap uint8

// The choices of dst_gap.
const (
	GapAfter Gap = iota // run once, at the first instant after the gap, as cronie and fcron do
	GapSkip             // do not run that day
	GapShift            // run when the clock, had it not been set, would have shown the time
)

// An Overlap says which of two equal fixed times is meant, when clocks are set back: keyword dst_overlap.
type Overlap uint8

// The choices of dst_overlap.
const (
	OverlapFirst Overlap = iota
	OverlapSecond
	OverlapBoth
)

// Options are what the meaning of a schedule depends on besides its text.
type Options struct {
	Zone    *Zone                            // nil for UTC
	Zones   func(name string) (*Zone, error) // finds the zones that texts name; nil where they may only name UTC
	Gap     Gap
	Overlap Overlap

	NotBefore, NotAfter time.Time // no slot before the one and after the other; zero for no limit
	Boot                time.Time // when the host was started, for @reboot and the delays of anacron; zero if that is unknown

	Seed   Seed          // of the stable part of Spread, ~ and H
	Spread time.Duration // put off each slot by a part of this, chosen by Seed; at most MaxSpread
	Random bool          // choose the part of a range with ~ anew for each day
}

// A Notation is one of the ways to write a schedule.
type Notation uint8

// The notations.
const (
	OpenSVC Notation = iota
	Cron
	Calendar // systemd's OnCalendar
	Anacron
	NetWorker
	Every
	At
)

// prefixes are the words that name a notation in front of a text, in the order of the notations.
func prefixes() [7]string {
	return [7]string{"om", "cron", "calendar", "anacron", "networker", "every", "at"}
}

// String is the prefix that names the notation: "om", "cron" and so on.
func (n Notation) String() string { return prefixes()[n] }

// A Schedule says when runs may start. It never changes, and may be shared.
type Schedule struct {
	text     string
	zone     *Zone
	clauses  []clause
	sets     []daySet
	limits   *limits // nil for none, which is usual
	seed     Seed
	shift    int32 // of spread, in seconds
	notation Notation
	gap      Gap
	overlap  Overlap
	random   bool
}

// limits are what few schedules have.
type limits struct {
	from, until int64 // the first and the last instant
	boot        int64
	warnings    []Warning
	levels      *levels   // NetWorker's actions
	closures    *closures // the exclusions of OpenSVC's list
}

// MaxSpread is the longest Options.Spread.
const MaxSpread = 30 * 24 * time.Hour

// MaxText is the length of the longest text of a schedule, in bytes. It bounds what reading one, and
// searching it, can cost.
const MaxText = 4096

// Parse reads a schedule. The notation is told by how the text looks, or by a prefix as in "cron: 0 2 * * *".
// The error is a *SyntaxError, or that of Options.Zones.
func Parse(text string, o Options) (*Schedule, error) {
	if len(text) > MaxText {
		return nil, whole(text).from(MaxText).wanted("a schedule of at most 4096 bytes")
	}
	body, n := look(whole(text).trim())
	s := &Schedule{zone: o.Zone, seed: o.Seed, notation: n, gap: o.Gap, overlap: o.Overlap, random: o.Random}
	if s.zone == nil {
		s.zone = UTC()
	}
	s.limit(&o)
	if err := s.parse(body, &o); err != nil {
		return nil, guess(err, body)
	}
	if len(s.text) > MaxText {
		return nil, body.from(len(body.text)).wanted("a schedule of at most 4096 bytes, written out in full")
	}
	if _, looked := look(whole(s.text)); looked != n {
		s.text = n.String() + ": " + s.text
	}
	s.spread(min(o.Spread, MaxSpread))
	s.settle()
	s.adviseNever(body)
	return s, nil
}

// spread puts off the slots by a part of d. Those of a window stay inside it and on its day; ~ has its own.
func (s *Schedule) spread(d time.Duration) {
	n := int32(d / time.Second) //nolint:gosec // at most 30 days
	s.shift = s.seed.below(n)
	for i := range s.clauses {
		if c := &s.clauses[i]; n > 0 && c.kind == window && !c.is(point|spreads) && c.shift == 0 {
			c.shift = s.seed.below(min(n, min(c.end, day)-c.begin-1))
		}
	}
}

func (s *Schedule) parse(p part, o *Options) error {
	switch s.notation {
	case Cron:
		return s.parseCron(p, o)
	case Calendar:
		return s.parseCalendar(p, o)
	case Anacron:
		return s.parseAnacron(p)
	case NetWorker:
		return s.parseNetWorker(p)
	case Every:
		return s.parseEvery(p)
	case At:
		return s.parseAt(p, o)
	default:
		return s.parseOpenSVC(p)
	}
}

func (s *Schedule) limit(o *Options) {
	if o.NotBefore.IsZero() && o.NotAfter.IsZero() && o.Boot.IsZero() {
		return
	}
	s.limits = &limits{from: never, until: math.MaxInt64, boot: instant(o.Boot)}
	if !o.NotBefore.IsZero() {
		s.limits.from = ceil(o.NotBefore)
	}
	if !o.NotAfter.IsZero() {
		s.limits.until = o.NotAfter.Unix()
	}
}

// rare returns the limits, to change them while the schedule is made.
func (s *Schedule) rare() *limits {
	if s.limits == nil {
		s.limits = &limits{from: never, until: math.MaxInt64, boot: never}
	}
	return s.limits
}

// warn keeps a warning about a part of the text.
func (s *Schedule) warn(p part, text string) {
	s.rare().warnings = append(s.rare().warnings, Warning{p.at, text})
}

// String is the schedule in its canonical form, with a prefix where its looks do not tell the notation.
// Parsed with the same options it makes the same schedule, and has itself as its canonical form.
func (s *Schedule) String() string { return s.text }

// Notation is the one that the schedule is written in.
func (s *Schedule) Notation() Notation { return s.notation }

// Zone is the one that the schedule is computed in: that of its text, else that of the options.
func (s *Schedule) Zone() *Zone { return s.zone }

// Warnings tell where users are known to mean something else than what the text says.
func (s *Schedule) Warnings() []Warning {
	if s.limits == nil {
		return nil
	}
	return s.limits.warnings
}

// NotationOf tells the notation that Parse takes a text for, right or wrong.
func NotationOf(text string) Notation {
	_, n := look(whole(text).trim())
	return n
}

// look tells the notation of a text, and leaves out its prefix.
func look(p part) (part, Notation) {
	if head, rest, found := p.next(':'); found {
		for n, prefix := range prefixes() {
			if head.text == prefix {
				return rest.trim(), Notation(n) //nolint:gosec // there are seven
			}
		}
	}
	return p, looks(p)
}

// looks tells the notation of a text without a prefix by its first words.
func looks(p part) Notation {
	first, second, third, words := opening(p.text)
	switch {
	case first == "" || strings.IndexByte("[!~\"", first[0]) >= 0:
		return OpenSVC
	case first == "every", first == "at", first == "period":
		return notationNamed(first)
	case isAnacron(first, second) && (words < 5 || first[0] == '@' || isJob(third)):
		return Anacron
	case isCron(first, words):
		return Cron
	case isTimeRange(first) && (words != 2 || !isZone(second)):
		return OpenSVC
	default:
		return Calendar
	}
}

// notationNamed is for the first words that no other notation has.
func notationNamed(first string) Notation {
	switch first {
	case "every":
		return Every
	case "at":
		return At
	}
	return NetWorker
}

// opening returns the first three words of a text, and how many it has.
func opening(text string) (first, second, third string, words int) {
	for i := 0; i < len(text); {
		for i < len(text) && isSpace(text[i]) {
			i++
		}
		start := i
		for i < len(text) && !isSpace(text[i]) {
			i++
		}
		if start == i {
			break
		}
		switch words++; words {
		case 1:
			first = text[start:i]
		case 2:
			second = text[start:i]
		case 3:
			third = text[start:i]
		}
	}
	return first, second, third, words
}

// isAnacron tells "7 15" and "@weekly 15": a period and a delay, in numbers.
func isAnacron(first, second string) bool {
	_, days := number(first)
	_, delay := number(second)
	return delay && (days || len(first) > 1 && first[0] == '@' && !isDigit(first[1]) && !strings.EqualFold(first, "@every"))
}

// isJob tells the name of a job in a line of anacrontab, as cron.daily, from a day of the month of a line of cron.
func isJob(word string) bool {
	return len(word) > 3 && isLetter(word[0]) && strings.Trim(word, "LlWwHh()0123456789-,/#?*") != "" &&
		nameIndex(word[:3], weekdayNames+" "+monthNames) < 0
}

// isCron tells a line of five or more fields without a colon in the first, and @daily.
func isCron(first string, words int) bool {
	if strings.HasPrefix(first, "TZ=") || strings.HasPrefix(first, "CRON_TZ=") {
		return true
	}
	if first[0] == '@' && len(first) > 1 && strings.IndexByte("0123456789+-.", first[1]) < 0 {
		return true
	}
	return words >= 5 && strings.IndexByte(first, ':') < 0
}

// isTimeRange tells the first field of OpenSVC's notation, right or wrong, from the begin of a calendar
// expression: it is made of times with a colon, ranges and intervals.
func isTimeRange(t string) bool {
	if strings.Contains(t, "@") || t == "*" || t[0] == ',' || t[0] == '-' {
		return true
	}
	if !isDigit(t[0]) || strings.IndexByte(t, ':') < 0 || strings.IndexByte(t, '/') >= 0 || strings.Contains(t, "..") {
		return false
	}
	for rest, more := whole(t), true; more; {
		var item part
		item, rest, more = rest.next(',')
		if _, ok := number(item.text); ok { // 12,14:00 is a list of hours
			return false
		}
	}
	return true
}

// isZone tells the time zone after a time of the day: Europe/Paris, UTC.
func isZone(word string) bool {
	return isLetter(word[0]) && strings.IndexByte(word, '/') > 0 || strings.EqualFold(word, "UTC")
}
