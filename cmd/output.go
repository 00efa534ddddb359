package cmd

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// formats are the values of --output. table and plain are for people and for cut; the others carry the
// same values for programs, named as in the manual.
func formats() []string { return []string{"table", "plain", "json", "yaml", "jsonl", "csv"} }

// listing is a result with one line an entry.
type listing struct {
	columns []string
	rows    [][]string
	colors  []string // of each row's painted cell, "" for none
	painted int      // which cell of a row the color is for
	least   []int    // how narrow a column may become on a terminal; 0 is not at all
	spare   []int    // the columns that a narrow terminal can do without, in this order
	below   bool     // the last column is sentences: where they have no room, each stands below its row
	data    any      // a slice of structs with json tags: what programs get
}

// list prints a listing in the format that was asked for.
func (a *app) list(l listing) error {
	switch a.global.output {
	case "plain":
		return a.write(plain(l))
	case "csv":
		return a.csv(l.data)
	case "jsonl":
		return a.jsonl(l.data)
	case "json", "yaml":
		return a.value(l.data)
	}
	return a.write(a.table(l))
}

// value prints one value; for people it is YAML.
func (a *app) value(v any) error {
	if a.global.output == "jsonl" {
		return a.jsonl([]any{v})
	}
	var b bytes.Buffer
	enc := encoder(&b)
	if !a.compact || a.global.output == "yaml" {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return err
	}
	if a.global.output == "json" {
		return a.write(string(escapedJSON(b.Bytes())))
	}
	return a.write(yamlOf(b.Bytes()))
}

// encoder writes JSON with < > and & as they are: commands are full of them, and no browser reads this.
func encoder(b *bytes.Buffer) *json.Encoder {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return enc
}

func (a *app) write(text string) error {
	_, err := a.Stdout.WriteString(text)
	return err
}

func (a *app) jsonl(data any) error {
	var b bytes.Buffer
	enc := encoder(&b)
	v := reflect.ValueOf(data)
	for i := range v.Len() {
		if err := enc.Encode(v.Index(i).Interface()); err != nil {
			return err
		}
	}
	return a.write(string(escapedJSON(b.Bytes())))
}

// csv prints the fields of each entry in their order, after a line with their names (RFC 4180).
func (a *app) csv(data any) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	v := reflect.ValueOf(data)
	header := fieldNames(v.Type().Elem())
	_ = w.Write(header)
	for i := range v.Len() {
		cells, err := fieldTexts(v.Index(i))
		if err != nil {
			return err
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return a.write(a.shown(b.String()))
}

func fieldNames(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			continue
		}
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

func fieldTexts(v reflect.Value) ([]string, error) {
	var out []string
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		var b bytes.Buffer
		if err := encoder(&b).Encode(v.Field(i).Interface()); err != nil {
			return nil, err
		}
		text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		var s *string
		if string(text) == "null" {
			text = nil
		} else if json.Unmarshal(text, &s) == nil && s != nil {
			text = []byte(*s)
		}
		out = append(out, string(text))
	}
	return out, nil
}

// plain prints the rows with a tab between cells and no header, for cut and awk.
func plain(l listing) string {
	var b strings.Builder
	for _, row := range l.rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(oneLine(cell))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// table aligns the columns. On a terminal they are made to fit its width; elsewhere nothing is cut.
func (a *app) table(l listing) string {
	if len(l.rows) == 0 {
		return ""
	}
	limit := a.width()
	var below []string
	if l.below && limit > 0 && lineWidth(columnWidths(l)) > limit {
		l, below = l.withoutLast()
	}
	widths := l.fit(limit)
	var b strings.Builder
	b.WriteString(a.line(l.columns, widths, limit, -1, ""))
	for i, row := range l.rows {
		color := ""
		if i < len(l.colors) {
			color = l.colors[i]
		}
		b.WriteString(a.line(row, widths, limit, l.painted, color))
		if below != nil {
			b.WriteString(indented(oneLine(below[i]), limit))
		}
	}
	return b.String()
}

// withoutLast takes the last column out of a listing.
func (l listing) withoutLast() (rest listing, last []string) {
	n := len(l.columns) - 1
	rest = l
	rest.columns, rest.rows, last = l.columns[:n], make([][]string, len(l.rows)), make([]string, len(l.rows))
	for i, row := range l.rows {
		rest.rows[i], last[i] = row[:n], row[n]
	}
	return rest, last
}

// indented is text in lines of at most limit characters, broken between words where there is a place for that.
func indented(text string, limit int) string {
	const indent = "    "
	room := max(limit-len(indent), 1)
	var b strings.Builder
	for rest := []rune(text); len(rest) > 0; {
		n := len(rest)
		if n > room {
			n = room
			if i := lastBlank(rest[:room+1]); i > 0 {
				n = i
			}
		}
		b.WriteString(indent + string(rest[:n]) + "\n")
		rest = []rune(strings.TrimLeft(string(rest[n:]), " "))
	}
	return b.String()
}

// lastBlank is where the last blank is, -1 for nowhere.
func lastBlank(text []rune) int {
	for i := range slices.Backward(text) {
		if text[i] == ' ' {
			return i
		}
	}
	return -1
}

// fit returns the widths of the columns for a line of limit characters (0: any). Where they do not fit
// as they are, the columns that can be spared go first, with a width of -1, as many as it takes for the
// others to have their least; then the widest are cut.
func (l listing) fit(limit int) []int {
	widths := columnWidths(l)
	if limit == 0 {
		return widths
	}
	least := l.leastWidths(widths)
	for _, i := range l.spare {
		if lineWidth(least) <= limit {
			break
		}
		widths[i], least[i] = -1, -1
	}
	for i := range widths {
		widths[i] = min(widths[i], max(limit, least[i]))
	}
	for over := lineWidth(widths) - limit; over > 0; over-- {
		i := widest(widths, least)
		if i < 0 {
			break
		}
		widths[i]--
	}
	return widths
}

// leastWidths is how narrow each column may become. Where the listing does not say so, only the last
// one is cut.
func (l listing) leastWidths(widths []int) []int {
	least := slices.Clone(widths)
	last := len(widths) - 1
	least[last] = min(least[last], 8)
	for i, n := range l.least {
		if n > 0 {
			least[i] = min(widths[i], n)
		}
	}
	return least
}

// widest is the widest column that may be narrower, -1 if there is none.
func widest(widths, least []int) int {
	found := -1
	for i, w := range widths {
		if w > least[i] && (found < 0 || w > widths[found]) {
			found = i
		}
	}
	return found
}

// lineWidth is that of a line, with two blanks between columns.
func lineWidth(widths []int) int {
	n := -2
	for _, w := range widths {
		n += w + 2
		if w < 0 {
			n-- // a column that is left out
		}
	}
	return n
}

func columnWidths(l listing) []int {
	widths := make([]int, len(l.columns))
	for _, row := range append([][]string{l.columns}, l.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(oneLine(cell)))
		}
	}
	return widths
}

// line prints one row of a table, of at most limit characters (0: any).
func (a *app) line(row []string, widths []int, limit, painted int, color string) string {
	var b strings.Builder
	used := 0
	for i, cell := range row {
		if widths[i] < 0 || limit > 0 && used >= limit {
			continue
		}
		width := widths[i]
		if limit > 0 {
			width = min(width, limit-used)
		}
		cell = cut(oneLine(cell), width)
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
		used += width + 2
		if i == painted {
			cell = a.paint(a.Stdout, color, cell)
		}
		b.WriteString(cell + pad + "  ")
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// oneLine is what can be shown of text within a line.
func oneLine(text string) string {
	return strings.NewReplacer("\t", " ", "\n", " ").Replace(visible(text))
}

func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	runes := []rune(text)
	return string(runes[:width-1]) + "…"
}

// width is that of the terminal on stdout, 0 where there is none.
func (a *app) width() int {
	w, _, err := term.GetSize(int(a.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return w
}

func (a *app) printf(format string, args ...any) error { return a.write(fmt.Sprintf(format, args...)) }
