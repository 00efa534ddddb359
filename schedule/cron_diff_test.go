package schedule_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"om/schedule"
)

// A difference is a line of a file in testdata/schedule: a peer, a pattern and a reason.
type difference struct {
	peer    string
	pattern *regexp.Regexp
	hits    int
}

// differences are those with a peer that are known.
func differences(t *testing.T, peer, file string) (all []*difference) {
	t.Helper()
	f, err := os.Open("../testdata/schedule/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		line := strings.Split(in.Text(), "\t")
		if strings.HasPrefix(in.Text(), "#") || in.Text() == "" {
			continue
		}
		if len(line) != 3 || line[2] == "" {
			t.Fatalf("%q is not a peer, a pattern and a reason, with tabs between", in.Text())
		}
		if line[0] == peer {
			all = append(all, &difference{peer, regexp.MustCompile(line[1]), 0})
		}
	}
	return all
}

// compare looks for a known difference where two sequences of slots are not the same.
func compare(t *testing.T, known []*difference, text string, ours, theirs []string) {
	t.Helper()
	for i := range ours {
		if ours[i] == theirs[i] {
			continue
		}
		what := fmt.Sprintf("%s: %s, not %s", text, ours[i], theirs[i])
		for _, d := range known {
			if d.pattern.MatchString(what) {
				d.hits++
				return
			}
		}
		t.Errorf("not in the list of differences: slot %d of %s", i+1, what)
		return
	}
}

// explained makes sure that each known difference is still met.
func explained(t *testing.T, known []*difference) {
	t.Helper()
	for _, d := range known {
		if d.hits == 0 {
			t.Errorf("the difference with %s is met no more: %s", d.peer, d.pattern)
		}
	}
}

// A lines makes cron lines of what is common to all crons.
type lines struct{ *rand.Rand }

func (l lines) line(fields int) string {
	all := []string{l.list(0, 59), l.list(0, 59), l.list(0, 23), l.list(1, 31), l.list(1, 12), l.list(0, 6)}
	if l.IntN(2) == 0 { // or hardly any line has each day
		all[3+2*l.IntN(2)] = "*"
	}
	return strings.Join(all[6-fields:], " ")
}

func (l lines) list(low, high int) string {
	if l.IntN(3) == 0 {
		return "*"
	}
	all := []string{l.item(low, high)}
	for l.IntN(3) == 0 {
		all = append(all, l.item(low, high))
	}
	if l.IntN(20) == 0 {
		all = append(all, "*")
	}
	return strings.Join(all, ",")
}

func (l lines) item(low, high int) string {
	a := low + l.IntN(high-low+1)
	b := a + l.IntN(high-a+1)
	step := 1 + l.IntN(high-low)
	switch l.IntN(8) {
	case 0:
		return fmt.Sprintf("*/%d", step)
	case 1:
		return fmt.Sprintf("%d-%d/%d", a, b, step)
	case 2, 3:
		return fmt.Sprintf("%d-%d", a, b)
	case 4:
		return l.name(a, high)
	default:
		return fmt.Sprint(a)
	}
}

func (l lines) name(n, high int) string {
	switch high {
	case 6:
		return strings.ToLower(time.Weekday(n).String()[:3])
	case 12:
		return strings.ToUpper(time.Month(n).String()[:3])
	}
	return fmt.Sprint(n)
}

// slotsOf returns the next n slots in UTC, with "never" for those that there are not.
func slotsOf(n int, now time.Time, next func(time.Time) (time.Time, bool)) (all []string) {
	for range n {
		slot, ok := next(now)
		if !ok {
			all = append(all, "never")
			continue
		}
		all = append(all, slot.Format("2006-01-02T15:04:05"))
		now = slot
	}
	return all
}

// TestCronRobfig compares the slots of lines made by chance with those of robfig/cron.
func TestCronRobfig(t *testing.T) {
	known := differences(t, "robfig", "cron-differences.txt")
	l := lines{rand.New(rand.NewPCG(1, 2))}
	steps := 0
	for i := range 2000 {
		fields := 5 + i%2
		text := l.line(fields)
		if i%100 == 0 {
			text = "0 0 29 2 *"
		}
		s, err := schedule.Parse(text, schedule.Options{})
		if err != nil {
			if !strings.Contains(err.Error(), "a day that one of its months has") {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
		peer, err := parser.Parse(text)
		if err != nil {
			t.Errorf("%s: robfig/cron: %v", text, err)
			continue
		}
		from := time.Unix(l.Int64N(1<<32), 0).UTC()
		ours := slotsOf(20, from, func(last time.Time) (time.Time, bool) { return s.Next(last, last) })
		theirs := slotsOf(20, from, func(last time.Time) (time.Time, bool) {
			next := peer.Next(last)
			return next, !next.IsZero()
		})
		compare(t, known, text, ours, theirs)
		steps += len(ours)
	}
	if steps < 30000 {
		t.Errorf("only %d slots were compared", steps)
	}
	explained(t, known)
}

// A question is what is asked of croniter, and its answer.
type question struct {
	Text  string `json:"text"` // with the seconds last
	From  int64  `json:"from"`
	Count int    `json:"count"`
}

const croniterScript = `
import json, sys
from datetime import datetime, timezone
from croniter import croniter, CroniterBadDateError
answers = []
for q in json.load(sys.stdin):
    slots = []
    try:
        it = croniter(q["text"], datetime.fromtimestamp(q["from"], timezone.utc), ret_type=datetime)
        while len(slots) < q["count"]:
            slots.append(it.get_next().strftime("%Y-%m-%dT%H:%M:%S"))
    except CroniterBadDateError:
        slots += ["never"] * (q["count"] - len(slots))
    answers.append(slots)
json.dump(answers, sys.stdout)
`

// croniter asks Debian's python3-croniter, in one process.
func croniter(t *testing.T, questions []question) (answers [][]string) {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import croniter").Run(); err != nil {
		if os.Getuid() != 0 {
			t.Skip("python3 has no croniter (package python3-croniter), and only root installs it")
		}
		install := exec.Command("apt-get", "install", "-y", "--no-install-recommends", "python3-croniter")
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := install.CombinedOutput(); err != nil {
			t.Skipf("python3-croniter can't be installed: %v: %s", err, out)
		}
	}
	in, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	ask := exec.Command(python, "-c", croniterScript)
	ask.Stdin, ask.Stderr = bytes.NewReader(in), &told
	out, err := ask.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, told.String())
	}
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions: %v", len(answers), len(questions), err)
	}
	return answers
}

// TestCronCroniter compares the slots of lines made by chance with those of croniter, with the last day
// of the month and the nth weekday, and with seconds, which croniter has at the end.
func TestCronCroniter(t *testing.T) {
	known := differences(t, "croniter", "cron-differences.txt")
	l := lines{rand.New(rand.NewPCG(3, 4))}
	var texts []string
	var ours [][]string
	var questions []question
	for i := range 400 {
		text := l.line(5 + i%2)
		switch i % 10 {
		case 0:
			text = fmt.Sprintf("%s %s L * *", l.list(0, 59), l.list(0, 23))
		case 1:
			text = fmt.Sprintf("%s %s * * %d#%d", l.list(0, 59), l.list(0, 23), l.IntN(7), 1+l.IntN(5))
		}
		s, err := schedule.Parse(text, schedule.Options{})
		if err != nil {
			continue // told by the comparison with robfig/cron
		}
		from := time.Unix(1<<30+l.Int64N(1<<31), 0).UTC()
		texts = append(texts, text)
		ours = append(ours, slotsOf(10, from, func(last time.Time) (time.Time, bool) { return s.Next(last, last) }))
		if words := strings.Fields(text); len(words) == 6 {
			text = strings.Join(append(words[1:], words[0]), " ")
		}
		questions = append(questions, question{text, from.Unix(), 10})
	}
	if len(questions) < 350 {
		t.Errorf("only %d lines are compared", len(questions))
	}
	for i, theirs := range croniter(t, questions) {
		compare(t, known, texts[i], ours[i], theirs)
	}
	explained(t, known)
}
