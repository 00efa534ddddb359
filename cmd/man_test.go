package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"om/service"
)

func readMan(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "man", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManVerbs: every verb, sub-verb and flag of the command tree is in om.1.
func TestManVerbs(t *testing.T) {
	page := readMan(t, "om.1")
	a := &app{Env: Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.HasParent() && !c.Hidden && !regexp.MustCompile(`(?m)\bCm .*\b`+c.Name()+`\b`).MatchString(page) {
			t.Errorf("om.1 has no verb %q", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !strings.Contains(page, "Fl -"+f.Name) && !strings.Contains(page, "| -"+f.Name) {
				t.Errorf("om.1 has no --%s of %s", f.Name, c.CommandPath())
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.root(verbs()))
}

// The keywords of om.conf.5 are written from the keyword table, between these two lines.
const (
	manBegin = ".\\\" BEGIN keywords: written from the keyword table by go test ./cmd -run Man -update\n"
	manEnd   = ".\\\" END keywords\n"
)

// TestManKeywords: the keywords of om.conf.5 are those of the table; -update writes them.
func TestManKeywords(t *testing.T) {
	page := readMan(t, "om.conf.5")
	head, rest, ok := strings.Cut(page, manBegin)
	_, tail, ok2 := strings.Cut(rest, manEnd)
	if !ok || !ok2 {
		t.Fatal("om.conf.5 has no lines that begin and end the keywords")
	}
	want := head + manBegin + manKeywords() + manEnd + tail
	if page == want {
		return
	}
	if !updateMan() {
		t.Fatal("the keywords of om.conf.5 are not those of the table: go test ./cmd -run Man -update")
	}
	if err := os.WriteFile(filepath.Join("..", "man", "om.conf.5"), []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestManLint: mandoc finds nothing to say of the pages, but that others are not installed here.
func TestManLint(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("no mandoc to ask:", err)
	}
	elsewhere := regexp.MustCompile("referenced manual not found|outdated mandoc.db")
	for _, page := range []string{"om.1", "om.conf.5", "om-import.7", "om-metrics.7", "omd.8"} {
		out, _ := exec.Command(mandoc, "-T", "lint", filepath.Join("..", "man", page)).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if !elsewhere.MatchString(line) {
				t.Error(strings.TrimSuffix(line, "\n"))
			}
		}
	}
}

func updateMan() bool {
	for _, arg := range os.Args {
		if arg == "-test.update" || arg == "-update" || arg == "-update=true" {
			return true
		}
	}
	return false
}

func manKeywords() string {
	var b strings.Builder
	for _, section := range []struct{ name, title string }{
		{"task", "Keywords of a task"},
		{"*", "Keywords of any resource"},
		{"fs", "Keywords of a filesystem"},
		{"ip", "Keywords of an address"},
		{"app", "Keywords of an application"},
		{"subset", "Keywords of a subset"},
		{"DEFAULT", "Keywords of the service, in [DEFAULT]"},
		{"node", "Keywords of the node, in [node] of node.conf"},
		{"notify", "Keywords of [notify] in node.conf"},
		{"impersonate", "Keywords of [impersonate] in node.conf"},
		{"metrics", "Keywords of [metrics] in node.conf"},
	} {
		b.WriteString(".Sh " + strings.ToUpper(section.title) + "\\&\n.Bl -tag -width Ds\n")
		for _, k := range service.Keywords() {
			if k.Section == section.name {
				manKeyword(&b, k)
			}
		}
		b.WriteString(".El\n")
	}
	return b.String()
}

func manKeyword(b *strings.Builder, k service.Keyword) {
	b.WriteString(".It Ic " + k.Name + " Pq " + k.Kind.String() + "\n" + roff(k.Text) + "\n")
	for _, fact := range []struct{ what, value string }{
		{"One of: ", strings.Join(k.Choices, ", ")},
		{"Default: ", k.Default},
		{"Also written: ", strings.Join(k.Aliases, ", ")},
		{"Where the section has none, [DEFAULT] may have: ", k.Inherit},
	} {
		if fact.value != "" && !(k.Kind.String() == "boolean" && fact.what == "One of: ") {
			b.WriteString(".br\n" + roff(fact.what+fact.value) + "\n")
		}
	}
	if !k.Scopable {
		b.WriteString(".br\nIt takes no scope.\n")
	}
	if k.Example != "" {
		b.WriteString(".Dl " + roff(k.Name+" = "+k.Example) + "\n")
	}
}

// roff makes text safe in a manual page, a sentence a line.
func roff(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	text = strings.ReplaceAll(text, ". ", ".\n")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		lines[i] = folded(line)
	}
	return strings.Join(lines, "\n")
}

// folded breaks a line at blanks where it would be longer than mandoc likes.
func folded(line string) string {
	var b strings.Builder
	width := 0
	for i, word := range strings.Split(line, " ") {
		switch n := utf8.RuneCountInString(word); {
		case i == 0:
			width = n
		case width+1+n > 79:
			b.WriteByte('\n')
			if word != "" && strings.Contains(".'", word[:1]) {
				b.WriteString(`\&`)
			}
			width = n
		default:
			b.WriteByte(' ')
			width += 1 + n
		}
		b.WriteString(word)
	}
	return b.String()
}
