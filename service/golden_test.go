package service_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"om/service"
	"om/task"
)

func update(t *testing.T) bool {
	t.Helper()
	return flag.Lookup("update").Value.(flag.Getter).Get().(bool)
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	os.Exit(m.Run())
}

// TestGolden parses the file NAME.conf of each archive, and compares what was made of it: problems,
// sections in quarantine, and what tasks and resources have besides defaults. The comment of an
// archive may begin with "node NAME" and "path PATH".
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("../testdata/service/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	node, path := "n1", "testmd"
	for line := range strings.Lines(string(archive.Comment)) {
		_, _ = fmt.Sscanf(line, "node %s", &node)
		_, _ = fmt.Sscanf(line, "path %s", &path)
	}
	input := archive.Files[0]
	s := service.Parse(input.Name, path, input.Data, service.Node{Name: node})
	got := []txtar.File{input, {Name: "problems", Data: problems(s)}, {Name: "result", Data: result(t, s)}}
	if update(t) {
		text := txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: got})
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for i, f := range got {
		if i >= len(archive.Files) || archive.Files[i].Name != f.Name {
			t.Fatalf("%s: there is no %s in it; -update writes it", file, f.Name)
		}
		if diff := cmp.Diff(string(archive.Files[i].Data), string(f.Data)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", f.Name, file, diff)
		}
	}
}

func problems(s *service.Service) []byte {
	var b strings.Builder
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "%s: %s\n", p.Severity, p)
	}
	return []byte(b.String())
}

// result is what was made of a file, as JSON.
func result(t *testing.T, s *service.Service) []byte {
	t.Helper()
	plain := service.Parse("f", s.Path, []byte("[task#0]\ncommand = x\n"), service.Node{Name: "n"}).Tasks[0]
	out := map[string]any{}
	if bad := s.Quarantined(); len(bad) > 0 {
		out["quarantined"] = bad
	}
	out["tasks"] = each(s.Tasks, func(v task.Task) map[string]any { return differences(v, plain) })
	out["resources"] = each(s.Resources, func(v task.Resource) map[string]any { return differences(v, task.Resource{}) })
	for name, value := range differences(*s, service.Service{}) {
		switch name {
		case "Nodes", "Disable", "StateFile", "App", "Env", "Comment":
			out[name] = value
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func each[T any](list []T, show func(T) map[string]any) []map[string]any {
	all := []map[string]any{}
	for _, v := range list {
		all = append(all, show(v))
	}
	return all
}

// differences are the fields of got that are not as in want.
func differences(got, want any) map[string]any {
	out := map[string]any{}
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		f := g.Type().Field(i)
		if f.IsExported() && f.Name != "File" && !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			out[f.Name] = fmt.Sprintf("%+v", g.Field(i).Interface())
			if g.Field(i).Kind() == reflect.Slice || g.Field(i).Kind() == reflect.Map || g.Field(i).Kind() == reflect.String {
				out[f.Name] = g.Field(i).Interface()
			}
		}
	}
	return out
}
