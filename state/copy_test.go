package state_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/state"
	"om/task"

	"github.com/google/go-cmp/cmp"
)

// full is a record with something of everything.
func full(tb testing.TB) *state.DB {
	tb.Helper()
	d := open(tb)
	if err := life(context.Background(), d, func(string) {}); err != nil {
		tb.Fatal(err)
	}
	r := ours("task#9")
	r.Slot, r.Output, r.Reason = start(), "/out/\"quoted\" <é> \u2028", "with\na line and a \x00 byte"
	claim(tb, d, r)
	ctx := context.Background()
	err := errors.Join(
		d.Decline(ctx, task.Decline{ID: state.NewID(start()), Task: id("task#0"), At: start(), Kind: "aborted"}),
		d.KeepConfig(ctx, "prod/web", []byte("latin \xe9, nul \x00\n"), "bob"),
		d.KeepConfig(ctx, "prod/web", nil, "bob"),
		d.Freeze(ctx, "", "root"),
		d.SetStamps(ctx, []state.Stamp{{Service: "a", MTime: time.Unix(1, 999), Error: "bad", Good: []byte("\xff\x00")}, {Service: "b"}}, nil),
		d.Exec("INSERT INTO slot VALUES('a','task#0',9223372036854775807,2,3,'run','',NULL,'a1');INSERT INTO task_state VALUES('a','b',NULL,-5,'d',1,2,3,4,5,'error')"))
	if _, holdErr := d.Hold(ctx, wants("task#0", "x"), []task.Lock{{Name: "disk", Places: 1}}, nil); err != nil || holdErr != nil {
		tb.Fatal(err, holdErr)
	}
	return d
}

func export(tb testing.TB, d *state.DB) string {
	tb.Helper()
	var out strings.Builder
	if err := d.Export(context.Background(), &out); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

func TestExportAndImport(t *testing.T) {
	d := full(t)
	text := export(t, d)
	if n := strings.Count(text, "\n"); n != 1+6+4+3+3+2+1+2+1+1 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	for range 2 { // the second time there is nothing new
		other := openAt(t, options(filepath.Join(t.TempDir(), "om.db")))
		for range 2 {
			if err := other.Import(context.Background(), strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(text, export(t, other)); diff != "" {
			t.Errorf("exported, imported, exported:\n%s", diff)
		}
		if err := other.Check(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// What the record has already stays, and is not undone by an older export.
func TestImportChangesNothing(t *testing.T) {
	d := open(t)
	r := claim(t, d, ours("task#0"))
	text := export(t, d)
	settle(t, d, outcome(r, task.Complete))
	if err := d.Import(context.Background(), strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if got := get(t, d, r.ID).State; got != task.Complete {
		t.Errorf("the run is %s again", got)
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	lines := strings.SplitAfter(export(t, full(t)), "\n")
	heading, good := lines[0], lines[1]
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "line 1: wanted the heading"},
		"no heading":        {good, "line 1: wanted the heading"},
		"newer":             {`{"record":"om","schema":99}` + "\n", "line 1: schema 99"},
		"no schema":         {`{"record":"om"}` + "\n", "line 1: schema 0"},
		"no object":         {heading + good + "[]\n", "line 3: wanted one object"},
		"two objects":       {heading + strings.TrimSpace(good) + "{}\n", "line 2: wanted one object"},
		"half a line":       {heading + good + good[:40], "line 3: wanted one object"},
		"no table":          {heading + good + "{}\n", `line 3: table "": wanted one of run`},
		"another table":     {heading + good + `{"table":"sqlite_schema"}` + "\n", `line 3: table "sqlite_schema"`},
		"SQL in the table":  {heading + good + `{"table":"run;DROP TABLE run"}` + "\n", "line 3: table"},
		"no columns":        {heading + good + `{"table":"run","nonsense":1}` + "\n", "line 3: a row of run without columns"},
		"missing columns":   {heading + good + `{"table":"run","id":"x"}` + "\n", "line 3: a row of run: NOT NULL"},
		"a fraction":        {heading + good + `{"table":"frozen","service":"a","since":1.5,"frozen_by":"x"}` + "\n", "line 3: since: "},
		"an object inside":  {heading + good + `{"table":"frozen","service":{},"since":1,"frozen_by":"x"}` + "\n", "line 3: service: "},
		"no base64":         {heading + good + `{"table":"config","service":"a","version":1,"text":"%"}` + "\n", "line 3: text: "},
		"wrong type":        {heading + good + `{"table":"frozen","service":"a","since":"x","frozen_by":"x"}` + "\n", "line 3: a row of frozen"},
		"a run half ended":  {heading + good + strings.Replace(good, `"ended_at":`, `"ended_at":null,"was":`, 1), "line 3: a row of run: CHECK"},
		"a text, no number": {heading + good + strings.Replace(good, `"attempt":1`, `"attempt":"one"`, 1), "line 3: a row of run"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			text := c.text
			if name == "a run half ended" || name == "a text, no number" {
				text = strings.Replace(text, `"id":"0`, `"id":"1`, 1)
			}
			err := d.Import(context.Background(), strings.NewReader(text))
			if !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if n, err := d.Number("SELECT count(*) FROM run"); err != nil || n != 0 {
				t.Errorf("%d rows are there, %v", n, err)
			}
		})
	}
}

// A failing writer is an error, and the record goes on.
func TestExportToAFullDisk(t *testing.T) {
	d := full(t)
	if err := d.Export(context.Background(), failing{}); err == nil {
		t.Error("no error")
	}
	ended(t, d, "task#0", task.Complete)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

// Exporting takes no lock that a claim would wait for.
func TestExportWhileRunsAreClaimed(t *testing.T) {
	d := full(t)
	w := claiming{t: t, d: d}
	if err := d.Export(context.Background(), &w); err != nil || w.n == 0 {
		t.Errorf("%d writes, %v", w.n, err)
	}
	if strings.Contains(w.String(), "task#77") {
		t.Error("the export is not of one moment")
	}
}

// claiming claims a run at each write.
type claiming struct {
	bytes.Buffer
	t *testing.T
	d *state.DB
	n int
}

func (c *claiming) Write(b []byte) (int, error) {
	ended(c.t, c.d, "task#77", task.Complete)
	c.n++
	return c.Buffer.Write(b)
}

// FuzzImport: whatever the text, the record is whole afterwards, and what came in comes out again.
func FuzzImport(f *testing.F) {
	text := export(f, full(f))
	f.Add(text)
	f.Add(`{"record":"om","schema":1}` + "\n" + `{"table":"frozen","service":"a","since":1,"frozen_by":"x"}`)
	f.Add(strings.ReplaceAll(text, "1", "-1"))
	d, again := quick(f), quick(f)
	f.Fuzz(func(t *testing.T, text string) {
		empty(t, d)
		empty(t, again)
		err := d.Import(context.Background(), strings.NewReader(text))
		if checkErr := d.Check(context.Background()); checkErr != nil {
			t.Fatal(checkErr)
		}
		out := export(t, d)
		if err != nil && strings.Count(out, "\n") != 1 {
			t.Fatalf("%v, and left:\n%s", err, out)
		}
		if err = again.Import(context.Background(), strings.NewReader(out)); err != nil {
			t.Fatal(err)
		}
		if got := export(t, again); got != out {
			t.Fatalf("got\n%s\nwant\n%s", got, out)
		}
	})
}

// quick opens a record in memory, where there is such a place.
func quick(tb testing.TB) *state.DB {
	tb.Helper()
	return openAt(tb, options(filepath.Join(quickDir(tb), "om.db")))
}

// quickDir is a folder in memory, where barriers cost nothing.
func quickDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "om-state-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func empty(tb testing.TB, d *state.DB) {
	tb.Helper()
	for _, table := range []string{"run", "slot", "task_state", "placed", "config", "frozen", "decline", "stamp", "good", "hold"} {
		if err := d.Exec("DELETE FROM " + table); err != nil {
			tb.Fatal(err)
		}
	}
}
