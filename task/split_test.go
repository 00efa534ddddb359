package task_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"om/task"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{}},
		{"only white space", " \t\r\n", []string{}},
		{"plain words", "id  -u\t-n\n-r", []string{"id", "-u", "-n", "-r"}},
		{"a Unicode space is no white space", "a\u00a0b\u2003c d", []string{"a\u00a0b\u2003c", "d"}},
		{"a vertical tab is no white space", "a\vb\fc", []string{"a\vb\fc"}},
		{"single quotes keep all", `echo 'a "b" \n # c'`, []string{"echo", `a "b" \n # c`}},
		{"double quotes keep a backslash", `"a\nb" "\$" "c\\d" "e\"f"`, []string{`a\nb`, `\$`, `c\d`, `e"f`}},
		{"a backslash outside quotes", `a\ b \n \" \'`, []string{"a b", "n", `"`, "'"}},
		{"a backslash before a newline keeps it", "a\\\nb", []string{"a\nb"}},
		{"a hash is no comment", `echo # x #y z#`, []string{"echo", "#", "x", "#y", "z#"}},
		{"a quoted hash", `'#' "#" \# "\#"`, []string{"#", "#", "#", `\#`}},
		{"empty arguments", `"" a '' b""`, []string{"", "a", "", "b"}},
		{"quotes within a word", `a"b c"'d e'f`, []string{"ab cd ef"}},
		{"shell characters are ordinary", `a && b|c; d>e`, []string{"a", "&&", "b|c;", "d>e"}},
		{"bytes that are not UTF-8", "a\xff '\xc3' \"\\\xe9\"", []string{"a\xff", "\xc3", "\\\xe9"}},
		{"UTF-8", `ä "ö ü" ß#`, []string{"ä", "ö ü", "ß#"}},
		{"NUL", "'a\x00b' \x00", []string{"a\x00b", "\x00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := task.Split(c.text)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("Split(%q) = %q, %v; want %q", c.text, got, err, c.want)
			}
		})
	}
}

func TestSplitMissing(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`echo 'a b`, `offset 5: "'a b": wanted a closing single quote: invalid`},
		{`echo 'it's b'`, `offset 12: "'": wanted a closing single quote: invalid`},
		{`"a\"`, `offset 0: "\"a\\\"": wanted a closing double quote: invalid`},
		{`x 'a' "b'`, `offset 6: "\"b'": wanted a closing double quote: invalid`},
		{`a b\`, `offset 3: "\\": wanted a character after the backslash: invalid`},
		{`"a\`, `offset 2: "\\": wanted a character after the backslash: invalid`},
	} {
		args, err := task.Split(c.text)
		if !errors.Is(err, task.ErrInvalid) || err.Error() != c.want {
			t.Errorf("Split(%q) = %q, %v; want %s", c.text, args, err, c.want)
		}
	}
}

func TestNeedsShell(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"id -u && /bin/true", true},
		{"a||b", true},
		{"a|b", true},
		{"a;", true},
		{`a "b" ; c`, true},
		{`a \\; b`, true},
		{"/bin/true", false},
		{"a & b", false},
		{`find . -exec ls {} \;`, false},
		{`sh -c "a; b && c"`, false},
		{`sh -c 'a | b'`, false},
		{`a "\";" b`, false},
		{`a \&& b`, false},
		{"a > b", false},
		{"", false},
	} {
		if got := task.NeedsShell(c.text); got != c.want {
			t.Errorf("NeedsShell(%q) = %v", c.text, got)
		}
	}
}

func TestShellHints(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"/bin/true", nil},
		{"a > b", []string{">"}},
		{"a <b >c 2>&1 &", []string{"<", ">", "&"}},
		{"ls *.c $HOME `date` *", []string{"*", "$", "`"}},
		{`echo '$HOME' "*" \>`, nil},
		{"a && b", nil},
		{"a && b & c", []string{"&"}},
		{`a \&& b`, nil},
		{"&", []string{"&"}},
	} {
		if got := task.ShellHints(c.text); !slices.Equal(got, c.want) {
			t.Errorf("ShellHints(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"id", "-u"}, "id -u"},
		{[]string{"a b", "", "it's", "#", "a\nb"}, "'a b' '' 'it'\"'\"'s' '#' 'a\nb'"},
		{[]string{"/x/y.z:1,2%+=@_-"}, "/x/y.z:1,2%+=@_-"},
		{[]string{"ä", "\xff"}, "'ä' '\xff'"},
	} {
		got := task.Quote(c.args)
		if got != c.want {
			t.Errorf("Quote(%q) = %s, want %s", c.args, got, c.want)
		}
		checkQuote(t, c.args)
	}
}

// TestSplitAsPython compares Split with Python's shlex.split: every text of up to 5 characters
// out of those that matter, and longer ones at random.
func TestSplitAsPython(t *testing.T) {
	py := startPython(t)
	short := []string{""}
	for i := 0; len(short[i]) < 5; i++ {
		for _, c := range `'"\# a` {
			short = append(short, short[i]+string(c))
		}
	}
	py.compare(t, short)
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"'", `"`, `\`, "#", " ", "a", "\n", "\t", "\r", "\v", "é", "\u00a0", "\xff", "\xed\xa0\x80", "\x00", "$", "&&", "\u0085", "\ufeff", "x y"}
	for range 10 {
		var long []string
		for range 1000 {
			var b strings.Builder
			for range random.IntN(24) {
				b.WriteString(pieces[random.IntN(len(pieces))])
			}
			long = append(long, b.String())
		}
		py.compare(t, long)
	}
}

func FuzzSplit(f *testing.F) {
	py := startPython(f)
	for _, text := range []string{"id -u && /bin/true", `sh -c "a; b # c"`, `'' "" \# "\n" "\\" a\`, "#", "\xff'\\", "a\u00a0b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { py.compare(t, []string{text}) })
}

func FuzzQuote(f *testing.F) {
	f.Add("id\x00-u\x00a b\x00\x00it's #1; $x")
	f.Fuzz(func(t *testing.T, text string) { checkQuote(t, strings.Split(text, "\x00")) })
}

// FuzzNeedsShell appends an operator to text: it counts unless text leaves it quoted.
func FuzzNeedsShell(f *testing.F) {
	f.Add(`sh -c "a; b"`)
	f.Add(`a \`)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := task.Split(text)
		for _, operator := range []string{"&&", "||", "|", ";"} {
			got, want := task.NeedsShell(text+operator), task.NeedsShell(text) || err == nil
			// after a lone & or a backslash the operator reads otherwise
			if got != want && !strings.HasSuffix(text, "&") && !strings.HasSuffix(text, `\`) {
				t.Errorf("NeedsShell(%q) = %v, want %v", text+operator, got, want)
			}
		}
	})
}

func checkQuote(t *testing.T, args []string) {
	t.Helper()
	line := task.Quote(args)
	got, err := task.Split(line)
	if err != nil || !slices.Equal(got, args) {
		t.Errorf("Split(Quote(%q)) = %q, %v", args, got, err)
	}
	if task.NeedsShell(line) || task.ShellHints(line) != nil {
		t.Errorf("Quote(%q) = %s leaves %q to a shell", args, line, task.ShellHints(line))
	}
}

// python is a python3 process that splits what it is sent.
type python struct {
	in  *json.Encoder
	out *json.Decoder
}

// pythonSplit answers each line, a JSON list of texts, with a list of their words, null where
// there is an error, and of the words joined again. Bytes travel as Latin-1.
const pythonSplit = `
import json, shlex, sys
def inward(s): return s.encode('latin-1').decode('utf-8', 'surrogateescape')
def outward(s): return s.encode('utf-8', 'surrogateescape').decode('latin-1')
def answer(text):
    try: words = shlex.split(inward(text))
    except ValueError: return None
    return {'words': [outward(w) for w in words], 'joined': outward(shlex.join(words))}
for line in sys.stdin:
    print(json.dumps([answer(t) for t in json.loads(line)]), flush=True)
`

func startPython(tb testing.TB) *python {
	tb.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		tb.Skip("no python3 to compare with:", err)
	}
	cmd := exec.Command(path, "-c", pythonSplit)
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Error("python3:", err)
		}
	})
	return &python{json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}
}

// compare splits each text on both sides, and joins the words again.
func (p *python) compare(tb testing.TB, texts []string) {
	tb.Helper()
	wide := make([]string, len(texts))
	for i, text := range texts {
		wide[i] = latin1(text)
	}
	var want []*struct {
		Words  []string
		Joined string
	}
	if err := p.in.Encode(wide); err != nil {
		tb.Fatal(err)
	}
	if err := p.out.Decode(&want); err != nil && !errors.Is(err, io.EOF) || len(want) != len(texts) {
		tb.Fatalf("%d answers of %d: %v", len(want), len(texts), err)
	}
	for i, text := range texts {
		got, err := task.Split(text)
		if want[i] == nil {
			if !errors.Is(err, task.ErrInvalid) {
				tb.Errorf("Split(%q) = %q, %v; Python has an error", text, got, err)
			}
			continue
		}
		joined := latin1(task.Quote(got))
		for j := range got {
			got[j] = latin1(got[j])
		}
		if err != nil || !slices.Equal(got, want[i].Words) || joined != want[i].Joined {
			tb.Errorf("Split(%q) = %q, %v; Python %q\njoined %q; Python %q", text, got, err, want[i].Words, joined, want[i].Joined)
		}
	}
}

func latin1(s string) string {
	wide := make([]rune, len(s))
	for i := range wide {
		wide[i] = rune(s[i])
	}
	return string(wide)
}

func BenchmarkSplit(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"plain", "/usr/bin/rsync -a --delete /srv/data/ backup:/srv/data/"},
		{"quoted", `sh -c "pg_dump -Fc app > /srv/backup/app.dump # nightly"`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := task.Split(c.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
