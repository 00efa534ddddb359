package cmd

import (
	"slices"
	"strings"
	"testing"
)

func TestRoute(t *testing.T) {
	tests := []struct {
		argv, selector, verb, args string
	}{
		{"om", "", "", ""},
		{"om ls", "", "ls", "ls"},
		{"om testmd run --rid task#0", "testmd", "run", "run --rid task#0"},
		{"om prod/testmd run", "prod/testmd", "run", "run"},
		{"om -s testmd run -q", "testmd", "run", "run -q"},
		{"om --service=testmd run", "testmd", "run", "run"},
		{"om -s ls run", "ls", "run", "run"},
		{"om --config-dir /x testmd run", "testmd", "run", "--config-dir /x run"},
		{"om --config-dir=/x testmd run", "testmd", "run", "--config-dir=/x run"},
		{"om -o json ls", "", "ls", "-o json ls"},
		{"om testmd", "testmd", "", ""},
		{"om testmd print status", "testmd", "print", "print status"},
		{"om testmd frobnicate", "testmd", "frobnicate", "frobnicate"},
		{"om --help", "", "", "--help"},
		{"om testmd --help", "testmd", "", "--help"},
		{"/usr/bin/testmd run", "testmd", "run", "run"},
		{"testmd", "testmd", "", ""},
		{"om run", "", "run", "run"},
		{"om -s", "", "", ""},
		{"om --", "", "", ""},
	}
	for _, tt := range tests {
		r := routeOf(strings.Fields(tt.argv), isVerb)
		if got := strings.Join(r.args, " "); r.selector != tt.selector || r.verb != tt.verb || got != tt.args {
			t.Errorf("%q: got selector %q verb %q args %q, want %q %q %q", tt.argv, r.selector, r.verb, got, tt.selector, tt.verb, tt.args)
		}
	}
}

// FuzzSelector holds the laws of the route: no word is made up, the words after the verb are passed on
// untouched and in order, and the verb stands among the words for cobra.
func FuzzSelector(f *testing.F) {
	for _, s := range []string{"om ls", "om testmd run --rid task#0", "testmd run", "om -s a b c", "om -o json -- x", "om --color", "-s -s -s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		argv := strings.Split(line, " ")
		r := routeOf(argv, isVerb)
		for _, a := range r.args {
			if !slices.Contains(argv, a) {
				t.Errorf("%q: %q is not a word of it", line, a)
			}
		}
		if r.verb == "" {
			return
		}
		for i, word := range r.args { // the value of a flag may be the same word
			if rest := r.args[i:]; word == r.verb && len(rest) <= len(argv) && slices.Equal(rest, argv[len(argv)-len(rest):]) {
				return
			}
		}
		t.Errorf("%q: the words from the verb %q on are not in %q", line, r.verb, r.args)
	})
}
