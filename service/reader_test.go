package service

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"om/task"
)

// goldens are the texts of the golden files.
func goldens(tb testing.TB) (all []string) {
	tb.Helper()
	files, err := filepath.Glob("../testdata/service/*.txtar")
	if err != nil || len(files) == 0 {
		tb.Fatal(err, files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, string(txtar.Parse(text).Files[0].Data))
	}
	return all
}

// TestReader: what was read before makes no difference, in whatever order it comes.
func TestReader(t *testing.T) {
	texts := goldens(t)
	n := Node{Name: "n1"}
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	var r Reader
	for range 20 * len(texts) {
		text := texts[random.IntN(len(texts))]
		alike(t, r.parse("f", "prod/testmd", []byte(text), n), Parse("f", "prod/testmd", []byte(text), n))
	}
}

// TestReaderKeep: what is kept stays as it is, and so do copies of tasks where it is not.
func TestReaderKeep(t *testing.T) {
	dir := t.TempDir()
	texts := goldens(t)
	for i, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("s%d.conf", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var r Reader
	var kept []*Service
	var tasks [][]task.Task
	for i := range texts {
		s, err := r.Read(dir, fmt.Sprintf("s%d", i), Node{Name: "n1"})
		if err != nil {
			t.Fatal(err)
		}
		if tasks = append(tasks, slices.Clone(s.Tasks)); i%2 == 0 {
			kept = append(kept, s)
			r.Keep()
		}
	}
	for i := range texts {
		want, err := Read(dir, fmt.Sprintf("s%d", i), Node{Name: "n1"})
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			alike(t, kept[i/2], want)
		}
		if len(tasks[i]) != len(want.Tasks) || len(want.Tasks) > 0 && !reflect.DeepEqual(tasks[i], want.Tasks) {
			t.Errorf("s%d: tasks that were copied have become\n%+v\nwant\n%+v", i, tasks[i], want.Tasks)
		}
	}
}

// TestReaderNames: what ini.v1 keeps of other files does not grow without end.
func TestReaderNames(t *testing.T) {
	var r Reader
	for i := range 100 {
		text := fmt.Sprintf("[env]\nname%d = x\n[fs#%d]\ntype = ext4\n", i, i)
		if s := r.parse("f", "testmd", []byte(text), Node{}); len(s.Problems) > 0 {
			t.Fatal(s.Problems)
		}
		if r.values.parsed == nil {
			continue
		}
		if n := len(r.values.parsed.Section("env").Keys()); n > manyTexts {
			t.Fatalf("%d names after %d files", n, i+1)
		}
	}
	if s := r.parse("f", "testmd", []byte("[env]\n# "+strings.Repeat("x", longText)+"\na = b\n"), Node{}); r.values.parsed != nil {
		t.Errorf("a long text is kept: %d sections", len(s.Sections()))
	}
}

// TestReaderStale: a value of the file before is never taken for one of the next.
func TestReaderStale(t *testing.T) {
	var v values
	f := &file{sections: []*section{{name: "a", ini: "a", entries: []entry{{key: "x"}}}}}
	if err := v.of(f, []byte("[a]\nx = 1\n")); err != nil || f.sections[0].entries[0].value != "1" {
		t.Fatal(err, f.sections[0].entries)
	}
	if err := v.of(f, []byte("[a]\ny = 2\n")); err == nil {
		t.Errorf("x is %q, which the text does not have", f.sections[0].entries[0].value)
	}
	if err := v.of(f, []byte("[a]\nx = 3\n")); err != nil || f.sections[0].entries[0].value != "3" {
		t.Error(err, f.sections[0].entries)
	}
}

// FuzzReader: a file that is read after another is as if it were read alone.
func FuzzReader(f *testing.F) {
	texts := goldens(f)
	for i, text := range texts {
		f.Add([]byte(texts[(i+1)%len(texts)]), []byte(text))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var r Reader
		n := Node{Name: "n1"}
		r.parse("f", "other", first, n)
		alike(t, r.parse("f", "testmd", second, n), Parse("f", "testmd", second, n))
	})
}

// alike fails a test where two services differ in anything, but for what lists have room for.
func alike(t *testing.T, got, want *Service) {
	t.Helper()
	if !reflect.DeepEqual(filled(got), filled(want)) {
		t.Fatalf("%s\ngot\n%+v %v\nwant\n%+v %v", want.Text, got.Tasks, got.Problems, want.Tasks, want.Problems)
	}
}

// filled is a service in which no list is nil, for one that is empty says the same, and without what it shares with others.
func filled(s *Service) Service {
	all := *s
	all.node = Node{}
	all.Tasks, all.Resources = append([]task.Task{}, s.Tasks...), append([]task.Resource{}, s.Resources...)
	f := *s.file
	f.sections = append([]*section{}, f.sections...)
	all.file = &f
	return all
}
