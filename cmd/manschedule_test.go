package cmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/cmd"
	"om/task"
)

// roffPlain writes text so that no formatter makes typographic quotes, dashes or accents of it.
var (
	roffPlain = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `~`, `\(ti`, `^`, `\(ha`)
	plainRoff = strings.NewReplacer(`\e`, `\`, `\-`, `-`, `\(aq`, `'`, `\(ga`, "`", `\(ti`, `~`, `\(ha`, `^`, `\(dq`, `"`, `\&`, "")
)

// TestManSchedule runs every example of om-schedule.7, and compares what it prints with the page; -update
// writes it there. There are three kinds: commands in literal displays, with what they print below them; the items
// of lists that are marked as described, with what "om schedule describe" says below them; and the rows of lists with
// a moment, a schedule and its next instant, below rows that have a zone alone.
func TestManSchedule(t *testing.T) {
	file := filepath.Join("..", "man", "om-schedule.7")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := newPage(t)
	want := p.examples(string(text))
	if p.commands < 20 || p.described < 20 || p.rows < 10 {
		t.Errorf("only %d commands, %d described schedules, %d rows of zones", p.commands, p.described, p.rows)
	}
	if want == string(text) {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, now := strings.Split(string(text), "\n"), strings.Split(want, "\n")
	for i := range min(len(got), len(now)) {
		if got[i] != now[i] {
			t.Fatalf("om-schedule.7:%d: the page has\n%s\nand om prints\n%s", i+1, got[i], now[i])
		}
	}
	t.Fatalf("om-schedule.7: the page has %d lines, and should have %d", len(got), len(now))
}

// page runs the examples of a page, on node n1, whose zone is UTC, on 28 March 2026 at noon.
type page struct {
	t                         *testing.T
	dir                       string
	commands, described, rows int
	zone                      string // of the rows
}

func newPage(t *testing.T) *page {
	t.Helper()
	p := &page{t: t, dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(p.dir, "node.conf"), []byte("[node]\nname = n1\ntimezone = UTC\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// examples returns the page with what om prints now.
func (p *page) examples(text string) string {
	var out []string
	lines := strings.Split(text, "\n")
	marked := false
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		out = append(out, line)
		switch {
		case strings.HasPrefix(line, ".Bd -literal"):
			end := i + 1
			for lines[end] != ".Ed" {
				end++
			}
			out = append(out, p.display(lines[i+1:end])...)
			i = end - 1
		case line == `.\" described`:
			marked = true
		case line == ".El":
			marked = false
		case marked && strings.HasPrefix(line, ".It Ql "):
			out = append(out, p.describe(line))
			i++
		case strings.HasPrefix(line, ".It Sy ") && strings.HasSuffix(line, " Ta Ta"):
			p.zone = strings.TrimSuffix(strings.TrimPrefix(line, ".It Sy "), " Ta Ta")
		case strings.HasPrefix(line, ".It ") && strings.Count(line, " Ta ") == 2 && !strings.HasPrefix(line, ".It Sy "):
			out[len(out)-1] = p.row(line)
		}
	}
	return strings.Join(out, "\n")
}

// display returns a literal display with what its commands print; one without commands stays.
func (p *page) display(lines []string) []string {
	if !strings.HasPrefix(lines[0], "$ ") {
		return lines
	}
	var out []string
	code := 0
	for _, line := range lines {
		command, ok := strings.CutPrefix(plainRoff.Replace(line), "$ ")
		if !ok {
			continue
		}
		out = append(out, roffPlain.Replace("$ "+command))
		printed := fmt.Sprintf("%d\n", code)
		if command != "echo $?" {
			printed, code = p.run(command)
			p.commands++
		}
		for l := range strings.Lines(printed) {
			out = append(out, strings.TrimSuffix(roffPlain.Replace(l), "\n"))
		}
	}
	return out
}

func (p *page) describe(item string) string {
	p.described++
	expr := plainRoff.Replace(strings.Trim(strings.TrimPrefix(item, ".It Ql "), `"`))
	printed, code := p.om("om", "schedule", "describe", "-q", expr)
	if code != 0 {
		p.t.Errorf("%s: %s", item, printed)
	}
	sentence, _, _ := strings.Cut(printed, "\n")
	return roffPlain.Replace(sentence)
}

func (p *page) row(line string) string {
	p.rows++
	cells := strings.Split(strings.TrimPrefix(line, ".It "), " Ta ")
	var plain []string
	for _, c := range cells {
		plain = append(plain, plainRoff.Replace(strings.Trim(c, `"`)))
	}
	printed, code := p.om("om", "schedule", "next", "--tz", p.zone, "--now", plain[0], plain[1])
	if code != 0 {
		p.t.Errorf("%s: %s", line, printed)
	}
	cells[2] = strings.TrimSpace(roffPlain.Replace(printed))
	return ".It " + strings.Join(cells, " Ta ")
}

func (p *page) run(command string) (printed string, code int) {
	words, err := task.Split(command)
	if err != nil || len(words) == 0 || words[0] != "om" {
		p.t.Fatalf("%s: %v", command, err)
	}
	return p.om(words...)
}

// om returns all that om prints, messages too, and its exit code.
func (p *page) om(args ...string) (printed string, code int) {
	f, err := os.Create(filepath.Join(p.dir, "out"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	env := map[string]string{"OM_CONFIG_DIR": p.dir, "OM_STATE_DIR": p.dir, "HOME": p.dir, "TERM": "dumb"}
	code = cmd.Main(cmd.Env{
		Args: args, Stdin: f, Stdout: f, Stderr: f, Version: "test",
		Getenv:  func(name string) string { return env[name] },
		Environ: func() []string { return nil },
		Now:     func() time.Time { return time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) },
	})
	text, err := os.ReadFile(f.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text), code
}
