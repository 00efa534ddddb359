package resource

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"om/task"
)

func TestMatchArgv(t *testing.T) {
	tests := []struct {
		pattern string
		argv    []string
		want    bool
	}{
		{"nginx", []string{"nginx"}, true},
		{"nginx", []string{"/usr/sbin/nginx", "-g", "daemon on;"}, true},
		{"/usr/sbin/nginx", []string{"/usr/sbin/nginx"}, true},
		{"/usr/sbin/nginx", []string{"nginx"}, false},
		{"sbin/nginx", []string{"/usr/sbin/nginx"}, false},
		{"*/nginx", []string{"/usr/sbin/nginx"}, true},
		{"nginx", []string{"vi", "nginx"}, false},
		{"* nginx", []string{"vi", "nginx"}, true},
		{"java -jar /opt/app.jar", []string{"/usr/bin/java", "-Xmx1g", "-jar", "/opt/app.jar", "--port=1"}, true},
		{"java /opt/app.jar -jar", []string{"java", "-jar", "/opt/app.jar"}, false},
		{"java -jar -jar", []string{"java", "-jar"}, false},
		{"java '--name=my app'", []string{"java", "--name=my app"}, true},
		{"'nginx: master process*'", []string{"nginx: master process /usr/sbin/nginx -g daemon on;"}, true},
		{"java --port=8?80", []string{"java", "--port=8080"}, true},
		{"java --port=8?80", []string{"java", "--port=880"}, false},
		{"nginx", nil, false},
		{"env:A=b", nil, true},
	}
	for _, tt := range tests {
		m, err := parseMatch(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.inArgv(tt.argv); got != tt.want {
			t.Errorf("%q in %q: %t", tt.pattern, tt.argv, got)
		}
	}
}

func TestMatchEnv(t *testing.T) {
	env := []string{"A=1", "NAME=a b", "EMPTY=", "AB=2"}
	tests := []struct {
		pattern string
		want    bool
	}{
		{"env:A=1", true},
		{"env:A=2", false},
		{"env:A=1 env:AB=2", true},
		{"env:A=1 env:AB=1", false},
		{"env:A", true},
		{"env:B", false},
		{"env:EMPTY", true},
		{"env:EMPTY=", true},
		{"'env:NAME=a b'", true},
		{"env:NAME=a?b", true},
		{"env:NAME=a*", true},
	}
	for _, tt := range tests {
		m, err := parseMatch(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.inEnv(env); got != tt.want {
			t.Errorf("%q: %t", tt.pattern, got)
		}
	}
}

func TestParseMatch(t *testing.T) {
	got, err := parseMatch("env:A=b=c sh env:HOME -c 'x y'")
	want := match{argv: []string{"sh", "-c", "x y"}, env: []string{"A=b=c", "HOME=*"}}
	if err != nil || !cmp.Equal(got, want, cmp.AllowUnexported(match{})) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"env:", "env:=x", "sh 'x"} {
		if _, err := parseMatch(text); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%q: error %v, want one of kind invalid", text, err)
		}
	}
}

// FuzzGlob compares with a regular expression of the same meaning.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", ""}, {"", ""}, {"a*b*c", "aXbXbc"}, {"*.sh", "/a/b.sh"}, {"?", "é"}, {"**a", "aa"}, {"a*", "b"}, {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if !ascii(pattern) || !ascii(text) {
			t.Skip("the regular expression counts runes where glob counts bytes")
		}
		expr := regexp.QuoteMeta(pattern)
		expr = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expr)
		want := regexp.MustCompile(`(?s)\A` + expr + `\z`).MatchString(text)
		if got := glob(pattern, text); got != want {
			t.Errorf("glob(%q, %q) = %t", pattern, text, got)
		}
	})
}

func ascii(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 }
