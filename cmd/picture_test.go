package cmd_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// past is a record that is made for a test: rows as om state import reads them.
type past struct {
	rows bytes.Buffer
	n    int
}

func newPast() *past {
	p := &past{}
	p.rows.WriteString(`{"record":"om","schema":2}` + "\n")
	return p
}

func (p *past) add(row map[string]any) {
	text, _ := json.Marshal(row) // plain values
	p.rows.Write(append(text, '\n'))
}

// run adds a run. A zero slot is none, and a zero end is none yet.
func (p *past) run(service, rid, state string, slot, start, end time.Time) {
	p.n++
	row := map[string]any{
		"table": "run", "id": fmt.Sprintf("019d3000-0000-7000-8000-%012x", p.n), "service": service, "rid": rid, "origin": "schedule",
		"state": state, "attempt": 1, "node": "n1", "user": "root", "asked_by": "root", "boot_id": "", "pid": 0, "pid_start": 0, "child_pid": 0,
		"queued_at": start.UnixMicro(), "started_at": start.UnixMicro(), "ended_at": nil, "slot": nil, "exit_code": 0, "signal": "", "reason": "",
		"terminal": "", "confirmed_by": "", "forced": "", "argv_digest": "", "output": "", "output_bytes": 0, "output_lost": 0, "max_rss": 0, "cpu": 0, "leftover": 0,
	}
	if state == "error" {
		row["exit_code"] = 3
	}
	if !slot.IsZero() {
		row["slot"] = slot.UnixMicro()
	} else {
		row["origin"] = "manual"
	}
	if !end.IsZero() {
		row["ended_at"] = end.UnixMicro()
	}
	p.add(row)
}

func (p *past) slot(service, rid, decision, reason string, first, last time.Time, count int) {
	p.add(map[string]any{
		"table": "slot", "service": service, "rid": rid, "slot": first.UnixMicro(), "slot_last": last.UnixMicro(), "count": count,
		"decision": decision, "reason": reason, "run_id": nil,
	})
}

// pictured is a folder with services and a record, at a moment.
type pictured struct {
	dir string
	env []string
}

func (p *past) in(t *testing.T, now time.Time, files map[string]string) pictured {
	t.Helper()
	d := pictured{t.TempDir(), []string{
		"NOW=" + now.Format(time.RFC3339), "TZ=Europe/Paris", "LANG=C.UTF-8", "LC_ALL=", "LC_CTYPE=", "NO_COLOR=1", "GORACE=atexit_sleep_ms=0",
	}}
	if err := os.MkdirAll(filepath.Join(d.dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	om := d.command(t, "state", "import")
	om.Stdin = &p.rows
	if out, err := om.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return d
}

func (d pictured) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	om := omIn(t, d.dir, args...)
	om.Env = append(om.Env, d.env...)
	return om
}

// om is what om prints, and its exit code.
func (d pictured) om(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	om := d.command(t, args...)
	var out, errs bytes.Buffer
	om.Stdout, om.Stderr = &out, &errs
	err := om.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), om.ProcessState.ExitCode()
}

// shopPast is a day of the services of testdata/pictures, with the night in which clocks are set forward.
func shopPast(now time.Time) *past {
	p := newPast()
	zone := now.Location()
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, zone) }
	random := rand.New(rand.NewPCG(1, 2))
	minutes := func(n int) time.Duration {
		return time.Duration(n)*time.Minute + time.Duration(random.IntN(50))*time.Second
	}
	run := func(rid, state string, slot time.Time, late, took time.Duration) {
		p.run("shop", rid, state, slot, slot.Add(late), slot.Add(late+took))
	}
	run("task#backup", "complete", at(28, 1, 0), 2*time.Second, minutes(95))
	run("task#backup", "complete", at(29, 1, 0), 2*time.Second, minutes(130))
	run("task#archive", "complete", at(28, 2, 30), 7*time.Minute, minutes(40))
	run("task#archive", "complete", at(29, 3, 0), 72*time.Minute, minutes(45))
	run("task#index", "complete", at(28, 1, 0), time.Second, minutes(50))
	run("task#index", "error", at(28, 13, 0), time.Second, minutes(25))
	p.run("shop", "task#index", "complete", time.Time{}, at(28, 14, 10), at(28, 15, 5))
	run("task#index", "complete", at(29, 1, 0), time.Second, minutes(55))
	for t := at(28, 0, 0); t.Before(at(29, 11, 0)); t = t.Add(time.Hour) {
		switch {
		case t.Equal(at(28, 17, 0)):
			p.slot("shop", "task#sync", "missed", "the host was down", t, t.Add(3*time.Hour), 4)
		case t.After(at(28, 17, 0)) && !t.After(at(28, 20, 0)):
		case t.Equal(at(28, 10, 0)):
			run("task#sync", "complete", t, 0, minutes(95))
		case t.Equal(at(28, 22, 0)), t.Equal(at(29, 6, 0)):
			run("task#sync", "timeout", t, 0, minutes(30))
		default:
			run("task#sync", "complete", t, time.Second, minutes(6+random.IntN(20)))
		}
	}
	for t := at(28, 7, 0); t.Before(at(28, 17, 0)); t = t.Add(15 * time.Minute) {
		run("task#mail", "complete", t, time.Second, minutes(2))
	}
	p.slot("shop", "task#mail", "missed", "the host was down", at(28, 17, 0), at(28, 19, 45), 12)
	p.slot("shop", "task#report", "skip", "frozen", at(28, 6, 0), at(28, 6, 0), 1)
	run("task#purge", "complete", at(29, 3, 0), time.Second, minutes(12))
	p.run("shop", "task#purge", "cancelled", time.Time{}, at(28, 9, 0), at(28, 9, 40))
	for d := range 3 {
		for i, rid := range []string{"task#dump", "task#dedup", "task#score"} {
			slot := at(26+d, 1, 0)
			p.run("crm", rid, "complete", slot, slot.Add(time.Second), slot.Add(time.Duration(20+25*i)*time.Minute))
		}
	}
	return p
}

// shop is the folder that the pictures of the README are of.
func shop(t *testing.T) pictured {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 29, 11, 0, 0, 0, zone)
	files := map[string]string{}
	for _, name := range []string{"shop.conf", "crm.conf"} {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "pictures", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	return shopPast(now).in(t, now, files)
}

// TestPictures: the pictures of docs are what om makes today; make pictures writes them.
func TestPictures(t *testing.T) {
	d := shop(t)
	for name, args := range map[string][]string{
		"timeline.svg": {"shop", "timeline", "--since", "2026-03-28T00:00:00+01:00", "--svg", "-"},
		"calendar.svg": {"-q", "calendar", "--from", "2026-03-26", "--to", "2026-04-02", "--svg", "-"},
	} {
		got, errs, code := d.om(t, args...)
		if code != 0 || errs != "" {
			t.Fatalf("om %v: code %d, %s", args, code, errs)
		}
		file := filepath.Join("..", "docs", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != got {
			t.Errorf("docs/%s is not what om makes today: make pictures, and look at it", name)
		}
	}
}

// TestReadmeCollisions: the collisions that the README shows are those of the pictures' services.
func TestReadmeCollisions(t *testing.T) {
	out, errs, code := shop(t).om(t, "-q", "calendar", "--collisions", "--from", "2026-03-26", "--to", "2026-04-02")
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil || code != 0 || errs != "" {
		t.Fatalf("code %d, %s, %v", code, errs, err)
	}
	for line := range strings.Lines(out) {
		if !strings.Contains(string(readme), "    "+line) && line != "\n" {
			t.Errorf("README.md has no line %q of\n%s", line, out)
		}
	}
}

// TestPictureFiles: a picture takes the place of a file in one step, or leaves it as it was; what is no file is written to.
func TestPictureFiles(t *testing.T) {
	d := shop(t)
	file := filepath.Join(d.dir, "a.svg")
	if err := os.WriteFile(file, []byte("before"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, verb := range [][]string{{"shop", "timeline", "--since", "2d"}, {"-q", "calendar", "--to", "2026-04-01"}} {
		if out, errs, code := d.om(t, append(verb, "--svg", file, "--png", filepath.Join(d.dir, "a.png"))...); code != 0 || out+errs != "" {
			t.Fatalf("code %d, %q, %q", code, out, errs)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for dec := xml.NewDecoder(bytes.NewReader(text)); err == nil; {
			_, err = dec.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%v: %v in %.200s", verb, err, text)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%v, %v: wanted the mode that it had", info.Mode(), err)
		}
		f, err := os.Open(filepath.Join(d.dir, "a.png"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = png.Decode(f); err != nil {
			t.Errorf("%v: %v", verb, err)
		}
		f.Close()
		for _, bad := range []string{filepath.Join(d.dir, "a.svg", "b.svg"), d.dir, "/proc/nothing.svg"} {
			out, errs, code := d.om(t, append(verb, "--svg", bad)...)
			if code == 0 || out != "" || !strings.HasPrefix(errs, "om: ") {
				t.Errorf("%v --svg %s: code %d, %q, %q", verb, bad, code, out, errs)
			}
		}
		if out, errs, code := d.om(t, append(verb, "--svg", "/dev/stdout")...); code != 0 || !strings.HasPrefix(out, "<svg") {
			t.Errorf("%v --svg /dev/stdout: code %d, %.100q, %s", verb, code, out, errs)
		}
		if _, errs, code := d.om(t, append(verb, "--svg", "-", "--png", "-")...); code != 2 {
			t.Errorf("%v: two pictures on one stdout: code %d, %s", verb, code, errs)
		}
	}
	left, err := filepath.Glob(filepath.Join(d.dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestTimelineText is the timeline of a day on a terminal, and as programs get it.
func TestTimelineText(t *testing.T) {
	d := shop(t)
	out, errs, code := d.om(t, "shop", "timeline", "--since", "2026-03-28T00:00:00+01:00")
	if code != 0 || errs != "" {
		t.Fatalf("code %d, %s", code, errs)
	}
	for _, want := range []string{
		"shop, 2026-03-28 00:00 to 2026-03-29 11:00 (Europe/Paris)\n", "\n  (at once) ", "✗ failed 3", "○ missed 16", "▓ late 2", "╳ cancelled 1",
		"▒ by hand 1", "· skipped 1", "┊ clocks +1h at Sun 29 Mar 02:00",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, _, _ = d.om(t, "shop", "timeline", "--since", "2026-03-28T00:00:00+01:00", "--rid", "task#sync", "-o", "jsonl")
	if n := strings.Count(out, `"overlaps":true`); n != 1 {
		t.Errorf("%d runs overlap, want 1:\n%s", n, out)
	}
	if n := strings.Count(out, `"class":"missed"`); n != 1 || !strings.Contains(out, `"count":4`) {
		t.Errorf("%d rows of missed slots, want one with four:\n%s", n, out)
	}
}

// TestTimelineHostile: names and reasons from a record neither steer a terminal nor break lines or pictures.
func TestTimelineHostile(t *testing.T) {
	p := newPast()
	now := time.Date(2026, 3, 29, 11, 0, 0, 0, time.UTC)
	for i, rid := range []string{"task#\x1b[2J", "task#</title><script>x</script>", "task#\u202e夜e\u0301", "task#" + strings.Repeat("long", 100), "task#\n\n"} {
		p.run("s", rid, "error", time.Time{}, now.Add(-time.Duration(i+1)*time.Hour), now.Add(-time.Minute))
		p.slot("s", rid, "missed", "\x1b[2J<&\x00", now.Add(-time.Hour), now.Add(-time.Hour), 1)
	}
	d := p.in(t, now, nil)
	for _, args := range [][]string{{"timeline"}, {"s", "timeline", "--svg", "-"}, {"s", "timeline", "-o", "json"}} {
		out, errs, code := d.om(t, args...)
		if code != 0 || errs != "" {
			t.Fatalf("om %v: code %d, %s", args, code, errs)
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e }); i >= 0 && args[len(args)-1] != "json" {
			t.Errorf("om %v: %q", args, out[i:min(i+20, len(out))])
		}
		if strings.Contains(out, "<script>") && args[len(args)-1] == "-" {
			t.Errorf("om %v: a script in\n%s", args, out)
		}
	}
}

// TestTimelineLarge: 10,000 tasks and 20,000 runs are drawn within bounds, those with trouble first.
func TestTimelineLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("imports 20,000 runs")
	}
	p := newPast()
	now := time.Date(2026, 3, 29, 11, 0, 0, 0, time.UTC)
	for i := range 20_000 {
		state, start := "complete", now.Add(-time.Duration(i)*4*time.Second)
		if i%10_000 == 7777 {
			state = "error"
		}
		p.run(fmt.Sprintf("s%d", i%10_000/10), fmt.Sprintf("task#%d", i%10), state, start, start, start.Add(10*time.Minute))
	}
	d := p.in(t, now, nil)
	out, errs, code := d.om(t, "timeline")
	if lines := strings.Count(out, "\n"); code != 0 || errs != "" || lines > 210 || !strings.Contains(out, "and 9950 more tasks") || !strings.Contains(out, "s777/task#7") {
		t.Errorf("code %d, %d lines: %s\n%.3000s", code, lines, errs, out)
	}
	out, errs, code = d.om(t, "timeline", "--svg", "-")
	if code != 0 || errs != "" || len(out) > 1<<20 {
		t.Errorf("code %d, %d bytes: %s", code, len(out), errs)
	}
}
