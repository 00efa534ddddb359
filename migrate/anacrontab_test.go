package migrate_test

import (
	"strings"
	"testing"

	"om/migrate"
)

func proveAnacron(tb testing.TB, p *migrate.Prover, text string) []migrate.Proof {
	tb.Helper()
	a := migrate.AnacronTable{Service: "s", File: "anacrontab", Text: text}
	d := a.Draft()
	file, err := d.Write(p.Node)
	if err != nil {
		tb.Fatal(err)
	}
	valid(tb, &d, file)
	proofs, err := p.Prove(&d, file)
	if err != nil {
		tb.Fatal(err)
	}
	return proofs
}

// TestProveAnacron compares days. That anacron runs @monthly again on 29 March after 1 March, for February had 28 days,
// was seen with Debian's. Only the begin of the differences is given.
func TestProveAnacron(t *testing.T) {
	for _, row := range []struct{ name, line, from, to, want string }{
		{"each day", "1 5 a b", "2026-01-01T10:00:00Z", "2027-01-01T10:00:00Z", "364 364"},
		{"each week", "7 10 a b", "2026-01-01T10:00:00Z", "2027-01-01T10:00:00Z", "52 52"},
		{"by name", "@weekly 10 a b", "2026-01-01T10:00:00Z", "2027-01-01T10:00:00Z", "52 52"},
		{"months", "@monthly 15 a b", "2026-01-10T10:00:00Z", "2027-01-01T10:00:00Z", "11 11 | 2026-02-07T00:00:00Z 1 1/0 months and years are not alike | 2026-02-10T00:00:00Z 1 0/1 "},
		{"months of unequal length", "@monthly 15 a b", "2026-01-30T10:00:00Z", "2026-03-15T10:00:00Z", "1 1 | 2026-02-27T00:00:00Z 1 1/0 months and years are not alike | 2026-02-28T00:00:00Z 1 0/1 months and years are not alike"},
		{"years", "@yearly 15 a b", "2026-01-30T10:00:00Z", "2030-01-31T10:00:00Z", "4 4 | 2029-01-29T00:00:00Z 1 1/0 "},
		{"hours", "START_HOURS_RANGE=3-22\nRANDOM_DELAY=45\n2 60 a b", "2026-01-01T10:00:00Z", "2026-01-31T00:00:00Z", "14 14"},
	} {
		t.Run(row.name, func(t *testing.T) {
			proofs := proveAnacron(t, prover(t, "UTC", row.from, row.to), row.line+"\n")
			if got := said(&proofs[0]); got != row.want && !(strings.Contains(row.want, "|") && strings.HasPrefix(got, row.want)) || !proofs[0].Explained() {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	p := prover(t, "Europe/Paris", "2026-01-01T10:00:00Z", "2026-12-31T10:00:00Z")
	p.Down = []migrate.Span{{From: moment(t, "2026-02-01T00:00:00Z"), To: moment(t, "2026-02-11T12:00:00Z")}}
	for _, proof := range proveAnacron(t, p, "1 5 a b\n7 5 c d\n") {
		if len(proof.Differences) > 0 {
			t.Errorf("ten days off: %s", said(&proof))
		}
	}
}

func FuzzAnacrontab(f *testing.F) {
	f.Add("SHELL=/bin/sh\n# c\n1 5 cron.daily nice \\\n x\n")
	f.Add("@monthly 5 a {name}\nSTART_HOURS_RANGE=3-22\nRANDOM_DELAY=9")
	f.Fuzz(func(t *testing.T, text string) {
		a := migrate.AnacronTable{Service: "s", File: "anacrontab", Text: text}
		d := a.Draft()
		file, err := d.Write(node())
		if err != nil {
			t.Fatal(err)
		}
		valid(t, &d, file)
	})
}
