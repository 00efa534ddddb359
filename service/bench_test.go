package service

import (
	"fmt"
	"strings"
	"testing"

	"gopkg.in/ini.v1"
)

// sample is the text of a service of ten tasks, as people write them.
func sample() []byte {
	var b strings.Builder
	b.WriteString("[DEFAULT]\nnodes = n1 n2\napp = shop\nuser = backup\nrun_schedule = @1d\n\n[env]\nroot = /srv/{name}\n\n[fs#0]\nmnt = /srv/shop\ndev = /dev/vg/shop\ntype = ext4\n")
	for i := range 10 {
		fmt.Fprintf(&b, "\n# task number %d\n[task#%d]\ncommand = /usr/local/bin/job --number %d --root {env.root}\nschedule = ~01:00-05:00 mon-fri\n", i, i, i)
		b.WriteString("timeout = 2h\nrun_requires = fs#0(up)\ntags = nightly backup\nenvironment = PGHOST=/run/pg MODE=live\ncheck = last_run\n")
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	text := sample()
	b.ReportAllocs()
	for b.Loop() {
		if s := Parse("shop.conf", "shop", text, Node{Name: "n1"}); len(s.Tasks) != 10 || len(s.Problems) != 0 {
			b.Fatal(s.Problems)
		}
	}
}

func BenchmarkBareINI(b *testing.B) {
	text := sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ini.LoadSources(options(), text); err != nil {
			b.Fatal(err)
		}
	}
}
