package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"om/chart"
)

// golden compares with the file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is drawn now: go test ./chart -update, and look at the difference\n%s", file, shown(got))
	}
}

func shown(got []byte) []byte {
	if bytes.HasPrefix(got, []byte("\x89PNG")) {
		return nil
	}
	return got
}

// drawing is what can be drawn.
type drawing interface {
	Text(chart.Screen) string
	Picture() *chart.Picture
}

func drawings(tb testing.TB) map[string]drawing {
	tb.Helper()
	return map[string]drawing{"night": night(tb), "week": week(tb), "empty": chart.Gantt{Axis: night(tb).Axis}, "nothing": chart.Heat{Title: "Nothing: ÄäŁ Ωω Жж → 夜"}}
}

// TestText draws for screens of several widths, with and without colors and letters beyond ASCII: no line is wider, and what
// is drawn without colors has no escapes.
func TestText(t *testing.T) {
	for name, d := range drawings(t) {
		var all strings.Builder
		for _, s := range []chart.Screen{{Width: 120}, {Width: 80, Color: true}, {Width: 60, ASCII: true}, {Width: 20, ASCII: true}} {
			all.WriteString(d.Text(s) + "--\n")
		}
		golden(t, name+".txt", []byte(strings.ReplaceAll(all.String(), "\x1b", "<ESC>")))
		for width := 0; width <= 400; width += 1 + width/40*7 {
			for _, ascii := range []bool{false, true} {
				text := d.Text(chart.Screen{Width: width, ASCII: ascii})
				for line := range strings.Lines(text) {
					line = strings.TrimSuffix(line, "\n")
					if n := chart.Cells(line); n > max(width, 20) {
						t.Fatalf("%s in %d cells: a line of %d: %q", name, width, n, line)
					}
					if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' || ascii && r > '~' }); i >= 0 {
						t.Fatalf("%s: %q in %q", name, line[i:], line)
					}
				}
			}
		}
	}
}

// TestKindsDiffer: what is drawn tells the kinds from each other without colors.
func TestKindsDiffer(t *testing.T) {
	axis := night(t).Axis
	for _, ascii := range []bool{false, true} {
		seen := map[string]chart.Kind{}
		for k := chart.Skipped; k <= chart.Failed; k++ {
			g := chart.Gantt{Axis: axis, Lanes: []chart.Lane{{Spans: []chart.Span{{Start: axis.From, End: axis.To, Kind: k}}}}}
			row := strings.Split(g.Text(chart.Screen{Width: 60, ASCII: ascii}), "\n")[2]
			row = strings.NewReplacer("|", "", "┊", "").Replace(row)
			if other, known := seen[row]; known {
				t.Errorf("%s looks like %s: %q", k, other, row)
			}
			seen[row] = k
		}
	}
}

// TestSVG: what is written is XML, tells its title, has no scripts, and is the same each time.
func TestSVG(t *testing.T) {
	for name, d := range drawings(t) {
		got := svg(t, d)
		golden(t, name+".svg", got)
		if !bytes.Equal(got, svg(t, d)) {
			t.Errorf("%s: the same picture gave other bytes", name)
		}
		elements(t, got)
	}
}

func svg(tb testing.TB, d drawing) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := d.Picture().WriteSVG(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// elements reads an SVG, and returns the texts of its elements.
func elements(tb testing.TB, text []byte) (texts []string) {
	tb.Helper()
	known := map[string]bool{"svg": true, "title": true, "desc": true, "style": true, "rect": true, "circle": true, "path": true, "text": true}
	dec := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			tb.Fatalf("%v in\n%s", err, text)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if !known[x.Name.Local] {
				tb.Fatalf("<%s> in\n%s", x.Name.Local, text)
			}
			for _, a := range x.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					tb.Fatalf("%s in\n%s", a.Name.Local, text)
				}
			}
		case xml.CharData:
			texts = append(texts, string(x))
		}
	}
}

// TestPNG: what is written is a PNG as wide and high as the SVG, twice, and the same each time.
func TestPNG(t *testing.T) {
	for name, d := range drawings(t) {
		got := pngOf(t, d)
		if name == "night" && !bytes.Equal(got, pngOf(t, d)) {
			t.Errorf("%s: the same picture gave other bytes", name)
		}
		img, err := png.Decode(bytes.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		var root struct {
			Width  int `xml:"width,attr"`
			Height int `xml:"height,attr"`
		}
		if err := xml.Unmarshal(svg(t, d), &root); err != nil || img.Bounds().Dx() != 2*root.Width || img.Bounds().Dy() != 2*root.Height {
			t.Errorf("%s: %v, want twice %+v, %v", name, img.Bounds(), root, err)
		}
		if r, g, b, _ := img.At(0, 0).RGBA(); r+g+b != 3*0xffff {
			t.Errorf("%s: the ground is not white", name)
		}
		if name == "nothing" {
			golden(t, name+".png", got)
		}
	}
}

func pngOf(tb testing.TB, d drawing) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := d.Picture().WritePNG(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestBounded: however much there is, what is drawn of it is not more than its place has room for.
func TestBounded(t *testing.T) {
	axis := chart.Axis{From: time.Unix(0, 0), To: time.Unix(1_000_000, 0), Zone: time.UTC}
	var l chart.Lane
	for i := range 25_000 {
		at := time.Unix(int64(40*i), 0)
		l.Spans = append(l.Spans, chart.Span{Start: at, End: at.Add(100 * time.Second), Kind: chart.Kind(1 + i%9), Note: "note"})
	}
	g := chart.Gantt{Axis: axis, Lanes: []chart.Lane{l}}
	if text := g.Text(chart.Screen{Width: 200}); len(text) > 8000 {
		t.Errorf("a text of %d bytes", len(text))
	}
	if text := svg(t, g); len(text) > 700_000 {
		t.Errorf("an SVG of %d bytes", len(text))
	}
}

// TestShifts: clocks that are set are marked, by half hours too, and not where only the name of the time changes.
func TestShifts(t *testing.T) {
	for _, tt := range []struct{ zone, want string }{
		{"UTC", ""},
		{"Europe/Paris", "clocks +1h at Sun 29 Mar 02:00, clocks -1h at Sun 25 Oct 03:00"},
		{"Australia/Lord_Howe", "clocks -30m0s at Sun 5 Apr 02:00, clocks +30m0s at Sun 4 Oct 02:00"},
		{"Asia/Tokyo", ""},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		axis := chart.Axis{From: time.Date(2026, 1, 1, 0, 0, 0, 0, zone), To: time.Date(2027, 1, 1, 0, 0, 0, 0, zone), Zone: zone}
		var words []string
		for _, s := range axis.Shifts() {
			words = append(words, s.String())
		}
		if got := strings.Join(words, ", "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.zone, got, tt.want)
		}
	}
}

// TestAxes draws axes of a few seconds up to centuries, across clock changes: something is named on each, and it ends.
func TestAxes(t *testing.T) {
	zone := paris(t)
	havana, err := time.LoadLocation("America/Havana") // whose clocks leave midnight out, and have it twice
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []time.Time{
		time.Date(2026, 3, 28, 23, 59, 59, 0, zone), time.Date(2026, 10, 25, 1, 30, 0, 5, zone),
		time.Date(2026, 3, 7, 20, 0, 0, 0, havana), time.Date(2026, 10, 31, 20, 0, 0, 0, havana),
	} {
		for span := time.Second; span < 250*365*24*time.Hour; span *= 3 {
			g := chart.Gantt{Axis: chart.Axis{From: from, To: from.Add(span), Zone: from.Location()}, Lanes: []chart.Lane{{Label: "task#0"}}}
			text := g.Text(chart.Screen{Width: 100})
			if axis, _, _ := strings.Cut(text, "task#0"); strings.TrimSpace(axis) == "" {
				t.Errorf("%s from %s: no axis in\n%s", span, from, text)
			}
			svg(t, g)
		}
	}
}

// TestCells holds widths against what terminals show.
func TestCells(t *testing.T) {
	for text, want := range map[string]int{"": 0, "task#0": 6, "夜の仕事": 8, "e\u0301": 1, "👍": 2, "한글": 4, "\u1112\u1161\u11ab": 2, "a\u200db": 2, "ｱ": 1, "Ａ": 2} {
		if got := chart.Cells(text); got != want {
			t.Errorf("%q: %d cells, want %d", text, got, want)
		}
	}
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{{"backup", 6, "backup"}, {"backup", 4, "bac…"}, {"夜の仕事", 4, "夜…"}, {"夜の仕事", 5, "夜の…"}, {"ee\u0301e", 2, "e…"}, {"abc", 1, "…"}, {"abc", 0, ""}} {
		if got := chart.Fit(tt.text, tt.n); got != tt.want {
			t.Errorf("%q in %d: %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
}

// FuzzHostile: whatever a task is called, a text stays within its screen and steers nothing, and an SVG is one.
func FuzzHostile(f *testing.F) {
	for _, s := range []string{"task#0", "</title><script>alert(1)</script>", "\x1b[2J\u202e\u009b", "]]>&amp;\x00\xff\ufffe", "夜e\u0301\u200d👍", strings.Repeat("长", 300), "\n\t\r"} {
		f.Add(s, 30)
	}
	f.Fuzz(func(t *testing.T, name string, width int) {
		width = max(20, width%300)
		g := chart.Gantt{Title: name, More: name, Axis: chart.Axis{From: time.Unix(0, 0), To: time.Unix(3600, 0), Zone: time.UTC}, Lanes: []chart.Lane{{
			Label: name, Spans: []chart.Span{{Start: time.Unix(60, 0), End: time.Unix(600, 0), Kind: chart.Failed, Note: name}, {Start: time.Unix(70, 0), End: time.Unix(600, 0), Kind: chart.Late, Note: name}},
		}}}
		h := chart.Heat{Title: name, Maps: []chart.HeatMap{{Name: name}}, Days: []chart.HeatDay{{Shift: name}}, Notes: []string{name}}
		for _, d := range []drawing{g, h} {
			for _, ascii := range []bool{false, true} {
				for line := range strings.Lines(d.Text(chart.Screen{Width: width, ASCII: ascii})) {
					line = strings.TrimSuffix(line, "\n")
					if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || ascii && r > '~' }) || chart.Cells(line) > width {
						t.Fatalf("in %d cells: %q", width, line)
					}
				}
			}
			elements(t, svg(t, d))
		}
	})
}

// TestWriteFails: an error of the writer is told.
func TestWriteFails(t *testing.T) {
	for name, d := range drawings(t) {
		if err := d.Picture().WriteSVG(full{}); err == nil {
			t.Errorf("%s: no error for an SVG that could not be written", name)
		}
	}
	if err := (chart.Heat{}).Picture().WritePNG(full{}); err == nil {
		t.Error("no error for a PNG that could not be written")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }
