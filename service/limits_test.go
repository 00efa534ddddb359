package service_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"om/service"
)

// TestHugeReferences: values made to grow or to be slow to read end, and soon.
func TestHugeReferences(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("[env]\na0 = ha\n")
	for _, k := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		prev := string(k[0] - 1)
		laughs.WriteString("a" + k + " = " + strings.Repeat("{env.a"+prev+"}", 10) + "\n")
	}
	for _, c := range []struct{ name, text, want string }{
		{"a value that grows tenfold nine times", laughs.String() + "[task#0]\ncommand = {env.a9}\n", "wanted a value"},
		{"open braces", "[task#0]\ncommand = x" + strings.Repeat("{", 70000) + "\n", ""},
		{"nested braces", "[task#0]\ncommand = x" + strings.Repeat("{", 35000) + strings.Repeat("}", 35000) + "\n", ""},
		{"nested names", "[task#0]\ncommand = x" + strings.Repeat("{a", 23000) + strings.Repeat("}", 23000) + "\n", ""},
		{"nested braces around a reference", "[task#0]\ncommand = x" + strings.Repeat("{b{name}", 9000) + strings.Repeat("}", 9000) + "\n", "references"},
		{"a long name", "[task#0]\ncommand = {" + strings.Repeat("a", 70000) + "}\n", ""},
		{"a deep chain", deepChain(400), ""},
		{"a chain that is too deep", deepChain(1100), "references"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun := time.Now()
			s := service.Parse("f", "testmd", []byte(c.text), service.Node{Name: "n1"})
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			var told string
			for _, p := range s.Problems {
				told += p.String()
			}
			if c.want == "" && len(s.Tasks) != 1 || !strings.Contains(told, c.want) || c.want != "" && len(s.Tasks) > 0 {
				t.Errorf("told %.200q, want %q; %d tasks", told, c.want, len(s.Tasks))
			}
		})
	}
}

// deepChain is a file whose command needs n references, one through the other.
func deepChain(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[task#0]\ncommand = {env.k%d}\n[env]\nk0 = end\n", n-1)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "k%d = {env.k%d}\n", i, i-1)
	}
	return b.String()
}

// TestStartCostsNothing: a process that uses the package and does not read a file does no work for it.
func TestStartCostsNothing(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("counting coverage is work of its own")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "init runtime ") {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "init om/service ") {
			t.Errorf("the package has init work: %s", line)
		}
	}
}

// TestHugeFiles: a file that is as large as one may be, made to be slow to read, is read soon, and its
// problems are few enough to be told.
func TestHugeFiles(t *testing.T) {
	most := func(head, line, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < 4<<20-100; i++ {
			b.WriteString(strings.ReplaceAll(line, "%", strconv.Itoa(i)))
		}
		return b.String() + tail
	}
	for _, c := range []struct {
		name, text, want string
		tasks            int
	}{
		{"keywords that nobody knows", most("[task#0]\ncommand = x\n", "k% = v\n", "[task#1]\ncommand = y\n"), "wanted at most 2000 keywords", 1},
		{"keys", most("[env]\n", "k% = v\n", "[task#1]\ncommand = y\n"), "wanted at most 2000 keywords", 1},
		{"scopes", most("[task#0]\ncommand = x\n", "timeout@n% = 1\n", "[task#1]\ncommand = y\n"), "wanted at most 2000 keywords", 1},
		{"keywords of [DEFAULT]", most("[DEFAULT]\n", "k% = v\n", ""), "wanted at most 2000 keywords", 0},
		{"tasks", most("", "[task#%]\ncommand = x\n", ""), "wanted at most 10000 sections", 10000},
		{"resources", most("[task#0]\ncommand = x\n", "[fs#%]\nmnt = /\n", ""), "wanted at most 10000 sections", 1},
		{"groups", most("[task#0]\ncommand = x\n", "[g%#0]\n", ""), "wanted at most 10000 sections", 1},
		{"requirements that are not there", most("", "[task#%]\ncommand = x\nrequires = a#% b#% c#% d#%\n", ""), "more problems than the 1000", 0},
		{"references that are not there", most("", "[task#%]\ncommand = {a#%.b}\n", ""), "more problems than the 1000", 0},
		{"lines that are no INI", most("[task#0]\ncommand = x\n", "bad\n", "[task#1]\ncommand = y\n"), "more problems than the 1000", 1},
		{"names of nodes", most("[DEFAULT]\nnodes = ", "n% ", "\n[task#0]\ncommand = x\n"), "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun := time.Now()
			s := service.Parse("f", "testmd", []byte(c.text), service.Node{Name: "n1"})
			// A second, as a rule; under the race detector on a busy host half a minute. One that grows with the square takes an hour.
			if took := time.Since(begun); took > 2*time.Minute {
				t.Errorf("took %v", took)
			}
			var told string
			for _, p := range s.Problems {
				told += p.String() + "\n"
			}
			if !strings.Contains(told, c.want) || len(s.Tasks) != c.tasks || len(s.Problems) > 1001 {
				t.Errorf("%d problems, %d tasks; told %.2000q, want %q", len(s.Problems), len(s.Tasks), told, c.want)
			}
		})
	}
}
