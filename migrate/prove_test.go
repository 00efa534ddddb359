package migrate_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"om/migrate"
	"om/schedule"
	"om/service"
)

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func moment(tb testing.TB, text string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

// prover compares on a host in a zone.
func prover(tb testing.TB, host, from, to string) *migrate.Prover {
	tb.Helper()
	loc := zone(tb, host)
	load := func(name string) (*time.Location, error) {
		if name == "Local" {
			return loc, nil
		}
		return service.LoadZone(name)
	}
	return &migrate.Prover{
		Node: service.Node{Name: "n1", Schedules: schedule.NewParser(load)}, Host: loc, Zones: load,
		From: moment(tb, from), To: moment(tb, to),
	}
}

// proveTable imports a crontab and proves it.
func proveTable(tb testing.TB, p *migrate.Prover, text string) []migrate.Proof {
	tb.Helper()
	c := migrate.CronTable{Service: "s", File: "tab", Text: text, Host: p.Host, Zones: p.Zones, Now: p.From}
	d := c.Draft()
	file, err := d.Write(p.Node)
	if err != nil {
		tb.Fatal(err)
	}
	proofs, err := p.Prove(&d, file)
	if err != nil {
		tb.Fatalf("%v\n%s", err, file)
	}
	return proofs
}

// said writes a proof in one line.
func said(p *migrate.Proof) string {
	text := fmt.Sprintf("%d %d", p.Theirs, p.Ours)
	for _, d := range p.Differences {
		cause, _, _ := strings.Cut(d.Cause, ":")
		text += fmt.Sprintf(" | %s %d %d/%d %s", d.At.Format(time.RFC3339), d.Count, d.Theirs, d.Ours, cause)
	}
	return text
}

// TestProveCron has what cron and om do when clocks change.
func TestProveCron(t *testing.T) {
	for _, row := range []struct{ name, host, from, to, lines, want string }{
		{"a day", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "*/10 * * * *", "144 144"},
		{"from within a minute", "UTC", "2026-01-01T00:00:30Z", "2026-01-01T00:02:00Z", "* * * * *", "1 1"},
		{"either day", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "0 0 13 * fri", "61 61"},
		{"both days", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "0 0 13 * */5", "5 5"},
		{"a leap day", "UTC", "2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z", "0 0 29 2 *", "1 1"},
		{"a fixed time in a gap", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "30 2 * * *", "1 1"},
		{"two of them", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "0,30 2 * * *", "2 1 | 2026-03-29T03:00:00+02:00 1 2/1 DST gap"},
		{"one and the time after it", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "0 2,3 * * *", "2 1 | 2026-03-29T03:00:00+02:00 1 2/1 DST gap"},
		{"a star in a gap", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "*/20 2 * * *", "0 0"},
		{"a fixed time that comes twice", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "30 2 * * *", "1 1"},
		{"a star that comes twice", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "*/20 2 * * *", "6 6"},
		{"half an hour", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z", "15 2 * * *", "1 1"},
		{"midnight", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T12:00:00Z", "0 0 * * *", "1 1"},
		{"another zone, in its gap", "UTC", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "CRON_TZ=Europe/Paris\n30 2 * * *", "0 0"},
		{"another zone, in its overlap", "UTC", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "CRON_TZ=Europe/Paris\n30 2 * * *", "2 2"},
		{"another zone that changes with the host's", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "CRON_TZ=Europe/Paris\n30 2 * * *", "1 1"},
		{"another zone while the host's repeats an hour", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "CRON_TZ=UTC\n30 1 * * *", "0 1 | 2026-10-25T02:30:00+01:00 1 0/1 DST overlap"},
		{"drawn", "UTC", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "10~20 ~ * * *", "31 31"},
		{"put off", "UTC", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "RANDOM_DELAY=600\n0 5 * * *", "31 31"},
		{"never", "UTC", "2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z", "0 0 30 2 *", "0 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := prover(t, row.host, row.from, row.to)
			proofs := proveTable(t, p, row.lines+" a\n")
			if got := said(&proofs[0]); got != row.want || !proofs[0].Explained() {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// TestCronObserved compares with what Debian's cron was seen to do, under a clock that was made to run fast.
func TestCronObserved(t *testing.T) {
	for _, row := range []struct{ line, spring, autumn string }{
		{"30 2 * * *", "03:00", "02:30+02"},
		{"0,30 2 * * *", "03:00 03:00", "02:00+02 02:30+02"},
		{"0 3 * * *", "03:00", "03:00+01"},
		{"*/20 * * * *", "03:00 03:20", "02:00+02 02:20+02 02:40+02 02:00+01 02:20+01 02:40+01 03:00+01 03:20+01"},
		{"*/20 2 * * *", "", "02:00+02 02:20+02 02:40+02 02:00+01 02:20+01 02:40+01"},
		{"30 * * * *", "03:30", "02:30+02 02:30+01"},
	} {
		for from, want := range map[string]string{"2026-03-29T00:55:30Z": row.spring, "2026-10-24T23:55:30Z": row.autumn} {
			to := moment(t, from).Add(map[bool]time.Duration{true: 40 * time.Minute, false: 150 * time.Minute}[from[6] == '3'])
			var got []string
			for _, at := range migrate.CronStarts(zone(t, "Europe/Paris"), row.line, moment(t, from), to) {
				layout := "15:04"
				if from[6] != '3' {
					layout = "15:04-07"
				}
				got = append(got, at.Format(layout))
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s from %s: got %q, cron had %q", row.line, from, text, want)
			}
		}
	}
}

// TestProveDown: what is missed while the host is off.
func TestProveDown(t *testing.T) {
	p := prover(t, "UTC", "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z")
	p.Down = []migrate.Span{{From: moment(t, "2026-01-02T00:00:00Z"), To: moment(t, "2026-01-03T12:00:00Z")}}
	proofs := proveTable(t, p, "0 6 * * * a\n*/10 * * * * b\n")
	for i, want := range []string{"2 2", "360 360"} {
		if got := said(&proofs[i]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	p.Down = append(p.Down, migrate.Span{From: moment(t, "2026-01-01T06:00:00Z"), To: moment(t, "2026-01-02T06:00:00Z")})
	if err := p.Check(); err == nil {
		t.Error("spans that overlap are wrong")
	}
}

// lines writes a crontab by chance.
func lines(r *rand.Rand, n int) string {
	field := func(low, high int) string {
		number := func() int { return low + r.IntN(high-low+1) }
		switch r.IntN(5) {
		case 0:
			a, b := number(), number()
			return fmt.Sprintf("%d-%d", min(a, b), max(a, b))
		case 1:
			return fmt.Sprintf("*/%d", 1+r.IntN(high))
		case 2:
			return fmt.Sprintf("%d,%d", number(), number())
		case 3:
			return fmt.Sprint(number())
		}
		return "*"
	}
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "%s %s %s %s %s a\n", field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7))
	}
	return b.String()
}

// TestProveByChance: whatever a table says, all differences are explained.
func TestProveByChance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, host := range []string{"UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago"} {
		for _, other := range []string{"", "CRON_TZ=Europe/London\n", "CRON_TZ=America/Havana\n"} {
			p := prover(t, host, "2026-03-01T00:00:00Z", "2026-11-10T00:00:00Z")
			for _, proof := range proveTable(t, p, other+lines(r, 10)) {
				if !proof.Explained() {
					t.Errorf("%s %s: %s", host, proof.Schedule, said(&proof))
				}
			}
		}
	}
}

// BenchmarkProve proves 1,000 lines over 12 months.
func BenchmarkProve(b *testing.B) {
	text := lines(rand.New(rand.NewPCG(3, 4)), 1000)
	for b.Loop() {
		p := prover(b, "Europe/Paris", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
		starts := 0
		for _, proof := range proveTable(b, p, text) {
			starts += proof.Theirs
		}
		b.ReportMetric(float64(starts), "starts")
	}
}
