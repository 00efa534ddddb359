package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"om/service"
)

// nodeConf is the node.conf that packages install: every keyword, and nothing set.
func nodeConf() string {
	var b strings.Builder
	b.WriteString("# What is true of the whole node: see om.conf(5). Nothing is set here; what a line without its mark would set is its default, or an\n" +
		"# example. om itself never writes this file, and an upgrade leaves it as you edited it.\n" +
		"# Written from the keyword table by go test ./cmd -run NodeConf -update\n")
	for _, section := range []string{"node", "notify", "impersonate", "metrics"} {
		b.WriteString("\n#[" + section + "]\n")
		for _, k := range service.Keywords() {
			if k.Section != section {
				continue
			}
			value := k.Default
			if value == "" {
				value = k.Example
			}
			for line := range strings.Lines(folded(k.Text)) {
				b.WriteString("# " + strings.TrimPrefix(strings.TrimSuffix(line, "\n"), `\&`) + "\n")
			}
			b.WriteString("#" + k.Name + " = " + value + "\n")
		}
	}
	return b.String()
}

// TestNodeConf: the node.conf of the packages has every keyword, sets nothing as it is, and is right where all of it is set.
func TestNodeConf(t *testing.T) {
	file := filepath.Join("..", "packaging", "node.conf")
	if updateMan() {
		if err := os.WriteFile(file, []byte(nodeConf()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != nodeConf() {
		t.Fatalf("node.conf is not that of the table (%v): go test ./cmd -run NodeConf -update", err)
	}
	for _, text := range []string{string(text), regexp.MustCompile(`(?m)^#(\S)`).ReplaceAllString(string(text), "$1")} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "node.conf"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		node, err := service.LoadNode(dir, "n1")
		if err != nil || len(node.Problems) > 0 {
			t.Errorf("%v, %v in\n%s", err, node.Problems, text)
		}
	}
}

// TestPackageVersion: a version comes from the commit and its tag, and says where the tree is another.
func TestPackageVersion(t *testing.T) {
	script, err := filepath.Abs(filepath.Join("..", "packaging", "version"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(program string, args ...string) string {
		c := exec.Command(program, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir),
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
			"GIT_COMMITTER_DATE=2026-11-25T23:30:38-02:00")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", program, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func() { run("git", "commit", "--quiet", "--allow-empty", "--message", "x") }
	version := func(want string) {
		t.Helper()
		if got := run(script); !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("version %s, want %s", got, want)
		}
	}
	version("devel")
	run("git", "init", "--quiet")
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run("git", "add", "file")
	commit()
	version(`0\.0\.0~git20261126013038\.[0-9a-f]{7}`)
	run("git", "tag", "v1.2.0-rc.1")
	version(`1\.2\.0~rc\.1`)
	commit()
	run("git", "tag", "v1.2.0")
	version(`1\.2\.0`)
	commit()
	version(`1\.2\.0\+1\.git20261126013038\.[0-9a-f]{7}`)
	run("git", "rm", "--quiet", "file")
	version(`1\.2\.0\+1\.git20261126013038\.[0-9a-f]{7}\.dirty`)
}
