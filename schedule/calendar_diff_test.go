package schedule_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"om/schedule"
)

// calendarSteps is how many slots of an expression are compared.
const calendarSteps = 5

// A calendarAnswer is what systemd-analyze says of an expression, or this package.
type calendarAnswer struct {
	normal string // "" where it is refused
	slots  []string
}

// analyzer finds systemd-analyze, and installs it where that is possible.
func analyzer(t *testing.T) string {
	t.Helper()
	const program = "systemd-analyze"
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getuid() != 0 {
		t.Skip("there is no systemd-analyze (package systemd), and only root installs it")
	}
	install := exec.Command("apt-get", "install", "-y", "--no-install-recommends", "systemd")
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("the package systemd can't be installed: %v: %s", err, out)
	}
	if path, err = exec.LookPath(program); err != nil {
		t.Skip(err)
	}
	return path
}

// analyze asks systemd-analyze, in one process for all expressions. It answers each with some lines, none
// where it refuses it, and an empty line between them.
func analyze(t *testing.T, program, zone string, from time.Time, texts []string) (answers []calendarAnswer) {
	t.Helper()
	args := []string{"calendar", fmt.Sprintf("--iterations=%d", calendarSteps), from.Format("--base-time=2006-01-02 15:04:05 UTC"), "--"}
	ask := exec.Command(program, append(args, texts...)...) //nolint:gosec // the expressions are ours
	ask.Env = append(os.Environ(), "TZ="+zone, "LC_ALL=C", "SYSTEMD_COLORS=0")
	var told bytes.Buffer
	ask.Stderr = &told
	out, err := ask.Output()
	if _, refused := err.(*exec.ExitError); err != nil && !refused { //nolint:errorlint // it is that type
		t.Fatalf("%v: %s", err, told.String())
	}
	answer := calendarAnswer{}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for _, line := range lines {
		if line == "" {
			answers = append(answers, answer)
			answer = calendarAnswer{}
			continue
		}
		answer.read(line, zone)
	}
	if answers = append(answers, answer); len(answers) == len(texts)-1 { // the last is refused
		answers = append(answers, calendarAnswer{})
	}
	if len(answers) != len(texts) {
		t.Fatalf("%d answers to %d expressions: %s", len(answers), len(texts), told.String())
	}
	for i := range answers {
		for answers[i].normal != "" && len(answers[i].slots) < calendarSteps {
			answers[i].slots = append(answers[i].slots, "never")
		}
	}
	return answers
}

// read keeps what a line tells. Where the zone is not UTC, the line after has the slot in UTC.
func (a *calendarAnswer) read(line, zone string) {
	key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
	switch {
	case key == "Normalized form":
		a.normal = value
	case key == "(in UTC)", zone == "UTC" && (key == "Next elapse" || strings.HasPrefix(key, "Iter. ")):
		if words := strings.Fields(value); len(words) == 4 { // Thu 2026-01-01 00:00:00 UTC
			a.slots = append(a.slots, words[1]+"T"+words[2])
		}
	}
}

// answerOf is what this package says. Systemd's slots are after the instant it is asked from.
func answerOf(zone *schedule.Zone, from time.Time, text string) (a calendarAnswer) {
	s, err := schedule.Parse("calendar: "+text, schedule.Options{Zone: zone, Zones: loadZone})
	if err != nil {
		return a
	}
	a.normal = s.String()
	a.slots = slotsOf(calendarSteps, from, func(last time.Time) (time.Time, bool) {
		next, ok := s.Next(last, last)
		return next.UTC(), ok
	})
	return a
}

// list are normalized form and slots in one, for compare.
func (a *calendarAnswer) list() []string {
	if a.normal == "" {
		return append([]string{"refused"}, make([]string, calendarSteps)...)
	}
	return append([]string{a.normal}, a.slots...)
}

// An expressions makes calendar expressions.
type expressions struct{ *rand.Rand }

func (e expressions) expression() string {
	var words []string
	if e.IntN(3) == 0 {
		words = append(words, e.weekdays())
	}
	if e.IntN(4) > 0 {
		words = append(words, e.date())
	}
	if e.IntN(4) > 0 || len(words) == 0 {
		words = append(words, e.clock())
	}
	if e.IntN(8) == 0 {
		words = append(words, [3]string{"UTC", "Asia/Tokyo", "utc"}[e.IntN(3)])
	}
	return strings.Join(words, " ")
}

func (e expressions) weekdays() string {
	var all []string
	for len(all) == 0 || e.IntN(3) == 0 {
		a := e.IntN(7)
		b := a + e.IntN(7-a)
		name := e.weekday(a)
		if e.IntN(3) == 0 {
			name += [2]string{"..", "-"}[e.IntN(2)] + e.weekday(b)
		}
		all = append(all, name)
	}
	return strings.Join(all, ",")
}

func (e expressions) weekday(n int) string {
	name := time.Weekday((n + 1) % 7).String()
	switch e.IntN(3) {
	case 0:
		return name
	case 1:
		return strings.ToLower(name[:3])
	}
	return name[:3]
}

func (e expressions) date() string {
	day := "-" + e.list(1, 31, false)
	if e.IntN(4) == 0 {
		day = "~" + e.list(1, 28, true)
	}
	date := e.list(1, 12, false) + day
	switch e.IntN(4) {
	case 0:
		return date
	case 1:
		return e.list(2020, 2040, false) + "-" + date
	}
	return "*-" + date
}

func (e expressions) clock() string {
	clock := e.list(0, 23, false) + ":" + e.list(0, 59, false)
	if e.IntN(2) == 0 {
		clock += ":" + e.list(0, 59, false)
	}
	return clock
}

func (e expressions) list(low, high int, down bool) string {
	if e.IntN(2) == 0 && !down {
		return "*"
	}
	all := []string{e.item(low, high, down)}
	for e.IntN(3) == 0 {
		all = append(all, e.item(low, high, down))
	}
	return strings.Join(all, ",")
}

func (e expressions) item(low, high int, down bool) string {
	a := low + e.IntN(high-low+1)
	b := a + e.IntN(high-a+1)
	room := high - a
	if down {
		room = a - low
	}
	switch k := e.IntN(8); {
	case k == 0:
		return fmt.Sprintf("%d..%02d/%d", a, b, 1+e.IntN(high-low))
	case k < 3:
		return fmt.Sprintf("%02d..%d", a, b)
	case k < 5 && room > 0:
		return fmt.Sprintf("%d/%d", a, 1+e.IntN(room))
	}
	return fmt.Sprintf("%0*d", 1+e.IntN(2), a)
}

// damaged changes a byte of a text, or leaves it out: most are refused then.
func (e expressions) damaged(text string) string {
	const bytes = "0123456789*/.,:~- MonT@"
	i := e.IntN(len(text))
	return text[:i] + string(bytes[e.IntN(len(bytes))]) + text[i+e.IntN(2):]
}

// oddCalendars are those that the known differences are about, and some at the edges of the notation.
func oddCalendars() []string {
	return []string{
		"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "semi-annually", "yearly", "annually", "anually", "biannually", "bi-annually", "DAILY UTC",
		"Mon,", "Mon,Tue", "70-1-1", "69-1-1", "5..5:00", "1..40/50:00", "0/23:00", "@0", "@1780000000", "@1780000000 Asia/Tokyo", "@7258118399", "Mon @1780272000", "12:00:30.000", "*:*:0/1", "*:*:0..59",
		"1..3/1,1..3:00", "*-*~28/27", "2199-12-31 23:59:59", "*-*", "12:00:0..5.0/2", "12:00:0/30.00",
		"*-*-~1", "*-02-30", "Mon 2026-12-24", "12:00:30.5", "12:00:00.0000001", "12:00  UTC", " 12:00", "12:00\tUTC", "12:00 CEST", "12:00 EDT", "12:00 localtime", "0000000012:00",
		"", "UTC", "12", "*", "@", "@-5", "@1 02:00", "@7258118400", "24:00", "12:60", "12:00:60", "*:*/15", "*:0/0", "*:0/60", "100-1-1", "1969-1-1", "2200-1-1", "*-13-1", "*-*-32", "*-*-0", "*-*~29", "*-*~1/1",
		"Mon..", "sun..mon", "Mon-Wed-Fri", "Mo", "Mon Tue", "daily 12:00", "Mon daily", "1~2-3", "1-2-3-4", "12:00 Europe/Nix", "1..5,*:00", "5..3:00", "12:00:30.",
	}
}

// calendarCases are the expressions of a comparison.
func calendarCases(seed uint64) []string {
	e := expressions{rand.New(rand.NewPCG(seed, 7))} //nolint:gosec // the same cases each time
	all := oddCalendars()
	for range 600 {
		text := e.expression()
		all = append(all, text)
		if e.IntN(3) == 0 {
			all = append(all, e.damaged(text))
		}
	}
	return all
}

// clearOfChanges says that none of the slots is within a day of a clock change, where the answers differ on purpose.
func clearOfChanges(zone *schedule.Zone, slots ...[]string) bool {
	for _, list := range slots {
		for _, slot := range list {
			at, err := time.Parse("2006-01-02T15:04:05", slot)
			if err != nil {
				continue // never, or a normalized form
			}
			_, a := at.AddDate(0, 0, -1).In(zone.Location()).Zone()
			if _, b := at.AddDate(0, 0, 1).In(zone.Location()).Zone(); a != b {
				return false
			}
		}
	}
	return true
}

// TestCalendarSystemd compares expressions made by chance with systemd: the normalized form, the slots,
// and what is refused.
func TestCalendarSystemd(t *testing.T) {
	program := analyzer(t)
	known := differences(t, "systemd", "calendar-differences.txt")
	compared := 0
	for i, name := range []string{"UTC", "Europe/Paris", "America/New_York"} {
		zone := zonesOf(t, name)[0]
		from := time.Date(2026, 1, 14, 5, 6, 7, 0, time.UTC).AddDate(0, 5*i, 0)
		texts := calendarCases(uint64(i) + 1)
		for k, theirs := range analyze(t, program, name, from, texts) {
			ours := answerOf(zone, from, texts[k])
			if !clearOfChanges(zone, ours.slots, theirs.slots) {
				ours.slots, theirs.slots = nil, nil
			}
			compare(t, known, fmt.Sprintf("%q", texts[k]), ours.list(), theirs.list())
			compared += len(ours.slots)
		}
	}
	if compared < 5000 {
		t.Errorf("only %d slots were compared", compared)
	}
	explained(t, known)
}
